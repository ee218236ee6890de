//! How fast a session has come forward lately, kept from the snapshots that went by.
//!
//! Promises: time left is an honest range, hidden while too little is known, and replaced by "stalled since" when
//! nothing moves (S6). Memory is bounded.

use crate::{
    console::format,
    domain::{AttemptNo, Timestamp},
    machine::Session,
    manager::Moment,
};
use std::{collections::VecDeque, time::Duration};

/// What is remembered of one running attempt.
#[derive(Debug, Clone)]
pub struct History {
    attempt: AttemptNo,
    stage: Stage,
    /// The position after each change, oldest first, in steady time.
    samples: VecDeque<(Timestamp, u64)>,
    /// Whether the first sample is only what had been reported until then: more had been done.
    is_behind: bool,
    last_change: Moment,
}

/// How long it will still take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// Too little is known.
    Hidden,
    /// Between these two.
    Range(Duration, Duration),
    /// Nothing has moved since then.
    Stalled(Moment),
}

/// What the position counts. Between two stages it does not compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing has been reported.
    Silent,
    Copying,
    Replaying,
}

/// The sparkline reaches this far back.
const KEPT: Duration = Duration::from_mins(2);

/// The width of one bar of the sparkline: long enough to hold several reports, so that bars do not flicker.
const BAR: i64 = 2;

/// Before this much is known, a time left would be a guess (S6).
const HIDDEN: Duration = Duration::from_secs(5);

/// Reports come a few times a second; ten seconds without one that moves is more than a slow disk.
const STALLED: Duration = Duration::from_secs(10);

/// How long ago a report that has just come may have been true: a worker reports five times a second, its owner looks ten
/// times, and a socket that tells twenty times may lie between.
const LAG: Duration = Duration::from_millis(350);

/// Samples closer than this are merged: 2 minutes of them fit in a few hundred.
const APART: Duration = Duration::from_millis(400);

impl History {
    /// A history that begins with the session as it stands.
    pub fn begin(session: &Session, attempt: AttemptNo, now: Moment) -> Self {
        let (stage, position) = position(session);
        // Nothing can be behind where nothing has been done.
        let is_behind = position > 0;
        Self { attempt, stage, samples: VecDeque::from([(now.steady, position)]), is_behind, last_change: now }
    }

    /// Takes in the session as it stands now.
    pub fn record(&mut self, session: &Session, attempt: AttemptNo, now: Moment) {
        let (stage, position) = position(session);
        let last = self.samples.back().map_or(0, |(_, position)| *position);
        if attempt != self.attempt || stage != self.stage || position < last {
            *self = Self::begin(session, attempt, now);
            return;
        }
        if position == last {
            return;
        }
        self.last_change = now;
        if std::mem::take(&mut self.is_behind) {
            // What this report adds may all have been done before the first one: counting starts behind it, and early
            // enough that no more is shown than there is.
            self.samples = VecDeque::from([(now.steady.checked_sub(LAG).unwrap_or(now.steady), position)]);
            return;
        }
        // The newest sample moves along until it is far enough from the one before.
        let mut newest = self.samples.iter().rev();
        let crowded = matches!((newest.next(), newest.next()), (Some((at, _)), Some((before, _)))
            if format::between(*before, *at) < APART);
        if crowded {
            self.samples.pop_back();
        }
        self.samples.push_back((now.steady, position));
        while self.samples.len() > 2 && format::between(self.samples[1].0, now.steady) > KEPT {
            self.samples.pop_front();
        }
    }

    /// Units a second over the last `span`; `None` while less than a second is known.
    pub fn rate(&self, now: Moment, span: Duration) -> Option<f64> {
        let now = now.steady;
        let from = now.checked_sub(span).unwrap_or(Timestamp::MIN);
        let (began, start) = *self.samples.front()?;
        let end = self.position_at(now);
        let (since, base) = if began >= from { (began, start) } else { (from, self.position_at(from)) };
        let seconds = format::between(since, now).as_secs_f64();
        (seconds >= 1.0).then(|| (end.saturating_sub(base)) as f64 / seconds)
    }

