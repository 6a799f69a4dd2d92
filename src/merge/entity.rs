//! One golden record and all that is known of its members.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use hymnal_sdk::{Actor, Address, Fields, Native, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use super::member::{Member, Presence};
use super::{
    field::{ConflictKind, Evidence},
    guard::GuardKind,
    held::{FieldGate, RecordGate},
    removal::{Removal, Tombstone},
    scope::Scope,
    secondary::Secondary,
    side::{Pair, Side},
};
use crate::{
    mapping::{Problem, Value},
    planted::{self, Planted},
};

/// The id of an entity or of a conflict: a UUID of version 7, so that ids sort by age.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Id(pub Uuid);

impl Id {
    /// The 16 bytes, for keys.
    pub fn bytes(self) -> [u8; 16] {
        *self.0.as_bytes()
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.as_simple())
    }
}

impl FromStr for Id {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::parse_str(text).map(Self)
    }
}

/// One golden record: the single source of truth for one person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entity {
    /// Its id, for ever.
    pub id: Id,
    /// The linked record of each system.
    pub members: Pair<Option<Member>>,
    /// Further records of the same person: they give and take nothing but consent.
    pub secondaries: Pair<Vec<Secondary>>,
    /// Ids of entities that became a part of this one: whoever remembers one of them finds this person.
    pub aliases: Vec<Id>,
    /// E-mails that this person had, by field, while a consent was restricted: who has one of them now is not written to
    /// either.
    pub former_emails: BTreeSet<(String, String)>,
    /// Records that a person took away from this one: they are not matched with it again.
    pub apart: Vec<Apart>,
    /// Where a record of this person was deleted: it is not made again.
    pub tombstones: Pair<Option<Tombstone>>,
    /// A deletion on the other side that is to be done here.
    pub removing: Pair<Option<Removal>>,
    /// A creation that was sent and not yet answered, or whose answer was lost.
    pub creating: Pair<Option<Creating>>,
    /// A record that a service refuses, or cannot be created.
    pub parked: Pair<Option<Parked>>,
    /// Several people could be this one: a person decides. Nothing is created or linked until then.
    pub ambiguous: Vec<Id>,
    /// That question's id in the conflict log.
    pub question: Option<Id>,
    /// It waits to be matched by its keys: nothing is created before.
    pub queued: bool,
    /// It was matched, and somebody else could be the same record: it stays in the queue.
    pub contested: bool,
    /// What is to be done on each side; derived whenever the entity is decided.
    pub wants: Pair<Want>,
    /// Objects with secondaries whose consent is to be written; derived whenever the entity is decided.
    pub wants_secondary: Pair<BTreeSet<String>>,
    /// Whether the person is in the sync.
    pub scope: Scope,
    /// What a guard decided about the record of a side as a whole.
    pub gates: Pair<Option<RecordGate>>,
    /// What of a write that is on its way to a side was counted by a guard, and when: sent again while that counts, it is
    /// the same write.
    pub counted: Pair<BTreeMap<GuardKind, Timestamp>>,
    /// The mapped fields, by canonical name.
    pub fields: BTreeMap<String, Field>,
}

/// What is to be done on one side. Of several fields of one record the most urgent tells: the later one here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Want {
    /// Nothing.
    #[default]
    Nothing,
    /// A record.
    Create,
    /// The record is to be deleted, because the other side's was.
    Remove,
    /// A patch that is not empty.
    Update,
    /// A patch in which something is that a person decided and waits for.
    Decided,
    /// A patch in which consent is restricted.
    Restrict,
}

/// A record that a person took away from an entity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Apart {
    /// Where.
    pub side: Side,
    /// Which.
    pub address: Address,
    /// Nothing is created there in its place until the keys of one of the two change.
    pub bars: bool,
}

/// A creation between the durable mark and its answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Creating {
    /// The object.
    pub object: String,
    /// What was sent.
    pub fields: Fields,
    /// The canonical fields that the other record was known to hold then: whatever is read there from now on is an edit.
    pub known: BTreeSet<String>,
    /// When it was marked, by our clock.
    #[serde(with = "jiff::fmt::serde::timestamp::microsecond::required")]
    pub at: Timestamp,
    /// How often it was looked for since without being found.
    pub looked: u32,
}

