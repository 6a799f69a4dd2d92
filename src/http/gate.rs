//! Admission: which request may go when. Higher lanes first, every limit at once.
//!
//! Whoever wants to send stands in one queue, ordered by lane. Whenever something changes (an arrival, a timer, a
//! slot that is free again) the queue is walked from the front and whoever fits is let in. A request that has to
//! wait for a window closes that window for those behind it, so that a dear one is not starved by cheap ones; the
//! other windows stay open. Only requests at the front of what they wait for have a timer.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hymnal_sdk::{Clock, Error, Kind, Lane, Ledger, Limits, Result, Timestamp};
use tokio::sync::Notify;

use super::{
    allowance::{Allowance, Need, Pause, Stand, Urgency},
    share::Usage,
};

/// The queue and the limits of one connector.
pub(super) struct Gate {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

struct State {
    allowance: Allowance,
    queue: BTreeMap<Place, Waiting>,
    next: u64,
}

/// Who stands further ahead goes first: the number is that of the arrival.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place(Urgency, Lane, u64);

struct Waiting {
    need: Need,
    wake: Arc<Notify>,
    stand: Stand,
}

impl Gate {
    pub(super) fn new(name: &str, limits: &Limits, ledger: Arc<dyn Ledger>, clock: Arc<dyn Clock>) -> Arc<Self> {
        let allowance = Allowance::new(name, limits, ledger, &clock);
        let state = State { allowance, queue: BTreeMap::new(), next: 0 };
        Arc::new(Self { clock, state: Mutex::new(state) })
    }

    /// Waits until all that is needed may go at once. Dropping the future leaves the queue.
    ///
    /// # Errors
    /// `Throttled` where the wait would be long, `Cancelled` after the deadline, the ledger's error where it cannot
    /// save.
    pub(super) async fn admit(self: &Arc<Self>, need: Need, deadline: Option<Duration>) -> Result<Admission> {
        let wake = Arc::new(Notify::new());
        let ticket = self.enqueue(need, wake.clone());
        loop {
            let now = self.clock.elapsed();
            let look_again = match self.stand(ticket.place) {
                Stand::Admitted => return Ok(ticket.admitted()),
                Stand::Refused(error) => return Err(error),
                Stand::Waits(at) => at,
            };
            if deadline.is_some_and(|deadline| deadline <= now) {
                return Err(too_late());
            }
            match look_again.into_iter().chain(deadline).min() {
                Some(at) => tokio::select! {
                    () = wake.notified() => {}
                    () = self.clock.sleep(at.saturating_sub(now)) => {}
                },
                None => wake.notified().await,
            }
        }
    }

    /// Sends nothing for so long. A pause is only ever extended.
    pub(super) fn pause(&self, length: Duration, because: String) {
        let until = self.clock.elapsed() + length;
        let mut state = self.lock();
        state.allowance.pause(Pause { until, because });
        self.walk(&mut state);
    }

    /// The pause in force, and what is left of it.
    pub(super) fn paused(&self) -> Option<(Pause, Duration)> {
        let now = self.clock.elapsed();
        let pause = self.lock().allowance.paused(now)?.clone();
        let left = pause.until.saturating_sub(now);
        Some((pause, left))
    }

    /// The service's word on its daily quota.
    pub(super) fn learn(&self, used: u64, limit: u64) {
        if let Some(share) = &mut self.lock().allowance.share {
            share.learn(used, limit, self.clock.now());
        }
    }

    /// The daily quota, and until when the ordinary lane finds it spent.
    pub(super) fn usage(&self) -> Option<(Usage, Option<(Timestamp, String)>)> {
        let now = self.clock.now();
        let state = self.lock();
        let share = state.allowance.share.as_ref()?;
        let spent = share.room(1, Lane::Ordinary, now).err().map(|spent| (spent.retry_at, spent.because));
        Some((share.usage(now), spent))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enqueue(self: &Arc<Self>, mut need: Need, wake: Arc<Notify>) -> Ticket {
        let mut state = self.lock();
        state.allowance.shorten(&mut need.requests);
        let place = Place(need.urgency, need.lane, state.next);
        state.next += 1;
        state.queue.insert(place, Waiting { need, wake, stand: Stand::Waits(None) });
        Ticket { gate: self.clone(), place }
    }

    /// Walks the queue and says how this place stands. One that may go or may not has left the queue.
    fn stand(&self, place: Place) -> Stand {
        let mut state = self.lock();
        self.walk(&mut state);
        let state = &mut *state;
        match state.queue.get(&place).map(|waiting| &waiting.stand) {
            Some(Stand::Waits(at)) => Stand::Waits(*at),
            Some(_) => state.queue.remove(&place).map_or(Stand::Waits(None), |waiting| waiting.stand),
            None => Stand::Waits(None),
        }
    }

    fn walk(&self, state: &mut State) {
        let (now, time) = (self.clock.elapsed(), self.clock.now());
        let State { allowance, queue, .. } = state;
        allowance.lapse(now);
        let mut closed = allowance.all_open();
        for (place, waiting) in queue {
            if !matches!(waiting.stand, Stand::Waits(_)) {
                continue;
            }
            let stand = allowance.decide(place.2, &waiting.need, &mut closed, now, time);
            let is_news = match (&waiting.stand, &stand) {
                (Stand::Waits(before), Stand::Waits(after)) => before != after && after.is_some(),
                _ => true,
            };
            waiting.stand = stand;
            if is_news {
                waiting.wake.notify_one();
            }
        }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        if let Some(share) = &mut self.lock().allowance.share {
            share.close();
        }
    }
}

/// What was let in. What is not spent is given back on drop, and so is the slot.
pub(super) struct Admission {
    gate: Arc<Gate>,
    id: u64,
}

impl Admission {
    /// Whether a request with this tag is still held.
    pub(super) fn covers(&self, tag: &str) -> bool {
        self.gate.lock().allowance.holds(self.id, tag)
    }

    /// Counts one as sent now; `false` if none is held (any more).
    pub(super) fn spend(&self, tag: &str) -> bool {
        let now = self.gate.clock.elapsed();
        self.gate.lock().allowance.spend(self.id, tag, now)
    }

    /// Whether it was issued by this gate.
    pub(super) fn is_of(&self, gate: &Arc<Gate>) -> bool {
        Arc::ptr_eq(&self.gate, gate)
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        let mut state = self.gate.lock();
        state.allowance.leave(self.id);
        self.gate.walk(&mut state);
    }
}

/// A place in the queue; dropped, it leaves it.
struct Ticket {
    gate: Arc<Gate>,
    place: Place,
}

impl Ticket {
    fn admitted(&self) -> Admission {
        Admission { gate: self.gate.clone(), id: self.place.2 }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let left = self.gate.lock().queue.remove(&self.place);
        match left.map(|waiting| waiting.stand) {
            // It was let in and never learned of it: an admission that is dropped gives all of it back.
            Some(Stand::Admitted) => drop(self.admitted()),
            // Those behind it may go now.
            Some(_) => self.gate.walk(&mut self.gate.lock()),
            None => {}
        }
    }
}

pub(super) fn too_late() -> Error {
    Error::new(Kind::Cancelled, "deadline", "the call's time was over before anything was sent")
}
