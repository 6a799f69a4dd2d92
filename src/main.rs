//! The `hymnal` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    hymnal::cli::main()
}
