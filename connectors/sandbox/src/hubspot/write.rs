//! Records made and changed by programs: planned first, then applied, so that a refused batch changes nothing.

use std::collections::BTreeSet;

use hymnal_memory::service::{Refusal, Row};
use hymnal_sdk::{Actor, Fields, Native, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    HubSpotOptions,
    answer::{Answer, Answered, Refused},
    batch::{self, Input, Inputs, MOST_INPUTS, Statuses},
    portal::{CONTACTS, Live, Portal},
    property::{Access, Invalid},
    read::{Key, KeyFor, find},
    record::{Wanted, iso, show},
    route::Asked,
};
use crate::account::Inner;

/// What one input comes to.
enum Plan {
    Create(Fields),
    Update { id: String, fields: Fields },
}

/// Everything that a write is decided and done with.
pub(super) struct Desk<'a> {
    pub(super) inner: &'a mut Inner,
    pub(super) live: &'a mut Live,
    pub(super) options: &'a HubSpotOptions,
    pub(super) by: &'a Actor,
    pub(super) now: Timestamp,
}

#[derive(Deserialize)]
struct One {
    properties: Map<String, Value>,
}

#[derive(Deserialize)]
struct Archive {
    inputs: Vec<ArchiveId>,
}

#[derive(Deserialize)]
struct ArchiveId {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Merge {
    primary_object_id: String,
    object_id_to_merge: String,
}

impl Portal {
    /// Runs something with everything that a write needs.
    pub(super) fn at_desk<T>(&self, by: &Actor, run: impl FnOnce(&mut Desk<'_>) -> T) -> T {
        let (options, now) = (self.options(), self.now());
        let mut inner = self.account().lock();
        let mut live = self.live();
        run(&mut Desk { inner: &mut inner, live: &mut live, options: &options, by, now })
    }

    pub(super) fn create_one(&self, asked: &Asked<'_>) -> Answered {
        let body: One = asked.json()?;
        self.at_desk(&self.app(), |desk| {
            let plan = desk.plan_create(&body.properties, &mut BTreeSet::new())?;
            Ok(Answer::created(desk.apply(plan, &body.properties)?.0))
        })
    }

    pub(super) fn update_one(&self, asked: &Asked<'_>, key: &str) -> Answered {
        let body: One = asked.json()?;
        // Contacts reference, "Update a contact": `idProperty` may be a unique property, `email` included.
        let by = self.key(asked.parameter("idProperty"), KeyFor::Reading)?;
        self.at_desk(&self.app(), |desk| {
            let id = desk.find(&by, key).ok_or_else(Refused::missing)?;
            let plan = desk.plan_update(id, &body.properties, &mut BTreeSet::new())?;
            Ok(Answer::ok(desk.apply(plan, &body.properties)?.0))
        })
    }

    // Contacts reference, "Archive a contact": 204. One that is already in the bin stays there.
    pub(super) fn archive_one(&self, id: &str) -> Answered {
        self.at_desk(&self.app(), |desk| {
            if !desk.inner.data.table(CONTACTS).rows.contains_key(id) {
                return Err(Refused::missing());
            }
            desk.archive(id);
            Ok(Answer::done())
        })
    }

    // Contacts reference, "Archive contacts": 204 whatever the ids are.
    pub(super) fn archive_batch(&self, asked: &Asked<'_>) -> Answered {
        let body: Archive = asked.json()?;
        batch::check_size(body.inputs.len(), MOST_INPUTS)?;
        self.at_desk(&self.app(), |desk| {
            for ArchiveId { id } in &body.inputs {
                desk.archive(id);
            }
        });
        Ok(Answer::done())
    }

    pub(super) fn create_batch(&self, asked: &Asked<'_>) -> Answered {
        let Inputs { inputs } = asked.json()?;
        batch::check_size(inputs.len(), MOST_INPUTS)?;
        self.at_desk(&self.app(), |desk| {
            let mut taken = BTreeSet::new();
            let plans = inputs.iter().map(|input| desk.plan_create(&input.properties, &mut taken)).collect();
            desk.carry_out(201, &inputs, plans)
        })
    }

    pub(super) fn update_batch(&self, asked: &Asked<'_>) -> Answered {
        let Inputs { inputs } = asked.json()?;
        let keys = self.keys(&inputs, KeyFor::Updating)?;
        self.at_desk(&self.app(), |desk| {
            let ids = desk.ids(&inputs, &keys)?;
            let mut taken = BTreeSet::new();
            let plans = inputs.iter().zip(ids).map(|(input, id)| match id {
                Some(id) => desk.plan_update(id, &input.properties, &mut taken),
                None => Err(Refused::missing_of_many(vec![input.id.clone().unwrap_or_default()])),
            });
            let plans = plans.collect();
            desk.carry_out(200, &inputs, plans)
        })
    }

    pub(super) fn upsert_batch(&self, asked: &Asked<'_>) -> Answered {
        let Inputs { inputs } = asked.json()?;
        let keys = self.keys(&inputs, KeyFor::Upserting)?;
        self.at_desk(&self.app(), |desk| {
            let ids = desk.ids(&inputs, &keys)?;
            let mut taken = BTreeSet::new();
            let plans = inputs.iter().zip(&keys).zip(ids).map(|((input, key), id)| match id {
                Some(id) => desk.plan_update(id, &input.properties, &mut taken),
                None => desk.plan_create(&with_key(input, key)?, &mut taken),
            });
            let plans = plans.collect();
            desk.carry_out(200, &inputs, plans)
        })
    }

    pub(super) fn merge_two(&self, asked: &Asked<'_>) -> Answered {
        let body: Merge = asked.json()?;
        let [primary, other] = [body.primary_object_id, body.object_id_to_merge];
        if primary == other {
            return Err(Refused::invalid("Cannot merge an object with itself"));
        }
        self.at_desk(&self.app(), |desk| {
            let id = desk.merge(&primary, &other).map_err(|_| Refused::missing())?;
            let row = desk.inner.data.table(CONTACTS).live(&id).ok_or_else(Refused::missing)?;
            Ok(Answer::ok(show(row, &Wanted::default(), desk.options)))
        })
    }

    fn keys(&self, inputs: &[Input], what_for: KeyFor) -> Answered<Vec<Key>> {
        batch::check_size(inputs.len(), MOST_INPUTS)?;
        inputs.iter().map(|input| self.key(input.id_property.as_deref(), what_for)).collect()
    }
}

impl Desk<'_> {
    pub(super) fn find(&self, by: &Key, key: &str) -> Option<String> {
        find(self.inner, self.live, by, key, false).map(|row| row.id.clone())
    }

