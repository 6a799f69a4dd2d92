//! Search: its filters, its caps, and its index, which shows a write some time after it.

use std::{borrow::Cow, cmp::Ordering, time::Duration};

use hymnal_memory::service::Row;
use hymnal_sdk::{Address, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    HubSpotOptions, Kind,
    answer::{Answer, Answered, Refused},
    portal::{CONTACTS, Portal, scatter},
    property::instant,
    record::{Wanted, show, value},
    route::Asked,
};

// Search guide, "Limits".
const LARGEST_PAGE: usize = 200;
const MOST_RESULTS: usize = 10_000;
const LONGEST_BODY: usize = 3_000;
const MOST_GROUPS: usize = 5;
const MOST_FILTERS_A_GROUP: usize = 6;
const MOST_FILTERS: usize = 18;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Search {
    #[serde(default)]
    filter_groups: Vec<Group>,
    #[serde(default)]
    sorts: Vec<Value>,
    #[serde(default)]
    properties: Vec<String>,
    query: Option<String>,
    limit: Option<usize>,
    after: Option<Value>,
}

#[derive(Deserialize)]
struct Group {
    filters: Vec<Filter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filter {
    property_name: String,
    operator: String,
    value: Option<Value>,
    high_value: Option<Value>,
    values: Option<Vec<String>>,
}

/// A filter that was found to make sense.
struct Test<'a> {
    property: &'a super::Property,
    check: Check,
}

enum Check {
    Compare(fn(Ordering) -> bool, Operand),
    Not(Operand),
    Between(Operand, Operand),
    In(Vec<String>),
    NotIn(Vec<String>),
    Has,
    HasNot,
    Token(String),
    NoToken(String),
}

/// A value in the order of its property's kind.
#[derive(Clone, Debug, PartialEq)]
enum Operand {
    Time(Timestamp),
    Number(f64),
    Text(String),
}

struct Sort<'a> {
    property: &'a super::Property,
    descending: bool,
}

impl Portal {
    pub(super) fn search(&self, asked: &Asked<'_>) -> Answered {
        if asked.body_length() > LONGEST_BODY {
            return Err(Refused::invalid(format!("The request is longer than {LONGEST_BODY} characters")));
        }
        let body: Search = asked.json()?;
        let (limit, after) = window(&body)?;
        let (options, now) = (self.options(), self.now());
        let groups = tests(&body.filter_groups, &options)?;
        let sort = sort(&body.sorts, &options)?;
        let wanted = Wanted { properties: body.properties, history: Vec::new() };
        let inner = self.account().lock();
        let rows = inner.data.tables.get(CONTACTS).into_iter().flat_map(|table| table.rows.values());
        let indexed = rows.filter_map(|row| indexed(row, now, &options));
        let mut found: Vec<Cow<'_, Row>> = indexed
            .filter(|row| inner.listed(&Address::new(CONTACTS, row.id.as_str()), now))
            .filter(|row| groups.is_empty() || groups.iter().any(|tests| tests.iter().all(|test| test.holds(row))))
            .filter(|row| body.query.as_deref().is_none_or(|query| mentions(row, query)))
            .collect();
        if let Some(sort) = &sort {
            // No order is promised among equals; it is the opposite of what a reader may hope for.
            found.reverse();
            found.sort_by(|left, right| sort.order(left, right));
        }
        let total = found.len();
        let page = found.iter().skip(after).take(limit);
        let results: Vec<Value> = page.map(|row| show(row, &wanted, &options)).collect();
        let mut told = json!({ "total": total, "results": results });
        if after + limit < total {
            told["paging"] = json!({ "next": { "after": (after + limit).to_string() } });
        }
        Ok(Answer::ok(told))
    }
}

// Search guide, "Paging through results": 10 by default, 200 at most; `after` is an integer. "Limits": paging beyond
// 10,000 is a 400 error.
fn window(body: &Search) -> Answered<(usize, usize)> {
    let limit = body.limit.unwrap_or(10);
    if !(1..=LARGEST_PAGE).contains(&limit) {
        return Err(Refused::invalid(format!("limit must be between 1 and {LARGEST_PAGE}")));
    }
    let after = match &body.after {
        None | Some(Value::Null) => Some(0),
        Some(Value::String(text)) if text.is_empty() => Some(0),
        Some(Value::String(text)) => text.parse().ok(),
        Some(Value::Number(number)) => number.as_u64().and_then(|number| usize::try_from(number).ok()),
        Some(_) => None,
    };
    let after = after.ok_or_else(|| Refused::invalid("after must be an integer"))?;
    if after + limit > MOST_RESULTS {
        return Err(Refused::invalid(format!("Cannot page beyond {MOST_RESULTS} results of one search")));
    }
    Ok((limit, after))
}

