//! The pages of jobs: all of them, those that have ended, and one run with its objects, its first cause and its log.
//!
//! Promises: objects stand in the order of the settings, each with its word (R42); the first cause stands above them (S1).

use super::{
    events,
    job_rows::{made, share, sign, sign_of, sign_of_object, took, word},
    states,
    table::{self, Cell, Content},
    widgets,
};
use crate::{
    console::{
        action::Action,
        format,
        model::{
            Model,
            jobs::{Job, JobLine},
            tree::{Group, TreeRow},
        },
        theme::{Brush, Role},
    },
    domain::InstanceName,
    machine::job::{JobPhase, JobRow, JobRun, ObjectCounts, ObjectState},
};
use ratatui::text::Line;

/// More jobs are not read on a page that is laid out anew for each picture; the tree has them all.
const MOST: usize = 200;

/// All jobs, a line each; without any, how to describe one.
pub(super) fn all(model: &Model, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let jobs = &model.data().jobs;
    if jobs.list.is_empty() {
        let text = "No job is described yet. [[job]] in howdah.toml names what is backed up, and where to; the README \
                    has a first one in five lines.";
        return widgets::wrapped(text, width, 0, Role::Text, brush);
    }
    let going_on = model.data().snapshot.runs.len();
    let head = match going_on {
        0 => format!("{}, none runs", format::many(jobs.list.len(), "job")),
        _ => format!("{}, {going_on} running", format::many(jobs.list.len(), "job")),
    };
    let mut lines = vec![Line::from(brush.span(Role::Text, head))];
    lines.extend(widgets::filter_of(model, Group::Jobs, width, brush));
    lines.push(Line::default());
    let shown = model.tree().members(Group::Jobs).filter_map(|row| {
        let TreeRow::Job(at) = row else { return None };
        let JobLine::Job(job) = jobs.lines.get(at)? else { return None };
        jobs.list.get(*job)
    });
    let shown: Vec<&Job> = shown.collect();
    let cells: Vec<Vec<Cell>> = shown.iter().take(MOST).map(|job| cells(job, model, brush)).collect();
    let columns = [
        column("job", Content::Text { least: 8 }, 0),
        column("", Content::Text { least: 9 }, 0),
        column("ended", Content::Whole, 2),
        column("took", Content::Number { usual: 6 }, 3),
        column("objects", Content::Number { usual: 5 }, 1),
        column("next", Content::Text { least: 8 }, 4),
        column("kind", Content::Whole, 5),
    ];
    let table = table::table(&columns, &cells, None, width, brush);
    lines.push(table.heading);
    lines.extend(table.rows);
    if let Some(more) = shown.len().checked_sub(MOST + 1) {
        let text = format!("and {} more, in the tree", format::count(more as u64 + 1));
        lines.push(Line::from(brush.span(Role::Dim, text)));
    }
    lines
}

const fn column(heading: &'static str, content: Content, rank: u8) -> table::Column {
    table::Column { heading, content, rank }
}

fn cells(job: &Job, model: &Model, brush: &Brush) -> Vec<Cell> {
    let text = |role: Role, text: String| Cell::Text(role, text);
    let name = format::clean(job.name.as_str()).into_owned();
    let kind = match (&job.spec, &job.run, &job.last) {
        (Some(spec), ..) => spec.kind().to_string(),
        (None, Some(run), _) => run.spec().kind().to_string(),
        (None, None, Some(last)) => last.kind.to_string(),
        (None, None, None) => String::new(),
    };
    let last = job.last.as_ref();
    let ended = last.map_or_else(String::new, |row| format::moment(row.ended, model.now()));
    let (sign, role, stands) = match (&job.run, last) {
        (Some(run), _) => {
            let (sign, role) = sign(run, &brush.glyphs);
            (sign, role, word(run).to_owned())
        }
        (None, Some(row)) => {
            let (sign, role) = sign_of(row.result, &brush.glyphs);
            (sign, role, row.result.to_string())
        }
        (None, None) => (brush.glyphs.pending, Role::Dim, "never ran".to_owned()),
    };
    let (took, objects) = match (&job.run, last) {
        (Some(run), _) => (format::duration(run.elapsed(model.now())), made(&ObjectCounts::of(run.objects()))),
        (None, Some(row)) => (format::duration(took(row)), made(&row.objects)),
        (None, None) => {
            (String::new(), job.spec.as_ref().map_or_else(String::new, |spec| spec.objects().len().to_string()))
        }
    };
    vec![
        text(Role::Text, name),
        text(role, format!("{sign} {stands}")),
        text(Role::Dim, ended),
        text(Role::Text, took),
        text(Role::Text, objects),
        text(Role::Dim, next(job, model)),
        text(Role::Dim, kind),
    ]
}

