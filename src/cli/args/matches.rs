//! `matches`

use clap::Subcommand;

/// `matches`
#[derive(Debug, Subcommand)]
pub enum MatchesCommand {
    /// Ambiguous matches with their candidates side by side, duplicates, people without a key, people taken apart.
    List {
        /// Only of this sync.
        #[arg(long)]
        sync: Option<String>,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// The two are one person. `unlink` or `split` takes it back.
    Link {
        /// An e-mail, a person's id, or `connector:object:id`.
        one: String,
        /// The other one.
        two: String,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// The person's records in the two systems are two people. They are not matched again; `link` takes it back.
    Unlink {
        /// An e-mail, a person's id, or `connector:object:id`.
        key: String,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// One record of the person is somebody else's. It is not matched with the person again; `link` takes it back.
    Split {
        /// An e-mail, a person's id, or `connector:object:id`.
        key: String,
        /// The record: `connector:object:id`.
        address: String,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
}
