//! The backup of a virtual machine by libvirt, in push mode: QEMU itself writes a file for each disk while the guest goes
//! on.
//!
//! Its checkpoint is one of libvirt, `howdah-<job>-<session>`, from which the next increment is made; an aborted backup
//! leaves it behind. The first record of a session at the repository names it before libvirt is asked for anything.
//!
//! Promises: a restore point has its name when libvirt has said that the backup is complete, each file rests on what it is
//! to rest on and its hash is written down; a backup that goes on at libvirt while its worker is gone is watched by the
//! next one. Never: touches a job or a checkpoint that does not bear the session's name, or one that a restore point of
//! the job names.

pub mod checkpoints;
mod dispose;
mod plan;
mod remains;
mod seal;
mod watch;

pub(super) use dispose::dispose;

use super::{
    Backup, Subject,
    repository::{Contents, PointDirectory},
};
use crate::{
    domain::{Achieved, BackupObject, BackupOrder, BackupPlan, ByteCount, Failure, InstanceName, Plan, Step, Success},
    engine::{Halt, Observer},
    libvirt::{image, job_info, machine, point, virsh, wording, xml},
    private_file,
    worker::{attempt_files, event_writer},
};
use machine::Machine;
use plan::{Method, Planned};
use point::{Begun, FoundPoint};
use remains::{Remains, RunningJob};
use serde::Serialize;
use std::{
    fs::{self, OpenOptions, Permissions},
    io::Write as _,
    num::NonZeroU32,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};
use uuid::Uuid;
use virsh::{Virsh, VirshError};

/// In an attempt's directory: what libvirt is asked for. The second is there before it is asked.
const BACKUP_XML: &str = "backup.xml";
const CHECKPOINT_XML: &str = "checkpoint.xml";

/// The same: libvirt has answered.
const ANSWERED: &str = "checkpoint.answered";

/// QEMU runs as another user and passes through to its files by their names; nobody else reads what is there.
const PASS_THROUGH: u32 = 0o711;

/// The machine that is backed up, as its order names it.
#[derive(Debug, Clone, Copy)]
struct Wanted<'a> {
    name: &'a InstanceName,
    domain: &'a str,
    uri: &'a str,
    full_every: NonZeroU32,
}

/// What an attempt works with.
struct Work<'a> {
    backup: &'a Backup<'a>,
    virsh: Virsh,
    machine: Machine,
    directory: PointDirectory,
    incoming: PathBuf,
    checkpoint: String,
}

/// Runs the steps, in order.
pub(super) fn run(backup: &Backup<'_>) -> Result<Success, Halt> {
    let report = backup.report;
    report.begin(Step::Check, "");
    let wanted = wanted(backup.order)?;
    let directory = backup.subject().point_directory()?;
    let holds = backup.order.holds();
    // Held until the attempt has ended, in whatever way.
    let _places = backup.places.enter(&holds, None).map_err(Failure::from)?;
    let contents = directory.look()?;
    let virsh = Virsh::new(wanted.uri)?;
    let points = points_in(&contents);
    if let Some(made) = made(&points, backup) {
        return already_made(backup, &virsh, &wanted, made, &points);
    }
    let machine = virsh.machine(wanted.domain)?;
    let checkpoint = checkpoint_of(backup.order, backup.ticket.session_uuid)?;
    let incoming = text_of(directory.incoming())?;
    let work = Work { backup, virsh, machine, directory, incoming, checkpoint };
    let begun = match work.adopted()? {
        Some(begun) => begun,
        None => work.begin(&wanted)?,
    };
    report.begin(Step::Copy, "");
    watch::until_ended(&work)?;
    report.done("");

    let made = seal::seal(&work, &begun)?;
    report.begin(Step::Finish, "");
    let warnings = delete_older(&work.virsh, &work.machine, &made, &points);
    backup.places.leave(&holds)?;
    report.done(&format!("libvirt keeps the checkpoint {} for the next increment", work.checkpoint));
    success(&made, warnings)
}

