//! `between`: the two systems of a sync and their objects.

use toml::de::DeValue;

use super::{
    catalog::Role,
    connectors::Connectors,
    diagnostics::Span,
    document::{Group, Item, Reading, items},
    nearest,
};
use crate::merge::{Pair, Side};

/// The two systems of a sync, as everything else in it sees them.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    pub(super) sync: String,
    /// It reads and never writes; one of the two systems may be nobody then, without a name.
    pub(super) observes: bool,
    pub(super) systems: Pair<System>,
}

/// One of the two.
#[derive(Clone, Debug)]
pub(super) struct System {
    pub(super) connector: String,
    pub(super) objects: Vec<String>,
    pub(super) role: Option<Role>,
    /// Leaving it is the opt-out (`on_delete = "restrict"`), so it may have no field for that.
    pub(super) restricts: bool,
}

impl System {
    /// An object of the sync, or a report that says which there are.
    pub(super) fn object(&self, cx: &mut Reading<'_>, name: &str, at: Span) -> Option<String> {
        let known = self.objects.iter().any(|object| object == name);
        if !known {
            let message = format!("`{name}` is not an object that `between` names for `{}`", self.connector);
            cx.error(at, message, nearest::suggest(name, self.objects.iter().map(String::as_str)));
        }
        known.then(|| name.to_owned())
    }
}

impl Scope {
    /// The side of the connector of that name.
    pub(super) fn side(&self, connector: &str) -> Option<Side> {
        Side::BOTH.into_iter().find(|side| self.systems[*side].connector == connector)
    }

    /// The names of both connectors; of one alone, twice.
    pub(super) fn names(&self) -> [&str; 2] {
        let [left, right] = Side::BOTH.map(|side| self.systems[side].connector.as_str());
        if right.is_empty() { [left, left] } else { [left, right] }
    }

    /// The sides that have a system.
    pub(super) fn sides(&self) -> impl Iterator<Item = Side> {
        Side::BOTH.into_iter().filter(|side| !self.systems[*side].connector.is_empty())
    }

    /// The side that somebody names, or a report that says whom they could name.
    pub(super) fn named(&self, cx: &mut Reading<'_>, name: &str, at: Span) -> Option<Side> {
        let side = self.side(name);
        if side.is_none() {
            let message = format!("`{name}` is not one of the two connectors of `[sync.{}]`", self.sync);
            cx.error(at, message, nearest::suggest(name, self.names()));
        }
        side
    }
}

/// Reads `between`.
pub(super) fn scope(cx: &mut Reading<'_>, name: &str, group: &Group<'_>, connectors: &Connectors) -> Option<Scope> {
    let hint = "write `between = { marketing = \"contacts\", crm = \"Contact\" }` with two of your connectors";
    let Some(item) = group.item("between") else {
        if !group.lacks("between") {
            return None;
        }
        cx.error(group.at, format!("`between` is missing in {}", group.title), hint);
        return None;
    };
    let observes = group.choice(cx, "mode") == Some("observe");
    let named = items(cx.table(item)?);
    let mut systems: Vec<System> = named.iter().map(|named| system(cx, *named, connectors)).collect();
    if observes && systems.len() == 1 {
        let only = systems.remove(0);
        let nobody = System { connector: String::new(), objects: Vec::new(), role: None, restricts: false };
        return Some(Scope { sync: name.to_owned(), observes, systems: Pair::new(only, nobody) });
    }
    let Ok([left, right]) = <[System; 2]>::try_from(systems) else {
        let message = format!("`between` must name exactly two connectors, and names {}", named.len());
        cx.error(item.key_at, message, hint);
        return None;
    };
    Some(Scope { sync: name.to_owned(), observes, systems: in_order(left, right) })
}

/// Which system is on which side is remembered with every record, so it must not depend on the order in which
/// somebody wrote `between`: marketing is left; of two with one role, the name that sorts first.
fn in_order(one: System, two: System) -> Pair<System> {
    if (one.role, &one.connector) <= (two.role, &two.connector) { Pair::new(one, two) } else { Pair::new(two, one) }
}

fn system(cx: &mut Reading<'_>, item: Item<'_>, connectors: &Connectors) -> System {
    let names: Vec<&str> = connectors.iter().map(|(name, _)| name.as_str()).collect();
    let connector = known(cx, (item.key, item.key_at), &names, |name| format!("there is no connector `{name}`"));
    let config = connectors.iter().find(|(name, _)| name == connector).and_then(|(_, config)| config.as_ref());
    let declared = config.and_then(|config| cx.catalog.get(&config.kind)).and_then(|kind| kind.objects.as_ref());
    let mut objects = Vec::<String>::new();
    for (object, at) in written_objects(cx, item) {
        let object = match declared {
            Some(declared) => {
                let names: Vec<&str> = declared.iter().map(String::as_str).collect();
                known(cx, (object, at), &names, |name| format!("`{connector}` has no object `{name}`"))
            }
            None => object,
        };
        if objects.iter().any(|other| other == object) {
            cx.error(at, format!("`{object}` is named twice"), "keep one of them");
        } else {
            objects.push(object.to_owned());
        }
    }
    System { connector: connector.to_owned(), objects, role: config.map(|config| config.role), restricts: false }
}

/// A name that must be among these. A mistyped one is read as what was probably meant, so that one slip is said once
/// and not again wherever the right name stands.
fn known<'n>(
    cx: &mut Reading<'_>,
    (name, at): (&'n str, Span),
    names: &[&'n str],
    message: impl Fn(&str) -> String,
) -> &'n str {
    if names.contains(&name) {
        return name;
    }
    let hint = if names.is_empty() {
        "it must be there first".to_owned()
    } else {
        nearest::suggest(name, names.iter().copied())
    };
    cx.error(at, message(name), hint);
    nearest::nearest(name, names).unwrap_or(name)
}

fn written_objects<'i>(cx: &mut Reading<'_>, item: Item<'i>) -> Vec<(&'i str, Span)> {
    match item.value {
        DeValue::Array(list) if list.is_empty() => {
            cx.error(item.at, format!("`{}` names no object", item.key), "name at least one, the preferred one first");
            Vec::new()
        }
        DeValue::Array(_) => cx.texts(item).unwrap_or_default(),
        _ => cx.text(item).map(|object| vec![(object, item.at)]).unwrap_or_default(),
    }
}
