//! A report for people: headings, facts and tables, before it is decided how they are written.

use super::parts::{AttemptReport, AttemptState, CopiedReport, SessionReport};
use crate::{
    cli::session::format::{self, moment},
    domain::{ByteCount, Disposition, FailureClass, Outcome, Timestamp, quantity::many},
    machine::{Phase, Session},
};
use std::time::Duration;

/// What is written, in order. No text in it is printable yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Document {
    pub(super) title: String,
    pub(super) blocks: Vec<Block>,
}

/// One part of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Block {
    Section(String),
    Part(String),
    Paragraph(String),
    Facts(Vec<(&'static str, String)>),
    /// Rows that are as long as the heads.
    Table(&'static [&'static str], Vec<Vec<String>>),
}

impl Document {
    pub(super) fn of(session: &Session, report: &SessionReport) -> Self {
        let mut blocks = vec![Block::Paragraph(report.state.clone())];
        blocks.extend([Block::Section("Order".to_owned()), Block::Facts(order(session, report))]);
        blocks.extend([Block::Section("Plan".to_owned()), plan(report)]);
        blocks.push(Block::Section("Attempts".to_owned()));
        if report.attempts.is_empty() {
            blocks.push(Block::Paragraph("No attempt was made.".to_owned()));
        }
        for (record, attempt) in session.attempts().iter().zip(&report.attempts) {
            add_attempt(&format::cause(session, record), attempt, &mut blocks);
        }
        blocks.extend([Block::Section("Commands".to_owned()), commands(report)]);
        if !report.notes.is_empty() {
            let row = |(at, text): (Timestamp, &str)| vec![moment(at), text.to_owned()];
            let rows = report.notes.iter().map(|note| row((note.at, &note.text))).collect();
            blocks.extend([Block::Section("Notes".to_owned()), Block::Table(&["At (UTC)", "What"], rows)]);
        }
        blocks.extend([Block::Section("Outcome".to_owned()), Block::Facts(outcome(session, report))]);
        Self { title: format!("Session {}: {}", session.id(), session.order()), blocks }
    }
}

fn order(session: &Session, report: &SessionReport) -> Vec<(&'static str, String)> {
    let (order, object) = (session.order(), &report.session);
    let mut facts = vec![
        ("ordered", format!("{} UTC", moment(session.created_at()))),
        ("by", format!("{} through {}", session.by(), session.origin())),
        ("instance", order.title().to_string()),
    ];
    facts.extend(object.system_identifier.clone().map(|cluster| ("system identifier", cluster)));
    facts.extend(order.label().map(|label| ("restore point", label.to_owned())));
    facts.extend(order.point().map(|point| ("backup", point.source.to_string())));
    facts.extend(object.target.clone().map(|target| ("target", target)));
    facts.extend(object.port.map(|port| ("port", port.to_string())));
    facts.extend(order.max_rate().map(|rate| ("at most", rate.to_string())));
    facts.push(("uuid", session.uuid().to_string()));
    facts
}

fn plan(report: &SessionReport) -> Block {
    let Some(plan) = &report.plan else { return Block::Paragraph("No plan was made.".to_owned()) };
    let mut facts = vec![("size", format!("{} in {}", ByteCount(plan.bytes), many(plan.files, "file")))];
    if plan.found > 0 {
        facts.push(("found", format!("{} stood at the target already", ByteCount(plan.found))));
    }
    let spaces = plan.tablespaces.iter();
    facts.extend(spaces.map(|space| {
        let (oid, to, from) = (space.oid, &space.directory, &space.original);
        ("tablespace", format!("{oid}: {to} (was {from})"))
    }));
    facts.extend(plan.warnings.iter().map(|warning| ("warning", warning.clone())));
    Block::Facts(facts)
}

