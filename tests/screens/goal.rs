//! A goal of recovery: what is taken, what is refused, when its surroundings are read.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::{keys::state, scenes::answer_plans, scenes::places, scenes::plan_of, stage::*};
use howdah::{
    console::{
        message::{Intent, Message, NearGoal, Query, RequestId},
        model::{dialog::Overlay, goal_page::GoalPage},
    },
    domain::{
        AtTarget, ClusterRestore, Lsn, NearbyCommits, Recovery, RecoveryGoal, RecoveryTimeline, Timeline,
        plan::TargetState,
    },
};
use std::time::Duration;

fn opened() -> Stage {
    let mut stage = Stage::new(snapshot(vec![], &[]), archived());
    open_window(&mut stage);
    stage
}

fn page(stage: &Stage) -> &GoalPage {
    match stage.model.overlay() {
        Some(Overlay::Goal(page)) => page,
        other => panic!("{other:?}"),
    }
}

/// Whether the page takes the goal now; why not.
fn judged(stage: &Stage) -> Result<(), String> {
    page(stage).judged().map(|_| ())
}

/// The order that the wizard would give now.
fn ordered(stage: &mut Stage) -> ClusterRestore {
    stage.tell(places(1)).press("enter");
    answer_plans(stage, |request| Ok(plan_of(request, TargetState::Missing)));
    stage.wanted();
    stage.press("enter");
    let start = |intent| match intent {
        Intent::Start(orders) => Some(orders[0].cluster().unwrap().clone()),
        _ => None,
    };
    stage.wanted().into_iter().find_map(start).unwrap()
}

/// Types a time of the line's page.
fn type_time(stage: &mut Stage, text: &str) {
    stage.press("right right down down ctrl-u").type_text(text);
}

#[test]
fn a_time_is_typed_taken_and_ordered_with_the_backup_that_suits_it() {
    let mut stage = opened();
    type_time(&mut stage, "2026-11-19 09:30:00.5");
    assert_eq!(judged(&stage), Ok(()));
    stage.press("enter");
    assert_eq!(state(&stage), "FormText =orders", "the next field has the keys, so that Enter goes on");
    let order = ordered(&mut stage);
    let expected = Recovery {
        goal: RecoveryGoal::Time(on("19T09:30:00.5")),
        inclusive: true,
        timeline: RecoveryTimeline::Number(Timeline(1)),
        at_target: AtTarget::Pause,
        standby_of: None,
        archive: Some("/srv/wal/orders".into()),
    };
    assert_eq!(order.recovery, expected);
    assert_eq!(order.point.label, "2026-11-19T0200");
}

#[test]
fn three_presses_of_enter_still_restore_the_newest_backup_to_its_own_end() {
    let mut stage = Stage::new(snapshot(vec![], &[]), archived());
    stage.press("G enter");
    let order = ordered(&mut stage);
    assert_eq!((order.recovery, order.point.label.as_str()), (Recovery::to_consistency(), "2026-11-20T0200"));
}

#[test]
fn leaving_the_page_keeps_nothing() {
    let mut stage = opened();
    type_time(&mut stage, "13:29:59");
    stage.press("esc");
    assert_eq!(state(&stage), "Form =orders");
    stage.press("down");
    assert!(stage.text().contains("the backup's own end"), "{}", stage.text());
    assert_eq!(ordered(&mut stage).recovery, Recovery::to_consistency());
}

#[test]
fn a_choice_without_an_archive_says_how_to_name_one_and_goes_on_without() {
    let mut stage = Stage::new(snapshot(vec![], &[]), own());
    stage.press("G enter down");
    assert!(stage.text().contains("no WAL archive is known") && stage.text().contains("[[repository]]"));
    stage.press("space");
    assert!(stage.model.notice().unwrap().text.contains("name one in howdah.toml"));
    let order = ordered(&mut stage);
    assert_eq!(order.recovery, Recovery::to_consistency());
}

#[test]
fn what_cannot_be_reached_is_refused_with_what_would_be_possible() {
    let (time, lsn) = ("right right down down", "right right right right down down");
    for (keys, text, parts) in [
        (time, "2026-11-20 14:00", vec!["cannot be reached", "to 2026-11-20 13:59:58.250000 UTC"]),
        (time, "2026-11-18 14:30", vec!["before the end of the oldest backup", "from 2026-11-19 02:12:00 UTC"]),
        (time, "2026-11-19 14:30", vec!["in a gap, segments 000000010000000000000020 to 000000010000000000000023"]),
        (time, "soon", vec!["is no time"]),
        (lsn, "0/10FFFFFF", vec!["before the end of the oldest backup", "LSN 0/11000000"]),
        (lsn, "0/21000000", vec!["in a gap, segments"]),
        (lsn, "nonsense", vec!["nonsense"]),
        ("right right right right right down down", "-5", vec!["its number"]),
    ] {
        let mut stage = opened();
        stage.press(keys).press("ctrl-u").type_text(text);
        let refused = judged(&stage).unwrap_err();
        assert!(parts.iter().all(|part| refused.contains(part)), "{text}: {refused}");
        stage.press("enter");
        let said = stage.model.notice().unwrap().text.clone();
        assert!(said.starts_with("Not taken: ") && matches!(stage.model.overlay(), Some(Overlay::Goal(_))), "{said}");
    }
}

