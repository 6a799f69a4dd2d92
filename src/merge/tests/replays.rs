//! Logged conflicts decided again.

use super::*;
use crate::merge::{
    event::{ConflictEvent, ConflictStatus},
    replay::{Replay, replay},
};

const ANN: (&str, &str) = ("email", "ann@example.com");

impl Bench {
    /// The line of the conflict log that was written last.
    fn last_line(&self) -> ConflictEvent {
        let line = |event: &Event| if let Event::Conflict(line) = event { Some((**line).clone()) } else { None };
        self.events.iter().rev().find_map(line).expect("a conflict was logged")
    }
}

/// Both edited the city, the right side a minute later.
fn edited_by_both(bench: &mut Bench) -> ConflictEvent {
    let mut entity = bench.linked(&[ANN, ("city", "Bonn")]);
    bench.read(&mut entity, Side::Left, &[ANN, ("city", "Rome")]);
    bench.later(60);
    bench.read(&mut entity, Side::Right, &[ANN, ("city", "Oslo")]);
    bench.last_line()
}

#[test]
fn a_conflict_is_decided_again_under_another_policy() {
    let mut bench = Bench::new();
    let line = edited_by_both(&mut bench);
    assert_eq!(replay(&line, None, &bench.rules), Some(Replay::Same));
    assert_eq!(replay(&line, Some(OnConflict::Latest), &bench.rules), Some(Replay::Same));
    let otherwise = Replay::Otherwise { was: Some(text("Oslo")), winner: Some(Side::Left), now: text("Rome") };
    assert_eq!(replay(&line, Some(OnConflict::Prefer(Side::Left)), &bench.rules), Some(otherwise.clone()));
    assert_eq!(replay(&line, Some(OnConflict::Manual), &bench.rules), Some(Replay::Waits));
    bench.rule("city").policy.on_conflict = OnConflict::Prefer(Side::Left);
    assert_eq!(replay(&line, None, &bench.rules), Some(otherwise), "the rules of today");
}

#[test]
fn what_waited_for_a_person_is_decided_again() {
    let mut bench = Bench::new();
    bench.rule("city").policy.on_conflict = OnConflict::Manual;
    let line = edited_by_both(&mut bench);
    assert_eq!(line.status, ConflictStatus::Open);
    assert_eq!(replay(&line, None, &bench.rules), Some(Replay::Same));
    let otherwise = Replay::Otherwise { was: None, winner: Some(Side::Right), now: text("Oslo") };
    assert_eq!(replay(&line, Some(OnConflict::Latest), &bench.rules), Some(otherwise));
}

#[test]
fn a_first_link_is_decided_again_as_one() {
    let mut bench = Bench::new();
    let mut entity = bench.entity();
    bench.read(&mut entity, Side::Left, &[ANN, ("city", "Rome")]);
    bench.read(&mut entity, Side::Right, &[ANN, ("city", "Oslo")]);
    let line = bench.last_line();
    assert_eq!(replay(&line, None, &bench.rules), Some(Replay::Same));
    let otherwise = Replay::Otherwise { was: Some(text("Oslo")), winner: Some(Side::Left), now: text("Rome") };
    assert_eq!(replay(&line, Some(OnConflict::Prefer(Side::Left)), &bench.rules), Some(otherwise));
}

/// Who asks what another policy would have done to a consent is told what consent does: it has no policy but its own.
#[test]
fn a_consent_is_decided_again_by_its_own_rule() {
    let mut bench = Bench::new();
    let mut entity = bench.entity();
    bench.read(&mut entity, Side::Left, &[ANN, ("optout", "yes")]);
    bench.read(&mut entity, Side::Right, &[ANN, ("optout", "no")]);
    let line = bench.last_line();
    assert_eq!(line.field, "optout");
    let said = replay(&line, Some(OnConflict::Prefer(Side::Right)), &bench.rules);
    assert_eq!(said, replay(&line, None, &bench.rules));
    assert_ne!(said, Some(Replay::Waits));
}

#[test]
fn what_was_no_decision_between_two_values_is_not_decided_again() {
    let mut bench = Bench::new();
    let line = edited_by_both(&mut bench);
    let superseded = ConflictEvent { status: ConflictStatus::Superseded, ..line.clone() };
    assert_eq!(replay(&superseded, None, &bench.rules), None);
    let unmapped = ConflictEvent { field: "country".into(), ..line.clone() };
    assert_eq!(replay(&unmapped, None, &bench.rules), None);
    let one_sided = ConflictEvent { edits: Pair::new(line.edits.left.clone(), None), ..line };
    assert_eq!(replay(&one_sided, None, &bench.rules), None);
}
