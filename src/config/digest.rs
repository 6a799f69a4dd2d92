//! What decides, as one short text: when it changes, what was agreed under the old rules is looked at anew.

use serde_json::{Value, json};

use crate::merge::{FieldRule, SyncRules};

/// The digest of all syncs.
pub(super) fn config_digest(syncs: &[SyncRules]) -> String {
    hash(&Value::from(syncs.iter().map(deciding).collect::<Vec<_>>()))
}

/// The digest of one sync, in hexadecimal: the same as long as nothing changes that decides.
///
/// Times, limits, secrets, comments and the order of options are no part of it; the names of connectors are.
pub fn sync_digest(sync: &SyncRules) -> String {
    hash(&deciding(sync))
}

fn deciding(sync: &SyncRules) -> Value {
    let system = |system: &crate::merge::SystemRules| json!([system.connector, system.objects, system.create]);
    let names =
        |set: &Vec<usize>| -> Vec<&str> { set.iter().map(|index| sync.fields[*index].map.name.as_str()).collect() };
    json!({
        "sync": sync.name,
        "between": [system(&sync.systems.left), system(&sync.systems.right)],
        "match": sync.matching.iter().map(names).collect::<Vec<_>>(),
        "priority": sync.priority,
        "fields": sync.fields.iter().map(field).collect::<Vec<_>>(),
    })
}

fn field(rule: &FieldRule) -> Value {
    let policy = &rule.policy;
    json!({
        "map": rule.map,
        "on_conflict": policy.on_conflict,
        "flow": policy.flow,
        "blanks": policy.blanks,
        "first_link": policy.first_link,
        "order": policy.order,
        "back": policy.back,
        "consent": policy.consent,
    })
}

/// SHA-256, of which 128 bits are plenty against chance.
fn hash(deciding: &Value) -> String {
    use std::fmt::Write as _;

    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, deciding.to_string().as_bytes());
    digest.as_ref().iter().take(16).fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
