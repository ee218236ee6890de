//! An engine that copies a directory as it is, and a bench to run attempts with it.

#[path = "../../../tests/support/port.rs"]
mod port;

use super::{
    super::{
        engine_factory::{EngineFactory, EngineRequest},
        event_writer::EventWriter,
        signals::Stop,
    },
    carry_out,
};
use crate::{
    domain::{
        AttemptNo, BackupFacts, BackupForm, BackupSource, ByteCount, ClusterRestore, Disposed, Disposition,
        ExistingData, Failure, FilePlan, InstanceName, Lsn, MajorVersion, MissingWal, Port, Progress, Recovery,
        RestorePoint, ServerWish, SessionId, SystemIdentifier, Target, Timeline, Timestamp, WorkerSettings,
        fact::{Fact, FactLine},
        plan::{TargetState, WalFinding},
        restored::{MarkLocation, RECORD},
        ticket::{CONTRACT_VERSION, Ticket, Work},
    },
    engine::{Engine, Halt, Observer, Planned},
};
use port::free_port;
use std::{
    fs::File,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
};
use uuid::Uuid;

/// What the engine does besides copying.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trick {
    None,
    StoppedInCopy,
    StoppedInConfigure,
    PanicsInCopy,
    /// It falls over when the session's marks are gone from the target and the end has not been reported yet.
    DiesUnmarked,
    /// When all is copied it takes the lock that a server is given, so that none is started before the test lets go.
    HoldsServers,
}

/// A version that nobody has installed.
const NOT_HERE: MajorVersion = MajorVersion(4711);

/// The place of all that a bench needs. The ports that were claimed for its sessions go with it.
pub(super) struct Root(tempfile::TempDir);

