//! The scenes: what stands in the world, and what is pressed.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::stage::*;
use howdah::{
    catalog::{Catalog, Repository},
    console::{
        message::{Intent, Look, Message, Ticket},
        places::Proposal,
    },
    domain::{AttemptNo, Failure, InstanceName, Plan, Port, RestoreRequest, SessionId, plan::Standing},
    machine::{Refusal, Session},
    manager::{Act, Receipt, ReceiptLine, Snapshot},
};
use std::sync::Arc;

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
        scene("phase_canceling", || one(canceling(1, "orders")), still),
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
fn flowing(stage: &mut Stage) {
    for half_seconds in 0..60_u64 {
        let at = ago(secs(30)).checked_add(std::time::Duration::from_millis(500 * half_seconds)).unwrap();
        let bytes = 32 * GIB + half_seconds * (200 << 20) + (half_seconds % 7) * (10 << 20);
        stage.snapshot_at(snapshot(vec![copying_at(1, "orders", bytes)], &[]), at);
    }
    stage.tell(Message::Due);
}

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
            "page_log",
            || (busy(), own()),
            |stage| {
                stage.press("down down l");
                let text = b"copying base.tar.zst\r\n10 %\r20 %\n\x1b[2Jhostile\ndone 38 GiB\n".to_vec();
                stage.tell(Message::Log(SessionId(1), AttemptNo(2), Ok(text)));
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
            "page_events",
            || (busy(), own()),
            |stage| {
                stage.press("down 4");
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

pub(crate) fn dialogs() -> Vec<Scene> {
    vec![
        scene(
            "dialog_menu",
            || (busy(), own()),
            |stage| {
                stage.press("down down m down");
            },
        ),
        scene(
            "dialog_menu_of_instance",
            || (nothing(), own()),
            |stage| {
                stage.press("m");
            },
        ),
        scene(
            "dialog_cancel",
            || (busy(), own()),
            |stage| {
                stage.press("down down c");
            },
        ),
        scene(
            "dialog_cancel_all",
            || (busy(), own()),
            |stage| {
                stage.press("g c tab");
            },
        ),
        scene(
            "dialog_cancel_disposition",
            || (busy(), own()),
            |stage| {
                stage.press("g c down right right");
            },
        ),
        scene(
            "dialog_force",
            || one(overdue(1, "orders")),
            |stage| {
                stage.press("F right");
            },
        ),
        scene(
            "dialog_dismiss",
            || (busy(), own()),
            |stage| {
                stage.press("] d");
            },
        ),
        scene(
            "dialog_report",
            || (busy(), own()),
            |stage| {
                let line = |id, name: &str, result| ReceiptLine {
                    session: Some(SessionId(id)),
                    instance: Some(InstanceName::new(name)),
                    result,
                };
                let running = Refusal::Running { attempt: AttemptNo(2) };
                let lines = vec![
                    line(4, "audit", Ok(())),
                    line(1, "orders", Err(running)),
                    line(5, "depot", Err(Refusal::Queued)),
                ];
                stage.tell(Message::Acted(Act::Retry, Receipt { lines }));
            },
        ),
        scene(
            "dialog_help",
            || (busy(), own()),
            |stage| {
                stage.press("?");
            },
        ),
        scene(
            "dialog_palette",
            || (busy(), own()),
            |stage| {
                stage.press(":").type_text("re");
            },
        ),
        scene(
            "dialog_palette_without_match",
            || (busy(), own()),
            |stage| {
                stage.press(":").type_text("qqq");
            },
        ),
        scene(
            "dialog_refusal",
            || (busy(), own()),
            |stage| {
                stage.press("down down r");
            },
        ),
    ]
}

pub(crate) fn wizard() -> Vec<Scene> {
    vec![
        scene(
            "wizard_1_instances",
            || (busy(), own()),
            |stage| {
                stage.press("n space");
            },
        ),
        scene(
            "wizard_2_form",
            || (nothing(), sample()),
            |stage| {
                stage.press("enter");
            },
        ),
        scene(
            "wizard_2_form_of_two",
            || (nothing(), own()),
            |stage| {
                stage.press("n space down space enter down");
                stage.type_text("x");
            },
        ),
        scene(
            "wizard_2_form_with_problem",
            || (nothing(), own()),
            |stage| {
                stage.press("enter down ctrl-u").type_text("relative").press("enter");
            },
        ),
        scene(
            "wizard_2_points",
            || (nothing(), own()),
            |stage| {
                stage.press("G enter space down");
            },
        ),
        scene(
            "wizard_3_planning",
            || (nothing(), own()),
            |stage| {
                stage.press("enter").tell(places(1)).press("enter");
            },
        ),
        scene(
            "wizard_3_plan",
            || (nothing(), own()),
            |stage| {
                planned(stage, |request| Ok(plan_of(request, Standing::Missing)));
            },
        ),
        scene("wizard_3_refused", || (nothing(), own()), |stage| planned(stage, |_| Err(refused()))),
        scene("wizard_3_overwrites", || (nothing(), own()), |stage| planned(stage, set_aside)),
        scene(
            "wizard_3_type_name",
            || (nothing(), own()),
            |stage| {
                planned(stage, set_aside);
                stage.press("enter").type_text("cr").press("enter");
            },
        ),
    ]
}

/// Places are found for the wizard's question with this number.
pub(crate) fn places(ticket: u64) -> Message {
    let proposal = Proposal { directory: "/srv/pg/crm".into(), port: Port::new(5433).unwrap() };
    Message::Proposed(Ticket(ticket), vec![proposal])
}

/// From the first instance through the form to answered plans.
pub(crate) fn planned(stage: &mut Stage, answer: fn(&RestoreRequest) -> Result<Plan, Failure>) {
    stage.press("enter").tell(places(1)).press("enter");
    answer_plans(stage, answer);
}

/// Answers every plan that is asked for, and those that are asked for because of the answers.
pub(crate) fn answer_plans(stage: &mut Stage, answer: fn(&RestoreRequest) -> Result<Plan, Failure>) {
    loop {
        let asked: Vec<_> = stage
            .wanted()
            .into_iter()
            .filter_map(|intent| match intent {
                Intent::Look(Look::Plan(ticket, at, request)) => Some((ticket, at, request)),
                _ => None,
            })
            .collect();
        if asked.is_empty() {
            return;
        }
        for (ticket, at, request) in asked {
            stage.tell(Message::Planned(ticket, at, Box::new(answer(&request))));
        }
    }
}

pub(crate) fn plan_of(request: &RestoreRequest, standing: Standing) -> Plan {
    plan(request.point.instance.as_str(), request.target.port().number(), standing)
}

fn refused() -> Failure {
    Failure::incurable("port 5433 is in use by another program", "choose another port, or stop that program")
}

/// Refused as long as the old directory must stay; planned once it may be renamed.
pub(crate) fn set_aside(request: &RestoreRequest) -> Result<Plan, Failure> {
    match request.existing {
        howdah::domain::ExistingData::Refuse => Err(Failure::incurable(
            "/srv/pg/crm holds other data",
            "choose another directory, or allow that it is renamed",
        )),
        howdah::domain::ExistingData::SetAside => {
            Ok(plan_of(request, Standing::SetAside { to: "/srv/pg/crm.before-2026-11-20".into() }))
        }
    }
}
