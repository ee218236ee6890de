//! From files that came in to a restore point: compared with their manifest, as `howdah verify` does, and marked.
//!
//! Promises: what is called whole was read to its end and agrees with its manifest.

use super::{Backup, repository};
use crate::{
    domain::{
        BackupForm, ByteCount, Damage, Failure, PointMark, Progress, SystemIdentifier, Timestamp, Verification,
        point_mark::POINT_MARK_VERSION, quantity::many,
    },
    engine::{
        Halt, Observer, durable,
        verify::{Verifier, VerifyRequest},
    },
    postgres::manifest,
    worker::event_writer::EventWriter,
};
use std::{
    fs::{self, File},
    path::Path,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How often a person is told how far the comparison has come.
const BETWEEN_DETAILS: Duration = Duration::from_secs(2);

/// Compares files with their manifest; damage is the failure that follows from what was found.
pub(super) fn compare(
    backup: &Backup<'_>,
    directory: &Path,
    form: BackupForm,
    cluster: Option<SystemIdentifier>,
    damaged: fn(&str) -> Failure,
) -> Result<Verification, Halt> {
    let report = backup.report;
    let request =
        VerifyRequest { system_identifier: cluster, ..VerifyRequest::new(directory, form, &backup.ticket.settings) };
    let (mut verifier, plan) = Verifier::plan(&request)?;
    report.detail(&format!("comparing {} with the manifest", plan.bytes));
    let observer = Details { report, written: Mutex::new(Instant::now()) };
    let mut log = |damage: &Damage| report.log(&format!("damage: {damage}"));
    verifier.read(&observer, &mut log)?;
    verifier.check_wal(&observer, &mut log)?;
    let found = verifier.finish();
    if !found.is_sound() {
        let first = found.damages.first().map_or_else(String::new, |damage| format!(", first {damage}"));
        return Err(damaged(&format!("{} found{first}", many(found.damages_total, "damage"))).into());
    }
    report.log(&format!("the manifest agrees: {found}"));
    Ok(found)
}

/// The mark of a restore point that this session makes of what is in a directory.
pub(super) fn mark(
    backup: &Backup<'_>,
    directory: &Path,
    cluster: Option<SystemIdentifier>,
    (started, finished): (Timestamp, Timestamp),
) -> Result<PointMark, Failure> {
    let manifest = manifest_of(directory)?
        .ok_or_else(|| Failure::bug(format!("the manifest in {} has no checksum", directory.display())))?;
    let order = backup.order;
    Ok(PointMark {
        version: POINT_MARK_VERSION,
        job: order.job.clone(),
        run: order.run,
        run_uuid: order.run_uuid,
        session: backup.ticket.session_uuid,
        object: order.object.name().clone(),
        by: backup.ticket.by.clone(),
        started,
        finished,
        system_identifier: cluster,
        manifest,
    })
}

/// Makes all that is in a directory durable; its bytes are returned.
pub(super) fn bring_to_disk(backup: &Backup<'_>, directory: &Path) -> Result<ByteCount, Halt> {
    backup.report.detail("bringing it to the disk");
    let synced = durable::sync_tree(directory, &|| backup.stop.requested());
    let synced = synced.map_err(|error| repository::failure("bringing to the disk", directory, &error))?;
    let bytes = ByteCount(size_of(directory)?);
    backup.report.log(&format!("{bytes} are on the disk, {synced}"));
    Ok(bytes)
}

/// The checksum that a backup's manifest records of itself: as good as a name of that backup.
pub(super) fn manifest_of(directory: &Path) -> Result<Option<String>, Failure> {
    let path = directory.join(manifest::FILE_NAME);
    let written = File::open(&path).and_then(|mut file| manifest::written_checksum(&mut file));
    let written = written.map_err(|error| repository::failure("reading", &path, &error))?;
    Ok(written.map(|checksum| checksum.to_ascii_lowercase()))
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
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
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
