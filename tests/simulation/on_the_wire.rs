//! A HubSpot and a Salesforce in process, behind their manifests and all layers of HTTP: limits, logins, retries, paging
//! and quoting are simulated too.

mod faults;
mod line;

#[path = "../standins/kept.rs"]
mod kept;
#[path = "../standins/no_environment.rs"]
mod no_environment;

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::Arc,
};

use hymnal::{
    config::{Config, SettingValue as Configured, load},
    http::{Layers, LayersConfig},
    merge::{Side, SyncRules},
    wire::Manifests,
};
use hymnal_memory::service::Row;
use hymnal_rest::{Service, SettingValue};
use hymnal_sandbox::{Control, Sandbox, SandboxOptions, Side as Face};
use hymnal_sdk::{Actor, ActorKind, Address, Clock, Connector, Fields, Ledger, Native, Vault, http::Share};

use self::{kept::Kept, line::Line, no_environment::NoEnvironment};
use crate::{
    clock::Virtual,
    oracle::{Bent, Shared, Source},
    remote::{Road, Watched},
    schedule::{On, Shape, Wrong},
    services::{Services, Typed},
};

/// Where both pretend to be; nothing listens there.
const ADDRESS: &str = "http://127.0.0.1:9";

/// Seconds by which a stale answer lags at most: as long as both services say themselves.
pub(crate) const MOST_STALE: u64 = 20;

/// Canonical fields with their native names, left and right.
const FIELDS: [(&str, [&str; 2]); 6] = [
    ("email", ["email", "Email"]),
    ("name", ["firstname", "FirstName"]),
    ("surname", ["lastname", "LastName"]),
    ("city", ["city", "MailingCity"]),
    ("title", ["jobtitle", "Title"]),
    ("memo", ["company", "Department"]),
];

/// The two, and what Hymnal's HTTP layers keep across restarts.
pub(crate) struct OnTheWire {
    seed: u64,
    sandbox: Sandbox,
    config: Config,
    manifests: Manifests,
    clock: Virtual,
    kept: Arc<Kept>,
}

impl OnTheWire {
    pub(crate) fn new(shape: &Shape, clock: &Virtual) -> Self {
        let mut options = SandboxOptions::new(Arc::new(clock.clone()));
        options.salesforce.instance_url = ADDRESS.into();
        let sandbox = Sandbox::new(&options);
        let manifests = Manifests::load(&[]).expect("manifests that read");
        let text = configuration(shape, &options);
        let config = load(Path::new("hymnal.toml"), &text, &manifests.catalog(), &NoEnvironment)
            .unwrap_or_else(|wrong| panic!("{wrong:?}"));
        Self { seed: shape.seed, sandbox, config, manifests, clock: clock.clone(), kept: Arc::default() }
    }

    fn control(&self, side: Side) -> Control {
        self.sandbox.control(face(side))
    }
}

impl Services for OnTheWire {
    fn rules(&self) -> SyncRules {
        self.config.syncs[0].clone()
    }

    fn connector(&self, side: Side, life: u64, road: &Road, oracle: &Shared) -> Arc<dyn Connector> {
        let name = &self.config.syncs[0].systems[side].connector;
        let wanted = self.config.connector(name).expect("a connector of that name");
        let manifest = &self.manifests.get(&wanted.kind).expect("a manifest of that type").manifest;
        let setting = |value: &Configured| match value {
            Configured::Text(text) | Configured::Url(text) => SettingValue::Text(text.clone()),
            Configured::Secret(secret) => SettingValue::Secret(secret.value.clone()),
        };
        let settings = wanted.settings.iter().map(|(name, value)| (name.clone(), setting(value))).collect();
        let service = Service::new(Arc::clone(manifest), &settings).expect("settings of the manifest");
        let mut limits = service.limits().expect("limits of the manifest");
        limits.daily_share = Share::new(wanted.limits.daily_share);
        limits.reserve = Share::new(wanted.limits.reserve);
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        let line = Line {
            sandbox: self.sandbox.clone(),
            side,
            road: road.clone(),
            oracle: oracle.clone(),
            clock: self.clock.clone(),
        };
        let layers = Layers::new(LayersConfig {
            name: name.clone(),
            transport: Arc::new(line),
            login: service.login(),
            classify: service.classify(),
            limits,
            clock: Arc::clone(&clock),
            ledger: Arc::clone(&self.kept) as Arc<dyn Ledger>,
            vault: Arc::clone(&self.kept) as Arc<dyn Vault>,
            seed: self.seed.wrapping_mul(31) + life,
        });
        let connector: Arc<dyn Connector> = Arc::new(service.connector(layers, clock));
        Arc::new(Watched::at_its_ends(connector, side, oracle.clone()))
    }

    fn source(&self, side: Side) -> Source {
        let control = self.control(side);
        Box::new(move |after| {
            let mut changed: Vec<Row> = control.rows(object(side));
            changed.retain(|row| row.sequence > after);
            changed.sort_by_key(|row| row.sequence);
            changed.into_iter().map(|row| (object(side).to_owned(), canonical(side, row))).collect()
        })
    }

    fn bent(&self, side: Side) -> Bent {
        let control = self.control(side);
        let bending = ["field-ignored", "normalised", "automation", "duplicate-delivery", "partial-batch"];
        Box::new(move || {
            let fired = control.fired();
            fired.iter().filter(|(name, _)| bending.contains(*name)).map(|(_, times)| times).sum()
        })
    }

    fn make(&self, side: Side, values: &Typed) -> bool {
        let mut fields = natives(side, values);
        // Nobody is without one, and nobody changes it: Salesforce requires it.
        fields.insert(native(side, "surname").to_owned(), Native::text("Doe"));
        self.control(side).create(&person(), object(side), fields).is_ok()
    }

