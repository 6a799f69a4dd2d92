//! Where a record's fields stand.

use serde::Deserialize;

use super::{request::BodyTest, template::Shape};

/// Where a record's fields stand.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Layout {
    /// In an object of their own.
    Map {
        /// Where it stands.
        path: String,
    },
    /// In the record itself.
    Flat {
        /// Not fields.
        #[serde(default)]
        leave_out: Vec<String>,
    },
    /// In a list of names and values.
    Pairs {
        /// Where it stands.
        path: String,
        /// The key of the name.
        name: String,
        /// The key of the value.
        value: String,
    },
}

/// Fields that a service's users made themselves, and that stand elsewhere than its own: read there, and written there
/// (Insightly: `CUSTOMFIELDS`, a list of names and values; Pipedrive: `custom_fields`, an object).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Custom {
    /// Which they are, by their names.
    pub named: Named,
    /// Where they stand: `map` or `pairs`, directly in the record.
    pub fields: Layout,
    /// One without a value is left out.
    #[serde(default)]
    pub omits_blanks: bool,
}

/// What a name looks like.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Named {
    /// It ends so (`__c`).
    Ends(String),
    /// It has so many characters (40: a digest).
    Length(usize),
}

impl Named {
    /// Whether this is such a name.
    pub fn fits(&self, name: &str) -> bool {
        match self {
            Self::Ends(ending) => name.len() > ending.len() && name.ends_with(ending.as_str()),
            Self::Length(length) => name.chars().count() == *length,
        }
    }
}

/// A field that a service keeps as something else.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Derived {
    /// The value of that item of a list that is marked as the first in rank (Pipedrive's `emails` and `phones`). Writing
    /// replaces its value and keeps the other items: the list is read just before.
    Primary {
        /// Where the list stands.
        path: String,
        /// In an item, the value.
        value: String,
        /// In an item, what is true of the first in rank; without one such, the first counts.
        flag: String,
    },
    /// Whether a list has an item with this word (Mautic's `doNotContact`, one item a channel).
    Listed {
        /// Where the list stands.
        path: String,
        /// In an item, where the word stands.
        key: String,
        /// The word.
        word: String,
        /// The item that, written into the list, says so.
        yes: Shape,
        /// The item that says that it is not so.
        no: Shape,
    },
    /// The value of the first child record of a kind (Tryton: a party's e-mail address is a record of its own, listed
    /// in the party; Odoo keeps children so too). The list is written as commands, each about one child: the children
    /// are read just before.
    Child {
        /// Where the list of children stands.
        path: String,
        /// What holds for a child of the kind; without it, all are.
        #[serde(default)]
        kind: Option<BodyTest>,
        /// In a child, its id.
        id: String,
        /// In a child, the value.
        value: String,
        /// The command that adds a child with `{value}`.
        add: Shape,
        /// The command that gives the child `{id}` another `{value}`.
        change: Shape,
        /// The command that takes the child `{id}` away.
        remove: Shape,
    },
}
