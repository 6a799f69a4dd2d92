//! What the main job costs: API calls, CPU, quota and memory, HubSpot and Salesforce kept the same in both directions.
//!
//! `cargo bench --bench main_job`. The sandbox runs as a child process, so that the CPU time of this process is
//! Hymnal's own; what is changed in the services is changed by the sandbox's control API, and its log of requests is
//! what calls are counted by. Time moves on between cycles as it would for a daemon, without being waited for.
//!
//! | variable | means | default |
//! |---|---|---|
//! | `HYMNAL_BENCH_PEOPLE` | people on each side, three quarters of them on both | 4000 |
//! | `HYMNAL_BENCH_CHANGES` | records changed at once, for calls and CPU | 2000 |
//! | `HYMNAL_BENCH_QUOTA` | records changed at once, for the use of quotas; 0 leaves it out | 1000 |
//!
//! Nothing here passes or fails by time. It stops where a sync did not do its job: then its figures mean nothing.
#![expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::unwrap_used, reason = "a benchmark that fails should stop")]
#![expect(clippy::cast_precision_loss, reason = "figures are rounded anyway")]
#![expect(clippy::unchecked_time_subtraction, reason = "times of one clock that only goes on")]

mod calls;
mod daemon;
mod load;
mod quota;
mod rounds;
mod services;
mod table;
mod usage;

use std::env;

use hymnal::merge::Side;

use self::{daemon::Pace, services::Services, table::Table};

fn main() {
    if services::is_child() {
        return services::serve();
    }
    let size = |name: &str, default: usize| env::var(name).map_or(default, |text| text.parse().unwrap());
    let people = size("HYMNAL_BENCH_PEOPLE", 4000);
    let changes = size("HYMNAL_BENCH_CHANGES", 2000).min(people * 3 / 4);
    let quota = size("HYMNAL_BENCH_QUOTA", 1000).min(people * 3 / 4);
    println!("{people} people on each side, {changes} changed at once, {quota} for quotas");
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
        let services = Services::start(people).await;
        let dir = tempfile::tempdir().unwrap();
        let mut table = Table::default();
        let daemon = daemon::Daemon::start(&services, dir.path(), Pace::Unlimited);
        load::first(&services, &daemon, people, &mut table).await;
        rounds::idle(&services, &daemon, &mut table).await;
        for from in [Side::Left, Side::Right] {
            rounds::changes(&services, &daemon, from, changes, &mut table).await;
        }
        if quota > 0 {
            quota::searches(&services, &daemon, quota, &mut table).await;
            quota::requests(&services, &daemon, quota, &mut table).await;
        }
        table.print();
    });
}
