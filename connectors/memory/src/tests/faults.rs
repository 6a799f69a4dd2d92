//! Each fault fires, does what its name says, and stops when it is spent.

use hymnal_sdk::{ActorKind, Find, ListKind};

use super::*;
use crate::{Fault, Method, Normal};

#[test]
fn calls_fail_with_or_without_effect() {
    use Effect::{None, Unknown};
    let cases = [
        (Fault::Refused, Kind::Transient, None, 0),
        (Fault::ServerError, Kind::Transient, Unknown, 0),
        (Fault::Throttled { seconds: Option::None }, Kind::Throttled, None, 0),
        (Fault::TimeoutBefore, Kind::Transient, Unknown, 0),
        (Fault::AnswerLost, Kind::Transient, Unknown, 1),
        (Fault::AppliedThenError, Kind::Transient, Unknown, 1),
        (Fault::LoginRefused, Kind::Auth, None, 0),
    ];
    for (fault, kind, effect, made) in cases {
        let stage = stage();
        let name = fault.name();
        stage.people.plant(fault, 1, Method::Create);
        let error = stage.create(&[stage.draft()]).expect_err(name);
        assert!(is(&error, kind, effect), "{name}: {error:?}");
        assert_eq!(stage.people.live(OBJECT).len(), made, "{name}");
        assert_eq!(stage.fired(name), 1);
        assert!(stage.create(&[stage.draft()]).is_ok(), "{name} is spent");
    }
}

#[test]
fn a_failed_reading_leaves_no_doubt() {
    for fault in [Fault::ServerError, Fault::TimeoutBefore, Fault::AnswerLost, Fault::AppliedThenError] {
        let stage = stage();
        stage.people.plant(fault.clone(), 1, Method::Any);
        assert!(is(&stage.page(None).expect_err(fault.name()), Kind::Transient, Effect::None));
    }
}

#[test]
fn a_burst_lasts_as_long_as_planted() {
    let stage = stage();
    stage.people.plant(Fault::ServerError, 3, Method::List);
    assert_eq!((0..5).filter(|_| stage.page(None).is_err()).count(), 3);
    stage.people.plant(Fault::ServerError, Fault::FOREVER, Method::List);
    assert!((0..5).all(|_| stage.page(None).is_err()));
    stage.people.lift_faults();
    assert!(stage.page(None).is_ok());
    assert_eq!(stage.fired("server-error"), 8);
}

#[test]
fn a_throttle_names_its_end_however_absurd() {
    let stage = stage();
    stage.people.plant(Fault::Throttled { seconds: Some(10) }, 1, Method::List);
    stage.people.plant(Fault::Throttled { seconds: Some(u64::MAX) }, 1, Method::List);
    let wait = || stage.page(None).expect_err("throttled").retry_at;
    assert_eq!(wait(), Some(at("2026-11-23T10:00:10Z")));
    assert_eq!(wait(), Some(Timestamp::MAX));
}

#[test]
fn a_partial_batch_answers_the_truth_item_by_item() {
    let stage = stage();
    stage.people.plant(Fault::PartialBatch, 1, Method::Create);
    let drafts: Vec<Draft> = (0..20).map(|_| stage.draft()).collect();
    let answers = stage.create(&drafts).expect("the call succeeds");
    let made = answers.iter().filter(|answer| answer.is_ok()).count();
    assert!(made > 0 && made < 20, "{made} of 20");
    assert_eq!(stage.people.live(OBJECT).len(), made);
    assert!(answers.iter().flatten().all(|written| stage.get(&written.id).is_some()));
    assert_eq!(stage.fired("partial-batch"), 1);
}

#[test]
fn a_batch_that_is_cut_leaves_its_beginning() {
    let stage = stage();
    stage.people.plant(Fault::CutMidBatch, 1, Method::Create);
    let drafts: Vec<Draft> = (0..20).map(|_| stage.draft()).collect();
    let error = stage.create(&drafts).expect_err("cut");
    assert!(is(&error, Kind::Transient, Effect::Unknown), "{error:?}");
    let made = stage.people.live(OBJECT);
    assert!(made.len() < 20, "the seed of this test cuts it");
    assert!(made.iter().zip(&drafts).all(|(row, draft)| row.fields["email"] == draft.fields["email"]));
    assert_eq!(stage.fired("cut-mid-batch"), 1);
}

