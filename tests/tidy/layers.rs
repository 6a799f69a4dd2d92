//! Which part of the house may use which.

use crate::source::Source;

/// What a module of the daemon may use. What stands above it in the list is never among it.
pub(crate) struct Layer {
    /// The module: `src/<name>.rs` or `src/<name>/`.
    pub(crate) name: &'static str,
    /// Modules of the daemon that it may use.
    pub(crate) uses: &'static [&'static str],
    /// Crates, and modules of `std`, that it never uses.
    pub(crate) never: &'static [&'static str],
    /// Why, as a hint.
    pub(crate) why: &'static str,
}

/// The layers of the daemon, from the top. A module with rules above `wire` may use all that is below `wire`.
pub(crate) const LAYERS: &[Layer] = &[
    Layer { name: "cli", uses: ALL, never: &["sled", "reqwest", "governor", "backoff"], why: "commands are thin" },
    Layer {
        name: "demo",
        uses: ALL,
        never: &["sled", "reqwest", "governor", "backoff"],
        why: "the demo runs what users run",
    },
    Layer {
        name: "daemon",
        uses: &["server", "wire", "cycle", "journal", "store", "config", "merge", "mapping"],
        never: &["clap", "sled", "reqwest", "governor", "backoff"],
        why: "schedule and signals; decisions are made below",
    },
    Layer {
        name: "server",
        uses: &["wire", "cycle", "journal", "store", "config", "merge", "mapping"],
        never: &["clap", "sled", "reqwest", "governor", "backoff"],
        why: "the server is thin over the functions that the commands use",
    },
    Layer {
        name: "wire",
        uses: &["config", "cycle", "journal", "http", "store", "mapping", "merge", "planted"],
        never: &["clap", "sled", "governor", "backoff"],
        why: "it puts parts together and decides nothing",
    },
    Layer {
        name: "config",
        uses: &["merge", "mapping", "http"],
        never: &["reqwest", "tokio", "axum", "std::net::TcpStream", "hymnal_sandbox", "hymnal_memory", "sled", "clap"],
        why: "a configuration is checked without a network",
    },
    Layer {
        name: "cycle",
        uses: &["merge", "mapping", "store", "journal", "planted"],
        never: &[
            "reqwest",
            "sled",
            "toml",
            "clap",
            "axum",
            "hymnal_rest",
            "hymnal_memory",
            "hymnal_sandbox",
            "std::fs",
        ],
        why: "a cycle knows connectors by their trait and the store by its seam",
    },
    Layer {
        name: "journal",
        uses: &["store", "merge", "mapping"],
        never: &["reqwest", "sled", "tokio", "axum", "hymnal_rest", "hymnal_memory", "hymnal_sandbox", "std::net"],
        why: "what was decided is written down without a network",
    },
    Layer {
        name: "http",
        uses: &["planted"],
        never: &["sled", "toml", "clap", "axum", "hymnal_rest", "hymnal_memory", "hymnal_sandbox", "std::fs"],
        why: "the layers around a transport know no service and no data",
    },
    Layer {
        name: "store",
        uses: &["merge", "mapping"],
        never: &["reqwest", "axum", "clap", "hymnal_rest", "hymnal_memory", "hymnal_sandbox", "std::net"],
        why: "a store keeps bytes and knows no service",
    },
    Layer { name: "planted", uses: &[], never: IMPURE, why: PURE },
    Layer { name: "mapping", uses: &["merge", "planted"], never: IMPURE, why: PURE },
    Layer { name: "merge", uses: &["mapping", "planted"], never: IMPURE, why: PURE },
];

const ALL: &[&str] =
    &["demo", "daemon", "server", "wire", "config", "cycle", "journal", "http", "store", "mapping", "merge", "planted"];