    /// The record that each input leads to; no two may lead to one.
    fn ids(&self, inputs: &[Input], keys: &[Key]) -> Answered<Vec<Option<String>>> {
        let given: Vec<String> =
            inputs.iter().map(|input| input.id.clone().unwrap_or_default().trim().to_lowercase()).collect();
        batch::check_duplicates(given.iter().map(String::as_str))?;
        let ids: Vec<Option<String>> = given.iter().zip(keys).map(|(given, key)| self.find(key, given)).collect();
        batch::check_duplicates(ids.iter().flatten().map(String::as_str))?;
        Ok(ids)
    }

    // Contacts guide, "Create contacts": include at least one of `email`, `firstname`, `lastname`.
    fn plan_create(&self, given: &Map<String, Value>, taken: &mut BTreeSet<(String, String)>) -> Answered<Plan> {
        let fields = self.check(given)?;
        let named = ["email", "firstname", "lastname"].iter().any(|name| fields.get(*name).is_some_and(is_filled));
        if !named {
            return Err(Refused::invalid("At least one of email, firstname, lastname must be set on a contact."));
        }
        self.check_unique(&fields, None, taken)?;
        Ok(Plan::Create(fields))
    }

    fn plan_update(
        &self,
        id: String,
        given: &Map<String, Value>,
        taken: &mut BTreeSet<(String, String)>,
    ) -> Answered<Plan> {
        let mut fields = self.check(given)?;
        self.keep_stage(&id, &mut fields);
        self.check_unique(&fields, Some(&id), taken)?;
        Ok(Plan::Update { id, fields })
    }

