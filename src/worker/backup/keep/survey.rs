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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use crate::domain::{JobId, Lsn};
    use serde_json::json;
    use sha2::{Digest, Sha256};
    use std::{fmt::Write, time::Duration};
    use uuid::Uuid;

    const LABEL: &str = "START WAL LOCATION: 0/2000028 (file 000000010000000000000002)\n\
                         CHECKPOINT LOCATION: 0/2000060\nSTART TIMELINE: 1\n";

    /// A manifest of this version, whose only file was changed at this time.
    fn manifest(version: u32, modified: &str) -> (String, String) {
        let cluster = if version > 1 { "\"System-Identifier\": 7,\n" } else { "" };
        let head = format!(
            "{{ \"PostgreSQL-Backup-Manifest-Version\": {version},\n{cluster}\"Files\": [\n\
             {{ \"Path\": \"PG_VERSION\", \"Size\": 3, \"Last-Modified\": \"{modified} GMT\" }}\n],\n\
             \"WAL-Ranges\": [\n{{ \"Timeline\": 1, \"Start-LSN\": \"0/2000028\", \"End-LSN\": \"0/2000100\" }}\n],\n"
        );
        let digest = Sha256::digest(head.as_bytes()).iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        });
        (format!("{head}\"Manifest-Checksum\": \"{digest}\"}}\n"), digest)
    }

    /// A repository with one folder, in which points are made.
    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new() -> Self {
            let place = tempfile::tempdir().unwrap();
            fs::create_dir(place.path().join("shop")).unwrap();
            Self(place)
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join("shop").join(name)
        }

        /// A point of the job, taken on this day.
        fn point(&self, name: &str, day: &str) -> PathBuf {
            let point = self.path(name);
            let (manifest, digest) = manifest(1, &format!("{day} 02:00:00"));
            let mark = json!({
                "version": 1, "job": "nightly", "run": JobId(1), "run_uuid": Uuid::nil(), "session": Uuid::nil(),
                "object": "shop", "by": null, "started": "2026-01-01T00:00:00Z", "finished": "2026-01-01T00:00:00Z",
                "system_identifier": "7", "manifest": digest,
            });
            fs::create_dir_all(point.join("pg_wal")).unwrap();
            for (file, text) in [
                ("backup_manifest", manifest),
                ("backup_label", LABEL.to_owned()),
                ("pg_wal/howdah_backup.json", mark.to_string()),
            ] {
                fs::write(point.join(file), text).unwrap();
            }
            point
        }

        fn survey(&self, in_use: &[PathBuf], made: Option<&str>) -> Vec<KeepPoint> {
            let directory = PointDirectory::new(self.0.path().join("shop"), Uuid::nil(), Duration::from_mins(1));
            let names = InstanceName::new;
            let own = JobOwn::new(names("nightly"), names("shop"), Some(SystemIdentifier(7)));
            let found = survey(&directory, &own, in_use, made).unwrap();
            found.into_iter().map(|one| one.point).collect()
        }
    }

    #[test]
    fn a_point_is_the_jobs_own_by_its_mark_and_as_old_as_its_manifest_says() {
        let folder = Folder::new();
        for (name, day) in [("a", "2026-11-20"), ("b", "2026-11-18")] {
            folder.point(name, day);
        }
        let [a, b] = folder.survey(&[], Some("b")).try_into().unwrap();
        assert_eq!((a.label.as_str(), a.taken_at, a.is_new), ("a", "2026-11-20T02:00:00Z".parse().unwrap(), false));
        assert_eq!((b.label.as_str(), b.taken_at, b.is_new), ("b", "2026-11-18T02:00:00Z".parse().unwrap(), true));
        for point in [a, b] {
            assert_eq!((point.spared, point.base, point.start), (None, Base::Nothing, Some(Lsn(0x200_0028))));
        }
    }

    #[test]
    fn what_was_changed_or_leads_elsewhere_or_is_read_is_spared() {
        let folder = Folder::new();
        fs::write(folder.point("a", "2026-11-20").join("backup_manifest"), manifest(1, "2026-11-21 02:00:00").0)
            .unwrap();
        fs::write(folder.point("b", "2026-11-20").join("backup_manifest"), "{}").unwrap();
        folder.point("c", "2026-11-20");
        fs::rename(folder.point("d", "2026-11-20"), folder.0.path().join("elsewhere")).unwrap();
        std::os::unix::fs::symlink(folder.0.path().join("elsewhere"), folder.path("d")).unwrap();
        fs::remove_file(folder.point("e", "2026-11-20").join("pg_wal/howdah_backup.json")).unwrap();
        std::os::unix::fs::symlink(folder.path("c"), folder.0.path().join("link")).unwrap();
        let read = [folder.0.path().join("link"), folder.path("gone")];
        let spared: Vec<_> = folder.survey(&read, None).into_iter().map(|point| point.spared.unwrap()).collect();
        assert_eq!(spared, [Spared::Altered, Spared::Altered, Spared::Read, Spared::Link, Spared::NoMark]);
    }

    #[test]
    fn what_a_backup_rests_on_is_told_by_its_label_wherever_that_stands() {
        type Files<'a> = &'a [(&'a str, Vec<u8>)];
        let folder = Folder::new();
        let incremental = format!("{LABEL}INCREMENTAL FROM LSN: 0/1000028\n");
        let archive = |members: &[(&str, &str)]| {
            let mut archive = tar::Builder::new(Vec::new());
            for (name, text) in members {
                let mut header = tar::Header::new_ustar();
                header.set_size(text.len() as u64);
                header.set_mode(0o600);
                archive.append_data(&mut header, name, text.as_bytes()).unwrap();
            }
            archive.into_inner().unwrap()
        };
        let packed = |bytes: &[u8]| zstd::encode_all(bytes, 1).unwrap();
        let first = archive(&[("backup_label", &incremental), ("PG_VERSION", "17\n")]);
        let late = archive(&[("PG_VERSION", "17\n"), ("backup_label", &incremental)]);
        let start = Base::Start(Lsn(0x100_0028));
        let bytes = |text: &str| text.as_bytes().to_vec();
        let cases: [(Files<'_>, Base); 10] = [
            (&[], Base::Nothing),
            (&[("notes", bytes("x"))], Base::Nothing),
            (&[("backup_label", bytes(LABEL))], Base::Nothing),
            (&[("backup_label", bytes(&incremental))], start),
            (&[("backup_label", bytes("hardly one"))], Base::Unknown),
            (&[("base.tar", first.clone())], start),
            (&[("base.tar.zst", packed(&first))], start),
            (
                &[("base.tar", late.clone()), ("backup_manifest", bytes(&manifest(2, "2026-11-20 02:00:00").0))],
                Base::Unknown,
            ),
            (&[("base.tar", late), ("backup_manifest", bytes(&manifest(1, "2026-11-20 02:00:00").0))], Base::Nothing),
            // Somebody is copying it here.
            (&[("pg_wal.tar", Vec::new())], Base::Unknown),
        ];
        for (number, (files, base)) in cases.into_iter().enumerate() {
            let point = folder.path(&number.to_string());
            fs::create_dir(&point).unwrap();
            for (name, bytes) in files {
                fs::write(point.join(name), bytes).unwrap();
            }
            assert_eq!(base_of(&point), base, "case {number}");
        }
    }
}