/// What comes next in a job.
fn next(job: &Job, model: &Model) -> String {
    let Some(run) = &job.run else {
        return match job.spec {
            Some(_) => format!("{} starts it", widgets::key(model, Action::StartJob)),
            None => "not in the settings".to_owned(),
        };
    };
    let pending = run.objects().iter().position(|state| matches!(state, ObjectState::Pending));
    match (run.stopping(), pending) {
        (Some(mode), _) => format!("its end, {mode}"),
        (None, Some(object)) => format!("then {}", object_name(run, object)),
        (None, None) => "then its end".to_owned(),
    }
}

/// The runs that have ended, newest first.
pub(super) fn ended(model: &Model, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let data = model.data();
    let mut lines = widgets::filter_of(model, Group::Runs, width, brush);
    let rows = model.tree().members(Group::Runs).filter_map(|row| {
        let TreeRow::Run(at) = row else { return None };
        data.snapshot.ended_runs.get(at)
    });
    let cells: Vec<Vec<Cell>> = rows.map(|row| run_cells(row, model, brush)).collect();
    let columns = [
        column("run", Content::Text { least: 8 }, 0),
        column("", Content::Text { least: 9 }, 0),
        column("ended", Content::Whole, 1),
        column("took", Content::Number { usual: 6 }, 2),
        column("objects", Content::Number { usual: 5 }, 3),
        column("why", Content::Text { least: 12 }, 4),
    ];
    if !cells.is_empty() {
        let table = table::table(&columns, &cells, None, width, brush);
        lines.push(table.heading);
        lines.extend(table.rows);
    }
    if !data.snapshot.unreadable_runs.is_empty() {
        lines.push(Line::default());
        lines.extend(unreadable(model, width, brush));
    }
    lines
}

fn run_cells(row: &JobRow, model: &Model, brush: &Brush) -> Vec<Cell> {
    let (sign, role) = sign_of(row.result, &brush.glyphs);
    vec![
        Cell::Text(Role::Text, format::clean(&format!("{}#{}", row.name, row.id)).into_owned()),
        Cell::Text(role, format!("{sign} {}", row.result)),
        Cell::Text(Role::Dim, format::moment(row.ended, model.now())),
        Cell::Text(Role::Text, format::duration(took(row))),
        Cell::Text(Role::Text, made(&row.objects)),
        Cell::Text(Role::Dim, format::clean(&row.detail).into_owned()),
    ]
}

/// Each record of a run that cannot be read, with its problem (S10).
pub(super) fn unreadable(model: &Model, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let text = "Of these runs the journal has no record that this build can read. What is there is kept as it is.";
    let mut lines = widgets::wrapped(text, width, 0, Role::Text, brush);
    for record in model.data().snapshot.unreadable_runs.iter() {
        let text = format!("run {}: {}", record.id, record.problem);
        lines.extend(widgets::wrapped(&text, width, 0, Role::Stuck, brush));
    }
    lines
}

/// A job that never ran: what a run would do.
pub(super) fn not_run(model: &Model, name: &InstanceName, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let mut lines = widgets::wrapped("It never ran.", width, 0, Role::Text, brush);
    if let Some(spec) = model.data().jobs.job(name).and_then(|job| job.spec.as_ref()) {
        let key = widgets::key(model, Action::StartJob);
        lines.extend(widgets::wrapped(&format!("{key} shows its plan and starts it."), width, 0, Role::Dim, brush));
        lines.push(Line::default());
        let names: Vec<&str> = spec.objects().iter().map(|wanted| wanted.object.name().as_str()).collect();
        lines.extend(widgets::pair("Kind", spec.kind().as_str(), width, brush));
        lines.extend(widgets::pair("Objects", &format::clean(&names.join(", ")), width, brush));
    }
    lines
}

/// A run: how it stands, its first cause, its objects, and what happened.
pub(super) fn run(model: &Model, run: &JobRun, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let mut lines = head(model, run, width, brush);
    lines.extend(first_cause(run, width, brush));
    lines.push(Line::default());
    lines.extend(objects(model, run, width, brush));
    lines.push(Line::default());
    lines.push(Line::from(brush.span(Role::Title, "Log")));
    let command = format!("howdah job log {}#{}", run.spec().name(), run.id());
    lines.extend(events::story(model.run_events(), ("run", &command), width, brush));
    lines
}

