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
    keys::{LEDGER, VAULT, named},
    kv::{Batch, Kv, StoreError},
};

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
        self.0.save(name, &value, value.to_vec())
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
        self.0.save(connector, &token, token.to_owned())
    }
}

/// Small values under names.
#[derive(Debug)]
struct Shelf<T> {
    store: Arc<dyn Kv>,
    prefix: u8,
    values: Mutex<BTreeMap<String, T>>,
}

impl<T: DeserializeOwned> Shelf<T> {
    fn open(store: Arc<dyn Kv>, prefix: u8) -> Result<Self, StoreError> {
        let mut values = BTreeMap::new();
        for (key, sealed) in store.scan(&[prefix], None, usize::MAX)? {
            let name = String::from_utf8_lossy(&key[1..]).into_owned();
            match open(&key, &sealed) {
                Ok(value) => _ = values.insert(name, value),
                // One lost count or token must not keep the others from working: the service tells the count with its
                // next answer, and a person can log in again.
                Err(error) => tracing::error!(name, %error, "A saved value of a connector is lost"),
            }
        }
        Ok(Self { store, prefix, values: Mutex::new(values) })
    }

    fn save(&self, name: &str, stored: &impl Serialize, value: T) -> Result<()> {
        let mut batch = Batch::default();
        batch.put(named(self.prefix, name), seal(stored));
        // Held over the commit, so that of two saves the later one is also the one that is kept in memory.
        let mut values = self.lock();
        self.store.commit(batch).map_err(|error| {
            Error::new(Kind::Transient, "store", format!("`{name}` cannot be saved, so nothing is sent: {error}"))
        })?;
        values.insert(name.to_owned(), value);
        Ok(())
    }
}

impl<T> Shelf<T> {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, T>> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
