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
        item
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
            let fixed = object.schema.fixed.get(field).map(|field| field.kind);
            let kind = fixed.or_else(|| self.learnt(name, field).map(|learnt| learnt.kind));
            if let (Some(kind), Native::Text(text)) = (kind.filter(|kind| object.spaced.contains(kind)), &*value)
                && let Some(spelled) = spell(kind, text)
            {
                *value = Native::Text(spelled);
            }
        }
    }
}

fn is_spaced(text: &str) -> bool {
    text.len() == LENGTH && text.as_bytes().get(10) == Some(&b' ') && !text.contains('T')
}
