//! How amounts of time, moments and states are displayed, everywhere on the screen in the same way.
//!
//! Promises: short, without colour, and foreign text comes out printable.

pub(super) use crate::domain::quantity::count;
use crate::domain::{
    Timestamp,
    instance::{printable, printable_name},
    quantity,
};
use ratatui::buffer::CellWidth as _;
use std::{borrow::Cow, time::Duration};

/// `0:02`, `12:44`, `1:12:09`, `3d 01:00`.
pub(super) fn duration(length: Duration) -> String {
    let seconds = length.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours) {
        (0, 0) => format!("{minutes}:{:02}", seconds % 60),
        (0, _) => format!("{hours}:{minutes:02}:{:02}", seconds % 60),
        (_, _) => format!("{days}d {hours:02}:{minutes:02}"),
    }
}

/// From one moment to a later one; nothing when it is not later.
pub(super) fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

/// What is left of a wait, rounded up: a countdown reaches zero only when it is due.
pub(super) fn countdown(left: Duration) -> String {
    let up = Duration::from_secs(left.as_secs() + u64::from(left.subsec_nanos() > 0));
    duration(up)
}

/// A length as people say it: `50 s`, `4 min`, `3 h`. Coarse on purpose (S6).
pub(super) fn coarse(length: Duration) -> String {
    let seconds = length.as_secs();
    match seconds {
        0..=55 => format!("{} s", seconds.div_ceil(5).max(1) * 5),
        56..=5_399 => format!("{} min", (seconds + 30) / 60),
        5_400..=172_799 => format!("{} h", (seconds + 1_800) / 3_600),
        172_800..=63_115_199 => format!("{} days", (seconds + 43_200) / 86_400),
        // Of 365.25 days.
        _ => format!("{} years", count(seconds / 31_557_600)),
    }
}

/// How long ago: `3 min ago`. What is not past, by a clock that differs, is `now`.
pub(super) fn age(moment: Timestamp, now: Timestamp) -> String {
    let age = between(moment, now);
    if age.is_zero() { "now".to_owned() } else { format!("{} ago", coarse(age)) }
}

/// `14:02:11`.
pub(super) fn clock(moment: Timestamp) -> String {
    moment.strftime("%H:%M:%S").to_string()
}

/// `12:58` on the same day (UTC), else `11-20 12:58`.
pub(super) fn moment(moment: Timestamp, now: Timestamp) -> String {
    let same_day = moment.as_second().div_euclid(86_400) == now.as_second().div_euclid(86_400);
    moment.strftime(if same_day { "%H:%M" } else { "%m-%d %H:%M" }).to_string()
}

/// `2026-11-20 12:58`, where the zone stands in the heading.
pub(super) fn minute(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%d %H:%M").to_string()
}

/// `11-20 12:58:03`: in a story of days, to the second (UTC).
pub(super) fn event_time(moment: Timestamp) -> String {
    moment.strftime("%m-%d %H:%M:%S").to_string()
}

/// `2026-11-20 12:58 UTC`.
pub(super) fn full(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// A share as `62 %`; 100 only when it is all.
pub(super) fn percent(ratio: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share lies between 0 and 1")]
    let whole = (ratio.clamp(0.0, 1.0) * 100.0) as u64;
    format!("{whole} %")
}

/// Bytes a second in as many digits as are read at a glance: `312 MiB/s`, `9.4 MiB/s`.
pub(super) fn rate(bytes: f64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes.max(0.0);
    let mut unit = 0;
    // What would be rounded to 1000 is one of the next unit.
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let digits = usize::from(unit > 0 && value < 9.95);
    format!("{value:.digits$} {}/s", UNITS[unit])
}

/// `1 session`, `3 sessions`.
pub(super) fn many(number: usize, one: &str) -> String {
    quantity::many(number as u64, one)
}

/// Foreign text, made safe to show. Free where it is safe already.
pub(super) fn clean(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(printable(text))
    }
}

/// A path, made safe to show; two that differ in bytes that are no text are told apart.
pub(super) fn path(path: &std::path::Path) -> String {
    printable_name(path.as_os_str())
}

/// Columns that a text takes.
pub(super) fn width(text: &str) -> usize {
    // A single control character has no width to ask for; none gets here, but a panic is no way to find out.
    if text.len() == 1 { 1 } else { usize::from(text.cell_width()) }
}

