//! What the journal is told, and what a person who asks is told.

use super::*;
use crate::{
    mapping::{Expression, Problem},
    merge::{
        entity::{Mark, Origin, Parked, Presence, Want},
        event::ConflictLine,
        parked::{Handling, Parking, Signature, handle, waiting},
        planned::{planned, planned_everywhere},
        scope::Standing,
        secondary::{Secondary, fold_secondary, mark_secondary, secondary_patch, secondary_updated},
    },
};

const ANN: (&str, &str) = ("email", "ann@example.com");

fn parked(now: Timestamp) -> Parked {
    let problem = Problem { code: "X".into(), message: "no".into(), hint: String::new() };
    Parked { problem, since: now, tries: 1, next_try: None, dismissed_by: None }
}

#[test]
fn what_is_sent_is_told_and_what_cannot_be_is_told_as_that() {
    let mut bench = Bench::new();
    bench.describe(Side::Right, "city", |field| field.max_length = Some(5));
    let mut entity = bench.linked(&[ANN, ("city", "Bonn"), ("score", "1")]);
    bench.read(&mut entity, Side::Left, &[ANN, ("city", "Düsseldorf"), ("score", "1")]);
    let patch = bench.patch(&entity, Side::Right);
    let told = bench.decide(|context, _| mark_sending(&mut entity, Side::Right, &patch, context));
    assert!(matches!(told.as_slice(), [Event::Refused { field: Some(name), .. }] if name == "city"), "{told:?}");
    bench.read(&mut entity, Side::Left, &[ANN, ("city", "Düsseldorf"), ("score", "2")]);
    let patch = bench.patch(&entity, Side::Right);
    let told = bench.decide(|context, _| mark_sending(&mut entity, Side::Right, &patch, context));
    let [Event::Sending { side: Side::Right, address: Some(_), changes }] = told.as_slice() else { panic!("{told:?}") };
    let said: Vec<_> = changes.iter().map(|one| (&*one.field, &one.golden, &one.agreed)).collect();
    assert_eq!(said, [("score", &Value::Integer(2), &Some(Value::Integer(1)))]);
}

#[test]
fn what_is_sent_to_a_duplicate_is_told_with_its_address() {
    let mut bench = Bench::new();
    let mut entity = bench.linked(&[ANN, ("optout", "yes")]);
    let address = Address::new(OBJECT, "7");
    entity.secondaries.right.push(Secondary::unread(address.clone(), bench.now));
    let shown = Record { address: address.clone(), ..record(&[ANN, ("optout", "no")], bench.now) };
    let reading = Reading { record: &shown, requested_at: bench.now, source: Source::Read };
    bench.decide(|context, ledger| fold_secondary(&mut entity, Side::Right, reading, context, ledger));
    let secondary = entity.secondaries.right[0].clone();
    let patch = bench.decide(|context, _| secondary_patch(&entity, Side::Right, &secondary, context));
    let none = Patch::default();
    assert_eq!(
        bench.decide(|context, _| mark_secondary(&mut entity, Side::Right, &address, &none, context)),
        [],
        "nothing is sent"
    );
    let told = bench.decide(|context, _| mark_secondary(&mut entity, Side::Right, &address, &patch, context));
    assert!(matches!(told.as_slice(), [Event::Sending { address: Some(to), .. }] if *to == address), "{told:?}");

    // Answered, it is on its way no more; and what the answer shows is known, if it is that record.
    for (id, known) in [("7", "yes"), ("8", "no")] {
        let mut entity = entity.clone();
        bench.events.clear();
        let answered = bench.now;
        let answer = Record { address: Address::new(OBJECT, id), ..record(&[("optout", "yes")], answered) };
        let written = Written { id: id.into(), record: Some(answer), created: false };
        bench.decide(|context, ledger| {
            secondary_updated(&mut entity, Side::Right, &address, (&written, answered), context, ledger);
        });
        let secondary = &entity.secondaries.right[0];
        assert_eq!(secondary.member.written_at, Some(answered), "{id}");
        assert_eq!(secondary.fields["optout"].shadow, Some(Native::text(known)), "{id}");
        assert!(secondary.fields["optout"].sent.as_ref().is_none_or(|sent| !sent.in_doubt), "{id}");
        assert!(bench.events.contains(&Event::Written { side: Side::Right, address: address.clone(), created: false }));
    }
}

