//! What decides, as one short text: when it changes, what was agreed under the old rules is looked at anew.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::show;
use crate::merge::SyncRules;

/// The keys of a sync that decide. Times, limits and secrets do not.
const DECIDING: [&str; 7] = ["between", "create", "create_when", "include", "match", "priority", "fields"];

/// The digest of all syncs.
pub(super) fn config_digest(syncs: &[SyncRules]) -> String {
    hash(syncs.iter().map(|sync| (sync.name.clone(), deciding(sync))).collect())
}

/// The digest of one sync, in hexadecimal: the same as long as nothing changes that decides.
///
/// It is taken of what the configuration means, so defaults may be written out, and keys may stand in any order.
pub fn sync_digest(sync: &SyncRules) -> String {
    hash(Map::from_iter([(sync.name.clone(), deciding(sync))]))
}

fn deciding(sync: &SyncRules) -> Value {
    let mut shown = show::sync(sync);
    shown.retain(|key, _| DECIDING.contains(&key.as_str()));
    // Where a name came from decides nothing once it is known; the option may go when it has done its work.
    for field in shown.get_mut("fields").and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut) {
        if let Value::Object(options) = field {
            options.shift_remove("renamed_from");
        }
    }
    Value::Object(shown)
}

/// SHA-256, of which 128 bits are plenty against chance.
fn hash(deciding: Map<String, Value>) -> String {
    let mut deciding = Value::Object(deciding);
    deciding.sort_all_objects();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, deciding.to_string().as_bytes());
    let mut text = String::new();
    for byte in digest.as_ref().iter().take(16) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
