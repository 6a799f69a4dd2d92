//! A service of rows that change while they are read, with every kind of paging; nothing may be missed.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::manifest::{Manifest, builtin, changes::Changes, request::Paginator};

fn poll(page: usize, cap: Option<usize>, paginator: Paginator) -> Poll {
    let text = builtin().iter().find(|(kind, _)| *kind == "hubspot").unwrap().1;
    let manifest = Manifest::parse(text).unwrap();
    let Changes::Poll(poll) = &manifest.objects["contacts"].changes else { panic!("HubSpot polls") };
    Poll { page, cap, paginator, ..poll.as_ref().clone() }
}

fn keyset(page: usize) -> Poll {
    poll(page, None, Paginator::Keyset { more: None })
}

/// Rows by id: the time of each.
struct Service {
    rows: BTreeMap<u64, i64>,
    cap: usize,
    calls: usize,
}

impl Service {
    fn with(rows: impl IntoIterator<Item = (u64, i64)>) -> Self {
        Self { rows: rows.into_iter().collect(), cap: usize::MAX, calls: 0 }
    }

    /// One request: the rows of the place's window, by its order, from its offset.
    fn page(&mut self, poll: &Poll, place: &Place) -> (Vec<(i64, String)>, Follow) {
        self.calls += 1;
        let mut rows: Vec<(i64, u64)> = match &place.after_id {
            Some(after) => {
                let after: u64 = after.parse().unwrap();
                self.rows
                    .iter()
                    .filter(|(id, time)| **time == place.since && **id > after)
                    .map(|(id, time)| (*time, *id))
                    .collect()
            }
            None => self
                .rows
                .iter()
                .filter(|(id, time)| {
                    **time > place.since || **time == place.since && !place.seen.contains(&id.to_string())
                })
                .map(|(id, time)| (*time, *id))
                .collect(),
        };
        if place.after_id.is_some() {
            rows.sort_by_key(|(_, id)| *id);
        } else {
            // Rows of one time come in no useful order.
            rows.sort_by_key(|(time, id)| (*time, id.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        }
        let offset = place.page.as_ref().map_or(0, |page| page.parse::<usize>().unwrap());
        assert!(offset + poll.page <= self.cap, "asked beyond the cap");
        let here: Vec<(i64, String)> =
            rows.iter().skip(offset).take(poll.page).map(|(time, id)| (*time, id.to_string())).collect();
        let is_more = offset + here.len() < rows.len();
        let follow = match (&poll.paginator, is_more) {
            (_, false) => Follow::End,
            (Paginator::Keyset { .. }, true) => Follow::More,
            (_, true) => Follow::Page((offset + here.len()).to_string()),
        };
        (here, follow)
    }

    /// Lists until done, letting `meanwhile` change the rows after each page.
    fn list(
        &mut self,
        poll: &Poll,
        from: &Place,
        now: i64,
        mut meanwhile: impl FnMut(&mut Self, usize),
    ) -> (BTreeSet<u64>, Place) {
        let mut seen = BTreeSet::new();
        let mut place = from.clone().begun(poll, now, 0);
        let mut last = i64::MIN;
        for turn in 0..10_000 {
            let (rows, follow) = self.page(poll, &place);
            for (time, id) in &rows {
                assert!(*time >= last, "times went back");
                last = *time;
                seen.insert(id.parse().unwrap());
            }
            let (next, done) = place.after(poll, &rows, follow, now).unwrap();
            place = Place::read(Some(&next.cursor())).unwrap();
            assert_eq!(place, next, "the cursor keeps the place");
            assert!(next.cursor().0.len() < 300, "{}", next.cursor().0);
            if done {
                return (seen, place);
            }
            meanwhile(self, turn);
        }
        panic!("the listing does not end");
    }
}

fn random(state: &mut u64, below: u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state % below
}

#[test]
fn nothing_is_missed_while_rows_move() {
    for seed in 1..800_u64 {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let page = 1 + usize::try_from(random(&mut state, 5)).unwrap();
        let mut poll = keyset(page);
        poll.beyond = poll.beyond.filter(|_| seed % 2 == 0);
        let count = random(&mut state, 40);
        let spread = 1 + random(&mut state, 12);
        let times: Vec<(u64, i64)> =
            (1..=count).map(|id| (id, i64::try_from(1_000 + random(&mut state, spread)).unwrap())).collect();
        let mut service = Service::with(times);
        let mut touched = BTreeSet::new();
        let (seen, _) = service.list(&poll, &Place::default(), 0, |service, turn| {
            // Somebody edits a record now and then: it moves to the end.
            if turn < 60 && count > 0 && random(&mut state, 3) == 0 {
                let id = 1 + random(&mut state, count);
                service.rows.insert(id, 2_000 + i64::try_from(turn).unwrap());
                touched.insert(id);
            }
        });
        let missed: Vec<u64> = (1..=count).filter(|id| !seen.contains(id)).collect();
        assert!(missed.is_empty(), "seed {seed}: missed {missed:?}, of which {touched:?} were edited");
    }
}

#[test]
fn more_rows_of_one_time_than_a_page_and_than_the_cap() {
    for paginator in [Paginator::Keyset { more: None }, Paginator::Offset {}] {
        let poll = poll(10, Some(50), paginator);
        let mut service = Service::with((1..=333).map(|id| (id, 5_000)).chain((400..=420).map(|id| (id, 6_000))));
        service.cap = 50;
        let (seen, _) = service.list(&poll, &Place::default(), 0, |_, _| {});
        assert_eq!(seen.len(), 333 + 21);
    }
}

#[test]
fn rows_of_one_time_at_a_pages_edge_are_read_once() {
    let poll = keyset(10);
    // A batch of our own writes: six records of one time, then six of the next.
    let mut service = Service::with((1..=120).map(|id| (id, 10_000_000 + i64::try_from(id / 6).unwrap())));
    let (seen, _) = service.list(&poll, &Place::default(), 0, |_, _| {});
    assert_eq!((seen.len(), service.calls), (120, 12));
    let blunt = Poll { beyond: None, ..poll };
    service.calls = 0;
    let (seen, _) = service.list(&blunt, &Place::default(), 0, |_, _| {});
    assert_eq!(seen.len(), 120);
    assert!(service.calls > 12, "{} calls", service.calls);
}

#[test]
fn a_cap_restarts_the_window_at_the_last_time() {
    let poll = poll(10, Some(50), Paginator::Offset {});
    let mut service = Service::with((1..=1000).map(|id| (id, i64::try_from(id / 3).unwrap())));
    service.cap = 50;
    let (seen, _) = service.list(&poll, &Place::default(), 0, |_, _| {});
    assert_eq!(seen.len(), 1000);
}

#[test]
fn an_idle_poll_is_one_call() {
    let poll = keyset(100);
    let mut service = Service::with((1..=50).map(|id| (id, 1_000_000 + i64::try_from(id).unwrap())));
    let (_, mut place) = service.list(&poll, &Place::default(), 0, |_, _| {});
    for now in [30_000, 60_000, 600_000] {
        service.calls = 0;
        (_, place) = service.list(&poll, &place, now, |_, _| {});
        assert_eq!(service.calls, 1);
    }
}

#[test]
fn an_import_of_one_time_is_not_read_for_ever() {
    let poll = keyset(10);
    let mut service = Service::with((1..=500).map(|id| (id, 1_000_000)));
    let (_, place) = service.list(&poll, &Place::default(), 0, |_, _| {});
    let (_, place) = service.list(&poll, &place, 130_000, |_, _| {});
    service.calls = 0;
    let (_, place) = service.list(&poll, &place, 160_000, |_, _| {});
    assert_eq!(service.calls, 1, "once the overlap has passed, nothing can join the import");
    service.rows.insert(900, 1_000_001);
    let (seen, _) = service.list(&poll, &place, 190_000, |_, _| {});
    assert!(seen.contains(&900));
}

#[test]
fn rows_that_appear_late_are_found() {
    let poll = keyset(10);
    let newest = 10_000_000;
    for late in [1_000, 60_000, 119_000] {
        let mut service = Service::with([(1, newest)]);
        let (_, mut place) = service.list(&poll, &Place::default(), 0, |_, _| {});
        // Its own time lies before what was read already; it becomes visible only `late` after it.
        let time = newest - 500;
        let mut found = false;
        for now in (0..=240_000).step_by(10_000) {
            if now >= late - 500 {
                service.rows.insert(2, time);
            }
            let (seen, next) = service.list(&poll, &place, now, |_, _| {});
            found |= seen.contains(&2);
            place = next;
        }
        assert!(found, "a row {late} ms late was missed");
    }
}

#[test]
fn rows_that_appear_late_among_many_are_found() {
    let poll = keyset(10);
    let newest = 10_000_000;
    for late in [1_000, 60_000, 119_000] {
        let mut service = Service::with((1..=100).map(|id| (id, newest - 1_000 + i64::try_from(id).unwrap())));
        let (_, mut place) = service.list(&poll, &Place::default(), 0, |_, _| {});
        let mut found = None;
        for now in (0..=240_000).step_by(10_000) {
            if now >= late {
                service.rows.insert(200, newest - 950);
            }
            let (seen, next) = service.list(&poll, &place, now, |_, _| {});
            found = found.or(seen.contains(&200).then_some(now));
            place = next;
        }
        assert!(found.is_some_and(|at| at <= 120_000), "a row {late} ms late was found at {found:?}");
    }
}

#[test]
fn many_rows_are_read_twice_however_often_it_polls() {
    let poll = keyset(10);
    let mut service = Service::with((1..=100).map(|id| (id, 10_000_000 + i64::try_from(id).unwrap())));
    let (_, mut place) = service.list(&poll, &Place::default(), 0, |_, _| {});
    let first = service.calls;
    let polls = 24;
    for turn in 1..=polls {
        (_, place) = service.list(&poll, &place, turn * 10_000, |_, _| {});
    }
    let again = service.calls - first;
    assert!(again <= first + usize::try_from(polls).unwrap(), "{first} calls at first, {again} in {polls} polls after");
}

#[test]
fn another_run_reads_all_that_may_still_be_late() {
    let poll = keyset(10);
    let mut service = Service::with((1..=100).map(|id| (id, 10_000_000 + i64::try_from(id).unwrap())));
    let (_, place) = service.list(&poll, &Place::default(), 50_000, |_, _| {});
    service.rows.insert(200, 10_000_001);
    let (seen, same) = service.list(&poll, &place, 51_000, |_, _| {});
    assert!(!seen.contains(&200), "the last rows alone are read again at first");
    let (seen, _) = service.list(&poll, &same.begun(&poll, 52_000, 52_000), 52_000, |_, _| {});
    assert!(seen.contains(&200));
}

#[test]
fn a_clock_that_steps_back_delays_no_late_row() {
    let poll = keyset(10);
    let mut service = Service::with((1..=100).map(|id| (id, 10_000_000 + i64::try_from(id).unwrap())));
    let (_, place) = service.list(&poll, &Place::default(), 86_400_000, |_, _| {});
    service.rows.insert(200, 10_000_001);
    let (seen, _) = service.list(&poll, &place, 0, |_, _| {});
    assert!(seen.contains(&200));
}

#[test]
fn pages_in_a_circle_are_an_error() {
    let links = ["a", "b", "c", "d", "b"];
    let mut place = Place::default();
    let mut failed = false;
    for turn in 0..40 {
        let page = if turn < 2 { links[turn] } else { links[1 + (turn - 1) % 3] };
        match place.turned(page.to_owned(), 1) {
            Ok(next) => place = next,
            Err(error) => {
                assert_eq!(error.kind, Kind::Fatal);
                failed = true;
                break;
            }
        }
    }
    assert!(failed, "a circle of three pages went unnoticed");
}

#[test]
fn a_service_that_cannot_lead_on_is_an_error_not_a_loop() {
    let poll = keyset(2);
    let place = Place { since: 5_000, ..Place::default() };
    assert!(place.after(&poll, &[(4_000, "1".to_owned())], Follow::More, 0).is_err());
    assert!(place.after(&poll, &[], Follow::More, 0).is_err());
    let tie = Place { since: 5_000, after_id: Some("9".to_owned()), ..Place::default() };
    assert!(tie.after(&poll, &[(5_000, "9".to_owned())], Follow::More, 0).is_err());
}

#[test]
fn a_foreign_cursor_is_refused() {
    assert!(Place::read(Some(&Cursor("{\"x\":".to_owned()))).is_err());
}
