//! The scenes: what stands in the world, and what is pressed.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod looked_into;
mod nightly;
mod opened;
mod owned;
mod point_in_time;
mod verified;

use crate::stage::*;
use howdah::{
    catalog::{Catalog, Repository},
    console::message::Message,
    domain::{AttemptNo, SessionId},
    machine::{CompletedRow, PastSession, Session},
    manager::Snapshot,
};
pub(crate) use looked_into::*;
pub(crate) use nightly::*;
pub(crate) use opened::*;
pub(crate) use owned::*;
pub(crate) use point_in_time::*;
use std::sync::Arc;
pub(crate) use verified::*;

/// The history of the busy world: the two newest of its completed sessions were dismissed.
pub(crate) fn history() -> Vec<PastSession> {
    let entry = |(at, row): (usize, &Arc<CompletedRow>)| PastSession { row: (**row).clone(), is_dismissed: at < 2 };
    busy().completed.iter().enumerate().map(entry).collect()
}

/// One scene.
pub(crate) struct Scene {
    pub(crate) name: &'static str,
    pub(crate) world: fn() -> (Snapshot, Catalog),
    pub(crate) play: fn(&mut Stage),
}

fn scene(name: &'static str, world: fn() -> (Snapshot, Catalog), play: fn(&mut Stage)) -> Scene {
    Scene { name, world, play }
}

fn nothing() -> Snapshot {
    snapshot(Vec::new(), &[])
}

fn still(_: &mut Stage) {}

fn one(session: Arc<Session>) -> (Snapshot, Catalog) {
    (snapshot(vec![session], &[]), own())
}

/// Every scene.
pub(crate) fn all() -> Vec<Scene> {
    let views = [
        phases(),
        pages(),
        events(),
        owners(),
        dialogs(),
        copying_and_stopping(),
        verifications(),
        looked_into(),
        wizard(),
        goals(),
        pauses(),
        nightly(),
    ];
    views.into_iter().flatten().collect()
}

/// A completed session that is selected, with its detail read.
fn completed(stage: &mut Stage, session: Session) {
    stage.press("] down");
    let id = session.id();
    stage.tell(Message::Session(id, Some(Arc::new(session))));
}

pub(crate) fn phases() -> Vec<Scene> {
    vec![
        scene("phase_queued", || one(queued(1, "orders")), still),
        scene("phase_checking", || one(checking(1, "orders")), still),
        scene("phase_copying", || one(copying(1, "orders")), flowing),
        scene(
            "phase_stalled",
            || one(copying(1, "orders")),
            |stage| {
                flowing(stage);
                stage.tell_at(Message::Due, now().checked_add(secs(150)).unwrap());
            },
        ),
        scene("phase_replaying", || one(replaying(1, "orders")), still),
        scene("phase_waiting", || one(waiting(1, "orders")), still),
        scene("phase_stuck", || one(stuck(1, "orders")), still),
        scene("phase_tries_used_up", || one(used_up(1, "orders")), still),
        scene("phase_cancelling", || one(cancelling(1, "orders")), still),
        scene("phase_cancel_overdue", || one(overdue(1, "orders")), still),
        scene(
            "phase_succeeded",
            || (snapshot(vec![], &[succeeded(1, "orders")]), own()),
            |stage| {
                completed(stage, succeeded(1, "orders"));
            },
        ),
        scene(
            "phase_cancelled",
            || (snapshot(vec![], &[cancelled(1, "orders")]), own()),
            |stage| {
                completed(stage, cancelled(1, "orders"));
            },
        ),
    ]
}

/// Half a minute of copying, with a report twice a second.
pub(crate) fn flowing(stage: &mut Stage) {
    for half_seconds in 0..60_u64 {
        let at = ago(secs(30)).checked_add(std::time::Duration::from_millis(500 * half_seconds)).unwrap();
        let bytes = 32 * GIB + half_seconds * (200 << 20) + (half_seconds % 7) * (10 << 20);
        stage.snapshot_at(snapshot(vec![copying_at(1, "orders", bytes)], &[]), at);
    }
    stage.tell(Message::Due);
}

