//! How the files of a restore point are provided: the cheapest way that this machine has, and why not a cheaper one.

use super::clone;
use crate::domain::{BackupForm, BackupSource, Failure, FileMethod, RestorePoint, instance::printable};
use std::path::Path;

/// The way, and for each cheaper one that was passed over the reason.
pub(super) fn choose(point: &RestorePoint, scratch: &Path) -> Result<(FileMethod, Vec<String>), Failure> {
    let (directory, form) = base_backup(point)?;
    let mut reasons = Vec::new();
    match form {
        BackupForm::Plain => match clone::is_possible(directory, scratch) {
            Ok(()) => return Ok((FileMethod::Reflink, reasons)),
            Err(why) => reasons.push(format!("no clones from the backup to the scratch: {}", printable(&why))),
        },
        BackupForm::Tar(_) => reasons.push(format!("the backup is packed ({form}): its files are brought first")),
    }
    Ok((FileMethod::Copy, reasons))
}

/// The directory and the form of a restore point that can be opened.
pub(super) fn base_backup(point: &RestorePoint) -> Result<(&Path, BackupForm), Failure> {
    match &point.source {
        BackupSource::BaseBackup { directory, form } => Ok((directory, *form)),
        source @ (BackupSource::PgBackRest { .. } | BackupSource::Barman { .. }) => Err(Failure::incurable(
            format!("this howdah cannot open {source}"),
            "restore it, or use the newer howdah that ordered this",
        )),
    }
}
