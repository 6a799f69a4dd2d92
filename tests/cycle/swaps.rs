//! E-mails that exist once, exchanged between people: colliding writes wait for each other, and a ring is opened by
//! blanking one of them for a moment.

use std::sync::Arc;

use hymnal::{
    cycle::report::Written,
    merge::{Pair, Side},
    store::{
        Kv,
        tables::{Tag, Wait},
    },
};
use hymnal_memory::{Fault, Method};

use super::stage::{CONTACTS, Fuse, LEADS, Shape, Stage};

const EMAILS: [&str; 4] = ["a@example.com", "b@example.com", "c@example.com", "d@example.com"];

async fn people(stage: &Stage, count: usize) -> Vec<Pair<String>> {
    let mut all = Vec::new();
    for email in EMAILS.iter().take(count) {
        all.push(stage.linked(&[("email", email), ("name", email)]).await);
    }
    all
}

/// Everybody gets the next one's e-mail, on the left, where that needs a blank in between.
fn rotate(stage: &Stage, all: &[Pair<String>]) {
    for ids in all {
        stage.edit(Side::Left, &ids.left, &[("email", "")]);
    }
    for (index, ids) in all.iter().enumerate() {
        stage.edit(Side::Left, &ids.left, &[("email", EMAILS[(index + 1) % all.len()])]);
    }
}

fn check_rotated(stage: &Stage, all: &[Pair<String>]) {
    for (index, ids) in all.iter().enumerate() {
        for side in Side::BOTH {
            assert_eq!(stage.value(side, &ids[side], "email"), EMAILS[(index + 1) % all.len()], "{side:?} {index}");
            assert_eq!(stage.value(side, &ids[side], "name"), EMAILS[index], "the person is the same");
        }
    }
    assert_eq!((stage.people.left.live(CONTACTS).len(), stage.people.right.live(LEADS).len()), (all.len(), all.len()));
}

/// P38 too: nobody is merged with anybody because of it.
#[tokio::test]
async fn swapped_and_rotated_emails_arrive() {
    for count in 2..=4 {
        let stage = Stage::new();
        let all = people(&stage, count).await;
        rotate(&stage, &all);
        // One of them is written twice: it is blanked first.
        assert_eq!(stage.settle().await, Written { created: 0, updated: count + 1 });
        check_rotated(&stage, &all);
        assert!(stage.log().is_empty(), "the blank is nobody's edit: {:?}", stage.log());
        assert_eq!(stage.kv.scan(&Tag(1).waiting(Wait::Parked), None, 10).expect("a store in memory"), []);
        stage.check().await;
    }
}

/// A row of people who each get the next one's, and the last one a new one: nobody needs to be blanked.
#[tokio::test]
async fn a_row_without_a_ring_is_written_in_order() {
    let stage = Stage::new();
    let all = people(&stage, 3).await;
    for (index, ids) in all.iter().enumerate().rev() {
        stage.edit(Side::Left, &ids.left, &[("email", EMAILS[index + 1])]);
    }
    assert_eq!(stage.settle().await, Written { created: 0, updated: 3 });
    for (index, ids) in all.iter().enumerate() {
        assert_eq!(stage.value(Side::Right, &ids.right, "email"), EMAILS[index + 1]);
    }
    stage.check().await;
}

/// Somebody new gets the e-mail that somebody else gives away.
#[tokio::test]
async fn a_new_person_waits_for_an_email_that_becomes_free() {
    let stage = Stage::new();
    let all = people(&stage, 1).await;
    stage.edit(Side::Left, &all[0].left, &[("email", EMAILS[1])]);
    stage.make(Side::Left, &[("email", EMAILS[0]), ("name", "new")]);
    assert_eq!(stage.settle().await, Written { created: 1, updated: 1 });
    assert_eq!(stage.value(Side::Right, &all[0].right, "email"), EMAILS[1]);
    assert_eq!(stage.value(Side::Right, &stage.find(Side::Right, EMAILS[0]), "name"), "new");
    stage.check().await;
}

