//! A plan says what the run then does, field for field, and leaves no trace.

use std::{collections::BTreeMap, sync::Arc};

use hymnal::{
    cycle::{
        Deletions,
        ids::Ids,
        plan::{
            Outcome, Plan,
            line::{Line, native},
        },
    },
    merge::{FirstRun, OnDelete, Side, planned::ChangeKind},
    store::{Kv, MemoryKv, OverlayKv},
};
use hymnal_memory::{Fault, Method};
use hymnal_sdk::Native;
use serde_json::{Value as Json, json};
use tokio::sync::mpsc;

use super::stage::{Seen, Shape, Stage, object};

const ANN: &str = "ann@example.com";

/// Everything that a write does, in one comparable line.
type Writes = BTreeMap<(String, String, Option<String>), Vec<Json>>;

/// What a cycle would do now.
pub(crate) async fn plan(stage: &Stage) -> (Plan, Vec<Line>) {
    // A few hundred bytes stay in memory, so that the rest goes through the store behind it as well.
    let overlay = OverlayKv::new(Arc::new(stage.kv.clone()), Box::new(|| Ok(Arc::new(MemoryKv::new())))).holding(2000);
    let sync = stage.sync.over(Arc::new(overlay)).await.expect("a store in memory");
    let (tell, mut told) = mpsc::channel(100_000);
    let digest = hymnal::config::sync_digest(&stage.rules);
    let Outcome::Made(plan) = sync.plan(&digest, Some(&tell)).await.expect("a store in memory") else {
        panic!("the services answer");
    };
    drop(tell);
    let mut lines = Vec::new();
    while let Some(line) = told.recv().await {
        lines.push(line);
    }
    assert_eq!(plan.changes, lines.len() as u64);
    (*plan, lines)
}

/// Each line in short: `crm overwrite city Rome -> Bonn (only edit)`.
fn short(lines: &[Line]) -> Vec<String> {
    let text = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let one = |line: &Line| {
        let kind = json!(line.kind);
        let kind = kind.as_str().unwrap_or_default();
        format!("{} {kind} {} {} -> {} ({})", line.system, line.field, text(&line.old), text(&line.new), line.rule)
    };
    let mut all: Vec<String> = lines.iter().map(one).collect();
    all.sort();
    all
}

#[tokio::test]
async fn p34_a_plan_names_each_change_with_its_old_and_new_value_and_its_rule() {
    let stage = Stage::new();
    let left = stage.make(Side::Left, &[("email", ANN), ("name", "Ann"), ("city", "Bonn"), ("phone", "1")]);
    let right = stage.make(Side::Right, &[("email", ANN), ("city", "Rome"), ("memo", "r"), ("optout", "yes")]);
    stage.make(Side::Left, &[("email", "bob@example.com"), ("name", "Bob")]);

    let (plan, lines) = plan(&stage).await;

    let create = r#"crm create  null -> {"email":"bob@example.com","name":"Bob"} (create)"#;
    assert_eq!(
        short(&lines),
        [
            create,
            "crm fill name null -> Ann (first link)",
            "crm fill phone null -> 1 (first link)",
            "marketing fill memo null -> r (first link)",
            "marketing opt_out optout null -> yes (first_link = restrictive)",
            "marketing overwrite city Bonn -> Rome (first_link = prefer crm)",
        ]
    );
    assert_eq!((plan.blast.people, plan.blast.of, plan.blast.records), (2, 2, 3));
    assert_eq!((plan.conflicts.decided, plan.conflicts.open), (1, 0));
    let marketing = &plan.systems[0].preview;
    assert_eq!((marketing.updates, marketing.creates.count, marketing.changes.opt_outs.count), (1, 0, 1));
    assert_eq!(marketing.fields["city"].overwrites.samples[0].to, "Rome");
    let records: Vec<&str> = lines.iter().map(|line| line.record.as_str()).collect();
    assert_eq!(records[0], format!("marketing:contacts:{left}"), "consent comes first");
    assert!(records.contains(&format!("crm:leads:{right}").as_str()));
}