fn head(model: &Model, run: &JobRun, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let now = model.now();
    let counts = ObjectCounts::of(run.objects());
    let took = format::duration(run.elapsed(now));
    let (role, text) = match run.phase() {
        JobPhase::Done { result, detail, at } => {
            let (sign, role) = sign_of(*result, &brush.glyphs);
            (role, format!("{sign} {}: {detail}; {}, took {took}", capital(result.as_str()), format::full(*at)))
        }
        JobPhase::Running => {
            let (sign, role) = sign(run, &brush.glyphs);
            (role, format!("{sign} Running for {took}"))
        }
        JobPhase::StoppingGracefully { by, .. } | JobPhase::StoppingImmediately { by, .. } => {
            let (sign, role) = sign(run, &brush.glyphs);
            let how = run.stopping().map_or("", crate::domain::StopMode::adverb);
            let by = by.split(" (process ").next().unwrap_or_default();
            (role, format!("{sign} Being stopped {how}, as {by} asked; running for {took}"))
        }
    };
    let mut lines = widgets::hung(&text, width, 2, role, brush);
    if run.is_ongoing() {
        let ratio = share(model, run);
        let about = format!("  {}  {} of {} done", format::percent(ratio), counts.succeeded, counts.total());
        let room = width.saturating_sub(format::width(&about)).clamp(4, 60);
        let mut spans = widgets::gauge(ratio, room, Role::Gauge, brush);
        spans.push(brush.span(Role::Text, about));
        lines.push(Line::from(spans));
    }
    let by = format!(
        "Started {} by {} through {}",
        format::moment(run.started_at(), now),
        run.who().account(),
        run.origin()
    );
    lines.extend(widgets::hung(&by, width, 2, Role::Dim, brush));
    lines
}

/// The first cause, pinned above the objects.
fn first_cause(run: &JobRun, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let Some((object, cause)) = run.first_failure() else { return Vec::new() };
    let text = format!("First cause: {object}: {cause}");
    widgets::hung(&text, width, 2, Role::Stuck, brush)
}

/// Name, word and what there is to say of each.
fn objects(model: &Model, run: &JobRun, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let names: Vec<String> = (0..run.objects().len()).map(|object| object_name(run, object)).collect();
    let widest = names.iter().map(|name| format::width(name)).max().unwrap_or(0).min(width / 3);
    let words = run.objects().iter().map(|state| state.word().len()).max().unwrap_or(0);
    let lines = names.iter().zip(run.objects()).flat_map(|(name, state)| {
        let (sign, role) = sign_of_object(state, &brush.glyphs);
        let front = format!("{sign} {} {:<words$}", widgets::cell(name, widest, brush), state.word());
        let indent = format::width(&front) + 2;
        let about = about(model, state);
        let mut lines = format::hang(&format!("{front}  {about}"), width, indent.min(width / 2)).into_iter();
        let first = lines.next().unwrap_or_default();
        let rest = first.get(front.len()..).map(str::to_owned);
        let painted = match rest {
            Some(rest) if first.starts_with(&front) => {
                Line::from(vec![brush.span(role, front), brush.span(Role::Text, rest)])
            }
            _ => Line::from(brush.span(role, first)),
        };
        let further: Vec<_> = lines.map(|line| Line::from(brush.span(Role::Text, line))).collect();
        std::iter::once(painted).chain(further).collect::<Vec<_>>()
    });
    lines.collect()
}

/// What there is to say of an object beside its word.
fn about(model: &Model, state: &ObjectState) -> String {
    let mut parts = Vec::new();
    if let ObjectState::Processing { session, .. } = state
        && let Some(session) = model.data().snapshot.session(*session)
    {
        parts.push(states::long(session, model.now(), model.queued_ahead(session.id())));
        parts.extend(model.rate(session).map(format::rate));
        parts.extend(Some(states::time_left(model.left(session))).filter(|left| !left.is_empty()));
    }
    parts.extend(state.detail());
    format::clean(&parts.join("   ")).into_owned()
}

/// A sentence begins with a capital.
fn capital(word: &str) -> String {
    let mut text = word.to_owned();
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text
}

fn object_name(run: &JobRun, object: usize) -> String {
    let wanted = run.spec().objects().get(object);
    wanted.map_or_else(String::new, |wanted| format::clean(wanted.object.name().as_str()).into_owned())
}
