//! Text to a tree with places: syntax, duplicate keys, unknown keys, keys that are not built.

use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::{
    catalog::Catalog,
    diagnostics::{Diagnostic, Severity, Span},
    environment::Environment,
    keys::{Key, Keys, Shape},
    nearest,
};

/// What a reading looks at, and what it has found so far.
pub(super) struct Reading<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) environment: &'a dyn Environment,
    /// The folder of the file: relative paths start there.
    pub(super) folder: &'a Path,
    /// The text of the file.
    pub(super) text: &'a str,
    pub(super) found: Vec<Diagnostic>,
    /// Places of the text that nobody may see.
    pub(super) private: Vec<Span>,
}

impl Reading<'_> {
    pub(super) fn error(&mut self, span: Span, message: impl Into<String>, hint: impl Into<String>) {
        self.found.push(Diagnostic { severity: Severity::Error, span, message: message.into(), hint: hint.into() });
    }

    pub(super) fn warn(&mut self, span: Span, message: impl Into<String>, hint: impl Into<String>) {
        self.found.push(Diagnostic { severity: Severity::Warning, span, message: message.into(), hint: hint.into() });
    }

    /// A path of the file, from the folder of the file.
    pub(super) fn path(&self, written: &str) -> std::path::PathBuf {
        self.folder.join(written)
    }
}

/// A key with its value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item<'a> {
    pub(super) key: &'a str,
    pub(super) key_at: Span,
    pub(super) value: &'a DeValue<'a>,
    pub(super) at: Span,
}

/// What a table holds, in the order of the file.
pub(super) fn items<'a>(table: &'a DeTable<'a>) -> Vec<Item<'a>> {
    let mut items: Vec<Item<'a>> = table
        .iter()
        .map(|(key, value)| Item {
            key: key.get_ref(),
            key_at: key.span().into(),
            value: value.get_ref(),
            at: value.span().into(),
        })
        .collect();
    items.sort_by_key(|item| item.key_at);
    items
}

/// A table whose keys are known.
#[derive(Debug)]
pub(super) struct Group<'a> {
    /// For messages: `[daemon]`.
    pub(super) title: String,
    /// Where to point at when something is missing.
    pub(super) at: Span,
    keys: &'static Keys,
    items: Vec<Item<'a>>,
    /// What the unknown keys were probably meant to be.
    meant: Vec<String>,
}

impl<'a> Group<'a> {
    /// A group that is not in the file.
    pub(super) fn absent(title: &str, keys: &'static Keys) -> Self {
        Self { title: title.to_owned(), at: Span::default(), keys, items: Vec::new(), meant: Vec::new() }
    }

    /// Opens a table, and reports every key of it that is neither known, nor among `further`.
    pub(super) fn open(
        cx: &mut Reading<'_>,
        item: Item<'a>,
        title: String,
        keys: &'static Keys,
        further: &[&str],
    ) -> Option<Self> {
        let table = cx.table(item)?;
        Some(Self::of(cx, table, item.key_at, title, (keys, further)))
    }

    /// The same for a table without a key: the file itself.
    pub(super) fn of(
        cx: &mut Reading<'_>,
        table: &'a DeTable<'a>,
        at: Span,
        title: String,
        (keys, further): (&'static Keys, &[&str]),
    ) -> Self {
        let mut known = Vec::new();
        let mut meant = Vec::new();
        for item in items(table) {
            if let Some(unbuilt) = keys.unbuilt(item.key) {
                let message = format!("`{}` is not built yet, and is refused rather than ignored", item.key);
                cx.error(item.key_at, message, unbuilt.hint);
            } else if keys.key(item.key).is_some() || further.contains(&item.key) {
                known.push(item);
            } else {
                // Under a mistyped name there may be a secret.
                if matches!(keys.open, Some(Shape::Setting)) {
                    cx.conceal(item);
                }
                let valid: Vec<&str> = keys.names().map(|name| name as &str).chain(further.iter().copied()).collect();
                meant.extend(nearest::nearest(item.key, &valid).map(str::to_owned));
                cx.error(
                    item.key_at,
                    format!("unknown key `{}` in {title}", item.key),
                    nearest::suggest(item.key, valid),
                );
            }
        }
        Self { title, at, keys, items: known, meant }
    }

    /// The key is not there, and no mistyped one was meant to be it: that was said already.
    pub(super) fn lacks(&self, name: &str) -> bool {
        self.item(name).is_none() && !self.meant.iter().any(|meant| meant == name)
    }

    /// The item of that name.
    pub(super) fn item(&self, name: &str) -> Option<Item<'a>> {
        self.items.iter().find(|item| item.key == name).copied()
    }

    /// The items that the user or a manifest has named.
    pub(super) fn named_by_user(&self) -> impl Iterator<Item = Item<'a>> {
        self.items.iter().filter(|item| self.keys.key(item.key).is_none()).copied()
    }

    /// The item of that name with what the tables say of it.
    pub(super) fn entry(&self, name: &str) -> Option<(Item<'a>, &'static Key)> {
        let key = self.keys.key(name);
        debug_assert!(key.is_some(), "`{name}` is read and not in the table of {}", self.title);
        Some((self.item(name)?, key?))
    }
}

/// Parses the text. A duplicate key leaves the tree usable; any other error of syntax does not, since nobody knows
/// what the rest was meant to be.
pub(super) fn parse<'t>(cx: &mut Reading<'_>, text: &'t str) -> Option<DeTable<'t>> {
    let (tree, errors) = DeTable::parse_recoverable(text);
    let mut usable = true;
    for error in &errors {
        let span = error.span().map_or_else(Span::default, Span::from);
        if error.message() == "duplicate key" {
            let key = text.get(span.start..span.end).unwrap_or_default();
            cx.error(span, format!("`{key}` is written twice"), "keep one of them");
        } else {
            usable = false;
            cx.error(span, format!("this is not TOML: {}", error.message()), syntax_hint(text, span));
        }
    }
    if !usable {
        conceal_by_name(cx, text);
    }
    usable.then(|| tree.into_inner())
}

fn syntax_hint(text: &str, span: Span) -> &'static str {
    let after = text.get(span.start..).unwrap_or_default();
    if after.starts_with(['“', '”', '‘', '’']) {
        "write straight quotes: \"…\""
    } else {
        "the rest of the file is checked once this can be read"
    }
}

/// Where the tree cannot be trusted, a line that looks like a secret is hidden.
fn conceal_by_name(cx: &mut Reading<'_>, text: &str) {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        for (at, _) in line.match_indices('=') {
            let before = line[..at].to_lowercase();
            if ["token", "secret", "password", "key"].iter().any(|word| before.trim_end().ends_with(word)) {
                cx.private.push(Span { start: start + at + 1, end: start + line.len() });
            }
        }
        start += line.len();
    }
}
