//! The commands: arguments in, text out. No logic worth a unit test.
//!
//! | file | commands |
//! |---|---|
//! | [`args`] | what can be typed |
//! | [`setup`] | where the configuration is, and what is made of it |
//! | [`run`] | `run`, `run --once` |
//! | [`check`] | `check` |
//! | [`ask`] | `status`, `conflicts`, `parked`, `matches`, `explain`, `history`, `undo`, `approve`, `discard`, `pause`, `resume`, `reload` |
//! | [`upkeep`] | `backup`, `restore`, `rebuild`, `compact` |
//! | [`plan`] | `plan` |
//! | [`audit`] | `audit`, `export` |
//! | [`forget`] | `forget` |
//! | [`apply`] | `apply` |
//! | [`show`] | their answers for people |
//! | [`connectors`] | `connectors list`, `show`, `lint` |
//! | [`probe`] | `connectors test`, `schema` |
//! | [`new_connector`] | `connectors new` |
//! | [`sandbox`] | `sandbox` |
//! | [`demo`] | `demo` |

pub mod apply;
pub mod args;
pub mod ask;
pub mod audit;
pub mod check;
pub mod connectors;
pub mod demo;
pub mod forget;
pub mod new_connector;
pub mod out;
pub mod plan;
pub mod probe;
pub mod run;
pub mod sandbox;
pub mod setup;
pub mod show;
pub mod upkeep;

use std::process::ExitCode;

use clap::Parser;

use self::{
    args::{Args, Command, ConfigCommand},
    out::Out,
};

/// What ends a command early.
#[derive(Debug)]
pub struct Exit {
    /// The exit code.
    pub code: u8,
    /// What to say on stderr; empty for nothing.
    pub message: String,
}

impl Exit {
    /// An end with this code and message, and a hint where there is one.
    pub fn new(code: u8, message: impl Into<String>, hint: &str) -> Self {
        let message = message.into();
        let message = if hint.is_empty() { message } else { format!("{message}\nhint: {hint}") };
        Self { code, message }
    }

    /// An end that says nothing more.
    pub fn quiet(code: u8) -> Self {
        Self { code, message: String::new() }
    }
}

/// The whole program.
pub fn main() -> ExitCode {
    let args = Args::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            Out::error(&format!("error: the runtime could not be started: {error}"));
            return ExitCode::from(1);
        }
    };
    match runtime.block_on(dispatch(args)) {
        Ok(code) => ExitCode::from(code),
        Err(exit) => {
            if !exit.message.is_empty() {
                // A configuration's diagnostics already say which of them are errors.
                let is_said = exit.message.starts_with("error") || exit.message.starts_with("warning");
                Out::error(&if is_said { exit.message } else { format!("error: {}", exit.message) });
            }
            ExitCode::from(exit.code)
        }
    }
}

async fn dispatch(args: Args) -> Result<u8, Exit> {
    let config = args.config.as_deref();
    match args.command {
        Command::Run(run) => run::run(config, &run).await,
        Command::Check(check) => check::check(config, &check).await,
        Command::Connectors { command } => connectors::connectors(config, command).await,
        Command::Config { command: ConfigCommand::Schema } => {
            Out::json(&serde_json::to_value(crate::config::schema()).unwrap_or_default());
            Ok(0)
        }
        Command::Config { command: ConfigCommand::Show } => {
            let loaded = setup::load(config)?;
            Out::text(&crate::config::effective_toml(&loaded.config));
            Ok(0)
        }
        Command::Sandbox(options) => sandbox::sandbox(&options).await,
        Command::Demo(options) => demo::demo(&options).await,
        Command::Version => {
            Out::text(&format!("hymnal {}\n", env!("CARGO_PKG_VERSION")));
            Ok(0)
        }
        Command::Status(status) => ask::status(config, &status).await,
        Command::Conflicts { command } => ask::conflicts(config, command).await,
        Command::Parked { command } => ask::parked(config, command).await,
        Command::Plan(options) => plan::plan(config, &options).await,
        Command::Matches { command } => ask::matches(config, command).await,
        Command::Apply(options) => apply::apply(config, &options).await,
        Command::Audit(options) => audit::audit(config, &options).await,
        Command::Export(options) => audit::export(config, &options).await,
        Command::Explain(explain) => ask::explain(config, &explain).await,
        Command::History(history) => ask::history(config, &history).await,
        Command::Undo(options) => ask::undo(config, options).await,
        Command::Forget(args) => forget::forget(config, &args).await,
        Command::Approve(which) => ask::approve(config, &which).await,
        Command::Discard(which) => ask::discard(config, &which).await,
        Command::Sync(args) => ask::sync(config, &args).await,
        Command::Resync(args) => ask::resync(config, &args).await,
        Command::Rebind(args) => ask::rebind(config, &args).await,
        Command::Pause(pause) => ask::pause(config, &pause).await,
        Command::Resume(which) => ask::resume(config, &which).await,
        Command::Reload => ask::reload(config).await,
        Command::Backup(args) => upkeep::backup(config, &args).await,
        Command::Restore(args) => upkeep::restore(config, &args),
        Command::Rebuild(args) => upkeep::rebuild(config, &args).await,
        Command::Compact(args) => upkeep::compact(config, &args).await,
    }
}