/// Set aside, with the service's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    /// Why.
    pub problem: Problem,
    /// Since when.
    #[serde(with = "jiff::fmt::serde::timestamp::microsecond::required")]
    pub since: Timestamp,
    /// How often it was tried.
    pub tries: u32,
    /// Not before this time, unless something changes; `None`: not by itself at all.
    #[serde(with = "jiff::fmt::serde::timestamp::microsecond::optional")]
    pub next_try: Option<Timestamp>,
    /// Who said that it is to be left as it is.
    pub dismissed_by: Option<String>,
}

impl Parked {
    /// It waits for its delay no longer.
    pub fn retry_at(&mut self, now: Timestamp) {
        self.next_try = self.next_try.map(|at| at.min(now));
    }

    /// Its time has not come.
    pub fn is_waiting(&self, now: Timestamp) -> bool {
        self.next_try.is_none_or(|at| now < at)
    }
}

/// One field of one entity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Field {
    /// The value decided.
    pub golden: Value,
    /// The value at which all members last stood.
    pub agreed: Option<Value>,
    /// The first link was decided; it is not decided again while the value is on its way.
    pub linked: bool,
    /// Who set the golden value.
    pub origin: Option<Origin>,
    /// What each member holds.
    pub sides: Pair<Holding>,
    /// A difference that waits for a person; that of a frozen field too.
    pub conflict: Option<OpenConflict>,
    /// Times at which the value went back to what it was before.
    pub flips: Vec<Timestamp>,
    /// The golden value before this one, to notice flips.
    pub previous: Option<Value>,
    /// The value that a rule refused last, to notice who enters it again and again.
    pub refused: Option<Value>,
    /// It flipped too often: nothing is written until a person decides.
    pub frozen: bool,
    /// A restriction that a secondary, or another record with the same e-mail, brought: the only member does not
    /// loosen it.
    pub imposed: bool,
}

/// Who set a golden value, and by which rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The side it came from; `None` where it was made of both.
    pub side: Option<Side>,
    /// When, as far as it is known.
    pub evidence: Evidence,
    /// Who, as far as the service tells.
    pub by: Option<Actor>,
    /// The rule: `only edit`, `first link`, `latest`, …
    pub rule: String,
    /// A person decided it: what follows is written in that lane.
    pub by_person: bool,
}

/// What one member holds of a field.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Holding {
    /// The native value last read from, or answered by, the member, and already merged. `None`: unread.
    pub shadow: Option<Native>,
    /// What we wrote and no reading has settled.
    pub sent: Option<Sent>,
    /// An edit that has not reached the other side.
    pub edit: Option<Edit>,
    /// Why this side differs and nothing is done about it.
    pub mark: Option<Mark>,
    /// What a guard decided about writing here.
    pub gate: Option<FieldGate>,
}

/// A value on its way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sent {
    /// As it was written.
    pub native: Native,
    /// The golden value it stands for.
    pub golden: Value,
    /// Nobody knows whether it was applied: the mark was made, and no answer has come.
    pub in_doubt: bool,
    /// We wrote other fields of the record since: that it was last changed by us says nothing of this one.
    pub followed: bool,
}

/// An edit by somebody else than us.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Edit {
    /// What it became.
    pub value: Value,
    /// What it was on that side.
    pub before: Option<Value>,
    /// When.
    pub evidence: Evidence,
    /// Who.
    pub by: Option<Actor>,
    /// It came with a change of the e-mail.
    pub with_email: bool,
}

/// Why a side differs from the golden value and nothing is done about it, as long as the golden value is this one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Mark {
    /// The service keeps an image of it (trimmed, cut, rounded): the golden record keeps the richer value.
    Normalised {
        /// For this golden value.
        golden: Value,
    },
    /// The service answered success and did nothing.
    Ignored {
        /// For this golden value.
        golden: Value,
    },
    /// The same, where clearing the field first helps: it is cleared, and written when it is blank.
    ClearFirst {
        /// For this golden value.
        golden: Value,
    },
    /// The service, or the mapping, refuses it.
    Parked {
        /// For this golden value; `None`: what was read could not be understood.
        golden: Option<Value>,
        /// The service's words.
        parked: Parked,
    },
    /// A person said no to what a guard held: it is left where it stands until somebody edits the field again.
    Discarded {
        /// For this golden value.
        golden: Value,
    },
    /// A rule refused the edit and it is left where it stands.
    Kept {
        /// For this golden value.
        golden: Value,
    },
    /// A person had this side's earlier value brought back, which the other side never had.
    Apart {
        /// For this golden value.
        golden: Value,
        /// What this side is to hold.
        value: Value,
    },
}

