//! `renamed_from`: the name that a field had before must be one that nobody has now.

use super::{
    document::{Group, Reading, items},
    field::Draft,
};

/// Refuses names that are still in use: nobody could say whose the state is.
pub(super) fn refuse(cx: &mut Reading<'_>, group: &Group<'_>, fields: &[Draft]) {
    let table = group.item("fields").and_then(|item| item.value.as_table());
    for item in table.into_iter().flat_map(items) {
        let Some(draft) = fields.iter().find(|draft| draft.rule.map.name == item.key) else { continue };
        let Some(old) = &draft.rule.renamed_from else { continue };
        let options = item.value.as_table().into_iter().flat_map(items);
        let at =
            options.into_iter().find(|option| option.key == "renamed_from").map_or(item.key_at, |option| option.at);
        let natives = draft.rule.map.native.iter().flat_map(|(_, objects)| objects.values());
        if *old == draft.rule.map.name || natives.into_iter().any(|native| native.name == *old) {
            let message = format!("`{old}` is a name that the field `{}` has now", item.key);
            cx.error(at, message, "write the name it had before, or remove `renamed_from`");
        } else if fields.iter().any(|other| other.rule.map.name == *old) {
            let message = format!("`{old}` is a field of its own, so `{}` cannot have been it", item.key);
            cx.error(at, message, "remove the one that is gone, or remove `renamed_from`");
        }
    }
}
