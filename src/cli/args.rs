//! What can be typed.

mod cycles;
mod decisions;
mod matches;
mod planning;
mod upkeep;

use std::{path::PathBuf, time::Duration};

use clap::{Args as ClapArgs, Parser, Subcommand};

pub use self::{
    cycles::{Held, Rebind, Resync, Sync},
    decisions::{History, Parked, ParkedCommand, PolicyTest, Resolve, Undo},
    matches::MatchesCommand,
    planning::{Apply, Audit, Export, Plan},
    upkeep::{Backup, Compact, Rebuild, Restore},
};

/// Keeps contacts and leads the same in marketing and sales, in both directions.
#[derive(Debug, Parser)]
#[command(name = "hymnal", version, about, max_term_width = 110)]
pub struct Args {
    /// The configuration: by default `$HYMNAL_CONFIG`, `./hymnal.toml`, `/etc/hymnal/hymnal.toml`.
    #[arg(short, long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Keep everything the same: the daemon.
    Run(Run),
    /// Check the configuration: syntax, meaning, then logins, schemas and mappings.
    Check(Check),
    /// Show how every connector and every sync stands.
    Status(Status),
    /// Read the conflict log.
    Conflicts {
        /// What to read.
        #[command(subcommand)]
        command: ConflictsCommand,
    },
    /// What is set aside: fields and records that a service refuses, by reason.
    Parked {
        /// What to do.
        #[command(subcommand)]
        command: ParkedCommand,
    },
    /// Show what a cycle would do, and write it nowhere.
    Plan(Plan),
    /// See and decide who is who: ambiguous matches and duplicates.
    Matches {
        /// What to do.
        #[command(subcommand)]
        command: MatchesCommand,
    },
    /// Do what a plan says, or a pilot of it.
    Apply(Apply),
    /// Compare everything on both sides, and say how far they agree.
    Audit(Audit),
    /// Everybody, with all values and the ids of their records: how you leave us.
    Export(Export),
    /// Explain one person: every value, who set it, by which rule, what lost.
    Explain(Explain),
    /// What happened to one person, oldest first.
    History(History),
    /// Take back what was written, where nobody has touched it since.
    Undo(Undo),
    /// Erase a person, with a receipt; blocks the return.
    Forget(Forget),
    /// Let what is held go: the first run of a sync, or what a safety limit holds.
    Approve(Held),
    /// Drop what is held, and plan anew.
    Discard(Held),
    /// Run one cycle now.
    Sync(Sync),
    /// Read again from the services, and repair: everything, or one person.
    Resync(Resync),
    /// Accept another account behind a connector. Its links are dropped, and everything is planned anew.
    Rebind(Rebind),
    /// Stop writing; reading and deciding go on.
    Pause(Pause),
    /// Write again.
    Resume(Which),
    /// Read the configuration again.
    Reload,
    /// Write all of the state into one file, while a daemon runs or not. It holds personal data (mode 0600).
    Backup(Backup),
    /// Put the state of a backup in the place of the one there is.
    Restore(Restore),
    /// Start anew from what both systems hold, where the state is lost: planned first, held for approval.
    Rebuild(Rebuild),
    /// Give back the room on disk that old values take.
    Compact(Compact),
    /// Look at connectors.
    Connectors {
        /// What to look at.
        #[command(subcommand)]
        command: ConnectorsCommand,
    },
    /// Look at the configuration.
    Config {
        /// What to look at.
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Serve simulated services with invented people, on loopback.
    Sandbox(Sandbox),
    /// See it work: simulated services, a ready configuration, a day of edits. Needs nothing installed, no account.
    Demo(Demo),
    /// Print the version.
    Version,
}

/// `run`
#[derive(Debug, ClapArgs)]
pub struct Run {
    /// Cycle until both systems agree, then exit: 0 done, 7 held, 1 work is left, 4 a person is needed.
    #[arg(long)]
    pub once: bool,
    /// With `--once`: end after this time (0: no limit).
    #[arg(long, default_value = "10m", value_parser = duration, value_name = "TIME")]
    pub timeout: Duration,
    /// With `--once`: say how it ended as JSON.
    #[arg(long)]
    pub json: bool,
}

/// `check`
#[derive(Debug, ClapArgs)]
pub struct Check {
    /// Look at the file alone; log in nowhere.
    #[arg(long)]
    pub offline: bool,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// `status`
#[derive(Debug, ClapArgs)]
pub struct Status {
    /// As JSON.
    #[arg(long)]
    pub json: bool,
    /// Again every two seconds, until interrupted.
    #[arg(long)]
    pub follow: bool,
}

/// `conflicts`
#[derive(Debug, Subcommand)]
pub enum ConflictsCommand {
    /// The latest, youngest first.
    List {
        /// Only those that wait for a person.
        #[arg(long)]
        open: bool,
        /// Only of this sync.
        #[arg(long)]
        sync: Option<String>,
        /// At most so many.
        #[arg(long, value_name = "N")]
        limit: Option<usize>,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// One, with all that happened to it.
    Show {
        /// Its id.
        id: String,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Answer one that waits: take what a system holds, the last synced value, or another one.
    Resolve(Resolve),
    /// Decide the logged conflicts again, under the rules of today or another policy: how many come out otherwise?
    PolicyTest(PolicyTest),
    /// All, for a spreadsheet.
    Export {
        /// As CSV; formulas are escaped.
        #[arg(long)]
        csv: bool,
        /// Only those that wait for a person.
        #[arg(long)]
        open: bool,
    },
}

/// `forget`
#[derive(Debug, ClapArgs)]
pub struct Forget {
    /// An e-mail, a person's id, or `connector:object:id`.
    pub key: String,
    /// The records in the systems too.
    #[arg(long)]
    pub everywhere: bool,
    /// Do not ask.
    #[arg(long)]
    pub yes: bool,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// `explain`
#[derive(Debug, ClapArgs)]
pub struct Explain {
    /// An e-mail, a person's id, or `connector:object:id`.
    pub key: String,
    /// Only this field.
    #[arg(long)]
    pub field: Option<String>,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// A sync.
#[derive(Debug, ClapArgs)]
pub struct Which {
    /// The sync.
    pub sync: String,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// `pause`
#[derive(Debug, ClapArgs)]
pub struct Pause {
    /// The sync.
    pub sync: String,
    /// For so long: `2h`. Without it, until `resume`.
    #[arg(long = "for", value_parser = duration, value_name = "TIME")]
    pub length: Option<Duration>,
    /// Why, for those who ask `status`.
    #[arg(long)]
    pub reason: Option<String>,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// `connectors`
#[derive(Debug, Subcommand)]
pub enum ConnectorsCommand {
    /// The types there are, and what their evidence is.
    List {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// One type: its settings and objects.
    Show {
        /// The type: `hubspot`.
        kind: String,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Log in, read the schema and one page; write nothing.
    Test {
        /// The connector's name in the configuration.
        name: String,
        /// The conformance kit: it makes records, changes and deletes them. For a scratch account; refused where a sync
        /// uses the connector.
        #[arg(long)]
        live: bool,
        /// With `--live`, the object to try; the first of the manifest without it.
        #[arg(long, requires = "live")]
        object: Option<String>,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// The objects and fields of a connector, as the account tells and the manifest says.
    Schema {
        /// The connector's name in the configuration, or a type.
        name: String,
        /// Only this object.
        #[arg(long)]
        object: Option<String>,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Check a manifest.
    Lint {
        /// The manifest.
        file: PathBuf,
    },
    /// Write a first manifest for a service, commented; asks on a terminal for what is not given.
    New(Box<NewConnector>),
}

/// `connectors new`
#[derive(Debug, ClapArgs)]
pub struct NewConnector {
    /// What the connector type is to be called: `example`.
    #[arg(value_name = "TYPE")]
    pub kind: Option<String>,
    /// What people call the service.
    #[arg(long)]
    pub title: Option<String>,
    /// The side it stands on: sales or marketing.
    #[arg(long, value_parser = ["sales", "marketing"])]
    pub role: Option<String>,
    /// Where its documents begin.
    #[arg(long, value_name = "URL")]
    pub docs: Option<String>,
    /// Where its API is.
    #[arg(long, value_name = "URL")]
    pub base_url: Option<String>,
    /// How to log in.
    #[arg(long, value_parser = ["bearer", "header", "basic", "client_credentials"])]
    pub login: Option<String>,
    /// The path that tells whose account it is: `/me`.
    #[arg(long, value_name = "PATH")]
    pub account: Option<String>,
    /// What its people are called: `contacts`.
    #[arg(long)]
    pub object: Option<String>,
    /// The path of their list: `/v1/contacts`; one record is below it.
    #[arg(long, value_name = "PATH")]
    pub list: Option<String>,
    /// Where in a page the records stand: `data.items`; empty where the page is the list.
    #[arg(long, value_name = "PLACE")]
    pub records: Option<String>,
    /// Where in an answer about one record it stands: `data`; empty where the answer is the record.
    #[arg(long, value_name = "PLACE")]
    pub record: Option<String>,
    /// How pages follow.
    #[arg(long, value_parser = ["page", "offset", "cursor", "next_link"])]
    pub pages: Option<String>,
    /// Where a record's id stands: `id`.
    #[arg(long, value_name = "PLACE")]
    pub id: Option<String>,
    /// Where the time of its last change stands: `updated_at`.
    #[arg(long, value_name = "PLACE")]
    pub modified_at: Option<String>,
    /// The query parameter that lists what changed since a time: `updated_since`.
    #[arg(long, value_name = "PARAMETER")]
    pub since: Option<String>,
    /// The query parameter that looks an e-mail address up: `email`.
    #[arg(long, value_name = "PARAMETER")]
    pub find: Option<String>,
    /// The fields: `email,first_name,last_name`.
    #[arg(long, value_delimiter = ',')]
    pub fields: Option<Vec<String>>,
    /// The folder that gets `TYPE/manifest.toml`.
    #[arg(long, default_value = "connectors", value_name = "FOLDER")]
    pub dir: PathBuf,
}

/// `config`
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// A JSON Schema of the file, for editors.
    Schema,
    /// What is in force, with secrets as references.
    Show,
}

/// `sandbox`
#[derive(Debug, ClapArgs)]
pub struct Sandbox {
    /// Where the HubSpot-like service listens (0: a free port).
    #[arg(long, default_value_t = 0, value_name = "PORT")]
    pub hubspot_port: u16,
    /// Where the Salesforce-like service listens (0: a free port).
    #[arg(long, default_value_t = 0, value_name = "PORT")]
    pub salesforce_port: u16,
    /// Where the control API listens (0: a free port).
    #[arg(long, default_value_t = 0, value_name = "PORT")]
    pub control_port: u16,
    /// People in marketing.
    #[arg(long, default_value_t = 240, value_name = "N")]
    pub marketing: usize,
    /// People in sales.
    #[arg(long, default_value_t = 200, value_name = "N")]
    pub sales: usize,
    /// Of them, people in both.
    #[arg(long, default_value_t = 140, value_name = "N")]
    pub both: usize,
    /// What the invented people are made from.
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
}

/// `demo`
#[derive(Debug, ClapArgs)]
pub struct Demo {
    /// Play the day and end.
    #[arg(long)]
    pub once: bool,
}

/// `30s`, `5m`, `2h`, `1d`; `0` is none.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no duration; write `30s`, `5m`, `2h` or `1d`");
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let split = text.find(|character: char| !character.is_ascii_digit()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(split);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let seconds = match unit {
        "s" => number,
        "m" => number.saturating_mul(60),
        "h" => number.saturating_mul(3600),
        "d" => number.saturating_mul(86400),
        _ => return Err(wrong()),
    };
    Ok(Duration::from_secs(seconds))
}
