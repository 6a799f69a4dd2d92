//! What a shape means: the two services' options, and the rules of the sync between them.

use std::{collections::BTreeMap, time::Duration};

use hymnal::{
    mapping::{Expression, FieldMap, FieldType, NativeField, Value},
    merge::{
        Ambiguous, Back, Blanks, Consent, FieldPolicy, FieldRule, FirstRun, Flow, Guards, Keyless, Limit, Mode,
        OnConflict, OnDelete, OnOverride, Pair, Side, SyncRules, SystemRules,
    },
};
use hymnal_memory::{DeletedReads, ObjectOptions, options};
use hymnal_sdk::{Deletions, Gone, ListKind, NativeKind};

use crate::{
    schedule::{Farewell, Shape, Topic},
    staff::DESK,
};

/// The object that people live in on a side.
pub(crate) fn object(side: Side) -> &'static str {
    match side {
        Side::Left => "contacts",
        Side::Right => "leads",
    }
}

/// What leads on the right become.
pub(crate) const CLIENTS: &str = "clients";

/// All objects of people on a side, the preferred one first.
pub(crate) fn objects(shape: &Shape, side: Side) -> Vec<&'static str> {
    let clients = (side == Side::Right && shape.has_clients()).then_some(CLIENTS);
    clients.into_iter().chain([object(side)]).collect()
}

impl Shape {
    /// The right has clients besides leads.
    pub(crate) fn has_clients(&self) -> bool {
        matches!(self.topic, Topic::Conversions { .. })
    }
}

/// Those of them that are in the sync.
fn synced(shape: &Shape, side: Side) -> Vec<&'static str> {
    let mut objects = objects(shape, side);
    objects.retain(|object| *object != CLIENTS || shape.topic == Topic::Conversions { synced: true });
    objects
}

/// The field by which we know what we made.
pub(crate) const EXTERNAL_ID: &str = "hymnal_id";
/// A field that nobody mapped.
pub(crate) const UNMAPPED: &str = "notes";
/// So many characters fit into `phone` on the right.
pub(crate) const PHONE_FITS: usize = 12;

/// What the service is like.
pub(crate) fn options(shape: &Shape, side: Side) -> ObjectOptions {
    let (topic, shape) = (&shape.topic, &shape.sides[side]);
    let text = |name| options::field(name, NativeKind::Text);
    let email = if shape.unique_email { options::unique("email") } else { text("email") };
    let mut phone = text("phone");
    if side == Side::Right {
        phone.max_length = Some(u32::try_from(PHONE_FITS).expect("small"));
    }
    let mut object = ObjectOptions::new(vec![
        email,
        text("name"),
        text("city"),
        phone,
        text("title"),
        text("memo"),
        text("quote"),
        options::field("score", NativeKind::Number),
        options::choice("stage", &["new", "open", "won", "lost"]),
        options::field("tags", NativeKind::Set),
        options::choice("optout", &["no", "yes"]),
        text(UNMAPPED),
        options::unique(EXTERNAL_ID),
    ]);
    if *topic == Topic::Owners {
        object.schema.fields.push(options::field("owner", NativeKind::Reference));
    }
    let capable = &mut object.capabilities;
    capable.list_page = shape.page;
    for batch in [&mut capable.get_batch, &mut capable.find_batch, &mut capable.create_batch, &mut capable.update_batch]
    {
        *batch = shape.batch;
    }
    capable.upsert_batch = shape.batch;
    capable.overlap = Duration::from_mins(10);
    capable.write_returns_record = shape.returns_record;
    capable.history = shape.history;
    capable.conditional = shape.conditional;
    capable.omits_blanks = shape.omits_blanks;
    if shape.scans {
        capable.list = ListKind::Scan;
        capable.deletions = Deletions::Unknown;
    }
    object.capabilities.gone = if shape.gone_is_deleted { Gone::Deleted } else { Gone::NotVisible };
    object.tells_actor = shape.tells_actor;
    object.find_lag = Duration::from_secs(shape.find_lag);
    object.deleted_reads = if shape.flags_deleted { DeletedReads::Flagged } else { DeletedReads::Gone };
    object
}

