//! A first manifest for a service, from a few answers: complete, commented, in order, and to be corrected by hand.
//!
//! It begins with what nearly every REST service has: one address per record, a list in pages, JSON both ways. What it
//! cannot know it says in a comment, with the words that say it.

use std::fmt::Write as _;

/// What somebody says of a service. Each has a default that a first try may keep.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The type: what users write as `type`.
    pub kind: String,
    /// What people call the service.
    pub title: String,
    /// `sales` or `marketing`.
    pub role: String,
    /// Where its documents begin.
    pub docs: String,
    /// Where its API is.
    pub base_url: String,
    /// How to log in.
    pub login: Login,
    /// The path that tells whose account it is; without it the address is the account.
    pub account: Option<String>,
    /// The object's name.
    pub object: String,
    /// The path of its list; a record is below it, by its id.
    pub list: String,
    /// Where in a page the records stand; empty: the page is the list.
    pub records: String,
    /// Where in an answer about one record it stands; empty: the answer is the record.
    pub record: String,
    /// How pages follow.
    pub pages: Pages,
    /// Where the id stands.
    pub id: String,
    /// Where the time of the last change stands.
    pub modified_at: Option<String>,
    /// The query parameter that lists what changed since a time.
    pub since: Option<String>,
    /// The query parameter that looks an e-mail address up.
    pub find: Option<String>,
    /// The fields.
    pub fields: Vec<String>,
}

/// How to log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    /// `Authorization: Bearer TOKEN`
    Bearer,
    /// A header of the service's own.
    Header,
    /// Name and password.
    Basic,
    /// OAuth 2 client credentials.
    ClientCredentials,
}

/// How pages follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pages {
    /// By the number of the page.
    Page,
    /// By the number of records to leave out.
    Offset,
    /// By a cursor in the body.
    Cursor,
    /// By the address of the next page.
    NextLink,
}

