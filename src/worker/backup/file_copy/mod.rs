//! The copy of a file or a directory to another place, under its own name.
//!
//! Its checkpoint is the directory `.incoming-<session>` at the target, in which copies are made; a file gets its name
//! when all are whole, each by one rename. A file that is there already is replaced only if a run of the same job has
//! copied it and nobody has changed it since; anything else there is refused before a byte is written. What a source has
//! lost stays at the target.
//!
//! Promises: no file that the job did not make is replaced or removed; what a disposal removes has no name yet.

mod place;
mod record;

use super::{
    Backup, Subject,
    copier::{self, Copier, EntryKind, SourceEntry},
    repository::{self, PointDirectory},
    rights,
};
use crate::{
    domain::{
        Achieved, BackupObject, BackupOrder, BackupPlan, ByteCount, Disposed, Disposition, Failure, Plan, Step,
        Success, quantity::many,
    },
    engine::{Halt, durable, watched::watched},
    postgres::account::Account,
};
use place::{Judged, Verdict};
use record::{CopiedFile, CopyRecord};
use std::path::{Path, PathBuf};

/// What is copied, and where to.
struct Wanted {
    source: PathBuf,
    /// The directory at the target.
    target: PathBuf,
    /// The copy.
    place: PathBuf,
}

/// A copy that can begin.
pub(super) struct Checked {
    wanted: Wanted,
    /// What is neither file, directory nor link.
    others: Vec<PathBuf>,
    record: CopyRecord,
    judged: Judged,
    directory: PointDirectory,
    pub(super) plan: BackupPlan,
}

/// Runs the steps, in order.
pub(super) fn run(backup: &Backup<'_>) -> Result<Success, Halt> {
    let (report, settings) = (backup.report, &backup.ticket.settings);
    report.begin(Step::Check, "");
    let account = Account::for_server(&settings.os_user)?;
    let holds = backup.order.holds();
    // Held until the attempt has ended, in whatever way.
    let _places = backup.places.enter(&holds, account.owner()).map_err(Failure::from)?;
    let Checked { wanted, others, mut record, judged, directory, plan } = check(&backup.subject(), &account)?;
    let (bytes, files, shown) = (plan.bytes, plan.files, format!("{} in {}", plan.bytes, many(plan.files, "file")));
    report.planned(Plan::Backup(plan));
    report.done(&shown);
    backup.go_on()?;

    report.begin(Step::Checkpoint, "");
    // Our own alone until it is whole: whoever may write to the target cannot lead us elsewhere.
    let incoming = directory.make_incoming(account.owner(), None, || Ok(()))?;
    report.done(&format!("copies are made in {}", incoming.display()));

    report.begin(Step::Copy, "");
    let mut work = Copier::new(backup, account.owner(), bytes, files);
    let mut copies = Vec::new();
    for entry in judged.to_copy() {
        let sum = work.copy(&wanted.source, entry, &incoming)?;
        if let (EntryKind::File(identity), Some(sum)) = (&entry.kind, sum) {
            record.add(&entry.path, CopiedFile { identity: *identity, sum });
            copies.push((entry.path.clone(), CopiedFile { identity: *identity, sum }));
        }
    }
    report.done(&shown);

    report.begin(Step::Seal, "");
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error| Halt::from(repository::failure("bringing to the disk", &path, &error))
    };
    let stop = || backup.stop.requested();
    durable::sync_tree(&incoming, &stop).map_err(failed(&incoming))?;
    backup.go_on()?;
    record.write(&wanted.place, account.owner())?;
    place::put(backup, &judged, &record, &wanted, &incoming)?;
    work.finish_directories(judged.to_copy(), &wanted.place)?;
    durable::sync_tree(&wanted.target, &|| false).map_err(failed(&wanted.target))?;
    for (path, copy) in &copies {
        record.settle(path, *copy);
    }
    record.write(&wanted.place, account.owner())?;
    let result = Achieved::Copied { copies: copies.len() as u64, bytes, skipped: judged.same() };
    report.done(&result.to_string());

    report.begin(Step::Finish, "");
    directory.remove_incoming()?;
    backup.places.leave(&holds)?;
    report.done("");
    let unchecked = others.iter().map(|path| format!("{} was not copied: it is no file", path.display())).collect();
    Ok(Success { result, warnings: Vec::new(), unchecked })
}

