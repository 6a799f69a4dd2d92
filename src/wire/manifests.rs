//! The manifests there are: those in the binary, and those in the user's folders, which win.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use hymnal_rest::manifest::{Manifest, Role as ManifestRole, lint::Finding};

use crate::config::{Catalog, ConnectorType, Role};

/// Manifests by type.
#[derive(Clone, Debug, Default)]
pub struct Manifests {
    by_kind: BTreeMap<String, Found>,
}

/// A manifest with where it came from.
#[derive(Clone, Debug)]
pub struct Found {
    /// What it says.
    pub manifest: Arc<Manifest>,
    /// Its file; `None`: part of the program.
    pub path: Option<PathBuf>,
}

/// A manifest that does not read.
#[derive(Debug)]
pub struct BadManifest {
    /// Its file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub findings: Vec<Finding>,
}

impl Manifests {
    /// The built-in ones, and over them those of the folders: `DIR/NAME.toml` and `DIR/NAME/manifest.toml`.
    ///
    /// # Errors
    /// Every manifest that does not read, and every folder that cannot be listed.
    pub fn load(dirs: &[PathBuf]) -> Result<Self, Vec<BadManifest>> {
        let mut all = Self::default();
        let mut bad = Vec::new();
        for (kind, text) in hymnal_rest::builtin() {
            match Manifest::parse(text) {
                Ok(manifest) => all.add(manifest, None),
                Err(findings) => bad.push(BadManifest { path: PathBuf::from(format!("(built in) {kind}")), findings }),
            }
        }
        for dir in dirs {
            for path in candidates(dir) {
                match std::fs::read_to_string(&path).map_err(|error| unreadable(&error)) {
                    Ok(text) => match Manifest::parse(&text) {
                        Ok(manifest) => all.add(manifest, Some(path)),
                        Err(findings) => bad.push(BadManifest { path, findings }),
                    },
                    Err(finding) => bad.push(BadManifest { path, findings: vec![finding] }),
                }
            }
        }
        if bad.is_empty() { Ok(all) } else { Err(bad) }
    }

    /// A manifest by type.
    pub fn get(&self, kind: &str) -> Option<&Found> {
        self.by_kind.get(kind)
    }

    /// All, by type.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Found)> {
        self.by_kind.iter().map(|(kind, found)| (kind.as_str(), found))
    }

    /// What a configuration is checked against.
    pub fn catalog(&self) -> Catalog {
        let entry = |(kind, found): (&String, &Found)| {
            let manifest = &found.manifest;
            let roles = manifest.roles.iter().map(|role| match role {
                ManifestRole::Marketing => Role::Marketing,
                ManifestRole::Sales => Role::Sales,
            });
            let kind_of = ConnectorType {
                settings: manifest.settings.clone(),
                roles: roles.collect(),
                objects: Some(manifest.objects.keys().cloned().collect()),
                concurrency: manifest.limits.concurrency,
            };
            (kind.clone(), kind_of)
        };
        self.by_kind.iter().map(entry).collect()
    }

    fn add(&mut self, manifest: Manifest, path: Option<PathBuf>) {
        self.by_kind.insert(manifest.kind.clone(), Found { manifest: Arc::new(manifest), path });
    }
}

/// The manifest files of a folder, by name. A folder that is not there has none: the packaged configuration may name
/// one before anybody has put a manifest in it.
fn candidates(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let mut found: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter_map(|path| {
            if path.is_dir() {
                let inner = path.join("manifest.toml");
                return inner.is_file().then_some(inner);
            }
            (path.extension().is_some_and(|extension| extension == "toml")).then_some(path)
        })
        .collect();
    found.sort();
    found
}

fn unreadable(error: &std::io::Error) -> Finding {
    Finding {
        line: 0,
        column: 0,
        message: format!("it cannot be read: {error}"),
        hint: Some("check its owner and mode".into()),
    }
}
