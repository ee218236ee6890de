//! The two questions about a run: its plan before it starts (S7), and how it is to be stopped.
//!
//! Promises: both tell how things stand now, not as they stood when the question was opened; a way to stop that is
//! refused is dim and says why.

use super::{
    overlays::button,
    plan_dialog::{self, Question},
    widgets,
};
use crate::{
    console::{
        format,
        model::{
            Model,
            dialog::{StartDialog, StopDialog, StopFocus},
        },
        theme::{Brush, Role, Theme},
    },
    domain::{JobKind, ObjectPlan, Order, StopMode},
    machine::job::{JobRun, ObjectState},
};
use ratatui::{
    buffer::Buffer,
    text::{Line, Span},
};

const WIDTH: u16 = 78;

/// Paints the plan and its question.
pub(super) fn start(buffer: &mut Buffer, state: &StartDialog, brush: &Brush) {
    let title = format!("Start {}?", format::clean(state.spec.name().as_str()));
    let (armed, refusal, scroll) = (state.armed, state.refusal().map(str::to_owned), state.scroll);
    let buttons = [("Leave it", !armed, false), ("Start it", armed, refusal.is_some())];
    let question = Question { title: &title, buttons: &buttons, refusal, scroll };
    plan_dialog::paint(buffer, &question, &|width| plan(state, width, brush), brush);
}

/// How many lines of the plan have no room.
pub(in crate::console) fn hidden_lines(model: &Model, state: &StartDialog) -> usize {
    // The number of lines does not depend on how they are coloured.
    let brush = Brush::new(Theme::Mono, model.options().ascii);
    plan_dialog::hidden(model.size(), &|width| plan(state, width, &brush))
}

fn plan(state: &StartDialog, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let spec = &state.spec;
    let count = spec.objects().len();
    let order = match (count, spec.at_once().get()) {
        (1, _) => String::new(),
        (_, 1) => ", in this order, one after the other".to_owned(),
        (_, many) => format!(", in this order, {many} at once"),
    };
    let head = format!("{} ({}){order}", format::many(count, "object"), spec.kind());
    let mut lines = widgets::wrapped(&head, width, 0, Role::Text, brush);
    match &state.plan {
        None => lines.push(Line::from(brush.span(Role::Dim, "Its plan is being made"))),
        Some(plan) => lines.extend(plan.iter().flat_map(|object| of_object(object, width, brush))),
    }
    lines
}

fn of_object((name, plan): &ObjectPlan, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let mut lines = vec![Line::from(brush.span(Role::Title, format::clean(name.as_str()).into_owned()))];
    match plan {
        Ok(plan) => lines.extend(plan.rows().into_iter().flat_map(|(row, text)| {
            let role = if row == "warning" { Role::Waiting } else { Role::Text };
            widgets::hung(&format!("  {row:<10}  {text}"), width, 14, role, brush)
        })),
        Err(failure) => {
            lines.extend(widgets::hung(&format!("  refused     {failure}"), width, 14, Role::Stuck, brush));
        }
    }
    lines
}

/// Paints the question how a run is to be stopped.
pub(super) fn stop(buffer: &mut Buffer, model: &Model, state: &StopDialog, brush: &Brush) {
    let width = usize::from(WIDTH.min(buffer.area.width)).saturating_sub(4);
    let mut lines = Vec::new();
    let run = model.data().jobs.run(state.run);
    let title = if let Some(run) = run {
        lines.extend(stands(run, width, brush));
        lines.extend(StopMode::ALL.into_iter().flat_map(|mode| way(model, run, mode, width, brush)));
        format!("Stop {}#{}?", format::clean(run.spec().name().as_str()), run.id())
    } else {
        lines.extend(widgets::wrapped("The run has ended meanwhile.", width, 0, Role::Text, brush));
        format!("Stop run {}?", state.run)
    };
    lines.push(Line::default());
    lines.push(ways(model, run.map(|run| &**run), state.focus, brush));
    lines.push(Line::from(brush.span(Role::Dim, "Tab moves on, Enter chooses, Esc leaves it running")));
    let area = widgets::middle(buffer, WIDTH, u16::try_from(lines.len() + 2).unwrap_or(u16::MAX));
    let area = widgets::dialog(buffer, area, &title, brush);
    let from = lines.len().saturating_sub(usize::from(area.height));
    widgets::lines(buffer, area, &lines, from);
}

/// The three buttons; one that is refused is dim.
fn ways(model: &Model, run: Option<&JobRun>, focus: StopFocus, brush: &Brush) -> Line<'static> {
    let mut spans = Vec::new();
    for (way, label, role) in [
        (StopFocus::Leave, "Leave it running", Role::Button),
        (StopFocus::Graceful, "Graceful", Role::Button),
        (StopFocus::Immediate, "Immediate", Role::Danger),
    ] {
        let refused = |mode| run.is_none_or(|run| model.stop_refusal(run, mode).is_some());
        let role = if way.mode().is_some_and(refused) { Role::Off } else { role };
        spans.extend([button(label, way == focus, role, brush), Span::raw("  ")]);
    }
    Line::from(spans)
}

