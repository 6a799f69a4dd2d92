//! `run --once`: cycle until quiescent, then say how it stands.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use hymnal_sdk::{Clock, Kind, Timestamp};

use super::schedule::tell;
use crate::{
    cycle::{
        Deletions, Sync,
        report::{Held, Report},
    },
    store::{StoreError, tables::Wait},
    wire::{App, Running},
};

/// So many cycles in a row that only failed, and the service is taken to be out of reach.
const HOPELESS: u32 = 5;
/// The first pause after a cycle that failed; it doubles.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// How long a batch in flight is waited for when the time is over.
const GRACE: Duration = Duration::from_secs(5);

/// How a sync stands when it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// A login opens another account than the state knows: exit code 78.
    AnotherAccount,
    /// It waits for a person before anything is written: exit code 7.
    Held,
    /// A system could not be reached, or work is left that waits for one: exit code 1.
    Unfinished,
    /// Something waits for a person: exit code 4.
    Waiting,
    /// Both systems agree: exit code 0.
    Done,
}

impl Outcome {
    /// The exit code of `run --once`.
    pub fn exit(self) -> u8 {
        match self {
            Self::AnotherAccount => 78,
            Self::Held => 7,
            Self::Unfinished => 1,
            Self::Waiting => 4,
            Self::Done => 0,
        }
    }
}

/// Cycles every sync until it is quiescent, or `timeout` is over (`None`: no limit). Answers the first of the
/// outcomes, in the order of their kinds, with what each sync came to.
///
/// # Errors
/// The state's.
pub async fn once(app: &App, timeout: Option<Duration>) -> Result<(Outcome, Vec<(String, Outcome)>), StoreError> {
    let deadline = timeout.map(|timeout| app.clock.elapsed() + timeout);
    let all = app.syncs.iter().map(|running| one(running, &app.clock, deadline));
    let mut outcomes = Vec::new();
    for (running, outcome) in app.syncs.iter().zip(join_all(all).await) {
        outcomes.push((running.name.clone(), outcome?));
    }
    let first = outcomes.iter().map(|(_, outcome)| *outcome).min().unwrap_or(Outcome::Done);
    Ok((first, outcomes))
}

async fn one(
    running: &Arc<Running>,
    clock: &Arc<dyn Clock>,
    deadline: Option<Duration>,
) -> Result<Outcome, StoreError> {
    let _turn = running.turn.lock().await;
    running.adopt().await?;
    let sync = &running.sync;
    let mut deletions = Deletions::Now;
    let mut failures = 0;
    loop {
        let Some(report) = cycle_until(sync, deletions, &**clock, deadline).await? else {
            return Ok(Outcome::Unfinished);
        };
        tell(running, &report);
        deletions = Deletions::WhenDue;
        if let Some(error) = report.another_account() {
            tracing::error!(sync = running.name, error = %error, hint = error.hint, "A login opens another account");
            return Ok(Outcome::AnotherAccount);
        }
        if let Some(Held::FirstRun | Held::Paused | Held::Configuration) = report.held
            && report.troubles.is_empty()
        {
            return Ok(Outcome::Held);
        }
        if report.is_quiet() {
            return waiting(sync, &report);
        }
        let moved = report.observed > 0
            || report.removed > 0
            || report.checking
            || report.written != crate::cycle::report::Written::default();
        failures = if moved { 0 } else { failures + 1 };
        let Some(pause) = pause(&report, failures, clock.now()) else { return Ok(unfinished(&report)) };
        let over = deadline.is_some_and(|deadline| clock.elapsed() + pause > deadline);
        if over || sync.is_stopping() {
            return Ok(unfinished(&report));
        }
        clock.sleep(pause).await;
    }
}

/// One cycle; `None` where the time is over and a system makes it wait still. What was being written when the time was
/// over is waited for a little; after that it is in doubt, and is read back by the next run.
async fn cycle_until(
    sync: &Sync,
    deletions: Deletions,
    clock: &dyn Clock,
    deadline: Option<Duration>,
) -> Result<Option<Report>, StoreError> {
    let Some(deadline) = deadline else { return sync.cycle(deletions).await.map(Some) };
    let mut cycle = Box::pin(sync.cycle(deletions));
    tokio::select! {
        report = &mut cycle => return report.map(Some),
        () = clock.sleep(deadline.saturating_sub(clock.elapsed())) => sync.stop(),
    }
    tokio::select! {
        report = &mut cycle => return report.map(Some),
        () = clock.sleep(GRACE) => {}
    }
    drop(cycle);
    sync.note_interrupted().await?;
    Ok(None)
}

fn unfinished(report: &Report) -> Outcome {
    match report.held {
        Some(Held::FirstRun | Held::Paused | Held::Configuration) => Outcome::Held,
        _ if report.holds > 0 => Outcome::Held,
        _ => Outcome::Unfinished,
    }
}

/// How long to wait before the next cycle; `None` where waiting cannot help.
fn pause(report: &Report, failures: u32, now: Timestamp) -> Option<Duration> {
    if report.troubles.is_empty() && failures == 0 {
        return Some(Duration::ZERO);
    }
    if report.troubles.iter().any(|(_, error)| matches!(error.kind, Kind::Auth | Kind::Fatal | Kind::Cancelled)) {
        return None;
    }
    let is_throttled = report.troubles.iter().any(|(_, error)| error.kind == Kind::Throttled);
    if failures > HOPELESS && !is_throttled && report.next_due.is_none() {
        return None;
    }
    let backoff = FIRST_PAUSE * 2_u32.pow(failures.saturating_sub(1).min(5));
    let due = report.next_due.map(|due| Duration::try_from(due.duration_since(now)).unwrap_or_default());
    Some(due.map_or(backoff, |due| due.max(Duration::from_millis(100))))
}

/// Quiescent: does something wait for a person?
fn waiting(sync: &Sync, report: &Report) -> Result<Outcome, StoreError> {
    if report.holds > 0 {
        return Ok(Outcome::Held);
    }
    let kinds = [Wait::Conflict, Wait::Frozen, Wait::Parked, Wait::Ignored, Wait::Ambiguous];
    for wait in kinds {
        let prefix = sync.committer.tag.waiting(wait);
        if !sync.committer.store.scan(&prefix, None, 1)?.is_empty() {
            return Ok(Outcome::Waiting);
        }
    }
    Ok(Outcome::Done)
}
