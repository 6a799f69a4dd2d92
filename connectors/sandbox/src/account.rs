//! One simulated account: its data, its clock, the faults planted in it, and what was asked of it.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet, VecDeque},
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hymnal_memory::service::Service;
use hymnal_sdk::{Address, BoxFuture, Clock, Timestamp};
use serde::{Deserialize, Serialize};

/// How many requests are remembered in full.
const REMEMBERED: usize = 100_000;

/// A face's handle on its account. Cheap to clone.
#[derive(Clone)]
pub struct Account {
    clock: Arc<dyn Clock>,
    inner: Arc<Mutex<Inner>>,
}

/// What an account holds.
#[derive(Debug, Default)]
pub struct Inner {
    /// The data.
    pub data: Service,
    /// Added to the clock: a service whose clock is wrong, or a test that moves time.
    pub skew: jiff::SignedDuration,
    /// Faults that wait for a request to hit, oldest first.
    pub faults: VecDeque<Planted>,
    /// Requests so far, oldest first. Capped at the last 100,000.
    pub requests: VecDeque<Seen>,
    /// How often each fault hit, by name.
    pub fired: BTreeMap<&'static str, u64>,
    /// All requests ever answered.
    pub asked: u64,
    /// All requests ever answered that changed data.
    pub wrote: u64,
    /// Numbers the ids.
    pub next_id: u64,
    /// Records that the login may no longer see: they read as if they had never been.
    pub hidden: BTreeSet<Address>,
    /// Records that lists and searches leave out until a time; a read by id finds them.
    pub late: BTreeMap<Address, Timestamp>,
}

/// A request that was answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The status answered; 0 where the connection was cut.
    pub status: u16,
    /// It changed data.
    pub wrote: bool,
}

/// A fault on the wire, for requests whose method and path match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planted {
    /// The method, or empty for any.
    #[serde(default)]
    pub method: String,
    /// A part of the path, or empty for any.
    #[serde(default)]
    pub path: String,
    /// How many requests it still hits.
    pub times: u32,
    /// What happens.
    pub fault: Fault,
}

/// What happens to a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Fault {
    /// This status, this `Retry-After` (verbatim, empty for none), this body; nothing is applied.
    Answer {
        /// The status.
        status: u16,
        /// The header's text.
        #[serde(default)]
        retry_after: String,
        /// The body.
        #[serde(default)]
        body: String,
    },
    /// It is applied and the connection is cut before an answer.
    AppliedAnswerLost,
    /// The connection is cut before anything is applied.
    RefusedConnection,
    /// It is applied and answered with 500.
    AppliedThen500,
    /// HTML with status 200; nothing is applied.
    Html,
    /// Half of the right answer, then the connection is cut; it is applied.
    Truncated,
    /// The access token is no longer valid.
    ExpiredToken,
    /// It is applied, and answered so much later.
    Delay {
        /// How much later, in milliseconds of the account's clock.
        ms: u64,
    },
    /// It is applied, and the answer's body comes one byte at a time.
    SlowDrip {
        /// Between one byte and the next, in milliseconds of the account's clock.
        ms_per_byte: u64,
    },
    /// A proxy on the way sends it twice: it is applied, and applied again; the first answer comes back.
    DuplicateDelivery,
    /// It is applied, and the answer's JSON breaks off in the middle.
    Malformed,
    /// Half of a batch's items are lost on the way; the others are applied, and the answer tells of them alone.
    PartialBatch,
    /// The items of the answer come in the opposite order.
    ItemsReordered,
    /// The items of the answer have no ids.
    ItemsWithoutId,
    /// The answer leaves this field out.
    FieldWithheld {
        /// The field.
        field: String,
    },
    /// The answer shows `***` in this field, if it has a value.
    FieldMasked {
        /// The field.
        field: String,
    },
    /// A write of this field is answered with success and changes nothing.
    FieldIgnored {
        /// The field.
        field: String,
    },
    /// A written value is stored in the service's own form.
    Normalised {
        /// The field.
        field: String,
        /// Which form.
        how: Form,
    },
    /// After a write, a rule inside the service writes this to the same record.
    Automation {
        /// The field.
        field: String,
        /// What it becomes.
        value: String,
    },
    /// While a list is read, somebody touches the first record of the page: it moves to the end.
    PageShift,
    /// A list answers as things stood so long ago.
    StaleList {
        /// How long, in milliseconds.
        ms: u64,
    },
    /// The field has another name by now.
    FieldRenamed {
        /// The field, as it was called.
        field: String,
    },
    /// The field is of another type by now: a write of it is refused.
    FieldRetyped {
        /// The field.
        field: String,
    },
    /// A choice is no longer on the field's list: a write of it is refused.
    ChoiceRemoved {
        /// The field.
        field: String,
        /// The choice.
        choice: String,
    },
}

/// A service's own form of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// Without white space at both ends.
    Trimmed,
    /// In lower case.
    Lowered,
    /// Only so many characters.
    Cut {
        /// How many.
        to: usize,
    },
    /// Each word with a capital, single spaces between them.
    Reformatted,
    /// Only so many decimals.
    Rounded {
        /// How many.
        to: usize,
    },
}

