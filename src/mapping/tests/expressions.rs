//! What an expression answers, and what is said of one that is wrong.

use super::*;
use crate::mapping::flaws::{Flaw, Hint, doubts};

const FIELDS: [(&str, FieldType); 6] = [
    ("email", FieldType::Email),
    ("stage", FieldType::Choice),
    ("score", FieldType::Integer),
    ("optout", FieldType::Bool),
    ("born", FieldType::Date),
    ("tags", FieldType::Set),
];

fn person() -> BTreeMap<&'static str, Value> {
    let one = |name: &str, kind: FieldType, text: &str| {
        read(&FieldMap { name: name.into(), ..map(kind, None) }, &NativeField::default(), &Native::text(text)).unwrap()
    };
    FIELDS
        .into_iter()
        .zip(["Ann@Example.com", "mql", "10", "true", "2000-01-31", "golf;chess"])
        .map(|((name, kind), text)| (name, one(name, kind, text)))
        .collect()
}

fn holds(source: &str, person: &BTreeMap<&str, Value>) -> bool {
    Expression::compile(source, &FIELDS).unwrap().holds(|name| person.get(name)).unwrap()
}

#[test]
fn an_expression_asks_for_values_as_they_are() {
    let ann = person();
    for (source, answer) in [
        ("email", true),
        ("not email", false),
        ("email == 'ann@example.com'", true),
        ("email is endingwith '@example.com'", true),
        ("email is startingwith 'ben'", false),
        ("stage in ['mql', 'sql']", true),
        ("stage | upper == 'MQL'", true),
        ("stage | length == 3", true),
        ("score > 9", true),
        ("score < 9", false),
        ("optout", true),
        ("born < '2000-02-01'", true),
        ("'golf' in tags", true),
        ("tags | length == 2", true),
        ("stage is none", false),
    ] {
        assert_eq!(holds(source, &ann), answer, "{source}");
    }
}

#[test]
fn a_blank_is_none_and_a_blank_set_is_empty() {
    let nobody = BTreeMap::from([("stage", Value::Blank)]);
    for (source, answer) in [
        ("stage is none", true),
        ("email is none", true),
        ("stage | length == 0", true),
        ("tags | length == 0", true),
        ("'golf' in tags", false),
        ("stage | lower is none", true),
    ] {
        assert_eq!(holds(source, &nobody), answer, "{source}");
    }
}

#[test]
fn an_expression_is_what_is_written_and_knows_what_it_asks_for() {
    let one = Expression::compile("email and stage == 'mql'", &FIELDS).unwrap();
    let other = Expression::compile("email and stage == 'sql'", &FIELDS).unwrap();
    assert_eq!(one, Expression::compile(one.source(), &FIELDS).unwrap());
    assert_ne!(one, other);
    assert_eq!(one.names().iter().collect::<Vec<_>>(), ["email", "stage"]);
    assert_eq!(format!("{one:?}"), "\"email and stage == 'mql'\"");
}

fn flaws(source: &str) -> Vec<Flaw> {
    Expression::compile(source, &FIELDS).err().unwrap_or_default()
}

/// Where, what is wrong, and what to do.
fn told(source: &str, flaws: &[Flaw]) -> Vec<String> {
    let hint = |hint: &Hint| match hint {
        Hint::Say(hint) => hint.clone(),
        Hint::Nearest { word, valid } => format!("nearest to {word} of {}", valid.len()),
    };
    flaws
        .iter()
        .map(|flaw| format!("{} | {} | {}", &source[flaw.range.clone()], flaw.message, hint(&flaw.hint)))
        .collect()
}

