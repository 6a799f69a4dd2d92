//! A backup: every pair of a store as lines of JSON, whatever store they came from.
//!
//! ```text
//! {"hymnal":"backup","format":1,"store":"0195…","made_at":"2026-11-23T10:11:12Z","version":"0.1.0","sum":"3f2a90c1"}
//! {"key":"AWUB…","bytes":"EQAA…","sum":"77b0e1d2"}
//! …
//! {"end":true,"pairs":48211,"sha256":"9f86…","sum":"5d41402a"}
//! ```
//!
//! Keys and values are in base64. `sum` is a CRC-32 of all lines up to here, each without its own sum: so the first
//! line that is damaged, missing, doubled or out of place is the one that is named. The last line says that nothing
//! is missing behind it, and has the SHA-256 of all lines before it.

use std::io::{self, BufRead, Read, Write};

use aws_lc_rs::digest::{Context, SHA256};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use hymnal_sdk::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{format::hexadecimal, kv::KeyValue};

/// The form of the lines, and the newest that this Hymnal reads.
const FORMAT: u32 = 1;

/// The longest value is 256 MiB, four thirds of that in base64.
const LONGEST_LINE: u64 = 400 << 20;
/// What is no backup need not have lines at all.
const LONGEST_HEADER: u64 = 64 << 10;

/// Where a backup comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The store.
    pub store: Uuid,
    /// When it was as the backup has it.
    pub made_at: Timestamp,
}

/// What a backup holds, for comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// How many pairs.
    pub pairs: u64,
    /// The SHA-256 of its lines, in hexadecimal.
    pub sha256: String,
}

/// Why a backup cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// It is not as it was written.
    #[error("line {line} is damaged: {reason}")]
    Damaged {
        /// The first line that is damaged.
        line: u64,
        /// What is wrong.
        reason: String,
    },
    /// It is something else, or of a later Hymnal.
    #[error("{0}")]
    Foreign(String),
    /// The disk.
    #[error(transparent)]
    Io(#[from] io::Error),
}

#[derive(Serialize, Deserialize)]
struct HeaderLine {
    hymnal: String,
    format: u32,
    store: Uuid,
    made_at: Timestamp,
    version: String,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Pair { key: String, bytes: String },
    End { end: bool, pairs: u64, sha256: String },
}

/// Writes a backup, line by line.
pub struct Writer<W> {
    out: W,
    sums: Sums,
    pairs: u64,
}

impl<W: Write> Writer<W> {
    /// Begins one.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn begin(out: W, origin: &Origin) -> io::Result<Self> {
        let mut writer = Self { out, sums: Sums::new(), pairs: 0 };
        writer.line(&HeaderLine {
            hymnal: "backup".to_owned(),
            format: FORMAT,
            store: origin.store,
            made_at: origin.made_at,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        })?;
        Ok(writer)
    }

    /// The next pair.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn pair(&mut self, key: &[u8], value: &[u8]) -> io::Result<()> {
        self.pairs += 1;
        self.line(&Line::Pair { key: BASE64.encode(key), bytes: BASE64.encode(value) })
    }

    /// Says that this is all of it.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn end(mut self) -> io::Result<Summary> {
        let summary = Summary { pairs: self.pairs, sha256: hexadecimal(self.sums.sha.clone().finish().as_ref()) };
        self.line(&Line::End { end: true, pairs: summary.pairs, sha256: summary.sha256.clone() })?;
        self.out.flush()?;
        Ok(summary)
    }

    fn line(&mut self, content: &impl Serialize) -> io::Result<()> {
        let text = serde_json::to_string(content)?;
        let content = text.strip_suffix('}').unwrap_or(&text);
        let sum = self.sums.add(content);
        writeln!(self.out, r#"{content},"sum":"{sum:08x}"}}"#)
    }
}

/// Reads a backup, and believes no line whose sum is wrong.
pub struct Reader<R> {
    input: R,
    sums: Sums,
    line: u64,
    pairs: u64,
    /// Once the end was found.
    end: Option<Summary>,
    /// Where it comes from.
    pub origin: Origin,
}

