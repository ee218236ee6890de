//! How the files of a restore point are provided: the cheapest way that this machine has, and why not a cheaper one.

use super::clone;
use crate::{
    domain::{BackupForm, BackupSource, Failure, FileMethod, RestorePoint, instance::printable},
    overlay,
};
use std::path::Path;

/// The way, and for each cheaper one that was passed over the reason.
pub(super) fn choose(point: &RestorePoint, scratch: &Path) -> Result<(FileMethod, Vec<String>), Failure> {
    let (directory, form) = base_backup(point)?;
    let mut reasons = Vec::new();
    match form {
        BackupForm::Plain => match clone::is_possible(directory, scratch) {
            Ok(()) => return Ok((FileMethod::Reflink, reasons)),
            Err(why) => {
                reasons.push(format!("no clones from the backup to the scratch: {}", printable(&why)));
                match overlay_over(directory) {
                    Ok(()) => return Ok((FileMethod::Overlay, reasons)),
                    Err(why) => reasons.push(format!("no overlay: {}", printable(&why))),
                }
            }
        },
        BackupForm::Tar(_) => reasons.push(format!("the backup is packed ({form}): its files are brought first")),
    }
    Ok((FileMethod::Copy, reasons))
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
        source @ (BackupSource::PgBackRest { .. } | BackupSource::Barman { .. }) => Err(Failure::incurable(
            format!("this howdah cannot open {source}"),
            "restore it, or use the newer howdah that ordered this",
        )),
    }
}