/// The plan alone.
pub(super) fn plan(subject: &Subject<'_>) -> Result<BackupPlan, Failure> {
    let wanted = wanted(subject.order)?;
    let directory = subject.point_directory()?;
    text_of(directory.incoming())?;
    let contents = directory.look()?;
    let virsh = Virsh::new(wanted.uri)?;
    let machine = virsh.machine(wanted.domain)?;
    // A plan alone has no session yet.
    let checkpoint = checkpoint_of(subject.order, subject.session)?.replace(&Uuid::nil().to_string(), "<session>");
    let remains =
        Remains { virsh: &virsh, machine: &machine, checkpoint: &checkpoint, incoming: &directory.incoming() };
    refuse_foreign(&machine, remains.job()?)?;
    plan::plan((subject.order, &wanted), &virsh, &machine, (&directory, &contents), &checkpoint)
        .map(|planned| planned.plan)
}

impl Work<'_> {
    fn remains(&self) -> Remains<'_> {
        let Self { virsh, machine, checkpoint, incoming, .. } = self;
        Remains { virsh, machine, checkpoint, incoming }
    }

    /// The backup that an earlier attempt has begun and that still runs.
    fn adopted(&self) -> Result<Option<Begun>, Halt> {
        let report = self.backup.report;
        let job = self.remains().job()?;
        refuse_foreign(&self.machine, job)?;
        let begun: Option<Begun> = point::read(&self.incoming, point::BEGUN);
        let (RunningJob::Own { total, .. }, Some(begun)) = (job, begun) else { return Ok(None) };
        let contents = self.directory.look()?;
        report.planned(Plan::Backup(BackupPlan {
            directory: self.directory.path.clone(),
            bytes: ByteCount(total),
            files: begun.disks.len() as u64,
            free_bytes: contents.free_bytes,
            free_inodes: contents.free_inodes,
            method: vec![
                "the backup that an earlier attempt has begun goes on at libvirt, and is watched".to_owned(),
                format!("checkpoint {}", self.checkpoint),
            ],
            version: None,
            system_identifier: None,
            warnings: Vec::new(),
            keep: None,
        }));
        report.done("the backup that an earlier attempt has begun goes on at libvirt");
        report.skip(Step::Checkpoint, "an earlier attempt has made it");
        Ok(Some(begun))
    }

    /// Plans, and asks libvirt for the backup and its checkpoint.
    fn begin(&self, wanted: &Wanted<'_>) -> Result<Begun, Halt> {
        let Self { backup, virsh, machine, directory, incoming, checkpoint } = self;
        let report = backup.report;
        let cleared = self.remains().clear(dispose::is_unanswered(backup)?)?;
        if cleared.checkpoint {
            report.note(&format!("an earlier attempt had left the checkpoint {checkpoint}, which was deleted"));
        }
        if directory.remove_incoming()? {
            report.note("what an earlier attempt had received was removed: such a backup cannot be resumed");
        }
        let contents = directory.look()?;
        let order = (backup.order, wanted);
        let Planned { method, disks, plan } = plan::plan(order, virsh, machine, (directory, &contents), checkpoint)?;
        let shown = format!("about {} needed, {} free", plan.bytes, plan.free_bytes);
        report.planned(Plan::Backup(plan));
        report.log(&method.to_string());
        report.done(&shown);
        backup.go_on()?;

        report.begin(Step::Checkpoint, checkpoint);
        let rests_on = match &method {
            Method::Full { .. } => None,
            Method::Incremental { on, .. } => Some(on.clone()),
        };
        let begun = Begun {
            version: point::VERSION,
            session: backup.ticket.session_uuid,
            machine: machine.name.clone(),
            uuid: machine.uuid.clone(),
            checkpoint: checkpoint.clone(),
            started: event_writer::now(),
            rests_on,
            disks,
        };
        self.make_room(&begun)?;
        let backup_xml = self.write_request(BACKUP_XML, &backup_xml(machine, &begun, &method, incoming))?;
        let checkpoint_xml = self.write_request(CHECKPOINT_XML, &checkpoint_xml(machine, &begun))?;
        backup.go_on()?;
        let asked = virsh.begin(machine, &backup_xml, &checkpoint_xml);
        if asked.as_ref().err().is_none_or(VirshError::is_answer) {
            self.write_request(ANSWERED, "")?;
        }
        asked.map_err(Failure::from)?;
        report.done(&format!("{method} ({checkpoint})"));
        Ok(begun)
    }

    /// Makes the directory that the files come in to, and says in it what is asked for.
    fn make_room(&self, begun: &Begun) -> Result<(), Halt> {
        let (backup, path) = (self.backup, &self.directory.path);
        let mut is_new = false;
        self.directory.make_incoming(None, None, || {
            is_new = true;
            backup.note_made_directory()
        })?;
        for made in [Some(&self.incoming), is_new.then_some(path)].into_iter().flatten() {
            fs::set_permissions(made, Permissions::from_mode(PASS_THROUGH))
                .map_err(|error| super::repository::failure("opening to QEMU", made, &error))?;
        }
        let xml = self.incoming.join(point::XML);
        let written = private_file::open(&xml, OpenOptions::new().write(true).create_new(true));
        written
            .and_then(|mut file| file.write_all(self.machine.xml.as_bytes()))
            .map_err(|error| super::repository::failure("writing", &xml, &error))?;
        write_record(&self.incoming, point::BEGUN, begun)
    }

    /// Writes a file of the attempt, durably.
    fn write_request(&self, name: &str, text: &str) -> Result<PathBuf, Failure> {
        let path = self.backup.attempt_dir.join(name);
        let written = private_file::open(&path, OpenOptions::new().write(true).create(true).truncate(true))
            .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
        written.map_err(|error| attempt_files::failure("writing what libvirt is asked for", &error))?;
        Ok(path)
    }
}

