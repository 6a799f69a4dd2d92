//! Every key of the file, once: what the reader accepts, what the schema says and what the example must show all
//! come from these tables.

/// The keys of one table.
#[derive(Debug)]
pub(super) struct Keys {
    /// What can be written.
    pub(super) known: &'static [Key],
    /// What is documented and does not work yet: refused by name.
    pub(super) unbuilt: &'static [Unbuilt],
    /// What further names mean, where the user or a manifest chooses them.
    pub(super) open: Option<Shape>,
}

/// One key.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    /// For people who write the file: the schema shows it.
    pub(super) about: &'static str,
}

/// A key whose feature is not built yet.
#[derive(Debug)]
pub(super) struct Unbuilt {
    pub(super) name: &'static str,
    /// What to do instead.
    pub(super) hint: &'static str,
}

/// What a key holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// Text that is not empty.
    Text,
    /// `true` or `false`.
    Truth,
    /// A whole number within these bounds, both included.
    Whole(i64, i64),
    /// A part of one: above 0 and up to 1.
    Share,
    /// A part of one: from 0 to below 1.
    Reserve,
    /// `"30s"`, more than nothing.
    Duration,
    /// `"30s"` or nothing: `"0s"`.
    DurationOrZero,
    /// One of these words.
    OneOf(&'static Choices),
    /// A list of text.
    Texts,
    /// Key sets.
    TextLists,
    /// Text by connector.
    TextBySystem,
    /// Text or a list of it, by connector.
    ObjectsBySystem,
    /// An object or `false`, by connector, or `false` for both.
    CreateBySystem,
    /// A word by connector.
    OneOfBySystem(&'static Choices),
    /// Something by connector, or by connector and object.
    ByObject(Leaf),
    /// A native name, or one by object.
    Natives,
    /// What a manifest declares: text or a reference to a secret.
    Setting,
    /// `false`, or a table of a count and a share.
    Limit,
    /// A table.
    Table(&'static Keys),
    /// Tables by a name that the user chooses.
    Named(&'static Keys),
}

/// What a key by object holds in the end.
#[derive(Clone, Copy, Debug)]
pub(super) enum Leaf {
    /// A native value to write.
    Native,
    /// Native values.
    Natives,
    /// Canonical values with their natives.
    Values,
}

/// The words that a key accepts.
#[derive(Debug)]
pub(super) struct Choices {
    pub(super) built: &'static [&'static str],
    pub(super) unbuilt: &'static [&'static str],
}

const fn key(name: &'static str, shape: Shape, about: &'static str) -> Key {
    Key { name, shape, about }
}

const fn unbuilt(name: &'static str, hint: &'static str) -> Unbuilt {
    Unbuilt { name, hint }
}

pub(super) static ROOT: Keys = Keys {
    known: &[
        key("version", Shape::Whole(1, 1), "The version of this format: 1."),
        key("daemon", Shape::Table(&DAEMON), "The process: where it keeps things and what it listens on."),
        key("connectors", Shape::Named(&CONNECTOR), "The systems, by a name that is yours."),
        key("sync", Shape::Named(&SYNC), "What is kept the same, by a name that is yours."),
        key("store", Shape::Table(&STORE), "Where the state is kept."),
    ],
    unbuilt: &[
        unbuilt("webhooks", "remove the table: changes are found by polling, at the pace of `every`"),
        unbuilt("notify", "remove the table: watch `hymnal status` and the log"),
        unbuilt("scoreboard", "remove the table"),
    ],
    open: None,
};

pub(super) static DAEMON: Keys = Keys {
    known: &[
        key(
            "state_dir",
            Shape::Text,
            "Where the state is kept. Default: $STATE_DIRECTORY, else ./hymnal-state beside the file.",
        ),
        key("listen", Shape::Text, "A loopback address and port for /healthz and /readyz. Default: 127.0.0.1:7420."),
        key("timezone", Shape::Text, "The zone of schedules: America/New_York. Default: the machine's."),
        key("connector_dirs", Shape::Texts, "Folders with more manifests; these win over the built-in ones."),
        key("conflict_log", Shape::Text, "The conflict log. Default: <state_dir>/conflicts.jsonl."),
        key("history_days", Shape::Whole(1, 36_500), "How many days the history is kept. Default: 800."),
        key(
            "mask_values",
            Shape::Truth,
            "Masks the values in the conflict log; the store keeps the real ones. Default: false.",
        ),
    ],
    unbuilt: &[],
    open: None,
};

pub(super) static STORE: Keys = Keys {
    known: &[
        key(
            "kind",
            Shape::OneOf(&Choices { built: &["sled"], unbuilt: &["memory", "postgresql"] }),
            "The kind of store. Default: sled.",
        ),
        key("cache_mb", Shape::Whole(1, 1_048_576), "Memory for its cache, in MB. Default: 64."),
    ],
    unbuilt: &[],
    open: None,
};

pub(super) static CONNECTOR: Keys = Keys {
    known: &[
        key("type", Shape::Text, "The connector type: hubspot, salesforce, …"),
        key("role", Shape::OneOf(&Choices { built: &["marketing", "sales"], unbuilt: &[] }), "What the system is for."),
        key("limits", Shape::Table(&LIMITS), "Limits that are tighter than the manifest's."),
    ],
    unbuilt: &[unbuilt("webhook_secret", "remove it: changes are found by polling, at the pace of `every`")],
    open: Some(Shape::Setting),
};

pub(super) static LIMITS: Keys = Keys {
    known: &[
        key("daily_share", Shape::Share, "Our share of the service's daily quota. Default: 0.5."),
        key(
            "reserve",
            Shape::Reserve,
            "The share of ours that is kept for opt-outs and a person's actions. Default: 0.1.",
        ),
        key("concurrency", Shape::Whole(1, 1_000), "Requests at once. Default: the manifest's."),
    ],
    unbuilt: &[],
    open: None,
};

static FIRST_LINK: &str = "Who wins where both sides have a value when records are linked.";

pub(super) static SYNC: Keys = Keys {
    known: &[
        key(
            "between",
            Shape::ObjectsBySystem,
            "The two connectors, each with an object or a list, the preferred one first.",
        ),
        key("create", Shape::CreateBySystem, "Which object people are created as; false: never. Default: false."),
        key(
            "match",
            Shape::TextLists,
            "Key sets of canonical names; a later one counts only where the earlier are blank. Default: [[\"email\"]].",
        ),
        key(
            "ambiguous",
            Shape::OneOf(&Choices { built: &["review", "oldest", "latest"], unbuilt: &[] }),
            "What happens when a key leads to several people. Default: review.",
        ),
        key(
            "keyless",
            Shape::OneOf(&Choices { built: &["list", "create"], unbuilt: &[] }),
            "What happens to a record that no key can be formed of. Default: list.",
        ),
        key("every", Shape::Duration, "Time between the starts of two cycles. Default: 30s."),
        key(
            "first_run",
            Shape::OneOf(&Choices { built: &["plan", "go"], unbuilt: &[] }),
            "Whether the first run waits for a person. Default: plan.",
        ),
        key(
            "external_id",
            Shape::TextBySystem,
            "A unique native field of ours, written at creation only: creations are then safe to repeat.",
        ),
        key(
            "include",
            Shape::Text,
            "Who is in the sync: an expression over canonical fields. Who leaves is written no more, and stays linked.",
        ),
        key(
            "create_when",
            Shape::TextBySystem,
            "Who is created there: an expression over canonical fields. Who exists there is kept current anyway.",
        ),
        key(
            "mode",
            Shape::OneOf(&Choices { built: &["sync", "observe"], unbuilt: &[] }),
            "observe: reads and merges, never writes; it may name one connector. Default: sync.",
        ),
        key("first_link", Shape::Text, FIRST_LINK),
        key(
            "priority",
            Shape::Texts,
            "Both connectors, the one that wins ties first. Default: the sales system first.",
        ),
        key(
            "on_delete",
            Shape::OneOfBySystem(&Choices {
                built: &["unlink", "archive", "delete", "recreate", "restrict"],
                unbuilt: &[],
            }),
            "What happens on the other side when a record is deleted there. Default: unlink.",
        ),
        key("verify", Shape::Truth, "Read before write. Default: true."),
        key(
            "delete_grace",
            Shape::DurationOrZero,
            "Nothing is done about a deletion before it is this old. Default: 15m.",
        ),
        key("deletions_every", Shape::Duration, "How often deletions are looked for. Default: 5m."),
        key(
            "full_check",
            Shape::Duration,
            "How often everything is listed and compared, whether or not it changed. Default: 1d.",
        ),
        key(
            "max_flips",
            Shape::Whole(1, 1_000),
            "A field that flips more often than this in an hour is frozen. Default: 3.",
        ),
        key("clock_uncertainty", Shape::DurationOrZero, "Edits closer than this are simultaneous. Default: 5s."),
        key("settle", Shape::DurationOrZero, "How long a write in doubt is given to become visible. Default: 10s."),
        key("guards", Shape::Table(&GUARDS), "How much may be written before a person is asked."),
        key("fields", Shape::Named(&FIELD), "The mapped fields, by canonical name."),
    ],
    unbuilt: &[],
    open: None,
};

/// The guards of a sync.
pub(super) static GUARDS: Keys = Keys {
    known: &[
        key("window", Shape::Duration, "Over so long, rolling. Default: 1h."),
        key("max_creates", Shape::Limit, "Records made. Default: { count = 1000, share = 0.10 }."),
        key("max_updates", Shape::Limit, "Records changed. Default: { count = 5000, share = 0.20 }."),
        key("max_deletes", Shape::Limit, "Records unlinked or deleted. Default: { count = 10, share = 0.01 }."),
        key(
            "max_blanked",
            Shape::Limit,
            "Records in which a value is cleared. Default: { count = 100, share = 0.02 }.",
        ),
        key(
            "max_optout_changes",
            Shape::Limit,
            "Records in which a consent changes. Default: { count = 200, share = 0.05 }.",
        ),
    ],
    unbuilt: &[],
    open: None,
};

/// One guard.
pub(super) static LIMIT: Keys = Keys {
    known: &[
        key("count", Shape::Whole(0, 1_000_000_000), "So many."),
        key("share", Shape::Share, "This part of the linked people, from a hundred on."),
    ],
    unbuilt: &[],
    open: None,
};

/// The options of a field. Connectors are named beside them, so none of these can be a connector's name.
pub(super) static FIELD: Keys = Keys {
    known: &[
        key(
            "type",
            Shape::OneOf(&Choices {
                built: &[
                    "text", "email", "phone", "url", "bool", "integer", "decimal", "date", "datetime", "choice", "set",
                    "user",
                ],
                unbuilt: &[],
            }),
            "The canonical type. Default: text.",
        ),
        key("flow", Shape::Text, "both, or one way: crm -> marketing. Default: both."),
        key(
            "on_conflict",
            Shape::Text,
            "Who wins when both sides edited: latest, prefer NAME, always NAME, manual, union, furthest, restrictive, max, min. Default: latest.",
        ),
        key("first_link", Shape::Text, FIRST_LINK),
        key(
            "blanks",
            Shape::OneOf(&Choices { built: &["clear", "ignore"], unbuilt: &[] }),
            "Whether a cleared field clears the other side. Default: clear.",
        ),
        key("blank_as", Shape::ByObject(Leaf::Natives), "Natives that are read as blank."),
        key(
            "default",
            Shape::ByObject(Leaf::Native),
            "What is written where a creation needs the field; it reads back as blank.",
        ),
        key(
            "values",
            Shape::ByObject(Leaf::Values),
            "Canonical values and their natives: the first is written, all are read.",
        ),
        key(
            "fallback",
            Shape::ByObject(Leaf::Native),
            "The e-mail of whom a user is written as where nobody active has the right address.",
        ),
        key("order", Shape::Texts, "The order of a furthest field, first to last."),
        key(
            "back",
            Shape::OneOf(&Choices { built: &["allow", "refuse"], unbuilt: &[] }),
            "Whether a single edit may move a furthest field back. Default: allow.",
        ),
        key(
            "unmapped",
            Shape::OneOf(&Choices { built: &["keep", "park"], unbuilt: &[] }),
            "What happens to natives that values does not list. Default: keep.",
        ),
        key("region", Shape::Text, "The region of phones without a country code: US."),
        key("consent", Shape::Texts, "The values of a consent field, from open to restricted."),
        key("may_loosen", Shape::Texts, "Where a person may loosen a consent. Default: nowhere."),
        key(
            "renamed_from",
            Shape::Text,
            "The canonical or native name that it had before: what is known of it stays known.",
        ),
        key(
            "on_override",
            Shape::OneOf(&Choices { built: &["restore", "keep"], unbuilt: &[] }),
            "What happens to a value that a rule refuses. Default: restore.",
        ),
    ],
    unbuilt: &[],
    open: Some(Shape::Natives),
};

impl Keys {
    /// What can be written here, without names that the user chooses.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.known.iter().map(|key| key.name)
    }

    /// The key of that name.
    pub(super) fn key(&self, name: &str) -> Option<&'static Key> {
        self.known.iter().find(|key| key.name == name)
    }

    /// The key of that name, where it is documented and not built.
    pub(super) fn unbuilt(&self, name: &str) -> Option<&'static Unbuilt> {
        self.unbuilt.iter().find(|key| key.name == name)
    }
}