/// Which objects are done, in process, and to come.
fn stands(run: &JobRun, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let of = |word: &str| names(run, |state| state.word() == word);
    let part = |(label, names): (&str, Vec<String>)| {
        (!names.is_empty())
            .then(|| widgets::hung(&format!("{label:<12}{}", listed(&names)), width, 12, Role::Text, brush))
    };
    let parts = [
        ("done", of("done")),
        ("failed", of("failed")),
        ("in process", of("in process")),
        ("to come", of("not started")),
    ];
    let mut lines: Vec<_> = parts.into_iter().filter_map(part).flatten().collect();
    lines.push(Line::default());
    lines
}

/// What one way of stopping does, or why it is refused.
fn way(model: &Model, run: &JobRun, mode: StopMode, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    const NAME: usize = 12;
    let name = match mode {
        StopMode::Graceful => "Graceful",
        StopMode::Immediate => "Immediate",
    };
    let (role, text) = match model.stop_refusal(run, mode) {
        Some(reason) => (Role::Off, reason),
        None => (Role::Text, effect(model, run, mode)),
    };
    widgets::hung(&format!("{name:<NAME$}{text}"), width, NAME, role, brush)
}

/// What becomes of the objects that are in process, and of those to come.
fn effect(model: &Model, run: &JobRun, mode: StopMode) -> String {
    let (now, later) = (names(run, is_in_process), names(run, |state| matches!(state, ObjectState::Pending)));
    let verb = |names: &[String], one: &'static str, many: &'static str| if names.len() == 1 { one } else { many };
    let kind = run.spec().kind();
    let what = product(kind);
    let mut parts = Vec::new();
    match (mode, now.as_slice()) {
        (_, []) => parts.push("nothing is in process".to_owned()),
        (StopMode::Graceful, now) => {
            let verb = verb(now, "is finished and gets its", "are finished, and each gets its");
            parts.push(format!("{} {verb} {what}", listed(now)));
        }
        (StopMode::Immediate, now) if kind == JobKind::Replication => {
            let verb = verb(now, "ends", "end");
            parts.push(format!(
                "{} {verb}; the slot and the standby that were being made are removed, a standby of an earlier run stays",
                listed(now)
            ));
        }
        (StopMode::Immediate, now) => {
            let verb = verb(now, "ends without a", "end without a");
            let gone = if run.spec().kind() == JobKind::Files {
                "restic's lock goes, and no snapshot names what it has stored until now"
            } else {
                "what was made of it until now is removed"
            };
            parts.push(format!("{} {verb} {what}; {gone}", listed(now)));
        }
    }
    if mode == StopMode::Immediate {
        parts.extend(checkpoints(model, run));
    }
    if !later.is_empty() {
        let verb = verb(&later, "is not begun", "are not begun");
        parts.push(format!("{} {verb}", listed(&later)));
    }
    if mode == StopMode::Immediate {
        parts.push("the run has failed".to_owned());
    }
    parts.join("; ")
}

/// What an object of such a job has when it is done.
const fn product(kind: JobKind) -> &'static str {
    match kind {
        JobKind::FileCopy => "copy",
        JobKind::Replication => "standby",
        JobKind::Instance | JobKind::BackupCopy | JobKind::Vm | JobKind::Files => "restore point",
    }
}

/// The checkpoints that go where they stand under a name of ours.
fn checkpoints(model: &Model, run: &JobRun) -> Option<String> {
    let sessions = run.processing().filter_map(|(_, id)| model.data().snapshot.session(id));
    let names: Vec<String> = sessions
        .filter_map(|session| match session.order() {
            Order::Backup(order) => order.checkpoint_name(session.uuid()),
            Order::Restore(_) | Order::Verify(_) | Order::Explore(_) | Order::Items(_) => None,
        })
        .map(|name| format::clean(&name).into_owned())
        .collect();
    let what = if names.len() == 1 { "its checkpoint at libvirt is" } else { "their checkpoints at libvirt are" };
    (!names.is_empty()).then(|| format!("{what} deleted: {}", listed(&names)))
}

const fn is_in_process(state: &ObjectState) -> bool {
    matches!(state, ObjectState::Processing { .. })
}

/// The objects of a run that stand so.
fn names(run: &JobRun, stands: impl Fn(&ObjectState) -> bool) -> Vec<String> {
    let objects = run.spec().objects().iter().zip(run.objects()).filter(|(_, state)| stands(state));
    objects.map(|(wanted, _)| format::clean(wanted.object.name().as_str()).into_owned()).collect()
}

/// The first of them by name, the others counted.
fn listed(names: &[String]) -> String {
    /// More names are not read in one line.
    const NAMED: usize = 4;
    let shown = names.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    let rest = names.len().saturating_sub(NAMED);
    if rest == 0 { shown } else { format!("{shown} and {} more", format::count(rest as u64)) }
}
