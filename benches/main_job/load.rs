//! The first load: everybody read, matched, merged, created where missing, confirmed.

use std::time::{Duration, Instant};

use crate::{daemon::Daemon, services::Services, table::Table, usage};

/// Until nothing more is to be done.
pub(crate) async fn first(services: &Services, daemon: &Daemon, people: usize, table: &mut Table) {
    daemon.begin().await;
    let (start, cpu) = (Instant::now(), usage::cpu());
    let mut created = 0;
    loop {
        let report = daemon.cycle().await;
        created += report.written.created;
        if report.is_quiet() {
            break;
        }
        daemon.next(services).await;
    }
    // A quarter of each side was missing on the other, some without a key.
    assert!(created > people / 4, "{created} of {people} were created");
    let records = 2.0 * people as f64;
    let took = start.elapsed().as_secs_f64();
    table.note("first load: records read", records / took, "a second");
    table.note("first load: CPU", (usage::cpu() - cpu).as_secs_f64() * 1e6 / records, "ms/1,000");
    table.note("first load: peak resident", usage::peak_mb(), "MB");
    // What was loaded is out of every overlap from now on.
    daemon.later(services, Duration::from_mins(10)).await;
    for _ in 0..6 {
        daemon.cycle().await;
        daemon.next(services).await;
    }
}
