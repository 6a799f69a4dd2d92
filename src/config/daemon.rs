//! `[daemon]` and `[store]`.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use super::{
    Daemon, StoreConfig, StoreKind,
    document::{Group, Reading},
    keys,
};

const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 7420);

pub(super) fn daemon(cx: &mut Reading<'_>, root: &Group<'_>) -> Daemon {
    let group = section(cx, root, "daemon", &keys::DAEMON);
    let state_dir = match group.text(cx, "state_dir") {
        Some((written, _)) => cx.path(written),
        None => default_state_dir(cx),
    };
    let conflict_log = match group.text(cx, "conflict_log") {
        Some((written, _)) => cx.path(written),
        None => state_dir.join("conflicts.jsonl"),
    };
    let dirs = group.texts(cx, "connector_dirs").unwrap_or_default();
    Daemon {
        listen: listen(cx, &group).unwrap_or(DEFAULT_LISTEN),
        timezone: timezone(cx, &group),
        connector_dirs: dirs.into_iter().map(|(dir, _)| cx.path(dir)).collect(),
        history_days: group.whole(cx, "history_days").unwrap_or(800),
        mask_values: group.truth(cx, "mask_values").unwrap_or(false),
        state_dir,
        conflict_log,
    }
}

pub(super) fn store(cx: &mut Reading<'_>, root: &Group<'_>) -> StoreConfig {
    let group = section(cx, root, "store", &keys::STORE);
    group.choice(cx, "kind");
    StoreConfig { kind: StoreKind::Sled, cache_mb: group.whole(cx, "cache_mb").unwrap_or(64) }
}

fn section<'a>(cx: &mut Reading<'_>, root: &Group<'a>, name: &str, keys: &'static keys::Keys) -> Group<'a> {
    let title = format!("`[{name}]`");
    let item = root.item(name);
    item.and_then(|item| Group::open(cx, item, title.clone(), keys, &[])).unwrap_or_else(|| Group::absent(&title, keys))
}

/// systemd gives several folders separated by colons where a unit has several; the first is ours.
fn default_state_dir(cx: &Reading<'_>) -> PathBuf {
    let given = cx.environment.variable("STATE_DIRECTORY");
    match given.as_deref().and_then(|dirs| dirs.split(':').next()).filter(|dir| !dir.is_empty()) {
        Some(dir) => PathBuf::from(dir),
        None => cx.path("hymnal-state"),
    }
}

fn listen(cx: &mut Reading<'_>, group: &Group<'_>) -> Option<SocketAddr> {
    let (written, at) = group.text(cx, "listen")?;
    let hint = "write a loopback address and a port: \"127.0.0.1:7420\"";
    let Ok(address) = written.parse::<SocketAddr>() else {
        cx.error(at, format!("`{written}` is not an address and a port"), hint);
        return None;
    };
    if !address.ip().is_loopback() {
        cx.error(at, format!("`listen` must be a loopback address, and `{}` is none", address.ip()), hint);
        return None;
    }
    Some(address)
}

fn timezone(cx: &mut Reading<'_>, group: &Group<'_>) -> Option<String> {
    let (name, at) = group.text(cx, "timezone")?;
    if !cx.environment.knows_time_zone(name) {
        let hint = "write a name of the IANA time zone database: \"America/New_York\"";
        cx.error(at, format!("this machine knows no time zone `{name}`"), hint);
        return None;
    }
    Some(name.to_owned())
}
