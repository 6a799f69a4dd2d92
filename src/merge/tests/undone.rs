//! What is taken back of what was written, and what is left, with the reason.

use super::*;
use crate::merge::{
    entity::{Mark, Presence},
    event::SentChange,
    person::{Loosening, Unfit},
    scope::Standing,
    undo::{Left, Write, steps},
};

const ANN: (&str, &str) = ("email", "ann@example.com");

/// `Bonn` was agreed, the left entered `Rome`, and the right was written and read.
fn written(bench: &mut Bench) -> (Entity, [Write; 1]) {
    let mut entity = bench.linked(&[ANN, ("city", "Bonn")]);
    bench.read(&mut entity, Side::Left, &[ANN, ("city", "Rome")]);
    bench.write(&mut entity, Side::Right);
    bench.read(&mut entity, Side::Right, &[ANN, ("city", "Rome")]);
    let change = SentChange {
        field: "city".into(),
        from: Some(Native::text("Bonn")),
        to: Native::text("Rome"),
        golden: text("Rome"),
        agreed: Some(text("Bonn")),
    };
    (entity, [Write { side: Side::Right, object: OBJECT.into(), change }])
}

/// What is to be done about the city.
fn outcome(bench: &mut Bench, entity: &Entity, writes: &[Write], loosening: Loosening) -> Result<Pair<Value>, Left> {
    let steps = bench.decide(|context, _| steps(entity, writes, loosening, context));
    let [step] = steps.as_slice() else { panic!("{steps:?}") };
    step.outcome.clone()
}

#[test]
fn what_stands_as_it_was_written_is_taken_back_and_anything_else_is_left() {
    type Change = fn(&mut Entity, Timestamp);
    type Outcome = Result<Pair<Value>, Left>;
    let rows: [(&str, Change, Outcome); 6] = [
        ("as it was written", |_, _| (), Ok(Pair::new(text("Bonn"), text("Bonn")))),
        (
            "one of the two cannot be seen",
            |one, now| one.members.right.as_mut().expect("linked").presence = Presence::NotVisible { seen_at: now },
            Err(Left::Unfit(Unfit::Alone)),
        ),
        (
            "edited since, and not decided yet",
            |one, _| city(one).sides.right.shadow = Some(Native::text("Oslo")),
            Err(Left::NotOurs(Side::Right)),
        ),
        (
            "kept there in another form",
            |one, _| {
                city(one).sides.right.shadow = Some(Native::text("ROME"));
                city(one).sides.right.mark = Some(Mark::Normalised { golden: text("Rome") });
            },
            Ok(Pair::new(text("Bonn"), text("Bonn"))),
        ),
        ("decided otherwise since", |one, _| city(one).golden = text("Oslo"), Err(Left::Changed)),
        ("out of the sync", |one, _| one.scope.include = Standing::Out, Err(Left::Unfit(Unfit::OutOfScope))),
    ];
    for (name, change, wanted) in rows {
        let mut bench = Bench::new();
        let (mut entity, writes) = written(&mut bench);
        change(&mut entity, bench.now);
        assert_eq!(outcome(&mut bench, &entity, &writes, Loosening::Refused), wanted, "{name}");
    }
}

fn city(entity: &mut Entity) -> &mut crate::merge::entity::Field {
    entity.fields.get_mut("city").expect("read")
}

/// A question that waits for a person is answered, not taken back.
#[test]
fn what_waits_for_a_person_is_not_taken_back() {
    let mut bench = Bench::new();
    bench.rule("city").policy.on_conflict = OnConflict::Manual;
    let (mut entity, writes) = written(&mut bench);
    bench.later(60);
    bench.read(&mut entity, Side::Left, &[ANN, ("city", "Oslo")]);
    bench.read(&mut entity, Side::Right, &[ANN, ("city", "Kiel")]);
    assert!(entity.fields["city"].conflict.is_some());
    assert_eq!(outcome(&mut bench, &entity, &writes, Loosening::Refused), Err(Left::Waits));
}

/// The two were linked with different answers, and the stricter was written to the other.
#[test]
fn a_consent_is_not_loosened_because_a_first_run_is_taken_back() {
    let mut bench = Bench::new();
    let mut entity = bench.entity();
    bench.read(&mut entity, Side::Left, &[ANN, ("optout", "no")]);
    bench.read(&mut entity, Side::Right, &[ANN, ("optout", "yes")]);
    bench.write(&mut entity, Side::Left);
    bench.read(&mut entity, Side::Left, &[ANN, ("optout", "yes")]);
    let change = SentChange {
        field: "optout".into(),
        from: Some(Native::text("no")),
        to: Native::text("yes"),
        golden: text("yes"),
        agreed: None,
    };
    let writes = [Write { side: Side::Left, object: OBJECT.into(), change }];
    let refused = outcome(&mut bench, &entity, &writes, Loosening::Refused);
    assert_eq!(refused, Err(Left::Unfit(Unfit::Loosens)));
    let allowed = outcome(&mut bench, &entity, &writes, Loosening::Allowed);
    assert_eq!(allowed, Ok(Pair::new(text("no"), text("yes"))));
}
