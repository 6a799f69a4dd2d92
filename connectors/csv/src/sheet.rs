//! One file, read and written as a whole.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use hymnal_sdk::{Error, Kind, Result};

use crate::settings::Settings;

/// What is in one file.
#[derive(Clone, Debug)]
pub(crate) struct Sheet {
    path: PathBuf,
    stamp: Stamp,
    delimiter: u8,
    marked: bool,
    crlf: bool,
    id: usize,
    pub(crate) header: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
    by_id: HashMap<String, usize>,
}

/// What tells two states of a file apart.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    file: (u64, i64, i64, u64),
    content: u32,
}

const MARK: &[u8] = b"\xef\xbb\xbf";

impl Sheet {
    /// Reads a file. Lines without an id, and those whose id another line has, cannot be told apart: they are left
    /// alone where they stand, and warned of.
    pub(crate) fn read(path: &Path, settings: &Settings) -> Result<Self> {
        let shown = path.display();
        let unreadable = |error: io::Error| {
            let kind = if error.kind() == io::ErrorKind::NotFound { Kind::Fatal } else { Kind::Transient };
            Error::new(kind, "file", format!("`{shown}` cannot be read: {error}"))
        };
        let file = identity(path).map_err(unreadable)?;
        let bytes = fs::read(path).map_err(unreadable)?;
        let marked = bytes.starts_with(MARK);
        let text = std::str::from_utf8(if marked { &bytes[MARK.len()..] } else { &bytes }).map_err(|error| {
            let line = String::from_utf8_lossy(&bytes[..error.valid_up_to()]).lines().count().max(1);
            bad(format!("`{shown}` is not UTF-8 in line {line}")).hint("save it as UTF-8: in Excel, \"CSV UTF-8\"")
        })?;
        let first_line = text.lines().next().unwrap_or_default();
        let crlf = text.get(first_line.len()..).is_some_and(|rest| rest.starts_with("\r\n"));
        let mut reader = csv::ReaderBuilder::new().delimiter(settings.delimiter).from_reader(text.as_bytes());
        let header: Vec<String> = match reader.headers() {
            Ok(header) => header.iter().map(|name| name.trim().to_owned()).collect(),
            Err(error) => return Err(bad(format!("`{shown}` has no header line: {error}"))),
        };
        let twice = header.iter().enumerate().find(|(at, name)| header[..*at].contains(name));
        if let Some((_, name)) = twice {
            return Err(bad(format!("`{shown}` has two columns `{name}`")).hint("give each column a name of its own"));
        }
        let Some(id) = header.iter().position(|name| *name == settings.id) else {
            let hint = format!("it has: {}; say by `id` which of them it is", header.join(", "));
            return Err(bad(format!("`{shown}` has no column `{}`", settings.id)).hint(hint));
        };
        let mut rows = Vec::new();
        for record in reader.records() {
            let record = record.map_err(|error| {
                bad(format!("`{shown}` does not read: {error}")).hint("each line needs as many values as the header")
            })?;
            rows.push(record.iter().map(str::to_owned).collect());
        }
        let stamp = Stamp { file, content: crc32fast::hash(&bytes) };
        let (delimiter, by_id) = (settings.delimiter, HashMap::new());
        let path = path.to_owned();
        let mut sheet = Self { path, stamp, delimiter, marked, crlf, id, header, rows, by_id };
        sheet.index();
        Ok(sheet)
    }

    /// The file is as it was when this was read.
    pub(crate) fn is_current(&self) -> bool {
        identity(&self.path).is_ok_and(|file| file == self.stamp.file)
    }

    /// Stands for the whole content.
    pub(crate) fn print(&self) -> String {
        format!("{:08x}-{}", self.stamp.content, self.rows.len())
    }

    pub(crate) fn column(&self, name: &str) -> Option<usize> {
        self.header.iter().position(|known| known == name)
    }

    pub(crate) fn row(&self, id: &str) -> Option<&Vec<String>> {
        self.by_id.get(id).map(|at| &self.rows[*at])
    }

    /// The row of an id, to be changed.
    pub(crate) fn row_mut(&mut self, id: &str) -> Option<&mut Vec<String>> {
        self.by_id.get(id).map(|at| &mut self.rows[*at])
    }

    /// Rows with an id of their own, in the file's order.
    pub(crate) fn records(&self) -> impl Iterator<Item = (&str, &Vec<String>)> {
        let own = |(at, row): &(usize, &Vec<String>)| self.by_id.get(&row[self.id]) == Some(at);
        self.rows.iter().enumerate().filter(own).map(|(_, row)| (row[self.id].as_str(), row))
    }

    /// Adds a row under a new id and answers it: the next number where all ids are numbers.
    pub(crate) fn add(&mut self, mut row: Vec<String>) -> String {
        let numbers: Option<Vec<u64>> = self.by_id.keys().map(|id| id.parse().ok()).collect();
        let id = if let Some(numbers) = numbers {
            (numbers.into_iter().max().unwrap_or(0) + 1).to_string()
        } else {
            // One of so many names is free.
            let names = (0..=self.by_id.len()).map(|number| format!("h-{}", self.rows.len() + 1 + number));
            names.into_iter().find(|name| !self.by_id.contains_key(name)).unwrap_or_default()
        };
        row.resize(self.header.len(), String::new());
        row[self.id].clone_from(&id);
        self.by_id.insert(id.clone(), self.rows.len());
        self.rows.push(row);
        id
    }

    pub(crate) fn remove(&mut self, id: &str) -> bool {
        let Some(at) = self.by_id.get(id).copied() else { return false };
        self.rows.remove(at);
        self.index();
        true
    }

    /// Writes the file anew, unless it was changed since it was read. `Ok(false)`: it was.
    pub(crate) fn write(&self) -> io::Result<bool> {
        let mut bytes = if self.marked { MARK.to_vec() } else { Vec::new() };
        let terminator = if self.crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
        let mut writer =
            csv::WriterBuilder::new().delimiter(self.delimiter).terminator(terminator).from_writer(&mut bytes);
        writer.write_record(&self.header)?;
        for row in &self.rows {
            writer.write_record(row)?;
        }
        writer.flush()?;
        drop(writer);
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let beside = self.path.with_file_name(format!(".{name}.hymnal"));
        let mut file = File::create(&beside)?;
        file.set_permissions(fs::Permissions::from_mode(fs::metadata(&self.path)?.permissions().mode()))?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        if !self.is_current() {
            fs::remove_file(&beside)?;
            return Ok(false);
        }
        fs::rename(&beside, &self.path)?;
        if let Some(folder) = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            File::open(folder)?.sync_all()?;
        }
        Ok(true)
    }

    fn index(&mut self) {
        self.by_id.clear();
        let mut unusable = Vec::new();
        for (at, row) in self.rows.iter().enumerate() {
            let id = &row[self.id];
            if id.trim().is_empty() || self.by_id.contains_key(id) {
                unusable.push(at + 2);
            } else {
                self.by_id.insert(id.clone(), at);
            }
        }
        if !unusable.is_empty() {
            unusable.truncate(5);
            tracing::warn!(file = %self.path.display(), lines = ?unusable, "Lines without an id of their own are left alone");
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, i64, i64, u64)> {
    let metadata = fs::metadata(path)?;
    Ok((metadata.ino(), metadata.mtime(), metadata.mtime_nsec(), metadata.len()))
}

fn bad(message: String) -> Error {
    Error::new(Kind::Transient, "file", message)
}