    /// The values as the service stores them.
    fn check(&self, given: &Map<String, Value>) -> Answered<Fields> {
        let (mut fields, mut invalid) = (Fields::new(), Vec::new());
        for (name, value) in given {
            match self.check_one(name, &text_of(name, value)?) {
                Ok(value) if value.is_empty() => fields.insert(name.clone(), Native::Null),
                Ok(value) => fields.insert(name.clone(), Native::Text(value)),
                Err(reason) => {
                    invalid.push(reason);
                    None
                }
            };
        }
        if invalid.is_empty() { Ok(fields) } else { Err(Refused::values(invalid, self.options.portal_id)) }
    }

    // Contacts reference: "Read-only and non-existent properties will result in an error. Properties values can be
    // cleared by passing an empty string."
    fn check_one(&self, name: &str, value: &str) -> Result<String, Invalid> {
        let no = |code, message| Err(Invalid { property: name.to_owned(), code, message });
        match self.options.properties.iter().find(|property| property.name == name) {
            None => no("PROPERTY_DOESNT_EXIST", format!("Property \"{name}\" does not exist")),
            Some(property) if property.access != Access::Writable => {
                no("READ_ONLY_VALUE", format!("\"{name}\" is a read only property; its value cannot be set."))
            }
            Some(property) => property.accept(value, &self.options.owners),
        }
    }

    // Contacts guide: the lifecycle stage can only be set forward by the API; to set it back, it is cleared first. A
    // step back is answered with success and does nothing.
    fn keep_stage(&self, id: &str, fields: &mut Fields) {
        let Some(property) = self.options.properties.iter().find(|property| property.name == "lifecyclestage") else {
            return;
        };
        let place = |value: Option<&Native>| value.and_then(|value| property.place(&value.to_string()));
        let held = self.inner.data.tables.get(CONTACTS).and_then(|table| table.live(id));
        let held = place(held.and_then(|row| row.fields.get("lifecyclestage")));
        if let (Some(new), Some(held)) = (place(fields.get("lifecyclestage")), held)
            && new < held
        {
            fields.remove("lifecyclestage");
        }
    }

    /// No other record, and no other input of this batch, may have the same e-mail or unique value.
    fn check_unique(&self, fields: &Fields, id: Option<&str>, taken: &mut BTreeSet<(String, String)>) -> Answered<()> {
        let names = self.inner.data.tables.get(CONTACTS).map_or(&[][..], |table| &table.unique);
        for name in names {
            let Some(value) = fields.get(name).filter(|value| is_filled(value)).map(ToString::to_string) else {
                continue;
            };
            if name == "email" && self.live.blocked.contains(&value) {
                // The words of this refusal were not found in a document.
                return Err(Refused::invalid(format!("{value} was erased on request and may not be used again.")));
            }
            if let Some(other) = self.other_holder(name, &value, id) {
                return Err(self.collision(name, &value, id, &other));
            }
            if !taken.insert((name.clone(), value.to_lowercase())) {
                return Err(Refused::new(409, "CONFLICT", "Contact already exists"));
            }
        }
        Ok(())
    }

    fn other_holder(&self, name: &str, value: &str, id: Option<&str>) -> Option<String> {
        let table = self.inner.data.tables.get(CONTACTS)?;
        let held = table.holder(name, value).map(|row| row.id.clone());
        // Knowledge base, "Merge records": an additional address still belongs to its contact.
        let additional = || self.live.additional.get(value).filter(|_| name == "email").cloned();
        held.or_else(additional).filter(|other| Some(other.as_str()) != id)
    }

