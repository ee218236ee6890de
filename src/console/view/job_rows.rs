//! Jobs, their objects and their runs as rows of the tree, and the words that all pages have for how a run stands.

use super::{
    states::{self, Brief},
    tree::ongoing,
    tree_row::Row,
};
use crate::{
    console::{
        format,
        glyphs::Glyphs,
        model::{Model, jobs::Job, tree::TreeRow},
        theme::{Brush, Role},
    },
    domain::JobResult,
    machine::job::{JobRow, JobRun, ObjectCounts, ObjectState},
};
use std::time::Duration;

/// The row of a job, an object, or a run that has ended.
pub(super) fn row(row: TreeRow, model: &Model, brush: &Brush) -> Row {
    let data = model.data();
    let nothing = || Row::plain(("", Role::Dim), String::new(), Brief::Words(String::new(), String::new()));
    match row {
        TreeRow::Job(at) => match data.jobs.line(at) {
            Some((job, None)) => of_job(job, model, brush),
            Some((job, Some((object, state)))) => of_object(job, object, state, model, brush),
            None => nothing(),
        },
        TreeRow::Run(at) => match data.snapshot.ended_runs.get(at) {
            Some(run) => of_run(run, &format!("{}#{}", run.name, run.id), model, brush),
            None => nothing(),
        },
        TreeRow::UnreadableRun(at) => match data.snapshot.unreadable_runs.get(at) {
            Some(record) => {
                let problem = Brief::Words(format::clean(&record.problem).into_owned(), String::new());
                Row::plain((brush.glyphs.warning, Role::Stuck), format!("run {}", record.id), problem)
            }
            None => nothing(),
        },
        TreeRow::Group(_)
        | TreeRow::Ongoing(_)
        | TreeRow::Completed(_)
        | TreeRow::Unreadable(_)
        | TreeRow::Instance(_)
        | TreeRow::Past(_)
        | TreeRow::Explored(_) => nothing(),
    }
}

fn of_job(job: &Job, model: &Model, brush: &Brush) -> Row {
    let name = format::clean(job.name.as_str()).into_owned();
    match (&job.run, &job.last) {
        (Some(run), _) => {
            let brief = Brief::Work {
                doing: format!("{} {}", word(run), made(&ObjectCounts::of(run.objects()))),
                ratio: Some(share(model, run)),
                left: String::new(),
            };
            Row::plain(sign(run, &brush.glyphs), name, brief)
        }
        (None, Some(last)) => of_run(last, job.name.as_str(), model, brush),
        (None, None) => {
            let brief = Brief::Words("never ran".to_owned(), String::new());
            Row { role: Role::Dim, ..Row::plain((brush.glyphs.pending, Role::Dim), name, brief) }
        }
    }
}

fn of_run(run: &JobRow, name: &str, model: &Model, brush: &Brush) -> Row {
    let state = format!("{} {}", run.result, format::moment(run.ended, model.now()));
    let brief = Brief::Words(state, format!("{} {}", made(&run.objects), format::duration(took(run))));
    Row::plain(sign_of(run.result, &brush.glyphs), format::clean(name).into_owned(), brief)
}

fn of_object(job: &Job, object: usize, state: &ObjectState, model: &Model, brush: &Brush) -> Row {
    let session = state.session().and_then(|session| model.data().snapshot.session(session));
    let indented = |row: Row| Row { name: format!("  {}", row.name), ..row };
    if let Some(session) = session {
        return indented(ongoing(session, model, brush));
    }
    let wanted = job.run.as_ref().and_then(|run| run.spec().objects().get(object));
    let name = wanted.map_or("", |wanted| wanted.object.name().as_str());
    let brief = Brief::Words(state.word().to_owned(), String::new());
    let marked = state.session().is_some_and(|session| model.tree().marked.contains(&session));
    let row = Row::plain(sign_of_object(state, &brush.glyphs), format::clean(name).into_owned(), brief);
    indented(Row { marked, ..row })
}

/// How a run stands that goes on, in a word.
pub(super) const fn word(run: &JobRun) -> &'static str {
    if run.stopping().is_some() { "stopping" } else { "running" }
}

/// How many of how many objects have what they were to get.
pub(super) fn made(counts: &ObjectCounts) -> String {
    format!("{}/{}", counts.succeeded, counts.total())
}

/// How long a run took.
pub(super) fn took(run: &JobRow) -> Duration {
    format::between(run.started, run.ended)
}

/// How much of a run is done: of each object in process as much as it has read.
pub(super) fn share(model: &Model, run: &JobRun) -> f64 {
    let done = |state: &ObjectState| match state {
        ObjectState::Pending => 0.0,
        ObjectState::Processing { session, .. } => {
            let session = model.data().snapshot.session(*session);
            session.map_or(0.0, |session| states::share_of_step(session).unwrap_or(0.0))
        }
        ObjectState::Succeeded { .. }
        | ObjectState::Failed { .. }
        | ObjectState::Stopped { .. }
        | ObjectState::NotStarted => 1.0,
    };
    let count = run.objects().len().max(1);
    run.objects().iter().map(done).sum::<f64>() / count as f64
}

/// Sign and role of a run that goes on.
pub(super) const fn sign(run: &JobRun, glyphs: &Glyphs) -> (&'static str, Role) {
    if run.stopping().is_some() { (glyphs.cancelling, Role::Cancelling) } else { (glyphs.running, Role::Running) }
}

/// Sign and role of how a run ended.
pub(super) const fn sign_of(result: JobResult, glyphs: &Glyphs) -> (&'static str, Role) {
    match result {
        JobResult::Success => (glyphs.done, Role::Done),
        JobResult::Warning => (glyphs.warning, Role::Waiting),
        JobResult::Failed => (glyphs.stuck, Role::Stuck),
        JobResult::Stopped => (glyphs.cancelled, Role::Cancelled),
    }
}

/// Sign and role of where an object stands.
pub(super) const fn sign_of_object(state: &ObjectState, glyphs: &Glyphs) -> (&'static str, Role) {
    match state {
        ObjectState::Pending | ObjectState::NotStarted => (glyphs.pending, Role::Dim),
        ObjectState::Processing { .. } => (glyphs.running, Role::Running),
        ObjectState::Succeeded { .. } => (glyphs.done, Role::Done),
        ObjectState::Failed { .. } => (glyphs.stuck, Role::Stuck),
        ObjectState::Stopped { .. } => (glyphs.cancelled, Role::Cancelled),
    }
}
