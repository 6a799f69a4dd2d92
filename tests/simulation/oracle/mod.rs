//! Who knows what people did, what the services hold and what Hymnal was shown: from the services' own rows, the calls
//! that arrived, the journal and the conflict log. What Hymnal thinks is asked for only where the promise is that
//! something is *visible* there.
//!
//! | file | what |
//! |---|---|
//! | this one | the mirror: every change of every record, in order, with who made it |
//! | [`papers`] | journal and conflict log, read as they grow |
//! | [`promises`] | the invariants by name |
//! | [`writing`], [`making`] | what must be true of each of our writes, when it arrives |
//! | [`logging`] | what must be true of each line of the conflict log, when it is written |
//! | [`quiet`], [`waiting`] | what must be true when all is quiet |

mod logging;
mod making;
mod papers;
mod promises;
mod quiet;
mod waiting;
mod writing;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hymnal::merge::{Blanks, Pair, Side, SyncRules};
use hymnal_memory::{Method, service::Row};
use hymnal_sdk::{ActorKind, Address, Native, Record};
pub(crate) use papers::Papers;
pub(crate) use promises::{Promise, Violation};

use crate::{clock::Virtual, crash::CrashKv, schedule::Shape};

/// The rows of a service that changed after a change of that number, with their objects.
pub(crate) type Source = Box<dyn Fn(u64) -> Vec<(String, Row)> + Send>;
/// How often values were bent by faults in a service so far.
pub(crate) type Bent = Box<dyn Fn() -> u64 + Send>;

/// The oracle, as the driver and the ways to the services share it.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Mutex<Oracle>>);

impl Shared {
    pub(crate) fn new(oracle: Oracle) -> Self {
        Self(Arc::new(Mutex::new(oracle)))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Oracle> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a record is.
pub(crate) type Key = (Side, Address);

/// What the oracle knows.
pub(crate) struct Oracle {
    pub(crate) shape: Shape,
    rules: Arc<SyncRules>,
    clock: Virtual,
    kv: CrashKv,
    papers: Papers,
    sources: Pair<Source>,
    bent: Pair<Bent>,
    sequences: Pair<u64>,
    /// Numbers everything that happens.
    tick: u64,
    calls: u64,
    /// Answers that Hymnal heard, with the number of commits at that time.
    heard: BTreeMap<u64, u64>,
    records: BTreeMap<Key, Track>,
    emails: BTreeMap<String, usize>,
    /// Who turned out to be somebody else.
    joined: BTreeMap<usize, usize>,
    /// Where both sides stood at one value: person and field, the value, and since when.
    agreed: BTreeMap<(usize, String), Vec<(String, u64)>>,
    hidden: BTreeSet<Key>,
    /// When something hidden was shown again.
    shown_again: BTreeMap<Key, u64>,
    /// When the last look-up was answered, by side.
    looked: Pair<u64>,
    pub(crate) violations: Vec<Violation>,
    /// What happened, in words.
    pub(crate) story: Vec<String>,
}

/// What is known of a record.
struct Track {
    who: usize,
    row: Row,
    edits: Vec<Change>,
    made: u64,
    made_at: Duration,
    made_by: By,
    /// Changes that we made to it.
    ours: usize,
    /// What Hymnal was shown of it last: by field the value, and the number of commits at that time.
    shown: BTreeMap<String, (String, u64)>,
    /// What Hymnal was shown of it first.
    first: BTreeMap<String, String>,
    /// Since when Hymnal knows of it: commits at that time.
    met: Option<u64>,
    /// What we sent and the service said it took, where it took something else.
    claimed: BTreeSet<(String, String)>,
    /// When it was last read by id.
    got: Option<Duration>,
    /// It was taken away: since when.
    gone: Option<u64>,
    /// It was in the bin once.
    was_gone: bool,
}

/// A change of a field.
#[derive(Clone, Debug)]
struct Change {
    tick: u64,
    field: String,
    value: String,
    before: String,
    by: By,
}

/// Who made a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    /// A person, or a machine that is not ours.
    Others,
    /// We, by this call.
    Us(u64),
}

/// Why a service may have changed.
#[derive(Clone, Copy, Debug)]
enum Cause {
    /// This person's records were touched.
    People(usize),
    /// A call of ours arrived.
    Call { number: u64, method: Method, bent: bool },
}

/// What is needed to know.
pub(crate) struct Means {
    pub(crate) shape: Shape,
    pub(crate) rules: SyncRules,
    pub(crate) clock: Virtual,
    pub(crate) kv: CrashKv,
    pub(crate) log: PathBuf,
    pub(crate) sources: Pair<Source>,
    pub(crate) bent: Pair<Bent>,
}

impl Oracle {
    pub(crate) fn new(means: Means) -> Self {
        let rules = Arc::new(means.rules);
        Self {
            shape: means.shape,
            papers: Papers::new(means.log, &rules),
            rules,
            clock: means.clock,
            kv: means.kv,
            sources: means.sources,
            bent: means.bent,
            sequences: Pair::default(),
            tick: 0,
            calls: 0,
            heard: BTreeMap::new(),
            records: BTreeMap::new(),
            emails: BTreeMap::new(),
            joined: BTreeMap::new(),
            agreed: BTreeMap::new(),
            hidden: BTreeSet::new(),
            shown_again: BTreeMap::new(),
            looked: Pair::default(),
            violations: Vec::new(),
            story: Vec::new(),
        }
    }

