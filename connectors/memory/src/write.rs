//! What writes do to the data, one item at a time.

use hymnal_sdk::{
    Actor, ActorKind, Draft, Error, Fields, Kind, Native, NativeKind, Patch, Record, Result, Schema, SchemaField,
    Timestamp, Written,
};

use crate::{
    account::State,
    fault::{Fault, Method},
    options::ObjectOptions,
    read::{folded, no_such_field},
    service::Refusal,
};

/// One write call: to what, by whom, when.
pub(crate) struct Writer<'a> {
    pub(crate) object: &'a str,
    pub(crate) options: &'a ObjectOptions,
    pub(crate) method: Method,
    pub(crate) by: Actor,
    pub(crate) now: Timestamp,
}

/// Which rules of the schema a write falls under.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Making {
    New,
    Change,
}

/// Makes a record.
pub(crate) fn create(writer: &Writer<'_>, state: &mut State, draft: &Draft) -> Result<Written> {
    check(writer.schema(state)?, writer.object, &draft.fields, Making::New)?;
    writer.validate(state, &draft.fields)?;
    let fields = writer.bent(state, &draft.fields);
    let id = state.new_id();
    let made = state.data.create(writer.object, &id, fields, &writer.by, writer.now);
    made.map_err(|refusal| writer.refused(&id, refusal))?;
    let written = writer.written(state, id, &draft.fields, true);
    writer.automate(state, &written.id);
    Ok(written)
}

/// Changes a record.
pub(crate) fn update(writer: &Writer<'_>, state: &mut State, patch: &Patch) -> Result<Written> {
    let current = writer.live(state, &patch.id)?;
    writer.is_unconverted(state, &patch.id)?;
    check(writer.schema(state)?, writer.object, &patch.fields, Making::Change)?;
    let mut after =
        state.data.table(writer.object).rows.get(&patch.id).map(|row| row.fields.clone()).unwrap_or_default();
    after.extend(patch.fields.clone());
    writer.validate(state, &after)?;
    let moved = patch.version.as_ref().is_some_and(|version| *version != current);
    if writer.options.capabilities.conditional && moved {
        let message = format!("`{}` is at version {current}", patch.id);
        return Err(Error::new(Kind::Conflict, "412", message));
    }
    let mut fields = writer.bent(state, &patch.fields);
    writer.keep_forward(state, &patch.id, &mut fields);
    let done = state.data.update(writer.object, &patch.id, fields, &writer.by, writer.now);
    done.map_err(|refusal| writer.refused(&patch.id, refusal))?;
    let written = writer.written(state, patch.id.clone(), &patch.fields, false);
    writer.automate(state, &written.id);
    Ok(written)
}

/// Changes the record that has the key, or makes one.
pub(crate) fn upsert(writer: &Writer<'_>, state: &mut State, key: &str, draft: &Draft) -> Result<Written> {
    let unique = writer.schema(state)?.field(key).is_some_and(|field| field.unique);
    if !unique {
        let message = format!("`{key}` is not unique: nothing can be upserted by it");
        return Err(Error::new(Kind::Fatal, "not-unique", message).about(key));
    }
    let Some(value) = draft.fields.get(key).filter(|value| !value.is_blank()) else {
        return Err(Error::new(Kind::RejectedRecord, "no-key", format!("`{key}` is blank")));
    };
    match state.data.table(writer.object).holder(key, &value.to_string()).map(|row| row.id.clone()) {
        Some(id) => {
            let patch = Patch { id, fields: draft.fields.clone(), version: None, trace: draft.trace.clone() };
            update(writer, state, &patch)
        }
        None => create(writer, state, draft),
    }
}

/// Deletes a record to the bin.
pub(crate) fn delete(writer: &Writer<'_>, state: &mut State, id: &str) -> Result<()> {
    writer.live(state, id)?;
    let gone = state.data.delete(writer.object, id, &writer.by, writer.now);
    gone.map_err(|refusal| writer.refused(id, refusal))
}

