//! Everything that runs, made of a configuration; made anew on reload, over the same state.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use hymnal_rest::{Service, SettingValue as RestValue};
use hymnal_sdk::{Clock, Connector, Error, Http, SignedDuration, Transport, http::Share};
use tokio::sync::{Mutex, Notify};

use super::{clock::seed, manifests::Manifests, native, rebuild::while_rebuilding, scratch, state::State};
use crate::{
    config::{Config, ConnectorConfig, SettingValue, sync_digest},
    cycle::{Gate, Sync, commit::Committer, system::System},
    http::{Layers, LayersConfig, ReqwestTransport, TransportOptions},
    journal::{ConflictLog, Mask},
    merge::{Pair, Side},
    store::{OverlayKv, StoreError, tables::Tag},
};

/// Why the parts could not be put together.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The state.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What all connectors send by.
    #[error("{0}")]
    Transport(Error),
    /// A connector's settings.
    #[error("`[connectors.{name}]`: {error}")]
    Connector {
        /// The connector.
        name: String,
        /// What is wrong.
        error: Error,
    },
    /// A sync names other connectors than those that its state knows.
    #[error("`[sync.{sync}]` was kept between `{known}`, and now names `{now}`: its state knows every record by them")]
    Sides {
        /// The sync.
        sync: String,
        /// The connectors in the state.
        known: String,
        /// The connectors in the configuration.
        now: String,
    },
}

/// Everything that runs.
pub struct App {
    /// The configuration it was made of.
    pub config: Config,
    /// The manifests it was made with.
    pub manifests: Manifests,
    /// The state.
    pub state: State,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The connectors, by name.
    pub connectors: BTreeMap<String, Wired>,
    /// The syncs, in the order of the configuration.
    pub syncs: Vec<Arc<Running>>,
}

/// A connector with its layers.
#[derive(Clone)]
pub struct Wired {
    /// The connector.
    pub connector: Arc<dyn Connector>,
    /// Its layers; a database and a file have none.
    pub http: Option<Arc<Layers>>,
}

/// A sync that can run.
pub struct Running {
    /// Its name.
    pub name: String,
    /// The sync.
    pub sync: Sync,
    /// Held by whoever runs a cycle, or drops its decisions.
    pub turn: Mutex<()>,
    /// Wakes the scheduler before its time.
    pub wake: Notify,
}

impl Running {
    /// Takes note of the rules; where they have changed, what follows from them is derived anew. With half a million
    /// people that takes a while, so it belongs to the first cycle and not to the start.
    ///
    /// # Errors
    /// The state's.
    pub async fn adopt(&self) -> Result<(), StoreError> {
        self.sync.adopt(&sync_digest(&self.sync.committer.rules)).await
    }
}

impl App {
    /// Puts everything together. Nothing is sent and nothing is decided.
    ///
    /// # Errors
    /// A connector's settings that cannot be used, and those of the state.
    pub fn new(config: Config, manifests: Manifests, state: State, clock: Arc<dyn Clock>) -> Result<Self, WireError> {
        let mask = if config.daemon.mask_values { Mask::On } else { Mask::Off };
        let log = Arc::new(ConflictLog::open(&config.daemon.conflict_log, mask)?);
        Self::with_log(config, manifests, state, clock, &log)
    }

