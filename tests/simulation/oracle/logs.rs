//! I16: nothing that people entered stands in the logs of level INFO and above.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;

use super::{Oracle, Promise};

/// What was logged in a run. A clone is the same log.
#[derive(Clone, Default)]
pub(crate) struct Logs(Arc<Mutex<Vec<u8>>>);

impl Logs {
    /// Takes what this thread logs, until the guard is dropped.
    pub(crate) fn listen(&self) -> DefaultGuard {
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_max_level(tracing::Level::INFO);
        tracing::subscriber::set_default(subscriber.with_writer(self.clone()).finish())
    }

    fn take(&self) -> String {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl io::Write for Logs {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Logs {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Oracle {
    /// Every text that people enter is a V and a number: nothing else looks like that.
    pub(crate) fn check_logs(&mut self, logs: &Logs) {
        let all = logs.take();
        let is_entered = |word: &str| {
            let number = word.strip_prefix(['V', 'v']);
            number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
        };
        // The version in a path is none.
        let leaks = |line: &&str| line.split(|c: char| !c.is_alphanumeric() && c != '/' && c != '.').any(is_entered);
        for line in all.lines().filter(leaks) {
            self.breaks(Promise::Private, format!("a log line shows what somebody entered: {line}"));
        }
    }
}
