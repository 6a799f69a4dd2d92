//! Saving: the one path by which the API and people change rows.

use std::collections::{BTreeMap, BTreeSet};

use hymnal_memory::service::{Refusal, Row, Service};
use hymnal_sdk::{Actor, Address, Fields, Native, Timestamp};

use super::{
    answer::Refused,
    ids,
    options::{FieldKind, SalesforceOptions},
    schema::{Field, Object, Schema},
    values,
};

/// Who saves, when, and under which rules.
pub(super) struct Writer<'a> {
    /// The rows.
    pub data: &'a mut Service,
    /// Numbers the ids.
    pub next_id: &'a mut u64,
    /// Rows that another transaction holds.
    pub held_rows: &'a mut BTreeMap<String, u32>,
    /// Records that the writer may not see.
    pub hidden: &'a BTreeSet<Address>,
    /// The settings.
    pub options: &'a SalesforceOptions,
    /// The objects, as the writer sees them.
    pub schema: &'a Schema,
    /// Who saves.
    pub by: Actor,
    /// The user who owns what has no other owner.
    pub user: String,
    /// When.
    pub now: Timestamp,
    /// Whether the lead assignment rule applies.
    pub assigns: Assigns,
    /// What to do about look-alikes.
    pub alerts: Alerts,
}

/// Whether the lead assignment rule applies. REST guide, "Assignment Rule Header": it does, unless told otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Assigns {
    /// It does.
    Yes,
    /// It does not.
    No,
}

/// What to do about look-alikes that a duplicate rule only warns of. REST guide, "Duplicate Rule Header".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alerts {
    /// Refuse.
    Heed,
    /// Save all the same.
    Override,
}

