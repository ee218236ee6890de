//! What the plan of a restore decides, one sentence each, for the attempt's log.
//!
//! Promises: says what the plan says and no more. Never: decides.

use crate::domain::{
    BackupPlan, RestorePlan,
    plan::{ServerPlan, TargetState, WalFinding},
    quantity::{count, many},
};

/// Tablespaces and warnings that are told one by one; a cluster may have thousands, and the plan names them all.
const MOST: usize = 50;

/// The sentences.
pub(in crate::worker) fn of(plan: &RestorePlan) -> Vec<String> {
    let files = &plan.files;
    let mut said = Vec::new();
    if let Some(backup) = &plan.backup {
        said.push(format!("the backup is {}", backup.display()));
    }
    let target = match &files.target {
        TargetState::Missing => "is missing and will be created".to_owned(),
        TargetState::Empty => "is there and empty".to_owned(),
        TargetState::Leftover => "holds what an earlier attempt left of this backup, and is gone on with".to_owned(),
        TargetState::SetAside { to } => format!("holds other data, which is set aside as {}", to.display()),
    };
    said.push(format!("the target {} {target}", plan.directory.display()));
    let inodes = files.free_inodes.map_or_else(String::new, |free| format!(" and {} inodes", count(free)));
    said.push(format!(
        "{} in {} are needed, {} of it in place; {}{inodes} are free",
        files.bytes,
        many(files.files, "file"),
        files.reused,
        files.free_bytes
    ));
    for tablespace in files.tablespaces.iter().take(MOST) {
        let (from, to) = (tablespace.original.display(), tablespace.directory.display());
        said.push(format!("tablespace {} of {from} goes to {to}", tablespace.oid));
    }
    said.extend(more(files.tablespaces.len(), "tablespace"));
    said.push(match &files.wal {
        WalFinding::Included { start, stop } => format!("the backup holds its WAL, from {start} to {stop}"),
        WalFinding::Missing { what } => format!("the backup lacks WAL that it needs: {what}"),
    });
    said.push(if files.checksum.contains("NONE") {
        "the manifest has no checksums: files are verified by their sizes alone".to_owned()
    } else {
        format!("files are verified by the manifest's {} checksums", files.checksum)
    });
    if let Some(cluster) = files.system_identifier {
        let version = files.version.map_or_else(String::new, |version| format!(" of PostgreSQL {version}"));
        said.push(format!("it is the cluster {cluster}{version}"));
    }
    said.push(match &plan.server {
        ServerPlan::Start { binaries, version, user, port, leave_running } => {
            let then = if *leave_running { "left running" } else { "stopped after its probe" };
            let binaries = binaries.display();
            format!("the server is PostgreSQL {version} of {binaries}, runs as {user} on port {port}, and is {then}")
        }
        ServerPlan::NoServer { reason } => format!("no server is started: {reason}"),
    });
    said.extend(plan.warnings.iter().take(MOST).map(|warning| format!("warning: {warning}")));
    said.extend(more(plan.warnings.len(), "warning"));
    said.extend(plan.switched_off.iter().map(|one| format!("{} in the copy, or it would {}", one.line, one.effect)));
    said
}

/// The sentences of a backup's plan.
pub(in crate::worker) fn of_backup(plan: &BackupPlan) -> Vec<String> {
    let files = if plan.files > 0 { format!(" in {}", many(plan.files, "file")) } else { String::new() };
    let inodes = plan.free_inodes.map_or_else(String::new, |free| format!(" and {} inodes", count(free)));
    let mut said = vec![format!(
        "{} takes about {}{files}; {}{inodes} are free",
        plan.directory.display(),
        plan.bytes,
        plan.free_bytes
    )];
    if let (Some(cluster), Some(version)) = (plan.system_identifier, plan.version) {
        said.push(format!("it is the cluster {cluster} of PostgreSQL {version}"));
    }
    said.extend(plan.method.iter().cloned());
    if let Some(keep) = &plan.keep {
        let stay = many(keep.stays, "restore point");
        said.push(format!("{stay} of the job will stay, and {} will go", count(keep.removes.len() as u64)));
        said.extend(keep.removes.iter().take(MOST).map(|label| format!("{label} will go")));
        said.extend(more(keep.removes.len(), "restore point"));
    }
    said.extend(plan.warnings.iter().take(MOST).map(|warning| format!("warning: {warning}")));
    said.extend(more(plan.warnings.len(), "warning"));
    said
}

fn more(all: usize, what: &str) -> Option<String> {
    let left = all.checked_sub(MOST).filter(|left| *left > 0)?;
    Some(format!("{} more, which the plan names", many(left as u64, what)))
}