#[expect(clippy::too_many_lines, reason = "a table of scenes")]
pub(crate) fn pages() -> Vec<Scene> {
    vec![
        scene("page_all", || (busy(), own()), still),
        scene("page_fresh_machine", || (nothing(), sample()), still),
        scene(
            "page_reading",
            || (nothing(), Catalog::default()),
            |stage| {
                stage.press("G");
            },
        ),
        scene("page_empty_repository", empty_repository, |stage| {
            stage.press("G");
        }),
        scene(
            "page_restore_heading",
            || (busy(), own()),
            |stage| {
                stage.press("g");
            },
        ),
        scene(
            "page_restore_heading_empty",
            || (nothing(), own()),
            |stage| {
                stage.press("g");
            },
        ),
        scene(
            "page_completed_heading",
            || (busy(), own()),
            |stage| {
                stage.press("]");
            },
        ),
        scene(
            "page_history",
            || (busy(), own()),
            |stage| {
                stage.press("H");
                stage.tell(Message::Past(Ok(history())));
            },
        ),
        scene("page_unreadable", unreadable, |stage| {
            stage.press("] ] down");
        }),
        scene(
            "page_instance",
            || (nothing(), own()),
            |stage| {
                stage.press("G");
            },
        ),
        scene(
            "page_instance_history",
            || (snapshot(Vec::new(), &[succeeded(7, "orders"), cancelled(6, "orders"), succeeded(5, "crm")]), own()),
            |stage| {
                stage.press("G");
            },
        ),
        scene(
            "page_instance_point",
            || (snapshot(Vec::new(), &[succeeded(7, "orders")]), own()),
            |stage| {
                stage.press("G tab down");
            },
        ),
        scene(
            "page_instances_heading",
            || (snapshot(Vec::new(), &[succeeded(7, "orders"), succeeded(5, "crm")]), own()),
            |stage| {
                stage.press("G [ tab down");
            },
        ),
        scene(
            "page_log",
            || (busy(), own()),
            |stage| {
                stage.press("down down l");
                let text = b"copying base.tar.zst\r\n10 %\r20 %\n\x1b[2Jhostile\ndone 38 GiB\n".to_vec();
                stage.tell(Message::Log(SessionId(1), AttemptNo(2), Ok(text)));
            },
        ),
        scene(
            "page_log_searched",
            || (busy(), own()),
            |stage| {
                stage.press("down down l tab 2");
                let text = (1..=80).map(|number| format!("02:00:{:02}Z base/1/{number} is copied\n", number % 60));
                stage.tell(Message::Log(SessionId(1), AttemptNo(2), Ok(text.collect::<String>().into_bytes())));
                stage.press("/").type_text("BASE/1/2").press("enter n");
            },
        ),
        scene(
            "page_request",
            || (busy(), own()),
            |stage| {
                stage.press("down down 3");
            },
        ),
        scene(
            "page_preview_has_keys",
            || (busy(), own()),
            |stage| {
                stage.press("down down tab down");
            },
        ),
        scene(
            "page_filter",
            || (busy(), own()),
            |stage| {
                stage.press("/").type_text("ORD");
            },
        ),
        scene(
            "page_marks",
            || (busy(), own()),
            |stage| {
                stage.press("space space");
            },
        ),
        scene(
            "page_frozen",
            || (busy(), own()),
            |stage| {
                stage.press("f");
            },
        ),
        scene(
            "page_closed_groups",
            || (busy(), own()),
            |stage| {
                stage.press("g left ] left");
            },
        ),
        scene(
            "page_manager_gone",
            || (busy(), own()),
            |stage| {
                stage.tell(Message::ManagerGone);
            },
        ),
        scene("page_hostile_names", hostile, still),
    ]
}

fn empty_repository() -> (Snapshot, Catalog) {
    let problem = Some("the directory /backups cannot be read: Permission denied; let this user read it".to_owned());
    let repository = Repository { problem, ..own().repositories[0].clone() };
    (nothing(), Catalog { repositories: vec![repository], instances: Vec::new() })
}

fn unreadable() -> (Snapshot, Catalog) {
    let problem = "the record is of version 9, this howdah reads up to 1".to_owned();
    let record = howdah::manager::UnreadableSession { id: SessionId(77), problem };
    (Snapshot { unreadable: Arc::new(vec![record]), ..busy() }, own())
}

fn hostile() -> (Snapshot, Catalog) {
    let names = ["日本語のとても長い名前のインスタンス", "a\u{1b}[31mred", "x\u{202e}gnp", "größe"];
    let sessions = names.iter().zip(1..).map(|(name, id)| queued(id, name)).collect();
    (snapshot(sessions, &[]), Catalog::default())
}
