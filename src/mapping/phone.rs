//! Phone numbers: E.164 by Google's rules (the `phonenumber` crate carries their tables), and the extension.

use phonenumber::country;

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
    let hint = match region {
        Some(region) => format!("numbers without a country code are taken to be of `region = \"{region}\"`"),
        None => "write it with its country code (`+44 …`), or set the field's `region`".to_owned(),
    };
    let problem =
        || Problem::new(UNPARSABLE, format!("`{field}` holds {}, which is no phone number", shown(text)), &*hint);
    if text.len() > LONGEST || !text.chars().any(|char| char.is_numeric() || char.is_alphabetic()) {
        return Err(problem());
    }
    let region = region.and_then(|region| region.parse::<country::Id>().ok());
    // The library reads `;ext=` only behind `tel:`.
    let number = phonenumber::parse(region, written(text)).map_err(|_| problem())?;
    let canonical = spell(&number);
    // A number of a length that exists nowhere near is a note or an extension on its own; to put a country code before
    // it would make it another one. The tables lag behind new ranges, so that they alone do not condemn a number.
    let digits = number.national().to_string().len();
    if !phonenumber::is_valid(&number) && !(7..=14).contains(&digits) {
        return Err(problem());
    }
    // The form must mean the same when it comes back, or every reading would be an edit.
    let again = phonenumber::parse(None, written(&canonical)).map_err(|_| problem())?;
    if spell(&again) != canonical {
        return Err(problem());
    }
    Ok(canonical)
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