impl Fault {
    /// The names of all faults: a simulation asserts that each has fired. Clocks that are wrong and rows that come late
    /// have operations of their own ([`crate::Control::skew`], [`crate::Control::appear_late`]).
    pub const NAMES: [&'static str; 27] = [
        "throttled-seconds",
        "throttled-date",
        "throttled-absurd",
        "server-error",
        "answer-lost",
        "refused",
        "applied-then-error",
        "html",
        "truncated",
        "expired-token",
        "delay",
        "slow-drip",
        "duplicate-delivery",
        "malformed",
        "partial-batch",
        "items-reordered",
        "items-without-id",
        "field-withheld",
        "field-masked",
        "field-ignored",
        "normalised",
        "automation",
        "page-shift",
        "stale-list",
        "field-renamed",
        "field-retyped",
        "choice-removed",
    ];

    /// The fault's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Answer { retry_after, .. } => match retry_after.parse::<u64>() {
                Ok(seconds) if seconds > 3600 => "throttled-absurd",
                Ok(_) => "throttled-seconds",
                Err(_) if retry_after.is_empty() => "server-error",
                Err(_) => "throttled-date",
            },
            Self::AppliedAnswerLost => "answer-lost",
            Self::RefusedConnection => "refused",
            Self::AppliedThen500 => "applied-then-error",
            Self::Html => "html",
            Self::Truncated => "truncated",
            Self::ExpiredToken => "expired-token",
            Self::Delay { .. } => "delay",
            Self::SlowDrip { .. } => "slow-drip",
            Self::DuplicateDelivery => "duplicate-delivery",
            Self::Malformed => "malformed",
            Self::PartialBatch => "partial-batch",
            Self::ItemsReordered => "items-reordered",
            Self::ItemsWithoutId => "items-without-id",
            Self::FieldWithheld { .. } => "field-withheld",
            Self::FieldMasked { .. } => "field-masked",
            Self::FieldIgnored { .. } => "field-ignored",
            Self::Normalised { .. } => "normalised",
            Self::Automation { .. } => "automation",
            Self::PageShift => "page-shift",
            Self::StaleList { .. } => "stale-list",
            Self::FieldRenamed { .. } => "field-renamed",
            Self::FieldRetyped { .. } => "field-retyped",
            Self::ChoiceRemoved { .. } => "choice-removed",
        }
    }
}

/// The account's content, locked. Notices whether data were changed.
pub struct Locked<'a> {
    inner: MutexGuard<'a, Inner>,
    sequence: u64,
}

thread_local! {
    /// Set when data were changed on this thread. A request is answered on one thread from start to end.
    static CHANGED: Cell<bool> = const { Cell::new(false) };
}

impl Account {
    /// An empty account on this clock.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, inner: Arc::default() }
    }

    /// The account's time.
    pub fn now(&self) -> Timestamp {
        let skew = self.lock().skew;
        self.clock.now().saturating_add(skew).unwrap_or(Timestamp::MAX)
    }

    /// Time since some start, for windows of rates. Moving the account's time does not move it.
    pub fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }

    /// Waits on the account's clock.
    pub fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.clock.sleep(duration)
    }

    /// The data, locked. Hold it for one operation only.
    pub fn lock(&self) -> Locked<'_> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        Locked { sequence: inner.data.sequence, inner }
    }

    /// Runs something on this thread and says whether it changed data.
    pub fn watch<T>(&self, run: impl FnOnce() -> T) -> (T, bool) {
        CHANGED.set(false);
        let result = run();
        (result, CHANGED.take())
    }
}

impl Inner {
    /// Whether a read by id may find this record.
    pub fn readable(&self, address: &Address) -> bool {
        !self.hidden.contains(address)
    }

    /// Whether a list or a search may show this record.
    pub fn listed(&self, address: &Address, now: Timestamp) -> bool {
        self.readable(address) && self.late.get(address).is_none_or(|from| *from <= now)
    }

    /// The oldest fault that matches a request and comes after `tried` others that do, and found nothing to do.
    pub fn fault_for(&self, method: &str, path: &str, tried: usize) -> Option<Fault> {
        self.matching(method, path).nth(tried).and_then(|index| Some(self.faults.get(index)?.fault.clone()))
    }

    /// That fault has hit.
    pub fn spend(&mut self, method: &str, path: &str, tried: usize) {
        let Some(index) = self.matching(method, path).nth(tried) else { return };
        let Some(planted) = self.faults.get_mut(index) else { return };
        planted.times -= 1;
        let (left, name) = (planted.times, planted.fault.name());
        *self.fired.entry(name).or_default() += 1;
        if left == 0 {
            self.faults.remove(index);
        }
    }

    fn matching(&self, method: &str, path: &str) -> impl Iterator<Item = usize> {
        let hits = move |planted: &Planted| {
            planted.times > 0
                && (planted.method.is_empty() || planted.method.eq_ignore_ascii_case(method))
                && path.contains(&planted.path)
        };
        self.faults.iter().enumerate().filter(move |(_, planted)| hits(planted)).map(|(index, _)| index)
    }

    /// Remembers an answered request.
    pub fn record(&mut self, seen: Seen) {
        self.asked += 1;
        self.wrote += u64::from(seen.wrote);
        if self.requests.len() == REMEMBERED {
            self.requests.pop_front();
        }
        self.requests.push_back(seen);
    }
}

impl Deref for Locked<'_> {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.inner
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut Inner {
        &mut self.inner
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        if self.inner.data.sequence != self.sequence {
            CHANGED.set(true);
        }
    }
}
