//! Who is who.

use super::*;
use crate::merge::{
    entity::Apart,
    identity::{Match, match_entity},
    removal::Tombstone,
    unite::unite,
};

/// A record of a side, that is a person of its own.
fn met(bench: &mut Bench, side: Side, id: &str, created: &str, values: &[(&str, &str)]) -> Entity {
    let mut entity = bench.entity();
    let shown =
        Record { address: Address::new(OBJECT, id), created_at: Some(time(created)), ..record(values, bench.now) };
    bench.read_as(&mut entity, side, Source::Read, &shown);
    entity
}

fn matched(bench: &mut Bench, entity: &Entity, others: &[Entity]) -> Match {
    bench.decide(|context, _| match_entity(entity, others, context))
}

#[test]
fn the_older_record_is_primary_then_the_smaller_id_and_order_does_not_matter() {
    let mut bench = Bench::new();
    let key = [("email", "ann@example.com")];
    let left = met(&mut bench, Side::Left, "9", "09:00:00", &key);
    let young = met(&mut bench, Side::Right, "1", "09:30:00", &key);
    let old = met(&mut bench, Side::Right, "3", "09:10:00", &key);
    let twin = met(&mut bench, Side::Right, "2", "09:10:00", &key);
    let group = [young, old, twin.clone()];
    for turn in 0..3 {
        let mut others = group.to_vec();
        others.rotate_left(turn);
        let Match::One { primaries, .. } = matched(&mut bench, &left, &others) else { panic!("they are one") };
        assert_eq!(primaries, Pair::new(Some(left.id), Some(twin.id)));
    }
}

#[test]
fn a_later_key_counts_only_where_an_earlier_one_is_blank() {
    let mut bench = Bench::new();
    let ann = met(&mut bench, Side::Left, "1", "09:00:00", &[("email", "ann@example.com"), ("city", "Bonn")]);
    let ben = met(&mut bench, Side::Right, "2", "09:00:00", &[("email", "ben@example.com"), ("city", "Bonn")]);
    let nobody = met(&mut bench, Side::Right, "3", "09:00:00", &[("email", ""), ("city", "bonn")]);
    assert_eq!(matched(&mut bench, &ann, std::slice::from_ref(&ben)), Match::Nobody);
    assert!(matches!(matched(&mut bench, &ann, std::slice::from_ref(&nobody)), Match::One { set: 1, .. }));
    let several = matched(&mut bench, &nobody, &[ann.clone(), ben.clone()]);
    let mut candidates = vec![ann.id, ben.id];
    candidates.sort_unstable();
    assert_eq!(several, Match::Several { candidates });
}

/// Whoever came first would win: who shares a key with two that cannot both be that person is left to a person, unless
/// one of them is somebody already, or was told apart.
#[test]
fn who_could_be_somebody_else_as_well_waits() {
    let mut bench = Bench::new();
    let mut ann = met(&mut bench, Side::Right, "1", "09:00:00", &[("email", "ann@example.com"), ("city", "Bonn")]);
    let ben = met(&mut bench, Side::Right, "2", "09:00:00", &[("email", "ben@example.com"), ("city", "Bonn")]);
    let nobody = met(&mut bench, Side::Left, "3", "09:00:00", &[("email", ""), ("city", "bonn")]);
    let elsewhere = met(&mut bench, Side::Right, "4", "09:00:00", &[("email", "cid@example.com"), ("city", "Rome")]);
    let others = [nobody.clone(), ben.clone()];
    assert_eq!(matched(&mut bench, &ann, &others), Match::Contested);
    assert!(matches!(matched(&mut bench, &ann, &[nobody, elsewhere]), Match::One { set: 1, .. }), "another key");
    let linked = bench.linked(&[("email", ""), ("city", "Bonn")]);
    assert!(matches!(matched(&mut bench, &ann, &[linked, ben]), Match::One { set: 1, .. }), "somebody already");
    ann.apart.push(Apart { side: Side::Right, address: Address::new(OBJECT, "2"), bars: false });
    assert!(matches!(matched(&mut bench, &ann, &others), Match::One { set: 1, .. }), "told apart");
}

#[test]
fn the_record_of_the_object_that_is_named_first_is_primary_whatever_its_age() {
    let mut bench = Bench::new();
    bench.rules.systems.right.objects = vec![OBJECT.into(), "leads".into()];
    let email = &mut bench.rule("email").map.native.right;
    email.insert("leads".into(), email[OBJECT].clone());
    let facts = bench.objects.right[OBJECT].clone();
    bench.objects.right.insert("leads".into(), facts);
    let key = [("email", "ann@example.com")];
    let left = met(&mut bench, Side::Left, "9", "09:00:00", &key);
    let person = met(&mut bench, Side::Right, "1", "09:30:00", &key);
    let mut lead = bench.entity();
    let shown =
        Record { address: Address::new("leads", "2"), created_at: Some(time("08:00:00")), ..record(&key, bench.now) };
    bench.read_as(&mut lead, Side::Right, Source::Read, &shown);
    let Match::One { primaries, .. } = matched(&mut bench, &left, &[lead, person.clone()]) else {
        panic!("they are one")
    };
    assert_eq!(primaries.right, Some(person.id));
}

#[test]
fn who_was_deleted_stays_deleted_where_no_record_has_come() {
    let mut bench = Bench::new();
    let key = [("email", "ann@example.com")];
    let mut bereaved = met(&mut bench, Side::Right, "1", "09:00:00", &key);
    let address = Address::new(OBJECT, "5");
    bereaved.tombstones.left = Some(Tombstone { address: address.clone(), at: bench.now, remake: false, left: None });
    let second = met(&mut bench, Side::Right, "2", "09:00:00", &key);
    let first = Pair::new(None, Some(bereaved.id));
    let united = bench
        .decide(|context, ledger| unite(vec![second, bereaved.clone()], &first, context, ledger))
        .expect("a group");
    assert_eq!(united.tombstones.left.map(|tombstone| tombstone.address), Some(address));
    let again = met(&mut bench, Side::Left, "6", "09:00:00", &key);
    let first = Pair::new(Some(again.id), Some(bereaved.id));
    let united =
        bench.decide(|context, ledger| unite(vec![again, bereaved], &first, context, ledger)).expect("a group");
    assert_eq!((united.tombstones.left, united.members.left.map(|member| member.address.id)), (None, Some("6".into())));
}

#[test]
fn who_is_united_keeps_the_strictest_consent() {
    let mut bench = Bench::new();
    let mut linked = bench.linked(&[("email", "ann@example.com"), ("optout", "no")]);
    linked.queued = false;
    let second = met(&mut bench, Side::Right, "2", "09:00:00", &[("email", "ann@example.com"), ("optout", "yes")]);
    let first = Pair::new(Some(linked.id), Some(linked.id));
    let united = bench.decide(|context, ledger| unite(vec![linked, second], &first, context, ledger)).expect("a group");
    assert_eq!(united.fields["optout"].golden, text("yes"));
    for side in Side::BOTH {
        assert_eq!(bench.patch(&united, side).changes.len(), 1, "{side:?}");
    }
}