#[test]
fn locked_rows_are_conflicts_item_by_item() {
    let stage = stage();
    let id = &stage.crowd(1)[0];
    stage.people.plant(Fault::RowLocked, 1, Method::Update);
    assert!(is(&stage.update(id, &[("name", "Ada")]).expect_err("locked"), Kind::Conflict, Effect::None));
    assert!(stage.update(id, &[("name", "Ada")]).is_ok());
    assert_eq!(stage.fired("row-locked"), 1);
}

#[test]
fn a_page_that_shifts_repeats_one_and_moves_one() {
    let stage = stage();
    let made = stage.crowd(7);
    stage.tick();
    let Next::More(second) = stage.page(None).expect("a page").next else { panic!("seven are three pages") };
    stage.people.plant(Fault::PageShift, 1, Method::List);
    let (rest, _) = stage.drain(Some(second));
    // The last of the first page comes again; the seventh was touched and comes at the end, as before.
    assert_eq!(rest, made[2..]);
    assert_eq!(stage.people.row(OBJECT, &made[6]).expect("live").modified_at, at("2026-11-23T10:00:01Z"));
    assert_eq!(stage.fired("page-shift"), 1);
}

#[test]
fn an_empty_page_may_have_a_next_one() {
    for list in [ListKind::Changes, ListKind::Scan] {
        let stage = stage_with(|object| object.capabilities.list = list);
        let made = stage.crowd(4);
        stage.people.plant(Fault::EmptyPage, 2, Method::List);
        let page = stage.page(None).expect("a page");
        assert!(page.records.is_empty() && matches!(page.next, Next::More(_)));
        assert_eq!(stage.drain(None).0, made);
        assert_eq!(stage.fired("empty-page"), 2);
    }
}

#[test]
fn late_rows_come_within_the_overlap() {
    let late = Duration::from_mins(1);
    let stage = stage_with(|object| {
        object.capabilities.overlap = late;
        object.capabilities.list_page = 100;
    });
    let mut made = stage.crowd(20);
    stage.people.plant(Fault::LateRows(late), 1, Method::List);
    stage.tick();
    let (mut seen, done) = stage.drain(None);
    assert!(seen.len() < 20, "the seed of this test hides some");
    stage.clock.forward(Duration::from_hours(1));
    seen.extend(stage.drain(Some(done)).0);
    seen.sort();
    seen.dedup();
    made.sort();
    assert_eq!(seen, made);
    assert_eq!(stage.fired("late-rows"), 1);
}

#[test]
fn a_stale_list_shows_the_past_and_a_get_the_present() {
    let stage = stage();
    let made = stage.crowd(2);
    stage.clock.forward(Duration::from_secs(100));
    stage.people.update(OBJECT, &made[0], fields(&[("name", "Ada")])).expect("live");
    stage.people.delete(OBJECT, &made[1]).expect("live");
    stage.crowd(1);
    stage.people.plant(Fault::StaleList(Duration::from_secs(30)), 1, Method::List);
    let then = stage.page(None).expect("a page").records;
    let told: Vec<String> = then.iter().map(|record| record.fields["name"].to_string()).collect();
    assert_eq!(told, ["Person 0", "Person 1"]);
    assert_eq!(then[0].modified_at, Some(at("2026-11-23T10:00:00Z")));
    assert_eq!(stage.get(&made[0]).expect("live").fields["name"], "Ada".into());
    assert_eq!(stage.page(None).expect("a page").records.len(), 2);
    assert_eq!(stage.fired("stale-list"), 1);
}

