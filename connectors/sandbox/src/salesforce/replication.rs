//! `/sobjects/X/updated` and `/sobjects/X/deleted`.
//!
//! REST guide, "sObject Get Updated" and "sObject Get Deleted": the seconds of both ends are ignored, at most 30 days
//! and 15 days back.

use bytes::Bytes;
use http::Response;
use hymnal_memory::service::Row;
use hymnal_sdk::Timestamp;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{
    answer::{Refused, json_response},
    request::Call,
    schema::Object,
    view::shown,
};

/// The ids of what was changed, or what was deleted and when.
pub(super) fn answer(call: &Call<'_>, object: &Object, deleted: bool) -> Result<Response<Bytes>, Refused> {
    let (start, end) = (minute(call, "start")?, minute(call, "end")?);
    let now = call.org.account.now();
    let days = if deleted { 15 } else { 30 };
    let oldest = now.saturating_sub(SignedDuration::from_hours(24 * days)).unwrap_or(Timestamp::MIN);
    if start >= end {
        return Err(Refused::request(
            "INVALID_REPLICATION_DATE",
            "startDate must be at least one minute before endDate",
        ));
    }
    if start < oldest {
        return Err(Refused::request("INVALID_REPLICATION_DATE", format!("startDate before {days} days ago")));
    }
    let inner = call.org.account.lock();
    let rows = inner.data.tables.get(object.name).into_iter().flat_map(|table| table.rows.values());
    let within = |time: Timestamp| start <= time && time < end;
    let latest = shown(end.min(now));
    let body = if deleted {
        let record = |row: &Row| {
            let at = row.deleted_at.filter(|at| within(*at))?;
            Some(json!({ "deletedDate": shown(at), "id": row.id }))
        };
        let records: Vec<Value> = rows.filter_map(record).collect();
        let earliest = shown(oldest);
        json!({ "deletedRecords": records, "earliestDateAvailable": earliest, "latestDateCovered": latest })
    } else {
        let changed = rows.filter(|row| row.deleted_at.is_none() && within(row.modified_at));
        json!({ "ids": changed.map(|row| row.id.as_str()).collect::<Vec<_>>(), "latestDateCovered": latest })
    };
    Ok(json_response(200, &body))
}

fn minute(call: &Call<'_>, name: &str) -> Result<Timestamp, Refused> {
    let text = call.parameter(name).unwrap_or_default();
    let time: Option<Timestamp> = text.parse().ok();
    let minute = time.and_then(|time| Timestamp::from_second(time.as_second().div_euclid(60) * 60).ok());
    minute.ok_or_else(|| Refused::request("INVALID_REPLICATION_DATE", format!("invalid date: {name} {text}")))
}