impl Draft {
    /// A draft of that type with every default.
    pub fn new(kind: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            title: kind.to_owned(),
            role: "sales".to_owned(),
            docs: "https://example.com/api".to_owned(),
            base_url: "https://api.example.com".to_owned(),
            login: Login::Bearer,
            account: None,
            object: "contacts".to_owned(),
            list: "/contacts".to_owned(),
            records: String::new(),
            record: String::new(),
            pages: Pages::Page,
            id: "id".to_owned(),
            modified_at: None,
            since: None,
            find: None,
            fields: ["email", "first_name", "last_name"].map(str::to_owned).to_vec(),
        }
    }

    /// The manifest.
    pub fn text(&self) -> String {
        [self.head(), self.login(), self.service(), self.object(), self.changes(), self.by_id(), self.writes()].concat()
    }

    fn head(&self) -> String {
        format!(
            "# {title}, by its documents. `hymnal connectors lint` says what is wrong with this file, and where.\n\
             type   = {kind}\ntitle  = {title_text}\nroles  = [{role}]\ndocs   = {docs}\n\
             status = \"documents\"                       # what is known is from the documents: no account has been met\n\n\
             [settings]                                 # what a user writes under [connectors.NAME]\n\
             base_url = {{ kind = \"url\", default = {base_url} }}\n",
            title = self.title.replace(char::is_control, " "),
            kind = quoted(&self.kind),
            title_text = quoted(&self.title),
            role = quoted(&self.role),
            docs = quoted(&self.docs),
            base_url = quoted(&self.base_url),
        )
    }

    fn login(&self) -> String {
        let (settings, way) = match self.login {
            Login::Bearer => (
                "token    = { kind = \"secret\", required = true, help = \"where a person finds it\" }",
                "token = { bearer = { token = \"{settings.token}\" } }",
            ),
            Login::Header => (
                "api_key  = { kind = \"secret\", required = true, help = \"where a person finds it\" }",
                "key = { header = { name = \"X-Api-Key\", value = \"{settings.api_key}\" } }",
            ),
            Login::Basic => (
                "username = { kind = \"text\", required = true }\npassword = { kind = \"secret\", required = true }",
                "basic = { basic = { username = \"{settings.username}\", password = \"{settings.password}\" } }",
            ),
            Login::ClientCredentials => (
                "client_id     = { kind = \"text\", required = true }\nclient_secret = { kind = \"secret\", required = true }",
                "client_credentials = { client_credentials = { url = \"{settings.base_url}/oauth/token\", client_id = \"{settings.client_id}\", client_secret = \"{settings.client_secret}\" } }",
            ),
        };
        format!(
            "{settings}\n\n[auth]                                     # bearer, header, basic, client_credentials, refresh, jwt_bearer, signed_token\n\
             base_url = \"{{settings.base_url}}\"\nways     = {{ {way} }}     # a header's name and the address of a login are the service's\n\n"
        )
    }

    fn service(&self) -> String {
        let account = match &self.account {
            Some(path) => format!("request = {}\nid      = {{ path = \"id\" }}", get(path, &[])),
            None => format!("request = {}\nis      = \"{{settings.base_url}}\"", get(&self.list, &[])),
        };
        format!(
            "[account]                                  # whose account it is: a connector is pinned to it\n{account}\n\n\
             [limits]                                   # what the documents allow; `daily = {{ requests = …, resets = … }}` too\n\
             rates       = [{{ requests = 5, per = \"1s\" }}]\nconcurrency = 2\n\n\
             [errors]                                   # where code and words stand; then the usual meaning of the HTTP status\n\
             code    = [{{ path = \"error.code\" }}, {{ path = \"code\" }}]\n\
             message = [{{ path = \"error.message\" }}, {{ path = \"message\" }}]\n\
             # when  = [{{ code = [\"QUOTA\"], is = \"throttled\", wait = \"1m\" }}]     # is: throttled, transient, auth, conflict, gone, rejected-field, …\n\n"
        )
    }

    fn object(&self) -> String {
        let mut text = format!("[objects.{}]\nid          = {}\n", self.object, quoted(&self.id));
        if let Some(path) = &self.modified_at {
            let _ = writeln!(text, "modified_at = {}", quoted(path));
        }
        let _ = writeln!(
            text,
            "fields      = {{ flat = {{ leave_out = [{}] }} }}      # or map = {{ path = \"properties\" }}, or pairs\n\
             # deleted   = \"archived\"                    # what is true of a deleted one, or {{ path = \"active\", is = \"no\" }}\n\
             gone        = \"not-visible\"                # \"deleted\", where 404 about an id means that it was deleted and nothing else\n\
             # unique    = [\"email\"]                     # where the service itself holds a value at most once\n\
             types       = {{ blank = \"null\" }}           # how a cleared field is written: \"null\" or \"empty\" (an empty text)",
            std::iter::once(&self.id).chain(&self.modified_at).map(|name| quoted(name)).collect::<Vec<_>>().join(", ")
        );
        text
    }

    fn changes(&self) -> String {
        let (paginator, parameters): (&str, &[(&str, &str)]) = match self.pages {
            Pages::Page => ("{ page = { first = 1 } }", &[("per_page", "{limit}"), ("page", "{cursor}")]),
            Pages::Offset => ("{ offset = {} }", &[("limit", "{limit}"), ("offset", "{cursor}")]),
            Pages::Cursor => {
                ("{ body_cursor = { path = \"next_cursor\" } }", &[("limit", "{limit}"), ("cursor", "{cursor}")])
            }
            Pages::NextLink => ("{ next_link = { path = \"next\" } }", &[("limit", "{limit}")]),
        };
        let mut query = parameters.to_vec();
        let page = format!("page      = 100\npaginator = {paginator}\n");
        let (way, times) = match (&self.since, &self.modified_at) {
            (Some(since), Some(time)) => {
                query.push((since, "{since}"));
                let times = format!(
                    "time        = {}\nwritten     = \"seconds\"                # of `{{since}}`: seconds, millis, epoch_ms, spaced\n\
                     granularity = \"1s\"                     # the smallest step of time it knows\n\
                     overlap     = \"2m\"                     # records become visible up to this long after their own time\n",
                    quoted(time)
                );
                ("window", times)
            }
            _ => ("scan", String::new()),
        };
        let why = match way {
            "window" => "what changed since a time, in any order; `poll` where it is in the order of time",
            _ => "everything, each time; `window` or `poll` where it lists what changed since a time",
        };
        format!(
            "[objects.{object}.changes.{way}]           # {why}\nselect    = {records}\n{page}{times}request   = {request}\n",
            object = self.object,
            records = quoted(&self.records),
            request = get(&self.list, &query),
        )
    }

    fn by_id(&self) -> String {
        let object = &self.object;
        let record =
            if self.record.is_empty() { String::new() } else { format!("record  = {}\n", quoted(&self.record)) };
        let one = format!("{}/{{id}}", self.list);
        let mut text = format!("[objects.{object}.get]\nbatch   = 1\n{record}request = {}\n", get(&one, &[]));
        match &self.find {
            Some(parameter) => {
                let _ = write!(
                    text,
                    "[objects.{object}.find.any]                # looked up before anybody is created\nonly    = [{}]                             # the fields it can look up; left out: any, by `{{key}}`\n\
                     batch   = 1\nselect  = {}\n\
                     request = {}\n\
                     # consistent = true                        # where it sees every write that was answered before it\n",
                    quoted(self.address()),
                    quoted(&self.records),
                    get(&self.list, &[(parameter, "{value}")]),
                );
            }
            None => {
                let _ = write!(
                    text,
                    "# Without a way to look a person up, a creation whose answer is lost can be made twice. Where there is a search:\n\
                     # [objects.{object}.find.any]\n# batch   = 1\n# select  = {}\n# request = {}\n",
                    quoted(&self.records),
                    get(&self.list, &[("email", "{value}")]),
                );
            }
        }
        text
    }

    /// The field of the e-mail address, as far as names tell.
    fn address(&self) -> &str {
        let named = self.fields.iter().find(|field| field.to_lowercase().contains("mail"));
        named.or(self.fields.first()).map_or("email", String::as_str)
    }

    fn writes(&self) -> String {
        let Self { object, list, .. } = self;
        let select =
            if self.record.is_empty() { String::new() } else { format!("select = {}, ", quoted(&self.record)) };
        let answers = format!("{{ by = \"whole\", {select}id = {{ path = {} }}, record = true }}", quoted(&self.id));
        let mut text = format!(
            "[objects.{object}.create]\nbatch   = 1\nrequest = {{ method = \"POST\", path = {list_text}, json = {{ \"*\" = \"{{record}}\" }} }}\n\
             answers = {answers}     # `record`: the answer is the record as it now is. An id in a header: id = {{ header = \"Location\", after = \"{list}/\" }}\n\
             [objects.{object}.update]\nbatch   = 1\nrequest = {{ method = \"PATCH\", path = {one}, json = {{ \"*\" = \"{{record}}\" }} }}     # PATCH changes what is given; beware of a PUT that clears the rest; `form` instead of `json` for a form\n\
             answers = {answers}\n\
             [objects.{object}.delete]\nbatch   = 1\nrequest = {{ method = \"DELETE\", path = {one} }}\nanswers = {{ by = \"whole\" }}\n\
             [objects.{object}.schema.fixed]            # or schema.described, where the service tells\n",
            list_text = quoted(list),
            one = quoted(&format!("{list}/{{id}}")),
        );
        for field in &self.fields {
            let _ = writeln!(text, "{} = {{ kind = \"text\", createable = true, updateable = true }}", key(field));
        }
        text
    }
}

