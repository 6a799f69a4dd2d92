//! Whom records belong to: ids of each system's own, matched by e-mail.

use std::time::Duration;

use hymnal::merge::{Flow, OnConflict, Pair, Side, entity::Mark};
use hymnal_memory::{Fault, Method, options};
use hymnal_sdk::{NativeKind, User, UserKind};

use super::stage::{Shape, Stage};

const ANN: &str = "ann@example.com";

fn user(id: &str, email: &str) -> User {
    let email = (!email.is_empty()).then(|| email.to_owned());
    User { id: id.into(), email, name: format!("User {id}"), active: true, kind: UserKind::Person }
}

fn queue(id: &str, name: &str) -> User {
    let email = Some("all-of-us@example.com".to_owned());
    User { id: id.into(), email, name: name.into(), active: true, kind: UserKind::Queue }
}

/// Robin and Noor work in both systems, Kim in sales alone, Lee has left marketing.
fn users() -> Pair<Vec<User>> {
    let gone = User { active: false, ..user("m-lee", "lee@example.com") };
    Pair::new(
        vec![
            user("m-robin", "Robin@Example.com"),
            user("m-noor", "noor@example.com"),
            user("m-inbound", "inbound@example.com"),
            gone,
        ],
        vec![
            user("s-robin", "robin@example.com"),
            user("s-noor", "noor@example.com"),
            user("s-kim", "kim@example.com"),
            user("s-lee", "lee@example.com"),
            user("s-bot", ""),
            queue("q-east", "East"),
        ],
    )
}

/// An owner on both sides; in marketing written as `fallback` where nobody fits.
fn shape(fallback: Option<&str>) -> Shape {
    let mut shape = Shape::default();
    for side in Side::BOTH {
        shape.side(side).schema.fields.push(options::field("owner", NativeKind::Reference));
    }
    let mut owner = shape.rules.fields[1].clone();
    owner.map.name = "owner".into();
    owner.map.kind = hymnal::mapping::FieldType::User;
    for side in Side::BOTH {
        let native = &mut owner.map.native[side];
        native.remove("accounts");
        for place in native.values_mut() {
            place.name = "owner".into();
        }
    }
    for place in owner.map.native.left.values_mut() {
        place.fallback = fallback.map(str::to_owned);
    }
    shape.rules.fields.push(owner);
    shape
}

fn stage(shape: Shape) -> Stage {
    let stage = shape.stage();
    let users = users();
    stage.people.left.set_users(users.left);
    stage.people.right.set_users(users.right);
    stage
}

/// One person whose owner on the right is this; answers the ids and the owner on the left.
async fn owned_by(stage: &Stage, owner: &str) -> (Pair<String>, String) {
    let right = stage.make(Side::Right, &[("email", ANN), ("owner", owner)]);
    stage.settle().await;
    let left = stage.find(Side::Left, ANN);
    let shown = stage.value(Side::Left, &left, "owner");
    (Pair::new(left, right), shown)
}

#[tokio::test]
async fn an_owner_is_the_same_person_under_another_id() {
    let stage = stage(shape(None));
    let (ids, owner) = owned_by(&stage, "s-robin").await;
    assert_eq!(owner, "m-robin");
    let canonical = stage.entity(Side::Left, &ids.left).fields["owner"].golden.to_string();
    assert_eq!(canonical, "robin@example.com");
    stage.edit(Side::Left, &ids.left, &[("owner", "m-noor")]);
    stage.settle().await;
    assert_eq!(stage.value(Side::Right, &ids.right, "owner"), "s-noor");
    stage.edit(Side::Right, &ids.right, &[("owner", "")]);
    stage.settle().await;
    assert_eq!(stage.value(Side::Left, &ids.left, "owner"), "");
    stage.check().await;
}

/// Kim has no login there, Lee has left, a queue and a program are nobody: none of them is copied.
#[tokio::test]
async fn an_owner_whom_nobody_there_is_becomes_the_fallback_and_stays_it() {
    for owner in ["s-kim", "s-lee", "q-east", "s-bot"] {
        let stage = stage(shape(Some("Inbound@example.com")));
        let (ids, written) = owned_by(&stage, owner).await;
        assert_eq!(written, "m-inbound", "{owner}");
        stage.check().await;
        stage.edit(Side::Left, &ids.left, &[("city", "Rome")]);
        stage.settle().await;
        assert_eq!(stage.value(Side::Right, &ids.right, "owner"), owner, "the fallback is no edit");
        stage.edit(Side::Left, &ids.left, &[("owner", "m-robin")]);
        stage.settle().await;
        assert_eq!(stage.value(Side::Right, &ids.right, "owner"), "s-robin", "and a person's choice is one");
        stage.check().await;
    }
}

