//! The walk through a window, page by page, over a list that changes meanwhile.

use super::*;
use crate::manifest::{Manifest, changes::Changes};

fn window() -> Window {
    let text = crate::builtin().iter().find(|(kind, _)| *kind == "insightly").expect("a built-in manifest").1;
    let manifest = Manifest::parse(text).expect("a good manifest");
    let Some(Changes::Window(window)) = manifest.objects.get("Contacts").map(|object| object.changes.clone()) else {
        panic!("Insightly's contacts are listed by windows");
    };
    Window { page: 3, ..*window }
}

/// A page of a list of ids, whose times are their ids in seconds, as the service answers it from where `here` stands.
fn turn(window: &Window, here: &mut Stand, list: &[i64], now: i64) -> (Vec<i64>, bool) {
    let offset = here.page.as_ref().map_or(0, |page| page.parse::<usize>().expect("an offset"));
    let skip = offset.saturating_sub(usize::from(here.anchor.is_some()));
    let rows: Vec<i64> = list.iter().copied().skip(skip).take(window.page).collect();
    let keys: Vec<(i64, String)> = rows.iter().map(|id| (id * 1000, id.to_string())).collect();
    here.begun.get_or_insert(now);
    here.met(&keys.iter().map(|(time, _)| *time).collect::<Vec<_>>(), now);
    let (next, done) = after(window, here, &Json::Null, &keys, now).expect("it goes on");
    *here = next;
    (rows, done)
}

#[test]
fn rows_that_leave_move_nothing_over_an_edge() {
    let window = window();
    let mut list: Vec<i64> = (1..=9).collect();
    let mut here = Stand::default();
    let mut seen = turn(&window, &mut here, &list, 0).0;
    list.retain(|id| *id > 2);
    for _ in 0..20 {
        let (rows, done) = turn(&window, &mut here, &list, 0);
        seen.extend(rows);
        if done {
            break;
        }
    }
    assert!((3..=9).all(|id| seen.contains(&id)), "{seen:?}");
}

#[test]
fn the_next_window_begins_before_this_ones_first_page() {
    let window = window();
    let overlap = 120_000;
    let mut here = Stand::default();
    let list: Vec<i64> = (1001..=1004).collect();
    assert!(!turn(&window, &mut here, &list, 1_001_500).1);
    // 1002 may change after its page, and before 1009 does: the newest time met is behind that change.
    assert!(turn(&window, &mut here, &[1001, 1002, 1003, 1009], 1_010_000).1);
    assert!(here.since <= 1_001_500, "{here:?}");
    assert!(here.since >= 1_001_500 - overlap, "{here:?}");
}

#[test]
fn what_is_settled_is_not_read_again() {
    let window = window();
    let mut here = Stand::default();
    assert!(turn(&window, &mut here, &[7], 8_000).1);
    assert_eq!(here.since, 0);
    assert!(turn(&window, &mut here, &[7], 130_000).1);
    assert_eq!(here.since, 8_000, "nothing can join a row's time when its overlap has passed");
}
