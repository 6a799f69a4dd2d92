//! The few names of requests that limits tell apart.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

/// A tag that lives as long as the program: manifests name a handful, and each is kept once.
pub(crate) fn interned(tag: &str) -> &'static str {
    static KNOWN: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    if tag.is_empty() {
        return "";
    }
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = known.get(tag) {
        return found;
    }
    let kept: &'static str = Box::leak(tag.to_owned().into_boxed_str());
    known.insert(kept);
    kept
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_same_tag_is_kept_once() {
        let (first, second) = (super::interned("search"), super::interned("search"));
        assert!(std::ptr::eq(first, second));
        assert_eq!(super::interned(""), "");
    }
}
