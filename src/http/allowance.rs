//! The limits of one connector, all at once. No waiting here: a request is let in, refused, or told when to ask again.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use hymnal_sdk::{Clock, Error, Kind, Lane, Ledger, Limits, Timestamp};

use super::{
    retry::LONGEST_WAIT,
    share::DailyShare,
    window::{Room, Window},
};

/// What a permit holds is given back after this time: two callers that wait for what the other one holds must not
/// wait for ever.
const LONGEST_HOLD: Duration = Duration::from_mins(1);

/// What a caller needs before it may send.
#[derive(Clone, Debug)]
pub(super) struct Need {
    pub(super) lane: Lane,
    /// The requests, by tag and cost.
    pub(super) requests: Vec<(&'static str, u32)>,
    pub(super) slot: Slot,
    pub(super) urgency: Urgency,
}

/// Whether a slot of those for requests in flight is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// The request goes at once.
    Needed,
    /// It is only reserved.
    Later,
}

/// How it stands to the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Urgency {
    /// A write that was reserved: before every lane, and refused in a pause instead of waiting, since what was
    /// verified grows old.
    Verified,
    /// A read that was reserved: before every lane.
    Reserved,
    /// In its lane.
    Queued,
}

/// What is allowed, and what was sent and is held.
pub(super) struct Allowance {
    windows: Vec<Window>,
    pub(super) share: Option<DailyShare>,
    pause: Option<Pause>,
    slots: Option<u32>,
    in_flight: u32,
    held: BTreeMap<u64, Held>,
}

/// Nothing is sent before this time, and why.
#[derive(Clone)]
pub(super) struct Pause {
    /// Of [`Clock::elapsed`].
    pub(super) until: Duration,
    pub(super) because: String,
}

/// How a waiting request stands.
pub(super) enum Stand {
    /// Look again at this time; `None`: something will wake it.
    Waits(Option<Duration>),
    /// It may go.
    Admitted,
    /// It may not.
    Refused(Error),
}

/// What was let in and not yet sent.
struct Held {
    requests: Vec<(&'static str, u32)>,
    at: Timestamp,
    since: Duration,
    slot: Slot,
}

/// What those ahead in the queue wait for.
pub(super) struct Closed {
    windows: Vec<bool>,
    slots: bool,
}

/// Whether all windows have room for a request.
enum Fit {
    Now,
    /// Those at these indexes do not before this time.
    At(Duration, Vec<usize>),
    /// Those at these indexes do not before something held is released.
    OnceReleased(Vec<usize>),
    /// Somebody ahead waits for the same window, and has the timer.
    Behind,
}

impl Allowance {
    pub(super) fn new(name: &str, limits: &Limits, ledger: Arc<dyn Ledger>, clock: &Arc<dyn Clock>) -> Self {
        Self {
            windows: limits.rates.iter().map(|rate| Window::new(rate, clock)).collect(),
            share: DailyShare::open(name, limits, ledger, clock.now()),
            pause: None,
            slots: limits.concurrency.map(|slots| slots.max(1)),
            in_flight: 0,
            held: BTreeMap::new(),
        }
    }

    /// For one walk along a queue.
    pub(super) fn all_open(&self) -> Closed {
        Closed { windows: vec![false; self.windows.len()], slots: false }
    }

    /// Lets one in if everything agrees; takes nothing otherwise.
    pub(super) fn decide(
        &mut self,
        id: u64,
        need: &Need,
        closed: &mut Closed,
        now: Duration,
        time: Timestamp,
    ) -> Stand {
        if let Some(pause) = self.paused(now) {
            let left = pause.until.saturating_sub(now);
            return if left > LONGEST_WAIT || need.urgency == Urgency::Verified {
                Stand::Refused(throttled("paused", &pause.because, time, left))
            } else {
                Stand::Waits(Some(pause.until))
            };
        }
        let is_full = self.slots.is_some_and(|slots| self.in_flight >= slots);
        if need.slot == Slot::Needed && (closed.slots || is_full) {
            closed.slots = true;
            return Stand::Waits(None);
        }
        let cost = need.requests.iter().map(|(_, cost)| u64::from(*cost)).sum();
        // A slot alone, for what was paid for before, costs nothing.
        let share = self.share.as_mut().filter(|_| cost > 0);
        if let Some(spent) = share.as_ref().and_then(|share| share.room(cost, need.lane, time).err()) {
            let error = Error::new(Kind::Throttled, "daily-share", spent.because).not_before(spent.retry_at);
            return Stand::Refused(error.hint("`daily_share` under `limits` says how much of the quota is ours"));
        }
        let (look_again, blocked) = match fit(&mut self.windows, &need.requests, closed, now) {
            Fit::Now => {
                if let Some(Err(error)) = share.map(|share| share.take(cost, time)) {
                    return Stand::Refused(error);
                }
                self.let_in(id, need, now, time);
                return Stand::Admitted;
            }
            Fit::At(at, _) if at.saturating_sub(now) > LONGEST_WAIT => {
                let because = "the requests that the service allows are used up";
                return Stand::Refused(throttled("rate", because, time, at.saturating_sub(now)));
            }
            Fit::At(at, blocked) => (Some(at), blocked),
            Fit::OnceReleased(blocked) => (self.next_lapse(), blocked),
            Fit::Behind => (None, Vec::new()),
        };
        for index in blocked {
            closed.windows[index] = true;
        }
        Stand::Waits(look_again)
    }

