//! `forget`: erases a person, after asking where there is somebody to be asked.

use std::{
    io::{BufRead, IsTerminal},
    path::Path,
};

use super::{Exit, args, ask::ask, out::Out, show};
use crate::server::Request;

/// Erases a person, and prints the receipt: 0 done, 1 a system could not be reached and the next cycle goes on, 4 a
/// system refuses.
pub async fn forget(config: Option<&Path>, args: &args::Forget) -> Result<u8, Exit> {
    if !args.yes && std::io::stdin().is_terminal() && std::io::stderr().is_terminal() && !is_meant(args)? {
        return Err(Exit::new(2, "nothing was erased", ""));
    }
    let request = Request::Forget { key: args.key.clone(), everywhere: args.everywhere };
    let receipt = ask(config, request).await?;
    if args.json {
        Out::json(&receipt);
    } else {
        Out::text(&show::forgotten(&receipt));
    }
    Ok(match (receipt["forgotten"].as_bool(), receipt["needs_a_person"].as_bool()) {
        (Some(true), _) => 0,
        (_, Some(true)) => 4,
        _ => 1,
    })
}

fn is_meant(args: &args::Forget) -> Result<bool, Exit> {
    let what = if args.everywhere { "here and in every system" } else { "here; the records in the systems stay" };
    Out::error(&format!("This erases the person known by `{}` {what}. It cannot be undone.", args.key));
    Out::error("Type `yes` to go on:");
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    read.map_err(|error| Exit::new(1, format!("the answer could not be read: {error}"), ""))?;
    Ok(answer.trim() == "yes")
}
