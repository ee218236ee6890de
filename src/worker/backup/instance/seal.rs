//! From what `pg_basebackup` wrote to a restore point: compared with its manifest, marked, on the disk, and named.
//!
//! Promises: in this order; nothing is named that the one before it did not settle.

use super::success;
use crate::{
    domain::{
        BackupForm, BackupObject, ByteCount, Compression, Damage, Failure, PointMark, Progress, Success,
        SystemIdentifier, Timestamp, Verification, WorkerSettings, point_mark::POINT_MARK_VERSION, quantity::many,
    },
    engine::{
        Halt, Observer, durable,
        verify::{Verifier, VerifyRequest},
    },
    postgres::manifest,
    worker::{
        backup::{
            Backup,
            repository::{self, PointDirectory},
        },
        event_writer::{self, EventWriter},
    },
};
use std::{
    fs::{self, File},
    path::Path,
    sync::Mutex,
    time::{Duration, Instant},
};

/// How often a person is told how far the comparison has come.
const BETWEEN_DETAILS: Duration = Duration::from_secs(2);

/// What was received whole.
pub(super) struct Whole<'a> {
    pub(super) backup: &'a Backup<'a>,
    pub(super) directory: &'a PointDirectory,
    pub(super) tar: Option<Compression>,
    pub(super) cluster: SystemIdentifier,
    pub(super) owner: Option<(u32, u32)>,
}

impl Whole<'_> {
    /// Makes a restore point of it; its name is returned, too.
    pub(super) fn seal(&self, started: Timestamp) -> Result<(Success, String), Halt> {
        let (report, incoming) = (self.backup.report, self.directory.incoming());
        let found = self.verify(&incoming)?;
        self.backup.go_on()?;
        let finished = event_writer::now();
        repository::leave_mark(&incoming, &self.mark(&incoming, started, finished)?, self.owner)?;
        report.detail("bringing it to the disk");
        let failed = |error| repository::failure("bringing to the disk", &incoming, &error);
        let synced = durable::sync_tree(&incoming, &|| self.backup.stop.requested()).map_err(failed)?;
        let bytes = ByteCount(size_of(&incoming)?);
        report.log(&format!("{bytes} are on the disk, {synced}"));
        self.backup.go_on()?;
        let label = self.directory.put_in_place(&finished.strftime("%Y-%m-%dT%H%M%S").to_string())?;
        report.log(&format!("the restore point is {}", self.directory.path.join(&label).display()));
        Ok((success(label.clone(), bytes, found.unchecked), label))
    }

    /// Compares it with its manifest, as `howdah verify` does.
    fn verify(&self, incoming: &Path) -> Result<Verification, Halt> {
        let (report, settings): (_, &WorkerSettings) = (self.backup.report, &self.backup.ticket.settings);
        let form = self.tar.map_or(BackupForm::Plain, BackupForm::Tar);
        let request =
            VerifyRequest { system_identifier: Some(self.cluster), ..VerifyRequest::new(incoming, form, settings) };
        let (mut verifier, plan) = Verifier::plan(&request)?;
        report.detail(&format!("comparing {} with the manifest", plan.bytes));
        let observer = Details { report, written: Mutex::new(Instant::now()) };
        let mut log = |damage: &Damage| report.log(&format!("damage: {damage}"));
        verifier.read(&observer, &mut log)?;
        verifier.check_wal(&observer, &mut log)?;
        let found = verifier.finish();
        if !found.is_sound() {
            let first = found.damages.first().map_or_else(String::new, |damage| format!(", first {damage}"));
            let cause = format!("what was received is damaged: {} found{first}", many(found.damages_total, "damage"));
            // Nothing of it is kept: another attempt receives all of it anew.
            return Err(Failure::disruption(cause, "see the disks, the memory and the network on its way").into());
        }
        report.log(&format!("the manifest agrees: {found}"));
        Ok(found)
    }

    fn mark(&self, incoming: &Path, started: Timestamp, finished: Timestamp) -> Result<PointMark, Failure> {
        let path = incoming.join(manifest::FILE_NAME);
        let failed = |error| repository::failure("reading", &path, &error);
        let written = File::open(&path).and_then(|mut file| manifest::written_checksum(&mut file)).map_err(failed)?;
        let manifest = written.ok_or_else(|| Failure::bug(format!("{} has no checksum", path.display())))?;
        let order = self.backup.order;
        Ok(PointMark {
            version: POINT_MARK_VERSION,
            job: order.job.clone(),
            run: order.run,
            run_uuid: order.run_uuid,
            session: self.backup.ticket.session_uuid,
            object: name(&order.object),
            by: self.backup.ticket.by.clone(),
            started,
            finished,
            system_identifier: Some(self.cluster),
            manifest: manifest.to_ascii_lowercase(),
        })
    }
}

fn name(object: &BackupObject) -> crate::domain::InstanceName {
    object.name().clone()
}

/// The bytes of all files of a restore point.
pub(super) fn size_of(point: &Path) -> Result<u64, Failure> {
    let mut bytes = 0;
    for entry in walkdir::WalkDir::new(point).follow_links(false) {
        let about = entry.and_then(|entry| entry.metadata());
        let about: fs::Metadata = about.map_err(|error| repository::failure("looking at", point, &error.into()))?;
        bytes += if about.is_file() { about.len() } else { 0 };
    }
    Ok(bytes)
}

/// The comparison reads what the copy has counted already: a person is told in words, and the gauge stays full.
struct Details<'a> {
    report: &'a EventWriter,
    written: Mutex<Instant>,
}

impl Observer for Details<'_> {
    fn progress(&self, progress: Progress) {
        let mut written = self.written.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if written.elapsed() >= BETWEEN_DETAILS {
            *written = Instant::now();
            self.report.detail(&format!("compared {} of {}", progress.bytes_done, progress.bytes_total));
        }
    }

    fn note(&self, sentence: String) {
        Observer::note(self.report, sentence);
    }

    fn log(&self, sentence: &str) {
        self.report.log(sentence);
    }

    fn stop_requested(&self) -> bool {
        self.report.stop_requested()
    }
}
