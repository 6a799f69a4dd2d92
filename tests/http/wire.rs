//! The reqwest transport against small real servers on loopback.

use std::{
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use hymnal::http::{ReqwestTransport, TransportOptions};
use hymnal_sdk::{Effect, Request, Response, Transport as _, http::TransportError};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    },
};

use crate::world::{read, write};

const CAP: usize = 1024 * 1024;

/// `{"name":"Ada"}`, compressed.
const SMALL_GZIP: &str = "1f8b0800000000000203ab56ca4bcc4d55b252724c4954aa05000572fa290e000000";

/// A piece of a compressed stream that stands for 64 KiB of zeros and can be repeated without end.
const ZEROS: &str = concat!(
    "ecc101010000008090feafee080a0000000000000000000000000000000000000000000000000000000000000000",
    "000000000000000000000000000000000000000000000000000000006a000000ffff"
);

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn transport() -> ReqwestTransport {
    let options = TransportOptions { body_cap: CAP, connect_timeout: Duration::from_secs(5), ..Default::default() };
    ReqwestTransport::new(options).unwrap()
}

async fn send(request: Request) -> Result<Response, TransportError> {
    transport().send(request, Duration::from_secs(30)).await
}

/// A server that answers each request with these bytes, whole or in pieces with pauses in between; how many came.
async fn server(pieces: Vec<Vec<u8>>, pause: Duration) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let seen = Arc::new(AtomicUsize::new(0));
    let counter = seen.clone();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let (pieces, counter) = (pieces.clone(), counter.clone());
            tokio::spawn(answer_all(socket, pieces, pause, counter));
        }
    });
    (address, seen)
}

/// Answers request after request on one connection, until one is answered with nothing: then it is closed.
async fn answer_all<S: AsyncRead + AsyncWrite + Unpin>(
    mut socket: S,
    pieces: Vec<Vec<u8>>,
    pause: Duration,
    counter: Arc<AtomicUsize>,
) {
    let mut buffer = vec![0; 16 * 1024];
    while socket.read(&mut buffer).await.is_ok_and(|read| read > 0) {
        counter.fetch_add(1, Ordering::Relaxed);
        for piece in &pieces {
            if piece.is_empty() || socket.write_all(piece).await.is_err() {
                return;
            }
            tokio::time::sleep(pause).await;
        }
    }
}

