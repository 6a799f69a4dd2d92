//! Plays scenes: people act, Hymnal answers, both are shown.

use std::time::Duration;

use hymnal_sandbox::{
    Fault, Planted,
    Side::{self, Hubspot, Salesforce},
    control::NotDone,
};
use hymnal_sdk::{Actor, ActorKind, Fields, Native, Timestamp};

use super::{
    cast::Person,
    script::{Deed, Pace, Scene, Show},
    shows,
    stage::{Stage, service},
};
use crate::cli::Exit;

/// More than the configuration's `clock_uncertainty`.
const LATER: Duration = Duration::from_millis(1500);

/// What a scene has come to.
pub(super) struct Played<'a> {
    /// The scene.
    pub(super) scene: &'a Scene,
    /// Who plays.
    pub(super) cast: &'a [Person],
    /// When it began.
    pub(super) began: Timestamp,
    /// The time of each deed, by the clock's count.
    pub(super) done: Vec<Duration>,
    /// Where the requests of the HubSpot-like service stood when it began.
    pub(super) mark: hymnal_sandbox::control::Mark,
}

/// Plays one scene.
pub(super) async fn play(stage: &Stage, scene: &Scene, cast: &[Person]) -> Result<(), Exit> {
    stage.tell.title(scene.title)?;
    if !scene.about.is_empty() {
        stage.tell.say(scene.about)?;
    }
    let mark = stage.control(Hubspot).mark();
    let mut played = Played { scene, cast, began: stage.clock.now(), done: Vec::new(), mark };
    let turn = if scene.pace == Pace::BetweenTwoCycles { Some(stage.between_two_cycles().await) } else { None };
    for deed in scene.deeds {
        if let Some(told) = tell(deed, cast, stage) {
            stage.tell.item(&told)?;
        }
        act(stage, deed, cast)
            .await
            .map_err(|error| Exit::new(1, format!("the sandbox refuses a scene: {error}"), ""))?;
        played.done.push(stage.clock.elapsed());
    }
    if turn.is_some() {
        stage.search_shows_it().await;
    }
    drop(turn);
    for show in scene.shows {
        match show {
            Show::Arrivals => shows::arrivals(stage, &played).await?,
            Show::Why(who, field) => shows::why(stage, &cast[*who], *field).await?,
            Show::Conflicts => shows::conflicts(stage, &played).await?,
            Show::Order => shows::order(stage, &played)?,
            Show::Deletion(who) => shows::deletion(stage, &played, &cast[*who]).await?,
            Show::Silence => shows::silence(stage, &played).await?,
        }
    }
    Ok(())
}

fn tell(deed: &Deed, cast: &[Person], stage: &Stage) -> Option<String> {
    Some(match deed {
        Deed::Edit { who, at, field, to } => {
            let before = stage.holds(&cast[*who], *at, field.native(*at));
            let (name, person, at) = (field.name(), &cast[*who].name, service(*at));
            match *to {
                "" => format!("Somebody in {at} clears the {name} of {person}: `{before}`."),
                to => format!("Somebody in {at} changes the {name} of {person}: `{before}` → `{to}`."),
            }
        }
        Deed::Unsubscribe { who } => {
            format!("{} unsubscribes, by the link in an e-mail that HubSpot sent.", cast[*who].name)
        }
        Deed::Delete { who } => format!("Somebody in Salesforce deletes {} ({}).", cast[*who].name, cast[*who].object),
        Deed::Refuse { seconds } => {
            format!("HubSpot answers the next request with 429, too many requests: come back in {seconds} s.")
        }
        Deed::Later => return None,
    })
}

async fn act(stage: &Stage, deed: &Deed, cast: &[Person]) -> Result<(), NotDone> {
    match deed {
        Deed::Edit { who, at, field, to } => {
            let value = if to.is_empty() { Native::Null } else { Native::text(*to) };
            let fields = Fields::from([(field.native(*at).to_owned(), value)]);
            stage.control(*at).edit(&somebody(*at), cast[*who].at(*at).1, fields)
        }
        Deed::Unsubscribe { who } => {
            let portal = stage.sandbox.sandbox.hubspot();
            hymnal_sandbox::hubspot::opt_out(portal, &somebody(Hubspot), &cast[*who].email);
            Ok(())
        }
        Deed::Delete { who } => stage.control(Salesforce).delete(&somebody(Salesforce), &cast[*who].id),
        Deed::Refuse { seconds } => {
            // Usage guidelines of HubSpot's API: 429 with the policy that was hit.
            let body = r#"{"status":"error","message":"You have reached your ten_secondly_rolling limit.","errorType":"RATE_LIMIT","policyName":"TEN_SECONDLY_ROLLING","category":"RATE_LIMITS"}"#;
            let fault = Fault::Answer { status: 429, retry_after: seconds.to_string(), body: body.to_owned() };
            stage.control(Hubspot).plant(Planted { method: String::new(), path: String::new(), times: 1, fault });
            Ok(())
        }
        Deed::Later => {
            stage.clock.sleep(LATER).await;
            Ok(())
        }
    }
}

/// A user of the service who is no program.
fn somebody(at: Side) -> Actor {
    let name = match at {
        Hubspot => "71000001",
        Salesforce => "robin.marsh@example.com",
    };
    Actor { name: name.to_owned(), kind: ActorKind::Person }
}
