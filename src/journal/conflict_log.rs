//! `conflicts.jsonl`: one JSON object a line, appended and synced before the writes that it permits.

use std::{
    collections::BTreeSet,
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{
    entry::LogLine,
    line::{Mask, render},
};
use crate::{merge::SyncRules, store::StoreError};

/// When a file has this many bytes, the next line starts a new one.
const ROTATE_AT: u64 = 64 * 1024 * 1024;
/// Older files that are kept: `conflicts.jsonl.1` is the youngest.
const KEPT: u32 = 20;
/// How much of the end of the file is read at start.
const TAIL: u64 = 4 * 1024 * 1024;

/// The conflict log file.
#[derive(Debug)]
pub struct ConflictLog {
    path: PathBuf,
    mask: Mask,
    file: Mutex<File>,
    is_kept: bool,
}

impl ConflictLog {
    /// Opens the log, or makes it (mode 0640: it holds customers' values). Half a line at its end, left by a crash, is
    /// cut off: the store still has the whole of it, and [`ConflictLog::complete`] appends it again.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn open(path: &Path, mask: Mask) -> Result<Self, StoreError> {
        let mut file = open(path).map_err(|source| failed(path, source))?;
        cut_half_line(&mut file).map_err(|source| failed(path, source))?;
        Ok(Self { path: path.to_owned(), mask, file: Mutex::new(file), is_kept: true })
    }

    /// A log that keeps nothing, for plans: what they decide is decided again by the run.
    ///
    /// # Errors
    /// There is no `/dev/null`.
    pub fn nowhere() -> Result<Self, StoreError> {
        let path = Path::new("/dev/null");
        let file = open(path).map_err(|source| failed(path, source))?;
        Ok(Self { path: path.to_owned(), mask: Mask::Off, file: Mutex::new(file), is_kept: false })
    }

    /// Appends lines, durably.
    ///
    /// # Errors
    /// The file cannot be written: what the lines permit must not be done.
    pub fn append(&self, rules: &SyncRules, lines: &[LogLine]) -> Result<(), StoreError> {
        if lines.is_empty() || !self.is_kept {
            return Ok(());
        }
        let mut text = String::new();
        for line in lines {
            text.push_str(&render(line, rules, self.mask).to_string());
            text.push('\n');
        }
        let mut file = self.lock();
        self.rotate(&mut file).map_err(|source| failed(&self.path, source))?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_data()).map_err(|source| failed(&self.path, source))
    }

    /// Appends those of `lines` that are not at the end of the file: a crash may have come between the commit and the
    /// append.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn complete(&self, rules: &SyncRules, lines: &[LogLine]) -> Result<(), StoreError> {
        if lines.is_empty() || !self.is_kept {
            return Ok(());
        }
        let known = self.known(&rules.name).map_err(|source| failed(&self.path, source))?;
        let is_missing = |line: &&LogLine| !known.contains(&(line.number, line.cycle.to_string()));
        let missing: Vec<LogLine> = lines.iter().filter(is_missing).cloned().collect();
        self.append(rules, &missing)
    }

    /// Cuts the lines out that are meant, of this file and of the older ones beside it. Each is written anew under
    /// another name and takes the place of the old one, so that a crash leaves one or the other, whole.
    ///
    /// # Errors
    /// A file cannot be read or written.
    pub fn erase(&self, is_meant: impl Fn(&serde_json::Value) -> bool) -> Result<(), StoreError> {
        let mut file = self.lock();
        let numbered = (1..=KEPT).map(|number| PathBuf::from(format!("{}.{number}", self.path.display())));
        for path in std::iter::once(self.path.clone()).chain(numbered) {
            cut_lines(&path, &is_meant).map_err(|source| failed(&path, source))?;
        }
        *file = open(&self.path).map_err(|source| failed(&self.path, source))?;
        Ok(())
    }

    /// This sync's lines at the end of the file: their numbers and cycles. Numbers alone do not tell them apart: after a
    /// backup was restored they are given once more.
    fn known(&self, sync: &str) -> std::io::Result<BTreeSet<(u64, String)>> {
        let mut file = self.lock();
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
        let mut tail = Vec::new();
        file.read_to_end(&mut tail)?;
        let number = |line: &str| {
            let line: serde_json::Value = serde_json::from_str(line).ok()?;
            let cycle = line.get("cycle")?.as_str()?.to_owned();
            (line.get("sync")?.as_str()? == sync).then(|| Some((line.get("number")?.as_u64()?, cycle)))?
        };
        Ok(String::from_utf8_lossy(&tail).lines().filter_map(number).collect())
    }

    fn rotate(&self, file: &mut File) -> std::io::Result<()> {
        let is_full = file.metadata()?.len() >= ROTATE_AT;
        // Somebody else (logrotate) may have moved the file away: follow the name.
        let was_moved = !self.path.exists();
        if !is_full && !was_moved {
            return Ok(());
        }
        if is_full && !was_moved {
            let numbered = |number: u32| PathBuf::from(format!("{}.{number}", self.path.display()));
            for number in (1..KEPT).rev() {
                if numbered(number).exists() {
                    std::fs::rename(numbered(number), numbered(number + 1))?;
                }
            }
            std::fs::rename(&self.path, numbered(1))?;
        }
        *file = open(&self.path)?;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, File> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn cut_lines(path: &Path, is_meant: impl Fn(&serde_json::Value) -> bool) -> std::io::Result<()> {
    // `/dev/null`, where a check or a plan logs to, has nothing to be cut.
    if !path.metadata().is_ok_and(|found| found.is_file()) {
        return Ok(());
    }
    let parsed = |line: &str| serde_json::from_str::<serde_json::Value>(line).ok();
    let is_kept = |line: &str| !parsed(line).is_some_and(|line| is_meant(&line));
    let reader = BufReader::new(File::open(path)?);
    let mut has_any = false;
    for line in reader.lines() {
        has_any |= !is_kept(&line?);
    }
    if !has_any {
        return Ok(());
    }
    let draft = PathBuf::from(format!("{}.erasing", path.display()));
    let mut new = BufWriter::new(OpenOptions::new().write(true).create(true).truncate(true).mode(0o640).open(&draft)?);
    for line in BufReader::new(File::open(path)?).lines() {
        let line = line?;
        if is_kept(&line) {
            new.write_all(line.as_bytes())?;
            new.write_all(b"\n")?;
        }
    }
    new.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
    std::fs::rename(&draft, path)?;
    File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()
}

fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).append(true).create(true).mode(0o640).open(path)
}

fn cut_half_line(file: &mut File) -> std::io::Result<()> {
    let length = file.metadata()?.len();
    let start = length.saturating_sub(TAIL);
    file.seek(SeekFrom::Start(start))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    let whole = tail.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    if whole < tail.len() {
        file.set_len(start + whole as u64)?;
    }
    Ok(())
}

fn failed(path: &Path, source: std::io::Error) -> StoreError {
    if source.kind() == std::io::ErrorKind::StorageFull {
        return StoreError::Full { path: path.to_owned() };
    }
    StoreError::Io { path: path.to_owned(), source }
}
