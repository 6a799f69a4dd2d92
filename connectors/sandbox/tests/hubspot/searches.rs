use std::time::Duration;

use hymnal_sandbox::hubspot::{HubSpotOptions, Rates};
use hymnal_sdk::Address;
use serde_json::{Value, json};

use crate::{NO_LAG, Reply, World, fields, person};

const SEARCH: &str = "/crm/v3/objects/contacts/search";

async fn world() -> World {
    World::with(HubSpotOptions { search_lag: NO_LAG, rates: Rates::UNLIMITED, ..HubSpotOptions::default() }).await
}

async fn found(world: &World, filter: Value) -> Vec<String> {
    let body = json!({ "filterGroups": [{ "filters": [filter] }], "limit": 200 });
    let reply = world.client.post(SEARCH, &body).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let mut ids = reply.ids();
    ids.sort();
    ids
}

fn filter(property: &str, operator: &str, value: &str) -> Value {
    json!({ "propertyName": property, "operator": operator, "value": value })
}

// Search guide, "Available filter operators".
#[tokio::test]
async fn each_operator_filters() {
    let world = world().await;
    let ada = json!({ "email": "ada@example.com", "firstname": "Ada", "numemployees": "9", "lifecyclestage": "lead" });
    let ada = world.contact(ada).await;
    let bea = json!({ "email": "bea@example.org", "firstname": "Bea Lynn", "numemployees": "10" });
    let bea = world.contact(bea).await;
    let both = vec![ada.clone(), bea.clone()];
    let cases = [
        // Strings compare without case, numbers as numbers, enumerations with case.
        (filter("firstname", "EQ", "ADA"), vec![&ada]),
        (filter("firstname", "NEQ", "ada"), vec![&bea]),
        (filter("numemployees", "LT", "10"), vec![&ada]),
        (filter("numemployees", "LTE", "10"), vec![&ada, &bea]),
        (filter("numemployees", "GT", "9"), vec![&bea]),
        (filter("numemployees", "GTE", "9"), vec![&ada, &bea]),
        (filter("lifecyclestage", "EQ", "LEAD"), vec![]),
        (filter("lifecyclestage", "HAS_PROPERTY", ""), vec![&ada]),
        (filter("lifecyclestage", "NOT_HAS_PROPERTY", ""), vec![&bea]),
        (filter("email", "CONTAINS_TOKEN", "*@example.org"), vec![&bea]),
        (filter("firstname", "CONTAINS_TOKEN", "lynn"), vec![&bea]),
        (filter("firstname", "CONTAINS_TOKEN", "lyn"), vec![]),
        (filter("firstname", "NOT_CONTAINS_TOKEN", "lynn"), vec![&ada]),
        (
            json!({ "propertyName": "numemployees", "operator": "BETWEEN", "value": "9", "highValue": "9.5" }),
            vec![&ada],
        ),
        // "When searching a string property with this operator, values must be lowercase."
        (json!({ "propertyName": "firstname", "operator": "IN", "values": ["ada"] }), vec![&ada]),
        (json!({ "propertyName": "firstname", "operator": "IN", "values": ["Ada"] }), vec![]),
        (json!({ "propertyName": "lifecyclestage", "operator": "NOT_IN", "values": ["lead"] }), vec![&bea]),
        (json!({ "propertyName": "hs_object_id", "operator": "IN", "values": both }), vec![&ada, &bea]),
    ];
    for (filter, expected) in cases {
        assert_eq!(found(&world, filter.clone()).await.iter().collect::<Vec<_>>(), expected, "{filter}");
    }
}

// Search guide: at most five groups, six filters in each, 18 in total; an unknown property or operator is refused.
#[tokio::test]
async fn a_search_is_refused_beyond_its_limits() {
    let world = world().await;
    let group = |filters: usize| json!({ "filters": vec![filter("email", "EQ", "x@example.com"); filters] });
    let cases = [
        (json!({ "filterGroups": vec![group(1); 5] }), 200),
        (json!({ "filterGroups": vec![group(1); 6] }), 400),
        (json!({ "filterGroups": [group(6), group(6), group(6)] }), 200),
        (json!({ "filterGroups": [group(7)] }), 400),
        (json!({ "filterGroups": [group(6), group(6), group(6), group(1)] }), 400),
        (json!({ "filterGroups": [{ "filters": [filter("shoe_size", "EQ", "44")] }] }), 400),
        (json!({ "filterGroups": [{ "filters": [filter("email", "LIKE", "x")] }] }), 400),
        (json!({ "filterGroups": [{ "filters": [filter("lastmodifieddate", "GTE", "yesterday")] }] }), 400),
        (json!({ "filterGroups": [{ "filters": [{ "propertyName": "email", "operator": "IN" }] }] }), 400),
        (json!({ "sorts": ["email"] }), 200),
        // "Only one sorting rule can be applied to any search."
        (json!({ "sorts": ["email", "firstname"] }), 400),
        (json!({ "limit": 200 }), 200),
        (json!({ "limit": 201 }), 400),
        (json!({ "after": "ten" }), 400),
        // "If the body of your request exceeds 3,000 characters, a 400 error will be returned."
        (json!({ "query": "x".repeat(3_000) }), 400),
    ];
    for (body, status) in cases {
        let reply = world.client.post(SEARCH, &body).await;
        assert_eq!(reply.status, status, "{body}: {}", reply.body);
        if status == 400 {
            assert_eq!(reply.text("category"), "VALIDATION_ERROR");
        }
    }
}

