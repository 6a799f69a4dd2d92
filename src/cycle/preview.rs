//! What a push would do now: counted, with samples, written nowhere.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{
    Sync,
    world::{LANES, SECONDARY, World},
};
use crate::{
    merge::{
        Id, Side,
        entity::Want,
        patch::{Patch, draft, patch},
        secondary::secondary_patch,
    },
    store::{StoreError, tables::entity_of},
};

/// How many of each are shown.
const SAMPLES: usize = 10;

/// What would be done on one side.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Preview {
    /// The connector.
    pub connector: String,
    /// Records made.
    pub creates: Counted,
    /// Blank fields filled.
    pub fills: Counted,
    /// Values overwritten by others.
    pub overwrites: Counted,
    /// Values cleared.
    pub clears: Counted,
    /// People opted out.
    pub opt_outs: Counted,
}

/// How many, and the first of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Counted {
    /// How many.
    pub count: u64,
    /// The first ten.
    pub samples: Vec<Sample>,
}

/// One change.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Sample {
    /// The record, or the one on the other side that it is made of.
    pub record: String,
    /// The field; empty for a creation.
    pub field: String,
    /// What stands there.
    pub from: String,
    /// What would stand there.
    pub to: String,
}

impl Counted {
    fn add(&mut self, sample: impl FnOnce() -> Sample) {
        self.count += 1;
        if self.samples.len() < SAMPLES {
            self.samples.push(sample());
        }
    }
}

impl Sync {
    /// What a push would do now, by side.
    ///
    /// # Errors
    /// The store's.
    pub async fn preview(&self) -> Result<Vec<Preview>, StoreError> {
        let mut previews = Vec::new();
        for side in Side::BOTH {
            let mut preview = Preview { connector: self.systems[side].name.clone(), ..Preview::default() };
            for lane in LANES {
                let prefix = self.committer.tag.outbox(side, lane);
                let mut after: Option<Vec<u8>> = None;
                loop {
                    let rows = self.committer.store.scan(&prefix, after.as_deref(), 500)?;
                    let Some((last, _)) = rows.last() else { break };
                    after = Some(last.clone());
                    let ids: Vec<Id> = rows.iter().filter_map(|(key, _)| entity_of(key)).collect();
                    self.look(|world| {
                        let ids: BTreeSet<Id> = ids.into_iter().collect();
                        ids.into_iter().try_for_each(|id| match lane {
                            SECONDARY => preview_secondaries(world, side, id, &mut preview),
                            _ => preview_one(world, side, id, &mut preview),
                        })
                    })
                    .await?;
                }
            }
            previews.push(preview);
        }
        Ok(previews)
    }
}

fn preview_one(world: &mut World<'_>, side: Side, id: Id, preview: &mut Preview) -> Result<(), StoreError> {
    let Some(entity) = world.entity(id)? else { return Ok(()) };
    let shown = if entity.members[side].is_some() { side } else { side.other() };
    let record = entity.members[shown].as_ref().map(|member| member.address.to_string()).unwrap_or_default();
    if entity.wants[side] == Want::Create {
        let Some(object) = world.context.rules.systems[side].create.clone() else { return Ok(()) };
        let draft = draft(&entity, side, &object, world.context);
        preview.creates.add(|| Sample { record, to: describe(&draft), ..Sample::default() });
        return Ok(());
    }
    let patch: Patch = patch(&entity, side, world.context);
    preview_changes(&patch, &record, world, preview);
    Ok(())
}

/// Consents of secondaries.
fn preview_secondaries(world: &World<'_>, side: Side, id: Id, preview: &mut Preview) -> Result<(), StoreError> {
    let Some(entity) = world.shared(id)? else { return Ok(()) };
    for secondary in &entity.secondaries[side] {
        let patch = secondary_patch(&entity, side, secondary, world.context);
        preview_changes(&patch, &secondary.member.address.to_string(), world, preview);
    }
    Ok(())
}

fn preview_changes(patch: &Patch, record: &str, world: &World<'_>, preview: &mut Preview) {
    for change in &patch.changes {
        let rule = world.context.rules.fields.iter().find(|rule| rule.map.name == change.field);
        let consent = rule.and_then(|rule| rule.policy.consent.as_ref());
        let held = change.from.as_ref().filter(|native| !native.is_blank());
        let from = held.map(ToString::to_string).unwrap_or_default();
        let was_blank = change.from.as_ref().is_none_or(hymnal_sdk::Native::is_blank);
        let counted = match consent {
            Some(consent) if consent.restricts(&change.golden) => &mut preview.opt_outs,
            _ if change.golden.is_blank() => &mut preview.clears,
            _ if was_blank => &mut preview.fills,
            _ => &mut preview.overwrites,
        };
        counted.add(|| Sample {
            record: record.to_owned(),
            field: change.field.clone(),
            from,
            to: change.golden.to_string(),
        });
    }
}

fn describe(draft: &Patch) -> String {
    let values = draft.changes.iter().filter(|change| !change.golden.is_blank());
    values.map(|change| format!("{}: {}", change.field, change.golden)).collect::<Vec<_>>().join(", ")
}