fn get(path: &str, query: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = query.iter().map(|(name, value)| format!("{} = {}", key(name), quoted(value))).collect();
    let query = if pairs.is_empty() { String::new() } else { format!(", query = {{ {} }}", pairs.join(", ")) };
    format!("{{ method = \"GET\", path = {}{query} }}", quoted(path))
}

/// A TOML string.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// A TOML key.
fn key(name: &str) -> String {
    let is_bare =
        !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_".contains(letter));
    if is_bare { name.to_owned() } else { quoted(name) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::lint::lint;

    #[test]
    fn every_draft_is_in_order() {
        for login in [Login::Bearer, Login::Header, Login::Basic, Login::ClientCredentials] {
            for pages in [Pages::Page, Pages::Offset, Pages::Cursor, Pages::NextLink] {
                for told in [false, true] {
                    let some = |text: &str| told.then(|| text.to_owned());
                    let draft = Draft {
                        login,
                        pages,
                        account: some("/me"),
                        modified_at: some("meta.updated"),
                        since: some("updated[since]"),
                        find: some("email"),
                        record: some("data").unwrap_or_default(),
                        ..Draft::new("example")
                    };
                    assert_eq!(lint(&draft.text()), Vec::new(), "{}", draft.text());
                }
            }
        }
    }

    #[test]
    fn what_is_told_is_quoted() {
        let draft = Draft { title: "The \"Best\" CRM\\".to_owned(), id: "a \"b\"".to_owned(), ..Draft::new("best") };
        assert_eq!(lint(&draft.text()), Vec::new(), "{}", draft.text());
    }
}
