//! What people decide and take back: `conflicts resolve`, `conflicts policy-test`, `parked`, `history`, `undo`.

use clap::{ArgGroup, Args as ClapArgs, Subcommand};

/// `conflicts resolve`
#[derive(Debug, ClapArgs)]
#[command(group = ArgGroup::new("which").required(true).args(["id", "expression"]))]
#[command(group = ArgGroup::new("what_to_take").required(true).args(["take", "value"]))]
pub struct Resolve {
    /// The conflict.
    pub id: Option<String>,
    /// Or all open ones for which this holds: an expression over the canonical fields, `field`, `kind` and the systems'
    /// names: `field == 'phone' and crm is not none`.
    #[arg(long = "where", value_name = "EXPR")]
    pub expression: Option<String>,
    /// The name of the system whose value both are to have, or `base`: the last synced value.
    #[arg(long, value_name = "SYSTEM")]
    pub take: Option<String>,
    /// The value that both are to have.
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    pub value: Option<String>,
    /// Where the values have moved since it was opened: the number of the line that you saw.
    #[arg(long, value_name = "NUMBER", requires = "id")]
    pub seen: Option<u64>,
    /// With `--where`: only of this sync.
    #[arg(long, requires = "expression")]
    pub sync: Option<String>,
    /// You have the person's consent: it may be loosened.
    #[arg(long)]
    pub i_have_consent: bool,
    /// Show what would be written, and change nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// `conflicts policy-test`
#[derive(Debug, ClapArgs)]
pub struct PolicyTest {
    /// The conflicts logged from this time on: `90d`, or `2026-11-23T10:00:00Z`.
    #[arg(long, default_value = "90d", value_name = "TIME")]
    pub since: String,
    /// The policy to try: `latest`, `prefer crm`. Without it, the rules of the configuration.
    #[arg(long)]
    pub policy: Option<String>,
    /// Only of this field.
    #[arg(long)]
    pub field: Option<String>,
    /// Only of this sync.
    #[arg(long)]
    pub sync: Option<String>,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// `parked`
#[derive(Debug, Subcommand)]
pub enum ParkedCommand {
    /// Every reason with its count, and what to do about it.
    List {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// One reason with the people it is about, or one person with the reasons.
    Show {
        /// The reason's id, or the person's.
        id: String,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Try again now.
    Retry(Parked),
    /// Leave it as it is, until the value changes.
    Dismiss(Parked),
}

/// `parked retry`, `parked dismiss`
#[derive(Debug, ClapArgs)]
#[command(group = ArgGroup::new("chosen").required(true).args(["id", "reason", "all"]))]
pub struct Parked {
    /// The id of a reason, or of a person.
    pub id: Option<String>,
    /// Everything with this reason: `no-such-option`.
    #[arg(long, value_name = "REASON")]
    pub reason: Option<String>,
    /// Everything.
    #[arg(long)]
    pub all: bool,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// `history`
#[derive(Debug, ClapArgs)]
pub struct History {
    /// An e-mail, a person's id, or `connector:object:id`.
    pub key: String,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// `undo`
#[derive(Debug, ClapArgs)]
#[command(group = ArgGroup::new("what").required(true).args(["change", "cycle", "since"]))]
pub struct Undo {
    /// One change, by the id that `history` and `explain` show.
    pub change: Option<String>,
    /// All that this cycle wrote.
    #[arg(long, value_name = "ID")]
    pub cycle: Option<String>,
    /// All that was written from this time on: `2026-11-23T10:00:00Z`, or `2h` for the last two hours.
    #[arg(long, value_name = "TIME", requires = "sync")]
    pub since: Option<String>,
    /// Only of this sync.
    #[arg(long)]
    pub sync: Option<String>,
    /// You have the people's consent: it may be loosened.
    #[arg(long)]
    pub i_have_consent: bool,
    /// Show what would be taken back, and change nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}
