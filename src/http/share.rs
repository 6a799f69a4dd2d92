//! Our share of a daily quota, kept over restarts and crashes.

use std::{collections::BTreeMap, sync::Arc};

use hymnal_sdk::{
    Lane, Ledger, Limits, Result, Timestamp,
    http::{Resets, Share},
};
use jiff::{SignedDuration, ToSpan as _, tz::TimeZone};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// Kept longer than counted, so that a clock that steps a day ahead and back forgets nothing.
const KEEP_HOURS: i64 = 49;

/// A service that says its quota is spent is asked again after this time: nothing but an answer can tell that it
/// is not any more.
const BELIEVE_SPENT: i64 = 15 * 60;

/// Counts the calls of the day against our part of the quota.
///
/// Calls are counted by the hour they were made in. Before a call is made it lies within a *lease*, a block of
/// calls saved durably as if they had been made; after a crash the whole lease counts as used. So the share is
/// never passed, at the price of at most one block a crash.
pub(super) struct DailyShare {
    ledger: Arc<dyn Ledger>,
    name: String,
    resets: Reset,
    limit: u64,
    share: Share,
    reserve: Share,
    hours: BTreeMap<i64, Hour>,
    told: Option<Told>,
    /// The limit that the service told last, in this run or one before.
    told_limit: Option<u64>,
}

/// When the count starts anew.
enum Reset {
    Rolling,
    Midnight(TimeZone),
}

/// Calls of one hour since 1970.
#[derive(Clone, Copy, Default)]
struct Hour {
    used: u64,
    /// At least `used`; this much is saved.
    leased: u64,
}

/// What the service last said, and what we sent since.
struct Told {
    used: u64,
    limit: u64,
    at: Timestamp,
    since: u64,
}

/// The share, or the quota itself, is spent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spent {
    /// Ask again then.
    pub(super) retry_at: Timestamp,
    /// In words.
    pub(super) because: String,
}

/// The state of the quota, for people.
pub(super) struct Usage {
    pub(super) used: u64,
    pub(super) limit: u64,
    pub(super) ours: u64,
    pub(super) by_us: u64,
}

impl DailyShare {
    /// Reads what was counted before; `None` where the service has no daily quota.
    pub(super) fn open(connector: &str, limits: &Limits, ledger: Arc<dyn Ledger>, now: Timestamp) -> Option<Self> {
        let daily = limits.daily.as_ref()?;
        let resets = match &daily.resets {
            Resets::Rolling => Reset::Rolling,
            Resets::Midnight(zone) => match TimeZone::get(zone) {
                Ok(zone) => Reset::Midnight(zone),
                Err(error) => {
                    // Whoever keeps to the quota in every 24 hours keeps to it in every day of any zone.
                    tracing::warn!(connector, zone, %error, "Time zone unknown here, the daily quota is counted over 24 hours");
                    Reset::Rolling
                }
            },
        };
        let mut share = Self {
            name: format!("daily-calls/{connector}"),
            ledger,
            resets,
            limit: daily.requests,
            told_limit: None,
            share: limits.daily_share,
            reserve: limits.reserve,
            hours: BTreeMap::new(),
            told: None,
        };
        share.told_limit = share.load_limit();
        share.load(connector, now);
        Some(share)
    }

    /// Whether calls of this cost may be made now.
    ///
    /// # Errors
    /// The share that this lane may use is spent.
    pub(super) fn room(&self, cost: u64, lane: Lane, now: Timestamp) -> Result<(), Spent> {
        let kept = if lane > Lane::Hinted { self.reserve.of(self.ours()) } else { 0 };
        if let Some(told) = self.told_now(now)
            && told.used + told.since + cost > told.limit.saturating_sub(kept)
        {
            return Err(Spent {
                retry_at: plus(told.at, BELIEVE_SPENT),
                because: format!("the service says that {} of its {} calls a day are used", told.used, told.limit),
            });
        }
        let (ours, by_us) = (self.ours(), self.by_us(now));
        if by_us + cost > ours - kept {
            let because = if kept > 0 && by_us + cost <= ours {
                format!("our share of {ours} calls a day is spent but for the reserve of {kept}")
            } else {
                format!("our share of {ours} calls a day is spent")
            };
            return Err(Spent { retry_at: self.room_at(cost, ours - kept, by_us, now), because });
        }
        Ok(())
    }

    /// Counts calls, after leasing a block durably where the last one is used up.
    ///
    /// # Errors
    /// The ledger cannot save: nothing was counted and nothing may be sent.
    pub(super) fn take(&mut self, cost: u64, now: Timestamp) -> Result<()> {
        let hour = now.as_second().div_euclid(HOUR);
        let before = self.hours.get(&hour).copied().unwrap_or_default();
        let used = before.used + cost;
        if used > before.leased {
            let ours = self.ours();
            let left = ours.saturating_sub(self.by_us(now));
            let block = (ours / 100).clamp(20, 500).min(left).max(cost);
            self.hours.insert(hour, Hour { used: before.used, leased: before.used + block });
            if let Err(error) = self.save(hour) {
                self.hours.insert(hour, before);
                return Err(error);
            }
        }
        self.hours.entry(hour).or_default().used = used;
        if let Some(told) = &mut self.told {
            told.since += cost;
        }
        Ok(())
    }

    /// Calls that were counted at `then` and not made.
    pub(super) fn give_back(&mut self, cost: u64, then: Timestamp) {
        if let Some(hour) = self.hours.get_mut(&then.as_second().div_euclid(HOUR)) {
            hour.used = hour.used.saturating_sub(cost);
        }
        if let Some(told) = &mut self.told {
            told.since = told.since.saturating_sub(cost);
        }
    }

