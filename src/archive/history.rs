//! The history of a timeline: which timelines led to it, and where each was left.
//!
//! Promises: a history is read as `readTimeLineHistory` does, and refused where the server would give up on it or where it
//! contradicts itself. Never: reads a file without an end.
//!
//! Source: `timeline.c` of PostgreSQL. Each line is the number of an older timeline, the position at which it was left, and
//! a reason; lines that begin with `#` and empty ones carry nothing.

use crate::domain::{Lsn, Timeline};
use thiserror::Error;

/// A history is a line a timeline; a cluster goes through few of them.
pub const MAX_LEN: u64 = 1 << 20;

/// The timelines that led to one, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimelineHistory {
    /// Whose history it is.
    pub timeline: Timeline,
    /// Each older timeline with the position at which it was left.
    pub parents: Vec<(Timeline, Lsn)>,
}

/// Why a history cannot be believed. Lines are counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum HistoryError {
    /// A line does not begin with a number and a position.
    #[error("line {0} has no timeline and position")]
    Line(usize),
    /// The numbers do not grow, or reach the timeline itself.
    #[error("line {0} has a timeline that cannot come there")]
    Order(usize),
    /// A timeline would be left before the one it came from.
    #[error("line {0} has a position before that of the line above it")]
    Position(usize),
    /// A timeline other than the first came from another one.
    #[error("no timeline is named in it")]
    Empty,
}

impl TimelineHistory {
    /// That of the first timeline, which has no file.
    pub const fn first() -> Self {
        Self { timeline: Timeline(1), parents: Vec::new() }
    }

    /// The name of the file (`TLHistoryFileName`).
    pub fn file_name(timeline: Timeline) -> String {
        format!("{:08X}.history", timeline.0)
    }

    /// Reads the bytes of `TTTTTTTT.history`.
    pub fn parse(timeline: Timeline, bytes: &[u8]) -> Result<Self, HistoryError> {
        let text = String::from_utf8_lossy(bytes);
        let mut parents: Vec<(Timeline, Lsn)> = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let (number, line) = (at + 1, line.trim_start());
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let mut words = line.split_ascii_whitespace();
            let parent = words.next().and_then(|word| word.parse().ok()).map(Timeline);
            let position = words.next().and_then(|word| word.parse::<Lsn>().ok());
            let (Some(parent), Some(position)) = (parent, position) else { return Err(HistoryError::Line(number)) };
            if parent.0 == 0 || parent >= timeline || parents.last().is_some_and(|(last, _)| *last >= parent) {
                return Err(HistoryError::Order(number));
            }
            if parents.last().is_some_and(|(_, last)| *last > position) {
                return Err(HistoryError::Position(number));
            }
            parents.push((parent, position));
        }
        if parents.is_empty() && timeline != Timeline(1) {
            return Err(HistoryError::Empty);
        }
        Ok(Self { timeline, parents })
    }

    /// The timeline that the WAL behind a position is on, along this history (`tliOfPointInHistory`).
    pub fn at(&self, position: Lsn) -> Timeline {
        let left = self.parents.iter().find(|(_, left)| position < *left);
        left.map_or(self.timeline, |(timeline, _)| *timeline)
    }

    /// Where a timeline of this history is left; `None` for the last one, and for one that is not in it.
    pub fn leaves(&self, timeline: Timeline) -> Option<Lsn> {
        self.parents.iter().find(|(parent, _)| *parent == timeline).map(|(_, left)| *left)
    }

    /// Whether a timeline is part of it.
    pub fn passes(&self, timeline: Timeline) -> bool {
        timeline == self.timeline || self.leaves(timeline).is_some()
    }

    /// The timeline that it forked from, and where.
    pub fn parent(&self) -> Option<(Timeline, Lsn)> {
        self.parents.last().copied()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    fn parse(timeline: u32, text: &str) -> Result<TimelineHistory, HistoryError> {
        TimelineHistory::parse(Timeline(timeline), text.as_bytes())
    }

    #[test]
    fn a_real_history_says_which_timeline_a_position_is_on() {
        let text =
            "1\t0/5000000\tno recovery target specified\n\n# a note\n2\t0/7000028\tbefore 2026-11-20 13:30:00+00\n";
        let history = parse(4, text).unwrap();
        assert_eq!(history.parents, [(Timeline(1), Lsn(0x500_0000)), (Timeline(2), Lsn(0x700_0028))]);
        for (position, timeline) in [(0, 1), (0x4FF_FFFF, 1), (0x500_0000, 2), (0x700_0027, 2), (0x700_0028, 4)] {
            assert_eq!(history.at(Lsn(position)), Timeline(timeline), "{position:x}");
        }
        assert_eq!(history.leaves(Timeline(2)), Some(Lsn(0x700_0028)));
        assert_eq!((history.leaves(Timeline(4)), history.leaves(Timeline(3))), (None, None));
        assert!(history.passes(Timeline(4)) && history.passes(Timeline(1)) && !history.passes(Timeline(3)));
        assert_eq!(history.parent(), Some((Timeline(2), Lsn(0x700_0028))));
        assert_eq!(TimelineHistory::first().at(Lsn(7)), Timeline(1));
    }

    #[test]
    fn a_history_that_contradicts_itself_is_not_believed() {
        for (text, error) in [
            ("1 0/5000000\nx 0/6000000\n", HistoryError::Line(2)),
            ("1\n", HistoryError::Line(1)),
            ("-1 0/1\n", HistoryError::Line(1)),
            ("0 0/5000000\n", HistoryError::Order(1)),
            ("2 0/5000000\n1 0/6000000\n", HistoryError::Order(2)),
            ("3 0/5000000\n", HistoryError::Order(1)),
            ("1 0/5000000\n2 0/4000000\n", HistoryError::Position(2)),
            ("# nothing\n", HistoryError::Empty),
            ("", HistoryError::Empty),
        ] {
            assert_eq!(parse(3, text), Err(error), "{text:?}");
        }
    }
}
