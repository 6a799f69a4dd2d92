//! `plan`, `apply`, `audit`, `export`: what would be done, done as planned, compared, taken along.

use std::path::PathBuf;

use clap::Args as ClapArgs;

/// `plan`
#[derive(Debug, ClapArgs)]
pub struct Plan {
    /// The sync; all of them without it.
    pub sync: Option<String>,
    /// Write the plan to a file, for `apply`: a header, then one change a line (JSON).
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Exit with 3 if anything would change.
    #[arg(long)]
    pub exit_code: bool,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// `apply`
#[derive(Debug, ClapArgs)]
pub struct Apply {
    /// The plan, as `plan --out` wrote it; lines may be taken out.
    pub file: PathBuf,
    /// Only changes for which this holds: of fields of the person, and of `system`, `object`, `field`, `kind`, `old`,
    /// `new`, `rule`, `from` of the change.
    #[arg(long = "where", value_name = "EXPR")]
    pub filter: Option<String>,
    /// Only the changes of so many people: the first of the plan.
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// `audit`
#[derive(Debug, ClapArgs)]
pub struct Audit {
    /// The sync; all of them without it.
    pub sync: Option<String>,
    /// Keep what was missed, so that the next cycle heals it.
    #[arg(long)]
    pub repair: bool,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// `export`
#[derive(Debug, ClapArgs)]
pub struct Export {
    /// For a spreadsheet; formulas are escaped. Without it, JSON lines.
    #[arg(long)]
    pub csv: bool,
    /// Into a file, which only its owner may read.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}
