//! Runs about who is who: leads become clients; several people have one e-mail; records
//! belong to people, who come and go. They come from a stream of chance of their own, so that what is added
//! here changes no other run.

use std::collections::BTreeMap;

use hymnal::merge::Side;

use super::{CALM, Writer, shape};
use crate::{
    random::Random,
    schedule::{Schedule, Shape, Step, Timed, Topic},
    staff::{self, DESK},
};

/// So many things happen about the topic.
const TIMES: usize = 8;

/// The run of a seed about who is who.
pub(crate) fn about_people(seed: u64) -> Schedule {
    let mut random = Random::new(seed ^ 0x77_68_6f);
    let mut shape = shape(seed, &mut random);
    shape.topic = topic(seed, &mut random);
    if shape.topic == Topic::Ambiguous {
        for side in Side::BOTH {
            shape.sides[side].unique_email = false;
        }
    }
    let steps = {
        let mut writer = Writer {
            random,
            people: 0,
            entered: 0,
            deleted: Vec::new(),
            // Each other run begins with another fault; these leave them to chance.
            misfortunes: 1,
            steps: Vec::new(),
            shape: &shape,
        };
        for _ in 0..writer.random.below(4) + 2 {
            writer.newcomer();
        }
        let times = if shape.topic == Topic::Ambiguous { TIMES / 2 } else { TIMES };
        for _ in 0..times {
            for _ in 0..if shape.topic == Topic::Ambiguous { 2 } else { 3 } {
                writer.step();
            }
            writer.about(&shape);
        }
        if matches!(shape.topic, Topic::Conversions { .. }) {
            writer.last_word();
        }
        writer.steps
    };
    Schedule { shape, steps }
}

fn topic(seed: u64, random: &mut Random) -> Topic {
    // Those that have no calm run, one after the other.
    match (seed - seed / CALM) % 3 {
        0 => Topic::Ambiguous,
        1 => Topic::Owners,
        _ => Topic::Conversions { synced: !random.chance(1, 5) },
    }
}

