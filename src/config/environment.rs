//! What a configuration may look at outside its file: variables, secret files, the time zones of this machine.

use std::{fs, io, io::Read as _, path::Path};

use jiff::tz::TimeZone;

/// A secret file larger than this is none: the longest keys are a few kilobytes.
const LARGEST_SECRET: u64 = 64 * 1024;

/// What a configuration may look at outside its file. Tests make their own.
pub trait Environment {
    /// The environment variable of that name, where it is set and is Unicode.
    fn variable(&self, name: &str) -> Option<String>;

    /// A secret file: its bytes and who may read it.
    fn secret_file(&self, path: &Path) -> io::Result<SecretFile>;

    /// This machine knows the time zone: `Europe/Berlin`.
    fn knows_time_zone(&self, name: &str) -> bool;
}

/// A secret file as it was found.
#[derive(Clone)]
pub struct SecretFile {
    /// What is in it.
    pub bytes: Vec<u8>,
    /// The permission bits, `0o600`.
    pub mode: u32,
}

/// The environment of this process.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn secret_file(&self, path: &Path) -> io::Result<SecretFile> {
        use std::os::unix::fs::PermissionsExt as _;

        // The permissions are those of the file that is open, not of whatever has the name a moment later. A pipe is
        // taken for a mistake: reading one would wait for ever.
        let about = fs::metadata(path)?;
        if !about.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
        }
        let file = fs::File::open(path)?;
        let mode = file.metadata()?.permissions().mode() & 0o7777;
        let mut bytes = Vec::new();
        file.take(LARGEST_SECRET + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > LARGEST_SECRET {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 64 KiB"));
        }
        Ok(SecretFile { bytes, mode })
    }

    fn knows_time_zone(&self, name: &str) -> bool {
        TimeZone::get(name).is_ok()
    }
}
