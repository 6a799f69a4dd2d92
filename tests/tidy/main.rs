//! The rules of the house that a compiler does not check.

mod layers;
mod pains;
mod source;
mod tried;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use layers::{CRATES, has_word};
use source::{Source, files};

/// Lines of a file that ships; when it strains, it holds a second idea.
const LINES: usize = 450;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The Rust files of the daemon and of the connectors.
fn house() -> Vec<Source> {
    let all = files(&root(), &[".rs"]);
    all.into_iter().filter(|it| it.path.starts_with("src/") || it.path.starts_with("connectors/")).collect()
}

/// The same, without tests.
fn shipped() -> Vec<Source> {
    house().into_iter().filter(|source| !source.is_test()).collect()
}

fn none(breaches: &[String]) {
    assert!(breaches.is_empty(), "house rules are broken:\n{}", breaches.join("\n"));
}

#[test]
fn each_layer_uses_only_what_is_below_it() {
    none(&shipped().iter().flat_map(layers::broken).collect::<Vec<_>>());
}

#[test]
fn connector_crates_stand_on_little() {
    let mut breaches: Vec<String> = shipped().iter().flat_map(layers::broken_in_crate).collect();
    for rule in CRATES {
        let path = root().join("connectors").join(rule.folder).join("Cargo.toml");
        let manifest: toml::Table = fs::read_to_string(path).expect("the crate's manifest").parse().expect("TOML");
        let dependencies = manifest.get("dependencies").and_then(toml::Value::as_table).into_iter().flatten();
        for (name, _) in dependencies {
            let allowed = rule.only.is_empty() || rule.only.contains(&name.as_str());
            if !allowed || rule.never.contains(&name.as_str()) {
                breaches.push(format!("connectors/{}/Cargo.toml: must not depend on `{name}`", rule.folder));
            }
        }
    }
    none(&breaches);
}

#[test]
fn what_may_be_replaced_is_named_in_one_file() {
    let shipped = shipped();
    let mut breaches = Vec::new();
    for library in ["sled", "governor", "backoff"] {
        let uses = |source: &&Source| source.paths().iter().any(|(first, _)| first == library);
        let naming: Vec<&str> = shipped.iter().filter(uses).map(|source| source.path.as_str()).collect();
        if naming.len() > 1 {
            breaches.push(format!("`{library}` is named in {naming:?}: its replacement must be one file's work"));
        }
    }
    none(&breaches);
}

#[test]
fn files_hold_one_idea() {
    let long = |source: &Source| {
        let lines = source.text.lines().count();
        let message = "find the second idea and give it a file of its own";
        (lines > LINES).then(|| format!("{}: {lines} lines, at most {LINES}: {message}", source.path))
    };
    none(&shipped().iter().filter_map(long).collect::<Vec<_>>());
}

#[test]
fn names_say_what_happens() {
    const EMPTY: [&str; 9] =
        ["util", "utils", "common", "helper", "helpers", "manager", "handler", "processor", "misc"];
    let vague = |source: &Source| {
        let parts: Vec<&str> = source.path.split(['/', '.']).collect();
        let name = EMPTY.into_iter().find(|name| parts.contains(name))?;
        Some(format!("{}: `{name}` says nothing: name it after what happens there", source.path))
    };
    none(&house().iter().filter_map(vague).collect::<Vec<_>>());
}

#[test]
fn nothing_is_left_for_later() {
    let mut breaches = Vec::new();
    for source in files(&root(), &[".rs"]) {
        let code: String = source.code.split_whitespace().collect();
        for (found, instead) in [
            (concat!("todo", "!("), "write it, or leave it out"),
            (concat!("unimplemented", "!("), "write it, or leave it out"),
            (concat!("dbg", "!("), "take it out"),
            (concat!("#[", "allow("), "use `#[expect(…, reason = \"…\")]`"),
            (concat!("#![", "allow("), "use `#![expect(…, reason = \"…\")]`"),
        ] {
            if code.contains(found) {
                breaches.push(format!("{}: `{found}`: {instead}", source.path));
            }
        }
        // What the file itself starts as another process is no test that nobody runs.
        if code.contains(concat!("#[", "ignore")) && !source.text.contains("\"--ignored\"") {
            let instead = "a test runs, or says `not run` with its reason, or is deleted";
            breaches.push(format!("{}: an ignored test: {instead}", source.path));
        }
        let expects = code.matches("[expect(").count();
        let reasons = code.matches("reason=").count();
        if reasons < expects {
            breaches.push(format!("{}: an `expect` without a reason", source.path));
        }
    }
    none(&breaches);
}