#[test]
fn who_leaves_what_the_sync_is_for_is_told_once_and_who_stays_is_not() {
    let mut bench = Bench::new();
    let fields = [("city", FieldType::Text)];
    bench.rules.include = Some(Expression::compile("city == 'Bonn'", &fields).expect("an expression"));
    let mut entity = bench.linked(&[ANN, ("city", "Bonn")]);
    for city in ["Bonn", "Bonn", "Rome", "Rome", "Bonn"] {
        bench.read(&mut entity, Side::Left, &[ANN, ("city", city)]);
        bench.later(60);
    }
    let entered = |event: &Event| if let Event::Scope { entered, .. } = event { Some(*entered) } else { None };
    assert_eq!(bench.events.iter().filter_map(entered).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn who_was_out_of_sight_is_told_to_be_back_and_nobody_else_is() {
    let mut bench = Bench::new();
    let mut entity = bench.linked(&[ANN, ("city", "Bonn")]);
    let again = |bench: &mut Bench, entity: &mut Entity| {
        bench.events.clear();
        bench.later(60);
        bench.read(entity, Side::Left, &[ANN, ("city", "Bonn")]);
        bench.events.iter().filter(|event| matches!(event, Event::SeenAgain { .. })).count()
    };
    assert_eq!(again(&mut bench, &mut entity), 0);
    entity.members.left.as_mut().expect("linked").presence = Presence::NotVisible { seen_at: bench.now };
    assert_eq!(again(&mut bench, &mut entity), 1);
    assert_eq!(again(&mut bench, &mut entity), 0);
}

/// What a plan says of a value that both sides entered: a `union` is the rule behind it, anything else is not.
#[test]
fn a_plan_names_the_rule_behind_what_both_sides_entered() {
    for (policy, word) in [(OnConflict::Union, "on_conflict = union"), (OnConflict::Latest, "same on both sides")] {
        let mut bench = Bench::new();
        bench.rule("city").policy.on_conflict = policy;
        let mut entity = bench.linked(&[ANN, ("city", "Bonn")]);
        let field = entity.fields.get_mut("city").expect("read");
        (field.golden, field.origin) = (text("Rome"), Some(Origin::by_rule("same on both sides")));
        let rules: Vec<String> = bench
            .decide(|context, _| planned(&entity, Side::Right, context))
            .changes
            .into_iter()
            .map(|change| change.rule)
            .collect();
        assert_eq!(rules, [word], "{policy:?}");
    }
}

#[test]
fn a_plan_makes_nobody_who_is_not_wanted() {
    let mut bench = Bench::new();
    let mut entity = bench.entity();
    bench.read(&mut entity, Side::Left, &[ANN, ("city", "Bonn")]);
    for (want, changes) in [(Want::Nothing, 0), (Want::Create, 1)] {
        entity.wants.right = want;
        let planned = bench.decide(|context, _| planned_everywhere(&entity, Side::Right, context));
        assert_eq!(planned.len(), changes, "{want:?}");
    }
}

/// What was set aside for a value that is no longer wanted waits for nobody.
#[test]
fn only_what_is_still_wanted_is_listed_as_set_aside() {
    type Made = fn(Value, Timestamp) -> Mark;
    let marks: [Made; 2] = [
        |golden, now| Mark::Parked { golden: Some(golden), parked: parked(now) },
        |golden, _| Mark::Ignored { golden },
    ];
    for made in marks {
        for (golden, listed) in [("Bonn", 1), ("Oslo", 0)] {
            let mut bench = Bench::new();
            let mut entity = bench.linked(&[ANN, ("city", "Bonn")]);
            let mark = made(text(golden), bench.now);
            let name = format!("{mark:?}");
            entity.fields.get_mut("city").expect("read").sides.right.mark = Some(mark);
            assert_eq!(bench.decide(|context, _| waiting(&entity, context)).len(), listed, "{name}");
        }
    }
    for (golden, listed) in [("no", 1), ("yes", 0)] {
        let mut bench = Bench::new();
        let mut entity = bench.linked(&[ANN, ("optout", "no")]);
        let mut further = Secondary::unread(Address::new(OBJECT, "7"), bench.now);
        let holding = further.fields.entry("optout".into()).or_default();
        holding.mark = Some(Mark::Parked { golden: Some(text(golden)), parked: parked(bench.now) });
        entity.secondaries.right.push(further);
        assert_eq!(bench.decide(|context, _| waiting(&entity, context)).len(), listed, "a duplicate's {golden}");
    }
}

/// Who is meant is asked again whenever the person changes: there is nothing that could be left as it is.
#[test]
fn whether_somebody_is_meant_cannot_be_dismissed() {
    let mut bench = Bench::new();
    let mut entity = bench.linked(&[ANN, ("city", "Bonn")]);
    entity.scope.problem = Some(parked(bench.now).problem);
    let (object, field, code) = (String::new(), String::new(), "X".to_owned());
    let all = [Signature { side: Side::Left, object, what: Parking::Scope, field, code }];
    for (handling, told) in [(Handling::Dismiss, 0), (Handling::Retry, 1)] {
        let events = bench.decide(|context, _| handle(&mut entity, &all, handling, "eve", context));
        assert_eq!(events.len(), told, "{handling:?}");
        assert_eq!(bench.decide(|context, _| waiting(&entity, context)).len(), 1, "{handling:?}");
    }
}

#[test]
fn what_a_person_handled_is_told_with_its_field_or_as_the_record() {
    let mut bench = Bench::new();
    let mut entity = bench.linked(&[ANN, ("city", "Bonn")]);
    let mark = Mark::Parked { golden: Some(text("Bonn")), parked: parked(bench.now) };
    entity.fields.get_mut("city").expect("read").sides.right.mark = Some(mark);
    entity.parked.right = Some(parked(bench.now));
    let signatures: Vec<Signature> =
        bench.decide(|context, _| waiting(&entity, context)).into_iter().map(|waiting| waiting.signature).collect();
    let events = bench.decide(|context, _| handle(&mut entity, &signatures, Handling::Retry, "eve", context));
    let field =
        |event: &Event| if let Event::Handled { field, .. } = event { field.clone() } else { panic!("{event:?}") };
    assert_eq!(events.iter().map(field).collect::<Vec<_>>(), [None, Some("city".to_owned())]);
}

/// A person who had each record's own value brought back is told of the one that changes; what the records went on from
/// stays golden, whichever side has priority.
#[test]
fn what_is_given_back_to_one_side_is_told_of_that_side() {
    use crate::merge::{
        event::SentChange,
        person::Loosening,
        undo::{Write, take_back},
    };
    for priority in Side::BOTH {
        let mut bench = Bench::new();
        bench.rules.priority = priority;
        let mut entity = bench.entity();
        bench.read(&mut entity, Side::Left, &[ANN, ("city", "Bonn")]);
        bench.read(&mut entity, Side::Right, &[ANN, ("city", "Rome")]);
        bench.write(&mut entity, Side::Left);
        bench.read(&mut entity, Side::Left, &[ANN, ("city", "Rome")]);
        let change = SentChange {
            field: "city".into(),
            from: Some(Native::text("Bonn")),
            to: Native::text("Rome"),
            golden: text("Rome"),
            agreed: None,
        };
        let writes = [Write { side: Side::Left, object: OBJECT.into(), change }];
        bench.events.clear();
        bench.decide(|context, ledger| {
            take_back(&mut entity, &writes, "eve", Loosening::Refused, context, ledger);
        });
        let field = &entity.fields["city"];
        assert_eq!(field.golden, text("Rome"), "{priority:?}");
        assert_eq!(
            (field.target(Side::Left), field.target(Side::Right)),
            (&text("Bonn"), &text("Rome")),
            "{priority:?}"
        );
        let ruled = |event: &Event| match event {
            Event::Ruled(ruling) => Some((ruling.side, ruling.from.clone(), ruling.to.clone())),
            _ => None,
        };
        let ruled: Vec<_> = bench.events.iter().filter_map(ruled).collect();
        assert_eq!(ruled, [(Some(Side::Left), text("Rome"), text("Bonn"))], "{priority:?}");
        // What is entered next is another golden value: both sides get it.
        bench.write(&mut entity, Side::Left);
        bench.read(&mut entity, Side::Left, &[ANN, ("city", "Bonn")]);
        bench.later(60);
        bench.read(&mut entity, Side::Right, &[ANN, ("city", "Oslo")]);
        let entered = &entity.fields["city"];
        assert_eq!(entered.target(Side::Left), &text("Oslo"), "{priority:?}");
        let due: Vec<_> = bench.patch(&entity, Side::Left).changes.into_iter().map(|change| change.golden).collect();
        assert_eq!(due, [text("Oslo")], "{priority:?}");
        let lines = bench
            .events
            .iter()
            .filter(|event| matches!(event, Event::Conflict(line) if matches!(line.verdict, ConflictLine::Field(_))));
        assert_eq!(lines.count(), 0, "{priority:?}: nobody contradicted anybody");
        assert_eq!(entity.scope.include, Standing::In);
    }
}
