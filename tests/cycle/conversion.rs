//! A lead becomes a client: the same person, no second one, and nothing loosened.

use hymnal::{
    cycle::report::Written,
    merge::{Entity, Event, Side, entity::Presence},
    store::{
        Kv,
        tables::{Tag, Wait},
    },
};
use hymnal_memory::{Fault, Method};
use hymnal_sdk::Address;

use super::stage::{LEADS, Shape, Stage, natives};

const ANN: &str = "ann@example.com";
const CLIENTS: &str = "accounts";

fn stage() -> Stage {
    let mut shape = Shape::not_unique();
    shape.rules.systems.right.objects = vec![CLIENTS.into(), LEADS.into()];
    shape.stage()
}

fn client(stage: &Stage, values: &[(&str, &str)]) -> String {
    stage.tick();
    stage.people.right.create(CLIENTS, natives(values)).expect("a client")
}

fn convert(stage: &Stage, lead: &str, client: &str) {
    stage.tick();
    stage.people.right.convert(LEADS, lead, Address::new(CLIENTS, client)).expect("a lead");
}

/// The person that a record is one of.
fn whose(stage: &Stage, side: Side, id: &str) -> Entity {
    let is_theirs = |entity: &Entity| entity.addresses(side).any(|address| address.id == id);
    stage.entities().into_iter().find(is_theirs).expect("somebody's")
}

fn client_value(stage: &Stage, id: &str, field: &str) -> String {
    let row = stage.people.right.row(CLIENTS, id).expect("a client");
    row.fields.get(field).filter(|value| !value.is_blank()).map(ToString::to_string).unwrap_or_default()
}

/// P28: nothing is made of a conversion, neither here nor there: it is the lead's person who is the client now.
#[tokio::test]
async fn p28_converted_into_a_new_client_it_is_the_same_person() {
    let stage = stage();
    let ids = stage.linked(&[("email", ANN), ("city", "Bonn")]).await;
    let new = client(&stage, &[("email", ANN), ("city", "Bonn")]);
    convert(&stage, &ids.right, &new);
    assert_eq!(stage.settle().await, Written::default(), "nobody is made, nothing is written");
    stage.edit(Side::Left, &ids.left, &[("city", "Rome")]);
    stage.settle().await;
    assert_eq!(client_value(&stage, &new, "city"), "Rome");
    stage.clock.forward(std::time::Duration::from_hours(25));
    assert_eq!(stage.settle().await, Written::default(), "nor by the daily comparison");
    let made = ["contacts", LEADS, CLIENTS].map(|object| {
        let side = if object == "contacts" { Side::Left } else { Side::Right };
        stage.people[side].live(object).len()
    });
    assert_eq!(made, [1, 1, 1], "no second contact, lead or client");
    assert_eq!(stage.value(Side::Right, &ids.right, "city"), "Bonn", "a converted lead is written no more");
    stage.check().await;
}

#[tokio::test]
async fn converted_into_a_client_who_is_somebody_else_in_marketing_unites_the_two() {
    let stage = stage();
    let lead = stage.linked(&[("email", ANN), ("optout", "yes")]).await;
    let old = client(&stage, &[("email", "office@example.com"), ("name", "Ann"), ("optout", "no")]);
    stage.settle().await;
    let other = stage.find(Side::Left, "office@example.com");
    let ids = [stage.entity(Side::Left, &lead.left).id, stage.entity(Side::Left, &other).id];
    convert(&stage, &lead.right, &old);
    stage.settle().await;
    let entity = stage.entity(Side::Left, &other);
    assert_eq!(entity.id, ids.into_iter().min().expect("two"), "the older id goes on");
    assert_eq!(entity.aliases, [ids.into_iter().max().expect("two")]);
    assert_eq!(entity.secondary_addresses(Side::Left).map(|address| &address.id).collect::<Vec<_>>(), [&lead.left]);
    assert_eq!(client_value(&stage, &old, "optout"), "yes", "who refused as a lead has refused as a client");
    assert_eq!(stage.value(Side::Left, &other, "optout"), "yes");
    assert_eq!(stage.log().iter().filter(|line| line.starts_with("merge")).count(), 1, "{:?}", stage.log());
    stage.check().await;
}

