//! One person: what is golden, who set it, what each system holds, what waits, and why.

use hymnal_sdk::{Actor, Address, FieldEdit};
use serde_json::{Map, Value as Json, json};

use super::{
    history::entries,
    live::{self, Live},
    request::{Answer, Refusal},
};
use crate::{
    journal::line::{json as shown, when, who},
    mapping::{self, Expression, Value},
    merge::{
        Context, Entity, Evidence, FieldRule, Id, Pair, Side, SyncRules,
        entity::{Field, Mark, Origin, Presence, Want},
        held::Gate,
        patch::key,
        scope::Standing,
    },
    store::StoreError,
    wire::{App, Running},
};

/// Explains everybody whom `key` leads to: an e-mail, an entity's id, or `connector:object:id`.
pub async fn explain(app: &App, wanted: &str, field: Option<&str>) -> Answer {
    let mut people = Vec::new();
    for running in &app.syncs {
        for entity in find(running, wanted).await? {
            let live = live::ask(running, &entity).await;
            people.push(one(app, running, &entity, field, &live)?);
        }
    }
    if people.is_empty() { Err(nobody(wanted)) } else { Ok(json!({ "people": people })) }
}

/// Nobody is known by a key.
pub(super) fn nobody(key: &str) -> Refusal {
    Refusal::new(2, format!("nobody is known by `{key}`"), "give an e-mail, a person's id, or `connector:object:id`")
}

/// Everybody of a sync whom a key leads to: an e-mail, an entity's id, or `connector:object:id`.
pub(super) async fn find(running: &Running, wanted: &str) -> Result<Vec<Entity>, Refusal> {
    let rules = &running.sync.committer.rules;
    let address = address(rules, wanted);
    let id = wanted.parse::<Id>().ok();
    let wanted = wanted.to_owned();
    let found = running
        .sync
        .inspect(move |world| {
            if let Some((side, address)) = address {
                return Ok(world.by_address(side, &address)?.into_iter().collect());
            }
            if let Some(id) = id {
                return Ok(world.known_by(id)?.into_iter().collect());
            }
            by_key(world, &wanted)
        })
        .await?;
    Ok(found)
}

fn by_key(world: &mut crate::cycle::world::World<'_>, wanted: &str) -> Result<Vec<Entity>, StoreError> {
    let mut found: Vec<Entity> = Vec::new();
    for (set, fields) in world.context.rules.matching.iter().enumerate() {
        let &[only] = fields.as_slice() else { continue };
        let rule = &world.context.rules.fields[only];
        let native = hymnal_sdk::Native::text(wanted);
        let place = mapping::NativeField::default();
        let Some(text) = mapping::read(&rule.map, &place, &native).ok().and_then(|value| mapping::key(&value)) else {
            continue;
        };
        for (row, _) in world.scan(&world.tag().matching(set, &text), 64)? {
            let Some(id) = crate::store::tables::entity_of(&row) else { continue };
            let entity = world.entity(id)?.filter(|entity| key(entity, fields, world.context).is_some());
            found.extend(entity.filter(|entity| found.iter().all(|known| known.id != entity.id)));
        }
    }
    Ok(found)
}

pub(super) fn address(rules: &crate::merge::SyncRules, wanted: &str) -> Option<(Side, Address)> {
    let (connector, rest) = wanted.split_once(':')?;
    let (object, id) = rest.split_once(':')?;
    let side = Side::BOTH.into_iter().find(|side| rules.systems[*side].connector == connector)?;
    Some((side, Address::new(object, id)))
}

fn one(app: &App, running: &Running, entity: &Entity, field: Option<&str>, live: &Pair<Live>) -> Answer {
    let rules = &running.sync.committer.rules;
    let name = |side: Side| rules.systems[side].connector.clone();
    let history = entries(app, running, entity, field)?;
    let mut fields = Map::new();
    for rule in rules.fields.iter().filter(|rule| field.is_none_or(|field| rule.map.name == field)) {
        if let Some(state) = entity.fields.get(&rule.map.name) {
            let mut shown = one_field(entity, rule, state, live, &name);
            shown["lost"] = lost(&history, &rule.map.name, &shown["value"]);
            fields.insert(rule.map.name.clone(), shown);
        }
    }
    if let (Some(field), true) = (field, fields.is_empty()) {
        let known: Vec<&str> = rules.fields.iter().map(|rule| rule.map.name.as_str()).collect();
        return Err(Refusal::new(
            2,
            format!("there is no field `{field}`"),
            format!("there are: {}", known.join(", ")),
        ));
    }
    let mut records = records(entity, rules);
    for side in Side::BOTH {
        if let Some(Err(why)) = &live[side].record {
            records[name(side)]["not_read"] = json!(why);
        }
    }
    Ok(json!({
        "sync": running.name,
        "entity": entity.id.to_string(),
        "aliases": entity.aliases.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "state": standing(entity),
        "scope": scope(entity, rules),
        "records": records,
        "fields": fields,
        "history": history,
    }))
}

