//! Connectors that are code: databases and files.

use std::{collections::BTreeMap, sync::Arc};

use hymnal_rest::manifest::setting::{Setting, SettingKind};
use hymnal_sdk::{Connector, Error, Kind, SecretString};

use super::manifests::About;
use crate::config::SettingValue;

/// The types there are, with what a user writes about them.
pub fn types() -> [(&'static str, About); 2] {
    [("csv", csv()), ("sql", sql())]
}

/// A connector of a type that is code; `None` where there is no such type.
///
/// # Errors
/// `Fatal` for settings that cannot be used.
pub fn connector(kind: &str, settings: &BTreeMap<String, SettingValue>) -> Option<Result<Arc<dyn Connector>, Error>> {
    let text = |name: &str| match settings.get(name) {
        Some(SettingValue::Text(text) | SettingValue::Url(text)) => Some(text.clone()),
        _ => None,
    };
    match kind {
        "csv" => Some(match hymnal_csv::Settings::new(text) {
            Ok(settings) => Ok(Arc::new(hymnal_csv::CsvConnector::new(settings))),
            Err(bad) => Err(refused(bad.to_string())),
        }),
        "sql" => Some(
            match url(settings)
                .and_then(|url| hymnal_sql::Settings::new(url, text).map_err(|bad| refused(bad.to_string())))
            {
                Ok(settings) => Ok(Arc::new(hymnal_sql::SqlConnector::new(settings))),
                Err(error) => Err(error),
            },
        ),
        _ => None,
    }
}

/// A file of SQLite is no secret, so that it has a setting of its own.
fn url(settings: &BTreeMap<String, SettingValue>) -> Result<SecretString, Error> {
    match (settings.get("url"), settings.get("path")) {
        (Some(SettingValue::Secret(secret)), None) => Ok(secret.value.clone()),
        (None, Some(SettingValue::Text(path))) => Ok(format!("sqlite://{path}").into()),
        (Some(_), Some(_)) => Err(refused("`url` and `path` are both written: one of them names the database")),
        _ => {
            Err(refused("`url` or `path` is missing: `url = { credential = \"…\" }`, or the file of SQLite as `path`"))
        }
    }
}

fn refused(message: impl Into<String>) -> Error {
    Error::new(Kind::Fatal, "settings", message)
}

fn setting(name: &str, help: &str) -> (String, Setting) {
    (name.to_owned(), Setting { help: help.to_owned(), ..Setting::default() })
}

fn csv() -> About {
    let required = |(name, setting)| (name, Setting { required: true, ..setting });
    let missing = Setting {
        default: Some("not-visible".into()),
        one_of: vec!["not-visible".into(), "deleted".into()],
        help: "What a line that is no longer there means".into(),
        ..Setting::default()
    };
    About::native(
        "CSV files",
        "https://www.rfc-editor.org/rfc/rfc4180",
        vec![
            required(setting("path", "The file, or a folder of them: `people.csv` is the object `people`")),
            setting("id", "The column of the id. Default: id"),
            setting("updated_at", "The column that says when a line was last changed"),
            setting("unique", "Columns that hold each value once, with commas: email"),
            setting("delimiter", "What stands between values: `,`, `;`, `tab`. Default: ,"),
            ("missing".into(), missing),
        ],
    )
}

fn sql() -> About {
    let url = Setting {
        kind: SettingKind::Secret,
        help: "postgres://user:password@host/database, or mysql://…".into(),
        ..Setting::default()
    };
    let missing = Setting {
        default: Some("deleted".into()),
        one_of: vec!["deleted".into(), "not-visible".into()],
        help: "What a row that is no longer there means: `not-visible` where the database hides rows from the login"
            .into(),
        ..Setting::default()
    };
    About::native(
        "Tables of PostgreSQL, MySQL, SQLite",
        "https://docs.rs/sqlx",
        vec![
            ("url".into(), url),
            setting("path", "The file of SQLite, instead of `url`"),
            setting("id", "The column of the id. Default: id"),
            setting(
                "updated_at",
                "The column that says when a row was last changed; without it every row is read each time",
            ),
            setting("created_at", "The column that says when a row was made"),
            setting("deleted", "The column that flags a deleted row: a truth, a number, a time or a word"),
            setting("unique", "Columns that hold each value once, with commas: email"),
            ("missing".into(), missing),
        ],
    )
}
