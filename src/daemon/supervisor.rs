//! What systemd is told. Without it, nothing is.

use std::time::Duration;

use sd_notify::NotifyState;

/// The store is open and the listeners are bound.
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// One line of health.
pub fn status(line: &str) {
    tell(&[NotifyState::Status(line)]);
}

/// A reload begins; [`ready`] ends it.
pub fn reloading() {
    let since = NotifyState::monotonic_usec_now().ok();
    tell(&[Some(NotifyState::Reloading), since].into_iter().flatten().collect::<Vec<_>>());
}

/// It is ending.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// The scheduler and the store have answered.
pub fn feed() {
    tell(&[NotifyState::Watchdog]);
}

/// How often to feed the watchdog, where there is one: twice as often as it wants.
pub fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|interval| interval / 2)
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(error = %error, "The supervisor could not be told");
    }
}