fn add_attempt(cause: &str, attempt: &AttemptReport, blocks: &mut Vec<Block>) {
    blocks.push(Block::Part(format!("Attempt {}: {cause}", attempt.number)));
    let mut facts = Vec::new();
    if attempt.end == AttemptState::Unrecorded {
        facts.push(("known", "by its files alone: the journal was lost or put back".to_owned()));
    } else {
        facts.push((
            "launched",
            format!("{} UTC, after a wait of {}", moment(attempt.launched), spoken(attempt.waited)),
        ));
    }
    let took = attempt.took.map_or_else(|| "the clock was set back meanwhile".to_owned(), spoken);
    let end = match attempt.end {
        AttemptState::Running => Some("it is under way".to_owned()),
        AttemptState::Lost => Some("its worker is gone, and nobody owns the sessions".to_owned()),
        AttemptState::Done => Some(format!("done, after {took}")),
        AttemptState::Failed => Some(format!("failed, after {took}")),
        AttemptState::Stopped => Some(format!("stopped, after {took}")),
        AttemptState::Unrecorded => None,
    };
    let ended = attempt.ended.map(|at| format!("{} UTC, ", moment(at))).unwrap_or_default();
    facts.extend(end.map(|end| ("end", format!("{ended}{end}"))));
    if let Some(failure) = &attempt.failure {
        let class = class_word(failure.class);
        let step = failure.step.map(|step| format!(" in {step}")).unwrap_or_default();
        facts.extend([("failure", format!("{class}{step}")), ("cause", failure.cause.clone())]);
        if !failure.advice.is_empty() {
            facts.push(("advice", failure.advice.clone()));
        }
    }
    blocks.push(Block::Facts(facts));
    if !attempt.steps.is_empty() {
        let rows = attempt.steps.iter().map(|step| {
            let began = step.began.map(moment).unwrap_or_default();
            let took = step.took.map(spoken).unwrap_or_default();
            let detail = step.detail.as_ref().map(|detail| format!(": {detail}")).unwrap_or_default();
            vec![step.step.to_string(), began, took, format!("{}{detail}", step.state)]
        });
        blocks.push(Block::Table(&["Step", "Began (UTC)", "Took", "State"], rows.collect()));
    }
}

fn commands(report: &SessionReport) -> Block {
    if report.commands.is_empty() {
        return Block::Paragraph("Nobody gave a command after the order.".to_owned());
    }
    let rows = report.commands.iter().map(|command| {
        let what = match command.disposition {
            None | Some(Disposition::Default) => command.command.to_owned(),
            Some(wish) => format!("{}, partial data: {wish}", command.command),
        };
        vec![moment(command.at), what, command.by.clone()]
    });
    Block::Table(&["At (UTC)", "Command", "By"], rows.collect())
}

fn outcome(session: &Session, report: &SessionReport) -> Vec<(&'static str, String)> {
    let object = &report.session;
    let mut facts = vec![("result", object.phase.to_owned())];
    if let Phase::Completed { at, outcome } = session.phase() {
        facts.push(("ended", format!("{} UTC, after {}", moment(*at), spoken(session.elapsed(*at)))));
        let ending = object.ending.clone().unwrap_or_default();
        match outcome {
            Outcome::Succeeded(_) | Outcome::Damaged(_) => facts.push(("at the end", ending)),
            Outcome::Cancelled { .. } | Outcome::Stopped { .. } | Outcome::Failed { .. } => {
                facts.push(("partial data", ending));
            }
        }
    }
    let all = |texts: &Option<Vec<String>>| texts.clone().unwrap_or_default();
    facts.extend(all(&object.left).into_iter().map(|left| ("data left in", left)));
    facts.extend(all(&object.warnings).into_iter().map(|warning| ("warning", warning)));
    facts.extend(all(&object.damages).into_iter().map(|damage| ("damage", damage)));
    facts.extend(all(&object.unchecked).into_iter().map(|unchecked| ("not verified", unchecked)));
    facts.extend(
        report
            .session
            .bytes_total
            .zip(object.bytes_done)
            .map(|(total, done)| ("bytes", format!("{} of {}", ByteCount(done), ByteCount(total)))),
    );
    let copied = report.copied.as_ref().filter(|copied| copied.bytes > 0);
    facts.extend(copied.map(|copied| ("copied", copied_text(copied))));
    facts
}

fn copied_text(copied: &CopiedReport) -> String {
    let CopiedReport { bytes, seconds, bytes_per_second } = copied;
    let rate = bytes_per_second.map(|rate| format!(", {}/s", ByteCount(rate))).unwrap_or_default();
    format!("{} in {}{rate}", ByteCount(*bytes), spoken(*seconds))
}

const fn class_word(class: FailureClass) -> &'static str {
    match class {
        FailureClass::Disruption => "a disruption",
        FailureClass::Incurable => "incurable",
        FailureClass::Bug => "a fault of howdah",
    }
}

/// A span as people say it: `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`.
fn spoken(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", span.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_has_two_units_at_most() {
        for (milliseconds, text) in [
            (0, "0.0 s"),
            (449, "0.4 s"),
            (9_900, "9.9 s"),
            (12_900, "12 s"),
            (200_000, "3 min 20 s"),
            (7_500_000, "2 h 5 min"),
        ] {
            assert_eq!(spoken(Duration::from_millis(milliseconds)), text);
        }
    }
}
