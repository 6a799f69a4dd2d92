//! What the database says of a table.

use hymnal_sdk::{NativeKind, Schema, SchemaField};

use crate::{dialect::Dialect, settings::Settings};

/// A table, as the database describes it.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    /// Its name, quoted.
    pub(crate) name: String,
    pub(crate) columns: Vec<Column>,
}

/// One column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// The type in SQL, without a length.
    pub(crate) sql_type: String,
    pub(crate) kind: NativeKind,
    /// A number without a fraction.
    pub(crate) whole: bool,
    pub(crate) needed: bool,
    pub(crate) longest: Option<u32>,
    /// The database makes its values.
    pub(crate) generated: bool,
    pub(crate) options: Vec<String>,
}

/// A row of [`Dialect::describe`].
pub(crate) struct Described {
    pub(crate) name: String,
    pub(crate) sql_type: String,
    pub(crate) word: String,
    pub(crate) needed: bool,
    pub(crate) longest: Option<u32>,
    pub(crate) generated: bool,
    pub(crate) options: Option<String>,
}

impl Table {
    pub(crate) fn new(dialect: Dialect, object: &str, columns: Vec<Described>) -> Self {
        let columns = columns.into_iter().map(|described| Column::new(dialect, described)).collect();
        Self { name: dialect.table(object), columns }
    }

    pub(crate) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The table in the words of the sdk.
    pub(crate) fn schema(&self, settings: &Settings) -> Schema {
        let field = |column: &Column| {
            let own = settings.own().any(|name| name == column.name);
            let writable = !column.generated && !own;
            SchemaField {
                name: column.name.clone(),
                label: column.name.clone(),
                kind: column.kind,
                options: column.options.clone(),
                barred: Vec::new(),
                restricted: !column.options.is_empty(),
                max_length: column.longest,
                required: column.needed && !own,
                createable: writable,
                updateable: writable,
                unique: settings.unique.contains(&column.name),
            }
        };
        Schema { fields: self.columns.iter().map(field).collect() }
    }
}

impl Column {
    fn new(dialect: Dialect, described: Described) -> Self {
        let word = described.word.to_lowercase();
        let options = match (&described.options, dialect) {
            (None, _) => Vec::new(),
            (Some(listed), Dialect::MySql) => enum_words(listed),
            (Some(listed), _) => listed.split('\u{1f}').map(str::to_owned).collect(),
        };
        let kind = if options.is_empty() { kind(&word, &described.sql_type) } else { NativeKind::Choice };
        Self {
            name: described.name,
            kind,
            whole: word.contains("int") || word.contains("serial"),
            sql_type: described.sql_type,
            needed: described.needed,
            longest: described.longest,
            generated: described.generated,
            options,
        }
    }
}

/// The kind of a type by its name in any of the databases.
fn kind(word: &str, sql_type: &str) -> NativeKind {
    let has = |parts: &[&str]| parts.iter().any(|part| word.contains(part));
    if has(&["bool"]) || sql_type.eq_ignore_ascii_case("tinyint(1)") {
        NativeKind::Bool
    } else if has(&["timestamp", "datetime"]) {
        NativeKind::Datetime
    } else if word == "date" {
        NativeKind::Date
    } else if has(&["int", "serial", "numeric", "decimal", "float", "double", "real"]) && !has(&["interval", "point"]) {
        NativeKind::Number
    } else {
        NativeKind::Text
    }
}

/// The words of `enum('a','it''s')`.
fn enum_words(sql_type: &str) -> Vec<String> {
    let listed = sql_type.trim_start_matches("enum(").trim_end_matches(')');
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut letters = listed.chars().peekable();
    while let Some(letter) = letters.next() {
        match (&mut word, letter) {
            (None, '\'') => word = Some(String::new()),
            (Some(text), '\'') if letters.peek() == Some(&'\'') => {
                letters.next();
                text.push('\'');
            }
            (Some(_), '\'') => words.extend(word.take()),
            (Some(text), letter) => text.push(letter),
            (None, _) => {}
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_enum_is_its_words() {
        assert_eq!(enum_words("enum('new','it''s','a,b')"), ["new", "it's", "a,b"]);
    }

    #[test]
    fn types_are_known_in_three_databases() {
        assert_eq!(kind("timestamptz", ""), NativeKind::Datetime);
        assert_eq!(kind("tinyint", "tinyint(1)"), NativeKind::Bool);
        assert_eq!(kind("tinyint", "tinyint(4)"), NativeKind::Number);
        assert_eq!(kind("interval", ""), NativeKind::Text);
        assert_eq!(kind("varchar(20)", "VARCHAR(20)"), NativeKind::Text);
    }
}
