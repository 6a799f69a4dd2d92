use hymnal_sdk::{ActorKind, SchemaField};

use super::*;

#[test]
fn an_answer_carries_the_record_where_the_service_does_so() {
    for returns in [true, false] {
        let stage = stage_with(|object| object.capabilities.write_returns_record = returns);
        let written = stage.create(&[stage.draft()]).expect("a batch").remove(0).expect("a record");
        assert!(written.created);
        assert_eq!(written.record.is_some(), returns);
        let row = stage.people.row(OBJECT, &written.id).expect("it is there");
        assert_eq!(row.modified_by.kind, ActorKind::Us);
    }
}

#[test]
fn a_taken_value_names_who_has_it() {
    let stage = stage();
    let id = stage.crowd(1).remove(0);
    let mut draft = stage.draft();
    draft.fields.insert("email".into(), "P0@EXAMPLE.com".into());
    let answers = stage.create(&[draft, stage.draft()]).expect("a batch");
    let error = answers[0].as_ref().expect_err("taken");
    assert!(is(error, Kind::Conflict, Effect::None), "{error}");
    assert_eq!((error.other.as_deref(), error.field.as_deref()), (Some(id.as_str()), Some("email")));
    assert!(answers[1].is_ok());
}

#[test]
fn the_schema_refuses_by_field() {
    let stage = stage_with(|object| {
        object.schema.fields[1].max_length = Some(5);
        object.schema.fields.push(SchemaField {
            createable: false,
            updateable: false,
            ..options::field("computed", NativeKind::Text)
        });
        object.schema.fields[0].required = true;
    });
    let refused = [
        ("name", "Adeline", Kind::RejectedField),
        ("stage", "prospect", Kind::RejectedField),
        ("score", "many", Kind::RejectedField),
        ("computed", "x", Kind::RejectedField),
        ("nothing", "x", Kind::Fatal),
        ("email", "  ", Kind::RejectedRecord),
    ];
    for (field, value, kind) in refused {
        let mut draft = Draft { fields: fields(&[("email", "a@example.com")]), trace: "1".into() };
        draft.fields.insert(field.into(), value.into());
        let error = stage.create(&[draft]).expect("a batch").remove(0).expect_err(field);
        assert!(is(&error, kind, Effect::None), "{field}: {error}");
        assert_eq!(error.field.as_deref(), Some(field));
    }
    assert!(stage.people.live(OBJECT).is_empty());
}

#[test]
fn a_blank_clears_and_the_rest_stays() {
    let stage = stage();
    let id = &stage.crowd(1)[0];
    stage.update(id, &[("name", "")]).expect("written");
    assert_eq!(stage.value(id, "name"), Native::Null);
    assert_eq!(stage.value(id, "email"), "p0@example.com".into());
}

#[test]
fn what_is_not_there_is_gone_and_is_not_made() {
    let stage = stage();
    let made = stage.crowd(3);
    stage.people.delete(OBJECT, &made[0]).expect("live");
    stage.people.merge(OBJECT, &made[1], &made[2]).expect("live");
    for id in ["1", &made[0], &made[2]] {
        let error = stage.update(id, &[("name", "Ada")]).expect_err("gone");
        assert!(is(&error, Kind::Gone, Effect::None), "{error}");
        let ids = [id.to_owned()];
        let gone = now(stage.connector.delete(&stage.call, OBJECT, &ids)).expect("a batch").remove(0);
        assert_eq!(gone.expect_err("gone").kind, Kind::Gone);
    }
    assert_eq!(stage.people.live(OBJECT).len(), 1);
}

#[test]
fn a_conditional_write_meets_a_moved_version() {
    let stage = stage_with(|object| object.capabilities.conditional = true);
    let id = stage.crowd(1).remove(0);
    let version = stage.get(&id).expect("live").version;
    let write = |name: &str| {
        let patch =
            Patch { id: id.clone(), fields: fields(&[("name", name)]), version: version.clone(), trace: "1".into() };
        now(stage.connector.update(&stage.call, OBJECT, &[patch])).expect("a batch").remove(0)
    };
    write("Ada").expect("nobody moved it");
    assert_eq!(write("Grace").expect_err("it moved").kind, Kind::Conflict);
    assert_eq!(stage.value(&id, "name"), "Ada".into());
}

#[test]
fn the_same_upsert_twice_makes_one() {
    let stage = stage();
    let draft = stage.draft();
    let upsert = |key| {
        now(stage.connector.upsert(&stage.call, OBJECT, key, std::slice::from_ref(&draft))).expect("a batch").remove(0)
    };
    let (first, second) = (upsert("email").expect("made"), upsert("email").expect("found"));
    assert_eq!((first.created, second.created, first.id == second.id), (true, false, true));
    assert_eq!(upsert("name").expect_err("not unique").kind, Kind::Fatal);
}

#[test]
fn calls_beyond_the_batch_or_the_deadline_are_not_sent() {
    let stage = stage_with(|object| object.capabilities.create_batch = 2);
    let drafts = [stage.draft(), stage.draft(), stage.draft()];
    let error = stage.create(&drafts).expect_err("three are too many");
    assert!(is(&error, Kind::Fatal, Effect::None), "{error}");
    stage.tick();
    let late = Call { deadline: Some(Duration::ZERO), ..Call::default() };
    let error = now(stage.connector.create(&late, OBJECT, &drafts[..1])).expect_err("too late");
    assert!(is(&error, Kind::Cancelled, Effect::None), "{error}");
    assert!(stage.people.take_calls().is_empty());
}

#[test]
fn calls_are_noted_with_what_they_applied() {
    let stage = stage();
    let mut taken = stage.draft();
    stage.create(&[taken.clone()]).expect("a batch");
    taken.trace = "2".into();
    stage.create(&[taken, stage.draft()]).expect("a batch");
    let calls: Vec<(usize, usize)> =
        stage.people.take_calls().into_iter().map(|call| (call.items, call.applied)).collect();
    assert_eq!(calls, [(1, 1), (2, 1)]);
}

#[test]
fn a_request_and_its_answer_take_their_time() {
    let mut options = MemoryOptions::new(OBJECT, ObjectOptions::new(vec![options::unique("email")]));
    options.latency = Duration::from_millis(20);
    let clock = Hands::default();
    let connector = MemoryConnector::new(options, Arc::new(clock.clone()));
    let draft = Draft { fields: fields(&[("email", "a@example.com")]), trace: "1".into() };
    now(connector.create(&Call::default(), OBJECT, &[draft])).expect("a batch").remove(0).expect("made");
    assert_eq!(clock.elapsed(), Duration::from_millis(40));
    let made = connector.people().live(OBJECT).remove(0).created_at;
    assert_eq!(made, at("2026-11-23T10:00:00.020Z"), "between the request and its answer");
}
