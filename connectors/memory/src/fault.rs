//! What can go wrong, by name.

use std::{collections::BTreeMap, time::Duration};

use hymnal_sdk::{Error, Kind, Native, Timestamp};

use crate::normal::Normal;

/// One way in which services were seen to misbehave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection is refused: nothing reached the service.
    Refused,
    /// A 5xx; nothing was applied, but nobody can tell. Planted several times it is a burst.
    ServerError,
    /// 429 with this `Retry-After`, however absurd; `None`: without one.
    Throttled {
        /// Seconds to wait.
        seconds: Option<u64>,
    },
    /// No answer in time; nothing was applied, but nobody can tell.
    TimeoutBefore,
    /// It was applied and the answer is lost.
    AnswerLost,
    /// It was applied and answered with 500.
    AppliedThenError,
    /// A proxy on the way sends the request twice: each item is applied, and applied again; the first answer comes back.
    DuplicateDelivery,
    /// The login is refused.
    LoginRefused,
    /// Some items of a batch are applied and answered so, the others fail for the moment.
    PartialBatch,
    /// The first items of a batch are applied, then the connection is cut.
    CutMidBatch,
    /// Every item answers that its row is locked.
    RowLocked,
    /// While a page is read, the next record is touched and moves to the end; the page begins with the last record
    /// of the page before.
    PageShift,
    /// A page without records that says there is more.
    EmptyPage,
    /// The records of a list, or of a look-up, come in any order, and one of them twice.
    ItemsReordered,
    /// Some of the records changed within this time are not listed yet. The object's overlap must cover it.
    LateRows(Duration),
    /// The list answers as things stood this long ago. The object's overlap must cover it.
    StaleList(Duration),
    /// The service's clock is wrong by this many more seconds, until the faults are lifted.
    ClockSkew {
        /// Seconds; negative: it falls behind.
        seconds: i64,
    },
    /// The service's clock is set, by this many seconds, for good.
    ClockStep {
        /// Seconds; negative: it falls behind.
        seconds: i64,
    },
    /// A reading leaves this field out.
    FieldWithheld {
        /// The field.
        field: String,
    },
    /// A reading shows `***` in this field, if it has a value.
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
        /// What is done to it.
        how: Normal,
    },
    /// After a write, a rule inside the service writes this.
    Automation {
        /// The field.
        field: String,
        /// What it becomes.
        value: Native,
    },
    /// A field gets another name until the faults are lifted: under the old one it can neither be read nor written.
    FieldRenamed {
        /// The object.
        object: String,
        /// The field.
        field: String,
    },
    /// A field becomes one of numbers until the faults are lifted: it keeps what it holds and takes no other text.
    FieldRetyped {
        /// The object.
        object: String,
        /// The field.
        field: String,
    },
    /// A choice is taken off a field's list until the faults are lifted; records keep it.
    ChoiceRemoved {
        /// The object.
        object: String,
        /// The field.
        field: String,
        /// The choice.
        choice: String,
    },
}

/// What a fault is planted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// Whichever comes next.
    Any,
    /// [`hymnal_sdk::Connector::describe`]
    Describe,
    /// [`hymnal_sdk::Connector::account`]
    Account,
    /// [`hymnal_sdk::Connector::list`]
    List,
    /// [`hymnal_sdk::Connector::deletions`]
    Deletions,
    /// [`hymnal_sdk::Connector::get`]
    Get,
    /// [`hymnal_sdk::Connector::find`]
    Find,
    /// [`hymnal_sdk::Connector::create`]
    Create,
    /// [`hymnal_sdk::Connector::update`]
    Update,
    /// [`hymnal_sdk::Connector::upsert`]
    Upsert,
    /// [`hymnal_sdk::Connector::delete`]
    Delete,
    /// [`hymnal_sdk::Connector::erase`]
    Erase,
    /// [`hymnal_sdk::Connector::users`]
    Users,
    /// [`hymnal_sdk::Connector::history`]
    History,
}

