//! What a change does to a record, whoever makes it: the part that programs and people share.

use hymnal_memory::service::Refusal;
use hymnal_sdk::{Fields, Native};

use super::{
    portal::{CONTACTS, new_id},
    write::Desk,
};

impl Desk<'_> {
    /// Makes a record; answers its id.
    pub(super) fn create(&mut self, mut fields: Fields) -> Result<String, Refusal> {
        normalise(&mut fields);
        self.follow_address(None, &mut fields);
        let id = new_id(self.inner);
        self.inner.data.create(CONTACTS, &id, fields, self.by, self.now)?;
        Ok(id)
    }

    /// Changes a record where that changes a value; otherwise its time of change stays.
    // Contacts guide: `lastmodifieddate` is when a property of the contact was last updated.
    pub(super) fn update(&mut self, id: &str, mut fields: Fields) -> Result<(), Refusal> {
        normalise(&mut fields);
        self.follow_address(Some(id), &mut fields);
        let row = self.row(id).ok_or(Refusal::Missing)?;
        fields.retain(|name, value| row.fields.get(name).unwrap_or(&Native::Null) != value);
        if fields.is_empty() {
            return Ok(());
        }
        self.inner.data.update(CONTACTS, id, fields, self.by, self.now)
    }

    /// Sends a record to the bin, if it is not there.
    pub(super) fn archive(&mut self, id: &str) {
        if self.inner.data.delete(CONTACTS, id, self.by, self.now).is_ok() {
            self.live.additional.retain(|_, owner| owner != id);
        }
    }

    /// Merges two records; answers the id that lives on.
    // Changelog, "Updated merge functionality for contacts and companies": a new record with a new id; the values of
    // the primary record count. Knowledge base, "Merge records": the other address becomes an additional one; the stage
    // furthest down the funnel is kept; the older create date is kept.
    pub(super) fn merge(&mut self, primary: &str, other: &str) -> Result<String, Refusal> {
        let [first, second] = [primary, other].map(|id| self.row(id).cloned());
        let (first, second) = (first.ok_or(Refusal::Missing)?, second.ok_or(Refusal::Missing)?);
        let id = if self.options.merge_makes_new_id { new_id(self.inner) } else { primary.to_owned() };
        if self.options.merge_makes_new_id {
            self.inner.data.merge_into_new(CONTACTS, [primary, other], &id, self.by, self.now)?;
        } else {
            self.inner.data.merge(CONTACTS, primary, other, self.by, self.now)?;
        }
        let text = |fields: &Fields, name: &str| fields.get(name).map(ToString::to_string).unwrap_or_default();
        let listed = |name: &str, more: &[&str]| {
            let held = format!("{};{}", text(&first.fields, name), text(&second.fields, name));
            let parts = held.split(';').chain(more.iter().copied()).filter(|part| !part.is_empty() && *part != "null");
            let mut parts: Vec<String> = parts.map(str::to_owned).collect();
            parts.dedup();
            Native::Text(parts.join(";"))
        };
        let merged: &[&str] = if self.options.merge_makes_new_id { &[primary, other] } else { &[other] };
        let second_email = text(&second.fields, "email");
        let mut fields = Fields::from([("hs_merged_object_ids".to_owned(), listed("hs_merged_object_ids", merged))]);
        if text(&first.fields, "email") != second_email && !text(&first.fields, "email").is_empty() {
            fields.insert("hs_additional_emails".to_owned(), listed("hs_additional_emails", &[&second_email]));
        }
        if let Some(stage) = self.further_stage(&first.fields, &second.fields) {
            fields.insert("lifecyclestage".to_owned(), stage);
        }
        self.update(&id, fields)?;
        self.live.additional.retain(|_, owner| owner != primary && owner != other);
        self.take_additional(&id);
        Ok(id)
    }

    /// Notes the additional addresses of a record that came into being or back.
    pub(super) fn take_additional(&mut self, id: &str) {
        let Some(row) = self.row(id) else { return };
        let addresses = row.fields.get("hs_additional_emails").map(ToString::to_string).unwrap_or_default();
        for address in addresses.split(';').filter(|address| !address.is_empty()) {
            self.live.additional.insert(address.to_owned(), id.to_owned());
        }
    }

    fn further_stage(&self, first: &Fields, second: &Fields) -> Option<Native> {
        let property = self.options.properties.iter().find(|property| property.name == "lifecyclestage")?;
        let staged = |fields: &Fields| {
            let value = fields.get("lifecyclestage")?.clone();
            Some((property.place(&value.to_string())?, value))
        };
        [staged(first), staged(second)].into_iter().flatten().max_by_key(|(place, _)| *place).map(|(_, value)| value)
    }

    /// An opt-out belongs to the address: a contact that changes its address has the opt-out of the new one.
    // Subscription preferences API: statuses are read and set by e-mail address.
    fn follow_address(&self, id: Option<&str>, fields: &mut Fields) {
        let Some(address) = fields.get("email") else { return };
        let opted_out = self.live.opted_out.contains_key(&address.to_string());
        let held = id.and_then(|id| self.row(id)).and_then(|row| row.fields.get("hs_email_optout"));
        let value = match (opted_out, held) {
            (true, _) => Native::text("true"),
            (false, Some(held)) if !held.is_blank() => Native::text("false"),
            (false, _) => return,
        };
        fields.insert("hs_email_optout".to_owned(), value);
    }
}

/// Blanks are null, addresses in lower case.
fn normalise(fields: &mut Fields) {
    for value in fields.values_mut().filter(|value| value.is_blank()) {
        *value = Native::Null;
    }
    if let Some(Native::Text(address)) = fields.get_mut("email") {
        *address = address.trim().to_lowercase();
    }
}
