//! What a further record says of consent, over every row: what it held, what it says, what came with it, who may loosen.

use super::*;
use crate::merge::{
    consent::restriction,
    entity::{Holding, Sent},
    secondary::{Secondary, fold_secondary, secondary_patch},
};

const ELSEWHERE: &str = "7";

fn said(values: &[(&str, &str)], now: Timestamp) -> Record {
    Record { address: Address::new(OBJECT, ELSEWHERE), ..record(values, now) }
}

/// One row: what was golden, what the duplicate held and says, whether its e-mail moved too, and whether an edit by
/// somebody else that refuses is still on its way.
struct Row {
    golden: &'static str,
    held: Option<&'static str>,
    says: &'static str,
    with_email: bool,
    refused_elsewhere: bool,
    may: bool,
    side: Side,
}

impl Row {
    fn check(&self) {
        let mut bench = Bench::new();
        let may_loosen = Pair::new(self.may, self.may);
        bench.rule("optout").policy.consent.as_mut().expect("a consent").may_loosen = may_loosen;
        let consent = bench.rule("optout").policy.consent.clone().expect("a consent");
        let level = |value: &Value| restriction(&consent, value);
        let mut entity = bench.linked(&[("email", "a@example.com"), ("optout", self.golden)]);
        entity.secondaries[self.side].push(Secondary::unread(Address::new(OBJECT, ELSEWHERE), bench.now));
        if let Some(held) = self.held {
            let first = said(&[("email", "a@example.com"), ("optout", held)], bench.now);
            self.fold(&mut bench, &mut entity, &first);
            bench.later(60);
        }
        if self.refused_elsewhere {
            bench.read(&mut entity, self.side.other(), &[("email", "a@example.com"), ("optout", "yes")]);
            bench.later(60);
        }
        let before = entity.fields["optout"].golden.clone();
        let email = if self.with_email { "b@example.com" } else { "a@example.com" };
        let record = said(&[("email", email), ("optout", self.says)], bench.now);
        self.fold(&mut bench, &mut entity, &record);
        let after = entity.fields["optout"].golden.clone();

        let name = format!(
            "{} held {:?} says {} email {} elsewhere {} may {} on {:?}: {before} -> {after}",
            self.golden, self.held, self.says, self.with_email, self.refused_elsewhere, self.may, self.side
        );
        let says = if self.says.is_empty() { Value::Blank } else { text(self.says) };
        // I7: who refuses is heard, whoever else says what.
        assert!(!consent.restricts(&says) || level(&after) >= level(&says), "a restriction was lost: {name}");
        if level(&after) < level(&before) {
            let saw = self.held == Some("yes");
            // Who says again what held already has edited nothing.
            let refused = self.refused_elsewhere && self.golden != "yes";
            let rightly = self.may && !self.with_email && saw && !refused && !says.is_blank();
            assert!(rightly, "loosened: {name}");
        }
        // What holds is written there, unless it holds it; a blank is not filled with what restricts nothing.
        let secondary = &entity.secondaries[self.side][0];
        let patch = bench.decide(|context, _| secondary_patch(&entity, self.side, secondary, context));
        let differs = consent.restricts(&after) && after != says || level(&after) > 0 && level(&says) > level(&after);
        assert_eq!(!patch.changes.is_empty(), differs, "{name}: {patch:?}");
        // Said again, it changes nothing.
        let golden = after;
        bench.later(60);
        let again = said(&[("email", email), ("optout", self.says)], bench.now);
        self.fold(&mut bench, &mut entity, &again);
        assert_eq!(entity.fields["optout"].golden, golden, "{name}");
    }

    fn fold(&self, bench: &mut Bench, entity: &mut Entity, record: &Record) {
        let reading = Reading { record, requested_at: bench.now, source: Source::Read };
        let folded = bench.decide(|context, ledger| fold_secondary(entity, self.side, reading, context, ledger));
        assert_eq!(folded, Folded::Merged);
    }
}

#[test]
fn a_duplicate_restricts_always_and_loosens_only_rightly() {
    let mut rows = 0;
    for golden in ["", "no", "yes"] {
        for held in [None, Some(""), Some("no"), Some("yes")] {
            for says in ["", "no", "yes"] {
                for flags in 0..8 {
                    for side in Side::BOTH {
                        let [with_email, refused_elsewhere, may] = [1, 2, 4].map(|bit| flags & bit != 0);
                        Row { golden, held, says, with_email, refused_elsewhere, may, side }.check();
                        rows += 1;
                    }
                }
            }
        }
    }
    assert_eq!(rows, 3 * 4 * 3 * 8 * 2);
}