impl Root {
    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl From<tempfile::TempDir> for Root {
    fn from(directory: tempfile::TempDir) -> Self {
        Self(directory)
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let ours = format!("\"state\":\"{}/", self.path().display());
        let claims = std::fs::read_dir("/var/tmp/howdah-ports").into_iter().flatten().filter_map(Result::ok);
        for claim in claims.map(|claim| claim.path()) {
            if std::fs::read_to_string(&claim).is_ok_and(|text| text.contains(&ours)) {
                std::fs::remove_file(claim).unwrap();
            }
        }
    }
}

/// Everything that one session needs.
pub(super) struct Bench {
    root: Root,
    request: ClusterRestore,
    trick: Trick,
    /// The cluster that the engine finds in the backup.
    found: Option<SystemIdentifier>,
    /// Where the engine's mark stands.
    mark: MarkLocation,
    /// Each bench its own session: benches run side by side, and places in /tmp are named after it.
    session: Uuid,
    /// Whether the log of an attempt can be written.
    has_log: bool,
    /// Tells its attempts to stop.
    pub(super) stop: Stop,
    /// What keeps servers from being started, as long as it is there.
    pub(super) held: Arc<Mutex<Option<File>>>,
    pub(super) settings: WorkerSettings,
}

impl Bench {
    /// A bench with a backup that is hardly one.
    pub(super) fn new(server: ServerWish, trick: Trick) -> Self {
        let root = tempfile::Builder::new().prefix("hw").tempdir_in("/tmp").unwrap();
        std::fs::set_permissions(root.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let backup = root.path().join("backup");
        std::fs::create_dir(&backup).unwrap();
        std::fs::write(backup.join("PG_VERSION"), format!("{NOT_HERE}\n")).unwrap();
        Self::with(root, NOT_HERE, server, trick)
    }

    /// A bench whose backup lies in `backup` below `root`.
    pub(super) fn with(root: impl Into<Root>, version: MajorVersion, server: ServerWish, trick: Trick) -> Self {
        let (root, free) = (root.into(), free_port());
        let facts = BackupFacts {
            size: ByteCount(1),
            files: 1,
            timeline: Timeline(1),
            start_lsn: Lsn(1),
            stop_lsn: Lsn(2),
            taken_at: Timestamp::UNIX_EPOCH,
            version: Some(version),
            system_identifier: None,
        };
        let path = root.path().join("backup");
        let point = RestorePoint {
            instance: InstanceName::new("orders"),
            label: "b".to_owned(),
            source: BackupSource::BaseBackup { directory: path, form: BackupForm::Plain },
            facts,
            repository: None,
        };
        let target = Target::new(root.path().join("data"), Port::new(free).unwrap()).unwrap();
        let (existing, missing_wal) = (ExistingData::Refuse, MissingWal::Refuse);
        let request = ClusterRestore {
            point,
            target,
            recovery: Recovery::to_consistency(),
            server,
            max_rate: None,
            existing,
            missing_wal,
        };
        let state = root.path().join("state");
        std::fs::create_dir_all(&state).unwrap();
        Self {
            root,
            request,
            trick,
            found: None,
            mark: MarkLocation::Inside,
            session: Uuid::now_v7(),
            has_log: true,
            stop: Stop::default(),
            held: Arc::default(),
            settings: WorkerSettings { state: Some(state), ..WorkerSettings::default() },
        }
    }

    pub(super) fn data(&self) -> &Path {
        self.request.target.directory()
    }

    pub(super) fn port(&self) -> Port {
        self.request.target.port()
    }

    pub(super) fn session(&self) -> Uuid {
        self.session
    }

    pub(super) fn target(&self) -> Target {
        self.request.target.clone()
    }

    /// The restore of another backup, which lies below the same root, to a target of its own.
    pub(super) fn of_backup(self, backup: &str, data: &str) -> Self {
        let Self { root, request, trick, .. } = self;
        let version = request.point.facts.version.unwrap();
        let mut bench = Self::with(root, version, request.server, trick);
        let directory = bench.root.path().join(backup);
        bench.request.point.source = BackupSource::BaseBackup { directory, form: BackupForm::Plain };
        bench.request.target = Target::new(bench.root.path().join(data), bench.port()).unwrap();
        bench
    }

    pub(super) fn of_cluster(mut self, cluster: SystemIdentifier) -> Self {
        self.request.point.facts.system_identifier = Some(cluster);
        self
    }

    pub(super) fn with_backup_of(mut self, cluster: SystemIdentifier) -> Self {
        self.found = Some(cluster);
        self
    }

    pub(super) fn marked(mut self, mark: MarkLocation) -> Self {
        self.mark = mark;
        self
    }

    pub(super) fn without_log(mut self) -> Self {
        self.has_log = false;
        self
    }

    /// The directory of the engine's mark.
    pub(super) fn mark(&self) -> PathBuf {
        match self.mark {
            MarkLocation::Inside => self.data().join(".howdah"),
            MarkLocation::Beside => self.root.path().join(".data.howdah-mark"),
        }
    }

    pub(super) fn tricked(mut self, trick: Trick) -> Self {
        self.trick = trick;
        self
    }

    /// The next attempt at the restore.
    pub(super) fn run(&self) -> (u8, Vec<Fact>) {
        self.run_work(Work::Run(self.request.clone().into()))
    }

    pub(super) fn run_work(&self, work: Work) -> (u8, Vec<Fact>) {
        let ticket = Ticket {
            version: CONTRACT_VERSION,
            session: SessionId(1),
            session_uuid: self.session,
            attempt: AttemptNo(1),
            work,
            settings: self.settings.clone(),
            places: Vec::new(),
            by: Some("ops@bastion".to_owned()),
            in_use: Vec::new(),
        };
        self.run_ticket(Some(&serde_json::to_vec(&ticket).unwrap()))
    }

    pub(super) fn run_ticket(&self, ticket: Option<&[u8]>) -> (u8, Vec<Fact>) {
        let attempts = self.root.path().join("attempts");
        std::fs::create_dir_all(&attempts).unwrap();
        let dir = attempts.join((self.attempts() + 1).to_string());
        std::fs::create_dir(&dir).unwrap();
        if let Some(ticket) = ticket {
            std::fs::write(dir.join("ticket.json"), ticket).unwrap();
        }
        if !self.has_log {
            std::os::unix::fs::symlink("/dev/full", dir.join("output.log")).unwrap();
        }
        let stop = self.stop.clone();
        let report = EventWriter::open(&dir, stop.clone()).unwrap();
        let trick = self.trick;
        let make = |order: &EngineRequest<'_>| -> Result<Box<dyn Engine>, Failure> {
            Ok(Box::new(Fake {
                backup: order.request.point.source.directory().unwrap().to_owned(),
                data: order.request.target.directory().to_owned(),
                mark: self.mark(),
                session: order.session_uuid,
                owner: order.owner,
                trick,
                found: self.found,
                stop: stop.clone(),
                lock: attempts.join("server.lock"),
                held: Arc::clone(&self.held),
            }))
        };
        let dispose = |_: &Target, _: Uuid, wish: Disposition| {
            assert_eq!(wish, Disposition::Remove);
            Disposed::Removed
        };
        let unmark = |target: &Target, _: Uuid| {
            assert!(target.directory().join(RECORD).exists(), "the record is there before the marks go");
            std::fs::remove_dir_all(self.mark()).unwrap_or_default();
            assert_ne!(self.trick, Trick::DiesUnmarked, "the end of this attempt");
            Ok(())
        };
        let is_marked = |_: &Target, _: Uuid| self.mark().exists();
        let factory = EngineFactory { make: &make, unmark: &unmark, is_marked: &is_marked, dispose: &dispose };
        let status = carry_out(&dir, &factory, &report, &stop);
        let text = std::fs::read_to_string(dir.join("events.jsonl")).unwrap();
        (status, text.lines().map(|line| serde_json::from_str::<FactLine>(line).unwrap().fact).collect())
    }

