//! What a service refuses is set aside alone, by its reason, and goes on by itself when the reason is gone.

use std::time::Duration;

use hymnal::{
    cycle::parked::{MANY, Reason},
    merge::{
        Event, Side,
        parked::{Handling, Parking},
    },
    store::{Kv, format, tables::Tag},
};
use hymnal_memory::options;

use super::stage::{LEADS, Shape, Stage, field};

const ANN: &str = "ann@example.com";

fn parked(stage: &Stage) -> Vec<Reason> {
    stage.sync.parked().expect("a store in memory")
}

fn codes(stage: &Stage) -> Vec<(String, usize)> {
    parked(stage).into_iter().map(|reason| (reason.signature.code, reason.people.len())).collect()
}

/// How many items were sent to be written on the right since this was last asked.
fn sent(stage: &Stage) -> usize {
    stage.people.right.take_calls().iter().filter(|call| call.method.writes()).map(|call| call.items).sum()
}

/// On the right, `city` takes these choices alone.
fn choosy(choices: &[&str]) -> Shape {
    let mut shape = Shape::default();
    let fields = &mut shape.side(Side::Right).schema.fields;
    *fields.iter_mut().find(|field| field.name == "city").expect("a field") = options::choice("city", choices);
    shape
}

/// P16: one bad value stops nothing but itself, in the same push.
#[tokio::test]
async fn p16_a_bad_value_is_parked_alone_and_the_rest_is_written_at_once() {
    let mut shape = choosy(&["Bonn"]);
    let fields = &mut shape.side(Side::Right).schema.fields;
    for name in ["phone", "name", "memo"] {
        fields.iter_mut().find(|field| field.name == name).expect("a field").max_length = Some(5);
    }
    let stage = shape.stage();
    let ids = stage.linked(&[("email", ANN), ("city", "Bonn"), ("optout", "no")]).await;
    let long = "much too long";
    let values =
        [("city", "Rome"), ("phone", long), ("name", long), ("memo", long), ("title", "Dr"), ("optout", "yes")];
    stage.edit(Side::Left, &ids.left, &values);
    stage.cycle().await;
    assert_eq!(stage.value(Side::Right, &ids.right, "title"), "Dr");
    assert_eq!(stage.value(Side::Right, &ids.right, "optout"), "yes");
    assert_eq!(stage.value(Side::Right, &ids.right, "city"), "Bonn");
    assert_eq!(codes(&stage).len(), 4);
    let words = stage.sync.words_of(&parked(&stage)[0]).await.expect("a store in memory").expect("words");
    assert!(!words.0.hint.is_empty(), "P17: a person is told what to do: {words:?}");
    stage.settle().await;
    stage.check().await;
}

/// An admin takes a choice off the list, and gives it back: nobody has to do anything here.
#[tokio::test]
async fn a_choice_that_is_back_releases_all_who_waited_for_it() {
    let mut stage = choosy(&["Bonn", "Rome"]).stage();
    let people = 3 * MANY;
    for number in 0..people {
        stage.make(Side::Left, &[("email", &format!("p{number}@example.com")), ("city", "Bonn")]);
    }
    stage.settle().await;
    let choices = |stage: &Stage, choices: &'static [&str]| {
        stage.people.right.describe_as(LEADS, |schema| {
            let city = schema.fields.iter_mut().find(|field| field.name == "city").expect("a field");
            *city = options::choice("city", choices);
        });
    };
    choices(&stage, &["Bonn"]);
    stage.clock.forward(Duration::from_hours(2));
    stage.settle().await;
    for row in stage.people.left.live("contacts") {
        stage.edit(Side::Left, &row.id, &[("city", "Rome")]);
    }
    stage.settle().await;
    assert_eq!(codes(&stage), [("no-such-option".to_owned(), people)], "one reason, with a count");
    sent(&stage);
    choices(&stage, &["Bonn", "Rome"]);
    // The service is asked for its schema sooner where something waits for it; and what changes while no daemon runs is
    // noticed too.
    stage.restart().await;
    stage.settle().await;
    assert_eq!(codes(&stage), []);
    assert_eq!(sent(&stage), people);
    stage.check().await;
    choices(&stage, &["Bonn"]);
    stage.clock.forward(Duration::from_hours(2));
    stage.settle().await;
    for row in stage.people.left.live("contacts").into_iter().take(2) {
        stage.edit(Side::Left, &row.id, &[("city", "Rome"), ("name", "x")]);
        stage.edit(Side::Left, &row.id, &[("city", "Bonn")]);
        stage.edit(Side::Left, &row.id, &[("city", "Paris")]);
    }
    stage.settle().await;
    assert_eq!(codes(&stage), [("no-such-option".to_owned(), 2)]);
    choices(&stage, &["Bonn", "Paris"]);
    stage.clock.forward(Duration::from_mins(6));
    stage.settle().await;
    assert_eq!(codes(&stage), []);
    stage.check().await;
}

