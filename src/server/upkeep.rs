//! What is done with all of the state: backup, compaction.

use std::{
    io::{self, Write},
    sync::Arc,
    time::Duration,
};

use serde_json::json;
use tokio::{
    io::{AsyncWrite, AsyncWriteExt},
    sync::mpsc,
};

use super::request::{Answer, Refusal};
use crate::wire::{App, back_up::BackUpError, state::Disk};

/// Bytes sent at once.
const CHUNK: usize = 1 << 18;
/// Who fetches a backup and reads nothing for so long is let go: what commits overwrite meanwhile is kept in memory.
const PATIENCE: Duration = Duration::from_mins(1);

/// Sends the lines of a backup, as the state is now.
///
/// # Errors
/// The state is refused; nothing was sent then. Where it fails later the lines end without their end, which whoever
/// reads them notices.
pub async fn send_backup(app: &App, out: &mut (impl AsyncWrite + Unpin)) -> Result<(), Refusal> {
    // A backup of a damaged state would be one that silently lacks something.
    app.state.verification.wait().await?;
    disk(app)?;
    let (chunks, mut filled) = mpsc::channel(4);
    let (state, now) = (app.state.clone(), app.clock.now());
    let work = tokio::task::spawn_blocking(move || {
        let mut pipe = Pipe { chunks, chunk: Vec::with_capacity(CHUNK) };
        state.write_backup(&mut pipe, now)
    });
    while let Some(chunk) = filled.recv().await {
        let sent = tokio::time::timeout(PATIENCE, out.write_all(&chunk)).await;
        if !matches!(sent, Ok(Ok(()))) {
            break;
        }
    }
    drop(filled);
    match work.await {
        Ok(Ok(summary)) => tracing::info!(entries = summary.pairs, "A backup was made"),
        Ok(Err(BackUpError::Interrupted(_))) => tracing::warn!("A backup was not fetched to its end"),
        Ok(Err(error)) => tracing::error!(%error, "A backup could not be made"),
        Err(error) => tracing::error!(%error, "A backup could not be made"),
    }
    let _ = out.shutdown().await;
    Ok(())
}

/// Copies the state into fresh files, which take the place of the old ones. Syncs go on meanwhile.
///
/// # Errors
/// The state's: it is then as it was.
pub async fn compact(app: &App) -> Answer {
    app.state.verification.wait().await?;
    let disk = Arc::clone(disk(app)?);
    let compacted = tokio::task::spawn_blocking(move || disk.store.compact()).await;
    let compacted = compacted.map_err(|error| Refusal::new(1, format!("compacting failed: {error}"), ""))??;
    tracing::info!(before = compacted.before, after = compacted.after, "The state was compacted");
    Ok(json!({ "compacted": true, "bytes_before": compacted.before, "bytes_after": compacted.after }))
}

/// Compacts the state where it has grown to several times what is in it.
pub async fn compact_if_grown(app: Arc<App>) {
    let grown = app.state.disk.as_ref().is_some_and(|disk| disk.store.room().is_ok_and(|room| room.has_grown()));
    if grown && let Err(refusal) = compact(&app).await {
        tracing::warn!(error = refusal.message, "The state could not be compacted; it is as it was, and tried again");
    }
}

fn disk(app: &App) -> Result<&Arc<Disk>, Refusal> {
    app.state.disk.as_ref().ok_or_else(|| Refusal::new(1, "there is no state on disk", ""))
}

/// From a thread that blocks to a task that does not.
struct Pipe {
    chunks: mpsc::Sender<Vec<u8>>,
    chunk: Vec<u8>,
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.chunk.extend_from_slice(bytes);
        if self.chunk.len() >= CHUNK {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let chunk = std::mem::replace(&mut self.chunk, Vec::with_capacity(CHUNK));
        self.chunks.blocking_send(chunk).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}
