//! What goes and what stays, for settings and directories that people have, and for every small one there is.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
use super::*;
use std::iter::repeat_n;

fn point(label: &str, taken_at: &str) -> KeepPoint {
    let (label, taken_at) = (label.to_owned(), taken_at.parse().unwrap());
    KeepPoint { label, taken_at, is_new: false, spared: None, start: None, base: Base::Nothing }
}

fn goes(keep: Keep, points: &[KeepPoint]) -> Vec<&str> {
    let fates = keep.judge(points);
    points.iter().zip(fates).filter(|(_, fate)| *fate == Fate::Goes).map(|(point, _)| point.label.as_str()).collect()
}

fn keep(last: u32, daily: u32, weekly: u32) -> Keep {
    let number = |count: u32| (count > 0).then_some(count);
    Keep::new(number(last), number(daily), number(weekly)).unwrap()
}

#[test]
fn a_setting_names_something_and_nothing_is_zero() {
    assert_eq!(Keep::new(None, None, None), Err(InvalidKeep::Nothing));
    assert_eq!(Keep::new(Some(0), Some(1), None), Err(InvalidKeep::Zero("last")));
    assert_eq!(Keep::new(Some(1), Some(0), None), Err(InvalidKeep::Zero("daily")));
    assert_eq!(Keep::new(None, None, Some(0)), Err(InvalidKeep::Zero("weekly")));
    assert_eq!(keep(7, 0, 8).to_string(), "last 7, weekly 8");
    let written = serde_json::to_value(keep(1, 2, 3)).unwrap();
    assert_eq!(written, serde_json::json!({ "last": 1, "daily": 2, "weekly": 3 }));
    assert_eq!(serde_json::from_value::<Keep>(written).unwrap(), keep(1, 2, 3));
    for text in ["{}", r#"{"last": 0}"#, r#"{"last": 1, "monthly": 1}"#, r#"{"daily": -1}"#] {
        serde_json::from_str::<Keep>(text).unwrap_err();
    }
}

#[test]
fn days_and_weeks_are_those_of_utc_and_only_those_with_points_count() {
    let points = [
        point("old", "2026-01-05T12:00:00Z"),
        // A Sunday, and the Monday after it.
        point("sunday", "2026-11-15T23:59:59Z"),
        point("monday-first", "2026-11-16T00:00:00Z"),
        point("monday-last", "2026-11-16T23:59:59Z"),
        point("tuesday", "2026-11-17T00:00:00Z"),
    ];
    assert_eq!(goes(keep(0, 2, 0), &points), ["old", "sunday", "monday-first"]);
    assert_eq!(goes(keep(0, 3, 0), &points), ["old", "monday-first"]);
    assert_eq!(goes(keep(0, 4, 0), &points), ["monday-first"], "months without a point are no days");
    assert_eq!(goes(keep(0, 0, 2), &points), ["old", "monday-first", "monday-last"]);
    assert_eq!(goes(keep(0, 0, 3), &points), ["monday-first", "monday-last"]);
    assert_eq!(goes(keep(2, 0, 2), &points), ["old", "monday-first"]);
    let said: Vec<String> = keep(2, 3, 3)
        .judge(&points)
        .into_iter()
        .map(|fate| match fate {
            Fate::Goes => "goes".to_owned(),
            Fate::Stays(reason) => reason.to_string(),
        })
        .collect();
    let wanted = [
        "it is the newest of the week from 2026-01-05",
        "it is the newest of 2026-11-15",
        "goes",
        "it is one of the last",
        "it is the newest",
    ];
    assert_eq!(said, wanted);
}

#[test]
fn what_was_just_made_is_the_newest_whatever_the_clocks_say() {
    let mut points = [point("a", "2026-11-17T00:00:00Z"), point("b", "2026-11-16T00:00:00Z")];
    points[1].is_new = true;
    assert_eq!(goes(keep(1, 0, 0), &points), ["a"]);
}

#[test]
fn a_chain_of_incrementals_stays_as_long_as_its_end() {
    let day = |label: &str, number: u32| {
        let mut point = point(label, &format!("2026-11-1{number}T00:00:00Z"));
        point.start = Some(Lsn(u64::from(number)));
        point
    };
    let mut points = [day("full", 1), day("one", 2), day("two", 3), day("other", 4), day("new", 5)];
    (points[1].base, points[2].base) = (Base::Start(Lsn(1)), Base::Start(Lsn(2)));
    assert_eq!(goes(keep(1, 0, 0), &points), ["full", "one", "two", "other"]);
    points[2].spared = Some(Spared::NoMark);
    assert_eq!(goes(keep(1, 0, 0), &points), ["other"]);
    assert_eq!(keep(1, 0, 0).judge(&points)[0], Fate::Stays(Reason::Base("one".to_owned())));
    points[2].base = Base::Unknown;
    assert_eq!(goes(keep(1, 0, 0), &points), Vec::<&str>::new());
}