#[test]
fn what_is_in_reach_is_taken() {
    for (keys, text, goal) in [
        ("right right down down", "13:59:58.25 UTC", RecoveryGoal::Time(on("20T13:59:58.25"))),
        ("right right down down", "2026-11-20 02:14:05", RecoveryGoal::Time(on("20T02:14:05"))),
        ("right right down down", "10 min ago", RecoveryGoal::Time(on("20T13:52:11"))),
        ("right right right right down down", "0/31000000", RecoveryGoal::Lsn(Lsn(0x3100_0000))),
        ("right right right right down down", "0/5FFF0000", RecoveryGoal::Lsn(Lsn(0x5fff_0000))),
        ("right right right right right down down", "9078", RecoveryGoal::Xid(9_078)),
    ] {
        let mut stage = opened();
        stage.press(keys).press("ctrl-u").type_text(text);
        assert_eq!((judged(&stage), &page(&stage).wish.goal), (Ok(()), &goal), "{text}");
    }
}

#[test]
fn a_named_restore_point_behind_a_fork_that_is_left_is_refused_and_found_on_its_own_timeline() {
    let mut stage = opened();
    stage.press("right right right down down right right right");
    assert_eq!(page(&stage).wish.goal, RecoveryGoal::Name("lost-tail".to_owned()));
    assert!(judged(&stage).unwrap_err().contains("lost-tail, which was made on timeline 1, cannot be reached"));
    stage.press("down down right right");
    assert_eq!(page(&stage).wish.timeline, RecoveryTimeline::Number(Timeline(1)));
    assert_eq!(judged(&stage), Ok(()));
    stage.press("up up left");
    assert!(
        judged(&stage).unwrap_err().contains("after-failover, which was made on timeline 2, cannot be reached"),
        "{:?}",
        judged(&stage)
    );
}

#[test]
fn keys_move_the_goal_along_the_line_by_minutes_hours_commits_and_to_its_ends() {
    let mut stage = opened();
    stage.press("down");
    for (keys, expected) in [
        ("G", "20T13:59:58.25"),
        ("left", "20T13:58:58"),
        ("left right", "20T13:58:58"),
        ("pgup", "20T12:58:58"),
        ("pgdn", "20T13:58:58"),
        ("g", "19T02:12:00"),
    ] {
        stage.press(keys);
        assert_eq!(page(&stage).wish.goal, RecoveryGoal::Time(on(expected)), "{keys}");
    }
    stage.press("G left");
    rest(&mut stage);
    stage.press("[ [");
    // 1.75 s and 3.75 s before it.
    assert_eq!(page(&stage).wish.goal, RecoveryGoal::Time(on("20T13:58:54.25")));
    stage.press("] ] ]");
    assert_eq!(page(&stage).wish.goal, RecoveryGoal::Time(on("20T13:59:00.25")));
    assert_eq!(page(&stage).wish.at_target, AtTarget::Pause, "whoever moves from the backup's own end wants to look");
}

#[test]
fn commits_are_asked_for_when_the_goal_rests_and_answers_for_an_older_goal_are_void() {
    let mut stage = opened();
    stage.press("down G");
    assert_eq!(
        stage.model.next_change(),
        now().checked_add(Duration::from_millis(400)).ok(),
        "the screen wakes for it"
    );
    stage.press("left left left left");
    let asked = |stage: &mut Stage| {
        let commits = |intent| {
            if let Intent::Query(Query::Commits(ticket, _, timeline, near)) = intent {
                Some((ticket, timeline, near))
            } else {
                None
            }
        };
        stage.wanted().into_iter().filter_map(commits).collect::<Vec<_>>()
    };
    assert_eq!(asked(&mut stage), vec![], "a key that repeats asks for nothing");
    stage.tell_at(Message::Due, now().checked_add(Duration::from_millis(399)).unwrap());
    assert_eq!(asked(&mut stage), vec![]);
    stage.tell_at(Message::Due, now().checked_add(Duration::from_millis(400)).unwrap());
    let first = asked(&mut stage);
    assert_eq!(
        first.iter().map(|ask| (ask.1, ask.2)).collect::<Vec<_>>(),
        vec![(Timeline(2), NearGoal::Moment(on("20T13:55:58")))]
    );
    stage.press("pgup");
    stage.tell_at(Message::Due, now().checked_add(Duration::from_millis(900)).unwrap());
    let second = asked(&mut stage);
    assert_eq!(second[0].1, Timeline(1), "before the fork");
    stage.tell(Message::Commits(first[0].0, Box::new(Ok(commits_around(first[0].2)))));
    assert_eq!(page(&stage).commits, None, "the goal has gone on");
    let answer = NearbyCommits { unknown: Some("no pg_waldump of version 15".to_owned()), ..NearbyCommits::default() };
    stage.tell(Message::Commits(second[0].0, Box::new(Ok(answer))));
    assert!(stage.text().contains("not known: no pg_waldump of version 15"), "{}", stage.text());
}

