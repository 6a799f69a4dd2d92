//! Who is who: what waits for a person's word, and the words.

use serde_json::{Map, Value as Json, json};

use super::{
    explain::{address, find},
    request::{Answer, Refusal},
};
use crate::{
    cycle::{people::Unable, world::World},
    journal::line::json as shown,
    merge::{Entity, Id, Side, SyncRules},
    store::{
        StoreError,
        tables::{Wait, entity_of},
    },
    wire::{App, Running},
};

/// Everything about who is who that a person may want to decide, by sync.
pub async fn list(app: &App, sync: Option<&str>) -> Answer {
    if let Some(name) = sync
        && app.sync(name).is_none()
    {
        return Err(Refusal::new(2, format!("there is no sync `{name}`"), "`hymnal status` lists them"));
    }
    let mut all = Listed::default();
    for running in app.syncs.iter().filter(|running| sync.is_none_or(|name| running.name == name)) {
        all.add(running).await?;
    }
    Ok(json!({
        "ambiguous": all.ambiguous, "contested": all.contested, "duplicates": all.duplicates,
        "no_key": all.no_key, "apart": all.apart,
    }))
}

#[derive(Default)]
struct Listed {
    ambiguous: Vec<Json>,
    contested: Vec<Json>,
    duplicates: Vec<Json>,
    no_key: Vec<Json>,
    apart: Vec<Json>,
}

impl Listed {
    async fn add(&mut self, running: &Running) -> Result<(), StoreError> {
        let sync = &running.sync;
        let rules = &sync.committer.rules;
        sync.inspect(|world| {
            for entity in waiting(world, Wait::Ambiguous)? {
                let candidates = entity.ambiguous.iter().filter_map(|id| world.known_by(*id).transpose());
                let candidates: Result<Vec<Json>, StoreError> =
                    candidates.map(|candidate| Ok(person(rules, &candidate?))).collect();
                let mut listed = person(rules, &entity);
                listed["conflict"] = json!(entity.question.map(|id| id.to_string()));
                listed["candidates"] = Json::Array(candidates?);
                self.ambiguous.push(listed);
            }
            let queued = world.scan(&world.tag().table(b'q'), usize::MAX)?;
            for id in queued.iter().filter_map(|(key, _)| entity_of(key)) {
                let contested = world.shared(id)?.filter(|entity| entity.contested && entity.ambiguous.is_empty());
                self.contested.extend(contested.map(|entity| person(rules, &entity)));
            }
            for entity in waiting(world, Wait::Duplicate)? {
                self.duplicates.push(person(rules, &entity));
            }
            for entity in waiting(world, Wait::NoKey)? {
                self.no_key.push(person(rules, &entity));
            }
            for entity in waiting(world, Wait::Apart)? {
                let apart = entity.apart.iter();
                let apart = apart.map(|apart| place(rules, apart.side, &apart.address));
                let mut listed = person(rules, &entity);
                listed["apart_from"] = Json::Array(apart.map(Json::String).collect());
                self.apart.push(listed);
            }
            Ok(())
        })
        .await
    }
}

fn waiting(world: &World<'_>, wait: Wait) -> Result<Vec<Entity>, StoreError> {
    let prefix = world.tag().waiting(wait);
    let rows = world.scan(&prefix, usize::MAX)?;
    let mut ids: Vec<Id> = rows.iter().filter_map(|(key, _)| entity_of(key.get(..prefix.len() + 16)?)).collect();
    ids.dedup();
    let found: Result<Vec<Option<Entity>>, StoreError> = ids.into_iter().map(|id| world.entity(id)).collect();
    Ok(found?.into_iter().flatten().collect())
}

/// A person, to be compared with others: records, duplicates, values.
fn person(rules: &SyncRules, entity: &Entity) -> Json {
    let mut records = Map::new();
    let mut duplicates = Map::new();
    for side in Side::BOTH {
        let name = rules.systems[side].connector.clone();
        if let Some(member) = &entity.members[side] {
            records.insert(name.clone(), json!(place(rules, side, &member.address)));
        }
        let others: Vec<String> = entity.secondary_addresses(side).map(|address| place(rules, side, address)).collect();
        if !others.is_empty() {
            duplicates.insert(name, json!(others));
        }
    }
    let values = rules.fields.iter().filter_map(|rule| {
        let field = entity.fields.get(&rule.map.name).filter(|field| !field.golden.is_blank())?;
        Some((rule.map.name.clone(), shown(&field.golden)))
    });
    json!({
        "sync": rules.name,
        "entity": entity.id.to_string(),
        "records": records,
        "duplicates": duplicates,
        "fields": values.collect::<Map<String, Json>>(),
    })
}

