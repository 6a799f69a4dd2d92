//! Rules that change: what follows is looked at before it is written, goes on after a crash, and forgets nothing.

use std::{sync::Arc, time::Duration};

use hymnal::{
    cycle::report::{Held, Written},
    mapping::{FieldMap, FieldType, NativeField},
    merge::{FieldRule, Limit, OnConflict, Side, SyncRules},
    store::{
        Kv,
        tables::{Tag, Wait},
    },
};

use hymnal_memory::{Account, MemoryOptions};

use super::stage::{Fuse, LEADS, Shape, Stage, field};

/// So many people who differ in what is not mapped yet.
async fn differing(people: usize, limit: u64) -> Stage {
    let mut shape = Shape::default();
    shape.rules.guards.max_updates = Limit { count: Some(limit), share: None };
    shape.rules.fields.retain(|rule| rule.map.name != "phone");
    let mut stage = shape.stage();
    stage.restart().await;
    for number in 0..people {
        let email = format!("p{number:03}@example.com");
        stage.make(Side::Left, &[("email", &email), ("phone", "1")]);
        stage.make(Side::Right, &[("email", &email), ("phone", "2")]);
    }
    stage.settle().await;
    stage
}

fn phone() -> FieldRule {
    let mut rules = Shape::default().rules;
    field(&mut rules, "phone").clone()
}

fn phones(stage: &Stage, side: Side, value: &str) -> usize {
    let rows = stage.people[side].live(super::stage::object(side));
    rows.iter().filter(|row| row.fields.get("phone").is_some_and(|phone| phone.to_string() == value)).count()
}

/// P30: a new mapping is not applied to existing records.
#[tokio::test]
async fn p30_a_new_mapping_reaches_everybody_by_the_first_link() {
    let mut stage = differing(3, 100).await;
    stage.rules.fields.push(phone());
    stage.restart().await;
    assert_eq!(stage.settle().await, Written { created: 0, updated: 3 });
    assert_eq!(phones(&stage, Side::Left, "2"), 3, "`prefer crm`");
    assert!(stage.log().iter().all(|line| line.starts_with("phone first_link resolved")), "{:?}", stage.log());
    stage.check().await;
}

#[tokio::test]
async fn what_would_cross_a_guard_waits_as_a_whole() {
    let mut stage = differing(6, 4).await;
    stage.rules.fields.push(phone());
    stage.restart().await;
    assert_eq!(stage.settle_held().await, Some(Held::Configuration));
    assert_eq!(phones(&stage, Side::Left, "2"), 0, "not even what the guard would let through");
    stage.restart().await;
    assert_eq!(stage.cycle().await.held, Some(Held::Configuration), "a restart changes nothing");
    stage.sync.approve_changed().await.expect("a store in memory");
    assert_eq!(stage.settle().await, Written { created: 0, updated: 6 }, "what was shown passes the guard");
    stage.check().await;
}

#[tokio::test]
async fn who_discards_it_keeps_both_sides_as_they_are() {
    let mut stage = differing(6, 4).await;
    stage.rules.fields.push(phone());
    stage.restart().await;
    stage.settle_held().await;
    stage.sync.discard_changed().await.expect("a store in memory");
    assert_eq!(stage.settle().await, Written::default());
    assert_eq!((phones(&stage, Side::Left, "1"), phones(&stage, Side::Right, "2")), (6, 6));
    let id = stage.find(Side::Left, "p000@example.com");
    stage.edit(Side::Left, &id, &[("phone", "3")]);
    assert_eq!(stage.settle().await, Written { created: 0, updated: 1 }, "until the next edit");
    assert_eq!(phones(&stage, Side::Right, "3"), 1);
    stage.check().await;
}

#[tokio::test]
async fn rules_that_are_changed_back_leave_nothing_behind() {
    let mut stage = differing(6, 4).await;
    let before = stage.rules.clone();
    stage.rules.fields.push(phone());
    stage.restart().await;
    stage.settle_held().await;
    stage.rules = before;
    stage.restart().await;
    assert_eq!(stage.settle().await, Written::default());
    stage.check().await;
}

#[tokio::test]
async fn a_renamed_field_keeps_what_is_known_of_it() {
    let mut stage = Stage::new();
    stage.restart().await;
    let ids = stage.linked(&[("email", "ann@example.com"), ("city", "Bonn")]).await;
    stage.edit(Side::Left, &ids.left, &[("city", "Rome")]);
    let rule = field(&mut stage.rules, "city");
    rule.map.name = "town".into();
    rule.renamed_from = Some("city".into());
    stage.restart().await;
    assert_eq!(stage.settle().await, Written { created: 0, updated: 1 }, "the edit meets what was agreed");
    assert_eq!(stage.value(Side::Right, &ids.right, "city"), "Rome");
    assert_eq!(stage.log(), [""; 0], "nobody disagreed");
    stage.check().await;
}

/// The admin renamed the field of the service; the values went with it.
#[tokio::test]
async fn a_renamed_native_field_keeps_its_shadow() {
    let mut stage = Stage::new();
    stage.restart().await;
    let ids = stage.linked(&[("email", "ann@example.com"), ("city", "Bonn")]).await;
    stage.edit(Side::Right, &ids.right, &[("phone", "Bonn"), ("city", "")]);
    stage.rules.fields.retain(|rule| rule.map.name != "phone");
    let rule = field(&mut stage.rules, "city");
    for place in rule.map.native.right.values_mut() {
        place.name = "phone".into();
    }
    rule.renamed_from = Some("city".into());
    stage.restart().await;
    assert_eq!(stage.settle().await, Written::default());
    stage.edit(Side::Left, &ids.left, &[("city", "Rome")]);
    assert_eq!(stage.settle().await, Written { created: 0, updated: 1 });
    assert_eq!(stage.value(Side::Right, &ids.right, "phone"), "Rome");
    assert_eq!(stage.log(), [""; 0]);
}

