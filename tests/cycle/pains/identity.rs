//! P1–P4, P6, P27, P38: people who are made twice, mixed up, or melted into one.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use hymnal::{
    cycle::report::{Held, Written},
    mapping::{Expression, FieldType},
    merge::{Ambiguous, FirstRun, OnDelete, Pair, Side, entity::Presence},
    store::{
        Kv,
        tables::{Tag, Wait},
    },
};
use hymnal_memory::{Fault, Method};

use crate::stage::{CONTACTS, LEADS, Shape, Shuffled, Stage, natives, object};

const ANN: &str = "ann@example.com";
const BEN: &str = "ben@example.com";

fn live(stage: &Stage) -> Pair<usize> {
    Pair::from_fn(|side| stage.people[side].live(object(side)).len())
}

fn waiting(stage: &Stage, wait: Wait) -> usize {
    stage.kv.scan(&Tag(1).waiting(wait), None, usize::MAX).expect("a store in memory").len()
}

/// Links are by id: a new address is an edit, on whichever side it is entered, and the old one is nobody's.
#[tokio::test]
async fn p01_an_email_address_changes_and_nobody_is_made_twice() {
    for side in Side::BOTH {
        let mut stage = Stage::new();
        stage.restart().await;
        let ids = stage.linked(&[("email", ANN), ("name", "Ann"), ("optout", "yes")]).await;
        stage.edit(side, &ids[side], &[("email", "ann@new.example")]);
        assert_eq!(stage.settle().await, Written { created: 0, updated: 1 });
        stage.restart().await;
        stage.edit(side.other(), &ids[side.other()], &[("email", "ann@newest.example")]);
        assert_eq!(stage.settle().await, Written { created: 0, updated: 1 });
        assert_eq!(live(&stage), Pair::new(1, 1));
        for side in Side::BOTH {
            assert_eq!(stage.value(side, &ids[side], "email"), "ann@newest.example");
            assert_eq!(stage.value(side, &ids[side], "optout"), "yes", "nobody mails her, at no address");
        }
        assert_eq!(stage.log(), [""; 0]);
        stage.check().await;
    }
}

/// One listing shows a person several times, in several spellings, and another with an address that is none.
#[tokio::test]
async fn p02_one_pull_makes_nobody_twice_and_a_bad_address_makes_nobody() {
    let mut stage = Shape::not_unique().stage();
    stage.restart().await;
    for spelling in [ANN, "ANN@Example.COM", " ann@example.com "] {
        stage.make(Side::Right, &[("email", spelling), ("name", "Ann")]);
    }
    let bad = stage.make(Side::Right, &[("email", "ann at example"), ("name", "Ann")]);
    stage.make(Side::Right, &[("email", BEN)]);
    stage.people.right.plant(Fault::ItemsReordered, 6, Method::List);
    assert_eq!(stage.settle().await, Written { created: 2, updated: 0 });
    for turn in 0..3 {
        stage.restart().await;
        stage.clock.forward(Duration::from_hours(25));
        stage.edit(Side::Right, &bad, &[("city", &format!("City {turn}"))]);
        assert_eq!(stage.settle().await, Written::default(), "turn {turn}");
    }
    assert_eq!(live(&stage), Pair::new(2, 5));
    assert_eq!(waiting(&stage, Wait::Duplicate), 1, "the further records are listed");
    assert!(waiting(&stage, Wait::NoKey) + waiting(&stage, Wait::Parked) > 0, "and so is the address that is none");
    stage.check().await;
}

