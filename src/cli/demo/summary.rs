//! The day in numbers, and what to try next.

use std::{collections::BTreeMap, path::Path};

use hymnal_sandbox::{
    Side::{Hubspot, Salesforce},
    control::Mark,
};

use super::{
    cast::{Person, email},
    decided::alike,
    initial::by_service,
    stage::{Stage, seconds, service},
    tally::count,
    tell::counted,
};
use crate::cli::Exit;

/// Sums up, after one cycle more that must write nothing. Answers the exit code.
pub(super) async fn sum_up(stage: &Stage) -> Result<u8, Exit> {
    stage.until("everything is delivered", async || Ok((stage.queue()? == 0).then_some(()))).await?;
    let further = stage.one_more_cycle().await?;
    let tell = &stage.tell;
    tell.title("The day in numbers")?;
    let tally = count(&stage.journal()?);
    let status = stage.status().await?;
    let number = |key: &str| status[key].as_u64().unwrap_or(0);
    tell.item(&format!(
        "linked: {} by e-mail; {} are linked now, {}, {} with a deletion in its grace.",
        tally.matched,
        number("linked"),
        counted(number("conflicts"), "open conflict", "open conflicts"),
        number("deleting"),
    ))?;
    for line in by_service(stage, &tally) {
        tell.item(&line)?;
    }
    let lines = stage.conflicts(None).await?;
    let decided = lines.iter().filter(|line| line["status"] == "resolved").count();
    tell.item(&format!("conflicts: {}, of which {decided} were decided by a rule:", lines.len()))?;
    for group in alike(&lines) {
        tell.part(&format!("{}.", group.sentence()))?;
    }
    for side in [Hubspot, Salesforce] {
        let live = stage.live(side);
        let mut people: BTreeMap<String, u64> = BTreeMap::new();
        for (_, row) in &live {
            *people.entry(email(row)).or_default() += 1;
        }
        let twice = people.values().filter(|records| **records > 1).count();
        let traffic = stage.control(side).since(Mark::default());
        let refused = traffic.by_status.get(&429).copied().unwrap_or(0);
        tell.item(&format!(
            "{}: {} now, {twice} twice; {} answered in the whole day, {refused} with 429.",
            service(side),
            counted(live.len() as u64, "record", "records"),
            counted(traffic.asked, "request", "requests"),
        ))?;
    }
    let (created, updated) = (further.report.written.created, further.report.written.updated);
    tell.item(&format!(
        "A further cycle wrote {} ({} to read both services, {} that change data).",
        counted((created + updated) as u64, "record", "records"),
        counted(further.requests, "request", "requests"),
        further.wrote,
    ))?;
    tell.item(&format!("All of this took {}.", seconds(stage.clock.elapsed())))?;
    if created + updated > 0 || further.wrote > 0 {
        return Err(Exit::new(
            1,
            "a further cycle wrote something, and should not have",
            "this is a defect; please report it",
        ));
    }
    Ok(0)
}

/// What can be tried while the daemon goes on.
pub(super) fn invite(stage: &Stage, config: &Path, person: &Person) -> Result<(), Exit> {
    let tell = &stage.tell;
    let program = std::env::current_exe().map_or("hymnal".to_owned(), |path| path.display().to_string());
    let hymnal = format!("{program} -c {}", config.display());
    let control = &stage.sandbox.control_url;
    tell.title("The daemon goes on: try it from another terminal")?;
    for command in ["status".to_owned(), format!("explain {}", person.email), "conflicts list".to_owned()] {
        tell.command(&format!("{hymnal} {command}"))?;
    }
    tell.command(&format!("curl http://{}/healthz", stage.listen))?;
    tell.say(&format!("To change something in HubSpot as a person would ({}):", person.name))?;
    let body = format!(r#"{{"action":"edit","id":"{}","fields":{{"jobtitle":"Head of Curiosity"}}}}"#, person.contact);
    tell.command(&format!("curl {control}/control/hubspot/records -H 'content-type: application/json' -d '{body}'"))?;
    tell.say("And in Salesforce:")?;
    let body = format!(r#"{{"action":"edit","id":"{}","fields":{{"Phone":"(415) 555-0101"}}}}"#, person.id);
    tell.command(&format!(
        "curl {control}/control/salesforce/records -H 'content-type: application/json' -d '{body}'"
    ))?;
    tell.say("Ctrl-C ends it; nothing is kept.")
}