/// Looks and decides; writes nothing.
pub(super) fn check(subject: &Subject<'_>, account: &Account) -> Result<Checked, Failure> {
    let (order, settings) = (subject.order, subject.settings);
    let wanted = wanted(order)?;
    rights::refuse_unreadable(account, &wanted.source)?;
    let source = wanted.source.clone();
    let (entries, others) =
        watched(&source.display().to_string(), settings.stall_timeout, move |beat| copier::walk(&source, beat))?;
    let (job, object) = (&order.job, order.object.name());
    let mut record = CopyRecord::read(&wanted.place, job, object)?
        .unwrap_or_else(|| CopyRecord::new(job.clone(), object.clone(), subject.session));
    record.session = subject.session;
    let judged = place::judge(&wanted.place, &entries, &record)?;
    let directory = PointDirectory::new(wanted.target.clone(), subject.session, settings.stall_timeout);
    let plan = plan(&wanted, account, &directory, &judged, &others)?;
    Ok(Checked { wanted, others, record, judged, directory, plan })
}

/// Removes what has no name yet.
pub(super) fn dispose(backup: &Backup<'_>, wish: Disposition) -> Result<Disposed, Halt> {
    let Ok(wanted) = wanted(backup.order) else { return Ok(Disposed::Nothing) };
    let settings = &backup.ticket.settings;
    let directory = PointDirectory::new(wanted.target, backup.ticket.session_uuid, settings.stall_timeout);
    backup.remove_incoming(&directory, wish)
}

/// The order names files: that is why it came here.
fn wanted(order: &BackupOrder) -> Result<Wanted, Failure> {
    let BackupObject::FileCopy { path, target, .. } = &order.object else {
        return Err(Failure::bug("an object that is no file is copied as one"));
    };
    let refuse = |what: String| Failure::incurable(what, "correct path and target in the settings of the job");
    let Some(name) = path.file_name().filter(|_| path.is_absolute() && target.is_absolute()) else {
        return Err(refuse(format!("{} cannot be copied to {}", path.display(), target.display())));
    };
    let place = target.join(name);
    if place.starts_with(path) || path.starts_with(&place) {
        return Err(refuse(format!("{} would be copied into itself ({})", path.display(), place.display())));
    }
    Ok(Wanted { source: path.clone(), target: target.clone(), place })
}

fn plan(
    wanted: &Wanted,
    account: &Account,
    directory: &PointDirectory,
    judged: &Judged,
    others: &[PathBuf],
) -> Result<BackupPlan, Failure> {
    let contents = directory.look()?;
    rights::refuse_unwritable(account, &directory.path, &contents.nearest)?;
    let (bytes, files) = judged.amount();
    let free = ByteCount(contents.free_bytes.0.saturating_add(contents.leftover.unwrap_or_default().0));
    if bytes > free {
        return Err(Failure::incurable(
            format!("the copies take {bytes}, and {free} are free in {}", wanted.target.display()),
            "make room, or choose another target",
        ));
    }
    let entries = judged.to_copy().count() as u64;
    if let Some(inodes) = contents.free_inodes.filter(|inodes| *inodes < entries) {
        return Err(Failure::incurable(
            format!("the copies take {entries} inodes, and {inodes} are free in {}", wanted.target.display()),
            "make room, or choose another target",
        ));
    }
    let mut warnings: Vec<String> = Vec::new();
    if let Some(first) = others.first() {
        let number = others.len();
        let what = "neither file, directory nor link, and is not copied";
        warnings.push(format!("{} is {what} ({number} such)", first.display()));
    }
    if let Some(leftover) = contents.leftover {
        warnings.push(format!("an earlier attempt has left {leftover}, which is compared and gone on with"));
    }
    let replaced = judged.entries.iter().filter(|(_, verdict)| matches!(verdict, Verdict::Replace(_))).count();
    Ok(BackupPlan {
        directory: wanted.place.clone(),
        bytes,
        files,
        free_bytes: contents.free_bytes,
        free_inodes: contents.free_inodes,
        method: vec![
            format!("contents, permissions and times are copied, without lists of rights, for {}", account.name()),
            format!("{} the same already; {} of this job replaced", judged.same(), many(replaced as u64, "older file")),
        ],
        version: None,
        system_identifier: None,
        warnings,
        keep: None,
    })
}

/// Where an entry of the source is in the directory that copies are made in.
fn in_incoming(wanted: &Wanted, entry: &SourceEntry, incoming: &Path) -> PathBuf {
    if entry.path.as_os_str().is_empty() {
        incoming.join(wanted.source.file_name().unwrap_or_default())
    } else {
        incoming.join(&entry.path)
    }
}
