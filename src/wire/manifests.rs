//! The manifests there are: those in the binary, and those in the user's folders, which win.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use hymnal_rest::manifest::{Manifest, Role as ManifestRole, lint::Finding, setting::Setting};

use super::native;
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

/// What a user wants to know of a connector type, whether it is a manifest or code.
#[derive(Clone, Debug)]
pub struct About {
    /// Its name for people.
    pub title: String,
    /// Where the service documents itself.
    pub docs: String,
    /// The roles it can have; empty: any.
    pub roles: Vec<Role>,
    /// What proves it: `documents`, `recorded`, `live`, or `tests` against the real thing.
    pub status: String,
    /// What is written under `[connectors.NAME]`.
    pub settings: Vec<(String, Setting)>,
    /// The objects it has; `None`: whatever the account has.
    pub objects: Option<Vec<String>>,
    /// How many requests at once are allowed.
    pub concurrency: Option<u32>,
    /// The manifest's file; `None`: part of the program.
    pub path: Option<PathBuf>,
}

impl About {
    /// Of a connector that is code, and is tried against the real thing by its own tests.
    pub(super) fn native(title: &str, docs: &str, settings: Vec<(String, Setting)>) -> Self {
        Self {
            title: title.to_owned(),
            docs: docs.to_owned(),
            roles: Vec::new(),
            status: "tests".to_owned(),
            settings,
            objects: None,
            concurrency: None,
            path: None,
        }
    }

    fn of(found: &Found) -> Self {
        let manifest = &found.manifest;
        let roles = manifest.roles.iter().map(|role| match role {
            ManifestRole::Marketing => Role::Marketing,
            ManifestRole::Sales => Role::Sales,
        });
        Self {
            title: manifest.title.clone(),
            docs: manifest.docs.clone(),
            roles: roles.collect(),
            status: format!("{:?}", manifest.status).to_lowercase(),
            settings: manifest.settings.clone(),
            objects: Some(manifest.objects.keys().cloned().collect()),
            concurrency: manifest.limits.concurrency,
            path: found.path.clone(),
        }
    }
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

    /// All types, by name: the manifests, and what is code and no manifest has taken the place of.
    pub fn types(&self) -> BTreeMap<String, About> {
        let native = native::types().into_iter().map(|(kind, about)| (kind.to_owned(), about));
        native.chain(self.by_kind.iter().map(|(kind, found)| (kind.clone(), About::of(found)))).collect()
    }

    /// What a configuration is checked against.
    pub fn catalog(&self) -> Catalog {
        let entry = |(kind, about): (String, About)| {
            let About { settings, roles, objects, concurrency, .. } = about;
            (kind, ConnectorType { settings, roles, objects, concurrency })
        };
        self.types().into_iter().map(entry).collect()
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
