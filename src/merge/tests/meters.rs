//! In which category a person is, and a field.

use super::*;
use crate::merge::{
    entity::{Apart, Mark, Parked, Presence},
    meter::{Category, Metered, Writing, meter},
    removal::Tombstone,
    scope::Standing,
};

const ANN: (&str, &str) = ("email", "ann@example.com");

fn metered(bench: &mut Bench, entity: &Entity, writing: Writing) -> Metered {
    bench.decide(|context, _| meter(entity, writing, context))
}

fn person(bench: &mut Bench, entity: &Entity) -> Category {
    metered(bench, entity, Writing::Goes).person
}

fn city(bench: &mut Bench, entity: &Entity) -> Category {
    let fields = metered(bench, entity, Writing::Goes).fields;
    fields.into_iter().find(|(name, _)| name == "city").expect("a field of the sync").1
}

fn parked(now: Timestamp) -> Parked {
    let problem = crate::mapping::Problem { code: "X".into(), message: "no".into(), hint: String::new() };
    Parked { problem, since: now, tries: 1, next_try: None, dismissed_by: None }
}

/// Read on the left, matched, and wanted nowhere.
fn alone(bench: &mut Bench) -> Entity {
    let mut entity = bench.entity();
    let values = [ANN, ("city", "Bonn"), ("score", "1"), ("optout", "no")];
    bench.read(&mut entity, Side::Left, &values);
    entity.queued = false;
    entity.wants = Pair::default();
    entity
}

fn apart(side: Side, bars: bool) -> Apart {
    Apart { side, address: Address::new(OBJECT, "9"), bars }
}

#[test]
fn who_stands_alone_is_so_for_a_reason() {
    type Change = fn(&mut Entity, Timestamp);
    let rows: [(&str, Change, Category); 17] = [
        ("nothing explains it", |_, _| (), Category::Unexplained),
        ("several could be it", |one, _| one.ambiguous = vec![one.id], Category::Ambiguous),
        ("somebody else could be the same", |one, _| one.contested = true, Category::Ambiguous),
        ("it cannot be made", |one, now| one.parked.right = Some(parked(now)), Category::Parked),
        ("it is refused", |one, now| one.parked.left = Some(parked(now)), Category::Parked),
        ("it waits to be matched", |one, _| one.queued = true, Category::Pending),
        ("it is to be made", |one, _| one.wants.right = crate::merge::entity::Want::Create, Category::Pending),
        (
            "it was deleted, and will be unlinked",
            |one, now| presence(one, Presence::Deleted { seen_at: now }),
            Category::Pending,
        ),
        ("it cannot be seen", |one, now| presence(one, Presence::NotVisible { seen_at: now }), Category::NotVisible),
        ("it was deleted there", |one, now| one.tombstones.right = Some(tombstone(now, false)), Category::OneSided),
        (
            "it was deleted there, and is to be made again",
            |one, now| one.tombstones.right = Some(tombstone(now, true)),
            Category::Unexplained,
        ),
        ("a person took it away there", |one, _| one.apart.push(apart(Side::Right, true)), Category::OneSided),
        ("that was long ago", |one, _| one.apart.push(apart(Side::Right, false)), Category::Unexplained),
        ("a person took it away here", |one, _| one.apart.push(apart(Side::Left, true)), Category::Unexplained),
        ("it is not meant", |one, _| one.scope.include = Standing::Out, Category::OutOfScope),
        ("it is not to be made there", |one, _| one.scope.create.right = Standing::Out, Category::OutOfScope),
        ("something was withheld", |one, _| unread(one, "city"), Category::Pending),
    ];
    for (name, change, category) in rows {
        let mut bench = Bench::new();
        let mut entity = alone(&mut bench);
        change(&mut entity, bench.now);
        assert_eq!(person(&mut bench, &entity), category, "{name}");
    }
}

fn presence(entity: &mut Entity, presence: Presence) {
    entity.members.left.as_mut().expect("a member").presence = presence;
}