// Search guide, "Limits": 10,000 results for any query; paging beyond is a 400 error. `total` still tells all.
#[tokio::test]
async fn paging_ends_at_10000() {
    let world = world().await;
    let people = (0..10_050).map(|number| fields(&[("email", &format!("p{number}@example.com"))])).collect();
    world.control().import(&person(), "contacts", people).unwrap();
    let page = async |after: u32| world.client.post(SEARCH, &json!({ "limit": 200, "after": after.to_string() })).await;
    let last = page(9_800).await;
    assert_eq!((last.status, &last.body["total"]), (200, &json!(10_050)));
    assert_eq!(last.text("paging.next.after"), "10000");
    assert_eq!(page(10_000).await.status, 400);
    assert_eq!(page(9_900).await.status, 400);
}

// The change reader's query: since a time, in its order, with milliseconds.
#[tokio::test]
async fn changes_come_in_the_order_of_their_time() {
    let world = world().await;
    let ada = world.contact(json!({ "email": "ada@example.com" })).await;
    let bea = world.contact(json!({ "email": "bea@example.com" })).await;
    let since = world.patch(&ada, json!({ "firstname": "Ada" })).await.text("updatedAt");
    let ask = async |operator: &str, value: &str, direction: &str| -> Reply {
        let filter = filter("lastmodifieddate", operator, value);
        let sort = json!({ "propertyName": "lastmodifieddate", "direction": direction });
        world.client.post(SEARCH, &json!({ "filterGroups": [{ "filters": [filter] }], "sorts": [sort] })).await
    };
    assert_eq!(ask("GTE", "1580000000000", "ASCENDING").await.ids(), [bea.clone(), ada.clone()]);
    assert_eq!(ask("GTE", "1580000000000", "DESCENDING").await.ids(), [ada.clone(), bea]);
    assert_eq!(ask("GTE", &since, "ASCENDING").await.ids(), [ada]);
    assert_eq!(ask("GT", &since, "ASCENDING").await.ids(), [""; 0]);
}

// Search guide, "Limits": "It may take a few moments for newly created or updated CRM objects to appear in search
// results. Archived CRM objects won't appear in any search results."
#[tokio::test]
async fn the_index_lags_behind_writes() {
    let lag = Duration::from_secs(2);
    let world =
        World::with(HubSpotOptions { search_lag: lag..=lag, rates: Rates::UNLIMITED, ..HubSpotOptions::default() })
            .await;
    let ada = world.contact(json!({ "email": "ada@example.com", "city": "Boise" })).await;
    let city = filter("city", "EQ", "Boise");
    assert_eq!(found(&world, city.clone()).await, [""; 0]);
    assert_eq!(world.get(&ada, "city").await.status, 200);
    world.clock.turn(lag);
    assert_eq!(found(&world, city.clone()).await, [ada.as_str()]);
    world.patch(&ada, json!({ "city": "Miami" })).await;
    assert_eq!(found(&world, city.clone()).await, [ada.as_str()], "still as it was");
    world.clock.turn(lag);
    assert_eq!(found(&world, city.clone()).await, [""; 0]);
    world.client.delete(&format!("/crm/v3/objects/contacts/{ada}")).await;
    world.clock.turn(lag);
    assert_eq!(found(&world, filter("city", "EQ", "Miami")).await, [""; 0]);
}

#[tokio::test]
async fn a_late_or_hidden_record_is_left_out() {
    let world = world().await;
    let ada = world.contact(json!({ "email": "ada@example.com" })).await;
    let address = Address::new("contacts", ada.as_str());
    let anybody = || filter("email", "HAS_PROPERTY", "");
    let later = world.control().account().now() + Duration::from_mins(1);
    world.control().appear_late(address.clone(), later);
    assert_eq!(found(&world, anybody()).await, [""; 0]);
    assert_eq!(world.get(&ada, "email").await.status, 200, "a read by id finds it");
    world.clock.turn(Duration::from_mins(1));
    assert_eq!(found(&world, anybody()).await, [ada.as_str()]);
    world.control().hide(address.clone());
    assert_eq!(found(&world, anybody()).await, [""; 0]);
    assert_eq!(world.get(&ada, "email").await.status, 404);
    world.control().show(&address);
    assert_eq!(found(&world, anybody()).await, [ada.as_str()]);
}
