//! The restore points of a directory, seen as it is decided which of them stay.
//!
//! Promises: a point is the job's own by the mark in itself alone, and whole by the manifest that it was marked with; what
//! cannot be read spares the point. Never: changes anything.

use crate::{
    domain::{
        BackupOrder, Failure, InstanceName, KeepPoint, PointMark, SystemIdentifier, Timestamp,
        keep::{Base, Spared},
        point_mark::POINT_MARK_VERSION,
    },
    engine::watched::{Heartbeat, watched},
    postgres::{
        compression,
        configure::DataDirectory,
        label::{BACKUP_LABEL, BackupLabel},
        manifest::{self, Manifest},
        tarset::TarSet,
    },
    worker::backup::repository::{ExistingPoint, PointDirectory},
};
use std::{
    ffi::OsString,
    fs, io,
    io::Read,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// A `backup_label` is a few hundred bytes; what is longer is none.
const MAX_LABEL: u64 = 64 << 10;

/// A restore point, and its directory's name.
pub(super) struct Surveyed {
    pub(super) name: OsString,
    pub(super) point: KeepPoint,
}

/// Whose restore points may go.
#[derive(Debug, Clone)]
pub(super) struct JobOwn {
    job: InstanceName,
    object: InstanceName,
    cluster: Option<SystemIdentifier>,
}

impl JobOwn {
    /// Those of the order's job and object that are of this cluster.
    pub(super) fn of(order: &BackupOrder, cluster: Option<SystemIdentifier>) -> Self {
        Self::new(order.job.clone(), order.object.name().clone(), cluster)
    }

    pub(super) const fn new(job: InstanceName, object: InstanceName, cluster: Option<SystemIdentifier>) -> Self {
        Self { job, object, cluster }
    }

    /// Why a point with this mark is none of them.
    pub(super) fn spares(&self, mark: Option<&PointMark>) -> Option<Spared> {
        let Some(mark) = mark else { return Some(Spared::NoMark) };
        if mark.version > POINT_MARK_VERSION {
            Some(Spared::NewerMark(mark.version))
        } else if mark.job != self.job {
            Some(Spared::OtherJob(mark.job.clone()))
        } else if mark.object != self.object {
            Some(Spared::OtherObject(mark.object.clone()))
        } else if mark.system_identifier.is_none() || mark.system_identifier != self.cluster {
            Some(Spared::OtherCluster)
        } else {
            None
        }
    }
}

/// All points of the directory. `made` is the name of the one that the session has just made.
pub(super) fn survey(
    directory: &PointDirectory,
    own: &JobOwn,
    in_use: &[PathBuf],
    made: Option<&str>,
) -> Result<Vec<Surveyed>, Failure> {
    let points = directory.look()?.points;
    let (own, in_use, made) = (own.clone(), in_use.to_vec(), made.map(str::to_owned));
    watched(&directory.path.display().to_string(), directory.stall, move |beat| {
        let read: Vec<(u64, u64)> = in_use.iter().filter_map(|path| place_of(path)).collect();
        Ok(points.iter().filter_map(|point| surveyed(point, &own, &read, made.as_deref(), beat)).collect())
    })
}

/// A point of another repository as it would be once the job has copied it.
pub(in crate::worker::backup) fn candidate(point: &ExistingPoint) -> KeepPoint {
    let manifest = Manifest::read(&point.path.join(manifest::FILE_NAME)).ok();
    KeepPoint {
        label: point.label.clone(),
        taken_at: taken_at(manifest.as_ref()),
        is_new: false,
        // Its copy is marked with no cluster, and stays.
        spared: point.cluster.is_none().then_some(Spared::OtherCluster),
        start: manifest.as_ref().map(Manifest::start_lsn),
        base: base_of(&point.path),
    }
}

fn surveyed(
    point: &ExistingPoint,
    own: &JobOwn,
    in_use: &[(u64, u64)],
    made: Option<&str>,
    beat: &Heartbeat,
) -> Option<Surveyed> {
    beat.beat();
    let name = point.path.file_name()?.to_owned();
    let is_link = fs::symlink_metadata(&point.path).is_ok_and(|about| about.is_symlink());
    let mut spared = own.spares(point.mark.as_ref()).or(is_link.then_some(Spared::Link));
    // Those of others are not counted, and what they hold does not matter.
    let manifest = spared.is_none().then(|| Manifest::read(&point.path.join(manifest::FILE_NAME)).ok()).flatten();
    beat.beat();
    let marked_with = point.mark.as_ref().map(|mark| mark.manifest.as_str());
    let is_whole = manifest.as_ref().is_some_and(|manifest| Some(manifest.identity().as_str()) == marked_with);
    if spared.is_none() && !is_whole {
        spared = Some(Spared::Altered);
    }
    if spared.is_none() && place_of(&point.path).is_some_and(|place| in_use.contains(&place)) {
        spared = Some(Spared::Read);
    }
    let point = KeepPoint {
        label: point.label.clone(),
        taken_at: taken_at(manifest.as_ref()),
        is_new: made.is_some_and(|made| name == *made),
        spared,
        start: manifest.as_ref().map(Manifest::start_lsn),
        base: base_of(&point.path),
    };
    Some(Surveyed { name, point })
}

/// When it was taken, as the catalog tells it.
fn taken_at(manifest: Option<&Manifest>) -> Timestamp {
    manifest.and_then(Manifest::newest_change).unwrap_or_default()
}

/// What a backup rests on, by its label. Servers of the first version of manifests make no incremental ones.
fn base_of(point: &Path) -> Base {
    let label = match label_of(point) {
        Ok(None) => return Base::Nothing,
        Ok(Some(bytes)) => BackupLabel::parse(&bytes).ok(),
        Err(_) => None,
    };
    match label {
        Some(label) => label.incremental_from.map_or(Base::Nothing, Base::Start),
        None if Manifest::read(&point.join(manifest::FILE_NAME)).is_ok_and(|manifest| manifest.version == 1) => {
            Base::Nothing
        }
        None => Base::Unknown,
    }
}

/// The label of a backup, in its directory or as the first member of its archive, where servers put it; `None` where there
/// is no backup.
fn label_of(point: &Path) -> io::Result<Option<Vec<u8>>> {
    if let Some(bytes) = DataDirectory::open(point)?.read(BACKUP_LABEL, MAX_LABEL)? {
        return Ok(Some(bytes));
    }
    let Some(set) = TarSet::find(point).map_err(io::Error::other)? else { return Ok(None) };
    let (_, unpacked) = compression::open(&set.base)?;
    let mut archive = tar::Archive::new(unpacked);
    let first = archive.entries()?.next().transpose()?;
    let first = first.filter(|first| first.path().is_ok_and(|path| path == Path::new(BACKUP_LABEL)));
    let label = first.ok_or_else(|| io::Error::other("backup_label is not the first member"))?;
    let mut bytes = Vec::new();
    label.take(MAX_LABEL).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// By what a directory is known under any of its names.
fn place_of(path: &Path) -> Option<(u64, u64)> {
    let about = fs::metadata(path).ok()?;
    Some((about.dev(), about.ino()))
}
