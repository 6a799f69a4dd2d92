//! `[connectors.NAME]`: names, types, settings as the manifest declares them, limits.

use std::collections::BTreeMap;

use hymnal_rest::manifest::setting::{Setting, SettingKind};
use hymnal_sdk::ExposeSecret;
use url::{Host, Url};

use super::{
    ConnectorConfig, LimitsConfig, Role, SettingValue,
    catalog::ConnectorType,
    document::{Group, Item, Reading, items},
    keys, nearest,
    secrets::{self, Literals},
};

/// The systems by name, in the order of the file. One that does not read keeps its name, so that whoever names it is
/// not told that it is missing.
pub(super) type Connectors = Vec<(String, Option<ConnectorConfig>)>;

pub(super) fn connectors(cx: &mut Reading<'_>, root: &Group<'_>) -> Connectors {
    let Some(item) = root.item("connectors") else { return Connectors::new() };
    let Some(table) = cx.table(item) else { return Connectors::new() };
    let mut connectors = Connectors::new();
    for item in items(table) {
        check_name(cx, item);
        let connector = connector(cx, item);
        if let Some(connector) = &connector {
            refuse_same_account(cx, item, connector, &connectors);
        }
        connectors.push((item.key.to_owned(), connector));
    }
    connectors
}

fn check_name(cx: &mut Reading<'_>, item: Item<'_>) {
    if keys::FIELD.key(item.key).is_some() || keys::FIELD.unbuilt(item.key).is_some() {
        let message = format!("a connector cannot be named `{}`: that is an option of a field", item.key);
        cx.error(item.key_at, message, "choose another name: `crm`, `marketing`");
    }
    refuse_odd_name(cx, item, "connector");
}

/// Names of the user's go into logs, metrics and URLs.
pub(super) fn refuse_odd_name(cx: &mut Reading<'_>, item: Item<'_>, what: &str) {
    let odd = item.key.is_empty()
        || !item.key.starts_with(|c: char| c.is_ascii_alphabetic())
        || item.key.contains(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-');
    if odd {
        let message = format!("`{}` cannot be the name of a {what}", item.key.escape_debug());
        cx.error(item.key_at, message, "use letters, digits, `_` and `-`, a letter first");
    }
}

fn connector(cx: &mut Reading<'_>, item: Item<'_>) -> Option<ConnectorConfig> {
    let kind = kind(cx, item);
    let catalog = cx.catalog;
    let declared = kind.and_then(|kind| catalog.get(kind));
    let settings: Vec<&str> = match declared {
        Some(declared) => declared.settings.iter().map(|(name, _)| name.as_str()).collect(),
        // Without a type, nobody knows what its settings are: none is wrong, and any may be a secret.
        None => item.value.as_table().into_iter().flat_map(items).map(|inner| inner.key).collect(),
    };
    let group = Group::open(cx, item, format!("`[connectors.{}]`", item.key), &keys::CONNECTOR, &settings)?;
    let role = role(cx, &group, declared);
    let limits = limits(cx, &group, declared);
    let Some(declared) = declared else {
        group.named_by_user().for_each(|setting| cx.conceal(setting));
        return None;
    };
    let settings = Settings { group: &group, declared, auth: auth(&group, declared) }.read(cx);
    Some(ConnectorConfig { name: item.key.to_owned(), kind: kind?.to_owned(), role: role?, settings, limits })
}

fn kind<'c>(cx: &mut Reading<'c>, item: Item<'_>) -> Option<&'c str> {
    let table = item.value.as_table()?;
    let Some(kind) = items(table).into_iter().find(|inner| inner.key == "type") else {
        let message = format!("`type` is missing in `[connectors.{}]`", item.key);
        let hint = nearest::suggest("", cx.catalog.keys().map(String::as_str));
        cx.error(item.key_at, message, hint);
        return None;
    };
    let name = cx.text(kind)?;
    let catalog = cx.catalog;
    let types: Vec<&str> = catalog.keys().map(String::as_str).collect();
    if let Some((known, _)) = catalog.get_key_value(name) {
        return Some(known);
    }
    cx.error(kind.at, format!("there is no connector type `{name}`"), nearest::suggest(name, types.iter().copied()));
    // The settings are read as those of the type that was probably meant.
    nearest::nearest(name, &types)
}

fn role(cx: &mut Reading<'_>, group: &Group<'_>, declared: Option<&ConnectorType>) -> Option<Role> {
    if group.lacks("role") {
        let hint = "write `role = \"marketing\"` or `role = \"sales\"`";
        cx.error(group.at, format!("`role` is missing in {}", group.title), hint);
    }
    let item = group.item("role")?;
    let role = match group.choice(cx, "role")? {
        "marketing" => Role::Marketing,
        _ => Role::Sales,
    };
    if let Some(declared) = declared
        && !declared.roles.is_empty()
        && !declared.roles.contains(&role)
    {
        let roles: Vec<String> = declared.roles.iter().map(Role::to_string).collect();
        let roles: Vec<&str> = roles.iter().map(String::as_str).collect();
        cx.error(
            item.at,
            format!("this connector type has no role `{role}`"),
            format!("write {}", nearest::one_of(&roles)),
        );
    }
    Some(role)
}

fn limits(cx: &mut Reading<'_>, group: &Group<'_>, declared: Option<&ConnectorType>) -> LimitsConfig {
    let title = format!("{} `limits`", group.title);
    let group = group
        .item("limits")
        .and_then(|item| Group::open(cx, item, title.clone(), &keys::LIMITS, &[]))
        .unwrap_or_else(|| Group::absent(&title, &keys::LIMITS));
    let concurrency = group.whole(cx, "concurrency");
    if let (Some(asked), Some(item)) = (concurrency, group.item("concurrency"))
        && let Some(most) = declared.and_then(|declared| declared.concurrency)
        && asked > most
    {
        cx.error(
            item.at,
            format!("`concurrency` is looser than the manifest's {most}"),
            format!("write {most} or less"),
        );
    }
    LimitsConfig {
        daily_share: group.share(cx, "daily_share").unwrap_or(0.5),
        reserve: group.share(cx, "reserve").unwrap_or(0.1),
        concurrency,
    }
}

/// The way of logging in that was chosen, where the manifest offers several. A mistyped way is none: what goes with it
/// cannot be said.
fn auth<'s>(group: &Group<'s>, declared: &'s ConnectorType) -> Option<&'s str> {
    let (_, setting) = declared.settings.iter().find(|(name, _)| name == "auth")?;
    let chosen = group.item("auth").and_then(|item| item.value.as_str()).or(setting.default.as_deref())?;
    let offered = setting.one_of.is_empty() || setting.one_of.iter().any(|way| way == chosen);
    offered.then_some(chosen)
}

/// The settings of one connector while they are read.
struct Settings<'s> {
    group: &'s Group<'s>,
    declared: &'s ConnectorType,
    auth: Option<&'s str>,
}