fn tests<'a>(groups: &[Group], options: &'a HubSpotOptions) -> Answered<Vec<Vec<Test<'a>>>> {
    let filters: usize = groups.iter().map(|group| group.filters.len()).sum();
    let widest = groups.iter().map(|group| group.filters.len()).max().unwrap_or_default();
    if groups.len() > MOST_GROUPS || widest > MOST_FILTERS_A_GROUP || filters > MOST_FILTERS {
        return Err(Refused::invalid(format!(
            "A search takes at most {MOST_GROUPS} filterGroups with {MOST_FILTERS_A_GROUP} filters each and \
             {MOST_FILTERS} filters in total"
        )));
    }
    groups.iter().map(|group| group.filters.iter().map(|filter| test(filter, options)).collect()).collect()
}

fn test<'a>(filter: &Filter, options: &'a HubSpotOptions) -> Answered<Test<'a>> {
    let property = known(&filter.property_name, options)?;
    let operand = |value: &Option<Value>| -> Answered<Operand> {
        let text = match value {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            Some(Value::Bool(flag)) => flag.to_string(),
            _ => return Err(Refused::invalid(format!("operator {} requires a value", filter.operator))),
        };
        operand(property, &text)
            .ok_or_else(|| Refused::invalid(format!("`{text}` is no value to compare property {} with", property.name)))
    };
    let values = || {
        let values = filter.values.clone().filter(|values| !values.is_empty());
        values.ok_or_else(|| Refused::invalid(format!("operator {} requires values", filter.operator)))
    };
    let token = || {
        let text = filter.value.as_ref().and_then(Value::as_str).filter(|text| !text.is_empty());
        text.map(str::to_lowercase).ok_or_else(|| Refused::invalid("operator CONTAINS_TOKEN requires a value"))
    };
    let check = match filter.operator.as_str() {
        "EQ" => Check::Compare(Ordering::is_eq, operand(&filter.value)?),
        "NEQ" => Check::Not(operand(&filter.value)?),
        "LT" => Check::Compare(Ordering::is_lt, operand(&filter.value)?),
        "LTE" => Check::Compare(Ordering::is_le, operand(&filter.value)?),
        "GT" => Check::Compare(Ordering::is_gt, operand(&filter.value)?),
        "GTE" => Check::Compare(Ordering::is_ge, operand(&filter.value)?),
        "BETWEEN" => Check::Between(operand(&filter.value)?, operand(&filter.high_value)?),
        "IN" => Check::In(values()?),
        "NOT_IN" => Check::NotIn(values()?),
        "HAS_PROPERTY" => Check::Has,
        "NOT_HAS_PROPERTY" => Check::HasNot,
        "CONTAINS_TOKEN" => Check::Token(token()?),
        "NOT_CONTAINS_TOKEN" => Check::NoToken(token()?),
        other => return Err(Refused::invalid(format!("Invalid input JSON: `{other}` is not a filter operator"))),
    };
    Ok(Test { property, check })
}

// Search guide, "Sort search results": only one sorting rule can be applied to any search.
fn sort<'a>(sorts: &[Value], options: &'a HubSpotOptions) -> Answered<Option<Sort<'a>>> {
    let [rule] = sorts else {
        if sorts.is_empty() {
            return Ok(None);
        }
        return Err(Refused::invalid("Only one sorting rule can be applied to a search"));
    };
    let (name, descending) = match rule {
        Value::String(name) => (name.trim_start_matches('-'), name.starts_with('-')),
        Value::Object(rule) => {
            let name = rule.get("propertyName").and_then(Value::as_str);
            let name = name.ok_or_else(|| Refused::invalid("a sort requires a propertyName"))?;
            match rule.get("direction").and_then(Value::as_str) {
                None | Some("ASCENDING") => (name, false),
                Some("DESCENDING") => (name, true),
                Some(other) => return Err(Refused::invalid(format!("`{other}` is not a sort direction"))),
            }
        }
        _ => return Err(Refused::invalid("a sort is a property name or an object")),
    };
    Ok(Some(Sort { property: known(name, options)?, descending }))
}

fn known<'a>(name: &str, options: &'a HubSpotOptions) -> Answered<&'a super::Property> {
    let property = options.properties.iter().find(|property| property.name == name);
    property.ok_or_else(|| Refused::invalid(format!("There was a problem with the request. Unknown property {name}")))
}

// Search guide, "Limits": it may take a few moments for newly created or updated objects to appear; archived ones do
// not appear.
/// The row as the index holds it: as it was before the changes that the index has not yet seen.
fn indexed<'a>(row: &'a Row, now: Timestamp, options: &HubSpotOptions) -> Option<Cow<'a, Row>> {
    let seen = now.checked_sub(lag(row, options)).unwrap_or(now);
    if row.modified_at <= seen {
        return row.deleted_at.is_none().then_some(Cow::Borrowed(row));
    }
    if row.created_at > seen || row.deleted_at.is_some_and(|at| at <= seen) {
        return None;
    }
    let mut before = row.clone();
    before.deleted_at = None;
    before.fields.clear();
    before.history.retain(|edit| edit.at <= seen);
    before.modified_at = before.history.iter().map(|edit| edit.at).max().unwrap_or(row.created_at);
    for edit in &before.history {
        before.fields.insert(edit.field.clone(), edit.value.clone());
    }
    Some(Cow::Owned(before))
}

