//! Runs about who is who: leads become clients. They come from a stream of chance of their own, so that what is added
//! here changes no other run.

use std::collections::BTreeMap;

use hymnal::merge::Side;

use super::{Writer, shape};
use crate::{
    random::Random,
    schedule::{Schedule, Shape, Step, Timed, Topic},
};

/// So many things happen about the topic.
const TIMES: usize = 8;

/// The run of a seed about who is who.
pub(crate) fn about_people(seed: u64) -> Schedule {
    let mut random = Random::new(seed ^ 0x77_68_6f);
    let mut shape = shape(seed, &mut random);
    shape.topic = topic(seed, &mut random);
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
        for _ in 0..TIMES {
            for _ in 0..3 {
                writer.step();
            }
            writer.about(&shape);
        }
        writer.steps
    };
    Schedule { shape, steps }
}

fn topic(_seed: u64, random: &mut Random) -> Topic {
    Topic::Conversions { synced: !random.chance(1, 5) }
}

impl Writer<'_> {
    fn about(&mut self, shape: &Shape) {
        if let Topic::Conversions { .. } = shape.topic {
            self.conversion();
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
