//! One unsubscribe. The contact has two leads in sales; later the address changes, a lead is converted into a contact
//! who was there before and is open, marketing merges two contacts, and an old list is imported. Still out.

use hymnal_sandbox::{hubspot::opt_out, salesforce::Conversion};
use hymnal_sdk::{Actor, ActorKind, Native};

use super::telling::Telling;
use crate::world::{Setup, World, person};

const RULE: &str = r#"{ marketing = "hs_email_optout", crm = "HasOptedOutOfEmail", type = "bool", consent = ["false", "true"], may_loosen = ["marketing"], blank_as = { crm = ["false"] } }"#;

/// Everybody who may be written to by mail: addresses, with the object.
fn open(world: &World) -> Vec<String> {
    let is_in = |record: &std::collections::BTreeMap<String, String>, field: &str| {
        record.get(field).is_none_or(|said| said != "true")
    };
    let contacts = world.contacts().into_iter().filter(|it| is_in(it, "hs_email_optout"));
    let sales = world.sales_records().into_iter().filter(|it| is_in(it, "HasOptedOutOfEmail"));
    contacts
        .map(|it| format!("contacts {}", it["email"]))
        .chain(sales.map(|it| format!("{} {}", it["object"], it["Email"])))
        .collect()
}

fn lead(world: &World, email: &str) -> String {
    world.crm_record("Lead", &[("Email", email), ("LastName", "Smith"), ("Company", "Acme")])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_unsubscribe_holds_through_everything_that_happens_to_the_records() {
    let mut telling = Telling::of("2. One unsubscribe");
    let world = Setup::new().field("opted_out", RULE).start().await;
    let contact = world.hub_contact(&[("email", "ada@example.com"), ("lastname", "Smith")]);
    let leads = [lead(&world, "ada@example.com"), lead(&world, "ada@example.com")];
    world.converge().await;
    assert_eq!(open(&world).len(), 3);

    // She clicks the link at the bottom of a mail.
    opt_out(world.running.sandbox.hubspot(), &person(), "ada@example.com");
    world.converge().await;
    assert_eq!(open(&world), Vec::<String>::new(), "the contact and both leads");
    telling.shows_some(&world.run(&["explain", "ada@example.com", "--field", "opted_out"]).await, before_history());

    // Marketing keeps opt-outs by address: the new one has never said anything.
    world.hub_edit(&contact, &[("email", "ada.smith@example.com")]);
    world.converge().await;
    assert_eq!(open(&world), Vec::<String>::new(), "a new address");

    // One lead becomes a contact who was there before, and who is open.
    let client = world.crm_record("Contact", &[("Email", "office@example.com"), ("LastName", "Smith")]);
    world.converge().await;
    let how = Conversion { contact: Some(client.clone()), account: None };
    world.crm.convert(&person(), &leads[0], &how).expect("a conversion");
    world.converge().await;
    assert_eq!(open(&world), Vec::<String>::new(), "a conversion");

    // Marketing merges her into a contact who is open.
    let other = world.hub_contact(&[("email", "a.smith@example.com"), ("lastname", "Smith")]);
    world.converge().await;
    let ours = world.contacts().into_iter().find(|it| it["email"] == "ada.smith@example.com").expect("her contact");
    world.hub.merge(&person(), &other, &ours["id"]).expect("a merge");
    world.once().await;
    world.once().await;
    assert_eq!(open(&world), Vec::<String>::new(), "a merge");

    // An old list comes back: her address, as if nothing had ever been said.
    let import = Actor { name: SALES_IMPORT.to_owned(), kind: ActorKind::Import };
    let row = [("Email", "ada.smith@example.com"), ("LastName", "Smith"), ("Company", "Acme")];
    let mut fields = crate::world::texts(&row);
    fields.insert("HasOptedOutOfEmail".to_owned(), Native::Bool(false));
    world.crm.import(&import, "Lead", vec![fields]).expect("an import");
    world.once().await;
    world.once().await;
    assert_eq!(open(&world), Vec::<String>::new(), "an import");
    let page = world.run(&["explain", &format!("crm:Contact:{client}"), "--field", "opted_out"]).await.exits(0);
    // By which of all these it was set last depends on which system answered first.
    let is_before = before_history();
    telling.shows_some(&page, |line| {
        let tells_how = line.starts_with("    set by") || line.starts_with("    what lost");
        is_before(line) && !tells_how
    });
    telling.ends();
}

/// Who imports in sales.
const SALES_IMPORT: &str = "005Hy0000000003IAA";

/// The page without what it ends with.
pub(super) fn before_history() -> impl Fn(&str) -> bool {
    let is_over = std::cell::Cell::new(false);
    move |line| {
        is_over.set(is_over.get() || line.trim() == "Sync history");
        !is_over.get()
    }
}
