//! `audit`, `export`.

use std::{io, path::Path};

use serde_json::Value as Json;

use super::{
    Exit, args,
    ask::{ask, ask_each, told},
    out::Out,
    plan::WholeFile,
    setup::load,
    show,
};
use crate::server::Request;

/// `audit`
pub async fn audit(config: Option<&Path>, args: &args::Audit) -> Result<u8, Exit> {
    let digest = load(config)?.config.digest;
    let request = Request::Audit { sync: args.sync.clone(), repair: args.repair, config: digest };
    let audited = ask(config, request).await?;
    told(args.json, &audited, show::audit);
    Ok(audited["exit"].as_u64().and_then(|exit| u8::try_from(exit).ok()).unwrap_or(1))
}

/// `export`
pub async fn export(config: Option<&Path>, args: &args::Export) -> Result<u8, Exit> {
    let loaded = load(config)?;
    let columns = show::columns(&loaded.config.syncs);
    let mut file = match &args.out {
        None => None,
        Some(path) => Some(WholeFile::create(path).map_err(|error| unwritable(path, &error))?),
    };
    let mut write = |text: &str| match &mut file {
        Some(file) => file.text(text),
        None => Out::try_text(text),
    };
    let mut head = args.csv.then(|| show::export_head(&columns));
    if let Some(head) = head.take()
        && write(&head).is_err()
    {
        return Ok(0);
    }
    let one = |line: Json| -> io::Result<()> {
        if args.csv { write(&show::export_row(&columns, &line)) } else { write(&format!("{line}\n")) }
    };
    let exported = ask_each(loaded, Request::Export, one).await;
    match (exported, file) {
        (Ok(_), Some(file)) => {
            let path = args.out.as_deref().unwrap_or(Path::new(""));
            file.finish().map_err(|error| unwritable(path, &error))?;
            Ok(0)
        }
        (Ok(_), None) => Ok(0),
        (Err(exit), _) => Err(exit),
    }
}

fn unwritable(path: &Path, error: &io::Error) -> Exit {
    Exit::new(1, format!("`{}` cannot be written: {error}", path.display()), "")
}
