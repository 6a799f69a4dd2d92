//! `run`: the daemon; `run --once`: until both systems agree.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::json;
use tracing_subscriber::EnvFilter;

use super::{
    Exit, args,
    out::Out,
    sandbox::told_to_end,
    setup::{self, app, load},
    show,
};
use crate::{
    daemon::{
        self, Outcome,
        serve::{Purpose, ServeError},
    },
    server::status::held,
    wire::{App, State},
};

/// Runs.
pub async fn run(config: Option<&Path>, args: &args::Run) -> Result<u8, Exit> {
    start_logging("info");
    let path = setup::path(config)?;
    let app = app(load(config)?)?;
    if args.once { run_once(app, args.timeout, args.json).await } else { run_daemon(app, path).await }
}

/// Cycles until both systems agree, and says how it ended.
pub(super) async fn run_once(app: App, timeout: Duration, as_json: bool) -> Result<u8, Exit> {
    let timeout = (!timeout.is_zero()).then_some(timeout);
    app.begin().await.map_err(|error| setup::store_exit(&error))?;
    let ended = tokio::select! {
        ended = daemon::once(&app, timeout) => ended,
        () = told_to_end() => {
            app.stop();
            return Err(Exit::new(1, "interrupted; what is not done is done by the next run", ""));
        }
    };
    let (outcome, syncs) = ended.map_err(|error| setup::store_exit(&error))?;
    let mut told = serde_json::Map::new();
    for (name, outcome) in &syncs {
        let Some(running) = app.sync(name) else { continue };
        let held =
            held(&app, running).await.map_err(|refusal| Exit::new(refusal.exit, refusal.message, &refusal.hint))?;
        told.insert(name.clone(), json!({ "outcome": word(*outcome), "held": held }));
    }
    let told = serde_json::Value::Object(told);
    if as_json {
        Out::json(&json!({ "outcome": word(outcome), "exit": outcome.exit(), "syncs": told }));
    } else {
        Out::text(&show::ended(&told));
    }
    Ok(outcome.exit())
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::AnotherAccount => "another_account",
        Outcome::Held => "held",
        Outcome::Unfinished => "unfinished",
        Outcome::Waiting => "waiting",
        Outcome::Done => "done",
    }
}

async fn run_daemon(app: App, path: PathBuf) -> Result<u8, Exit> {
    let reload = reload(path, &app);
    daemon::serve(app, reload).await.map(|()| 0).map_err(|error| ending(&error))
}

/// Makes everything anew from the file, over the state that is open.
pub(super) fn reload(path: PathBuf, app: &App) -> daemon::serve::Reload {
    let state: State = app.state.clone();
    let clock = std::sync::Arc::clone(&app.clock);
    Box::new(move |purpose| {
        let loaded = setup::read(&path)?;
        let make = match purpose {
            Purpose::Run => App::new,
            Purpose::Look => App::without_log,
        };
        make(loaded.config, loaded.manifests, state.clone(), std::sync::Arc::clone(&clock))
            .map_err(|error| error.to_string())
    })
}

/// How a daemon that could not go on ends the command.
pub(super) fn ending(error: &ServeError) -> Exit {
    match error {
        ServeError::Wire(error) => setup::wire_exit(error),
        ServeError::Store(error) => setup::store_exit(error),
        ServeError::Listen { .. } => {
            Exit::new(1, error.to_string(), "another program has it, or set `[daemon] listen` to a free address")
        }
    }
}

/// Logs go to stderr: for people on a terminal, as JSON otherwise. `HYMNAL_LOG` filters; `unless` is the filter
/// without it.
pub fn start_logging(unless: &str) {
    use std::io::IsTerminal;
    let filter = EnvFilter::try_from_env("HYMNAL_LOG").unwrap_or_else(|_| EnvFilter::new(unless));
    // Where nobody reads the log any more, there is nobody to tell so either: telling would end the process.
    let log = tracing_subscriber::fmt().log_internal_errors(false).with_env_filter(filter).with_writer(std::io::stderr);
    let started = if std::io::stderr().is_terminal() {
        log.with_target(false).try_init()
    } else {
        log.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init()
    };
    // Already started: another command of the same process (the demo) did it.
    let _ = started;
}