/// The client was in the sync as a person of its own that nobody knew in marketing.
#[tokio::test]
async fn converted_into_a_client_whom_nobody_else_knows() {
    let stage = stage();
    let ids = stage.linked(&[("email", ANN), ("optout", "yes"), ("city", "Bonn")]).await;
    let old = client(&stage, &[("name", "Ann"), ("optout", "no")]);
    stage.settle().await;
    convert(&stage, &ids.right, &old);
    stage.settle().await;
    let entity = stage.entity(Side::Left, &ids.left);
    assert_eq!(entity.members.right.map(|member| member.address.id), Some(old.clone()));
    assert_eq!(client_value(&stage, &old, "optout"), "yes");
    assert_eq!(client_value(&stage, &old, "email"), ANN);
    assert_eq!(stage.value(Side::Left, &ids.left, "name"), "Ann");
    stage.check().await;
}

/// A duplicate lead is converted; the primary lead stays.
#[tokio::test]
async fn a_duplicate_that_is_converted_stays_a_duplicate() {
    let stage = stage();
    let ids = stage.linked(&[("email", ANN), ("optout", "no")]).await;
    let second = stage.make(Side::Right, &[("email", ANN), ("optout", "no")]);
    stage.settle().await;
    let new = client(&stage, &[("email", ANN), ("optout", "no")]);
    convert(&stage, &second, &new);
    stage.settle().await;
    let entity = stage.entity(Side::Left, &ids.left);
    assert_eq!(entity.secondary_addresses(Side::Right).collect::<Vec<_>>(), [&Address::new(CLIENTS, &new)]);
    stage.edit(Side::Left, &ids.left, &[("optout", "yes")]);
    stage.settle().await;
    assert_eq!(client_value(&stage, &new, "optout"), "yes");
    stage.check().await;
}

/// P5: one e-mail as lead and as client, and no flipping between the two.
#[tokio::test]
async fn p05_a_lead_and_a_client_with_one_email_are_one_person() {
    let stage = stage();
    let lead = stage.make(Side::Right, &[("email", ANN), ("city", "Rome")]);
    let old = client(&stage, &[("email", ANN), ("city", "Bonn")]);
    assert_eq!(stage.settle().await, Written { created: 1, updated: 0 });
    let contact = stage.find(Side::Left, ANN);
    assert_eq!(stage.value(Side::Left, &contact, "city"), "Bonn", "the preferred object's");
    stage.edit(Side::Right, &lead, &[("city", "Paris")]);
    assert_eq!(stage.settle().await, Written::default());
    assert_eq!(
        (stage.value(Side::Left, &contact, "city"), client_value(&stage, &old, "city")),
        ("Bonn".into(), "Bonn".into())
    );
    stage.edit(Side::Left, &contact, &[("city", "Oslo")]);
    assert_eq!(stage.settle().await, Written { created: 0, updated: 1 });
    stage.clock.forward(std::time::Duration::from_hours(25));
    assert_eq!(stage.settle().await, Written::default(), "it does not flip between the two");
    assert_eq!(stage.value(Side::Right, &lead, "city"), "Paris");
    assert_eq!(client_value(&stage, &old, "city"), "Oslo");
    assert_eq!(stage.log(), ["duplicate resolved"], "the further record is listed");
    stage.check().await;
}

