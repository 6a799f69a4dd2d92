//! The directory: ours, private, not in use, neither foreign nor newer.
//!
//! ```text
//! lock                 held while the store is open; the process id of who holds it
//! store.json           what this is: written last when a store is made, so that an unfinished one is told apart
//! store.json.creating  a store is being made; nothing was ever committed to it
//! high-water           see `high_water`
//! sled/                sled's own files; after a compaction `sled-1`, `sled-2`, …, as `store.json` says
//! ```

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{REMEDY, failed, high_water::HighWater, refused};
use crate::store::kv::StoreError;

/// The layout of keys and values that this Hymnal writes, and the newest it reads.
const SCHEMA: u32 = 1;
const MAGIC: &str = "hymnal store";

/// What `store.json` says.
#[derive(Debug, Serialize, Deserialize)]
struct Card {
    magic: String,
    schema: u32,
    store: Uuid,
    /// How often the store was compacted: its data lies in the folder of this number.
    generation: u32,
}

/// A directory that is ours for as long as this lives.
#[derive(Debug)]
pub(in crate::store) struct Claim {
    /// The directory.
    pub(in crate::store) dir: PathBuf,
    /// The store's id.
    pub(in crate::store) store: Uuid,
    /// Whether a store is there.
    pub(in crate::store) state: State,
    generation: AtomicU32,
    /// Locked until it is dropped.
    _lock: File,
}

/// The lock of a directory alone, whatever is in it: to set aside a store that cannot be opened.
#[derive(Debug)]
pub struct Seized {
    _lock: File,
}

impl Seized {
    /// Takes the lock of the store in `dir`.
    ///
    /// # Errors
    /// `Held` by another process; `Io`.
    pub fn take(dir: &Path) -> Result<Self, StoreError> {
        Ok(Self { _lock: lock(dir)? })
    }
}

/// What is in a claimed directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum State {
    /// Nothing yet, or what an unfinished creation left, which was removed.
    New,
    /// A store.
    Made,
}

impl Claim {
    /// Makes the directory if it is not there, checks that it may be used, locks it, and removes what an
    /// unfinished creation left. `new_id` becomes the id of a store that is made.
    ///
    /// # Errors
    /// `Held`, `Refused`, `Io`. Nothing is changed in a directory that is refused.
    pub(in crate::store) fn take(dir: &Path, new_id: Uuid) -> Result<Self, StoreError> {
        check_directory(dir)?;
        let lock = lock(dir)?;
        let claim = |store, state, generation| Self {
            dir: dir.to_owned(),
            store,
            state,
            generation: AtomicU32::new(generation),
            _lock: lock,
        };
        match fs::read_to_string(dir.join("store.json")) {
            Ok(text) => {
                let card = read_card(dir, &text)?;
                Ok(claim(card.store, State::Made, card.generation))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                clear_unfinished(dir)?;
                Ok(claim(new_id, State::New, 0))
            }
            Err(error) => Err(failed(dir, error)),
        }
    }

    /// sled's own directory.
    pub(in crate::store) fn sled(&self) -> PathBuf {
        self.folder(self.generation.load(Ordering::Acquire))
    }

    /// Where a compaction makes the copy that takes the place of [`Claim::sled`].
    pub(in crate::store) fn next_sled(&self) -> PathBuf {
        self.folder(self.generation.load(Ordering::Acquire) + 1)
    }

    fn folder(&self, generation: u32) -> PathBuf {
        self.dir.join(if generation == 0 { "sled".to_owned() } else { format!("sled-{generation}") })
    }

    /// From now on, whatever happens, the data is in [`Claim::next_sled`]. One rename decides: before it the old folder
    /// counts, after it the new one.
    pub(in crate::store) fn switch(&self) -> io::Result<()> {
        let generation = self.generation.load(Ordering::Acquire) + 1;
        sync_directory(&self.folder(generation))?;
        sync_directory(&self.dir)?;
        let new = self.dir.join("store.json.new");
        self.write_card(&new, generation)?;
        fs::rename(new, self.dir.join("store.json"))?;
        self.generation.store(generation, Ordering::Release);
        sync_directory(&self.dir)
    }

    /// Removes what a compaction left, before or after it switched. Only once the store that `store.json` names has
    /// proved to be whole: a damaged `store.json` must not cost the data that it fails to name.
    pub(in crate::store) fn remove_other_generations(&self) -> io::Result<()> {
        let current = self.sled();
        for entry in fs::read_dir(&self.dir)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let is_data = name == "sled" || name.strip_prefix("sled-").is_some_and(|n| n.parse::<u32>().is_ok());
            if is_data && path != current {
                fs::remove_dir_all(path)?;
            }
        }
        Ok(())
    }

    /// The file of [`HighWater`].
    pub(in crate::store) fn high_water(&self) -> PathBuf {
        self.dir.join("high-water")
    }

    /// Begins a store. Until [`Claim::finish`], everything here is an unfinished creation.
    pub(in crate::store) fn begin(&self) -> io::Result<HighWater> {
        self.write_card(&self.dir.join("store.json.creating"), 0)?;
        sync_directory(&self.dir)?;
        HighWater::create(&self.high_water(), self.store)
    }

    fn write_card(&self, path: &Path, generation: u32) -> io::Result<()> {
        let card = Card { magic: MAGIC.to_owned(), schema: SCHEMA, store: self.store, generation };
        let mut text = serde_json::to_string_pretty(&card)?;
        text.push('\n');
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    }

    /// The store is made: from now on a part that is missing is a loss.
    pub(in crate::store) fn finish(&self) -> io::Result<()> {
        sync_directory(&self.sled())?;
        fs::rename(self.dir.join("store.json.creating"), self.dir.join("store.json"))?;
        sync_directory(&self.dir)
    }
}

