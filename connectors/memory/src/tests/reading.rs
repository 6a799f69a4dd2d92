use hymnal_sdk::{Address, Deletions, Fate, Find, Gone, ListKind, State};

use super::*;
use crate::DeletedReads;

#[test]
fn equal_times_at_a_page_edge_lose_nobody() {
    let stage = stage();
    let made = stage.crowd(10);
    let (listed, done) = stage.drain(None);
    assert_eq!(listed, made);
    assert_eq!(stage.drain(Some(done)).0, Vec::<String>::new());
}

#[test]
fn a_cursor_sees_what_changed_after_it_at_the_same_time_too() {
    let stage = stage();
    let made = stage.crowd(3);
    let (_, done) = stage.drain(None);
    stage.people.update(OBJECT, &made[0], fields(&[("name", "Ada")])).expect("it is there");
    assert_eq!(stage.drain(Some(done)).0, [made[0].clone()]);
}

#[test]
fn the_overlap_is_read_again_from_before_the_listing_began() {
    let stage = stage_with(|object| object.capabilities.overlap = Duration::from_mins(2));
    let made = stage.crowd(5);
    // A listing that takes an hour between its pages.
    let Next::More(second) = stage.page(None).expect("a page").next else { panic!("five are two pages") };
    stage.clock.forward(Duration::from_hours(1));
    let late = stage.crowd(1);
    let (_, done) = stage.drain(Some(second));
    let (again, same) = stage.drain(Some(done.clone()));
    assert_eq!(again, [made, late].concat(), "rows from two minutes before its first page are read again");
    stage.clock.forward(Duration::from_mins(1));
    let (_, settled) = stage.drain(Some(same));
    assert_eq!(stage.drain(Some(settled)).0.len(), 1, "later only those near the last change are");
}

#[test]
fn an_empty_object_hands_out_a_cursor_that_reads_back() {
    let stage = stage_with(|object| object.capabilities.overlap = Duration::from_mins(2));
    let (_, done) = stage.drain(None);
    let made = stage.crowd(1);
    assert_eq!(stage.drain(Some(done)).0, made);
    let error = stage.page(Some(&Cursor("nonsense".into()))).expect_err("not ours");
    assert!(is(&error, Kind::Fatal, Effect::None), "{error}");
}

#[test]
fn a_scan_lists_all_each_time_and_without_times() {
    let stage = stage_with(|object| object.capabilities.list = ListKind::Scan);
    let made = stage.crowd(7);
    let (first, done) = stage.drain(None);
    assert_eq!((first, stage.drain(Some(done)).0), (made.clone(), made));
    assert!(stage.page(None).expect("a page").records.iter().all(|record| record.modified_at.is_none()));
}

#[test]
fn deletions_and_merges_are_named_and_the_hidden_are_not() {
    let stage = stage();
    let made = stage.crowd(5);
    stage.people.delete(OBJECT, &made[0]).expect("live");
    stage.people.merge(OBJECT, &made[1], &made[2]).expect("live");
    stage.people.hide(Address::new(OBJECT, &made[3]));
    let archived = now(stage.connector.deletions(&stage.call, OBJECT, None)).expect("a feed");
    let left: Vec<(String, Fate)> = archived.records.into_iter().map(|gone| (gone.address.id, gone.fate)).collect();
    let merged = Fate::Merged(Address::new(OBJECT, &made[1]));
    assert_eq!(left, [(made[0].clone(), Fate::Deleted), (made[2].clone(), merged)]);
    assert_eq!(stage.drain(None).0, [made[4].clone(), made[1].clone()]);
    stage.people.restore(OBJECT, &made[0]).expect("in the bin");
    stage.people.show(&Address::new(OBJECT, &made[3]));
    assert_eq!(stage.drain(None).0.len(), 4);
}

#[test]
fn a_service_without_a_feed_says_so() {
    let stage = stage_with(|object| object.capabilities.deletions = Deletions::Unknown);
    let error = now(stage.connector.deletions(&stage.call, OBJECT, None)).expect_err("no feed");
    assert!(is(&error, Kind::Fatal, Effect::None), "{error}");
}

