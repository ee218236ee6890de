//! Beginning recovery from a backup once more, after it was interrupted.
//!
//! A server that starts on a backup takes where to replay from and to out of `backup_label`, notes it in `pg_control`,
//! and renames the label. If it is interrupted and started again, there is neither a label nor a signal file: it takes
//! that for a crash, never looks for the end of the backup, and gives up with "WAL ends before end of online backup"
//! (`InitWalRecovery` and `StartupXLOG`; seen with 15.18). With its label back it begins from the backup's start, which
//! is what a restart of recovery does anyway.
//!
//! Promises: the label is put back only if `pg_control` shows that the recovery of this very backup is unfinished.
//! Never: begins a recovery anew that had come to its end.

use super::{classify, control_data::control_data};
use crate::{
    domain::{Failure, Lsn},
    postgres::{
        account::Account,
        binaries::Binaries,
        configure::DataDirectory,
        label::{BACKUP_LABEL, BackupLabel},
    },
};
use std::path::Path;

/// What the server renames the label to.
const USED: &str = "backup_label.old";

/// A label is a few lines.
const MAX_LEN: u64 = 1 << 20;

/// Puts the label back where an interrupted recovery needs it; returns from where replay begins anew.
pub fn restore_backup_label(data: &Path, account: &Account, binaries: &Binaries) -> Result<Option<Lsn>, Failure> {
    let failed =
        |e: &std::io::Error| classify::of_io(&format!("looking for an interrupted recovery in {}", data.display()), e);
    let place = DataDirectory::open(data).map_err(|e| failed(&e))?;
    if place.read(BACKUP_LABEL, MAX_LEN).map_err(|e| failed(&e))?.is_some() {
        return Ok(None);
    }
    let Some(used) = place.read(USED, MAX_LEN).map_err(|e| failed(&e))? else { return Ok(None) };
    // A label that cannot be read was not the one that recovery began with: it may be far older than the backup.
    let Ok(label) = BackupLabel::parse(&used) else { return Ok(None) };
    if unfinished_from(&control_data(data, account, binaries)?) != Some(label.start_wal) {
        return Ok(None);
    }
    place.rename(USED, BACKUP_LABEL).map_err(|e| failed(&e))?;
    Ok(Some(label.start_wal))
}

/// Where the backup began whose recovery has not come to its end yet.
fn unfinished_from(control_data: &str) -> Option<Lsn> {
    let line = control_data.lines().find_map(|line| line.strip_prefix("Backup start location:"))?;
    line.trim().parse().ok().filter(|at| *at != Lsn(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unfinished_recovery_is_told_by_where_its_backup_began() {
        let text = |at: &str| format!("pg_control version number:  1300\nBackup start location:                {at}\n");
        assert_eq!(unfinished_from(&text("0/3000028")), Some(Lsn(0x300_0028)));
        assert_eq!(unfinished_from(&text("0/0")), None);
        assert_eq!(unfinished_from(""), None);
    }
}