/// What neither waits, nor reads a clock, nor throws dice, nor iterates without order never needs.
const IMPURE: &[&str] = &[
    "tokio",
    "tokio_util",
    "futures_util",
    "futures_core",
    "reqwest",
    "sled",
    "governor",
    "backoff",
    "axum",
    "clap",
    "tracing",
    "toml",
    "hymnal_rest",
    "hymnal_memory",
    "hymnal_sandbox",
    "std::fs",
    "std::net",
    "std::env",
    "std::io",
    "std::thread",
    "std::process",
    // `std::sync` may be used: a table that is compiled once and kept changes no answer.
    "std::collections::HashMap",
    "std::collections::HashSet",
];

const PURE: &str = "it is pure: no I/O, no waiting, no clock, no chance, no log, no unordered iteration";

/// Words that the pure layers never contain.
const IMPURE_WORDS: &[&str] =
    &["async", "await", "HashMap", "HashSet", "Instant", "SystemTime", "println", "eprintln", "unsafe"];

/// What a crate among the connectors may and may not stand on.
pub(crate) struct CrateRule {
    /// The folder under `connectors/`.
    pub(crate) folder: &'static str,
    /// All that its `[dependencies]` may name; empty: anything but `never`.
    pub(crate) only: &'static [&'static str],
    /// What its `[dependencies]` never name.
    pub(crate) never: &'static [&'static str],
    /// What its source never uses.
    pub(crate) never_in_source: &'static [&'static str],
}

/// The crates under `connectors/`.
pub(crate) const CRATES: &[CrateRule] = &[
    CrateRule {
        folder: "sdk",
        only: &["bytes", "futures-core", "http", "jiff", "secrecy", "serde", "thiserror"],
        never: &[],
        never_in_source: &["std::fs", "std::env", "std::net", "std::thread", "std::time::SystemTime"],
    },
    CrateRule {
        folder: "rest",
        only: &[],
        never: &["tokio", "reqwest", "hymnal", "hymnal-memory", "hymnal-sandbox", "sled", "axum"],
        never_in_source: &["std::fs", "std::env", "std::net", "std::thread", "std::time::SystemTime"],
    },
    CrateRule {
        folder: "memory",
        only: &["hymnal-sdk"],
        never: &[],
        never_in_source: &["std::fs", "std::env", "std::net", "std::thread", "std::time::SystemTime"],
    },
    CrateRule {
        folder: "fake",
        only: &[],
        // Written after the services' documents, never after what is tried on it.
        never: &["hymnal", "hymnal-rest", "hymnal-sandbox", "tokio", "reqwest", "sled", "axum"],
        never_in_source: &["std::fs", "std::env", "std::net", "std::thread", "std::time::SystemTime"],
    },
    CrateRule {
        folder: "sandbox",
        only: &[],
        never: &["hymnal", "hymnal-rest", "reqwest", "sled"],
        never_in_source: &["std::env"],
    },
    CrateRule {
        folder: "sql",
        only: &["hymnal-sdk", "jiff", "serde", "serde_json", "sqlx", "tokio"],
        never: &[],
        never_in_source: &["std::fs", "std::env", "std::net", "std::thread", "std::time::SystemTime"],
    },
    CrateRule {
        folder: "csv",
        only: &["crc32fast", "csv", "hymnal-sdk", "tokio", "tracing"],
        never: &[],
        never_in_source: &["std::env", "std::net", "std::thread", "std::time::SystemTime"],
    },
];

/// What a file breaks of the layers.
pub(crate) fn broken(source: &Source) -> Vec<String> {
    let Some(module) = module_of(&source.path) else { return Vec::new() };
    let Some(layer) = LAYERS.iter().find(|layer| layer.name == module) else {
        return vec![format!(
            "{}: `{module}` has no layer: add it to `LAYERS` in `tests/tidy/layers.rs`, with what it may use",
            source.path
        )];
    };
    let mut broken = Vec::new();
    let at_root = source.path == format!("src/{module}.rs") || source.path == format!("src/{module}/mod.rs");
    for (first, second) in source.paths() {
        let of_daemon = first == "crate" || (first == "super" && at_root);
        let is_module = LAYERS.iter().any(|layer| layer.name == second);
        if of_daemon && is_module && second != module && !layer.uses.contains(&second.as_str()) {
            broken.push(format!("{}: `{module}` must not use `{second}`: {}", source.path, layer.why));
        }
    }
    broken.extend(
        used(source, layer.never)
            .map(|name| format!("{}: `{module}` must not use `{name}`: {}", source.path, layer.why)),
    );
    if layer.why == PURE {
        let code = source.shipped();
        let words = IMPURE_WORDS.iter().filter(|word| has_word(&code, word));
        broken.extend(words.map(|word| format!("{}: `{word}` in `{module}`: {PURE}", source.path)));
    }
    broken
}