    /// Adds to the story.
    pub(crate) fn tell(&mut self, what: &str) {
        let at = self.clock.glance().as_millis();
        self.story.push(format!("{at:>9} ms  {what}"));
    }

    /// The record that stands for a person on a side: the live one that was made last.
    pub(crate) fn record_of(&self, side: Side, who: usize) -> Option<Address> {
        self.live(side, who).max_by_key(|(_, track)| track.made).map(|((_, address), _)| address.clone())
    }

    /// The record of a person that was taken away last.
    pub(crate) fn taken_away(&self, side: Side, who: usize) -> Option<Address> {
        let gone = self.of(side, who).filter(|(_, track)| track.row.deleted_at.is_some());
        gone.max_by_key(|(_, track)| track.gone).map(|((_, address), _)| address.clone())
    }

    /// What a live record holds.
    pub(crate) fn holds(&self, side: Side, address: &Address, native: &str) -> Option<String> {
        let track = self.records.get(&(side, address.clone()))?;
        Some(plain(native, track.row.fields.get(native)))
    }

    /// People did something to this person's records.
    pub(crate) fn people_acted(&mut self, side: Side, who: usize) {
        self.sync(side, Cause::People(who));
    }

    /// Our login lost, or has again, the permission to see a record.
    pub(crate) fn hid(&mut self, side: Side, address: &Address, hidden: bool) {
        let key = (side, address.clone());
        if hidden {
            self.hidden.insert(key);
        } else {
            self.hidden.remove(&key);
            self.tick += 1;
            self.shown_again.insert(key, self.tick);
        }
    }

    /// A call of ours arrives at a service. Answers its number.
    pub(crate) fn arrives(&mut self, side: Side, method: Method) -> (u64, u64) {
        self.calls += 1;
        if method == Method::Find {
            self.looked[side] = self.tick;
        }
        (self.calls, (self.bent[side])())
    }

    /// The service is done with it.
    pub(crate) fn was_called(&mut self, side: Side, method: Method, (number, bent): (u64, u64)) {
        let bent = (self.bent[side])() > bent;
        self.sync(side, Cause::Call { number, method, bent });
    }

    /// Hymnal hears the answer.
    pub(crate) fn hears(&mut self, (number, _): (u64, u64)) {
        self.heard.insert(number, self.kv.commits());
    }

    /// Hymnal hears of a record.
    pub(crate) fn shows(&mut self, side: Side, record: &Record, method: Method) {
        let commits = self.kv.commits();
        let now = self.clock.glance();
        self.tell(&format!(
            "{side:?} {} is shown by {method:?}: {:?} {:?}",
            record.address, record.state, record.fields
        ));
        let Some(track) = self.records.get_mut(&(side, record.address.clone())) else { return };
        track.met.get_or_insert(commits);
        if method == Method::Get {
            track.got = Some(now);
        }
        for (name, value) in &record.fields {
            track.first.entry(name.clone()).or_insert_with(|| plain(name, Some(value)));
            track.shown.insert(name.clone(), (plain(name, Some(value)), commits));
        }
    }

    /// What our login may not see.
    pub(crate) fn hidden(&self) -> Vec<Key> {
        self.hidden.iter().cloned().collect()
    }

