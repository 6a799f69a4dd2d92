#![expect(clippy::unwrap_used, reason = "tests")]

use hymnal_memory::service::Service;
use hymnal_sdk::{Actor, ActorKind, Fields, Native, Timestamp};

use super::{plan, run};
use crate::salesforce::{SalesforceOptions, ids, schema::Schema, view::View};

/// Leads by last name: company, e-mail, score, interests, opted out, second of the last change.
const LEADS: [(&str, &str, &str, &str, &str, bool, i64); 5] = [
    ("Abel", "Acme", "abel@example.com", "7", "Events;Security", false, 10),
    ("Baker", "Acme", "baker@example.org", "12.5", "Events", true, 20),
    ("O'Neil", "Back\\slash", "", "", "", false, 20),
    ("Đorđević", "Größe", "djordje@example.net", "-3", "Pricing", false, 30),
    ("Zed_1", "100%", "zed@example.com", "40", "Security;Events", true, 40),
];

struct World {
    data: Service,
    options: SalesforceOptions,
    schema: Schema,
}

impl World {
    fn new() -> Self {
        let options = SalesforceOptions::default();
        let mut data = Service::default();
        let by = Actor { name: options.users[1].id.clone(), kind: ActorKind::Person };
        let user = Fields::from([("Name".into(), "Robin Marsh".into())]);
        data.create("User", &by.name, user, &by, Timestamp::UNIX_EPOCH).unwrap();
        for (number, (name, company, email, score, interests, opted_out, second)) in (1..).zip(LEADS) {
            let text = |text: &str| if text.is_empty() { Native::Null } else { Native::text(text) };
            let fields = Fields::from([
                ("LastName".to_owned(), text(name)),
                ("Company".to_owned(), text(company)),
                ("Email".to_owned(), text(email)),
                (
                    "Lead_Score__c".to_owned(),
                    if score.is_empty() { Native::Null } else { Native::Number(score.into()) },
                ),
                ("Interests__c".to_owned(), text(interests)),
                ("HasOptedOutOfEmail".to_owned(), Native::Bool(opted_out)),
                ("OwnerId".to_owned(), Native::text(by.name.as_str())),
            ]);
            let now = Timestamp::new(second, 700_000_000).unwrap();
            data.create("Lead", &ids::make("00Q", number), fields, &by, now).unwrap();
        }
        let gone = ids::make("00Q", 5);
        data.delete("Lead", &gone, &by, Timestamp::new(50, 0).unwrap()).unwrap();
        Self { data, schema: Schema::visible(&options), options }
    }

    fn names(&self, statement: &str, deleted_too: bool) -> Vec<String> {
        let plan = plan(&self.schema, statement).unwrap_or_else(|refused| panic!("{statement}: {}", refused.message));
        let view = View { data: &self.data, options: &self.options, base: "" };
        let rows = &self.data.tables[plan.object].rows;
        run(&view, &plan, deleted_too).iter().map(|id| rows[id].fields["LastName"].to_string()).collect()
    }
}

/// The live leads for which a condition holds, by name.
#[track_caller]
fn check(condition: &str, expected: &[&str]) {
    let mut names = World::new().names(&format!("SELECT Id FROM Lead WHERE {condition}"), false);
    names.sort();
    assert_eq!(names, expected, "{condition}");
}

#[track_caller]
fn refused(statement: &str, code: &str, words: &str) {
    let refused = plan(&World::new().schema, statement).expect_err(statement);
    assert_eq!(refused.code, code, "{statement}: {}", refused.message);
    assert!(refused.message.contains(words), "{statement}: {}", refused.message);
}

#[test]
fn text_is_compared_without_case_and_blanks_are_null() {
    check("Email = 'ABEL@example.com'", &["Abel"]);
    check("Email = null", &["O'Neil"]);
    check("Email = ''", &["O'Neil"]);
    check("Email != null", &["Abel", "Baker", "Đorđević"]);
    check("LastName > 'B'", &["Baker", "O'Neil", "Đorđević"]);
    check("LastName IN ('abel', 'BAKER')", &["Abel", "Baker"]);
}

#[test]
fn a_blank_is_unequal_to_every_value() {
    check("Email != 'abel@example.com'", &["Baker", "O'Neil", "Đorđević"]);
    check("Email NOT IN ('abel@example.com', 'baker@example.org')", &["O'Neil", "Đorđević"]);
    check("Lead_Score__c < 100", &["Abel", "Baker", "Đorđević"]);
}

