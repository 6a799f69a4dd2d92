//! What ways to log in get wrong.

use std::{collections::BTreeSet, time::Duration};

use super::{super::service::Way, Check, Template};

/// Shorter ones would be signed anew for nearly every request: a session is renewed half a minute before it ends.
const SHORTEST_TOKEN: Duration = Duration::from_mins(1);

impl Check<'_> {
    pub(super) fn ways(&mut self) {
        let manifest = self.manifest;
        if manifest.auth.ways.is_empty() {
            self.note("auth", "`auth.ways` names no way to log in".to_owned(), "add one: `bearer = { token = … }`");
        }
        if manifest.auth.ways.len() > 1 {
            self.choice();
        }
        for (name, way) in &manifest.auth.ways {
            for template in way.templates() {
                self.known("auth", template.holes(), &[]);
            }
            if let Way::SignedToken { scheme, lifetime, .. } = way {
                self.signed_token(&format!("auth.ways.{name}"), scheme, lifetime.0);
            }
        }
    }

    fn signed_token(&mut self, at: &str, scheme: &str, lifetime: Duration) {
        if scheme.is_empty() || !scheme.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-') {
            let hint = "it stands before the token: `Authorization: SCHEME TOKEN`";
            self.note(at, format!("`scheme` is one word of letters, and `{scheme}` is not"), hint);
        }
        if lifetime < SHORTEST_TOKEN {
            let hint = "write the longest that the service takes, at least `1m`: a token is replaced half a minute before its end";
            self.note(at, "`lifetime` is too short for a token to be used".to_owned(), hint);
        }
    }

    /// Several ways: something must choose.
    fn choice(&mut self) {
        let manifest = self.manifest;
        let known: Vec<&String> = manifest.auth.ways.keys().collect();
        match manifest.setting("auth") {
            // The settings that are given choose, where each way has one that no other has.
            None => {
                let names = |way: &Way| -> BTreeSet<String> {
                    way.templates().into_iter().flat_map(Template::holes).map(ToString::to_string).collect()
                };
                let ways: Vec<BTreeSet<String>> = manifest.auth.ways.values().map(names).collect();
                let is_apart = |at: usize, way: &BTreeSet<String>| {
                    ways.iter().enumerate().all(|(other, names)| other == at || !way.is_subset(names))
                };
                if !ways.iter().enumerate().all(|(at, way)| is_apart(at, way)) {
                    self.note(
                        "auth",
                        "several ways to log in need the setting `auth` to choose one".to_owned(),
                        "declare `auth` under `[settings]`, or give each way a setting that no other has",
                    );
                }
            }
            Some(setting) => {
                for way in setting.one_of.iter().filter(|way| !known.contains(way)) {
                    self.note(
                        "settings",
                        format!("`settings.auth` offers `{way}`, which `auth.ways` lacks"),
                        "name the same ways in both",
                    );
                }
            }
        }
    }
}
