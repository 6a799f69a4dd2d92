//! What stands in the outbox: whose turn it is, and what is to be done.

/// The lanes of the outbox, most urgent first.
pub const LANES: [u8; 4] = [CONSENT, SECONDARY, PERSON, ORDINARY];
/// Restrictions of consent.
pub const CONSENT: u8 = 0;
/// Consent of secondaries.
pub const SECONDARY: u8 = 3;
/// What a person decided, and waits for.
pub const PERSON: u8 = 1;
/// Everything else.
pub const ORDINARY: u8 = 2;

/// What the outbox says is to be done, so that batches can be made without reading the entities.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Job {
    /// Change a record of this object.
    Update(String),
    /// Make a record of this object.
    Create(String),
    /// Delete a record of this object.
    Remove(String),
    /// Change the consent of secondaries of this object.
    Secondary(String),
}

impl Job {
    /// As it stands in the outbox.
    pub fn to_bytes(&self) -> Vec<u8> {
        let (letter, object) = match self {
            Self::Update(object) => (b'u', object),
            Self::Create(object) => (b'c', object),
            Self::Remove(object) => (b'd', object),
            Self::Secondary(object) => (b's', object),
        };
        [&[letter], object.as_bytes()].concat()
    }

    /// What stands in the outbox.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (letter, object) = bytes.split_first()?;
        let object = String::from_utf8(object.to_vec()).ok()?;
        match letter {
            b'u' => Some(Self::Update(object)),
            b'c' => Some(Self::Create(object)),
            b'd' => Some(Self::Remove(object)),
            b's' => Some(Self::Secondary(object)),
            _ => None,
        }
    }
}
