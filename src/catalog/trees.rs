//! The snapshots of a restic repository as rows.
//!
//! Promise: only a repository whose password the settings name is asked; of another one there is a row that says so.

use super::{
    model::{Access, CatalogEntry},
    wording::problem,
};
use crate::{
    domain::{InstanceName, TreeRestorePoint, workload::snapshot_label},
    restic::{SnapshotPoint, snapshot_points},
};
use std::{path::Path, time::Duration};

/// restic derives a key, and reads an index: a repository that takes longer is on a disk that hangs.
const LIMIT: Duration = Duration::from_secs(30);

/// What a restic repository names.
pub(super) fn rows(tree: &InstanceName, repository: &Path, access: &Access) -> Vec<CatalogEntry> {
    let unreadable = |problem: String| CatalogEntry::Unreadable {
        instance: tree.clone(),
        label: tree.as_str().to_owned(),
        path: repository.to_owned(),
        problem,
    };
    let Some(password_file) = access.passwords.get(repository) else {
        let cause = "the password of this restic repository is not known";
        let advice = "name password_file in a job of kind files in howdah.toml that has this tree and this repository";
        return vec![unreadable(problem(cause, advice))];
    };
    match snapshot_points(repository, password_file, &access.programs, LIMIT) {
        Ok(found) => found.into_iter().map(|one| row(tree, repository, password_file, one)).collect(),
        Err(failure) => vec![unreadable(problem(&failure.cause, &failure.advice))],
    }
}

fn row(tree: &InstanceName, repository: &Path, password_file: &Path, found: SnapshotPoint) -> CatalogEntry {
    let SnapshotPoint { id, taken_at, mut paths, size, .. } = found;
    if paths.len() != 1 {
        let cause = format!("the snapshot holds {} trees, and one is restored", paths.len());
        return CatalogEntry::Unreadable {
            instance: tree.clone(),
            label: snapshot_label(taken_at, &id),
            path: repository.to_owned(),
            problem: problem(&cause, "restore it with restic"),
        };
    }
    CatalogEntry::Tree(TreeRestorePoint {
        tree: tree.clone(),
        repository: repository.to_owned(),
        label: snapshot_label(taken_at, &id),
        password_file: password_file.to_owned(),
        snapshot: id,
        taken_at,
        path: paths.remove(0),
        size,
    })
}
