//! Listing those whom records can belong to.

use hymnal_sdk::{Call, Error, Kind, Result, User};

use super::{
    RestConnector,
    list::{following, page_request, selected_or_none},
    place::{Follow, Place},
    record,
};
use crate::{
    json::Json,
    manifest::{UserList, object::IdForm},
};

/// Pages of one list at most: nobody has so many users, and a service that never ends its list is broken.
const PAGES: usize = 1000;

impl RestConnector {
    pub(super) async fn everybody(&self, call: &Call) -> Result<Vec<User>> {
        let form = self.manifest.objects.values().next().map(|object| object.id_form).unwrap_or_default();
        let mut users: Vec<User> = Vec::new();
        for list in &self.manifest.users {
            for user in self.listed_users(call, list, form).await? {
                // A page that shifts shows one twice; two lists may overlap.
                if users.iter().all(|known| known.id != user.id) {
                    users.push(user);
                }
            }
        }
        Ok(users)
    }

    async fn listed_users(&self, call: &Call, users: &UserList, form: IdForm) -> Result<Vec<User>> {
        let scan = &users.list;
        let mut place = Place::read(None)?;
        let mut found = Vec::new();
        for _ in 0..PAGES {
            let answer = self.read(call, page_request(scan, &place, self.settings.clone())?).await?;
            let rows = selected_or_none(&answer, &scan.select, scan.optional)?;
            found.extend(rows.iter().filter_map(|row| user(users, form, row)));
            match following(&scan.paginator, &answer, &place, rows.len(), scan.page) {
                Follow::Page(page) => place.page = Some(page),
                Follow::End | Follow::More => return Ok(found),
            }
        }
        Err(Error::new(Kind::Transient, "endless", "the list of users does not end"))
    }
}

fn user(users: &UserList, form: IdForm, row: &Json) -> Option<User> {
    let text = |path: &str| row.at(path).and_then(Json::as_text).map(|text| text.trim().to_owned());
    let filled = |path: &str| text(path).filter(|text| !text.is_empty());
    let id = record::normal_id(form, &filled(&users.id)?);
    let name: Vec<String> = users.name.iter().filter_map(|path| filled(path)).collect();
    let active = users.active.as_ref().is_none_or(|test| test.holds(row) == Some(true));
    Some(User { id, email: users.email.as_deref().and_then(filled), name: name.join(" "), active, kind: users.kind })
}
