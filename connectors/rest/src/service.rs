//! A manifest and a user's settings put together: everything that a connector and the layers below it need.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use hymnal_sdk::{
    Classify, Clock, Error, ExposeSecret, Http, Kind, Limits, Login, Result, SecretString,
    http::{Daily, Rate, Resets, Share},
};

use crate::{
    classify::ManifestClassify,
    engine::RestConnector,
    login::ManifestLogin,
    manifest::{
        Manifest,
        request::Language,
        service::{DailyReset, Way},
        setting::{Setting, SettingKind},
        template::{Hole, Template},
    },
    render::{Filling, Fillings, text},
};

/// What a user wrote for one setting.
#[derive(Clone, Debug)]
pub enum SettingValue {
    /// Text or a URL.
    Text(String),
    /// A secret, already read.
    Secret(SecretString),
}

/// A service that a user has configured.
pub struct Service {
    manifest: Arc<Manifest>,
    /// Settings that may stand in any request.
    open: Fillings,
    login: Arc<ManifestLogin>,
    /// The account that the last login named.
    account: Arc<Mutex<Option<String>>>,
}

impl Service {
    /// Checks the settings against the manifest, and fills in defaults.
    ///
    /// # Errors
    /// `Fatal`, naming the setting: unknown, missing, of the wrong kind, or unusable (a key that is no key).
    pub fn new(manifest: Arc<Manifest>, settings: &BTreeMap<String, SettingValue>) -> Result<Self> {
        if let Some(unknown) = settings.keys().find(|name| manifest.setting(name).is_none()) {
            let known: Vec<&str> = manifest.settings.iter().map(|(name, _)| name.as_str()).collect();
            return Err(refused(format!("`{}` has no setting `{unknown}`", manifest.kind))
                .hint(format!("there are: {}", known.join(", "))));
        }
        let way = chosen_way(&manifest, settings)?;
        let mut open = Fillings::new();
        let mut all = Fillings::new();
        for (name, setting) in &manifest.settings {
            let Some(value) = value(name, setting, settings.get(name), &way)? else { continue };
            let filling = Filling::Text(value);
            if setting.kind != SettingKind::Secret {
                open.insert(Hole::Setting(name.clone()), filling.clone());
            }
            all.insert(Hole::Setting(name.clone()), filling);
        }
        let account = Arc::new(Mutex::new(None));
        let login = Arc::new(ManifestLogin::new(&manifest.auth, &way, &all, Arc::clone(&account))?);
        Ok(Self { manifest, open, login, account })
    }

    /// How to log in.
    pub fn login(&self) -> Arc<dyn Login> {
        Arc::clone(&self.login) as Arc<dyn Login>
    }

    /// What answers mean.
    pub fn classify(&self) -> Arc<dyn Classify> {
        Arc::new(ManifestClassify::new(Arc::clone(&self.manifest)))
    }

    /// What the service allows, with the shares that hold when the user says nothing (`daily_share = 0.5`,
    /// `reserve = 0.1`).
    ///
    /// # Errors
    /// `Fatal` where a setting is missing that the limits need.
    pub fn limits(&self) -> Result<Limits> {
        let limits = &self.manifest.limits;
        let rates = limits
            .rates
            .iter()
            .map(|rate| Rate { requests: rate.requests, per: rate.per.0, only: rate.only.clone() })
            .collect();
        let daily = match &limits.daily {
            None => None,
            Some(daily) => Some(Daily {
                requests: daily.requests,
                resets: match &daily.resets {
                    DailyReset::Rolling => Resets::Rolling,
                    DailyReset::Midnight(zone) => Resets::Midnight(text(zone, &self.open, Language::Plain)?),
                },
            }),
        };
        Ok(Limits {
            rates,
            daily,
            concurrency: limits.concurrency,
            daily_share: Share::new(0.5),
            reserve: Share::new(0.1),
        })
    }

    /// The connector, over the layers that were made from the rest.
    pub fn connector(&self, http: Arc<dyn Http>, clock: Arc<dyn Clock>) -> RestConnector {
        RestConnector::over(Arc::clone(&self.manifest), self.open.clone(), Arc::clone(&self.account), http, clock)
    }
}

/// The way to log in: the one there is, the one that the setting `auth` names, or the one whose settings are given.
fn chosen_way(manifest: &Manifest, settings: &BTreeMap<String, SettingValue>) -> Result<String> {
    let ways = &manifest.auth.ways;
    if let (1, Some(only)) = (ways.len(), ways.keys().next()) {
        return Ok(only.clone());
    }
    let Some(setting) = manifest.setting("auth") else { return given_way(manifest, settings) };
    let named = match settings.get("auth") {
        Some(SettingValue::Text(text)) => Some(text.clone()),
        _ => setting.default.clone(),
    };
    let known: Vec<&str> = ways.keys().map(String::as_str).collect();
    named.filter(|way| ways.contains_key(way)).ok_or_else(|| {
        refused("the setting `auth` names no way to log in".to_owned())
            .hint(format!("write one of: {}", known.join(", ")))
    })
}

/// The way all of whose settings are given.
fn given_way(manifest: &Manifest, settings: &BTreeMap<String, SettingValue>) -> Result<String> {
    let needed = |way: &Way| -> Vec<String> {
        let holes = way.templates().into_iter().flat_map(Template::holes);
        let names = holes.filter_map(|hole| if let Hole::Setting(name) = hole { Some(name.clone()) } else { None });
        names.filter(|name| manifest.setting(name).is_some_and(|setting| setting.default.is_none())).collect()
    };
    let ways = &manifest.auth.ways;
    let given = ways.iter().find(|(_, way)| needed(way).iter().all(|name| settings.contains_key(name)));
    given.map(|(name, _)| name.clone()).ok_or_else(|| {
        let each: Vec<String> = ways.values().map(|way| format!("`{}`", needed(way).join("`, `"))).collect();
        refused("no way to log in has all its settings".to_owned()).hint(format!("write {}", each.join(", or ")))
    })
}

fn value(name: &str, setting: &Setting, given: Option<&SettingValue>, way: &str) -> Result<Option<String>> {
    let text = match given {
        Some(SettingValue::Secret(secret)) => Some(secret.expose_secret().to_owned()),
        Some(SettingValue::Text(text)) => Some(text.clone()),
        None => setting.default.clone(),
    };
    let needed = setting.required || setting.with_auth.iter().any(|with| with == way);
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return if needed { Err(refused(format!("`{name}` is missing")).hint(setting.help.clone())) } else { Ok(None) };
    };
    if !setting.one_of.is_empty() && !setting.one_of.contains(&text) {
        let message = format!("`{name}` cannot be `{text}`");
        return Err(refused(message).hint(format!("write one of: {}", setting.one_of.join(", "))));
    }
    let text = text.strip_prefix(setting.strip.as_str()).unwrap_or(&text);
    let text = if setting.kind == SettingKind::Url { text.trim_end_matches('/') } else { text };
    let text = text.strip_suffix(setting.strip_end.as_str()).unwrap_or(text);
    Ok(Some(setting.spelled.get(text).map_or(text, String::as_str).to_owned()))
}

fn refused(message: String) -> Error {
    Error::new(Kind::Fatal, "settings", message)
}
