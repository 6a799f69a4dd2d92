//! The state directory: who has it open has the syncs.

use std::{
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use hymnal_sdk::{Clock, Ledger, Vault};
use tokio::sync::watch;

use super::{
    clock::seed,
    replace::{complete_replacing, store_of},
    scratch,
};
use crate::{
    cycle::ids::Ids,
    journal::{Blocked, blocked::KEY_FILE},
    store::{
        Batch, Kv, Lease, OpenOptions, SledKv, StoreError,
        ledger::{StoredLedger, StoredVault},
        tables::{Tag, sync_name},
    },
};

/// An open state directory.
#[derive(Clone)]
pub struct State {
    /// The store.
    pub store: Arc<dyn Kv>,
    /// Calls made.
    pub ledger: Arc<dyn Ledger>,
    /// Rotated tokens.
    pub vault: Arc<dyn Vault>,
    /// Recognises who was erased; `None` where nothing is kept on disk.
    pub blocked: Option<Arc<Blocked>>,
    /// The store on disk, where it is one: for what is done with all of it.
    pub disk: Option<Arc<Disk>>,
    /// Whether what the store holds was counted and is right; writes to remotes wait for it.
    pub verification: Verification,
}

/// A store on disk that runs, and no copy of it does.
pub struct Disk {
    /// The store.
    pub store: Arc<SledKv>,
    _lease: Lease,
}

/// The answer of the count that runs in the background after start.
#[derive(Clone)]
pub struct Verification(watch::Receiver<Option<Result<(), String>>>);

impl Verification {
    /// Nothing has to be counted.
    pub fn unneeded() -> Self {
        Self(watch::channel(Some(Ok(()))).1)
    }

    fn start(disk: Arc<SledKv>) -> Self {
        let (tell, answer) = watch::channel(None);
        // Not a task: it blocks for seconds with a million people, and ends with the process.
        std::thread::spawn(move || {
            let counted = disk.verify().map(|_| ()).map_err(|error| match error {
                StoreError::Refused { reason, .. } => reason,
                other => other.to_string(),
            });
            let _ = tell.send(Some(counted));
        });
        Self(answer)
    }

    /// Waits for the answer.
    ///
    /// # Errors
    /// `Refused` where pairs are missing, changed, or came back.
    pub async fn wait(&self) -> Result<(), StoreError> {
        let mut answer = self.0.clone();
        let answer = answer.wait_for(Option::is_some).await.map(|answer| answer.clone());
        match answer {
            Ok(Some(Err(reason))) => Err(StoreError::Refused { path: PathBuf::from("state"), reason }),
            Ok(_) => Ok(()),
            Err(_) => Err(StoreError::Refused { path: PathBuf::from("state"), reason: "the count did not end".into() }),
        }
    }
}

/// How stores are opened; where one is made, it gets an id that no other has.
pub(super) fn options(cache_mb: u32, clock: &dyn Clock) -> OpenOptions {
    let mut ids = Ids::new(seed(clock));
    OpenOptions { cache_mb: u64::from(cache_mb), ..OpenOptions::new(ids.next(clock.now()).0) }
}

impl State {
    /// Opens, or makes, the state in `dir`; the store has a folder of its own in it, so that the folder itself may be
    /// a link, as it is under systemd's `DynamicUser`.
    ///
    /// # Errors
    /// `Io` where the folder cannot be made, and those of [`SledKv::open`].
    pub fn open(dir: &Path, cache_mb: u32, clock: &dyn Clock) -> Result<Self, StoreError> {
        let options = options(cache_mb, clock);
        let mut folder = std::fs::DirBuilder::new();
        folder.recursive(true).mode(0o700);
        folder.create(dir).map_err(|source| StoreError::Io { path: dir.to_owned(), source })?;
        complete_replacing(dir)?;
        let store = Arc::new(SledKv::open(&store_of(dir), options)?);
        // Under the claim on the store: nobody else's plan is under way.
        scratch::remove_leftovers(dir);
        let lease = Lease::take(store.store_id(), dir)?;
        let state = Self::over(Arc::clone(&store) as Arc<dyn Kv>)?;
        let verification = Verification::start(Arc::clone(&store));
        let blocked = Blocked::open(dir)?;
        state.recognise(&blocked)?;
        let blocked = Some(Arc::new(blocked));
        Ok(Self { verification, blocked, disk: Some(Arc::new(Disk { store, _lease: lease })), ..state })
    }

    /// State over any store.
    ///
    /// # Errors
    /// The store's.
    pub fn over(store: Arc<dyn Kv>) -> Result<Self, StoreError> {
        Ok(Self {
            ledger: Arc::new(StoredLedger::open(Arc::clone(&store))?),
            vault: Arc::new(StoredVault::open(Arc::clone(&store))?),
            store,
            blocked: None,
            disk: None,
            verification: Verification::unneeded(),
        })
    }

    /// Notes which key the hashes of erased people are made with. Another key would let them in again, one by one, and
    /// nobody would notice.
    fn recognise(&self, blocked: &Blocked) -> Result<(), StoreError> {
        let (key, ours) = (b"b/fingerprint".to_vec(), blocked.fingerprint());
        match self.store.get(&key)? {
            Some(known) if known == ours => Ok(()),
            known if known.is_none() || !self.has_erased()? => {
                let mut batch = Batch::default();
                batch.put(key, ours.to_vec());
                self.store.commit(batch)
            }
            _ => Err(StoreError::Refused {
                path: PathBuf::from(KEY_FILE),
                reason:
                    "it is not the key by which erased people are recognised; put the one back that belongs to this \
                         state, else they would come back"
                        .to_owned(),
            }),
        }
    }

    /// Somebody was erased.
    fn has_erased(&self) -> Result<bool, StoreError> {
        for (_, number) in self.store.scan(&sync_name(""), None, usize::from(u8::MAX))? {
            let Some(number) = number.first() else { continue };
            if !self.store.scan(&Tag(*number).table(b'z'), None, 1)?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The connectors that a sync was first run with, left and right; written down at the first time.
    ///
    /// # Errors
    /// The store's.
    pub fn sides(&self, tag: Tag, now: [&str; 2]) -> Result<Vec<String>, StoreError> {
        let key = tag.state("sides");
        if let Some(known) = self.store.get(&key)? {
            return Ok(String::from_utf8_lossy(&known).split('\n').map(str::to_owned).collect());
        }
        let mut batch = Batch::default();
        batch.put(key, now.join("\n"));
        self.store.commit(batch)?;
        Ok(now.map(str::to_owned).to_vec())
    }

    /// The number of a sync in the store; a new name gets the next one.
    ///
    /// # Errors
    /// The store's.
    pub fn tag(&self, sync: &str) -> Result<Tag, StoreError> {
        let key = sync_name(sync);
        if let Some(&[number]) = self.store.get(&key)?.as_deref() {
            return Ok(Tag(number));
        }
        let known = self.store.scan(&sync_name(""), None, usize::from(u8::MAX))?;
        let last = known.iter().filter_map(|(_, value)| value.first().copied()).max().unwrap_or(0);
        let number = last.saturating_add(1);
        let mut batch = Batch::default();
        batch.put(key, vec![number]);
        self.store.commit(batch)?;
        Ok(Tag(number))
    }
}
