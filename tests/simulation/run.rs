//! One run: chaos, then healing.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    time::Duration,
};

use hymnal::{
    cycle::{Deletions, report::Report},
    merge::held::Answer,
    store::Kv,
};

use crate::{
    oracle::{Promise, Violation},
    random::Random,
    schedule::{Schedule, Step},
    world::{Cycle, Ended, World},
};

/// No cycle takes longer than this.
const PATIENCE: Duration = Duration::from_hours(2);
/// People act again at full multiples of this, whatever came between.
const MARK: Duration = Duration::from_hours(3);
/// So many cycles, a minute apart, make everything quiet.
const BOUND: u32 = 40;

/// What a run came to.
#[derive(Default)]
pub(crate) struct Outcome {
    /// What was broken: all that the first broken moment broke.
    pub(crate) violations: Vec<Violation>,
    /// How often each fault fired.
    pub(crate) fired: BTreeMap<String, u64>,
    /// Everything that the store holds at the end, and the conflict log.
    pub(crate) trace: Vec<u8>,
    /// What people see at the end.
    pub(crate) scene: Vec<String>,
    /// What lines of it begin with that depend on who was read first.
    pub(crate) overtaken: Vec<String>,
    /// What happened, in words, for those who look for a cause.
    pub(crate) story: Vec<String>,
}

/// What else happens in a run, that must change nothing at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nuisance {
    /// Nothing.
    None,
    /// Whenever everything settles, Hymnal is killed several times, anywhere.
    Kills,
    /// Lists come in any order, with records in them twice.
    Disorder,
}

/// Runs a schedule from the start to the end, or to the first broken promise.
pub(crate) fn run(schedule: &Schedule) -> Outcome {
    run_with(schedule, Nuisance::None)
}

/// The same, with something in its way. What panics has broken a promise, too: it stopped everything.
pub(crate) fn run_with(schedule: &Schedule, nuisance: Nuisance) -> Outcome {
    let run = AssertUnwindSafe(|| run_to_its_end(schedule, nuisance));
    catch_unwind(run).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        let text = format!("panicked: {}", text.unwrap_or_default());
        Outcome { violations: vec![Violation { promise: Promise::Isolation, text }], ..Outcome::default() }
    })
}

fn run_to_its_end(schedule: &Schedule, nuisance: Nuisance) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        let mut world = World::new(schedule);
        let _listening = world.logs.listen();
        if chaos(&mut world, schedule, nuisance).await {
            healing(&mut world).await;
        }
        let violations = world.oracle.lock().broken().to_vec();
        let mut trace = Vec::new();
        for (key, value) in world.kv.durable().scan(&[], None, usize::MAX).expect("a store in memory") {
            trace.extend([key, value].concat());
        }
        trace.extend(std::fs::read(world.folder.path().join("conflicts.jsonl")).unwrap_or_default());
        let scene = world.scene();
        let overtaken = world.oracle.lock().overtaken();
        let story = std::mem::take(&mut world.oracle.lock().story);
        Outcome { violations, fired: world.fired(), trace, scene, overtaken, story }
    })
}

/// People and misfortune. Answers whether every promise held.
async fn chaos(world: &mut World, schedule: &Schedule, nuisance: Nuisance) -> bool {
    let mut cycle: Option<Cycle> = None;
    let mut random = Random::new(!schedule.shape.seed);
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
        match &timed.step {
            Step::Settle => {
                if !settle_wholly(world, nuisance, &mut random).await {
                    return false;
                }
            }
            // People are asked, and ask, between two cycles.
            Step::Answer { .. } | Step::Undo { .. } | Step::Link { .. } | Step::Unlink { .. } | Step::Split { .. }
                if cycle.is_some() => {}
            Step::Answer { approve: true } => world.answer_holds(Answer::Approved).await,
            Step::Answer { approve: false } => world.answer_holds(Answer::Discarded).await,
            Step::Undo { who } => world.undo(*who).await,
            Step::Link { one, two } => world.link(*one, *two).await,
            Step::Unlink { who } => world.unlink(*who).await,
            Step::Split { side, who } => world.split(*side, *who).await,
            step => do_step(world, step, &mut cycle),
        }
        if !holds(world) {
            return false;
        }
    }
    if let Some(running) = cycle {
        finish(world, running).await;
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
        Step::Staff { side, name, works } => world.staff(*side, name, *works),
        _ => {
            world.act(step);
        }
    }
}

/// No promise is broken so far.
fn holds(world: &World) -> bool {
    let mut oracle = world.oracle.lock();
    oracle.read_papers();
    oracle.check_logs(&world.logs);
    oracle.broken().is_empty()
}

/// Nothing goes wrong any more: everything gets quiet, and stays so.
async fn healing(world: &mut World) {
    world.heal();
    world.show_everything();
    let pause = world.oracle.lock().pause_left();
    tokio::time::sleep(pause).await;
    // What was parked, what is in its grace and what is in doubt have their time.
    for minutes in [0, 20, 120, 12 * 60, 25 * 60, 25 * 60, 1] {
        tokio::time::sleep(Duration::from_mins(minutes)).await;
        if !settle(world).await {
            return;
        }
        world.oracle.lock().check_graves();
        if !holds(world) {
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

/// Everything settles, what was deleted as well, whatever is in the way. Then it is the next full third hour.
async fn settle_wholly(world: &mut World, nuisance: Nuisance, random: &mut Random) -> bool {
    for minutes in [0, 20] {
        tokio::time::sleep(Duration::from_mins(minutes)).await;
        match nuisance {
            Nuisance::None => {}
            Nuisance::Disorder => world.disorder(),
            Nuisance::Kills => {
                for _ in 0..4 {
                    world.expect_death(random);
                    cycle(world).await;
                    tokio::time::sleep(Duration::from_secs(61)).await;
                }
                world.kill();
            }
        }
        if !settle(world).await {
            return false;
        }
    }
    let past = Duration::from_secs(world.clock.glance().as_secs() % MARK.as_secs());
    tokio::time::sleep(MARK.saturating_sub(past)).await;
    true
}

/// Cycles until one is quiet.
async fn settle(world: &mut World) -> bool {
    let mut last = None;
    for _ in 0..BOUND {
        last = cycle(world).await;
        if last.as_ref().is_some_and(|report| report.is_quiet() && report.holds == 0) {
            return true;
        }
        if !holds(world) {
            return false;
        }
        if last.as_ref().is_some_and(|report| report.holds > 0) {
            world.answer_holds(Answer::Approved).await;
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
    finish(world, running).await
}

/// A cycle to its end, which must come.
async fn finish(world: &mut World, running: Cycle) -> Option<Report> {
    let Ok(outcome) = tokio::time::timeout(PATIENCE, running).await else {
        world.oracle.lock().break_promise(Promise::Isolation, "a cycle does not end".to_owned());
        return None;
    };
    match world.ended(outcome) {
        Ended::Over(report) => Some(*report),
        Ended::Failed | Ended::Killed => None,
    }
}
