//! Nothing that a person can type leaves the place it was put into.

#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;

/// Values that break naive quoting.
const NASTY: &[&str] = &[
    "O'Brien",
    "\\",
    "\\'",
    "'",
    "''",
    "' OR Id != '",
    "\\' OR Name LIKE '%",
    "a\nb",
    "a\r\nb",
    "\u{0}",
    "é😀",
    "%27",
    "a&b=c",
    "#?/..",
    "\"",
    "\"}],\"x\":[{\"",
    "{id}",
    "{{",
    "\u{2028}",
    "\u{8}\u{c}\t",
    "‘’",
    "');--",
    "/*",
    "",
];

/// Reads a SOQL string back as the reference says, and requires that it ends exactly at the end.
fn read_soql(quoted: &str) -> Option<String> {
    let mut letters = quoted.strip_prefix('\'')?.chars();
    let mut text = String::new();
    loop {
        match letters.next()? {
            '\'' => return letters.next().is_none().then_some(text),
            '\\' => text.push(match letters.next()? {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'b' => '\u{8}',
                'f' => '\u{c}',
                other @ ('\'' | '\\' | '"') => other,
                _ => return None,
            }),
            other => text.push(other),
        }
    }
}

/// A small generator: the same strings each run, of the letters that matter.
fn strings() -> impl Iterator<Item = String> {
    let alphabet: Vec<char> = "'\\\"%_ab\n\r\t&=?#/.,;{}()-😀é\u{0}\u{7f}".chars().collect();
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    std::iter::repeat_with(move || {
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state % 1_000_003).unwrap()
        };
        let length = next() % 12;
        (0..length).map(|_| alphabet[next() % alphabet.len()]).collect::<String>()
    })
    .take(4000)
    .chain(NASTY.iter().map(|text| (*text).to_owned()))
}

#[test]
fn soql_strings_read_back() {
    for text in strings() {
        assert_eq!(read_soql(&soql_string(&text)).as_deref(), Some(text.as_str()), "{text:?}");
    }
}

fn shape(toml: &str) -> RequestShape {
    toml::from_str(toml).unwrap()
}

#[test]
fn query_values_come_back_whole_and_alone() {
    let shape = shape("method = \"GET\"\npath = \"/q\"\nquery = { q = \"{value}\", z = \"1\" }");
    for text in strings() {
        let fillings = Fillings::from([(Hole::Value, Filling::Text(text.clone()))]);
        let request = request(&shape, &fillings, Access::Read).unwrap();
        let url = url::Url::parse(&format!("http://h{}", request.url)).unwrap();
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        assert_eq!(pairs, vec![("q".to_owned(), text), ("z".to_owned(), "1".to_owned())]);
    }
}

#[test]
fn a_path_segment_stays_one() {
    let shape = shape("method = \"GET\"\npath = \"/people/{id}/notes\"");
    for text in strings() {
        let fillings = Fillings::from([(Hole::Id, Filling::Text(text.clone()))]);
        match request(&shape, &fillings, Access::Read) {
            Ok(request) => {
                let parts: Vec<&str> = request.url.split('/').collect();
                assert_eq!(parts.len(), 4, "{text:?}");
                let read = percent_encoding::percent_decode_str(parts[2]).decode_utf8().unwrap();
                assert_eq!(read, text);
            }
            Err(error) => assert!(matches!(text.as_str(), "" | "." | ".."), "{text:?}: {error}"),
        }
    }
}

#[test]
fn an_id_that_is_a_path_keeps_its_slashes_and_cannot_climb() {
    let shape = shape("method = \"GET\"\npath = \"/3.1/{id_path}\"");
    let url = |id: &str| {
        let fillings = Fillings::from([(Hole::IdPath, Filling::Text(id.to_owned()))]);
        request(&shape, &fillings, Access::Read).map(|request| request.url)
    };
    assert_eq!(url("members/7 a").unwrap(), "/3.1/members/7%20a");
    assert!(url("members/../lists").is_err());
    assert!(url("members//7").is_err());
}

