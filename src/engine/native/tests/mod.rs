//! The engine against small made-up backups, whole and damaged in every way.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod beside;
pub(in crate::engine) mod contents;
mod damage;
mod disposal;
mod leftovers;
mod log;
mod quarrel;
mod rate;
mod resume;
mod room;
mod site;
mod swapped;
mod tablespaces;
mod target;
mod vanished;
mod whole;

use self::contents::{DATA, noise, segment};
use super::NativeEngine;
use crate::{
    domain::{
        BackupFacts, BackupForm, BackupSource, ByteCount, ClusterRestore, Compression, Disposed, Disposition,
        ExistingData, Failure, InstanceName, Lsn, MissingWal, Port, Progress, Rate, Recovery, RestorePoint, ServerWish,
        Target, Timeline, WorkerSettings, restored::MarkLocation,
    },
    engine::{Engine, Halt, Observer, claim},
    postgres::manifest::{Algorithm, Hasher},
};
use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    sync::Mutex,
    time::Duration,
};
use tempfile::TempDir;
use uuid::Uuid;

pub(in crate::engine) const SEGMENT: &str = "pg_wal/000000010000000000000002";
pub(in crate::engine) const OID: u32 = 16384;
/// As the server names them, `./` included.
const DIRECTORIES: [&str; 4] = ["pg_notify/", "pg_wal/", "./pg_wal/archive_status/", "pg_tblspc/"];

/// A session as a whole: all files and the last one in its place, then its end, as the worker does it.
pub(in crate::engine) trait Restore {
    fn restore(&mut self, observer: &dyn Observer) -> Result<(), Halt>;
    fn finish(&self) -> Result<(), Failure>;
    fn dispose(&self, wish: Disposition) -> Disposed;
}

impl Restore for NativeEngine {
    fn restore(&mut self, observer: &dyn Observer) -> Result<(), Halt> {
        self.copy(observer)?;
        Ok(self.complete()?)
    }

    fn finish(&self) -> Result<(), Failure> {
        claim::unmark(&self.order.target, self.order.session)
    }

    fn dispose(&self, wish: Disposition) -> Disposed {
        claim::dispose(&self.order.target, self.order.session, wish)
    }
}

/// A backup in the making, below a place of its own; the target lies beside it.
pub(in crate::engine) struct Fake {
    pub(in crate::engine) place: TempDir,
    pub(in crate::engine) files: BTreeMap<String, Vec<u8>>,
    /// What the manifest lists, where that differs from the files.
    pub(in crate::engine) listed: Option<BTreeMap<String, Vec<u8>>>,
    pub(in crate::engine) algorithm: Algorithm,
    /// How long nothing may come; short only where a test waits for it, since a busy disk takes its time.
    pub(in crate::engine) stall: Duration,
    pub(in crate::engine) form: BackupForm,
    pub(in crate::engine) with_tablespace: bool,
    /// Where the mark goes.
    pub(in crate::engine) mark: MarkLocation,
    /// Directories that the backup holds beside those of its files.
    pub(in crate::engine) directories: Vec<&'static str>,
    /// Headers and contents put behind all other members of `base.tar`.
    pub(in crate::engine) hostile: Vec<(tar::Header, Vec<u8>)>,
}

/// Hears everything, and stops the copy once so many bytes are done.
#[derive(Default)]
pub(in crate::engine) struct Ear {
    pub(in crate::engine) stop_at: Option<u64>,
    pub(in crate::engine) last: Mutex<Progress>,
    pub(in crate::engine) notes: Mutex<Vec<String>>,
}

impl Observer for Ear {
    fn progress(&self, progress: Progress) {
        *self.last.lock().unwrap() = progress;
    }

    fn note(&self, sentence: String) {
        self.notes.lock().unwrap().push(sentence);
    }

    fn stop_requested(&self) -> bool {
        self.stop_at.is_some_and(|at| self.last.lock().unwrap().bytes_done.0 >= at)
    }
}

impl Fake {
    pub(in crate::engine) fn new(form: BackupForm) -> Self {
        let files = DATA.clone();
        let place = tempfile::tempdir().unwrap();
        let (listed, algorithm) = (None, Algorithm::Crc32c);
        Self {
            place,
            files,
            listed,
            algorithm,
            stall: Duration::from_mins(1),
            form,
            with_tablespace: false,
            mark: MarkLocation::Inside,
            directories: DIRECTORIES.to_vec(),
            hostile: Vec::new(),
        }
    }

    pub(in crate::engine) fn all_forms() -> impl Iterator<Item = BackupForm> {
        let packed = [Compression::None, Compression::Gzip, Compression::Lz4, Compression::Zstd].map(BackupForm::Tar);
        std::iter::once(BackupForm::Plain).chain(packed)
    }

    /// One of each place that a mark may have.
    pub(in crate::engine) fn both(form: BackupForm) -> [Self; 2] {
        [MarkLocation::Inside, MarkLocation::Beside].map(|mark| Self { mark, ..Self::new(form) })
    }