impl Method {
    /// It changes data.
    pub fn writes(self) -> bool {
        matches!(self, Self::Create | Self::Update | Self::Upsert | Self::Delete | Self::Erase)
    }
}

impl Fault {
    /// As many times as it can.
    pub const FOREVER: u32 = u32::MAX;

    /// The names of all faults: a simulation asserts that each has fired.
    pub const NAMES: [&'static str; 26] = [
        "refused",
        "server-error",
        "throttled",
        "timeout-before",
        "answer-lost",
        "applied-then-error",
        "duplicate-delivery",
        "login-refused",
        "partial-batch",
        "cut-mid-batch",
        "row-locked",
        "page-shift",
        "empty-page",
        "items-reordered",
        "late-rows",
        "stale-list",
        "clock-skew",
        "clock-step",
        "field-withheld",
        "field-masked",
        "field-ignored",
        "normalised",
        "automation",
        "field-renamed",
        "field-retyped",
        "choice-removed",
    ];

    /// The fault's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::ServerError => "server-error",
            Self::Throttled { .. } => "throttled",
            Self::TimeoutBefore => "timeout-before",
            Self::AnswerLost => "answer-lost",
            Self::AppliedThenError => "applied-then-error",
            Self::DuplicateDelivery => "duplicate-delivery",
            Self::LoginRefused => "login-refused",
            Self::PartialBatch => "partial-batch",
            Self::CutMidBatch => "cut-mid-batch",
            Self::RowLocked => "row-locked",
            Self::PageShift => "page-shift",
            Self::EmptyPage => "empty-page",
            Self::ItemsReordered => "items-reordered",
            Self::LateRows(_) => "late-rows",
            Self::StaleList(_) => "stale-list",
            Self::ClockSkew { .. } => "clock-skew",
            Self::ClockStep { .. } => "clock-step",
            Self::FieldWithheld { .. } => "field-withheld",
            Self::FieldMasked { .. } => "field-masked",
            Self::FieldIgnored { .. } => "field-ignored",
            Self::Normalised { .. } => "normalised",
            Self::Automation { .. } => "automation",
            Self::FieldRenamed { .. } => "field-renamed",
            Self::FieldRetyped { .. } => "field-retyped",
            Self::ChoiceRemoved { .. } => "choice-removed",
        }
    }

    /// Whether it can fire on this method.
    pub fn can_hit(&self, method: Method) -> bool {
        if method == Method::Any {
            return true;
        }
        match self {
            Self::PartialBatch | Self::CutMidBatch | Self::RowLocked | Self::DuplicateDelivery => method.writes(),
            Self::PageShift | Self::EmptyPage | Self::LateRows(_) | Self::StaleList(_) => method == Method::List,
            Self::ItemsReordered => matches!(method, Method::List | Method::Find),
            Self::FieldWithheld { .. } | Self::FieldMasked { .. } => {
                matches!(method, Method::List | Method::Get | Method::Find)
            }
            Self::FieldIgnored { .. } | Self::Normalised { .. } | Self::Automation { .. } => {
                matches!(method, Method::Create | Method::Update | Method::Upsert)
            }
            _ => true,
        }
    }

    /// What becomes of the whole call; `None` where the fault only bends its effect or its answer.
    pub(crate) fn outcome(&self, method: Method, now: Timestamp) -> Option<Outcome> {
        let doubtful = |error: Error| if method.writes() { error.in_doubt() } else { error };
        let transient = |code: &str, message: &str| Error::new(Kind::Transient, code, message);
        Some(match self {
            Self::Refused => Outcome::NotApplied(transient("connection-refused", "the connection was refused")),
            Self::ServerError => Outcome::NotApplied(doubtful(transient("503", "the service is not available"))),
            Self::Throttled { seconds } => Outcome::NotApplied(throttled(*seconds, now)),
            Self::TimeoutBefore => Outcome::NotApplied(doubtful(transient("timeout", "no answer came in time"))),
            Self::AnswerLost => Outcome::Applied(doubtful(transient("answer-lost", "the connection was cut"))),
            Self::AppliedThenError => Outcome::Applied(doubtful(transient("500", "internal server error"))),
            Self::LoginRefused => {
                Outcome::NotApplied(Error::new(Kind::Auth, "401", "the token has expired or was revoked"))
            }
            Self::DuplicateDelivery => Outcome::Twice,
            Self::CutMidBatch => Outcome::CutShort(doubtful(transient("cut", "the connection was cut"))),
            Self::PartialBatch => {
                Outcome::SomeItems(transient("UNKNOWN_EXCEPTION", "this item could not be saved for the moment"))
            }
            Self::RowLocked => {
                let message = "unable to obtain exclusive access to this record";
                Outcome::NoItem(Error::new(Kind::Conflict, "UNABLE_TO_LOCK_ROW", message))
            }
            _ => return None,
        })
    }
}

