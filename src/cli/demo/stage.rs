//! Where the day is played: the two services, the daemon, and what can be asked of both.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use hymnal_memory::service::Row;
use hymnal_sandbox::{
    Control,
    Side::{self, Hubspot, Salesforce},
    server::Running as Sandbox,
};
use hymnal_sdk::{Clock, Native, Timestamp};
use serde_json::Value as Json;

use super::{
    cast::Person,
    script::Field,
    tally::{self, Page},
    tell::Teller,
};
use crate::{
    cli::{Exit, setup::store_exit},
    cycle::{Deletions, report::Report, world::LANES},
    merge,
    server::{Request, socket},
    wire::Running,
};

/// Nothing in the story takes longer; what does, did not happen.
const PATIENCE: Duration = Duration::from_mins(1);
/// How often a fact is looked for.
const LOOK: Duration = Duration::from_millis(50);
/// How late the HubSpot-like service's search may show an edit, and somewhat more.
const SEARCH_LAG: Duration = Duration::from_millis(2100);

/// Where the day is played.
pub(super) struct Stage {
    /// The services.
    pub(super) sandbox: Sandbox,
    /// The sync that the daemon keeps.
    pub(super) sync: Arc<Running>,
    /// Time.
    pub(super) clock: Arc<dyn Clock>,
    /// The daemon's state directory, with its socket.
    pub(super) state_dir: PathBuf,
    /// Where `/healthz` answers.
    pub(super) listen: SocketAddr,
    /// The story's voice.
    pub(super) tell: Teller,
}

impl Stage {
    /// Asks the daemon over its socket, as every command does.
    pub(super) async fn ask(&self, request: Request) -> Result<Json, Exit> {
        match socket::ask(&self.state_dir, &request).await {
            Some(Ok(answer)) => Ok(answer),
            Some(Err(refusal)) => Err(Exit::new(refusal.exit, refusal.message, &refusal.hint)),
            None => Err(Exit::new(1, "the daemon of the demo does not answer", "")),
        }
    }

    /// What `status` says of the sync.
    pub(super) async fn status(&self) -> Result<Json, Exit> {
        let mut status = self.ask(Request::Status).await?;
        Ok(status["syncs"][self.sync.name.as_str()].take())
    }

    /// What `explain` says of a person.
    pub(super) async fn explain(&self, person: &Person) -> Result<Json, Exit> {
        let mut found = self.ask(Request::Explain { key: person.email.clone(), field: None }).await?;
        Ok(found["people"][0].take())
    }

    /// The latest line of each conflict, youngest first; of those decided from a time on.
    pub(super) async fn conflicts(&self, from: Option<Timestamp>) -> Result<Vec<Json>, Exit> {
        let found = self.ask(Request::Conflicts { open: false, sync: None, limit: Some(usize::MAX) }).await?;
        let Json::Array(lines) = found else { return Ok(Vec::new()) };
        let is_young = |line: &Json| {
            let at = line["at"].as_str().and_then(|at| at.parse::<Timestamp>().ok());
            from.is_none_or(|from| at.is_some_and(|at| at >= from))
        };
        Ok(lines.into_iter().filter(is_young).collect())
    }

    /// Waits until something is so.
    pub(super) async fn until<T>(
        &self,
        what: &str,
        mut look: impl AsyncFnMut() -> Result<Option<T>, Exit>,
    ) -> Result<T, Exit> {
        let start = self.clock.elapsed();
        loop {
            if let Some(found) = look().await? {
                return Ok(found);
            }
            if self.since(start) > PATIENCE {
                let hint = "`HYMNAL_LOG=info hymnal demo` shows what the daemon does";
                return Err(Exit::new(1, format!("the demo waited {} s in vain: {what}", PATIENCE.as_secs()), hint));
            }
            self.clock.sleep(LOOK).await;
        }
    }

