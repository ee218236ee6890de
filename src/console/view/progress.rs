//! The Progress page of a session: head line, gauges, numbers, speed, steps, attempts with their causes.

use super::{course, gauges, paused, states, widgets};
use crate::{
    console::{
        action::Action,
        format,
        model::Model,
        theme::{Brush, Role},
    },
    domain::{Damage, Disposed, LeftServer, Outcome, RunningServer, Verification, quantity::many},
    machine::{CancelStage, Cause, Phase, Session, session::Urgency},
};
use ratatui::text::Line;
use std::path::Path;

/// The page.
pub(super) fn lines(model: &Model, session: &Session, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let mut lines = head(model, session, width, brush);
    lines.extend(trouble(model, session, width, brush));
    lines.extend(paused::lines(model, session, width, brush));
    lines.extend(outcome(session, width, brush));
    lines.extend(left_server(model, session, width, brush));
    lines.extend(gauges::lines(model, session, width, brush));
    lines.extend(course::lines(model, session, width, brush));
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
    if let Some(first) = ongoing_first.filter(|first| last.is_none_or(|(last, _)| last.cause != first.cause)) {
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
            text(&session.achieved(success))
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
            let key = widgets::key(model, Action::Stop);
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
