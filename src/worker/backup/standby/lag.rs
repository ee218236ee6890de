//! How far a standby is behind, measured by one clock.
//!
//! The primary is asked where its WAL ends, then the standby how far it has replayed. What it has replayed now the primary
//! had at the time of the last question whose answer lies before it, so the standby is at most that far behind. What the
//! primary knows itself (`replay_lag`) says nothing once all is replayed.
//!
//! Promises: a lag is never shown smaller than it is.

use crate::domain::Lsn;
use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// More answers of the primary than this are thinned: the lag is then known less finely, and never too small.
const MAX_SAMPLES: usize = 1024;

/// Where the primary's WAL ended, and when it was asked.
#[derive(Debug, Default)]
pub(super) struct Samples(VecDeque<(Instant, Lsn)>);

impl Samples {
    pub(super) fn add(&mut self, asked: Instant, at: Lsn) {
        if self.0.len() >= MAX_SAMPLES {
            let mut number = 0_usize;
            self.0.retain(|_| {
                number += 1;
                number % 2 == 1
            });
        }
        self.0.push_back((asked, at));
    }

    /// How far behind what has replayed this much is at most; `None` where it has not replayed what the first answer had.
    pub(super) fn lag(&mut self, replayed: Lsn, now: Instant) -> Option<Duration> {
        let known = self.0.iter().take_while(|(_, at)| *at <= replayed).count();
        self.0.drain(..known.saturating_sub(1));
        let (asked, at) = self.0.front()?;
        (*at <= replayed).then(|| now.saturating_duration_since(*asked))
    }
}

/// A lag as a person reads it.
pub(super) fn shown(lag: Duration) -> String {
    if lag < Duration::from_secs(1) { format!("{} ms", lag.as_millis()) } else { format!("{:.1} s", lag.as_secs_f64()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lag_is_never_shown_smaller_than_it_is() {
        let begun = Instant::now();
        let after = |seconds: u64| begun + Duration::from_secs(seconds);
        let mut samples = Samples::default();
        samples.add(after(0), Lsn(100));
        assert_eq!(samples.lag(Lsn(99), after(1)), None, "it is not known how far before the first answer it is");
        assert_eq!(samples.lag(Lsn(100), after(1)), Some(Duration::from_secs(1)));
        for second in 1..=9 {
            samples.add(after(second), Lsn(100 + second * 10));
        }
        assert_eq!(samples.lag(Lsn(155), after(10)), Some(Duration::from_secs(5)), "it has all of second 5");
        assert_eq!(samples.lag(Lsn(155), after(12)), Some(Duration::from_secs(7)), "and stands");
        assert_eq!(samples.lag(Lsn(190), after(12)), Some(Duration::from_secs(3)));
        assert_eq!(samples.0.len(), 1, "what is replayed is not kept");
    }

    #[test]
    fn a_long_wait_takes_no_memory_and_thinned_answers_show_no_smaller_lag() {
        let begun = Instant::now();
        let mut samples = Samples::default();
        let count = 10 * MAX_SAMPLES as u64;
        for second in 0..count {
            samples.add(begun + Duration::from_secs(second), Lsn(second));
        }
        assert!(samples.0.len() <= MAX_SAMPLES);
        let now = begun + Duration::from_secs(count);
        let lag = samples.lag(Lsn(count / 2), now).unwrap_or_default();
        assert!(lag >= Duration::from_secs(count - count / 2), "{lag:?}");
    }

    #[test]
    fn a_lag_is_shown_in_the_unit_that_is_read() {
        assert_eq!(shown(Duration::from_millis(12)), "12 ms");
        assert_eq!(shown(Duration::from_millis(61_250)), "61.2 s");
    }
}
