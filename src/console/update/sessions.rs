//! Acts on sessions, in three grades: harmless at once, losing work after a question, each for exactly what is selected.

use crate::{
    console::{
        action::{Action, Verdict},
        format,
        message::Intent,
        model::{
            Model,
            dialog::{CancelDialog, CancelFocus, Confirmation, Menu, Overlay},
            notice::Tone,
            tree::Node,
        },
        view::states,
    },
    domain::{Disposition, Reach, SessionId},
    machine::{CancelStage, Phase, Scope, Session, decide},
    manager::SessionAction,
};
use std::sync::Arc;

/// Harmless: at once, and the answer is told when it comes (R14, R15).
pub(super) fn retry(model: &mut Model) -> Vec<Intent> {
    let scope = model.scope();
    vec![Intent::Act(SessionAction::Retry, scope)]
}

/// Losing work: a question that lists what it acts on and what it costs (R16, R17). Only the sessions it lists are
/// cancelled, so that nothing which comes up meanwhile goes with them.
pub(super) fn ask_cancel(model: &mut Model) -> Vec<Intent> {
    let sessions = cancellable(model);
    model.overlays.push(Overlay::Cancel(CancelDialog {
        sessions: ids(&sessions),
        disposition: Disposition::Default,
        focus: CancelFocus::Keep,
    }));
    Vec::new()
}

/// Kills processes: a question.
pub(super) fn ask_force(model: &mut Model) -> Vec<Intent> {
    let command = || SessionAction::Force.command(&model.options().by);
    let can_be = |session: &&Arc<Session>| decide(session, command(), model.now()).is_ok();
    let subject = model.subject();
    let sessions: Vec<_> = subject.ongoing.iter().filter(can_be).cloned().collect();
    let line = |session: &Arc<Session>| {
        let process = session.live_mark().map_or_else(String::new, |mark| format!(", process {}", mark.pid));
        format!("{}{process}", line(model, session))
    };
    let mut lines: Vec<String> = sessions.iter().map(line).collect();
    let is_stop = |session: &Arc<Session>| {
        matches!(session.phase(), Phase::Cancelling { stage: CancelStage::Stopping { .. }, .. })
    };
    if sessions.iter().any(is_stop) {
        lines.push("An attempt is killed; partial data is then handled as the cancel asked.".to_owned());
    }
    if !sessions.iter().all(is_stop) {
        lines.push("A worker that deals with partial data is killed; what it has not dealt with stays.".to_owned());
    }
    ask(model, "Force the cancel?", lines, "Kill the processes", SessionAction::Force, Scope::Sessions(ids(&sessions)));
    Vec::new()
}

/// One completed session goes at once; more than one only after a question.
pub(super) fn dismiss(model: &mut Model) -> Vec<Intent> {
    let subject = model.subject();
    let scope = model.scope();
    if subject.completed <= 1 {
        return vec![Intent::Act(SessionAction::Dismiss, scope)];
    }
    let lines = vec![
        format!("{} leave the screen.", format::many(subject.completed, "completed session")),
        "The journal keeps their history; restored servers are not touched.".to_owned(),
    ];
    ask(model, "Dismiss?", lines, "Dismiss", SessionAction::Dismiss, scope);
    Vec::new()
}

/// The context menu for the selection: Retry and Cancel first (R19).
pub(super) fn menu(model: &mut Model) {
    let situation = model.situation();
    let on_session = situation.on_session;
    let of_job = matches!(model.tree.selected(), Node::Job(_) | Node::Object(..) | Node::Run(_));
    let mut actions = if of_job { vec![Action::StartJob, Action::Stop] } else { vec![Action::Retry, Action::Cancel] };
    actions.extend(situation.force.is_ready().then_some(Action::Force));
    actions.extend(situation.dismiss.is_ready().then_some(Action::Dismiss));
    actions.extend((situation.stop.is_ready() && !of_job).then_some(Action::Stop));
    if situation.resume.is_ready() {
        actions.extend([Action::GoOn, Action::Promote, Action::StopHere, Action::AskServer, Action::Copy]);
    }
    if on_session {
        actions.extend([Action::Progress, Action::Log, Action::Request, Action::Events]);
    }
    let of_point = matches!(model.tree.selected(), Node::Item(..));
    if of_point {
        actions = vec![Action::TakeOut, Action::Compare, Action::CountRows, Action::Stop, Action::Copy];
    }
    if matches!(model.tree.selected(), Node::Instance(_)) {
        actions.push(Action::OpenPoint);
    }
    if !of_job && !of_point {
        actions.extend([Action::NewRestore, Action::Verify, Action::Mark]);
    }
    if matches!(model.tree.selected(), Node::Instance(_)) {
        actions.insert(0, Action::Accept);
    }
    let items = actions.into_iter().map(|action| (action, situation.verdict(action))).collect();
    let title = if situation.subject == "0 sessions" { selected_name(model) } else { situation.subject };
    model.overlays.push(Overlay::Menu(Menu { title, items, at: 0 }));
}

/// Sends a cancel that was confirmed.
pub(super) fn cancel(model: &mut Model, question: CancelDialog) -> Vec<Intent> {
    model.notify(Tone::Info, format!("Cancelling {}", format::many(question.sessions.len(), "session")));
    vec![Intent::Act(SessionAction::Cancel(question.disposition, Reach::AnyOrigin), Scope::Sessions(question.sessions))]
}

fn ask(model: &mut Model, title: &str, lines: Vec<String>, button: &'static str, act: SessionAction, scope: Scope) {
    let (title, intent) = (title.to_owned(), Intent::Act(act, scope));
    model.overlays.push(Overlay::Confirm(Confirmation { title, lines, button, intent, armed: false }));
}

/// The sessions of the selection that are not being cancelled already.
fn cancellable(model: &Model) -> Vec<Arc<Session>> {
    let open = |session: &Arc<Session>| !matches!(session.phase(), Phase::Cancelling { .. });
    model.subject().ongoing.into_iter().filter(open).collect()
}

fn ids(sessions: &[Arc<Session>]) -> Vec<SessionId> {
    sessions.iter().map(|session| session.id()).collect()
}

fn line(model: &Model, session: &Session) -> String {
    let name = format::clean(session.title().as_str());
    let state = states::long(session, model.now(), model.queued_ahead(session.id()));
    format!("{name}: {state}")
}

fn selected_name(model: &Model) -> String {
    match model.tree.selected() {
        Node::Instance(key) => format::clean(&key.title(&model.shown.catalog)).into_owned(),
        Node::Job(name) => format::clean(name.as_str()).into_owned(),
        Node::Run(_) | Node::Object(..) => model.run().map_or_else(|| "Menu".to_owned(), |run| super::jobs::name(run)),
        Node::Item(_, item) => format::clean(&item.to_string()).into_owned(),
        Node::Group(_) | Node::Session(_) | Node::Unreadable(_) | Node::UnreadableRun(_) => "Menu".to_owned(),
    }
}

/// Whether the menu's item was refused, and why.
pub(super) fn refusal(verdict: &Verdict) -> Option<&str> {
    match verdict {
        Verdict::Ready => None,
        Verdict::No(reason) => Some(reason),
    }
}
