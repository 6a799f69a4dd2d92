//! What a right file means.

use std::time::Duration;

use hymnal::{
    config::{Role, SettingValue, effective_toml, sync_digest},
    mapping::Value,
    merge::{Back, Flow, Limit, Mode, OnConflict, Side, SyncRules},
};

use crate::given::{BASE, base_with, right};

fn people(text: &str) -> SyncRules {
    right(text).syncs.into_iter().next().expect("one sync")
}

fn first_link(sync: &SyncRules, field: &str) -> OnConflict {
    let rule = sync.fields.iter().find(|rule| rule.map.name == field).expect("the field");
    rule.policy.first_link
}

#[test]
fn what_is_not_written_has_its_default() {
    let config = right(BASE);
    let sync = people(BASE);
    assert_eq!(config.daemon.conflict_log.to_str(), Some("/var/lib/hymnal/conflicts.jsonl"));
    assert_eq!(config.daemon.history_days, 800);
    assert_eq!(sync.matching, vec![vec![0]]);
    assert_eq!(sync.priority, Side::Right, "the sales system");
    assert_eq!((sync.every, sync.delete_grace), (Duration::from_secs(30), Duration::from_mins(15)));
    let crm = config.connector("crm").expect("there");
    assert_eq!(crm.role, Role::Sales);
    assert!((crm.limits.daily_share - 0.5).abs() < f64::EPSILON);
    let login = crm.settings.get("login_url");
    assert!(matches!(login, Some(SettingValue::Url(url)) if url == "https://login.salesforce.com"), "{login:?}");
    assert!(!crm.settings.contains_key("private_key"), "of another way to log in");
}

#[test]
fn the_state_directory_is_systemds_or_beside_the_file() {
    use crate::given::{World, read};

    let text = base_with("state_dir = \"/var/lib/hymnal\"", "");
    let state_dir = |world: World| read(&text, &world).expect("right").daemon.state_dir;
    assert_eq!(state_dir(World::new()).to_str(), Some("/etc/hymnal/hymnal-state"));
    let systemd = World::new().variable("STATE_DIRECTORY", "/var/lib/a:/var/lib/b");
    assert_eq!(state_dir(systemd).to_str(), Some("/var/lib/a"));
}

#[test]
fn sides_do_not_depend_on_the_order_of_between() {
    let sync = people(&base_with(
        "{ marketing = \"contacts\", crm = [\"Contact\", \"Lead\"] }",
        "{ crm = [\"Lead\", \"Contact\"], marketing = \"contacts\" }",
    ));
    assert_eq!(sync.systems.left.connector, "marketing");
    assert_eq!(sync.systems.right.objects, ["Lead", "Contact"], "the first named is preferred");
    assert_eq!(sync.systems.right.create.as_deref(), Some("Lead"));
    assert_eq!(sync.priority, Side::Right, "the sales system");
    let fields: Vec<&str> = sync.fields.iter().map(|rule| rule.map.name.as_str()).collect();
    assert_eq!(fields, ["email", "name", "phone", "score"], "in the order of the file");
}

#[test]
fn first_link_falls_back_in_order() {
    let policy = |option: &str| base_with("crm = \"LastName\" }", &format!("crm = \"LastName\", {option} }}"));
    let link = |text: &str| first_link(&people(text), "name");
    let own = "first_link = \"manual\", on_conflict = \"always crm\"";
    assert_eq!(link(&policy(own)), OnConflict::Manual, "the field's own");
    assert_eq!(link(&policy("on_conflict = \"always marketing\"")), OnConflict::Always(Side::Left), "its on_conflict");
    assert_eq!(link(&policy("on_conflict = \"latest\"")), OnConflict::Prefer(Side::Right), "the sync's");
    let silent = BASE.replace("first_link = \"prefer crm\"\n", "priority = [\"marketing\", \"crm\"]\n");
    assert_eq!(link(&silent), OnConflict::Prefer(Side::Left), "priority");
}

#[test]
fn consent_is_restrictive_also_at_the_first_link() {
    let sync = people(include_str!("../../config.example.toml"));
    let opted_out = sync.fields.iter().find(|rule| rule.map.name == "opted_out").expect("there");
    assert_eq!(opted_out.policy.on_conflict, OnConflict::Restrictive);
    assert_eq!(opted_out.policy.first_link, OnConflict::Restrictive);
    let consent = opted_out.policy.consent.as_ref().expect("a consent field");
    assert_eq!(consent.steps, [Value::Bool(false), Value::Bool(true)]);
    assert!(consent.may_loosen.left && !consent.may_loosen.right);
}

