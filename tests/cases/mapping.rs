//! Cases of reading, writing, recognising and matching values.

use std::collections::BTreeMap;

use hymnal::mapping::{FieldMap, FieldType, NativeField, Problem, Unmapped, Value, image_of, key, read, write};
use hymnal_sdk::{
    Forms, Native, NativeKind, SchemaField,
    capability::{BlankForm, BoolForm, DateForm, DatetimeForm, NumberForm, SetForm},
};
use serde::Deserialize;

use crate::{cases, check, map};

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
            ..NativeField::default()
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
pub(crate) struct ReadCase {
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
pub(crate) struct WriteCase {
    what: String,
    #[serde(flatten)]
    place: Place,
    value: Option<String>,
    list: Option<Vec<String>>,
    form: Option<String>,
    kind: Option<NativeKind>,
    #[serde(default)]
    options: Vec<String>,
    #[serde(default)]
    barred: Vec<String>,
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
            barred: self.barred.clone(),
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
pub(crate) struct ImageCase {
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
pub(crate) struct KeyCase {
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