#[tokio::test]
async fn a_field_that_was_away_begins_with_its_first_link() {
    let mut stage = Stage::new();
    stage.restart().await;
    let ids = stage.linked(&[("email", "ann@example.com"), ("memo", "a")]).await;
    stage.edit(Side::Left, &ids.left, &[("memo", "b")]);
    stage.edit(Side::Right, &ids.right, &[("memo", "c")]);
    stage.settle().await;
    assert_eq!(stage.log(), ["memo conflict open"]);
    let memo = field(&mut stage.rules, "memo").clone();
    stage.rules.fields.retain(|rule| rule.map.name != "memo");
    stage.restart().await;
    stage.settle().await;
    assert_eq!(stage.log(), ["memo conflict open", "memo conflict superseded"]);
    stage.rules.fields.push(FieldRule {
        policy: hymnal::merge::FieldPolicy {
            first_link: OnConflict::Prefer(Side::Right),
            on_conflict: OnConflict::Latest,
            ..memo.policy.clone()
        },
        ..memo
    });
    stage.restart().await;
    stage.settle().await;
    assert_eq!(stage.value(Side::Left, &ids.left, "memo"), "c");
    stage.check().await;
}

/// Half a million people are derived anew page by page; a crash goes on where it was.
#[tokio::test]
async fn an_adoption_that_is_killed_anywhere_ends_the_same() {
    for commits in 0..200 {
        let mut stage = differing(4, 100).await;
        stage.rules.fields.push(phone());
        let half = commits / 2;
        let fuse = if commits % 2 == 0 { Fuse::before(&stage.kv, half) } else { Fuse::after(&stage.kv, half) };
        let survived = stage.restart_on(Arc::new(fuse.clone())).await.is_ok();
        stage.restart().await;
        assert_eq!(stage.settle().await, Written { created: 0, updated: 4 }, "after {commits}");
        stage.check().await;
        let counts = stage.sync.look_counts().await.expect("a store in memory");
        assert_eq!((counts.people, counts.linked), (4, 4), "after {commits}");
        if survived && !fuse.is_blown() {
            return;
        }
    }
    panic!("it never gets through");
}

/// What the old mapping could not write, the new one may.
#[tokio::test]
async fn changed_choices_release_what_was_parked_for_them() {
    let mut shape = Shape::default();
    let rule = shape.rule("title");
    rule.map.kind = FieldType::Choice;
    for place in rule.map.native.left.values_mut().chain(rule.map.native.right.values_mut()) {
        *place = NativeField {
            unmapped: hymnal::mapping::Unmapped::Park,
            values: vec![("a".into(), vec!["a".into()])],
            ..place.clone()
        };
    }
    let mut stage = shape.stage();
    stage.restart().await;
    let ids = stage.linked(&[("email", "ann@example.com"), ("title", "a")]).await;
    stage.edit(Side::Left, &ids.left, &[("title", "b")]);
    stage.settle().await;
    let parked = |stage: &Stage| stage.kv.scan(&Tag(1).waiting(Wait::Parked), None, usize::MAX).expect("a store").len();
    assert_eq!(parked(&stage), 1);
    let rule = field(&mut stage.rules, "title");
    for place in rule.map.native.left.values_mut().chain(rule.map.native.right.values_mut()) {
        place.values.push(("b".into(), vec!["b".into()]));
    }
    stage.restart().await;
    stage.settle().await;
    assert_eq!(parked(&stage), 0);
    assert_eq!(stage.value(Side::Right, &ids.right, "title"), "b");
    stage.check().await;
}

/// The account behind a login is another one: nothing is read, nothing is written, whatever the state says.
#[tokio::test]
async fn another_account_is_neither_read_nor_written() {
    let mut stage = Stage::new();
    let ids = stage.linked(&[("email", "ann@example.com"), ("city", "Bonn")]).await;
    let shape = Shape::default();
    let objects = [(LEADS.to_owned(), shape.leads), ("accounts".to_owned(), shape.clients)].into();
    let options = MemoryOptions { account: "sandbox".into(), objects, seed: 7, latency: Duration::ZERO };
    let sandbox = Account::new(options, Arc::new(stage.clock.clone()));
    let production = std::mem::replace(&mut stage.people.right, sandbox);
    stage.restart().await;
    stage.edit(Side::Left, &ids.left, &[("city", "Rome")]);
    let report = stage.cycle().await;
    assert_eq!(report.held, Some(Held::Account));
    let error = report.another_account().expect("it says so");
    assert!(error.message.contains("`sandbox`") && error.message.contains("`right`"), "{}", error.message);
    assert!(error.hint.as_ref().is_some_and(|hint| hint.contains("hymnal rebind crm")));
    assert_eq!(stage.people.right.live("leads").len(), 0, "nobody is made there");
    stage.people.right = production;
    stage.restart().await;
    assert_eq!(stage.settle().await, Written { created: 0, updated: 1 }, "with the right login it goes on");
    stage.check().await;
}

/// Rules are what a configuration means; guards and times are none of them.
#[test]
fn guards_do_not_decide() {
    let rules = Shape::default().rules;
    let digest = |rules: &SyncRules| hymnal::config::sync_digest(rules);
    let mut other = rules.clone();
    other.guards.max_updates = Limit::OFF;
    field(&mut other, "city").renamed_from = Some("town".into());
    assert_eq!(digest(&rules), digest(&other));
    let map: &FieldMap = &field(&mut other, "city").map;
    assert_eq!(map.name, "city");
    field(&mut other, "city").policy.on_conflict = OnConflict::Manual;
    assert_ne!(digest(&rules), digest(&other));
}
