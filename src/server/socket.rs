//! The control socket of a running daemon: one JSON request a connection, one JSON answer; before it, of some requests,
//! any number of lines.

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
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    sync::mpsc,
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
    Line(Json),
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
    write(stream, &wire).await?;
    stream.shutdown().await
}

/// Sends the lines that come before the answer, as they are made. Who does not read them is let go: whoever makes them
/// may hold up a sync.
///
/// # Errors
/// Nobody reads them.
pub async fn reply_lines(stream: &mut UnixStream, mut lines: mpsc::Receiver<Json>) -> io::Result<()> {
    while let Some(line) = lines.recv().await {
        tokio::time::timeout(PATIENCE, write(stream, &Wire::Line(line))).await??;
    }
    Ok(())
}

async fn write(stream: &mut UnixStream, wire: &Wire) -> io::Result<()> {
    let mut bytes = serde_json::to_vec(wire).map_err(io::Error::other)?;
    bytes.push(b'\n');
    stream.write_all(&bytes).await
}

/// Asks the daemon of a state directory; `None` where none answers there.
pub async fn ask(state_dir: &Path, request: &Request) -> Option<Answer> {
    ask_each(state_dir, request, |_| Ok(())).await
}

/// The same where lines come before the answer: each is given to `act`.
pub async fn ask_each(state_dir: &Path, request: &Request, act: impl FnMut(Json) -> io::Result<()>) -> Option<Answer> {
    let near = Near::of(state_dir).ok()?;
    let stream = UnixStream::connect(&near.path).await.ok()?;
    Some(match converse(stream, request, act).await {
        Ok(Ok(json)) => Ok(json),
        Ok(Err(refusal)) => Err(refusal),
        Err(error) => Err(Refusal::new(1, format!("the running daemon did not answer: {error}"), "try again")),
    })
}

async fn converse(
    mut stream: UnixStream,
    request: &Request,
    mut act: impl FnMut(Json) -> io::Result<()>,
) -> io::Result<Answer> {
    stream.write_all(&serde_json::to_vec(request).map_err(io::Error::other)?).await?;
    stream.shutdown().await?;
    let mut answers = BufReader::new(stream);
    let mut text = Vec::new();
    loop {
        text.clear();
        if answers.read_until(b'\n', &mut text).await? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        match serde_json::from_slice::<Wire>(&text).map_err(io::Error::other)? {
            Wire::Line(line) => act(line)?,
            Wire::Answer(json) => return Ok(Ok(json)),
            Wire::Refused(refusal) => return Ok(Err(refusal)),
        }
    }
}