/// What else was edited does not wait, and a value that somebody keeps is refused alone.
#[tokio::test]
async fn a_value_that_somebody_keeps_is_parked_and_the_rest_is_written() {
    let mut shape = Shape::default();
    let fields = &mut shape.contacts.schema.fields;
    fields.iter_mut().filter(|field| field.name == "email").for_each(|field| field.unique = false);
    shape.contacts.capabilities.unique.clear();
    let stage = shape.stage();
    let all = people(&stage, 2).await;
    stage.edit(Side::Left, &all[0].left, &[("email", EMAILS[1]), ("city", "Bonn")]);
    stage.settle().await;
    assert_eq!(stage.value(Side::Right, &all[0].right, "city"), "Bonn");
    assert_eq!(stage.value(Side::Right, &all[0].right, "email"), EMAILS[0]);
    assert_eq!(stage.kv.scan(&Tag(1).waiting(Wait::Parked), None, 10).expect("a store in memory").len(), 1);
    stage.check().await;
    // It is free after all.
    stage.edit(Side::Left, &all[1].left, &[("email", EMAILS[2])]);
    stage.settle().await;
    stage.clock.forward(std::time::Duration::from_mins(30));
    stage.settle().await;
    assert_eq!(stage.value(Side::Right, &all[0].right, "email"), EMAILS[1]);
    stage.check().await;
}

/// A person edits the one that is blank for the moment: that is an edit, and the exchange ends all the same.
#[tokio::test]
async fn an_edit_in_the_moment_of_the_blank_is_an_edit() {
    let stage = Stage::new();
    let all = people(&stage, 2).await;
    rotate(&stage, &all);
    // Of the two writes that open the ring only the blank arrives.
    stage.people.right.plant(Fault::AnswerLost, 1, Method::Update);
    stage.cycle().await;
    let blanked = all.iter().find(|ids| stage.value(Side::Right, &ids.right, "email").is_empty());
    let blanked = blanked.expect("one is blank for the moment");
    stage.edit(Side::Right, &blanked.right, &[("city", "Bonn")]);
    stage.settle().await;
    check_rotated(&stage, &all);
    assert_eq!(stage.value(Side::Left, &blanked.left, "city"), "Bonn");
    stage.check().await;
}

/// A service that does not take the blank: both wait, visibly, and nothing is lost.
#[tokio::test]
async fn where_nothing_can_be_blank_it_is_parked() {
    let mut shape = Shape::default();
    let fields = &mut shape.leads.schema.fields;
    fields.iter_mut().filter(|field| field.name == "email").for_each(|field| field.required = true);
    let stage = shape.stage();
    let all = people(&stage, 2).await;
    rotate(&stage, &all);
    stage.settle().await;
    assert_eq!([0, 1].map(|index| stage.value(Side::Right, &all[index].right, "email")), [EMAILS[0], EMAILS[1]]);
    let parked = stage.kv.scan(&Tag(1).waiting(Wait::Parked), None, 10).expect("a store in memory");
    assert!(!parked.is_empty());
    stage.check().await;
}

/// I11: killed before, or right after, every commit on the way.
#[tokio::test]
async fn killed_anywhere_a_rotation_ends_the_same() {
    for commits in 0..60 {
        let mut ended = 0;
        for after in [false, true] {
            let mut stage = Stage::new();
            stage.restart().await;
            let all = people(&stage, 3).await;
            rotate(&stage, &all);
            let fuse = if after { Fuse::after(&stage.kv, commits) } else { Fuse::before(&stage.kv, commits) };
            let died = match stage.restart_on(Arc::new(fuse.clone())).await {
                Ok(()) => stage.try_settle().await.is_err(),
                Err(_) => true,
            };
            assert_eq!(died, fuse.is_blown());
            ended += usize::from(!died);
            stage.restart().await;
            stage.settle().await;
            check_rotated(&stage, &all);
            assert!(stage.log().is_empty(), "killed at {commits}, after: {after}: {:?}", stage.log());
            stage.check().await;
        }
        if ended == 2 {
            return;
        }
    }
    panic!("it never gets through without being killed");
}

/// The other side of the same: what is unique on the left alone.
#[tokio::test]
async fn swapped_on_the_right_it_arrives_on_the_left() {
    let stage = Stage::new();
    let all = people(&stage, 2).await;
    for ids in &all {
        stage.edit(Side::Right, &ids.right, &[("email", "")]);
    }
    for (index, ids) in all.iter().enumerate() {
        stage.edit(Side::Right, &ids.right, &[("email", EMAILS[1 - index])]);
    }
    stage.settle().await;
    check_rotated(&stage, &all);
    stage.check().await;
}
