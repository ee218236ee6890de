//! The backup of an open restore point, verified while it is looked into: at a polite rate, and what is damaged is told
//! with the name of its table.
//!
//! Promises: reads what a verification reads, slowly, and stops with the session. Never: ends the session over what it
//! finds; a person decides what to do with the rest.

use super::method;
use crate::{
    domain::{Damage, Progress, Rate, RestorePoint, ServerAddress, Verification, WorkerSettings, quantity::many},
    engine::{
        Halt, Observer,
        verify::{Verifier, VerifyRequest},
    },
    postgres::server::relation_file,
    worker::event_writer::EventWriter,
};
use std::sync::atomic::{AtomicBool, Ordering};

/// A person's queries must not wait for it.
const RATE: u64 = 64 << 20;

/// Damages that are told one by one; of more, how many there are.
const TOLD: usize = 20;

/// What is verified, and who is told.
pub(super) struct Subject<'a> {
    pub(super) point: &'a RestorePoint,
    pub(super) settings: &'a WorkerSettings,
    /// The server that knows its tables.
    pub(super) address: &'a ServerAddress,
    pub(super) report: &'a EventWriter,
}

/// Verifies the backup until its end, or until it is to stop, and notes what it finds.
pub(super) fn run(subject: &Subject<'_>, stop: &AtomicBool) {
    let report = subject.report;
    match verify(subject, stop) {
        Ok(found) if found.is_sound() => {
            let files = many(found.files, "file");
            report.note(&format!("the backup was verified while it is open: {files}, {}, all sound", found.bytes));
        }
        Ok(found) => {
            let damages = many(found.damages_total, "damage");
            report
                .note(&format!("the backup was verified while it is open: {damages}; howdah backup verify lists all"));
        }
        Err(Halt::Stopped) => {}
        Err(Halt::Failed(failure)) => report.note(&format!("the backup could not be verified to its end: {failure}")),
    }
}

fn verify(subject: &Subject<'_>, stop: &AtomicBool) -> Result<Verification, Halt> {
    let Subject { point, settings, address, report } = *subject;
    let (directory, form) = method::base_backup(point)?;
    let mut request = VerifyRequest::new(directory, form, settings);
    request.max_rate = Rate::per_second(RATE);
    request.threads = 1;
    let (mut verifier, _) = Verifier::plan(&request)?;
    let mut seen = 0;
    let mut tell = |damage: &Damage| {
        seen += 1;
        if seen <= TOLD {
            report.note(&sentence(damage, address));
        }
    };
    let quiet = Quiet { report, stop };
    verifier.read(&quiet, &mut tell)?;
    verifier.check_wal(&quiet, &mut tell)?;
    Ok(verifier.finish())
}

fn sentence(damage: &Damage, address: &ServerAddress) -> String {
    let file = match damage {
        Damage::Altered { file } | Damage::WrongSize { file, .. } | Damage::Missing { file } => Some(file),
        Damage::Manifest { .. }
        | Damage::Archive { .. }
        | Damage::Extra { .. }
        | Damage::Duplicate { .. }
        | Damage::Wal { .. } => None,
    };
    match file.and_then(|file| relation_file::relation_of(address, file)) {
        Some(relation) => format!("the backup is damaged in {relation}: {damage}"),
        None => format!("the backup is damaged: {damage}"),
    }
}

/// What the session shows of its progress is its own; of this nothing is shown but what is found.
struct Quiet<'a> {
    report: &'a EventWriter,
    stop: &'a AtomicBool,
}

impl Observer for Quiet<'_> {
    fn progress(&self, _: Progress) {}

    fn note(&self, sentence: String) {
        Observer::note(self.report, sentence);
    }

    fn stop_requested(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}
