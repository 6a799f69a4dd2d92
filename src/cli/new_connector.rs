//! `connectors new`: a first manifest, from flags and from answers on a terminal.

use std::{
    io::{BufRead, IsTerminal},
    path::Path,
};

use hymnal_rest::manifest::draft::{Draft, Login, Pages};

use super::{Exit, args::NewConnector, out::Out};

/// Writes `DIR/TYPE/manifest.toml`. It never writes over a file.
pub fn new_connector(args: &NewConnector) -> Result<u8, Exit> {
    let asks = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    let asking = Asking { asks };
    let Some(kind) = asking.text(args.kind.as_deref(), "What the type is called (a word: `example`)", "")? else {
        let hint = "`hymnal connectors new example --list /v1/contacts`; every flag: `hymnal connectors new --help`";
        return Err(Exit::new(2, "the connector type is missing", hint));
    };
    if !is_word(&kind) {
        let hint = "use small letters, digits, `_` and `-`, a letter first";
        return Err(Exit::new(2, format!("`{kind}` cannot be a connector type"), hint));
    }
    let path = args.dir.join(&kind).join("manifest.toml");
    if path.exists() {
        let hint = "choose another type or `--dir`, or remove it first";
        return Err(Exit::new(1, format!("`{}` is there already", path.display()), hint));
    }
    let text = draft(&kind, args, &asking)?.text();
    let findings = hymnal_rest::lint(&text);
    write(&path, &text)
        .map_err(|error| Exit::new(1, format!("`{}` cannot be written: {error}", path.display()), ""))?;
    Out::text(&format!(
        "Wrote {path}. Next:\n\
         1. Read it from top to bottom beside the service's documents, and correct what is a guess.\n\
         2. hymnal connectors lint {path}\n\
         3. Name the folder in hymnal.toml: connector_dirs = [\"{dir}\"], and add [connectors.NAME] with type = \"{kind}\".\n\
         4. hymnal connectors test NAME (it writes nothing), then hymnal connectors test NAME --live on a scratch account.\n",
        path = path.display(),
        dir = args.dir.display(),
    ));
    // What was typed can make a manifest that reads badly: an empty path, a place that is none.
    for finding in &findings {
        Out::error(&format!("{}:{}: {}", path.display(), finding.line, finding.message));
    }
    Ok(if findings.is_empty() { 0 } else { 78 })
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, text)
}

fn is_word(kind: &str) -> bool {
    kind.starts_with(|letter: char| letter.is_ascii_lowercase())
        && kind.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "_-".contains(letter))
}

fn draft(kind: &str, args: &NewConnector, asking: &Asking) -> Result<Draft, Exit> {
    let plain = Draft::new(kind);
    let ask = |given: &Option<String>, question: &str, default: &str| -> Result<String, Exit> {
        Ok(asking.text(given.as_deref(), question, default)?.unwrap_or_else(|| default.to_owned()))
    };
    let maybe = |given: &Option<String>, question: &str| asking.text(given.as_deref(), question, "");
    let fields = args.fields.as_ref().map(|fields| fields.join(","));
    Ok(Draft {
        title: ask(&args.title, "What people call the service", &plain.title)?,
        role: ask(&args.role, "The side it stands on: sales or marketing", &plain.role)?,
        docs: ask(&args.docs, "Where its documents begin", &plain.docs)?,
        base_url: ask(&args.base_url, "Where its API is", &plain.base_url)?,
        login: login(&ask(&args.login, "How to log in: bearer, header, basic or client_credentials", "bearer")?),
        account: maybe(&args.account, "The path that tells whose account it is (`/me`; empty: none does)")?,
        object: ask(&args.object, "What its people are called", &plain.object)?,
        list: rooted(&ask(&args.list, "The path of their list", &plain.list)?),
        records: ask(
            &args.records,
            "Where in a page the records stand (`data.items`; empty: the page is the list)",
            "",
        )?,
        record: ask(
            &args.record,
            "Where in an answer about one record it stands (`data`; empty: it is the record)",
            "",
        )?,
        pages: pages(&ask(&args.pages, "How pages follow: page, offset, cursor or next_link", "page")?),
        id: ask(&args.id, "Where a record's id stands", &plain.id)?,
        modified_at: maybe(
            &args.modified_at,
            "Where the time of its last change stands (`updated_at`; empty: nowhere)",
        )?,
        since: maybe(&args.since, "The query parameter that lists what changed since a time (empty: there is none)")?,
        find: maybe(&args.find, "The query parameter that looks an e-mail address up (empty: there is none)")?,
        fields: ask(&fields, "The fields, with commas between", &plain.fields.join(","))?
            .split(',')
            .map(|field| field.trim().to_owned())
            .filter(|field| !field.is_empty())
            .collect(),
        ..plain
    })
}

fn rooted(path: &str) -> String {
    format!("/{}", path.trim_matches('/'))
}

fn login(word: &str) -> Login {
    match word {
        "header" => Login::Header,
        "basic" => Login::Basic,
        "client_credentials" => Login::ClientCredentials,
        _ => Login::Bearer,
    }
}

fn pages(word: &str) -> Pages {
    match word {
        "offset" => Pages::Offset,
        "cursor" => Pages::Cursor,
        "next_link" => Pages::NextLink,
        _ => Pages::Page,
    }
}

/// Asks, where there is somebody to be asked.
struct Asking {
    asks: bool,
}

impl Asking {
    /// What was given, else the answer, else the default. `None` for nothing at all.
    fn text(&self, given: Option<&str>, question: &str, default: &str) -> Result<Option<String>, Exit> {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        if let Some(given) = given {
            return Ok(some(given));
        }
        if !self.asks {
            return Ok(some(default));
        }
        let shown = if default.is_empty() { String::new() } else { format!(" [{default}]") };
        Out::error(&format!("{question}{shown}:"));
        let mut answer = String::new();
        let read = std::io::stdin().lock().read_line(&mut answer);
        read.map_err(|error| Exit::new(1, format!("the answer could not be read: {error}"), ""))?;
        Ok(some(answer.trim()).or_else(|| some(default)))
    }
}