    /// Something in the mark's directory.
    pub(in crate::engine) fn marked(&self, below: &str) -> PathBuf {
        let directory = match self.mark {
            MarkLocation::Inside => self.directory().join(".howdah"),
            MarkLocation::Beside => self.place.path().join(".data.howdah-mark"),
        };
        directory.join(below)
    }

    pub(in crate::engine) fn with_tablespace(mut self) -> Self {
        self.with_tablespace = true;
        self.files.insert(format!("pg_tblspc/{OID}/PG_15_202209061/5/16403"), noise(6, 700_000));
        if self.form != BackupForm::Plain {
            self.files.insert("tablespace_map".into(), format!("{OID} /srv/old/ts\n").into_bytes());
        }
        self
    }

    pub(in crate::engine) fn backup(&self) -> PathBuf {
        self.place.path().join("repo/backup")
    }

    pub(in crate::engine) fn directory(&self) -> PathBuf {
        self.place.path().join("data")
    }

    /// Writes the backup to disk.
    pub(in crate::engine) fn write(&self) -> &Self {
        fs::create_dir_all(self.backup()).unwrap();
        fs::write(self.backup().join("backup_manifest"), self.manifest()).unwrap();
        match self.form {
            BackupForm::Plain => self.write_plain(),
            BackupForm::Tar(packing) => self.write_tar(packing),
        }
        self
    }

    fn write_plain(&self) {
        let tablespace = self.place.path().join("repo/backup_ts");
        for directory in &self.directories {
            fs::create_dir_all(self.backup().join(directory)).unwrap();
        }
        if self.with_tablespace {
            fs::create_dir_all(&tablespace).unwrap();
            let _ = symlink(&tablespace, self.backup().join(format!("pg_tblspc/{OID}")));
        }
        for (path, bytes) in &self.files {
            let to = self.backup().join(path);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::write(to, bytes).unwrap();
        }
    }

    fn write_tar(&self, packing: Compression) {
        let prefix = format!("pg_tblspc/{OID}/");
        let (mut base, mut tablespace, mut wal) =
            (tar::Builder::new(Vec::new()), tar::Builder::new(Vec::new()), tar::Builder::new(Vec::new()));
        for directory in &self.directories {
            append(&mut base, directory, tar::EntryType::Directory, b"");
        }
        let order = |path: &String| (path == "global/pg_control", path != "tablespace_map");
        let mut files: Vec<_> = self.files.iter().collect();
        files.sort_by_key(|(path, _)| order(path));
        for (path, bytes) in files {
            if let Some(name) = path.strip_prefix(&prefix) {
                append(&mut tablespace, name, tar::EntryType::Regular, bytes);
            } else if let Some(name) = path.strip_prefix("pg_wal/") {
                append(&mut wal, name, tar::EntryType::Regular, bytes);
            } else {
                append(&mut base, path, tar::EntryType::Regular, bytes);
            }
        }
        for (header, bytes) in &self.hostile {
            base.append(header, &bytes[..]).unwrap();
        }
        let ending = match packing {
            Compression::None => "",
            Compression::Gzip => ".gz",
            Compression::Lz4 => ".lz4",
            Compression::Zstd => ".zst",
        };
        let put = |name: &str, archive: tar::Builder<Vec<u8>>| {
            let packed = pack(packing, &archive.into_inner().unwrap());
            fs::write(self.backup().join(format!("{name}.tar{ending}")), packed).unwrap();
        };
        put("base", base);
        put("pg_wal", wal);
        if self.with_tablespace {
            put(&OID.to_string(), tablespace);
        }
    }

    fn manifest(&self) -> String {
        let listed = self.listed.as_ref().unwrap_or(&self.files);
        let entries: Vec<String> = listed
            .iter()
            .filter(|(path, _)| !path.starts_with("pg_wal/"))
            .map(|(path, bytes)| {
                let mut hasher = Hasher::new(self.algorithm);
                hasher.update(bytes);
                let checksum = if self.algorithm == Algorithm::None {
                    String::new()
                } else {
                    let (name, digest) = (self.algorithm.name(), hasher.finish().hex());
                    format!(", \"Checksum-Algorithm\": \"{name}\", \"Checksum\": \"{digest}\"")
                };
                let size = bytes.len();
                format!("{{ \"Path\": \"{path}\", \"Size\": {size}, \"Last-Modified\": \"2026-11-20 23:44:44 GMT\"{checksum} }}")
            })
            .collect();
        let body = format!(
            "{{ \"PostgreSQL-Backup-Manifest-Version\": 1,\n\"Files\": [\n{}\n],\n\"WAL-Ranges\": [\n{{ \"Timeline\": 1, \
             \"Start-LSN\": \"0/200028\", \"End-LSN\": \"0/200100\" }}\n],\n",
            entries.join(",\n")
        );
        sealed(&body)
    }

