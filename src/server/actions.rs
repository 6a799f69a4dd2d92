//! What is answered: one function for the socket and for commands that found no daemon.

use hymnal_sdk::SignedDuration;
use serde_json::{Value as Json, json};
use tokio::sync::mpsc;

use super::{
    apply::apply,
    audit::{audit, export},
    conflicts, cycles,
    explain::explain,
    forget::forget,
    history, holds, matches, parked,
    plan::plan,
    policy_test::policy_test,
    rebind,
    request::{Answer, Refusal, Request},
    resolve::{resolve, resolve_where},
    status::status,
    undo, upkeep,
};
use crate::{
    cycle::{plan::line::Line, state::Pause},
    wire::{App, Running},
};

/// Answers what needs no more than the syncs. `Reload` is the daemon's.
pub async fn answer(app: &App, request: Request) -> Answer {
    match request {
        Request::Status => status(app).await,
        Request::Conflicts { open, sync, limit } => conflicts::list(app, open, sync.as_deref(), limit).await,
        Request::Conflict { id } => conflicts::show(app, &id),
        Request::Resolve(request) => resolve(app, &request).await,
        Request::ResolveWhere { expression, sync, answer } => {
            resolve_where(app, &expression, sync.as_deref(), &answer).await
        }
        Request::PolicyTest { since, policy, field, sync } => {
            policy_test(app, since, policy.as_deref(), field.as_deref(), sync.as_deref()).await
        }
        Request::Parked => parked::list(app).await,
        Request::ParkedShow { id } => parked::show(app, &id).await,
        Request::HandleParked(request) => parked::handle(app, &request).await,
        Request::Plan { sync, config } => plan(app, sync.as_deref(), &config, None).await,
        Request::Audit { sync, repair, config } => audit(app, sync.as_deref(), repair, &config).await,
        Request::Export => export(app, None).await,
        Request::Apply { .. } => Err(Refusal::new(2, "a plan is applied with its lines", "use `hymnal apply FILE`")),
        Request::Explain { key, field } => explain(app, &key, field.as_deref()).await,
        Request::History { key } => history::history(app, &key).await,
        Request::Undo(request) => undo::undo(app, &request).await,
        Request::Forget { key, everywhere } => forget(app, &key, everywhere).await,
        Request::Approve { sync, hold } => holds::approve(app, &sync, hold.as_deref()).await,
        Request::Discard { sync, hold } => holds::discard(app, &sync, hold.as_deref()).await,
        Request::Matches { sync } => matches::list(app, sync.as_deref()).await,
        Request::Link { one, two } => matches::link(app, &one, &two).await,
        Request::Unlink { key } => matches::unlink(app, &key).await,
        Request::Split { key, address } => matches::split(app, &key, &address).await,
        Request::Sync { sync } => cycles::sync(app, sync.as_deref()).await,
        Request::Resync { sync, key } => cycles::resync(app, &sync, key.as_deref()).await,
        Request::Rebind { connector } => rebind::rebind(app, &connector).await,
        Request::Pause { sync, seconds, reason } => pause(app, &sync, seconds, reason),
        Request::Resume { sync } => resume(app, &sync),
        Request::Compact => upkeep::compact(app).await,
        // Its answer is no JSON document; whoever asks for it takes its lines.
        Request::Backup => Err(Refusal::new(2, "a backup is not answered here", "use `hymnal backup FILE`")),
        Request::Reload => {
            Err(Refusal::new(1, "no daemon is running, so there is nothing to reload", "start it with `hymnal run`"))
        }
    }
}

/// The same where the answer comes with lines of its own: they go to `lines` as they are made, none is kept.
pub async fn answer_each(app: &App, request: Request, lines: mpsc::Sender<Json>) -> Answer {
    match request {
        Request::Plan { sync, config } => plan(app, sync.as_deref(), &config, Some(lines)).await,
        Request::Export => export(app, Some(lines)).await,
        request => answer(app, request).await,
    }
}

/// The same for a request that lines of a plan come with.
pub async fn answer_given(app: &App, request: Request, given: mpsc::Receiver<Line>) -> Answer {
    match request {
        Request::Apply { config, limit, filter } => apply(app, &config, (limit, filter.as_deref()), given).await,
        request => answer(app, request).await,
    }
}

/// A sync by name, or a refusal that names those there are.
pub(super) fn named<'a>(app: &'a App, name: &str) -> Result<&'a Running, Refusal> {
    app.sync(name).map(AsRef::as_ref).ok_or_else(|| {
        let names: Vec<String> = app.syncs.iter().map(|running| format!("`{}`", running.name)).collect();
        Refusal::new(2, format!("there is no sync `{name}`"), format!("there are: {}", names.join(", ")))
    })
}

fn pause(app: &App, name: &str, seconds: Option<u64>, reason: Option<String>) -> Answer {
    let running = named(app, name)?;
    let now = app.clock.now();
    let until = seconds.map(|seconds| {
        let length = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
        now.saturating_add(length).unwrap_or(hymnal_sdk::Timestamp::MAX)
    });
    let pause = Pause { until, reason: reason.unwrap_or_default(), since: now };
    running.sync.state().set_pause(Some(&pause))?;
    tracing::info!(sync = name, "Paused by a person");
    Ok(json!({ "sync": name, "paused": true, "until": until.map(|at| at.to_string()) }))
}

fn resume(app: &App, name: &str) -> Answer {
    let running = named(app, name)?;
    let was_paused = running.sync.pause(app.clock.now())?.is_some();
    running.sync.state().set_pause(None)?;
    running.wake.notify_one();
    tracing::info!(sync = name, "Resumed by a person");
    Ok(json!({ "sync": name, "resumed": was_paused }))
}