/// Takes a record away for good.
pub(crate) fn erase(writer: &Writer<'_>, state: &mut State, id: &str) -> Result<()> {
    writer.live(state, id)?;
    state.data.purge(writer.object, id).map_err(|refusal| writer.refused(id, refusal))
}

impl Writer<'_> {
    fn schema<'s>(&self, state: &'s State) -> Result<&'s Schema> {
        let missing = || Error::new(Kind::Fatal, "no-such-object", format!("there is no object `{}`", self.object));
        state.schemas.get(self.object).ok_or_else(missing)
    }

    /// The version of a row that is there and may be seen.
    fn live(&self, state: &mut State, id: &str) -> Result<String> {
        let hidden = state.hidden.contains(&hymnal_sdk::Address::new(self.object, id));
        match state.data.table(self.object).live(id) {
            Some(row) if !hidden => Ok(row.sequence.to_string()),
            _ => Err(self.refused(id, Refusal::Missing)),
        }
    }

    /// What was converted can be read, and changed no more.
    fn is_unconverted(&self, state: &mut State, id: &str) -> Result<()> {
        let row = state.data.table(self.object).live(id);
        match row.and_then(|row| row.converted_into.as_ref()) {
            None => Ok(()),
            Some(into) => {
                let message = format!("`{}/{id}` was converted into `{into}`", self.object);
                Err(Error::new(Kind::Conflict, "CANNOT_UPDATE_CONVERTED", message))
            }
        }
    }

    /// The validation rules, which look at the record as it would be.
    fn validate(&self, state: &State, after: &Fields) -> Result<()> {
        let broken = state.forbidden.iter().find(|(object, field, value)| {
            object == self.object && after.get(field).is_some_and(|held| held.to_string() == *value)
        });
        match broken {
            None => Ok(()),
            Some((_, field, value)) => {
                let message = format!("`{field}` may not be `{value}`");
                Err(Error::new(Kind::RejectedRecord, "FIELD_CUSTOM_VALIDATION_EXCEPTION", message))
            }
        }
    }

    fn refused(&self, id: &str, refusal: Refusal) -> Error {
        match refusal {
            Refusal::Missing => Error::new(Kind::Gone, "404", format!("`{}/{id}` is not there", self.object)),
            Refusal::Duplicate { field, id: other } => {
                let message = format!("`{field}` already has this value in `{}/{other}`", self.object);
                Error { other: Some(other), ..Error::new(Kind::Conflict, "DUPLICATE_VALUE", message).about(field) }
            }
        }
    }

    /// What the service makes of the values: blanks in one form, then what was planted.
    fn bent(&self, state: &mut State, fields: &Fields) -> Fields {
        let one_blank = |value: &Native| if value.is_blank() { Native::Null } else { value.clone() };
        let mut fields: Fields = fields.iter().map(|(name, value)| (name.clone(), one_blank(value))).collect();
        state.faults.each(self.method, |fault| match fault {
            Fault::FieldIgnored { field } => fields.remove(field).is_some(),
            Fault::Normalised { field, how } => {
                let Some(value) = fields.get_mut(field) else { return false };
                let normal = how.apply(value);
                let changed = normal != *value;
                *value = normal;
                changed
            }
            _ => false,
        });
        fields
    }

    /// Drops steps back that the service ignores.
    fn keep_forward(&self, state: &mut State, id: &str, fields: &mut Fields) {
        let Some(row) = state.data.table(self.object).live(id) else { return };
        fields.retain(|name, value| {
            let Some(order) = self.options.forward_only.get(name) else { return true };
            let place = |value: &Native| order.iter().position(|step| *step == value.to_string());
            let held = row.fields.get(name).and_then(place);
            place(value).is_none_or(|new| held.is_none_or(|held| new >= held))
        });
    }

    fn written(&self, state: &mut State, id: String, given: &Fields, created: bool) -> Written {
        let returns = self.options.capabilities.write_returns_record;
        let row = state.data.table(self.object).rows.get(&id).filter(|_| returns);
        let record = row.map(|row| {
            let value = |name: &String| (name.clone(), row.fields.get(name).cloned().unwrap_or(Native::Null));
            Record {
                created_at: Some(row.created_at),
                modified_at: Some(row.modified_at),
                modified_by: self.options.tells_actor.then(|| row.modified_by.clone()),
                version: self.options.capabilities.conditional.then(|| row.sequence.to_string()),
                ..Record::new(hymnal_sdk::Address::new(self.object, &id), given.keys().map(value).collect())
            }
        });
        Written { id, record, created }
    }

    /// Rules inside the service run after the answer was made up, so that the answer does not show what they did.
    fn automate(&self, state: &mut State, id: &str) {
        let mut writes = Vec::new();
        state.faults.each(self.method, |fault| {
            let Fault::Automation { field, value } = fault else { return false };
            writes.push(Fields::from([(field.clone(), value.clone())]));
            true
        });
        let rule = Actor { name: "automation".into(), kind: ActorKind::Workflow };
        for fields in writes {
            // A rule whose value is taken by another record fails in its own log, which nobody here reads.
            let _ = state.data.update(self.object, id, fields, &rule, self.now);
        }
    }
}