/// A difference that waits for a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpenConflict {
    /// Its id in the conflict log.
    pub id: Id,
    /// What kind of difference.
    pub kind: ConflictKind,
    /// What each side holds.
    pub values: Pair<Value>,
}

impl Entity {
    /// An entity without members.
    pub fn new(id: Id) -> Self {
        Self {
            id,
            members: Pair::default(),
            secondaries: Pair::default(),
            aliases: Vec::new(),
            former_emails: BTreeSet::new(),
            apart: Vec::new(),
            tombstones: Pair::default(),
            removing: Pair::default(),
            creating: Pair::default(),
            parked: Pair::default(),
            ambiguous: Vec::new(),
            question: None,
            queued: true,
            contested: false,
            wants: Pair::default(),
            wants_secondary: Pair::default(),
            scope: Scope::default(),
            gates: Pair::default(),
            counted: Pair::default(),
            fields: BTreeMap::new(),
        }
    }

    /// The member of a side, if it is linked and can be seen.
    pub fn seen(&self, side: Side) -> Option<&Member> {
        self.members[side].as_ref().filter(|member| member.presence == Presence::Seen)
    }

    /// Nobody knows whether our last write to this side was applied.
    pub fn is_in_doubt(&self, side: Side) -> bool {
        self.fields.values().any(|field| field.sides[side].sent.as_ref().is_some_and(|sent| sent.in_doubt))
    }

    /// The secondary of a side at an address.
    pub fn secondary(&self, side: Side, address: &Address) -> Option<&Secondary> {
        self.secondaries[side].iter().find(|secondary| secondary.member.address == *address)
    }

    /// The secondary of a side at an address, to change it.
    pub fn secondary_mut(&mut self, side: Side, address: &Address) -> Option<&mut Secondary> {
        self.secondaries[side].iter_mut().find(|secondary| secondary.member.address == *address)
    }

    /// Where the secondaries of a side live.
    pub fn secondary_addresses(&self, side: Side) -> impl Iterator<Item = &Address> {
        self.secondaries[side].iter().map(|secondary| &secondary.member.address)
    }

    /// Every record of a side: the member, then the secondaries.
    pub fn addresses(&self, side: Side) -> impl Iterator<Item = &Address> {
        let member = self.members[side].as_ref().map(|member| &member.address);
        member.into_iter().chain(self.secondary_addresses(side))
    }

    /// A person said that the two are not one.
    pub fn is_apart_from(&self, other: &Self) -> bool {
        let took = |one: &Self, two: &Self| {
            one.apart.iter().any(|apart| two.addresses(apart.side).any(|address| *address == apart.address))
        };
        !planted::is(Planted::MatchAgain) && (took(self, other) || took(other, self))
    }

    /// Both sides are linked.
    pub fn is_linked(&self) -> bool {
        self.members.left.is_some() && self.members.right.is_some()
    }
}

impl Origin {
    /// A value that came from neither side.
    pub fn by_rule(rule: &str) -> Self {
        Self { side: None, evidence: Evidence::None, by: None, rule: rule.to_owned(), by_person: false }
    }
}

impl Holding {
    /// What was read could not be understood.
    pub fn is_unreadable(&self) -> bool {
        matches!(self.mark, Some(Mark::Parked { golden: None, .. }))
    }
}

impl Field {
    /// What a side is to hold: the golden value, unless a person had an earlier one brought back there.
    pub fn target(&self, side: Side) -> &Value {
        match &self.sides[side].mark {
            Some(Mark::Apart { golden, value }) if *golden == self.golden => value,
            _ => &self.golden,
        }
    }

    /// A field of which nothing is known.
    pub fn unread() -> Self {
        Self {
            golden: Value::Blank,
            agreed: None,
            linked: false,
            origin: None,
            sides: Pair::default(),
            conflict: None,
            flips: Vec::new(),
            previous: None,
            refused: None,
            frozen: false,
            imposed: false,
        }
    }
}
