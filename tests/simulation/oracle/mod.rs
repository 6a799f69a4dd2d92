//! Who knows what people did, what the services hold and what Hymnal was shown: from the services' own rows, the calls
//! that arrived, the journal and the conflict log. What Hymnal thinks is asked for only where the promise is that
//! something is *visible* there.
//!
//! | file | what |
//! |---|---|
//! | this one | what is known |
//! | [`mirror`] | every change of every record, in order, with who made it |
//! | [`hearing`] | what Hymnal asked and heard |
//! | [`papers`] | journal and conflict log, read as they grow |
//! | [`promises`] | the invariants by name |
//! | [`asking`] | what must be true of each request that goes out |
//! | [`writing`], [`making`], [`removing`] | what must be true of each of our writes, when it arrives |
//! | [`scope`], [`guarded`], [`undone`], [`converted`], [`told_apart`], [`owned`] | the same, where a run is about that |
//! | [`logging`] | what must be true of each line of the conflict log, when it is written |
//! | [`logs`] | what must not be in the logs |
//! | [`quiet`], [`waiting`] | what must be true when all is quiet |

mod asking;
mod converted;
mod guarded;
mod hearing;
mod logging;
mod logs;
mod making;
mod mirror;
mod owned;
mod papers;
mod promises;
mod quiet;
mod removing;
mod scope;
mod told_apart;
mod undone;
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
use hymnal_sdk::{Address, Native};
pub(crate) use logs::Logs;
pub(crate) use papers::Papers;
pub(crate) use promises::{Promise, Violation};

use crate::{
    clock::Virtual,
    crash::CrashKv,
    schedule::Shape,
    staff::{self, Staff},
};

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
    /// What guards count.
    counted: guarded::Counted,
    /// Who works where.
    pub(crate) staff: Staff,
    /// Whom people told apart.
    apart: Vec<told_apart::Parted>,
    /// What people took back.
    undone: Vec<undone::TakenBack>,
    /// Until when a service wants to be left alone.
    quiet_until: Pair<Option<Duration>>,
    /// When the last look-up in an object was sent.
    looked: BTreeMap<(Side, String), u64>,
    /// When an e-mail was looked up last in an object.
    sought: BTreeMap<(Side, String, String), u64>,
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
    /// After how many commits it was made.
    made_after: u64,
    made_at: Duration,
    made_by: By,
    /// Changes that we made to it.
    ours: usize,
    /// What Hymnal was shown of it last: by field the value, and the number of commits at that time.
    shown: BTreeMap<String, (String, u64)>,
    /// What Hymnal was shown of it first, in the same way.
    first: BTreeMap<String, (String, u64)>,
    /// Everything that Hymnal was ever shown of it: field, value.
    told: BTreeSet<(String, String)>,
    /// Since when Hymnal knows of it: commits at that time.
    met: Option<u64>,
    /// What we sent and the service said it took, where it took something else.
    claimed: BTreeSet<(String, String)>,
    /// When it was last read by id.
    got: Option<Duration>,
    /// What was not shown of it then.
    withheld: BTreeSet<String>,
    /// It was taken away: since when, and after how many commits.
    gone: Option<(u64, u64)>,
    /// It was in the bin once.
    was_gone: bool,
    /// When it was last put there, be it back by now or not.
    binned: Option<u64>,
    /// We put it there.
    gone_by_us: bool,
    /// It became another record: since when, and after how many commits.
    converted: Option<(u64, u64)>,
    /// When it came back.
    back_at: Option<Duration>,
    /// What Hymnal was shown of it first since then, by field.
    returned: BTreeMap<String, String>,
}

/// A change of a field.
#[derive(Clone, Debug)]
struct Change {
    tick: u64,
    field: String,
    value: String,
    before: String,
    by: By,
    /// Hymnal knew it to stand there, and was shown nothing else since: nobody can tell that it was entered again.
    again: bool,
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
            counted: guarded::Counted::default(),
            staff: Staff::new(),
            apart: Vec::new(),
            undone: Vec::new(),
            quiet_until: Pair::default(),
            looked: BTreeMap::new(),
            sought: BTreeMap::new(),
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

    /// Two people turn out to be one.
    pub(crate) fn join(&mut self, one: usize, two: usize) {
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
        self.of(side, who).filter(|(_, track)| track.row.deleted_at.is_none() && track.converted.is_none())
    }

    /// Where a write to a record lands: on the one that it became, or became a part of.
    fn landing(&self, key: &Key) -> Key {
        let Some(track) = self.records.get(key) else { return key.clone() };
        let merged = track.row.merged_into.as_ref().map(|into| Address::new(key.1.object.clone(), into));
        match merged.or_else(|| track.row.converted_into.clone()) {
            Some(into) => self.landing(&(key.0, into)),
            None => key.clone(),
        }
    }

    /// Everybody.
    fn people(&self) -> BTreeSet<usize> {
        self.records.values().map(|track| self.root(track.who)).collect()
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

/// A value as people compare it, in words that have nothing to do with Hymnal's own.
fn plain(field: &str, native: Option<&Native>) -> String {
    let Some(native) = native.filter(|native| !native.is_blank()) else { return String::new() };
    let text = native.to_string();
    let text = text.trim();
    match field {
        "email" => text.to_lowercase(),
        "owner" => staff::name(text).to_lowercase(),
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
