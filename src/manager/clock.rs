//! The one place where the owner asks what time it is.

use crate::domain::Timestamp;
use std::time::Duration;

/// A clock that follows tokio's: it stands still when tokio's time is paused, so a test can move both at once.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    started: tokio::time::Instant,
    at_start: Timestamp,
    /// Whether the wall clock is asked again each time, so that a correction of it (NTP, suspend) is seen.
    live: bool,
}

impl Clock {
    /// The clock of this machine.
    pub fn system() -> Self {
        Self { started: tokio::time::Instant::now(), at_start: Timestamp::now(), live: true }
    }

    /// A clock that began at `at_start` and moves only as tokio's does.
    pub fn starting_at(at_start: Timestamp) -> Self {
        Self { started: tokio::time::Instant::now(), at_start, live: false }
    }

    /// What time it is.
    pub fn now(&self) -> Timestamp {
        if self.live {
            return Timestamp::now();
        }
        self.at_start.checked_add(self.started.elapsed()).unwrap_or(Timestamp::MAX)
    }

    /// How long until `moment`; zero when it has passed. At most an hour, so that a clock set back is noticed.
    pub fn until(&self, moment: Timestamp) -> Duration {
        const LONGEST: Duration = Duration::from_hours(1);
        Duration::try_from(moment.duration_since(self.now())).unwrap_or_default().min(LONGEST)
    }
}