/// Puts a record of a point in place, durably.
fn write_record<T: Serialize>(directory: &Path, name: &str, record: &T) -> Result<(), Halt> {
    let failed = |error| super::repository::failure("writing", &directory.join(name), &error);
    Ok(point::write(directory, name, record).map_err(failed)?)
}

/// The points of machines among what is in the object's directory.
fn points_in(contents: &Contents) -> Vec<FoundPoint> {
    point::find(contents.points.iter().map(|point| point.path.as_path()))
}

/// The order names a machine: that is why it came here.
fn wanted(order: &BackupOrder) -> Result<Wanted<'_>, Failure> {
    match &order.object {
        BackupObject::VirtualMachine { name, domain, uri, full_every } => {
            Ok(Wanted { name, domain, uri, full_every: *full_every })
        }
        BackupObject::Instance { .. }
        | BackupObject::FileTree { .. }
        | BackupObject::Standby { .. }
        | BackupObject::FileCopy { .. }
        | BackupObject::PointCopy { .. } => Err(Failure::bug("an object that is no machine is backed up as one")),
    }
}

fn checkpoint_of(order: &BackupOrder, session: Uuid) -> Result<String, Failure> {
    order.checkpoint_name(session).ok_or_else(|| Failure::bug("an object that is no machine is backed up as one"))
}

/// A path goes to libvirt as text in XML, where a tab would be read as a blank, and so as another path.
fn text_of(path: PathBuf) -> Result<PathBuf, Failure> {
    if path.to_str().is_some_and(|text| !text.chars().any(char::is_control)) {
        return Ok(path);
    }
    let cause = format!("libvirt takes no path that is not UTF-8, or has control characters: {}", path.display());
    Err(Failure::incurable(cause, "choose another repository"))
}

/// libvirt would wait 30 s for the other one, and then refuse.
fn refuse_foreign(machine: &Machine, job: RunningJob) -> Result<(), Failure> {
    let RunningJob::Foreign { is_backup } = job else { return Ok(()) };
    let what = if is_backup { "a backup" } else { "a job" };
    Err(Failure::disruption(
        format!("{what} that is not this session's runs on {} (virsh domjobinfo)", machine.name),
        "it is left to its end; this one is tried again then",
    ))
}

