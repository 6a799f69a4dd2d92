//! The journal in the store and the conflict log in its file, read as they grow.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::PathBuf,
};

use hymnal::{
    journal::entry::JournalPage,
    merge::{Event, Pair, Side, SyncRules, event::SentChange},
    store::{Kv, format},
};
use hymnal_sdk::{Address, Timestamp};
use serde_json::Value as Json;

use super::{Key, plain};
use crate::{crash::CrashKv, world::TAG};

/// Where, what record, what fields.
type Sending = (Side, Option<Address>, BTreeMap<String, String>);

/// When something was sent, and whether guards counted it by then.
#[derive(Clone, Copy, Debug)]
pub(super) struct SentAt {
    pub(super) at: Timestamp,
    pub(super) guarded: bool,
    /// When the same was sent first.
    pub(super) first: Timestamp,
    /// How much had happened when this was read.
    tick: u64,
}

/// What was written down.
pub(crate) struct Papers {
    log: PathBuf,
    names: Pair<String>,
    read: u64,
    half: String,
    /// Lines of the conflict log, in the order of the file.
    pub(super) lines: Vec<Line>,
    /// What the journal says is being sent: record, or nothing for one to be made; fields with values.
    pub(super) sendings: Vec<Sending>,
    /// When each of those was sent.
    sent: Vec<SentAt>,
    /// The first load is over.
    loaded: bool,
    /// Who it says was linked.
    pub(super) linked: Vec<Pair<Address>>,
    /// What it says was written.
    pub(super) written: Vec<(Side, Address)>,
    /// How much had happened when it said so.
    said: Vec<u64>,
}

/// A line of the conflict log.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) number: u64,
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) field: String,
    pub(super) status: String,
    /// What each side held.
    pub(super) values: Pair<Option<String>>,
    /// Each side's records.
    pub(super) records: Pair<Vec<String>>,
    /// Somebody had written over one of the values when it was written.
    pub(super) overtaken: bool,
    /// How much had happened when it was read.
    pub(super) told: u64,
}

impl Papers {
    pub(super) fn new(log: PathBuf, rules: &SyncRules) -> Self {
        let names = Pair::from_fn(|side| rules.systems[side].connector.clone());
        let (lines, sendings, sent, linked, written, said) = Default::default();
        Self { log, names, read: 0, half: String::new(), lines, sendings, sent, loaded: false, linked, written, said }
    }

    /// Reads what was added by now. Answers from which line on it is new.
    pub(super) fn read(&mut self, kv: &CrashKv, tick: u64) -> usize {
        for (key, bytes) in kv.take_journal() {
            let page: JournalPage = format::open(&key, &bytes).expect("a page of the journal");
            for event in page.events {
                match event {
                    Event::Sending { side, address, changes } => {
                        let value = |change: SentChange| {
                            let value = plain(&change.field, Some(&change.to));
                            (change.field, value)
                        };
                        self.sendings.push((side, address, changes.into_iter().map(value).collect()));
                        self.sent.push(SentAt { at: page.at, guarded: self.loaded, first: page.at, tick });
                    }
                    Event::Linked { records, .. } => self.linked.push(records),
                    Event::Written { side, address, .. } => {
                        self.written.push((side, address));
                        self.said.push(tick);
                    }
                    _ => {}
                }
            }
        }
        self.loaded = self.loaded || kv.durable().get(&TAG.state("loaded")).expect("a store in memory").is_some();
        let known = self.lines.len();
        let Ok(mut file) = File::open(&self.log) else { return known };
        let length = file.metadata().map_or(0, |about| about.len());
        if length == self.read {
            return known;
        }
        file.seek(SeekFrom::Start(self.read)).expect("a file");
        file.read_to_string(&mut self.half).expect("text");
        self.read = length;
        while let Some(end) = self.half.find('\n') {
            let line: String = self.half.drain(..=end).collect();
            let line: Json = serde_json::from_str(&line).expect("a line of JSON");
            self.lines.push(Line { told: tick, ..self.line(&line) });
        }
        known
    }