/// Before sled is opened: it takes a snapshot that was being written when the process was killed, or the disk full,
/// for its newest, and never opens again.
pub(in crate::store) fn remove_leftovers(sled: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(sled) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn check_directory(dir: &Path) -> Result<(), StoreError> {
    let meta = match fs::symlink_metadata(dir) {
        Ok(meta) => meta,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
            return made.map_err(|error| failed(dir, error));
        }
        Err(error) => return Err(failed(dir, error)),
    };
    if meta.is_symlink() {
        return Err(refused(dir, "it is a symbolic link. Name the directory itself"));
    }
    if !meta.is_dir() {
        return Err(refused(dir, "it is not a directory"));
    }
    let me = rustix::process::geteuid().as_raw();
    if meta.uid() != me {
        let reason = format!("it belongs to user {}, and this process is user {me}. Run as its owner", meta.uid());
        return Err(refused(dir, reason));
    }
    // Before anything is touched: a mistyped path must not turn somebody's home into a private directory of ours.
    if let Some(name) = foreign_name(dir).map_err(|error| failed(dir, error))? {
        let reason =
            format!("it holds `{name}` and no `store.json`, so it is no store of Hymnal. Name an empty directory");
        return Err(refused(dir, reason));
    }
    if meta.mode() & 0o077 != 0 {
        fs::set_permissions(dir, Permissions::from_mode(0o700)).map_err(|error| failed(dir, error))?;
    }
    Ok(())
}

/// A name that shows that a directory without `store.json` is not ours to begin a store in.
fn foreign_name(dir: &Path) -> io::Result<Option<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    let has = |name: &str| names.iter().any(|found| found == name);
    if has("store.json") || has("store.json.creating") {
        return Ok(None);
    }
    names.sort();
    // `lost+found`: the directory is a file system of its own.
    Ok(names.into_iter().find(|name| name != "lock" && name != "lost+found"))
}

fn lock(dir: &Path) -> Result<File, StoreError> {
    let path = dir.join("lock");
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let no_links = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
    let mut file = options.custom_flags(no_links).open(path).map_err(|error| failed(dir, error))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            let _ = file.read_to_string(&mut pid);
            let pid = if pid.trim().is_empty() { "?" } else { pid.trim() };
            return Err(StoreError::Held { path: dir.to_owned(), pid: pid.to_owned() });
        }
        Err(TryLockError::Error(error)) => return Err(failed(dir, error)),
    }
    let noted = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
    match noted {
        // The id is a courtesy to whoever comes second; the lock itself holds on a full disk too.
        Err(error) if error.kind() != io::ErrorKind::StorageFull => Err(failed(dir, error)),
        _ => Ok(file),
    }
}

fn read_card(dir: &Path, text: &str) -> Result<Card, StoreError> {
    /// Only what every version has.
    #[derive(Deserialize)]
    struct AnyCard {
        magic: String,
        schema: u32,
    }
    let unreadable = || refused(dir, format!("its `store.json` is damaged. {REMEDY}"));
    let any: AnyCard = serde_json::from_str(text).map_err(|_| unreadable())?;
    if any.magic != MAGIC {
        return Err(refused(dir, "its `store.json` is not Hymnal's. Name an empty directory"));
    }
    if any.schema > SCHEMA {
        let reason = format!(
            "it is newer: its format is {}, and this Hymnal reads formats up to {SCHEMA}. Run the Hymnal that wrote it, \
             or a later one",
            any.schema
        );
        return Err(refused(dir, reason));
    }
    serde_json::from_str(text).map_err(|_| unreadable())
}

/// A creation that was killed committed nothing, so it starts over. Without its mark, a store whose `store.json` was
/// lost must not be taken for one.
fn clear_unfinished(dir: &Path) -> Result<(), StoreError> {
    let creating = dir.join("store.json.creating");
    if !creating.exists() {
        return match foreign_name(dir).map_err(|error| failed(dir, error))? {
            None => Ok(()),
            Some(name) => Err(refused(dir, format!("it holds `{name}` and no `store.json`. {REMEDY}"))),
        };
    }
    let absent = |result: io::Result<()>| match result {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(dir, error)),
        _ => Ok(()),
    };
    absent(fs::remove_dir_all(dir.join("sled")))?;
    absent(fs::remove_file(dir.join("high-water")))?;
    absent(fs::remove_file(creating))
}

fn sync_directory(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}
