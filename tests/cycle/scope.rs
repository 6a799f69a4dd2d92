//! Who is in the sync: `include`, `create_when`, entering and leaving.

use hymnal::{
    cycle::{counts::Counts, report::Written},
    mapping::{Expression, FieldType},
    merge::{Event, Side, entity::Presence, scope::ScopeRule},
    store::{
        Kv,
        tables::{Tag, Wait},
    },
};

use hymnal_memory::{Fault, Method};

use super::stage::{Shape, Stage};

const ANN: &str = "ann@example.com";
const BEN: &str = "ben@example.com";

fn rule(source: &str) -> Expression {
    let text = |name| (name, FieldType::Text);
    let fields = [
        ("email", FieldType::Email),
        text("name"),
        text("city"),
        text("title"),
        ("optout", FieldType::Choice),
        ("tags", FieldType::Set),
    ];
    Expression::compile(source, &fields).expect("a right expression")
}

fn including(source: &str) -> Stage {
    let mut shape = Shape::default();
    shape.rules.include = Some(rule(source));
    shape.stage()
}

async fn counts(stage: &Stage) -> Counts {
    stage.sync.look_counts().await.expect("a store in memory")
}

fn parked(stage: &Stage) -> usize {
    stage.kv.scan(&Tag(1).waiting(Wait::Parked), None, usize::MAX).expect("a store in memory").len()
}

#[tokio::test]
async fn who_is_out_is_neither_created_nor_updated_and_counted() {
    let stage = including("city and city != 'Test'");
    stage.make(Side::Left, &[("email", ANN), ("city", "Test")]);
    stage.make(Side::Left, &[("email", BEN), ("city", "Bonn")]);
    assert_eq!(stage.settle().await, Written { created: 1, updated: 0 });
    assert_eq!(stage.all(Side::Right, ANN), [""; 0]);
    assert_eq!(counts(&stage).await.left_out, 1);
    stage.check().await;
}

/// P33: a changed filter deletes everyone who left it. Here leaving only ends writing.
#[tokio::test]
async fn p33_who_leaves_keeps_the_link_and_is_written_no_more() {
    let stage = including("city != 'Test'");
    let ids = stage.linked(&[("email", ANN), ("city", "Bonn"), ("name", "Ann")]).await;
    stage.edit(Side::Left, &ids.left, &[("city", "Test"), ("name", "Anna")]);
    assert_eq!(stage.settle().await, Written::default(), "the reading that takes it out is the last");
    assert_eq!(stage.value(Side::Right, &ids.right, "name"), "Ann");
    assert_eq!(stage.value(Side::Right, &ids.right, "city"), "Bonn");
    let entities = stage.entities();
    assert!(entities[0].is_linked() && entities[0].members.right.as_ref().expect("linked").presence == Presence::Seen);
    assert_eq!(counts(&stage).await.left_out, 1);
    let events = stage.events();
    assert!(events.contains(&Event::Scope { rule: ScopeRule::Include, entered: false }), "{events:?}");
}

#[tokio::test]
async fn who_enters_again_is_caught_up() {
    let stage = including("city != 'Test'");
    let ids = stage.linked(&[("email", ANN), ("city", "Bonn"), ("name", "Ann")]).await;
    stage.edit(Side::Left, &ids.left, &[("city", "Test"), ("name", "Anna")]);
    stage.settle().await;
    stage.edit(Side::Left, &ids.left, &[("city", "Rome")]);
    assert_eq!(stage.settle().await, Written { created: 0, updated: 1 });
    assert_eq!(stage.value(Side::Right, &ids.right, "name"), "Anna", "what was edited outside arrives too");
    assert_eq!(counts(&stage).await.left_out, 0);
    assert_eq!(stage.log(), [""; 0], "nothing was lost, so nothing is a conflict");
    stage.check().await;
}

/// P24: opt-outs of people outside the inclusion list do not travel.
#[tokio::test]
async fn p24_a_restriction_travels_out_of_scope() {
    let stage = including("city != 'Test'");
    let ids = stage.linked(&[("email", ANN), ("city", "Bonn"), ("optout", "no")]).await;
    stage.edit(Side::Right, &ids.right, &[("city", "Test")]);
    stage.settle().await;
    stage.edit(Side::Left, &ids.left, &[("optout", "yes"), ("name", "Anna")]);
    assert_eq!(stage.settle().await, Written { created: 0, updated: 1 });
    assert_eq!(stage.value(Side::Right, &ids.right, "optout"), "yes");
    assert_eq!(stage.value(Side::Right, &ids.right, "name"), "", "and nothing else does");
    stage.edit(Side::Left, &ids.left, &[("optout", "no")]);
    assert_eq!(stage.settle().await, Written::default(), "loosening is no restriction");
    assert_eq!(stage.value(Side::Right, &ids.right, "optout"), "yes");
}