#[test]
fn nothing_but_consent_is_taken_from_a_duplicate() {
    let mut bench = Bench::new();
    let mut entity = bench.linked(&[("email", "a@example.com"), ("city", "Bonn"), ("optout", "no")]);
    entity.secondaries.right.push(Secondary::unread(Address::new(OBJECT, ELSEWHERE), bench.now));
    let before = entity.fields.clone();
    let record = said(&[("email", "x@example.com"), ("city", "Rome"), ("optout", "no")], bench.now);
    let reading = Reading { record: &record, requested_at: bench.now, source: Source::Read };
    bench.decide(|context, ledger| fold_secondary(&mut entity, Side::Right, reading, context, ledger));
    assert_eq!(entity.fields, before);
}

/// An e-mail whose arrival was in doubt when its record became a duplicate: the next reading ends it, as an echo.
#[test]
fn what_was_on_its_way_to_a_duplicate_is_settled_by_a_reading() {
    for holds in ["a@example.com", "b@example.com", "c@example.com"] {
        let mut bench = Bench::new();
        let mut entity = bench.linked(&[("email", "a@example.com"), ("optout", "no")]);
        let mut secondary = Secondary::unread(Address::new(OBJECT, ELSEWHERE), bench.now);
        let now = bench.now;
        let native = |text: &str| said(&[("email", text)], now).fields["email"].clone();
        let sent =
            Sent { native: native("b@example.com"), golden: text("b@example.com"), in_doubt: true, followed: false };
        let holding = Holding { shadow: Some(native("a@example.com")), sent: Some(sent), ..Holding::default() };
        secondary.fields.insert("email".to_owned(), holding);
        entity.secondaries.right.push(secondary);
        let record = said(&[("email", holds), ("optout", "no")], bench.now);
        let reading = Reading { record: &record, requested_at: bench.now, source: Source::Read };
        bench.decide(|context, ledger| fold_secondary(&mut entity, Side::Right, reading, context, ledger));
        let settled = &entity.secondaries.right[0].fields["email"];
        assert_eq!((&settled.sent, &settled.shadow), (&None, &Some(native(holds))), "{holds}");
    }
}

/// A further record of Ann on the right, read once.
fn with_a_duplicate(bench: &mut Bench, golden: &str, held: &str) -> Entity {
    let mut entity = bench.linked(&[("email", "a@example.com"), ("optout", golden)]);
    entity.secondaries.right.push(Secondary::unread(Address::new(OBJECT, ELSEWHERE), bench.now));
    say(bench, &mut entity, held);
    entity
}

fn say(bench: &mut Bench, entity: &mut Entity, optout: &str) {
    let record = said(&[("email", "a@example.com"), ("optout", optout)], bench.now);
    let reading = Reading { record: &record, requested_at: bench.now, source: Source::Read };
    bench.decide(|context, ledger| fold_secondary(entity, Side::Right, reading, context, ledger));
    bench.later(60);
}

#[test]
fn who_may_loosen_and_saw_the_restriction_loosens_on_a_duplicate_too() {
    for (refused_meanwhile, golden) in [(false, "no"), (true, "yes")] {
        let mut bench = Bench::new();
        let mut entity = with_a_duplicate(&mut bench, "no", "no");
        let email = ("email", "a@example.com");
        bench.read(&mut entity, Side::Left, &[email, ("optout", "yes")]);
        if !refused_meanwhile {
            bench.write(&mut entity, Side::Right);
            bench.read(&mut entity, Side::Right, &[email, ("optout", "yes")]);
        }
        say(&mut bench, &mut entity, "yes");
        say(&mut bench, &mut entity, "no");
        assert_eq!(entity.fields["optout"].golden, text(golden), "refused meanwhile: {refused_meanwhile}");
        assert_eq!(bench.conflicts(), usize::from(refused_meanwhile));
    }
}

/// Something there enters the same again and again, whatever is written back: it is noticed, and other answers are not.
#[test]
fn what_is_refused_on_a_duplicate_again_and_again_is_counted() {
    let mut bench = Bench::new();
    bench.rule("optout").policy.consent.as_mut().expect("a consent").may_loosen = Pair::new(false, false);
    let mut entity = with_a_duplicate(&mut bench, "yes", "yes");
    let mut flips = Vec::new();
    for optout in ["no", "yes", "maybe", "yes", "maybe"] {
        say(&mut bench, &mut entity, optout);
        flips.push(entity.fields["optout"].flips.len());
    }
    assert_eq!((entity.fields["optout"].golden.clone(), flips), (text("yes"), vec![0, 0, 0, 0, 1]));
}

/// Answers that are among no steps restrict nothing: a duplicate keeps its own.
#[test]
fn an_answer_that_is_no_step_is_not_written_over_another_such_on_a_duplicate() {
    let mut bench = Bench::new();
    let entity = with_a_duplicate(&mut bench, "maybe", "perhaps");
    let patch = bench.decide(|context, _| secondary_patch(&entity, Side::Right, &entity.secondaries.right[0], context));
    assert_eq!(patch, Patch::default());
}
