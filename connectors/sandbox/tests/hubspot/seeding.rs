use std::collections::BTreeSet;

use hymnal_sandbox::{Side, seed};
use hymnal_sdk::{Fields, Native};

use crate::World;

fn text(fields: &Fields, name: &str) -> String {
    fields.get(name).map(Native::to_string).unwrap_or_default()
}

#[test]
fn the_same_seed_invents_the_same_people() {
    assert_eq!(seed::people(50, 40, 30, 7), seed::people(50, 40, 30, 7));
    assert_ne!(seed::people(50, 40, 30, 7), seed::people(50, 40, 30, 8));
}

#[test]
fn people_overlap_as_asked_and_can_not_be_reached() {
    let people = seed::people(500, 400, 300, 1);
    assert_eq!((people.hubspot.len(), people.salesforce.len()), (500, 400));
    let left: BTreeSet<String> = people.hubspot.iter().map(|fields| text(fields, "email").to_lowercase()).collect();
    let right: BTreeSet<String> =
        people.salesforce.iter().map(|(_, fields)| text(fields, "Email").to_lowercase()).collect();
    assert_eq!((left.len(), right.len(), left.intersection(&right).count()), (500, 400, 300));
    for address in left.union(&right) {
        let reserved = ["example.com", "example.org", "example.net"];
        assert!(reserved.iter().any(|domain| address.ends_with(domain)), "{address}");
    }
    for (_, fields) in &people.salesforce {
        let digits: String = text(fields, "Phone").chars().filter(char::is_ascii_digit).collect();
        assert!(digits.is_empty() || digits[4..].starts_with("55501"), "{digits}");
    }
    // Some differ between the sides, some opted out, some are blank.
    let pairs = || people.hubspot.iter().zip(people.salesforce.iter().map(|(_, fields)| fields)).take(300);
    assert!(pairs().any(|(left, right)| text(left, "email") != text(right, "Email")));
    assert!(pairs().any(|(left, right)| text(left, "jobtitle") != text(right, "Title")));
    assert!(pairs().any(|(left, _)| text(left, "hs_email_optout") == "true"));
    assert!(people.hubspot.iter().any(|fields| !fields.contains_key("phone")));
}

#[tokio::test]
async fn both_services_take_the_seeded_people() {
    let world = World::new().await;
    let people = seed::people(500, 400, 300, 1);
    let seeded = world.running.sandbox.seed(&people).unwrap();
    assert_eq!((seeded.hubspot.len(), seeded.salesforce.len()), (500, 400));
    let right = world.running.sandbox.control(Side::Salesforce);
    assert_eq!(right.rows("Lead").len() + right.rows("Contact").len(), 400);
    let out = world.control().rows("contacts");
    let out = out.iter().filter(|row| text(&row.fields, "hs_email_optout") == "true").count();
    assert!((5..100).contains(&out), "{out}");
}
