//! Commands that meet a running daemon over its socket, or open the state themselves where none runs. Both ways give
//! the same answers.

use std::{io, path::Path, time::Duration};

use hymnal_sdk::{Clock as _, SignedDuration, Timestamp};
use serde_json::Value as Json;
use tokio::sync::mpsc;

use super::{
    Exit,
    args::{self, ConflictsCommand, MatchesCommand, ParkedCommand},
    out::Out,
    setup::{Loaded, app, load},
    show,
};
use crate::{
    merge::parked::Handling,
    server::{ParkedRequest, Refusal, Request, ResolveRequest, UndoRequest, answer, answer_each, socket},
    wire::SystemClock,
};

/// How often `--follow` asks.
const FOLLOW: Duration = Duration::from_secs(2);
/// So many lines of an answer wait to be written.
const LINES: usize = 64;

/// Asks the daemon, or the state.
pub async fn ask(config: Option<&Path>, request: Request) -> Result<Json, Exit> {
    let loaded = load(config)?;
    if let Some(answer) = socket::ask(&loaded.config.daemon.state_dir, &request).await {
        return answer.map_err(refused);
    }
    answer(&app(loaded)?, request).await.map_err(refused)
}

/// The same where lines come before the answer: each is given to `act`, which says why it cannot take more.
pub(super) async fn ask_each(
    loaded: Loaded,
    request: Request,
    mut act: impl FnMut(Json) -> io::Result<()>,
) -> Result<Json, Exit> {
    if let Some(answer) = socket::ask_each(&loaded.config.daemon.state_dir, &request, &mut act).await {
        return answer.map_err(refused);
    }
    let app = app(loaded)?;
    let (tell, mut lines) = mpsc::channel(LINES);
    let listen = async {
        while let Some(line) = lines.recv().await {
            act(line)?;
        }
        Ok(())
    };
    let (answer, taken) = tokio::join!(answer_each(&app, request, tell), listen);
    taken.map_err(|error: io::Error| Exit::new(1, format!("what was asked for cannot be written: {error}"), ""))?;
    answer.map_err(refused)
}

pub(super) fn refused(refusal: Refusal) -> Exit {
    Exit::new(refusal.exit, refusal.message, &refusal.hint)
}

/// `status`
pub async fn status(config: Option<&Path>, args: &args::Status) -> Result<u8, Exit> {
    loop {
        let status = ask(config, Request::Status).await?;
        match (args.json, args.follow) {
            (true, true) => Out::text(&format!("{status}\n")),
            (true, false) => Out::json(&status),
            (false, _) => Out::text(&show::status(&status)),
        }
        if !args.follow {
            return Ok(0);
        }
        tokio::time::sleep(FOLLOW).await;
    }
}

/// `conflicts`
pub async fn conflicts(config: Option<&Path>, command: ConflictsCommand) -> Result<u8, Exit> {
    match command {
        ConflictsCommand::List { open, sync, limit, json } => {
            let found = ask(config, Request::Conflicts { open, sync, limit }).await?;
            told(json, &found, show::conflicts);
        }
        ConflictsCommand::Show { id, json } => {
            let found = ask(config, Request::Conflict { id }).await?;
            told(json, &found, show::conflict);
        }
        ConflictsCommand::Resolve(args) => {
            let request = ResolveRequest {
                id: args.id.unwrap_or_default(),
                take: args.take,
                value: args.value,
                seen: args.seen,
                by: operator(),
                have_consent: args.i_have_consent,
                dry_run: args.dry_run,
            };
            let Some(expression) = args.expression else {
                told(args.json, &ask(config, Request::Resolve(request)).await?, show::resolved);
                return Ok(0);
            };
            let request = Request::ResolveWhere { expression, sync: args.sync, answer: request };
            let done = ask(config, request).await?;
            told(args.json, &done, show::resolved_all);
            return Ok(if done["left"].as_array().is_none_or(Vec::is_empty) { 0 } else { 4 });
        }
        ConflictsCommand::PolicyTest(args) => {
            let since = moment(&args.since)?;
            let request = Request::PolicyTest { since, policy: args.policy, field: args.field, sync: args.sync };
            told(args.json, &ask(config, request).await?, show::policy_test);
        }
        ConflictsCommand::Export { csv, open } => {
            let found = ask(config, Request::Conflicts { open, sync: None, limit: Some(usize::MAX) }).await?;
            if csv {
                Out::text(&show::csv(&found));
            } else {
                Out::json(&found);
            }
        }
    }
    Ok(0)
}

/// `matches`
pub async fn matches(config: Option<&Path>, command: MatchesCommand) -> Result<u8, Exit> {
    let (json, request) = match command {
        MatchesCommand::List { sync, json } => {
            told(json, &ask(config, Request::Matches { sync }).await?, show::matches);
            return Ok(0);
        }
        MatchesCommand::Link { one, two, json } => (json, Request::Link { one, two }),
        MatchesCommand::Unlink { key, json } => (json, Request::Unlink { key }),
        MatchesCommand::Split { key, address, json } => (json, Request::Split { key, address }),
    };
    told(json, &ask(config, request).await?, show::told_apart);
    Ok(0)
}

