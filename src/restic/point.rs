//! The restore points in a restic repository.

use super::{
    answer::{self, Snapshot},
    program::Restic,
};
use crate::{
    domain::{ByteCount, Failure, Timestamp, instance::printable},
    postgres::account::Account,
};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// One snapshot of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotPoint {
    /// Its full identifier: 64 hexadecimal digits.
    pub id: String,
    /// When it was begun.
    pub taken_at: Timestamp,
    /// What was backed up, as its maker names it: not yet safe to show. Bytes that are no text are replaced by restic.
    pub paths: Vec<PathBuf>,
    /// Printable.
    pub tags: Vec<String>,
    /// The machine that it was made on, printable.
    pub hostname: String,
    /// The bytes of all its files; `None` where restic did not note them, as before 0.17.
    pub size: Option<ByteCount>,
}

/// The restore points of one repository, oldest first. The program is looked for among these directories first, and has
/// so much time for its answer. Takes no lock, leaves no cache; a failure says why there is no answer, and its class
/// whether there may be one later.
pub fn snapshot_points(
    repository: &Path,
    password_file: &Path,
    programs: &[PathBuf],
    limit: Duration,
) -> Result<Vec<SnapshotPoint>, Failure> {
    let restic = Restic::found_in(programs, &Account::own()?, (repository, password_file), limit);
    restic.version()?;
    let found = answer::snapshots(&restic.ask(&["snapshots", "--json"])?)?;
    let mut points: Vec<SnapshotPoint> = found.into_iter().map(SnapshotPoint::from).collect();
    points.sort_by(|one, other| (one.taken_at, &one.id).cmp(&(other.taken_at, &other.id)));
    Ok(points)
}

impl From<Snapshot> for SnapshotPoint {
    fn from(snapshot: Snapshot) -> Self {
        Self {
            id: snapshot.id,
            taken_at: snapshot.time,
            paths: snapshot.paths,
            tags: snapshot.tags.iter().map(|tag| printable(tag)).collect(),
            hostname: printable(&snapshot.hostname),
            size: snapshot.summary.map(|counted| ByteCount(counted.total_bytes_processed)),
        }
    }
}
