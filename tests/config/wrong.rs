//! One mistake a case: what is changed in a right file, and what is then said.

use crate::given::{BASE, World, base_with, refusal};

/// Each case is a test of its name with a snapshot of its name.
macro_rules! wrong {
    ($($name:ident: $from:literal => $to:literal;)*) => {
        $(
            #[test]
            fn $name() {
                insta::assert_snapshot!(stringify!($name), refusal(&base_with($from, $to), &World::new()));
            }
        )*
    };
}

wrong! {
    // Syntax
    syntax_error: "every = \"30s\"" => "every = 30s";
    unclosed_text: "type = \"hubspot\"" => "type = \"hubspot";
    curly_quotes: "type = \"hubspot\"" => "type = “hubspot”";
    duplicate_key: "every = \"30s\"" => "every = \"30s\"\nevery = \"40s\"";
    duplicate_table: "[sync.people.fields]" => "[connectors.crm]\nrole = \"sales\"\n[sync.people.fields]";

    // Keys and types
    unknown_key: "every = \"30s\"" => "evry = \"30s\"";
    unknown_table: "[daemon]" => "[deamon]";
    unknown_far: "every = \"30s\"" => "zebra = true";
    wrong_version: "version = 1" => "version = 3";
    wrong_type: "every = \"30s\"" => "every = 30";
    not_a_table: "[daemon]\nstate_dir = \"/var/lib/hymnal\"" => "daemon = true";
    negative_interval: "every = \"30s\"" => "every = \"-5s\"";
    zero_interval: "every = \"30s\"" => "every = \"0s\"";
    bad_duration: "every = \"30s\"" => "every = \"30 fortnights\"";
    unknown_word: "every = \"30s\"" => "ambiguous = \"oldets\"";
    listen_everywhere: "state_dir = \"/var/lib/hymnal\"" => "listen = \"0.0.0.0:80\"";
    listen_without_port: "state_dir = \"/var/lib/hymnal\"" => "listen = \"localhost\"";
    unknown_time_zone: "state_dir = \"/var/lib/hymnal\"" => "timezone = \"Mars/Olympus\"";
    empty_text: "state_dir = \"/var/lib/hymnal\"" => "state_dir = \"\"";

    // Not built yet
    unbuilt_tables: "[daemon]" => "[webhooks]\nlisten = \"127.0.0.1:7421\"\n[scoreboard]\n[notify.ops]\nkind = \"slack\"\n[daemon]";
    guards_wrong: "every = \"30s\"" => "guards = { window = \"0s\", max_creates = true, max_updates = { share = 1.5, cuont = 3 }, max_deletes = {}, max_blank = false }";
    unbuilt_webhook_secret: "role = \"marketing\"" => "role = \"marketing\"\nwebhook_secret = { env = \"X\" }";
    unbuilt_store: "[daemon]" => "[store]\nkind = \"postgresql\"\n[daemon]";

    renamed_from_a_name_in_use: "name = { marketing = \"lastname\", crm = \"LastName\" }" => "name = { marketing = \"lastname\", crm = \"LastName\", renamed_from = \"lastname\" }\nlast = { marketing = \"last\", crm = \"Last\", renamed_from = \"email\" }";

    // Who is in the sync
    include_syntax: "every = \"30s\"" => "include = \"email and\"";
    include_unknown_field: "every = \"30s\"" => "include = \"emial and name != 'Test' or scrore > 3\"";
    include_wrong_type: "every = \"30s\"" => "include = \"score > '50' and name == 3 and email == 'Ann@Example.com'\"";
    include_calls: "every = \"30s\"" => "include = '''\nemail and range(10000000)\nor name|uper == 'X' or name is starting('A') or email * 3'''";
    include_of_other_languages: "every = \"30s\"" => "include = 'email = \"a\" && !name'";
    create_when_lists: "every = \"30s\"" => "create_when = { crm = \"score in [1, 'two']\" }";
    create_when_nobody_is_created: "create = { marketing = \"contacts\", crm = \"Lead\" }" => "create_when = { crm = \"email\" }";
    observe_one_is_no_sync: "between = { marketing = \"contacts\", crm = [\"Contact\", \"Lead\"] }" => "between = { marketing = \"contacts\" }";

    // Connectors
    unknown_type: "type = \"hubspot\"" => "type = \"hubsport\"";
    missing_type: "type = \"hubspot\"\n" => "";
    unknown_role: "role = \"marketing\"" => "role = \"market\"";
    missing_role: "role = \"marketing\"\n" => "";
    role_of_another_type: "role = \"sales\"" => "role = \"marketing\"";
    reserved_name: "[connectors.marketing]" => "[connectors.default]\ntype = \"hubspot\"\nrole = \"marketing\"\ntoken = { env = \"X\" }\n[connectors.marketing]";
    odd_name: "[connectors.marketing]" => "[connectors.\"a/b\"]\ntype = \"hubspot\"\nrole = \"marketing\"\ntoken = { env = \"X\" }\n[connectors.marketing]";
    unknown_setting: "token = { credential = \"hubspot-token\" }" => "tokn = \"pat-na1-hush\"";
    setting_of_another_login: "client_id = \"3MVG9\"" => "client_id = \"3MVG9\"\nusername = \"a@example.com\"";
    missing_settings_of_a_login: "auth = \"client_credentials\"" => "auth = \"jwt\"";
    unknown_login: "auth = \"client_credentials\"" => "auth = \"client_credential\"";
    plain_http: "auth = \"client_credentials\"" => "auth = \"client_credentials\"\nlogin_url = \"http://login.example.com\"";
    url_with_password: "auth = \"client_credentials\"" => "auth = \"client_credentials\"\nlogin_url = \"https://ada:hush@login.example.com\"";
    url_with_query: "auth = \"client_credentials\"" => "auth = \"client_credentials\"\nlogin_url = \"https://login.example.com/?token=hush\"";
    not_a_url: "auth = \"client_credentials\"" => "auth = \"client_credentials\"\nlogin_url = \"login.example.com\"";
    same_account: "[connectors.crm]" => "[connectors.other]\ntype = \"hubspot\"\nrole = \"sales\"\nbase_url = \"https://api.hubapi.com/\"\ntoken = { credential = \"hubspot-token\" }\n[connectors.crm]";
    limits_out_of_range: "[sync.people]" => "[connectors.crm.limits]\ndaily_share = 1.5\nreserve = 1\nconcurrency = 50\n[sync.people]";

    // Syncs
    missing_between: "between = { marketing = \"contacts\", crm = [\"Contact\", \"Lead\"] }\n" => "";
    between_one: "between = { marketing = \"contacts\", crm = [\"Contact\", \"Lead\"] }" => "between = { marketing = \"contacts\" }";
    between_unknown_connector: "between = { marketing = \"contacts\", crm =" => "between = { marketing = \"contacts\", crn =";
    between_unknown_object: "crm = [\"Contact\", \"Lead\"] }" => "crm = [\"Contact\", \"Leed\"] }";
    create_object_not_in_between: "create = { marketing = \"contacts\", crm = \"Lead\" }" => "create = { crm = \"Account\" }";
    on_delete_unknown: "every = \"30s\"" => "on_delete = { crm = \"archiv\", marketing = \"delete\", cmr = \"unlink\" }";
    restrict_without_consent: "every = \"30s\"" => "on_delete = { marketing = \"restrict\" }";
    recreate_without_create: "create = { marketing = \"contacts\", crm = \"Lead\" }" => "create = { crm = \"Lead\" }\non_delete = { crm = \"recreate\", marketing = \"recreate\" }\nfull_check = \"0s\"";
    external_id_form: "every = \"30s\"" => "external_id = { crm = \"Hymnal Id\" }";
    external_id_mapped: "every = \"30s\"" => "external_id = { crm = \"score__c\" }";
    priority_once: "every = \"30s\"" => "priority = [\"crm\", \"crm\"]";
    match_unknown_field: "every = \"30s\"" => "match = [[\"emial\"], [\"name\", \"phone\"]]";
    match_flat: "every = \"30s\"" => "match = [\"email\"]";
    match_needs_email: "email = { marketing = \"email\", crm = \"Email\", type = \"email\" }\n" => "";
    match_by_bool: "type = \"integer\" }" => "type = \"bool\" }\n[sync.other]\nbetween = { marketing = \"contacts\", crm = \"Lead\" }\nmatch = [[\"active\"]]\n[sync.other.fields]\nactive = { marketing = \"active\", crm = \"Active__c\", type = \"bool\" }";
    created_without_key: "crm = \"Email\"" => "crm = { Contact = \"Email\" }";
    first_link_for_sets_only: "first_link = \"prefer crm\"" => "first_link = \"union\"";

    // Fields
    field_on_one_side: "name = { marketing = \"lastname\", crm = \"LastName\" }" => "name = { marketing = \"lastname\" }";
    consent_on_one_side: "score = { marketing = \"score\", crm = \"Score__c\", type = \"integer\" }" => "optout = { crm = \"HasOptedOutOfEmail\", type = \"bool\", consent = [\"false\", \"true\"] }";
    field_not_a_table: "name = { marketing = \"lastname\", crm = \"LastName\" }" => "name = \"lastname\"";
    field_unknown_option: "type = \"integer\" }" => "type = \"integer\", on_conflct = \"latest\" }";
    field_unknown_object: "crm = \"Score__c\"" => "crm = { Lea = \"Score__c\" }";
    native_name_with_blanks: "crm = \"Score__c\"" => "crm = \"Lead Score\"";
    unknown_policy: "type = \"integer\" }" => "type = \"integer\", on_conflict = \"newest\" }";
    policy_names_nobody: "type = \"integer\" }" => "type = \"integer\", on_conflict = \"prefer\" }";
    policy_names_a_stranger: "type = \"integer\" }" => "type = \"integer\", on_conflict = \"prefer cmr\" }";
    flow_to_itself: "type = \"integer\" }" => "type = \"integer\", flow = \"crm -> crm\" }";
    flow_without_arrow: "type = \"integer\" }" => "type = \"integer\", flow = \"one-way\" }";
    max_on_text: "crm = \"LastName\" }" => "crm = \"LastName\", on_conflict = \"max\" }";
    union_on_text: "crm = \"LastName\" }" => "crm = \"LastName\", on_conflict = \"union\" }";
    furthest_without_order: "crm = \"LastName\" }" => "crm = \"LastName\", type = \"choice\", on_conflict = \"furthest\" }";
    order_without_furthest: "crm = \"LastName\" }" => "crm = \"LastName\", type = \"choice\", order = [\"a\", \"b\"], back = \"refuse\" }";
    order_misses_a_value: "crm = \"LastName\" }" => "crm = \"LastName\", type = \"choice\", on_conflict = \"furthest\", order = [\"lead\", \"mlq\"], values = { crm = { mql = \"MQL\" } } }";
    values_on_text: "crm = \"LastName\" }" => "crm = \"LastName\", values = { crm = { a = \"A\" } }, unmapped = \"park\" }";
    native_with_two_meanings: "crm = \"LastName\" }" => "crm = \"LastName\", type = \"choice\", values = { crm.Lead = { a = \"A\", b = [\"B\", \"A\"] } } }";
    phone_without_region: ", region = \"US\"" => "";
    phone_unknown_region: "region = \"US\"" => "region = \"USA\"";
    region_on_text: "crm = \"LastName\" }" => "crm = \"LastName\", region = \"US\" }";
    fallback_of_text: "crm = \"LastName\" }" => "crm = \"LastName\", fallback = { crm = \"a@example.com\" } }";
    fallback_without_address: "crm = \"LastName\" }" => "crm = \"LastName\" }\nowner = { marketing = \"hubspot_owner_id\", crm = \"OwnerId\", type = \"user\", fallback = { marketing = \"inbound\" } }";
    default_of_wrong_type: "type = \"integer\" }" => "type = \"integer\", default = { crm = \"none\" } }";
    default_where_not_mapped: "crm = \"Score__c\", type = \"integer\" }" => "crm = { Lead = \"Score__c\" }, type = \"integer\", default = { crm.Contact = 0 } }";

    // Consent
    consent_with_policy: "crm = \"LastName\" }" => "crm = \"LastName\", type = \"bool\", consent = [\"false\", \"true\"], on_conflict = \"latest\" }";
    consent_with_default: "crm = \"LastName\" }" => "crm = \"LastName\", type = \"bool\", consent = [\"false\", \"true\"], default = { crm = false } }";
    consent_of_text: "crm = \"LastName\" }" => "crm = \"LastName\", consent = [\"yes\", \"no\"] }";
    consent_of_no_value: "crm = \"LastName\" }" => "crm = \"LastName\", type = \"bool\", consent = [\"no\", \"yes\"] }";
    opt_in_without_blank_as: "crm = \"LastName\" }" => "crm = \"LastName\", type = \"bool\", consent = [\"true\", \"false\"], blank_as = { crm = [\"false\"] } }";
    may_loosen_without_consent: "crm = \"LastName\" }" => "crm = \"LastName\", may_loosen = [\"crm\"] }";
    may_loosen_stranger: "crm = \"LastName\" }" => "crm = \"LastName\", type = \"bool\", consent = [\"false\", \"true\"], may_loosen = [\"crmm\"] }";
    restrictive_without_consent: "crm = \"LastName\" }" => "crm = \"LastName\", on_conflict = \"restrictive\" }";

    // Mappings
    two_writers: "crm = \"LastName\" }" => "crm = \"LastName\" }\nsurname = { marketing = \"surname\", crm = { Lead = \"lastname\" } }";
    circle: "crm = \"LastName\" }" => "crm = \"LastName\", flow = \"marketing -> crm\" }\nback_name = { marketing = \"lastname\", crm = \"LastName\", flow = \"crm -> marketing\" }";
}

#[test]
fn several_errors_are_all_shown() {
    insta::assert_snapshot!("several", refusal(include_str!("several.toml"), &World::new()));
}

#[test]
fn lines_and_columns_are_right_with_crlf() {
    let windows = base_with("every = \"30s\"", "evry = \"30s\"").replace('\n', "\r\n");
    insta::assert_snapshot!("crlf", refusal(&windows, &World::new()));
}

#[test]
fn columns_count_characters() {
    let text = base_with("name = { marketing = \"lastname\"", "\"名前\" = { marketng = \"lastname\"");
    insta::assert_snapshot!("wide_characters", refusal(&text, &World::new()));
}

#[test]
fn an_empty_file_is_not_an_error_but_keeps_nothing_the_same() {
    let config = crate::given::right("version = 1\n");
    insta::assert_snapshot!("empty", config.warnings.to_string());
}

#[test]
fn an_unused_connector_is_a_warning() {
    let text = BASE.replace("[connectors.crm]", "[connectors.spare]\ntype = \"hubspot\"\nrole = \"sales\"\ntoken = { file = \"/etc/hymnal/salesforce\" }\n[connectors.crm]");
    insta::assert_snapshot!("unused_connector", crate::given::right(&text).warnings.to_string());
}