impl Settings<'_> {
    fn read(&self, cx: &mut Reading<'_>) -> BTreeMap<String, SettingValue> {
        let mut read = BTreeMap::new();
        // URLs first: whether a secret may stand in the file depends on all of them.
        let by_kind = |wanted: SettingKind| {
            let settings = self.declared.settings.iter();
            settings
                .filter(move |(_, setting)| (setting.kind == SettingKind::Secret) == (wanted == SettingKind::Secret))
        };
        for (name, setting) in by_kind(SettingKind::Text) {
            let value = self.one(cx, name, setting, Literals::Refused);
            read.extend(value.map(|value| (name.clone(), value)));
        }
        let mut urls = read.values().filter_map(|value| match value {
            SettingValue::Url(url) => Some(url),
            _ => None,
        });
        let local = urls.clone().next().is_some() && urls.all(|url| is_loopback(url)) && self.urls_read(&read);
        let literals = if local { Literals::Allowed } else { Literals::Refused };
        for (name, setting) in by_kind(SettingKind::Secret) {
            let value = self.one(cx, name, setting, literals);
            read.extend(value.map(|value| (name.clone(), value)));
        }
        read
    }

    /// No URL of the file was refused: a refused one may be anywhere.
    fn urls_read(&self, read: &BTreeMap<String, SettingValue>) -> bool {
        let mut urls = self.declared.settings.iter().filter(|(_, setting)| setting.kind == SettingKind::Url);
        urls.all(|(name, _)| self.group.item(name).is_none() || read.contains_key(name))
    }

    fn one(&self, cx: &mut Reading<'_>, name: &str, setting: &Setting, literals: Literals) -> Option<SettingValue> {
        let ours = setting.with_auth.is_empty()
            || self.auth.is_some_and(|auth| setting.with_auth.iter().any(|way| way == auth));
        let Some(item) = self.group.item(name) else {
            if ours && let Some(default) = &setting.default {
                return Some(match setting.kind {
                    SettingKind::Url => SettingValue::Url(default.trim_end_matches('/').to_owned()),
                    SettingKind::Text | SettingKind::Secret => SettingValue::Text(default.clone()),
                });
            }
            if ours && (setting.required || !setting.with_auth.is_empty()) && self.group.lacks(name) {
                self.missing(cx, name, setting);
            }
            return None;
        };
        if let Some(auth) = self.auth
            && !ours
        {
            if setting.kind == SettingKind::Secret {
                cx.conceal(item);
            }
            let message = format!("`{name}` is not used with `auth = \"{auth}\"`");
            let hint = format!("remove it, or write `auth = \"{}\"`", setting.with_auth.join("\"` or `auth = \""));
            cx.error(item.key_at, message, hint);
            return None;
        }
        match setting.kind {
            SettingKind::Secret => secrets::secret(cx, item, literals).map(SettingValue::Secret),
            SettingKind::Url => url(cx, item).map(SettingValue::Url),
            SettingKind::Text => {
                let text = cx.text(item)?;
                if !setting.one_of.is_empty() && !setting.one_of.iter().any(|word| word == text) {
                    let hint = nearest::suggest(text, setting.one_of.iter().map(String::as_str));
                    cx.error(item.at, format!("`{text}` is no `{name}`"), hint);
                    return None;
                }
                Some(SettingValue::Text(text.to_owned()))
            }
        }
    }

    fn missing(&self, cx: &mut Reading<'_>, name: &str, setting: &Setting) {
        let because = match self.auth {
            Some(auth) if !setting.with_auth.is_empty() => format!(", and `auth = \"{auth}\"` needs it"),
            _ => String::new(),
        };
        let message = format!("`{name}` is missing in {}{because}", self.group.title);
        let write = match setting.kind {
            SettingKind::Secret => format!("write `{name} = {{ credential = \"…\" }}`"),
            SettingKind::Url => format!("write `{name} = \"https://…\"`"),
            SettingKind::Text if setting.one_of.is_empty() => format!("write `{name} = \"…\"`"),
            SettingKind::Text => format!("write `{name} = \"{}\"`", setting.one_of.join("\"` or `\"")),
        };
        let hint = if setting.help.is_empty() { write } else { format!("{write} ({})", setting.help) };
        cx.error(self.group.at, message, hint);
    }
}

