//! The objects and fields of an organisation, as a reader may see them.

mod describe;
mod standard;

use std::collections::BTreeMap;

use hymnal_sdk::Native;

pub(super) use describe::{describe, listing, summary};

use super::options::{CustomField, FieldKind, SalesforceOptions};

/// All objects.
#[derive(Clone, Debug)]
pub(super) struct Schema {
    objects: Vec<Object>,
    by_name: BTreeMap<String, usize>,
}

/// One object.
#[derive(Clone, Debug)]
pub(super) struct Object {
    /// The API name.
    pub name: &'static str,
    /// What people read, for one.
    pub label: &'static str,
    /// What people read, for several.
    pub plural: &'static str,
    /// The first three characters of its ids.
    pub prefix: &'static str,
    /// The API may create, change and delete records.
    pub writable: bool,
    /// In the order of the describe.
    pub fields: Vec<Field>,
    by_name: BTreeMap<String, usize>,
}

/// One field.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "the words of the describe")]
pub(super) struct Field {
    /// The API name.
    pub name: String,
    /// What people read.
    pub label: String,
    /// What it holds.
    pub kind: FieldKind,
    /// Where its value comes from.
    pub source: Source,
    /// The API may write it.
    pub writable: bool,
    /// It is never blank.
    pub required: bool,
    /// The value of a record that was created without it.
    pub default: Option<Native>,
    /// It identifies records of another system.
    pub external_id: bool,
    /// Each value at most once.
    pub unique: bool,
}

/// Where a field's value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// What was written.
    Stored,
    /// The record's id.
    Id,
    /// It is in the recycle bin.
    IsDeleted,
    /// The record that it was merged into.
    MasterRecordId,
    /// When it was made.
    Created,
    /// Who made it.
    CreatedBy,
    /// When it was changed.
    Modified,
    /// Who changed it.
    ModifiedBy,
    /// It was converted.
    IsConverted,
    /// First and last name.
    FullName,
    /// Street to country, of the fields with this prefix.
    Address(&'static str),
}

impl Schema {
    /// What the integration user may see: without the fields that field-level security hides.
    pub(super) fn visible(options: &SalesforceOptions) -> Self {
        let mut schema = Self::complete(options);
        let matches = |pairs: &[(String, String)], object: &str, field: &str| {
            pairs.iter().any(|(o, f)| o.eq_ignore_ascii_case(object) && f.eq_ignore_ascii_case(field))
        };
        for object in &mut schema.objects {
            object.fields.retain(|field| !matches(&options.hidden_fields, object.name, &field.name));
            for field in &mut object.fields {
                field.writable &= !matches(&options.locked_fields, object.name, &field.name);
            }
            object.index();
        }
        schema
    }

    /// Everything.
    pub(super) fn complete(options: &SalesforceOptions) -> Self {
        let mut objects = standard::objects(options);
        for object in &mut objects {
            let custom = options.custom_fields.iter().filter(|field| field.object.eq_ignore_ascii_case(object.name));
            object.fields.extend(custom.map(Field::custom));
            object.index();
        }
        let by_name = objects.iter().enumerate().map(|(at, object)| (object.name.to_lowercase(), at)).collect();
        Self { objects, by_name }
    }

    /// The object of that name, whatever its case.
    pub(super) fn object(&self, name: &str) -> Option<&Object> {
        self.by_name.get(&name.to_lowercase()).and_then(|&at| self.objects.get(at))
    }

    /// The object whose records' ids begin like this one.
    pub(super) fn object_of_id(&self, id: &str) -> Option<&Object> {
        self.objects.iter().find(|object| object.prefix == super::ids::prefix(id))
    }

    /// All objects.
    pub(super) fn objects(&self) -> &[Object] {
        &self.objects
    }
}

impl Object {
    fn index(&mut self) {
        self.by_name = self.fields.iter().enumerate().map(|(at, field)| (field.name.to_lowercase(), at)).collect();
    }

    /// The field of that name, whatever its case.
    pub(super) fn field(&self, name: &str) -> Option<&Field> {
        self.by_name.get(&name.to_lowercase()).and_then(|&at| self.fields.get(at))
    }

    /// The reference field that `name` follows, and the object at its end: `Owner` is `OwnerId`, `Parent__r` is
    /// `Parent__c`.
    pub(super) fn relationship<'a>(&'a self, schema: &'a Schema, name: &str) -> Option<(&'a Field, &'a Object)> {
        let field = self.fields.iter().find(|field| field.relationship().is_some_and(|r| r.eq_ignore_ascii_case(name)));
        let field = field?;
        let FieldKind::Reference(targets) = &field.kind else { return None };
        Some((field, schema.object(targets.first()?)?))
    }
}

impl Field {
    fn custom(field: &CustomField) -> Self {
        let default = matches!(field.kind, FieldKind::Boolean).then_some(Native::Bool(false));
        Self {
            name: field.name.clone(),
            label: field.label.clone(),
            kind: field.kind.clone(),
            source: Source::Stored,
            writable: true,
            required: default.is_some(),
            default,
            external_id: field.external_id,
            unique: field.unique,
        }
    }

    /// The name by which a query follows this reference.
    pub(super) fn relationship(&self) -> Option<String> {
        if !matches!(self.kind, FieldKind::Reference(_)) {
            return None;
        }
        match self.name.strip_suffix("__c") {
            Some(stem) => Some(format!("{stem}__r")),
            None => self.name.strip_suffix("Id").map(str::to_owned),
        }
    }
}

impl FieldKind {
    /// The most characters that it holds; 0 where that means nothing. Object reference, "Field Types".
    pub(super) fn length(&self) -> u32 {
        match self {
            Self::Text(length) | Self::LongText(length) => *length,
            Self::Email => 80,
            Self::Phone => 40,
            Self::Url | Self::Picklist(_) => 255,
            Self::Multipicklist(_) => 4099,
            Self::Id | Self::Reference(_) => 18,
            Self::Boolean
            | Self::Double { .. }
            | Self::Int
            | Self::Date
            | Self::Datetime
            | Self::Address
            | Self::Any => 0,
        }
    }

    /// The word of the describe.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Text(_) => "string",
            Self::LongText(_) => "textarea",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Url => "url",
            Self::Boolean => "boolean",
            Self::Double { .. } => "double",
            Self::Int => "int",
            Self::Date => "date",
            Self::Datetime => "datetime",
            Self::Picklist(_) => "picklist",
            Self::Multipicklist(_) => "multipicklist",
            Self::Reference(_) => "reference",
            Self::Address => "address",
            Self::Any => "anyType",
        }
    }
}
