//! The scenes of a verification: asked for, running, ended in each way.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::{Scene, nothing, scene};
use crate::stage::*;
use howdah::{
    console::message::Message,
    domain::{
        Achieved, ByteCount, Damage, Lsn, Order, Plan, Progress, Step, Success, Timeline, Verification, VerifyOrder,
        VerifyPlan, plan::WalFinding,
    },
    machine::{Event, Session},
};
use std::sync::Arc;

pub(crate) fn verifications() -> Vec<Scene> {
    vec![
        scene(
            "verify_asked",
            || (nothing(), own()),
            |stage| {
                stage.press("v");
            },
        ),
        scene(
            "verify_running",
            || (snapshot(vec![stuck(4, "audit"), reading().arc()], &[]), own()),
            |stage| {
                stage.press("g ] ] down");
            },
        ),
        scene(
            "verify_damaged",
            || (snapshot(Vec::new(), &[succeeded(1, "crm"), damaged()]), own()),
            |stage| open(stage, damaged()),
        ),
        scene(
            "verify_sound",
            || (snapshot(Vec::new(), &[succeeded(1, "crm"), sound()]), own()),
            |stage| open(stage, sound()),
        ),
        scene(
            "verify_request",
            || (snapshot(Vec::new(), &[succeeded(1, "crm"), sound()]), own()),
            |stage| {
                open(stage, sound());
                stage.press("3");
            },
        ),
    ]
}

/// Behind the completed restores stands the heading of the verifications.
fn open(stage: &mut Stage, session: Session) {
    stage.press("g ] ] down");
    let id = session.id();
    stage.tell(Message::Session(id, Some(Arc::new(session))));
}

fn reading() -> Story {
    let order = VerifyOrder { point: point("orders", "2026-11-20T0200", 61 * GIB), max_rate: None };
    let story =
        Story::of(Order::Verify(order), 6, mins(4)).launched().done(Step::Check, secs(1), "61.0 GiB in 4,213 files");
    let wal = Some(WalFinding::Included { start: Lsn(0x1600_0028), stop: Lsn(0x16B3_74D8) });
    let plan = VerifyPlan { bytes: ByteCount(61 * GIB), files: 4_213, wal, checksum: Some("SHA256".to_owned()) };
    let (attempt, plan) = (story.attempt(), Box::new(Plan::Verify(plan)));
    let story = story.then(Event::Planned { attempt, plan }).doing(Step::Read, "");
    read(story, 38 * GIB)
}

fn read(story: Story, done: u64) -> Story {
    let attempt = story.attempt();
    let progress = Progress {
        bytes_done: ByteCount(done),
        bytes_total: ByteCount(61 * GIB),
        bytes_reused: ByteCount(0),
        files_done: 4_213 * done / (61 * GIB),
        files_total: 4_213,
        wal: None,
    };
    story.then(Event::Progressed { attempt, progress })
}

fn ended(detail: &str) -> Story {
    let story = read(reading(), 61 * GIB).done(Step::Read, mins(3), detail).done(Step::Wal, secs(1), "16.0 MiB read");
    story.done(Step::Finish, secs(0), detail).after(mins(3))
}

fn found() -> Verification {
    Verification { files: 4_213, bytes: ByteCount(61 * GIB), wal_bytes: ByteCount(16 << 20), ..Verification::default() }
}

pub(crate) fn damaged() -> Session {
    let mut found = found();
    found.add(Damage::Altered { file: "base/16384/16397".to_owned() });
    found.add(Damage::Missing { file: "base/16384/2187".to_owned() });
    found.add(Damage::Extra { file: "base/1/\u{1b}[2J".to_owned() });
    let (file, expected) = ("global/1262".to_owned(), ByteCount(8192));
    found.add(Damage::WrongSize { file, expected, found: ByteCount(4096) });
    let problem = "the checksum of this record is wrong".to_owned();
    found.add(Damage::Wal { timeline: Timeline(1), at: Lsn(0x1600_0060), problem });
    let story = ended("5 damages found");
    let attempt = story.attempt();
    story.then(Event::Damaged { attempt, verification: found }).shown()
}

pub(crate) fn sound() -> Session {
    let unchecked = vec!["base.tar names no checksum, so only sizes were compared".to_owned()];
    let success = Success { result: Achieved::Verified(found()), warnings: Vec::new(), unchecked };
    let story = ended("nothing is damaged");
    let attempt = story.attempt();
    story.then(Event::Succeeded { attempt, success }).shown()
}
