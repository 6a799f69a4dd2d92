//! Who was erased, remembered without a word about them: a keyed hash of each key and each record.
//!
//! Without its key (a file of its own beside the store, mode 0600) nobody can tell from a hash whether an e-mail address
//! is meant, not even by trying addresses.

use std::{
    fmt,
    io::{Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use aws_lc_rs::{
    hmac,
    rand::{SecureRandom, SystemRandom},
};
use hymnal_sdk::Address;

use crate::{
    merge::{Context, Entity, Side, patch::keys},
    store::StoreError,
};

/// The file of the key, in the state directory.
pub const KEY_FILE: &str = "erasure.key";
/// Bytes of a key.
const LENGTH: usize = 32;

/// Makes the hashes.
pub struct Blocked {
    key: hmac::Key,
}

/// A keyed hash of something about a person.
pub type Trace = [u8; 32];

impl fmt::Debug for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Blocked")
    }
}

impl Blocked {
    /// With this key.
    pub fn new(key: &[u8; LENGTH]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key) }
    }

    /// With the key in a state directory; made there at the first time.
    ///
    /// # Errors
    /// The file cannot be read or made, or is not what it should be.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(KEY_FILE);
        let failed = |source| StoreError::Io { path: path.clone(), source };
        match std::fs::File::open(&path) {
            Ok(mut file) => {
                let mut key = Vec::new();
                file.read_to_end(&mut key).map_err(failed)?;
                let key: [u8; LENGTH] = key.try_into().map_err(|_| StoreError::Refused {
                    path: path.clone(),
                    reason: format!("`{KEY_FILE}` is not {LENGTH} bytes long; take it from a backup of the folder"),
                })?;
                Ok(Self::new(&key))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let mut key = [0; LENGTH];
                let random = SystemRandom::new().fill(&mut key);
                random.map_err(|_| failed(std::io::Error::other("the system gives no random bytes")))?;
                write_new(dir, &path, &key).map_err(failed)?;
                Ok(Self::new(&key))
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// The hash of a record's address.
    pub fn address(&self, side: Side, address: &Address) -> Trace {
        self.hash(&["record", side.token(), &address.object, &address.id])
    }

    /// The hashes of every key that a person can be met by, under the names of its fields.
    pub fn keys(&self, entity: &Entity, context: &Context<'_>) -> Vec<Trace> {
        let mut traces = Vec::new();
        for (number, set) in context.rules.matching.iter().enumerate() {
            traces.extend(keys(entity, set, context).iter().map(|text| self.key(number, text, context)));
        }
        traces
    }

    /// The hash of a key of the key set of that number.
    pub fn key(&self, set: usize, text: &str, context: &Context<'_>) -> Trace {
        let fields = context.rules.matching.get(set).into_iter().flatten();
        let names: Vec<&str> = fields.map(|index| context.rules.fields[*index].map.name.as_str()).collect();
        self.hash(&["key", &names.join("\u{1f}"), text])
    }

    /// A hash of nothing: two keys that give the same are the same.
    pub fn fingerprint(&self) -> Trace {
        self.hash(&["fingerprint"])
    }

    fn hash(&self, parts: &[&str]) -> Trace {
        let mut context = hmac::Context::with_key(&self.key);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        let mut trace = Trace::default();
        trace.copy_from_slice(context.sign().as_ref());
        trace
    }
}

/// Written whole under another name first: half a key would block nobody.
fn write_new(dir: &Path, path: &Path, key: &[u8]) -> std::io::Result<()> {
    let draft = dir.join(format!("{KEY_FILE}.new"));
    let _ = std::fs::remove_file(&draft);
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    file.write_all(key)?;
    file.sync_all()?;
    std::fs::rename(&draft, path)?;
    std::fs::File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::{Address, Blocked, KEY_FILE, Side};

    #[test]
    fn a_key_is_made_once_and_for_nobody_else_to_read() {
        let dir = tempfile::tempdir().expect("a folder");
        let first = Blocked::open(dir.path()).expect("a key");
        let again = Blocked::open(dir.path()).expect("the same key");
        assert_eq!(first.fingerprint(), again.fingerprint());
        let mode = std::fs::metadata(dir.path().join(KEY_FILE)).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let other = tempfile::tempdir().expect("a folder");
        assert_ne!(Blocked::open(other.path()).expect("a key").fingerprint(), first.fingerprint());
    }

    #[test]
    fn half_a_key_is_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::write(dir.path().join(KEY_FILE), b"half").expect("a file");
        assert!(Blocked::open(dir.path()).is_err());
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        let blocked = Blocked::new(&[7; 32]);
        let hash = |object: &str, id: &str| blocked.address(Side::Left, &Address::new(object, id));
        assert_ne!(hash("a", "bc"), hash("ab", "c"));
        assert_ne!(hash("a", "b"), blocked.address(Side::Right, &Address::new("a", "b")));
    }
}
