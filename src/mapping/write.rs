//! Canonical to native.

use hymnal_sdk::{
    Forms, Native, NativeKind, SchemaField,
    capability::{BlankForm, BoolForm, DateForm, DatetimeForm, NumberForm, SetForm},
};

use super::{
    field::{FieldMap, FieldType, NativeField, Problem},
    moment, number, phone,
    problem::{BARRED_OPTION, NO_SUCH_OPTION, ONE_WAY, READS_DIFFERENTLY, TOO_LONG, WRONG_TYPE, shown},
    read::read,
    user,
    value::Value,
};
use crate::planted::{self, Planted};

/// How a canonical value is written to a place, in the service's forms.
///
/// What the schema, where there is one, says the service would refuse is a [`Problem`] here already, with the reason;
/// so is what would not come back as the same value: it would be read as an edit and travel.
pub fn write(
    map: &FieldMap,
    place: &NativeField,
    forms: &Forms,
    schema: Option<&SchemaField>,
    value: &Value,
) -> Result<Native, Problem> {
    if map.kind == FieldType::User && !value.is_blank() {
        return user::write(map, place, value);
    }
    let spelled = match value {
        Value::Blank => {
            return Ok(match forms.blank {
                BlankForm::Null => Native::Null,
                BlankForm::Empty => Native::text(""),
            });
        }
        Value::Set(items) => Spelled::Many(items.iter().map(|item| name_in(place, item)).collect()),
        one => Spelled::One(name_in(place, &text_of(one))),
    };
    let native = Fit { field: &map.name, place, forms, schema }.fit(&spelled, value)?;
    survives(map, place, &spelled, &native, value)?;
    Ok(native)
}

/// What stands at a place is what a value is written as there, though it reads as another: a fallback for a user whom
/// nobody there is.
pub fn stands_for(map: &FieldMap, place: &NativeField, native: &Native, value: &Value) -> bool {
    let is_user = map.kind == FieldType::User && !planted::is(Planted::FallbackIsEdit);
    is_user && !value.is_blank() && user::write(map, place, value).is_ok_and(|id| id == *native)
}

/// A value in the words of the place, before the service's forms.
enum Spelled {
    One(String),
    Many(Vec<String>),
}

fn text_of(value: &Value) -> String {
    match value {
        Value::Phone(canonical) => phone::written(canonical),
        Value::Datetime(at) => moment::rfc3339(*at),
        other => other.to_string(),
    }
}

/// The first native of `values`; a name without an entry stands for the native spelled the same.
fn name_in(place: &NativeField, name: &str) -> String {
    let listed = place.values.iter().find(|(canonical, _)| canonical == name);
    listed.and_then(|(_, natives)| natives.first()).map_or(name, String::as_str).to_owned()
}

/// Where a value has to fit.
struct Fit<'a> {
    field: &'a str,
    place: &'a NativeField,
    forms: &'a Forms,
    schema: Option<&'a SchemaField>,
}

