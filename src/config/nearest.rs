//! Which valid name somebody meant.

/// `` did you mean `every`? ``, or all that could be written where nothing is near.
pub(super) fn suggest<'n>(word: &str, valid: impl IntoIterator<Item = &'n str>) -> String {
    let valid: Vec<&str> = valid.into_iter().collect();
    match nearest(word, &valid) {
        Some(name) => format!("did you mean `{name}`?"),
        None if valid.is_empty() => String::new(),
        None => format!("write {}", one_of(&valid)),
    }
}

/// `` `a` ``, `` `a` or `b` ``, `` one of `a`, `b`, `c` ``.
pub(super) fn one_of(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [only] => format!("`{only}`"),
        [first, second] => format!("`{first}` or `{second}`"),
        more => format!("one of `{}`", more.join("`, `")),
    }
}

/// The valid name that takes the fewest slips to become `word`: at most one in three letters.
pub(super) fn nearest<'n>(word: &str, valid: &[&'n str]) -> Option<&'n str> {
    let folded = word.to_lowercase();
    valid
        .iter()
        .map(|name| (strsim::damerau_levenshtein(&folded, &name.to_lowercase()), *name))
        .filter(|(slips, name)| *slips <= name.chars().count().max(3) / 3)
        .min()
        .map(|(_, name)| name)
}