/// The text in at most `room` columns; what is cut ends in `more`.
pub(super) fn fit<'a>(text: &'a str, room: usize, more: &str) -> Cow<'a, str> {
    if width(text) <= room {
        return Cow::Borrowed(text);
    }
    let mut out = head(text, room.saturating_sub(1));
    if room > 0 {
        out.push_str(more);
    }
    Cow::Owned(out)
}

/// The text broken into lines of at most `room` columns, between words where it can be.
pub(super) fn wrap(text: &str, room: usize) -> Vec<String> {
    broken(text, room, room)
}

/// The same, with every line but the first indented; where that would leave no room, none is.
pub(super) fn hang(text: &str, room: usize, indent: usize) -> Vec<String> {
    let indent = if indent < room { indent } else { 0 };
    let mut lines = broken(text, room, room - indent);
    for line in lines.iter_mut().skip(1) {
        line.insert_str(0, &" ".repeat(indent));
    }
    lines
}

/// The text in a first line of `first` columns and further ones of `further`.
fn broken(text: &str, first: usize, further: usize) -> Vec<String> {
    let room = |lines: &[String]| if lines.len() == 1 { first.max(1) } else { further.max(1) };
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let mut word = word;
        let used = width(lines.last().map_or("", String::as_str));
        if used > 0 && used + 1 + width(word) > room(&lines) {
            lines.push(String::new());
        }
        while width(word) > room(&lines) {
            let part = head(word, room(&lines));
            let cut = part.len().max(word.chars().next().map_or(1, char::len_utf8));
            push(&mut lines, &word[..cut]);
            lines.push(String::new());
            word = &word[cut..];
        }
        push(&mut lines, word);
    }
    lines
}

fn push(lines: &mut [String], word: &str) {
    if let Some(line) = lines.last_mut() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
}

fn head(text: &str, room: usize) -> String {
    let mut out = String::new();
    for c in text.chars() {
        out.push(c);
        if width(&out) > room {
            out.pop();
            break;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_said_as_people_say_them() {
        let said = |seconds| (duration(Duration::from_secs(seconds)), coarse(Duration::from_secs(seconds)));
        for (seconds, exact, about) in [
            (0, "0:00", "5 s"),
            (47, "0:47", "50 s"),
            (55, "0:55", "55 s"),
            (56, "0:56", "1 min"),
            (764, "12:44", "13 min"),
            (4_329, "1:12:09", "72 min"),
            (90_000, "1d 01:00", "25 h"),
            (63_115_199, "730d 11:59", "730 days"),
            (63_115_200, "730d 12:00", "2 years"),
            (u64::MAX, "213503982334601d 07:00", "584,542,046,090 years"),
        ] {
            assert_eq!(said(seconds), (exact.to_owned(), about.to_owned()));
        }
    }

    #[test]
    fn a_rate_has_few_digits_and_an_age_is_said_in_words() {
        for (bytes, said) in [
            (0.0, "0 B/s"),
            (1023.0, "1.0 KiB/s"),
            (9.4 * 1_048_576.0, "9.4 MiB/s"),
            (9.96 * 1_048_576.0, "10 MiB/s"),
            (312.4 * 1_048_576.0, "312 MiB/s"),
            (999.6 * 1_048_576.0, "1.0 GiB/s"),
        ] {
            assert_eq!(rate(bytes), said);
        }
        let at = |seconds: i64| Timestamp::from_second(1_795_000_000 + seconds).expect("a moment of our time");
        assert_eq!((age(at(-190), at(0)), age(at(5), at(0))), ("3 min ago".to_owned(), "now".to_owned()));
    }

    #[test]
    fn text_is_cut_by_columns_not_by_bytes() {
        assert_eq!(fit("größe", 5, "~"), "größe");
        assert_eq!(fit("größer", 5, "~"), "größ~");
        assert_eq!(fit("日本語", 5, "~"), "日本~");
        assert_eq!((fit("abc", 0, "~"), fit("abc", 1, "~")), ("".into(), "~".into()));
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
        assert_eq!(wrap("日本語", 1).concat(), "日本語");
        assert_eq!(hang("one two three four", 9, 2), ["one two", "  three", "  four"]);
        assert_eq!(hang("14:02 abc", 7, 6), ["14:02", "      a", "      b", "      c"]);
        assert_eq!(hang("ab cd", 2, 2), ["ab", "cd"]);
    }

    #[test]
    fn a_share_is_never_rounded_up_to_all() {
        assert_eq!((percent(0.999), percent(1.0)), ("99 %".to_owned(), "100 %".to_owned()));
    }
}