#[tokio::test]
async fn a_plan_leaves_no_trace() {
    let mut stage = Stage::new();
    let writes = stage.watch();
    let ids = stage.linked(&[("email", ANN), ("city", "Rome")]).await;
    stage.edit(Side::Left, &ids.left, &[("city", "Bonn"), ("memo", "l")]);
    stage.edit(Side::Right, &ids.right, &[("memo", "r")]);
    stage.make(Side::Right, &[("email", "new@example.com")]);
    writes.take();
    let before = stage.kv.scan(b"", None, usize::MAX).expect("a store in memory");

    let (first, lines) = plan(&stage).await;
    let (_, again) = plan(&stage).await;

    assert_eq!(first.conflicts.open, 1);
    assert_eq!(short(&lines), short(&again));
    assert_eq!(writes.take(), []);
    assert_eq!(stage.kv.scan(b"", None, usize::MAX).expect("a store in memory"), before);
    stage.check_file();
    assert_eq!(stage.log(), [""; 0]);
}

/// The first run is held, and a plan says what an approval lets go.
#[tokio::test]
async fn a_held_first_run_can_be_planned() {
    let mut shape = Shape::default();
    shape.rules.first_run = FirstRun::Plan;
    let stage = shape.stage();
    stage.make(Side::Left, &[("email", ANN)]);
    let (cold, _) = plan(&stage).await;
    stage.cycle().await;
    let (warm, _) = plan(&stage).await;
    assert_eq!((cold.changes, warm.changes), (1, 1));
}

/// A new rule is planned before anybody runs by it: what it would rewrite is seen first.
#[tokio::test]
async fn a_changed_rule_is_planned_on_the_state_of_the_old_one() {
    let mut stage = Stage::new();
    let ids = stage.linked(&[("email", ANN), ("memo", "old")]).await;
    stage.sync.adopt(&hymnal::config::sync_digest(&stage.rules)).await.expect("a store in memory");
    let placed = stage.rules.fields.iter().position(|rule| rule.map.name == "memo").expect("a field");
    // `memo` now lives in another field of the right side.
    let native = stage.rules.fields[placed].map.native.right.get_mut("leads").expect("an object");
    native.name = "phone".to_owned();
    stage.rules.fields.retain(|rule| rule.map.name != "phone");
    let before = stage.kv.scan(b"", None, usize::MAX).expect("a store in memory");
    // As a command does that finds no daemon: nothing is adopted but by the plan.
    stage.rebuild();

    let (_, lines) = plan(&stage).await;

    assert_eq!(short(&lines), ["crm fill memo null -> old (only record)"]);
    assert_eq!(lines[0].sends, *json!({ "phone": "old" }).as_object().expect("an object"));
    assert_eq!(stage.kv.scan(b"", None, usize::MAX).expect("a store in memory"), before);
    assert_eq!(stage.value(Side::Right, &ids.right, "phone"), "");
}

#[tokio::test]
async fn a_system_that_cannot_be_read_is_not_planned_around() {
    let stage = Stage::new();
    stage.make(Side::Left, &[("email", ANN)]);
    stage.people.right.plant(Fault::ServerError, 1, Method::List);
    let overlay = OverlayKv::new(Arc::new(stage.kv.clone()), Box::new(|| Ok(Arc::new(MemoryKv::new()))));
    let sync = stage.sync.over(Arc::new(overlay)).await.expect("a store in memory");
    let outcome = sync.plan("digest", None).await.expect("a store in memory");
    assert!(matches!(outcome, Outcome::Unread(troubles) if troubles[0].0 == Side::Right));
}

/// P34: the dry run is the run.
#[tokio::test]
async fn p34_what_is_planned_is_what_is_then_written() {
    let mut kinds = BTreeMap::<String, usize>::new();
    for seed in 0..60 {
        planned_is_done(seed, &mut kinds).await;
    }
    // The worlds were not all empty of what matters.
    for kind in ChangeKind::ALL {
        let kind = json!(kind).as_str().unwrap_or_default().to_owned();
        assert!(kinds.get(&kind).is_some_and(|count| *count > 5), "too few of `{kind}`: {kinds:?}");
    }
}

#[expect(clippy::print_stdout, reason = "a random test prints its seed; it is shown where the test fails")]
async fn planned_is_done(seed: u64, kinds: &mut BTreeMap<String, usize>) {
    println!("seed {seed}");
    let mut world = RandomWorld::new(seed);
    for _ in 0..8 {
        world.some_edits();
        let (_, lines) = plan(&world.stage).await;
        let writes = world.stage.watch();
        world.stage.sync.cycle(Deletions::Now).await.expect("a store in memory");
        assert_eq!(planned_writes(&lines), seen_writes(&writes.take()), "seed {seed}: {:#?}", short(&lines));
        for line in &lines {
            *kinds.entry(json!(line.kind).as_str().unwrap_or_default().to_owned()).or_default() += 1;
        }
    }
}

