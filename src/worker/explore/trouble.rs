//! What the overlay of an open restore point could not do for its server, reported on the session.
//!
//! Promises: each file of the backup that could not be read is reported once, with the name of its table, and so is the limit
//! of what may be written. Never: more than a few lines, and never ends the session.

use super::method;
use crate::{
    domain::{ByteCount, RestorePoint, ServerAddress},
    overlay::OverlayStatus,
    postgres::server::relation_file,
    worker::event_writer::EventWriter,
};
use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

/// Files that are named one by one; of more, only that there are.
const NAMED: usize = 20;

/// The overlay writes its status as often at most.
const INTERVAL: Duration = Duration::from_secs(1);

/// An end is obeyed at once.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Whose trouble, and who reports it.
pub(super) struct Subject<'a> {
    /// Where the overlay keeps what is written, and its status.
    pub(super) written: &'a Path,
    pub(super) point: &'a RestorePoint,
    /// The server that knows its tables.
    pub(super) address: &'a ServerAddress,
    pub(super) report: &'a EventWriter,
}

/// What was reported so far.
#[derive(Debug, Default)]
struct Reported {
    unreadable: usize,
    is_full: bool,
    is_blind: bool,
}

/// Reports what comes until it is to stop.
pub(super) fn watch(subject: &Subject<'_>, stop: &AtomicBool) {
    let mut reported = Reported::default();
    let mut waited = INTERVAL;
    while !stop.load(Ordering::Relaxed) {
        if waited >= INTERVAL {
            waited = Duration::ZERO;
            match OverlayStatus::read(subject.written) {
                Ok(Some(status)) => reported.report(subject, &status),
                Err(error) if !reported.is_blind => {
                    reported.is_blind = true;
                    let what = "what of the backup cannot be read is not known";
                    subject.report.note(&format!("{what}: the status of the overlay cannot be read: {error}"));
                }
                // It has written nothing yet, or it was said before.
                Ok(None) | Err(_) => {}
            }
        }
        thread::sleep(POLL_INTERVAL);
        waited += POLL_INTERVAL;
    }
}

impl Reported {
    fn report(&mut self, subject: &Subject<'_>, status: &OverlayStatus) {
        let Subject { point, address, report, .. } = *subject;
        let directory = method::base_backup(point).map(|(directory, _)| directory);
        let left = NAMED.saturating_sub(self.unreadable);
        for (path, why) in status.unreadable.iter().skip(self.unreadable).take(left) {
            let inside = directory.as_ref().ok().and_then(|directory| Path::new(path).strip_prefix(directory).ok());
            let table = inside.and_then(Path::to_str).and_then(|file| relation_file::relation_of(address, file));
            let of = table.map_or_else(String::new, |table| format!(", of {table},"));
            report.note(&format!("{path}{of} cannot be read: {why}; queries that need it fail"));
        }
        if self.unreadable <= NAMED && status.unreadable.len() > NAMED {
            report.note("more files of the backup cannot be read; the attempt's log names them");
        }
        self.unreadable = status.unreadable.len();
        if status.refused > 0 && !self.is_full {
            self.is_full = true;
            let limit = ByteCount(status.limit);
            report.note(&format!("what is written has reached its limit, {limit} (explore_limit): writes fail"));
        }
    }
}
