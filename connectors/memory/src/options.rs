//! The shape of a service: its objects, their fields, its sizes and habits.

use std::{collections::BTreeMap, time::Duration};

use hymnal_sdk::{Capabilities, Deletions, Forms, Gone, ListKind, NativeKind, Schema, SchemaField, Whereto};

/// The shape of the whole service.
#[derive(Clone, Debug, Default)]
pub struct MemoryOptions {
    /// The id of the account behind the login.
    pub account: String,
    /// Its objects, by name.
    pub objects: BTreeMap<String, ObjectOptions>,
    /// Decides everything that a fault leaves to chance.
    pub seed: u64,
    /// How long a request is under way, and an answer as well. Zero: calls are answered at once.
    pub latency: Duration,
}

impl MemoryOptions {
    /// A service with one object.
    pub fn new(object: impl Into<String>, options: ObjectOptions) -> Self {
        Self { account: "memory".into(), ..Self::default() }.with(object, options)
    }

    /// The same, with one more object.
    #[must_use]
    pub fn with(mut self, object: impl Into<String>, options: ObjectOptions) -> Self {
        self.objects.insert(object.into(), options);
        self
    }
}

/// The shape of one object.
#[derive(Clone, Debug)]
pub struct ObjectOptions {
    /// Its fields: what is not among them can neither be read nor written.
    pub schema: Schema,
    /// What can be done with it. Obeyed to the letter: a batch size of 0 refuses the method.
    pub capabilities: Capabilities,
    /// What a read by id says of a deleted record.
    pub deleted_reads: DeletedReads,
    /// Fields whose value moves forward in this order only: a step back is answered with success and does nothing, unless
    /// the field is blank.
    pub forward_only: BTreeMap<String, Vec<String>>,
    /// How far a look-up by key lags behind; zero: it is consistent.
    pub find_lag: Duration,
    /// Records tell who changed them last.
    pub tells_actor: bool,
    /// A reading that asks for a field that is not there is refused, as in Salesforce; else the field is left out, as in
    /// HubSpot.
    pub refuses_unknown: bool,
}

/// What a read by id says of a deleted record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeletedReads {
    /// That it is not there, as HubSpot does where archived records are not asked for.
    Gone,
    /// That it is deleted, as Salesforce's `queryAll` does.
    Flagged,
}

impl ObjectOptions {
    /// An object that can do everything, a hundred records at a time, listed by time of change without delay.
    pub fn new(fields: Vec<SchemaField>) -> Self {
        let unique = fields.iter().filter(|field| field.unique).map(|field| field.name.clone()).collect();
        let capabilities = Capabilities {
            list: ListKind::Changes,
            list_page: 100,
            get_batch: 100,
            find_batch: 100,
            create_batch: 100,
            update_batch: 100,
            upsert_batch: 100,
            delete_batch: 100,
            erase_batch: 0,
            deletions: Deletions::Feed,
            deleted: Whereto::Bin,
            gone: Gone::Deleted,
            unique,
            write_returns_record: true,
            omits_blanks: false,
            history: true,
            conditional: false,
            overlap: Duration::ZERO,
            forms: Forms::default(),
            on_create: Vec::new(),
            never_write: Vec::new(),
            clear_first: Vec::new(),
        };
        Self {
            schema: Schema { fields },
            capabilities,
            deleted_reads: DeletedReads::Gone,
            forward_only: BTreeMap::new(),
            find_lag: Duration::ZERO,
            tells_actor: true,
            refuses_unknown: false,
        }
    }
}

/// A field that can be given at creation and changed, without further rules.
pub fn field(name: &str, kind: NativeKind) -> SchemaField {
    SchemaField {
        name: name.to_owned(),
        label: name.to_owned(),
        kind,
        options: Vec::new(),
        barred: Vec::new(),
        restricted: false,
        max_length: None,
        required: false,
        createable: true,
        updateable: true,
        unique: false,
    }
}

/// A text field that holds each value at most once.
pub fn unique(name: &str) -> SchemaField {
    SchemaField { unique: true, ..field(name, NativeKind::Text) }
}

/// A field that takes one of these choices and nothing else.
pub fn choice(name: &str, options: &[&str]) -> SchemaField {
    SchemaField {
        options: options.iter().map(|&option| option.to_owned()).collect(),
        restricted: true,
        ..field(name, NativeKind::Choice)
    }
}