fn planned_writes(lines: &[Line]) -> Writes {
    let mut writes = BTreeMap::<_, BTreeMap<String, Json>>::new();
    let mut created = Writes::new();
    for line in lines {
        let id = line.record.rsplit(':').next().expect("an id").to_owned();
        if line.kind == ChangeKind::Delete {
            let gone = created.entry((line.system.clone(), line.object.clone(), Some(id))).or_default();
            gone.push(Json::Null);
        } else if line.kind == ChangeKind::Create {
            let made = created.entry((line.system.clone(), line.object.clone(), None)).or_default();
            made.push(Json::Object(line.sends.clone()));
        } else {
            writes.entry((line.system.clone(), line.object.clone(), Some(id))).or_default().extend(line.sends.clone());
        }
    }
    created.extend(writes.into_iter().map(|(key, fields)| (key, vec![json!(fields)])));
    sorted(created)
}

fn seen_writes(seen: &[Seen]) -> Writes {
    let mut writes = Writes::new();
    for write in seen {
        let system = if write.side == Side::Left { "marketing" } else { "crm" };
        let fields: Option<BTreeMap<String, Json>> = write
            .fields
            .as_ref()
            .map(|fields| fields.iter().map(|(name, value)| (name.clone(), native(value))).collect());
        let all = writes.entry((system.to_owned(), write.object.clone(), write.id.clone())).or_default();
        // What was in conflict with something is read and written again.
        if write.id.is_none() || all.last() != Some(&json!(fields)) {
            all.push(json!(fields));
        }
    }
    sorted(writes)
}

fn sorted(mut writes: Writes) -> Writes {
    for all in writes.values_mut() {
        all.sort_by_key(ToString::to_string);
    }
    writes
}

/// People who edit at random.
pub(crate) struct RandomWorld {
    pub(crate) stage: Stage,
    random: Ids,
    entered: u32,
}

impl RandomWorld {
    pub(crate) fn new(seed: u64) -> Self {
        let mut shape = Shape { seed, ..Shape::default() };
        let mut random = Ids::new(!seed);
        for side in Side::BOTH {
            let is_unique = random.random().is_multiple_of(2);
            let object = shape.side(side);
            let email = object.schema.fields.iter_mut().filter(|field| field.name == "email");
            email.for_each(|field| field.unique = is_unique);
            object.capabilities.write_returns_record = random.random().is_multiple_of(2);
            let on_delete = [OnDelete::Unlink, OnDelete::Delete, OnDelete::Recreate];
            shape.rules.on_delete[side] = on_delete[usize::try_from(random.random() % 3).expect("small")];
        }
        Self { stage: shape.stage(), random, entered: 0 }
    }

    fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.random.random() % (count as u64)).expect("small")
    }

    pub(crate) fn some_edits(&mut self) {
        for _ in 0..6 {
            let side = Side::BOTH[self.below(2)];
            let rows = self.stage.people[side].live(object(side));
            self.entered += 1;
            let fresh = format!("v{}", self.entered);
            self.stage.tick();
            match self.below(10) {
                0..3 => self.person(side),
                _ if rows.is_empty() => self.person(side),
                3 => {
                    let id = &rows[self.below(rows.len())].id;
                    self.stage.people[side].delete(object(side), id).expect("a record");
                }
                _ => {
                    let id = rows[self.below(rows.len())].id.clone();
                    let email = format!("{fresh}@example.com");
                    let edits = [
                        ("name", fresh.as_str()),
                        ("city", fresh.as_str()),
                        ("city", ""),
                        ("memo", fresh.as_str()),
                        ("title", fresh.as_str()),
                        ("email", email.as_str()),
                        ("optout", "yes"),
                        ("optout", "no"),
                        ("tags", "a;b"),
                        ("tags", "c"),
                    ];
                    let (field, value) = edits[self.below(edits.len())];
                    let fields = [(field.to_owned(), Native::text(value))].into();
                    self.stage.people[side].update(object(side), &id, fields).expect("an edit");
                }
            }
        }
    }

    /// Known on one side or both, sometimes with an e-mail that somebody has.
    fn person(&mut self, side: Side) {
        let email = format!("p{}@example.com", self.below(30));
        for side in [side, Side::BOTH[self.below(2)]] {
            let city = ["Bonn", "Rome", ""][self.below(3)];
            let fields = [("email", email.as_str()), ("city", city), ("optout", ["yes", "", "no"][self.below(3)])];
            let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), Native::text(*value))).collect();
            // Where e-mails are unique and one is taken, the service refuses.
            let _ = self.stage.people[side].create(object(side), fields);
        }
    }
}
