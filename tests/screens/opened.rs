//! The scenes with something open: dialogs, and the wizard up to the name that must be typed.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks at one thing and leaves the rest")]

use super::{Scene, nothing, one, scene};
use crate::stage::*;
use howdah::{
    catalog::propose::Proposal,
    console::message::{Intent, Message, Query, RequestId},
    domain::{
        AnyRestorePlan, AttemptNo, ClusterRestore, ExistingData, Failure, InstanceName, LeftServer, Port, RestoreOrder,
        RestorePlan, RunningServer, SessionId, fact::ProcessMark, plan::TargetState,
    },
    machine::Refusal,
    manager::{Receipt, ReceiptLine, SessionAction},
};
use std::sync::Arc;

/// A completed session is selected, whose server runs.
fn with_server(stage: &mut Stage) {
    stage.press("] down").tell(Message::Session(SessionId(20), Some(Arc::new(succeeded(20, "inventory")))));
    let process = ProcessMark { pid: 4711, started: 7, realm: None };
    let server = RunningServer { process, port: Some(Port::new(5452).unwrap()), since: Some(now()) };
    stage.tell(Message::Server(SessionId(20), Ok(LeftServer::Runs(server))));
}

/// What can be copied, and the question before a server is shut down.
pub(crate) fn copying_and_stopping() -> Vec<Scene> {
    vec![
        scene(
            "dialog_copy",
            || (busy(), own()),
            |stage| {
                stage.press("down down y down");
            },
        ),
        scene(
            "dialog_shut_down",
            || (busy(), own()),
            |stage| {
                with_server(stage);
                stage.press("x");
            },
        ),
    ]
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
                    title: Some(InstanceName::new(name)),
                    result,
                };
                let running = Refusal::Running { attempt: AttemptNo(2) };
                let lines = vec![
                    line(4, "audit", Ok(())),
                    line(1, "orders", Err(running)),
                    line(5, "depot", Err(Refusal::Queued)),
                ];
                stage.tell(Message::Acted(SessionAction::Retry, Receipt { lines }));
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
                stage.press("n down down space enter down down");
                stage.type_text("x");
            },
        ),
        scene(
            "wizard_2_form_with_problem",
            || (nothing(), own()),
            |stage| {
                stage.press("enter down down ctrl-u").type_text("relative").press("enter");
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
                planned(stage, |request| Ok(plan_of(request, TargetState::Missing)));
            },
        ),
        scene("wizard_3_refused", || (nothing(), own()), |stage| planned(stage, |_| Err(refused()))),
        scene("wizard_3_overwrites", || (nothing(), own()), planned_to_rename),
        scene(
            "wizard_3_type_name",
            || (nothing(), own()),
            |stage| {
                planned_to_rename(stage);
                stage.press("enter").type_text("cr").press("enter");
            },
        ),
    ]
}

/// Free places are found for the wizard's question with this number.
pub(crate) fn places(ticket: u64) -> Message {
    let proposal = Proposal { directory: "/srv/pg/crm".into(), port: Port::new(5433).unwrap() };
    Message::Proposed(RequestId(ticket), vec![proposal])
}

/// From the first instance through the form to answered plans.
pub(crate) fn planned(stage: &mut Stage, answer: fn(&ClusterRestore) -> Result<RestorePlan, Failure>) {
    stage.press("enter").tell(places(1)).press("enter");
    answer_plans(stage, answer);
}

/// The plan page for a target whose old data a person has chosen to have renamed.
pub(crate) fn planned_to_rename(stage: &mut Stage) {
    // Restore point, directory, port, server, bandwidth, existing data.
    stage.press("enter").tell(places(1)).press("down down down down down down right enter");
    answer_plans(stage, set_aside);
}

/// Answers every plan that is asked for, and those that are asked for because of the answers.
/// What is restored, where only clusters are.
pub(crate) fn cluster_of(request: &RestoreOrder) -> &ClusterRestore {
    request.cluster().unwrap()
}

pub(crate) fn answer_plans(stage: &mut Stage, answer: fn(&ClusterRestore) -> Result<RestorePlan, Failure>) {
    loop {
        let asked: Vec<_> = stage
            .wanted()
            .into_iter()
            .filter_map(|intent| match intent {
                Intent::Query(Query::Plan(ticket, at, request)) => Some((ticket, at, request)),
                _ => None,
            })
            .collect();
        if asked.is_empty() {
            return;
        }
        for (ticket, at, request) in asked {
            let made = answer(cluster_of(&request)).map(|plan| AnyRestorePlan::Cluster(Box::new(plan)));
            stage.tell(Message::Planned(ticket, at, Box::new(made)));
        }
    }
}

pub(crate) fn plan_of(request: &ClusterRestore, standing: TargetState) -> RestorePlan {
    plan(request.point.instance.as_str(), request.target.port().number(), standing)
}

fn refused() -> Failure {
    Failure::incurable("port 5433 is in use by another program", "choose another port, or stop that program")
}

/// Refused as long as the old directory must stay; planned once it may be renamed.
pub(crate) fn set_aside(request: &ClusterRestore) -> Result<RestorePlan, Failure> {
    match request.existing {
        ExistingData::Refuse => Err(Failure::incurable(
            "/srv/pg/crm holds other data",
            "choose another directory, or allow that it is renamed",
        )),
        ExistingData::SetAside => {
            Ok(plan_of(request, TargetState::SetAside { to: "/srv/pg/crm.before-2026-11-20".into() }))
        }
    }
}