    /// The service's own word: (used, limit), of all tools together.
    pub(super) fn learn(&mut self, used: u64, limit: u64, now: Timestamp) {
        // A limit of zero is a header that says nothing.
        if limit > 0 {
            self.told = Some(Told { used, limit, at: now, since: 0 });
            if self.told_limit.unwrap_or(self.limit) != limit {
                // After a restart our share is a share of what is true, not of what the manifest supposes.
                match self.ledger.save(&self.limit_name(), limit.to_string().as_bytes()) {
                    Ok(()) => self.told_limit = Some(limit),
                    Err(error) => {
                        tracing::warn!(%error, "The service's daily limit was not saved, it is learned again");
                    }
                }
            }
        }
    }

    /// The state of the quota.
    pub(super) fn usage(&self, now: Timestamp) -> Usage {
        let by_us = self.by_us(now);
        let told = self.told.as_ref().filter(|told| told.at.as_second() >= self.window_start(now));
        Usage {
            used: told.map_or(by_us, |told| by_us.max(told.used + told.since)),
            limit: self.limit_now(),
            ours: self.ours(),
            by_us,
        }
    }

    /// Gives the unused part of the lease back to the ledger, at an orderly end.
    pub(super) fn close(&mut self) {
        if self.hours.values().all(|hour| hour.used == hour.leased) {
            return;
        }
        for hour in self.hours.values_mut() {
            hour.leased = hour.used;
        }
        let last = self.hours.keys().next_back().copied().unwrap_or_default();
        if let Err(error) = self.save(last) {
            tracing::debug!(%error, "Unused calls of the daily share were not given back");
        }
    }

    fn ours(&self) -> u64 {
        self.share.of(self.limit_now())
    }

    fn limit_now(&self) -> u64 {
        self.told.as_ref().map(|told| told.limit).or(self.told_limit).unwrap_or(self.limit)
    }

    fn told_now(&self, now: Timestamp) -> Option<&Told> {
        let fresh = |told: &&Told| now.as_second() < told.at.as_second() + BELIEVE_SPENT;
        self.told.as_ref().filter(fresh).filter(|told| told.at.as_second() >= self.window_start(now))
    }

    /// Calls in the hours that touch the window. Hours ahead count too: the clock may have stepped back.
    fn by_us(&self, now: Timestamp) -> u64 {
        self.counted(now).map(|(_, hour)| hour.used).sum()
    }

    fn counted(&self, now: Timestamp) -> impl Iterator<Item = (i64, Hour)> + '_ {
        let start = self.window_start(now);
        let end = now.as_second() + DAY;
        self.hours
            .iter()
            .map(|(hour, calls)| (*hour, *calls))
            .filter(move |(hour, _)| (hour + 1) * HOUR > start && hour * HOUR <= end)
    }

    fn window_start(&self, now: Timestamp) -> i64 {
        match &self.resets {
            Reset::Rolling => now.as_second() - DAY,
            Reset::Midnight(zone) => now
                .to_zoned(zone.clone())
                .start_of_day()
                .map_or(now.as_second() - DAY, |midnight| midnight.timestamp().as_second()),
        }
    }

    /// When so much more fits under `limit`.
    fn room_at(&self, cost: u64, limit: u64, by_us: u64, now: Timestamp) -> Timestamp {
        match &self.resets {
            Reset::Midnight(zone) => {
                let today = now.to_zoned(zone.clone());
                let midnight = today.checked_add(1.day()).and_then(|tomorrow| tomorrow.start_of_day());
                midnight.map_or_else(|_| plus(now, DAY), |midnight| midnight.timestamp())
            }
            Reset::Rolling => {
                let mut left = by_us;
                for (hour, calls) in self.counted(now) {
                    left = left.saturating_sub(calls.used);
                    if calls.used > 0 && left + cost <= limit {
                        return Timestamp::from_second((hour + 1) * HOUR + DAY).unwrap_or(now);
                    }
                }
                plus(now, DAY)
            }
        }
    }

    fn limit_name(&self) -> String {
        self.name.replacen("calls", "limit", 1)
    }

    fn load_limit(&self) -> Option<u64> {
        String::from_utf8(self.ledger.load(&self.limit_name())?).ok()?.parse().ok()
    }

    fn load(&mut self, connector: &str, now: Timestamp) {
        let Some(saved) = self.ledger.load(&self.name) else { return };
        if let Ok(saved) = serde_json::from_slice::<Vec<(i64, u64)>>(&saved) {
            self.hours = saved.into_iter().map(|(hour, calls)| (hour, Hour { used: calls, leased: calls })).collect();
            return;
        }
        // What cannot be read is no zero: the quota is shared with other tools of the account.
        tracing::error!(connector, "The count of calls made today cannot be read: the daily share counts as spent");
        let ours = self.ours();
        self.hours.insert(now.as_second().div_euclid(HOUR), Hour { used: ours, leased: ours });
    }

    /// Saves the lease of `current`, and of every other hour what was used: an hour that is over needs no lease.
    fn save(&mut self, current: i64) -> Result<()> {
        for (hour, calls) in &mut self.hours {
            if *hour != current {
                calls.leased = calls.used;
            }
        }
        let kept = self.hours.split_off(&(current - KEEP_HOURS));
        self.hours = kept;
        let rows: Vec<(i64, u64)> = self.hours.iter().map(|(hour, calls)| (*hour, calls.leased)).collect();
        let bytes = serde_json::to_vec(&rows).unwrap_or_default();
        self.ledger.save(&self.name, &bytes)
    }
}

fn plus(at: Timestamp, seconds: i64) -> Timestamp {
    at.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(at)
}
