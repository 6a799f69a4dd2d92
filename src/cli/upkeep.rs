//! `backup`, `restore`, `rebuild`, `compact`.

use std::path::{Path, PathBuf};

use hymnal_sdk::Clock as _;
use serde_json::json;

use super::{
    Exit, args, ask,
    out::Out,
    run::{run_once, start_logging},
    setup::{Loaded, app, load, store_exit},
    show,
};
use crate::{
    server::{Request, socket},
    store::StoreError,
    wire::{
        State, SystemClock,
        back_up::{BackUpError, Unfinished},
        rebuild,
        replace::store_of,
        restore::{Existing, Restore, RestoreError},
    },
};

/// `backup`
pub async fn backup(config: Option<&Path>, args: &args::Backup) -> Result<u8, Exit> {
    let Loaded { config, .. } = load(config)?;
    let daemon = &config.daemon;
    let mut file = Unfinished::begin(&args.file).map_err(back_up_exit)?;
    let kept = if let Some(fetched) = socket::fetch(&daemon.state_dir, &mut file).await {
        fetched.map_err(ask::refused)?;
        file.finish()
    } else {
        if !store_of(&daemon.state_dir).exists() {
            let message = format!("there is no state in `{}` to back up", daemon.state_dir.display());
            return Err(Exit::new(1, message, "is this the right configuration?"));
        }
        let clock = SystemClock::new();
        let state =
            State::open(&daemon.state_dir, config.store.cache_mb, &clock).map_err(|error| store_exit(&error))?;
        state.back_up(file, clock.now()).await
    };
    let kept = kept.map_err(back_up_exit)?;
    let told = json!({
        "file": args.file.display().to_string(), "entries": kept.entries, "bytes": kept.bytes, "sha256": kept.sha256,
    });
    ask::told(args.json, &told, show::backed_up);
    Ok(0)
}

/// `restore`
pub fn restore(config: Option<&Path>, args: &args::Restore) -> Result<u8, Exit> {
    let Loaded { config, .. } = load(config)?;
    let restore = Restore {
        file: &args.file,
        state_dir: &config.daemon.state_dir,
        conflict_log: &config.daemon.conflict_log,
        cache_mb: config.store.cache_mb,
        existing: if args.replace { Existing::Replace } else { Existing::Keep },
    };
    let restored = restore.run(&SystemClock::new()).map_err(|error| match error {
        RestoreError::Backup { .. } => Exit::new(
            65,
            error.to_string(),
            "nothing was changed; take another backup, or `hymnal rebuild` without one",
        ),
        RestoreError::Occupied(_) => {
            let hint = "`--replace` puts the backup in its place, and keeps it beside";
            Exit::new(1, error.to_string(), hint)
        }
        RestoreError::Store(error) => busy_exit(&error),
    })?;
    let told = json!({
        "entries": restored.entries, "made_at": restored.made_at.to_string(), "before": shown(restored.aside),
    });
    ask::told(args.json, &told, show::restored);
    Ok(0)
}

/// `rebuild`
pub async fn rebuild(config: Option<&Path>, args: &args::Rebuild) -> Result<u8, Exit> {
    start_logging("warn");
    let loaded = load(config)?;
    let aside = rebuild::rebuild(
        &loaded.config.daemon.state_dir,
        loaded.config.store.cache_mb,
        &loaded.config.syncs,
        &SystemClock::new(),
    );
    let aside = shown(aside.map_err(|error| busy_exit(&error))?);
    if !args.json {
        Out::text(&show::set_aside(aside.as_deref()));
    }
    run_once(app(loaded)?, args.timeout, args.json).await
}

/// `compact`
pub async fn compact(config: Option<&Path>, args: &args::Compact) -> Result<u8, Exit> {
    let told = ask::ask(config, Request::Compact).await?;
    ask::told(args.json, &told, show::compacted);
    Ok(0)
}

fn shown(path: Option<PathBuf>) -> Option<String> {
    path.map(|path| path.display().to_string())
}

fn busy_exit(error: &StoreError) -> Exit {
    match error {
        StoreError::Held { .. } | StoreError::Copied { .. } => Exit::new(1, error.to_string(), "stop it first"),
        _ => store_exit(error),
    }
}

fn back_up_exit(error: BackUpError) -> Exit {
    match error {
        BackUpError::Store(error) => store_exit(&error),
        other => Exit::new(1, other.to_string(), "nothing was changed; a backup that was there before is as it was"),
    }
}
