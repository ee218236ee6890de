//! pgBackRest beside us, where it is installed: backups of the same files in repositories of its own.

use super::{Bed, is_installed};
use std::path::PathBuf;

/// How it packs files.
pub(crate) const PACKINGS: [&str; 3] = ["none", "lz4", "gz"];

/// As many as we have threads on a machine of two processors.
const WORKERS: &str = "--process-max=2";

/// Backs up the same files, once in each packing, where that was not done yet.
pub(super) fn prepare(bed: &Bed, label: &str) {
    for packing in PACKINGS {
        if !is_installed("pgbackrest") || is_there(bed, label, packing) {
            continue;
        }
        let (common, repository) = (common(bed, label, packing), repository(bed, label, packing));
        bed.server(&format!("rm -rf '{0}' && mkdir -p '{0}'", repository.display()));
        // A plain backup is a cluster that stands still.
        let line = format!("pgbackrest {common} --pg1-path='{}' --no-online", bed.backup(label).display());
        bed.server(&format!("{line} stanza-create"));
        bed.server(&format!("{line} {WORKERS} --compress-type={packing} --type=full --repo1-retention-full=1 backup"));
    }
}

/// Whether there is a backup in this packing.
pub(crate) fn is_there(bed: &Bed, label: &str, packing: &str) -> bool {
    is_installed("pgbackrest") && repository(bed, label, packing).join("backup/bench/latest").exists()
}

/// Where it is read.
pub(crate) fn repository(bed: &Bed, label: &str, packing: &str) -> PathBuf {
    bed.root.join(format!("pgbackrest-{label}-{packing}"))
}

/// Restores it, and brings it to the disk.
pub(crate) fn restore(bed: &Bed, label: &str, packing: &str) {
    let (common, target) = (common(bed, label, packing), bed.target());
    let target = target.display();
    bed.server(&format!(
        "mkdir -m 700 '{target}' && pgbackrest {common} --pg1-path='{target}' {WORKERS} --type=none restore"
    ));
    bed.run("sync");
}

fn common(bed: &Bed, label: &str, packing: &str) -> String {
    let (repository, root) = (repository(bed, label, packing), bed.root.display());
    let quiet = "--log-level-console=error --log-level-file=off";
    format!("--stanza=bench --repo1-path='{}' --lock-path='{root}/lock' {quiet}", repository.display())
}
