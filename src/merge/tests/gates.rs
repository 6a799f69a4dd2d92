//! What a guard counts, holds, and lets go.

use std::collections::BTreeSet;

use super::*;
use crate::merge::{
    entity::Presence,
    guard::{GuardKind, Provenance, cause_of_person, kinds},
    held::{Answer, Gate, RecordGate, answer, discard_all, hold, pass},
};

const ANN: (&str, &str) = ("email", "ann@example.com");
const HELD: Gate = Gate::Held { hold: 3, entry: 1 };

/// Edited on the left: a value changed, one cleared, a consent restricted.
fn edited(bench: &mut Bench) -> (Entity, Patch) {
    let mut entity = bench.linked(&[ANN, ("city", "Bonn"), ("score", "1"), ("optout", "no")]);
    bench.read(&mut entity, Side::Left, &[ANN, ("city", "Rome"), ("score", ""), ("optout", "yes")]);
    let patch = bench.patch(&entity, Side::Right);
    assert_eq!(patch.changes.len(), 3);
    (entity, patch)
}

fn names(patch: &Patch) -> BTreeSet<&str> {
    patch.changes.iter().map(|change| &*change.field).collect()
}

#[test]
fn every_guard_has_a_word_and_a_key_of_its_own() {
    let words: BTreeSet<&str> = GuardKind::ALL.into_iter().map(GuardKind::word).collect();
    assert_eq!(words, BTreeSet::from(["blanked", "creates", "deletes", "opt_ins", "opt_outs", "updates"]));
    for kind in GuardKind::ALL {
        assert_eq!(kind.key(), kind.counted_as().key());
        assert_eq!(kind.counted_as() == kind, kind != GuardKind::OptIns);
    }
    let keys: BTreeSet<&str> = GuardKind::ALL.into_iter().map(GuardKind::key).collect();
    let wanted = ["max_blanked", "max_creates", "max_deletes", "max_optout_changes", "max_updates"];
    assert_eq!(keys, BTreeSet::from(wanted));
    let all = [
        (Provenance::Import, "import"),
        (Provenance::Workflow, "workflow"),
        (Provenance::Integration, "integration"),
        (Provenance::Person, "person"),
        (Provenance::Unknown, "unknown"),
    ];
    for (provenance, word) in all {
        assert_eq!(provenance.word(), word);
    }
}

#[test]
fn a_guard_holds_what_it_counts() {
    for (kind, left) in [
        (GuardKind::Updates, vec!["optout"]),
        (GuardKind::Blanked, vec!["city", "optout"]),
        (GuardKind::OptOuts, vec!["city", "score"]),
        (GuardKind::OptIns, vec!["city", "optout", "score"]),
    ] {
        let mut bench = Bench::new();
        let (mut entity, mut patch) = edited(&mut bench);
        bench.decide(|context, _| hold(&mut entity, Side::Right, kind, HELD, &mut patch, context));
        assert_eq!(names(&patch), left.into_iter().collect(), "{kind:?}");
        assert_eq!(entity.held(Side::Right).len(), usize::from(patch.changes.len() < 3), "{kind:?}");
    }
}

/// What is cleared is a change of the record too.
#[test]
fn a_patch_is_counted_by_what_is_in_it_and_not_let_through() {
    let mut bench = Bench::new();
    let (mut entity, patch) = edited(&mut bench);
    let counted = |bench: &mut Bench, entity: &Entity| -> Vec<GuardKind> {
        let kinds = bench.decide(|context, _| kinds(entity, Side::Right, &patch, context));
        kinds.into_iter().map(|(kind, _)| kind).collect()
    };
    assert_eq!(counted(&mut bench, &entity), [GuardKind::Updates, GuardKind::Blanked, GuardKind::OptOuts]);
    let only = [GuardKind::OptOuts, GuardKind::Updates];
    assert!(bench.decide(|context, _| pass(&mut entity, Side::Right, &patch, &only, context)));
    assert_eq!(counted(&mut bench, &entity), [GuardKind::Updates, GuardKind::Blanked], "cleared, and so updated");
    assert!(!bench.decide(|context, _| pass(&mut entity, Side::Right, &patch, &[GuardKind::Creates], context)));
    let (mut other, all) = edited(&mut bench);
    assert!(bench.decide(|context, _| pass(&mut other, Side::Right, &all, &[GuardKind::Updates], context)));
    assert_eq!(
        counted(&mut bench, &other),
        [GuardKind::Updates, GuardKind::Blanked, GuardKind::OptOuts],
        "not asked for"
    );
    let mut patch = patch.clone();
    bench.decide(|context, _| hold(&mut entity, Side::Right, GuardKind::Updates, HELD, &mut patch, context));
    assert_eq!(names(&patch), BTreeSet::from(["city", "optout"]), "what was let through is not held");
}

#[test]
fn who_entered_what_a_person_is_made_of_is_their_cause() {
    let mut bench = Bench::new();
    let mut entity = bench.entity();
    bench.read(&mut entity, Side::Left, &[ANN, ("city", ""), ("score", "1"), ("optout", "no")]);
    let blank = entity.fields.get_mut("city").expect("read");
    let by = Some(Actor { name: "load".into(), kind: ActorKind::Import });
    blank.origin = Some(crate::merge::entity::Origin { by, ..crate::merge::entity::Origin::by_rule("x") });
    assert_ne!(cause_of_person(&entity), Provenance::Import, "what is blank came from nobody");
}

