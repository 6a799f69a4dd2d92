//! What is stored of one person does not read: nobody else is stopped, and that person is neither written nor made
//! again.

use std::time::Duration;

use hymnal::{
    cycle::report::Written,
    merge::{Id, Side, parked::Parking},
    store::{Batch, Kv, tables::entity_of},
};

use super::stage::{Shape, Stage, object};

/// The stored value of a person by one of their records.
fn stored(stage: &Stage, side: Side, record: &str) -> (Id, Vec<u8>, Vec<u8>) {
    let tag = stage.sync.committer.tag;
    let address = hymnal_sdk::Address::new(object(side), record);
    let id = stage.kv.get(&tag.address(side, &address)).expect("the store").expect("it is known");
    let id = entity_of(&id).expect("a person's id");
    let key = tag.entity(id);
    let value = stage.kv.get(&key).expect("the store").expect("a person");
    (id, key, value)
}

fn put(stage: &Stage, key: &[u8], value: &[u8]) {
    let mut batch = Batch::default();
    batch.put(key, value);
    stage.kv.commit(batch).expect("the store");
}

/// Everything that is stored but the sync's own state (times), to see that nothing changes any more.
fn everything(stage: &Stage) -> Vec<(Vec<u8>, Vec<u8>)> {
    let own = stage.sync.committer.tag.state("");
    let all = stage.kv.scan(b"", None, usize::MAX).expect("the store");
    all.into_iter().filter(|(key, _)| !key.starts_with(&own)).collect()
}

#[tokio::test]
async fn one_person_is_set_aside_the_rest_goes_on_and_it_heals() {
    let stage = Stage::new();
    let left = stage.make(Side::Left, &[("email", "ada@example.com"), ("name", "Ada"), ("city", "Bonn")]);
    let right = stage.make(Side::Right, &[("email", "ada@example.com"), ("name", "Ada"), ("city", "Bonn")]);
    let other = stage.make(Side::Left, &[("email", "bob@example.com"), ("name", "Bob")]);
    stage.settle().await;
    let (id, key, whole) = stored(&stage, Side::Left, &left);
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    put(&stage, &key, &damaged);

    stage.edit(Side::Left, &left, &[("city", "Rome")]);
    stage.edit(Side::Right, &right, &[("name", "Augusta")]);
    stage.edit(Side::Left, &other, &[("city", "Paris")]);
    stage.make(Side::Left, &[("email", "new@example.com"), ("name", "New")]);
    let written = stage.settle().await;

    assert_eq!(written, Written { created: 1, updated: 1 }, "the others");
    assert_eq!(stage.value(Side::Right, &right, "city"), "Bonn");
    assert_eq!(stage.value(Side::Left, &left, "name"), "Ada");
    let parked = stage.sync.parked().expect("the store");
    assert_eq!(parked.len(), 1, "{parked:?}");
    assert_eq!((parked[0].signature.what, parked[0].people[0].0), (Parking::State, id));

    // It is at rest, and writes nothing more about it.
    let before = everything(&stage);
    stage.cycle().await;
    assert!(everything(&stage) == before, "an idle cycle writes nothing");
    assert_eq!(before.iter().find(|(found, _)| *found == key).map(|(_, value)| value), Some(&damaged), "left as it is");

    // It reads again: by itself a day later. What was edited meanwhile is taken in.
    put(&stage, &key, &whole);
    stage.clock.forward(Duration::from_hours(25));
    stage.settle().await;
    assert_eq!(stage.value(Side::Right, &right, "city"), "Rome");
    assert_eq!(stage.value(Side::Left, &left, "name"), "Augusta");
    assert_eq!(stage.sync.parked().expect("the store").len(), 0);
}

#[tokio::test]
async fn nobody_is_made_who_may_be_that_person() {
    let mut shape = Shape::default();
    for side in Side::BOTH {
        let fields = &mut shape.side(side).schema.fields;
        fields.iter_mut().filter(|field| field.name == "email").for_each(|field| field.unique = false);
    }
    let stage = shape.stage();
    let left = stage.make(Side::Left, &[("email", "ada@example.com"), ("name", "Ada")]);
    stage.settle().await;
    let (_, key, whole) = stored(&stage, Side::Left, &left);
    put(&stage, &key, &whole[..whole.len() - 1]);
    // The same person once more: who the stored one is cannot be told.
    stage.make(Side::Left, &[("email", "ada@example.com"), ("name", "Ada")]);
    let lead = stage.find(Side::Right, "ada@example.com");
    stage.edit(Side::Right, &lead, &[("city", "Rome")]);
    let written = stage.settle().await;
    assert_eq!(written, Written::default());

    // Everything is read anew, with other rules: still nobody is made.
    let mut stage = stage;
    stage.rules.fields[1].policy.on_conflict = hymnal::merge::OnConflict::Manual;
    stage.restart().await;
    assert_eq!(stage.settle().await, Written::default());

    put(&stage, &key, &whole);
    stage.clock.forward(Duration::from_hours(25));
    stage.settle().await;
    assert_eq!(stage.value(Side::Left, &left, "city"), "Rome");
}
