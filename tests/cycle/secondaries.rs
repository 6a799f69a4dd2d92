//! Further records of one person: they give and take nothing but consent, and that like a member.

use std::{sync::Arc, time::Duration};

use hymnal::{
    cycle::report::Written,
    merge::{
        Event, Side,
        entity::{Mark, Presence},
    },
    store::{
        Kv,
        tables::{Tag, Wait},
    },
};
use hymnal_memory::{Fault, Method};
use hymnal_sdk::{Address, Gone};

use super::stage::{Fuse, Shape, Stage, object};

const ANN: &str = "ann@example.com";
const BEN: &str = "ben@example.com";

/// Ann in both systems, linked, and so many further leads of hers.
struct Ann {
    left: String,
    right: String,
    further: Vec<String>,
}

async fn ann(stage: &Stage, optout: &str, further: usize) -> Ann {
    let ids = stage.linked(&[("email", ANN), ("city", "Bonn"), ("optout", optout)]).await;
    let one = |_| stage.make(Side::Right, &[("email", ANN), ("city", "Rome"), ("optout", optout)]);
    let further = (0..further).map(one).collect();
    stage.settle().await;
    Ann { left: ids.left, right: ids.right, further }
}

impl Ann {
    /// What stands everywhere.
    fn consents(&self, stage: &Stage) -> Vec<String> {
        let mut all =
            vec![stage.value(Side::Left, &self.left, "optout"), stage.value(Side::Right, &self.right, "optout")];
        all.extend(self.further.iter().map(|id| stage.value(Side::Right, id, "optout")));
        all
    }
}

#[tokio::test]
async fn one_unsubscribe_reaches_every_duplicate_and_nothing_else_does() {
    let stage = Shape::not_unique().stage();
    let ann = ann(&stage, "no", 2).await;
    stage.edit(Side::Left, &ann.left, &[("optout", "yes"), ("city", "Trier")]);
    assert_eq!(stage.settle().await, Written { created: 0, updated: 3 });
    assert_eq!(ann.consents(&stage), ["yes"; 4]);
    assert!(ann.further.iter().all(|id| stage.value(Side::Right, id, "city") == "Rome"));
    stage.check().await;
}

#[tokio::test]
async fn an_unsubscribe_on_a_duplicate_is_the_persons() {
    let stage = Shape::not_unique().stage();
    let ann = ann(&stage, "no", 2).await;
    stage.edit(Side::Right, &ann.further[1], &[("optout", "yes"), ("city", "Paris")]);
    assert_eq!(stage.settle().await, Written { created: 0, updated: 3 });
    assert_eq!(ann.consents(&stage), ["yes"; 4]);
    assert_eq!(stage.value(Side::Left, &ann.left, "city"), "Bonn", "its other values are its own");
    stage.check().await;
}

#[tokio::test]
async fn what_a_new_duplicate_refused_before_it_was_found_holds() {
    let stage = Shape::not_unique().stage();
    let mut ann = ann(&stage, "no", 0).await;
    ann.further.push(stage.make(Side::Right, &[("email", ANN), ("optout", "yes")]));
    stage.settle().await;
    assert_eq!(ann.consents(&stage), ["yes"; 3]);
    stage.check().await;
}

/// Nobody in marketing yet: two leads, and the one that is not copied has unsubscribed.
#[tokio::test]
async fn a_person_is_made_with_what_a_duplicate_refused() {
    let stage = Shape::not_unique().stage();
    let first = stage.make(Side::Right, &[("email", ANN), ("optout", "no")]);
    stage.make(Side::Right, &[("email", ANN), ("optout", "yes")]);
    stage.settle().await;
    assert_eq!(stage.value(Side::Left, &stage.find(Side::Left, ANN), "optout"), "yes");
    assert_eq!(stage.value(Side::Right, &first, "optout"), "yes");
    stage.check().await;
}

