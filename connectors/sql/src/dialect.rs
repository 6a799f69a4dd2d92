//! Where the three databases differ.

use hymnal_sdk::NativeKind;

use crate::table::Column;

/// A kind of database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Postgres,
    MySql,
    Sqlite,
}

impl Dialect {
    /// The database of a URL's scheme.
    pub(crate) fn of(scheme: &str) -> Option<Self> {
        match scheme {
            "postgres" | "postgresql" => Some(Self::Postgres),
            "mysql" | "mariadb" => Some(Self::MySql),
            "sqlite" => Some(Self::Sqlite),
            _ => None,
        }
    }

    /// What every connection is told first: times in UTC and in the form that is read back.
    pub(crate) fn greeting(self) -> &'static [&'static str] {
        match self {
            Self::Postgres => &["SET TIME ZONE 'UTC'", "SET datestyle = 'ISO'", "SET statement_timeout = '120s'"],
            // Without the strict mode MySQL cuts what is too long and stores 0 for what is no number.
            Self::MySql => &["SET time_zone = '+00:00'", "SET sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES')"],
            Self::Sqlite => &["PRAGMA foreign_keys = ON"],
        }
    }

    /// A name that stands for itself, whatever is in it. A table may have a schema before it: `sales.people`.
    pub(crate) fn quote(self, name: &str) -> String {
        let (mark, doubled) = if self == Self::MySql { ("`", "``") } else { ("\"", "\"\"") };
        format!("{mark}{}{mark}", name.replace(mark, doubled))
    }

    pub(crate) fn table(self, object: &str) -> String {
        object.split('.').map(|part| self.quote(part)).collect::<Vec<_>>().join(".")
    }

    /// The value of a column as text, so that no digit is lost on the way.
    pub(crate) fn text(self, column: &str) -> String {
        let column = self.quote(column);
        match self {
            Self::Postgres => format!("{column}::text"),
            Self::MySql => format!("CAST({column} AS CHAR)"),
            Self::Sqlite => format!("CAST({column} AS TEXT)"),
        }
    }

    /// The place of the `number`th value (from 1), given as text, as a value of the column's type.
    pub(crate) fn value(self, number: usize, column: &Column) -> String {
        match self {
            // Without the length of the type: a cast to `varchar(3)` would cut, an assignment refuses.
            Self::Postgres => format!("${number}::text::{}", column.sql_type),
            Self::MySql if column.kind == NativeKind::Number && column.whole => "CAST(? AS SIGNED)".into(),
            Self::MySql | Self::Sqlite => "?".into(),
        }
    }

    /// The place of the `number`th value as text.
    pub(crate) fn place(self, number: usize) -> String {
        match self {
            Self::Postgres => format!("${number}::text"),
            Self::MySql | Self::Sqlite => "?".into(),
        }
    }

    /// What tells databases apart: two logins to one database say the same.
    pub(crate) fn account(self) -> &'static str {
        match self {
            Self::Postgres => {
                "SELECT current_database() || '@' || coalesce(host(inet_server_addr()), 'local') || ':' || \
                 coalesce(inet_server_port(), 0)::text"
            }
            Self::MySql => "SELECT CONCAT(DATABASE(), '@', @@hostname, ':', @@port)",
            Self::Sqlite => "SELECT file FROM pragma_database_list WHERE name = 'main'",
        }
    }

    /// Name, type, whether a value is needed at creation, longest text, key of the type; one row a column.
    pub(crate) fn describe(self) -> &'static str {
        match self {
            // PostgreSQL 15, "pg_attribute", "pg_type": `atttypmod` of varchar and bpchar is the length and four.
            Self::Postgres => {
                "SELECT a.attname::text, quote_ident(n.nspname) || '.' || quote_ident(t.typname), \
                 t.typname::text, \
                 CASE WHEN a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' THEN '1' ELSE '0' END, \
                 CASE WHEN t.typname IN ('varchar', 'bpchar') AND a.atttypmod > 4 \
                   THEN (a.atttypmod - 4)::text END, \
                 CASE WHEN a.attgenerated <> '' OR a.attidentity = 'a' THEN '1' ELSE '0' END, \
                 (SELECT string_agg(e.enumlabel, chr(31) ORDER BY e.enumsortorder) FROM pg_enum e \
                   WHERE e.enumtypid = t.oid) \
                 FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid \
                 JOIN pg_namespace n ON n.oid = t.typnamespace \
                 WHERE a.attrelid = to_regclass($1::text) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"
            }
            Self::MySql => {
                "SELECT CAST(column_name AS CHAR), CAST(column_type AS CHAR), CAST(data_type AS CHAR), \
                 CASE WHEN is_nullable = 'NO' AND column_default IS NULL AND extra NOT LIKE '%auto_increment%' \
                   THEN '1' ELSE '0' END, \
                 CAST(character_maximum_length AS CHAR), \
                 CASE WHEN extra LIKE '%GENERATED%' THEN '1' ELSE '0' END, \
                 CASE WHEN data_type = 'enum' THEN CAST(column_type AS CHAR) END \
                 FROM information_schema.columns \
                 WHERE CONCAT(CASE WHEN ? LIKE '%.%' THEN CONCAT(table_schema, '.') ELSE '' END, table_name) = ? \
                 AND (table_schema = DATABASE() OR ? LIKE '%.%') ORDER BY ordinal_position"
            }
            Self::Sqlite => {
                "SELECT name, CAST(type AS TEXT), lower(CAST(type AS TEXT)), \
                 CASE WHEN \"notnull\" = 1 AND dflt_value IS NULL AND pk = 0 THEN '1' ELSE '0' END, \
                 NULL, CASE WHEN hidden IN (2, 3) THEN '1' ELSE '0' END, NULL \
                 FROM pragma_table_xinfo(?) WHERE hidden <> 1 ORDER BY cid"
            }
        }
    }

    /// How often [`Dialect::describe`] takes the name of the table.
    pub(crate) fn describe_places(self) -> usize {
        if self == Self::MySql { 3 } else { 1 }
    }
}

/// Rows that are flagged as deleted.
impl Dialect {
    pub(crate) fn flagged(self, column: &Column) -> String {
        let name = self.quote(&column.name);
        match (column.kind, self) {
            (NativeKind::Bool, Self::Postgres) => format!("({name} IS TRUE)"),
            (NativeKind::Bool | NativeKind::Number, _) => format!("(COALESCE({name}, 0) <> 0)"),
            (NativeKind::Text | NativeKind::Choice, _) => {
                format!("(COALESCE(lower({}), '') NOT IN ('', '0', 'f', 'false', 'n', 'no'))", self.text(&column.name))
            }
            _ => format!("({name} IS NOT NULL)"),
        }
    }

    /// What a flag is set to.
    pub(crate) fn flag(self, column: &Column) -> &'static str {
        match (column.kind, self) {
            (NativeKind::Bool, Self::Postgres) => "TRUE",
            (NativeKind::Datetime | NativeKind::Date, _) => "CURRENT_TIMESTAMP",
            (NativeKind::Text | NativeKind::Choice, _) => "'true'",
            _ => "1",
        }
    }
}
