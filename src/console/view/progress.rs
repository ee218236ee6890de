//! The Progress page of a session: head line, gauges, numbers, speed, steps, attempts with their causes.

use super::{states, widgets};
use crate::{
    console::{
        action::Action,
        format,
        model::{Model, history::Left},
        theme::{Brush, Role},
    },
    domain::{
        BackupForm, BackupSource, Compression, Damage, Disposed, Kind, LeftServer, Order, Outcome, Rate, RunningServer,
        Step, StepState, Timestamp, Verification, quantity::many,
    },
    machine::{AttemptEnd, AttemptRecord, CancelStage, Cause, Phase, Session, session::Urgency},
};
use ratatui::text::{Line, Span};
use std::{path::Path, time::Duration};

/// The page.
pub(super) fn lines(model: &Model, session: &Session, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let now = model.now();
    let mut lines = head(model, session, width, brush);
    lines.extend(trouble(model, session, width, brush));
    lines.extend(outcome(session, width, brush));
    lines.extend(left_server(model, session, width, brush));
    lines.extend(gauges(session, width, brush));
    lines.extend(numbers(model, session, width, brush));
    lines.push(Line::default());
    lines.push(Line::from(brush.span(Role::Title, "Steps")));
    lines.extend(session.steps().iter().map(|(step, _)| step_line(session, *step, now, width, brush)));
    lines.extend(notes(session, width, brush));
    lines.extend(attempts(session, now, width, brush));
    lines
}

fn head(model: &Model, session: &Session, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let (sign, role) = states::sign(session, &brush.glyphs);
    let state = states::long(session, model.now(), model.queued_ahead(session.id()));
    let about = match session.phase() {
        Phase::Running { attempt, cause, got_through, .. } => match (cause, got_through) {
            (Cause::First, _) if attempt.0 == 1 => String::new(),
            (Cause::First, _) => format!("attempt {attempt}"),
            (Cause::Try(number), false) => {
                format!("attempt {attempt} (try {number} of {})", session.policy().tries)
            }
            (Cause::Try(number), true) => {
                format!("attempt {attempt} (try {number} of {} got through)", session.policy().tries)
            }
            (Cause::Retry, _) => format!("attempt {attempt} (retry)"),
            (Cause::Resume, _) => format!("attempt {attempt} (recovery goes on)"),
        },
        Phase::Completed { at, .. } => {
            format!("{}, took {}", format::full(*at), format::duration(session.elapsed(*at)))
        }
        Phase::Waiting { .. } => tries(session),
        Phase::Queued { .. } | Phase::Stuck { .. } | Phase::Paused { .. } | Phase::Cancelling { .. } => String::new(),
    };
    let head = format!("{sign} {state}");
    if format::width(&head) + 3 + format::width(&about) <= width && !about.is_empty() {
        return vec![Line::from(vec![brush.span(role, head), brush.span(Role::Dim, format!("   {about}"))])];
    }
    let mut lines: Vec<_> =
        format::hang(&head, width, 2).into_iter().map(|line| Line::from(brush.span(role, line))).collect();
    if !about.is_empty() {
        lines.extend(widgets::wrapped(&about, width, 2, Role::Dim, brush));
    }
    lines
}

fn tries(session: &Session) -> String {
    match session.tries_total() {
        0 => String::new(),
        1 => "1 try made in all".to_owned(),
        many => format!("{many} tries made in all"),
    }
}

/// What is wrong and what can be done, the first cause pinned above the last (S1).
fn trouble(model: &Model, session: &Session, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let last = match session.phase() {
        Phase::Waiting { failure, .. } => Some((failure, Role::Waiting)),
        Phase::Stuck { failure, .. } => Some((failure, Role::Stuck)),
        Phase::Queued { .. }
        | Phase::Running { .. }
        | Phase::Paused { .. }
        | Phase::Cancelling { .. }
        | Phase::Completed { .. } => None,
    };
    let ongoing_first = session.first_cause().filter(|_| session.is_ongoing());
    if let Some(first) = ongoing_first.filter(|first| last.is_none_or(|(last, _)| last != *first)) {
        lines.extend(widgets::wrapped(&format!("First cause: {}", first.cause), width, 2, Role::Waiting, brush));
    }
    if let Some((failure, role)) = last {
        lines.extend(widgets::wrapped(&failure.cause, width, 2, role, brush));
        if !failure.advice.is_empty() {
            lines.extend(widgets::wrapped(&format!("What to do: {}", failure.advice), width, 2, Role::Text, brush));
        }
    }
    if let Phase::Cancelling {
        stage:
            CancelStage::Stopping { urgency: Urgency::Overdue, attempt, .. }
            | CancelStage::Disposing { urgency: Urgency::Overdue, attempt, .. },
        ..
    } = session.phase()
    {
        let process = session.live_mark().map_or_else(String::new, |mark| format!(" (process {})", mark.pid));
        let key = widgets::key(model, Action::Force);
        let text = format!("Attempt {attempt}{process} is still alive past its deadline; {key} offers to kill it");
        lines.extend(widgets::wrapped(&text, width, 2, Role::Stuck, brush));
    }
    lines
}