#[test]
fn quotes_and_backslashes_are_escaped() {
    check(r"LastName = 'O\'Neil'", &["O'Neil"]);
    check(r"Company = 'Back\\slash'", &["O'Neil"]);
    check(r"LastName = '\u0110or\u0111evi\u0107'", &["Đorđević"]);
    refused("SELECT Id FROM Lead WHERE LastName = 'O'Neil'", "MALFORMED_QUERY", "<EOF>");
    refused("SELECT Id FROM Lead WHERE LastName = 'O'Neil", "MALFORMED_QUERY", "unexpected token: 'Neil'");
    refused(r"SELECT Id FROM Lead WHERE LastName = 'a\q'", "MALFORMED_QUERY", "backslash");
    refused("SELECT Id FROM Lead WHERE LastName = 'open", "MALFORMED_QUERY", "<EOF>");
    refused("SELECT Id FROM Lead WHERE LastName = \"Abel\"", "MALFORMED_QUERY", "no viable alternative");
}

#[test]
fn like_knows_two_wildcards_and_their_escapes() {
    check("LastName LIKE 'a%'", &["Abel"]);
    check("LastName LIKE '_ake_'", &["Baker"]);
    check("Email LIKE '%@example.%'", &["Abel", "Baker", "Đorđević"]);
    let world = World::new();
    assert_eq!(world.names(r"SELECT Id FROM Lead WHERE LastName LIKE 'zed\_1'", true), ["Zed_1"]);
    assert!(world.names(r"SELECT Id FROM Lead WHERE LastName LIKE 'a\_el'", true).is_empty());
    assert_eq!(world.names(r"SELECT Id FROM Lead WHERE Company LIKE '100\%'", true), ["Zed_1"]);
    refused("SELECT Id FROM Lead WHERE Lead_Score__c LIKE '1%'", "INVALID_QUERY_FILTER_OPERATOR", "invalid operator");
}

#[test]
fn numbers_booleans_and_sets() {
    check("Lead_Score__c >= 7", &["Abel", "Baker"]);
    check("Lead_Score__c = -3.0", &["Đorđević"]);
    check("HasOptedOutOfEmail = TRUE", &["Baker"]);
    check("Interests__c = 'Security;Events'", &["Abel"]);
    check("Interests__c INCLUDES ('Events')", &["Abel", "Baker"]);
    check("Interests__c INCLUDES ('Events;Security', 'Pricing')", &["Abel", "Đorđević"]);
    check("Interests__c EXCLUDES ('Events')", &["O'Neil", "Đorđević"]);
}

#[test]
fn conditions_are_joined() {
    check("Company = 'Acme' AND HasOptedOutOfEmail = true", &["Baker"]);
    check("LastName = 'Abel' OR LastName = 'Baker'", &["Abel", "Baker"]);
    check("NOT Company = 'Acme'", &["O'Neil", "Đorđević"]);
    check("(NOT (Company = 'Acme' OR LastName LIKE 'O%')) AND Email != null", &["Đorđević"]);
    refused(
        "SELECT Id FROM Lead WHERE LastName = 'a' AND LastName = 'b' OR LastName = 'c'",
        "MALFORMED_QUERY",
        "unexpected token: 'OR'",
    );
}

#[test]
fn times_have_whole_seconds_and_no_quotes() {
    check("SystemModstamp >= 1970-01-01T00:00:20Z", &["Baker", "O'Neil", "Đorđević"]);
    check("SystemModstamp > 1970-01-01T00:00:20Z", &["Đorđević"]);
    check("SystemModstamp = 1970-01-01T00:00:20.000Z", &["Baker", "O'Neil"]);
    check("SystemModstamp = 1970-01-01T02:00:20+02:00", &["Baker", "O'Neil"]);
    check("SystemModstamp <= 1970-01-01T00:00:10.000+0000", &["Abel"]);
    let quoted = "value of filter criterion for field 'SystemModstamp' must be of type dateTime and should not be enclosed \
                  in quotes";
    refused("SELECT Id FROM Lead WHERE SystemModstamp > '1970-01-01T00:00:20Z'", "INVALID_FIELD", quoted);
    refused("SELECT Id FROM Lead WHERE SystemModstamp > 1970-01-01", "INVALID_FIELD", quoted);
    refused("SELECT Id FROM Lead WHERE ConvertedDate > 1970-01-01T00:00:20Z", "INVALID_FIELD", "of type date ");
    refused(
        "SELECT Id FROM Lead WHERE SystemModstamp > 1970-01-01T00:00:20",
        "MALFORMED_QUERY",
        "no viable alternative",
    );
    refused(
        "SELECT Id FROM Lead WHERE SystemModstamp > 1970-01-01T00:00:20 02:00",
        "MALFORMED_QUERY",
        "no viable alternative at character ' '",
    );
    refused("SELECT Id FROM Lead WHERE SystemModstamp > TODAY", "NOT_SIMULATED", "TODAY");
}

#[test]
fn ids_have_two_forms_and_their_case_counts() {
    let id = ids::make("00Q", 1);
    check(&format!("Id = '{id}'"), &["Abel"]);
    check(&format!("Id IN ('{}')", &id[..15]), &["Abel"]);
    check(&format!("Id > '{id}'"), &["Baker", "O'Neil", "Đorđević"]);
    refused("SELECT Id FROM Lead WHERE Id = 'x'", "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field: x");
}