/// Whether the settings alone keep a point of the job, said otherwise than the code says it: by counting what is newer.
fn is_kept(numbers: [u32; 3], points: &[KeepPoint], one: &KeepPoint) -> bool {
    let [last, daily, weekly] = numbers.map(|number| usize::try_from(number).unwrap());
    let rank = |point: &KeepPoint| (point.is_new, point.taken_at, point.label.clone());
    let newer: Vec<&KeepPoint> =
        points.iter().filter(|point| point.spared.is_none() && rank(point) > rank(one)).collect();
    let of_span = |span: &dyn Fn(&KeepPoint) -> i64, most: usize| {
        let newer: BTreeSet<i64> = newer.iter().map(|point| span(point)).collect();
        !newer.contains(&span(one)) && newer.len() < most
    };
    let day = |point: &KeepPoint| point.taken_at.as_second().div_euclid(86_400);
    // 1970-01-05 was a Monday.
    let week = |point: &KeepPoint| (day(point) - 4).div_euclid(7);
    newer.len() < last.max(1) || of_span(&day, daily) || of_span(&week, weekly)
}

/// Every directory of three points, with every setting up to two of each.
#[test]
fn r36_whatever_there_is_exactly_what_nobody_needs_goes() {
    const TIMES: [&str; 4] =
        ["2026-11-15T22:00:00Z", "2026-11-15T23:00:00Z", "2026-11-16T01:00:00Z", "2026-11-17T01:00:00Z"];
    let mut settings: Vec<[u32; 3]> = Vec::new();
    for number in 1..27 {
        settings.push([number / 9, number / 3 % 3, number % 3]);
    }
    let mut bases: Vec<[Base; 3]> = repeat_n([Base::Nothing; 3], 1).collect();
    for (from, to) in (0..3).flat_map(|from| (0..4).map(move |to| (from, to))) {
        let mut some = [Base::Nothing; 3];
        some[from] = if to == 3 { Base::Unknown } else { Base::Start(Lsn(to)) };
        bases.push(some);
    }
    bases.push([Base::Nothing, Base::Start(Lsn(0)), Base::Start(Lsn(1))]);
    let (mut gone, mut rested_on) = (0, 0);
    for (code, own, bases) in (0..64).flat_map(|code| (0..8).map(move |own| (code, own))).flat_map(|(code, own)| {
        let bases = bases.clone();
        bases.into_iter().map(move |bases| (code, own, bases))
    }) {
        let made = |at: usize| {
            let mut point = point(&at.to_string(), TIMES[code / 4_usize.pow(u32::try_from(at).unwrap()) % 4]);
            point.start = Some(Lsn(at as u64));
            point.base = bases[at];
            point.spared = (own >> at & 1 == 0).then_some(Spared::NoMark);
            point
        };
        let points = [made(0), made(1), made(2)];
        for numbers in &settings {
            let fates = keep(numbers[0], numbers[1], numbers[2]).judge(&points);
            let stays = |at: usize| fates[at] != Fate::Goes;
            for (at, point) in points.iter().enumerate() {
                let rests = |other: &usize| {
                    let start = u64::try_from(at).unwrap();
                    *other != at
                        && stays(*other)
                        && (points[*other].base == Base::Unknown || points[*other].base == Base::Start(Lsn(start)))
                };
                let needed = (0..3).any(|other| rests(&other));
                let wanted = point.spared.is_some() || is_kept(*numbers, &points, point) || needed;
                assert_eq!(stays(at), wanted, "{at} of {points:#?} with {numbers:?}: {fates:?}");
                gone += usize::from(!stays(at));
                rested_on += usize::from(matches!(fates[at], Fate::Stays(Reason::Base(_) | Reason::MayBeBase(_))));
            }
            assert!(
                points.iter().all(|point| point.spared.is_some())
                    || (0..3).any(|at| stays(at) && points[at].spared.is_none())
            );
        }
    }
    assert!(gone > 1_000 && rested_on > 1_000, "{gone} {rested_on}");
}
