//! Whom records belong to: each service has ids of its own, and the e-mail address tells who is who.

use std::{collections::BTreeMap, sync::Arc};

use hymnal_sdk::{Native, User, UserKind};

use super::{
    email,
    field::{FieldMap, NativeField, Problem},
    problem::{NO_SUCH_USER, UNKNOWN_USER, shown},
    value::Value,
};
use crate::planted::{self, Planted};

/// Whom records of a system can belong to, as far as it was asked.
///
/// It is no part of a mapping: two mappings are equal whoever has joined or left meanwhile, and it is not stored with
/// one.
#[derive(Clone, Debug, Default)]
pub struct People(Option<Arc<Known>>);

#[derive(Debug, Default)]
struct Known {
    /// By id: the canonical value. Those who left are among them: records still name them.
    canonical: BTreeMap<String, String>,
    /// By canonical value: whom a record may be given to.
    active: BTreeMap<String, String>,
}

impl PartialEq for People {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl People {
    /// Everybody. Of several active ones with one address the smallest id is written, and all are read.
    pub fn of(users: &[User]) -> Self {
        let mut known = Known::default();
        let mut sorted: Vec<&User> = users.iter().collect();
        sorted.sort_by(|one, other| one.id.cmp(&other.id));
        for user in sorted {
            let address = user.email.as_deref().filter(|_| user.kind == UserKind::Person).map(folded);
            if let Some(address) = address.as_ref().filter(|_| user.active) {
                known.active.entry(address.clone()).or_insert_with(|| user.id.clone());
            }
            let canonical = address.unwrap_or_else(|| match user.kind {
                UserKind::Queue => format!("queue:{}", user.name),
                UserKind::Person => format!("user:{}", user.id),
            });
            known.canonical.insert(user.id.clone(), canonical);
        }
        Self(Some(Arc::new(known)))
    }

    /// The id of the active user with this address.
    pub fn id(&self, address: &str) -> Option<&str> {
        self.0.as_ref()?.active.get(&folded(address)).map(String::as_str)
    }
}

/// Who an id is: the e-mail address. Queues, and users without an address, keep a name of their own, which nobody has
/// elsewhere.
pub(super) fn read(map: &FieldMap, place: &NativeField, id: &str) -> Result<Value, Problem> {
    let known = place.people.0.as_ref();
    match known.and_then(|known| known.canonical.get(id.trim())) {
        Some(canonical) => Ok(Value::Text(canonical.clone())),
        None => Err(Problem::new(
            UNKNOWN_USER,
            format!(
                "`{}`: `{}` holds {}, whom the system does not name among its users",
                map.name,
                place.name,
                shown(id)
            ),
            "look whether the login may read users; who is new is known within an hour",
        )),
    }
}

/// The id that stands for a user here: the active one with the address, else the `fallback`.
pub(super) fn write(map: &FieldMap, place: &NativeField, value: &Value) -> Result<Native, Problem> {
    let wanted = value.to_string();
    if let Some(id) = place.people.id(&wanted) {
        return Ok(Native::text(id));
    }
    let nobody = |who: &str, hint: &str| {
        let message =
            format!("`{}`: no active user who could be written to `{}` is {}", map.name, place.name, shown(who));
        Err(Problem::new(NO_SUCH_USER, message, hint))
    };
    match &place.fallback {
        Some(_) if planted::is(Planted::NobodyIsBlank) => Ok(Native::Null),
        None if wanted.starts_with("queue:") => nobody(&wanted, "a queue is not copied; name a `fallback`"),
        None => nobody(&wanted, "add the user there with this e-mail address, or name a `fallback`"),
        Some(fallback) => match place.people.id(fallback) {
            Some(id) => Ok(Native::text(id)),
            None => nobody(fallback, "the `fallback` must be the e-mail address of an active user there"),
        },
    }
}

fn folded(address: &str) -> String {
    let parsed = email::parse("", address).map(|email| email.folded);
    parsed.unwrap_or_else(|_| address.trim().to_lowercase())
}