fn outcome(session: &Session, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let Phase::Completed { outcome, .. } = session.phase() else { return Vec::new() };
    let text = |text: &str| widgets::wrapped(text, width, 2, Role::Text, brush);
    match outcome {
        Outcome::Succeeded(success) => {
            let warning = |warning| widgets::wrapped(&format!("Warning: {warning}"), width, 2, Role::Stuck, brush);
            let unchecked = |unchecked| text(&format!("Not verified: {unchecked}"));
            let warnings = success.warnings.iter().flat_map(warning);
            text(&success.result.to_string())
                .into_iter()
                .chain(warnings)
                .chain(success.unchecked.iter().flat_map(unchecked))
                .collect()
        }
        Outcome::Damaged(verification) => damages(verification, width, brush),
        Outcome::Failed { disposed, .. } | Outcome::Cancelled { disposed } | Outcome::Stopped { disposed } => {
            let mut lines = text(&disposed.to_string());
            if let Outcome::Failed { failure, .. } = outcome {
                lines.splice(0..0, widgets::wrapped(&failure.cause, width, 2, Role::Stuck, brush));
            }
            if matches!(disposed, Disposed::Failed { .. }) {
                let left = |directory: &&Path| text(&format!("Left in {}", directory.display()));
                lines.extend(session.directories().iter().flat_map(left));
            }
            lines
        }
    }
}

/// What has become of the server that was left running.
fn left_server(model: &Model, session: &Session, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let Some(found) = model.left_server(session) else { return Vec::new() };
    let described = |server: &RunningServer| {
        let port = server.port.map_or_else(String::new, |port| format!("port {port}, "));
        let since =
            server.since.map_or_else(String::new, |since| format!(", since {}", format::moment(since, model.now())));
        format!("{port}process {}{since}", server.process.pid)
    };
    let (role, text) = match found {
        Ok(LeftServer::Runs(server)) => {
            let key = widgets::key(model, Action::ShutDown);
            (Role::Text, format!("Its server runs now: {}; {key} stops it", described(server)))
        }
        Ok(LeftServer::Other(server)) => {
            (Role::Text, format!("A server that somebody else has started runs there now: {}", described(server)))
        }
        Ok(LeftServer::Down) => (Role::Dim, "Its server runs no more".to_owned()),
        Ok(LeftServer::Replaced) => {
            (Role::Dim, "Its directory is gone by now, or holds something else; no server of it is known".to_owned())
        }
        Err(problem) => (Role::Dim, format!("Whether its server runs now cannot be told: {}", format::clean(problem))),
    };
    widgets::wrapped(&text, width, 2, role, brush)
}

/// All that is damaged, as far as the record keeps it, and what was not checked.
fn damages(found: &Verification, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let many = many(found.damages_total, "damage");
    let mut lines = widgets::wrapped(&many, width, 2, Role::Stuck, brush);
    let each = found.damages.iter().map(Damage::to_string);
    lines.extend(each.flat_map(|damage| widgets::wrapped(&damage, width, 2, Role::Text, brush)));
    let kept = found.damages.len() as u64;
    if kept < found.damages_total {
        let more = format!("{} more are named in the log", format::count(found.damages_total - kept));
        lines.extend(widgets::wrapped(&more, width, 2, Role::Dim, brush));
    }
    let unchecked = found.unchecked.iter().map(|what| format!("Not verified: {what}"));
    lines.extend(unchecked.flat_map(|what| widgets::wrapped(&what, width, 2, Role::Text, brush)));
    lines
}

/// Copy and replay are two gauges of one time line (S5).
fn gauges(session: &Session, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let progress = session.progress();
    if session.bytes_total().0 == 0 {
        return Vec::new();
    }
    // Two columns of name, five of percent, and air.
    let room = width.saturating_sub(14).clamp(4, 60);
    let line = |name: &'static str, ratio: f64, role: Role| {
        let mut spans = vec![brush.span(Role::Dim, format!("{name:<5}"))];
        spans.extend(widgets::gauge(ratio, room, role, brush));
        spans.push(brush.span(Role::Text, format!("  {}", format::percent(ratio))));
        Line::from(spans)
    };
    let bytes = if session.order().kind() == Kind::Verify { "Read" } else { "Copy" };
    let mut lines = vec![line(bytes, session.ratio(), Role::Gauge)];
    lines.extend(progress.wal.map(|wal| line("WAL", wal.ratio(), Role::Replay)));
    lines
}

