//! Record ids: 15 characters that depend on case, or 18 that do not.

/// The digits that carry the case of five characters, as bits.
const CASE: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The 18 characters of an id given in 15 or 18; `None` if it is neither, or if its last three characters do not tell
/// the case of the others.
///
/// Object reference, "Field Types", ID: the last three characters of the 18-character form are a checksum of the case
/// of the first fifteen, and both forms name the same record.
pub(super) fn normal(text: &str) -> Option<String> {
    if !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let short = text.get(..15)?;
    let long = format!("{short}{}", checksum(short));
    (text.len() == 15 || text == long).then_some(long)
}

/// The id of the `number`th record of the object with this prefix.
pub(super) fn make(prefix: &str, number: u64) -> String {
    let mut digits = [b'0'; 9];
    let mut rest = number;
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[usize::try_from(rest % 62).unwrap_or(0)];
        rest /= 62;
    }
    let short = format!("{prefix}Hy0{}", String::from_utf8_lossy(&digits));
    format!("{short}{}", checksum(&short))
}

/// The object's three characters.
pub(super) fn prefix(id: &str) -> &str {
    id.get(..3).unwrap_or_default()
}

fn checksum(short: &str) -> String {
    let digit = |five: &[u8]| {
        let bits = five.iter().enumerate().map(|(place, byte)| usize::from(byte.is_ascii_uppercase()) << place);
        char::from(CASE[bits.sum::<usize>()])
    };
    short.as_bytes().chunks(5).map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::{make, normal};

    #[test]
    fn the_documented_example_gets_its_checksum() {
        assert_eq!(normal("001D000000IqhSL").as_deref(), Some("001D000000IqhSLIAZ"));
        assert_eq!(normal("001D000000IqhSLIAZ").as_deref(), Some("001D000000IqhSLIAZ"));
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for text in ["", "001", "001D000000IqhSLIAA", "001D000000IqhS-", "001D000000IqhSL0", "001d000000iqhsliaz"] {
            assert_eq!(normal(text), None, "{text}");
        }
    }

    #[test]
    fn ids_that_differ_only_in_case_exist_and_have_different_checksums() {
        let (upper, lower) = (make("003", 10), make("003", 36));
        assert_eq!(upper[..15].to_lowercase(), lower[..15].to_lowercase());
        assert_ne!(upper.to_lowercase(), lower.to_lowercase());
    }
}
