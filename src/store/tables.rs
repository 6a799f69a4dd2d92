//! The keys of the store, in one table. All of them start with the sync's number.
//!
//! | letter | then | value |
//! |---|---|---|
//! | `e` | entity | the entity |
//! | `a` | side, object, `0`, id | the entity that knows this address |
//! | `k` | key set, key, `0`, entity | nothing: the match index; from 128 on e-mails, from 192 on values on their way out |
//! | `y` | entity | the entity it became a part of |
//! | `q` | key set, key, `0`, entity | nothing: entities that wait to be matched, in key order |
//! | `o` | side, lane, (object, `0`,) entity | what is to be done: the outbox; the object for secondaries |
//! | `w` | kind, entity, field | what waits, or is listed; for questions their conflict, for parked things when they are due, and why |
//! | `h` | hold, entry, side, entity | nothing: what guards hold back |
//! | `g` | hold | an open hold |
//! | `j` | entity, number | the journal |
//! | `c` | number | the lines of the conflict log |
//! | `i` | conflict | the number of its latest line |
//! | `u` | side, object, kind | cursors |
//! | `r` | side, object, `0`, id | records to be read again |
//! | `z` | hash | nothing: what was erased and is not met again |
//! | `n` | hash | nothing: records of erased people that were read again |
//! | `f` | entity | erasures: open ones, and receipts |
//! | `b` | signature | the breaker of what is parked for one reason |
//! | `m` | name | the state of the sync |
//!
//! Names of syncs have their numbers under `s`, without a sync's number in front; so have connectors their accounts.

use hymnal_sdk::Address;

use crate::merge::{Id, Side};

/// Numbers of key sets from here on are fields that hold an e-mail.
const EMAILS: usize = 128;
/// From here on they are sides.
const LEAVING: usize = 192;

/// A sync's number in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag(pub u8);

/// What waits, or is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wait {
    /// An open conflict.
    Conflict,
    /// A field that flips.
    Frozen,
    /// A field or record a service refuses.
    Parked,
    /// A field whose write was answered with success and ignored.
    Ignored,
    /// A key that leads to several people.
    Ambiguous,
    /// A further record of a person.
    Duplicate,
    /// No key can be formed.
    NoKey,
    /// The service keeps another form.
    Normalised,
    /// A refused value left where it stands.
    Kept,
    /// A value that a person would not have written.
    Discarded,
    /// A record that cannot be seen.
    NotVisible,
    /// A field that the service has never shown.
    Withheld,
    /// A deletion in its grace.
    Deleting,
    /// A record that was converted into one of an object that the sync does not have.
    ConvertedOut,
    /// People whom a person took apart.
    Apart,
}

impl Wait {
    /// All, in the order of their letters.
    pub const ALL: [Self; 15] = [
        Self::Conflict,
        Self::Frozen,
        Self::Parked,
        Self::Ignored,
        Self::Ambiguous,
        Self::Duplicate,
        Self::NoKey,
        Self::Normalised,
        Self::Kept,
        Self::Discarded,
        Self::NotVisible,
        Self::Withheld,
        Self::Deleting,
        Self::ConvertedOut,
        Self::Apart,
    ];

    /// The letter in the key.
    pub fn letter(self) -> u8 {
        match self {
            Self::Conflict => b'c',
            Self::Frozen => b'f',
            Self::Parked => b'p',
            Self::Ignored => b'i',
            Self::Ambiguous => b'a',
            Self::Duplicate => b'd',
            Self::NoKey => b'n',
            Self::Normalised => b'o',
            Self::Kept => b'k',
            Self::Discarded => b'u',
            Self::NotVisible => b'v',
            Self::Withheld => b'h',
            Self::Deleting => b'x',
            Self::ConvertedOut => b't',
            Self::Apart => b's',
        }
    }
}

/// What a cursor is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feed {
    /// Changes.
    Changes,
    /// Deletions.
    Deletions,
}

impl Tag {
    /// All keys of one table.
    pub fn table(self, letter: u8) -> Vec<u8> {
        vec![self.0, letter]
    }

    /// An entity.
    pub fn entity(self, id: Id) -> Vec<u8> {
        self.with(b'e', &[&id.bytes()])
    }

    /// The entity that knows an address.
    pub fn address(self, side: Side, address: &Address) -> Vec<u8> {
        self.with(b'a', &[&[letter(side)], address.object.as_bytes(), &[0], address.id.as_bytes()])
    }

    /// All entities under a key.
    pub fn matching(self, set: usize, key: &str) -> Vec<u8> {
        self.with(b'k', &[&[set_number(set)], key.as_bytes(), &[0]])
    }

    /// All entities with an e-mail, by the number of its field.
    pub fn email(self, field: usize, key: &str) -> Vec<u8> {
        self.matching(EMAILS + field, key)
    }

    /// All entities whose record on a side still holds a value that it is about to lose.
    pub fn leaving(self, side: Side, native: &str, key: &str) -> Vec<u8> {
        let set = LEAVING + usize::from(side == Side::Right);
        self.with(b'k', &[&[set_number(set)], native.as_bytes(), &[0], key.as_bytes(), &[0]])
    }

    /// The entity that another one became a part of.
    pub fn alias(self, id: Id) -> Vec<u8> {
        self.with(b'y', &[&id.bytes()])
    }

