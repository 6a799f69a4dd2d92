//! One person: what is golden, who set it, what each system holds, what waits, and why.

use hymnal_sdk::Address;
use serde_json::{Map, Value as Json, json};

use super::request::{Answer, Refusal};
use crate::{
    journal::{
        entry::JournalPage,
        line::{json as shown, render},
    },
    mapping::{self, Expression},
    merge::{
        Context, Entity, Event, Evidence, FieldRule, Id, Side, SyncRules,
        entity::{Field, Mark, Presence, Want},
        patch::key,
        scope::Standing,
    },
    store::{StoreError, format},
    wire::{App, Running},
};

/// Explains everybody whom `key` leads to: an e-mail, an entity's id, or `connector:object:id`.
pub async fn explain(app: &App, wanted: &str, field: Option<&str>) -> Answer {
    let mut people = Vec::new();
    for running in &app.syncs {
        for entity in find(app, running, wanted).await? {
            people.push(one(app, running, &entity, field)?);
        }
    }
    if people.is_empty() {
        return Err(Refusal::new(
            2,
            format!("nobody is known by `{wanted}`"),
            "give an e-mail, a person's id, or `connector:object:id`",
        ));
    }
    Ok(json!({ "people": people }))
}

pub(super) async fn find(app: &App, running: &Running, wanted: &str) -> Result<Vec<Entity>, Refusal> {
    let rules = &running.sync.committer.rules;
    let address = address(rules, wanted);
    let id = wanted.parse::<Id>().ok();
    let wanted = wanted.to_owned();
    let _ = app;
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

fn one(app: &App, running: &Running, entity: &Entity, field: Option<&str>) -> Answer {
    let rules = &running.sync.committer.rules;
    let name = |side: Side| rules.systems[side].connector.clone();
    let mut fields = Map::new();
    for rule in rules.fields.iter().filter(|rule| field.is_none_or(|field| rule.map.name == field)) {
        if let Some(state) = entity.fields.get(&rule.map.name) {
            fields.insert(rule.map.name.clone(), one_field(entity, rule, state, &name));
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
    let mut records = Map::new();
    for side in Side::BOTH {
        records.insert(name(side), record(entity, side));
    }
    Ok(json!({
        "sync": running.name,
        "entity": entity.id.to_string(),
        "aliases": entity.aliases.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "state": standing(entity),
        "scope": scope(entity, rules),
        "records": records,
        "fields": fields,
        "history": history(app, running, entity, field)?,
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

fn one_field(entity: &Entity, rule: &FieldRule, field: &Field, name: &impl Fn(Side) -> String) -> Json {
    let mut out = Map::new();
    out.insert("value".into(), shown(&field.golden));
    out.insert("last_synced".into(), field.agreed.as_ref().map_or(Json::Null, shown));
    if let Some(origin) = &field.origin {
        let (at, evidence) = match origin.evidence {
            Evidence::Field { at } => (Some(at), "field"),
            Evidence::Record { until, .. } => (Some(until), "record"),
            Evidence::None => (None, "none"),
        };
        out.insert(
            "set_by".into(),
            json!({
                "system": origin.side.map(name),
                "who": origin.by.as_ref().map(|by| by.name.clone()),
                "at": at.map(|at| at.to_string()),
                "evidence": evidence,
                "rule": origin.rule,
            }),
        );
    }
    out.insert("sync_rule".into(), serde_json::to_value(rule.policy.on_conflict).unwrap_or(Json::Null));
    for side in Side::BOTH {
        let object = entity.members[side].as_ref().map(|member| member.address.object.as_str());
        let place = object.and_then(|object| Context::place(rule, side, object));
        let Some(place) = place else { continue };
        let holding = &field.sides[side];
        out.insert(
            name(side),
            json!({
                "field": place.name,
                "holds": holding.shadow.as_ref().map(ToString::to_string),
                "sent": holding.sent.as_ref().map(|sent| sent.native.to_string()),
                "state": state(field, side),
            }),
        );
    }
    Json::Object(out)
}

fn state(field: &Field, side: Side) -> String {
    if field.conflict.is_some() {
        return "conflict: waits for a person".to_owned();
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
        Some(Mark::ClearFirst { golden }) if *golden == field.golden => {
            "a step back that the service takes only from blank: it is cleared, then written".to_owned()
        }
        Some(Mark::Kept { golden }) if *golden == field.golden => {
            "kept: reverted by a sync rule, and left here".to_owned()
        }
        _ if field.sides[side].sent.is_some() => "written; the next reading confirms it".to_owned(),
        _ if field.sides[side].shadow.is_none() => "not read yet".to_owned(),
        _ => "read".to_owned(),
    }
}

/// What happened to the person, oldest first: the decisions, and the lines of the conflict log.
fn history(app: &App, running: &Running, entity: &Entity, field: Option<&str>) -> Result<Vec<Json>, StoreError> {
    let committer = &running.sync.committer;
    let mut rows = Vec::new();
    for id in [entity.id].into_iter().chain(entity.aliases.iter().copied()) {
        rows.extend(committer.store.scan(&committer.tag.journal(id), None, 1000)?);
    }
    // Numbers of pages are counted over all people: that is the order in which things happened.
    rows.sort_by(|(one, _), (two, _)| one[one.len() - 8..].cmp(&two[two.len() - 8..]));
    let mask = if app.config.daemon.mask_values { crate::journal::Mask::On } else { crate::journal::Mask::Off };
    let mut entries = Vec::new();
    for (key, value) in &rows {
        let page: JournalPage = format::open(key, value)?;
        for event in &page.events {
            if !about(event, field) {
                continue;
            }
            let what = match event {
                Event::Conflict(conflict) => {
                    let line = crate::journal::entry::LogLine {
                        number: 0,
                        before: None,
                        entity: entity.id,
                        cycle: page.cycle,
                        records: crate::merge::Pair::default(),
                        event: (**conflict).clone(),
                    };
                    render(&line, &committer.rules, mask)
                }
                other => crate::journal::line::event(other, &committer.rules),
            };
            let mut entry = json!({ "at": page.at.to_string(), "cycle": page.cycle.to_string(), "what": what });
            if let Some(cause) = page.cause {
                entry["cause"] = json!(cause);
            }
            entries.push(entry);
        }
    }
    Ok(entries)
}

fn about(event: &Event, field: Option<&str>) -> bool {
    let Some(wanted) = field else { return true };
    match event {
        Event::Decided { field, .. } | Event::Normalised { field, .. } | Event::Ignored { field, .. } => {
            field == wanted
        }
        Event::Conflict(conflict) => conflict.field == wanted,
        Event::Ruled(ruling) => ruling.field == wanted,
        // What was written is what was sent just before.
        Event::Written { .. } => true,
        Event::Sending { changes, .. } => changes.iter().any(|sent| sent.field == wanted),
        Event::Refused { field, .. } => field.as_deref() == Some(wanted),
        _ => false,
    }
}
