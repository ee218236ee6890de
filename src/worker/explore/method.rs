//! How the files of a restore point are provided: the cheapest way that this machine has, and why not a cheaper one.

use super::{
    clone,
    hold::on_disk,
    unpacked::{Found, Unpacked},
};
use crate::{
    domain::{
        BackupForm, BackupSource, ByteCount, ExploreOrder, Failure, FileMethod, RestorePoint, WorkerSettings,
        instance::{printable, printable_name},
        quantity::many,
    },
    engine::native::{self, Inspected, Source},
    overlay,
};
use std::path::Path;

/// Bytes a second that come out of packed archives onto a disk, as fast and as slowly as they do: one processor unpacks
/// gzip at half a gigabyte a second, and a plain disk takes fifty megabytes.
const UNPACKING: (u64, u64) = (500 << 20, 50 << 20);

/// What the server works on.
#[derive(Debug, Clone)]
pub(super) enum Way {
    /// Clones of the files of a plain backup.
    Clones,
    /// A block overlay over a plain backup.
    Plain,
    /// A block overlay over the members of archives.
    Members,
    /// A block overlay over what was unpacked.
    Unpacked(Unpacked),
    /// A copy.
    Copy,
}

/// A way that was chosen.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) way: Way,
    /// For each cheaper way that was passed over why it was, and what this one takes.
    pub(super) reasons: Vec<String>,
    /// Bytes that are written first; of a copy, its engine knows.
    pub(super) copies: ByteCount,
    /// The backup, looked at; a copy's engine looks itself.
    pub(super) found: Option<Inspected>,
}

impl Way {
    /// The same as a plan has it.
    pub(super) const fn method(&self) -> FileMethod {
        match self {
            Self::Clones => FileMethod::Reflink,
            Self::Plain | Self::Members | Self::Unpacked(_) => FileMethod::Overlay,
            Self::Copy => FileMethod::Copy,
        }
    }

    /// Whether the server reads what nobody has verified yet.
    pub(super) const fn is_unverified(&self) -> bool {
        match self {
            Self::Clones | Self::Plain | Self::Members => true,
            Self::Unpacked(_) | Self::Copy => false,
        }
    }
}

/// Chooses the way for an order.
pub(super) fn choose(order: &ExploreOrder, settings: &WorkerSettings) -> Result<Choice, Failure> {
    let (directory, form) = base_backup(&order.point)?;
    let mut reasons = Vec::new();
    let inspect = || native::inspect(directory, form, order.point.facts.system_identifier, settings.stall_timeout);
    let nothing = ByteCount(0);
    if form == BackupForm::Plain {
        match clone::is_possible(directory, &order.scratch) {
            Ok(()) => return Ok(Choice { way: Way::Clones, reasons, copies: nothing, found: Some(inspect()?) }),
            Err(why) => reasons.push(format!("no clones from the backup to the scratch: {}", printable(&why))),
        }
    }
    match (overlay_over(directory), form) {
        (Err(why), _) => reasons.push(format!("no overlay: {}", printable(&why))),
        (Ok(()), BackupForm::Plain) => {
            return Ok(Choice { way: Way::Plain, reasons, copies: nothing, found: Some(inspect()?) });
        }
        (Ok(()), BackupForm::Tar(_)) => {
            let found = inspect()?;
            if let Some((way, copies)) = of_archives(&found, &order.scratch, &mut reasons)? {
                return Ok(Choice { way, reasons, copies, found: Some(found) });
            }
        }
    }
    if let BackupForm::Tar(_) = form {
        reasons.push(format!("the backup is packed ({form}): its files are brought first"));
    }
    Ok(Choice { way: Way::Copy, reasons, copies: nothing, found: None })
}

/// The way for archives, and the bytes that are unpacked first; `None` where no overlay can show them.
fn of_archives(
    found: &Inspected,
    scratch: &Path,
    reasons: &mut Vec<String>,
) -> Result<Option<(Way, ByteCount)>, Failure> {
    let archive = match &found.source {
        Source::Plain { .. } => return Err(Failure::bug("files were found where archives were")),
        Source::Members(members) => {
            let files = many(members.all.iter().filter(|member| member.data.is_some()).count() as u64, "member");
            let archives = many(members.archives, "archive");
            reasons.push(format!("the backup is not compressed: {files} are served from {archives} where they lie"));
            return Ok(Some((Way::Members, ByteCount(0))));
        }
        Source::Packed(archive) => printable_name(archive.file_name().unwrap_or_default()),
    };
    let unpacked = Unpacked::of(scratch, &found.real_directory, &found.identity);
    let place = printable_name(unpacked.path().as_os_str());
    let all = found.bytes;
    let stands = unpacked.look()?;
    let left = match &stands {
        Found::Partial { .. } => ByteCount(all.0.saturating_sub(on_disk(&unpacked.path()).0)),
        Found::Nothing | Found::Foreign(_) | Found::Complete => all,
    };
    let (best, worst) = (left.0 / UNPACKING.0, 1 + left.0 / UNPACKING.1);
    let takes = format!("in about {best} to {worst} s; other sessions on the point share it");
    let (reason, copies) = match stands {
        Found::Complete => (format!("{archive} is compressed, and unpacked already in {place}"), ByteCount(0)),
        Found::Nothing => (format!("{archive} is compressed: {all} are unpacked once into {place}, {takes}"), left),
        Found::Partial { busy: true } => {
            (format!("{archive} is compressed: another session unpacks it into {place}, and is waited for"), left)
        }
        Found::Partial { busy: false } => (
            format!("{archive} is compressed, and {left} of {all} are still to be unpacked into {place}, {takes}"),
            left,
        ),
        Found::Foreign(why) => {
            reasons.push(format!("{archive} is compressed, and {place}, where it would be unpacked, {why}"));
            return Ok(None);
        }
    };
    reasons.push(reason);
    Ok(Some((Way::Unpacked(unpacked), copies)))
}

/// Why no overlay can show this backup here, if so.
fn overlay_over(directory: &Path) -> Result<(), String> {
    overlay::available()?;
    // What a link leads to is not the backup's, and an overlay follows none.
    match directory.join("pg_wal").symlink_metadata() {
        Ok(found) if found.is_symlink() => Err("pg_wal is a link in the backup".to_owned()),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// The directory and the form of a restore point that can be opened.
pub(super) fn base_backup(point: &RestorePoint) -> Result<(&Path, BackupForm), Failure> {
    match &point.source {
        BackupSource::BaseBackup { directory, form } => Ok((directory, *form)),
        BackupSource::Incremental { .. } => Err(Failure::incurable(
            "an incremental backup holds only what changed: it cannot be opened where it lies",
            "restore it, or open the full backup that it rests on",
        )),
        source @ (BackupSource::PgBackRest { .. } | BackupSource::Barman { .. }) => Err(Failure::incurable(
            format!("this howdah cannot open {source}"),
            "restore it, or use the newer howdah that ordered this",
        )),
    }
}
