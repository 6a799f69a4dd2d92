//! Whose account a login opens: the one that the state knows, or another one, whose records are other people's.

use hymnal_sdk::{Call, Error, Kind};

use super::{
    Sync,
    report::{Failure, Report},
};
use crate::{
    merge::Side,
    store::{Batch, Kv, StoreError, tables::account},
};

/// The code of the trouble that a login opens another account.
pub const ANOTHER_ACCOUNT: &str = "another-account";

/// The account that a connector was first met with.
///
/// # Errors
/// The store's.
pub fn pinned(store: &dyn Kv, connector: &str) -> Result<Option<String>, StoreError> {
    let bytes = store.get(&account(connector))?;
    Ok(bytes.and_then(|bytes| String::from_utf8(bytes).ok()))
}

impl Sync {
    /// Asks once a process whose account a login opens. The first one ever is remembered; another one is a trouble that
    /// stops all of the sync: its records would be taken for the people whom the state knows.
    ///
    /// # Errors
    /// What the service or the store said.
    pub(super) async fn know_account(&self, side: Side) -> Result<(), Failure> {
        if self.lock_accounts()[side] {
            return Ok(());
        }
        let system = &self.systems[side];
        if system.objects.is_empty() {
            return Ok(());
        }
        let met = self.account_now(side).await?;
        match pinned(&*self.committer.store, &system.name)? {
            Some(known) if known != met => return Err(Failure::at(side)(another(&system.name, &known, &met))),
            Some(_) => {}
            None => self.pin_account(&system.name, &met)?,
        }
        self.lock_accounts()[side] = true;
        Ok(())
    }

    /// The account that a login opens now.
    ///
    /// # Errors
    /// What the service said.
    pub async fn account_now(&self, side: Side) -> Result<String, Failure> {
        self.systems[side].connector.account(&Call::default()).await.map_err(Failure::at(side))
    }

    /// From now on a connector is known by this account.
    ///
    /// # Errors
    /// The store's.
    pub fn pin_account(&self, connector: &str, met: &str) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        batch.put(account(connector), met.as_bytes());
        self.committer.store.commit(batch)
    }
}

/// One account, where the state knows another.
pub fn another(connector: &str, known: &str, met: &str) -> Error {
    let message = format!("`{connector}` opens the account `{met}`, and the state knows it as `{known}`");
    let hint = format!(
        "put the right login into the configuration, or accept the other account with `hymnal rebind {connector}`"
    );
    Error { hint: Some(hint), ..Error::new(Kind::Fatal, ANOTHER_ACCOUNT, message) }
}

impl Report {
    /// The trouble that a login opens another account, if there is one.
    pub fn another_account(&self) -> Option<&Error> {
        self.troubles.iter().map(|(_, error)| error).find(|error| error.code == ANOTHER_ACCOUNT)
    }
}