/// The rules of the sync.
pub(crate) fn rules(shape: &Shape) -> SyncRules {
    let mut fields = vec![
        rule("email", FieldType::Email),
        rule("name", FieldType::Text),
        rule("city", FieldType::Text),
        rule("phone", FieldType::Text),
        rule("title", FieldType::Text),
        rule("memo", FieldType::Text),
        rule("quote", FieldType::Text),
        rule("score", FieldType::Decimal),
        rule("stage", FieldType::Choice),
        rule("tags", FieldType::Set),
        rule("optout", FieldType::Choice),
    ];
    if shape.topic == Topic::Owners {
        let mut owner = rule("owner", FieldType::User);
        for place in owner.map.native.left.values_mut() {
            place.fallback = Some(format!("{DESK}@example.com"));
        }
        fields.push(owner);
    }
    for field in &mut fields {
        place_it(field, shape);
        match field.map.name.as_str() {
            "title" => field.policy.flow = Flow::From(Side::Left),
            "memo" => both(field, OnConflict::Manual),
            "quote" => field.policy.blanks = Blanks::Ignore,
            "score" => both(field, OnConflict::Max),
            "stage" => {
                field.policy.on_conflict = OnConflict::Furthest;
                field.policy.order = ["new", "open", "won"].map(|step| Value::Text(step.into())).to_vec();
                field.policy.back = Back::Allow;
            }
            "tags" => both(field, OnConflict::Union),
            "optout" => {
                both(field, OnConflict::Restrictive);
                field.policy.consent = Some(Consent {
                    steps: vec![Value::Text("no".into()), Value::Text("yes".into())],
                    may_loosen: Pair::new(true, false),
                });
            }
            name => {
                if let Some(policy) = shape.policies.get(name) {
                    field.policy.on_conflict = policy_of(policy);
                }
            }
        }
    }
    SyncRules {
        name: "people".into(),
        systems: Pair::from_fn(|side| system(shape, side)),
        fields,
        matching: vec![vec![0]],
        ambiguous: Ambiguous::Review,
        keyless: Keyless::List,
        priority: shape.priority,
        every: Duration::from_mins(1),
        first_run: FirstRun::Go,
        verify: shape.verify,
        delete_grace: Duration::from_mins(15),
        guards: guards(&shape.topic),
        include: include(&shape.topic),
        mode: Mode::Sync,
        deletions_every: Duration::from_mins(5),
        on_delete: on_delete(&shape.topic),
        full_check: Duration::from_hours(24),
        max_flips: 3,
        clock_uncertainty: Duration::from_secs(5),
        settle: Duration::from_secs(30),
    }
}

fn include(topic: &Topic) -> Option<Expression> {
    let stage = [("stage", FieldType::Choice)];
    (*topic == Topic::Scope).then(|| Expression::compile("stage != 'lost'", &stage).expect("a right expression"))
}

fn on_delete(topic: &Topic) -> Pair<OnDelete> {
    let Topic::Deletions(farewells) = topic else { return Pair::default() };
    Pair::from_fn(|side| match farewells[side] {
        Farewell::Unlink => OnDelete::Unlink,
        Farewell::Archive => OnDelete::Archive,
        Farewell::Delete => OnDelete::Delete,
        Farewell::Recreate => OnDelete::Recreate,
        Farewell::Restrict => OnDelete::Restrict,
    })
}

fn guards(topic: &Topic) -> Guards {
    // A run has fewer people than the other limits, but may have more deletions than this one.
    let guards = Guards { max_deletes: Limit::OFF, ..Guards::default() };
    let Topic::Guards { most } = topic else { return guards };
    let limit = Limit { count: Some(*most), share: None };
    Guards { max_creates: limit, max_updates: limit, ..guards }
}

/// The policies that a field without a fixed one may have.
pub(crate) const POLICIES: [&str; 6] =
    ["latest", "latest", "prefer left", "prefer right", "always left", "always right"];

fn policy_of(text: &str) -> OnConflict {
    match text {
        "prefer left" => OnConflict::Prefer(Side::Left),
        "prefer right" => OnConflict::Prefer(Side::Right),
        "always left" => OnConflict::Always(Side::Left),
        "always right" => OnConflict::Always(Side::Right),
        _ => OnConflict::Latest,
    }
}

fn both(field: &mut FieldRule, policy: OnConflict) {
    field.policy.on_conflict = policy;
    field.policy.first_link = policy;
}

fn system(shape: &Shape, side: Side) -> SystemRules {
    let connector = match side {
        Side::Left => "marketing",
        Side::Right => "crm",
    };
    SystemRules {
        connector: connector.into(),
        objects: synced(shape, side).into_iter().map(str::to_owned).collect(),
        create: Some(object(side).into()),
        create_when: None,
        external_id: shape.sides[side].external_id.then(|| EXTERNAL_ID.into()),
        defaults: BTreeMap::new(),
    }
}

/// The field in every object of the sync.
fn place_it(field: &mut FieldRule, shape: &Shape) {
    for side in Side::BOTH {
        let Some(place) = field.map.native[side].get(object(side)).cloned() else { continue };
        let placed = synced(shape, side).into_iter().map(|object| (object.to_owned(), place.clone()));
        field.map.native[side] = placed.collect();
    }
}

fn rule(name: &str, kind: FieldType) -> FieldRule {
    let native = NativeField { name: name.into(), ..NativeField::default() };
    let place = |side: Side| [(object(side).to_owned(), native.clone())].into();
    FieldRule {
        renamed_from: None,
        map: FieldMap { name: name.into(), kind, region: None, native: Pair::from_fn(place) },
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