    /// Puts one more entry into the manifest on disk, and makes its own checksum right again.
    pub(in crate::engine) fn list_more(&self, entry: &str) {
        let path = self.backup().join("backup_manifest");
        let text = fs::read_to_string(&path).unwrap().replacen("[\n", &format!("[\n{entry},\n"), 1);
        let body = &text[..text.rfind("\"Manifest-Checksum\"").unwrap()];
        fs::write(&path, sealed(body)).unwrap();
    }

    pub(in crate::engine) fn request(&self) -> ClusterRestore {
        let facts = BackupFacts {
            size: ByteCount(0),
            files: 0,
            timeline: Timeline(1),
            start_lsn: Lsn(0),
            stop_lsn: Lsn(0),
            taken_at: "2026-11-20T00:00:00Z".parse().unwrap(),
            version: None,
            system_identifier: None,
        };
        let point = RestorePoint {
            instance: InstanceName::new("orders"),
            label: "b".into(),
            source: BackupSource::BaseBackup { directory: self.backup(), form: self.form },
            facts,
            repository: None,
        };
        ClusterRestore {
            point,
            target: Target::new(self.directory(), Port::new(5433).unwrap()).unwrap(),
            recovery: Recovery::to_consistency(),
            server: ServerWish::FilesOnly,
            max_rate: None,
            existing: ExistingData::Refuse,
            missing_wal: MissingWal::Refuse,
        }
    }

    pub(in crate::engine) fn engine(&self) -> NativeEngine {
        self.engine_for(1, |_| {})
    }

    pub(in crate::engine) fn engine_for(
        &self,
        session: u128,
        change: impl FnOnce(&mut ClusterRestore),
    ) -> NativeEngine {
        let mut request = self.request();
        change(&mut request);
        let settings = WorkerSettings { stall_timeout: self.stall, copy_workers: 2, ..Default::default() };
        let mut engine =
            NativeEngine::new((&self.backup(), self.form), &request, Uuid::from_u128(session), None, &settings);
        engine.order.mark = self.mark;
        engine
    }

    /// A slow engine, so that the copy can be stopped in the middle.
    pub(in crate::engine) fn slow_engine(&self, session: u128) -> NativeEngine {
        self.engine_for(session, |request| request.max_rate = Rate::per_second(4 << 20))
    }

    /// Asserts that the restored files are those of the backup.
    pub(in crate::engine) fn assert_restored(&self) {
        for (path, bytes) in &self.files {
            let stands = fs::read(self.directory().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
            assert!(path == "tablespace_map" || stands == *bytes, "{path} differs ({})", self.form);
        }
        for directory in &self.directories {
            assert!(self.directory().join(directory).is_dir(), "{directory}");
        }
        assert_eq!(fs::read_to_string(self.directory().join("backup_manifest")).unwrap(), self.manifest());
    }

    /// The names beside the backup: what a restore may have left outside its target.
    pub(in crate::engine) fn outside(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.place.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != "repo")
            .collect();
        names.sort();
        names
    }
}

/// A manifest's text with its checksum behind it.
fn sealed(body: &str) -> String {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    hasher.update(body.as_bytes());
    format!("{body}\"Manifest-Checksum\": \"{}\"}}\n", hasher.finish().hex())
}

pub(in crate::engine) fn header(name: &str, kind: tar::EntryType, size: usize) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_size(size as u64);
    header.set_mode(0o600);
    header.set_cksum();
    header
}

fn append(archive: &mut tar::Builder<Vec<u8>>, name: &str, kind: tar::EntryType, bytes: &[u8]) {
    archive.append(&header(name, kind, bytes.len()), bytes).unwrap();
}

pub(in crate::engine) fn pack(packing: Compression, plain: &[u8]) -> Vec<u8> {
    match packing {
        Compression::None => plain.to_vec(),
        Compression::Gzip => {
            let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            packer.write_all(plain).unwrap();
            packer.finish().unwrap()
        }
        Compression::Lz4 => {
            let mut packer = lz4_flex::frame::FrameEncoder::new(Vec::new());
            packer.write_all(plain).unwrap();
            packer.finish().unwrap()
        }
        Compression::Zstd => zstd::encode_all(plain, 1).unwrap(),
    }
}

pub(in crate::engine) fn failure(ended: Result<(), Halt>) -> Failure {
    match ended {
        Err(Halt::Failed(failure)) => failure,
        other => panic!("expected a failure, got {other:?}"),
    }
}

/// The failure of the plan, or of the copy after it.
pub(in crate::engine) fn refusal(engine: &mut NativeEngine) -> Failure {
    match engine.plan() {
        Err(failure) => failure,
        Ok(_) => failure(engine.copy(&Ear::default())),
    }
}

pub(in crate::engine) fn exists(path: impl AsRef<Path>) -> bool {
    path.as_ref().symlink_metadata().is_ok()
}