/// A mailing list has no box to tick: who leaves it has opted out.
#[test]
fn a_consent_needs_no_place_where_leaving_is_the_opt_out() {
    let field = "opted_out = { crm = \"HasOptedOutOfEmail\", type = \"bool\", consent = [\"false\", \"true\"] }\nname";
    let text = base_with("name", field).replace("every = \"30s\"", "on_delete = { marketing = \"restrict\" }");
    let warnings = right(&text).warnings.to_string();
    assert!(warnings.contains("who opts out in `crm` stays in `marketing`"), "{warnings}");
    let rule = people(&text).fields.into_iter().find(|rule| rule.map.name == "opted_out").expect("the field");
    assert!(rule.map.native.left.is_empty() && rule.map.native.right.contains_key("Lead"));
}

#[test]
fn an_opt_in_box_says_what_unticked_means() {
    let text = base_with(
        "crm = \"LastName\" }",
        "crm = \"LastName\", type = \"bool\", consent = [\"true\", \"false\"], blank_as = { crm = [\"false\"], marketing = [] } }",
    );
    let sync = people(&text);
    assert_eq!(sync.fields[1].map.native.right["Lead"].blank_as, ["false"]);
}

#[test]
fn a_field_lives_where_it_is_mapped() {
    let sync = people(include_str!("../../config.example.toml"));
    let field = |name: &str| sync.fields.iter().find(|rule| rule.map.name == name).expect("the field");
    let company = &field("company").map.native.right;
    assert_eq!(company.keys().collect::<Vec<_>>(), ["Lead"]);
    assert_eq!(sync.systems.right.defaults["Lead"]["Company"], "(unknown)");
    assert_eq!(sync.systems.right.defaults["Contact"].keys().collect::<Vec<_>>(), ["LastName"]);
    let stage = field("stage");
    assert_eq!(
        stage.map.native.right["Lead"].values[0],
        ("lead".to_owned(), vec!["Open".to_owned(), "New".to_owned()])
    );
    assert_eq!(stage.map.native.right["Contact"].name, "Stage__c");
    assert_eq!(stage.policy.back, Back::Refuse);
    assert_eq!(field("score").policy.flow, Flow::From(Side::Left));
}

#[test]
fn values_can_stand_on_one_line() {
    let sync = people(&base_with(
        "crm = \"LastName\" }",
        "crm = \"LastName\", type = \"choice\", values = { marketing = { a = \"x\" }, crm.Lead = { a = [\"A\", \"AA\"] }, crm.Contact = { a = \"Y\" } } }",
    ));
    let native = &sync.fields[1].map.native;
    assert_eq!(native.left["contacts"].values, [("a".to_owned(), vec!["x".to_owned()])]);
    assert_eq!(native.right["Contact"].values, [("a".to_owned(), vec!["Y".to_owned()])]);
}

#[test]
fn one_native_field_can_be_read_twice_and_written_once() {
    right(&base_with(
        "crm = \"LastName\" }",
        "crm = \"LastName\" }\nsurname = { marketing = \"lastname\", crm = \"Surname__c\", flow = \"marketing -> crm\" }",
    ));
}

#[test]
fn a_hub_of_three_systems_is_no_circle() {
    let hub = BASE.replace(
        "[sync.people]\n",
        "[connectors.erp]\ntype = \"salesforce\"\nrole = \"sales\"\nauth = \"client_credentials\"\nclient_id = \"other\"\nclient_secret = { file = \"/etc/hymnal/salesforce\" }\n\
         [sync.buyers]\nbetween = { marketing = \"contacts\", erp = \"Lead\" }\n[sync.buyers.fields]\nemail = { marketing = \"email\", erp = \"Email\", type = \"email\" }\n[sync.people]\n",
    );
    assert_eq!(right(&hub).syncs.len(), 2);
}

#[test]
fn the_digest_is_of_what_decides() {
    let digest = |text: &str| right(text).digest;
    let same = [
        base_with("every = \"30s\"", "every = \"60s\"   # slower"),
        base_with("[daemon]", "[store]\ncache_mb = 32\n[daemon]"),
        base_with(
            "{ marketing = \"lastname\", crm = \"LastName\" }",
            "{ crm = \"LastName\", marketing = \"lastname\" }",
        ),
        base_with(
            "{ marketing = \"contacts\", crm = [\"Contact\", \"Lead\"] }",
            "{ crm = [\"Contact\", \"Lead\"], marketing = \"contacts\" }",
        ),
        base_with("type = \"integer\" }", "type = \"integer\", blanks = \"clear\", flow = \"both\" }"),
    ];
    for text in same {
        assert_eq!(digest(&text), digest(BASE), "{text}");
    }
    let other = [
        base_with("crm = [\"Contact\", \"Lead\"] }", "crm = [\"Lead\", \"Contact\"] }"),
        base_with("every = \"30s\"", "match = [[\"email\"], [\"phone\"]]"),
        base_with("crm = \"LastName\" }", "crm = \"LastName\", flow = \"crm -> marketing\" }"),
        base_with("crm = \"LastName\" }", "crm = \"LastName\", on_conflict = \"manual\" }"),
        base_with("\"LastName\"", "\"Last_Name__c\""),
    ];
    for text in other {
        assert_ne!(digest(&text), digest(BASE), "{text}");
    }
    // A digest that changes by an upgrade alone makes every sync start its fields anew.
    assert_eq!(sync_digest(&people(BASE)), "ea98e0b7bed9976ca25acf83e0fc8acd");
}

