//! What is done with a session that is paused at its goal: it goes on, is promoted, is stopped there, or is asked.

use super::goal;
use crate::{
    console::{
        format,
        message::{Intent, Query},
        model::{
            Model,
            dialog::{Confirmation, Overlay},
            goal_page::{GoalPage, GoalPurpose},
            goal_wish::GoalWish,
            notice::Tone,
            tree::InstanceKey,
        },
    },
    domain::{AtTarget, RecoveryGoal, RecoveryTimeline, SessionId},
    machine::{Phase, Resume, Scope},
    manager::SessionAction,
};
use std::sync::Arc;

/// Asks for the later goal. It opens on the present one, which is none: nothing goes on by one key.
pub(super) fn ask_goal(model: &mut Model) -> Vec<Intent> {
    let Ok((session, at)) = model.paused() else { return Vec::new() };
    let (session, at) = (Arc::clone(session), at.clone());
    let key = session.order().point().and_then(|point| model.archived_instance(point)).map(InstanceKey::of);
    let recovery = session.order().recovery();
    let wish = GoalWish {
        goal: at.committed.map_or(RecoveryGoal::Lsn(at.at), RecoveryGoal::Time),
        inclusive: recovery.is_none_or(|recovery| recovery.inclusive),
        timeline: recovery.map_or(RecoveryTimeline::Latest, |recovery| recovery.timeline),
        at_target: AtTarget::Pause,
        base: session.order().label().map(str::to_owned),
    };
    let (title, zones) = (session.title().to_string(), model.options.zones.clone());
    let own = wish.base.clone();
    let page = GoalPage::new(GoalPurpose::GoOn(session), key, wish, goal::next_ticket(model), zones);
    goal::open(model, GoalPage { title, own, ..page })
}

/// The server is opened for writing: a question, since nothing is replayed after that.
pub(super) fn ask_promote(model: &mut Model) {
    let lines = |at: String| {
        vec![
            format!("Recovery ends at {at}; the server is opened for writing, on a new timeline."),
            "No later goal can be reached from it then.".to_owned(),
        ]
    };
    ask(model, "Promote", lines, Resume::Promote);
}

/// The server is shut down at its goal: a question.
pub(super) fn ask_stop_here(model: &mut Model) {
    let lines = |at: String| {
        vec![
            format!("The server is shut down at {at}, and the session succeeds with that."),
            "Its files stay as they are there; howdah does not start it again.".to_owned(),
        ]
    };
    ask(model, "Stop here", lines, Resume::StopHere);
}

fn ask(model: &mut Model, button: &'static str, lines: impl FnOnce(String) -> Vec<String>, resume: Resume) {
    let Ok((session, at)) = model.paused() else { return };
    let name = format::clean(session.title().as_str()).into_owned();
    let committed = at.committed.map_or_else(String::new, |at| format!(", {}", crate::domain::recovery::moment(at)));
    let lines = lines(format!("{}{committed}", at.at));
    let intent = Intent::Act(SessionAction::Resume(resume), Scope::Sessions(vec![session.id()]));
    let title = format!("{button}: {name}?");
    model.overlays.push(Overlay::Confirm(Confirmation { title, lines, button, intent, armed: false }));
}

/// Asks the server that waits which databases it has.
pub(super) fn ask_server(model: &mut Model) -> Vec<Intent> {
    let Ok((session, address)) = model.paused_server() else { return Vec::new() };
    let query = Query::AskPaused(session.id(), address.clone());
    let text = format!("Asking the server of {}", format::clean(session.title().as_str()));
    model.notify(Tone::Info, text);
    vec![Intent::Query(query)]
}

/// What it answered: the names of its databases.
pub(super) fn answered(model: &mut Model, id: SessionId, answer: Result<Vec<String>, String>) -> Vec<Intent> {
    let Some(session) = model.shown.snapshot.session(id) else { return Vec::new() };
    let name = format::clean(session.title().as_str()).into_owned();
    if !matches!(session.phase(), Phase::Paused { .. }) {
        return Vec::new();
    }
    match answer {
        Ok(databases) => {
            let names = format::clean(&databases.join(", ")).into_owned();
            let count = format::many(databases.len(), "database");
            model.notify(Tone::Done, format!("{name} answers, read-only: {count} ({names})"));
        }
        Err(problem) => {
            model.notify(Tone::Refused, format!("{name} does not answer: {}", format::clean(&problem)));
        }
    }
    Vec::new()
}