/// What a file of a connector crate uses and must not.
pub(crate) fn broken_in_crate(source: &Source) -> Vec<String> {
    let mut parts = source.path.split('/');
    let (Some("connectors"), Some(folder)) = (parts.next(), parts.next()) else { return Vec::new() };
    let Some(rule) = CRATES.iter().find(|rule| rule.folder == folder) else {
        let hint = "add it to `CRATES` in `tests/tidy/layers.rs`, with what it may stand on";
        return vec![format!("{}: the crate `connectors/{folder}` has no rule: {hint}", source.path)];
    };
    let names = used(source, rule.never_in_source);
    names.map(|name| format!("{}: `connectors/{folder}` must not use `{name}`: it is passed in", source.path)).collect()
}

/// Which of these crates and paths a file uses in shipped code.
fn used<'a>(source: &Source, names: &'a [&'a str]) -> impl Iterator<Item = &'a str> {
    let paths = source.paths();
    let code = source.shipped();
    names.iter().copied().filter(move |name| match name.split("::").collect::<Vec<_>>().as_slice() {
        [only] => paths.iter().any(|(first, _)| first == only),
        [first, second] => paths.contains(&((*first).to_owned(), (*second).to_owned())),
        [.., last] => has_word(&code, last),
        [] => false,
    })
}

/// The top-level module of the daemon that a file belongs to.
fn module_of(path: &str) -> Option<&str> {
    let inside = path.strip_prefix("src/")?;
    let module = inside.split('/').next()?;
    let module = module.strip_suffix(".rs").unwrap_or(module);
    (!["lib", "main"].contains(&module)).then_some(module)
}

/// The word stands in the code, whole.
pub(crate) fn has_word(code: &str, word: &str) -> bool {
    let in_name = |char: char| char.is_alphanumeric() || char == '_';
    code.match_indices(word)
        .any(|(at, _)| !code[..at].ends_with(in_name) && !code[at + word.len()..].starts_with(in_name))
}

#[test]
fn each_kind_of_breach_is_named() {
    let told = |path: &str, text: &str| broken(&Source::new(path, text));
    let one = |path: &str, text: &str, part: &str| {
        let told = told(path, text);
        assert!(told.len() == 1 && told[0].contains(part), "{path}: {told:?}");
    };
    one("src/merge/a.rs", "use crate::store::Kv;", "`merge` must not use `store`");
    one("src/merge/mod.rs", "use super::cycle::X;", "`merge` must not use `cycle`");
    one("src/merge/a.rs", "use std::{fmt, fs};", "`merge` must not use `std::fs`");
    one("src/mapping/a.rs", "async fn f() {}", "`async` in `mapping`");
    one("src/cycle/a.rs", "fn f() { reqwest::get(1) }", "`cycle` must not use `reqwest`");
    one("src/store/sled.rs", "use crate::{merge::Side, wire};", "`store` must not use `wire`");
    one("src/kitchen/a.rs", "", "`kitchen` has no layer");
    assert_eq!(told("src/cycle/a.rs", "// use crate::cli;\nuse crate::merge::Side; use super::cli;"), [""; 0]);
    assert_eq!(told("src/main.rs", "use crate::anything;"), [""; 0]);
    let told = broken_in_crate(&Source::new("connectors/rest/src/a.rs", "use std::fs;"));
    assert!(told.len() == 1 && told[0].contains("must not use `std::fs`"), "{told:?}");
    let told = broken_in_crate(&Source::new("connectors/paper/src/a.rs", ""));
    assert!(told.len() == 1 && told[0].contains("has no rule"), "{told:?}");
}
