//! A machine whose clock is set while a console is open: lengths of time go on as they were.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::stage::*;
use howdah::{
    console::message::{Intent, Message, Query},
    domain::{AttemptNo, SessionId},
    manager::{Moment, Snapshot},
};
use std::time::Duration;

/// How the clock was set.
#[derive(Clone, Copy)]
enum Set {
    Back,
    Forward,
}

const BOTH: [Set; 2] = [Set::Back, Set::Forward];

/// So many milliseconds after the scene began, the clock having been set by a day.
fn later(set: Set, milliseconds: u64) -> Moment {
    let steady = now().checked_add(Duration::from_millis(milliseconds)).unwrap();
    let day = Duration::from_hours(24);
    let wall = match set {
        Set::Back => steady.checked_sub(day).unwrap(),
        Set::Forward => steady.checked_add(day).unwrap(),
    };
    Moment { wall, steady }
}

#[test]
fn a_notice_goes_away_after_its_time() {
    for set in BOTH {
        let mut stage = Stage::new(busy(), own());
        stage.press("M");
        assert!(stage.tell_at(Message::Due, later(set, 1_000)).model.notice().is_some());
        assert!(stage.tell_at(Message::Due, later(set, 13_000)).model.notice().is_none());
    }
}

#[test]
fn the_log_and_the_events_in_view_are_read_again() {
    for set in BOTH {
        let mut stage = Stage::new(snapshot(vec![copying(1, "orders")], &[]), own());
        stage.press("l").wanted();
        stage.tell(Message::Log(SessionId(1), AttemptNo(2), Ok(b"one".to_vec())));
        stage.tell_at(Message::Due, later(set, 500));
        assert_eq!(stage.wanted(), []);
        stage.tell_at(Message::Due, later(set, 1_500));
        assert_eq!(stage.wanted(), [Intent::Query(Query::Log(SessionId(1), AttemptNo(2)))]);
        stage.tell_at(Message::Log(SessionId(1), AttemptNo(2), Ok(b"two".to_vec())), later(set, 1_600));

        stage.tell_at(Message::Key("4".parse().unwrap()), later(set, 1_700)).wanted();
        stage.tell_at(Message::History(SessionId(1), Ok(Vec::new())), later(set, 1_800));
        let changed = snapshot(vec![copying_at(1, "orders", 39 * GIB)], &[]);
        stage.snapshot_at(changed, later(set, 2_000));
        assert_eq!(stage.wanted(), []);
        stage.tell_at(Message::Due, later(set, 3_000));
        assert_eq!(stage.wanted(), [Intent::Query(Query::History(SessionId(1)))]);
    }
}

/// So many halves of a second of copying at 200 MiB a second.
fn further(half: u64) -> Snapshot {
    snapshot(vec![copying_at(1, "orders", 32 * GIB + half * (100 << 20))], &[])
}

/// Ten seconds of it, by a clock that nobody has set yet.
fn copied_for_ten_seconds() -> Stage {
    let mut stage = Stage::new(further(0), own());
    for half in 1..=20 {
        stage.snapshot_at(further(half), now().checked_add(Duration::from_millis(500 * half)).unwrap());
    }
    stage
}

#[test]
fn s06_speed_and_time_left_go_on() {
    for set in BOTH {
        let mut stage = copied_for_ten_seconds();
        for half in 21..=200 {
            stage.snapshot_at(further(half), later(set, 500 * half));
            let text = stage.text();
            // The speed of ten seconds, where the first report is left out.
            let is_even = half < 25 || text.contains("200 MiB/s");
            assert!(is_even && text.contains(" left") && !text.contains("stalled"), "{text}");
        }
    }
}

#[test]
fn s06_a_stall_is_told_after_its_time_and_not_before() {
    for set in BOTH {
        let mut stage = copied_for_ten_seconds();
        stage.tell_at(Message::Due, later(set, 10_000 + 9_000));
        assert!(!stage.text().contains("stalled"), "{}", stage.text());
        stage.tell_at(Message::Due, later(set, 10_000 + 150_000));
        assert!(stage.text().contains("stalled since 14:02:21 (3 min)"), "{}", stage.text());
    }
}

#[test]
fn the_picture_moves_on_every_second() {
    for set in BOTH {
        let mut stage = Stage::new(busy(), own());
        stage.tell_at(Message::Due, later(set, 300));
        let next = stage.model.next_change().unwrap().duration_since(later(set, 300).steady);
        assert!(next.as_millis() <= 1_000, "{next:?}");
    }
}

#[test]
fn s01_no_countdown_is_longer_than_one_pause() {
    let mut stage = Stage::new(snapshot(vec![waiting(1, "orders")], &[]), own());
    stage.tell_at(Message::Due, later(Set::Back, 1_000));
    let text = stage.text();
    assert!(text.contains("try 4/10 in 5:00") && text.contains("try 4 of 10 in 5:00"), "{text}");
}