#[test]
fn json_bodies_hold_the_value_and_nothing_more() {
    let shape = shape(
        "method = \"POST\"\npath = \"/s\"\njson = { a = \"{value}\", b = [\"x {value}\"], n = \"{limit}\", c = \"{cursor}\" }",
    );
    for text in strings() {
        let fillings = Fillings::from([(Hole::Value, Filling::Text(text.clone())), (Hole::Limit, Filling::Number(7))]);
        let request = request(&shape, &fillings, Access::Read).unwrap();
        let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(body, serde_json::json!({ "a": text, "b": [format!("x {text}")], "n": 7 }));
    }
}

#[test]
fn what_stands_beside_a_record_holds_where_the_record_says_nothing() {
    let shape =
        shape("method = \"POST\"\npath = \"/s\"\njson = { subscribed = false, \"*\" = \"{record}\", zeal = 1 }");
    for (record, expected) in [
        (serde_json::json!({}), r#"{"subscribed":false,"zeal":1}"#),
        (serde_json::json!({ "subscribed": true }), r#"{"zeal":1,"subscribed":true}"#),
        (serde_json::json!({ "zeal": 2 }), r#"{"subscribed":false,"zeal":2}"#),
    ] {
        let record = Json::parse(record.to_string().as_bytes()).unwrap();
        let request = request(&shape, &Fillings::from([(Hole::Record, Filling::Json(record))]), Access::Write).unwrap();
        assert_eq!(request.body, expected);
    }
}

#[test]
fn forms_come_back_whole() {
    let shape = shape("method = \"POST\"\npath = \"/s\"\nform = { \"*\" = \"{record}\", fixed = true }");
    for text in strings() {
        let record = Json::Object(vec![("name & co".to_owned(), Json::text(text.clone()))]);
        let request = request(&shape, &Fillings::from([(Hole::Record, Filling::Json(record))]), Access::Write).unwrap();
        let pairs: Vec<(String, String)> = url::form_urlencoded::parse(&request.body).into_owned().collect();
        assert_eq!(pairs, vec![("fixed".to_owned(), "true".to_owned()), ("name & co".to_owned(), text)]);
    }
}

#[test]
fn soql_takes_names_only_where_names_stand() {
    let shape = shape(
        "method = \"GET\"\npath = \"/q\"\nlanguage = \"soql\"\nquery = { q = \"SELECT {fields} FROM {object} WHERE {key} IN {keys}\" }",
    );
    let fillings = |key: &str| {
        Fillings::from([
            (Hole::Fields, Filling::Names(vec!["Id".to_owned(), "Account.Name".to_owned()])),
            (Hole::Object, Filling::Name("Lead".to_owned())),
            (Hole::Key, Filling::Name(key.to_owned())),
            (
                Hole::Keys,
                Filling::Values(vec![
                    Native::from("o'b"),
                    Native::Number("1.10".to_owned()),
                    Native::Bool(true),
                    Native::Number("1 OR".to_owned()),
                ]),
            ),
        ])
    };
    let good = request(&shape, &fillings("Email"), Access::Read).unwrap();
    let url = url::Url::parse(&format!("http://h{}", good.url)).unwrap();
    assert_eq!(
        url.query_pairs().next().unwrap().1,
        "SELECT Id, Account.Name FROM Lead WHERE Email IN ('o\\'b',1.10,true,'1 OR')"
    );
    for bad in ["Email OR 1=1", "", "Em'ail", "1Email", "Email--", "Name)"] {
        let error = request(&shape, &fillings(bad), Access::Read).unwrap_err();
        assert_eq!((error.kind, error.field.as_deref()), (Kind::Fatal, Some(bad)));
    }
}

#[test]
fn a_header_cannot_be_split() {
    let shape = shape("method = \"GET\"\npath = \"/q\"\nheaders = { X-A = \"{value}\" }");
    let fillings = Fillings::from([(Hole::Value, Filling::Text("a\r\nX-B: c".to_owned()))]);
    assert!(request(&shape, &fillings, Access::Read).is_err());
}
