//! Restore points of an instance, copied to a second repository under their own names.
//!
//! Its checkpoint is the directory `.incoming-<session>` at the second repository: a point is copied there, compared with
//! its manifest, marked as this job's own, synced, and renamed into place before the next one is begun. A point that is
//! there already, the same by its name, its cluster and the checksum of its manifest, is not copied again; one of the
//! same name that is another backup is refused.
//!
//! Promises: a point at the second repository is whole. Never: changes anything at the first one.

use super::{
    Backup, Subject,
    copier::{self, Copier, EntryKind, SourceEntry},
    keep,
    repository::{self, Contents, ExistingPoint, PointDirectory},
    rights, seal,
};
use crate::{
    domain::{
        Achieved, BackupForm, BackupObject, BackupPlan, ByteCount, Failure, Plan, Step, Success, SystemIdentifier,
        plan::KeepPlan,
        point_mark::{POINT_MARK, POINT_MARK_DIRECTORY},
        quantity::many,
    },
    engine::{
        Halt, Observer,
        point_use::{self, Unlocked},
        watched::watched,
    },
    postgres::{account::Account, compression, tarset::TarSet},
    worker::event_writer,
};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};
use uuid::Uuid;

/// A restore point that is copied.
struct Wanted {
    point: ExistingPoint,
    /// Its directory's name.
    name: String,
    form: BackupForm,
    entries: Vec<SourceEntry>,
}

/// What is copied, and what is not.
#[derive(Default)]
struct Choice {
    wanted: Vec<Wanted>,
    /// Points that are there, the same in all.
    skipped: u64,
    /// Points that the job would remove again at once.
    older: u64,
    /// Sentences about points that cannot be copied.
    left_out: Vec<String>,
}

/// A copy that can begin.
pub(super) struct Checked {
    directory: PointDirectory,
    choice: Choice,
    cluster: Option<SystemIdentifier>,
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
    let Checked { directory, mut choice, cluster, plan } = check(&backup.subject(), &account)?;
    let (bytes, files) = (plan.bytes, plan.files);
    report.planned(Plan::Backup(plan));
    report.done(&format!("{} to copy, {bytes}", many(choice.wanted.len() as u64, "restore point")));
    backup.go_on()?;

    report.begin(Step::Checkpoint, "");
    // Our own alone until a point is whole: whoever may write to the repository cannot lead us elsewhere.
    let incoming = directory.make_incoming(account.owner(), None, || backup.note_made_directory())?;
    report.done(&format!("copies are made in {}", incoming.display()));

    report.begin(Step::Copy, "");
    let mut copier = Copier::new(backup, account.owner(), bytes, files);
    let (mut made, mut unchecked) = (0, Vec::new());
    for (number, wanted) in (1_u64..).zip(&choice.wanted) {
        report.detail(&format!("{} ({number} of {})", wanted.point.label, choice.wanted.len()));
        if let Some(sentences) = copy(backup, &mut copier, wanted, &directory, account.owner())? {
            made += 1;
            unchecked.extend(sentences);
        } else {
            choice.left_out.push(format!("{} was not copied: it was removed meanwhile", wanted.point.label));
        }
    }
    let result = Achieved::Copied { copies: made, bytes, skipped: choice.skipped };
    report.done(&result.to_string());
    report.skip(Step::Seal, "each restore point was compared and put in place when it was copied");
    choice.left_out.extend(keep::expire(backup, &directory, cluster, None));

    report.begin(Step::Finish, "");
    directory.remove_incoming()?;
    backup.places.leave(&holds)?;
    report.done("");
    Ok(Success { result, warnings: choice.left_out, unchecked })
}

/// Looks and decides; writes nothing.
pub(super) fn check(subject: &Subject<'_>, account: &Account) -> Result<Checked, Failure> {
    let stall = subject.settings.stall_timeout;
    let source = source(subject)?;
    let directory = subject.point_directory()?;
    rights::refuse_unreadable(account, &source)?;
    let there = directory.look()?;
    rights::refuse_unwritable(account, &directory.path, &there.nearest)?;
    // Whose session it is does not matter where nothing is made.
    let found = PointDirectory::new(source.clone(), Uuid::nil(), stall).look()?;
    refuse_mixed_clusters(&source, &found, &there)?;
    let cluster = there.points.iter().chain(&found.points).find_map(|point| point.cluster);
    let mut choice = choose(stall, &found, &there)?;
    let keep = leave_older(subject, &directory, cluster, &mut choice)?;
    let plan = BackupPlan { keep, ..plan(&directory, &there, &choice, account)? };
    Ok(Checked { directory, choice, cluster, plan })
}