impl Writer<'_> {
    /// Makes a record; answers its id.
    pub(super) fn create(&mut self, object: &Object, fields: Fields) -> Result<String, Refused> {
        if !object.writable {
            return Err(Refused::record("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "entity type cannot be inserted", &[]));
        }
        let mut fields = values::check(object, fields, None)?;
        if object.field("OwnerId").is_some() {
            fields.entry("OwnerId".to_owned()).or_insert_with(|| Native::text(self.user.as_str()));
        }
        self.rules(object, None, &mut fields)?;
        *self.next_id += 1;
        let id = ids::make(object.prefix, *self.next_id);
        self.data.create(object.name, &id, fields, &self.by, self.now).map_err(|why| refusal(&why))?;
        Ok(id)
    }

    /// Changes a record; answers its id in 18 characters.
    pub(super) fn update(&mut self, object: &Object, id: &str, fields: Fields) -> Result<String, Refused> {
        let id = self.target(object, id)?;
        let row = self.row(object, &id).cloned().ok_or_else(missing)?;
        // Salesforce Help 000384333: a converted lead takes no further changes.
        if row.converted_into.is_some() {
            return Err(Refused::record("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", &[]));
        }
        let mut fields = values::check(object, fields, Some(&row))?;
        self.rules(object, Some(&row), &mut fields)?;
        self.data.update(object.name, &id, fields, &self.by, self.now).map_err(|why| refusal(&why))?;
        Ok(id)
    }

    /// Sends a record to the recycle bin; answers its id in 18 characters. An account takes its contacts with it.
    pub(super) fn delete(&mut self, object: &Object, id: &str) -> Result<String, Refused> {
        let id = self.target(object, id)?;
        self.data.delete(object.name, &id, &self.by, self.now).map_err(|why| refusal(&why))?;
        if object.name == "Account" {
            let account = Some(Native::text(id.as_str()));
            let of_account = |row: &&Row| row.deleted_at.is_none() && row.fields.get("AccountId") == account.as_ref();
            let contacts = self.data.table("Contact").rows.values().filter(of_account).map(|row| row.id.clone());
            for contact in contacts.collect::<Vec<_>>() {
                self.data.delete("Contact", &contact, &self.by, self.now).map_err(|why| refusal(&why))?;
            }
        }
        Ok(id)
    }

    /// The record that an id names, for a write.
    ///
    /// # Errors
    /// `MALFORMED_ID` for no id, or one of another object; `ENTITY_IS_DELETED` for one in the recycle bin;
    /// `INVALID_CROSS_REFERENCE_KEY` for one that never was; `INSUFFICIENT_ACCESS_OR_READONLY` for one that may not be
    /// seen; `UNABLE_TO_LOCK_ROW` while another transaction holds it.
    fn target(&mut self, object: &Object, text: &str) -> Result<String, Refused> {
        let id = ids::normal(text).filter(|id| ids::prefix(id) == object.prefix).ok_or_else(|| {
            let message = format!("{} ID: id value of incorrect type: {text}", object.label);
            Refused::record("MALFORMED_ID", message, &["Id"])
        })?;
        match self.row(object, &id) {
            None => return Err(missing()),
            Some(row) if row.deleted_at.is_some() => {
                return Err(Refused::record("ENTITY_IS_DELETED", "entity is deleted", &[]));
            }
            Some(_) => {}
        }
        if self.hidden.contains(&Address::new(object.name, id.as_str())) {
            let message = "insufficient access rights on object id";
            return Err(Refused::record("INSUFFICIENT_ACCESS_OR_READONLY", message, &[]).with_status(403));
        }
        if let Some(times) = self.held_rows.get_mut(&id).filter(|times| **times > 0) {
            *times -= 1;
            let message = format!("unable to obtain exclusive access to this record or 1 records: {id}");
            return Err(Refused::record("UNABLE_TO_LOCK_ROW", message, &[]));
        }
        Ok(id)
    }

    fn row(&self, object: &Object, id: &str) -> Option<&Row> {
        self.data.tables.get(object.name)?.rows.get(id)
    }

    /// What the organisation itself demands of a record.
    fn rules(&self, object: &Object, before: Option<&Row>, fields: &mut Fields) -> Result<(), Refused> {
        for (name, value) in fields.iter() {
            if let (Some(field), Native::Text(id)) = (object.field(name), value) {
                self.reference(field, id)?;
            }
        }
        let is = |value: Option<&Native>, text: &str| {
            value.is_some_and(|value| value.to_string().eq_ignore_ascii_case(text))
        };
        if object.name == "Lead" {
            let asked = fields.get("Status");
            let held = before.and_then(|row| row.fields.get("Status"));
            // A converted status is the mark of a conversion. SOAP API guide, `convertLead()`, `convertedStatus`.
            if is(asked, &self.options.converted_status) && asked != held {
                let message = format!("Status: invalid status: {}", self.options.converted_status);
                return Err(Refused::record("INVALID_STATUS", message, &["Status"]));
            }
            if let (Assigns::Yes, Some(owner)) = (self.assigns, &self.options.assignment_rule) {
                fields.insert("OwnerId".to_owned(), Native::text(owner.as_str()));
            }
        }
        for rule in self.options.validation_rules.iter().filter(|rule| rule.object.eq_ignore_ascii_case(object.name)) {
            if is(fields.get(&rule.field), &rule.value) {
                let fields = [rule.field.as_str()];
                return Err(Refused::record("FIELD_CUSTOM_VALIDATION_EXCEPTION", rule.message.as_str(), &fields));
            }
        }
        self.duplicates(object, before, fields)
    }

    fn reference(&self, field: &Field, id: &str) -> Result<(), Refused> {
        let FieldKind::Reference(targets) = &field.kind else { return Ok(()) };
        let target = targets.iter().find_map(|name| self.schema.object(name).filter(|o| o.prefix == ids::prefix(id)));
        let Some(target) = target else { return Err(values::wrong_id(field, id)) };
        if self.row(target, id).is_some_and(|row| row.deleted_at.is_none()) {
            return Ok(());
        }
        Err(Refused::record("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", &[&field.name]))
    }

    fn duplicates(&self, object: &Object, before: Option<&Row>, fields: &Fields) -> Result<(), Refused> {
        for rule in self.options.duplicate_rules.iter().filter(|rule| rule.object.eq_ignore_ascii_case(object.name)) {
            if rule.alert && self.alerts == Alerts::Override {
                continue;
            }
            let folded = |value: Option<&Native>| {
                value.filter(|value| !value.is_blank()).map(|value| value.to_string().to_lowercase())
            };
            let wanted: Option<Vec<String>> =
                rule.fields.iter().map(|name| folded(fields.get(name).or_else(|| before?.fields.get(name)))).collect();
            let (Some(wanted), Some(table)) = (wanted, self.data.tables.get(object.name)) else { continue };
            let own = before.map(|row| row.id.as_str());
            let alike = |row: &Row| {
                rule.fields
                    .iter()
                    .zip(&wanted)
                    .all(|(name, value)| folded(row.fields.get(name)).as_ref() == Some(value))
            };
            if table.rows.values().any(|row| row.deleted_at.is_none() && Some(row.id.as_str()) != own && alike(row)) {
                let message = "You're creating a duplicate record. We recommend you use an existing record instead.";
                return Err(Refused::record("DUPLICATES_DETECTED", message, &[]));
            }
        }
        Ok(())
    }
}

fn missing() -> Refused {
    Refused::record("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", &[])
}

/// What the rows themselves refuse.
pub(super) fn refusal(why: &Refusal) -> Refused {
    match why {
        Refusal::Missing => Refused::record("ENTITY_IS_DELETED", "entity is deleted", &[]),
        Refusal::Duplicate { field, id } => {
            let message = format!("duplicate value found: {field} duplicates value on record with id: {id}");
            Refused::record("DUPLICATE_VALUE", message, &[])
        }
    }
}
