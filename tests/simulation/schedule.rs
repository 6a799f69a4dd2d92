//! What happens in a run, as data: written before anything runs, so that a run can be cut down to what matters, kept,
//! and read.

use std::collections::BTreeMap;

use hymnal::merge::{Pair, Side};
use serde::{Deserialize, Serialize};

use crate::crash::Death;

/// A run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Schedule {
    pub(crate) shape: Shape,
    pub(crate) steps: Vec<Timed>,
}

/// The two services and the sync between them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Shape {
    /// Latencies, ids, and what faults leave to chance.
    pub(crate) seed: u64,
    /// The services are a HubSpot and a Salesforce, behind manifests and the layers of HTTP.
    #[serde(default)]
    pub(crate) on_the_wire: bool,
    pub(crate) sides: Pair<ServiceShape>,
    pub(crate) verify: bool,
    pub(crate) priority: Side,
    /// What else the run is about.
    #[serde(default)]
    pub(crate) topic: Topic,
    /// Policies of the fields that have no fixed one, as a configuration says them.
    pub(crate) policies: BTreeMap<String, String>,
}

/// What a run is about, besides what every run is about.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Topic {
    /// Nothing else.
    #[default]
    None,
    /// What is done on the other side about a deletion on this one.
    Deletions(Pair<Farewell>),
    /// Whoever is `lost` is out of the sync.
    Scope,
    /// So many people may be created, and so many updated, in an hour.
    Guards { most: u64 },
    /// What was written is taken back.
    Undo,
    /// Leads become clients, who are in the sync or are not.
    Conversions { synced: bool },
    /// Several people have one e-mail, and another record with it appears.
    Ambiguous,
    /// Records belong to people, who come and go.
    Owners,
}

/// What is done about a deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Farewell {
    Unlink,
    Archive,
    Delete,
    Recreate,
    Restrict,
}

/// One service.
#[expect(clippy::struct_excessive_bools, reason = "they are independent facts of a service")]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ServiceShape {
    pub(crate) unique_email: bool,
    pub(crate) external_id: bool,
    pub(crate) tells_actor: bool,
    pub(crate) returns_record: bool,
    pub(crate) history: bool,
    pub(crate) conditional: bool,
    pub(crate) omits_blanks: bool,
    /// It lists everything or nothing, without times.
    pub(crate) scans: bool,
    /// A read by id shows deleted records as such.
    pub(crate) flags_deleted: bool,
    /// A read by id that finds nothing means that the record was deleted; else it may be hidden.
    pub(crate) gone_is_deleted: bool,
    pub(crate) page: usize,
    pub(crate) batch: usize,
    /// Seconds by which a look-up by key lags.
    pub(crate) find_lag: u64,
}

/// A step, and how long after the one before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Timed {
    pub(crate) after_ms: u64,
    pub(crate) step: Step,
}

/// What happens. People are numbered; who has no record where a step needs one does nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Step {
    /// Somebody makes a record.
    Make { side: Side, who: usize, values: BTreeMap<String, String> },
    /// Somebody makes a second record of a person, with the same e-mail.
    Second { side: Side, who: usize, values: BTreeMap<String, String> },
    /// Somebody edits a field; an empty value clears it.
    Edit { side: Side, who: usize, field: String, value: String },
    /// Somebody deletes a record to the bin.
    Delete { side: Side, who: usize },
    /// Somebody takes it out again.
    Restore { side: Side, who: usize },
    /// Somebody merges two people's records on one side.
    Merge { side: Side, winner: usize, loser: usize },
    /// A service takes the white space away that somebody typed around a value.
    Trim { side: Side, who: usize, field: String },
    /// Somebody comes to work with a service, or leaves it.
    Staff { side: Side, name: String, works: bool },
    /// Somebody makes a client, on the right.
    Client { who: usize, values: BTreeMap<String, String> },
    /// Somebody converts a person's lead, on the right: into a new client, or into one who is there.
    Convert { who: usize, into: Option<usize> },
    /// Our login may not see the record any more.
    Hide { side: Side, who: usize },
    /// It may again.
    Show { side: Side, who: usize },
    /// Something goes wrong in a service.
    Fault { side: Side, on: On, times: u32, fault: Wrong },
    /// A cycle begins, if none is under way.
    Tick,
    /// The daemon is stopped in order, and started again.
    Restart,
    /// It is killed now.
    Kill,
    /// It is killed at a store operation that is to come.
    KillAtStore { after: u32, death: Death },
    /// It is killed at a remote call that is to come, after it was applied or instead.
    KillAtCall { after: u32, applied: bool },
    /// The next commits find the disk full.
    DiskFull { commits: u32 },
    /// A person approves, or discards, what guards hold.
    Answer { approve: bool },
    /// A person takes back what was written last to somebody.
    Undo { who: usize },
    /// A person says that two are one.
    Link { one: usize, two: usize },
    /// A person says that somebody's records in the two systems are two people.
    Unlink { who: usize },
    /// A person says that somebody's last record of a side is a person of its own.
    Split { side: Side, who: usize },
    /// Cycles until all is quiet, deletions too; then it is the next full third hour.
    Settle,
}