    /// Notes what only the driver can see.
    pub(crate) fn break_promise(&mut self, promise: Promise, text: String) {
        self.breaks(promise, text);
    }

    /// Everything that was broken so far.
    pub(crate) fn broken(&self) -> &[Violation] {
        &self.violations
    }

    fn sync(&mut self, side: Side, cause: Cause) {
        self.read_papers();
        for (object, row) in (self.sources[side])(self.sequences[side]) {
            self.sequences[side] = self.sequences[side].max(row.sequence);
            self.tick += 1;
            self.take(side, Address::new(object, &row.id), row, cause);
        }
        self.note_agreements();
    }

    fn take(&mut self, side: Side, address: Address, row: Row, cause: Cause) {
        let key = (side, address);
        match self.records.remove(&key) {
            None => self.meet(key, row, cause),
            Some(track) => self.follow(key, track, row, cause),
        }
    }

    fn meet(&mut self, key: Key, row: Row, cause: Cause) {
        let ours = row.modified_by.kind == ActorKind::Us;
        let email = plain("email", row.fields.get("email"));
        let who = match cause {
            Cause::People(who) => who,
            Cause::Call { .. } => self.emails.get(&email).copied().unwrap_or(usize::MAX),
        };
        let made_by = by(ours, cause);
        let edits: Vec<Change> = changes(&row, 0, self.tick, made_by, |_| String::new());
        let track = Track {
            who,
            edits,
            made: self.tick,
            made_at: self.clock.glance(),
            made_by,
            ours: 0,
            shown: BTreeMap::new(),
            first: BTreeMap::new(),
            met: None,
            claimed: BTreeSet::new(),
            got: None,
            gone: None,
            was_gone: false,
            row,
        };
        self.tell(&format!("{:?} {} of {who} is made by {made_by:?}: {:?}", key.0, key.1, track.row.fields));
        self.note_email(&track, who);
        if let (By::Us(_), Cause::Call { bent, .. }) = (made_by, cause) {
            self.check_creation(&key, &track, bent);
        }
        self.records.insert(key, track);
    }

    fn follow(&mut self, key: Key, mut track: Track, row: Row, cause: Cause) {
        let known = track.row.history.len();
        let before = track.row.clone();
        let mut edits = Vec::new();
        for (index, edit) in row.history.iter().enumerate().skip(known) {
            let ours = edit.by.as_ref().is_some_and(|by| by.kind == ActorKind::Us);
            let held = |field: &str| plain(field, before.fields.get(field));
            let mut one = changes(&row, index, self.tick, by(ours, cause), held);
            one.truncate(1);
            edits.extend(one);
        }
        for edit in &edits {
            let Change { field, value, before, by, .. } = edit;
            self.tell(&format!("{:?} {}: `{field}` from `{before}` to `{value}` by {by:?}", key.0, key.1));
        }
        if edits.is_empty() {
            let (side, address) = &key;
            self.tell(&format!(
                "{side:?} {address} is touched; deleted {:?}, merged {:?}",
                row.deleted_at, row.merged_into
            ));
        }
        let mine: Vec<Change> = edits.iter().filter(|edit| matches!(edit.by, By::Us(_))).cloned().collect();
        if let Cause::Call { method, bent, .. } = cause {
            if bent {
                self.read_papers();
                track.claimed.extend(self.papers.last_sent(&key));
            }
            if !mine.is_empty() {
                track.ours += 1;
                self.check_write(&key, &track, &mine, bent);
            } else if matches!(method, Method::Update) && row.modified_by.kind == ActorKind::Us && edits.is_empty() {
                track.ours += 1;
                self.check_idle_write(&key, &track, bent);
            }
        }
        if row.deleted_at.is_some() && track.gone.is_none() {
            track.gone = Some(self.tick);
            track.was_gone = true;
        } else if row.deleted_at.is_none() {
            track.gone = None;
        }
        if let (Some(into), None) = (&row.merged_into, &before.merged_into) {
            let winner = (key.0, Address::new(key.1.object.clone(), into.clone()));
            let winner = self.records.get(&winner).map(|winner| winner.who);
            self.join(track.who, winner.unwrap_or(track.who));
        }
        track.row = row;
        track.edits.extend(edits);
        let who = track.who;
        self.note_email(&track, who);
        self.records.insert(key, track);
    }

