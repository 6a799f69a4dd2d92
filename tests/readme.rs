//! README, manual and program agree: every command that they show is one that can be typed.

use clap::{CommandFactory, Parser};
use hymnal::cli::args::Args;

const README: &str = include_str!("../README.md");
const CONNECTORS: &str = include_str!("../connectors/README.md");

/// What stands between backticks, or on a line of its own in a code block, and begins with `hymnal `.
fn shown_commands(text: &str) -> Vec<String> {
    let spans = text.split('`').filter(|span| span.starts_with("hymnal ")).map(str::to_owned);
    let lines = text.lines().map(str::trim).filter(|line| line.starts_with("hymnal ")).map(str::to_owned);
    spans.chain(lines).collect()
}

#[test]
fn every_command_shown_can_be_typed() {
    let commands = shown_commands(README);
    assert!(commands.len() >= 10, "the README shows its commands: {commands:?}");
    let of_connectors = shown_commands(CONNECTORS);
    assert!(of_connectors.len() >= 5, "the connectors' README shows its commands: {of_connectors:?}");
    for command in commands.into_iter().chain(of_connectors).filter(|command| !command.ends_with("--help")) {
        let parsed = Args::try_parse_from(command.split_whitespace());
        assert!(
            parsed.is_ok(),
            "`{command}` of the README cannot be typed: {}",
            parsed.err().map(|e| e.to_string()).unwrap_or_default()
        );
    }
}

#[test]
fn the_two_commands_stand_in_blocks_of_their_own() {
    for block in ["```sh\ncargo run --release -- demo\n```", "```sh\ncargo test --workspace\n```"] {
        assert!(README.contains(block), "the README has {block}");
    }
    let ci = include_str!("../.ci/run");
    assert!(ci.contains("cargo test --locked --workspace"), ".ci/run calls the README's test command");
}

#[test]
fn arguments_are_consistent() {
    Args::command().debug_assert();
}

#[test]
fn every_folder_of_the_map_is_there() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in [
        "src/merge",
        "src/mapping",
        "src/cycle",
        "src/store",
        "src/http",
        "src/journal",
        "src/config",
        "src/wire",
        "src/daemon",
        "src/server",
        "src/cli",
        "connectors",
        "docs",
        "tests",
        "benches",
        "systemd",
    ] {
        assert!(README.contains(&format!("{folder}/")), "the README's map names {folder}");
        assert!(root.join(folder).is_dir(), "{folder} is there");
    }
}
