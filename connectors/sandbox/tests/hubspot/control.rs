use serde_json::json;

use crate::{World, client::Client};

#[tokio::test]
async fn people_edit_over_http() {
    let world = World::new().await;
    let control = Client::new(&world.running.control_url, "");
    let make = json!({ "action": "create", "fields": { "email": "ada@example.com", "firstname": "Ada" } });
    let ada = control.post("/control/hubspot/records", &make).await.text("id");
    let other = json!({ "action": "create", "fields": { "email": "bea@example.com" } });
    let other = control.post("/control/hubspot/records", &other).await.text("id");
    let edit = json!({ "action": "edit", "id": ada, "fields": { "firstname": null, "hubspotscore": "7" },
                       "actor": { "name": "score", "kind": "workflow" } });
    assert_eq!(control.post("/control/hubspot/records", &edit).await.status, 200);
    assert_eq!(world.get(&ada, "hubspotscore").await.text("properties.hubspotscore"), "7");
    let merge = json!({ "action": "merge", "id": other, "into": ada });
    let merged = control.post("/control/hubspot/records", &merge).await.text("id");
    let delete = json!({ "action": "delete", "id": merged });
    assert_eq!(control.post("/control/hubspot/records", &delete).await.status, 200);
    assert_eq!(control.post("/control/hubspot/records", &delete).await.status, 409);
    let all = control.get("/control/hubspot/records?object=contacts").await;
    let all = all.body["records"].as_array().unwrap();
    assert_eq!(all.len(), 3);
    assert_eq!(all[0]["merged_into"], json!(merged));
    assert!(all[2]["deleted_at"].is_string());
    let restore = json!({ "action": "restore", "id": merged });
    assert_eq!(control.post("/control/hubspot/records", &restore).await.status, 200);
    assert_eq!(world.get(&merged, "email").await.status, 200);
    assert_eq!(control.get("/control/elsewhere/records?object=contacts").await.status, 400);
}

#[tokio::test]
async fn operators_work_over_http() {
    let world = World::new().await;
    let control = Client::new(&world.running.control_url, "");
    let import =
        json!({ "object": "contacts", "records": [{ "email": "a@example.com" }, { "email": "b@example.com" }] });
    let ids = control.post("/control/hubspot/import", &import).await.body["ids"].clone();
    let fault = json!({ "method": "GET", "times": 1, "fault": { "kind": "answer", "status": 502 } });
    assert_eq!(control.post("/control/hubspot/faults", &fault).await.status, 204);
    let path = "/crm/v3/objects/contacts";
    assert_eq!(world.client.get(path).await.status, 502);
    control.post("/control/hubspot/faults", &fault).await;
    assert_eq!(control.delete("/control/hubspot/faults").await.status, 204);
    assert_eq!(world.client.get(path).await.status, 200);
    let seen = control.get("/control/hubspot/requests?asked=0&wrote=0").await;
    assert_eq!(seen.body["since"]["by_status"], json!({ "200": 1, "502": 1 }));
    assert_eq!(seen.body["mark"], json!({ "asked": 2, "wrote": 0 }));
    let none = control.get("/control/hubspot/requests?asked=2&wrote=0").await;
    assert_eq!(none.body["since"]["asked"], 0);
    control.post("/control/hubspot/clock", &json!({ "skew_ms": 3_600_000 })).await;
    assert_eq!(world.client.get(path).await.header("date"), "Mon, 02 Mar 2026 10:00:00 GMT");
    let hide = json!({ "object": "contacts", "id": ids[0], "hidden": true });
    assert_eq!(control.post("/control/hubspot/visibility", &hide).await.status, 204);
    assert_eq!(world.client.get(path).await.ids(), [ids[1].as_str().unwrap()]);
    let late = json!({ "object": "contacts", "id": ids[1], "late_ms": 1000 });
    control.post("/control/hubspot/visibility", &late).await;
    assert_eq!(world.client.get(path).await.ids(), [""; 0]);
    let rates = json!({ "per_ten_seconds": 1, "searches_per_second": null, "daily": null });
    control.post("/control/hubspot/rates", &rates).await;
    assert_eq!(world.client.get(path).await.status, 429);
}

#[tokio::test]
async fn it_stops_when_it_is_told_to() {
    let world = World::new().await;
    let client = Client::new(&world.running.hubspot_url, "");
    world.running.shutdown().await;
    assert!(client.send("GET", "/", None).await.is_err());
}
