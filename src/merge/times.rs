//! Two edits, and what is known of their times: which was later, and how sure that is.

use jiff::{SignedDuration, Timestamp};

use super::{
    field::{Certainty, Evidence, Merge},
    side::{Pair, Side},
};

/// Which edit was later, how sure that is, and why, with `{left}` and `{right}` for the systems.
pub(super) fn later(input: &Merge<'_>) -> (Side, Certainty, String) {
    let spans = input.sides.as_ref().map(|side| Span::of(side.evidence()));
    let (Some(left), Some(right)) = (spans.left, spans.right) else {
        return by_priority(input.priority, "at least one time is unknown");
    };
    let apart = left.end.duration_since(right.end).abs();
    // Ends this close may be in the other order on another clock. That holds for points and for spans, and for an
    // uncertainty of nothing too, where only equal ends are simultaneous.
    if apart < input.clock_uncertainty || apart.is_zero() {
        return by_priority(input.priority, "edited at the same time as far as the clocks tell");
    }
    let winner = if left.end > right.end { Side::Left } else { Side::Right };
    let spans = Pair::new(left, right);
    let (late, early) = (spans[winner], spans[winner.other()]);
    let place = winner.token();
    // A span is open at its start (the edit came *after* our last reading), so that touching is not meeting.
    if late.start.is_some_and(|start| start >= early.end) {
        (winner, Certainty::Certain, format!("edited {} later in {place}", in_words(apart)))
    } else {
        (winner, Certainty::Likely, format!("probably edited later in {place}: the times known overlap"))
    }
}

fn by_priority(priority: Side, why: &str) -> (Side, Certainty, String) {
    (priority, Certainty::Priority, format!("{why}; priority decides for {}", priority.token()))
}

/// When an edit can have happened: after `start`, or at it where it is also the end, up to `end`.
#[derive(Clone, Copy)]
struct Span {
    /// `None`: any time before `end`.
    start: Option<Timestamp>,
    end: Timestamp,
}

impl Span {
    fn of(evidence: Evidence) -> Option<Self> {
        match evidence {
            Evidence::Field { at } => Some(Self { start: Some(at), end: at }),
            Evidence::Record { after, until } => Some(Self { start: after, end: until }),
            Evidence::None => None,
        }
    }
}

/// `7 s`, `4 min`, `3 h`, `12 d`: one unit, rounded down, enough to judge by.
fn in_words(apart: SignedDuration) -> String {
    let seconds = apart.as_secs();
    match seconds {
        0 => format!("{} ms", apart.as_millis()),
        1..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}