/// Lets the goal come to rest; the question that is asked then.
fn asked_at_rest(stage: &mut Stage) -> (RequestId, NearGoal) {
    stage.wanted();
    stage.tell_at(Message::Due, now().checked_add(Duration::from_millis(500)).unwrap());
    let commits = |intent| {
        if let Intent::Query(Query::Commits(ticket, _, _, near)) = intent { Some((ticket, near)) } else { None }
    };
    stage.wanted().into_iter().find_map(commits).unwrap()
}

#[test]
fn commits_are_those_of_the_goal_that_is_shown_whenever_their_answer_comes() {
    let mut stage = opened();
    stage.press("down G left");
    let (ticket, near) = asked_at_rest(&mut stage);
    assert_eq!(near, NearGoal::Moment(on("20T13:58:58")));
    // The goal goes on while the answer is on its way, and nothing newer was asked yet.
    stage.press("pgup");
    stage.tell(Message::Commits(ticket, Box::new(Ok(commits_around(near)))));
    assert!(stage.text().contains("Commits around it: reading the archive"), "{}", stage.text());
    for key in ["]", "["] {
        stage.press(key);
        assert_eq!(page(&stage).wish.goal, RecoveryGoal::Time(on("20T12:58:58")), "{key} jumps nowhere");
        assert!(stage.model.notice().unwrap().text.contains("still being read"));
    }
    // The goal that they are of is back: they hold for it.
    stage.press("pgdn ]");
    assert_eq!(page(&stage).wish.goal, RecoveryGoal::Time(on("20T13:58:58.25")));
}

#[test]
fn how_a_time_was_read_is_not_said_of_another_kind_of_goal() {
    let mut stage = opened();
    type_time(&mut stage, "2026-11-19 13:30 +01:00");
    assert!(stage.text().contains("read as 2026-11-19 13:30:00+01:00"), "{}", stage.text());
    stage.press("up up right");
    assert!(!stage.text().contains("read as"), "{}", stage.text());
}

#[test]
fn a_page_that_was_left_takes_no_answer_of_its_question() {
    let mut stage = Stage::new(snapshot(vec![], &[]), archived());
    open_goal(&mut stage);
    let first = window_ticket(&mut stage);
    stage.press("esc enter");
    let second = window_ticket(&mut stage);
    stage.tell(Message::Window(first, Box::new(Ok(window()))));
    assert!(stage.text().contains("Reading the archive"), "{}", stage.text());
    stage.press("right enter");
    assert!(stage.model.notice().unwrap().text.contains("still being read"));
    stage.tell(Message::Window(second, Box::new(Ok(window()))));
    assert!(!stage.text().contains("Reading the archive"));
}

#[test]
fn a_base_that_a_person_chooses_is_kept_and_refused_where_it_does_not_reach() {
    let mut stage = opened();
    stage.press("right down down down down right");
    assert_eq!(page(&stage).wish.base.as_deref(), Some("2026-11-19T0200"));
    assert!(
        judged(&stage).unwrap_err().contains("segment 000000010000000000000020 is missing"),
        "{:?}",
        judged(&stage)
    );
    stage.press("right");
    assert_eq!((page(&stage).wish.base.as_deref(), judged(&stage)), (Some("2026-11-20T0200"), Ok(())));
}

#[test]
fn the_end_of_the_archive_is_no_goal_where_a_gap_ends_it() {
    let mut stage = Stage::new(snapshot(vec![], &[]), archived());
    open_goal(&mut stage);
    let mut cut = window();
    cut.spans.truncate(1);
    answer_window(&mut stage, cut);
    stage.press("right");
    let refused = judged(&stage).unwrap_err();
    assert!(refused.contains("segment 000000010000000000000020 is missing"), "{refused}");
    assert!(refused.contains("2026-11-19 13:58:30 UTC"), "{refused}");
}

#[test]
fn files_alone_are_not_recovered_beyond_the_backups_own_end() {
    let mut stage = opened();
    type_time(&mut stage, "13:29:59");
    stage.press("enter").tell(places(1)).press("down down right right enter");
    assert!(stage.text().contains("recovery needs a server: choose one"), "{}", stage.text());
    assert_eq!(state(&stage), "Form =orders");
    stage.press("left enter");
    assert_eq!(state(&stage), "Plan =orders");
}
