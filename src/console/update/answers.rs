//! What the manager answered to an act or a start.

use super::main_screen;
use crate::{
    console::{
        format,
        message::Intent,
        model::{
            Model,
            dialog::{Overlay, TextView},
            distinction::full_name,
            notice::Tone,
            tree::{Node, Screen},
            wizard::{PlanState, Waits},
        },
    },
    machine::Resume,
    manager::{Receipt, ReceiptLine, SessionAction},
};

/// The most sessions of an answer that are told from their namesakes: more are not read one by one.
const NAMED_IN_FULL: usize = 64;

/// An act was answered: one line in the footer, or a report that tells of each one skipped and why (R15).
pub(super) fn acted(model: &mut Model, act: &SessionAction, receipt: &Receipt) -> Vec<Intent> {
    let verb = match act {
        SessionAction::Retry => "Retry",
        SessionAction::Cancel(..) => "Cancel",
        SessionAction::Stop(_) => "Stop",
        SessionAction::Resume(Resume::GoOn { .. }) => "Go on",
        SessionAction::Resume(Resume::Promote) => "Promote",
        SessionAction::Resume(Resume::StopHere) => "Stop here",
        SessionAction::Force => "Force",
        SessionAction::Dismiss => "Dismiss",
        SessionAction::Recover => "Recover",
    };
    model.tree.marked.clear();
    let name = |line: &ReceiptLine| {
        let session = line.session.filter(|_| receipt.lines.len() <= NAMED_IN_FULL);
        let session = session.and_then(|id| model.shown.snapshot.session(id));
        session.map_or_else(|| name(line), |session| full_name(&model.shown.snapshot, session))
    };
    let refused: Vec<String> = receipt.refused().map(|(line, why)| format!("{}: {why}", name(line))).collect();
    let named = names(receipt, receipt.done(), name);
    let done = receipt.done();
    match (done, refused.as_slice()) {
        (0, []) => model.notify(Tone::Info, format!("{verb}: there was no session to act on")),
        (_, []) => model.notify(Tone::Done, format!("{verb}: {named}")),
        (0, [one]) => model.notify(Tone::Refused, format::clean(&format!("{verb} refused: {one}"))),
        (_, several) => {
            let title = format!("{verb}: {done} done, {} skipped", several.len());
            model.notify(Tone::Refused, title.clone());
            let lines = several.iter().map(|line| format::clean(line).into_owned()).collect();
            model.overlays.push(Overlay::Report(TextView { title, lines, scroll: 0 }));
        }
    }
    Vec::new()
}

/// A start was answered: the wizard closes, unless nothing was started.
pub(super) fn started(model: &mut Model, receipt: &Receipt) -> Vec<Intent> {
    let done = receipt.done();
    let Some(wizard) = model.wizard.as_mut().filter(|wizard| wizard.waits == Waits::Start) else {
        acted_on_start(model, receipt);
        return Vec::new();
    };
    wizard.waits = Waits::No;
    let ready = wizard.plans.iter_mut().filter(|planned| matches!(planned.state, PlanState::Ready(_)));
    for (planned, line) in ready.zip(&receipt.lines) {
        if let Err(refusal) = &line.result {
            planned.state = PlanState::NotStarted(format::clean(&refusal.to_string()).into_owned());
        }
    }
    if done == 0 {
        model.notify(Tone::Refused, "Nothing was started; each line says why");
        return Vec::new();
    }
    model.wizard = None;
    model.tree.marked_instances.clear();
    acted_on_start(model, receipt);
    Vec::new()
}

fn acted_on_start(model: &mut Model, receipt: &Receipt) {
    let refused: Vec<String> =
        receipt.refused().map(|(line, why)| format::clean(&format!("{}: {why}", name(line))).into_owned()).collect();
    let done = receipt.done();
    if let (0, [refused]) = (done, refused.as_slice()) {
        model.notify(Tone::Refused, format!("Not started: {refused}"));
        return;
    }
    model.notify(Tone::Done, format!("Started {}", format::many(done, "session")));
    if !refused.is_empty() {
        let title = format!("Started {done}, refused {}", refused.len());
        model.overlays.push(Overlay::Report(TextView { title, lines: refused, scroll: 0 }));
    }
    // The first new session is what the person wants to see; until the next picture has it, the heading stands for it.
    let first = receipt.lines.iter().find(|line| line.result.is_ok()).and_then(|line| line.session);
    if let Some(id) = first.filter(|_| model.wizard.is_none()) {
        let screen = std::mem::replace(&mut model.start_screen, Screen::Restore);
        main_screen::show(model, screen);
        model.tree.moved = true;
        model.tree.want(&Node::Session(id), &model.shown);
        model.preview.reset();
    }
}

/// The first of them by name, the others counted.
fn names(receipt: &Receipt, done: usize, name: impl Fn(&ReceiptLine) -> String) -> String {
    /// More names are not read in one line.
    const NAMED: usize = 3;
    let shown: Vec<String> = receipt.lines.iter().filter(|line| line.result.is_ok()).take(NAMED).map(name).collect();
    let rest = done - shown.len();
    let names = format::clean(&shown.join(", ")).into_owned();
    if rest == 0 { names } else { format!("{names} and {} more", format::count(rest as u64)) }
}

fn name(line: &ReceiptLine) -> String {
    match (&line.title, line.session) {
        (Some(title), _) => title.to_string(),
        (None, Some(id)) => format!("session {id}"),
        (None, None) => "the request".to_owned(),
    }
}
