//! What the HTTP layers keep: calls made ([`hymnal_sdk::Ledger`]) and rotated refresh tokens ([`hymnal_sdk::Vault`]).
//!
//! Both are read once, when they are opened, and written through: a look-up cannot fail, so the limiter never takes a
//! disk that stumbles for a day on which nothing was spent.
//!
//! Tokens lie in the store as they are, not encrypted: a key beside them would protect nothing. What protects them is
//! the directory, which is its owner's alone (0700); a backup of it is as secret as they are.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use hymnal_sdk::{Error, ExposeSecret, Kind, Ledger, Result, SecretString, Vault};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    format::{open, seal},
    kv::{Batch, Kv, StoreError},
};

/// Keys of calls made: no table of a sync has this letter.
const LEDGER: &str = "l/";
/// Keys of tokens.
const VAULT: &str = "v/";

/// Calls made, in the store.
#[derive(Debug)]
pub struct StoredLedger(Shelf<Vec<u8>>);

impl StoredLedger {
    /// Reads what was saved.
    ///
    /// # Errors
    /// Those of the store.
    pub fn open(store: Arc<dyn Kv>) -> Result<Self, StoreError> {
        Shelf::open(store, LEDGER).map(Self)
    }
}

impl Ledger for StoredLedger {
    fn load(&self, name: &str) -> Option<Vec<u8>> {
        self.0.lock().get(name).cloned()
    }

    fn save(&self, name: &str, value: &[u8]) -> Result<()> {
        self.0.save(name, &value, value.to_vec()).map_err(|error| cannot_save(name, &error))
    }
}

/// Rotated refresh tokens, in the store.
pub struct StoredVault(Shelf<String>);

impl fmt::Debug for StoredVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoredVault")
    }
}

impl StoredVault {
    /// Reads what was saved.
    ///
    /// # Errors
    /// Those of the store.
    pub fn open(store: Arc<dyn Kv>) -> Result<Self, StoreError> {
        Shelf::open(store, VAULT).map(Self)
    }
}

impl Vault for StoredVault {
    fn load(&self, connector: &str) -> Option<SecretString> {
        self.0.lock().get(connector).map(|token| SecretString::from(token.as_str()))
    }

    fn save(&self, connector: &str, token: &SecretString) -> Result<()> {
        let token = token.expose_secret();
        self.0.save(connector, &token, token.to_owned()).map_err(|error| cannot_save(connector, &error))
    }
}

/// Small values under names.
#[derive(Debug)]
struct Shelf<T> {
    store: Arc<dyn Kv>,
    prefix: &'static str,
    values: Mutex<BTreeMap<String, T>>,
}

impl<T: DeserializeOwned> Shelf<T> {
    fn open(store: Arc<dyn Kv>, prefix: &'static str) -> Result<Self, StoreError> {
        let mut values = BTreeMap::new();
        for (key, sealed) in store.scan(prefix.as_bytes(), None, usize::MAX)? {
            let name = String::from_utf8_lossy(&key[prefix.len()..]).into_owned();
            match open(&key, &sealed) {
                Ok(value) => _ = values.insert(name, value),
                // One lost count or token must not keep the others from working: the service tells the count with its
                // next answer, and a person can log in again.
                Err(error) => tracing::error!(name, %error, "A saved value of a connector is lost"),
            }
        }
        Ok(Self { store, prefix, values: Mutex::new(values) })
    }

    fn save(&self, name: &str, stored: &impl Serialize, value: T) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        batch.put(format!("{}{name}", self.prefix), seal(stored));
        // Held over the commit, so that of two saves the later one is also the one that is kept in memory.
        let mut values = self.lock();
        self.store.commit(batch)?;
        values.insert(name.to_owned(), value);
        Ok(())
    }
}

impl<T> Shelf<T> {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, T>> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn cannot_save(name: &str, error: &StoreError) -> Error {
    Error::new(Kind::Transient, "store", format!("`{name}` cannot be saved, so nothing is sent: {error}"))
}