impl<R: BufRead> Reader<R> {
    /// Reads the first line.
    ///
    /// # Errors
    /// It is no backup, is newer, or is damaged in the first line.
    pub fn open(input: R) -> Result<Self, BackupError> {
        let origin = Origin { store: Uuid::nil(), made_at: Timestamp::UNIX_EPOCH };
        let mut reader = Self { input, sums: Sums::new(), line: 0, pairs: 0, end: None, origin };
        let raw = reader.raw(LONGEST_HEADER)?;
        if !raw.starts_with(br#"{"hymnal":"backup""#) {
            return Err(BackupError::Foreign("it is no backup of Hymnal: its first line does not say so".to_owned()));
        }
        // Before its sum: a later form may be summed otherwise.
        let format =
            serde_json::from_slice::<serde_json::Value>(&raw).ok().and_then(|header| header["format"].as_u64());
        if format.is_some_and(|format| format > u64::from(FORMAT)) {
            let message = "a later Hymnal wrote it. Restore it with that one, or a later one";
            return Err(BackupError::Foreign(message.to_owned()));
        }
        let header: HeaderLine = reader.checked(&raw)?;
        reader.origin = Origin { store: header.store, made_at: header.made_at };
        Ok(reader)
    }

    /// The next pair; `None` after the last one, once the end was found whole.
    ///
    /// # Errors
    /// The line is damaged, or the end is missing.
    pub fn next_pair(&mut self) -> Result<Option<KeyValue>, BackupError> {
        let before = self.sums.sha.clone();
        let raw = self.raw(LONGEST_LINE)?;
        if raw.is_empty() {
            return Err(self.damaged("the file ends before the backup does"));
        }
        match self.checked(&raw)? {
            Line::Pair { key, bytes } => {
                let key = BASE64.decode(key).map_err(|error| self.damaged(error.to_string()))?;
                let value = BASE64.decode(bytes).map_err(|error| self.damaged(error.to_string()))?;
                self.pairs += 1;
                Ok(Some((key, value)))
            }
            Line::End { pairs, sha256: said, .. } => {
                let found = Summary { pairs: self.pairs, sha256: hexadecimal(before.finish().as_ref()) };
                if (pairs, &said) != (found.pairs, &found.sha256) {
                    return Err(self.damaged("it sums up other lines than those before it"));
                }
                if !self.raw(LONGEST_HEADER)?.is_empty() {
                    return Err(self.damaged("there is more behind the end of the backup"));
                }
                self.end = Some(found);
                Ok(None)
            }
        }
    }

    /// Reads to the end, and sums up.
    ///
    /// # Errors
    /// As [`Reader::next_pair`].
    pub fn check(mut self) -> Result<Summary, BackupError> {
        loop {
            if self.next_pair()?.is_none()
                && let Some(end) = self.end.take()
            {
                return Ok(end);
            }
        }
    }

    fn raw(&mut self, longest: u64) -> Result<Vec<u8>, BackupError> {
        let mut raw = Vec::new();
        self.line += 1;
        (&mut self.input).take(longest).read_until(b'\n', &mut raw)?;
        Ok(raw)
    }

    fn checked<'a, T: Deserialize<'a>>(&mut self, raw: &'a [u8]) -> Result<T, BackupError> {
        const SUM: usize = r#","sum":"01234567"}"#.len();
        let text = std::str::from_utf8(raw).map_err(|_| self.damaged("it is no text"))?;
        let line = text.strip_suffix('\n').ok_or_else(|| self.damaged("it is cut off"))?;
        let parts = line.len().checked_sub(SUM).and_then(|at| line.split_at_checked(at));
        let (content, said) = parts.ok_or_else(|| self.damaged("it has no sum"))?;
        let sum = self.sums.add(content);
        if said != format!(r#","sum":"{sum:08x}"}}"#) {
            return Err(self.damaged("its sum is wrong, or a line before it is missing"));
        }
        serde_json::from_str(line).map_err(|error| self.damaged(error.to_string()))
    }

    fn damaged(&self, reason: impl Into<String>) -> BackupError {
        BackupError::Damaged { line: self.line, reason: reason.into() }
    }
}

/// Of all lines up to here.
struct Sums {
    crc: crc32fast::Hasher,
    sha: Context,
}

impl Sums {
    fn new() -> Self {
        Self { crc: crc32fast::Hasher::new(), sha: Context::new(&SHA256) }
    }

    fn add(&mut self, content: &str) -> u32 {
        self.crc.update(content.as_bytes());
        self.sha.update(content.as_bytes());
        self.crc.clone().finalize()
    }
}