#[test]
fn only_the_hold_that_is_answered_is_answered() {
    let mut bench = Bench::new();
    let (mut entity, mut patch) = edited(&mut bench);
    bench.decide(|context, _| hold(&mut entity, Side::Right, GuardKind::Updates, HELD, &mut patch, context));
    let events = bench.decide(|context, _| answer(&mut entity, Side::Right, 4, (9, Answer::Discarded), context));
    assert!(events.is_empty());
    assert_eq!(entity.held(Side::Right).len(), 1, "another hold");
    bench.decide(|context, _| answer(&mut entity, Side::Right, 3, (0, Answer::Approved), context));
    assert!(entity.held(Side::Right).is_empty(), "it came after those that were seen: counted anew");
    assert_eq!(bench.patch(&entity, Side::Right).changes.len(), 3);
}

#[test]
fn what_nobody_wants_is_not_wanted_any_more() {
    let mut bench = Bench::new();
    let (mut entity, mut patch) = edited(&mut bench);
    bench.decide(|context, _| discard_all(&mut entity, Side::Right, &mut patch, context));
    assert!(patch.changes.is_empty());
    assert!(bench.patch(&entity, Side::Right).changes.is_empty());
    assert_eq!(entity.gates.right, None, "nothing is made");
    let mut alone = bench.entity();
    bench.read(&mut alone, Side::Left, &[ANN, ("city", "Bonn"), ("score", "1"), ("optout", "no")]);
    alone.wants.right = crate::merge::entity::Want::Create;
    bench.decide(|context, _| discard_all(&mut alone, Side::Right, &mut Patch::default(), context));
    assert_eq!(alone.gates.right, Some(RecordGate::Discarded));
}

/// A gate goes with what it was about: a creation that is no more, a deletion that was taken back, a refusal to make
/// who is there by now.
#[test]
fn a_gate_of_a_record_goes_with_what_it_was_about() {
    let creates = RecordGate::Gate(GuardKind::Creates, HELD);
    let deletes = RecordGate::Gate(GuardKind::Deletes, HELD);
    let (seen, deleted) = (Presence::Seen, Presence::Deleted { seen_at: time("09:00:00") });
    for (gate, presence, stays) in [
        (&creates, None, true),
        (&creates, Some(seen), false),
        (&deletes, Some(deleted), true),
        (&deletes, Some(seen), false),
        (&RecordGate::Discarded, None, true),
        (&RecordGate::Discarded, Some(deleted), true),
        (&RecordGate::Discarded, Some(seen), false),
    ] {
        let mut bench = Bench::new();
        let mut entity = bench.linked(&[ANN, ("city", "Bonn")]);
        match presence {
            Some(presence) => entity.members.right.as_mut().expect("linked").presence = presence,
            None => entity.members.right = None,
        }
        entity.gates.right = Some(gate.clone());
        bench.decide(|context, ledger| crate::merge::decide::decide(&mut entity, context, ledger));
        assert_eq!(entity.gates.right.is_some(), stays, "{gate:?} {presence:?}");
    }
}

/// What was counted stays counted until it is written, so that sent again it is the same write.
#[test]
fn what_was_counted_is_forgotten_once_nothing_is_left_to_be_written() {
    let mut bench = Bench::new();
    let mut entity = bench.linked(&[ANN, ("city", "Bonn")]);
    bench.read(&mut entity, Side::Left, &[ANN, ("city", "Rome")]);
    entity.counted.right.insert(GuardKind::Updates, bench.now);
    let decide = |bench: &mut Bench, entity: &mut Entity| {
        bench.decide(|context, ledger| crate::merge::decide::decide(entity, context, ledger));
        entity.counted.right.len()
    };
    assert_eq!(decide(&mut bench, &mut entity), 1, "due");
    let patch = bench.patch(&entity, Side::Right);
    bench.decide(|context, _| mark_sending(&mut entity, Side::Right, &patch, context));
    assert_eq!(decide(&mut bench, &mut entity), 1, "on its way");
    bench.later(60);
    bench.read(&mut entity, Side::Left, &[ANN, ("city", "Bonn")]);
    bench.read(&mut entity, Side::Right, &[ANN, ("city", "Bonn")]);
    assert_eq!(decide(&mut bench, &mut entity), 0, "taken back, and nothing is in doubt");
}

/// Somebody entered there what would have been written: there is nothing left to be let go.
#[test]
fn what_is_held_and_stands_there_by_now_waits_no_longer() {
    let mut bench = Bench::new();
    let (mut entity, mut patch) = edited(&mut bench);
    bench.decide(|context, _| hold(&mut entity, Side::Right, GuardKind::OptOuts, HELD, &mut patch, context));
    assert_eq!(entity.held(Side::Right).len(), 1);
    bench.later(60);
    bench.read(&mut entity, Side::Right, &[ANN, ("city", "Bonn"), ("score", "1"), ("optout", "yes")]);
    assert!(entity.held(Side::Right).is_empty());
}

/// What waits, waits on, whatever else is written; what was let go or counted is done once it is answered, so that the
/// next write is another one.
#[test]
fn an_answer_ends_what_was_let_go_and_nothing_that_is_held() {
    let mut bench = Bench::new();
    let (mut entity, mut patch) = edited(&mut bench);
    bench.decide(|context, _| hold(&mut entity, Side::Right, GuardKind::OptOuts, HELD, &mut patch, context));
    bench.decide(|context, _| pass(&mut entity, Side::Right, &patch, &[GuardKind::Updates], context));
    entity.counted.right.insert(GuardKind::Updates, bench.now);
    let sent = bench.write(&mut entity, Side::Right);
    assert_eq!(names(&sent), BTreeSet::from(["city", "score"]));
    assert_eq!(entity.held(Side::Right).len(), 1);
    assert_eq!((entity.fields["city"].sides.right.gate.as_ref(), entity.counted.right.len()), (None, 0));
}
