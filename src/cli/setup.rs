//! Where the configuration is, and what is made of it.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use hymnal_sdk::Clock;

use super::{Exit, out::Out};
use crate::{
    config::{self, Config, ProcessEnvironment},
    store::StoreError,
    wire::{App, Manifests, State, SystemClock, app::WireError},
};

/// A configuration with the manifests that it was checked against.
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// The manifests.
    pub manifests: Manifests,
}

/// The file that is meant: what was typed, `$HYMNAL_CONFIG`, `./hymnal.toml`, `/etc/hymnal/hymnal.toml`.
pub fn path(typed: Option<&Path>) -> Result<PathBuf, Exit> {
    let named = typed.map(Path::to_owned).or_else(|| std::env::var_os("HYMNAL_CONFIG").map(PathBuf::from));
    if let Some(path) = named {
        return if path.is_file() {
            Ok(path)
        } else {
            Err(Exit::new(
                78,
                format!("there is no configuration file `{}`", path.display()),
                "write one; `config.example.toml` is a start, `hymnal demo` shows one at work",
            ))
        };
    }
    let known = [PathBuf::from("hymnal.toml"), PathBuf::from("/etc/hymnal/hymnal.toml")];
    known.into_iter().find(|path| path.is_file()).ok_or_else(|| {
        Exit::new(
            78,
            "there is no configuration: neither `./hymnal.toml` nor `/etc/hymnal/hymnal.toml`",
            "give one with `-c FILE`; `config.example.toml` is a start, `hymnal demo` shows one at work",
        )
    })
}

/// Reads and checks the configuration. Everything that is wrong is said at once (exit 78).
pub fn load(typed: Option<&Path>) -> Result<Loaded, Exit> {
    let path = path(typed)?;
    let loaded = read(&path).map_err(|message| Exit { code: 78, message })?;
    if !loaded.config.warnings.is_empty() {
        Out::error(&loaded.config.warnings.render(Out::colour()));
    }
    Ok(loaded)
}

/// Reads and checks the configuration; the message says everything that is wrong.
pub fn read(path: &Path) -> Result<Loaded, String> {
    let text =
        std::fs::read_to_string(path).map_err(|error| format!("`{}` cannot be read: {error}", path.display()))?;
    let dirs = config::connector_dirs(path, &text);
    let manifests = Manifests::load(&dirs).map_err(|bad| {
        let lines = bad.iter().flat_map(|bad| {
            bad.findings.iter().map(|finding| {
                let hint = finding.hint.as_ref().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
                format!("{}:{}:{}: {}{hint}", bad.path.display(), finding.line, finding.column, finding.message)
            })
        });
        lines.collect::<Vec<_>>().join("\n")
    })?;
    let config = config::load(path, &text, &manifests.catalog(), &ProcessEnvironment)
        .map_err(|diagnostics| diagnostics.render(Out::colour()))?;
    Ok(Loaded { config, manifests })
}

/// Puts everything together, over the state on disk.
pub fn app(loaded: Loaded) -> Result<App, Exit> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let daemon = &loaded.config.daemon;
    let state =
        State::open(&daemon.state_dir, loaded.config.store.cache_mb, &*clock).map_err(|error| store_exit(&error))?;
    App::new(loaded.config, loaded.manifests, state, clock).map_err(|error| wire_exit(&error))
}

/// How a failure of the store ends a command.
pub fn store_exit(error: &StoreError) -> Exit {
    match error {
        StoreError::Refused { .. } => Exit::new(65, error.to_string(), ""),
        StoreError::Full { .. } => Exit::new(1, error.to_string(), "make room; nothing acknowledged is lost"),
        StoreError::Held { .. } => Exit::new(1, error.to_string(), "only one hymnal may have a state directory open"),
        StoreError::Copied { .. } => {
            let hint = "stop the other one first: a copied state directory must not run beside its original";
            Exit::new(1, error.to_string(), hint)
        }
        _ => Exit::new(1, error.to_string(), ""),
    }
}

/// How parts that do not fit end a command.
pub fn wire_exit(error: &WireError) -> Exit {
    match error {
        WireError::Store(error) => store_exit(error),
        // The machine, not the file: certificates that are missing, or no descriptors left to read them.
        WireError::Transport(inner) => Exit::new(1, error.to_string(), inner.hint.as_deref().unwrap_or("")),
        WireError::Sides { .. } => {
            Exit::new(78, error.to_string(), "name the connectors as before, or give the sync a new name to start anew")
        }
        WireError::Connector { error: inner, .. } => {
            Exit::new(78, error.to_string(), inner.hint.as_deref().unwrap_or(""))
        }
    }
}
