//! Where in the WAL a moment is: the ends of transactions before and behind it.
//!
//! Promises: what is given was read from records; the times of the files say where to begin, and no segment is read twice
//! for being idle. Never: reads on for ever where nothing was committed; more than [`MAX_IDLE`] segments of that are an
//! error.

use super::{
    Chain,
    dump::{Dump, DumpError, Tools, TransactionEnd},
};
use crate::domain::{Lsn, Timestamp};
use std::ops::ControlFlow;

/// Segments without the end of a transaction that are read through: those of a night, when one is archived each minute.
const MAX_IDLE: u64 = 1024;

/// Reads one chain up to a position.
pub struct Search<'a> {
    chain: &'a Chain<'a>,
    dump: Dump<'a>,
    end: Lsn,
    last: u64,
    /// What is known: from the first number on, the next end of a transaction is this one.
    known: Vec<(u64, Option<TransactionEnd>)>,
}

/// What a moment lies between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Between {
    /// The last commit that is not behind the moment.
    pub commit: Option<TransactionEnd>,
    /// The first end of a transaction behind it: recovery to that moment stops before it.
    pub next: Option<TransactionEnd>,
}

impl<'a> Search<'a> {
    /// Gets ready to read records that begin before `end`, which is in the chain or at its end.
    pub fn new(chain: &'a Chain<'a>, end: Lsn, tools: Tools<'a>) -> Result<Self, DumpError> {
        let last = chain.number(Lsn(end.0.saturating_sub(1)));
        Ok(Self { chain, dump: Dump::new(tools, chain.size)?, end, last, known: Vec::new() })
    }

    /// The last commit whose record begins before a position, no further back than in segment `floor`.
    pub fn commit_before(&mut self, before: Lsn, floor: u64) -> Result<Option<TransactionEnd>, DumpError> {
        let before = before.min(self.end);
        let mut last = self.chain.number(Lsn(before.0.saturating_sub(1)));
        let mut left = MAX_IDLE;
        loop {
            // The first look is at little: most segments have commits.
            let some = if left == MAX_IDLE { 1 } else { self.dump.most() - 1 };
            let first = last.saturating_sub(some - 1).max(floor);
            let mut found = None;
            self.within(first, last, &mut |end| {
                if end.lsn >= before {
                    return ControlFlow::Break(());
                }
                if end.committed {
                    found = Some(end);
                }
                ControlFlow::Continue(())
            })?;
            if found.is_some() || first <= floor || self.chain.file(first - 1).is_none() {
                return Ok(found);
            }
            left = left.checked_sub(some).ok_or_else(too_idle)?;
            last = first - 1;
        }
    }

    /// The first end of a transaction whose record begins in this segment or behind it.
    pub fn end_from(&mut self, number: u64) -> Result<Option<TransactionEnd>, DumpError> {
        let mut first = number;
        let mut left = MAX_IDLE;
        let found = loop {
            if first > self.last {
                break None;
            }
            let chain = self.chain;
            let is_known = |(from, end): &&(u64, Option<TransactionEnd>)| {
                *from <= first && end.is_none_or(|end| chain.start(first) <= end.lsn)
            };
            if let Some((_, end)) = self.known.iter().find(is_known) {
                break *end;
            }
            let some = if first == number { 1 } else { self.dump.most() - 1 };
            let last = (first + some - 1).min(self.last);
            let mut found = None;
            self.within(first, last, &mut |end| {
                found = Some(end);
                ControlFlow::Break(())
            })?;
            if found.is_some() {
                break found;
            }
            left = left.checked_sub(some).ok_or_else(too_idle)?;
            first = last + 1;
        };
        self.known.push((number, found));
        Ok(found)
    }

    /// The first commit whose record begins at a position or behind it.
    pub fn commit_from(&mut self, from: Lsn) -> Result<Option<TransactionEnd>, DumpError> {
        let mut number = self.chain.number(from);
        let mut left = MAX_IDLE;
        while number <= self.last {
            let some = self.dump.most() - 1;
            let last = (number + some - 1).min(self.last);
            let mut found = None;
            self.within(number, last, &mut |end| {
                if end.lsn >= from && end.committed {
                    found = Some(end);
                    return ControlFlow::Break(());
                }
                ControlFlow::Continue(())
            })?;
            if found.is_some() {
                return Ok(found);
            }
            left = left.checked_sub(some).ok_or_else(too_idle)?;
            number = last + 1;
        }
        Ok(None)
    }

