//! How a field is merged: `flow`, `on_conflict`, first link, consent.

use super::{
    between::Scope,
    diagnostics::Span,
    document::{Group, Reading},
    field::type_name,
    nearest, values,
};
use crate::{
    mapping::FieldType,
    merge::{Back, Blanks, Consent, FieldPolicy, Flow, OnConflict, OnOverride, Pair},
};

const POLICIES: [&str; 9] = ["latest", "prefer", "always", "manual", "union", "furthest", "restrictive", "max", "min"];

/// Reads the rules of one field. `first_link` is what the sync says, for fields that say nothing themselves.
pub(super) fn policy(
    cx: &mut Reading<'_>,
    group: &Group<'_>,
    scope: &Scope,
    (kind, first_link): (FieldType, OnConflict),
) -> FieldPolicy {
    let consent = consent(cx, group, scope, kind);
    let rule = Rule { group, scope, kind, consent: group.item("consent").is_some() };
    let written = rule.read(cx, "on_conflict");
    let on_conflict = match (rule.consent, written) {
        (true, _) => OnConflict::Restrictive,
        (false, written) => written.unwrap_or(OnConflict::Latest),
    };
    let own_first_link = rule.read(cx, "first_link");
    let first_link = if rule.consent {
        OnConflict::Restrictive
    } else {
        own_first_link.unwrap_or(if on_conflict == OnConflict::Latest { first_link } else { on_conflict })
    };
    let furthest = on_conflict == OnConflict::Furthest || first_link == OnConflict::Furthest;
    FieldPolicy {
        on_conflict,
        flow: flow(cx, group, scope),
        blanks: match group.choice(cx, "blanks") {
            Some("ignore") => Blanks::Ignore,
            _ => Blanks::Clear,
        },
        first_link,
        on_override: match group.choice(cx, "on_override") {
            Some("keep") => OnOverride::Keep,
            _ => OnOverride::Restore,
        },
        order: rule.order(cx, furthest),
        back: rule.back(cx, on_conflict),
        consent,
    }
}

/// The sync's own `first_link`: what suits every field.
pub(super) fn sync_first_link(cx: &mut Reading<'_>, group: &Group<'_>, scope: &Scope) -> Option<OnConflict> {
    let (written, at) = group.text(cx, "first_link")?;
    let policy = parse(cx, "first_link", (written, at), scope)?;
    if !matches!(policy, OnConflict::Latest | OnConflict::Prefer(_) | OnConflict::Always(_) | OnConflict::Manual) {
        let hint = "write `latest`, `prefer NAME`, `always NAME` or `manual` here, and the others on single fields";
        cx.error(at, format!("`{written}` does not suit every field"), hint);
        return None;
    }
    Some(policy)
}

/// One field while its policies are read.
struct Rule<'g, 'a> {
    group: &'g Group<'a>,
    scope: &'g Scope,
    kind: FieldType,
    consent: bool,
}

impl Rule<'_, '_> {
    /// `on_conflict` or `first_link`, checked against the type and the consent.
    fn read(&self, cx: &mut Reading<'_>, option: &str) -> Option<OnConflict> {
        let (written, at) = self.group.text(cx, option)?;
        let policy = parse(cx, option, (written, at), self.scope)?;
        if self.consent && policy != OnConflict::Restrictive {
            let message = format!("a consent field has no `{option}` but `restrictive`");
            cx.error(at, message, format!("remove `{option}`, or remove `consent`"));
            return None;
        }
        let (fits, hint) = match policy {
            OnConflict::Restrictive => (self.consent, "write `consent = [open, …, restricted]` too"),
            OnConflict::Union => (self.kind == FieldType::Set, "`union` is for `type = \"set\"`"),
            OnConflict::Max | OnConflict::Min => (
                matches!(self.kind, FieldType::Integer | FieldType::Decimal | FieldType::Date | FieldType::Datetime),
                "`max` and `min` are for `integer`, `decimal`, `date` and `datetime`",
            ),
            OnConflict::Furthest => (self.group.item("order").is_some(), "write `order = [first, …, last]` too"),
            OnConflict::Latest | OnConflict::Prefer(_) | OnConflict::Always(_) | OnConflict::Manual => (true, ""),
        };
        if !fits {
            let message = match policy {
                OnConflict::Furthest => format!("`{option} = \"furthest\"` needs an `order`"),
                OnConflict::Restrictive => format!("`{option} = \"restrictive\"` needs a `consent`"),
                _ => format!("`{written}` does not go with `type = \"{}\"`", type_name(self.kind)),
            };
            cx.error(at, message, hint);
        }
        Some(policy)
    }

    fn order(&self, cx: &mut Reading<'_>, furthest: bool) -> Vec<crate::mapping::Value> {
        let order = values::ordered(cx, self.group, "order", self.kind).unwrap_or_default();
        if let Some(item) = self.group.item("order")
            && !furthest
        {
            cx.error(
                item.key_at,
                "`order` is for `furthest` alone",
                "write `on_conflict = \"furthest\"`, or remove it",
            );
        }
        order
    }

