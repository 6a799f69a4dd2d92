//! What must be looked at just before a write: values that the service does not keep unique by itself, and lists of
//! which one item is replaced.

use hymnal_sdk::{Call, Error, Find, Kind, Native, Record, Result, Written};

use super::{
    RestConnector, fields,
    write::{Item, Order},
};

impl RestConnector {
    /// Writes the items, after a look at what they would run into.
    pub(super) async fn looked(&self, call: &Call, order: &Order<'_>, items: &[Item]) -> Result<Vec<Result<Written>>> {
        let needs_before = |item: &Item| item.fields.keys().any(|name| fields::needs_before(order.object, name));
        if order.write.look_up.is_empty() && !items.iter().any(needs_before) {
            return self.halving(call, order, items).await;
        }
        let taken = self.taken(call, order, items).await?;
        let mut free: Vec<Item> =
            items.iter().zip(&taken).filter(|(_, taken)| taken.is_none()).map(|(item, _)| item.clone()).collect();
        for item in free.iter_mut().filter(|item| needs_before(item)) {
            if let Some(id) = &item.id {
                item.before = self.as_it_is(call, order.name, id, &[]).await?;
            }
        }
        let mut answers =
            if free.is_empty() { Vec::new() } else { self.halving(call, order, &free).await? }.into_iter();
        let unanswered = || Error::new(Kind::Transient, "unanswered", "an item has no answer").in_doubt();
        Ok(taken
            .into_iter()
            .map(|taken| taken.map_or_else(|| answers.next().unwrap_or_else(|| Err(unanswered())), Err))
            .collect())
    }

    /// For each item, the conflict with another record that has one of its values, or with an item before it.
    async fn taken(&self, call: &Call, order: &Order<'_>, items: &[Item]) -> Result<Vec<Option<Error>>> {
        let mut taken: Vec<Option<Error>> = vec![None; items.len()];
        for field in &order.write.look_up {
            let values: Vec<Native> = items.iter().filter_map(|item| filled(item, field)).cloned().collect();
            let holders = self.holders(call, order, field, &values).await?;
            for (index, item) in items.iter().enumerate() {
                let Some(value) = filled(item, field) else { continue };
                let other = holders.iter().find(|record| {
                    record.fields.get(field).is_some_and(|held| is_same(held, value))
                        && item.id.as_ref() != Some(&record.address.id)
                });
                let is_twice = items.iter().zip(&taken).take(index).any(|(before, taken)| {
                    taken.is_none() && filled(before, field).is_some_and(|known| is_same(known, value))
                });
                if other.is_some() || is_twice {
                    let mut error = Error::new(Kind::Conflict, "taken", format!("another record has this `{field}`"));
                    error.other = other.map(|record| record.address.id.clone());
                    taken[index] = Some(error);
                }
            }
        }
        Ok(taken)
    }

    /// The records that have one of these values.
    async fn holders(&self, call: &Call, order: &Order<'_>, field: &str, values: &[Native]) -> Result<Vec<Record>> {
        let wanted = [field.to_owned()];
        let batch = self.capabilities.get(order.name).map_or(1, |capable| capable.find_batch.max(1));
        let mut holders = Vec::new();
        for values in values.chunks(batch) {
            let find = Find { object: order.name, key: field, values, fields: &wanted };
            holders.extend(self.found(call, find).await?.records);
        }
        Ok(holders)
    }
}

fn filled<'a>(item: &'a Item, field: &str) -> Option<&'a Native> {
    item.fields.get(field).filter(|value| !value.is_blank())
}

/// The services that need this compare without case.
fn is_same(a: &Native, b: &Native) -> bool {
    a.to_string().trim().to_lowercase() == b.to_string().trim().to_lowercase()
}
