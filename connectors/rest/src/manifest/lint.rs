//! What a manifest that reads well still gets wrong.

mod ways;

pub use super::finding::{Finding, lint};

use super::{
    Manifest,
    changes::{Changes, DeletionFeed, Feed, Poll, Scan, Window},
    finding::{nearest, place},
    layout::{Derived, Layout},
    object::{AnswerBy, Object, Write, WrittenBy},
    request::{Paginator, RequestShape},
    template::{Hole, Shape, Template},
};

/// What a manifest that reads well still gets wrong.
pub(super) fn meaning(text: &str, manifest: &Manifest) -> Vec<Finding> {
    let mut check = Check { text, manifest, findings: Vec::new() };
    check.service();
    check.on_create();
    for (name, object) in &manifest.objects {
        check.object(name, object);
    }
    check.findings
}

struct Check<'a> {
    text: &'a str,
    manifest: &'a Manifest,
    findings: Vec<Finding>,
}

impl Check<'_> {
    /// Notes what is wrong at the table or key of that dotted name, or else at the top.
    fn note(&mut self, at: &str, message: String, hint: &str) {
        let (line, column) = place(self.text, header_of(self.text, at));
        self.findings.push(Finding { line, column, message, hint: (!hint.is_empty()).then(|| hint.to_owned()) });
    }

    /// Notes what is wrong with a hole, where it stands: the first such below the table of that dotted name.
    fn note_hole(&mut self, at: &str, hole: &Hole, message: String, hint: &str) {
        let from = header_of(self.text, at);
        let offset = self.text[from..].find(&hole.to_string()).map_or(from, |found| from + found);
        let (line, column) = place(self.text, offset);
        self.findings.push(Finding { line, column, message, hint: Some(hint.to_owned()) });
    }

    fn on_create(&mut self) {
        let manifest = self.manifest;
        for automation in &manifest.on_create {
            for object in automation.objects.iter().filter(|object| !manifest.objects.contains_key(*object)) {
                self.note("on_create", format!("`on_create` names no object of this manifest: `{object}`"), "");
            }
            for setting in automation.unless.keys().filter(|setting| manifest.setting(setting).is_none()) {
                let hint = "declare it under `[settings]`";
                self.note("on_create", format!("`{setting}` is no setting of this manifest"), hint);
            }
        }
    }

    fn service(&mut self) {
        let manifest = self.manifest;
        self.ways();
        if manifest.setting("base_url").is_none() {
            self.note(
                "settings",
                "the setting `base_url` is missing".to_owned(),
                "every connector can be pointed at a test server: declare `base_url = { kind = \"url\" }`",
            );
        }
        self.settings("auth", manifest.auth.base_url.holes());
        self.request("account", &manifest.account.request, &[]);
        for users in &manifest.users {
            self.request("users", &users.list.request, &[Hole::Cursor, Hole::Limit]);
            self.no_keyset("users", &users.list.paginator);
        }
        if manifest.account.id.0.is_empty() && manifest.account.is.is_none() {
            let hint = "write `id = { path = … }`, or `is = \"{settings.base_url}\"` where no answer names it";
            self.note("account", "nothing says whose account it is".to_owned(), hint);
        }
        self.settings("account", manifest.account.is.iter().flat_map(Template::holes));
    }

    fn object(&mut self, name: &str, object: &Object) {
        let at = |part: &str| format!("objects.{name}.{part}");
        match &object.changes {
            Changes::Poll(poll) => self.poll(&at("changes"), poll),
            Changes::Polls(polls) => {
                if polls.len() < 2 {
                    self.note(&at("changes"), "`polls` are several".to_owned(), "write `changes.poll`");
                }
                for poll in polls {
                    self.poll(&at("changes"), poll);
                }
            }
            Changes::Window(window) => self.window(&at("changes"), window),
            Changes::Delta(delta) => self.request(&at("changes"), &delta.request, &[Hole::Limit, Hole::Fields]),
            Changes::Feed(feed) => self.feed(&at("changes"), feed),
            Changes::Scan(scan) => self.scan(&at("changes"), scan),
        }
        match &object.deletions {
            Some(DeletionFeed::Poll(poll)) => self.poll(&at("deletions"), poll),
            Some(DeletionFeed::Feed(feed)) => self.feed(&at("deletions"), feed),
            Some(DeletionFeed::Listing { scan, .. }) => self.scan(&at("deletions"), scan),
            None => {}
        }
        let get = &object.get;
        self.request(&at("get"), &get.request, &[Hole::Ids, Hole::Id, Hole::IdPath, Hole::Items, Hole::Fields]);
        self.batch(&at("get"), get.batch, &get.request, get.item.as_ref(), &[Hole::Id]);
        if let Some(alone) = &get.alone {
            self.request(&at("get"), &alone.request, &[Hole::Id, Hole::IdPath, Hole::Fields]);
        }
        for lookup in [&object.find.unique, &object.find.any].into_iter().flatten() {
            let known = [Hole::Key, Hole::Keys, Hole::Value, Hole::Items, Hole::Fields, Hole::Cursor, Hole::Limit];
            self.request(&at("find"), &lookup.request, &known);
            self.batch(&at("find"), lookup.batch, &lookup.request, lookup.item.as_ref(), &[Hole::Value]);
        }
        for (part, write) in [
            ("create", &object.create),
            ("update", &object.update),
            ("upsert", &object.upsert),
            ("delete", &object.delete),
            ("erase", &object.erase),
        ] {
            if let Some(write) = write {
                self.write(&at(part), write);
            }
        }
        for (field, by) in &object.written_by {
            self.written_by(&at(&format!("written_by.{field}")), by);
        }
        if let Some(history) = &object.history {
            self.request(&at("history"), &history.request, &[Hole::Id, Hole::IdPath, Hole::Fields]);
            let holes = holes(&history.request);
            if !holes.contains(&Hole::Id) && !holes.contains(&Hole::IdPath) {
                self.note(&at("history"), "this request must say `{id}`".to_owned(), "it is about one record");
            }
        }
        for described in object.schema.described.iter().chain(&object.schema.and) {
            self.request(&at("schema"), &described.request, &[]);
        }
        for barred in &object.schema.barred {
            self.request(&at("schema"), &barred.request, &[]);
        }
        if object.schema.fixed.is_empty() && object.schema.described.is_none() {
            let hint = "declare `schema.fixed` or `schema.described`";
            self.note(&at("schema"), "no field is known of these records".to_owned(), hint);
        }
        self.elsewhere(&at("custom"), &at("derived"), object);
    }

    /// Fields that do not stand where the rest do.
    fn elsewhere(&mut self, custom_at: &str, derived_at: &str, object: &Object) {
        if let Some(custom) = &object.custom {
            let place = match &custom.fields {
                Layout::Map { path } | Layout::Pairs { path, .. } => path.as_str(),
                Layout::Flat { .. } => "",
            };
            if place.is_empty() || place.contains('.') {
                let hint = "write `map = { path = \"…\" }` or `pairs = { … }` with a key of the record as its path";
                self.note(custom_at, "custom fields stand in one place directly in the record".to_owned(), hint);
            }
        }
        for derived in object.derived.values() {
            match derived {
                Derived::Listed { yes, no, .. } => {
                    self.known(derived_at, yes.holes().into_iter().chain(no.holes()), &[]);
                }
                Derived::Child { add, change, remove, .. } => {
                    self.known(derived_at, add.holes().into_iter(), &[Hole::Value]);
                    self.known(derived_at, change.holes().into_iter(), &[Hole::Id, Hole::Value]);
                    self.known(derived_at, remove.holes().into_iter(), &[Hole::Id]);
                }
                Derived::Primary { .. } => {}
            }
        }
    }

    fn feed(&mut self, at: &str, feed: &Feed) {
        self.request(at, &feed.start, &[Hole::Since]);
        self.request(at, &feed.request, &[Hole::Cursor, Hole::Limit, Hole::Fields]);
        if let Some(first) = &feed.first {
            self.scan(at, first);
        }
        if !holes(&feed.start).contains(&Hole::Since) || !holes(&feed.request).contains(&Hole::Cursor) {
            let hint = "`start` must say `{since}`, and `request` `{cursor}`";
            self.note(at, "this feed never moves on".to_owned(), hint);
        }
    }

    fn scan(&mut self, at: &str, scan: &Scan) {
        self.request(at, &scan.request, &[Hole::Cursor, Hole::Limit, Hole::Fields]);
        self.no_keyset(at, &scan.paginator);
    }

    fn window(&mut self, at: &str, window: &Window) {
        self.request(at, &window.request, &[Hole::Since, Hole::Cursor, Hole::Limit, Hole::Fields]);
        self.no_keyset(at, &window.paginator);
        if !holes(&window.request).contains(&Hole::Since) {
            self.note(at, "this window's request must say `{since}`".to_owned(), "without it the list never moves on");
        }
        if window.page < 2 {
            self.note(
                at,
                "`page` must be at least 2".to_owned(),
                "each page begins with the last record of the one before",
            );
        }
    }

    fn poll(&mut self, at: &str, poll: &Poll) {
        let known = [Hole::Since, Hole::Cursor, Hole::Limit, Hole::Fields];
        self.request(at, &poll.request, &known);
        self.request(at, &poll.tie, &[Hole::Since, Hole::AfterId, Hole::Cursor, Hole::Limit, Hole::Fields]);
        let mut needed = vec![(&poll.request, Hole::Since), (&poll.tie, Hole::Since), (&poll.tie, Hole::AfterId)];
        if let Some(beyond) = &poll.beyond {
            self.request(at, beyond, &[Hole::Since, Hole::Ids, Hole::Limit, Hole::Fields]);
            needed.extend([(beyond, Hole::Since), (beyond, Hole::Ids)]);
        }
        for (request, hole) in needed {
            if !holes(request).contains(&hole) {
                self.note(at, format!("this poll's request must say `{hole}`"), "without it the list never moves on");
            }
        }
        if poll.page == 0 {
            self.note(at, "`page` must be at least 1".to_owned(), "");
        }
        if poll.cap.is_some_and(|cap| cap < poll.page) {
            self.note(at, "`cap` is smaller than a page".to_owned(), "no page could ever be read");
        }
    }

    fn no_keyset(&mut self, at: &str, paginator: &Paginator) {
        if matches!(paginator, Paginator::Keyset { .. }) {
            self.note(at, "`keyset` needs times: only a `poll` has them".to_owned(), "use another paginator");
        }
    }

    fn write(&mut self, at: &str, write: &Write) {
        let in_request = [
            Hole::Items,
            Hole::Ids,
            Hole::Id,
            Hole::IdPath,
            Hole::Key,
            Hole::Value,
            Hole::Record,
            Hole::Rest,
            Hole::Trace,
            Hole::Version,
        ];
        self.request(at, &write.request, &in_request);
        let in_item = [Hole::Id, Hole::Key, Hole::Value, Hole::Record, Hole::Trace];
        self.batch(at, write.batch, &write.request, write.item.as_ref(), &in_item);
        for part in &write.parts {
            self.request(at, &part.request, &in_request);
        }
        for headers in write.lane_headers.values() {
            self.known(at, headers.values().flat_map(Template::holes), &in_request);
        }
        if !write.parts.is_empty() && write.batch > 1 {
            self.note(at, "`parts` need single records".to_owned(), "write `batch = 1`");
        }
        let answers = &write.answers;
        if answers.by == AnswerBy::Whole && write.batch > 1 && !answers.select.is_empty() {
            self.note(at, "`answers.by = \"whole\"` reads one answer for all".to_owned(), "leave `select` out");
        }
        if holes(&write.request).contains(&Hole::Version) && write.any_version.is_none() {
            let hint = "say by `any_version` what it is where no version is known";
            self.note(at, "`{version}` needs `any_version`".to_owned(), hint);
        }
        if answers.by == AnswerBy::Trace && answers.trace.is_none() {
            self.note(at, "`answers.by = \"trace\"` needs `trace`".to_owned(), "say where the trace id stands");
        }
    }

    fn written_by(&mut self, at: &str, by: &WrittenBy) {
        let mut known = vec![Hole::Object, Hole::Id];
        known.extend(by.needs.is_some().then_some(Hole::Value));
        for request in by.requests.values() {
            self.request(at, request, &known);
        }
        if by.requests.is_empty() {
            self.note(at, "`written_by` has no `requests`".to_owned(), "say by which request each value is written");
        }
    }

    /// A batch of several needs a list in its request; an item may only hold what an item has.
    fn batch(&mut self, at: &str, batch: usize, request: &RequestShape, item: Option<&Shape>, known: &[Hole]) {
        let holes = holes(request);
        let lists = [Hole::Items, Hole::Ids, Hole::Keys].iter().any(|hole| holes.contains(hole));
        if batch == 0 {
            self.note(at, "`batch` must be at least 1".to_owned(), "");
        } else if batch > 1 && !lists {
            self.note(
                at,
                format!("a batch of {batch} has no list in its request"),
                "use `{items}`, `{ids}` or `{keys}`, or `batch = 1`",
            );
        }
        if holes.contains(&Hole::Items) && item.is_none() {
            self.note(at, "`{items}` needs `item`, the shape of one".to_owned(), "");
        }
        if let Some(item) = item {
            self.known(at, item.holes().into_iter(), known);
        }
    }

    fn request(&mut self, at: &str, request: &RequestShape, known: &[Hole]) {
        let text: String = request
            .path
            .0
            .iter()
            .take(1)
            .filter_map(|piece| if let super::template::Piece::Text(text) = piece { Some(text.as_str()) } else { None })
            .collect();
        if !text.starts_with('/') {
            self.note(at, "a request's `path` begins with `/`".to_owned(), "the base URL comes before it");
        }
        if request.json.is_some() && request.form.is_some() {
            self.note(at, "a request has `json` or `form`, not both".to_owned(), "");
        }
        self.known(at, holes(request).iter(), known);
    }

    fn known<'b>(&mut self, at: &str, holes: impl Iterator<Item = &'b Hole>, known: &[Hole]) {
        let holes: Vec<&Hole> = holes.collect();
        for hole in &holes {
            let is_field = matches!(hole, Hole::Field(_)) && known.contains(&Hole::Record);
            if !matches!(hole, Hole::Setting(_) | Hole::Object) && !is_field && !known.contains(hole) {
                let hint = match known {
                    [] => "only `{settings.NAME}` has a value here".to_owned(),
                    known => format!(
                        "there are here: {}",
                        known.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ")
                    ),
                };
                self.note_hole(at, hole, format!("`{hole}` has no value here"), &hint);
            }
        }
        self.settings(at, holes.into_iter());
    }

    fn settings<'b>(&mut self, at: &str, holes: impl Iterator<Item = &'b Hole>) {
        for hole in holes {
            if let Hole::Setting(name) = hole
                && self.manifest.setting(name).is_none()
            {
                let names: Vec<&str> = self.manifest.settings.iter().map(|(known, _)| known.as_str()).collect();
                let hint = nearest(name, &names).unwrap_or_default();
                self.note_hole(
                    at,
                    hole,
                    format!("`{{settings.{name}}}` is no setting of this manifest"),
                    &format!("declare it under `[settings]`; {hint}"),
                );
            }
        }
    }
}

fn holes(request: &RequestShape) -> Vec<Hole> {
    let mut holes: Vec<Hole> = request.path.holes().cloned().collect();
    for (_, template) in request.query.iter().chain(&request.headers) {
        holes.extend(template.holes().cloned());
    }
    for body in [&request.json, &request.form].into_iter().flatten() {
        holes.extend(body.holes().into_iter().cloned());
    }
    holes
}

/// Where the table of that dotted name begins, or the closest one around it.
fn header_of(text: &str, name: &str) -> usize {
    let mut name = name;
    loop {
        for opening in [format!("[{name}]"), format!("[{name}.")] {
            let at_start = text.starts_with(&opening).then_some(0);
            if let Some(found) = at_start.or_else(|| text.find(&format!("\n{opening}")).map(|found| found + 1)) {
                return found;
            }
        }
        match name.rsplit_once('.') {
            Some((parent, _)) => name = parent,
            None => return 0,
        }
    }
}
