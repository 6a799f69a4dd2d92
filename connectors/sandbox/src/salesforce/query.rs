//! `/query`, `/queryAll` and their further pages. REST guide, "Query", "QueryAll", "Query More Results".

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use hymnal_sdk::{Address, Timestamp};
use serde_json::{Value, json};

use super::{
    answer::{Refused, json_response},
    history, ids,
    request::Call,
    soql,
};

/// REST guide, "Query Options Header": 200 to 2,000.
const BATCH: std::ops::RangeInclusive<usize> = 200..=2_000;

/// The rest of a query's rows: which they are was settled by the first call, what they hold is read page by page.
pub(super) struct Locator {
    ids: Vec<String>,
    plan: soql::Plan,
    page: usize,
    deleted_too: bool,
    until: Timestamp,
}

/// The first page.
pub(super) fn first(call: &Call<'_>, deleted_too: bool) -> Result<Response<Bytes>, Refused> {
    let statement = call.parameter("q").unwrap_or_default();
    let plan = soql::plan(&call.config.visible, statement)?;
    let now = call.org.account.now();
    let ids = {
        let inner = call.org.account.lock();
        let data = history::data(call, &inner, &plan, now);
        let mut ids = soql::run(&call.view(&data), &plan, deleted_too);
        ids.retain(|id| inner.listed(&Address::new(plan.object, id.as_str()), now));
        ids
    };
    if plan.select.is_none() {
        return Ok(json_response(200, &json!({ "totalSize": ids.len(), "done": true, "records": [] })));
    }
    let options = &call.config.options;
    let until = now.saturating_add(options.locator_life).unwrap_or(now);
    let page = batch_size(call).min(options.page_size).max(1);
    let locator = Arc::new(Locator { ids, plan, page, deleted_too, until });
    if locator.ids.len() <= page {
        return Ok(page_of(call, &locator, "", 0));
    }
    let name = {
        let mut state = call.org.state();
        state.serial += 1;
        let name = ids::make("01g", state.serial);
        state.locators.retain(|_, locator| locator.until > now);
        state.locators.insert(name.clone(), Arc::clone(&locator));
        name
    };
    Ok(page_of(call, &locator, &name, 0))
}

/// A further page.
///
/// # Errors
/// `INVALID_QUERY_LOCATOR` for one that was never given out or has ended. Salesforce Developer Limits, "API Query Cursor
/// Limits": cursors live for two days, any number of them.
pub(super) fn next(call: &Call<'_>, locator: &str) -> Result<Response<Bytes>, Refused> {
    let invalid = || Refused::request("INVALID_QUERY_LOCATOR", "invalid query locator");
    let (name, offset) = locator.rsplit_once('-').ok_or_else(invalid)?;
    let offset: usize = offset.parse().map_err(|_| invalid())?;
    let now = call.org.account.now();
    let found = call.org.state().locators.get(name).filter(|locator| locator.until > now).cloned();
    let found = found.filter(|locator| offset <= locator.ids.len()).ok_or_else(invalid)?;
    Ok(page_of(call, &found, name, offset))
}

fn page_of(call: &Call<'_>, locator: &Locator, name: &str, from: usize) -> Response<Bytes> {
    let total = locator.ids.len();
    let to = (from + locator.page).min(total);
    let now = call.org.account.now();
    let records: Vec<Value> = {
        let inner = call.org.account.lock();
        let data = history::data(call, &inner, &locator.plan, now);
        let view = call.view(&data);
        let rows = data.tables.get(locator.plan.object).map(|table| &table.rows);
        let select = locator.plan.select.as_deref().unwrap_or_default();
        locator.ids[from..to]
            .iter()
            .filter_map(|id| rows?.get(id))
            .filter(|row| inner.readable(&Address::new(locator.plan.object, row.id.as_str())))
            .filter(|row| locator.deleted_too || row.deleted_at.is_none())
            .map(|row| view.record(locator.plan.object, row, select))
            .collect()
    };
    let mut body = json!({ "totalSize": total, "done": to == total });
    if to < total {
        body["nextRecordsUrl"] = json!(format!("{}/query/{name}-{to}", call.base));
    }
    body["records"] = Value::Array(records);
    json_response(200, &body)
}

fn batch_size(call: &Call<'_>) -> usize {
    let header = call.header("Sforce-Query-Options").unwrap_or_default();
    let size = header.split(',').find_map(|option| option.trim().strip_prefix("batchSize="));
    let size = size.and_then(|size| size.trim().parse::<usize>().ok()).unwrap_or(*BATCH.end());
    size.clamp(*BATCH.start(), *BATCH.end())
}
