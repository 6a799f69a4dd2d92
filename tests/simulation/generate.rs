//! A run from a seed.

mod people;

use std::collections::{BTreeMap, BTreeSet};

use hymnal::merge::{Pair, Side};

use crate::{
    crash::Death,
    random::Random,
    schedule::{On, Schedule, ServiceShape, Shape, Step, Timed, Topic, Wrong},
    shape::POLICIES,
    topics,
};

pub(crate) use people::about_people;

/// Fields of text that a person edits.
const TEXTS: [&str; 6] = ["name", "city", "phone", "title", "memo", "quote"];

/// Every so many seeds, one goes over the wire.
const WIRE: u64 = 6;

/// Of every so many seeds a calm run is made as well, of the others one about who is who.
pub(crate) const CALM: u64 = 3;

/// The run of a seed.
pub(crate) fn schedule(seed: u64) -> Schedule {
    let mut random = Random::new(seed);
    let mut shape = shape(seed, &mut random);
    if seed % WIRE == WIRE - 1 {
        as_on_the_wire(&mut shape);
    }
    let mut writer =
        Writer { random, people: 0, entered: 0, deleted: Vec::new(), misfortunes: 0, steps: Vec::new(), shape: &shape };
    for _ in 0..writer.random.below(5) + 2 {
        writer.newcomer();
    }
    for _ in 0..45 {
        writer.step();
    }
    let steps = writer.steps;
    topics::add(Schedule { shape, steps }, seed % WIRE)
}

/// A calm run of a seed: people act, then everything settles, again and again.
pub(crate) fn calm(seed: u64) -> Schedule {
    let mut random = Random::new(!seed);
    let mut shape = shape(seed, &mut random);
    for side in Side::BOTH {
        shape.sides[side].find_lag = 0;
    }
    let mut writer =
        Writer { random, people: 0, entered: 0, deleted: Vec::new(), misfortunes: 0, steps: Vec::new(), shape: &shape };
    for day in 0..3 {
        for _ in 0..writer.random.below(8) + 3 {
            writer.calm_step(day);
        }
        writer.add(Step::Settle);
    }
    leave_apart(&mut writer.steps);
    // Not even the order of two edits is left to chance.
    for (index, timed) in (0_u64..).zip(&mut writer.steps) {
        timed.after_ms = 20_000 + index * 7;
    }
    let steps = writer.steps;
    Schedule { shape, steps }
}

/// Who has several records, and is two people once one of them has another e-mail before Hymnal saw them, has more soon:
/// which of them is meant would be left to whose was made first. Nobody touches them any more.
fn leave_apart(steps: &mut Vec<Timed>) {
    let (mut records, mut new, mut apart) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
    steps.retain(|timed| match &timed.step {
        Step::Make { who, .. } | Step::Second { who, .. } => {
            *records.entry(*who).or_insert(0_u32) += 1;
            new.insert(*who);
            true
        }
        Step::Settle => {
            new.clear();
            true
        }
        Step::Edit { who, .. } | Step::Delete { who, .. } if apart.contains(who) => false,
        Step::Edit { who, field, .. } => {
            if field == "email" && new.contains(who) && records.get(who).is_some_and(|records| *records > 1) {
                apart.insert(*who);
            }
            true
        }
        _ => true,
    });
}

fn shape(seed: u64, random: &mut Random) -> Shape {
    let side = |random: &mut Random| {
        let scans = random.chance(1, 5);
        ServiceShape {
            unique_email: random.chance(1, 2),
            external_id: random.chance(1, 4),
            tells_actor: random.chance(1, 2),
            returns_record: random.chance(1, 2),
            history: random.chance(1, 2),
            conditional: random.chance(1, 3),
            omits_blanks: random.chance(1, 3),
            scans,
            flags_deleted: random.chance(1, 2),
            gone_is_deleted: random.chance(1, 2),
            page: [1, 2, 3, 5, 20][usize::try_from(random.below(5)).expect("small")],
            batch: [1, 2, 4, 10][usize::try_from(random.below(4)).expect("small")],
            find_lag: if random.chance(1, 6) { 10 } else { 0 },
        }
    };
    let policies = ["name", "city", "phone"].map(|field| (field.to_owned(), (*random.pick(&POLICIES)).to_owned()));
    Shape {
        seed,
        on_the_wire: false,
        topic: Topic::None,
        sides: Pair::new(side(random), side(random)),
        verify: !random.chance(1, 6),
        priority: *random.pick(&Side::BOTH),
        policies: policies.into(),
    }
}

