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
    net::{
        UnixListener, UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::mpsc,
};

use super::request::{Answer, Refusal, Request};
use crate::cycle::plan::line::Line;

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

/// What the other end of a connection says, and where it is answered.
pub fn parts(stream: UnixStream) -> (BufReader<OwnedReadHalf>, OwnedWriteHalf) {
    let (read, write) = stream.into_split();
    (BufReader::new(read), write)
}

/// Reads the one request of a connection: its first line.
///
/// # Errors
/// It is no request, is too long, or does not come.
pub async fn receive(from: &mut BufReader<OwnedReadHalf>) -> io::Result<Request> {
    let mut bytes = Vec::new();
    let mut limited = from.take(LONGEST_REQUEST);
    tokio::time::timeout(PATIENCE, limited.read_until(b'\n', &mut bytes)).await??;
    serde_json::from_slice(&bytes).map_err(io::Error::other)
}

/// Reads the lines of a plan that come after a request, until there are no more or nobody wants them.
///
/// # Errors
/// They do not read, or stop coming.
pub async fn receive_lines(from: &mut BufReader<OwnedReadHalf>, to: mpsc::Sender<Line>) -> io::Result<()> {
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        let read = tokio::time::timeout(PATIENCE, from.read_until(b'\n', &mut bytes)).await??;
        if read == 0 {
            return Ok(());
        }
        let line = serde_json::from_slice(&bytes).map_err(io::Error::other)?;
        if to.send(line).await.is_err() {
            return Ok(());
        }
    }
}

/// Sends the one answer.
///
/// # Errors
/// Nobody reads it.
pub async fn reply(stream: &mut OwnedWriteHalf, answer: Answer) -> io::Result<()> {
    let wire = match answer {
        Ok(json) => Wire::Answer(json),
        Err(refusal) => Wire::Refused(refusal),
    };
    write_line(stream, &wire).await?;
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
/// Sends the lines that come before the answer, as they are made. Who does not read them is let go: whoever makes them
/// may hold up a sync.
///
/// # Errors
/// Nobody reads them.
pub async fn reply_lines(stream: &mut OwnedWriteHalf, mut lines: mpsc::Receiver<Json>) -> io::Result<()> {
    while let Some(line) = lines.recv().await {
        tokio::time::timeout(PATIENCE, write_line(stream, &Wire::Line(line))).await??;
    }
    Ok(())
}

/// Asks the daemon of a state directory; `None` where none answers there.
pub async fn ask(state_dir: &Path, request: &Request) -> Option<Answer> {
    ask_each(state_dir, request, |_| Ok(())).await
}

/// The same where lines come before the answer: each is given to `act`.
pub async fn ask_each(state_dir: &Path, request: &Request, act: impl FnMut(Json) -> io::Result<()>) -> Option<Answer> {
    let stream = connect(state_dir).await?;
    Some(told(converse(stream, request, &mut std::iter::empty(), act).await))
}

/// The same where lines go with the request.
pub async fn ask_given(
    state_dir: &Path,
    request: &Request,
    lines: &mut dyn Iterator<Item = io::Result<Line>>,
) -> Option<Answer> {
    let stream = connect(state_dir).await?;
    Some(told(converse(stream, request, lines, |_| Ok(())).await))
}

async fn connect(state_dir: &Path) -> Option<UnixStream> {
    let near = Near::of(state_dir).ok()?;
    UnixStream::connect(&near.path).await.ok()
}

fn told(answer: io::Result<Answer>) -> Answer {
    answer.unwrap_or_else(|error| {
        Err(Refusal::new(1, format!("the running daemon did not answer: {error}"), "try again"))
    })
}

async fn converse(
    stream: UnixStream,
    request: &Request,
    lines: &mut dyn Iterator<Item = io::Result<Line>>,
    mut act: impl FnMut(Json) -> io::Result<()>,
) -> io::Result<Answer> {
    let (mut answers, mut out) = parts(stream);
    write_line(&mut out, request).await?;
    for line in lines {
        // A daemon that refuses reads no more, and its answer says why.
        if write_line(&mut out, &line?).await.is_err() {
            break;
        }
    }
    let _ = out.shutdown().await;
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

async fn write_line(out: &mut OwnedWriteHalf, line: &impl Serialize) -> io::Result<()> {
    let mut bytes = serde_json::to_vec(line).map_err(io::Error::other)?;
    bytes.push(b'\n');
    out.write_all(&bytes).await
}