/// An import of many under a new validation rule: one entry, and one probe now and then; a hot lead goes on.
#[tokio::test]
async fn many_refused_for_one_reason_have_one_breaker() {
    let stage = Stage::new();
    stage.people.right.forbid(LEADS, "city", "Nowhere");
    let people = 4 * MANY;
    for number in 0..people {
        stage.make(Side::Left, &[("email", &format!("p{number}@example.com")), ("city", "Nowhere")]);
    }
    stage.settle().await;
    assert_eq!(codes(&stage), [("FIELD_CUSTOM_VALIDATION_EXCEPTION".to_owned(), people)]);
    assert_eq!(parked(&stage)[0].signature.what, Parking::Record);
    sent(&stage);
    for _ in 0..24 {
        stage.clock.forward(Duration::from_mins(5));
        stage.settle().await;
    }
    let probes = sent(&stage);
    assert!((1..=6).contains(&probes), "two hours of probes: {probes}");
    let hot = stage.make(Side::Left, &[("email", ANN), ("city", "Bonn")]);
    stage.cycle().await;
    assert_eq!(stage.all(Side::Right, ANN).len(), 1, "the hot lead {hot} does not wait");
    stage.people.right.forbid_nothing();
    stage.clock.forward(Duration::from_hours(24));
    stage.settle().await;
    assert_eq!(codes(&stage), [], "one probe's success released all");
    assert_eq!(stage.people.right.live(LEADS).len(), people + 1);
    stage.check().await;
}

/// Somebody corrects one of many: that its write is taken says nothing of the others.
#[tokio::test]
async fn a_corrected_record_releases_nobody_else() {
    let stage = Stage::new();
    stage.people.right.forbid(LEADS, "city", "Nowhere");
    let made: Vec<String> = (0..2 * MANY)
        .map(|number| stage.make(Side::Left, &[("email", &format!("p{number}@example.com")), ("city", "Nowhere")]))
        .collect();
    stage.settle().await;
    stage.clock.forward(Duration::from_mins(6));
    stage.settle().await;
    sent(&stage);
    stage.edit(Side::Left, &made[0], &[("city", "Bonn")]);
    stage.settle().await;
    assert_eq!(sent(&stage), 1);
    assert_eq!(codes(&stage), [("FIELD_CUSTOM_VALIDATION_EXCEPTION".to_owned(), 2 * MANY - 1)]);
}

/// What a rule refuses must not hold up who wants no more mail, now or later.
#[tokio::test]
async fn a_parked_record_never_holds_up_a_restriction() {
    let stage = Stage::new();
    let ids = stage.linked(&[("email", ANN), ("city", "Bonn"), ("optout", "no")]).await;
    stage.people.right.forbid(LEADS, "city", "Nowhere");
    stage.edit(Side::Left, &ids.left, &[("city", "Nowhere")]);
    stage.settle().await;
    assert_eq!(codes(&stage).len(), 1);
    stage.edit(Side::Left, &ids.left, &[("optout", "yes")]);
    stage.settle().await;
    assert_eq!(stage.value(Side::Right, &ids.right, "optout"), "yes");
    assert_eq!(stage.value(Side::Right, &ids.right, "city"), "Bonn");
    stage.check().await;
}

