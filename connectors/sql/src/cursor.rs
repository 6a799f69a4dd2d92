//! Where a listing goes on.

use hymnal_sdk::{Cursor, Error, Kind, Result};
use serde::{Deserialize, Serialize};

/// Where a listing goes on: behind this row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    /// Rows that say no time come first, and again in each listing: nobody could say which of them changed.
    #[serde(default, rename = "t")]
    pub(crate) timed: bool,
    /// The time of the row, as the database spells it; none: from the beginning.
    #[serde(default, rename = "a", skip_serializing_if = "Option::is_none")]
    pub(crate) at: Option<String>,
    /// The row's id; none: all rows of that time and later.
    #[serde(default, rename = "i", skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    /// Where the timed rows go on once those without a time were read again.
    #[serde(default, rename = "s", skip_serializing_if = "Option::is_none")]
    pub(crate) since: Option<String>,
}

impl Position {
    pub(crate) fn read(cursor: Option<&Cursor>) -> Result<Self> {
        let Some(cursor) = cursor else { return Ok(Self::default()) };
        serde_json::from_str(&cursor.0).map_err(|_| {
            Error::new(Kind::Fatal, "cursor", "the place where the listing goes on does not read")
                .hint("read the table again from its beginning: `hymnal resync`")
        })
    }

    pub(crate) fn cursor(&self) -> Cursor {
        Cursor(serde_json::to_string(self).unwrap_or_default())
    }
}
