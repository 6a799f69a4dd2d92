//! Days and points in time that a service spells in a way that does not say where its clocks stand.

use hymnal_sdk::{Fields, Native, NativeKind, Record, Timestamp};

use super::{
    RestConnector,
    write::{Item, Order},
};
use crate::manifest::object::Object;

/// `2026-11-23 10:11:12`
const LENGTH: usize = 19;

impl RestConnector {
    /// Spells a record's days and times as everybody does.
    pub(super) fn unspaced(&self, record: &mut Record) {
        let Ok(object) = self.object(&record.address.object) else { return };
        let name = &record.address.object;
        self.respell(object, name, &mut record.fields, |kind, text| match kind {
            NativeKind::Date => text.get(..10).filter(|_| is_spaced(text)).map(str::to_owned),
            _ => is_spaced(text).then(|| format!("{}Z", text.replacen(' ', "T", 1))),
        });
    }

    /// An item to write, with days and times as the service spells them.
    pub(super) fn spaced_item(&self, order: &Order<'_>, item: &Item) -> Item {
        let mut item = item.clone();
        self.respell(order.object, order.name, &mut item.fields, |kind, text| match kind {
            NativeKind::Date => (text.len() == 10).then(|| format!("{text} 00:00:00")),
            _ => text.parse::<Timestamp>().ok().map(|at| at.strftime("%Y-%m-%d %H:%M:%S").to_string()),
        });
        for (field, value) in &mut item.fields {
            let kind = self.kind_of(order.object, order.name, field);
            if kind.is_some_and(|kind| order.object.numeric.contains(&kind)) {
                *value = numbered(value);
            }
        }
        item
    }

    fn kind_of(&self, object: &Object, name: &str, field: &str) -> Option<NativeKind> {
        let fixed = object.schema.fixed.get(field).map(|field| field.kind);
        fixed.or_else(|| self.learnt(name, field).map(|learnt| learnt.kind))
    }

    fn respell(
        &self,
        object: &Object,
        name: &str,
        fields: &mut Fields,
        spell: impl Fn(NativeKind, &str) -> Option<String>,
    ) {
        if object.spaced.is_empty() {
            return;
        }
        for (field, value) in fields {
            let kind = self.kind_of(object, name, field);
            if let (Some(kind), Native::Text(text)) = (kind.filter(|kind| object.spaced.contains(kind)), &*value)
                && let Some(spelled) = spell(kind, text)
            {
                *value = Native::Text(spelled);
            }
        }
    }
}

/// Digits as a number. What is none stays as it is, for the service to refuse.
fn numbered(value: &Native) -> Native {
    match value {
        Native::Text(text) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => {
            Native::Number(text.clone())
        }
        Native::List(items) => Native::List(items.iter().map(numbered).collect()),
        other => other.clone(),
    }
}

fn is_spaced(text: &str) -> bool {
    text.len() == LENGTH && text.as_bytes().get(10) == Some(&b' ') && !text.contains('T')
}
