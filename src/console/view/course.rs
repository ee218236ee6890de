//! How a session has come along: its steps, its speed, its attempts with their causes; side by side where there is room.

use super::{gauges, widgets};
use crate::{
    console::{
        format,
        model::Model,
        theme::{Brush, Role},
    },
    domain::{Step, StepState, Timestamp},
    machine::{AttemptEnd, AttemptRecord, Cause, Phase, Session},
};
use ratatui::text::{Line, Span};
use std::time::Duration;

/// From here on the steps stand on the left, speed and attempts on the right.
const SIDE_BY_SIDE: usize = 80;

/// Columns between the two.
const GAP: usize = 2;

/// Below this much room beside its times the cause of an attempt stands in lines of its own.
const LEAST_CAUSE: usize = 30;

/// The lower part of the page.
pub(super) fn lines(model: &Model, session: &Session, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    if width < SIDE_BY_SIDE {
        let mut lines = speed(model, session, width, brush);
        lines.push(Line::default());
        lines.extend(steps(model, session, width, brush));
        if tell_more(session.attempts()) {
            lines.push(Line::default());
            lines.extend(attempts(session, model.now(), width, brush));
        }
        return lines;
    }
    let left = (width - GAP) / 2;
    let right = width - GAP - left;
    let mut lines = vec![Line::default()];
    let mut beside = Vec::new();
    let speed = speed(model, session, right, brush);
    if !speed.is_empty() {
        beside.push(Line::from(brush.span(Role::Title, "Throughput")));
        beside.extend(averages(model, session, brush));
        beside.extend(speed);
        beside.push(Line::default());
    }
    if !session.attempts().is_empty() {
        beside.extend(attempts(session, model.now(), right, brush));
    }
    lines.extend(joined(steps(model, session, left, brush), beside, left + GAP));
    lines
}

/// Two blocks of lines side by side, the second from this column on.
fn joined(left: Vec<Line<'static>>, right: Vec<Line<'static>>, column: usize) -> Vec<Line<'static>> {
    let rows = left.len().max(right.len());
    let mut left = left.into_iter();
    let mut right = right.into_iter();
    let row = |_| {
        let mut line = left.next().unwrap_or_default();
        if let Some(beside) = right.next() {
            line.push_span(Span::raw(" ".repeat(column.saturating_sub(line.width()))));
            line.spans.extend(beside.spans);
        }
        line
    };
    (0..rows).map(row).collect()
}

fn steps(model: &Model, session: &Session, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let mut lines = vec![Line::from(brush.span(Role::Title, "Steps"))];
    lines.extend(session.steps().iter().map(|(step, _)| step_line(session, *step, model.now(), width, brush)));
    lines.extend(notes(session, width, brush));
    lines
}

/// The speed of the last minutes, of a session that reads or writes files.
fn speed(model: &Model, session: &Session, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let copying = matches!(session.current_step(), Some(Step::Copy | Step::Read | Step::Wal | Step::Replay));
    let running = matches!(session.phase(), Phase::Running { .. });
    let Some(history) = model.history(session.id()).filter(|_| copying && running) else { return Vec::new() };
    // A bar is two seconds: sixty of them are the last two minutes.
    vec![spark(&history.bars(model.moment(), width.saturating_sub(16).clamp(1, 60)), brush)]
}

/// How fast it is now, and since the step began.
fn averages(model: &Model, session: &Session, brush: &Brush) -> Option<Line<'static>> {
    let progress = session.progress();
    let moved = match progress.wal {
        Some(wal) => wal.at.0.saturating_sub(wal.start.0),
        None => progress.bytes_done.0.saturating_sub(progress.bytes_reused.0),
    };
    let spent = running_for(session, model.now())?.as_secs_f64();
    let average = (spent >= 1.0 && moved > 0).then(|| format!("{} average", format::rate(moved as f64 / spent)));
    let current = model.rate(session).map(|rate| format!("{} now", format::rate(rate)));
    let text: Vec<String> = [current, average].into_iter().flatten().collect();
    (!text.is_empty()).then(|| Line::from(brush.span(Role::Text, format!(" {}", text.join(", ")))))
}

fn spark(bars: &[u64], brush: &Brush) -> Line<'static> {
    let heights = brush.glyphs.spark;
    let most = bars.iter().copied().max().unwrap_or(0).max(1);
    let steps = heights.len() as u64 - 1;
    let height = |bar: &u64| heights[usize::try_from((bar * steps).div_ceil(most)).unwrap_or(0)];
    let text: String = bars.iter().map(height).collect();
    let span = Duration::from_secs(2 * bars.len() as u64);
    Line::from(vec![brush.span(Role::Spark, text), brush.span(Role::Dim, format!("  last {}", format::coarse(span)))])
}

