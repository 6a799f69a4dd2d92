//! `apply`: a plan done, or a pilot of it.

use std::{
    fs::File,
    io::{self, BufReader},
    path::Path,
};

use serde_json::Value as Json;
use tokio::sync::mpsc;

use super::{
    Exit, args,
    ask::{refused, told},
    setup::{Loaded, app, load},
    show,
};
use crate::{
    cycle::plan::file::{NoPlan, PlanFile},
    server::{Request, answer_given, other_config, socket},
};

/// So many lines of the plan are read ahead.
const LINES: usize = 64;

/// `apply`
pub async fn apply(config: Option<&Path>, args: &args::Apply) -> Result<u8, Exit> {
    let loaded = load(config)?;
    let no_plan = |error: NoPlan| {
        Exit::new(
            2,
            format!("`{}` is no plan: {error}", args.file.display()),
            "write one with `hymnal plan --out FILE`",
        )
    };
    // Whole, before anything of it is done.
    let mut plan = open(&args.file).map_err(no_plan)?;
    if plan.header.config != loaded.config.digest {
        return Err(refused(other_config(&plan.header.config, &loaded.config.digest)));
    }
    plan.try_for_each(|line| line.map(|_| ())).map_err(no_plan)?;
    let plan = open(&args.file).map_err(no_plan)?;
    let request = Request::Apply { config: plan.header.config.clone(), limit: args.limit, filter: args.filter.clone() };
    let done = ask(loaded, request, plan).await?;
    told(args.json, &done, show::applied);
    Ok(done["exit"].as_u64().and_then(|exit| u8::try_from(exit).ok()).unwrap_or(1))
}

fn open(path: &Path) -> Result<PlanFile<BufReader<File>>, NoPlan> {
    PlanFile::open(BufReader::new(File::open(path)?))
}

async fn ask(loaded: Loaded, request: Request, plan: PlanFile<BufReader<File>>) -> Result<Json, Exit> {
    let mut lines = plan.map(|line| line.map_err(io::Error::other));
    if let Some(answer) = socket::ask_given(&loaded.config.daemon.state_dir, &request, &mut lines).await {
        return answer.map_err(refused);
    }
    let app = app(loaded)?;
    let (tell, given) = mpsc::channel(LINES);
    let read = async move {
        for line in lines {
            if tell.send(line?).await.is_err() {
                break;
            }
        }
        Ok(())
    };
    let (answer, read) = tokio::join!(answer_given(&app, request, given), read);
    read.map_err(|error: io::Error| Exit::new(1, format!("the plan could not be read to its end: {error}"), ""))?;
    answer.map_err(refused)
}
