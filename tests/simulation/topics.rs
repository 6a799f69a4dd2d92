//! What some runs are about besides: deletions that travel, a scope, guards, taking back. Each is put into a run that is
//! there already, so that the same people act, and the same goes wrong.

use hymnal::merge::{Pair, Side};

use crate::{
    random::Random,
    schedule::{Farewell, Schedule, Step, Timed, Topic},
};

/// The same run, about one topic more.
pub(crate) fn add(mut schedule: Schedule, number: u64) -> Schedule {
    let mut random = Random::new(schedule.shape.seed ^ 0x70_71_c5);
    let all = [Farewell::Unlink, Farewell::Archive, Farewell::Delete, Farewell::Recreate, Farewell::Restrict];
    schedule.shape.topic = match number {
        1 => Topic::Deletions(Pair::from_fn(|_| *random.pick(&all))),
        2 => Topic::Scope,
        3 => Topic::Guards { most: random.below(3) + 2 },
        4 => Topic::Undo,
        _ => Topic::None,
    };
    let times = if schedule.shape.topic == Topic::None { 0 } else { 8 };
    for _ in 0..times {
        let steps = steps(&schedule, &mut random);
        let at = schedule.steps.len() / 4 + usize::try_from(random.below(40)).expect("small");
        let at = at.min(schedule.steps.len());
        schedule.steps.splice(at..at, steps);
    }
    schedule
}

fn steps(schedule: &Schedule, random: &mut Random) -> Vec<Timed> {
    let side = *random.pick(&Side::BOTH);
    let people = schedule.steps.iter().filter_map(|timed| match timed.step {
        Step::Make { who, .. } => Some(who),
        _ => None,
    });
    let who = usize::try_from(random.below(people.max().map_or(1, |last| last as u64 + 1))).expect("few people");
    let steps = match schedule.shape.topic {
        Topic::None | Topic::Conversions { .. } | Topic::Ambiguous | Topic::Owners => Vec::new(),
        Topic::Deletions(_) => {
            // Longer than the grace, mostly; somebody may still work on the other record.
            let edit = Step::Edit { side: side.other(), who, field: "city".into(), value: fresh(random) };
            let delete = Step::Delete { side, who };
            let restore = Step::Restore { side, who };
            match random.below(4) {
                0 => vec![(60_000, delete), (40_000, edit), (40_000, Step::Tick), (1_200_000, Step::Tick)],
                1 => vec![(60_000, delete), (40_000, Step::Tick), (1_200_000, Step::Tick), (30_000, restore)],
                _ => vec![(60_000, delete), (40_000, Step::Tick), (1_200_000, Step::Tick)],
            }
        }
        Topic::Scope => {
            let value = (*random.pick(&["lost", "lost", "open", "won"])).to_owned();
            let leave = Step::Edit { side, who, field: "stage".into(), value };
            let edit = Step::Edit { side, who, field: "city".into(), value: fresh(random) };
            vec![(30_000, leave), (random.below(90_000), Step::Tick), (20_000, edit), (30_000, Step::Tick)]
        }
        Topic::Guards { .. } => match random.below(4) {
            0 => vec![(10_000, Step::Answer { approve: true }), (10_000, Step::Tick)],
            1 => vec![(10_000, Step::Answer { approve: false }), (10_000, Step::Tick)],
            _ => vec![(10_000, Step::Edit { side, who, field: "city".into(), value: fresh(random) })],
        },
        Topic::Undo => {
            let edit = Step::Edit { side, who, field: "city".into(), value: fresh(random) };
            let far = (120_000, Step::Tick);
            vec![(30_000, edit), far.clone(), (30_000, Step::Undo { who }), far]
        }
    };
    steps.into_iter().map(|(after_ms, step)| Timed { after_ms, step }).collect()
}

/// A text that nobody else enters.
fn fresh(random: &mut Random) -> String {
    format!("V{}", 1_000_000 + random.below(1_000_000_000))
}
