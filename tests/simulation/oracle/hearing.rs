//! What Hymnal asked, what it heard, and what of that a death made it forget.

use hymnal::merge::Side;
use hymnal_memory::Method;
use hymnal_sdk::{Address, Record};

use super::{Cause, Oracle, plain};

impl Oracle {
    /// Our login lost, or has again, the permission to see a record.
    pub(crate) fn hid(&mut self, side: Side, address: &Address, hidden: bool) {
        let key = (side, address.clone());
        if hidden {
            self.hidden.insert(key);
        } else {
            self.hidden.remove(&key);
            self.tick += 1;
            self.shown_again.insert(key, self.tick);
        }
    }

    /// A call of ours arrives at a service. Answers its number.
    pub(crate) fn arrives(&mut self, side: Side, method: Method) -> (u64, u64) {
        self.calls += 1;
        if method == Method::Find {
            self.looked[side] = self.tick;
        }
        (self.calls, (self.bent[side])())
    }

    /// The service is done with it.
    pub(crate) fn was_called(&mut self, side: Side, method: Method, (number, bent): (u64, u64)) {
        let bent = (self.bent[side])() > bent;
        self.sync(side, Cause::Call { number, method, bent });
    }

    /// Hymnal hears the answer.
    pub(crate) fn hears(&mut self, (number, _): (u64, u64)) {
        self.heard.insert(number, self.kv.commits());
    }

    /// Hymnal hears of a record.
    pub(crate) fn shows(&mut self, side: Side, record: &Record, method: Method) {
        let commits = self.kv.commits();
        let now = self.clock.glance();
        self.tell(&format!(
            "{side:?} {} is shown by {method:?}: {:?} {:?}",
            record.address, record.state, record.fields
        ));
        let Some(track) = self.records.get_mut(&(side, record.address.clone())) else { return };
        track.met.get_or_insert(commits);
        if method == Method::Get {
            track.got = Some(now);
        }
        for (name, value) in &record.fields {
            track.told.insert((name.clone(), plain(name, Some(value))));
            track.first.entry(name.clone()).or_insert_with(|| (plain(name, Some(value)), commits));
            track.shown.insert(name.clone(), (plain(name, Some(value)), commits));
        }
    }

    /// A life ended: what was shown to it and no commit followed was never known.
    pub(crate) fn forgets(&mut self) {
        let commits = self.kv.commits();
        for track in self.records.values_mut() {
            track.met = track.met.filter(|at| commits > *at);
            track.shown.retain(|_, (_, at)| commits > *at);
            track.first.retain(|_, (_, at)| commits > *at);
        }
    }
}
