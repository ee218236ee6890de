//! Jobs: a run is started after its plan was shown, and stopped after one question that knows both ways.

use super::next::Next;
use crate::{
    console::{
        action::{Go, PAGE, Press},
        format,
        message::{Intent, Query, RequestId},
        model::{
            Model,
            dialog::{Overlay, StartDialog, StopDialog, StopFocus},
            notice::Tone,
            tree::{Node, Screen},
        },
        view::job_dialogs,
    },
    domain::{InstanceName, JobId, ObjectPlan, StopMode},
    machine::{Refusal, job::JobRun},
    manager::JobAction,
};

/// Shows the plan of a run, and asks whether to start it.
pub(super) fn ask_start(model: &mut Model) -> Vec<Intent> {
    let Ok(spec) = model.job_to_start().cloned() else { return Vec::new() };
    model.runs.tickets += 1;
    let ticket = RequestId(model.runs.tickets);
    let query = Query::JobPlan(ticket, Box::new(spec.clone()));
    model.overlays.push(Overlay::StartJob(StartDialog { spec, ticket, plan: None, armed: false, scroll: 0 }));
    vec![Intent::Query(query)]
}

/// Takes in the plan, where its question still stands.
pub(super) fn planned(model: &mut Model, ticket: RequestId, plan: Vec<ObjectPlan>) {
    for overlay in &mut model.overlays {
        if let Overlay::StartJob(state) = overlay
            && state.ticket == ticket
        {
            state.plan = Some(plan);
            return;
        }
    }
}

/// A key in that question.
pub(super) fn in_start(model: &mut Model, mut state: StartDialog, press: Press) -> Vec<Intent> {
    match press {
        Press::Accept if !state.armed => return Vec::new(),
        Press::Accept => match state.refusal() {
            None => {
                model.notify(Tone::Info, format!("Starting {}", format::clean(state.spec.name().as_str())));
                return vec![Intent::StartJob(Box::new(state.spec))];
            }
            Some(reason) => model.notify(Tone::Refused, format!("Start job refused: {reason}")),
        },
        Press::Left | Press::Right | Press::Go(Go::Next | Go::Previous) => state.armed = !state.armed,
        Press::Go(go) => {
            let lines = job_dialogs::hidden_lines(model, &state);
            state.scroll = go.from(state.scroll.min(lines), lines + 1, PAGE);
        }
        Press::Mark | Press::Back | Press::Other(_) => {}
    }
    model.overlays.push(Overlay::StartJob(state));
    Vec::new()
}

/// Asks how the selected run is to be stopped. The button that changes nothing has the keys.
pub(super) fn ask_stop(model: &mut Model) -> Vec<Intent> {
    if let Some(run) = model.run_to_stop().map(|run| run.id()) {
        model.overlays.push(Overlay::StopRun(StopDialog { run, focus: StopFocus::Leave }));
    }
    Vec::new()
}

/// A key in that question.
pub(super) fn in_stop(model: &mut Model, mut state: StopDialog, press: Press) -> Next {
    match press {
        Press::Accept => {
            let Some(mode) = state.focus.mode() else { return Next::nothing() };
            let Some(run) = model.shown.jobs.run(state.run) else {
                model.notify(Tone::Refused, "Stop refused: the run has ended meanwhile");
                return Next::nothing();
            };
            match model.stop_refusal(run, mode) {
                None => {
                    let name = name(run);
                    model.notify(Tone::Info, format!("Stopping {name} {mode}"));
                    return Next::Done(vec![Intent::ActOnJob(JobAction::Stop(mode), state.run, name)]);
                }
                Some(reason) => model.notify(Tone::Refused, format!("Stop refused: {reason}")),
            }
        }
        Press::Right | Press::Go(Go::Next | Go::Down) => state.focus = state.focus.next(),
        Press::Left | Press::Go(Go::Previous | Go::Up) => state.focus = state.focus.next().next(),
        Press::Go(_) | Press::Mark | Press::Back | Press::Other(_) => {}
    }
    model.overlays.push(Overlay::StopRun(state));
    Next::nothing()
}

/// Kills what an overdue stop waits for.
pub(super) fn force(model: &Model) -> Vec<Intent> {
    let run = model.selected_run();
    run.map(|run| Intent::ActOnJob(JobAction::Force, run.id(), name(run))).into_iter().collect()
}

/// Takes the selected run that has ended off the screen.
pub(super) fn dismiss(model: &Model) -> Vec<Intent> {
    let row = model.ended_run();
    row.map(|row| Intent::ActOnJob(JobAction::Dismiss, row.id, called(&row.name, row.id))).into_iter().collect()
}

/// A start was answered. The run is what the person wants to see.
pub(super) fn started(model: &mut Model, job: &InstanceName, answer: Result<JobId, Refusal>) {
    match answer {
        Ok(run) => {
            model.notify(Tone::Done, format!("Started {}", called(job, run)));
            super::main_screen::show(model, Screen::Jobs);
            model.tree.moved = true;
            model.tree.want(&Node::Job(job.clone()), &model.shown);
            model.preview.reset();
        }
        Err(refusal) => model.notify(Tone::Refused, format::clean(&format!("Not started: {job}: {refusal}"))),
    }
}

/// A verb was answered.
pub(super) fn acted(model: &mut Model, act: JobAction, name: &str, answer: Result<JobId, Refusal>) {
    let (done, verb) = match act {
        JobAction::Stop(StopMode::Graceful) => ("is being stopped gracefully", "Stop"),
        JobAction::Stop(StopMode::Immediate) => ("is being stopped immediately", "Stop"),
        JobAction::Force => ("is forced to its end", "Force"),
        JobAction::Dismiss => ("is dismissed; its history is kept", "Dismiss"),
    };
    match answer {
        Ok(_) => model.notify(Tone::Done, format!("{name} {done}")),
        Err(refusal) => model.notify(Tone::Refused, format::clean(&format!("{verb} refused: {name}: {refusal}"))),
    }
}

/// What a run is called, where it is known whole.
pub(super) fn name(run: &JobRun) -> String {
    called(run.spec().name(), run.id())
}

/// What a run is called.
fn called(job: &InstanceName, run: JobId) -> String {
    format::clean(&format!("{job}#{run}")).into_owned()
}