fn step_line(session: &Session, step: Step, now: Timestamp, width: usize, brush: &Brush) -> Line<'static> {
    let glyphs = &brush.glyphs;
    let (sign, role, time, detail) = match session.step(step) {
        StepState::Pending => (glyphs.pending, Role::Dim, String::new(), goal(session, step)),
        StepState::Running { detail } => {
            let time = running_for(session, now).map_or_else(String::new, format::duration);
            let detail = if detail.is_empty() { goal(session, step) } else { detail.clone() };
            (glyphs.running, Role::Running, time, detail)
        }
        StepState::Done { took, detail } => (glyphs.done, Role::Done, format::duration(*took), detail.clone()),
        StepState::Skipped { reason } => (glyphs.skipped, Role::Dim, String::new(), format!("skipped: {reason}")),
        StepState::Stopped => (glyphs.cancelled, Role::Cancelled, String::new(), "stopped".to_owned()),
        StepState::Failed { took } => (glyphs.stuck, Role::Stuck, format::duration(*took), "failed".to_owned()),
    };
    let name = format!("{:<10}", step.to_string());
    let room = width.saturating_sub(24);
    let detail = format::fit(&format::clean(&detail), room, glyphs.more).into_owned();
    Line::from(vec![
        brush.span(role, format!(" {sign} ")),
        brush.span(role, name),
        brush.span(Role::Text, format!("{time:>8}  ")),
        brush.span(Role::Dim, detail),
    ])
}

/// How far replay is to go, where that is beyond the backup's own end.
fn goal(session: &Session, step: Step) -> String {
    match gauges::planned(session) {
        Some(plan) if step == Step::Replay => format!("to {}", plan.goal),
        Some(_) | None => String::new(),
    }
}

/// How long the running step has run: the attempt's time without that of the steps before it.
fn running_for(session: &Session, now: Timestamp) -> Option<Duration> {
    let Phase::Running { since, .. } = session.phase() else { return None };
    let before: Duration = session
        .steps()
        .iter()
        .filter_map(|(_, state)| match state {
            StepState::Done { took, .. } | StepState::Failed { took } => Some(*took),
            StepState::Pending | StepState::Running { .. } | StepState::Skipped { .. } | StepState::Stopped => None,
        })
        .sum();
    Some(format::between(*since, now).saturating_sub(before))
}

fn notes(session: &Session, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    // The newest are the ones that matter here; Events has them all.
    const SHOWN: usize = 3;
    let notes = session.notes();
    let newest = notes.iter().skip(notes.len().saturating_sub(SHOWN));
    newest.flat_map(|note| widgets::wrapped(note, width, 3, Role::Dim, brush)).collect()
}

/// Whether the attempts tell more than the head line does.
fn tell_more(records: &[AttemptRecord]) -> bool {
    records.len() > 1 || records.iter().any(|record| matches!(record.ended, Some((_, AttemptEnd::Failed(_)))))
}

fn attempts(session: &Session, now: Timestamp, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let mut lines = vec![Line::from(brush.span(Role::Title, "Attempts"))];
    for record in session.attempts().iter().rev() {
        lines.extend(attempt(record, now, width, brush));
    }
    lines
}

fn attempt(record: &AttemptRecord, now: Timestamp, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let (took, role, text) = match &record.ended {
        None => ("now".to_owned(), Role::Running, String::new()),
        Some((at, end)) => {
            let took = format::duration(format::between(record.launched, *at));
            match end {
                AttemptEnd::Done => (took, Role::Done, "done".to_owned()),
                AttemptEnd::Failed(failure) => (took, Role::Text, failure.cause.clone()),
                AttemptEnd::Stopped => (took, Role::Cancelled, "stopped".to_owned()),
                AttemptEnd::Unrecorded => (took, Role::Dim, "not in the journal".to_owned()),
            }
        }
    };
    let why = match record.cause {
        None if matches!(record.ended, Some((_, AttemptEnd::Unrecorded))) => String::new(),
        None => "dealing with partial data".to_owned(),
        Some(Cause::First) => String::new(),
        Some(Cause::Try(number)) => format!("try {number}"),
        Some(Cause::Retry) => "retry".to_owned(),
        Some(Cause::Resume) => "recovery goes on".to_owned(),
    };
    let text = [why, text].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ");
    let front = format!(" {:>2}  {:>5}  {took:>6}  ", record.number, format::moment(record.launched, now));
    let indent = format::width(&front);
    if width < indent + LEAST_CAUSE && !text.is_empty() {
        let mut lines = vec![Line::from(brush.span(Role::Dim, front))];
        lines.extend(widgets::wrapped(&text, width, 5, role, brush));
        return lines;
    }
    let mut wrapped = widgets::wrapped(&text, width, indent, role, brush);
    if let Some(first) = wrapped.first_mut() {
        let text: String = first.spans.iter().map(|span| span.content.as_ref()).collect();
        *first = Line::from(vec![brush.span(Role::Dim, front), brush.span(role, text.trim_start().to_owned())]);
    }
    wrapped
}
