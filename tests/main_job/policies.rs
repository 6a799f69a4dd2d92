//! Each rule of a field, through the real program at least once.

use serde_json::{Value as Json, json};

use crate::world::{Setup, World, person, texts};
use hymnal_sdk::{Fields, Native};

/// One person in both systems, each field under another rule; what they hold at the start is equal.
async fn ruled() -> (World, String, String) {
    let setup = Setup::new()
        .field("phone", r#"{ marketing = "phone", crm = "Phone", type = "phone", region = "US", on_conflict = "prefer marketing" }"#)
        .field("job_title", r#"{ marketing = "jobtitle", crm = "Title", on_conflict = "always crm" }"#)
        .field("interests", r#"{ marketing = "interests", crm = "Interests__c", type = "set", on_conflict = "union" }"#)
        .field("stage", r#"{ marketing = "lifecyclestage", crm = { Contact = "Stage__c" }, type = "choice", on_conflict = "furthest", back = "refuse", order = ["lead", "mql", "sql", "customer"], values = { marketing = { mql = "marketingqualifiedlead", sql = "salesqualifiedlead" }, crm.Contact = { lead = "Lead", mql = "MQL", sql = "SQL", customer = "Customer" } } }"#)
        .field("employees", r#"{ marketing = "numemployees", crm = "Lead_Score__c", type = "integer", on_conflict = "max" }"#)
        .field("birthday", r#"{ marketing = "birthday", crm = { Contact = "Birthdate" }, type = "date", on_conflict = "min" }"#)
        .field("city", r#"{ marketing = "city", crm = { Contact = "MailingCity" }, flow = "marketing -> crm" }"#)
        .field("state", r#"{ marketing = "state", crm = { Contact = "MailingState" }, blanks = "ignore" }"#)
        .field("zip", r#"{ marketing = "zip", crm = { Contact = "MailingPostalCode" }, flow = "crm -> marketing", on_override = "keep" }"#)
        .field("no_mail", r#"{ marketing = "newsletter", crm = "HasOptedOutOfEmail", type = "bool", consent = ["false", "true"], may_loosen = ["marketing"] }"#);
    let world = setup.start().await;
    let hub = world.hub_contact(&[
        ("email", "ada@example.com"),
        ("lastname", "Smith"),
        ("phone", "+12125550100"),
        ("jobtitle", "Buyer"),
        ("interests", "Events;Pricing"),
        ("lifecyclestage", "lead"),
        ("numemployees", "10"),
        ("birthday", "1980-05-05"),
        ("city", "Boston"),
        ("state", "MA"),
        ("zip", "02101"),
        ("newsletter", "false"),
    ]);
    let crm = world.crm_record(
        "Contact",
        &[
            ("Email", "ada@example.com"),
            ("LastName", "Smith"),
            ("Phone", "+12125550100"),
            ("Title", "Buyer"),
            ("Interests__c", "Pricing;Events"),
            ("Stage__c", "Lead"),
            ("Birthdate", "1980-05-05"),
            ("MailingCity", "Boston"),
            ("MailingState", "MA"),
            ("MailingPostalCode", "02101"),
        ],
    );
    world.crm.edit(&person(), &crm, number("Lead_Score__c", "10")).expect("a score");
    world.converge().await;
    assert!(world.conflicts().is_empty(), "{:?}", world.conflicts());
    (world, hub, crm)
}

fn number(field: &str, value: &str) -> Fields {
    [(field.to_owned(), Native::Number(value.to_owned()))].into()
}

fn opted_out(value: bool) -> Fields {
    [("HasOptedOutOfEmail".to_owned(), Native::Bool(value))].into()
}

fn line<'a>(lines: &'a [Json], field: &str) -> &'a Json {
    let found: Vec<&Json> = lines.iter().filter(|line| line["field"] == field).collect();
    assert_eq!(found.len(), 1, "lines of {field}: {found:?}");
    found[0]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_policy_decides_a_conflict_as_its_name_says() {
    let (world, hub, crm) = ruled().await;
    world.hub_edit(
        &hub,
        &[
            ("phone", "+12125550111"),
            ("jobtitle", "CEO"),
            ("interests", "Events;Pricing;Security"),
            ("lifecyclestage", "salesqualifiedlead"),
            ("numemployees", "30"),
            ("birthday", "1981-01-01"),
        ],
    );
    world.crm_edit(
        &crm,
        &[
            ("Phone", "+12125550122"),
            ("Title", ""),
            ("Interests__c", "Events;Training"),
            ("Stage__c", "MQL"),
            ("Birthdate", "1979-12-31"),
        ],
    );
    world.crm.edit(&person(), &crm, number("Lead_Score__c", "20")).expect("a score");

    world.converge().await;

    let lines = world.conflicts();
    let phone = line(&lines, "phone");
    assert_eq!((&phone["policy"], &phone["winner"]), (&json!("prefer"), &json!("marketing")), "{phone}");
    assert_eq!(world.crm_value(&crm, "Phone"), "+12125550111");
    // `always` lets a blank win too.
    assert_eq!(line(&lines, "job_title")["winner"], "crm");
    assert_eq!(world.hub_value(&hub, "jobtitle"), "");
    // `union`: what both added is there, what one removed is gone, and it is no conflict.
    let interests = |text: String| {
        let mut words: Vec<String> = text.split(';').map(str::to_owned).collect();
        words.sort();
        words
    };
    assert_eq!(interests(world.hub_value(&hub, "interests")), ["Events", "Security", "Training"]);
    assert_eq!(interests(world.crm_value(&crm, "Interests__c")), ["Events", "Security", "Training"]);
    assert!(lines.iter().all(|line| line["field"] != "interests"), "{lines:?}");
    assert_eq!(
        (line(&lines, "stage")["winner"].clone(), world.crm_value(&crm, "Stage__c")),
        (json!("marketing"), "SQL".into())
    );
    assert_eq!(line(&lines, "employees")["result"], 30);
    assert_eq!(world.crm_value(&crm, "Lead_Score__c"), "30");
    assert_eq!(line(&lines, "birthday")["winner"], "crm");
    assert_eq!(world.hub_value(&hub, "birthday"), "1979-12-31");
    assert_eq!(lines.len(), 5, "{lines:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_rule_refuses_is_restored_refilled_or_left() {
    let (world, hub, crm) = ruled().await;
    // Against the flow; a cleared field whose blanks do not travel; a step back.
    world.crm_edit(&crm, &[("MailingCity", "Denver"), ("MailingState", ""), ("Stage__c", "")]);
    // Against the flow, where it is kept.
    world.hub_edit(&hub, &[("zip", "99999")]);

    world.converge().await;

    assert_eq!(world.crm_value(&crm, "MailingCity"), "Boston");
    assert_eq!(world.crm_value(&crm, "MailingState"), "MA");
    assert_eq!(world.crm_value(&crm, "Stage__c"), "Lead");
    assert_eq!(world.hub_value(&hub, "zip"), "99999");
    assert_eq!(world.crm_value(&crm, "MailingPostalCode"), "02101");
    let lines = world.conflicts();
    for field in ["city", "stage", "zip"] {
        assert_eq!(line(&lines, field)["kind"], "overruled", "{lines:?}");
    }
    assert_eq!(lines.len(), 3, "a refilled blank is no conflict: {lines:?}");
    let quiet = world.mark();
    world.converge().await;
    assert_eq!(world.wrote_since(quiet), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_opt_out_travels_at_once_and_only_who_may_loosens_it() {
    let (world, hub, crm) = ruled().await;
    world.crm.edit(&person(), &crm, opted_out(true)).expect("an opt-out");
    world.converge().await;
    assert_eq!(world.hub_value(&hub, "newsletter"), "true");
    assert!(world.conflicts().is_empty());

    // Sales may not loosen: it is restored there.
    world.crm.edit(&person(), &crm, opted_out(false)).expect("an edit");
    world.converge().await;
    assert_eq!(
        (world.crm_value(&crm, "HasOptedOutOfEmail"), world.hub_value(&hub, "newsletter")),
        ("true".into(), "true".into())
    );
    assert_eq!(world.conflicts_of("overruled").len(), 1, "{:?}", world.conflicts());

    // Marketing may.
    world.hub.edit(&person(), &hub, texts(&[("newsletter", "false")])).expect("an opt-in");
    world.converge().await;
    assert_eq!(world.crm_value(&crm, "HasOptedOutOfEmail"), "false");

    // One restricts while the other changes the address: the restriction wins.
    world.hub_edit(&hub, &[("newsletter", "true"), ("email", "ada.smith@example.com")]);
    world.converge().await;
    assert_eq!(world.crm_value(&crm, "HasOptedOutOfEmail"), "true");
    assert_eq!(world.crm_value(&crm, "Email"), "ada.smith@example.com");
}
