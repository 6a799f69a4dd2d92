//! `rebind`: another account behind a connector is accepted, and everything about its people begins anew.

use serde_json::json;

use super::request::{Answer, Refusal};
use crate::{
    cycle::{account::pinned, report::Failure},
    merge::Side,
    wire::{App, Running},
};

/// Accepts the account that a connector's login opens now. The links of its syncs name records of the account before:
/// they are dropped, people are matched anew by their keys, and nothing is written before a person has approved it.
pub(super) async fn rebind(app: &App, connector: &str) -> Answer {
    let of = |running: &Running| {
        Side::BOTH.into_iter().find(|side| {
            running.sync.systems[*side].name == connector && !running.sync.systems[*side].objects.is_empty()
        })
    };
    let using: Vec<(&Running, Side)> =
        app.syncs.iter().filter_map(|running| Some((running.as_ref(), of(running)?))).collect();
    let Some((first, side)) = using.first().copied() else {
        let names: Vec<&str> = app.config.connectors.iter().map(|connector| connector.name.as_str()).collect();
        let hint = format!("there are: {}", names.join(", "));
        return Err(Refusal::new(2, format!("no sync uses a connector `{connector}`"), hint));
    };
    let mut turns = Vec::new();
    for (running, _) in &using {
        turns.push(running.turn.lock().await);
    }
    let from = pinned(&*app.state.store, connector)?;
    let to = match first.sync.account_now(side).await {
        Ok(to) => to,
        Err(Failure::Store(error)) => return Err(error.into()),
        Err(Failure::Service { error, .. }) => {
            let hint = error.hint.clone().unwrap_or_else(|| "correct the login, and try again".to_owned());
            return Err(Refusal::new(
                1,
                format!("`{connector}` could not be asked whose account it is: {error}"),
                hint,
            ));
        }
    };
    if from.as_ref() == Some(&to) {
        let message = format!("`{connector}` opens the account that the state knows: `{to}`");
        return Ok(json!({ "connector": connector, "rebound": false, "account": to, "message": message }));
    }
    let mut syncs = Vec::new();
    // Where the state knew no account there is nothing that was read from another one.
    if from.is_some() {
        for (running, _) in &using {
            running.sync.begin_anew().await?;
            syncs.push(running.name.clone());
        }
    }
    // Last: a crash before it leaves nothing that was read from one account under the name of the other.
    first.sync.pin_account(connector, &to)?;
    tracing::warn!(connector, "Another account was accepted; its syncs begin anew, and are held");
    Ok(json!({
        "connector": connector,
        "rebound": true,
        "from": from,
        "to": to,
        "begins_anew": syncs,
    }))
}