#[test]
fn what_became_of_a_record_is_read_by_its_id() {
    let stage = stage_with(|object| object.deleted_reads = DeletedReads::Flagged);
    let made = stage.crowd(4);
    stage.people.delete(OBJECT, &made[0]).expect("live");
    stage.people.merge(OBJECT, &made[1], &made[2]).expect("live");
    let into = Address::new("customers", "77");
    stage.people.convert(OBJECT, &made[3], into.clone()).expect("live");
    let fate = |id: &String| stage.get(id).map(|record| record.state);
    assert_eq!(fate(&made[0]), Some(State::Deleted));
    assert_eq!(fate(&made[1]), Some(State::Live));
    assert_eq!(fate(&made[2]), Some(State::Merged { into: Address::new(OBJECT, &made[1]) }));
    assert_eq!(fate(&made[3]), Some(State::Converted { into }));
    assert_eq!(fate(&"1".to_owned()), None);
}

#[test]
fn deleted_reads_as_gone_where_the_service_does_so() {
    let stage = stage_with(|object| object.capabilities.gone = Gone::NotVisible);
    let made = stage.crowd(2);
    stage.people.delete(OBJECT, &made[0]).expect("live");
    stage.people.hide(Address::new(OBJECT, &made[1]));
    assert_eq!((stage.get(&made[0]), stage.get(&made[1])), (None, None));
}

#[test]
fn blanks_are_null_or_left_out() {
    for omits in [false, true] {
        let stage = stage_with(|object| object.capabilities.omits_blanks = omits);
        let id = &stage.crowd(1)[0];
        let record = stage.get(id).expect("live");
        assert_eq!(record.fields.get("score"), (!omits).then_some(&Native::Null));
    }
}

#[test]
fn a_look_up_finds_all_without_case_and_may_lag() {
    for lag in [0, 30] {
        let stage = stage_with(|object| object.find_lag = Duration::from_secs(lag));
        let ids: Vec<String> = (0..2)
            .map(|_| stage.people.create(OBJECT, fields(&[("name", "O'Hara")])).expect("no unique field"))
            .collect();
        let values = [Native::text(" o'hara ")];
        let find = |key| {
            let find = Find { object: OBJECT, key, values: &values, fields: &stage.wanted };
            now(stage.connector.find(&stage.call, find))
        };
        let found = find("name").expect("a field");
        assert_eq!((found.consistent, found.records.len()), (lag == 0, if lag == 0 { 2 } else { 0 }));
        stage.clock.forward(Duration::from_secs(lag));
        let found: Vec<String> = find("name").expect("a field").records.into_iter().map(|it| it.address.id).collect();
        assert_eq!(found, ids);
        assert_eq!(find("nothing").expect_err("no such field").kind, Kind::Fatal);
    }
}

#[test]
fn history_is_newest_first_with_its_actors() {
    let stage = stage();
    let id = &stage.crowd(1)[0];
    stage.tick();
    stage.update(id, &[("name", "Ada")]).expect("written");
    let address = Address::new(OBJECT, id);
    let wanted = ["name".to_owned()];
    let history = now(stage.connector.history(&stage.call, &address, &wanted)).expect("a history");
    let told: Vec<(String, Option<String>)> =
        history.into_iter().map(|edit| (edit.value.to_string(), edit.by.map(|by| by.name))).collect();
    let expected = [("Ada", "hymnal"), ("Person 0", "person")];
    assert_eq!(told, expected.map(|(value, by)| (value.to_owned(), Some(by.to_owned()))));
}

#[test]
fn a_restart_of_the_connector_finds_the_same_account() {
    let stage = stage();
    let made = stage.crowd(1);
    let again = MemoryConnector::over(stage.people.clone());
    assert_eq!(now(again.account(&stage.call)).expect("an account"), "memory");
    assert_eq!(again.people().live(OBJECT)[0].id, made[0]);
}