/// `parked`
pub async fn parked(config: Option<&Path>, command: ParkedCommand) -> Result<u8, Exit> {
    let (args, handling) = match command {
        ParkedCommand::List { json } => {
            told(json, &ask(config, Request::Parked).await?, show::parked);
            return Ok(0);
        }
        ParkedCommand::Show { id, json } => {
            told(json, &ask(config, Request::ParkedShow { id }).await?, show::parked);
            return Ok(0);
        }
        ParkedCommand::Retry(args) => (args, Handling::Retry),
        ParkedCommand::Dismiss(args) => (args, Handling::Dismiss),
    };
    let request = ParkedRequest { id: args.id, reason: args.reason, all: args.all, handling, by: operator() };
    told(args.json, &ask(config, Request::HandleParked(request)).await?, show::handled);
    Ok(0)
}

/// `explain`
pub async fn explain(config: Option<&Path>, args: &args::Explain) -> Result<u8, Exit> {
    let found = ask(config, Request::Explain { key: args.key.clone(), field: args.field.clone() }).await?;
    told(args.json, &found, show::explain);
    Ok(0)
}

/// `history`
pub async fn history(config: Option<&Path>, args: &args::History) -> Result<u8, Exit> {
    let found = ask(config, Request::History { key: args.key.clone() }).await?;
    told(args.json, &found, show::history);
    Ok(0)
}

/// `undo`. What is left as it is waits for a person's decision: exit code 4.
pub async fn undo(config: Option<&Path>, args: args::Undo) -> Result<u8, Exit> {
    let since = args.since.as_deref().map(moment).transpose()?;
    let request = UndoRequest {
        change: args.change,
        cycle: args.cycle,
        since,
        sync: args.sync,
        by: operator(),
        have_consent: args.i_have_consent,
        dry_run: args.dry_run,
    };
    let done = ask(config, Request::Undo(request)).await?;
    told(args.json, &done, show::undone);
    let is_whole = done["left"].as_array().is_none_or(Vec::is_empty);
    Ok(if is_whole { 0 } else { 4 })
}

/// A point in time, or how long ago it was.
fn moment(text: &str) -> Result<Timestamp, Exit> {
    if let Ok(at) = text.parse() {
        return Ok(at);
    }
    let ago = args::duration(text).ok().and_then(|ago| SignedDuration::try_from(ago).ok());
    ago.and_then(|ago| SystemClock::new().now().checked_sub(ago).ok()).ok_or_else(|| {
        Exit::new(2, format!("`{text}` is no time"), "write `2026-11-23T10:00:00Z`, or `2h` for the last two hours")
    })
}

/// `approve`
pub async fn approve(config: Option<&Path>, args: &args::Held) -> Result<u8, Exit> {
    let done = ask(config, Request::Approve { sync: args.sync.clone(), hold: args.hold.clone() }).await?;
    told(args.json, &done, show::approved);
    Ok(0)
}

/// `discard`
pub async fn discard(config: Option<&Path>, args: &args::Held) -> Result<u8, Exit> {
    let done = ask(config, Request::Discard { sync: args.sync.clone(), hold: args.hold.clone() }).await?;
    told(args.json, &done, show::done);
    Ok(0)
}

/// `sync`
pub async fn sync(config: Option<&Path>, args: &args::Sync) -> Result<u8, Exit> {
    let done = ask(config, Request::Sync { sync: args.sync.clone() }).await?;
    told(args.json, &done, show::cycles);
    Ok(exit_of(&done))
}

/// `resync`
pub async fn resync(config: Option<&Path>, args: &args::Resync) -> Result<u8, Exit> {
    let done = ask(config, Request::Resync { sync: args.sync.clone(), key: args.key.clone() }).await?;
    told(args.json, &done, show::resynced);
    Ok(exit_of(&done))
}

/// `rebind`
pub async fn rebind(config: Option<&Path>, args: &args::Rebind) -> Result<u8, Exit> {
    let done = ask(config, Request::Rebind { connector: args.name.clone() }).await?;
    told(args.json, &done, show::rebound);
    Ok(0)
}

fn exit_of(done: &Json) -> u8 {
    done["exit"].as_u64().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

/// `pause`
pub async fn pause(config: Option<&Path>, args: &args::Pause) -> Result<u8, Exit> {
    let seconds = args.length.map(|length| length.as_secs());
    let request = Request::Pause { sync: args.sync.clone(), seconds, reason: args.reason.clone() };
    let done = ask(config, request).await?;
    told(args.json, &done, show::done);
    Ok(0)
}

/// `resume`
pub async fn resume(config: Option<&Path>, args: &args::Which) -> Result<u8, Exit> {
    let done = ask(config, Request::Resume { sync: args.sync.clone() }).await?;
    told(args.json, &done, show::done);
    Ok(0)
}

/// `reload`
pub async fn reload(config: Option<&Path>) -> Result<u8, Exit> {
    let loaded = load(config)?;
    let none = || Exit::new(1, "no daemon is running, so there is nothing to reload", "start it with `hymnal run`");
    let answer = socket::ask(&loaded.config.daemon.state_dir, &Request::Reload).await.ok_or_else(none)?;
    answer.map_err(refused)?;
    Out::text("The daemon has read the configuration again.\n");
    Ok(0)
}

/// Who gives the command, for the journal.
pub fn operator() -> String {
    let name = ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| "somebody at the command line".to_owned())
}

pub(super) fn told(json: bool, answer: &Json, for_people: fn(&Json) -> String) {
    if json {
        Out::json(answer);
    } else {
        Out::text(&for_people(answer));
    }
}
