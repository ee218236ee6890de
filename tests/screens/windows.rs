//! A recoverable window with all that one can have: a gap, a fork, named restore points; and its answers.

use super::{Stage, now, own};
use howdah::{
    catalog::Catalog,
    console::message::{Intent, Message, NearGoal, Query, RequestId},
    domain::{
        ArchiveOrigin, ByteCount, Edge, Lsn, NearbyCommits, RecoverableSpan, SpanEnd, SystemIdentifier, Timeline,
        Timestamp, WalArchive, WalCommit, WalGap, WalMoment, WalRestorePoint, WalWindow, WindowTimeline,
    },
};
use std::time::Duration;

/// The usual repositories, with an archive of orders.
pub(crate) fn archived() -> Catalog {
    let mut catalog = own();
    for instance in catalog.instances.iter_mut().filter(|one| one.name.as_str() == "orders") {
        instance.wal = vec![wal()];
    }
    catalog
}

fn wal() -> WalArchive {
    WalArchive { directory: "/srv/wal/orders".into(), origin: ArchiveOrigin::Setting }
}

pub(crate) fn on(moment: &str) -> Timestamp {
    format!("2026-11-{moment}Z").parse().unwrap()
}

fn edge(lsn: u64, moment: &str) -> Edge {
    Edge { lsn: Lsn(lsn), at: Some(on(moment)), exact: true }
}

/// The backup of the 19th reaches a gap, that of the 20th the end of timeline 1 and, past a fork, of timeline 2.
pub(crate) fn window() -> WalWindow {
    let span = |label: &str, path: &[u32], from: Edge, to: Edge, ends_by: SpanEnd| RecoverableSpan {
        label: label.to_owned(),
        path: path.iter().copied().map(Timeline).collect(),
        start: Lsn(from.lsn.0 - 0xff_ffd8),
        from,
        to,
        last_record: Some(Lsn(to.lsn.0 - 0x40)),
        ends_by,
    };
    let timeline = |number, parent, begins, ends| WindowTimeline { number: Timeline(number), parent, begins, ends };
    let point = |name: &str, timeline, lsn, moment: &str| WalRestorePoint {
        name: name.to_owned(),
        timeline: Timeline(timeline),
        lsn: Lsn(lsn),
        at: Some(on(moment)),
    };
    let second = || edge(0x3100_0000, "20T02:14:05");
    WalWindow {
        archive: wal(),
        system_identifier: Some(SystemIdentifier(7)),
        segment_size: Some(ByteCount(16 << 20)),
        segments: 84,
        bytes: ByteCount(84 * (16 << 20)),
        timelines: vec![
            timeline(1, None, edge(0x1000_0000, "19T02:00:00"), edge(0x5000_0000, "20T13:40:00")),
            timeline(
                2,
                Some((Timeline(1), Lsn(0x4800_0000))),
                edge(0x4800_0000, "20T13:20:00"),
                edge(0x6000_0000, "20T14:00:00"),
            ),
        ],
        gaps: vec![WalGap {
            timeline: Timeline(1),
            first: "000000010000000000000020".to_owned(),
            last: "000000010000000000000023".to_owned(),
            segments: 4,
            from: edge(0x2000_0000, "19T14:00:00"),
            to: edge(0x2400_0000, "19T16:00:00"),
        }],
        spans: vec![
            span(
                "2026-11-19T0200",
                &[1],
                edge(0x1100_0000, "19T02:12:00"),
                edge(0x1fff_0000, "19T13:58:30"),
                SpanEnd::Gap { segment: "000000010000000000000020".to_owned() },
            ),
            span("2026-11-20T0200", &[1], second(), edge(0x4fff_f000, "20T13:39:40"), SpanEnd::EndOfArchive),
            span("2026-11-20T0200", &[1, 2], second(), edge(0x5fff_0000, "20T13:59:58.25"), SpanEnd::EndOfArchive),
        ],
        restore_points: vec![
            point("nightly-done", 1, 0x3200_0000, "20T03:00:00"),
            point("before-import\u{1b}[2J", 1, 0x3800_0000, "20T06:30:00"),
            point("after-failover", 2, 0x4900_0000, "20T13:25:00"),
            point("lost-tail", 1, 0x4a00_0000, "20T13:30:00"),
        ],
        unsought: Vec::new(),
        moments: vec![WalMoment { timeline: Timeline(1), lsn: Lsn(0x4800_0000), at: on("20T13:20:00") }],
        problems: Vec::new(),
    }
}

/// Commits two seconds apart, three before the goal and three behind it.
pub(crate) fn commits_around(near: NearGoal) -> NearbyCommits {
    let (middle, first) = match near {
        NearGoal::Moment(at) => (at, 0x4600_0000),
        NearGoal::Position(at) => {
            (on("20T13:20:00").checked_add(Duration::from_millis(at.0 >> 20)).unwrap(), at.0 - 0x600)
        }
    };
    let commit = |number: u32| {
        let at = middle.checked_sub(Duration::from_millis(5_750)).unwrap();
        let at = at.checked_add(Duration::from_secs(u64::from(number) * 2)).unwrap();
        WalCommit { lsn: Lsn(first + u64::from(number) * 0x218), xid: 9_076 + number, at }
    };
    NearbyCommits { before: (0..3).map(commit).collect(), after: (3..6).map(commit).collect(), unknown: None }
}

/// Opens the form for orders, and its page of the goal.
pub(crate) fn open_goal(stage: &mut Stage) {
    stage.press("G enter down enter");
}

/// The same, with the window read.
pub(crate) fn open_window(stage: &mut Stage) {
    open_goal(stage);
    answer_window(stage, window());
}

/// Answers the last question for a window.
pub(crate) fn answer_window(stage: &mut Stage, window: WalWindow) {
    let ticket = window_ticket(stage);
    stage.tell(Message::Window(ticket, Box::new(Ok(window))));
}

/// The last question for a window.
pub(crate) fn window_ticket(stage: &mut Stage) -> RequestId {
    let asked = |intent| if let Intent::Query(Query::Window(ticket, _)) = intent { Some(ticket) } else { None };
    stage.wanted().into_iter().rev().find_map(asked).unwrap()
}

/// Lets the goal come to rest, and answers what is asked then; what it was.
pub(crate) fn rest(stage: &mut Stage) -> Option<NearGoal> {
    stage.wanted();
    stage.tell_at(Message::Due, now().checked_add(Duration::from_millis(500)).unwrap());
    let asked = |intent| {
        if let Intent::Query(Query::Commits(ticket, _, _, near)) = intent { Some((ticket, near)) } else { None }
    };
    let (ticket, near) = stage.wanted().into_iter().find_map(asked)?;
    stage.tell(Message::Commits(ticket, Box::new(Ok(commits_around(near)))));
    Some(near)
}