    /// The same for a check, which runs no cycle and logs no conflict.
    ///
    /// # Errors
    /// As [`App::new`].
    pub fn without_log(
        config: Config,
        manifests: Manifests,
        state: State,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, WireError> {
        let log = Arc::new(ConflictLog::open(Path::new("/dev/null"), Mask::Off)?);
        Self::with_log(config, manifests, state, clock, &log)
    }

    fn with_log(
        config: Config,
        manifests: Manifests,
        state: State,
        clock: Arc<dyn Clock>,
        log: &Arc<ConflictLog>,
    ) -> Result<Self, WireError> {
        let transport = ReqwestTransport::new(TransportOptions::default()).map_err(WireError::Transport)?;
        let transport: Arc<dyn Transport> = Arc::new(transport);
        let mut connectors = BTreeMap::new();
        for connector in &config.connectors {
            let parts = Parts { manifests: &manifests, state: &state, clock: &clock, transport: &transport };
            let wired = parts
                .connector(connector)
                .map_err(|error| WireError::Connector { name: connector.name.clone(), error })?;
            connectors.insert(connector.name.clone(), wired);
        }
        let kept = SignedDuration::from_hours(24 * i64::from(config.daemon.history_days));
        let mut syncs = Vec::new();
        for rules in &config.syncs {
            let rules = Arc::new(rules.clone());
            let tag = state.tag(&rules.name)?;
            let names = [rules.systems.left.connector.as_str(), rules.systems.right.connector.as_str()];
            let known = state.sides(tag, names)?;
            if known != names {
                return Err(WireError::Sides {
                    sync: rules.name.clone(),
                    known: known.join("` and `"),
                    now: names.join("` and `"),
                });
            }
            let system = |side: Side| {
                let of = &rules.systems[side];
                // The other side of a sync that observes one system is nobody: without objects, nothing is asked of it.
                let named =
                    if of.connector.is_empty() { &rules.systems[side.other()].connector } else { &of.connector };
                let connector = connectors.get(named).map(|wired| Arc::clone(&wired.connector));
                connector.map(|connector| System::new(side, of, &rules.fields, connector))
            };
            let (Some(left), Some(right)) = (system(Side::Left), system(Side::Right)) else { continue };
            let committer = Committer::new(
                Arc::clone(&rules),
                Arc::clone(&state.store),
                tag,
                Arc::clone(&clock),
                Arc::clone(log),
                seed(&*clock) ^ u64::from(tag.0),
            )
            .rebuilding(while_rebuilding(&rules, &*state.store, tag)?)
            .blocking(state.blocked.clone());
            syncs.push(Arc::new(Running {
                name: rules.name.clone(),
                sync: Sync::new(committer, Pair::new(left, right), gate(&state)).keeping(kept),
                turn: Mutex::new(()),
                wake: Notify::new(),
            }));
        }
        Ok(Self { config, manifests, state, clock, connectors, syncs })
    }

    /// What must be done once before anything is decided: the conflict log is completed.
    ///
    /// # Errors
    /// The state's.
    pub async fn begin(&self) -> Result<(), StoreError> {
        for running in &self.syncs {
            running.sync.committer.complete_log().await?;
        }
        Ok(())
    }

    /// A store over the state, for a plan: nothing of what is committed to it lasts.
    pub fn overlay(&self) -> OverlayKv {
        let (dir, clock) = (self.config.daemon.state_dir.clone(), Arc::clone(&self.clock));
        OverlayKv::new(Arc::clone(&self.state.store), Box::new(move || scratch::make(&dir, &*clock)))
    }

    /// A sync by name.
    pub fn sync(&self, name: &str) -> Option<&Arc<Running>> {
        self.syncs.iter().find(|running| running.name == name)
    }

    /// Asks every running cycle to end soon.
    pub fn stop(&self) {
        for running in &self.syncs {
            running.sync.stop();
            // Kept where nobody waits just now: a cycle that is running ends, and does not sleep then.
            running.wake.notify_one();
        }
    }

    /// The number of a sync in the store.
    pub fn tag(&self, running: &Running) -> Tag {
        running.sync.committer.tag
    }
}

fn gate(state: &State) -> Gate {
    let verification = state.verification.clone();
    Box::new(move || {
        let verification = verification.clone();
        Box::pin(async move { verification.wait().await })
    })
}

/// What connectors are made of.
struct Parts<'a> {
    manifests: &'a Manifests,
    state: &'a State,
    clock: &'a Arc<dyn Clock>,
    transport: &'a Arc<dyn Transport>,
}

impl Parts<'_> {
    fn connector(&self, config: &ConnectorConfig) -> Result<Wired, Error> {
        let Some(found) = self.manifests.get(&config.kind) else {
            let connector = native::connector(&config.kind, &config.settings).ok_or_else(|| {
                let message = format!("there is no connector type `{}`", config.kind);
                Error::new(hymnal_sdk::Kind::Fatal, "no-manifest", message)
            })?;
            return Ok(Wired { connector: connector?, http: None });
        };
        let settings: BTreeMap<String, RestValue> =
            config.settings.iter().map(|(name, value)| (name.clone(), setting(value))).collect();
        let service = Service::new(Arc::clone(&found.manifest), &settings)?;
        let mut limits = service.limits()?;
        limits.daily_share = Share::new(config.limits.daily_share);
        limits.reserve = Share::new(config.limits.reserve);
        limits.concurrency = config.limits.concurrency.or(limits.concurrency);
        let http = Layers::new(LayersConfig {
            name: config.name.clone(),
            transport: Arc::clone(self.transport),
            login: service.login(),
            classify: service.classify(),
            limits,
            clock: Arc::clone(self.clock),
            ledger: Arc::clone(&self.state.ledger),
            vault: Arc::clone(&self.state.vault),
            seed: seed(&**self.clock),
        });
        let seam: Arc<dyn Http> = Arc::clone(&http) as Arc<dyn Http>;
        Ok(Wired { connector: Arc::new(service.connector(seam, Arc::clone(self.clock))), http: Some(http) })
    }
}

fn setting(value: &SettingValue) -> RestValue {
    match value {
        SettingValue::Text(text) | SettingValue::Url(text) => RestValue::Text(text.clone()),
        SettingValue::Secret(secret) => RestValue::Secret(secret.value.clone()),
    }
}