async fn answering(answer: impl Into<Vec<u8>>) -> (String, Arc<AtomicUsize>) {
    server(vec![answer.into()], Duration::ZERO).await
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let head = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\nconnection: close\r\n";
    [format!("{head}content-length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
}

#[tokio::test]
async fn an_answer_comes_whole_and_decompressed() {
    let (url, _) = answering(gzip(&bytes(SMALL_GZIP))).await;
    let answer = send(read(&format!("{url}/a"))).await.unwrap();
    assert_eq!((answer.status, &answer.body[..]), (200, &br#"{"name":"Ada"}"#[..]));
}

#[tokio::test]
async fn a_gzip_bomb_is_cut_off() {
    // A gigabyte in 1.3 MB.
    let bomb = [bytes("1f8b08000000000000ff"), bytes(ZEROS).repeat(16 * 1024)].concat();
    let (url, _) = answering(gzip(&bomb)).await;
    let error = send(write(&format!("{url}/a"))).await.unwrap_err();
    assert!(error.is_final && error.effect == Effect::Unknown, "{error:?}");
    assert!(error.message.contains("larger than 1048576 bytes"), "{error}");
}

#[tokio::test]
async fn a_body_over_the_cap_is_refused() {
    let announced = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", CAP + 1);
    let streamed = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunk = [b"10000\r\n".to_vec(), vec![b'a'; 0x10000], b"\r\n".to_vec()].concat();
    for answer in [announced.into_bytes(), [streamed.as_bytes().to_vec(), chunk.repeat(17)].concat()] {
        let (url, _) = answering(answer).await;
        let error = send(read(&format!("{url}/a"))).await.unwrap_err();
        assert!(error.is_final && error.message.contains("larger"), "{error:?}");
    }
    let whole = format!("HTTP/1.1 200 OK\r\ncontent-length: {CAP}\r\n\r\n");
    let (url, _) = answering([whole.into_bytes(), vec![b'a'; CAP]].concat()).await;
    assert_eq!(send(read(&format!("{url}/a"))).await.unwrap().body.len(), CAP);
}

#[tokio::test]
async fn a_truncated_answer_is_no_answer() {
    let (url, _) =
        server(vec![b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf".to_vec(), vec![]], Duration::ZERO).await;
    let error = send(write(&format!("{url}/a?token=secret"))).await.unwrap_err();
    assert!(!error.is_final && error.effect == Effect::Unknown, "{error:?}");
    assert!(!error.message.contains("secret"), "{error}");
}

#[tokio::test]
async fn a_byte_now_and_then_is_not_waited_for() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n".to_vec();
    let pieces = std::iter::once(head).chain((0..100).map(|_| b"a".to_vec())).collect();
    let (url, _) = server(pieces, Duration::from_millis(50)).await;
    let error = transport().send(read(&format!("{url}/a")), Duration::from_millis(200)).await.unwrap_err();
    assert!(!error.is_final && error.effect == Effect::Unknown, "{error:?}");
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_nobody_goes_there() {
    let (elsewhere, seen) = answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let redirect = format!("HTTP/1.1 307 Temporary Redirect\r\nlocation: {elsewhere}/a\r\ncontent-length: 0\r\n\r\n");
    let (url, _) = answering(redirect).await;
    assert_eq!(send(write(&format!("{url}/a"))).await.unwrap().status, 307);
    assert_eq!(seen.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn nothing_is_sent_twice() {
    for request in [read as fn(&str) -> Request, write] {
        let (url, seen) = server(vec![vec![]], Duration::ZERO).await;
        let error = send(request(&format!("{url}/a"))).await.unwrap_err();
        assert!(!error.is_final && error.effect == Effect::Unknown, "{error:?}");
        assert_eq!(seen.load(Ordering::Relaxed), 1);
    }
}

#[tokio::test]
async fn a_request_that_never_left_had_no_effect() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    // No name has a part of 64 letters: it is not even looked up.
    for url in [format!("http://{free}/a"), format!("https://{}.example/a", "a".repeat(64))] {
        let error = send(write(&url)).await.unwrap_err();
        assert!(!error.is_final && error.effect == Effect::None, "{url}: {error:?}");
    }
}

#[tokio::test]
async fn without_tls_only_this_machine_is_spoken_to() {
    for url in ["http://192.0.2.1/a", "http://api.example.com/a", "http://localhost.example.com/a", "ftp://127.0.0.1/a"]
    {
        let error = send(write(url)).await.unwrap_err();
        assert!(error.is_final && error.effect == Effect::None, "{url}: {error:?}");
    }
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_final() {
    // Made for this test; its key is no secret.
    let certificate = CertificateDer::from_pem_slice(include_bytes!("tls/self-signed.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("tls/key.pem")).unwrap();
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = Arc::new(AtomicUsize::new(0));
    let counter = seen.clone();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            if let Ok(socket) = acceptor.accept(socket).await {
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec();
                answer_all(socket, vec![answer], Duration::ZERO, counter.clone()).await;
            }
        }
    });
    let error = send(write(&format!("https://localhost:{port}/a"))).await.unwrap_err();
    assert!(error.is_final && error.effect == Effect::None, "{error:?}");
    assert_eq!(seen.load(Ordering::Relaxed), 0, "no byte of the request was sent");
}

/// Runs a test of this file again in a process whose environment names a proxy that is not there.
#[tokio::test]
async fn a_proxy_from_the_environment_is_not_used() {
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "wire::an_answer_comes_whole_and_decompressed"])
        .envs(["http_proxy", "HTTP_PROXY", "ALL_PROXY"].map(|name| (name, "http://127.0.0.1:1")))
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .output()
        .unwrap();
    assert!(status.status.success() && String::from_utf8_lossy(&status.stdout).contains("1 passed"));
}