/// Clients are not in this sync: the person is shown as converted, not read for ever, and nobody is made anew.
#[tokio::test]
async fn converted_into_an_object_that_is_not_synced() {
    let stage = Stage::new();
    let ids = stage.linked(&[("email", ANN), ("city", "Bonn")]).await;
    let new = client(&stage, &[("email", ANN)]);
    convert(&stage, &ids.right, &new);
    assert_eq!(stage.settle().await, Written::default());
    let entity = stage.entity(Side::Left, &ids.left);
    let presence = entity.members.right.map(|member| member.presence);
    assert!(matches!(presence, Some(Presence::ConvertedOut { .. })), "{presence:?}");
    let listed = stage.kv.scan(&Tag(1).waiting(Wait::ConvertedOut), None, 10).expect("a store in memory");
    assert_eq!(listed.len(), 1);
    stage.edit(Side::Left, &ids.left, &[("city", "Rome"), ("optout", "yes")]);
    assert_eq!(stage.settle().await, Written::default());
    stage.check().await;
}

/// Somebody refuses on the lead, and it is converted before anybody has read that: the client says otherwise, and the
/// lead's last word is the only place where it stands.
#[tokio::test]
async fn who_refused_on_the_lead_just_before_has_refused() {
    for is_known in [true, false] {
        let stage = stage();
        let ids = stage.linked(&[("email", ANN), ("optout", "no")]).await;
        let old = client(&stage, &[("email", "office@example.com"), ("optout", "no")]);
        if is_known {
            stage.settle().await;
        }
        stage.edit(Side::Right, &ids.right, &[("optout", "yes")]);
        convert(&stage, &ids.right, &old);
        stage.settle().await;
        assert_eq!(client_value(&stage, &old, "optout"), "yes", "known before: {is_known}");
        assert_eq!(stage.value(Side::Left, &ids.left, "optout"), "yes", "known before: {is_known}");
        let heard = |event: &Event| matches!(event, Event::Decided { rule, .. } if rule == "last word");
        assert!(stage.events().iter().any(heard), "the journal says why; known before: {is_known}");
        stage.check().await;
    }
}

/// The same where a duplicate lead is converted.
#[tokio::test]
async fn who_refused_on_a_duplicate_lead_just_before_has_refused() {
    let stage = stage();
    let ids = stage.linked(&[("email", ANN), ("optout", "no")]).await;
    let second = stage.make(Side::Right, &[("email", ANN), ("optout", "no")]);
    stage.settle().await;
    let new = client(&stage, &[("email", ANN), ("optout", "no")]);
    stage.edit(Side::Right, &second, &[("optout", "yes")]);
    convert(&stage, &second, &new);
    stage.settle().await;
    assert_eq!(client_value(&stage, &new, "optout"), "yes");
    assert_eq!(stage.value(Side::Left, &ids.left, "optout"), "yes");
    assert_eq!(stage.value(Side::Right, &ids.right, "optout"), "yes");
    stage.check().await;
}

/// A service that shows a converted lead shows it again and again: what was rightly loosened later stays so.
#[tokio::test]
async fn the_last_word_is_heard_once() {
    let stage = Stage::new();
    let ids = stage.linked(&[("email", ANN), ("optout", "no")]).await;
    stage.edit(Side::Right, &ids.right, &[("optout", "yes")]);
    let new = client(&stage, &[("email", ANN)]);
    convert(&stage, &ids.right, &new);
    stage.settle().await;
    assert_eq!(stage.value(Side::Left, &ids.left, "optout"), "yes", "clients are not in this sync");
    stage.edit(Side::Left, &ids.left, &[("optout", "no")]);
    stage.settle().await;
    stage.clock.forward(std::time::Duration::from_hours(25));
    stage.settle().await;
    assert_eq!(stage.value(Side::Left, &ids.left, "optout"), "no");
    stage.check().await;
}

