//! Two entities made one, and one made two: what goes on, what is lost aloud, what stays restricted, who stays apart.

use super::*;
use crate::merge::{
    entity::{Apart, Edit, Field},
    field::Evidence,
    identity::{Match, match_entity},
    secondary::{Secondary, fold_secondary},
    unite::{carry_edits, detach, promote, unite},
};

const ANN: (&str, &str) = ("email", "ann@example.com");

fn edit(value: &str, before: Option<&str>) -> Edit {
    let (value, before) = (text(value), before.map(text));
    Edit { value, before, evidence: Evidence::None, by: None, with_email: false }
}

fn city(entity: &mut Entity) -> &mut Field {
    entity.fields.get_mut("city").expect("read")
}

/// A merge makes two linked people one: what somebody entered on the one that went, and had reached nobody, is not lost.
#[test]
fn an_edit_of_the_one_that_went_goes_on_or_is_told() {
    type Change = fn(&mut Entity, &mut Entity);
    let enter: Change = |_, gone| city(gone).sides.left.edit = Some(edit("Rome", Some("Bonn")));
    let rows: [(&str, Change, Option<&str>, &[&str]); 8] = [
        ("entered, and not delivered", enter, Some("Rome"), &[]),
        (
            "and the one that is left was edited too",
            |left, gone| {
                city(gone).sides.left.edit = Some(edit("Rome", Some("Bonn")));
                city(left).sides.left.edit = Some(edit("Kiel", Some("Oslo")));
            },
            Some("Kiel"),
            &["Rome"],
        ),
        (
            "and the one that is left is being linked",
            |left, gone| {
                city(gone).sides.left.edit = Some(edit("Rome", Some("Bonn")));
                city(left).agreed = None;
            },
            None,
            &["Rome"],
        ),
        (
            "read for the first time: nobody entered it",
            |_, gone| city(gone).sides.left.edit = Some(edit("Rome", None)),
            None,
            &["Rome"],
        ),
        (
            "the same as it is here",
            |_, gone| {
                city(gone).sides.left.edit = Some(edit("Oslo", Some("Bonn")));
                city(gone).golden = text("Oslo");
            },
            None,
            &[],
        ),
        ("it was another one there", |_, _| (), None, &["Rome"]),
        ("it was the same there", |_, gone| city(gone).golden = text("Oslo"), None, &[]),
        ("it was blank there", |_, gone| city(gone).golden = Value::Blank, None, &[]),
    ];
    for (name, change, entered, lost) in rows {
        let mut bench = Bench::new();
        let mut left = bench.linked(&[ANN, ("city", "Oslo"), ("optout", "no")]);
        let mut gone = bench.linked(&[ANN, ("city", "Rome"), ("optout", "no")]);
        change(&mut left, &mut gone);
        let told = bench.decide(|context, _| carry_edits(&mut left, &gone, context));
        assert_eq!(
            left.fields["city"].sides.left.edit.as_ref().map(|edit| &edit.value),
            entered.map(text).as_ref(),
            "{name}"
        );
        assert_eq!(left.fields["city"].sides.right.edit, None, "{name}");
        let lost: Vec<_> = lost.iter().map(|value| ("city".to_owned(), text(value))).collect();
        assert_eq!(told, lost, "{name}");
    }
}

/// What was refused on either holds for both by [`unite`]; an edit that loosens does not come along.
#[test]
fn no_consent_is_carried_from_the_one_that_went() {
    let mut bench = Bench::new();
    let mut left = bench.linked(&[ANN, ("optout", "yes")]);
    let mut gone = bench.linked(&[ANN, ("optout", "yes")]);
    gone.fields.get_mut("optout").expect("read").sides.left.edit = Some(edit("no", Some("yes")));
    bench.decide(|context, _| carry_edits(&mut left, &gone, context));
    assert_eq!(left.fields["optout"].sides.left.edit, None);
}

/// Ann on both sides, with a further record on the right.
fn with_a_duplicate(bench: &mut Bench, optout: &str) -> (Entity, Address) {
    let mut entity = bench.linked(&[ANN, ("city", "Bonn"), ("optout", optout)]);
    let address = Address::new(OBJECT, "7");
    entity.secondaries.right.push(Secondary::unread(address.clone(), bench.now));
    let shown = Record { address: address.clone(), ..record(&[ANN, ("optout", optout)], bench.now) };
    let reading = Reading { record: &shown, requested_at: bench.now, source: Source::Read };
    bench.decide(|context, ledger| fold_secondary(&mut entity, Side::Right, reading, context, ledger));
    (entity, address)
}

fn taken_away(bench: &mut Bench, entity: &mut Entity, side: Side, address: &Address) -> Option<Entity> {
    let id = Id(Uuid::from_u128(99));
    bench.decide(|context, ledger| detach(entity, side, address, id, context, ledger))
}