    fn edit(&self, side: Side, record: &Address, values: &Typed) -> bool {
        let fields = natives(side, values);
        !fields.is_empty() && self.control(side).edit(&person(), &record.id, fields).is_ok()
    }

    fn delete(&self, side: Side, record: &Address) -> bool {
        self.control(side).delete(&person(), &record.id).is_ok()
    }

    fn restore(&self, side: Side, record: &Address) -> bool {
        self.control(side).restore(&person(), &record.id).is_ok()
    }

    fn merge(&self, side: Side, winner: &Address, loser: &Address) -> bool {
        self.control(side).merge(&person(), &winner.id, &loser.id).is_ok()
    }

    fn hide(&self, side: Side, record: &Address, hidden: bool) {
        if hidden {
            self.control(side).hide(record.clone());
        } else {
            self.control(side).show(record);
        }
    }

    fn plant(&self, side: Side, on: On, times: u32, wrong: &Wrong) {
        faults::plant(&self.control(side), side, on, times, wrong);
    }

    fn lift(&self) {
        for side in Side::BOTH {
            self.control(side).clear_faults();
        }
    }

    fn fired(&self) -> BTreeMap<String, u64> {
        let mut all = BTreeMap::new();
        for side in Side::BOTH {
            for (name, times) in self.control(side).fired() {
                *all.entry(format!("wire:{name}")).or_default() += times;
            }
        }
        all
    }

    fn live(&self, side: Side) -> Vec<Row> {
        let rows = self.control(side).rows(object(side)).into_iter();
        let live = rows.filter(|row| row.deleted_at.is_none() && row.merged_into.is_none());
        live.map(|row| canonical(side, row)).collect()
    }
}

/// The native name of a field.
pub(crate) fn native(side: Side, canonical: &str) -> &'static str {
    let (_, names) = FIELDS.into_iter().find(|(name, _)| *name == canonical).expect("a field of both");
    names[usize::from(side == Side::Right)]
}

fn face(side: Side) -> Face {
    match side {
        Side::Left => Face::Hubspot,
        Side::Right => Face::Salesforce,
    }
}

fn object(side: Side) -> &'static str {
    match side {
        Side::Left => "contacts",
        Side::Right => "Contact",
    }
}

/// What of a row the oracle looks at.
fn canonical(side: Side, mut row: Row) -> Row {
    let names: HashMap<&str, &str> =
        FIELDS.into_iter().map(|(name, natives)| (natives[usize::from(side == Side::Right)], name)).collect();
    let fields = std::mem::take(&mut row.fields);
    row.fields =
        fields.into_iter().filter_map(|(name, value)| Some(((*names.get(name.as_str())?).to_owned(), value))).collect();
    row.history.retain_mut(|edit| match names.get(edit.field.as_str()) {
        Some(name) => {
            (*name).clone_into(&mut edit.field);
            true
        }
        None => false,
    });
    // The oracle tells our edits from others' by who made them.
    for edit in &mut row.history {
        ours(edit.by.as_mut());
    }
    ours(Some(&mut row.modified_by));
    row
}

/// Hymnal's login is an app in the one service, and a user of its own in the other.
fn ours(by: Option<&mut Actor>) {
    if let Some(by) = by
        && by.kind != ActorKind::Person
        && by.kind != ActorKind::Workflow
    {
        by.kind = ActorKind::Us;
    }
}

fn person() -> Actor {
    Actor { name: "somebody".into(), kind: ActorKind::Person }
}

fn natives(side: Side, values: &Typed) -> Fields {
    let known = values.iter().filter(|(name, _)| FIELDS.iter().any(|(field, _)| field == name));
    let value = |text: &String| if text.is_empty() { Native::Null } else { Native::text(text.clone()) };
    known.map(|(name, text)| (native(side, name).to_owned(), value(text))).collect()
}

fn configuration(shape: &Shape, options: &SandboxOptions) -> String {
    let places =
        |name: &str| format!("marketing = \"{}\", crm = \"{}\"", native(Side::Left, name), native(Side::Right, name));
    let priority = match shape.priority {
        Side::Left => r#""marketing", "crm""#,
        Side::Right => r#""crm", "marketing""#,
    };
    let policy = |name: &str| {
        let policy = shape.policies.get(name).map_or("latest", String::as_str);
        policy.replace("left", "marketing").replace("right", "crm")
    };
    format!(
        r#"
version = 1
[connectors.marketing]
type = "hubspot"
role = "marketing"
base_url = "{ADDRESS}"
token = "{}"
[connectors.crm]
type = "salesforce"
role = "sales"
auth = "client_credentials"
base_url = "{ADDRESS}"
login_url = "{ADDRESS}"
client_id = "{}"
client_secret = "{}"
[sync.people]
between = {{ marketing = "contacts", crm = "Contact" }}
create = {{ marketing = "contacts", crm = "Contact" }}
first_run = "go"
priority = [{priority}]
verify = {}
[sync.people.fields]
email = {{ {}, type = "email" }}
name = {{ {}, on_conflict = "{}" }}
surname = {{ {} }}
city = {{ {}, on_conflict = "{}" }}
title = {{ {}, flow = "marketing -> crm" }}
memo = {{ {}, on_conflict = "manual" }}
"#,
        options.hubspot.token,
        options.salesforce.client_id,
        options.salesforce.client_secret,
        shape.verify,
        places("email"),
        places("name"),
        policy("name"),
        places("surname"),
        places("city"),
        policy("city"),
        places("title"),
        places("memo"),
    )
}
