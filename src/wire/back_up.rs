//! All of the state into a file, and the file read back before it is believed.
//!
//! A backup holds everything that is stored of people (values, history, conflicts, what waits), cursors, approvals,
//! and the calls made today. It does not hold refresh tokens: they rotate, so an old one is refused, and some services
//! end the login for good where one is shown twice. So a backup is as confidential as a customer list, and opens no
//! account.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use hymnal_sdk::Timestamp;

use super::{replace::sync_folder, state::State};
use crate::store::{
    StoreError,
    backup::{BackupError, Origin, Reader, Summary, Writer},
};

/// Keys of refresh tokens.
pub(super) const TOKENS: &[u8] = b"v/";

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
pub enum BackUpError {
    /// The state.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file cannot be written. One that was there before is as it was.
    #[error("`{}` cannot be written: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It was written and does not read back. One that was there before is as it was.
    #[error("the backup for `{}` does not read back: {error}", path.display())]
    ReadBack {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: BackupError,
    },
    /// Nobody reads what is written.
    #[error("the backup was not read to its end: {0}")]
    Interrupted(io::Error),
}

/// A backup that was made, and read back.
#[derive(Clone, Debug)]
pub struct Kept {
    /// How many entries.
    pub entries: u64,
    /// How long the file is.
    pub bytes: u64,
    /// The SHA-256 of its lines.
    pub sha256: String,
}

impl State {
    /// Writes all of the state as it is at one moment; the state is used meanwhile. Blocks until it is written.
    ///
    /// # Errors
    /// The store's, and those of `out`.
    pub fn write_backup(&self, out: &mut impl Write, now: Timestamp) -> Result<Summary, BackUpError> {
        let Some(disk) = &self.disk else {
            return Err(BackUpError::Interrupted(io::Error::other("there is no store on disk")));
        };
        let origin = Origin { store: disk.store.store_id(), made_at: now };
        let mut writer = Writer::begin(out, &origin).map_err(BackUpError::Interrupted)?;
        disk.store.each_pair(|key, value| {
            if key.starts_with(TOKENS) {
                return Ok(());
            }
            writer.pair(key, value).map_err(BackUpError::Interrupted)
        })?;
        writer.end().map_err(BackUpError::Interrupted)
    }

    /// Makes a backup, where no daemon runs. What is stored is counted first: a backup of a damaged state would
    /// silently lack something.
    ///
    /// # Errors
    /// The state is refused, or the file cannot be written.
    pub async fn back_up(&self, mut file: Unfinished, now: Timestamp) -> Result<Kept, BackUpError> {
        self.verification.wait().await?;
        self.write_backup(&mut file, now).map_err(|error| match error {
            BackUpError::Interrupted(source) => BackUpError::Write { path: file.path.clone(), source },
            other => other,
        })?;
        file.finish()
    }
}

/// A backup that is being written: for its owner alone (0600), beside its place, and gone again unless it is finished.
pub struct Unfinished {
    path: PathBuf,
    folder: PathBuf,
    beside: PathBuf,
    out: BufWriter<File>,
}

impl Unfinished {
    /// Begins a backup that is to stand at `path`.
    ///
    /// # Errors
    /// The file cannot be made there.
    pub fn begin(path: &Path) -> Result<Self, BackUpError> {
        let failed = |source| BackUpError::Write { path: path.to_owned(), source };
        let name = path.file_name().ok_or_else(|| failed(io::Error::other("it is no name of a file")))?;
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        if path.is_dir() {
            return Err(failed(io::ErrorKind::IsADirectory.into()));
        }
        let beside = folder.join(format!("{}.{}.unfinished", name.to_string_lossy(), std::process::id()));
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(true).mode(0o600).open(&beside);
        let out = BufWriter::with_capacity(1 << 20, file.map_err(failed)?);
        Ok(Self { path: path.to_owned(), folder: folder.to_owned(), beside, out })
    }

    /// Syncs it, reads it back to its end, and only then puts it in its place.
    ///
    /// # Errors
    /// It cannot be written, or does not read back. A file that was in its place is as it was.
    pub fn finish(mut self) -> Result<Kept, BackUpError> {
        let path = self.path.clone();
        let failed = |source| BackUpError::Write { path: path.clone(), source };
        self.out.flush().map_err(failed)?;
        let file = self.out.get_ref();
        file.sync_all().map_err(failed)?;
        let bytes = file.metadata().map_err(failed)?.len();
        let input = BufReader::with_capacity(1 << 20, File::open(&self.beside).map_err(failed)?);
        let read_back = Reader::open(input).and_then(Reader::check);
        let summary = read_back.map_err(|error| BackUpError::ReadBack { path: path.clone(), error })?;
        fs::rename(&self.beside, &path).and_then(|()| sync_folder(&self.folder)).map_err(failed)?;
        Ok(Kept { entries: summary.pairs, bytes, sha256: summary.sha256 })
    }
}

impl Write for Unfinished {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Once it is in its place, nothing is left here.
        let _ = fs::remove_file(&self.beside);
    }
}