/// What a fault makes of a whole call.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// Nothing is applied, and the call fails.
    NotApplied(Error),
    /// All is applied, and the call fails.
    Applied(Error),
    /// The first items are applied, and the call fails.
    CutShort(Error),
    /// Some items are applied, the others fail with this; the call succeeds.
    SomeItems(Error),
    /// Every item fails with this; the call succeeds.
    NoItem(Error),
    /// All is applied twice; the call succeeds.
    Twice,
}

impl Outcome {
    /// The error of a call that changes nothing; `None` where it succeeds all the same.
    pub(crate) fn into_error(self) -> Option<Error> {
        match self {
            Self::NotApplied(error)
            | Self::Applied(error)
            | Self::CutShort(error)
            | Self::SomeItems(error)
            | Self::NoItem(error) => Some(error),
            Self::Twice => None,
        }
    }
}

/// Faults that wait, and a count of those that fired.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    planted: Vec<Planted>,
    fired: BTreeMap<&'static str, u64>,
}

#[derive(Clone, Debug)]
struct Planted {
    fault: Fault,
    times: u32,
    on: Method,
}

impl Faults {
    pub(crate) fn plant(&mut self, fault: Fault, times: u32, on: Method) {
        if times > 0 {
            self.planted.push(Planted { fault, times, on });
        }
    }

    pub(crate) fn lift(&mut self) {
        self.planted.clear();
    }

    pub(crate) fn fired(&self) -> &BTreeMap<&'static str, u64> {
        &self.fired
    }

    /// The oldest fault for this method out of which `effect` makes something; it counts as fired.
    pub(crate) fn first<T>(&mut self, method: Method, mut effect: impl FnMut(&Fault) -> Option<T>) -> Option<T> {
        for index in 0..self.planted.len() {
            let Some(planted) = self.planted.get(index) else { break };
            if planted.matches(method)
                && let Some(done) = effect(&planted.fault)
            {
                self.count(index);
                return Some(done);
            }
        }
        None
    }

    /// Every fault for this method that `effect` says has done something, oldest first; each counts as fired.
    pub(crate) fn each(&mut self, method: Method, mut effect: impl FnMut(&Fault) -> bool) {
        let mut index = 0;
        while let Some(planted) = self.planted.get(index) {
            let ends = planted.times == 1;
            if planted.matches(method) && effect(&planted.fault) {
                self.count(index);
                // A fault that was spent is gone, and the next one stands in its place.
                index += usize::from(!ends);
            } else {
                index += 1;
            }
        }
    }

    fn count(&mut self, index: usize) {
        let Some(planted) = self.planted.get_mut(index) else { return };
        *self.fired.entry(planted.fault.name()).or_default() += 1;
        planted.times -= 1;
        if planted.times == 0 {
            self.planted.remove(index);
        }
    }
}

impl Planted {
    fn matches(&self, method: Method) -> bool {
        (self.on == Method::Any || self.on == method) && self.fault.can_hit(method)
    }
}

fn throttled(seconds: Option<u64>, now: Timestamp) -> Error {
    let error = Error::new(Kind::Throttled, "429", "too many requests");
    match seconds {
        Some(seconds) => error.not_before(now.checked_add(Duration::from_secs(seconds)).unwrap_or(Timestamp::MAX)),
        None => error,
    }
}
