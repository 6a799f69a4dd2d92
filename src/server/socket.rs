//! The control socket of a running daemon: one JSON request a connection, one JSON answer.

use std::{
    fs::File,
    io,
    os::{fd::AsRawFd, unix::fs::PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
};

use super::request::{Answer, Refusal, Request};

/// A request is short.
const LONGEST_REQUEST: u64 = 64 * 1024;
/// Who connects and says nothing is let go after this time.
const PATIENCE: Duration = Duration::from_secs(10);

/// The name of the socket in a state directory.
pub fn path(state_dir: &Path) -> PathBuf {
    state_dir.join("hymnal.sock")
}

/// Binds the socket, for its owner alone. A socket left by a process that is gone is replaced: who holds the store's
/// lock is the one daemon there is.
///
/// # Errors
/// The directory cannot be written.
pub fn bind(state_dir: &Path) -> io::Result<UnixListener> {
    let near = Near::of(state_dir)?;
    match std::fs::remove_file(&near.path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&near.path)?;
    std::fs::set_permissions(&near.path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// A way to the socket that is short enough: the address of a Unix socket holds 107 bytes (unix(7)), which a folder
/// deep in a tree exceeds. Through the open folder it is short.
struct Near {
    path: PathBuf,
    _folder: Option<File>,
}

impl Near {
    fn of(state_dir: &Path) -> io::Result<Self> {
        let path = path(state_dir);
        if path.as_os_str().len() < 100 {
            return Ok(Self { path, _folder: None });
        }
        let folder = File::open(state_dir)?;
        let path = PathBuf::from(format!("/proc/self/fd/{}/hymnal.sock", folder.as_raw_fd()));
        Ok(Self { path, _folder: Some(folder) })
    }
}

/// What goes over the socket.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Wire {
    Answer(Json),
    Refused(Refusal),
}

/// Reads the one request of a connection.
///
/// # Errors
/// It is no request, is too long, or does not come.
pub async fn receive(stream: &mut UnixStream) -> io::Result<Request> {
    let mut bytes = Vec::new();
    let mut limited = stream.take(LONGEST_REQUEST);
    tokio::time::timeout(PATIENCE, limited.read_to_end(&mut bytes)).await??;
    serde_json::from_slice(&bytes).map_err(io::Error::other)
}

/// Sends the one answer.
///
/// # Errors
/// Nobody reads it.
pub async fn reply(stream: &mut UnixStream, answer: Answer) -> io::Result<()> {
    let wire = match answer {
        Ok(json) => Wire::Answer(json),
        Err(refusal) => Wire::Refused(refusal),
    };
    stream.write_all(&serde_json::to_vec(&wire).map_err(io::Error::other)?).await?;
    stream.shutdown().await
}

/// Fetches a backup from the daemon of a state directory, into `out`; `None` where none answers there.
pub async fn fetch(state_dir: &Path, out: &mut impl io::Write) -> Option<Result<(), Refusal>> {
    let near = Near::of(state_dir).ok()?;
    let mut stream = UnixStream::connect(&near.path).await.ok()?;
    let fetched = async {
        stream.write_all(&serde_json::to_vec(&Request::Backup).map_err(io::Error::other)?).await?;
        stream.shutdown().await?;
        let mut chunk = vec![0; 1 << 16];
        let mut first = Vec::new();
        loop {
            let read = stream.read(&mut chunk).await?;
            // A refusal is one short document, and is told by how it begins.
            if first.len() < REFUSED.len() || first.starts_with(REFUSED) {
                first.extend_from_slice(&chunk[..read]);
                if read > 0 && (first.len() < REFUSED.len() || first.starts_with(REFUSED)) {
                    continue;
                }
                if let Ok(Wire::Refused(refusal)) = serde_json::from_slice(&first) {
                    return Ok(Err(refusal));
                }
                out.write_all(&first)?;
            } else {
                out.write_all(&chunk[..read])?;
            }
            if read == 0 {
                return Ok(Ok(()));
            }
        }
    };
    Some(fetched.await.unwrap_or_else(|error: io::Error| {
        Err(Refusal::new(1, format!("the backup could not be fetched from the running daemon: {error}"), "try again"))
    }))
}

/// How a refusal begins.
const REFUSED: &[u8] = br#"{"refused":"#;

/// Asks the daemon of a state directory; `None` where none answers there.
pub async fn ask(state_dir: &Path, request: &Request) -> Option<Answer> {
    let near = Near::of(state_dir).ok()?;
    let mut stream = UnixStream::connect(&near.path).await.ok()?;
    let asked = async {
        stream.write_all(&serde_json::to_vec(request).map_err(io::Error::other)?).await?;
        stream.shutdown().await?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await?;
        serde_json::from_slice::<Wire>(&bytes).map_err(io::Error::other)
    };
    Some(match asked.await {
        Ok(Wire::Answer(json)) => Ok(json),
        Ok(Wire::Refused(refusal)) => Err(refusal),
        Err(error) => Err(Refusal::new(1, format!("the running daemon did not answer: {error}"), "try again")),
    })
}
