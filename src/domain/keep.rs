//! How many restore points a job keeps, and which of them go: decided from plain data alone.
//!
//! Days and weeks are those of UTC, weeks begin on Monday; a day or a week without a restore point does not count, so that
//! a job that did not run for a month loses nothing by it.
//!
//! Promises: what is not the job's own and whole stays; so does the newest that is, and whatever one that stays rests on.
//! Never: counts what is not the job's own, or prefers one of two points for anything but their times and names.

use super::{InstanceName, Lsn, Timestamp};
use jiff::{civil::Date, tz::TimeZone};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, fmt, num::NonZeroU32};
use thiserror::Error;

/// How many restore points of an object stay; each that is named keeps its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Keep {
    last: Option<NonZeroU32>,
    daily: Option<NonZeroU32>,
    weekly: Option<NonZeroU32>,
}

/// The same before anybody has looked at it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    last: Option<u32>,
    daily: Option<u32>,
    weekly: Option<u32>,
}

/// Why something says not what stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidKeep {
    /// No number at all.
    #[error("it names none of last, daily and weekly: without the key nothing is removed")]
    Nothing,
    /// A number that would mean two things.
    #[error("{0} is 0: leave it out, or say how many")]
    Zero(&'static str),
}

/// A restore point in the directory of an object, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeepPoint {
    /// Its name; printable.
    pub label: String,
    /// When it was taken.
    pub taken_at: Timestamp,
    /// Whether this session has just made it: whatever the clocks say, it is the newest.
    pub is_new: bool,
    /// Why it is not the job's to remove; `None` is the job's own and whole.
    pub spared: Option<Spared>,
    /// Where it begins in the WAL, where that is known.
    pub start: Option<Lsn>,
    /// What it rests on.
    pub base: Base,
}

/// What a restore point rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base {
    /// Nothing: it is a full backup, or none that could be restored.
    Nothing,
    /// The backup that begins here: it is an incremental one.
    Start(Lsn),
    /// It cannot be told.
    Unknown,
}

/// Why a restore point is not the job's to remove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spared {
    /// It has no mark of a job that can be read.
    NoMark,
    /// A newer howdah has marked it.
    NewerMark(u32),
    /// Another job has made it.
    OtherJob(InstanceName),
    /// The job has made it of another object.
    OtherObject(InstanceName),
    /// Its mark names another cluster, or none.
    OtherCluster,
    /// Its manifest is not the one that it was marked with.
    Altered,
    /// It is no directory of its own, but a link.
    Link,
    /// A session that has not ended reads it, or is to.
    Read,
}

/// What becomes of a restore point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It goes.
    Goes,
    /// It stays.
    Stays(Reason),
}

/// Why a restore point stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// It is not the job's to remove.
    Spared(Spared),
    /// It is the newest of the job.
    Newest,
    /// It is one of the last ones.
    Last,
    /// It is the newest of its day.
    Daily(Date),
    /// It is the newest of its week, which begins on this day.
    Weekly(Date),
    /// One that stays rests on it.
    Base(String),
    /// One that stays may rest on it: that cannot be told.
    MayBeBase(String),
}

impl Keep {
    /// So many of the last ones, one for each of so many days, and one for each of so many weeks.
    pub fn new(last: Option<u32>, daily: Option<u32>, weekly: Option<u32>) -> Result<Self, InvalidKeep> {
        let number = |name, count: Option<u32>| {
            count.map(|count| NonZeroU32::new(count).ok_or(InvalidKeep::Zero(name))).transpose()
        };
        let keep =
            Self { last: number("last", last)?, daily: number("daily", daily)?, weekly: number("weekly", weekly)? };
        if keep == (Self { last: None, daily: None, weekly: None }) { Err(InvalidKeep::Nothing) } else { Ok(keep) }
    }

