//! The faults of a schedule, as the services in memory know them.

use std::time::Duration;

use hymnal::merge::Side;
use hymnal_memory::{Fault, Method, Normal};
use hymnal_sdk::Native;

use crate::{
    schedule::{On, Wrong},
    shape::object,
};

/// The fault as the service knows it.
///
/// `None`: it happens on the wire alone.
pub(crate) fn fault(wrong: &Wrong, side: Side) -> Option<Fault> {
    let object = || object(side).to_owned();
    let normal = |field: &String, how| Fault::Normalised { field: field.clone(), how };
    Some(match wrong {
        Wrong::Refused => Fault::Refused,
        Wrong::ServerError => Fault::ServerError,
        Wrong::Throttled { seconds } => Fault::Throttled { seconds: Some(*seconds) },
        Wrong::TimeoutBefore => Fault::TimeoutBefore,
        Wrong::AnswerLost => Fault::AnswerLost,
        Wrong::AppliedThenError => Fault::AppliedThenError,
        Wrong::DuplicateDelivery => Fault::DuplicateDelivery,
        Wrong::LoginRefused => Fault::LoginRefused,
        Wrong::PartialBatch => Fault::PartialBatch,
        Wrong::CutMidBatch => Fault::CutMidBatch,
        Wrong::RowLocked => Fault::RowLocked,
        Wrong::PageShift => Fault::PageShift,
        Wrong::EmptyPage => Fault::EmptyPage,
        Wrong::ItemsReordered => Fault::ItemsReordered,
        Wrong::LateRows { seconds } => Fault::LateRows(Duration::from_secs(*seconds)),
        Wrong::StaleList { seconds } => Fault::StaleList(Duration::from_secs(*seconds)),
        Wrong::ClockSkew { seconds } => Fault::ClockSkew { seconds: *seconds },
        Wrong::ClockStep { seconds } => Fault::ClockStep { seconds: *seconds },
        Wrong::FieldWithheld { field } => Fault::FieldWithheld { field: field.clone() },
        Wrong::FieldMasked { field } => Fault::FieldMasked { field: field.clone() },
        Wrong::FieldIgnored { field } => Fault::FieldIgnored { field: field.clone() },
        Wrong::Lowered { field } => normal(field, Normal::Lower),
        Wrong::Cut { field, to } => normal(field, Normal::Truncate(*to)),
        Wrong::Reformatted { field } => normal(field, Normal::Reformat),
        Wrong::Rounded { field } => normal(field, Normal::Round(0)),
        Wrong::Automation { field, value } => {
            Fault::Automation { field: field.clone(), value: Native::text(value.clone()) }
        }
        Wrong::FieldRenamed { field } => Fault::FieldRenamed { object: object(), field: field.clone() },
        Wrong::FieldRetyped { field } => Fault::FieldRetyped { object: object(), field: field.clone() },
        Wrong::ChoiceRemoved { field, choice } => {
            Fault::ChoiceRemoved { object: object(), field: field.clone(), choice: choice.clone() }
        }
        Wrong::ThrottledUntil { .. }
        | Wrong::ThrottledAbsurdly
        | Wrong::Html
        | Wrong::Malformed
        | Wrong::SlowDrip
        | Wrong::Delay
        | Wrong::ItemsWithoutId
        | Wrong::LoginAnswerLost => return None,
    })
}

/// The call it hits.
pub(crate) fn method(on: On) -> Method {
    match on {
        On::Any => Method::Any,
        On::List => Method::List,
        On::Deletions => Method::Deletions,
        On::Get => Method::Get,
        On::Find => Method::Find,
        On::Create => Method::Create,
        On::Update => Method::Update,
    }
}