    /// How long the rest will take.
    pub fn left(&self, rest: u64, now: Moment) -> Left {
        if format::between(self.last_change.steady, now.steady) >= STALLED {
            return Left::Stalled(self.last_change);
        }
        let known = self.samples.front().map_or(Duration::ZERO, |(began, _)| format::between(*began, now.steady));
        if known < HIDDEN {
            return Left::Hidden;
        }
        // A short and a long look: where they differ, so do the two ends of the range.
        let queries = [Duration::from_secs(10), Duration::from_mins(1)];
        let rates: Vec<f64> =
            queries.iter().filter_map(|span| self.rate(now, *span)).filter(|rate| *rate > 0.0).collect();
        let (Some(slow), Some(fast)) = (rates.iter().copied().reduce(f64::min), rates.iter().copied().reduce(f64::max))
        else {
            return Left::Hidden;
        };
        // Even a steady rate is not known better than a fifth.
        let seconds = |rate: f64, factor: f64| Duration::from_secs_f64((rest as f64 / rate * factor).min(1e8));
        Left::Range(seconds(fast, 0.9), seconds(slow, 1.1))
    }

    /// Units in each of the last `bars` bars, oldest first.
    pub fn bars(&self, now: Moment, bars: usize) -> Vec<u64> {
        let current = now.steady.as_second().div_euclid(BAR);
        let first = current - i64::try_from(bars).unwrap_or(0) + 1;
        let mut sums = vec![0; bars];
        for (before, after) in self.samples.iter().zip(self.samples.iter().skip(1)) {
            let bar = after.0.as_second().div_euclid(BAR) - first;
            if let Some(sum) = usize::try_from(bar).ok().and_then(|bar| sums.get_mut(bar)) {
                *sum += after.1 - before.1;
            }
        }
        sums
    }

    /// The position at a moment, between two samples in proportion.
    fn position_at(&self, moment: Timestamp) -> u64 {
        let mut before = self.samples.front().copied().unwrap_or((moment, 0));
        for sample in &self.samples {
            if sample.0 > moment {
                let span = format::between(before.0, sample.0).as_secs_f64();
                let part = format::between(before.0, moment).as_secs_f64();
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a share of a difference of two positions, which grow"
                )]
                return before.1 + ((sample.1 - before.1) as f64 * (part / span).clamp(0.0, 1.0)) as u64;
            }
            before = *sample;
        }
        before.1
    }
}

/// What moves, and where it stands: bytes that this attempt has brought, then a WAL position.
fn position(session: &Session) -> (Stage, u64) {
    let progress = session.progress();
    match progress.wal {
        Some(wal) => (Stage::Replaying, wal.at.0),
        // What earlier attempts left, or what was done before anybody watched, was not done in this moment.
        None if progress.bytes_total.0 == 0 => (Stage::Silent, 0),
        None => (Stage::Copying, progress.bytes_done.0.saturating_sub(progress.bytes_reused.0)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use crate::{
        domain::{ByteCount, Progress},
        machine::{Event, evolve},
    };

    const LIMIT: f64 = 5.0 * 1024.0 * 1024.0;

    fn at(seconds: f64) -> Timestamp {
        let start: Timestamp = "2026-11-20T02:00:00Z".parse().unwrap();
        start.checked_add(Duration::from_secs_f64(seconds)).unwrap()
    }

    /// A session that copies at the limit, as it is seen at this moment: everything takes up to a third of a second to
    /// be reported.
    fn seen(session: &Session, seconds: f64) -> Session {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds of a test")]
        let (report, total) = ((seconds / 0.2) as u64, 1 << 40);
        // Some reports come late and some do not.
        let late = [0.0, 0.1, 0.13, 0.02][usize::try_from(report % 4).unwrap()];
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds of a test")]
        let bytes_done = ByteCount((((report as f64) * 0.2 - late).max(0.0) * LIMIT) as u64);
        let progress = Progress { bytes_done, bytes_total: ByteCount(total), ..Progress::default() };
        evolve(session.clone(), &Event::Progressed { attempt: AttemptNo(1), progress }, at(seconds))
    }

    #[test]
    fn s06_no_more_is_shown_than_the_limit_allows_whenever_one_begins_to_look() {
        let record = include_str!("../../../tests/records/v2/session_running.json");
        let session: Session = serde_json::from_str(record).unwrap();
        for tenth in 0..40_u32 {
            let began = 7.0 + f64::from(tenth) * 0.05;
            let mut history = History::begin(&seen(&session, began), AttemptNo(1), at(began).into());
            let mut last = 0.0;
            for look in 1..200_u32 {
                let now = began + f64::from(look) * 0.1;
                history.record(&seen(&session, now), AttemptNo(1), at(now).into());
                let Some(rate) = history.rate(at(now).into(), Duration::from_secs(10)) else { continue };
                assert!(rate <= LIMIT * 1.03, "{:.2} of the limit at {now:.1}, begun at {began:.2}", rate / LIMIT);
                last = rate;
            }
            assert!(last >= LIMIT * 0.95, "{:.2} of the limit in the end", last / LIMIT);
        }
    }
}
