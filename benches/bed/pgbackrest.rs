//! pgBackRest beside us, where it is installed: backups of the same cluster in repositories of its own.

use super::{Bed, is_installed};
use std::path::{Path, PathBuf};

/// How it packs files.
pub(crate) const PACKINGS: [&str; 3] = ["none", "lz4", "gz"];

/// Backs up a cluster that stands, once in each packing.
pub(super) fn back_up(bed: &Bed, label: &str, data: &Path) {
    if !is_installed("pgbackrest") {
        return;
    }
    for packing in PACKINGS {
        let (common, repository) = (common(bed, label, packing), repository(bed, label, packing));
        bed.server(&format!("rm -rf '{0}' && mkdir -p '{0}'", repository.display()));
        let line = format!("pgbackrest {common} --pg1-path='{}' --no-online", data.display());
        bed.server(&format!("{line} stanza-create"));
        // One that was stopped left a backup_label of no use behind.
        bed.server(&format!("{line} --compress-type={packing} --start-fast --type=full backup"));
    }
}

/// Whether there is a backup in this packing.
pub(crate) fn is_there(bed: &Bed, label: &str, packing: &str) -> bool {
    is_installed("pgbackrest") && repository(bed, label, packing).join("backup/bench").exists()
}

/// Where it is read.
pub(crate) fn repository(bed: &Bed, label: &str, packing: &str) -> PathBuf {
    bed.root.join(format!("pgbackrest-{label}-{packing}"))
}

/// Restores it, and brings it to the disk.
pub(crate) fn restore(bed: &Bed, label: &str, packing: &str) {
    let (common, target) = (common(bed, label, packing), bed.target());
    let target = target.display();
    bed.server(&format!("mkdir -m 700 '{target}' && pgbackrest {common} --pg1-path='{target}' --type=none restore"));
    bed.run("sync");
}

fn common(bed: &Bed, label: &str, packing: &str) -> String {
    let (repository, root) = (repository(bed, label, packing), bed.root.display());
    let quiet = "--log-level-console=error --log-level-file=off --process-max=2";
    format!("--stanza=bench --repo1-path='{}' --lock-path='{root}/lock' {quiet}", repository.display())
}