fn backup_xml(machine: &Machine, begun: &Begun, method: &Method, incoming: &Path) -> String {
    let since = match method {
        Method::Full { .. } => String::new(),
        Method::Incremental { checkpoint, .. } => format!("<incremental>{}</incremental>", xml::escaped(checkpoint)),
    };
    let disks = machine.disks.iter().map(|disk| {
        if begun.disks.iter().any(|(name, _)| *name == disk.name) {
            let file = incoming.join(point::file_of(&disk.name));
            format!(
                "<disk name='{}' backup='yes' type='file'><driver type='qcow2'/><target file='{}'/></disk>",
                disk.name,
                xml::escaped(&file.to_string_lossy())
            )
        } else {
            format!("<disk name='{}' backup='no'/>", disk.name)
        }
    });
    format!("<domainbackup mode='push'>{since}<disks>{}</disks></domainbackup>\n", disks.collect::<String>())
}

fn checkpoint_xml(machine: &Machine, begun: &Begun) -> String {
    let disks = machine.disks.iter().map(|disk| {
        let is_in = begun.disks.iter().any(|(name, _)| *name == disk.name);
        format!("<disk name='{}' checkpoint='{}'/>", disk.name, if is_in { "bitmap" } else { "no" })
    });
    let (name, disks) = (xml::escaped(&begun.checkpoint), disks.collect::<String>());
    format!("<domaincheckpoint><name>{name}</name><disks>{disks}</disks></domaincheckpoint>\n")
}

/// The restore point that this session has made already.
fn made<'a>(points: &'a [FoundPoint], backup: &Backup<'_>) -> Option<&'a FoundPoint> {
    points.iter().find(|point| point.record.session == backup.ticket.session_uuid)
}

/// An earlier attempt was ended between the restore point's last rename and its own last word.
fn already_made(
    backup: &Backup<'_>,
    virsh: &Virsh,
    wanted: &Wanted<'_>,
    made: &FoundPoint,
    points: &[FoundPoint],
) -> Result<Success, Halt> {
    let report = backup.report;
    report.done("");
    for step in [Step::Checkpoint, Step::Copy, Step::Seal] {
        report.skip(step, "an earlier attempt has done it");
    }
    report.begin(Step::Finish, "");
    let warnings = match virsh.machine(wanted.domain) {
        Ok(machine) => delete_older(virsh, &machine, made, points),
        Err(failure) => vec![format!("older checkpoints were not deleted: {failure}")],
    };
    backup.places.leave(&backup.order.holds())?;
    report.done(&format!("{} is in place", made.label));
    success(made, warnings)
}

/// Deletes the checkpoints that earlier points of the job name: the next increment is made from the newest. The restore
/// point is made, whatever libvirt says now.
fn delete_older(virsh: &Virsh, machine: &Machine, made: &FoundPoint, points: &[FoundPoint]) -> Vec<String> {
    let there = match virsh.checkpoints(machine) {
        Ok(there) => there,
        Err(failure) => return vec![format!("older checkpoints were not deleted: {failure}")],
    };
    let new = &made.record;
    let is_older = |point: &&FoundPoint| point.record.job == new.job && point.record.object == new.object;
    let older = points.iter().filter(is_older).map(|point| &point.record.checkpoint);
    let older = older.filter(|name| **name != new.checkpoint && name.starts_with("howdah-") && there.contains(name));
    let left = older.filter_map(|name| match remains::delete(virsh, machine, name) {
        Ok(deleted) => deleted.bitmaps,
        Err(failure) => Some(format!("the checkpoint {name}, which nothing needs any more, stays: {failure}")),
    });
    left.collect()
}

fn success(made: &FoundPoint, warnings: Vec<String>) -> Result<Success, Halt> {
    let bytes = ByteCount(super::seal::size_of(&made.path)?);
    let unchecked = vec![
        "the guest was not asked to bring its files to its disks: the copy is as after a power cut".to_owned(),
        "what QEMU wrote was hashed, not compared with the machine's disks".to_owned(),
    ];
    let kind =
        made.record.rests_on.as_ref().map_or_else(|| "full".to_owned(), |on| format!("increment on {}", on.label));
    let how = Some(format!("{kind}, checkpoint {}", made.record.checkpoint));
    Ok(Success { result: Achieved::RestorePoint { label: made.label.clone(), bytes, how }, warnings, unchecked })
}