    /// One cycle more, with what it sent.
    pub(super) async fn one_more_cycle(&self) -> Result<Further, Exit> {
        let _turn = self.sync.turn.lock().await;
        let before = [Hubspot, Salesforce].map(|side| self.control(side).mark());
        let report = self.sync.sync.cycle(Deletions::Now).await.map_err(|error| store_exit(&error))?;
        let [left, right] = [Hubspot, Salesforce];
        let traffic = [self.control(left).since(before[0]), self.control(right).since(before[1])];
        let (requests, wrote) = (traffic[0].asked + traffic[1].asked, traffic[0].wrote + traffic[1].wrote);
        Ok(Further { report, requests, wrote })
    }

    /// How long ago a point of the clock's count was.
    pub(super) fn since(&self, start: Duration) -> Duration {
        self.clock.elapsed().saturating_sub(start)
    }

    /// How many records wait to be written.
    pub(super) fn queue(&self) -> Result<u64, Exit> {
        let sync = &self.sync.sync;
        let lanes = merge::Side::BOTH.into_iter().flat_map(|side| LANES.map(|lane| (side, lane)));
        let counts = lanes.map(|(side, lane)| sync.count(&sync.committer.tag.outbox(side, lane)));
        counts.sum::<Result<u64, _>>().map_err(|error| store_exit(&error))
    }

    /// Lets no cycle begin while it is held.
    pub(super) async fn between_two_cycles(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.sync.turn.lock().await
    }

    /// Waits until the services' searches show what was edited.
    pub(super) async fn search_shows_it(&self) {
        self.clock.sleep(SEARCH_LAG).await;
    }

    /// The journal.
    pub(super) fn journal(&self) -> Result<Vec<Page>, Exit> {
        tally::journal(&self.sync).map_err(|error| store_exit(&error))
    }

    /// What people and operators can do to a service.
    pub(super) fn control(&self, side: Side) -> Control {
        self.sandbox.sandbox.control(side)
    }

    /// The live records of a service, with their objects.
    pub(super) fn live(&self, side: Side) -> Vec<(&'static str, Row)> {
        let objects: &[&str] = match side {
            Hubspot => &["contacts"],
            Salesforce => &["Lead", "Contact"],
        };
        let rows =
            objects.iter().flat_map(|object| self.control(side).rows(object).into_iter().map(|row| (*object, row)));
        rows.filter(|(_, row)| row.deleted_at.is_none()).collect()
    }

    /// What a service holds in a field of a person, now; blank as an empty text.
    pub(super) fn holds(&self, person: &Person, side: Side, native: &str) -> String {
        let (object, id) = person.at(side);
        let row = self.control(side).row(object, id);
        let value = row.and_then(|row| row.fields.get(native).filter(|value| !value.is_blank()).map(Native::to_string));
        value.unwrap_or_default()
    }

    /// Both services hold the same in a field of a person.
    pub(super) fn agree(&self, person: &Person, field: Field) -> bool {
        let [left, right] = [Hubspot, Salesforce].map(|side| self.holds(person, side, field.native(side)));
        if field == Field::Phone { digits(&left) == digits(&right) } else { left == right }
    }

    /// The side of the sync that a service is.
    pub(super) fn side(&self, side: Side) -> merge::Side {
        let systems = &self.sync.sync.systems;
        if systems.left.name == connector(side) { merge::Side::Left } else { merge::Side::Right }
    }
}

/// What one cycle more came to.
pub(super) struct Further {
    /// What the engine says.
    pub(super) report: Report,
    /// Requests that the services answered.
    pub(super) requests: u64,
    /// Those that changed data.
    pub(super) wrote: u64,
}

/// The connector's name in the configuration.
pub(super) fn connector(side: Side) -> &'static str {
    match side {
        Hubspot => "marketing",
        Salesforce => "crm",
    }
}

/// The service's name in the story.
pub(super) fn service(side: Side) -> &'static str {
    match side {
        Hubspot => "HubSpot",
        Salesforce => "Salesforce",
    }
}

/// The other service.
pub(super) fn other(side: Side) -> Side {
    match side {
        Hubspot => Salesforce,
        Salesforce => Hubspot,
    }
}

/// Seconds for people.
pub(super) fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

/// A North American phone is the same with and without its country code.
fn digits(phone: &str) -> String {
    let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
    if digits.len() == 11 { digits.trim_start_matches('1').to_owned() } else { digits }
}