#[tokio::test]
async fn a_person_retries_and_it_is_tried_at_once() {
    let stage = Stage::new();
    let ids = stage.linked(&[("email", ANN), ("city", "Bonn")]).await;
    stage.people.right.forbid(LEADS, "city", "Nowhere");
    stage.edit(Side::Left, &ids.left, &[("city", "Nowhere")]);
    stage.settle().await;
    stage.people.right.forbid_nothing();
    assert_eq!(stage.settle().await.updated, 0, "its delay is not over");
    let handled = stage.sync.handle_parked(&parked(&stage), None, Handling::Retry, "kim").await;
    assert_eq!(handled.expect("a store in memory"), 1);
    stage.settle().await;
    assert_eq!(stage.value(Side::Right, &ids.right, "city"), "Nowhere");
    assert_eq!(handlings(&stage), [Handling::Retry]);
    stage.check().await;
}

/// What a person dismissed is left alone until it changes, and is listed no more.
#[tokio::test]
async fn what_is_dismissed_waits_for_the_next_edit() {
    let mut stage = choosy(&["Bonn"]).stage();
    let ids = stage.linked(&[("email", ANN), ("city", "Bonn")]).await;
    stage.edit(Side::Left, &ids.left, &[("city", "Rome")]);
    stage.settle().await;
    let handled = stage.sync.handle_parked(&parked(&stage), None, Handling::Dismiss, "kim").await;
    assert_eq!(handled.expect("a store in memory"), 1);
    assert_eq!(codes(&stage), []);
    stage.clock.forward(Duration::from_hours(30));
    stage.restart().await;
    stage.settle().await;
    assert_eq!(codes(&stage), []);
    assert_eq!(handlings(&stage), [Handling::Dismiss]);
    stage.check().await;
    stage.edit(Side::Left, &ids.left, &[("city", "Paris")]);
    stage.settle().await;
    assert_eq!(codes(&stage).len(), 1, "another value is another question");
    stage.edit(Side::Left, &ids.left, &[("city", "Bonn")]);
    stage.settle().await;
    assert_eq!(codes(&stage), []);
    stage.check().await;
}

#[tokio::test]
async fn a_new_mapping_tries_again_what_the_old_one_could_not_write() {
    let mut stage = choosy(&["N"]).stage();
    stage.restart().await;
    let ids = stage.linked(&[("email", ANN)]).await;
    stage.edit(Side::Left, &ids.left, &[("city", "north")]);
    stage.settle().await;
    assert_eq!(codes(&stage).len(), 1);
    for place in field(&mut stage.rules, "city").map.native.right.values_mut() {
        place.values = vec![("north".into(), vec!["N".into()])];
    }
    stage.restart().await;
    stage.settle().await;
    assert_eq!(stage.value(Side::Right, &ids.right, "city"), "N");
    assert_eq!(codes(&stage), []);
    stage.check().await;
}

fn handlings(stage: &Stage) -> Vec<Handling> {
    let rows = stage.kv.scan(&Tag(1).table(b'j'), None, usize::MAX).expect("a store in memory");
    let pages = rows.iter().map(|(key, value)| {
        let page: hymnal::journal::entry::JournalPage = format::open(key, value).expect("a page");
        page.events
    });
    let handling = |event: Event| match event {
        Event::Handled { handling, by, .. } => {
            assert_eq!(by, "kim");
            Some(handling)
        }
        _ => None,
    };
    pages.flatten().filter_map(handling).collect()
}
