//! The initial sync: held until somebody has seen what it would do, then let go.

use hymnal_sandbox::{
    Side::{Hubspot, Salesforce},
    control::Mark,
};

use super::{
    decided::alike,
    stage::{Stage, seconds},
    tally::{Tally, count},
    tell::counted,
};
use crate::{
    cli::{Exit, setup::store_exit, show},
    server::Request,
};

/// Shows what would be done, approves it, and shows what was done.
pub(super) async fn initial_sync(stage: &Stage) -> Result<(), Exit> {
    held(stage).await?;
    approved(stage).await
}

async fn held(stage: &Stage) -> Result<(), Exit> {
    let (tell, started) = (&stage.tell, stage.clock.elapsed());
    stage
        .until("both services are read", async || {
            let was_read = stage.sync.sync.was_read().map_err(|error| store_exit(&error))?;
            Ok(was_read.then_some(()))
        })
        .await?;
    // What was read is matched before the cycle ends.
    drop(stage.between_two_cycles().await);
    let held = stage.status().await?["held"].take();
    let traffic = [Hubspot, Salesforce].map(|side| stage.control(side).since(Mark::default()));
    tell.title("The initial sync is held until a person has seen what it would do")?;
    tell.say(&format!(
        "Hymnal has read both services in {} with {}, and has written to neither ({} that change data). \
         `hymnal status` tells what it would do:",
        seconds(stage.since(started)),
        counted(traffic.iter().map(|traffic| traffic.asked).sum(), "request", "requests"),
        counted(traffic.iter().map(|traffic| traffic.wrote).sum(), "request", "requests"),
    ))?;
    tell.quote(&show::would(&held["would"]))?;
    let lines = stage.conflicts(None).await?;
    tell.say(&format!(
        "Linking them shows {} in which the two services disagree. Each is decided by a rule of the configuration, \
         and stands in the conflict log. Of each kind one:",
        counted(lines.len() as u64, "value", "values"),
    ))?;
    for group in alike(&lines) {
        tell.item(&format!("{} × {}", group.count, group.example()))?;
    }
    Ok(())
}

async fn approved(stage: &Stage) -> Result<(), Exit> {
    let (tell, started) = (&stage.tell, stage.clock.elapsed());
    stage.ask(Request::Approve { sync: stage.sync.name.clone(), hold: None }).await?;
    stage.until("the initial sync is done", async || Ok((stage.queue()? == 0).then_some(()))).await?;
    let took = stage.since(started);
    let tally = count(&stage.journal()?);
    let linked = stage.status().await?["linked"].as_u64().unwrap_or(0);
    tell.title("`hymnal approve people` lets it go")?;
    tell.say(&format!("Done in {}:", seconds(took)))?;
    tell.item(&format!(
        "{} were in both services and are linked by e-mail; with those created, {} are linked now.",
        counted(tally.matched, "person", "people"),
        counted(linked, "person", "people"),
    ))?;
    for line in by_service(stage, &tally) {
        tell.item(&line)?;
    }
    Ok(())
}

/// What was written, a line a service.
pub(super) fn by_service(stage: &Stage, tally: &Tally) -> Vec<String> {
    let line = |side| {
        let at = stage.side(side);
        format!(
            "{}: created {}, filled {}, changed {}, cleared {}, opted out {}.",
            super::stage::service(side),
            counted(tally.created[at], "record", "records"),
            counted(tally.filled[at], "blank field", "blank fields"),
            counted(tally.changed[at], "value", "values"),
            counted(tally.cleared[at], "value", "values"),
            counted(tally.opted_out[at], "person", "people"),
        )
    };
    [Hubspot, Salesforce].into_iter().map(line).collect()
}
