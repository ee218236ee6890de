//! A report, put together from the session as it stands and from its history.

use super::{
    parts::{
        AttemptReport, AttemptState, CommandReport, CopiedReport, NoteReport, PlanReport, SessionReport,
        TablespaceReport,
    },
    steps::{Steps, span},
};
use crate::{
    cli::session::{
        format,
        object::{FailureObject, SessionObject},
    },
    domain::{ByteCount, Plan, Timestamp, instance::printable_name},
    journal::{HistoryLine, JournalRecord},
    machine::{AttemptEnd, Cause, Event, Session},
};

/// All that is known of the session.
pub(super) fn report(session: &Session, history: &[HistoryLine], lost: bool, now: Timestamp) -> SessionReport {
    let steps = Steps::of(session, history);
    let found = found(history);
    SessionReport {
        session: SessionObject::of(session, None, now).lost(lost),
        state: format::state(session, lost, now),
        plan: session.plan().map(|plan| planned(plan, found)),
        attempts: attempts(session, &steps, lost),
        commands: history.iter().filter_map(command).collect(),
        notes: history.iter().filter(|line| is_note(line)).map(note).collect(),
        copied: copied(session, &steps, found, now),
    }
}

/// What the first attempt found at the target.
fn found(history: &[HistoryLine]) -> ByteCount {
    let first = history.iter().find_map(|line| {
        let Some(JournalRecord::Happened { event: Event::Planned { plan, .. }, .. }) = &line.record else {
            return None;
        };
        Some(plan)
    });
    first.and_then(|plan| plan.restore()).map_or(ByteCount(0), |plan| plan.files.reused)
}

fn planned(plan: &Plan, found: ByteCount) -> PlanReport {
    let restore = plan.restore();
    let spaces = restore.into_iter().flat_map(|plan| &plan.files.tablespaces);
    PlanReport {
        bytes: plan.bytes().0,
        files: plan.files(),
        found: found.0,
        tablespaces: spaces
            .map(|space| TablespaceReport {
                oid: space.oid,
                original: printable_name(space.original.as_os_str()),
                directory: printable_name(space.directory.as_os_str()),
            })
            .collect(),
        warnings: restore.map(|plan| plan.warnings.clone()).unwrap_or_default(),
    }
}

fn attempts(session: &Session, steps: &Steps, lost: bool) -> Vec<AttemptReport> {
    let mut since = session.created_at();
    let mut reports = Vec::new();
    for record in session.attempts() {
        let ended = record.ended.as_ref().map(|(at, _)| *at);
        let (end, failure) = match &record.ended {
            None if lost => (AttemptState::Lost, None),
            None => (AttemptState::Running, None),
            Some((_, AttemptEnd::Done)) => (AttemptState::Done, None),
            Some((_, AttemptEnd::Failed(failure))) => (AttemptState::Failed, Some(FailureObject::of(failure))),
            Some((_, AttemptEnd::Stopped)) => (AttemptState::Stopped, None),
            Some((_, AttemptEnd::Unrecorded)) => (AttemptState::Unrecorded, None),
        };
        reports.push(AttemptReport {
            number: record.number.0,
            cause: cause_word(record.cause),
            try_number: try_number(record.cause),
            waited: span(since, record.launched).unwrap_or_default(),
            launched: record.launched,
            ended,
            took: ended.and_then(|ended| span(record.launched, ended)),
            end,
            failure,
            steps: steps.of_attempt(record),
        });
        since = ended.unwrap_or(record.launched);
    }
    reports
}

const fn cause_word(cause: Option<Cause>) -> &'static str {
    match cause {
        Some(Cause::First) => "first",
        Some(Cause::Try(_)) => "try",
        Some(Cause::Retry) => "retry",
        Some(Cause::Resume) => "resume",
        None => "disposal",
    }
}

const fn try_number(cause: Option<Cause>) -> Option<u32> {
    match cause {
        Some(Cause::Try(number)) => Some(number),
        Some(Cause::First | Cause::Retry | Cause::Resume) | None => None,
    }
}

fn command(line: &HistoryLine) -> Option<CommandReport> {
    let JournalRecord::Happened { at, event } = line.record.as_ref()? else { return None };
    let (command, by, disposition) = match event {
        Event::Requeued { by: Some(by), .. } => ("retry", by, None),
        Event::Resumed { by, .. } => ("resume", by, None),
        Event::CancelRequested { by, disposition, .. } => ("cancel", by, Some(*disposition)),
        Event::StopRequested { by, .. } => ("stop", by, None),
        Event::FinishRequested { by } => ("finish", by, None),
        Event::Forced { by } => ("force", by, None),
        Event::Dismissed { by } => ("dismiss", by, None),
        Event::Requeued { by: None, .. }
        | Event::Launched { .. }
        | Event::Found { .. }
        | Event::Began { .. }
        | Event::Planned { .. }
        | Event::StepChanged { .. }
        | Event::Progressed { .. }
        | Event::Noted { .. }
        | Event::DisruptionOver { .. }
        | Event::Disrupted { .. }
        | Event::Rescheduled { .. }
        | Event::GotStuck { .. }
        | Event::Succeeded { .. }
        | Event::Damaged { .. }
        | Event::Paused { .. }
        | Event::GaveUp { .. }
        | Event::CancelOverdue
        | Event::DisposalLaunched { .. }
        | Event::Cancelled { .. }
        | Event::Stopped { .. }
        | Event::Failed { .. } => return None,
    };
    Some(CommandReport { at: *at, command, by: by.clone(), disposition })
}

/// Whether the line says what no other part of the report does.
fn is_note(line: &HistoryLine) -> bool {
    match &line.record {
        None => true,
        Some(JournalRecord::Created(_)) => false,
        Some(JournalRecord::Happened { event, .. }) => match event {
            Event::Found { .. }
            | Event::Noted { .. }
            | Event::DisruptionOver { .. }
            | Event::Rescheduled { .. }
            | Event::Paused { .. }
            | Event::CancelOverdue => true,
            Event::Requeued { .. }
            | Event::Launched { .. }
            | Event::Began { .. }
            | Event::Planned { .. }
            | Event::StepChanged { .. }
            | Event::Progressed { .. }
            | Event::Disrupted { .. }
            | Event::GotStuck { .. }
            | Event::Succeeded { .. }
            | Event::Damaged { .. }
            | Event::Resumed { .. }
            | Event::GaveUp { .. }
            | Event::CancelRequested { .. }
            | Event::StopRequested { .. }
            | Event::FinishRequested { .. }
            | Event::Forced { .. }
            | Event::DisposalLaunched { .. }
            | Event::Cancelled { .. }
            | Event::Stopped { .. }
            | Event::Failed { .. }
            | Event::Dismissed { .. } => false,
        },
    }
}

fn note(line: &HistoryLine) -> NoteReport {
    NoteReport { at: line.at, text: line.text.clone() }
}

/// What was copied or read, and how fast; nothing before a plan was made.
fn copied(session: &Session, steps: &Steps, found: ByteCount, now: Timestamp) -> Option<CopiedReport> {
    let bytes = session.plan().map(|_| session.bytes_done().0.saturating_sub(found.0))?;
    let spent = steps.copying(session.attempts(), now);
    let rate = bytes as f64 / spent.as_secs_f64();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be a finite amount")]
    let bytes_per_second = (rate.is_finite() && bytes > 0).then_some(rate as u64);
    Some(CopiedReport { bytes, seconds: spent, bytes_per_second })
}