fn place(rules: &SyncRules, side: Side, address: &hymnal_sdk::Address) -> String {
    format!("{}:{}:{}", rules.systems[side].connector, address.object, address.id)
}

/// Makes two people one.
pub async fn link(app: &App, one: &str, two: &str) -> Answer {
    let (running, first) = only(app, one).await?;
    let (other, second) = only(app, two).await?;
    if running.name != other.name {
        return Err(Refusal::new(
            2,
            format!("`{one}` is known in sync `{}`, `{two}` in sync `{}`", running.name, other.name),
            "only people of one sync can be linked",
        ));
    }
    let id = running.sync.link(first.id, second.id).await?.map_err(|why| unable(why, one))?;
    tracing::info!(sync = running.name, entity = %id, "Two people were linked by a person");
    running.wake.notify_one();
    Ok(json!({ "sync": running.name, "linked": id.to_string() }))
}

/// Makes the records of a person in the two systems two people.
pub async fn unlink(app: &App, key: &str) -> Answer {
    let (running, entity) = only(app, key).await?;
    let rules = &running.sync.committer.rules;
    // A further record is unlinked by taking it away.
    let duplicate = address(rules, key).filter(|(side, address)| entity.secondary(*side, address).is_some());
    let done = match duplicate {
        Some((side, address)) => running.sync.split(entity.id, side, &address).await?,
        None => running.sync.unlink(entity.id).await?,
    };
    Ok(parted(running, &entity, done.map_err(|why| unable(why, key))?))
}

/// Makes one record of a person a person of its own.
pub async fn split(app: &App, key: &str, record: &str) -> Answer {
    let (running, entity) = only(app, key).await?;
    let Some((side, address)) = address(&running.sync.committer.rules, record) else {
        return Err(Refusal::new(
            2,
            format!("`{record}` is no record"),
            "write it as `connector:object:id`; `hymnal matches list` and `hymnal explain` show them",
        ));
    };
    let done = running.sync.split(entity.id, side, &address).await?;
    Ok(parted(running, &entity, done.map_err(|why| unable(why, record))?))
}

fn parted(running: &Running, entity: &Entity, new: Id) -> Json {
    tracing::info!(sync = running.name, entity = %entity.id, person = %new, "A person was taken apart by a person");
    running.wake.notify_one();
    json!({ "sync": running.name, "kept": entity.id.to_string(), "parted": new.to_string() })
}

/// The one person that a key leads to.
async fn only<'a>(app: &'a App, key: &str) -> Result<(&'a Running, Entity), Refusal> {
    let mut found: Vec<(&Running, Entity)> = Vec::new();
    for running in &app.syncs {
        let all = find(running, key).await?;
        found.extend(all.into_iter().map(|entity| (&**running, entity)));
    }
    if found.len() > 1 {
        let ids: Vec<String> = found.iter().map(|(_, entity)| format!("`{}`", entity.id)).collect();
        return Err(Refusal::new(
            2,
            format!("`{key}` leads to {} people: {}", found.len(), ids.join(", ")),
            "name one by its id, or by a record: `connector:object:id`",
        ));
    }
    found.pop().ok_or_else(|| {
        Refusal::new(
            2,
            format!("nobody is known by `{key}`"),
            "give an e-mail, a person's id, or `connector:object:id`",
        )
    })
}

fn unable(why: Unable, key: &str) -> Refusal {
    let (message, hint) = match why {
        Unable::Nobody => (format!("`{key}` is nobody any more"), "look again with `hymnal matches list`"),
        Unable::SamePerson => ("the two are one person already".to_owned(), "`hymnal explain` shows the records"),
        Unable::NotLinked => {
            (format!("`{key}` is not linked: there is a record in one system only"), "`hymnal explain` shows it")
        }
        Unable::NotTheirs => (
            format!("`{key}` is not a record of that person, or the only one"),
            "`hymnal explain` shows the person's records",
        ),
    };
    Refusal::new(2, message, hint)
}
