//! Phone numbers: E.164 by Google's rules (the `phonenumber` crate carries their tables), and the extension.

use std::{cell::RefCell, collections::BTreeMap};

use phonenumber::country;

use super::{
    field::Problem,
    problem::{UNPARSABLE, shown},
};

/// No phone number with all its decoration is longer; Google's library stops here too.
const LONGEST: usize = 250;

/// How the canonical form marks an extension (RFC 3966).
const EXTENSION: &str = ";ext=";

/// So many numbers are remembered; a page of records has no more.
const REMEMBERED: usize = 4096;

thread_local! {
    // Google's rules are regular expressions: a number takes longer than all else in a record together, and is read
    // again at every step of a cycle. The same text gives the same number, so that nothing but time depends on this.
    static KNOWN: RefCell<BTreeMap<String, Option<String>>> = const { RefCell::new(BTreeMap::new()) };
}

/// The canonical form: `+14155550123`, `+14155550123;ext=12`.
pub(super) fn parse(field: &str, region: Option<&str>, text: &str) -> Result<String, Problem> {
    let text = text.trim();
    canonical(region, text).ok_or_else(|| {
        let hint = match region {
            Some(region) => format!("numbers without a country code are taken to be of `region = \"{region}\"`"),
            None => "write it with its country code (`+44 …`), or set the field's `region`".to_owned(),
        };
        Problem::new(UNPARSABLE, format!("`{field}` holds {}, which is no phone number", shown(text)), &*hint)
    })
}

fn canonical(region: Option<&str>, text: &str) -> Option<String> {
    if text.len() > LONGEST {
        return None;
    }
    // A region is two letters, so that no two questions look the same.
    let question = [region.unwrap_or_default(), text].join("\0");
    KNOWN.with_borrow_mut(|known| {
        if let Some(answer) = known.get(&question) {
            return answer.clone();
        }
        if known.len() >= REMEMBERED {
            known.clear();
        }
        let answer = worked_out(region, text);
        known.insert(question, answer.clone());
        answer
    })
}

fn worked_out(region: Option<&str>, text: &str) -> Option<String> {
    if !text.chars().any(|char| char.is_numeric() || char.is_alphabetic()) {
        return None;
    }
    let region = region.and_then(|region| region.parse::<country::Id>().ok());
    let number = phonenumber::parse(region, text).ok()?;
    let canonical = spell(&number);
    // A number of a length that exists nowhere near is a note or an extension on its own; to put a country code before
    // it would make it another one. The tables lag behind new ranges, so that they alone do not condemn a number.
    let digits = number.national().to_string().len();
    if !phonenumber::is_valid(&number) && !(7..=14).contains(&digits) {
        return None;
    }
    // The form must mean the same when it comes back, or every reading would be an edit.
    let again = phonenumber::parse(None, &canonical).ok()?;
    (spell(&again) == canonical).then_some(canonical)
}

fn spell(number: &phonenumber::PhoneNumber) -> String {
    let plain = format!("+{}{}", number.code().value(), number.national());
    match number.extension() {
        Some(extension) if !extension.is_empty() => format!("{plain}{EXTENSION}{}", extension.as_ref()),
        _ => plain,
    }
}

/// As it is written to a service: `+14155550123 ext. 12`, which people can dial and every parser reads.
pub(super) fn written(canonical: &str) -> String {
    canonical.replace(EXTENSION, " ext. ")
}