/// The directory of the instance's points in the first repository.
fn source(subject: &Subject<'_>) -> Result<PathBuf, Failure> {
    let BackupObject::PointCopy { instance, from, .. } = &subject.order.object else {
        return Err(Failure::bug("an object that is no restore point is copied as one"));
    };
    let to = subject.point_directory()?.path;
    let source = from.join(instance.as_str());
    if source.starts_with(&to) || to.starts_with(&source) {
        return Err(Failure::incurable(
            format!("the restore points of {instance} would be copied onto themselves ({})", source.display()),
            "name two repositories of which neither lies in the other",
        ));
    }
    Ok(source)
}

/// Points of two clusters under one name would be taken for each other's (S14).
fn refuse_mixed_clusters(source: &Path, found: &Contents, there: &Contents) -> Result<(), Failure> {
    let all = found.points.iter().chain(&there.points);
    let clusters: BTreeSet<SystemIdentifier> = all.filter_map(|point| point.cluster).collect();
    if clusters.len() < 2 {
        return Ok(());
    }
    let named: Vec<String> = clusters.iter().map(ToString::to_string).collect();
    Err(Failure::incurable(
        format!("{} and its copies hold backups of more than one cluster: {}", source.display(), named.join(", ")),
        "keep the backups of each cluster under a name of their own",
    ))
}

/// Looks at each point of the first repository.
fn choose(stall: Duration, found: &Contents, there: &Contents) -> Result<Choice, Failure> {
    let mut choice = Choice::default();
    for point in &found.points {
        let manifest = seal::manifest_of(&point.path).ok().flatten();
        let name = point.path.file_name().and_then(|name| name.to_str());
        let (Some(manifest), Some(name), Some(form)) = (manifest, name, form_of(&point.path)) else {
            choice.left_out.push(format!("{} was not copied: it is no whole backup with a manifest", point.label));
            continue;
        };
        if let Some(other) = there.points.iter().find(|other| other.path.file_name() == point.path.file_name()) {
            if seal::manifest_of(&other.path).ok().flatten() == Some(manifest) {
                choice.skipped += 1;
                continue;
            }
            return Err(Failure::incurable(
                format!(
                    "{} is there already, and is another backup than {}",
                    other.path.display(),
                    point.path.display()
                ),
                "move one of them away: nothing there is overwritten",
            ));
        }
        let path = point.path.clone();
        let (mut entries, others) = watched(&path.display().to_string(), stall, move |beat| copier::walk(&path, beat))?;
        let leads_out = entries.iter().any(|entry| matches!(entry.kind, EntryKind::Link(_)));
        if leads_out || !others.is_empty() {
            let what = "not all of it lies in its own directory (tablespaces of a plain backup)";
            choice.left_out.push(format!("{} was not copied: {what}", point.label));
            continue;
        }
        // The copy is this job's, and gets a mark that says so.
        let mark = Path::new(POINT_MARK_DIRECTORY).join(POINT_MARK);
        entries.retain(|entry| entry.path != mark);
        choice.wanted.push(Wanted { point: point.clone(), name: name.to_owned(), form, entries });
    }
    Ok(choice)
}

/// Takes out what the job would remove as soon as it is copied, and tells what will become of the points that are there.
fn leave_older(
    subject: &Subject<'_>,
    directory: &PointDirectory,
    cluster: Option<SystemIdentifier>,
    choice: &mut Choice,
) -> Result<Option<KeepPlan>, Failure> {
    if subject.order.keep.is_none() {
        return Ok(None);
    }
    let points: Vec<ExistingPoint> = choice.wanted.iter().map(|wanted| wanted.point.clone()).collect();
    let new = watched("the restore points to copy", subject.settings.stall_timeout, move |beat| {
        Ok::<_, Failure>(points.iter().inspect(|_| beat.beat()).map(keep::candidate).collect())
    })?;
    let Some(foreseen) = keep::foresee(subject, directory, cluster, new)? else { return Ok(None) };
    let mut goes = foreseen.goes.into_iter();
    let before = choice.wanted.len();
    choice.wanted.retain(|_| goes.next() == Some(false));
    choice.older = (before - choice.wanted.len()) as u64;
    Ok(Some(foreseen.plan))
}

