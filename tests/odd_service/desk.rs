//! A guest book with an interface as odd as some that are in use. It knows nothing of Hymnal.
//!
//! Every answer has status 200, and says `"ok": false` with a reason where it means no. Lists are keyed by id. A new guest is
//! named in a header. Changes are forms. A struck guest stays, with `"struck": "yes"`. Times have no zone.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use jiff::Timestamp;

/// One line of the book.
#[derive(Clone, Debug, Default)]
struct Guest {
    fields: BTreeMap<String, String>,
    changed: String,
    is_struck: bool,
}

#[derive(Debug, Default)]
struct Book {
    guests: BTreeMap<u64, Guest>,
    writes: usize,
}

/// The service: it answers as long as the program runs.
#[derive(Clone)]
pub(crate) struct Desk {
    book: Arc<Mutex<Book>>,
    pub(crate) url: String,
}

/// An answer: a header of its own, and the body.
type Answer = (Option<String>, String);

impl Desk {
    pub(crate) fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("its address"));
        let desk = Self { book: Arc::default(), url };
        let serving = desk.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let serving = serving.clone();
                thread::spawn(move || serving.serve(stream));
            }
        });
        desk
    }

    /// Addresses and names of those who are not struck.
    pub(crate) fn guests(&self) -> BTreeMap<String, String> {
        let book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        let there = book.guests.values().filter(|guest| !guest.is_struck);
        let of = |guest: &Guest, name: &str| guest.fields.get(name).cloned().unwrap_or_default();
        there.map(|guest| (of(guest, "E-MAIL"), of(guest, "CALLED"))).collect()
    }

    /// How many requests changed something.
    pub(crate) fn writes(&self) -> usize {
        self.book.lock().unwrap_or_else(PoisonError::into_inner).writes
    }

    /// What somebody at the desk does.
    pub(crate) fn write_down(&self, email: &str, name: &str) {
        let fields = BTreeMap::from([("E-MAIL".to_owned(), email.to_owned()), ("CALLED".to_owned(), name.to_owned())]);
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        let known = book.guests.iter().find(|(_, guest)| guest.fields.get("E-MAIL").is_some_and(|it| it == email));
        let id = known.map_or_else(|| book.next_id(), |(id, _)| *id);
        book.set(id, fields);
    }

    fn serve(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream);
        // One connection, one request: it knows no other way.
        let Some((method, target, key, body)) = read(&mut reader) else { return };
        let (header, body) = if key == "desk-key" { self.answer(&method, &target, &body) } else { no("who-are-you") };
        let header = header.map(|header| format!("{header}\r\n")).unwrap_or_default();
        let length = body.len();
        let text = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n{header}Content-Length: {length}\r\n\r\n{body}"
        );
        // A client that went away wants no answer.
        let _ = reader.get_mut().write_all(text.as_bytes());
    }

    fn answer(&self, method: &str, target: &str, body: &str) -> Answer {
        let url = url::Url::parse(&format!("http://desk{target}")).expect("a target");
        let query: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
        let path: Vec<&str> = url.path().trim_matches('/').split('/').collect();
        let form: BTreeMap<String, String> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        let id = |text: &str| text.strip_prefix("g-").and_then(|id| id.parse::<u64>().ok());
        match (method, path.as_slice()) {
            ("GET", ["desk"]) => (None, r#"{"ok":true,"desk":{"called":"Front desk","number":"D7"}}"#.to_owned()),
            ("GET", ["guests"]) => (None, book.sheet(&query)),
            ("POST", ["guests"]) => {
                let id = book.next_id();
                book.set(id, form);
                (Some(format!("X-Written: /guests/g-{id}")), r#"{"ok":true}"#.to_owned())
            }
            (_, ["guests", name]) => match id(name).filter(|id| book.guests.contains_key(id)) {
                Some(id) if method == "GET" => {
                    (None, format!(r#"{{"ok":true,"guest":{}}}"#, book.guests[&id].json(id)))
                }
                Some(id) if method == "POST" => {
                    book.set(id, form);
                    (None, r#"{"ok":true}"#.to_owned())
                }
                Some(id) if method == "DELETE" => {
                    book.set(id, BTreeMap::new());
                    book.guests.entry(id).and_modify(|guest| guest.is_struck = true);
                    (None, r#"{"ok":true}"#.to_owned())
                }
                _ => no("no-such-guest"),
            },
            _ => no("no-such-sheet"),
        }
    }
}

impl Book {
    fn next_id(&self) -> u64 {
        self.guests.keys().max().map_or(1, |id| id + 1)
    }

    fn set(&mut self, id: u64, fields: BTreeMap<String, String>) {
        self.writes += 1;
        let guest = self.guests.entry(id).or_default();
        guest.fields.extend(fields);
        #[expect(clippy::disallowed_methods, reason = "the service has a clock of its own")]
        let now = Timestamp::now();
        guest.changed = now.strftime("%Y-%m-%d %H:%M:%S").to_string();
    }

    /// A sheet of the book: `since` is exclusive, sheets are counted from 0.
    fn sheet(&self, query: &BTreeMap<String, String>) -> String {
        let number = |name: &str, default: usize| query.get(name).and_then(|it| it.parse().ok()).unwrap_or(default);
        let (sheet, lines) = (number("sheet", 0), number("lines", 10).clamp(1, 50));
        let fits = |guest: &Guest| {
            query.get("since").is_none_or(|since| guest.changed > *since)
                && query
                    .get("mail")
                    .is_none_or(|mail| guest.fields.get("E-MAIL").is_some_and(|it| it.eq_ignore_ascii_case(mail)))
        };
        let mut guests = String::new();
        for (id, guest) in self.guests.iter().filter(|(_, guest)| fits(guest)).skip(sheet * lines).take(lines) {
            let comma = if guests.is_empty() { "" } else { "," };
            let _ = write!(guests, r#"{comma}"g-{id}":{}"#, guest.json(*id));
        }
        format!(r#"{{"ok":true,"guests":{{{guests}}}}}"#)
    }
}

impl Guest {
    fn json(&self, id: u64) -> String {
        let mut entries = vec![("number".to_owned(), format!("g-{id}")), ("changed".to_owned(), self.changed.clone())];
        entries.push(("struck".to_owned(), if self.is_struck { "yes" } else { "no" }.to_owned()));
        entries.extend(self.fields.clone());
        let object: serde_json::Map<String, serde_json::Value> =
            entries.into_iter().map(|(name, value)| (name, serde_json::Value::String(value))).collect();
        serde_json::Value::Object(object).to_string()
    }
}

fn no(why: &str) -> Answer {
    (None, format!(r#"{{"ok":false,"why":"{why}"}}"#))
}

/// Method, target, key and body of a request.
fn read(reader: &mut BufReader<TcpStream>) -> Option<(String, String, String, String)> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, target) = (words.next()?, words.next()?);
    let (mut key, mut length) = (String::new(), 0);
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "x-desk-key" => value.trim().clone_into(&mut key),
            "content-length" => length = value.trim().parse().ok()?,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((method, target, key, String::from_utf8(body).ok()?))
}
