//! `[sync.NAME.guards]`: how much may be written before a person is asked.

use super::{
    document::{Group, Item, Reading},
    keys,
};
use crate::merge::{Guards, Limit};

/// The guards of a sync; what is not written has its default, in force.
pub(super) fn guards(cx: &mut Reading<'_>, sync: &Group<'_>) -> Guards {
    let mut guards = Guards::default();
    let Some(item) = sync.item("guards") else { return guards };
    let title = format!("the guards of {}", sync.title);
    let Some(group) = Group::open(cx, item, title, &keys::GUARDS, &[]) else { return guards };
    guards.window = group.duration(cx, "window").unwrap_or(guards.window);
    for (name, limit) in [
        ("max_creates", &mut guards.max_creates),
        ("max_updates", &mut guards.max_updates),
        ("max_deletes", &mut guards.max_deletes),
        ("max_blanked", &mut guards.max_blanked),
        ("max_optout_changes", &mut guards.max_optout_changes),
    ] {
        if let Some((item, _)) = group.entry(name) {
            *limit = one(cx, item).unwrap_or(*limit);
        }
    }
    guards
}

fn one(cx: &mut Reading<'_>, item: Item<'_>) -> Option<Limit> {
    if item.value.as_bool() == Some(false) {
        return Some(Limit::OFF);
    }
    if !item.value.is_table() {
        let hint = format!("write `{} = {{ count = 1000, share = 0.1 }}`, or `false` for no guard", item.key);
        cx.wrong_type(item, "a count and a share, or `false`", hint);
        return None;
    }
    let group = Group::open(cx, item, format!("`{}`", item.key), &keys::LIMIT, &[])?;
    let limit = Limit { count: group.whole(cx, "count"), share: group.share(cx, "share") };
    if limit == Limit::OFF && group.lacks("count") && group.lacks("share") {
        let hint = "write a `count`, a `share` or both; `false` turns the guard off";
        cx.error(item.at, format!("`{}` says neither how many nor which share", item.key), hint);
    }
    Some(limit)
}