/// What the schema says of a write.
fn check(schema: &Schema, object: &str, fields: &Fields, making: Making) -> Result<()> {
    for (name, value) in fields {
        let field = schema.field(name).ok_or_else(|| no_such_field(object, name))?;
        check_value(field, value, making)?;
    }
    let given = |field: &SchemaField| fields.get(&field.name).is_some_and(|value| !value.is_blank());
    let needed = |field: &&SchemaField| match making {
        Making::New => field.required && !given(field),
        Making::Change => field.required && fields.contains_key(&field.name) && !given(field),
    };
    match schema.fields.iter().find(needed) {
        None => Ok(()),
        Some(field) => {
            let message = format!("required fields are missing: `{}`", field.name);
            Err(Error::new(Kind::RejectedRecord, "REQUIRED_FIELD_MISSING", message).about(&field.name))
        }
    }
}

fn check_value(field: &SchemaField, value: &Native, making: Making) -> Result<()> {
    let rejected = |code: &str, what: String| {
        Err(Error::new(Kind::RejectedField, code, format!("`{}` {what}", field.name)).about(&field.name))
    };
    let writable = match making {
        Making::New => field.createable,
        Making::Change => field.updateable,
    };
    if !writable {
        return rejected("READ_ONLY", "cannot be written".into());
    }
    if value.is_blank() {
        return Ok(());
    }
    let length = value.to_string().chars().count();
    if let Some(most) = field.max_length.filter(|&most| usize::try_from(most).is_ok_and(|most| length > most)) {
        return rejected("STRING_TOO_LONG", format!("has {length} characters, at most {most} are kept"));
    }
    let well_formed = match field.kind {
        NativeKind::Bool => matches!(value, Native::Bool(_)) || ["true", "false"].contains(&folded(value).as_str()),
        NativeKind::Number => value.to_string().trim().parse::<f64>().is_ok_and(f64::is_finite),
        _ => true,
    };
    if !well_formed {
        return rejected("INVALID_TYPE", format!("cannot hold `{value}`"));
    }
    let unknown = choices(value).into_iter().find(|choice| !field.options.contains(choice));
    match unknown {
        Some(choice) if field.restricted => rejected("INVALID_OPTION", format!("has no choice `{choice}`")),
        _ => Ok(()),
    }
}

/// The choices in a value: one, or several in a list or joined by `;`.
fn choices(value: &Native) -> Vec<String> {
    match value {
        Native::List(items) => items.iter().map(ToString::to_string).collect(),
        other => other.to_string().split(';').map(|choice| choice.trim().to_owned()).collect(),
    }
}