    /// Sends nothing before the end of this pause, or of the one in force if that is later.
    pub(super) fn pause(&mut self, pause: Pause) {
        if self.pause.as_ref().is_none_or(|before| before.until < pause.until) {
            self.pause = Some(pause);
        }
    }

    /// The pause in force.
    pub(super) fn paused(&self, now: Duration) -> Option<&Pause> {
        self.pause.as_ref().filter(|pause| pause.until > now)
    }

    /// Whether what was let in under this id still holds a request with this tag.
    pub(super) fn holds(&self, id: u64, tag: &str) -> bool {
        self.held.get(&id).is_some_and(|held| held.requests.iter().any(|(held, _)| *held == tag))
    }

    /// Counts a held request as sent now; `false` if none is held.
    pub(super) fn spend(&mut self, id: u64, tag: &str, now: Duration) -> bool {
        let Some(requests) = self.held.get_mut(&id).map(|held| &mut held.requests) else { return false };
        let Some(index) = requests.iter().position(|(held, _)| *held == tag) else { return false };
        let (tag, cost) = requests.remove(index);
        for window in self.windows.iter_mut().filter(|window| window.applies(tag)) {
            window.spend(window.weight(cost), now);
        }
        true
    }

    /// Gives back what was let in under this id and not spent, and its slot.
    pub(super) fn leave(&mut self, id: u64) {
        let Some(held) = self.held.remove(&id) else { return };
        give_back(&mut self.windows, self.share.as_mut(), &held.requests, held.at);
        if held.slot == Slot::Needed {
            self.in_flight = self.in_flight.saturating_sub(1);
        }
    }

    fn let_in(&mut self, id: u64, need: &Need, now: Duration, time: Timestamp) {
        for window in &mut self.windows {
            window.hold(weight(window, &need.requests));
        }
        if need.slot == Slot::Needed {
            self.in_flight += 1;
        }
        self.held.insert(id, Held { requests: need.requests.clone(), at: time, since: now, slot: need.slot });
    }

    /// Leaves out from the end what can never be reserved together; it goes the ordinary way when it is sent.
    pub(super) fn shorten(&self, requests: &mut Vec<(&'static str, u32)>) {
        while requests.len() > 1 && self.windows.iter().any(|window| !window.can_ever_hold(weight(window, requests))) {
            requests.pop();
        }
    }

    fn next_lapse(&self) -> Option<Duration> {
        let reserved = self.held.values().filter(|held| held.slot == Slot::Later && !held.requests.is_empty());
        reserved.map(|held| held.since + LONGEST_HOLD).min()
    }

    /// Gives back what permits held too long.
    pub(super) fn lapse(&mut self, now: Duration) {
        for held in self.held.values_mut() {
            if held.slot == Slot::Later && held.since + LONGEST_HOLD <= now {
                give_back(&mut self.windows, self.share.as_mut(), &std::mem::take(&mut held.requests), held.at);
            }
        }
    }
}

fn fit(windows: &mut [Window], requests: &[(&'static str, u32)], closed: &Closed, now: Duration) -> Fit {
    let mut blocked = Vec::new();
    let mut at = Some(Duration::ZERO);
    for (index, window) in windows.iter_mut().enumerate() {
        let weight = weight(window, requests);
        if weight == 0 {
            continue;
        }
        if closed.windows[index] {
            return Fit::Behind;
        }
        match window.room(weight, now) {
            Room::Now => continue,
            Room::At(later) => at = at.map(|at| at.max(later)),
            Room::OnceReleased => at = None,
        }
        blocked.push(index);
    }
    match at {
        _ if blocked.is_empty() => Fit::Now,
        Some(at) => Fit::At(at, blocked),
        None => Fit::OnceReleased(blocked),
    }
}

/// What these requests take of a window.
fn weight(window: &Window, requests: &[(&'static str, u32)]) -> u32 {
    requests.iter().filter(|(tag, _)| window.applies(tag)).map(|(_, cost)| window.weight(*cost)).sum()
}

fn give_back(windows: &mut [Window], share: Option<&mut DailyShare>, requests: &[(&'static str, u32)], at: Timestamp) {
    for window in windows {
        let weight = weight(window, requests);
        if weight > 0 {
            window.release(weight);
        }
    }
    if let Some(share) = share {
        share.give_back(requests.iter().map(|(_, cost)| u64::from(*cost)).sum(), at);
    }
}

fn throttled(code: &str, because: &str, now: Timestamp, wait: Duration) -> Error {
    let error = Error::new(Kind::Throttled, code, format!("nothing is sent for {} s: {because}", wait.as_secs() + 1));
    match now.checked_add(wait) {
        Ok(at) => error.not_before(at),
        Err(_) => error,
    }
}