    fn line(&self, line: &Json) -> Line {
        let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
        let field = text("field");
        let values = Pair::from_fn(|side| {
            let value = line["values"].get(&self.names[side])?;
            Some(canonical(&field, &value["value"]))
        });
        let records = Pair::from_fn(|side| match line["records"].get(&self.names[side]) {
            Some(Json::String(one)) => vec![one.clone()],
            Some(Json::Array(all)) => all.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect(),
            _ => Vec::new(),
        });
        Line {
            number: line["number"].as_u64().expect("a number"),
            id: text("id"),
            kind: text("kind"),
            status: text("status"),
            values,
            records,
            field,
            overtaken: false,
            told: 0,
        }
    }

    /// What was sent last to a record.
    pub(super) fn last_sent(&self, (side, address): &Key) -> BTreeMap<String, String> {
        let of = |(at, record, _): &&Sending| at == side && record.as_ref() == Some(address);
        self.sendings.iter().rfind(of).map(|(_, _, values)| values.clone()).unwrap_or_default()
    }

    /// Everything that was ever sent to a record.
    pub(super) fn sent_to<'a>(&'a self, (side, address): &'a Key) -> impl Iterator<Item = (&'a String, &'a String)> {
        let of = move |(at, record, _): &&Sending| at == side && record.as_ref() == Some(address);
        self.sendings.iter().filter(of).flat_map(|(_, _, values)| values)
    }

    /// It says that this was sent to a record after that.
    pub(super) fn sent_since(&self, (side, address): &Key, (field, value): (&str, &str), since: u64) -> bool {
        let mut all = self.sendings.iter().zip(&self.sent);
        all.any(|((at, record, values), sent)| {
            let is_it = at == side && record.as_ref() == Some(address) && sent.tick >= since;
            is_it && values.get(field).is_some_and(|sent| sent == value)
        })
    }

    /// It says that a record was written, after this change and before that one.
    pub(super) fn says_written(&self, (side, address): &Key, after: u64, before: u64) -> bool {
        let mut all = self.written.iter().zip(&self.said);
        all.any(|((at, record), said)| at == side && record == address && (after..before).contains(said))
    }

    /// When a value was last sent to a record, `since` somebody last entered another one there: until then, what is sent
    /// again is the same write, and goes unguarded where it was sent so once. For one that was made, by its e-mail.
    pub(super) fn last_sent_at(
        &self,
        (side, address): &Key,
        (field, value): (&str, &str),
        since: Option<u64>,
    ) -> Option<SentAt> {
        let is_it = |(at, record, values): &Sending| {
            let to_it = record.as_ref() == Some(address) || (record.is_none() && field == "email");
            at == side && to_it && values.get(field).is_some_and(|sent| sent == value)
        };
        let mut all = self.sendings.iter().zip(&self.sent).filter(|(sending, _)| is_it(sending)).map(|(_, sent)| *sent);
        let mut same = all.clone().filter(|sent| Some(sent.tick) >= since);
        let guarded = same.clone().all(|sent| sent.guarded);
        let first = same.clone().map(|sent| sent.first).min();
        same.next_back()
            .map(|sent| SentAt { guarded, first: first.unwrap_or(sent.at), ..sent })
            .or_else(|| all.next_back())
    }

    /// The log has a line that shows this value as one side's.
    pub(super) fn has_logged(&self, field: &str, side: Side, value: &str) -> bool {
        self.lines.iter().any(|line| line.field == field && line.values[side].as_deref() == Some(value))
    }
}

fn canonical(field: &str, value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        Json::String(text) => plain(field, Some(&text.as_str().into())),
        Json::Array(items) => {
            let items: Vec<&str> = items.iter().filter_map(Json::as_str).collect();
            plain(field, Some(&items.join(";").as_str().into()))
        }
        other => plain(field, Some(&other.to_string().as_str().into())),
    }
}