/// The marketing system may loosen, and the person there had the restriction before their eyes.
#[tokio::test]
async fn what_was_rightly_loosened_is_loosened_on_duplicates_too() {
    let stage = Shape::not_unique().stage();
    let ann = ann(&stage, "yes", 1).await;
    assert_eq!(ann.consents(&stage), ["yes"; 3]);
    stage.edit(Side::Left, &ann.left, &[("optout", "no")]);
    stage.settle().await;
    assert_eq!(ann.consents(&stage), ["no"; 3]);
    stage.check().await;
}

#[tokio::test]
async fn a_duplicate_in_a_system_that_may_not_loosen_loosens_nothing() {
    let stage = Shape::not_unique().stage();
    let ann = ann(&stage, "yes", 1).await;
    stage.edit(Side::Right, &ann.further[0], &[("optout", "no")]);
    assert_eq!(stage.settle().await, Written { created: 0, updated: 1 });
    assert_eq!(ann.consents(&stage), ["yes"; 3]);
    assert!(stage.log().contains(&"optout overruled resolved".to_owned()), "{:?}", stage.log());
    stage.check().await;
}

/// A lone record in one system with a duplicate: neither of the two loosens what the other refused.
#[tokio::test]
async fn the_primary_does_not_loosen_what_its_duplicate_refused() {
    let mut shape = Shape::not_unique();
    shape.rules.systems.left.create = None;
    let stage = shape.stage();
    let first = stage.make(Side::Right, &[("email", ANN), ("optout", "no")]);
    let second = stage.make(Side::Right, &[("email", ANN), ("optout", "yes")]);
    stage.settle().await;
    stage.edit(Side::Right, &first, &[("optout", "no"), ("city", "Bonn")]);
    stage.settle().await;
    assert_eq!([&first, &second].map(|id| stage.value(Side::Right, id, "optout")), ["yes", "yes"]);
    stage.check().await;
}

#[tokio::test]
async fn a_refusal_outlives_the_duplicate_that_it_was_entered_on() {
    let stage = Shape::not_unique().stage();
    let ann = ann(&stage, "no", 1).await;
    stage.people.right.plant(Fault::Refused, 1000, Method::Update);
    stage.people.left.plant(Fault::Refused, 1000, Method::Update);
    stage.edit(Side::Right, &ann.further[0], &[("optout", "yes")]);
    stage.cycle().await;
    stage.people.right.delete(object(Side::Right), &ann.further[0]).expect("a record");
    stage.cycle().await;
    stage.people.right.lift_faults();
    stage.people.left.lift_faults();
    stage.settle().await;
    assert_eq!(ann.consents(&stage)[..2], ["yes", "yes"]);
    stage.check().await;
}

/// Who it belongs to is a question; that this mailbox said no is not.
#[tokio::test]
async fn a_restriction_reaches_an_ambiguous_record_and_comes_from_one() {
    for from_the_ambiguous in [false, true] {
        let stage = Shape::not_unique().stage();
        let one = stage.linked(&[("email", ANN), ("optout", "no")]).await;
        let two = stage.linked(&[("email", BEN), ("optout", "no")]).await;
        stage.edit(Side::Left, &two.left, &[("email", ANN)]);
        stage.settle().await;
        let third = stage.make(Side::Right, &[("email", ANN), ("optout", "no"), ("city", "Rome")]);
        stage.settle().await;
        assert_eq!(stage.log(), ["ambiguous open"]);
        if from_the_ambiguous {
            stage.edit(Side::Right, &third, &[("optout", "yes")]);
        } else {
            stage.edit(Side::Left, &one.left, &[("optout", "yes")]);
        }
        stage.settle().await;
        for id in [&one.right, &two.right, &third] {
            assert_eq!(stage.value(Side::Right, id, "optout"), "yes", "from the ambiguous one: {from_the_ambiguous}");
        }
        for id in [&one.left, &two.left] {
            assert_eq!(stage.value(Side::Left, id, "optout"), "yes");
        }
        assert_eq!(stage.value(Side::Right, &third, "city"), "Rome");
        assert_eq!(stage.log(), ["ambiguous open"], "it is still a question");
        stage.check().await;
    }
}

