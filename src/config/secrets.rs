//! Secrets: references in the file, resolved when it is read.

use std::{io, path::Path};

use hymnal_sdk::SecretString;

use super::{
    Secret, SecretReference,
    diagnostics::Span,
    document::{Item, Reading, items},
    nearest,
};

const KINDS: [&str; 3] = ["credential", "file", "env"];

/// Whether a secret may stand in the configuration itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Literals {
    /// No: the connector speaks to another machine.
    Refused,
    /// Yes: it is a demo or a test on loopback.
    Allowed,
}

/// Reads a secret setting and resolves it.
pub(super) fn secret(cx: &mut Reading<'_>, item: Item<'_>, literals: Literals) -> Option<Secret> {
    if item.value.is_table() {
        let (reference, at) = reference(cx, item)?;
        let value = resolve(cx, &reference, at)?;
        return Some(Secret { reference, value });
    }
    cx.conceal(item);
    let hint = format!("write `{} = {{ credential = \"…\" }}`, `{{ file = \"…\" }}` or `{{ env = \"…\" }}`", item.key);
    if literals == Literals::Refused {
        cx.error(item.at, format!("`{}` is a secret, and must not stand in this file", item.key), hint);
        return None;
    }
    match item.value.as_str() {
        Some(text) if !text.is_empty() => {
            Some(Secret { reference: SecretReference::Literal, value: SecretString::from(text.to_owned()) })
        }
        Some(_) => {
            cx.error(item.at, format!("`{}` is empty", item.key), hint);
            None
        }
        None => {
            cx.wrong_type(item, "text or a reference", hint);
            None
        }
    }
}

/// `{ credential = "…" }`, `{ file = "…" }` or `{ env = "…" }`.
fn reference(cx: &mut Reading<'_>, item: Item<'_>) -> Option<(SecretReference, Span)> {
    let table = cx.table(item)?;
    let inner = items(table);
    let mut known = Vec::new();
    let mut complete = true;
    for part in inner {
        if KINDS.contains(&part.key) {
            known.push(part);
        } else {
            complete = false;
            cx.conceal(part);
            let message = format!("unknown key `{}` in `{}`", part.key, item.key);
            cx.error(part.key_at, message, nearest::suggest(part.key, KINDS));
        }
    }
    match known.as_slice() {
        [only] => {
            let name = cx.text(*only)?;
            let reference = match only.key {
                "credential" => SecretReference::Credential(name.to_owned()),
                "file" => SecretReference::File(name.to_owned()),
                _ => SecretReference::Env(name.to_owned()),
            };
            complete.then_some((reference, only.at))
        }
        [] if !complete => None,
        _ => {
            let message = format!("`{}` must say exactly one of `credential`, `file`, `env`", item.key);
            cx.error(item.key_at, message, "keep the one that holds the secret");
            None
        }
    }
}

fn resolve(cx: &mut Reading<'_>, reference: &SecretReference, at: Span) -> Option<SecretString> {
    match reference {
        SecretReference::Credential(name) => credential(cx, name, at),
        SecretReference::File(path) => {
            let path = cx.path(path);
            file(cx, &path, at, Readers::OwnerOnly)
        }
        SecretReference::Env(name) => {
            let Some(value) = cx.environment.variable(name) else {
                let hint = format!("set it where Hymnal is started: `{name}=…`");
                cx.error(at, format!("the environment variable `{name}` is not set"), hint);
                return None;
            };
            clean(cx, value, at, &format!("the environment variable `{name}`"))
        }
        SecretReference::Literal => None,
    }
}

fn credential(cx: &mut Reading<'_>, name: &str, at: Span) -> Option<SecretString> {
    if name.contains('/') || name.starts_with('.') {
        cx.error(
            at,
            format!("`{name}` is not the name of a credential"),
            "write the name that `LoadCredential=` gives it, or use `file`",
        );
        return None;
    }
    let Some(folder) = cx.environment.variable("CREDENTIALS_DIRECTORY").filter(|folder| !folder.is_empty()) else {
        let message = format!("the credential `{name}` cannot be read: `$CREDENTIALS_DIRECTORY` is not set");
        let hint = format!("start Hymnal by a systemd unit with `LoadCredential={name}:…`, or use `file` or `env`");
        cx.error(at, message, hint);
        return None;
    };
    // systemd gives a unit's user its credentials by an access list, which shows as a permission of the group.
    file(cx, &Path::new(&folder).join(name), at, Readers::AsSystemdLeavesThem)
}

/// Who may be able to read a secret file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Readers {
    OwnerOnly,
    AsSystemdLeavesThem,
}

fn file(cx: &mut Reading<'_>, path: &Path, at: Span, readers: Readers) -> Option<SecretString> {
    let shown = path.display().to_string();
    let found = match cx.environment.secret_file(path) {
        Ok(found) => found,
        Err(error) => {
            let (message, hint) = match error.kind() {
                io::ErrorKind::NotFound => {
                    (format!("the secret file `{shown}` does not exist"), "create it with mode 0600")
                }
                io::ErrorKind::PermissionDenied => {
                    (format!("the secret file `{shown}` cannot be read"), "make the user that runs Hymnal its owner")
                }
                _ => (
                    format!("the secret file `{shown}` cannot be read: {error}"),
                    "name a file that holds the secret alone",
                ),
            };
            cx.error(at, message, hint);
            return None;
        }
    };
    if readers == Readers::OwnerOnly && found.mode & 0o077 != 0 {
        let message = format!("the secret file `{shown}` can be read by others (mode {:04o})", found.mode);
        cx.error(at, message, format!("run `chmod 600 {shown}`"));
        return None;
    }
    let bytes = found.bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&found.bytes).to_vec();
    let Ok(text) = String::from_utf8(bytes) else {
        cx.error(at, format!("the secret file `{shown}` is not UTF-8 text"), "save it as UTF-8");
        return None;
    };
    clean(cx, text, at, &format!("the secret file `{shown}`"))
}

/// One line break at the end is the editor's. Anything else that a request could not carry is a mistake; a key in PEM
/// has lines.
fn clean(cx: &mut Reading<'_>, mut text: String, at: Span, whence: &str) -> Option<SecretString> {
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    if text.trim().is_empty() {
        cx.error(at, format!("{whence} is empty"), "put the secret in it");
        return None;
    }
    let pem = text.starts_with("-----BEGIN ");
    if !pem && text.chars().any(char::is_control) {
        cx.error(at, format!("{whence} holds more than one line"), "put the secret alone in it");
        return None;
    }
    Some(SecretString::from(text))
}
