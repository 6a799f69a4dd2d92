//! A cycle of each sync every so often, and sooner where somebody asks.

use std::sync::Arc;

use hymnal_sdk::{Clock, Kind};

use crate::{
    cycle::{Deletions, account::ANOTHER_ACCOUNT, report::Report},
    store::StoreError,
    wire::Running,
};

/// Cycles a sync until it is asked to end. A disk that is full, or a service that is down, ends nothing: it says so,
/// and tries again at the next turn.
pub async fn keep(running: Arc<Running>, clock: Arc<dyn Clock>) -> Result<(), StoreError> {
    while !running.sync.is_stopping() {
        let started = clock.elapsed();
        let cycled = {
            let _turn = running.turn.lock().await;
            adopted_cycle(&running).await
        };
        match cycled {
            Ok(report) => tell(&running, &report),
            Err(error @ StoreError::Refused { .. }) => return Err(error),
            Err(error) => {
                tracing::error!(sync = running.name, error = %error, "The state cannot be written; nothing is sent until it can");
            }
        }
        let wait = running.sync.committer.rules.every.saturating_sub(clock.elapsed().saturating_sub(started));
        tokio::select! {
            () = clock.sleep(wait) => {}
            () = running.wake.notified() => {}
        }
    }
    Ok(())
}

/// Under rules that have changed, what follows from them comes first.
async fn adopted_cycle(running: &Running) -> Result<Report, StoreError> {
    running.adopt().await?;
    running.sync.cycle(Deletions::WhenDue).await
}

/// Says in the log what a cycle came to.
pub(super) fn tell(running: &Running, report: &Report) {
    let cycle = report.cycle.map(tracing::field::display);
    for (side, error) in &report.troubles {
        let connector = running.sync.systems[*side].name.as_str();
        let (kind, code) = (error.kind, error.code.as_str());
        if code == ANOTHER_ACCOUNT {
            tracing::error!(
                sync = running.name,
                connector,
                error = error.message,
                hint = error.hint,
                "A login opens another account than the state knows; nothing of the sync is read or written"
            );
        } else if kind == Kind::Auth {
            tracing::error!(
                sync = running.name,
                connector,
                ?kind,
                code,
                "A system refuses the login; a person is needed"
            );
        } else if kind != Kind::Cancelled {
            tracing::warn!(
                sync = running.name,
                connector,
                ?kind,
                code,
                "A system could not be worked with; the next cycle tries again"
            );
        }
    }
    if !report.is_quiet() {
        tracing::info!(
            sync = running.name,
            cycle,
            observed = report.observed,
            created = report.written.created,
            updated = report.written.updated,
            pending = report.pending,
            held = report.held.map(crate::cycle::report::Held::word),
            "A cycle ended",
        );
    }
}