fn lag(row: &Row, options: &HubSpotOptions) -> Duration {
    let (shortest, longest) = (*options.search_lag.start(), *options.search_lag.end());
    let spread = u64::try_from(longest.saturating_sub(shortest).as_millis()).unwrap_or(u64::MAX);
    shortest + Duration::from_millis(scatter(row.sequence) % (spread.saturating_add(1)))
}

/// The free-text query.
// Search guide, "Search default searchable properties": for contacts the names, e-mail addresses, phones, company.
fn mentions(row: &Row, query: &str) -> bool {
    let query = query.to_lowercase();
    ["firstname", "lastname", "email", "hs_additional_emails", "phone", "company", "hs_object_id"]
        .iter()
        .filter_map(|name| value(row, name))
        .any(|text| text.to_lowercase().contains(&query))
}

impl Test<'_> {
    fn holds(&self, row: &Row) -> bool {
        if let (Check::Compare(accept, Operand::Time(bound)), "lastmodifieddate") = (&self.check, &*self.property.name)
        {
            return accept(row.modified_at.cmp(bound));
        }
        let held = value(row, &self.property.name);
        let compare = |bound: &Operand| {
            let held = operand(self.property, held.as_deref()?)?;
            held.order(bound)
        };
        match &self.check {
            Check::Compare(accept, bound) => compare(bound).is_some_and(accept),
            Check::Not(bound) => compare(bound).is_none_or(Ordering::is_ne),
            Check::Between(low, high) => {
                compare(low).is_some_and(Ordering::is_ge) && compare(high).is_some_and(Ordering::is_le)
            }
            Check::In(values) => self.is_in(held.as_deref(), values),
            Check::NotIn(values) => !self.is_in(held.as_deref(), values),
            Check::Has => held.is_some(),
            Check::HasNot => held.is_none(),
            Check::Token(token) => held.is_some_and(|held| has_token(&held.to_lowercase(), token)),
            Check::NoToken(token) => !held.is_some_and(|held| has_token(&held.to_lowercase(), token)),
        }
    }

    // Search guide: with IN and NOT_IN on a string property the searched values must be lowercase; values of
    // enumerations are case-sensitive.
    fn is_in(&self, held: Option<&str>, values: &[String]) -> bool {
        let Some(held) = held else { return false };
        if matches!(self.property.kind, Kind::Text | Kind::LongText | Kind::Phone) {
            return values.contains(&held.to_lowercase());
        }
        values.iter().any(|value| value == held)
    }
}

impl Sort<'_> {
    fn order(&self, left: &Row, right: &Row) -> Ordering {
        let order = if self.property.name == "lastmodifieddate" {
            left.modified_at.cmp(&right.modified_at)
        } else {
            let of = |row: &Row| value(row, &self.property.name).and_then(|held| operand(self.property, &held));
            match (of(left), of(right)) {
                (Some(left), Some(right)) => left.order(&right).unwrap_or(Ordering::Equal),
                (None, None) => Ordering::Equal,
                (None, Some(_)) => Ordering::Greater,
                (Some(_), None) => Ordering::Less,
            }
        };
        if self.descending { order.reverse() } else { order }
    }
}

impl Operand {
    fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Time(left), Self::Time(right)) => Some(left.cmp(right)),
            (Self::Number(left), Self::Number(right)) => left.partial_cmp(right),
            (Self::Text(left), Self::Text(right)) => Some(left.cmp(right)),
            _ => None,
        }
    }
}

// Search guide: values of string properties compare without case, those of enumerations with it.
fn operand(property: &super::Property, text: &str) -> Option<Operand> {
    match property.kind {
        Kind::Datetime | Kind::Date => {
            let day = || text.parse::<jiff::civil::Date>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok();
            instant(text).or_else(|| day().map(|day| day.timestamp())).map(Operand::Time)
        }
        Kind::Number => text.parse().ok().map(Operand::Number),
        Kind::Text | Kind::LongText | Kind::Phone => Some(Operand::Text(text.to_lowercase())),
        Kind::Bool | Kind::Choice(_) | Kind::Choices(_) | Kind::Owner => Some(Operand::Text(text.to_owned())),
    }
}

/// Whether a token is in a text; `*` stands for any run of characters.
fn has_token(text: &str, token: &str) -> bool {
    if !token.contains('*') {
        let words = text.split(|sign: char| !sign.is_alphanumeric() && !"@._-+".contains(sign));
        return text == token || words.clone().any(|word| word == token);
    }
    let parts: Vec<&str> = token.split('*').collect();
    let (Some(first), Some(last)) = (parts.first(), parts.last()) else { return false };
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    for part in parts.iter().take(parts.len() - 1).skip(1) {
        match rest.find(part) {
            Some(at) => rest = rest.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    rest.ends_with(last)
}
