//! What the two services and the sync between them look like, and how a test changes that.

use std::{collections::BTreeMap, time::Duration};

use hymnal::{
    mapping::{FieldMap, FieldType, NativeField, Value},
    merge::{
        Ambiguous, Back, Blanks, Consent, FieldPolicy, FieldRule, FirstRun, Flow, Guards, Keyless, Mode, OnConflict,
        OnOverride, Pair, Side, SyncRules, SystemRules,
    },
};
use hymnal_memory::{DeletedReads, ObjectOptions, options};
use hymnal_sdk::NativeKind;

use super::{CONTACTS, LEADS, Stage};

/// A world before it begins.
pub(crate) struct Shape {
    pub(crate) contacts: ObjectOptions,
    pub(crate) leads: ObjectOptions,
    /// The other object on the right.
    pub(crate) clients: ObjectOptions,
    pub(crate) rules: SyncRules,
    pub(crate) seed: u64,
}

impl Default for Shape {
    fn default() -> Self {
        let mut contacts = object();
        contacts.deleted_reads = DeletedReads::Gone;
        let mut leads = object();
        leads.capabilities.write_returns_record = false;
        leads.deleted_reads = DeletedReads::Flagged;
        Self { contacts, clients: leads.clone(), leads, rules: rules(), seed: 1 }
    }
}

impl Shape {
    pub(crate) fn stage(self) -> Stage {
        Stage::build(self)
    }

    /// E-mails are unique in most services; where they are not, this is what there can be.
    pub(crate) fn not_unique() -> Self {
        let mut shape = Self::default();
        for object in [&mut shape.contacts, &mut shape.leads, &mut shape.clients] {
            let fields = &mut object.schema.fields;
            fields.iter_mut().filter(|field| field.name == "email").for_each(|field| field.unique = false);
            object.capabilities.unique.retain(|name| name != "email");
        }
        shape
    }

    /// The rule of a field.
    pub(crate) fn rule(&mut self, name: &str) -> &mut FieldRule {
        field(&mut self.rules, name)
    }

    /// The object of a side.
    pub(crate) fn side(&mut self, side: Side) -> &mut ObjectOptions {
        match side {
            Side::Left => &mut self.contacts,
            Side::Right => &mut self.leads,
        }
    }
}

/// The rule of a field.
pub(crate) fn field<'a>(rules: &'a mut SyncRules, name: &str) -> &'a mut FieldRule {
    rules.fields.iter_mut().find(|rule| rule.map.name == name).expect("a field of the sync")
}

fn object() -> ObjectOptions {
    let text = |name| options::field(name, NativeKind::Text);
    let mut object = ObjectOptions::new(vec![
        options::unique("email"),
        text("name"),
        text("city"),
        text("phone"),
        text("title"),
        text("memo"),
        text("optout"),
        options::field("tags", NativeKind::Set),
        options::unique("hymnal_id"),
    ]);
    object.capabilities.list_page = 3;
    for batch in [
        &mut object.capabilities.get_batch,
        &mut object.capabilities.find_batch,
        &mut object.capabilities.create_batch,
        &mut object.capabilities.update_batch,
    ] {
        *batch = 4;
    }
    object
}

fn rules() -> SyncRules {
    let mut fields = vec![
        rule("email", FieldType::Email),
        rule("name", FieldType::Text),
        rule("city", FieldType::Text),
        rule("title", FieldType::Text),
        rule("memo", FieldType::Text),
        rule("optout", FieldType::Choice),
        rule("tags", FieldType::Set),
        rule("phone", FieldType::Text),
    ];
    fields[3].policy.flow = Flow::From(Side::Left);
    fields[4].policy.on_conflict = OnConflict::Manual;
    fields[4].policy.first_link = OnConflict::Manual;
    fields[5].policy.on_conflict = OnConflict::Restrictive;
    fields[5].policy.first_link = OnConflict::Restrictive;
    fields[5].policy.consent = Some(Consent {
        steps: vec![Value::Text("no".into()), Value::Text("yes".into())],
        may_loosen: Pair::new(true, false),
    });
    fields[6].policy.on_conflict = OnConflict::Union;
    fields[6].policy.first_link = OnConflict::Union;
    SyncRules {
        name: "people".into(),
        systems: Pair::new(system("marketing", CONTACTS), system("crm", LEADS)),
        fields,
        matching: vec![vec![0]],
        include: None,
        mode: Mode::Sync,
        ambiguous: Ambiguous::Review,
        keyless: Keyless::List,
        priority: Side::Right,
        every: Duration::from_mins(1),
        first_run: FirstRun::Go,
        verify: true,
        guards: Guards::default(),
        delete_grace: Duration::from_mins(15),
        deletions_every: Duration::from_mins(5),
        on_delete: Pair::default(),
        full_check: Duration::from_hours(24),
        max_flips: 3,
        clock_uncertainty: Duration::from_secs(5),
        settle: Duration::from_secs(30),
    }
}

fn system(connector: &str, object: &str) -> SystemRules {
    SystemRules {
        connector: connector.into(),
        objects: vec![object.into()],
        create: Some(object.into()),
        create_when: None,
        external_id: None,
        defaults: BTreeMap::new(),
    }
}

fn rule(name: &str, kind: FieldType) -> FieldRule {
    let native = NativeField { name: name.into(), ..NativeField::default() };
    let objects = |names: &[&str]| names.iter().map(|&object| (object.to_owned(), native.clone())).collect();
    FieldRule {
        renamed_from: None,
        map: FieldMap {
            name: name.into(),
            kind,
            region: None,
            native: Pair::new(objects(&[CONTACTS]), objects(&[LEADS, "accounts"])),
        },
        policy: FieldPolicy {
            on_conflict: OnConflict::Latest,
            flow: Flow::Both,
            blanks: Blanks::Clear,
            first_link: OnConflict::Prefer(Side::Right),
            on_override: OnOverride::Restore,
            order: Vec::new(),
            back: Back::Allow,
            consent: None,
        },
    }
}
