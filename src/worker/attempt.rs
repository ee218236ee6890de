//! One order from beginning to end.
//!
//! Promises: however the work ends, by success, failure, stop or panic, its server is dealt with before the end is told.
//! Never: an end is not made up; it is what the steps said.

use super::{
    dispose,
    engines::Engines,
    guarded, places,
    report::Report,
    signals::Stop,
    start::Runner,
    steps::{self, Restore},
};
use crate::{
    domain::{
        RestoreRequest,
        fact::End,
        ticket::{Ticket, Work},
    },
    engine::Halt,
};
use std::path::Path;

/// Carries out the ticket.
pub(super) fn carry_out(dir: &Path, ticket: &Ticket, engines: &Engines<'_>, report: &Report, stop: &Stop) -> End {
    match &ticket.work {
        Work::Restore(request) => restore(dir, ticket, request, engines, report, stop),
        Work::Dispose { target, disposition } => {
            let dispose = || dispose::dispose(dir, ticket, target, *disposition, engines);
            guarded(dispose).map_or_else(|halt| end_of(halt, report), End::Disposed)
        }
    }
}

fn restore(
    attempt_dir: &Path,
    ticket: &Ticket,
    request: &RestoreRequest,
    engines: &Engines<'_>,
    report: &Report,
    stop: &Stop,
) -> End {
    let settings = &ticket.settings;
    let restore = Restore {
        attempt_dir,
        request,
        settings,
        session: ticket.session_uuid,
        by: ticket.by.as_deref(),
        places: places::Session::of(ticket, attempt_dir),
        report,
        stop,
    };
    let mut runner: Option<Runner<'_>> = None;
    let result = guarded(|| steps::run(&restore, engines, &mut runner));
    let end = match result {
        Ok(success) => End::Succeeded(success),
        Err(halt) => end_of(halt, report),
    };
    // After a success nothing is left in the runner.
    match (runner.as_mut().map_or(Ok(()), Runner::clear), end) {
        (Ok(()), end) => end,
        (Err(failure), End::Failed(first)) => {
            report.say_note(&failure.to_string());
            End::Failed(first)
        }
        // Stopped means that nothing runs any more: it must not be said when it is not so.
        (Err(failure), End::Stopped | End::Succeeded(_) | End::Disposed(_)) => End::Failed(failure),
    }
}

fn end_of(halt: Halt, report: &Report) -> End {
    match halt {
        Halt::Stopped => End::Stopped,
        Halt::Failed(failure) => End::Failed(report.failed(failure)),
    }
}
