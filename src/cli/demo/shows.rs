//! What of a scene is waited for and shown.

use hymnal_sandbox::Side::{Hubspot, Salesforce};

use super::{
    cast::{Person, email},
    scenes::Played,
    script::{Deed, Field},
    stage::{Stage, connector, other, seconds, service},
    tally::sent_since,
    tell::counted,
};
use crate::{
    cli::{Exit, show},
    server::Request,
};

/// Waits until both services hold the same in every field that was edited.
pub(super) async fn arrivals(stage: &Stage, played: &Played<'_>) -> Result<(), Exit> {
    let mut awaited: Vec<(&Deed, usize)> = Vec::new();
    for (index, deed) in played.scene.deeds.iter().enumerate() {
        let same = |known: &&Deed| {
            matches!((known, deed),
            (Deed::Edit { who, field, .. }, Deed::Edit { who: also, field: same, .. }) if who == also && field == same)
        };
        awaited.retain(|(known, _)| !same(known));
        if matches!(deed, Deed::Edit { .. } | Deed::Unsubscribe { .. }) {
            awaited.push((deed, index));
        }
    }
    let mut arrived: Vec<(usize, String)> = Vec::new();
    stage
        .until("every edit is on both sides", async || {
            awaited.retain(|(deed, index)| {
                let took = stage.since(played.done[*index]);
                let told = there(stage, played, deed, &seconds(took));
                arrived.extend(told.map(|told| (*index, told)));
                arrived.last().is_none_or(|(last, _)| last != index)
            });
            Ok(awaited.is_empty().then_some(()))
        })
        .await?;
    arrived.sort();
    for (_, told) in &arrived {
        stage.tell.outcome(told)?;
    }
    Ok(())
}

/// What is told of a deed whose effect is on both sides.
fn there(stage: &Stage, played: &Played<'_>, deed: &Deed, took: &str) -> Option<String> {
    match deed {
        Deed::Edit { who, at, field, .. } => {
            let person = &played.cast[*who];
            let to = other(*at);
            let value = stage.holds(person, to, field.native(to));
            let value = if value.is_empty() { "blank".to_owned() } else { format!("`{value}`") };
            let edits =
                played.scene.deeds.iter().filter(
                    |it| matches!(it, Deed::Edit { who: also, field: same, .. } if also == who && same == field),
                );
            let told = if edits.count() > 1 {
                format!("{} of {}: both services hold {value}.", field.name(), person.name)
            } else {
                format!("{} has the {} of {} {took} later: {value}.", service(to), field.name(), person.name)
            };
            stage.agree(person, *field).then_some(told)
        }
        Deed::Unsubscribe { who } => {
            let person = &played.cast[*who];
            let is_out = stage.holds(person, Salesforce, "HasOptedOutOfEmail") == "true";
            is_out.then(|| format!("{} is opted out in Salesforce {took} later.", person.name))
        }
        Deed::Delete { .. } | Deed::Refuse { .. } | Deed::Later => None,
    }
}

/// What `explain` says of a field.
pub(super) async fn why(stage: &Stage, person: &Person, field: Field) -> Result<(), Exit> {
    let request = Request::Explain { key: person.email.clone(), field: Some(field.name().to_owned()) };
    let told = stage
        .until("the write is confirmed by a reading", async || {
            let told = stage.ask(request.clone()).await?;
            let fields = &told["people"][0]["fields"][field.name()];
            let is_settled = [Hubspot, Salesforce].iter().all(|side| fields[connector(*side)]["state"] == "read");
            Ok(is_settled.then(|| show::explain(&told)))
        })
        .await?;
    stage.tell.say(&format!("`hymnal explain {} --field {}` says why:", person.email, field.name()))?;
    stage.tell.quote(&told)
}

/// The conflict log's lines of this scene.
pub(super) async fn conflicts(stage: &Stage, played: &Played<'_>) -> Result<(), Exit> {
    let lines = stage.conflicts(Some(played.began)).await?;
    stage.tell.say(&format!(
        "Both typed the same first name, which is no conflict. The other two fields are: {} in the conflict log, with \
         everything that it was decided by (`hymnal conflicts show`):",
        counted(lines.len() as u64, "new line", "new lines"),
    ))?;
    for line in lines.iter().rev() {
        let id = line["id"].as_str().unwrap_or_default().to_owned();
        stage.tell.quote(&show::conflict(&stage.ask(Request::Conflict { id }).await?))?;
    }
    Ok(())
}

