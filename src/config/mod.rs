//! TOML in, a checked configuration out; or everything that is wrong with it at once, each with its place and a hint.
//!
//! | file | what, in the order in which it happens |
//! |---|---|
//! | `environment`, `catalog` | what a file is checked against: variables and secret files; what manifests declare |
//! | `keys` | every key, once: reader, schema and example come from it |
//! | `document`, `read`, `nearest` | text → tree with places → typed values; who mistyped what |
//! | `daemon`, `connectors`, `secrets` | the process; the systems; references to secrets, resolved |
//! | `sync`, `between`, `matching` | what is kept the same: the two systems, the rules of the whole, who is who |
//! | `guards` | how much may be written before a person is asked |
//! | `renamed` | names that fields had before |
//! | `scope` | who is in it: expressions over its fields |
//! | `field`, `places`, `values`, `policy` | one field, where it lives, what its values are, how it is merged |
//! | `clashes` | what no single field shows: two mappings that write one native field, cycles |
//! | `digest` | what decides, as one short text |
//! | `diagnostics` | what was found, rendered |
//! | `show`, `schema` | a configuration as text again; the schema for editors |

mod between;
mod catalog;
mod clashes;
mod connectors;
mod daemon;
mod diagnostics;
mod digest;
mod document;
mod environment;
mod field;
mod guards;
mod keys;
mod matching;
mod nearest;
mod places;
mod policy;
mod read;
mod renamed;
mod schema;
mod scope;
mod secrets;
mod show;
mod sync;
mod values;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use hymnal_sdk::SecretString;

use crate::merge::SyncRules;

pub use catalog::{Catalog, ConnectorType, Role};
pub use diagnostics::{Colour, Diagnostic, Diagnostics, Entry, Severity, Span};
pub use digest::sync_digest;
pub use environment::{Environment, ProcessEnvironment, SecretFile};
pub use schema::schema;
pub use show::{effective, effective_toml};

use document::{Group, Reading};

/// A configuration that was checked whole.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file.
    pub path: PathBuf,
    /// The process.
    pub daemon: Daemon,
    /// The systems, in the order of the file.
    pub connectors: Vec<ConnectorConfig>,
    /// The syncs, in the order of the file.
    pub syncs: Vec<SyncRules>,
    /// The state store.
    pub store: StoreConfig,
    /// Changes when something changes that decides: `match`, `between`, `create`, `flow`, `on_conflict`, a mapping.
    pub digest: String,
    /// What a person should look at, though the file is used.
    pub warnings: Diagnostics,
}

impl Config {
    /// The connector of that name.
    pub fn connector(&self, name: &str) -> Option<&ConnectorConfig> {
        self.connectors.iter().find(|connector| connector.name == name)
    }
}

/// The process: where it keeps things and what it listens on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Daemon {
    /// Where the state is kept.
    pub state_dir: PathBuf,
    /// Serves `/healthz` and `/readyz`; a loopback address.
    pub listen: SocketAddr,
    /// The zone of schedules; `None`: the machine's.
    pub timezone: Option<String>,
    /// Folders with more manifests.
    pub connector_dirs: Vec<PathBuf>,
    /// The conflict log.
    pub conflict_log: PathBuf,
    /// How many days the history is kept.
    pub history_days: u32,
    /// The conflict log holds masked values.
    pub mask_values: bool,
}

/// One system.
#[derive(Clone, Debug)]
pub struct ConnectorConfig {
    /// The user's name for it.
    pub name: String,
    /// The connector type: `hubspot`.
    pub kind: String,
    /// What it is for.
    pub role: Role,
    /// What the manifest declares, with its defaults filled in. Settings of another way to log in are not there.
    pub settings: BTreeMap<String, SettingValue>,
    /// How much of the service it may use.
    pub limits: LimitsConfig,
}

/// What a setting holds.
#[derive(Clone, Debug)]
pub enum SettingValue {
    /// Text.
    Text(String),
    /// A URL that was checked: `https`, or `http` on loopback; no user, query or fragment, no slash at its end.
    Url(String),
    /// A secret.
    Secret(Secret),
}

/// A secret with where it came from.
#[derive(Clone, Debug)]
pub struct Secret {
    /// Where it came from.
    pub reference: SecretReference,
    /// The secret itself.
    pub value: SecretString,
}

/// Where a secret comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretReference {
    /// A file in `$CREDENTIALS_DIRECTORY`.
    Credential(String),
    /// A file that only its owner may read, as written in the configuration.
    File(String),
    /// An environment variable.
    Env(String),
    /// The configuration itself: only where every URL of the connector is loopback.
    Literal,
}

/// How much of a service a connector may use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LimitsConfig {
    /// Our part of the daily quota.
    pub daily_share: f64,
    /// The part of ours that is kept for opt-outs and a person's actions.
    pub reserve: f64,
    /// Requests at once; `None`: as the manifest says.
    pub concurrency: Option<u32>,
}

/// The state store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreConfig {
    /// Which one.
    pub kind: StoreKind,
    /// Memory for its cache, in megabytes.
    pub cache_mb: u32,
}

/// The kinds of state store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreKind {
    /// sled, on this machine's disk.
    Sled,
}

/// Reads and checks a whole configuration.
///
/// `path` names the file in messages, and relative paths start in its folder. Secrets are resolved here, so that a
/// missing one is found with everything else.
///
/// # Errors
///
/// Everything that is wrong, in the order of the file.
pub fn load(path: &Path, text: &str, catalog: &Catalog, environment: &dyn Environment) -> Result<Config, Diagnostics> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut cx = Reading { catalog, environment, folder, text, found: Vec::new(), private: Vec::new() };
    let checked = document::parse(&mut cx, text).map(|tree| {
        let root = Group::of(&mut cx, &tree, Span::default(), "the file".to_owned(), (&keys::ROOT, &[]));
        if root.item("version").is_none() {
            cx.warn(Span::default(), "`version` is missing", "write `version = 1` at the top");
        }
        root.whole::<u32>(&mut cx, "version");
        let daemon = daemon::daemon(&mut cx, &root);
        let store = daemon::store(&mut cx, &root);
        let connectors = connectors::connectors(&mut cx, &root);
        let syncs = sync::syncs(&mut cx, &root, &connectors);
        (daemon, store, connectors, syncs)
    });
    let Reading { found, private, .. } = cx;
    let diagnostics = Diagnostics::new(path.to_owned(), text, found, &private);
    match checked {
        Some((daemon, store, connectors, syncs)) if diagnostics.errors() == 0 => Ok(Config {
            path: path.to_owned(),
            daemon,
            connectors: connectors.into_iter().filter_map(|(_, connector)| connector).collect(),
            digest: digest::config_digest(&syncs),
            syncs,
            store,
            warnings: diagnostics,
        }),
        _ => Err(diagnostics),
    }
}

/// The folders with more manifests, before anything is checked: the catalog is made from them. A file that does not
/// read has none here; [`load`] says what is wrong with it.
pub fn connector_dirs(path: &Path, text: &str) -> Vec<PathBuf> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let (tree, _) = toml::de::DeTable::parse_recoverable(text);
    let dirs = tree.get_ref().get("daemon").and_then(|daemon| daemon.get_ref().get("connector_dirs"));
    let list = dirs.and_then(|dirs| dirs.get_ref().as_array());
    list.into_iter().flatten().filter_map(|dir| dir.get_ref().as_str()).map(|dir| folder.join(dir)).collect()
}