#[test]
fn a_moved_clock_moves_stamps_but_never_back() {
    let stage = stage();
    stage.people.plant(Fault::ClockSkew { seconds: 100 }, 1, Method::Create);
    stage.people.plant(Fault::ClockSkew { seconds: -500 }, 1, Method::Update);
    let id = stage.create(&[stage.draft()]).expect("a batch").remove(0).expect("made").id;
    let modified = || stage.people.row(OBJECT, &id).expect("live").modified_at;
    assert_eq!((modified(), stage.people.now()), (at("2026-11-23T10:01:40Z"), at("2026-11-23T10:01:40Z")));
    stage.update(&id, &[("name", "Ada")]).expect("written");
    assert_eq!((modified(), stage.people.now()), (at("2026-11-23T10:01:40Z"), at("2026-11-23T09:53:20Z")));
    stage.people.lift_faults();
    assert_eq!(stage.people.now(), at("2026-11-23T10:00:00Z"));
    assert_eq!(stage.fired("clock-skew"), 2);
}

#[test]
fn a_field_is_withheld_or_masked_in_every_reading() {
    let stage = stage();
    let id = &stage.crowd(1)[0];
    let values = ["p0@example.com".into()];
    let readings: [(Method, &dyn Fn() -> Fields); 3] = [
        (Method::Get, &|| stage.get(id).expect("live").fields),
        (Method::List, &|| stage.page(None).expect("a page").records[0].fields.clone()),
        (Method::Find, &|| {
            let find = Find { object: OBJECT, key: "email", values: &values, fields: &stage.wanted };
            now(stage.connector.find(&stage.call, find)).expect("found").records[0].fields.clone()
        }),
    ];
    for (method, read) in readings {
        stage.people.plant(Fault::FieldWithheld { field: "name".into() }, 1, method);
        assert_eq!(read().get("name"), None, "{method:?}");
        stage.people.plant(Fault::FieldMasked { field: "name".into() }, 1, method);
        assert_eq!(read()["name"], "***".into(), "{method:?}");
        assert_eq!(read()["name"], "Person 0".into(), "{method:?}");
    }
    assert_eq!((stage.fired("field-withheld"), stage.fired("field-masked")), (3, 3));
}

#[test]
fn a_field_is_ignored_though_the_answer_says_success() {
    let stage = stage();
    let id = &stage.crowd(1)[0];
    stage.people.plant(Fault::FieldIgnored { field: "name".into() }, 1, Method::Update);
    stage.update(id, &[("score", "1")]).expect("written");
    assert_eq!(stage.fired("field-ignored"), 0, "it waits for a write of its field");
    stage.update(id, &[("name", "Ada"), ("score", "2")]).expect("written");
    assert_eq!((stage.value(id, "name"), stage.value(id, "score")), ("Person 0".into(), "2".into()));
    assert_eq!(stage.fired("field-ignored"), 1);
}

#[test]
fn a_value_is_stored_in_the_services_form() {
    let cases = [
        (Normal::Trim, "name", " Ada ", "Ada"),
        (Normal::Lower, "name", "ADA", "ada"),
        (Normal::Truncate(3), "name", "Adeline", "Ade"),
        (Normal::Round(1), "score", "2.75", "2.8"),
    ];
    for (how, field, given, stored) in cases {
        let stage = stage();
        let id = &stage.crowd(1)[0];
        stage.people.plant(Fault::Normalised { field: field.into(), how }, 1, Method::Update);
        let written = stage.update(id, &[(field, given)]).expect("written");
        assert_eq!(stage.value(id, field), stored.into(), "{how:?}");
        assert_eq!(written.record.expect("the answer carries it").fields[field], stored.into(), "{how:?}");
        assert_eq!(stage.fired("normalised"), 1);
    }
}

#[test]
fn a_rule_rewrites_behind_the_answer() {
    let stage = stage();
    let id = &stage.crowd(1)[0];
    stage.people.plant(Fault::Automation { field: "name".into(), value: "Rule".into() }, 1, Method::Update);
    let written = stage.update(id, &[("name", "Ada")]).expect("written");
    assert_eq!(written.record.expect("the answer carries it").fields["name"], "Ada".into());
    let row = stage.people.row(OBJECT, id).expect("live");
    assert_eq!((&row.fields["name"], row.modified_by.kind), (&"Rule".into(), ActorKind::Workflow));
    assert_eq!(stage.fired("automation"), 1);
}