/// The form of a backup; `None` where it is none.
fn form_of(point: &Path) -> Option<BackupForm> {
    if point.join("PG_VERSION").is_file() {
        return Some(BackupForm::Plain);
    }
    let set = TarSet::find(point).ok()??;
    compression::detect_file(&set.base).ok().map(BackupForm::Tar)
}

fn plan(
    directory: &PointDirectory,
    there: &Contents,
    choice: &Choice,
    account: &Account,
) -> Result<BackupPlan, Failure> {
    let sizes = choice.wanted.iter().flat_map(|wanted| &wanted.entries).filter_map(|entry| match entry.kind {
        EntryKind::File(identity) => Some(identity.size),
        EntryKind::Directory | EntryKind::Link(_) => None,
    });
    let (bytes, files) = sizes.fold((0, 0), |(bytes, files), size| (bytes + size, files + 1));
    let free = ByteCount(there.free_bytes.0.saturating_add(there.leftover.unwrap_or_default().0));
    if ByteCount(bytes) > free {
        return Err(Failure::incurable(
            format!("the copies take {}, and {free} are free in {}", ByteCount(bytes), there.nearest.display()),
            "make room, or choose another repository",
        ));
    }
    let mut warnings = choice.left_out.clone();
    if let Some(leftover) = there.leftover {
        warnings.push(format!("an earlier attempt has left {leftover}, which is compared and gone on with"));
    }
    let labels = choice.wanted.iter().map(|wanted| format!("copies {}, for {}", wanted.point.label, account.name()));
    let mut passed_over = vec![format!("{} there already", many(choice.skipped, "restore point"))];
    if choice.older > 0 {
        let older = many(choice.older, "older restore point");
        passed_over.push(format!("{older} not copied: the job keeps newer ones"));
    }
    Ok(BackupPlan {
        directory: directory.path.clone(),
        bytes: ByteCount(bytes),
        files,
        free_bytes: there.free_bytes,
        free_inodes: there.free_inodes,
        method: labels.chain(passed_over).collect(),
        version: None,
        system_identifier: there.points.iter().find_map(|point| point.cluster),
        warnings,
        keep: None,
    })
}

/// A copy is compared with what was read: what its manifest does not agree with was so at its source.
fn damaged(what: &str) -> Failure {
    let cause = format!("a restore point is damaged, and is not copied: {what}");
    Failure::incurable(cause, "see it with howdah backup verify, and take it out of the repository")
}

/// Copies one point and gives it its name; what was not verified of it is returned, and nothing where it is gone.
fn copy(
    backup: &Backup<'_>,
    copier: &mut Copier<'_>,
    wanted: &Wanted,
    directory: &PointDirectory,
    owner: Option<(u32, u32)>,
) -> Result<Option<Vec<String>>, Halt> {
    let (point, stall) = (&wanted.point.path, backup.ticket.settings.stall_timeout);
    let _reading = match point_use::share(point, stall)? {
        Ok(lock) => Some(lock),
        // A repository that is not there says so itself, and may come back.
        Err(Unlocked::Io(_)) if point.exists() || point.parent().is_none_or(|folder| !folder.exists()) => None,
        Err(Unlocked::Held | Unlocked::Gone | Unlocked::Io(_)) => return Ok(None),
    };
    let started = event_writer::now();
    // Under its own name, so that an attempt goes on with the same point that an earlier one has begun.
    let making = directory.make_in_incoming(&wanted.name)?;
    for entry in &wanted.entries {
        copier.copy(&wanted.point.path, entry, &making)?;
    }
    let found = seal::compare(backup, &making, wanted.form, wanted.point.cluster, damaged)?;
    backup.go_on()?;
    let mark = seal::mark(backup, &making, wanted.point.cluster, (started, event_writer::now()))?;
    repository::leave_mark(&making, &mark, owner)?;
    copier.finish_directories(wanted.entries.iter(), &making)?;
    seal::bring_to_disk(backup, &making)?;
    backup.go_on()?;
    directory.name_from_incoming(&wanted.name)?;
    backup.report.log(&format!("{} is in place in {}", wanted.point.label, directory.path.display()));
    let name = |sentence: String| format!("{}: {sentence}", wanted.point.label);
    Ok(Some(found.unchecked.into_iter().map(name).collect()))
}