#[tokio::test]
async fn create_when_says_who_is_created_and_not_who_is_kept() {
    let mut shape = Shape::default();
    shape.rules.systems.right.create_when = Some(rule("title in ['mql', 'sql']"));
    let stage = shape.stage();
    let ann = stage.make(Side::Left, &[("email", ANN), ("title", "lead")]);
    stage.make(Side::Right, &[("email", BEN), ("name", "Ben")]);
    assert_eq!(
        stage.settle().await,
        Written { created: 1, updated: 0 },
        "the rule of one side bars the other in nothing"
    );
    assert_eq!(stage.all(Side::Right, ANN), [""; 0]);
    assert_eq!(counts(&stage).await.not_created.right, 1);
    stage.edit(Side::Left, &ann, &[("title", "mql")]);
    assert_eq!(stage.settle().await, Written { created: 1, updated: 0 });
    let made = stage.find(Side::Right, ANN);
    stage.edit(Side::Left, &ann, &[("title", "customer"), ("name", "Ann")]);
    assert_eq!(stage.settle().await, Written { created: 0, updated: 1 }, "who exists is kept current");
    assert_eq!(stage.value(Side::Right, &made, "title"), "customer");
    assert_eq!(counts(&stage).await.not_created.right, 0);
    stage.check().await;
}

/// The value that decides may come from the other side: it is the merged record that is asked, in the same commit.
#[tokio::test]
async fn the_merged_record_is_asked() {
    let stage = including("'vip' in tags");
    let left = stage.make(Side::Left, &[("email", ANN), ("tags", "vip"), ("name", "Ann")]);
    let right = stage.make(Side::Right, &[("email", ANN), ("tags", "new")]);
    stage.settle().await;
    assert_eq!(stage.value(Side::Right, &right, "name"), "Ann");
    stage.edit(Side::Right, &right, &[("tags", "new"), ("name", "Anna")]);
    stage.settle().await;
    assert_eq!(stage.value(Side::Left, &left, "name"), "Ann", "the tag went with the edit, and with it the person");
}

#[tokio::test]
async fn a_rule_without_an_answer_leaves_the_scope_as_it_was_and_creates_nobody() {
    let stage = including("'e' in name");
    let ids = stage.linked(&[("email", ANN), ("name", "Anne"), ("city", "Bonn")]).await;
    stage.edit(Side::Left, &ids.left, &[("name", "")]);
    assert_eq!(stage.settle().await, Written { created: 0, updated: 1 }, "it was in, and is");
    assert_eq!(parked(&stage), 1, "and a person can see that the rule has no answer");
    stage.make(Side::Left, &[("email", BEN)]);
    assert_eq!(stage.settle().await, Written::default(), "who was never in is not created");
    assert_eq!(parked(&stage), 2);
    stage.edit(Side::Left, &ids.left, &[("name", "Eve")]);
    stage.settle().await;
    assert_eq!(parked(&stage), 1, "the answer is back");
    stage.check_equal();
}

#[tokio::test]
async fn a_rule_that_changed_is_asked_of_everybody() {
    let mut stage = Stage::new();
    stage.restart().await;
    let ids = stage.linked(&[("email", ANN), ("city", "Bonn")]).await;
    stage.linked(&[("email", BEN), ("city", "Rome")]).await;
    stage.rules.include = Some(rule("city == 'Rome'"));
    stage.restart().await;
    assert_eq!(stage.settle().await, Written::default());
    assert_eq!(counts(&stage).await, Counts { people: 2, linked: 2, left_out: 1, ..counts(&stage).await });
    stage.edit(Side::Left, &ids.left, &[("name", "Ann")]);
    assert_eq!(stage.settle().await, Written::default());
    stage.rules.include = None;
    stage.restart().await;
    assert_eq!(stage.settle().await, Written { created: 0, updated: 1 });
    assert_eq!(counts(&stage).await.left_out, 0);
    stage.check().await;
}

/// A creation whose answer was lost is looked for even if nobody means the person any more: else a second one could be
/// made later.
#[tokio::test]
async fn a_creation_in_doubt_of_who_left_is_looked_for() {
    let stage = including("city != 'Test'");
    stage.people.right.plant(Fault::AnswerLost, 1, Method::Create);
    let ann = stage.make(Side::Left, &[("email", ANN), ("city", "Bonn")]);
    stage.cycle().await;
    stage.edit(Side::Left, &ann, &[("city", "Test")]);
    stage.settle().await;
    assert_eq!(stage.all(Side::Right, ANN).len(), 1);
    assert!(stage.entities()[0].is_linked());
    stage.edit(Side::Left, &ann, &[("city", "Rome")]);
    stage.settle().await;
    assert_eq!(stage.all(Side::Right, ANN).len(), 1);
    stage.check().await;
}