/// The order in which the Salesforce-like service was written to.
pub(super) fn order(stage: &Stage, played: &Played<'_>) -> Result<(), Exit> {
    let sent = sent_since(&stage.journal()?, stage.side(Salesforce), played.began);
    let names = sent.iter().map(|sent| {
        let person = played.cast.iter().find(|person| person.id == sent.address.id);
        format!("{} of {}", sent.fields.join(", "), person.map_or("somebody else", |person| &person.name))
    });
    let names: Vec<String> = names.collect();
    stage.tell.say(&format!("Written to Salesforce, in this order: {}.", names.join("; ")))
}

/// A deletion is seen; nothing is made again, also where the other record is edited.
pub(super) async fn deletion(stage: &Stage, played: &Played<'_>, person: &Person) -> Result<(), Exit> {
    let started = played.done.first().copied().unwrap_or_default();
    let edited = stage.holds(person, Hubspot, Field::Phone.native(Hubspot));
    let presence = stage
        .until("the deletion is seen, and the edit behind it is read", async || {
            let told = stage.explain(person).await?;
            let is_read = told["fields"]["phone"]["marketing"]["holds"].as_str() == Some(edited.as_str());
            let presence = told["records"]["crm"]["presence"].as_str().unwrap_or_default();
            Ok((is_read && presence.starts_with("deleted")).then(|| presence.to_owned()))
        })
        .await?;
    let took = stage.since(started);
    stage.tell.outcome(&format!("Hymnal has seen it, and read the edit, {} later: {presence}.", seconds(took)))?;
    let further = stage.one_more_cycle().await?;
    let there = stage.live(Salesforce).iter().filter(|(_, row)| email(row) == person.email).count() as u64;
    let kept = stage.live(Hubspot).iter().filter(|(_, row)| email(row) == person.email).count() as u64;
    let grace = stage.sync.sync.committer.rules.delete_grace.as_secs() / 60;
    stage.tell.outcome(&format!(
        "A cycle later ({} that change data) Salesforce has {} of this person, HubSpot {}.",
        counted(further.wrote, "request", "requests"),
        counted(there, "record", "records"),
        counted(kept, "record", "records"),
    ))?;
    stage.tell.say(&format!(
        "The deletion has a grace of {grace} min, in which a merge or a restoration can explain it. Then the two are \
         unlinked: the contact stays in HubSpot, and is not made again in Salesforce.",
    ))
}

/// A service that answered 429 is not asked before the time that it gave.
pub(super) async fn silence(stage: &Stage, played: &Played<'_>) -> Result<(), Exit> {
    let control = stage.control(Hubspot);
    let refused = stage
        .until("the refusal is met", async || {
            let met = control.since(played.mark).by_status.get(&429).copied();
            Ok(met.map(|_| (control.mark(), stage.clock.elapsed())))
        })
        .await?;
    let paused = stage
        .until("the pause is visible in `status`", async || {
            let status = stage.ask(Request::Status).await?;
            let connector = &status["connectors"]["marketing"];
            let until = connector["paused_until"].is_string().then(|| show::moment(&connector["paused_until"]));
            Ok(until
                .map(|until| format!("paused until {until}: {}", connector["paused_because"].as_str().unwrap_or("?"))))
        })
        .await?;
    stage.tell.outcome(&format!("`hymnal status` says of marketing: {paused}."))?;
    let (mark, since) = refused;
    stage.until("the service is asked again", async || Ok((control.mark().asked > mark.asked).then_some(()))).await?;
    let silence = stage.since(since);
    let met = control.since(played.mark).by_status.get(&429).copied().unwrap_or(0);
    stage.tell.outcome(&format!(
        "After {} refused with 429 Hymnal asked HubSpot nothing for {}.",
        counted(met, "request", "requests"),
        seconds(silence),
    ))
}