    /// What becomes of each of the points of one directory, in their order.
    pub fn judge(&self, points: &[KeepPoint]) -> Vec<Fate> {
        let mut own: Vec<usize> = (0..points.len()).filter(|at| points[*at].spared.is_none()).collect();
        own.sort_by_key(|at| (points[*at].is_new, points[*at].taken_at, &points[*at].label));
        own.reverse();
        let mut fates: Vec<Fate> = points
            .iter()
            .map(|point| point.spared.clone().map_or(Fate::Goes, |spared| Fate::Stays(Reason::Spared(spared))))
            .collect();
        let mut stay = |at: usize, reason: Reason| {
            if fates[at] == Fate::Goes {
                fates[at] = Fate::Stays(reason);
            }
        };
        if let Some(newest) = own.first() {
            stay(*newest, Reason::Newest);
        }
        for at in own.iter().take(count(self.last)) {
            stay(*at, Reason::Last);
        }
        for (at, day) in newest_of_each(points, &own, day).into_iter().take(count(self.daily)) {
            stay(at, Reason::Daily(day));
        }
        for (at, monday) in newest_of_each(points, &own, monday).into_iter().take(count(self.weekly)) {
            stay(at, Reason::Weekly(monday));
        }
        keep_bases(points, &mut fates);
        fates
    }
}

/// The newest of each span of time, newest first, with that span.
fn newest_of_each(points: &[KeepPoint], own: &[usize], span: fn(Timestamp) -> Date) -> Vec<(usize, Date)> {
    let mut seen = BTreeSet::new();
    let spans = own.iter().map(|at| (*at, span(points[*at].taken_at)));
    spans.filter(|(_, span)| seen.insert(*span)).collect()
}

fn day(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

/// The first day of the week; that of the first days of all time is the first of them.
fn monday(at: Timestamp) -> Date {
    let day = day(at);
    let since = i64::from(day.weekday().to_monday_zero_offset());
    day.checked_sub(jiff::Span::new().days(since)).unwrap_or(Date::MIN)
}

/// What one that stays rests on stays, too, and what that rests on.
fn keep_bases(points: &[KeepPoint], fates: &mut [Fate]) {
    let mut open: Vec<usize> = (0..points.len()).filter(|at| fates[*at] != Fate::Goes).collect();
    while let Some(stays) = open.pop() {
        let label = || points[stays].label.clone();
        for (at, point) in points.iter().enumerate().filter(|(at, _)| *at != stays) {
            let reason = match points[stays].base {
                Base::Start(start) if point.start == Some(start) => Reason::Base(label()),
                Base::Unknown => Reason::MayBeBase(label()),
                Base::Nothing | Base::Start(_) => continue,
            };
            if fates[at] == Fate::Goes {
                fates[at] = Fate::Stays(reason);
                open.push(at);
            }
        }
    }
}

fn count(number: Option<NonZeroU32>) -> usize {
    number.map_or(0, |number| usize::try_from(number.get()).unwrap_or(usize::MAX))
}

impl TryFrom<Unchecked> for Keep {
    type Error = InvalidKeep;

    fn try_from(Unchecked { last, daily, weekly }: Unchecked) -> Result<Self, InvalidKeep> {
        Self::new(last, daily, weekly)
    }
}

impl fmt::Display for Keep {
    /// What stays: `last 7, daily 14`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = [("last", self.last), ("daily", self.daily), ("weekly", self.weekly)];
        let named = named.into_iter().filter_map(|(name, number)| Some(format!("{name} {}", number?)));
        f.pad(&named.collect::<Vec<_>>().join(", "))
    }
}

impl fmt::Display for Spared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoMark => f.write_str("it has no mark of a job"),
            Self::NewerMark(version) => write!(f, "a newer howdah has marked it (version {version})"),
            Self::OtherJob(job) => write!(f, "the job {job} has made it"),
            Self::OtherObject(object) => write!(f, "it is of the object {object}"),
            Self::OtherCluster => f.write_str("its mark does not name this cluster"),
            Self::Altered => f.write_str("its manifest is not the one that it was made with"),
            Self::Link => f.write_str("it is a link"),
            Self::Read => f.write_str("a session that has not ended reads it"),
        }
    }
}

impl fmt::Display for Reason {
    /// A clause that follows "stays: ".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spared(spared) => write!(f, "{spared}"),
            Self::Newest => f.write_str("it is the newest"),
            Self::Last => f.write_str("it is one of the last"),
            Self::Daily(day) => write!(f, "it is the newest of {day}"),
            Self::Weekly(monday) => write!(f, "it is the newest of the week from {monday}"),
            Self::Base(label) => write!(f, "{label} rests on it"),
            Self::MayBeBase(label) => write!(f, "what {label} rests on cannot be told"),
        }
    }
}

#[cfg(test)]
mod tests;