/// Made, changed a moment later, and made on the other side in the very moment in which we make them there. No webhook
/// takes part: nothing here acts on a notification.
#[tokio::test]
async fn p03_created_and_updated_at_once_is_one_person() {
    let mut stage = Stage::new();
    stage.restart().await;
    let left = stage.make(Side::Left, &[("email", ANN), ("name", "Ann")]);
    let (marketing, sales, told, id) =
        (stage.people.left.clone(), stage.people.right.clone(), AtomicBool::new(false), left.clone());
    let inner = Arc::clone(&stage.sync.systems.right.connector);
    let meanwhile = move || {
        if !told.swap(true, Ordering::Relaxed) {
            marketing.update(CONTACTS, &id, natives(&[("city", "Bonn")])).expect("a record");
            sales.create(LEADS, natives(&[("email", ANN), ("phone", "1")])).expect("nobody is there yet");
        }
    };
    stage.sync.systems.right.connector = Arc::new(Shuffled::over(inner, 3).telling(meanwhile));
    stage.settle().await;
    assert_eq!(live(&stage), Pair::new(1, 1));
    let right = stage.find(Side::Right, ANN);
    for (side, id) in [(Side::Left, &left), (Side::Right, &right)] {
        let shown = ["name", "city", "phone"].map(|field| stage.value(side, id, field));
        assert_eq!(shown, ["Ann", "Bonn", "1"], "{side:?}");
    }
    stage.check().await;
}

/// Two people have the name that a third record comes with. Whoever is listed first is not taken.
#[tokio::test]
async fn p04_of_several_matches_a_person_chooses_and_not_the_order_of_a_list() {
    for rule in [Ambiguous::Review, Ambiguous::Oldest] {
        let mut taken = BTreeSet::new();
        for seed in 1..5 {
            let mut shape = Shape::not_unique();
            shape.rules.matching = vec![vec![0], vec![1]];
            shape.rules.ambiguous = rule;
            let mut stage = shape.stage();
            for side in Side::BOTH {
                let inner = Arc::clone(&stage.sync.systems[side].connector);
                stage.sync.systems[side].connector = Arc::new(Shuffled::over(inner, seed));
            }
            for email in [ANN, BEN] {
                stage.linked(&[("email", email), ("name", "Smith"), ("city", email)]).await;
            }
            let third = stage.make(Side::Right, &[("name", "Smith"), ("phone", "7")]);
            assert_eq!(stage.settle().await, Written::default());
            if rule == Ambiguous::Review {
                assert_eq!(stage.log(), ["ambiguous open"]);
                let candidates = stage.entity(Side::Right, &third).ambiguous;
                assert_eq!(candidates.len(), 2, "side by side");
                for _ in 0..3 {
                    stage.clock.forward(Duration::from_hours(9));
                    assert_eq!(stage.settle().await, Written::default(), "nobody decides meanwhile");
                }
                assert_eq!(stage.log(), ["ambiguous open"], "and it is asked once");
            }
            let owns = |email: &&&str| {
                let contact = stage.find(Side::Left, email);
                let mut known =
                    stage.entity(Side::Left, &contact).secondary_addresses(Side::Right).cloned().collect::<Vec<_>>();
                known.pop().is_some_and(|address| address.id == third)
            };
            taken.insert([ANN, BEN].iter().find(owns).copied());
            stage.check().await;
        }
        let expected = if rule == Ambiguous::Review { None } else { Some(ANN) };
        assert_eq!(taken, BTreeSet::from([expected]), "{rule:?}");
    }
}

/// Both systems are full before the first day: whoever is in both is linked, whoever sleeps in sales is not made in
/// marketing, and nothing at all happens before a person has seen what would.
#[tokio::test]
async fn p06_on_day_one_nobody_is_doubled_and_nobody_asleep_is_woken() {
    let mut shape = Shape::default();
    shape.rules.first_run = FirstRun::Plan;
    let awake = Expression::compile("city != 'dormant'", &[("city", FieldType::Text)]).expect("a right expression");
    shape.rules.systems.left.create_when = Some(awake);
    let mut stage = shape.stage();
    stage.restart().await;
    for number in 0..6 {
        let email = format!("both{number}@example.com");
        stage.make(Side::Left, &[("email", &email), ("name", "Both")]);
        stage.make(Side::Right, &[("email", &email.to_uppercase()), ("name", "Both"), ("phone", "1")]);
    }
    for number in 0..3 {
        stage.make(Side::Right, &[("email", &format!("asleep{number}@example.com")), ("city", "dormant")]);
    }
    stage.make(Side::Right, &[("email", ANN), ("city", "Bonn")]);
    for _ in 0..3 {
        assert_eq!(stage.cycle().await.held, Some(Held::FirstRun));
    }
    assert_eq!(stage.writes(Side::Left) + stage.writes(Side::Right), 0);
    let preview = stage.sync.preview().await.expect("a store in memory");
    assert_eq!(
        preview.iter().map(|side| side.creates.count).collect::<Vec<_>>(),
        [1, 0],
        "it is said who would be made"
    );
    stage.sync.state().approve().expect("a store in memory");
    assert_eq!(stage.settle().await, Written { created: 1, updated: 6 });
    assert_eq!(live(&stage), Pair::new(7, 10));
    assert_eq!(stage.sync.look_counts().await.expect("a store in memory").not_created.left, 3);
    stage.check().await;
}