#[test]
fn deleted_rows_come_only_when_all_are_asked_for() {
    let world = World::new();
    assert_eq!(world.names("SELECT Id FROM Lead WHERE IsDeleted = true", true), ["Zed_1"]);
    assert!(world.names("SELECT Id FROM Lead WHERE IsDeleted = true", false).is_empty());
}

#[test]
fn order_limit_and_offset() {
    let world = World::new();
    let names = |rest: &str| world.names(&format!("select Id from lead {rest}"), false);
    assert_eq!(names("order by SystemModstamp, Id"), ["Abel", "Baker", "O'Neil", "Đorđević"]);
    assert_eq!(names("ORDER BY SystemModstamp DESC, Id DESC"), ["Đorđević", "O'Neil", "Baker", "Abel"]);
    assert_eq!(names("ORDER BY Lead_Score__c"), ["O'Neil", "Đorđević", "Abel", "Baker"]);
    assert_eq!(names("ORDER BY Lead_Score__c DESC NULLS LAST"), ["Baker", "Abel", "Đorđević", "O'Neil"]);
    assert_eq!(names("ORDER BY LastName LIMIT 2 OFFSET 1"), ["Baker", "O'Neil"]);
    refused("SELECT Id FROM Lead LIMIT 1 OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE", "2000");
    refused("SELECT Id FROM Lead ORDER BY Description", "INVALID_FIELD", "can not be sorted");
    refused("SELECT Id FROM Lead ORDER BY Interests__c", "INVALID_FIELD", "can not be sorted");
}

#[test]
fn references_are_followed() {
    check("Owner.Name = 'robin marsh'", &["Abel", "Baker", "O'Neil", "Đorđević"]);
    check("LastModifiedBy.Name = 'x'", &[]);
    refused("SELECT Boss.Name FROM Lead", "INVALID_FIELD", "Didn't understand relationship 'Boss'");
}

#[test]
fn names_must_exist() {
    refused("SELECT Nope FROM Lead", "INVALID_FIELD", "No such column 'Nope' on entity 'Lead'");
    refused("SELECT Nope FROM Lead", "INVALID_FIELD", "ERROR at Row:1:Column:8");
    refused("SELECT Id FROM Leads", "INVALID_TYPE", "sObject type 'Leads' is not supported");
    refused("SELECT Id FROM Lead WHERE Nope = 1", "INVALID_FIELD", "No such column 'Nope'");
    refused("SELECT Id, ID FROM Lead", "MALFORMED_QUERY", "duplicate field selected: ID");
}

#[test]
fn values_must_be_of_the_field_s_type() {
    let cases = [
        ("LastName = 7", "must be of type string and should be enclosed in quotes"),
        ("HasOptedOutOfEmail = 'true'", "must be of type boolean and should not be enclosed in quotes"),
        ("Lead_Score__c = '7'", "must be of type double and should not be enclosed in quotes"),
        ("Description = 'x'", "can not be filtered"),
    ];
    for (condition, words) in cases {
        refused(&format!("SELECT Id FROM Lead WHERE {condition}"), "INVALID_FIELD", words);
    }
}

#[test]
fn what_is_no_soql_is_refused() {
    for statement in [
        "",
        "SELECT",
        "SELECT FROM Lead",
        "SELECT Id Lead",
        "SELECT * FROM Lead",
        "SELECT Id, FROM Lead",
        "SELECT Id FROM Lead WHERE",
        "SELECT Id FROM Lead WHERE Email",
        "SELECT Id FROM Lead WHERE (Email = 'a'",
        "SELECT Id FROM Lead WHERE Email IN ()",
        "SELECT Id FROM Lead WHERE Email == 'a'",
        "SELECT Id FROM Lead LIMIT x",
        "SELECT Id FROM Lead LIMIT 1 LIMIT 2",
        "SELECT Id FROM Lead; DELETE",
        "SELECT Id FROM Lead WHERE Email = :email",
    ] {
        refused(statement, "MALFORMED_QUERY", "");
    }
}

#[test]
fn long_strings_and_statements_are_refused() {
    let statement = |length: usize| format!("SELECT Id FROM Lead WHERE Email = '{}'", "x".repeat(length));
    assert!(plan(&World::new().schema, &statement(4_000)).is_ok());
    refused(&statement(4_001), "MALFORMED_QUERY", "4000");
    refused(&statement(100_001), "MALFORMED_QUERY", "100000");
}

#[test]
fn what_is_not_simulated_says_so() {
    for statement in [
        "SELECT COUNT(Id) FROM Lead",
        "SELECT FIELDS(ALL) FROM Lead LIMIT 200",
        "SELECT Id, (SELECT Id FROM Contacts) FROM Account",
        "SELECT Company FROM Lead GROUP BY Company",
        "SELECT Id FROM Lead WHERE Id IN (SELECT ConvertedContactId FROM Lead)",
        "SELECT Id FROM Lead FOR UPDATE",
    ] {
        refused(statement, "NOT_SIMULATED", "");
    }
}