fn tombstone(at: Timestamp, remake: bool) -> Tombstone {
    Tombstone { address: Address::new(OBJECT, "5"), at, remake, left: None }
}

fn unread(entity: &mut Entity, name: &str) {
    entity.fields.get_mut(name).expect("read").sides.left.shadow = None;
}

#[test]
fn who_is_made_nowhere_or_has_no_key_stays_alone() {
    let mut bench = Bench::new();
    let mut entity = alone(&mut bench);
    bench.rules.systems.right.create = None;
    assert_eq!(person(&mut bench, &entity), Category::OneSided);
    for name in ["email", "city"] {
        entity.fields.get_mut(name).expect("read").golden = Value::Blank;
    }
    assert_eq!(person(&mut bench, &entity), Category::NoKey);
    entity.members.left = None;
    assert_eq!(person(&mut bench, &entity), Category::OneSided, "nobody is left");
}

#[test]
fn what_is_on_its_way_is_held_where_nothing_may_be_written() {
    let mut bench = Bench::new();
    let mut entity = alone(&mut bench);
    entity.queued = true;
    assert_eq!(metered(&mut bench, &entity, Writing::Held).person, Category::Held);
    let mut linked = bench.linked(&[ANN, ("city", "Bonn")]);
    bench.read(&mut linked, Side::Left, &[ANN, ("city", "Rome")]);
    assert_eq!(metered(&mut bench, &linked, Writing::Held).person, Category::Held);
    assert_eq!(metered(&mut bench, &linked, Writing::Goes).person, Category::Pending);
}

/// A mark explains a difference as long as the golden value is the one that it was made for.
#[test]
fn a_mark_explains_a_difference_for_its_golden_value_only() {
    type Made = fn(Value, Timestamp) -> Mark;
    let marks: [(Made, Category); 6] = [
        (|golden, now| Mark::Parked { golden: Some(golden), parked: parked(now) }, Category::Parked),
        (|golden, _| Mark::Ignored { golden }, Category::Parked),
        (|golden, _| Mark::Normalised { golden }, Category::Normalised),
        (|golden, _| Mark::Kept { golden }, Category::Kept),
        (|golden, _| Mark::Discarded { golden }, Category::Kept),
        (|golden, _| Mark::ClearFirst { golden }, Category::Pending),
    ];
    for (made, category) in marks {
        let mut bench = Bench::new();
        let mut entity = bench.linked(&[ANN, ("city", "Bonn")]);
        let field = entity.fields.get_mut("city").expect("read");
        field.sides.right.shadow = Some(Native::text("Rome"));
        // Not on its way, so that nothing but the mark explains it.
        entity.scope.include = Standing::Out;
        let mark = made(text("Bonn"), bench.now);
        let name = format!("{mark:?}");
        entity.fields.get_mut("city").expect("read").sides.right.mark = Some(mark);
        assert_eq!(city(&mut bench, &entity), category, "{name}");
        let stale = made(text("Oslo"), bench.now);
        entity.fields.get_mut("city").expect("read").sides.right.mark = Some(stale);
        assert_eq!(city(&mut bench, &entity), Category::OutOfScope, "{name}, of another value");
    }
}

/// What one system does not have cannot differ; what may not flow there is left as it is.
#[test]
fn what_has_nowhere_to_go_is_equal_or_kept() {
    let mut bench = Bench::new();
    bench.rule("city").map.native.right.clear();
    let entity = bench.linked(&[ANN, ("city", "Bonn")]);
    assert_eq!(city(&mut bench, &entity), Category::Equal);

    let mut bench = Bench::new();
    bench.rule("city").policy.flow = Flow::From(Side::Right);
    let mut entity = bench.entity();
    bench.read(&mut entity, Side::Left, &[ANN, ("city", "Bonn")]);
    bench.read(&mut entity, Side::Right, &[ANN, ("city", "")]);
    let field = entity.fields.get_mut("city").expect("read");
    field.sides.right.mark = None;
    assert_eq!(city(&mut bench, &entity), Category::Kept);
}
