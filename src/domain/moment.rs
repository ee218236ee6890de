//! A moment as a person types it: a goal of recovery.
//!
//! Promises: what can be read in two ways is refused with both, ready to be pasted; what [`written`] wrote is read as the
//! same moment. Never: has a clock or a zone of its own; reads more digits than PostgreSQL compares (microseconds).

mod zone;

#[cfg(test)]
mod tests;

use super::{Timestamp, instance::printable};
use jiff::{
    Span,
    civil::Time,
    tz::{TimeZone, TimeZoneDatabase},
};
use thiserror::Error;
use zone::{Zone, shown};

/// Longer than anything that can be read; what is longer is not looked at.
const MAX_LEN: usize = 100;

/// The zones that a text may mean.
#[derive(Debug, Clone)]
pub struct Zones {
    /// The zone of this machine: what a text without one means.
    pub local: TimeZone,
    /// Where zones are found by their names.
    pub database: TimeZoneDatabase,
}

impl Zones {
    /// UTC alone, whatever machine it is.
    pub fn utc() -> Self {
        Self { local: TimeZone::UTC, database: TimeZoneDatabase::none() }
    }
}

/// A moment that was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypedMoment {
    /// The moment, in whole microseconds.
    pub at: Timestamp,
    /// How it was read: `2026-11-20 13:29:59+01:00 (Europe/Berlin, the zone of this machine)`.
    pub read_as: String,
}

/// Why a text is no moment, and what to type instead.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidMoment {
    /// It is not written as a moment is.
    #[error(
        "\"{}\" is no time: write 2026-11-20 13:29:59, 13:30, yesterday 13:30, \"10 min ago\", or RFC 3339 such as \
         2026-11-20T13:29:59+01:00; a zone may follow (UTC, +01:00, Europe/Berlin)",
        printable(text)
    )]
    NoMoment {
        /// The text.
        text: String,
    },
    /// It has a date and no time.
    #[error("\"{}\" is a whole day: add a time, such as {paste}", printable(text))]
    NoTime {
        /// The text.
        text: String,
        /// The beginning of that day.
        paste: String,
    },
    /// It has a fraction that PostgreSQL would not compare.
    #[error("PostgreSQL counts microseconds: a second has at most six digits behind the point, not {digits}")]
    TooFine {
        /// How many it has.
        digits: usize,
    },
    /// The zone is none.
    #[error(
        "\"{}\" is no zone that is known here: write an offset such as +01:00, UTC, or a name such as Europe/Berlin \
         (an abbreviation can mean several)",
        printable(zone)
    )]
    NoZone {
        /// What stands in its place.
        zone: String,
    },
    /// The zone has another offset at that time than the text says.
    #[error("{zone} is not at {offset} then: write {paste}, or leave one of the two out")]
    OtherOffset {
        /// The zone.
        zone: String,
        /// The offset.
        offset: String,
        /// What the offset alone means, in that zone.
        paste: String,
    },
    /// The clocks went forward over it.
    #[error("{civil} does not exist in {zone}, where the clocks went forward: write {earlier} or {later}")]
    InGap {
        /// The time.
        civil: String,
        /// The zone.
        zone: String,
        /// As if the clocks had gone forward already.
        earlier: String,
        /// As if they had not yet.
        later: String,
    },
    /// The clocks went back over it.
    #[error("{civil} exists twice in {zone}, where the clocks went back: write {earlier} or {later}")]
    Twice {
        /// The time.
        civil: String,
        /// The zone.
        zone: String,
        /// The first time.
        earlier: String,
        /// The second.
        later: String,
    },
    /// A time without a date that has not come yet today.
    #[error("{civil} is still to come today ({zone}): write yesterday {civil}, or the date too")]
    ToCome {
        /// The time.
        civil: String,
        /// The zone.
        zone: String,
    },
    /// It is before or after all time.
    #[error("\"{}\" is further away than time is counted", printable(text))]
    TooFar {
        /// The text.
        text: String,
    },
}

/// A moment in this zone, in a form that is read as the same moment everywhere: `2026-11-20 13:29:59.5+01:00`.
pub fn written(at: Timestamp, zone: &TimeZone) -> String {
    let offset = zone.to_offset(at);
    let civil = offset.to_datetime(at);
    let fraction = civil.subsec_nanosecond() / 1_000;
    let fraction = if fraction == 0 { String::new() } else { format!(".{fraction:06}") };
    format!("{}{}{}", civil.strftime("%Y-%m-%d %H:%M:%S"), fraction.trim_end_matches('0'), shown(offset))
}