/// What the service would refuse is shown.
#[tokio::test]
async fn a_duplicate_that_cannot_be_written_is_parked() {
    let mut shape = Shape::not_unique();
    let fields = &mut shape.leads.schema.fields;
    fields.iter_mut().filter(|field| field.name == "optout").for_each(|field| field.updateable = false);
    let stage = shape.stage();
    let ann = ann(&stage, "no", 1).await;
    stage.edit(Side::Left, &ann.left, &[("optout", "yes")]);
    stage.settle().await;
    let parked = stage.kv.scan(&Tag(1).waiting(Wait::Parked), None, 10).expect("a store in memory");
    assert_eq!(parked.len(), 2, "the primary and the duplicate");
    let entity = stage.entity(Side::Left, &ann.left);
    let mark = &entity.secondaries.right[0].fields["optout"].mark;
    assert!(matches!(mark, Some(Mark::Parked { parked, .. }) if parked.problem.code == "read-only"), "{mark:?}");
    stage.check().await;
}

/// I11: killed before, or right after, every commit on the way.
#[tokio::test]
async fn killed_anywhere_everybody_is_out_at_the_end() {
    let mut ended = 0;
    for commits in 0..40 {
        for after in [false, true] {
            let mut stage = Shape::not_unique().stage();
            stage.restart().await;
            let ann = ann(&stage, "no", 2).await;
            stage.edit(Side::Right, &ann.further[0], &[("optout", "yes")]);
            let fuse = if after { Fuse::after(&stage.kv, commits) } else { Fuse::before(&stage.kv, commits) };
            let died = match stage.restart_on(Arc::new(fuse.clone())).await {
                Ok(()) => stage.try_settle().await.is_err(),
                Err(_) => true,
            };
            assert_eq!(died, fuse.is_blown());
            ended += usize::from(!died);
            stage.restart().await;
            stage.settle().await;
            assert_eq!(ann.consents(&stage), ["yes"; 4], "killed at {commits}, after: {after}");
            stage.check().await;
        }
        if ended > 0 {
            return;
        }
    }
    panic!("it never gets through without being killed");
}

/// An answer that is lost is not sent again before the record was read.
#[tokio::test]
async fn a_lost_answer_is_read_back() {
    let stage = Shape::not_unique().stage();
    let ann = ann(&stage, "no", 1).await;
    for side in Side::BOTH {
        stage.writes(side);
    }
    stage.people.right.plant(Fault::AnswerLost, 2, Method::Update);
    stage.edit(Side::Left, &ann.left, &[("optout", "yes")]);
    stage.settle().await;
    assert_eq!(ann.consents(&stage), ["yes"; 3]);
    assert_eq!(stage.writes(Side::Right), 2, "each record is written once");
    stage.check().await;
}

/// A duplicate that was hidden from us waits by itself: its person goes on, and it follows when it is seen again.
#[tokio::test]
async fn a_duplicate_that_cannot_be_seen_waits_and_its_person_does_not() {
    let mut shape = Shape::not_unique();
    shape.leads.capabilities.gone = Gone::NotVisible;
    let stage = shape.stage();
    let ann = ann(&stage, "no", 1).await;
    let address = Address::new(object(Side::Right), &ann.further[0]);
    stage.people.right.hide(address.clone());
    stage.edit(Side::Left, &ann.left, &[("optout", "yes")]);
    stage.settle().await;
    stage.clock.forward(Duration::from_hours(1));
    stage.settle().await;
    assert_eq!(stage.value(Side::Right, &ann.right, "optout"), "yes");
    let entity = stage.entity(Side::Left, &ann.left);
    assert_eq!(entity.members.right.expect("still linked").presence, Presence::Seen);
    assert!(matches!(entity.secondaries.right[0].member.presence, Presence::NotVisible { .. }));
    let hidden = stage.events().into_iter().filter(|event| matches!(event, Event::NotVisible { .. })).count();
    assert_eq!(hidden, 1, "said once");
    stage.people.right.show(&address);
    stage.edit(Side::Right, &ann.further[0], &[("city", "Paris")]);
    stage.settle().await;
    assert_eq!(ann.consents(&stage), ["yes"; 3]);
    stage.check().await;
}