impl Fit<'_> {
    fn fit(&self, spelled: &Spelled, value: &Value) -> Result<Native, Problem> {
        let kind = match self.schema.map(|schema| schema.kind) {
            None | Some(NativeKind::Other) => natural_kind(spelled, value),
            Some(kind) => kind,
        };
        let native = match spelled {
            Spelled::One(text) => self.one(kind, text)?,
            Spelled::Many(items) => self.many(kind, items)?,
        };
        if let Native::Text(text) = &native {
            self.check_length(text)?;
        }
        Ok(native)
    }

    fn one(&self, kind: NativeKind, text: &str) -> Result<Native, Problem> {
        match kind {
            NativeKind::Text | NativeKind::Reference | NativeKind::Other => Ok(Native::text(text)),
            NativeKind::Choice => {
                self.check_option(text)?;
                Ok(Native::text(text))
            }
            NativeKind::Set => self.many(kind, &[text.to_owned()]),
            NativeKind::Bool => {
                let value = number::parse_bool(text).ok_or_else(|| self.wrong_type("true or false", text))?;
                self.check_one_way(value)?;
                Ok(match self.forms.bool {
                    BoolForm::Json => Native::Bool(value),
                    BoolForm::String => Native::text(value.to_string()),
                    BoolForm::Digit => Native::text(if value { "1" } else { "0" }),
                })
            }
            NativeKind::Number => {
                let value = number::parse_decimal(text).ok_or_else(|| self.wrong_type("a number", text))?;
                Ok(match self.forms.number {
                    NumberForm::Json => Native::Number(value.to_string()),
                    NumberForm::String => Native::text(value.to_string()),
                })
            }
            NativeKind::Date => self.date(text).ok_or_else(|| self.wrong_type("a day", text)),
            NativeKind::Datetime => self.datetime(text).ok_or_else(|| self.wrong_type("a point in time", text)),
        }
    }

    /// A day only: a point in time is on another day elsewhere.
    fn date(&self, text: &str) -> Option<Native> {
        let day = text.parse().ok().filter(|_| !text.contains('T'))?;
        Some(match self.forms.date {
            DateForm::Iso => Native::text(text),
            DateForm::EpochMs => Native::text(moment::midnight(day)?.to_string()),
        })
    }

    /// A point in time only: a day would be shown as the one before wherever clocks are behind UTC.
    fn datetime(&self, text: &str) -> Option<Native> {
        let at = moment::parse_datetime(text).filter(|_| text.contains('T'))?;
        Some(match self.forms.datetime {
            DatetimeForm::Rfc3339 => Native::text(moment::rfc3339(at)),
            DatetimeForm::EpochMs => Native::text(at.as_millisecond().to_string()),
        })
    }

    fn many(&self, kind: NativeKind, items: &[String]) -> Result<Native, Problem> {
        let separator = match (&self.forms.set, kind) {
            (SetForm::Joined(separator), NativeKind::Set | NativeKind::Text) => Some(separator.as_str()),
            (SetForm::List, NativeKind::Text) => Some(";"),
            (SetForm::List, NativeKind::Set) => None,
            _ => return Err(self.wrong_type("a single value", &items.join(";"))),
        };
        if kind == NativeKind::Set {
            items.iter().try_for_each(|item| self.check_option(item))?;
        }
        let Some(separator) = separator else {
            return Ok(Native::List(items.iter().map(Native::text).collect()));
        };
        if let Some(item) = items.iter().find(|item| item.contains(separator)) {
            return Err(Problem::new(
                READS_DIFFERENTLY,
                format!("`{}`: {} would be read as two choices, split at `{separator}`", self.field, shown(item)),
                "rename the choice, or map it in `values`",
            ));
        }
        Ok(Native::Text(items.join(separator)))
    }

    /// Some services let a truth value be set and not taken back, or the other way.
    fn check_one_way(&self, value: bool) -> Result<(), Problem> {
        let only = self.schema.filter(|schema| schema.restricted && !schema.options.is_empty());
        let Some(schema) = only.filter(|schema| !schema.options.contains(&value.to_string())) else { return Ok(()) };
        let message = format!(
            "`{}`: `{}` can only be set to `{}` from outside",
            self.field,
            self.place.name,
            schema.options.join("`, `")
        );
        Err(Problem::new(ONE_WAY, message, "change it in the service itself"))
    }

    fn check_option(&self, text: &str) -> Result<(), Problem> {
        if self.schema.is_some_and(|schema| schema.barred.iter().any(|option| option == text)) {
            let message =
                format!("`{}`: `{}` takes {} by a conversion alone", self.field, self.place.name, shown(text));
            return Err(Problem::new(
                BARRED_OPTION,
                message,
                "map another option in `values`, or convert the record there",
            ));
        }
        let Some(schema) = self.schema.filter(|schema| schema.restricted && !schema.options.is_empty()) else {
            return Ok(());
        };
        if schema.options.iter().any(|option| option == text) {
            return Ok(());
        }
        let nearest =
            schema.options.iter().min_by_key(|option| strsim::damerau_levenshtein(&excerpt(option), &excerpt(text)));
        let hint = match nearest {
            Some(nearest) => format!("map it in `values` (the nearest is {}), or add the option there", shown(nearest)),
            None => "add the option there".to_owned(),
        };
        let message = format!("`{}`: `{}` has no option {}", self.field, self.place.name, shown(text));
        Err(Problem::new(NO_SUCH_OPTION, message, hint))
    }

    /// In UTF-16 units, as the databases behind these services count; those who count characters refuse nothing that
    /// this lets through.
    fn check_length(&self, text: &str) -> Result<(), Problem> {
        let Some(most) = self.schema.and_then(|schema| schema.max_length).filter(|most| *most > 0) else {
            return Ok(());
        };
        let length = text.encode_utf16().count();
        if length <= most as usize {
            return Ok(());
        }
        let message =
            format!("`{}` has {length} characters, `{}` holds {most}: {}", self.field, self.place.name, shown(text));
        Err(Problem::new(TOO_LONG, message, "shorten it, or make the field longer there; it is never cut"))
    }

    fn wrong_type(&self, wanted: &str, text: &str) -> Problem {
        Problem::new(
            WRONG_TYPE,
            format!("`{}`: `{}` holds {wanted}, and {} is not", self.field, self.place.name, shown(text)),
            "map a field of the same kind, or name what to write in `values`",
        )
    }
}

/// Enough of a text to find the nearest option by.
fn excerpt(text: &str) -> String {
    text.to_lowercase().chars().take(80).collect()
}

/// What a value is written as where the service does not say what it holds: its own kind, or text where `values` gave
/// it another spelling.
fn natural_kind(spelled: &Spelled, value: &Value) -> NativeKind {
    match (spelled, value) {
        (Spelled::Many(_), _) => NativeKind::Set,
        (Spelled::One(text), _) if *text != text_of(value) => NativeKind::Text,
        (_, Value::Bool(_)) => NativeKind::Bool,
        (_, Value::Integer(_) | Value::Decimal(_)) => NativeKind::Number,
        (_, Value::Date(_)) => NativeKind::Date,
        (_, Value::Datetime(_)) => NativeKind::Datetime,
        _ => NativeKind::Text,
    }
}

/// It must come back as what it is: a place may read it as blank, as another choice, or not at all.
fn survives(
    map: &FieldMap,
    place: &NativeField,
    spelled: &Spelled,
    native: &Native,
    value: &Value,
) -> Result<(), Problem> {
    let back = match spelled {
        Spelled::One(_) => read(map, place, native)?,
        // The separator is the connector's to split at.
        Spelled::Many(items) => read(map, place, &Native::List(items.iter().map(Native::text).collect()))?,
    };
    if back == *value {
        return Ok(());
    }
    let message = format!(
        "`{}`: {} written to `{}` would be read back as {}",
        map.name,
        shown(&value.to_string()),
        place.name,
        shown(&back.to_string())
    );
    Err(Problem::new(READS_DIFFERENTLY, message, "look at the `values`, `blank_as` and `default` of this field"))
}