#[tokio::test]
async fn an_owner_whom_nobody_there_is_waits_with_a_hint_where_there_is_no_fallback() {
    for (owner, hint) in [("s-kim", "e-mail address"), ("q-east", "a queue is not copied")] {
        let stage = stage(shape(None));
        let (ids, written) = owned_by(&stage, owner).await;
        assert_eq!(written, "");
        let mark = stage.entity(Side::Left, &ids.left).fields["owner"].sides.left.mark.clone();
        let Some(Mark::Parked { parked, .. }) = mark else { panic!("{owner} waits: {mark:?}") };
        assert_eq!(parked.problem.code, "no-such-user");
        assert!(parked.problem.hint.contains(hint), "{}", parked.problem.hint);
        assert_eq!(stage.find(Side::Left, ANN), ids.left, "the rest of the record is there");
        stage.check().await;
    }
}

/// The list of users is asked for once an hour; who has joined by then is written without anybody's help.
#[tokio::test]
async fn who_has_joined_meanwhile_is_written_within_an_hour() {
    for fallback in [None, Some("inbound@example.com")] {
        let stage = stage(shape(fallback));
        let (ids, _) = owned_by(&stage, "s-kim").await;
        let mut now = users().left;
        now.push(user("m-kim", "kim@example.com"));
        stage.people.left.set_users(now);
        stage.clock.forward(Duration::from_mins(70));
        stage.settle().await;
        assert_eq!(stage.value(Side::Left, &ids.left, "owner"), "m-kim", "{fallback:?}");
        stage.check().await;
    }
}

/// A record names a user whom the list did not have yet: nothing is guessed, and it is understood later.
#[tokio::test]
async fn an_unknown_owner_is_not_understood_and_not_overwritten() {
    let stage = stage(shape(Some("inbound@example.com")));
    let (ids, _) = owned_by(&stage, "s-robin").await;
    stage.edit(Side::Right, &ids.right, &[("owner", "s-new")]);
    stage.settle().await;
    assert_eq!(stage.value(Side::Right, &ids.right, "owner"), "s-new");
    assert_eq!(stage.value(Side::Left, &ids.left, "owner"), "m-robin");
    for side in Side::BOTH {
        let mut now = users()[side].clone();
        now.push(user(if side == Side::Left { "m-new" } else { "s-new" }, "new@example.com"));
        stage.people[side].set_users(now);
    }
    stage.clock.forward(Duration::from_mins(70));
    stage.settle().await;
    assert_eq!(stage.value(Side::Left, &ids.left, "owner"), "m-new");
    stage.check().await;
}

/// Without a list nobody can say whose a record is: the system is not read; with one of yesterday it is.
#[tokio::test]
async fn a_list_of_users_that_cannot_be_had_stops_its_system_alone_and_only_at_first() {
    let stage = stage(shape(None));
    stage.people.right.plant(Fault::ServerError, 1, Method::Users);
    stage.make(Side::Right, &[("email", ANN), ("owner", "s-robin")]);
    let report = stage.cycle().await;
    assert_eq!(report.troubles.len(), 1);
    assert!(stage.people.right.take_calls().iter().all(|call| call.method != Method::List));
    stage.settle().await;
    let left = stage.find(Side::Left, ANN);
    assert_eq!(stage.value(Side::Left, &left, "owner"), "m-robin");
    stage.people.right.plant(Fault::ServerError, 1000, Method::Users);
    stage.clock.forward(Duration::from_mins(70));
    stage.make(Side::Right, &[("email", "bob@example.com"), ("owner", "s-noor")]);
    stage.settle().await;
    assert_eq!(stage.value(Side::Left, &stage.find(Side::Left, "bob@example.com"), "owner"), "m-noor");
    stage.check().await;
}

/// The list is remembered: a restart asks nobody before it reads, and a changed rule makes no owner new.
#[tokio::test]
async fn a_restart_knows_everybody_still() {
    let mut stage = stage(shape(Some("inbound@example.com")));
    stage.restart().await;
    let (ids, _) = owned_by(&stage, "s-kim").await;
    stage.people.left.plant(Fault::ServerError, 1000, Method::Users);
    stage.people.right.plant(Fault::ServerError, 1000, Method::Users);
    stage.rules.max_flips += 1;
    stage.restart().await;
    stage.settle().await;
    assert_eq!(stage.value(Side::Left, &ids.left, "owner"), "m-inbound");
    assert_eq!(stage.value(Side::Right, &ids.right, "owner"), "s-kim");
    stage.check().await;
}

/// `flow = "crm -> marketing"`, as most teams want it: marketing never re-assigns a lead.
#[tokio::test]
async fn an_owner_flows_one_way_where_the_rules_say_so() {
    let mut shape = shape(Some("inbound@example.com"));
    let owner = shape.rule("owner");
    owner.policy.flow = Flow::From(Side::Right);
    owner.policy.on_conflict = OnConflict::Latest;
    let stage = stage(shape);
    let (ids, _) = owned_by(&stage, "s-robin").await;
    stage.edit(Side::Left, &ids.left, &[("owner", "m-noor")]);
    stage.settle().await;
    assert_eq!(stage.value(Side::Right, &ids.right, "owner"), "s-robin");
    assert_eq!(stage.value(Side::Left, &ids.left, "owner"), "m-robin");
    stage.check().await;
}
