//! P23, P25: who said no is asked to take it back by nobody and nothing.

use hymnal::merge::Side;
use hymnal_memory::{Fault, Method};

use crate::stage::Stage;

const ANN: &str = "ann@example.com";

fn said(stage: &Stage, ids: &hymnal::merge::Pair<String>) -> [String; 2] {
    Side::BOTH.map(|side| stage.value(side, &ids[side], "optout"))
}

/// The opt-out hangs on the address in some services: a new address comes without it, in the same save, or after we
/// wrote the address. Only the person's own later word takes it back.
#[tokio::test]
async fn p23_an_email_change_subscribes_nobody_again() {
    let mut stage = Stage::new();
    stage.restart().await;
    let ids = stage.linked(&[("email", ANN), ("optout", "yes")]).await;
    stage.edit(Side::Left, &ids.left, &[("email", "ann@new.example"), ("optout", "no")]);
    stage.settle().await;
    assert_eq!(said(&stage, &ids), ["yes", "yes"], "it came with the address");

    let forgets = Fault::Automation { field: "optout".into(), value: "no".into() };
    stage.people.left.plant(forgets, 1, Method::Update);
    stage.edit(Side::Right, &ids.right, &[("email", "ann@newest.example")]);
    stage.settle().await;
    assert_eq!(stage.people.left.fired()["automation"], 1);
    assert_eq!(said(&stage, &ids), ["yes", "yes"], "the service forgot it with the old address");
    stage.restart().await;
    stage.check().await;

    stage.edit(Side::Left, &ids.left, &[("optout", "no")]);
    stage.settle().await;
    assert_eq!(said(&stage, &ids), ["no", "no"], "she changed her mind");
    stage.check().await;
}

/// Sales knows people who opted out, some of them known in marketing and some not. Later one opts in again in marketing,
/// which must not be taken for an opt-out, and in sales, where nobody may do it for her.
#[tokio::test]
async fn p25_an_opt_out_comes_with_who_is_imported_and_ends_as_an_opt_in() {
    let mut stage = Stage::new();
    stage.restart().await;
    stage.make(Side::Left, &[("email", ANN), ("optout", "no")]);
    for email in [ANN, "new@example.com"] {
        stage.make(Side::Right, &[("email", email), ("optout", "yes")]);
    }
    stage.settle().await;
    for email in [ANN, "new@example.com"] {
        let ids = hymnal::merge::Pair::from_fn(|side| stage.find(side, email));
        assert_eq!(said(&stage, &ids), ["yes", "yes"], "{email}");
        stage.edit(Side::Right, &ids.right, &[("optout", "no")]);
        stage.settle().await;
        assert_eq!(said(&stage, &ids), ["yes", "yes"], "{email}: nobody in sales may loosen it");
        stage.edit(Side::Left, &ids.left, &[("optout", "no")]);
        stage.settle().await;
        assert_eq!(said(&stage, &ids), ["no", "no"], "{email}: she did");
        stage.restart().await;
        stage.settle().await;
        assert_eq!(said(&stage, &ids), ["no", "no"], "{email}: and it stays so");
    }
    stage.check().await;
}
