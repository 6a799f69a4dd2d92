//! What was done with all of the state.

use serde_json::Value as Json;

use super::words::{moment, text};

/// `backup`
pub fn backed_up(told: &Json) -> String {
    format!(
        "Wrote {} entries to `{}` ({}), and read them back.\nThe file holds personal data.\n",
        told["entries"],
        text(&told["file"]),
        bytes(&told["bytes"])
    )
}

/// `restore`
pub fn restored(told: &Json) -> String {
    let mut said = format!("Restored {} entries, as they were at {}.\n", told["entries"], moment(&told["made_at"]));
    said.push_str(&set_aside(told["before"].as_str()));
    said.push_str("What has changed in the systems since is read and merged by the next `hymnal run`.\n");
    said
}

/// Where the state is that was there before.
pub fn set_aside(before: Option<&str>) -> String {
    before.map(|path| format!("The state that was there before is kept in `{path}`.\n")).unwrap_or_default()
}

/// `compact`
pub fn compacted(told: &Json) -> String {
    format!("Compacted: {} before, {} now.\n", bytes(&told["bytes_before"]), bytes(&told["bytes_after"]))
}

fn bytes(json: &Json) -> String {
    let bytes = json.as_u64().unwrap_or_default();
    match bytes {
        0..10_000 => format!("{bytes} bytes"),
        10_000..10_000_000 => format!("{} kB", bytes / 1000),
        _ => format!("{} MB", bytes / 1_000_000),
    }
}
