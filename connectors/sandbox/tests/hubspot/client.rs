//! A small HTTP client: one connection a request, nothing hidden.

use std::{collections::BTreeMap, io};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

pub(crate) struct Client {
    host: String,
    token: String,
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Value,
    /// The body as it came.
    pub(crate) raw: Vec<u8>,
}

impl Client {
    pub(crate) fn new(url: &str, token: &str) -> Self {
        Self { host: url.trim_start_matches("http://").to_owned(), token: token.to_owned() }
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, None).await.unwrap()
    }

    pub(crate) async fn delete(&self, path: &str) -> Reply {
        self.send("DELETE", path, None).await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        self.send("POST", path, Some(&body.to_string())).await.unwrap()
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Reply {
        self.send("PATCH", path, Some(&body.to_string())).await.unwrap()
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: Option<&str>) -> io::Result<Reply> {
        let login =
            if self.token.is_empty() { String::new() } else { format!("Authorization: Bearer {}\r\n", self.token) };
        let kind = body.map(|body| format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len()));
        let (kind, body, host) = (kind.unwrap_or_default(), body.unwrap_or_default(), &self.host);
        let head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{login}{kind}\r\n");
        let mut stream = TcpStream::connect(&self.host).await?;
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(body.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        read(&answer).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

impl Reply {
    pub(crate) fn text(&self, pointer: &str) -> String {
        let pointer = format!("/{}", pointer.replace('.', "/"));
        self.body.pointer(&pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The ids of the results, in their order.
    pub(crate) fn ids(&self) -> Vec<String> {
        let results = self.body["results"].as_array().cloned().unwrap_or_default();
        results.iter().map(|result| result["id"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

fn read(answer: &[u8]) -> Option<Reply> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let raw = answer[end + 4..].to_vec();
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    let body = serde_json::from_slice(&raw).unwrap_or(Value::Null);
    Some(Reply { status, headers, body, raw })
}