/// I5: somebody deleted the contact; that the lead goes on as a client brings nobody back.
#[tokio::test]
async fn whom_marketing_deleted_does_not_come_back_as_a_client() {
    for email in [ANN, ""] {
        let stage = stage();
        let ids = stage.linked(&[("email", ANN)]).await;
        stage.tick();
        stage.people.left.delete("contacts", &ids.left).expect("a contact");
        stage.settle().await;
        stage.clock.forward(std::time::Duration::from_mins(20));
        stage.settle().await;
        let new = client(&stage, &[("email", email), ("name", "Ann")]);
        convert(&stage, &ids.right, &new);
        assert_eq!(stage.settle().await.created, 0, "`{email}`");
        assert_eq!(stage.people.left.live("contacts").len(), 0, "`{email}`");
        stage.check().await;
    }
}

/// Whose lead was converted before anybody here looked is a customer: no lead is made of them, and nothing of the old
/// lead's travels but that they refused.
#[tokio::test]
async fn nobody_becomes_a_lead_again_who_was_converted_before() {
    for refused in ["no", "yes"] {
        let stage = Stage::new();
        let lead = stage.make(Side::Right, &[("email", ANN), ("city", "Rome"), ("name", "Ann"), ("optout", refused)]);
        let new = client(&stage, &[("email", ANN)]);
        convert(&stage, &lead, &new);
        let contact = stage.make(Side::Left, &[("email", ANN), ("city", "Bonn")]);
        assert_eq!(stage.settle().await.created, 0, "{refused}");
        assert_eq!(stage.people.right.live(LEADS).len(), 1, "the old one alone");
        let entity = stage.entity(Side::Left, &contact);
        let presence = entity.members.right.map(|member| (member.address.id, member.presence));
        assert!(matches!(&presence, Some((id, Presence::ConvertedOut { .. })) if *id == lead), "{presence:?}");
        let shown = ["city", "name"].map(|field| stage.value(Side::Left, &contact, field));
        assert_eq!(shown, ["Bonn".to_owned(), String::new()], "what the lead held is history");
        let expected = if refused == "yes" { "yes" } else { "" };
        assert_eq!(stage.value(Side::Left, &contact, "optout"), expected);
        stage.edit(Side::Left, &contact, &[("city", "Oslo"), ("email", "ann@example.org")]);
        stage.clock.forward(std::time::Duration::from_hours(25));
        assert_eq!(stage.settle().await, Written::default(), "nor later");
        assert_eq!(stage.log(), [""; 0]);
        stage.check().await;
    }
}

/// The same where clients are in the sync: the contact's e-mail is the old lead's, the client has another one.
#[tokio::test]
async fn who_was_converted_before_is_that_client() {
    for is_known in [true, false] {
        let stage = stage();
        let lead = stage.make(Side::Right, &[("email", ANN), ("city", "Rome")]);
        let old = client(&stage, &[("email", "office@example.com"), ("optout", "yes")]);
        convert(&stage, &lead, &old);
        if is_known {
            stage.settle().await;
        }
        let contact = stage.make(Side::Left, &[("email", ANN)]);
        stage.settle().await;
        assert_eq!(stage.people.right.live(LEADS).len(), 1, "the old one alone; known before: {is_known}");
        let client = whose(&stage, Side::Left, &contact).members.right.map(|member| member.address);
        assert_eq!(client, Some(Address::new(CLIENTS, &old)), "known before: {is_known}");
        assert_eq!(stage.value(Side::Left, &contact, "optout"), "yes", "known before: {is_known}");
        stage.check().await;
    }
}

/// What a person took apart stays apart.
#[tokio::test]
async fn who_was_taken_apart_from_a_client_is_not_taken_for_them_again() {
    const OTHER: &str = "a.n@example.com";
    let stage = stage();
    let old = client(&stage, &[("email", "office@example.com")]);
    for email in [ANN, OTHER] {
        let lead = stage.make(Side::Right, &[("email", email), ("city", "Rome")]);
        convert(&stage, &lead, &old);
    }
    let contact = stage.make(Side::Left, &[("email", ANN)]);
    stage.settle().await;
    let known = whose(&stage, Side::Left, &contact);
    assert_eq!(known.id, whose(&stage, Side::Right, &old).id);
    let address = Address::new("contacts", &contact);
    stage.sync.split(known.id, Side::Left, &address).await.expect("a store").expect("one of its records");
    stage.edit(Side::Left, &contact, &[("email", OTHER)]);
    stage.settle().await;
    let ids = [whose(&stage, Side::Left, &contact).id, whose(&stage, Side::Right, &old).id];
    assert_ne!(ids[0], ids[1]);
}