    fn back(&self, cx: &mut Reading<'_>, on_conflict: OnConflict) -> Back {
        let back = self.group.choice(cx, "back");
        if let Some(item) = self.group.item("back")
            && on_conflict != OnConflict::Furthest
        {
            cx.error(item.key_at, "`back` is for `furthest` alone", "write `on_conflict = \"furthest\"`, or remove it");
        }
        match back {
            Some("refuse") => Back::Refuse,
            _ => Back::Allow,
        }
    }
}

fn parse(cx: &mut Reading<'_>, option: &str, (written, at): (&str, Span), scope: &Scope) -> Option<OnConflict> {
    let words: Vec<&str> = written.split_whitespace().collect();
    let policy = match words.as_slice() {
        ["latest"] => OnConflict::Latest,
        ["manual"] => OnConflict::Manual,
        ["union"] => OnConflict::Union,
        ["furthest"] => OnConflict::Furthest,
        ["restrictive"] => OnConflict::Restrictive,
        ["max"] => OnConflict::Max,
        ["min"] => OnConflict::Min,
        ["prefer", name] => OnConflict::Prefer(scope.named(cx, name, at)?),
        ["always", name] => OnConflict::Always(scope.named(cx, name, at)?),
        ["prefer" | "always"] => {
            let hint = format!("write `{written} {}` or `{written} {}`", scope.names()[0], scope.names()[1]);
            cx.error(at, format!("`{written}` names no connector"), hint);
            return None;
        }
        [name] if scope.side(name).is_some() => {
            cx.error(at, format!("`{name}` is no `{option}`"), format!("did you mean `prefer {name}`?"));
            return None;
        }
        _ => {
            let hint = nearest::suggest(words.first().copied().unwrap_or_default(), POLICIES);
            cx.error(at, format!("`{written}` is no `{option}`"), hint);
            return None;
        }
    };
    Some(policy)
}

fn flow(cx: &mut Reading<'_>, group: &Group<'_>, scope: &Scope) -> Flow {
    let Some((written, at)) = group.text(cx, "flow") else { return Flow::Both };
    if written == "both" {
        return Flow::Both;
    }
    let [left, right] = scope.names();
    let hint = format!("write `both`, `{left} -> {right}` or `{right} -> {left}`");
    let Some((from, to)) = written.split_once("->") else {
        cx.error(at, format!("`{written}` is no `flow`"), hint);
        return Flow::Both;
    };
    let from = scope.named(cx, from.trim(), at);
    let to = scope.named(cx, to.trim(), at);
    match (from, to) {
        (Some(from), Some(to)) if from == to => {
            cx.error(at, "`flow` goes from a connector to itself", hint);
            Flow::Both
        }
        (Some(from), Some(_)) => Flow::From(from),
        _ => Flow::Both,
    }
}

fn consent(cx: &mut Reading<'_>, group: &Group<'_>, scope: &Scope, kind: FieldType) -> Option<Consent> {
    let loosen = group.texts(cx, "may_loosen");
    if let Some(item) = group.item("may_loosen")
        && group.item("consent").is_none()
    {
        cx.error(
            item.key_at,
            "`may_loosen` is for consent fields alone",
            "write `consent = [open, …, restricted]` too, or remove it",
        );
    }
    let item = group.item("consent")?;
    cx.texts(item)?;
    if !matches!(kind, FieldType::Bool | FieldType::Choice) {
        let message = format!("`consent` does not go with `type = \"{}\"`", type_name(kind));
        cx.error(item.key_at, message, "write `type = \"bool\"` or `type = \"choice\"`");
        return None;
    }
    let mut may_loosen = Pair::new(false, false);
    for (name, at) in loosen.unwrap_or_default() {
        if let Some(side) = scope.named(cx, name, at) {
            may_loosen[side] = true;
        }
    }
    let steps = values::ordered(cx, group, "consent", kind)?;
    Some(Consent { steps, may_loosen })
}

/// In an opt-in box the restricted value is the unticked one, and unticked may mean that nobody was asked. Unless the
/// configuration says which, the first link would opt everyone out.
pub(super) fn refuse_silent_opt_in(cx: &mut Reading<'_>, group: &Group<'_>, scope: &Scope, kind: FieldType) {
    let Some(item) = group.item("consent") else { return };
    let steps = item.value.as_array();
    let restricted = steps.and_then(|steps| steps.last()).and_then(|step| step.get_ref().as_str());
    if kind != FieldType::Bool || restricted != Some("false") {
        return;
    }
    let said = group.item("blank_as").and_then(|item| item.value.as_table());
    for side in scope.sides() {
        let name = scope.systems[side].connector.as_str();
        if said.is_none_or(|said| said.get(name).is_none()) {
            let message = format!(
                "{} is an opt-in box, and nothing says whether unticked in `{name}` means that nobody was asked",
                group.title
            );
            let hint = format!(
                "write `blank_as = {{ {name} = [\"false\"] }}` if it does, `{{ {name} = [] }}` if it is a refusal"
            );
            cx.error(item.at, message, hint);
        }
    }
}
