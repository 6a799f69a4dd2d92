//! Phone numbers: E.164 by Google's rules (the `phonenumber` crate carries their tables), and the extension.
//!
//! The crate may take a digit too many for the prefix that is dialled before national numbers (its issue 76: of
//! `+78005553535` it leaves `+7005553535`). So its answer is held against the digits as they were written, and no digit
//! is dropped unless the tables say that what is left is a number and what was there is none.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use phonenumber::{PhoneNumber, country, metadata::DATABASE};
use regex::Regex;

use super::{
    field::Problem,
    problem::{UNPARSABLE, shown},
};

/// No phone number with all its decoration is longer; Google's library stops here too.
const LONGEST: usize = 250;

/// How the canonical form marks an extension (RFC 3966).
const EXTENSION: &str = ";ext=";

/// The canonical form: `+14155550123`, `+14155550123;ext=12`.
pub(super) fn parse(field: &str, region: Option<&str>, text: &str) -> Result<String, Problem> {
    let text = text.trim();
    if text.len() <= LONGEST
        && let Some(canonical) = remembered(region, text)
    {
        return Ok(canonical);
    }
    let hint = match region {
        Some(region) => format!("numbers without a country code are taken to be of `region = \"{region}\"`"),
        None => "write it with its country code (`+44 …`), or set the field's `region`".to_owned(),
    };
    Err(Problem::new(UNPARSABLE, format!("`{field}` holds {}, which is no phone number", shown(text)), hint))
}

/// So many numbers are remembered: more than the pages of all objects hold.
const REMEMBERED: usize = 8192;

/// What was worked out lately, by region and text.
///
/// Google's rules are regular expressions: one number takes longer than all the rest of a record, and is read again at
/// every step of a cycle. The same text gives the same number, so that nothing but time depends on this.
static WORKED_OUT: Mutex<BTreeMap<String, Option<String>>> = Mutex::new(BTreeMap::new());

fn remembered(region: Option<&str>, text: &str) -> Option<String> {
    // A region is letters, so that no two questions are spelled the same.
    let question = [region.unwrap_or_default(), text].join("\0");
    let mut worked_out = WORKED_OUT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(answer) = worked_out.get(&question) {
        return answer.clone();
    }
    if worked_out.len() >= REMEMBERED {
        worked_out.clear();
    }
    let answer = canonical(region, text);
    worked_out.insert(question, answer.clone());
    answer
}

fn canonical(region: Option<&str>, text: &str) -> Option<String> {
    let (canonical, known) = e164(region, text)?;
    // The form must mean the same when it comes back, or every reading would be an edit. A number that the tables know
    // is left alone anyway.
    (known || e164(None, &canonical).is_some_and(|(again, _)| again == canonical)).then_some(canonical)
}

/// As it is written to a service: `+14155550123 ext. 12`, which people can dial and every parser reads.
pub(super) fn written(canonical: &str) -> String {
    canonical.replace(EXTENSION, " ext. ")
}

/// The canonical form, and whether the tables know such a number.
fn e164(region: Option<&str>, text: &str) -> Option<(String, bool)> {
    if !text.chars().any(char::is_alphanumeric) {
        return None;
    }
    // `tel:+1…`; what has a context instead of a code is the crate's to read.
    let text = text.strip_prefix("tel:").filter(|rest| rest.starts_with('+')).unwrap_or(text);
    let international = text.starts_with(['+', '＋']);
    // With a country code the region has no say; the crate would look for that region's way to dial abroad.
    let region = region.filter(|_| !international).and_then(|region| region.parse::<country::Id>().ok());
    // The crate reads `;ext=` only behind `tel:`.
    let number = phonenumber::parse(region, written(text)).ok()?;
    let code = number.code().value();
    let national = if international { after_code(&number, text) } else { after_prefix(&number, region?, text) }?;
    let extension = number.extension().filter(|extension| !extension.is_empty());
    let canonical = match extension {
        Some(extension) => format!("+{code}{national}{EXTENSION}{}", extension.as_ref()),
        None => format!("+{code}{national}"),
    };
    Some((canonical, is_known(code, &national)))
}

/// The national part of a number that came with its country code.
fn after_code(number: &PhoneNumber, text: &str) -> Option<String> {
    let code = number.code().value();
    let parsed = number.national().to_string();
    let Some(literal) = digits(number, text).strip_prefix(&code.to_string()).map(str::to_owned) else {
        // Letters, or digits of another script: only the crate can tell.
        return is_known(code, &parsed).then_some(parsed);
    };
    if is_known(code, &literal) {
        return Some(literal);
    }
    // `+44 (0)20 …`: the zero is for callers at home.
    if is_known(code, &parsed) {
        return Some(parsed);
    }
    has_a_length(&literal).then_some(literal)
}

/// The national part of a number as it is dialled at home.
fn after_prefix(number: &PhoneNumber, region: country::Id, text: &str) -> Option<String> {
    let code = number.code().value();
    let parsed = number.national().to_string();
    if is_known(code, &parsed) {
        return Some(parsed);
    }
    let literal = digits(number, text);
    let prefix = DATABASE.by_id(region.as_ref()).and_then(|home| home.national_prefix());
    let without_prefix = prefix.and_then(|prefix| literal.strip_prefix(prefix)).unwrap_or(&literal);
    for national in [&*literal, without_prefix] {
        if is_known(code, national) {
            return Some(national.to_owned());
        }
    }
    // The tables lag behind new ranges, so that they alone do not condemn a number; but nothing may be dropped on a
    // guess.
    (parsed == literal && has_a_length(&parsed)).then_some(parsed)
}

/// The digits of the number itself.
fn digits(number: &PhoneNumber, text: &str) -> String {
    let all: String = text.chars().filter(char::is_ascii_digit).collect();
    let extension = number.extension().map_or("", |extension| extension.as_ref());
    all.strip_suffix(extension).unwrap_or(&all).to_owned()
}

/// Some country of that code has such numbers.
fn is_known(code: u16, national: &str) -> bool {
    let patterns = {
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(code).or_insert_with(|| patterns_of(code)))
    };
    patterns.iter().any(|pattern| pattern.is_match(national))
}

/// What numbers look like, by country code, compiled when first asked for.
///
/// Not the crate's own: those are not anchored at their end, so that a number with digits too many passes; and they
/// live in a cache of a hundred, which a table of two hundred countries turns over again and again.
static KNOWN: LazyLock<Mutex<BTreeMap<u16, Arc<[Regex]>>>> = LazyLock::new(Mutex::default);

fn patterns_of(code: u16) -> Arc<[Regex]> {
    let countries = DATABASE.by_code(&code).unwrap_or_default();
    let patterns = countries.iter().map(|country| country.descriptors().general().national_number().as_str());
    // The tables are laid out with spaces, and mean ASCII digits.
    patterns.filter_map(|pattern| Regex::new(&format!("(?x-u)^(?:{pattern})$")).ok()).collect()
}

/// Long enough for a number that the tables do not know. What is shorter is a note, or an extension on its own; a
/// country code before it would make it another number.
fn has_a_length(national: &str) -> bool {
    (7..=14).contains(&national.len())
}
