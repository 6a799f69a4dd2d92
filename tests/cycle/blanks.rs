//! Blank is a value, a placeholder is none, and what is withheld is neither.

use hymnal::{
    cycle::report::Written,
    mapping::FieldType,
    merge::{Blanks, Side},
    store::{Kv, tables::Wait},
};
use hymnal_memory::{Fault, Method};

use super::stage::{Shape, Stage};

const ANN: &str = "ann@example.com";

/// P12: clearing a field travels, in both directions, and is written once.
#[tokio::test]
async fn p12_clearing_a_field_travels() {
    for side in Side::BOTH {
        let stage = Stage::new();
        let ids = stage.linked(&[("email", ANN), ("city", "Bonn"), ("phone", "1")]).await;
        stage.edit(side, &ids[side], &[("city", "")]);
        assert_eq!(stage.settle().await, Written { created: 0, updated: 1 });
        assert_eq!(stage.value(side.other(), &ids[side.other()], "city"), "", "{side:?}");
        assert_eq!(stage.value(side.other(), &ids[side.other()], "phone"), "1");
        stage.check().await;
    }
}

/// P12, P15: `blanks = "ignore"` is what makes a value beat a blank, and switching it changes what happens.
#[tokio::test]
async fn p15_whether_blanks_travel_is_what_the_rule_says() {
    let mut shape = Shape::default();
    shape.rule("city").policy.blanks = Blanks::Ignore;
    let mut stage = shape.stage();
    stage.restart().await;
    let ids = stage.linked(&[("email", ANN), ("city", "Bonn")]).await;
    stage.edit(Side::Left, &ids.left, &[("city", "")]);
    stage.settle().await;
    assert_eq!(stage.value(Side::Left, &ids.left, "city"), "Bonn", "filled again");
    assert_eq!(stage.value(Side::Right, &ids.right, "city"), "Bonn", "I8");
    super::stage::field(&mut stage.rules, "city").policy.blanks = Blanks::Clear;
    stage.restart().await;
    stage.settle().await;
    stage.edit(Side::Left, &ids.left, &[("city", "")]);
    stage.settle().await;
    assert_eq!(stage.value(Side::Right, &ids.right, "city"), "");
    stage.check().await;
}

/// P13: a company that a creation needs is written as a placeholder, comes back as blank, and is nobody's value until a
/// person enters one.
#[tokio::test]
async fn p13_a_placeholder_of_ours_never_comes_back_as_a_value() {
    let mut shape = Shape::default();
    let leads = shape.leads.schema.fields.iter_mut().find(|field| field.name == "title").expect("there");
    leads.required = true;
    let rule = shape.rule("title");
    rule.policy.flow = hymnal::merge::Flow::Both;
    rule.map.native.right.get_mut("leads").expect("mapped").default = Some("(unknown)".into());
    let stage = shape.stage();
    let ids = stage.linked(&[("email", ANN)]).await;
    assert_eq!(stage.value(Side::Right, &ids.right, "title"), "(unknown)");
    stage.edit(Side::Right, &ids.right, &[("city", "Rome")]);
    stage.settle().await;
    assert_eq!(stage.value(Side::Left, &ids.left, "title"), "", "it is no value");
    stage.edit(Side::Right, &ids.right, &[("title", "Prof")]);
    stage.settle().await;
    assert_eq!(stage.value(Side::Left, &ids.left, "title"), "Prof");
    stage.check().await;
}

/// P14: a service stores a blank number as 0; declared by `blank_as` it is read as what it is.
#[tokio::test]
async fn p14_a_zero_that_means_nothing_is_no_number() {
    let mut shape = Shape::default();
    let rule = shape.rule("phone");
    rule.map.kind = FieldType::Integer;
    rule.map.native.left.get_mut("contacts").expect("mapped").blank_as = vec!["0".into()];
    let stage = shape.stage();
    let left = stage.make(Side::Left, &[("email", ANN), ("phone", "0")]);
    stage.make(Side::Right, &[("email", ANN), ("phone", "7")]);
    stage.settle().await;
    assert_eq!(stage.value(Side::Left, &left, "phone"), "7", "filled, and not a conflict");
    assert_eq!(stage.log(), [""; 0]);
    stage.edit(Side::Left, &left, &[("phone", "0")]);
    stage.settle().await;
    assert_eq!(stage.value(Side::Right, &stage.find(Side::Right, ANN), "phone"), "", "cleared, not set to 0");
    stage.check().await;
}

/// A field that the login may not see from the start is listed, so that nobody wonders why it never travels.
#[tokio::test]
async fn a_field_that_was_never_shown_is_listed() {
    for fault in [Fault::FieldMasked { field: "city".into() }, Fault::FieldWithheld { field: "city".into() }] {
        let stage = Stage::new();
        stage.people.left.plant(fault, Fault::FOREVER, Method::Any);
        let left = stage.make(Side::Left, &[("email", ANN), ("city", "Bonn")]);
        stage.make(Side::Left, &[("email", "bob@example.com")]);
        stage.settle().await;
        let listed = |stage: &Stage| {
            let prefix = stage.sync.committer.tag.waiting(Wait::Withheld);
            stage.kv.scan(&prefix, None, 10).expect("a store in memory").len()
        };
        assert!(listed(&stage) >= 1);
        let right = stage.find(Side::Right, ANN);
        assert_eq!(stage.value(Side::Right, &right, "city"), "", "what is not seen is not copied");
        stage.edit(Side::Right, &right, &[("city", "Rome")]);
        stage.settle().await;
        assert_eq!(stage.value(Side::Left, &left, "city"), "Bonn", "and not written over");
        stage.people.left.lift_faults();
        for (id, number) in [(left.clone(), "1"), (stage.find(Side::Left, "bob@example.com"), "2")] {
            stage.edit(Side::Left, &id, &[("phone", number)]);
        }
        stage.settle().await;
        assert_eq!(listed(&stage), 0, "it is seen now");
        stage.check().await;
    }
}