    // Seen in recorded answers: 409 for the e-mail; 400 "Cannot set PropertyValueCoordinates{…} … already has that
    // value." for other unique properties.
    fn collision(&self, name: &str, value: &str, id: Option<&str>, other: &str) -> Refused {
        if name == "email" {
            return Refused::exists(other);
        }
        let portal = self.options.portal_id;
        let on = id.map(|id| format!(" on {id}")).unwrap_or_default();
        Refused::invalid(format!(
            "Cannot set PropertyValueCoordinates{{portalId={portal}, objectTypeId=0-1, propertyName={name}, \
             value={value}}}{on}. {other} already has that value."
        ))
    }

    fn carry_out(&mut self, status: u16, inputs: &[Input], plans: Vec<Answered<Plan>>) -> Answered {
        let statuses = batch::statuses(inputs);
        if statuses == Statuses::Single {
            let fatal = plans.iter().filter_map(|plan| plan.as_ref().err());
            // Records that are not there are listed in any case, as recorded answers of batch/update show.
            if let Some(refused) = fatal.into_iter().find(|refused| refused.category != "OBJECT_NOT_FOUND") {
                let mut refused = refused.clone();
                refused.context.clear();
                return Err(refused);
            }
        }
        let (mut results, mut errors) = (Vec::new(), Vec::new());
        for (input, plan) in inputs.iter().zip(plans) {
            let trace = input.object_write_trace_id.as_deref();
            match plan.and_then(|plan| self.apply(plan, &input.properties)) {
                Ok((mut result, new)) => {
                    if let Some(trace) = trace {
                        result["objectWriteTraceId"] = json!(trace);
                    }
                    if input.id.is_some() && input.id_property.is_some() {
                        result["new"] = json!(new);
                    }
                    results.push(result);
                }
                Err(refused) => errors.push(refused.item(trace)),
            }
        }
        Ok(batch::answer(status, results, errors, &iso(self.now)))
    }

    /// Writes one input; answers the record, and whether it is new.
    fn apply(&mut self, plan: Plan, given: &Map<String, Value>) -> Answered<(Value, bool)> {
        let (id, new) = match plan {
            Plan::Create(fields) => (self.create(fields).map_err(|refusal| refused(&refusal))?, true),
            Plan::Update { id, fields } => {
                self.update(&id, fields).map_err(|refusal| refused(&refusal))?;
                (id, false)
            }
        };
        let row = self.row(&id).ok_or_else(Refused::missing)?;
        let wanted = Wanted { properties: given.keys().cloned().collect(), history: Vec::new() };
        Ok((show(row, &wanted, self.options), new))
    }

    pub(super) fn row(&self, id: &str) -> Option<&Row> {
        self.inner.data.tables.get(CONTACTS)?.live(id)
    }
}

/// A value of a request as text.
// Contacts reference: values are strings; other scalars are read as their text.
fn text_of(name: &str, value: &Value) -> Answered<String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(flag) => Ok(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            let message = "Invalid input JSON: Cannot deserialize value of type `java.lang.String`";
            Err(Refused::invalid(format!("{message} (through reference chain: properties[\"{name}\"])")))
        }
    }
}

/// An upsert's properties with the value that it looked for.
fn with_key(input: &Input, key: &Key) -> Answered<Map<String, Value>> {
    let mut properties = input.properties.clone();
    let name = match key {
        Key::Email => "email",
        Key::Unique(name) => name,
        Key::Id => return Err(Refused::missing_of_many(vec![input.id.clone().unwrap_or_default()])),
    };
    properties.entry(name).or_insert_with(|| json!(input.id.clone().unwrap_or_default()));
    Ok(properties)
}

fn refused(refusal: &Refusal) -> Refused {
    match refusal {
        Refusal::Missing => Refused::missing(),
        Refusal::Duplicate { id, .. } => Refused::exists(id),
    }
}

fn is_filled(value: &Native) -> bool {
    !value.is_blank()
}
