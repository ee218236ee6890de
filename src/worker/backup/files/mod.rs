//! The backup of a tree of files by `restic`.
//!
//! One object is one tree is one snapshot, in a restic repository of the object's own: the directory `<object>.restic` of
//! the job's repository. restic runs as the user that howdah runs as, root included, since a tree may belong to anybody.
//!
//! Its checkpoint is restic's lock in that repository. The snapshot bears the session's uuid as a tag, so that what an
//! attempt has made is found by it, whoever was killed. Pieces that restic has stored and that no snapshot names are not
//! told from those of others: they stay until a person has them pruned.
//!
//! Promises: a restore point is what the repository itself names as one, after restic has ended; its word and its exit
//! status alone are none. Never: removes a lock that is not proven this session's own, or anything else in a repository.

mod copy;
mod dispose;
mod locks;
mod note;
mod plan;
mod repository;
mod said;
mod tree;

pub(super) use dispose::dispose;

use super::{Backup, Subject};
use crate::{
    domain::{
        Achieved, BackupObject, BackupOrder, BackupPlan, ByteCount, Failure, Plan, Step, Success, WorkerSettings,
        quantity::many, workload::short_id,
    },
    engine::{Halt, Observer},
    postgres::account::Account,
    restic::{Restic, answer::Snapshot},
};
use plan::Planned;
use repository::RepositoryState;
use said::Said;
use std::path::{Path, PathBuf};

/// What is backed up, and where to.
#[derive(Debug, Clone, Copy)]
struct Wanted<'a> {
    path: &'a Path,
    exclude: &'a [String],
    password_file: &'a Path,
}

/// Runs the steps, in order.
pub(super) fn run(backup: &Backup<'_>) -> Result<Success, Halt> {
    let report = backup.report;
    report.begin(Step::Check, "");
    let account = Account::own()?;
    let holds = backup.order.holds();
    // Held until the attempt has ended, in whatever way.
    let _places = backup.places.enter(&holds, None).map_err(Failure::from)?;
    let notes = note::of_session(backup)?;
    let Planned { plan, restic, state } = plan::plan(&backup.subject(), &account, &notes)?;
    let wanted = wanted(backup.order)?;
    if matches!(state, RepositoryState::There { .. }) && note::was_started(backup)? {
        let removed = locks::remove_own(&restic, &notes)?;
        if removed > 0 {
            let locks = many(removed as u64, "lock");
            report.note(&format!("{locks} that an earlier attempt had left in the repository: removed"));
        }
        if let Some(snapshot) = restic.made(backup.ticket.session_uuid)? {
            report.done("");
            for step in [Step::Checkpoint, Step::Copy, Step::Seal] {
                report.skip(step, "an earlier attempt has done it");
            }
            return finish(backup, made_earlier(backup, &restic, &snapshot)?);
        }
    }
    let shown = format!("about {} in {}, {} free", plan.bytes, wanted.path.display(), plan.free_bytes);
    report.planned(Plan::Backup(plan));
    report.done(&shown);
    backup.go_on()?;

    report.begin(Step::Checkpoint, "");
    let id = match state {
        RepositoryState::There { id } => id,
        RepositoryState::Missing => repository::make(backup, &restic)?,
    };
    report.done(&format!("restic locks the repository {} while it works", short_id(&id)));
    backup.go_on()?;

    report.begin(Step::Copy, "");
    let said = copy::run(backup, &restic, &wanted, &id)?;
    report.done("");

    report.begin(Step::Seal, "");
    let snapshot = seal(backup, &restic, &id, &said)?;
    report.log(&format!("the restore point is the snapshot {} in {}", snapshot.id, restic.repository().display()));
    report.done(&format!("{} is in the repository", snapshot.label()));
    // What restic had no time to remove when its repository was slow.
    locks::remove_own(&restic, &note::of_session(backup)?)?;
    let bytes = said.summary.as_ref().map_or(ByteCount(0), |summary| summary.bytes);
    finish(backup, success(&snapshot, bytes, &said))
}

/// The plan alone.
pub(super) fn plan(subject: &Subject<'_>, account: &Account) -> Result<BackupPlan, Failure> {
    plan::plan(subject, account, &[]).map(|planned| planned.plan)
}

/// The version of the program that is found.
pub(super) fn version(settings: &WorkerSettings) -> Result<String, Failure> {
    let nowhere = Path::new("/");
    Ok(Restic::new(&Account::own()?, settings, nowhere, nowhere).version()?.to_string())
}

/// The order names a tree: that is why it came here.
fn wanted(order: &BackupOrder) -> Result<Wanted<'_>, Failure> {
    let BackupObject::FileTree { path, exclude, password_file, .. } = &order.object else {
        return Err(Failure::bug("an object that is no tree of files is backed up as one"));
    };
    let Some(password_file) = password_file.as_deref() else {
        return Err(Failure::incurable(
            format!("the job {} names no password_file for its restic repositories", order.job),
            "name the file that holds their password with password_file in the settings of the job",
        ));
    };
    Ok(Wanted { path, exclude, password_file })
}

/// Asks the repository what is in it now: restic ends well in a directory that was exchanged under it, too.
fn seal(backup: &Backup<'_>, restic: &Restic, id: &str, said: &Said) -> Result<Snapshot, Halt> {
    let Some(summary) = &said.summary else {
        repository::refuse_other(restic, id)?;
        return Err(Failure::disruption("restic ended without a word on what it has made", "").into());
    };
    let made = restic.made(backup.ticket.session_uuid);
    // Whoever has answered that has to be the repository that was there at the beginning.
    repository::refuse_other(restic, id)?;
    made?.filter(|snapshot| snapshot.id.starts_with(&summary.snapshot)).ok_or_else(|| {
        let cause = format!("restic says that it has made {}, which is not in the repository", summary.snapshot);
        Failure::disruption(cause, "see whether the repository was exchanged or restored meanwhile").into()
    })
}

/// What an attempt that could not say so any more has made.
fn made_earlier(backup: &Backup<'_>, restic: &Restic, snapshot: &Snapshot) -> Result<Success, Failure> {
    let of_it = |said: &Said| Some(said.summary.clone().filter(|made| snapshot.id.starts_with(&made.snapshot))?.bytes);
    for said in note::said(backup)? {
        if let Some(bytes) = of_it(&said) {
            return Ok(success(snapshot, bytes, &said));
        }
    }
    // It was killed before its last word.
    let mut success = success(snapshot, restic.size_of(snapshot)?, &Said::default());
    success.warnings.push("whether all of the tree could be read is not known: the attempt was killed".to_owned());
    Ok(success)
}

fn finish(backup: &Backup<'_>, success: Success) -> Result<Success, Halt> {
    backup.report.begin(Step::Finish, "");
    backup.places.leave(&backup.order.holds())?;
    backup.report.done("");
    Ok(success)
}

fn success(snapshot: &Snapshot, bytes: ByteCount, said: &Said) -> Success {
    let unchecked = "what restic stored was not read again: restic check --read-data does that".to_owned();
    Success {
        result: Achieved::RestorePoint { label: snapshot.label(), bytes, how: None },
        warnings: said.unread().into_iter().collect(),
        unchecked: vec![unchecked],
    }
}

/// The directory of the object's restic repository.
fn folder(order: &BackupOrder) -> Result<PathBuf, Failure> {
    match order.folder() {
        Some(folder) => Ok(folder),
        None => Err(Failure::incurable(
            format!("{} of the job {} has no directory in a repository", order.object.name(), order.job),
            "name a repository in the settings of the job, and give the object a name without slashes that begins with \
             a letter or a digit",
        )),
    }
}