#[test]
fn what_is_wrong_with_an_expression_is_said_at_its_place() {
    for (source, wanted) in [
        ("score == '10'", "'10' | `score` is a number, and '10' is text | write it without quotes: 10"),
        ("'10' == score", "'10' | `score` is a number, and '10' is text | write it without quotes: 10"),
        ("stage == 10", "10 | `stage` is text, and 10 is a number | write it in quotes: '10'"),
        ("stage in ['mql', 10]", "10 | `stage` is text, and 10 is a number | write it in quotes: '10'"),
        ("stage not in ['mql', 10]", "10 | `stage` is text, and 10 is a number | write it in quotes: '10'"),
        ("optout == 'yes'", "'yes' | `optout` is true or false, and 'yes' is not | write `true` or `false`"),
        ("optout == 1", "1 | `optout` is true or false, and 1 is not | write `true` or `false`"),
        ("born > '31.1.2000'", "'31.1.2000' | `born` is a date, and '31.1.2000' is none | write '2026-12-31'"),
        (
            "email == 'Ann@x.org'",
            "'Ann@x.org' | `email` is compared in lower case, and 'Ann@x.org' is not | write 'ann@x.org'",
        ),
        ("email || stage", "|| | `||` joins nothing | write `or`"),
        ("email && stage", "&& | `&&` joins nothing | write `and`"),
        ("stage = 'mql'", "= | `=` compares nothing | write `==`"),
        ("!email", "! | `!` negates nothing | write `not`"),
        ("emial", "emial | `emial` is no field of the sync | nearest to emial of 6"),
        ("stage | lowr == 'a'", "lowr | there is no filter `lowr` in expressions | nearest to lowr of 3"),
        ("stage is nome", "nome | there is no test `nome` in expressions | nearest to nome of 3"),
        ("stage is not nome", "nome | there is no test `nome` in expressions | nearest to nome of 3"),
        ("stage('a')", "( | nothing can be called in an expression | write conditions over the fields"),
        ("email.domain == 'x'", ". | a value has no parts to ask for with `.` | compare the field as it is"),
        ("(stage)('a')", "( | nothing can be called in an expression | write conditions over the fields"),
    ] {
        assert_eq!(told(source, &flaws(source)), [wanted], "{source}");
    }
    let braces = "{ | braces are not in the language of expressions | write a list: ['a', 'b']";
    assert_eq!(told("stage in {'a'}", &flaws("stage in {'a'}"))[0], braces);
}

#[test]
fn what_is_right_is_not_wronged() {
    for source in [
        "email == 'ann@example.com'",
        "born > '2000-01-31'",
        "score in [1, 2]",
        "stage == 'it\\'s'",
        "stage == 'a' and score == 1",
        "stage | length == 3",
        "stage is endingwith('x')",
        "not (stage is startingwith('x'))",
        "(email or stage) and (score > 1)",
        "stage in ['a', 'b'] and score == 2",
        "score and ('a' in tags)",
    ] {
        assert_eq!(told(source, &flaws(source)), Vec::<String>::new(), "{source}");
    }
    // A field may be called as a filter is: what stands behind the bar is the filter.
    let fields = [("stage", FieldType::Choice), ("length", FieldType::Text)];
    assert!(Expression::compile("stage | length == 3", &fields).is_ok());
}

#[test]
fn what_a_blank_surprises_is_doubted_and_what_asks_first_is_not() {
    let less = "this holds where `score` is blank too: a blank is less than everything | \
                write `score and …` first, or `score is none or …`";
    let within = "this has no answer where `stage` is blank, and parks the record | \
                  write `stage and …` first, or `stage is none or …`";
    for (source, wanted) in [
        ("score < 10", Some(("score", less))),
        ("score <= 10", Some(("score", less))),
        ("10 > score", Some(("score", less))),
        ("10 >= score", Some(("score", less))),
        ("score > 10", None),
        ("10 < score", None),
        ("score and score < 10", None),
        ("score is none or score < 10", None),
        ("email and score < 10", Some(("score", less))),
        ("'a' in stage", Some(("stage", within))),
        ("stage and 'a' in stage", None),
        ("'a' in tags", None),
    ] {
        let wanted: Vec<String> = wanted.map(|(word, rest)| format!("{word} | {rest}")).into_iter().collect();
        assert_eq!(told(source, &doubts(source, &FIELDS)), wanted, "{source}");
    }
}