/// Which call a fault hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum On {
    Any,
    List,
    Deletions,
    Get,
    Find,
    Create,
    Update,
}

/// What goes wrong, by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Wrong {
    Refused,
    ServerError,
    Throttled {
        seconds: u64,
    },
    /// As a date instead of seconds.
    ThrottledUntil {
        seconds: u64,
    },
    /// For a year.
    ThrottledAbsurdly,
    TimeoutBefore,
    AnswerLost,
    AppliedThenError,
    DuplicateDelivery,
    LoginRefused,
    PartialBatch,
    CutMidBatch,
    RowLocked,
    Html,
    Malformed,
    SlowDrip,
    Delay,
    ItemsWithoutId,
    LoginAnswerLost,
    PageShift,
    EmptyPage,
    ItemsReordered,
    LateRows {
        seconds: u64,
    },
    StaleList {
        seconds: u64,
    },
    ClockSkew {
        seconds: i64,
    },
    ClockStep {
        seconds: i64,
    },
    FieldWithheld {
        field: String,
    },
    FieldMasked {
        field: String,
    },
    FieldIgnored {
        field: String,
    },
    Lowered {
        field: String,
    },
    Cut {
        field: String,
        to: usize,
    },
    Reformatted {
        field: String,
    },
    Rounded {
        field: String,
    },
    Automation {
        field: String,
        value: String,
    },
    FieldRenamed {
        field: String,
    },
    FieldRetyped {
        field: String,
    },
    ChoiceRemoved {
        field: String,
        choice: String,
    },
}

impl Schedule {
    /// The run as a file: comment, shape, then a step a line.
    pub(crate) fn to_text(&self, comment: &str) -> String {
        let comment = comment.lines().map(|line| format!("# {line}"));
        let shape = serde_json::to_string(&self.shape).expect("plain data");
        let step = |timed: &Timed| {
            format!("{:>8} {}", timed.after_ms, serde_json::to_string(&timed.step).expect("plain data"))
        };
        let lines: Vec<String> = comment.chain([shape]).chain(self.steps.iter().map(step)).collect();
        lines.join("\n") + "\n"
    }

    /// Everything settles before people act again: however Hymnal gets there, it must be the same place.
    pub(crate) fn is_calm(&self) -> bool {
        self.steps.iter().any(|timed| timed.step == Step::Settle)
    }

    /// A run from a file.
    pub(crate) fn from_text(text: &str) -> Self {
        let mut lines = text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
        let shape = serde_json::from_str(lines.next().expect("a shape")).expect("a shape");
        let step = |line: &str| {
            let (after, step) = line.trim_start().split_once(' ').expect("a time and a step");
            Timed {
                after_ms: after.parse().expect("milliseconds"),
                step: serde_json::from_str(step).unwrap_or_else(|error| panic!("`{step}` is no step: {error}")),
            }
        };
        Self { shape, steps: lines.map(step).collect() }
    }
}
