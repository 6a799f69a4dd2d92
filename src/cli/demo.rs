//! `demo`: simulated services, a ready configuration, the real daemon, and a day of edits that shows what it does.
//!
//! | file | what |
//! |---|---|
//! | `script` | the day, as data |
//! | `cast` | who plays in it |
//! | `stage` | the services and the daemon, and what can be asked of them |
//! | `initial` | the initial sync: held, seen, approved |
//! | `scenes`, `shows` | the scenes: people act, Hymnal answers |
//! | `summary` | the day in numbers, and what to try next |
//! | `tally`, `decided` | what the journal and the conflict log say, counted |
//! | `tell` | how it is told |

mod cast;
mod decided;
mod initial;
mod scenes;
mod script;
mod shows;
mod stage;
mod summary;
mod tally;
mod tell;

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::Arc,
};

use hymnal_sandbox::Side::{Hubspot, Salesforce};
use tempfile::TempDir;
use tokio::sync::oneshot;

use self::{
    stage::Stage,
    tell::{Teller, counted},
};
use super::{
    Exit, args,
    run::{ending, reload, start_logging},
    sandbox,
    setup::{app, load},
};
use crate::daemon;

/// Plays the day; without `--once` the daemon goes on behind it.
pub async fn demo(args: &args::Demo) -> Result<u8, Exit> {
    start_logging("off");
    let folder = TempDir::with_prefix("hymnal-demo-")
        .map_err(|error| Exit::new(1, format!("no temporary directory can be made: {error}"), "set `TMPDIR`"))?;
    let ended = in_folder(folder.path(), args).await;
    let path = folder.path().to_owned();
    folder
        .close()
        .map_err(|error| Exit::new(1, format!("`{}` could not be removed: {error}", path.display()), "remove it"))?;
    ended
}

async fn in_folder(folder: &Path, args: &args::Demo) -> Result<u8, Exit> {
    let sandbox = sandbox::start(&PEOPLE).await?;
    let listen = free_address()?;
    let config = folder.join("hymnal.toml");
    write_configuration(&config, &sandbox, listen)?;
    let app = app(load(Some(&config))?)?;
    let Some(sync) = app.syncs.first().map(Arc::clone) else { return Err(Exit::quiet(1)) };
    let stage = Stage {
        sandbox,
        sync,
        clock: Arc::clone(&app.clock),
        state_dir: app.config.daemon.state_dir.clone(),
        listen,
        tell: Teller::new(),
    };
    open(&stage, &config)?;
    // The people were made a moment ago, and the HubSpot-like service's search shows nothing at once. Real ones are
    // older: the initial sync is to find them all.
    stage.search_shows_it().await;
    let (stop, stopped) = oneshot::channel::<()>();
    let renew = reload(config.clone(), &app);
    let serving = daemon::serve_until(app, renew, async { drop(stopped.await) });
    tokio::pin!(serving);
    let told = tokio::select! {
        ended = &mut serving => return ended.map_or_else(|error| Err(ending(&error)), |()| Err(Exit::quiet(1))),
        told = day(&stage, &config, args) => told,
    };
    if args.once || told.is_err() {
        drop(stop);
        serving.await.map_err(|error| ending(&error))?;
    } else {
        // The channel stays open: only a signal ends the daemon now.
        serving.await.map_err(|error| ending(&error))?;
        drop(stop);
    }
    stage.sandbox.shutdown().await;
    told
}

async fn day(stage: &Stage, config: &Path, args: &args::Demo) -> Result<u8, Exit> {
    stage.until("the daemon is ready", async || Ok(stage.status().await.ok())).await?;
    initial::initial_sync(stage).await?;
    let hubspot: Vec<_> = stage.live(Hubspot).into_iter().map(|(_, row)| row).collect();
    let cast = cast::choose(&hubspot, &stage.live(Salesforce));
    if cast.len() <= script::CAST {
        return Err(Exit::new(1, "too few of the invented people have a phone and a job title on both sides", ""));
    }
    for scene in script::DAY {
        scenes::play(stage, scene, &cast).await?;
    }
    let code = summary::sum_up(stage).await?;
    if !args.once {
        summary::invite(stage, config, &cast[script::CAST])?;
    }
    Ok(code)
}

fn open(stage: &Stage, config: &Path) -> Result<(), Exit> {
    let tell = &stage.tell;
    tell.say(
        "Hymnal keeps people the same in a marketing and a sales tool. Here both are simulated, on this machine; the \
         daemon and its configuration are real.",
    )?;
    let both = counted(PEOPLE.both as u64, "person", "people");
    for (side, url, name) in [
        (Hubspot, &stage.sandbox.hubspot_url, "Like HubSpot, called `marketing` in the configuration"),
        (Salesforce, &stage.sandbox.salesforce_url, "Like Salesforce, called `crm`"),
    ] {
        let people = stage.live(side).len() as u64;
        tell.item(&format!("{name}: {} at {url}", counted(people, "person", "people")))?;
    }
    tell.item(&format!("{both} are in both services, not always spelled alike"))?;
    tell.item(&format!("The configuration: {}", config.display()))
}

/// The people of the demo.
const PEOPLE: args::Sandbox = args::Sandbox {
    hubspot_port: 0,
    salesforce_port: 0,
    control_port: 0,
    marketing: 240,
    sales: 200,
    both: 140,
    seed: 1,
};

fn write_configuration(path: &PathBuf, sandbox: &hymnal_sandbox::Running, listen: SocketAddr) -> Result<(), Exit> {
    let state = path.with_file_name("state");
    let daemon = format!("state_dir = {:?}\nlisten = \"{listen}\"\n", state.display().to_string());
    let text = sandbox::configuration(sandbox, "plan", "1s", &daemon);
    std::fs::write(path, text)
        .map_err(|error| Exit::new(1, format!("`{}` cannot be written: {error}", path.display()), ""))
}

/// A loopback address that nobody has.
fn free_address() -> Result<SocketAddr, Exit> {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    free.map_err(|error| Exit::new(1, format!("no loopback port is free: {error}"), ""))
}