    /// An entity that waits to be matched.
    pub fn queued(self, set: usize, key: &str, id: Id) -> Vec<u8> {
        self.with(b'q', &[&[set_number(set)], key.as_bytes(), &[0], &id.bytes()])
    }

    /// The outbox of a side and lane.
    pub fn outbox(self, side: Side, lane: u8) -> Vec<u8> {
        self.with(b'o', &[&[letter(side), lane]])
    }

    /// What waits, of one kind.
    pub fn waiting(self, wait: Wait) -> Vec<u8> {
        self.with(b'w', &[&[wait.letter()]])
    }

    /// What waits in a hold.
    pub fn held(self, hold: u32) -> Vec<u8> {
        self.with(b'h', &[&hold.to_be_bytes()])
    }

    /// One entry of a hold.
    pub fn held_entry(self, (hold, entry): (u32, u32), side: Side, id: Id) -> Vec<u8> {
        self.with(b'h', &[&hold.to_be_bytes(), &entry.to_be_bytes(), &[letter(side)], &id.bytes()])
    }

    /// A hold.
    pub fn hold(self, hold: u32) -> Vec<u8> {
        self.with(b'g', &[&hold.to_be_bytes()])
    }

    /// The journal of an entity.
    pub fn journal(self, id: Id) -> Vec<u8> {
        self.with(b'j', &[&id.bytes()])
    }

    /// A page of the journal of an entity.
    pub fn page(self, id: Id, number: u64) -> Vec<u8> {
        self.with(b'j', &[&id.bytes(), &number.to_be_bytes()])
    }

    /// A line of the conflict log.
    pub fn line(self, number: u64) -> Vec<u8> {
        self.with(b'c', &[&number.to_be_bytes()])
    }

    /// The latest line of a conflict.
    pub fn latest_line(self, conflict: Id) -> Vec<u8> {
        self.with(b'i', &[&conflict.bytes()])
    }

    /// A cursor.
    pub fn cursor(self, side: Side, object: &str, feed: Feed) -> Vec<u8> {
        let feed = match feed {
            Feed::Changes => b'c',
            Feed::Deletions => b'd',
        };
        self.with(b'u', &[&[letter(side), feed], object.as_bytes()])
    }

    /// Records of an object to be read again.
    pub fn rereads(self, side: Side, object: &str) -> Vec<u8> {
        self.with(b'r', &[&[letter(side)], object.as_bytes(), &[0]])
    }

    /// Something of an erased person, by its hash.
    pub fn blocked(self, hash: &[u8]) -> Vec<u8> {
        self.with(b'z', &[hash])
    }

    /// A record of an erased person that was read again, by its hash.
    pub fn met_again(self, hash: &[u8]) -> Vec<u8> {
        self.with(b'n', &[hash])
    }

    /// An erasure.
    pub fn erasure(self, entity: Id) -> Vec<u8> {
        self.with(b'f', &[&entity.bytes()])
    }

    /// The breaker of what is parked for one reason.
    pub fn breaker(self, signature: &[u8]) -> Vec<u8> {
        self.with(b'b', &[signature])
    }

    /// A part of the state of the sync.
    pub fn state(self, name: &str) -> Vec<u8> {
        self.with(b'm', &[name.as_bytes()])
    }

    fn with(self, letter: u8, parts: &[&[u8]]) -> Vec<u8> {
        let mut key = Vec::with_capacity(2 + parts.iter().map(|part| part.len()).sum::<usize>());
        key.extend([self.0, letter]);
        for part in parts {
            key.extend_from_slice(part);
        }
        key
    }
}

/// The entity at the end of a key.
pub fn entity_of(key: &[u8]) -> Option<Id> {
    let bytes: [u8; 16] = key.get(key.len().checked_sub(16)?..)?.try_into().ok()?;
    Some(Id(uuid::Uuid::from_bytes(bytes)))
}

/// Number, entry and side of what waits in a hold, from its key.
pub fn held_of(key: &[u8]) -> Option<(u32, u32, Side)> {
    let number = |from: usize| Some(u32::from_be_bytes(key.get(from..from + 4)?.try_into().ok()?));
    let side = if *key.get(10)? == letter(Side::Left) { Side::Left } else { Side::Right };
    Some((number(2)?, number(6)?, side))
}

/// The entity and the number of a page of the journal, from its key.
pub fn page_of(key: &[u8]) -> Option<(Id, u64)> {
    let (entity, number) = key.get(2..)?.split_at_checked(16)?;
    Some((conflict_of(entity)?, u64::from_be_bytes(number.try_into().ok()?)))
}

/// The conflict that a row of what waits names.
pub fn conflict_of(value: &[u8]) -> Option<Id> {
    Some(Id(uuid::Uuid::from_bytes(value.try_into().ok()?)))
}

/// The account that a connector was first met with.
pub fn account(connector: &str) -> Vec<u8> {
    let mut key = vec![b's', 1];
    key.extend_from_slice(connector.as_bytes());
    key
}

/// The number of a sync, by name.
pub fn sync_name(name: &str) -> Vec<u8> {
    let mut key = vec![b's', 0];
    key.extend_from_slice(name.as_bytes());
    key
}

fn letter(side: Side) -> u8 {
    match side {
        Side::Left => b'l',
        Side::Right => b'r',
    }
}

fn set_number(set: usize) -> u8 {
    u8::try_from(set).unwrap_or(u8::MAX)
}
