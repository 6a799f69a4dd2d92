//! `plan`: what a cycle would do, for people, as JSON, and as a file.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use serde_json::Value as Json;

use super::{
    Exit, args,
    ask::{ask_each, told},
    setup::load,
    show,
};
use crate::server::Request;

/// `plan`
pub async fn plan(config: Option<&Path>, args: &args::Plan) -> Result<u8, Exit> {
    let loaded = load(config)?;
    let request = Request::Plan { sync: args.sync.clone(), config: loaded.config.digest.clone() };
    let failed = |path: &Path| {
        let name = path.display().to_string();
        move |error: io::Error| Exit::new(1, format!("`{name}` cannot be written: {error}"), "")
    };
    let plan = match &args.out {
        None => ask_each(loaded, request, |_| Ok(())).await?,
        Some(path) => {
            let mut file = WholeFile::create(path).map_err(failed(path))?;
            let plan = ask_each(loaded, request, |line| file.line(&line)).await?;
            file.finish().map_err(failed(path))?;
            plan
        }
    };
    told(args.json, &plan, show::plan);
    let changes = plan["changes"].as_u64().unwrap_or(0);
    Ok(if args.exit_code && changes > 0 { 3 } else { 0 })
}

/// A file that appears when it is whole. It holds customers' values, so only its owner may read it.
pub(super) struct WholeFile {
    path: PathBuf,
    part: PathBuf,
    file: BufWriter<File>,
}

impl WholeFile {
    /// Begins it, beside where it will be.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
        Ok(Self { path: path.to_owned(), part, file: BufWriter::new(file) })
    }

    /// Adds a line of JSON.
    pub(super) fn line(&mut self, line: &Json) -> io::Result<()> {
        writeln!(self.file, "{line}")
    }

    /// Adds text.
    pub(super) fn text(&mut self, text: &str) -> io::Result<()> {
        self.file.write_all(text.as_bytes())
    }

    /// It is whole.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        std::fs::rename(&self.part, &self.path)
    }
}

impl Drop for WholeFile {
    fn drop(&mut self) {
        // After `finish` it is not there any more.
        let _ = std::fs::remove_file(&self.part);
    }
}
