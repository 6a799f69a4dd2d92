//! A person who said no is not written to again, whatever happens to the records.

use std::time::Duration;

use hymnal::merge::Side;
use hymnal_memory::{Fault, Method};
use hymnal_sdk::{Address, Native};

use super::stage::{LEADS, Shape, Stage, natives};

const ANN: &str = "ann@example.com";
const NEW: &str = "ann@new.example";
const CLIENTS: &str = "accounts";

fn with_clients() -> Shape {
    let mut shape = Shape::not_unique();
    shape.rules.systems.right.objects = vec![CLIENTS.into(), LEADS.into()];
    shape
}

/// What every live record of everybody says, by side and object.
fn consents(stage: &Stage) -> Vec<String> {
    let mut all = Vec::new();
    for (side, object) in [(Side::Left, "contacts"), (Side::Right, LEADS), (Side::Right, CLIENTS)] {
        for row in stage.people[side].live(object).into_iter().filter(|row| row.converted_into.is_none()) {
            let said = row.fields.get("optout").filter(|said| !said.is_blank());
            all.push(format!("{object} {}", said.map_or_else(|| "-".to_owned(), Native::to_string)));
        }
    }
    all.sort();
    all
}

/// One unsubscribe of a contact with two duplicate leads, then the e-mail changes, a lead is converted into a client who
/// was there before and is open, contacts are merged, and an old list is imported again: still out.
#[tokio::test]
async fn one_unsubscribe_holds_through_everything() {
    let stage = with_clients().stage();
    let contact = stage.make(Side::Left, &[("email", ANN), ("name", "Ann"), ("optout", "no")]);
    let leads: Vec<String> =
        (0..2).map(|_| stage.make(Side::Right, &[("email", ANN), ("optout", "no"), ("city", "Bonn")])).collect();
    stage.settle().await;
    stage.edit(Side::Left, &contact, &[("optout", "yes")]);
    stage.settle().await;
    assert_eq!(consents(&stage), ["contacts yes", "leads yes", "leads yes"]);

    // The address changes, and this service forgets an opt-out with the address it was given for.
    stage.edit(Side::Left, &contact, &[("email", NEW), ("optout", "no")]);
    stage.settle().await;
    assert_eq!(consents(&stage), ["contacts yes", "leads yes", "leads yes"]);

    // A lead is converted into a client who has been there for long, and who says nothing against mail.
    let client = stage.people.right.create(CLIENTS, natives(&[("email", "office@example.com"), ("optout", "no")]));
    let client = client.expect("a client");
    stage.settle().await;
    let into = Address::new(CLIENTS, &client);
    stage.people.right.convert(LEADS, &leads[0], into.clone()).expect("a lead");
    stage.settle().await;
    let said = consents(&stage);
    assert!(said.iter().all(|said| said.ends_with("yes")), "{said:?}");

    // Somebody merges contacts, and the one that stays had said yes.
    let open = stage.make(Side::Left, &[("email", "a.nn@example.com"), ("optout", "no")]);
    stage.settle().await;
    stage.people.left.merge("contacts", &open, &contact).expect("both live");
    stage.settle().await;
    stage.settle().await;
    assert_eq!(stage.value(Side::Left, &open, "optout"), "yes");

    // An old list is imported: the same address, as if nothing had ever been said.
    let again = stage.make(Side::Right, &[("email", NEW), ("optout", "no")]);
    stage.edit(Side::Right, &again, &[("optout", ""), ("city", "Rome")]);
    stage.edit(Side::Right, &again, &[("optout", "no")]);
    stage.settle().await;
    assert_eq!(stage.value(Side::Right, &again, "optout"), "yes");
    let said = consents(&stage);
    assert!(said.iter().all(|said| said.ends_with("yes")), "{said:?}");
    stage.check().await;
}

/// P23, the other way round: an e-mail becomes one that said no.
#[tokio::test]
async fn who_gets_the_email_of_somebody_who_refused_is_out() {
    let stage = Shape::not_unique().stage();
    stage.linked(&[("email", ANN), ("optout", "yes")]).await;
    let ben = stage.linked(&[("email", "ben@example.com"), ("optout", "no")]).await;
    stage.edit(Side::Left, &ben.left, &[("email", ANN)]);
    stage.settle().await;
    for side in Side::BOTH {
        assert_eq!(stage.value(side, &ben[side], "optout"), "yes", "{side:?}");
    }
    stage.check().await;
}

/// P23: we wrote the e-mail, and the service forgot the opt-out with the old one.
#[tokio::test]
async fn a_service_that_forgets_the_opt_out_with_the_email_is_told_again() {
    let stage = Stage::new();
    let ids = stage.linked(&[("email", ANN), ("optout", "yes")]).await;
    let forgets = Fault::Automation { field: "optout".into(), value: "no".into() };
    stage.people.left.plant(forgets, 1, Method::Update);
    stage.edit(Side::Right, &ids.right, &[("email", NEW)]);
    stage.settle().await;
    for side in Side::BOTH {
        assert_eq!(stage.value(side, &ids[side], "optout"), "yes", "{side:?}");
    }
    stage.check().await;
}

/// P24: people who are created nowhere hear of it too.
#[tokio::test]
async fn an_opt_out_reaches_who_is_created_nowhere() {
    let mut shape = Shape::not_unique();
    shape.rules.systems.left.create = None;
    shape.rules.systems.right.create = None;
    let stage = shape.stage();
    let left = stage.make(Side::Left, &[("email", ANN), ("optout", "no")]);
    let right = stage.make(Side::Right, &[("email", ANN), ("optout", "no")]);
    let lone = stage.make(Side::Right, &[("email", ANN), ("optout", "no")]);
    stage.settle().await;
    stage.edit(Side::Left, &left, &[("optout", "yes")]);
    stage.settle().await;
    assert_eq!([&right, &lone].map(|id| stage.value(Side::Right, id, "optout")), ["yes", "yes"]);
    stage.check().await;
}

/// P25: a person who is new in the other system comes with the opt-out.
#[tokio::test]
async fn who_is_imported_opted_out_is_made_opted_out() {
    let stage = Stage::new();
    stage.make(Side::Right, &[("email", ANN), ("optout", "yes")]);
    stage.settle().await;
    assert_eq!(stage.value(Side::Left, &stage.find(Side::Left, ANN), "optout"), "yes");
    stage.check().await;
}

/// The restriction is the first thing written: the rest waits behind it.
#[tokio::test]
async fn restrictions_go_first() {
    let stage = Shape::not_unique().stage();
    let ann = stage.linked(&[("email", ANN), ("optout", "no")]).await;
    let second = stage.make(Side::Right, &[("email", ANN), ("optout", "no")]);
    let mut others = Vec::new();
    for number in 0..6 {
        others.push(stage.linked(&[("email", &format!("p{number}@example.com")), ("city", "Bonn")]).await);
    }
    for other in &others {
        stage.edit(Side::Left, &other.left, &[("city", "Rome")]);
    }
    stage.edit(Side::Left, &ann.left, &[("optout", "yes")]);
    stage.settle().await;
    let changed = |id: &str| stage.people.right.row(LEADS, id).expect("a row").modified_at;
    let last_restriction = changed(&ann.right).max(changed(&second));
    assert!(others.iter().all(|other| changed(&other.right) > last_restriction));
    stage.clock.forward(Duration::from_mins(1));
    stage.check().await;
}