impl TypedMoment {
    /// Reads what was typed at `now`.
    ///
    /// # Errors
    ///
    /// It is no moment, or two.
    pub fn read(text: &str, now: Timestamp, zones: &Zones) -> Result<Self, InvalidMoment> {
        let unknown = || InvalidMoment::NoMoment { text: text.to_owned() };
        let too_far = || InvalidMoment::TooFar { text: text.to_owned() };
        if text.len() > MAX_LEN {
            return Err(InvalidMoment::NoMoment { text: text.chars().take(MAX_LEN).collect::<String>() + "..." });
        }
        let text = text.trim();
        let local = Zone::local(zones);
        if text.eq_ignore_ascii_case("now") {
            return Ok(local.at(whole(now)));
        }
        if text.to_ascii_lowercase().ends_with("ago") {
            let span: Span = text.to_ascii_lowercase().parse().map_err(|_| unknown())?;
            return Ok(local.at(local.before(now, span.abs()).ok_or_else(too_far)??));
        }
        let parts = Parts::of(text).ok_or_else(unknown)?;
        let zone = if parts.zone.is_empty() { local } else { Zone::named(parts.zone, zones)? };
        let today = zone.clocks.to_datetime(now).date();
        let date = match parts.day {
            Day::Date(date) => date.parse().map_err(|_| unknown())?,
            Day::Today | Day::NotNamed => today,
            Day::Yesterday => today.yesterday().map_err(|_| too_far())?,
        };
        let Some(time) = parts.time else {
            let paste = date.at(0, 0, 0, 0).strftime("%Y-%m-%d %H:%M:%S").to_string();
            return Err(InvalidMoment::NoTime { text: text.to_owned(), paste });
        };
        let at = zone.instant(date.to_datetime(time_of(time).ok_or_else(unknown)??)).ok_or_else(too_far)??;
        if parts.day == Day::NotNamed && at > now {
            return Err(InvalidMoment::ToCome { civil: time.to_owned(), zone: zone.name });
        }
        Ok(zone.at(at))
    }
}

/// What stands for the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Day<'a> {
    Date(&'a str),
    Today,
    Yesterday,
    NotNamed,
}

/// The parts of a text, none of them read yet.
struct Parts<'a> {
    day: Day<'a>,
    time: Option<&'a str>,
    zone: &'a str,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Option<Self> {
        // Nothing but ASCII can be read, so the text can be cut anywhere.
        if !text.is_ascii() || text.is_empty() {
            return None;
        }
        let word = |word: &str| text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
        let (day, rest) = if word("yesterday") {
            (Day::Yesterday, &text["yesterday".len()..])
        } else if word("today") {
            (Day::Today, &text["today".len()..])
        } else if text.as_bytes().get(4) == Some(&b'-') {
            let (date, rest) = text.split_at_checked("2026-11-20".len())?;
            (Day::Date(date), rest.strip_prefix(['T', 't']).unwrap_or(rest))
        } else {
            (Day::NotNamed, text)
        };
        let rest = rest.trim_start();
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != ':' && c != '.').unwrap_or(rest.len());
        let (time, zone) = rest.split_at(end);
        let time = Some(time).filter(|time| !time.is_empty());
        if time.is_none() && day == Day::NotNamed {
            return None;
        }
        Some(Self { day, time, zone: zone.trim() })
    }
}

/// Reads `13:30`, `13:29:59` or `13:29:59.123456`; `None` where it is no time.
fn time_of(text: &str) -> Option<Result<Time, InvalidMoment>> {
    let (clock, fraction) = text.split_once('.').map_or((text, None), |(clock, fraction)| (clock, Some(fraction)));
    let numbers: Vec<&str> = clock.split(':').collect();
    let (hour, minute, second) = match (numbers.as_slice(), fraction) {
        ([hour, minute], None) => (hour, minute, &"0"),
        ([hour, minute, second], _) => (hour, minute, second),
        _ => return None,
    };
    let number = |text: &str| Some(text).filter(|text| matches!(text.len(), 1 | 2))?.parse::<i8>().ok();
    let fraction = fraction.unwrap_or("0");
    if fraction.is_empty() || fraction.contains(|c: char| !c.is_ascii_digit()) {
        return None;
    }
    let counted = fraction.trim_end_matches('0');
    if counted.len() > 6 {
        return Some(Err(InvalidMoment::TooFine { digits: fraction.len() }));
    }
    let microseconds: i32 = format!("{counted:0<6}").parse().ok()?;
    Time::new(number(hour)?, number(minute)?, number(second)?, microseconds * 1_000).ok().map(Ok)
}

/// The moment without what PostgreSQL would not compare.
fn whole(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}