    /// Where a moment is in the segments from `first` on. `is_behind` says whether a time is behind it; times are taken to
    /// grow with positions.
    pub fn between(&mut self, is_behind: &dyn Fn(Timestamp) -> bool, first: u64) -> Result<Between, DumpError> {
        let is_past = |search: &mut Self, number| {
            Ok::<bool, DumpError>(search.end_from(number)?.is_none_or(|end| is_behind(end.at)))
        };
        let last = self.last.max(first);
        // The file of a segment is written when its last transaction has ended, or later.
        let written = |number| self.chain.file(number).is_some_and(|(_, stored)| is_behind(stored.modified));
        let hint = lowest(first, last, &mut |number| Ok::<bool, DumpError>(written(number)))?.min(last);
        // From the hint outwards in growing steps, then by halves.
        let (mut low, mut high, mut step) = (first, last + 1, 1);
        if is_past(self, hint)? {
            high = hint;
            while high > low {
                let at = high.saturating_sub(step).max(first);
                if is_past(self, at)? {
                    (high, step) = (at, step * 2);
                } else {
                    low = at + 1;
                    break;
                }
            }
        } else {
            low = hint + 1;
            while low <= last {
                let at = (low - 1 + step).min(last);
                if is_past(self, at)? {
                    high = at;
                    break;
                }
                (low, step) = (at + 1, step * 2);
            }
        }
        let past = lowest(low, high.saturating_sub(1), &mut |number| is_past(self, number))?;
        self.around(is_behind, past, first)
    }

    /// Looks closely, now that it is known that no end before segment `past - 1` is behind the moment.
    fn around(&mut self, is_behind: &dyn Fn(Timestamp) -> bool, past: u64, first: u64) -> Result<Between, DumpError> {
        let mut found = Between::default();
        let from = past.saturating_sub(1).max(first);
        self.within(from, from, &mut |end| {
            if is_behind(end.at) {
                found.next = Some(end);
                return ControlFlow::Break(());
            }
            if end.committed {
                found.commit = Some(end);
            }
            ControlFlow::Continue(())
        })?;
        if found.next.is_none() {
            found.next = self.end_from(past.max(from + 1))?;
        }
        if found.commit.is_none() {
            let before = found.next.map_or(self.chain.start(from), |next| next.lsn);
            found.commit = self.commit_before(before, first)?;
        }
        Ok(found)
    }

    /// The ends of transactions whose records begin in these segments, in order. A record that goes on in the next one is
    /// shown only when that one is read, too.
    pub fn within(
        &mut self,
        first: u64,
        last: u64,
        each: &mut dyn FnMut(TransactionEnd) -> ControlFlow<()>,
    ) -> Result<(), DumpError> {
        let end = self.chain.start(last + 1).min(self.end);
        let last = (last + 1).min(self.last).max(first);
        self.dump.transactions(self.chain, first..=last, &mut |found| {
            if found.lsn < end { each(found) } else { ControlFlow::Break(()) }
        })?;
        Ok(())
    }
}

fn too_idle() -> DumpError {
    DumpError::Program(format!("no transaction has ended in {MAX_IDLE} segments"))
}

/// The lowest number from `first` to `last` for which something holds, which then holds for all above it; `last + 1` where
/// it holds for none.
fn lowest<E>(first: u64, last: u64, holds: &mut dyn FnMut(u64) -> Result<bool, E>) -> Result<u64, E> {
    let (mut low, mut high) = (first, last.saturating_add(1).max(first));
    while low < high {
        let middle = low.midpoint(high);
        if holds(middle)? { high = middle } else { low = middle + 1 }
    }
    Ok(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_is_found_by_halves() {
        for border in 3..=9 {
            let mut asked = 0;
            let found = lowest::<()>(3, 8, &mut |number| {
                asked += 1;
                Ok(number >= border)
            });
            assert_eq!(found, Ok(border));
            assert!(asked <= 3, "{asked}");
        }
    }
}
