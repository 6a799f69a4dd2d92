//! Choices: named per object, many natives to one name, and a service in which a stage only moves forward.

use hymnal::{
    mapping::{FieldType, Unmapped, Value},
    merge::{Back, OnConflict, Pair, Side, entity::Mark},
};
use hymnal_memory::{Method, options};

use super::stage::{Fuse, Shape, Stage};

const ANN: &str = "ann@example.com";
const STAGES: [&str; 3] = ["lead", "mql", "customer"];

/// `stage` is `furthest`; the left service moves it forward only, unless it is cleared first.
fn shape(clear_first: bool) -> Shape {
    let mut shape = Shape::default();
    let text = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    shape.contacts.schema.fields.push(options::choice("stage", &STAGES));
    shape.leads.schema.fields.push(options::choice("stage", &["Open", "New", "MQL", "Customer", "Odd"]));
    shape.contacts.forward_only.insert("stage".into(), text(&STAGES));
    if clear_first {
        shape.contacts.capabilities.clear_first = text(&["stage"]);
    }
    let mut rule = shape.rules.fields[1].clone();
    rule.map.name = "stage".into();
    rule.map.kind = FieldType::Choice;
    for side in Side::BOTH {
        let native = &mut rule.map.native[side];
        native.remove("accounts");
        for place in native.values_mut() {
            place.name = "stage".into();
        }
    }
    for place in rule.map.native.right.values_mut() {
        place.unmapped = Unmapped::Park;
        place.values = vec![
            ("lead".into(), text(&["Open", "New"])),
            ("mql".into(), text(&["MQL"])),
            ("customer".into(), text(&["Customer"])),
        ];
    }
    rule.policy.on_conflict = OnConflict::Furthest;
    rule.policy.first_link = OnConflict::Furthest;
    rule.policy.order = STAGES.iter().map(|&stage| Value::Text(stage.into())).collect();
    rule.policy.back = Back::Allow;
    shape.rules.fields.push(rule);
    shape
}

async fn linked(stage: &Stage, native: &str) -> Pair<String> {
    let right = stage.make(Side::Right, &[("email", ANN), ("stage", native)]);
    stage.settle().await;
    Pair::new(stage.find(Side::Left, ANN), right)
}

#[tokio::test]
async fn many_natives_stand_for_one_choice_and_the_first_is_written() {
    let stage = shape(true).stage();
    let ids = linked(&stage, "New").await;
    assert_eq!(stage.value(Side::Left, &ids.left, "stage"), "lead");
    stage.edit(Side::Right, &ids.right, &[("stage", "Open")]);
    stage.settle().await;
    assert_eq!(stage.value(Side::Right, &ids.right, "stage"), "Open", "the same choice: nothing is rewritten");
    let other = stage.make(Side::Left, &[("email", "bob@example.com"), ("stage", "lead")]);
    stage.settle().await;
    assert_eq!(stage.value(Side::Right, &stage.find(Side::Right, "bob@example.com"), "stage"), "Open");
    assert_eq!(stage.value(Side::Left, &other, "stage"), "lead");
    stage.check().await;
}

/// P16: one value that nobody mapped waits alone.
#[tokio::test]
async fn p16_a_choice_that_nobody_mapped_waits_and_the_record_goes_on() {
    let stage = shape(true).stage();
    let ids = linked(&stage, "MQL").await;
    stage.edit(Side::Right, &ids.right, &[("stage", "Odd"), ("city", "Rome")]);
    stage.settle().await;
    assert_eq!(stage.value(Side::Left, &ids.left, "city"), "Rome");
    assert_eq!(stage.value(Side::Left, &ids.left, "stage"), "mql");
    assert_eq!(stage.value(Side::Right, &ids.right, "stage"), "Odd", "what is not understood is not overwritten");
    let mark = stage.entity(Side::Left, &ids.left).fields["stage"].sides.right.mark.clone();
    assert!(matches!(mark, Some(Mark::Parked { golden: None, .. })), "{mark:?}");
    stage.check().await;
}

