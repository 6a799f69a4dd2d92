//! What must survive a restart, kept for the length of a test. Shared by several suites: `#[path]` takes it in.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use hymnal_sdk::{Ledger, Result, SecretString, Vault};

/// A ledger in memory, and a vault that nothing is put into: no login that is tried here has a refresh token.
#[derive(Default)]
pub(crate) struct Kept(Mutex<HashMap<String, Vec<u8>>>);

impl Ledger for Kept {
    fn load(&self, name: &str) -> Option<Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    fn save(&self, name: &str, value: &[u8]) -> Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), value.to_vec());
        Ok(())
    }
}

impl Vault for Kept {
    fn load(&self, _: &str) -> Option<SecretString> {
        None
    }

    fn save(&self, _: &str, _: &SecretString) -> Result<()> {
        Ok(())
    }
}
