//! The zone of a text, and what a time on its clocks means.

use super::{InvalidMoment, Timestamp, TypedMoment, Zones, whole, written};
use jiff::{
    Span,
    civil::DateTime,
    tz::{AmbiguousOffset, Offset, TimeZone},
};

/// A zone, and what it is called.
pub(super) struct Zone {
    pub(super) clocks: TimeZone,
    pub(super) name: String,
    /// The offset that the text gives beside the name.
    claimed: Option<Offset>,
}

impl Zone {
    pub(super) fn local(zones: &Zones) -> Self {
        let name = zones.local.iana_name().map_or_else(String::new, |name| format!("{name}, "));
        Self { clocks: zones.local.clone(), name: format!("{name}the zone of this machine"), claimed: None }
    }

    pub(super) fn named(text: &str, zones: &Zones) -> Result<Self, InvalidMoment> {
        let refuse = || InvalidMoment::NoZone { zone: text.to_owned() };
        if ["Z", "UTC", "GMT"].iter().any(|utc| text.eq_ignore_ascii_case(utc)) {
            return Ok(Self { clocks: TimeZone::UTC, name: "UTC".to_owned(), claimed: None });
        }
        let end = text.find(['[', ' ']).unwrap_or(text.len());
        let (first, rest) = if text.starts_with(['+', '-']) { text.split_at(end) } else { ("", text) };
        let claimed = if first.is_empty() { None } else { Some(offset_of(first).ok_or_else(refuse)?) };
        let rest = rest.trim();
        let name = rest.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(rest);
        let zone = match (claimed, name) {
            (Some(offset), "") => {
                return Ok(Self { clocks: offset.to_time_zone(), name: shown(offset), claimed: None });
            }
            (_, "UTC") => TimeZone::UTC,
            // A name without a slash may be an abbreviation, such as IST: each means several zones.
            (_, name) if !name.contains('/') => return Err(refuse()),
            (_, name) => zones.database.get(name).map_err(|_| refuse())?,
        };
        let name = zone.iana_name().unwrap_or(name).to_owned();
        Ok(Self { clocks: zone, name, claimed })
    }

    /// The moment of a time on the clocks there, unless there is none, or two; `None` beyond the end of time.
    pub(super) fn instant(&self, civil: DateTime) -> Option<Result<Timestamp, InvalidMoment>> {
        let timestamp = |offset: Offset| offset.to_timestamp(civil).ok();
        if let Some(offset) = self.claimed {
            let at = timestamp(offset)?;
            let right = self.clocks.to_offset(at) == offset;
            let (zone, paste) = (self.name.clone(), written(at, &self.clocks));
            return Some(if right {
                Ok(at)
            } else {
                Err(InvalidMoment::OtherOffset { zone, offset: shown(offset), paste })
            });
        }
        let (is_gap, before, after) = match self.clocks.to_ambiguous_timestamp(civil).offset() {
            AmbiguousOffset::Unambiguous { offset } => return Some(Ok(timestamp(offset)?)),
            AmbiguousOffset::Gap { before, after } => (true, before, after),
            AmbiguousOffset::Fold { before, after } => (false, before, after),
        };
        let (one, other) = (timestamp(before)?, timestamp(after)?);
        let (civil, zone) = (civil.strftime("%Y-%m-%d %H:%M:%S").to_string(), self.name.clone());
        let (earlier, later) = (written(one.min(other), &self.clocks), written(one.max(other), &self.clocks));
        Some(Err(if is_gap {
            InvalidMoment::InGap { civil, zone, earlier, later }
        } else {
            InvalidMoment::Twice { civil, zone, earlier, later }
        }))
    }

    /// The moment so long before `now`: days go by the calendar, hours by the clock; `None` beyond the end of time.
    pub(super) fn before(&self, now: Timestamp, ago: Span) -> Option<Result<Timestamp, InvalidMoment>> {
        let days = Span::new().years(ago.get_years()).months(ago.get_months());
        let days = days.weeks(ago.get_weeks()).days(ago.get_days());
        let start = if days.is_zero() {
            now
        } else {
            match self.instant(self.clocks.to_datetime(now).checked_sub(days).ok()?)? {
                Ok(start) => start,
                Err(reason) => return Some(Err(reason)),
            }
        };
        let clock = ago.years(0).months(0).weeks(0).days(0);
        Some(Ok(whole(start.checked_sub(clock).ok()?)))
    }

    pub(super) fn at(&self, at: Timestamp) -> TypedMoment {
        let written = written(at, &self.clocks);
        let read_as = if written.ends_with(&self.name) { written } else { format!("{written} ({})", self.name) };
        TypedMoment { at, read_as }
    }
}

/// Reads `+01:00`, `+0100`, `+01` or `-00:25:21`.
fn offset_of(text: &str) -> Option<Offset> {
    let (sign, digits) = (if text.starts_with('-') { -1 } else { 1 }, text.get(1..)?);
    let parts: Vec<&str> = match digits.split(':').collect::<Vec<_>>().as_slice() {
        [whole] if whole.len() == 4 => vec![&whole[..2], &whole[2..]],
        parts @ ([_] | [_, _] | [_, _, _]) => parts.to_vec(),
        _ => return None,
    };
    let mut seconds = 0;
    for (part, (worth, most)) in parts.iter().zip([(3_600, 25), (60, 59), (1, 59)]) {
        let is_number = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        let value: i32 = part.parse().ok().filter(|value| is_number && *value <= most)?;
        seconds += value * worth;
    }
    Offset::from_seconds(sign * seconds).ok()
}

/// An offset as it is read again: `+01:00`, and seconds where it has some.
pub(super) fn shown(offset: Offset) -> String {
    let seconds = offset.seconds();
    let (sign, rest) = (if seconds < 0 { '-' } else { '+' }, seconds.abs());
    let base = format!("{sign}{:02}:{:02}", rest / 3_600, rest / 60 % 60);
    if rest % 60 == 0 { base } else { format!("{base}:{:02}", rest % 60) }
}