#[test]
fn urls_may_have_a_path_and_lose_their_last_slash() {
    let url = |written: &str| {
        let to = format!("auth = \"client_credentials\"\nlogin_url = \"{written}\"");
        let config = right(&base_with("auth = \"client_credentials\"", &to));
        match config.connector("crm").and_then(|crm| crm.settings.get("login_url")) {
            Some(SettingValue::Url(url)) => url.clone(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(url("https://Login.Example.com/"), "https://login.example.com");
    assert_eq!(url("https://example.com/crm/v2/"), "https://example.com/crm/v2");
    assert_eq!(url("http://[::1]:9000"), "http://[::1]:9000");
    assert_eq!(url("http://127.1.2.3:9000/"), "http://127.1.2.3:9000");
}

#[test]
fn numbers_and_durations_in_every_form() {
    let text = base_with("state_dir = \"/var/lib/hymnal\"", "history_days = 1_000");
    assert_eq!(right(&text).daemon.history_days, 1000);
    let every = |written: &str| people(&base_with("\"30s\"", &format!("\"{written}\""))).every;
    assert_eq!(every("500ms"), Duration::from_millis(500));
    assert_eq!(every("1h30m"), Duration::from_mins(90));
    assert_eq!(every("1d"), Duration::from_hours(24));
    let grace = people(&base_with("every = \"30s\"", "delete_grace = \"0s\"")).delete_grace;
    assert_eq!(grace, Duration::ZERO, "no grace is a choice, no interval is not");
}

#[test]
fn who_is_in_it_is_compiled() {
    let sync =
        people(&base_with("every = \"30s\"", "include = \"email and score > 10\"\ncreate_when = { crm = \"name\" }"));
    assert_eq!(sync.include.expect("a rule").source(), "email and score > 10");
    assert_eq!(sync.systems.right.create_when.expect("a rule").source(), "name");
    assert!(sync.systems.left.create_when.is_none());
}

/// A blank is less than everything, and nothing is in it: who writes that down may have meant something else.
#[test]
fn a_rule_that_a_blank_surprises_is_doubted() {
    let config = right(&base_with("every = \"30s\"", "include = \"score < 10 or '@example.com' in email\""));
    insta::assert_snapshot!("doubts", config.warnings.to_string());
    let sure = "include = \"(score is none or score < 10) and email and '@example.com' in email\"";
    assert!(right(&base_with("every = \"30s\"", sure)).warnings.is_empty());
}

#[test]
fn a_sync_that_only_observes_may_name_one_system() {
    let text = BASE
        .replace(
            "between = { marketing = \"contacts\", crm = [\"Contact\", \"Lead\"] }",
            "between = { crm = \"Lead\" }",
        )
        .replace("create = { marketing = \"contacts\", crm = \"Lead\" }", "mode = \"observe\"")
        .replace("marketing = \"email\", ", "")
        .replace("marketing = \"lastname\", ", "")
        .replace("marketing = \"phone\", ", "")
        .replace("marketing = \"score\", ", "");
    let config = right(&text);
    let sync = &config.syncs[0];
    assert_eq!(sync.mode, Mode::Observe);
    assert_eq!((sync.systems.left.connector.as_str(), sync.systems.right.objects.len()), ("crm", 0));
    let shown = effective_toml(&config);
    assert!(shown.contains("between = { crm = [\"Lead\"] }"), "{shown}");
}

#[test]
fn guards_that_nobody_writes_are_in_force() {
    let defaults = people(BASE).guards;
    assert_eq!(defaults.max_creates, Limit::of(1000, 0.1));
    assert_eq!(defaults.max_updates, Limit::of(5000, 0.2));
    assert_eq!(defaults.max_deletes, Limit::of(10, 0.01));
    assert_eq!(defaults.max_blanked, Limit::of(100, 0.02));
    assert_eq!(defaults.max_optout_changes, Limit::of(200, 0.05));
    assert_eq!(defaults.window, Duration::from_hours(1));
    let own = "guards = { window = \"2h\", max_creates = false, max_updates = { count = 0 } }";
    let own = people(&base_with("every = \"30s\"", own)).guards;
    assert_eq!((own.max_creates, own.window), (Limit::OFF, Duration::from_hours(2)));
    assert_eq!(own.max_updates, Limit { count: Some(0), share: None }, "a count alone is no share");
    assert_eq!(own.max_deletes, defaults.max_deletes);
}