#[test]
fn every_public_module_says_what_it_is() {
    let house = house();
    let texts: BTreeMap<&str, &str> = house.iter().map(|it| (it.path.as_str(), it.text.as_str())).collect();
    let mut breaches = Vec::new();
    for source in &house {
        let public = source.code.lines().filter_map(|line| line.trim().strip_prefix("pub mod ")?.strip_suffix(';'));
        for module in public {
            let candidates = places(&source.path, module);
            let text = candidates.iter().find_map(|path| texts.get(path.as_str()));
            let documented = text.is_none_or(|text| text.starts_with("//!"));
            if !documented {
                breaches.push(format!("{}: begin it with `//!` and say what it is", candidates.join(" or ")));
            }
        }
    }
    none(&breaches);
}

/// Where a module that a file declares may be.
fn places(declared_in: &str, module: &str) -> Vec<String> {
    let file = Path::new(declared_in);
    let folder = file.parent().unwrap_or(Path::new(""));
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let inside = if ["lib", "main", "mod"].contains(&stem.as_ref()) { folder.to_owned() } else { folder.join(&*stem) };
    let written = |path: PathBuf| path.to_string_lossy().into_owned();
    vec![written(inside.join(format!("{module}.rs"))), written(inside.join(module).join("mod.rs"))]
}

#[test]
fn every_connector_explains_itself() {
    let connectors = fs::read_dir(root().join("connectors")).expect("the folder of the connectors");
    let folders = connectors.flatten().map(|entry| entry.path()).filter(|path| path.join("manifest.toml").is_file());
    let mute = folders.filter(|path| !path.join("README.md").is_file());
    let message = "write what the service is, what its exchanges prove and what is missing";
    none(&mute.map(|path| format!("{} has no README.md: {message}", path.display())).collect::<Vec<_>>());
}

/// A service is data. What one needs beyond the manifest language must serve a second one.
#[test]
fn no_rust_knows_a_service_that_is_described_by_a_user() {
    let name = concat!("mail", "man");
    let knows = |source: &&Source| source.text.to_lowercase().contains(name);
    let all = files(&root(), &[".rs"]);
    let knowing = all.iter().filter(knows).map(|it| format!("{}: `{name}` belongs into its manifest", it.path));
    none(&knowing.collect::<Vec<_>>());
}

#[test]
fn nothing_remembers_the_machine_it_was_written_on() {
    let here = root().to_string_lossy().into_owned();
    let elsewhere = [concat!("/wo", "rk/"), concat!("/fa", "rm/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];
    let written =
        [".rs", ".toml", ".md", ".sh", ".service", ".conf", ".yaml", ".yml", ".json", ".lock", "/run", "/real"];
    let mut breaches = Vec::new();
    for source in files(&root(), &written) {
        let known = elsewhere.iter().copied().chain(Some(here.as_str()).filter(|here| here.len() > 1));
        let found = known.filter(|path| source.text.contains(path));
        breaches.extend(found.map(|path| format!("{}: `{path}` is somebody's machine", source.path)));
    }
    none(&breaches);
}

/// Versions stand in the workspace's manifest, once.
#[test]
fn versions_stand_in_one_place() {
    let mut breaches = Vec::new();
    for source in files(&root(), &["Cargo.toml"]) {
        let manifest: toml::Table = source.text.parse().expect("TOML");
        for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let entries = manifest.get(table).and_then(toml::Value::as_table).into_iter().flatten();
            let own = entries.filter(|(_, entry)| entry.get("workspace").is_none());
            breaches.extend(own.map(|(name, _)| {
                format!("{}: write `{name}.workspace = true` and its version in the root", source.path)
            }));
        }
    }
    none(&breaches);
}

/// Where the manifest sets lints, every package takes them.
#[test]
fn every_package_obeys_the_lints() {
    let manifests = files(&root(), &["Cargo.toml"]);
    let loose = manifests.iter().filter(|it| !it.text.contains("[lints]\nworkspace = true"));
    none(&loose.map(|it| format!("{}: add `[lints]` with `workspace = true`", it.path)).collect::<Vec<_>>());
    assert!(has_word(&manifests.iter().map(|it| it.text.as_str()).collect::<String>(), "unsafe_code"));
}
