//! What can be typed, what it means, and what is refused.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
use super::*;
use jiff::tz::Offset;
use proptest::prelude::*;
use std::io::Write as _;

/// The clocks of Berlin, without a database: forward on the last Sunday of March at 2, back in October at 3.
fn berlin() -> Zones {
    let local = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
    Zones { local, database: TimeZoneDatabase::none() }
}

const NOW: &str = "2026-11-20T12:45:00.123456789Z";

fn read(text: &str) -> Result<String, String> {
    let read = TypedMoment::read(text, NOW.parse().unwrap(), &berlin());
    read.map(|moment| moment.at.to_string()).map_err(|reason| reason.to_string())
}

#[test]
fn what_is_typed_is_the_moment_that_is_meant() {
    for (text, meant) in [
        ("2026-11-20T13:29:59+01:00", "2026-11-20T12:29:59Z"),
        ("2026-11-20T12:29:59Z", "2026-11-20T12:29:59Z"),
        ("2026-11-20t12:29:59z", "2026-11-20T12:29:59Z"),
        ("2026-11-20 13:29:59", "2026-11-20T12:29:59Z"),
        ("2026-07-20 13:29:59", "2026-07-20T11:29:59Z"),
        ("  2026-11-20   13:29:59  ", "2026-11-20T12:29:59Z"),
        ("2026-11-20 13:29", "2026-11-20T12:29:00Z"),
        ("2026-11-20 13:29 UTC", "2026-11-20T13:29:00Z"),
        ("2026-11-20 13:29:59.25 utc", "2026-11-20T13:29:59.25Z"),
        ("2026-11-20 13:29:59.000001Z", "2026-11-20T13:29:59.000001Z"),
        ("2026-11-20 13:29:59.123456000", "2026-11-20T12:29:59.123456Z"),
        ("2026-11-20 13:29 +02:00", "2026-11-20T11:29:00Z"),
        ("2026-11-20 13:29+0530", "2026-11-20T07:59:00Z"),
        ("2026-11-20 13:29-05", "2026-11-20T18:29:00Z"),
        ("2026-11-20 00:00:00-00:25:21", "2026-11-20T00:25:21Z"),
        ("13:29:59", "2026-11-20T12:29:59Z"),
        ("9:05", "2026-11-20T08:05:00Z"),
        ("12:30 UTC", "2026-11-20T12:30:00Z"),
        ("today 13:30", "2026-11-20T12:30:00Z"),
        ("today 23:30", "2026-11-20T22:30:00Z"),
        ("Yesterday 13:30", "2026-11-19T12:30:00Z"),
        // It is the 21st there already.
        ("yesterday 01:00 +12:00", "2026-11-19T13:00:00Z"),
        ("now", "2026-11-20T12:45:00.123456Z"),
        ("10 min ago", "2026-11-20T12:35:00.123456Z"),
        ("2h ago", "2026-11-20T10:45:00.123456Z"),
        ("1h 30m AGO", "2026-11-20T11:15:00.123456Z"),
        ("90 seconds ago", "2026-11-20T12:43:30.123456Z"),
        // By the calendar, over the change of the clocks: the same time of day.
        ("30 days ago", "2026-10-21T11:45:00.123456Z"),
        ("30 days 1 hour ago", "2026-10-21T10:45:00.123456Z"),
        ("720 hours ago", "2026-10-21T12:45:00.123456Z"),
    ] {
        assert_eq!(read(text).as_deref(), Ok(meant), "{text}");
    }
}

#[test]
fn what_can_be_no_moment_is_refused_with_what_to_write() {
    let [gap, fold] = ["2026-03-29", "2026-10-25"];
    for (text, says) in [
        (format!("{gap} 02:30"), "2026-03-29 01:30:00+01:00 or 2026-03-29 03:30:00+02:00"),
        (format!("{fold} 02:30:00.5"), "2026-10-25 02:30:00.5+02:00 or 2026-10-25 02:30:00.5+01:00"),
        ("2026-11-20".to_owned(), "add a time, such as 2026-11-20 00:00:00"),
        ("yesterday".to_owned(), "add a time, such as 2026-11-19 00:00:00"),
        ("13:59".to_owned(), "write yesterday 13:59"),
        ("13:29:59.1234567".to_owned(), "at most six digits behind the point, not 7"),
        ("13:29 IST".to_owned(), "an abbreviation can mean several"),
        ("13:29 Europe/Berlin".to_owned(), "no zone that is known here"),
        ("13:29 +25:60".to_owned(), "no zone"),
        ("999999 years ago".to_owned(), "is no time"),
        ("12100 years ago".to_owned(), "further away than time is counted"),
    ] {
        let refused = read(&text).unwrap_err();
        assert!(refused.contains(says), "{text}: {refused}");
    }
    for text in [
        "",
        " ",
        "ago",
        "-2h ago",
        "2h",
        "in 2h",
        "24:00",
        "13:60",
        "13:29:60",
        "13",
        "13:",
        ":30",
        "1:2:3:4",
        "13:29.5",
        "13:29:59.",
        "13:29:59.1.2",
        "2026-13-01 10:00",
        "2026-02-30 10:00",
        "2026-1-1 10:00",
        "20261120 10:00",
        "yesterday13:30x",
        "tomorrow 13:30",
        "13:30\u{1b}[2J",
        "13:３0",
        "2026-11-20T",
        "+10:00",
    ] {
        let refused = read(text).unwrap_err();
        assert!(!refused.contains('\u{1b}'), "{refused}");
    }
    assert!(read(&"9".repeat(100_000)).unwrap_err().len() < 500);
}