fn standing(entity: &Entity) -> &'static str {
    if !entity.ambiguous.is_empty() {
        return "ambiguous: its key leads to several people; a person decides";
    }
    if !entity.scope.is_in() {
        return "out of scope: `include` leaves it out; nothing is written but restrictions of consent";
    }
    if entity.is_linked() {
        return "linked: the same person in both systems";
    }
    if entity.wants.iter().any(|(_, want)| *want == Want::Create) {
        return "to be created in the other system";
    }
    if entity.tombstones.iter().any(|(_, tombstone)| tombstone.is_some()) {
        return "deleted in one system: it is not made again there";
    }
    "in one system only"
}

/// Why the person is in or out of scope: each rule, what it asks for, and what it said.
fn scope(entity: &Entity, rules: &SyncRules) -> Json {
    let mut out = Map::new();
    out.insert("in".into(), json!(entity.scope.is_in()));
    let mut rule = |name: String, rule: Option<&Expression>, standing: Standing| {
        let Some(rule) = rule else { return };
        let asked = rule.names().iter();
        let values: Map<String, Json> = asked
            .map(|name| (name.clone(), entity.fields.get(name).map_or(Json::Null, |field| shown(&field.golden))))
            .collect();
        let said = match standing {
            Standing::In => json!(true),
            Standing::Out => json!(false),
            Standing::Unknown => Json::Null,
        };
        out.insert(name, json!({ "rule": rule.source(), "values": values, "holds": said }));
    };
    rule("include".into(), rules.include.as_ref(), entity.scope.include);
    for (side, system) in rules.systems.iter().filter(|(side, _)| entity.members[*side].is_none()) {
        rule(format!("create_when.{}", system.connector), system.create_when.as_ref(), entity.scope.create[side]);
    }
    if let Some(problem) = &entity.scope.problem {
        let problem = json!({ "code": problem.code, "message": problem.message, "hint": problem.hint });
        out.insert("parked".into(), problem);
    }
    Json::Object(out)
}

/// The person's record in each system.
pub(super) fn records(entity: &Entity, rules: &SyncRules) -> Json {
    let mut records = Map::new();
    for side in Side::BOTH {
        records.insert(rules.systems[side].connector.clone(), record(entity, side));
    }
    Json::Object(records)
}

fn record(entity: &Entity, side: Side) -> Json {
    let Some(member) = &entity.members[side] else {
        let tombstone = entity.tombstones[side].as_ref();
        return tombstone.map_or(
            Json::Null,
            |tombstone| json!({ "deleted": tombstone.address.to_string(), "at": tombstone.at.to_string() }),
        );
    };
    let presence = match member.presence {
        Presence::Seen => "seen",
        Presence::Deleted { .. } => "deleted; nothing is done before the grace is over",
        Presence::NotVisible { .. } => "not visible; a permission may be lost",
        Presence::ConvertedOut { .. } => "converted out of the sync: it lives on in an object that is not synced",
    };
    let secondaries: Vec<String> = entity.secondary_addresses(side).map(ToString::to_string).collect();
    json!({
        "record": member.address.to_string(),
        "presence": presence,
        "modified_at": member.modified_at.map(|at| at.to_string()),
        "read_at": member.read_at.to_string(),
        "written_at": member.written_at.map(|at| at.to_string()),
        "duplicates": secondaries,
        "parked": entity.parked[side].as_ref().map(|parked| json!({
            "code": parked.problem.code, "message": parked.problem.message, "hint": parked.problem.hint,
            "since": parked.since.to_string(), "next_try": parked.next_try.map(|at| at.to_string()),
        })),
    })
}

fn one_field(
    entity: &Entity,
    rule: &FieldRule,
    field: &Field,
    live: &Pair<Live>,
    name: &impl Fn(Side) -> String,
) -> Json {
    let mut out = Map::new();
    out.insert("value".into(), shown(&field.golden));
    out.insert("last_synced".into(), field.agreed.as_ref().map_or(Json::Null, shown));
    if let Some(origin) = &field.origin {
        let (by, evidence) = known(entity, rule, origin, live, &field.golden);
        let (at, word) = when(evidence);
        out.insert(
            "set_by".into(),
            json!({
                "system": origin.side.map(name),
                "who": by.as_ref().map(|by| by.name.clone()),
                "by": who(by.as_ref(), evidence),
                "at": at,
                "evidence": word,
                "rule": origin.rule,
            }),
        );
    }
    out.insert("sync_rule".into(), serde_json::to_value(rule.policy.on_conflict).unwrap_or(Json::Null));
    if let Some(open) = &field.conflict {
        out.insert("conflict".into(), json!(open.id.to_string()));
    }
    for side in Side::BOTH {
        let object = entity.members[side].as_ref().map(|member| member.address.object.as_str());
        let place = object.and_then(|object| Context::place(rule, side, object));
        let Some(place) = place else { continue };
        let holding = &field.sides[side];
        let now = match &live[side].record {
            Some(Ok(record)) => record.fields.get(&place.name).map(ToString::to_string),
            _ => None,
        };
        out.insert(
            name(side),
            json!({
                "field": place.name,
                "holds": holding.shadow.as_ref().map(ToString::to_string),
                "now": now,
                "sent": holding.sent.as_ref().map(|sent| sent.native.to_string()),
                "state": state(field, side),
                "hint": hint(field, side),
            }),
        );
    }
    Json::Object(out)
}