/// What a HubSpot and a Salesforce are like.
fn as_on_the_wire(shape: &mut Shape) {
    shape.on_the_wire = true;
    for side in Side::BOTH {
        shape.sides[side] = ServiceShape {
            unique_email: side == Side::Left,
            external_id: false,
            tells_actor: false,
            returns_record: false,
            history: true,
            conditional: false,
            omits_blanks: false,
            scans: false,
            flags_deleted: side == Side::Right,
            gone_is_deleted: true,
            page: 100,
            batch: 100,
            find_lag: 0,
        };
    }
}

/// All runs of a seed.
pub(crate) fn runs(seed: u64) -> [Schedule; 2] {
    let other = if seed.is_multiple_of(CALM) { calm(seed) } else { about_people(seed) };
    [schedule(seed), other]
}

struct Writer<'a> {
    random: Random,
    people: usize,
    /// No text is entered twice, so that each can be told from all others.
    entered: u32,
    deleted: Vec<(Side, usize)>,
    misfortunes: usize,
    steps: Vec<Timed>,
    shape: &'a Shape,
}

impl Writer<'_> {
    fn add(&mut self, step: Step) {
        let after_ms = self.pause();
        self.steps.push(Timed { after_ms, step });
    }

    /// Most things happen while a cycle is under way, or soon after another.
    fn pause(&mut self) -> u64 {
        match self.random.below(20) {
            0..=7 => self.random.below(60),
            8..=12 => self.random.below(1_000),
            13..=16 => self.random.below(30_000),
            17..=18 => 60_000 + self.random.below(600_000),
            _ => 1_200_000 + self.random.below(1_800_000),
        }
    }

    fn side(&mut self) -> Side {
        *self.random.pick(&Side::BOTH)
    }

    fn somebody(&mut self) -> usize {
        usize::try_from(self.random.below(self.people as u64)).expect("few people")
    }

    fn fresh(&mut self) -> String {
        self.entered += 1;
        format!("V{}", self.entered)
    }

    fn newcomer(&mut self) {
        let who = self.people;
        self.people += 1;
        let email = format!("{}@example.com", self.fresh());
        let first = self.side();
        let sides: &[Side] = match self.random.below(5) {
            0 | 1 => &[first],
            2 => &[first, first.other()],
            // Both have the person, and were never told.
            _ => &Side::BOTH,
        };
        let sides = if self.random.chance(1, 2) { &sides[..1] } else { sides };
        for &side in sides {
            let mut values = BTreeMap::from([("email".to_owned(), email.clone())]);
            for field in ["name", "city", "quote"] {
                if self.random.chance(2, 3) {
                    values.insert(field.to_owned(), self.fresh());
                }
            }
            if self.random.chance(1, 2) {
                values.insert("optout".to_owned(), (*self.random.pick(&["no", "no", "yes"])).to_owned());
            }
            if self.random.chance(1, 3) {
                values.insert("tags".to_owned(), (*self.random.pick(&["a", "a;b", "c"])).to_owned());
            }
            self.add(Step::Make { side, who, values });
        }
    }

    fn step(&mut self) {
        match self.random.below(100) {
            0..=5 => self.newcomer(),
            6..=38 => self.edit(),
            39..=44 => self.come_and_go(),
            45..=46 => self.unite(),
            47..=64 => self.misfortune(),
            65..=68 => self.death(),
            69 => self.add(Step::Restart),
            70 => {
                let commits = u32::try_from(self.random.below(3) + 1).expect("small");
                self.add(Step::DiskFull { commits });
            }
            _ => self.add(Step::Tick),
        }
    }

    fn calm_step(&mut self, day: u32) {
        if self.people == 0 || self.random.chance(if day == 0 { 2 } else { 1 }, 4) {
            self.newcomer();
            if self.random.chance(1, 3) {
                self.second();
            }
        } else if self.random.chance(1, 8) {
            let (side, who) = (self.side(), self.somebody());
            self.add(Step::Delete { side, who });
        } else {
            self.edit();
        }
    }

    /// Somebody enters the newest person again, by mistake.
    fn second(&mut self) {
        let made = self.steps.iter().rev().find_map(|timed| match &timed.step {
            Step::Make { side, who, values } => Some((*side, *who, values["email"].clone())),
            _ => None,
        });
        let Some((side, who, email)) = made.filter(|(side, ..)| !self.shape.sides[*side].unique_email) else { return };
        let values = BTreeMap::from([("email".to_owned(), email), ("city".to_owned(), self.fresh())]);
        self.add(Step::Second { side, who, values });
    }

    fn edit(&mut self) {
        let (side, who) = (self.side(), self.somebody());
        let (field, value) = match self.random.below(20) {
            0 => ("email", format!("{}@example.com", self.fresh())),
            1 => ("optout", "yes".to_owned()),
            2 => ("optout", "no".to_owned()),
            3 => ("tags", (*self.random.pick(&["a;b", "b;c", "a;d", "c", ""])).to_owned()),
            4 => ("stage", (*self.random.pick(&["new", "open", "won", "lost"])).to_owned()),
            5 => ("score", format!("{}.5", self.random.below(1_000_000))),
            6 => (*self.random.pick(&["name", "city", "quote"]), String::new()),
            7 => ("phone", format!("{} does not fit", self.fresh())),
            _ => (*self.random.pick(&TEXTS), self.fresh()),
        };
        self.add(Step::Edit { side, who, field: field.to_owned(), value: value.clone() });
        if self.random.chance(1, 4) {
            // Somebody on the other side has the same idea, or another one.
            let same = self.random.chance(1, 4);
            let value = if same || !value.starts_with('V') || value.contains('@') { value } else { self.fresh() };
            self.add(Step::Edit { side: side.other(), who, field: field.to_owned(), value });
        }
    }

    fn come_and_go(&mut self) {
        if !self.deleted.is_empty() && self.random.chance(1, 3) {
            let (side, who) = self.deleted.remove(0);
            self.add(Step::Restore { side, who });
            return;
        }
        let (side, who) = (self.side(), self.somebody());
        // Where what is not there was deleted, nothing can be hidden.
        if !self.shape.sides[side].gone_is_deleted && self.random.chance(1, 2) {
            self.add(Step::Hide { side, who });
            self.edit();
            self.add(Step::Tick);
            self.add(Step::Show { side, who });
        } else {
            self.add(Step::Delete { side, who });
            self.deleted.push((side, who));
        }
    }

    fn unite(&mut self) {
        let (side, winner, loser) = (self.side(), self.somebody(), self.somebody());
        if winner != loser {
            self.add(Step::Merge { side, winner, loser });
        }
    }

    fn death(&mut self) {
        let few = u32::try_from(self.random.below(10)).expect("small");
        let step = match self.random.below(8) {
            0 => Step::Kill,
            1..=3 => Step::KillAtCall { after: few, applied: self.random.chance(1, 2) },
            _ => {
                let death = *self.random.pick(&[Death::Reading, Death::Before, Death::Torn, Death::After]);
                let after = if death == Death::Reading { few * 7 } else { few };
                Step::KillAtStore { after, death }
            }
        };
        let is_now = step == Step::Kill;
        if !is_now {
            self.add(step.clone());
        }
        self.add(Step::Tick);
        if is_now {
            self.add(step);
        }
    }

    fn misfortune(&mut self) {
        let side = self.side();
        let texts: &[&str] = if self.shape.on_the_wire { &["name", "city"] } else { &["name", "city", "quote"] };
        let field = (*self.random.pick(texts)).to_owned();
        let value = self.fresh();
        let wrongs = [
            (Wrong::Refused, On::Any),
            (Wrong::ServerError, On::Any),
            (Wrong::ServerError, On::Update),
            (Wrong::Throttled { seconds: 20 }, On::Any),
            (Wrong::ThrottledUntil { seconds: 40 }, On::Any),
            (Wrong::ThrottledAbsurdly, On::List),
            (Wrong::Html, On::List),
            (Wrong::Malformed, On::Update),
            (Wrong::SlowDrip, On::Get),
            (Wrong::Delay, On::Update),
            (Wrong::ItemsWithoutId, On::Update),
            (Wrong::LoginAnswerLost, On::Any),
            (Wrong::TimeoutBefore, On::Any),
            (Wrong::TimeoutBefore, On::Create),
            (Wrong::AnswerLost, On::Update),
            (Wrong::AnswerLost, On::Create),
            (Wrong::AnswerLost, On::Create),
            (Wrong::AppliedThenError, On::Update),
            (Wrong::AppliedThenError, On::Create),
            (Wrong::DuplicateDelivery, On::Update),
            (Wrong::DuplicateDelivery, On::Create),
            (Wrong::LoginRefused, On::Any),
            (Wrong::PartialBatch, On::Update),
            (Wrong::PartialBatch, On::Create),
            (Wrong::CutMidBatch, On::Update),
            (Wrong::CutMidBatch, On::Create),
            (Wrong::RowLocked, On::Update),
            (Wrong::PageShift, On::List),
            (Wrong::EmptyPage, On::List),
            (Wrong::ItemsReordered, On::List),
            (Wrong::ItemsReordered, On::Find),
            (Wrong::LateRows { seconds: 300 }, On::List),
            (Wrong::StaleList { seconds: 300 }, On::List),
            (Wrong::ClockSkew { seconds: 90 }, On::Any),
            (Wrong::ClockSkew { seconds: -30 }, On::Any),
            (Wrong::ClockStep { seconds: 40 }, On::Any),
            (Wrong::FieldWithheld { field: field.clone() }, On::List),
            (Wrong::FieldWithheld { field: field.clone() }, On::Get),
            (Wrong::FieldMasked { field: field.clone() }, On::Get),
            (Wrong::FieldIgnored { field: field.clone() }, On::Update),
            (Wrong::Lowered { field: field.clone() }, On::Update),
            (Wrong::Cut { field: field.clone(), to: 2 }, On::Update),
            (Wrong::Reformatted { field: field.clone() }, On::Update),
            (Wrong::Rounded { field: "score".to_owned() }, On::Update),
            (Wrong::Automation { field: field.clone(), value }, On::Update),
            (Wrong::FieldRenamed { field: "city".to_owned() }, On::Any),
            (Wrong::FieldRetyped { field: "name".to_owned() }, On::Any),
            (Wrong::ChoiceRemoved { field: "stage".to_owned(), choice: "won".to_owned() }, On::Any),
        ];
        // Each seed begins with another, so that none is left to chance.
        let turn = if self.shape.on_the_wire { self.shape.seed / WIRE } else { self.shape.seed };
        let first = usize::try_from(turn).expect("a small number") % wrongs.len();
        let (fault, on) = if self.misfortunes == 0 { &wrongs[first] } else { self.random.pick(&wrongs) }.clone();
        let is_first = self.misfortunes == 0;
        self.misfortunes += 1;
        // What such a service leaves out *is* blank.
        let hides = matches!(fault, Wrong::FieldWithheld { .. } | Wrong::FieldRenamed { .. });
        if hides && self.shape.sides[side].omits_blanks {
            return;
        }
        let times = if self.random.chance(1, 5) { 4 } else { 1 };
        self.add(Step::Fault { side, on, times, fault });
        if is_first {
            self.newcomer();
            self.edit();
            self.edit();
            self.add(Step::Tick);
        }
    }
}