    fn note_email(&mut self, track: &Track, who: usize) {
        let email = plain("email", track.row.fields.get("email"));
        if !email.is_empty() {
            self.emails.entry(email).or_insert(who);
        }
    }

    /// Two people turn out to be one.
    fn join(&mut self, one: usize, two: usize) {
        let (one, two) = (self.root(one), self.root(two));
        if one != two {
            self.joined.insert(one.max(two), one.min(two));
        }
    }

    /// Who a person turned out to be.
    fn root(&self, who: usize) -> usize {
        self.joined.get(&who).map_or(who, |other| self.root(*other))
    }

    /// All records of a person on a side.
    fn of(&self, side: Side, who: usize) -> impl Iterator<Item = (&Key, &Track)> {
        let who = self.root(who);
        self.records.iter().filter(move |((at, _), track)| *at == side && self.root(track.who) == who)
    }

    fn live(&self, side: Side, who: usize) -> impl Iterator<Item = (&Key, &Track)> {
        self.of(side, who).filter(|(_, track)| track.row.deleted_at.is_none())
    }

    /// Everybody.
    fn people(&self) -> BTreeSet<usize> {
        self.records.values().map(|track| self.root(track.who)).collect()
    }

    fn note_agreements(&mut self) {
        for who in self.people() {
            let both = Pair::from_fn(|side| {
                let mut live = self.live(side, who);
                let first = live.next().map(|(_, track)| track);
                first.filter(|_| live.next().is_none())
            });
            let (Some(left), Some(right)) = (both.left, both.right) else { continue };
            let mut agreed = Vec::new();
            for rule in &self.rules.fields {
                let name = &rule.map.name;
                let stands = |track: &Track| plain(name, track.row.fields.get(name));
                if stands(left) == stands(right) {
                    agreed.push((name.clone(), stands(left)));
                }
            }
            for (field, value) in agreed {
                let known = self.agreed.entry((who, field)).or_default();
                if known.last().is_none_or(|(last, _)| *last != value) {
                    known.push((value, self.tick));
                } else if let Some((_, since)) = known.last_mut() {
                    *since = self.tick;
                }
            }
        }
    }

    /// Something was shown to Hymnal and a commit followed.
    fn sank_in(&self, commits: u64) -> bool {
        self.kv.commits() > commits
    }

    fn ignores_blanks(&self, field: &str) -> bool {
        let rule = self.rules.fields.iter().find(|rule| rule.map.name == field);
        rule.is_some_and(|rule| rule.policy.blanks == Blanks::Ignore)
    }

    /// Values of this field do not travel from this side.
    fn is_barred(&self, side: Side, field: &str) -> bool {
        let rule = self.rules.fields.iter().find(|rule| rule.map.name == field);
        rule.is_some_and(|rule| !rule.policy.flow.into_side(side.other()))
    }

    fn breaks(&mut self, promise: Promise, text: String) {
        self.tell(&format!("BROKEN {promise:?}: {text}"));
        self.violations.push(Violation { promise, text });
    }
}

fn by(ours: bool, cause: Cause) -> By {
    match cause {
        Cause::Call { number, .. } if ours => By::Us(number),
        _ => By::Others,
    }
}

/// The changes in a row's history from `from` on.
fn changes(row: &Row, from: usize, tick: u64, by: By, before: impl Fn(&str) -> String) -> Vec<Change> {
    let change = |edit: &hymnal_sdk::FieldEdit| Change {
        tick,
        value: plain(&edit.field, Some(&edit.value)),
        before: before(&edit.field),
        field: edit.field.clone(),
        by,
    };
    row.history.iter().skip(from).map(change).collect()
}

/// A value as people compare it, in words that have nothing to do with Hymnal's own.
fn plain(field: &str, native: Option<&Native>) -> String {
    let Some(native) = native.filter(|native| !native.is_blank()) else { return String::new() };
    let text = native.to_string();
    let text = text.trim();
    match field {
        "email" => text.to_lowercase(),
        "tags" => {
            let mut items: Vec<&str> = text.split(';').map(str::trim).filter(|item| !item.is_empty()).collect();
            items.sort_unstable();
            items.dedup();
            items.join(";")
        }
        "score" if text.contains('.') => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        _ => text.to_owned(),
    }
}
