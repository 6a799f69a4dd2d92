//! What is done with all of the state.

use std::{path::PathBuf, time::Duration};

use clap::Args as ClapArgs;

use super::duration;

/// `backup`
#[derive(Debug, ClapArgs)]
pub struct Backup {
    /// The file; one that is there is replaced once the new one is whole.
    pub file: PathBuf,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// `restore`
#[derive(Debug, ClapArgs)]
pub struct Restore {
    /// The backup.
    pub file: PathBuf,
    /// Take the place of a state that is there; that one is kept beside it.
    #[arg(long)]
    pub replace: bool,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// `rebuild`
#[derive(Debug, ClapArgs)]
pub struct Rebuild {
    /// End after this time (0: no limit).
    #[arg(long, default_value = "10m", value_parser = duration, value_name = "TIME")]
    pub timeout: Duration,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// `compact`
#[derive(Debug, ClapArgs)]
pub struct Compact {
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}