/// The answer to the creation is lost, and a client is there by then.
#[tokio::test]
async fn nobody_is_made_beside_a_client_who_came_while_the_answer_was_lost() {
    for fault in [Fault::TimeoutBefore, Fault::AnswerLost] {
        let stage = stage();
        stage.make(Side::Left, &[("email", ANN), ("city", "Bonn")]);
        stage.people.right.plant(fault.clone(), 2, Method::Create);
        stage.cycle().await;
        let made = stage.people.right.live(LEADS).len();
        let new = client(&stage, &[("email", ANN), ("name", "Ann")]);
        stage.settle().await;
        assert_eq!(stage.people.right.live(LEADS).len(), made, "{fault:?}");
        let contact = stage.find(Side::Left, ANN);
        let entity = stage.entity(Side::Left, &contact);
        assert!(entity.addresses(Side::Right).any(|address| address.id == new), "{fault:?}");
        stage.check().await;
    }
}

/// What was refused on a lead that left the sync waits no longer: nothing can be written there.
#[tokio::test]
async fn what_waits_on_a_lead_that_leaves_the_sync_waits_no_longer() {
    let stage = Stage::new();
    let ids = stage.linked(&[("email", ANN), ("city", "Bonn")]).await;
    stage.people.right.plant(Fault::FieldMasked { field: "city".into() }, 1, Method::Get);
    stage.edit(Side::Left, &ids.left, &[("city", "Rome")]);
    stage.cycle().await;
    let parked = || stage.kv.scan(&Tag(1).waiting(Wait::Parked), None, 10).expect("a store in memory").len();
    assert_eq!(parked(), 1, "what nobody was shown is not written over");
    let new = client(&stage, &[("email", ANN)]);
    convert(&stage, &ids.right, &new);
    stage.settle().await;
    assert_eq!(parked(), 0);
    stage.check().await;
}

/// Marketing clears a field while sales converts the lead that holds it: the client's value fills it again, and the log
/// says what was lost.
#[tokio::test]
async fn a_clearing_that_a_conversion_overtakes_is_logged() {
    let stage = stage();
    let ids = stage.linked(&[("email", ANN), ("city", "Bonn")]).await;
    stage.edit(Side::Left, &ids.left, &[("city", "")]);
    let new = client(&stage, &[("email", ANN), ("city", "Bonn")]);
    convert(&stage, &ids.right, &new);
    stage.settle().await;
    assert_eq!(stage.value(Side::Left, &ids.left, "city"), "Bonn");
    assert_eq!(stage.log(), ["city first_link resolved Right"]);
    stage.check().await;
}

/// Two old leads of one e-mail became two clients: nobody guesses which of them a contact is.
#[tokio::test]
async fn of_two_clients_nobody_is_guessed() {
    let stage = stage();
    let clients = ["one@example.com", "two@example.com"].map(|email| {
        let lead = stage.make(Side::Right, &[("email", ANN)]);
        let new = client(&stage, &[("email", email)]);
        convert(&stage, &lead, &new);
        new
    });
    let contact = stage.make(Side::Left, &[("email", ANN)]);
    stage.settle().await;
    let known = whose(&stage, Side::Left, &contact);
    let is_guessed = |new: &String| known.addresses(Side::Right).any(|address| address.id == *new);
    assert!(!clients.iter().any(is_guessed), "{known:?}");
    stage.check().await;
}
