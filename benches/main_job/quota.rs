//! How much of a declared quota is used while there is work, against services that enforce it.

use std::time::Instant;

use hymnal::merge::Side;
use serde_json::json;

use crate::{
    calls::Purpose,
    daemon::{Daemon, Pace},
    services::Services,
    table::Table,
};

const SEARCHES_A_SECOND: f64 = 5.0;
const REQUESTS_A_SECOND: f64 = 19.0;

/// Changes read at five searches a second.
pub(crate) async fn searches(services: &Services, daemon: &Daemon, number: usize, table: &mut Table) {
    let daemon = paced(services, daemon).await;
    let rows = services.rows(Side::Left, number).await;
    services.edit(Side::Left, &rows, "searches").await;
    daemon.next(services).await;
    let mut mark = Default::default();
    services.calls(&mut mark).await;
    let start = Instant::now();
    let cycle = daemon.sync().committer.new_cycle().await;
    daemon.sync().pull(cycle, Side::Left).await.unwrap();
    let pulled = start.elapsed().as_secs_f64();
    let report = daemon.sync().push(cycle, Side::Right).await.unwrap();
    let took = start.elapsed().as_secs_f64();
    assert!(report.written.updated == number, "{number} changed, {report:?}");
    let calls = services.calls(&mut mark).await;
    let made = calls[(Side::Left, Purpose::List)] as f64;
    let floor = number as f64 / 200.0 / SEARCHES_A_SECOND;
    table.row(format!("{number} changes at 5 searches a second, until written"), took, "s", 1.2 * floor);
    table.row("  of the declared searches, used", 100.0 * made / (pulled * SEARCHES_A_SECOND), "%", 90.0);
    table.note("  answered with 429 (target: none)", calls.throttled() as f64, "calls");
    settle(services, &daemon).await;
}

/// Changes written at 190 requests in ten seconds.
pub(crate) async fn requests(services: &Services, daemon: &Daemon, number: usize, table: &mut Table) {
    let daemon = paced(services, daemon).await;
    let rows = services.rows(Side::Right, number).await;
    services.edit(Side::Right, &rows, "requests").await;
    daemon.next(services).await;
    let cycle = daemon.sync().committer.new_cycle().await;
    daemon.sync().pull(cycle, Side::Right).await.unwrap();
    let mut mark = Default::default();
    services.calls(&mut mark).await;
    let start = Instant::now();
    let report = daemon.sync().push(cycle, Side::Left).await.unwrap();
    let took = start.elapsed().as_secs_f64();
    assert!(report.written.updated == number, "{number} changed, {report:?}");
    let calls = services.calls(&mut mark).await;
    let made = (calls[(Side::Left, Purpose::Read)] + calls[(Side::Left, Purpose::Write)]) as f64;
    table.note(format!("{number} changes written at 190 requests in 10 s"), took, "s");
    table.row("  of the declared requests, used", 100.0 * made / (took * REQUESTS_A_SECOND), "%", 95.0);
    table.note("  answered with 429 (target: none)", calls.throttled() as f64, "calls");
    settle(services, &daemon).await;
}

/// Hymnal as it is declared, logged in, and a service that is as strict as it says.
async fn paced(services: &Services, daemon: &Daemon) -> Daemon {
    let daemon = daemon.restarted(services, Pace::Declared);
    daemon.begin().await;
    settle(services, &daemon).await;
    services.rates(Side::Left, json!({ "per_ten_seconds": 190, "searches_per_second": 5 })).await;
    daemon
}

/// Until what was written before is neither read again nor counted against a quota.
async fn settle(services: &Services, daemon: &Daemon) {
    services.rates(Side::Left, json!({})).await;
    for _ in 0..6 {
        daemon.next(services).await;
        daemon.cycle().await;
    }
}