    /// Where the last attempt keeps its files.
    pub(super) fn last(&self) -> PathBuf {
        self.root.path().join("attempts").join(self.attempts().to_string())
    }

    fn attempts(&self) -> usize {
        let entries = std::fs::read_dir(self.root.path().join("attempts")).unwrap();
        entries.filter(|entry| entry.as_ref().unwrap().path().is_dir()).count()
    }

    /// The raw output of the last attempt.
    pub(super) fn output(&self) -> String {
        std::fs::read_to_string(self.last().join("output.log")).unwrap_or_default()
    }
}

struct Fake {
    backup: PathBuf,
    data: PathBuf,
    mark: PathBuf,
    session: Uuid,
    owner: Option<(u32, u32)>,
    trick: Trick,
    found: Option<SystemIdentifier>,
    stop: Stop,
    lock: PathBuf,
    held: Arc<Mutex<Option<File>>>,
}

impl Engine for Fake {
    fn plan(&mut self) -> Result<Planned, Failure> {
        if self.data.exists() && !self.mark.exists() {
            return Err(Failure::incurable("the target is not empty", "as a real engine says of what bears no mark"));
        }
        let files = FilePlan {
            bytes: ByteCount(100),
            files: 1,
            reused: ByteCount(0),
            free_bytes: ByteCount(1 << 30),
            free_inodes: None,
            target: TargetState::Missing,
            tablespaces: Vec::new(),
            wal: WalFinding::Included { start: Lsn(1), stop: Lsn(2) },
            checksum: "NONE".to_owned(),
            version: None,
            system_identifier: self.found,
        };
        Ok(Planned { files, warnings: Vec::new() })
    }

    fn copy(&mut self, observer: &dyn Observer) -> Result<(), Halt> {
        observer.progress(Progress { bytes_done: ByteCount(50), bytes_total: ByteCount(100), ..Progress::default() });
        match self.trick {
            Trick::PanicsInCopy => panic!("the engine fell over"),
            Trick::StoppedInCopy => {
                self.stop.request();
                assert!(observer.stop_requested());
                return Err(Halt::Stopped);
            }
            Trick::HoldsServers => {
                let lock = File::create(&self.lock).unwrap();
                lock.lock().unwrap();
                *self.held.lock().unwrap() = Some(lock);
            }
            Trick::None | Trick::StoppedInConfigure | Trick::DiesUnmarked => {}
        }
        if !self.mark.exists() {
            let copied = Command::new("cp").arg("-a").args([&self.backup, &self.data]).status().unwrap();
            assert!(copied.success());
            std::fs::create_dir(&self.mark).unwrap();
            let inode = std::fs::metadata(&self.data).unwrap().ino();
            let mark = serde_json::json!({
                "version": 2, "session": self.session, "backup": self.backup, "manifest": "", "created_directory": true,
                "created": [], "tablespaces": {}, "data": { "inode": inode, "made": null },
            });
            std::fs::write(self.mark.join("session.json"), mark.to_string()).unwrap();
        }
        if let Some((uid, gid)) = self.owner {
            let given = Command::new("chown").arg("-R").arg(format!("{uid}:{gid}")).arg(&self.data).status().unwrap();
            assert!(given.success());
        }
        Ok(())
    }

    fn before_server_start(&mut self) -> Result<(), Failure> {
        if self.trick == Trick::StoppedInConfigure {
            self.stop.request();
        }
        Ok(())
    }

    fn complete(&mut self) -> Result<(), Failure> {
        Ok(())
    }
}