fn numbers(model: &Model, session: &Session, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let progress = session.progress();
    if session.bytes_total().0 == 0 {
        return Vec::new();
    }
    let now = model.moment();
    let mut parts = vec![format!("{} of {}", session.bytes_done(), session.bytes_total())];
    if progress.files_total > 0 {
        parts.push(format!("{} of {} files", format::count(progress.files_done), format::count(progress.files_total)));
    }
    if let Some(wal) = progress.wal {
        parts = vec![format!("WAL {} of {}", wal.at, wal.stop)];
    }
    let running = matches!(session.phase(), Phase::Running { .. });
    let history = model.history(session.id()).filter(|_| running);
    let copying = matches!(session.current_step(), Some(Step::Copy | Step::Read | Step::Wal));
    let mut lines = Vec::new();
    if let Some(rate) = model.rate(session).filter(|_| running) {
        let rate = format::rate(rate);
        parts.push(match read_limit(session.order()) {
            // The limit is on what is read from the repository.
            Some(limit) => format!("{rate} unpacked (reads at most {limit})"),
            None => rate,
        });
    }
    let time = match model.left(session).filter(|_| running) {
        Some(Left::Range(fast, slow)) => {
            let (fast, slow) = (format::coarse(fast), format::coarse(slow));
            Some((
                if fast == slow { format!("about {slow} left") } else { format!("{fast} to {slow} left") },
                Role::Text,
            ))
        }
        Some(Left::Stalled(since)) => {
            let ago = format::coarse(format::between(since.steady, now.steady));
            Some((format!("stalled since {} ({ago})", format::clock(since.wall)), Role::Waiting))
        }
        Some(Left::Hidden) | None => None,
    };
    if progress.bytes_reused.0 > 0 {
        parts.push(format!("{} reused", progress.bytes_reused));
    }
    let mut line = Line::default();
    for (text, role) in parts.into_iter().map(|text| (text, Role::Text)).chain(time) {
        let gap = if line.spans.is_empty() { "" } else { "   " };
        if line.width() + gap.len() + format::width(&text) > width && !line.spans.is_empty() {
            lines.push(std::mem::take(&mut line));
        } else {
            line.push_span(Span::raw(gap));
        }
        line.push_span(brush.span(role, text));
    }
    lines.push(line);
    if let Some(history) = history.filter(|_| copying) {
        // A bar is two seconds: sixty of them are the last two minutes.
        let bars = history.bars(now, width.saturating_sub(16).clamp(1, 60));
        lines.push(spark(&bars, brush));
    }
    lines
}

/// The limit on what is read, where that is less than what is written: of packed archives.
fn read_limit(order: &Order) -> Option<Rate> {
    let point = order.point()?;
    let packed = matches!(
        point.source,
        BackupSource::BaseBackup {
            form: BackupForm::Tar(Compression::Gzip | Compression::Lz4 | Compression::Zstd),
            ..
        }
    );
    order.max_rate().filter(|_| packed)
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
        StepState::Pending => (glyphs.pending, Role::Dim, String::new(), String::new()),
        StepState::Running { detail } => {
            let since = if let Phase::Running { since, .. } = session.phase() { Some(*since) } else { None };
            (glyphs.running, Role::Running, running_for(session, since, now), detail.clone())
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

/// How long the running step has run: the attempt's time without that of the steps before it.
fn running_for(session: &Session, since: Option<Timestamp>, now: Timestamp) -> String {
    let Some(since) = since else { return String::new() };
    let before: Duration = session
        .steps()
        .iter()
        .filter_map(|(_, state)| match state {
            StepState::Done { took, .. } | StepState::Failed { took } => Some(*took),
            StepState::Pending | StepState::Running { .. } | StepState::Skipped { .. } | StepState::Stopped => None,
        })
        .sum();
    format::duration(format::between(since, now).saturating_sub(before))
}

fn notes(session: &Session, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    // The newest are the ones that matter here; Events has them all.
    const SHOWN: usize = 3;
    let notes = session.notes();
    let newest = notes.iter().skip(notes.len().saturating_sub(SHOWN));
    newest.flat_map(|note| widgets::wrapped(note, width, 3, Role::Dim, brush)).collect()
}

fn attempts(session: &Session, now: Timestamp, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let records = session.attempts();
    let tells_more =
        records.len() > 1 || records.iter().any(|record| matches!(record.ended, Some((_, AttemptEnd::Failed(_)))));
    if !tells_more {
        return Vec::new();
    }
    let mut lines = vec![Line::default(), Line::from(brush.span(Role::Title, "Attempts"))];
    for record in records.iter().rev() {
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
    let mut wrapped = widgets::wrapped(&text, width, indent, role, brush);
    if let Some(first) = wrapped.first_mut() {
        let text: String = first.spans.iter().map(|span| span.content.as_ref()).collect();
        *first = Line::from(vec![brush.span(Role::Dim, front), brush.span(role, text.trim_start().to_owned())]);
    }
    wrapped
}