#[test]
fn what_is_offered_for_a_time_that_is_refused_is_accepted() {
    for civil in ["2026-03-29 02:00", "2026-03-29 02:59:59.999999", "2026-10-25 02:00", "2026-10-25 02:59:59"] {
        let refused = TypedMoment::read(civil, NOW.parse().unwrap(), &berlin()).unwrap_err();
        let (InvalidMoment::InGap { earlier, later, .. } | InvalidMoment::Twice { earlier, later, .. }) = refused
        else {
            panic!("{civil}: {refused}");
        };
        let [earlier, later] = [earlier, later].map(|text| read(&text).unwrap().parse::<Timestamp>().unwrap());
        assert_eq!(later.as_second() - earlier.as_second(), 3_600, "{civil}");
    }
    for last in ["2026-03-29 01:59:59.999999", "2026-03-29 03:00", "2026-10-25 01:59:59", "2026-10-25 03:00"] {
        assert!(read(last).is_ok(), "{last}");
    }
}

#[test]
fn the_zone_that_was_meant_is_named() {
    let named = |text: &str| TypedMoment::read(text, NOW.parse().unwrap(), &berlin()).unwrap().read_as;
    assert_eq!(named("13:29:59"), "2026-11-20 13:29:59+01:00 (the zone of this machine)");
    assert_eq!(named("12:30 UTC"), "2026-11-20 12:30:00+00:00 (UTC)");
    assert_eq!(named("12:30 +01:00"), "2026-11-20 12:30:00+01:00");
}

#[test]
fn a_zone_may_be_named_where_there_is_a_database_of_them() {
    let database = jiff::tz::db().clone();
    if database.get("Europe/Berlin").is_err() {
        writeln!(std::io::stderr(), "skipped: this machine has no database of zones").unwrap();
        return;
    }
    let zones = Zones { local: TimeZone::UTC, database };
    let read = |text: &str| TypedMoment::read(text, NOW.parse().unwrap(), &zones);
    for text in [
        "2026-11-20 13:30 Europe/Berlin",
        "2026-11-20 13:30 europe/berlin",
        "2026-11-20T13:30:00[Europe/Berlin]",
        "2026-11-20T13:30:00+01:00[Europe/Berlin]",
        "2026-11-20 13:30 +01:00 Europe/Berlin",
        "today 13:30 Europe/Berlin",
    ] {
        let moment = read(text).unwrap();
        assert_eq!(moment.at.to_string(), "2026-11-20T12:30:00Z", "{text}");
        assert_eq!(moment.read_as, "2026-11-20 13:30:00+01:00 (Europe/Berlin)", "{text}");
    }
    let refused = read("2026-11-20T13:30:00+02:00[Europe/Berlin]").unwrap_err().to_string();
    assert!(refused.contains("Europe/Berlin is not at +02:00 then: write 2026-11-20 12:30:00+01:00"), "{refused}");
    assert!(matches!(read("2026-10-25 02:30 Europe/Berlin"), Err(InvalidMoment::Twice { .. })));
    assert!(read("2026-10-25 02:30 +02:00 Europe/Berlin").is_ok());
    assert!(matches!(read("13:30 Europe/../../etc/passwd"), Err(InvalidMoment::NoZone { .. })));
}

proptest! {
    #[test]
    fn what_was_written_is_read_as_the_same_moment(
        microseconds in -62_000_000_000_000_000_i64..250_000_000_000_000_000, seconds in -93_599_i32..=93_599,
    ) {
        let at = Timestamp::from_microsecond(microseconds).unwrap();
        for zone in [berlin().local, Offset::from_seconds(seconds).unwrap().to_time_zone()] {
            let text = written(at, &zone);
            prop_assert_eq!(TypedMoment::read(&text, Timestamp::UNIX_EPOCH, &berlin()).unwrap().at, at, "{}", text);
        }
    }

    #[test]
    fn a_time_without_a_zone_is_one_moment_or_is_refused_with_two(
        day in prop_oneof![Just(87), Just(297), 0_i32..400], second in 0_i64..14_400,
    ) {
        let civil = jiff::civil::date(2026, 1, 1).checked_add(jiff::Span::new().days(day)).unwrap();
        let civil = civil.at(0, 0, 0, 0).checked_add(jiff::Span::new().seconds(second)).unwrap();
        let zones = berlin();
        let text = civil.strftime("%Y-%m-%d %H:%M:%S").to_string();
        // Every moment around there whose clock shows this time: what the refusal offers, or the one that is read.
        let utc = TimeZone::UTC.to_timestamp(civil).unwrap();
        let shows: Vec<Timestamp> = [3_600, 7_200]
            .map(|ahead| utc - jiff::SignedDuration::from_secs(ahead))
            .into_iter()
            .filter(|at| zones.local.to_datetime(*at) == civil)
            .collect();
        match TypedMoment::read(&text, NOW.parse().unwrap(), &zones) {
            Ok(read) => prop_assert_eq!(vec![read.at], shows),
            Err(InvalidMoment::Twice { .. }) => prop_assert_eq!(shows.len(), 2),
            Err(InvalidMoment::InGap { .. }) => prop_assert!(shows.is_empty()),
            Err(other) => prop_assert!(false, "{}", other),
        }
    }

    #[test]
    fn no_text_is_too_strange(text in "\\PC{0,40}|[0-9:TZ+. -]{0,30}|(today|yesterday|now|[0-9]{1,9} ?[a-z]{1,6})( ago)?") {
        let read = TypedMoment::read(&text, NOW.parse().unwrap(), &berlin());
        if let Ok(moment) = read {
            prop_assert_eq!(moment.at.subsec_nanosecond() % 1_000, 0);
        }
    }
}