#[test]
fn whom_a_person_takes_away_is_a_person_of_their_own() {
    for further in [false, true] {
        let mut bench = Bench::new();
        let (mut entity, seventh) = with_a_duplicate(&mut bench, "yes");
        let first = Address::new(OBJECT, "1");
        let (gone, stays) = if further { (&seventh, &first) } else { (&first, &seventh) };
        let own = taken_away(&mut bench, &mut entity, Side::Right, gone).expect("a record of hers");
        assert_eq!(own.members.right.as_ref().map(|member| &member.address), Some(gone));
        assert_eq!(entity.addresses(Side::Right).collect::<Vec<_>>(), [stays]);
        // Nobody can say for whom the person had spoken.
        for one in [&own, &entity] {
            assert_eq!((&one.fields["optout"].golden, one.fields["optout"].imposed), (&text("yes"), true));
        }
        // Who is taken away from everybody is not made again beside them.
        let apart = |side, address: &Address, bars| Apart { side, address: address.clone(), bars };
        assert_eq!(entity.apart, [apart(Side::Right, gone, !further)]);
        assert_eq!(own.apart, [apart(Side::Left, &first, true), apart(Side::Right, stays, false)]);
        for (one, two) in [(&own, &entity), (&entity, &own)] {
            let matched = bench.decide(|context, _| match_entity(one, std::slice::from_ref(two), context));
            assert_eq!(matched, Match::Nobody);
        }
    }
    let mut bench = Bench::new();
    let (mut entity, _) = with_a_duplicate(&mut bench, "no");
    let before = entity.clone();
    assert_eq!(taken_away(&mut bench, &mut entity, Side::Right, &Address::new(OBJECT, "8")), None);
    assert_eq!(entity, before, "it is not a record of hers");
}

/// One of the two lives on under another address, which the other has never heard of.
#[test]
fn who_was_taken_apart_stays_so_where_only_one_of_them_knows_the_other() {
    let mut bench = Bench::new();
    let (mut entity, seventh) = with_a_duplicate(&mut bench, "no");
    let mut own = taken_away(&mut bench, &mut entity, Side::Right, &seventh).expect("a record of hers");
    own.members.right.as_mut().expect("a member").address = Address::new(OBJECT, "9");
    for (one, two) in [(&own, &entity), (&entity, &own)] {
        assert!(one.is_apart_from(two));
    }
    own.apart.clear();
    assert!(!own.is_apart_from(&entity), "neither does");
}

#[test]
fn a_further_record_takes_the_place_of_one_that_is_gone_and_no_other() {
    let mut bench = Bench::new();
    let (mut entity, seventh) = with_a_duplicate(&mut bench, "no");
    let now = bench.now;
    assert_eq!(promote(&mut entity, Side::Right, now), None, "it is there");
    entity.members.left = None;
    assert_eq!(promote(&mut entity, Side::Left, now), None, "there is none");
    entity.members.right = None;
    assert_eq!(promote(&mut entity, Side::Right, now), Some(seventh.clone()));
    assert_eq!(entity.addresses(Side::Right).collect::<Vec<_>>(), [&seventh]);
    assert!(entity.secondaries.right.is_empty());
}

/// Of one that becomes a further record, what it says of consent is remembered, and its e-mail: nothing else of it is
/// anybody's business, and what somebody entered on it has been heard.
#[test]
fn of_a_further_record_only_consent_and_the_email_are_kept() {
    let mut bench = Bench::new();
    let mut entity = bench.linked(&[ANN, ("city", "Bonn"), ("score", "1"), ("optout", "no")]);
    entity.fields.get_mut("optout").expect("read").sides.right.edit = Some(edit("yes", Some("no")));
    let kept = bench.decide(|context, _| Secondary::of_member(&entity, Side::Right, context)).expect("a member");
    assert_eq!(kept.fields.keys().collect::<Vec<_>>(), ["email", "optout"]);
    assert!(kept.fields.values().all(|holding| holding.edit.is_none() && holding.shadow.is_some()));
}

/// A restriction that came from elsewhere is not loosened by the only record; being united changes nothing about that.
#[test]
fn what_was_imposed_on_one_of_them_stays_imposed_while_it_restricts() {
    for (golden, imposed, stays) in [("yes", true, true), ("yes", false, false), ("no", true, false)] {
        let mut bench = Bench::new();
        let mut one = bench.linked(&[ANN, ("optout", golden)]);
        let mut two = bench.linked(&[ANN, ("optout", golden)]);
        (one.id, two.id) = (Id(Uuid::from_u128(1)), Id(Uuid::from_u128(2)));
        two.fields.get_mut("optout").expect("read").imposed = imposed;
        let primaries = Pair::new(Some(one.id), Some(one.id));
        let united =
            bench.decide(|context, ledger| unite(vec![one, two], &primaries, context, ledger)).expect("a group");
        assert_eq!(united.fields["optout"].imposed, stays, "{golden}, imposed: {imposed}");
    }
}