/// A recycled lead: the service ignores a step back with success, so that it is cleared, then set.
#[tokio::test]
async fn a_step_back_is_cleared_then_set_where_the_service_ignores_it() {
    let stage = shape(true).stage();
    let ids = linked(&stage, "Customer").await;
    stage.people.left.take_calls();
    stage.edit(Side::Right, &ids.right, &[("stage", "New")]);
    stage.settle().await;
    assert_eq!(stage.value(Side::Left, &ids.left, "stage"), "lead");
    assert_eq!(stage.value(Side::Right, &ids.right, "stage"), "New", "the blank in between was no edit");
    let writes = stage.people.left.take_calls().iter().filter(|call| call.method == Method::Update).count();
    assert_eq!(writes, 3, "tried, cleared, set");
    stage.check().await;
}

/// Nobody says that clearing helps: it is shown, and nothing is cleared.
#[tokio::test]
async fn a_step_back_that_is_ignored_is_shown_where_clearing_does_not_help() {
    let stage = shape(false).stage();
    let ids = linked(&stage, "Customer").await;
    stage.edit(Side::Right, &ids.right, &[("stage", "New")]);
    stage.settle().await;
    assert_eq!(stage.value(Side::Left, &ids.left, "stage"), "customer");
    let mark = stage.entity(Side::Left, &ids.left).fields["stage"].sides.left.mark.clone();
    assert!(matches!(mark, Some(Mark::Ignored { .. })), "{mark:?}");
    stage.check().await;
}

/// The person moved it on while it was blank: that is an edit, and it counts.
#[tokio::test]
async fn an_edit_between_clearing_and_setting_is_an_edit() {
    for commits in 0..40 {
        let mut stage = shape(true).stage();
        stage.restart().await;
        let ids = linked(&stage, "Customer").await;
        stage.edit(Side::Right, &ids.right, &[("stage", "New")]);
        // It dies somewhere; what matters is where the field has been cleared and not been written.
        let fuse = Fuse::before(&stage.kv, commits);
        stage.restart_on(std::sync::Arc::new(fuse)).await.err();
        stage.try_settle().await.err();
        if !stage.value(Side::Left, &ids.left, "stage").is_empty() {
            continue;
        }
        stage.edit(Side::Left, &ids.left, &[("stage", "mql")]);
        stage.restart().await;
        stage.settle().await;
        let both = (stage.value(Side::Left, &ids.left, "stage"), stage.value(Side::Right, &ids.right, "stage"));
        assert_eq!(both, ("mql".to_owned(), "MQL".to_owned()));
        stage.check().await;
        return;
    }
    panic!("it was never blank");
}

#[tokio::test]
async fn a_step_back_that_is_killed_anywhere_ends_the_same() {
    for commits in 0.. {
        let mut blown = false;
        for after in [false, true] {
            let mut stage = shape(true).stage();
            stage.restart().await;
            let ids = linked(&stage, "Customer").await;
            stage.edit(Side::Right, &ids.right, &[("stage", "MQL")]);
            let fuse = if after { Fuse::after(&stage.kv, commits) } else { Fuse::before(&stage.kv, commits) };
            stage.restart_on(std::sync::Arc::new(fuse.clone())).await.err();
            stage.try_settle().await.err();
            blown |= fuse.is_blown();
            stage.restart().await;
            stage.settle().await;
            assert_eq!(stage.value(Side::Left, &ids.left, "stage"), "mql", "{commits} {after}");
            assert_eq!(stage.value(Side::Right, &ids.right, "stage"), "MQL", "{commits} {after}");
            stage.check().await;
        }
        if !blown {
            assert!(commits > 4, "it never died");
            return;
        }
    }
}

/// `back = "refuse"`: a single edit does not recycle a lead.
#[tokio::test]
async fn a_step_back_is_restored_where_the_rules_refuse_it() {
    let mut shape = shape(true);
    shape.rule("stage").policy.back = Back::Refuse;
    let stage = shape.stage();
    let ids = linked(&stage, "Customer").await;
    stage.edit(Side::Right, &ids.right, &[("stage", "New")]);
    stage.settle().await;
    assert_eq!(stage.value(Side::Right, &ids.right, "stage"), "Customer");
    assert_eq!(stage.value(Side::Left, &ids.left, "stage"), "customer");
    stage.check().await;
}
