//! One declared rate: so many requests in any window of some length.

use std::{collections::VecDeque, num::NonZeroU32, sync::Arc, time::Duration};

use hymnal_sdk::{Clock, http::Rate};

use super::pace::Pacer;

/// The service counts arrivals, we count departures. Two requests can arrive closer together than they left by the
/// spread of network delays; windows are taken longer by that much: this, and a hundredth of the window.
const SPREAD: Duration = Duration::from_millis(80);

/// From this many requests in a window on a burst of two is worth what it costs (one request of the window); it
/// recovers what a late timer loses.
const BURST_OF_TWO_FROM: u32 = 20;

/// Enforces one [`Rate`].
///
/// A [`Pacer`] spaces requests evenly. That alone would bound every window, were it not for permits: what was
/// reserved is sent later than it was paid for. So the window also remembers what was sent and what is held, and
/// never lets the two together pass the limit. A held request that is sent moves from one count to the other,
/// therefore without waiting and without passing the limit.
pub(super) struct Window {
    limit: u32,
    span: Duration,
    only: Vec<String>,
    pacer: Pacer,
    sent: VecDeque<(Duration, u32)>,
    sent_sum: u32,
    held: u32,
}

/// Whether a window has room.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// Yes.
    Now,
    /// Ask again at this time of [`Clock::elapsed`].
    At(Duration),
    /// When something that is held was sent or given back.
    OnceReleased,
}

impl Window {
    pub(super) fn new(rate: &Rate, clock: &Arc<dyn Clock>) -> Self {
        let limit = rate.requests.max(1);
        let span = rate.per + rate.per / 100 + SPREAD;
        let burst = if limit >= BURST_OF_TWO_FROM { 2 } else { 1 };
        // Of n requests the last leaves at least (n - burst) intervals after the first; limit + 1 of them must not
        // fit into the span.
        let interval = span / (limit + 1 - burst);
        let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
        let pacer = Pacer::new(interval, burst, clock.clone());
        Self { limit, span, only: rate.only.clone(), pacer, sent: VecDeque::new(), sent_sum: 0, held: 0 }
    }

    /// Whether requests with this tag count here.
    pub(super) fn applies(&self, tag: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == tag)
    }

    /// What a request of this cost takes here: one that costs more than a whole window takes a whole window.
    pub(super) fn weight(&self, cost: u32) -> u32 {
        cost.min(self.limit)
    }

    /// Whether so much fits into an empty window.
    pub(super) fn can_ever_hold(&self, weight: u32) -> bool {
        weight <= self.limit
    }

    /// Whether so much may be held now.
    pub(super) fn room(&mut self, weight: u32, now: Duration) -> Room {
        self.forget_old(now);
        let places = self.places(weight);
        // Drawn also while there is no place: both waits pass side by side.
        match (self.pacer.draw(weight), places) {
            (Ok(()), Room::Now) => Room::Now,
            (_, Room::OnceReleased) => Room::OnceReleased,
            (Ok(()), Room::At(at)) => Room::At(at),
            // Cells must be drawn as they come, though there may be no place yet. A wait of nothing would spin.
            (Err(wait), _) => Room::At(now + wait.max(Duration::from_micros(1))),
        }
    }

    /// Whether so many places are free, by what was sent and is held.
    fn places(&self, weight: u32) -> Room {
        let mut free = self.limit.saturating_sub(self.sent_sum + self.held);
        if weight <= free {
            return Room::Now;
        }
        for (at, sent) in &self.sent {
            free += sent;
            if weight <= free {
                return Room::At(*at + self.span);
            }
        }
        Room::OnceReleased
    }

    /// Holds it; [`Room::Now`] was answered in the same breath.
    pub(super) fn hold(&mut self, weight: u32) {
        self.pacer.take(weight);
        self.held += weight;
    }

    /// What was held is sent now.
    pub(super) fn spend(&mut self, weight: u32, now: Duration) {
        self.held = self.held.saturating_sub(weight);
        self.sent.push_back((now, weight));
        self.sent_sum += weight;
    }

    /// What was held is not sent.
    pub(super) fn release(&mut self, weight: u32) {
        self.held = self.held.saturating_sub(weight);
        self.pacer.give_back(weight);
    }

    fn forget_old(&mut self, now: Duration) {
        while let Some((at, sent)) = self.sent.front().copied()
            && at + self.span <= now
        {
            self.sent.pop_front();
            self.sent_sum = self.sent_sum.saturating_sub(sent);
        }
    }
}