/// Sales merges two people whose scores are 5 and 7. That is no deletion, the link does not point to what is gone, and
/// nobody has the score 12.
#[tokio::test]
async fn p27_a_merge_adds_nothing_up_deletes_nobody_and_leaves_no_dead_link() {
    let mut shape = Shape::default();
    shape.rule("phone").map.kind = FieldType::Integer;
    shape.rules.on_delete = Pair::new(OnDelete::Delete, OnDelete::Delete);
    let stage = shape.stage();
    let ann = stage.linked(&[("email", ANN), ("phone", "5"), ("optout", "no")]).await;
    let ben = stage.linked(&[("email", BEN), ("phone", "7"), ("optout", "yes")]).await;
    stage.people.right.merge(LEADS, &ann.right, &ben.right).expect("both live");
    stage.settle().await;
    for _ in 0..3 {
        stage.clock.forward(Duration::from_hours(20));
        stage.settle().await;
    }
    assert_eq!(live(&stage), Pair::new(2, 1), "one is gone because a person merged it, and no other");
    let entity = stage.entity(Side::Left, &ann.left);
    let member = entity.members.right.expect("linked");
    assert_eq!((member.address.id, member.presence), (ann.right.clone(), Presence::Seen));
    let scores = [(Side::Left, &ann.left), (Side::Left, &ben.left), (Side::Right, &ann.right)];
    assert_eq!(scores.map(|(side, id)| stage.value(side, id, "phone")), ["5", "7", "5"]);
    assert_eq!(stage.value(Side::Right, &ann.right, "optout"), "yes", "and who refused has refused");
    stage.edit(Side::Left, &ann.left, &[("city", "Rome")]);
    stage.settle().await;
    assert_eq!(stage.value(Side::Right, &ann.right, "city"), "Rome", "what is edited arrives at the one that is left");
    stage.check().await;
}

/// Somebody in sales gives a contact the address of another: both stay who they are, and it is shown.
#[tokio::test]
async fn p38_another_persons_email_melts_nobody_into_them() {
    for unique_in_marketing in [true, false] {
        let mut shape = Shape::not_unique();
        if unique_in_marketing {
            shape.contacts = Shape::default().contacts;
        }
        let mut stage = shape.stage();
        stage.restart().await;
        let ann = stage.linked(&[("email", ANN), ("name", "Ann"), ("city", "Bonn")]).await;
        let ben = stage.linked(&[("email", BEN), ("name", "Ben"), ("city", "Rome")]).await;
        stage.edit(Side::Right, &ben.right, &[("email", ANN), ("memo", "same address")]);
        stage.settle().await;
        stage.restart().await;
        stage.clock.forward(Duration::from_hours(30));
        stage.settle().await;
        assert_eq!(live(&stage), Pair::new(2, 2));
        for (ids, name, city) in [(&ann, "Ann", "Bonn"), (&ben, "Ben", "Rome")] {
            let entity = stage.entity(Side::Left, &ids.left);
            assert_eq!(entity.members.right.map(|member| member.address.id).as_ref(), Some(&ids.right), "{name}");
            for side in Side::BOTH {
                assert_eq!(stage.value(side, &ids[side], "name"), name);
                assert_eq!(stage.value(side, &ids[side], "city"), city);
            }
        }
        assert_eq!(stage.value(Side::Left, &ben.left, "memo"), "same address", "the rest of the edit is not held up");
        if unique_in_marketing {
            assert_eq!(waiting(&stage, Wait::Parked), 1, "what marketing refuses waits alone, with its words");
            assert_eq!(stage.value(Side::Left, &ben.left, "email"), BEN);
        }
        stage.check().await;
    }
}
