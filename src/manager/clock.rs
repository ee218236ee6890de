//! The one place where the owner asks what time it is.

use crate::domain::Timestamp;
use std::{
    num::NonZeroU32,
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

/// A clock of this machine, or one that follows tokio's: that stands still when tokio's time is paused, so a test can
/// move both at once.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    started: tokio::time::Instant,
    at_start: Timestamp,
    source: Source,
    /// How many of its seconds pass in one of tokio's.
    speed: NonZeroU32,
}

/// Where the time of day comes from.
#[derive(Debug, Clone, Copy)]
enum Source {
    /// The machine, asked again each time, so that a correction of its clock (NTP, suspend) is seen.
    Machine,
    /// Tokio's time.
    Tokio,
    /// Tokio's time and so many milliseconds, which somebody changes as they would set a machine's clock.
    Set(&'static AtomicI64),
}

/// One moment by two clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The time of day, which somebody may set back or forward: for what is shown, and for moments that others fixed.
    pub wall: Timestamp,
    /// The time that goes on whatever happens to the time of day: for lengths of time.
    pub steady: Timestamp,
}

impl From<Timestamp> for Moment {
    /// A moment of a clock that nobody has set.
    fn from(moment: Timestamp) -> Self {
        Self { wall: moment, steady: moment }
    }
}

impl Clock {
    /// The clock of this machine.
    pub fn system() -> Self {
        Self {
            started: tokio::time::Instant::now(),
            at_start: Timestamp::now(),
            source: Source::Machine,
            speed: NonZeroU32::MIN,
        }
    }

    /// A clock that began at `at_start` and moves only as tokio's does.
    pub fn starting_at(at_start: Timestamp) -> Self {
        Self { started: tokio::time::Instant::now(), at_start, source: Source::Tokio, speed: NonZeroU32::MIN }
    }

    /// The same clock with a hand by which it is set forward, or back, while it goes.
    #[must_use]
    pub const fn set_by(self, milliseconds: &'static AtomicI64) -> Self {
        Self { source: Source::Set(milliseconds), ..self }
    }

    /// The same clock, so many times as fast: for stories, which somebody waits for. One of this machine stays as it is.
    #[must_use]
    pub const fn at_speed(self, speed: NonZeroU32) -> Self {
        match self.source {
            Source::Machine => self,
            Source::Tokio | Source::Set(_) => Self { speed, ..self },
        }
    }

    /// How many of its seconds pass in one of tokio's.
    pub const fn speed(&self) -> NonZeroU32 {
        self.speed
    }

    /// What time it is.
    pub fn now(&self) -> Timestamp {
        match self.source {
            Source::Machine => Timestamp::now(),
            Source::Tokio => self.steady(),
            Source::Set(milliseconds) => {
                let by = jiff::SignedDuration::from_millis(milliseconds.load(Ordering::SeqCst));
                self.steady().saturating_add(by).unwrap_or(Timestamp::MAX)
            }
        }
    }

    /// The present moment by both clocks.
    pub fn moment(&self) -> Moment {
        Moment { wall: self.now(), steady: self.steady() }
    }

    /// How long until a moment of the steady time; zero when it has passed.
    pub fn until_steady(&self, moment: Timestamp) -> Duration {
        Duration::try_from(moment.duration_since(self.steady())).unwrap_or_default() / self.speed.get()
    }

    fn steady(&self) -> Timestamp {
        self.at_start.checked_add(self.started.elapsed().saturating_mul(self.speed.get())).unwrap_or(Timestamp::MAX)
    }

    /// How long until `moment`; zero when it has passed. At most a minute, so that a clock which is set while somebody
    /// waits is noticed soon.
    pub fn until(&self, moment: Timestamp) -> Duration {
        const MAX_SLEEP: Duration = Duration::from_mins(1);
        let wait = Duration::try_from(moment.duration_since(self.now())).unwrap_or_default() / self.speed.get();
        wait.min(MAX_SLEEP)
    }
}
