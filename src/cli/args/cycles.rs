//! `sync`, `resync`, `rebind`, `approve`, `discard`.

use clap::Args as ClapArgs;

/// What is held of a sync.
#[derive(Debug, ClapArgs)]
pub struct Held {
    /// The sync.
    pub sync: String,
    /// Which hold, as `hymnal status` names it: needed where there are several.
    #[arg(long, value_name = "ID")]
    pub hold: Option<String>,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// `sync`
#[derive(Debug, ClapArgs)]
pub struct Sync {
    /// The sync; without it, each.
    pub sync: Option<String>,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// `resync`
#[derive(Debug, ClapArgs)]
pub struct Resync {
    /// The sync.
    pub sync: String,
    /// Only this person: an e-mail, a person's id, or `connector:object:id`.
    pub key: Option<String>,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// `rebind`
#[derive(Debug, ClapArgs)]
pub struct Rebind {
    /// The connector's name in the configuration.
    pub name: String,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}