impl Writer<'_> {
    fn about(&mut self, shape: &Shape) {
        if let Topic::Conversions { .. } = shape.topic {
            self.conversion();
        } else if shape.topic == Topic::Ambiguous {
            self.namesakes();
        } else {
            self.owner();
        }
        if self.random.chance(1, 4) {
            self.spaces();
        }
    }

    /// Somebody gets another owner, here, there or on both sides; somebody comes to work, or leaves.
    fn owner(&mut self) {
        let who = self.somebody();
        let of = |side: Side| -> &[&str] {
            match side {
                Side::Left => &["robin", "noor", DESK, "lee"],
                Side::Right => &["robin", "noor", "kim", "kim", "lee", "queue", ""],
            }
        };
        let sides: &[Side] = match self.random.below(6) {
            0..=2 => &[Side::Right],
            3 | 4 => &[Side::Left],
            _ => &Side::BOTH,
        };
        for &side in sides {
            let name = *self.random.pick(of(side));
            let value = if name.is_empty() { String::new() } else { staff::id(side, name) };
            self.add(Step::Edit { side, who, field: "owner".into(), value });
        }
        match self.random.below(4) {
            0 => {
                let name = (*self.random.pick(&["kim", "lee", "noor"])).to_owned();
                let works = self.random.chance(2, 3);
                self.add(Step::Staff { side: Side::Left, name, works });
                self.steps.push(Timed { after_ms: 4_000_000, step: Step::Tick });
            }
            1 => {
                let works = self.random.chance(1, 2);
                self.add(Step::Staff { side: Side::Right, name: "noor".into(), works });
                self.add(Step::Tick);
            }
            _ => self.quietly(),
        }
    }

    /// Somebody types white space around a value, and the service takes it away later.
    fn spaces(&mut self) {
        let (side, who) = (self.side(), self.somebody());
        let value = format!("  {} ", self.fresh());
        self.add(Step::Edit { side, who, field: "city".into(), value });
        if self.random.chance(3, 4) {
            self.quietly();
        }
        self.add(Step::Trim { side, who, field: "city".into() });
        self.add(Step::Tick);
    }

    /// Two people come to have one e-mail, and a third record with it appears. Somebody says who it is, or nobody does.
    fn namesakes(&mut self) {
        let (one, two, third) = (self.people, self.people + 1, self.people + 2);
        self.people += 3;
        let shared = format!("{}@example.com", self.fresh());
        let own = format!("{}@example.com", self.fresh());
        for (who, email) in [(one, &shared), (two, &own)] {
            for side in Side::BOTH {
                let values = BTreeMap::from([("email".to_owned(), email.clone()), ("city".to_owned(), self.fresh())]);
                self.add(Step::Make { side, who, values });
            }
        }
        self.quietly();
        let side = self.side();
        self.add(Step::Edit { side, who: two, field: "email".into(), value: shared.clone() });
        self.quietly();
        let side = self.side();
        let mut values = BTreeMap::from([("email".to_owned(), shared), ("name".to_owned(), self.fresh())]);
        if self.random.chance(1, 2) {
            values.insert("optout".to_owned(), (*self.random.pick(&["no", "yes"])).to_owned());
        }
        self.add(Step::Make { side, who: third, values });
        self.add(Step::Tick);
        for _ in 0..self.random.below(4) {
            self.word([one, two, third]);
        }
    }

    /// Somebody says who is who, or works on one of them.
    fn word(&mut self, people: [usize; 3]) {
        let who = *self.random.pick(&people);
        let side = self.side();
        match self.random.below(8) {
            0..=2 => {
                let two = people[usize::from(self.random.chance(1, 2))];
                self.add(Step::Link { one: people[2], two });
            }
            3 => self.add(Step::Unlink { who }),
            4 => self.add(Step::Split { side, who }),
            5 => self.add(Step::Edit { side, who, field: "optout".into(), value: "yes".into() }),
            6 => {
                let value = format!("{}@example.com", self.fresh());
                self.add(Step::Edit { side, who, field: "email".into(), value });
            }
            _ => {
                let value = self.fresh();
                self.add(Step::Edit { side, who, field: "city".into(), value });
            }
        }
        if self.random.chance(1, 2) {
            self.quietly();
        }
    }

    /// Time for everything to be seen.
    fn quietly(&mut self) {
        for after_ms in [61_000, 40_000] {
            self.steps.push(Timed { after_ms, step: Step::Tick });
        }
    }

    /// A lead becomes a client: a new one, or one who is there, as the same person or as somebody else.
    fn conversion(&mut self) {
        let who = self.somebody();
        let into = match self.random.below(5) {
            0..=2 => None,
            3 => Some(who),
            _ => {
                self.people += 1;
                Some(self.people - 1)
            }
        };
        if let Some(into) = into {
            self.client(who, into);
        }
        match self.random.below(6) {
            0 => self.add(Step::Edit { side: Side::Right, who, field: "optout".into(), value: "yes".into() }),
            1 => self.add(Step::Edit { side: Side::Left, who, field: "optout".into(), value: "yes".into() }),
            2 => {
                let (side, value) = (self.side(), self.fresh());
                self.add(Step::Edit { side, who, field: "city".into(), value });
            }
            3 => self.death(),
            _ => {}
        }
        self.add(Step::Convert { who, into });
        if self.random.chance(1, 2) {
            let (side, value) = (self.side(), self.fresh());
            self.add(Step::Edit { side, who, field: "city".into(), value });
        }
        self.add(Step::Tick);
    }

    /// Somebody refuses on a lead that is converted, before anybody looks, into a client who does not.
    fn last_word(&mut self) {
        let (who, into) = (self.people, self.people + 1);
        self.people += 2;
        let values =
            |email: String| BTreeMap::from([("email".to_owned(), email), ("optout".to_owned(), "no".to_owned())]);
        let [lead, client] = [(); 2].map(|()| format!("{}@example.com", self.fresh()));
        self.add(Step::Make { side: Side::Right, who, values: values(lead) });
        self.add(Step::Client { who: into, values: values(client) });
        self.quietly();
        let refuses = Step::Edit { side: Side::Right, who, field: "optout".into(), value: "yes".into() };
        self.steps
            .extend([refuses, Step::Convert { who, into: Some(into) }].map(|step| Timed { after_ms: 9_000, step }));
        self.add(Step::Tick);
    }

    /// Somebody is a client already, under the same e-mail or under one of their own.
    fn client(&mut self, who: usize, into: usize) {
        let email = if who == into { self.email_of(who) } else { format!("{}@example.com", self.fresh()) };
        let mut values = BTreeMap::from([("email".to_owned(), email), ("name".to_owned(), self.fresh())]);
        if self.random.chance(1, 2) {
            values.insert("optout".to_owned(), (*self.random.pick(&["no", "yes"])).to_owned());
        }
        self.add(Step::Client { who: into, values });
        if self.random.chance(2, 3) {
            let after_ms = 61_000 + self.random.below(20_000);
            self.steps.push(Timed { after_ms, step: Step::Tick });
            self.steps.push(Timed { after_ms: 20_000, step: Step::Tick });
        }
    }

    /// The e-mail that a person was given last.
    fn email_of(&self, who: usize) -> String {
        let given = self.steps.iter().rev().find_map(|timed| match &timed.step {
            Step::Make { who: made, values, .. } | Step::Client { who: made, values } if *made == who => {
                values.get("email").cloned()
            }
            Step::Edit { who: edited, field, value, .. } if *edited == who && field == "email" => Some(value.clone()),
            _ => None,
        });
        given.unwrap_or_default()
    }
}
