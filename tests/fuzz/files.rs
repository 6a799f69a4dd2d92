//! Configurations, manifests, backups, the conflict log, stored values.

use std::{collections::BTreeMap, fs, io, path::Path};

use hymnal::{
    config::{self, Config, Environment, SecretFile},
    journal::{ConflictLog, Mask, entry::LogLine},
    merge::{Entity, Id, Pair, event::ConflictEvent},
    store::{
        backup::{Origin, Reader, Writer},
        format,
    },
    wire::Manifests,
};

use crate::{
    each_seed,
    mangle::{Dice, mangle},
};

const EXAMPLE: &str = include_str!("../../config.example.toml");
const BASE: &str = include_str!("../config/base.toml");
const SEVERAL: &str = include_str!("../config/several.toml");

/// A machine on which every secret is there.
struct Machine;

impl Environment for Machine {
    fn variable(&self, name: &str) -> Option<String> {
        Some(name.to_owned())
    }

    fn secret_file(&self, path: &Path) -> io::Result<SecretFile> {
        Ok(SecretFile { bytes: path.display().to_string().into_bytes(), mode: 0o600 })
    }

    fn knows_time_zone(&self, _: &str) -> bool {
        true
    }
}

fn load(text: &str) -> Result<Config, config::Diagnostics> {
    let manifests = Manifests::load(&[]).unwrap_or_else(|_| panic!("the manifests that are built in"));
    config::load(Path::new("/etc/hymnal/hymnal.toml"), text, &manifests.catalog(), &Machine)
}

#[test]
fn a_configuration_is_taken_or_refused_with_places() {
    let mut taken = 0;
    each_seed("configuration", 400, |seed| {
        let mut dice = Dice::new(seed);
        let good = dice.pick(&[EXAMPLE, BASE, SEVERAL]);
        let bytes = mangle(good.as_bytes(), EXAMPLE.as_bytes(), &mut dice);
        let text = String::from_utf8_lossy(&bytes);
        config::connector_dirs(Path::new("/etc/hymnal/hymnal.toml"), &text);
        match load(&text) {
            Ok(_) => taken += 1,
            Err(diagnostics) => {
                let said = diagnostics.render(config::Colour::Plain);
                assert!(said.contains("error"), "{said}");
                assert!(said.contains("hymnal.toml:"), "no place: {said}");
                assert!(said.len() < 2_000_000, "{} bytes of errors", said.len());
            }
        }
    });
    println!("{taken} were taken");
}

#[test]
fn a_manifest_is_taken_or_refused_with_places() {
    each_seed("manifest", 400, |seed| {
        let mut dice = Dice::new(seed);
        let all: Vec<&str> = hymnal_rest::builtin().iter().map(|(_, text)| *text).collect();
        let (good, other) = (dice.pick(&all), dice.pick(&all));
        let bytes = mangle(good.as_bytes(), other.as_bytes(), &mut dice);
        let text = String::from_utf8_lossy(&bytes);
        let lines = text.split('\n').count();
        for finding in hymnal_rest::lint(&text) {
            assert!((1..=lines + 1).contains(&finding.line) && finding.column > 0, "{finding:?}");
            assert!(!finding.message.is_empty(), "{finding:?}");
        }
    });
}

#[test]
fn a_backup_is_read_or_refused() {
    let origin = Origin { store: uuid::Uuid::from_u128(9), made_at: hymnal_sdk::Timestamp::UNIX_EPOCH };
    let mut good = Vec::new();
    let mut writer = Writer::begin(&mut good, &origin).expect("memory");
    for number in 0..60_u8 {
        writer.pair(&[1, number], &[number; 90]).expect("memory");
    }
    writer.end().expect("memory");
    each_seed("backup", 2000, |seed| {
        let bytes = mangle(&good, EXAMPLE.as_bytes(), &mut Dice::new(seed));
        let read = Reader::open(&*bytes).and_then(Reader::check);
        assert!(read.is_err() || bytes == good);
    });
}

#[test]
fn a_stored_value_is_read_or_refused() {
    let values: BTreeMap<String, Vec<String>> =
        (0..30).map(|number| (format!("key {number}"), vec!["a value that is written again".repeat(3); 3])).collect();
    let good = format::seal(&values);
    each_seed("value", 3000, |seed| {
        let bytes = mangle(&good, &good, &mut Dice::new(seed));
        let read: Result<BTreeMap<String, Vec<String>>, _> = format::open(b"key", &bytes);
        assert!(read.is_err() || bytes == good, "a damaged value is read");
        assert!(format::open::<Entity>(b"key", &bytes).is_err());
    });
}

#[test]
fn a_conflict_log_is_completed_whatever_stands_in_it() {
    let config = load(EXAMPLE).unwrap_or_else(|wrong| panic!("{}", wrong.render(config::Colour::Plain)));
    let rules = &config.syncs[0];
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("conflicts.jsonl");
    let lines: Vec<LogLine> = (1..=4).map(line).collect();
    let log = ConflictLog::open(&path, Mask::Off).expect("a log");
    log.append(rules, &lines).expect("it is written");
    drop(log);
    let good = fs::read(&path).expect("the log");
    each_seed("conflict log", 600, |seed| {
        let bytes = mangle(&good, EXAMPLE.as_bytes(), &mut Dice::new(seed));
        fs::write(&path, &bytes).expect("a log");
        let log = ConflictLog::open(&path, Mask::Off).expect("it opens");
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        assert_eq!(fs::read(&path).expect("the log"), bytes[..whole], "only half a line is cut off");
        log.complete(rules, &lines).expect("it is completed");
        let after = fs::read(&path).expect("the log");
        assert!(after.starts_with(&bytes[..whole]), "what stood there stands there");
        let text = String::from_utf8_lossy(&after).into_owned();
        let numbers = text.lines().filter_map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).ok()?;
            (line["sync"] == rules.name.as_str()).then(|| line["number"].as_u64())?
        });
        let numbers: std::collections::BTreeSet<u64> = numbers.collect();
        assert!((1..=4).all(|number| numbers.contains(&number)), "{numbers:?}");
    });
}

fn line(number: u64) -> LogLine {
    use hymnal::merge::event::{ConflictLine, ConflictStatus};
    let id = Id(uuid::Uuid::from_u128(u128::from(number)));
    LogLine {
        number,
        before: None,
        entity: Some(id),
        cycle: id,
        records: Pair::default(),
        event: ConflictEvent {
            id,
            field: "phone".to_owned(),
            verdict: ConflictLine::Oscillation,
            base: None,
            edits: Pair::default(),
            natives: Pair::default(),
            status: ConflictStatus::Open,
            at: hymnal_sdk::Timestamp::UNIX_EPOCH,
        },
    }
}
