//! What is said of a decision that cannot be taken: each reason in words of its own, with the system's name to fill in.

use std::collections::BTreeSet;

use super::*;
use crate::{
    mapping::Problem,
    merge::{person::Unfit, undo::Left},
};

fn problem() -> Problem {
    Problem { code: "X".into(), message: "`city` is longer than 3 letters".into(), hint: "shorten it".into() }
}

fn unfit() -> Vec<Unfit> {
    vec![
        Unfit::Unknown,
        Unfit::Alone,
        Unfit::OutOfScope,
        Unfit::Unread(Side::Left),
        Unfit::Unreadable(Side::Left),
        Unfit::OneWay(Side::Left),
        Unfit::Loosens,
        Unfit::CannotHold(Side::Left, problem()),
    ]
}

#[test]
fn why_a_decision_cannot_be_taken_is_said_in_words_of_its_own() {
    let said: BTreeSet<(String, String)> = unfit().iter().map(Unfit::words).collect();
    assert_eq!(said.len(), unfit().len());
    for (why, _) in &said {
        assert!(why.len() > 10, "{why:?}");
    }
    let (why, hint) = Unfit::CannotHold(Side::Left, problem()).words();
    assert_eq!((&*why, &*hint), ("{left} cannot hold it: `city` is longer than 3 letters", "shorten it"));
    let (why, hint) = Unfit::OneWay(Side::Right).words();
    assert_eq!((&*why, &*hint), ("values flow out of {right} only, and it holds another one", "change it in {right}"));
}

#[test]
fn why_a_write_is_not_taken_back_is_said_in_words_of_its_own() {
    let mut left = vec![Left::Changed, Left::NotOurs(Side::Left), Left::NotOurs(Side::Right), Left::Waits];
    left.push(Left::Unreadable);
    left.extend(unfit().into_iter().map(Left::Unfit));
    let said: BTreeSet<(String, String)> = left.iter().map(Left::words).collect();
    assert_eq!(said.len(), left.len());
    for (why, _) in &said {
        assert!(why.len() > 10, "{why:?}");
    }
    let (_, hint) = Left::Unfit(Unfit::OneWay(Side::Left)).words();
    assert_eq!(hint, "change it in {left}; it follows here", "not as of a decision: the value was written by us");
}
