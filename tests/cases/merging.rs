//! Cases of merging one field.

use hymnal::{
    mapping::{FieldType, NativeField, Value, read},
    merge::{
        Back, Blanks, Candidate, Certainty, ConflictKind, Consent, Evidence, Fate, FieldPolicy, Flow, Merge,
        OnConflict, OnOverride, Pair, Side, SideInput, Verdict, field::merge,
    },
};
use hymnal_sdk::Native;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use crate::{cases, check, map};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MergeCase {
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
        let policy = on_conflict(&self.policy);
        FieldPolicy {
            on_conflict: policy,
            flow: self.flow.as_deref().map_or(Flow::Both, |from| Flow::From(side(from))),
            blanks: if self.blanks.as_deref() == Some("ignore") { Blanks::Ignore } else { Blanks::Clear },
            first_link: self.first_link.as_deref().map_or(policy, on_conflict),
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
            ConflictKind::Oscillation => "oscillation",
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
