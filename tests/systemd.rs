//! The units in `systemd/`, as systemd itself judges them.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::{Command, Output},
};

const UNITS: [&str; 2] = ["hymnal.service", "hymnal@.service"];

/// The exposure that `systemd-analyze security` may give at most; 10 is a service without any protection.
const EXPOSURE: f64 = 1.5;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd")
}

fn unit(name: &str) -> String {
    fs::read_to_string(folder().join(name)).expect("a unit")
}

/// What `systemd-analyze` says; `None`, and a line on standard error, where there is none on this machine.
fn analyze(test: &str, arguments: &[&str], file: &Path) -> Option<Output> {
    if let Ok(output) = Command::new("systemd-analyze").args(arguments).arg("--no-pager").arg(file).output() {
        return Some(output);
    }
    // Written past the test's own capture, which would hide it.
    writeln!(io::stderr(), "{test}: not run: there is no `systemd-analyze`; install `systemd`")
        .expect("standard error");
    None
}

#[test]
fn units_are_little_exposed() {
    for name in UNITS {
        let test = format!("exposure of {name}");
        let Some(output) = analyze(&test, &["security", "--offline=true"], &folder().join(name)) else { return };
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let level = exposure(&said).unwrap_or_else(|| {
            panic!("{name} was not judged: {said}{}", String::from_utf8_lossy(&output.stderr));
        });
        assert!(level <= EXPOSURE, "{name} is exposed by {level}, at most {EXPOSURE}:\n{said}");
    }
}

/// The number in `→ Overall exposure level for hymnal.service: 1.2 OK`.
fn exposure(said: &str) -> Option<f64> {
    let line = said.lines().find(|line| line.contains("Overall exposure level"))?;
    line.split_once(": ")?.1.split_whitespace().next()?.parse().ok()
}

#[test]
fn the_judgement_is_read() {
    assert_eq!(exposure("a\n\n→ Overall exposure level for hymnal@.service: 1.2 OK 🙂\n"), Some(1.2));
    assert_eq!(exposure("Failed to load unit"), None);
}

#[test]
fn units_say_nothing_that_systemd_does_not_know() {
    let rooms = tempfile::tempdir().expect("a folder");
    for name in UNITS {
        // The program need not be installed where this is tried.
        let text = unit(name).replace("ExecStart=/usr/bin/hymnal ", "ExecStart=/bin/true ");
        let file = rooms.path().join(name);
        fs::write(&file, text).expect("a copy of the unit");
        let Some(output) = analyze(&format!("verification of {name}"), &["verify"], &file) else { return };
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && !said.contains(name), "{name}: {said}");
    }
}

#[test]
fn a_tenants_unit_is_the_unit() {
    let lines = |text: &str| -> Vec<String> {
        let text = text.lines().filter(|line| !line.starts_with("# ") && *line != "#");
        text.map(str::to_owned).collect()
    };
    let instance = unit("hymnal@.service")
        .replace("/secrets/%i/", "/secrets/")
        .replace("%i.toml", "hymnal.toml")
        .replace("=hymnal-%i", "=hymnal")
        .replace(" (%i)", "");
    assert_eq!(lines(&instance), lines(&unit("hymnal.service")));
}

/// What the program promises in its operations contract: systemd must not cut a stop short, nor start anew what
/// cannot succeed.
#[test]
fn the_unit_fits_the_programs_promises() {
    let unit = unit("hymnal.service");
    let value = |key: &str| {
        let found = unit.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        found.unwrap_or_else(|| panic!("`{key}` is not set")).to_owned()
    };
    let stop: u32 = value("TimeoutStopSec").trim_end_matches('s').parse().expect("seconds");
    assert!(stop > 30, "a stop may take 30 s, and systemd kills after {stop}");
    let codes = value("RestartPreventExitStatus");
    let final_codes: Vec<&str> = codes.split(' ').collect();
    assert_eq!(final_codes, ["2", "65", "78"], "usage, refused state, bad configuration");
    assert_eq!(value("Type"), "notify", "`notify-reload` is not known to systemd 252");
}