#[test]
fn a_choice_is_taken_off_the_list_and_stays_in_records() {
    let stage = stage();
    let id = &stage.crowd(1)[0];
    stage.update(id, &[("stage", "lead")]).expect("a choice");
    let gone = Fault::ChoiceRemoved { object: OBJECT.into(), field: "stage".into(), choice: "lead".into() };
    stage.people.plant(gone, 1, Method::Describe);
    let schema = now(stage.connector.describe(&stage.call, OBJECT)).expect("a schema");
    assert_eq!(schema.field("stage").expect("a field").options, ["customer"]);
    assert_eq!(stage.value(id, "stage"), "lead".into());
    assert_eq!(stage.update(id, &[("stage", "lead")]).expect_err("removed").kind, Kind::RejectedField);
    assert_eq!(stage.fired("choice-removed"), 1);
}

#[test]
fn one_seed_gives_one_run() {
    let run = |seed: u64| {
        let mut options = MemoryOptions::new(OBJECT, ObjectOptions::new(vec![options::unique("email")]));
        options.seed = seed;
        let connector = MemoryConnector::new(options, Arc::new(Hands::default()));
        connector.people().plant(Fault::PartialBatch, Fault::FOREVER, Method::Create);
        let draft = |number: usize| Draft {
            fields: fields(&[("email", &format!("{number}@example.com"))]),
            trace: number.to_string(),
        };
        let drafts: Vec<Draft> = (0..50).map(draft).collect();
        let answers = now(connector.create(&Call::default(), OBJECT, &drafts)).expect("the call succeeds");
        answers.iter().map(Result::is_ok).collect::<Vec<bool>>()
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}

#[test]
#[should_panic(expected = "a fault `stale-list` never fires on Create")]
fn a_fault_is_not_planted_where_it_cannot_fire() {
    stage().people.plant(Fault::StaleList(Duration::ZERO), 1, Method::Create);
}

#[test]
fn every_fault_fires_under_its_name() {
    let stage = stage_with(|object| object.capabilities.overlap = Duration::from_mins(1));
    let name = || "name".to_owned();
    let planted = [
        (Fault::Refused, Method::Get),
        (Fault::ServerError, Method::Find),
        (Fault::Throttled { seconds: None }, Method::Describe),
        (Fault::TimeoutBefore, Method::Account),
        (Fault::AnswerLost, Method::Delete),
        (Fault::AppliedThenError, Method::Upsert),
        (Fault::LoginRefused, Method::Deletions),
        (Fault::PartialBatch, Method::Update),
        (Fault::CutMidBatch, Method::Update),
        (Fault::RowLocked, Method::Update),
        (Fault::PageShift, Method::List),
        (Fault::EmptyPage, Method::List),
        (Fault::LateRows(Duration::from_mins(1)), Method::List),
        (Fault::StaleList(Duration::from_mins(1)), Method::List),
        (Fault::ItemsReordered, Method::List),
        (Fault::DuplicateDelivery, Method::Upsert),
        (Fault::ClockSkew { seconds: 1 }, Method::History),
        (Fault::ClockStep { seconds: 1 }, Method::History),
        (Fault::FieldWithheld { field: name() }, Method::List),
        (Fault::FieldMasked { field: "email".into() }, Method::List),
        (Fault::Normalised { field: name(), how: Normal::Lower }, Method::Update),
        (Fault::FieldIgnored { field: name() }, Method::Update),
        (Fault::Automation { field: name(), value: "Rule".into() }, Method::Update),
        (Fault::ChoiceRemoved { object: OBJECT.into(), field: "stage".into(), choice: "lead".into() }, Method::Any),
        (Fault::FieldRetyped { object: OBJECT.into(), field: "stage".into() }, Method::Delete),
        (Fault::FieldRenamed { object: OBJECT.into(), field: "stage".into() }, Method::Delete),
    ];
    for (fault, on) in planted {
        stage.people.plant(fault, 1, on);
    }
    let made = stage.crowd(20);
    let (object, call, ids) = (OBJECT, &stage.call, &made[..1]);
    let address = hymnal_sdk::Address::new(object, &made[0]);
    for _ in 0..5 {
        let _ = stage.update(&made[1], &[("name", "ADA")]);
        let _ = stage.page(None);
        let _ = now(stage.connector.get(call, object, ids, &stage.wanted));
        let _ = now(stage.connector.find(call, Find { object, key: "name", values: &[], fields: &[] }));
        let _ = now(stage.connector.describe(call, object));
        let _ = now(stage.connector.account(call));
        let _ = now(stage.connector.deletions(call, object, None));
        let _ = now(stage.connector.upsert(call, object, "email", &[stage.draft()]));
        let _ = now(stage.connector.history(call, &address, &stage.wanted));
        let _ = now(stage.connector.delete(call, object, ids));
    }
    let mut names = Fault::NAMES.to_vec();
    names.sort_unstable();
    assert_eq!(stage.people.fired().into_keys().collect::<Vec<_>>(), names);
}

#[test]
fn a_request_that_comes_twice_is_applied_twice() {
    let stage = stage();
    stage.people.plant(Fault::DuplicateDelivery, 2, Method::Any);
    let draft = Draft { fields: [("name".to_owned(), "Ada".into())].into(), trace: "t".into() };
    let first = stage.create(&[draft]).expect("an answer")[0].clone().expect("made");
    let live = stage.people.live(OBJECT);
    assert_eq!(live.len(), 2, "made twice, since nothing in it is unique");
    assert_eq!(live[0].id, first.id, "the first answer comes back");
    let before = live[0].sequence;
    stage.update(&first.id, &[("name", "Eve")]).expect("an answer");
    let row = stage.people.row(OBJECT, &first.id).expect("live");
    assert_eq!((row.sequence, row.fields["name"].clone()), (before + 3, "Eve".into()));
    assert_eq!(stage.fired("duplicate-delivery"), 2);
}

#[test]
fn a_list_out_of_order_has_everybody_and_one_twice() {
    let stage = stage();
    let mut made = stage.crowd(3);
    stage.people.plant(Fault::ItemsReordered, 1, Method::List);
    let page = stage.page(None).expect("a page");
    let mut ids: Vec<String> = page.records.into_iter().map(|record| record.address.id).collect();
    assert_eq!(ids.len(), 4);
    ids.sort();
    ids.dedup();
    made.sort();
    assert_eq!(ids, made);
    assert_eq!(stage.fired("items-reordered"), 1);
}

#[test]
fn a_clock_that_was_set_stays_so() {
    let stage = stage();
    stage.people.plant(Fault::ClockSkew { seconds: 60 }, 1, Method::List);
    stage.people.plant(Fault::ClockStep { seconds: -7200 }, 1, Method::List);
    stage.page(None).expect("a page");
    assert_eq!(stage.people.now(), at("2026-11-23T08:01:00Z"));
    stage.people.lift_faults();
    assert_eq!(stage.people.now(), at("2026-11-23T08:00:00Z"));
    assert_eq!((stage.fired("clock-skew"), stage.fired("clock-step")), (1, 1));
}

#[test]
fn a_field_that_was_renamed_or_retyped_comes_back() {
    let stage = stage();
    let id = &stage.crowd(1)[0];
    stage.update(id, &[("name", "Ada")]).expect("a text");
    let field = || ("people".to_owned(), "name".to_owned());
    let ((object, field), again) = (field(), field());
    stage.people.plant(Fault::FieldRetyped { object, field }, 1, Method::Any);
    assert!(is(&stage.update(id, &[("name", "Eve")]).expect_err("a number"), Kind::RejectedField, Effect::None));
    stage.people.plant(Fault::FieldRenamed { object: again.0, field: again.1 }, 1, Method::Any);
    assert!(is(&stage.update(id, &[("name", "Eve")]).expect_err("no such field"), Kind::Fatal, Effect::None));
    assert!(!stage.get(id).expect("a record").fields.contains_key("name"));
    stage.people.lift_faults();
    assert_eq!(stage.get(id).expect("a record").fields["name"], "Ada".into());
    assert!(stage.update(id, &[("name", "Eve")]).is_ok());
    assert_eq!((stage.fired("field-renamed"), stage.fired("field-retyped")), (1, 1));
}
