//! Calls made and refresh tokens: there after a restart, and nothing counts as saved that is not durable.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use hymnal::store::{Batch, KeyValue, Kv, MemoryKv, StoreError, StoredLedger, StoredVault};
use hymnal_sdk::{Effect, ExposeSecret, Kind, Ledger, SecretString, Vault};

/// A store whose disk can be full.
#[derive(Debug)]
struct Filling {
    inner: MemoryKv,
    full: AtomicBool,
}

impl Kv for Filling {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.get(key)
    }

    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<KeyValue>, StoreError> {
        self.inner.scan(prefix, after, limit)
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        if self.full.load(Ordering::Relaxed) {
            return Err(StoreError::Full { path: "/state".into() });
        }
        self.inner.commit(batch)
    }
}

#[test]
fn calls_and_tokens_survive_a_restart_apart_from_each_other() {
    let store = MemoryKv::new();
    let ledger = StoredLedger::open(Arc::new(store.clone())).unwrap();
    let vault = StoredVault::open(Arc::new(store.clone())).unwrap();
    assert_eq!(ledger.load("crm"), None);
    assert!(vault.load("crm").is_none());
    ledger.save("crm", b"first").unwrap();
    ledger.save("crm", b"second").unwrap();
    ledger.save("crm2", b"").unwrap();
    vault.save("crm", &SecretString::from("token")).unwrap();
    assert_eq!(ledger.load("crm").as_deref(), Some(&b"second"[..]));

    let ledger = StoredLedger::open(Arc::new(store.clone())).unwrap();
    let vault = StoredVault::open(Arc::new(store)).unwrap();
    assert_eq!(ledger.load("crm").as_deref(), Some(&b"second"[..]));
    assert_eq!(ledger.load("crm2").as_deref(), Some(&b""[..]));
    assert_eq!(vault.load("crm").unwrap().expose_secret(), "token");
    assert!(vault.load("crm2").is_none());
    assert!(!format!("{vault:?}").contains("token"));
}

#[test]
fn what_cannot_be_saved_is_an_error_without_effect_and_is_not_remembered() {
    let store = Arc::new(Filling { inner: MemoryKv::new(), full: AtomicBool::new(false) });
    let ledger = StoredLedger::open(Arc::clone(&store) as _).unwrap();
    let vault = StoredVault::open(Arc::clone(&store) as _).unwrap();
    ledger.save("crm", b"durable").unwrap();
    store.full.store(true, Ordering::Relaxed);
    let error = ledger.save("crm", b"lost").unwrap_err();
    assert_eq!((error.kind, error.effect), (Kind::Transient, Effect::None));
    assert_eq!(error.message, "`crm` cannot be saved, so nothing is sent: the disk that holds `/state` is full");
    assert_eq!(ledger.load("crm").as_deref(), Some(&b"durable"[..]));
    vault.save("crm", &SecretString::from("lost")).unwrap_err();
    assert!(vault.load("crm").is_none());
}

#[test]
fn one_bad_value_does_not_keep_the_others_shut() {
    let store = MemoryKv::new();
    StoredLedger::open(Arc::new(store.clone())).unwrap().save("good", b"1").unwrap();
    let mut batch = Batch::default();
    batch.put(*b"l/bad", *b"damaged");
    store.commit(batch).unwrap();
    let ledger = StoredLedger::open(Arc::new(store)).unwrap();
    assert_eq!(ledger.load("good").as_deref(), Some(&b"1"[..]));
    assert_eq!(ledger.load("bad"), None);
}
