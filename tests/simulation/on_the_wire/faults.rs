//! The faults of a schedule, as they are planted on the wire.

use hymnal::merge::Side;
use hymnal_sandbox::{Control, Fault, Form, Planted};

use super::{MOST_STALE, native};
use crate::schedule::{On, Wrong};

/// Plants a fault, if it can happen there.
pub(super) fn plant(control: &Control, side: Side, on: On, times: u32, wrong: &Wrong) {
    if let Wrong::ClockSkew { seconds } | Wrong::ClockStep { seconds } = wrong {
        control.skew(jiff::SignedDuration::from_secs((*seconds).max(0)));
        return;
    }
    let Some(fault) = fault(control, side, wrong) else { return };
    let on = match wrong {
        Wrong::PageShift | Wrong::StaleList { .. } => On::List,
        Wrong::LoginAnswerLost => {
            control.plant(Planted { method: String::new(), path: "token".into(), times, fault });
            return;
        }
        _ => on,
    };
    let (method, path) = place(side, on);
    control.plant(Planted { method: method.into(), path: path.into(), times, fault });
}

/// Which requests are meant.
fn place(side: Side, on: On) -> (&'static str, &'static str) {
    match (side, on) {
        (_, On::Any) => ("", ""),
        (Side::Left, On::List | On::Deletions) => ("", "/search"),
        (Side::Left, On::Get | On::Find) => ("", "/batch/read"),
        (Side::Left, On::Create) => ("", "/batch/create"),
        (Side::Left, On::Update) => ("", "/batch/update"),
        (Side::Right, On::List | On::Deletions | On::Get | On::Find) => ("", "/query"),
        (Side::Right, On::Create) => ("POST", "/composite/sobjects"),
        (Side::Right, On::Update) => ("PATCH", "/composite/sobjects"),
    }
}

fn fault(control: &Control, side: Side, wrong: &Wrong) -> Option<Fault> {
    let field = |field: &str| native_of(side, field);
    let answer = |status, retry_after: String| Fault::Answer { status, retry_after, body: String::new() };
    Some(match wrong {
        Wrong::Refused | Wrong::TimeoutBefore => Fault::RefusedConnection,
        Wrong::ServerError => answer(502, String::new()),
        Wrong::Throttled { seconds } => answer(503, seconds.to_string()),
        Wrong::ThrottledUntil { seconds } => {
            let until = control.account().now() + jiff::SignedDuration::from_secs(i64::try_from(*seconds).ok()?);
            answer(503, jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&until).ok()?)
        }
        Wrong::ThrottledAbsurdly => answer(503, "31536000".to_owned()),
        Wrong::AnswerLost | Wrong::LoginAnswerLost => Fault::AppliedAnswerLost,
        Wrong::AppliedThenError => Fault::AppliedThen500,
        Wrong::DuplicateDelivery => Fault::DuplicateDelivery,
        Wrong::LoginRefused => Fault::ExpiredToken,
        Wrong::PartialBatch => Fault::PartialBatch,
        Wrong::CutMidBatch => Fault::Truncated,
        Wrong::Html => Fault::Html,
        Wrong::Malformed => Fault::Malformed,
        Wrong::SlowDrip => Fault::SlowDrip { ms_per_byte: 20 },
        Wrong::Delay => Fault::Delay { ms: 120_000 },
        // Salesforce promises the order of a collection's results, and names no record in a failure.
        Wrong::ItemsReordered if side == Side::Left => Fault::ItemsReordered,
        Wrong::ItemsWithoutId => Fault::ItemsWithoutId,
        Wrong::PageShift => Fault::PageShift,
        Wrong::StaleList { seconds } => Fault::StaleList { ms: (*seconds).min(MOST_STALE) * 1000 },
        Wrong::FieldWithheld { field: name } => Fault::FieldWithheld { field: field(name)? },
        Wrong::FieldMasked { field: name } => Fault::FieldMasked { field: field(name)? },
        Wrong::FieldIgnored { field: name } => Fault::FieldIgnored { field: field(name)? },
        Wrong::Lowered { field: name } => Fault::Normalised { field: field(name)?, how: Form::Lowered },
        Wrong::Cut { field: name, to } => Fault::Normalised { field: field(name)?, how: Form::Cut { to: *to } },
        Wrong::Reformatted { field: name } => Fault::Normalised { field: field(name)?, how: Form::Reformatted },
        Wrong::Automation { field: name, value } => Fault::Automation { field: field(name)?, value: value.clone() },
        Wrong::FieldRenamed { field: name } => Fault::FieldRenamed { field: field(name)? },
        Wrong::FieldRetyped { field: name } => Fault::FieldRetyped { field: field(name)? },
        _ => return None,
    })
}

fn native_of(side: Side, field: &str) -> Option<String> {
    ["name", "city"].contains(&field).then(|| native(side, field).to_owned())
}
