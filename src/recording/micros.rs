//! Time in a recording.

use std::fmt;

/// Microseconds: a moment, counted from the start of a recording, or a length of time. Asciicast 2 writes six decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Micros(pub u64);

impl Micros {
    /// The start.
    pub const ZERO: Self = Self(0);
    /// The longest time that a recording may have: 366 days. What is longer was not measured by a clock.
    pub const MAX: Self = Self(366 * 86_400 * 1_000_000);

    /// So many seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// Later by so much.
    #[must_use]
    pub const fn plus(self, length: Self) -> Self {
        Self(self.0.saturating_add(length.0))
    }

    /// Earlier by so much, and the start at the earliest.
    #[must_use]
    pub const fn minus(self, length: Self) -> Self {
        Self(self.0.saturating_sub(length.0))
    }

    /// Whole milliseconds, rounded to the nearest.
    pub const fn rounded_millis(self) -> u64 {
        self.0.saturating_add(500) / 1_000
    }
}

impl fmt::Display for Micros {
    /// Seconds with all six decimals, as asciicast 2 has them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}
