//! What no single field shows: two mappings that write one native field, and values that travel in a circle.

use std::collections::{BTreeMap, BTreeSet};

use super::{diagnostics::Span, document::Reading, field::Draft};
use crate::merge::{Side, SyncRules};

/// One native field of one object of one connector. Names of fields are compared without case: Salesforce does too.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Node {
    connector: String,
    object: String,
    native: String,
}

/// A way that values take: one field of one sync, from one native field to another.
#[derive(Clone, Debug)]
struct Edge {
    from: usize,
    to: usize,
    /// Which field it belongs to, counted over all syncs.
    field: usize,
}

pub(super) fn refuse(cx: &mut Reading<'_>, syncs: &[SyncRules], drafts: &[Vec<Draft>]) {
    let before = cx.found.len();
    for (sync, fields) in syncs.iter().zip(drafts) {
        refuse_two_writers(cx, sync, fields);
    }
    // Two writers of one field are mostly a circle too; once said is enough.
    if cx.found.len() == before {
        refuse_circles(cx, syncs, drafts);
    }
}

/// A restriction of consent travels against `flow` too.
fn writes(draft: &Draft, side: Side) -> bool {
    draft.rule.policy.flow.into_side(side) || draft.rule.policy.consent.is_some()
}

fn refuse_two_writers(cx: &mut Reading<'_>, sync: &SyncRules, fields: &[Draft]) {
    let mut writers = BTreeMap::<(Side, &str, String), &Draft>::new();
    let mut said = BTreeSet::<(Span, &str)>::new();
    for draft in fields {
        for place in draft.places.iter().filter(|place| writes(draft, place.side)) {
            let system = &sync.systems[place.side];
            let native = place.native.to_lowercase();
            if system.external_id.as_ref().is_some_and(|id| id.to_lowercase() == native)
                && said.insert((place.at, "id"))
            {
                let message = format!(
                    "`{}` of `{}` is the `external_id`, which is written at creation alone",
                    place.native, system.connector
                );
                cx.error(place.at, message, "map another field, or name another `external_id`");
            }
            let Some(first) = writers.insert((place.side, &place.object, native), draft) else { continue };
            let name = first.rule.map.name.as_str();
            if first.at != draft.at && said.insert((place.at, name)) {
                let message = format!(
                    "`{name}` and `{}` both write `{}` of `{}`",
                    draft.rule.map.name, place.native, system.connector
                );
                let hint =
                    format!("remove one of them, or let one only read it: `flow = \"{} -> …\"`", system.connector);
                cx.error(place.at, message, hint);
            }
        }
    }
}

fn refuse_circles(cx: &mut Reading<'_>, syncs: &[SyncRules], drafts: &[Vec<Draft>]) {
    let fields: Vec<(&SyncRules, &Draft)> =
        syncs.iter().zip(drafts).flat_map(|(sync, fields)| fields.iter().map(move |field| (sync, field))).collect();
    let mut nodes = Vec::<Node>::new();
    let mut edges = Vec::<Edge>::new();
    for (field, (sync, draft)) in fields.iter().enumerate() {
        let ends = |side: Side| draft.places.iter().filter(move |place| place.side == side);
        let mut node = |place: &super::places::Place| {
            let node = Node {
                connector: sync.systems[place.side].connector.clone(),
                object: place.object.clone(),
                native: place.native.to_lowercase(),
            };
            nodes.iter().position(|known| *known == node).unwrap_or_else(|| {
                nodes.push(node);
                nodes.len() - 1
            })
        };
        for left in ends(Side::Left) {
            for right in ends(Side::Right) {
                let (left, right) = (node(left), node(right));
                let flow = draft.rule.policy.flow;
                edges.extend(flow.into_side(Side::Right).then_some(Edge { from: left, to: right, field }));
                edges.extend(flow.into_side(Side::Left).then_some(Edge { from: right, to: left, field }));
            }
        }
    }
    let mut said = BTreeSet::new();
    for edge in &edges {
        // The last field of a circle closes it, so that a circle is reported once, where it could be cut.
        let Some(way) = way_back(edge, &edges, nodes.len()) else { continue };
        if way.iter().any(|step| step.field > edge.field) || !said.insert(edge.field) {
            continue;
        }
        let mut names = vec![&nodes[edge.from]];
        names.extend(std::iter::once(&nodes[edge.to]));
        names.extend(way.iter().map(|step| &nodes[step.to]));
        let names: Vec<String> = names.iter().map(|node| format!("{}.{}", node.connector, node.native)).collect();
        let (_, draft) = fields[edge.field];
        let message = format!("`{}` closes a circle of mappings: {}", draft.rule.map.name, names.join(" -> "));
        cx.error(draft.at, message, "values would travel for ever: cut it with `flow`, or remove a mapping");
    }
}

/// The shortest way back from the end of an edge to its start by other fields.
fn way_back<'e>(edge: &Edge, edges: &'e [Edge], nodes: usize) -> Option<Vec<&'e Edge>> {
    let mut came_by: Vec<Option<&Edge>> = vec![None; nodes];
    let mut next = std::collections::VecDeque::from([edge.to]);
    while let Some(node) = next.pop_front() {
        if node == edge.from {
            let mut way = Vec::new();
            let mut at = node;
            while at != edge.to {
                let step = came_by[at]?;
                way.push(step);
                at = step.from;
            }
            way.reverse();
            return Some(way);
        }
        for step in edges.iter().filter(|step| step.from == node && step.field != edge.field) {
            if step.to != edge.to && came_by[step.to].is_none() {
                came_by[step.to] = Some(step);
                next.push_back(step.to);
            }
        }
    }
    None
}