/// The value that lost to the one that stands, and why: from the last line of the conflict log about the field.
fn lost(history: &[Json], field: &str, stands: &Json) -> Json {
    let line = history
        .iter()
        .rev()
        .map(|entry| &entry["what"])
        .find(|what| what["field"] == field && what["status"] == "resolved" && what["values"].is_object());
    let Some(line) = line.filter(|line| line["result"] == *stands) else { return Json::Null };
    let values = line["values"].as_object().into_iter().flatten();
    let lost: Vec<Json> = values
        .filter(|(_, value)| value["value"] != *stands)
        .map(|(system, value)| json!({ "system": system, "value": value["value"] }))
        .collect();
    if lost.is_empty() {
        return Json::Null;
    }
    json!({
        "values": lost, "at": line["at"], "kind": line["kind"], "policy": line["policy"],
        "certainty": line["certainty"], "reason": line["reason"], "conflict": line["id"],
    })
}

/// Who set the golden value, and when. Where the service keeps a history of the field, it says so for certain.
fn known(
    entity: &Entity,
    rule: &FieldRule,
    origin: &Origin,
    live: &Pair<Live>,
    golden: &Value,
) -> (Option<Actor>, Evidence) {
    let told = || (origin.by.clone(), origin.evidence);
    let Some(side) = origin.side.filter(|_| !matches!(origin.evidence, Evidence::Field { .. })) else { return told() };
    let object = entity.members[side].as_ref().map(|member| member.address.object.as_str());
    let Some(place) = object.and_then(|object| Context::place(rule, side, object)) else { return told() };
    let made = |edit: &&FieldEdit| {
        edit.field == place.name && mapping::read(&rule.map, place, &edit.value).is_ok_and(|value| value == *golden)
    };
    match live[side].edits.iter().find(made) {
        Some(edit) => (edit.by.clone().or_else(|| origin.by.clone()), Evidence::Field { at: edit.at }),
        None => told(),
    }
}

fn hint(field: &Field, side: Side) -> Option<String> {
    match &field.sides[side].mark {
        Some(Mark::Parked { parked, .. }) => Some(parked.problem.hint.clone()).filter(|hint| !hint.is_empty()),
        _ => None,
    }
}

fn state(field: &Field, side: Side) -> String {
    if field.conflict.is_some() {
        return "conflict: waits for a person".to_owned();
    }
    if matches!(field.gate(side), Some(Gate::Held { .. })) {
        return "held by a safety limit, until it is approved".to_owned();
    }
    if field.frozen {
        return "frozen: it flips between the same values".to_owned();
    }
    match &field.sides[side].mark {
        Some(Mark::Parked { parked, .. }) => format!("parked: {} ({})", parked.problem.message, parked.problem.code),
        Some(Mark::Normalised { golden }) if *golden == field.golden => {
            "normalised: the service keeps another form".to_owned()
        }
        Some(Mark::Ignored { golden }) if *golden == field.golden => {
            "ignored: the service answered success and kept its value".to_owned()
        }
        Some(Mark::Discarded { golden }) if *golden == field.golden => {
            "discarded: a person would not have it written; it waits for the next edit".to_owned()
        }
        Some(Mark::ClearFirst { golden }) if *golden == field.golden => {
            "a step back that the service takes only from blank: it is cleared, then written".to_owned()
        }
        Some(Mark::Apart { golden, .. }) if *golden == field.golden => {
            "apart: a person had this earlier value brought back here".to_owned()
        }
        Some(Mark::Kept { golden }) if *golden == field.golden => {
            "kept: reverted by a sync rule, and left here".to_owned()
        }
        _ if field.sides[side].sent.is_some() => "written; the next reading confirms it".to_owned(),
        _ if field.sides[side].shadow.is_none() => {
            "not read: the service has not shown it; nothing is decided about it, and nothing is written over it"
                .to_owned()
        }
        _ => "read".to_owned(),
    }
}
