//! The cases of `cases.toml`, each told in one line.

#![expect(clippy::expect_used, reason = "a case that cannot be read is broken")]

use std::{collections::BTreeMap, fmt::Debug, fs};

use hymnal::{
    mapping::{FieldMap, FieldType, NativeField, Problem, Unmapped, Value, image_of, key, read, write},
    merge::{
        Back, Blanks, Candidate, Certainty, ConflictKind, Consent, Evidence, Fate, FieldPolicy, Flow, Merge,
        OnConflict, OnOverride, Pair, Side, SideInput, Verdict, field::merge,
    },
};
use hymnal_sdk::{
    Forms, Native, NativeKind, SchemaField,
    capability::{BlankForm, BoolForm, DateForm, DatetimeForm, NumberForm, SetForm},
};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    merge: Vec<MergeCase>,
    read: Vec<ReadCase>,
    write: Vec<WriteCase>,
    image: Vec<ImageCase>,
    key: Vec<KeyCase>,
}

fn cases() -> Cases {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases.toml");
    toml::from_str(&fs::read_to_string(path).expect("the file is there")).expect("the cases are well formed")
}

/// Compares all of them and tells every one that is wrong.
fn check<C, T: PartialEq + Debug>(cases: &[C], what: fn(&C) -> &str, got_and_wanted: fn(&C) -> (T, T)) {
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|case| {
            let (got, wanted) = got_and_wanted(case);
            (got != wanted).then(|| format!("{}\n     got {got:?}\n  wanted {wanted:?}", what(case)))
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn there_are_many() {
    let cases = cases();
    let total = cases.merge.len() + cases.read.len() + cases.write.len() + cases.image.len() + cases.key.len();
    assert!(total >= 250, "{total} cases");
}

fn map(kind: FieldType, region: Option<&str>) -> FieldMap {
    FieldMap {
        name: "field".to_owned(),
        kind,
        region: region.map(str::to_owned),
        native: Pair::new(BTreeMap::new(), BTreeMap::new()),
    }
}

// Merging.

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MergeCase {
    what: String,
    #[serde(default, rename = "type")]
    kind: FieldType,
    #[serde(default = "latest")]
    policy: String,
    first_link: Option<String>,
    flow: Option<String>,
    blanks: Option<String>,
    on_override: Option<String>,
    back: Option<String>,
    #[serde(default)]
    order: Vec<String>,
    #[serde(default)]
    consent: Vec<String>,
    #[serde(default)]
    may_loosen: Vec<String>,
    priority: Option<String>,
    #[serde(default = "five")]
    uncertainty: i64,
    agreed: Option<String>,
    was: Option<String>,
    left: String,
    right: String,
    golden: String,
    fates: String,
    logged: Option<String>,
}

fn latest() -> String {
    "latest".to_owned()
}

fn five() -> i64 {
    5
}

#[test]
fn merging() {
    check(&cases().merge, |case| &case.what, |case| (told(&case.merged()), case.wanted()));
}

impl MergeCase {
    fn merged(&self) -> Verdict {
        let agreed = self.agreed.as_deref().map(|text| self.value(text));
        let golden = self.was.as_deref().map(|text| self.value(text));
        let golden = golden.or_else(|| agreed.clone()).unwrap_or(Value::Blank);
        let policy = self.policy();
        merge(&Merge {
            policy: &policy,
            agreed: agreed.as_ref(),
            golden: &golden,
            sides: Pair::new(self.side(&self.left, agreed.as_ref()), self.side(&self.right, agreed.as_ref())),
            priority: self.priority.as_deref().map_or(Side::Right, side),
            clock_uncertainty: SignedDuration::from_secs(self.uncertainty),
        })
    }

    fn policy(&self) -> FieldPolicy {
        let consent = (!self.consent.is_empty()).then(|| Consent {
            steps: self.consent.iter().map(|text| self.value(text)).collect(),
            may_loosen: Pair::from_fn(|at| self.may_loosen.iter().any(|name| side(name) == at)),
        });
        let on_conflict = on_conflict(&self.policy);
        FieldPolicy {
            on_conflict,
            flow: self.flow.as_deref().map_or(Flow::Both, |from| Flow::From(side(from))),
            blanks: if self.blanks.as_deref() == Some("ignore") { Blanks::Ignore } else { Blanks::Clear },
            first_link: self.first_link.as_deref().map_or(on_conflict, crate::on_conflict),
            on_override: match self.on_override.as_deref() {
                Some("keep") => OnOverride::Keep,
                _ => OnOverride::Restore,
            },
            order: self.order.iter().map(|text| self.value(text)).collect(),
            back: if self.back.as_deref() == Some("refuse") { Back::Refuse } else { Back::Allow },
            consent,
        }
    }

    fn value(&self, text: &str) -> Value {
        if text == "()" {
            return Value::Blank;
        }
        read(&map(self.kind, None), &NativeField::default(), &Native::text(text)).expect("a value of its type")
    }

    fn side(&self, told: &str, agreed: Option<&Value>) -> SideInput {
        match told.split_once(' ') {
            None if told == "-" => SideInput::Absent,
            None if told == "?" => SideInput::Unread,
            Some(("=", value)) => SideInput::Stands(self.value(value)),
            Some(("->", edit)) => {
                let (edit, with_email) = match edit.strip_suffix(" with e-mail") {
                    Some(edit) => (edit, true),
                    None => (edit, false),
                };
                let (edit, evidence) = evidence(edit);
                let (value, before) = match edit.split_once(" from ") {
                    Some((value, before)) => (value, Some(self.value(before))),
                    None => (edit, agreed.cloned()),
                };
                SideInput::Edited(Candidate { value: self.value(value), before, evidence, with_email })
            }
            _ => panic!("`{told}` is no side"),
        }
    }

    fn wanted(&self) -> String {
        let golden = self.value(&self.golden);
        format!("{golden} | {} | {}", self.fates, self.logged.as_deref().unwrap_or("nothing logged"))
    }
}

/// `at 10:04`, `in 10:00..10:04`, `in ..10:04`, all on one day.
fn evidence(edit: &str) -> (&str, Evidence) {
    if let Some((edit, at)) = edit.rsplit_once(" at ") {
        return (edit, Evidence::Field { at: time(at) });
    }
    if let Some((edit, span)) = edit.rsplit_once(" in ")
        && let Some((after, until)) = span.split_once("..")
    {
        let after = (!after.is_empty()).then(|| time(after));
        return (edit, Evidence::Record { after, until: time(until) });
    }
    (edit, Evidence::None)
}

fn time(text: &str) -> Timestamp {
    let seconds = if text.len() == 5 { ":00" } else { "" };
    format!("2026-11-23T{text}{seconds}Z").parse().expect("a time")
}

fn side(name: &str) -> Side {
    match name {
        "left" => Side::Left,
        "right" => Side::Right,
        _ => panic!("`{name}` is no side"),
    }
}

fn on_conflict(name: &str) -> OnConflict {
    match name.split_once(' ') {
        Some(("prefer", name)) => OnConflict::Prefer(side(name)),
        Some(("always", name)) => OnConflict::Always(side(name)),
        _ => match name {
            "latest" => OnConflict::Latest,
            "manual" => OnConflict::Manual,
            "union" => OnConflict::Union,
            "furthest" => OnConflict::Furthest,
            "max" => OnConflict::Max,
            "min" => OnConflict::Min,
            _ => panic!("`{name}` is no policy"),
        },
    }
}

fn told(verdict: &Verdict) -> String {
    let fate = |fate| match fate {
        Fate::None => "none",
        Fate::Won => "won",
        Fate::Lost => "lost",
        Fate::Overruled => "overruled",
        Fate::Kept => "kept",
        Fate::Refilled => "refilled",
        Fate::Waits => "waits",
        Fate::Unread => "unread",
    };
    let logged = verdict.conflict.as_ref().map_or("nothing logged".to_owned(), |conflict| {
        let kind = match conflict.kind {
            ConflictKind::Conflict => "conflict",
            ConflictKind::FirstLink => "first_link",
            ConflictKind::Overruled => "overruled",
        };
        let winner = match conflict.winner {
            Some(Side::Left) => "left",
            Some(Side::Right) => "right",
            None => "-",
        };
        let certainty = match conflict.certainty {
            Some(Certainty::Certain) => " certain",
            Some(Certainty::Likely) => " likely",
            Some(Certainty::Priority) => " priority",
            None => "",
        };
        format!("{kind} {winner} {}{certainty}: {}", conflict.policy, conflict.reason)
    });
    format!("{} | {} {} | {logged}", verdict.golden, fate(verdict.fates.left), fate(verdict.fates.right))
}

#[test]
fn a_reason_names_the_systems() {
    let case: MergeCase = toml::from_str(
        "what = ''\nagreed = 'Ulm'\nleft = '-> Bonn at 10:00'\nright = '-> Kiel at 10:04'\ngolden = ''\nfates = ''",
    )
    .expect("a case");
    let conflict = case.merged().conflict.expect("a conflict");
    assert_eq!(conflict.reason_with(&Pair::new("marketing", "crm")), "edited 4 min later in crm");
}

// Mapping.

/// What stands in a place's configuration.
#[derive(Deserialize)]
struct Place {
    #[serde(default, rename = "type")]
    kind: FieldType,
    region: Option<String>,
    #[serde(default)]
    blank_as: Vec<String>,
    default: Option<String>,
    #[serde(default)]
    values: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    unmapped: Unmapped,
}

impl Place {
    fn field(&self) -> FieldMap {
        map(self.kind, self.region.as_deref())
    }

    fn native(&self) -> NativeField {
        NativeField {
            name: "Native__c".to_owned(),
            blank_as: self.blank_as.clone(),
            values: self.values.clone().into_iter().collect(),
            unmapped: self.unmapped,
            default: self.default.clone(),
        }
    }
}

fn native(value: Option<&toml::Value>) -> Native {
    match value {
        None => Native::Null,
        Some(toml::Value::String(text)) => Native::text(text),
        Some(toml::Value::Boolean(value)) => Native::Bool(*value),
        Some(toml::Value::Array(items)) => Native::List(items.iter().map(|item| native(Some(item))).collect()),
        Some(other) => panic!("`{other}` is no native of a case"),
    }
}

#[derive(Deserialize)]
struct ReadCase {
    what: String,
    #[serde(flatten)]
    place: Place,
    native: Option<toml::Value>,
    number: Option<String>,
    reads: Option<String>,
    problem: Option<String>,
}

#[test]
fn reading() {
    check(
        &cases().read,
        |case| &case.what,
        |case| {
            let native = case.number.clone().map_or_else(|| native(case.native.as_ref()), Native::Number);
            let got = match read(&case.place.field(), &case.place.native(), &native) {
                Ok(value) => Ok(value.to_string()),
                Err(problem) => Err(sound(&problem).code.clone()),
            };
            let wanted = case.reads.clone().ok_or_else(|| case.problem.clone().expect("`reads` or `problem`"));
            (got, wanted)
        },
    );
}

/// A problem says what it is about and what to do.
fn sound(problem: &Problem) -> &Problem {
    assert!(problem.message.contains('`') && !problem.hint.is_empty(), "{problem:?}");
    assert!(problem.message.chars().all(|char| !char.is_control()), "{problem:?}");
    problem
}

#[derive(Deserialize)]
struct WriteCase {
    what: String,
    #[serde(flatten)]
    place: Place,
    value: Option<String>,
    list: Option<Vec<String>>,
    form: Option<String>,
    kind: Option<NativeKind>,
    #[serde(default)]
    options: Vec<String>,
    length: Option<u32>,
    #[serde(default)]
    any: bool,
    writes: Option<toml::Value>,
    writes_number: Option<String>,
    problem: Option<String>,
    hint: Option<String>,
}

impl WriteCase {
    fn value(&self) -> Value {
        if let Some(list) = &self.list {
            return Value::Set(list.iter().cloned().collect());
        }
        let native = Native::text(self.value.clone().expect("`value` or `list`"));
        read(&self.place.field(), &NativeField::default(), &native).expect("a value of its type")
    }

    fn schema(&self) -> Option<SchemaField> {
        self.kind.map(|kind| SchemaField {
            name: "Native__c".to_owned(),
            label: "Native".to_owned(),
            kind,
            options: self.options.clone(),
            restricted: !self.any,
            max_length: self.length,
            required: false,
            createable: true,
            updateable: true,
            unique: false,
        })
    }

    fn forms(&self) -> Forms {
        let usual = Forms::default();
        match self.form.as_deref() {
            None => usual,
            Some("blank-empty") => Forms { blank: BlankForm::Empty, ..usual },
            Some("bool-string") => Forms { bool: BoolForm::String, ..usual },
            Some("bool-digit") => Forms { bool: BoolForm::Digit, ..usual },
            Some("number-string") => Forms { number: NumberForm::String, ..usual },
            Some("date-epoch") => Forms { date: DateForm::EpochMs, ..usual },
            Some("datetime-epoch") => Forms { datetime: DatetimeForm::EpochMs, ..usual },
            Some("set-joined") => Forms { set: SetForm::Joined(";".to_owned()), ..usual },
            Some("set-piped") => Forms { set: SetForm::Joined("|".to_owned()), ..usual },
            Some(other) => panic!("`{other}` is no form"),
        }
    }
}

#[test]
fn writing() {
    check(
        &cases().write,
        |case| &case.what,
        |case| {
            let schema = case.schema();
            let got = write(&case.place.field(), &case.place.native(), &case.forms(), schema.as_ref(), &case.value())
                .map_err(|problem| {
                    let hint = case.hint.clone().filter(|hint| problem.hint.contains(hint));
                    (sound(&problem).code.clone(), hint)
                });
            let wanted = match &case.problem {
                Some(problem) => Err((problem.clone(), case.hint.clone())),
                None => Ok(case.writes_number.clone().map_or_else(|| native(case.writes.as_ref()), Native::Number)),
            };
            (got, wanted)
        },
    );
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ImageCase {
    what: String,
    sent: Option<toml::Value>,
    read: Option<toml::Value>,
    image: bool,
}

#[test]
fn recognising() {
    check(
        &cases().image,
        |case| &case.what,
        |case| (image_of(&native(case.sent.as_ref()), &native(case.read.as_ref())), case.image),
    );
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyCase {
    what: String,
    #[serde(default, rename = "type")]
    kind: FieldType,
    a: String,
    b: String,
    same: bool,
}

#[test]
fn matching() {
    check(
        &cases().key,
        |case| &case.what,
        |case| {
            let key_of = |text: &str| {
                let value = read(&map(case.kind, Some("US")), &NativeField::default(), &Native::text(text));
                key(&value.expect("a value of its type"))
            };
            let (a, b) = (key_of(&case.a), key_of(&case.b));
            (a.is_some() && a == b, case.same)
        },
    );
}
