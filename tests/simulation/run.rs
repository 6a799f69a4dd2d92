//! One run: chaos, then healing.

use std::{collections::BTreeMap, pin::pin, time::Duration};

use hymnal::cycle::{Deletions, report::Report};

use crate::{
    oracle::{Promise, Violation},
    schedule::{Schedule, Step},
    world::{Cycle, Ended, World},
};

/// No cycle takes longer than this.
const PATIENCE: Duration = Duration::from_hours(2);
/// So many cycles, a minute apart, make everything quiet.
const BOUND: u32 = 40;

/// What a run came to.
pub(crate) struct Outcome {
    /// What was broken: all that the first broken moment broke.
    pub(crate) violations: Vec<Violation>,
    /// How often each fault fired.
    pub(crate) fired: BTreeMap<String, u64>,
    /// Everything that the store holds at the end, and the conflict log.
    pub(crate) trace: Vec<u8>,
    /// What happened, in words, for those who look for a cause.
    pub(crate) story: Vec<String>,
}

/// Runs a schedule from the start to the end, or to the first broken promise.
pub(crate) fn run(schedule: &Schedule) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        let mut world = World::new(schedule);
        if chaos(&mut world, schedule).await {
            healing(&mut world).await;
        }
        let violations = world.oracle.lock().broken().to_vec();
        let mut trace = Vec::new();
        for (key, value) in world.kv.dump() {
            trace.extend([key, value].concat());
        }
        trace.extend(std::fs::read(world.folder.path().join("conflicts.jsonl")).unwrap_or_default());
        let story = std::mem::take(&mut world.oracle.lock().story);
        Outcome { violations, fired: world.fired(), trace, story }
    })
}

/// People and misfortune. Answers whether every promise held.
async fn chaos(world: &mut World, schedule: &Schedule) -> bool {
    let mut cycle: Option<Cycle> = None;
    for timed in &schedule.steps {
        let mut due = pin!(tokio::time::sleep(Duration::from_millis(timed.after_ms)));
        while let Some(running) = &mut cycle {
            tokio::select! {
                biased;
                outcome = running => {
                    cycle = None;
                    world.ended(outcome);
                }
                () = &mut due => break,
            }
        }
        due.await;
        world.oracle.lock().tell(&format!("STEP {:?}", timed.step));
        do_step(world, &timed.step, &mut cycle);
        if !holds(world) {
            return false;
        }
    }
    if let Some(running) = cycle {
        let outcome = running.await;
        world.ended(outcome);
    }
    holds(world)
}

fn do_step(world: &mut World, step: &Step, cycle: &mut Option<Cycle>) {
    match step {
        Step::Tick => {
            if cycle.is_none() {
                *cycle = Some(world.begin_cycle(Deletions::WhenDue));
            }
        }
        Step::Restart => {
            if cycle.is_none() {
                world.kill();
            }
        }
        Step::Kill => {
            *cycle = None;
            world.kill();
        }
        Step::KillAtStore { after, death } => world.kv.arm(*after, *death),
        Step::KillAtCall { after, applied } => world.road.arm(*after, *applied),
        Step::DiskFull { commits } => world.kv.fill(*commits),
        Step::Fault { .. } => world.plant(step),
        _ => {
            world.act(step);
        }
    }
}

/// No promise is broken so far.
fn holds(world: &World) -> bool {
    let mut oracle = world.oracle.lock();
    oracle.read_papers();
    oracle.broken().is_empty()
}

/// Nothing goes wrong any more: everything gets quiet, and stays so.
async fn healing(world: &mut World) {
    world.heal();
    world.show_everything();
    // What was parked, what is in its grace and what is in doubt have their time.
    for minutes in [0, 20, 120, 12 * 60, 25 * 60, 25 * 60] {
        tokio::time::sleep(Duration::from_mins(minutes)).await;
        if !settle(world).await || !holds(world) {
            return;
        }
    }
    world.oracle.lock().check_quiet();
    for minutes in [1, 6, 70] {
        tokio::time::sleep(Duration::from_mins(minutes)).await;
        let before = world.oracle.lock().our_writes();
        let report = cycle(world).await;
        let mut oracle = world.oracle.lock();
        let writes = oracle.our_writes() - before;
        if writes > 0 || !report.as_ref().is_some_and(Report::is_quiet) {
            oracle.break_promise(Promise::NoEcho, format!("{writes} writes in a quiet cycle: {report:?}"));
        }
    }
}

/// Cycles until one is quiet.
async fn settle(world: &mut World) -> bool {
    let mut last = None;
    for _ in 0..BOUND {
        last = cycle(world).await;
        if last.as_ref().is_some_and(Report::is_quiet) {
            return true;
        }
        if !holds(world) {
            return false;
        }
        tokio::time::sleep(Duration::from_secs(61)).await;
    }
    let text = format!("not quiet after {BOUND} cycles: {last:?}");
    world.oracle.lock().break_promise(Promise::Convergence, text);
    false
}

/// One cycle, to its end.
async fn cycle(world: &mut World) -> Option<Report> {
    let running = world.begin_cycle(Deletions::WhenDue);
    let Ok(outcome) = tokio::time::timeout(PATIENCE, running).await else {
        world.oracle.lock().break_promise(Promise::Isolation, "a cycle does not end".to_owned());
        return None;
    };
    match world.ended(outcome) {
        Ended::Over(report) => Some(*report),
        Ended::Failed | Ended::Killed => None,
    }
}