/// A URL that secrets may be sent to.
fn url(cx: &mut Reading<'_>, item: Item<'_>) -> Option<String> {
    let written = cx.text(item)?;
    let Ok(url) = Url::parse(written) else {
        cx.conceal(item);
        cx.error(item.at, format!("`{}` is not a URL", item.key), "write a whole one: \"https://api.example.com\"");
        return None;
    };
    let refused = if !url.username().is_empty() || url.password().is_some() {
        cx.conceal(item);
        Some(("holds a user name or password", "write the URL without them; the login has settings of its own"))
    } else if url.query().is_some() || url.fragment().is_some() {
        cx.conceal(item);
        Some(("holds a query or a fragment", "write the URL up to its path"))
    } else if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        Some(("is not a web address", "write an `https://` URL"))
    } else if url.scheme() == "http" && !loopback_host(&url) {
        Some(("would send secrets unencrypted: `http://` is for loopback only", "write `https://`"))
    } else {
        None
    };
    if let Some((what, hint)) = refused {
        cx.error(item.at, format!("`{}` {what}", item.key), hint);
        return None;
    }
    Some(url.as_str().trim_end_matches('/').to_owned())
}

fn is_loopback(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| loopback_host(&url))
}

fn loopback_host(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// Two connectors on one account would take their own writes for somebody's edits.
fn refuse_same_account(cx: &mut Reading<'_>, item: Item<'_>, new: &ConnectorConfig, earlier: &Connectors) {
    let Some(declared) = cx.catalog.get(&new.kind) else { return };
    let login = account(new, declared);
    let same = earlier
        .iter()
        .filter_map(|(_, connector)| connector.as_ref())
        .find(|other| other.kind == new.kind && !login.is_empty() && account(other, declared) == login);
    if let Some(other) = same {
        let message = format!("`{}` and `{}` are the same account: same URL, same login", other.name, new.name);
        cx.error(item.key_at, message, "keep one of them, and name it in each sync");
    }
}

/// What tells accounts apart: URLs and the login. The secrets themselves are compared, since two references may name
/// one. Settings that need not be there (`assign`, `api_version`) say nothing of the account.
fn account<'c>(connector: &'c ConnectorConfig, declared: &ConnectorType) -> Vec<(&'c str, &'c str)> {
    let of_login = |name: &str| {
        let mut settings = declared.settings.iter();
        settings.any(|(declared, setting)| declared == name && (setting.required || !setting.with_auth.is_empty()))
    };
    let settings = connector.settings.iter().map(|(name, setting)| (name.as_str(), setting));
    settings
        .filter_map(|(name, setting)| match setting {
            SettingValue::Url(text) => Some((name, text.as_str())),
            SettingValue::Text(text) => of_login(name).then_some((name, text.as_str())),
            SettingValue::Secret(secret) => Some((name, secret.value.expose_secret())),
        })
        .collect()
}
