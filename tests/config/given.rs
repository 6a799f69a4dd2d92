//! The world of these tests: three connector types, an environment that is made up, and a right file to break.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use hymnal::config::{Catalog, Config, ConnectorType, Diagnostics, Environment, Role, SecretFile, load};
use hymnal_rest::manifest::setting::{Setting, SettingKind};

/// A right file, to which each case does one thing.
pub(crate) const BASE: &str = include_str!("base.toml");

/// The connector types of these tests, with the setting names that are fixed.
pub(crate) fn catalog() -> Catalog {
    let text = |required: bool| Setting { required, ..Setting::default() };
    let secret = || Setting { kind: SettingKind::Secret, ..Setting::default() };
    let url = |default: Option<&str>| Setting {
        kind: SettingKind::Url,
        default: default.map(str::to_owned),
        ..Setting::default()
    };
    let with = |setting: Setting, ways: &[&str]| Setting {
        with_auth: ways.iter().map(|way| (*way).to_owned()).collect(),
        ..setting
    };
    let named = |settings: Vec<(&str, Setting)>| {
        settings.into_iter().map(|(name, setting)| (name.to_owned(), setting)).collect::<Vec<_>>()
    };
    let token = Setting { required: true, help: "Settings → Integrations → Private apps".to_owned(), ..secret() };
    let ways = ["jwt", "client_credentials", "refresh"];
    let hubspot = ConnectorType {
        settings: named(vec![("token", token), ("base_url", url(Some("https://api.hubapi.com")))]),
        roles: vec![Role::Marketing, Role::Sales],
        objects: Some(vec!["contacts".to_owned()]),
        concurrency: Some(10),
    };
    let salesforce = ConnectorType {
        settings: named(vec![
            ("auth", Setting { one_of: ways.map(str::to_owned).to_vec(), ..text(true) }),
            ("client_id", with(text(false), &ways)),
            ("username", with(text(false), &["jwt"])),
            ("private_key", with(secret(), &["jwt"])),
            ("client_secret", with(secret(), &["client_credentials", "refresh"])),
            ("login_url", url(Some("https://login.salesforce.com"))),
            ("base_url", url(None)),
            ("api_version", Setting { default: Some("65.0".to_owned()), ..text(false) }),
            ("assign", Setting { default: Some("rules".to_owned()), ..text(false) }),
        ]),
        roles: vec![Role::Sales],
        objects: Some(["Contact", "Lead", "Account"].map(str::to_owned).to_vec()),
        concurrency: Some(25),
    };
    let insightly = ConnectorType {
        settings: named(vec![
            ("api_key", Setting { required: true, ..secret() }),
            ("base_url", Setting { required: true, ..url(None) }),
        ]),
        roles: vec![Role::Marketing, Role::Sales],
        objects: Some(["Contacts", "Leads", "Prospects"].map(str::to_owned).to_vec()),
        concurrency: Some(6),
    };
    Catalog::from([
        ("hubspot".to_owned(), hubspot),
        ("salesforce".to_owned(), salesforce),
        ("insightly".to_owned(), insightly),
    ])
}

/// An environment that is made up.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) files: BTreeMap<PathBuf, (Vec<u8>, u32)>,
}

impl World {
    /// The one in which [`BASE`] and the example are right.
    pub(crate) fn new() -> Self {
        Self::default()
            .variable("CREDENTIALS_DIRECTORY", "/run/credentials")
            .file("/run/credentials/hubspot-token", b"pat-na1-secret\n", 0o440)
            .file("/run/credentials/insightly-marketing-key", b"12345678-abcd\n", 0o440)
            .file("/run/credentials/insightly-crm-key", b"87654321-dcba\n", 0o440)
            .file(
                "/run/credentials/salesforce-key",
                b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
                0o440,
            )
            .file("/etc/hymnal/salesforce", b"hush", 0o600)
    }

    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.variables.remove(name);
        self
    }

    pub(crate) fn file(mut self, path: &str, bytes: &[u8], mode: u32) -> Self {
        self.files.insert(PathBuf::from(path), (bytes.to_owned(), mode));
        self
    }
}

impl Environment for World {
    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }

    fn secret_file(&self, path: &Path) -> io::Result<SecretFile> {
        let found = self.files.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(SecretFile { bytes: found.0.clone(), mode: found.1 })
    }

    fn knows_time_zone(&self, name: &str) -> bool {
        matches!(name, "America/New_York" | "UTC")
    }
}

/// Reads a text as `/etc/hymnal/hymnal.toml`.
pub(crate) fn read(text: &str, world: &World) -> Result<Config, Diagnostics> {
    load(Path::new("/etc/hymnal/hymnal.toml"), text, &catalog(), world)
}

/// Reads a text that is right.
pub(crate) fn right(text: &str) -> Config {
    read(text, &World::new()).unwrap_or_else(|wrong| panic!("{wrong}"))
}

/// What is said of a text that is wrong.
pub(crate) fn refusal(text: &str, world: &World) -> String {
    let wrong = read(text, world).expect_err("this configuration is wrong");
    // As people see it: no line ends in blanks.
    let lines: Vec<String> = wrong.to_string().lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n")
}

/// [`BASE`] with something else in the place of one text.
pub(crate) fn base_with(from: &str, to: &str) -> String {
    assert!(BASE.contains(from), "the base holds no `{from}`");
    BASE.replacen(from, to, 1)
}
