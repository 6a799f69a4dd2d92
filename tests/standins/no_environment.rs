//! A machine that nothing is asked of. Shared by several suites: `#[path]` takes it in.

use std::{io, path::Path};

use hymnal::config::{Environment, SecretFile};

/// It has no variables and no files, and knows every time zone.
pub(crate) struct NoEnvironment;

impl Environment for NoEnvironment {
    fn variable(&self, _: &str) -> Option<String> {
        None
    }

    fn secret_file(&self, _: &Path) -> io::Result<SecretFile> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn knows_time_zone(&self, _: &str) -> bool {
        true
    }
}
