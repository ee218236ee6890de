//! A session that backs up an object, and its attempts: real workers, each started with a ticket of its own.

use crate::support::{
    cluster::{Cluster, is_root},
    howdah::Howdah,
    place::scratch,
    skip::skip,
    timeout::until,
};
use howdah::{
    domain::{
        AttemptNo, BackupObject, BackupOrder, ByteCount, Compression, Disposed, Disposition, Failure, InstanceName,
        JobId, Leftover, Order, PasswordSource, Rate, SessionId, Step, StepState, Success, WorkerSettings,
        fact::{End, Fact, FactLine},
        ticket::{CONTRACT_VERSION, Ticket, Work},
    },
    process::{group_members, mark, signal},
};
use rustix::process::Signal;
use std::{
    cell::Cell,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};
use uuid::Uuid;

/// Slow enough that a test comes in between: a cluster of 40 MB takes as many seconds.
pub(crate) const SLOW: u64 = 1 << 20;

/// One session.
pub(crate) struct Session {
    pub(crate) howdah: Howdah,
    pub(crate) uuid: Uuid,
    pub(crate) order: BackupOrder,
    /// What other sessions read.
    pub(crate) in_use: Vec<PathBuf>,
    /// Where its workers look for programs first.
    pub(crate) binaries: Vec<PathBuf>,
    attempts: Cell<u32>,
}

/// One attempt that runs. Dropping it kills it.
pub(crate) struct Attempt {
    child: Child,
    pub(crate) dir: PathBuf,
}

/// The order to back up this server as `shop`.
pub(crate) fn order_of(cluster: &Cluster, repository: &Path) -> BackupOrder {
    let object = BackupObject::Instance {
        name: InstanceName::new("shop"),
        conninfo: cluster.conninfo(),
        password: PasswordSource::None,
        tar: None,
        checksums: "CRC32C".to_owned(),
        slot: None,
    };
    order(object, Some(repository))
}

pub(crate) fn order(object: BackupObject, repository: Option<&Path>) -> BackupOrder {
    let (job, run, run_uuid) = (InstanceName::new("nightly"), JobId(7), Uuid::from_u128(7));
    BackupOrder { job, run, run_uuid, object, repository: repository.map(Path::to_owned), max_rate: None, keep: None }
}

impl Session {
    pub(crate) fn new(order: BackupOrder) -> Self {
        Self {
            howdah: Howdah::new(),
            uuid: Uuid::now_v7(),
            order,
            in_use: Vec::new(),
            binaries: Vec::new(),
            attempts: Cell::new(0),
        }
    }

    /// The same as archives, packed so.
    pub(crate) fn packed(mut self, packed: Compression) -> Self {
        if let BackupObject::Instance { tar, .. } = &mut self.order.object {
            *tar = Some(packed);
        }
        self
    }

    pub(crate) fn through(mut self, name: &str) -> Self {
        if let BackupObject::Instance { slot, .. } = &mut self.order.object {
            *slot = Some(name.to_owned());
        }
        self
    }

    pub(crate) fn slowly(mut self) -> Self {
        self.order.max_rate = Rate::per_second(SLOW);
        self
    }

    /// How its connections show on the server.
    pub(crate) fn application_name(&self) -> String {
        format!("howdah-{}", self.uuid)
    }

    /// What it has on the server: walsenders, running backups, temporary slots, those that nobody holds any more
    /// included. Another test may back up the same server meanwhile.
    pub(crate) fn on_server(&self, cluster: &Cluster) -> String {
        let ours = format!("select pid from pg_stat_activity where application_name = '{}'", self.application_name());
        cluster.ask(&format!(
            "select (select count(*) from ({ours}) o) || ' ' || (select count(*) from pg_stat_progress_basebackup \
             where pid in ({ours})) || ' ' || (select count(*) from pg_replication_slots \
             where temporary and (active_pid is null or active_pid in ({ours})))"
        ))
    }

    pub(crate) fn start(&self) -> Attempt {
        self.launch(Work::Run(Order::Backup(self.order.clone())))
    }

    pub(crate) fn run(&self) -> End {
        self.start().end()
    }

    #[track_caller]
    pub(crate) fn succeed(&self) -> Success {
        let end = self.run();
        let End::Succeeded(success) = end else { panic!("{end:?}\n{}", self.log()) };
        success
    }

    #[track_caller]
    pub(crate) fn fail(&self) -> Failure {
        let end = self.run();
        let End::Failed(failure) = end else { panic!("{end:?}\n{}", self.log()) };
        failure
    }

    #[track_caller]
    pub(crate) fn dispose(&self) -> Disposed {
        let end = self.end_of_disposal();
        let End::Disposed(disposed) = end else { panic!("{end:?}\n{}", self.log()) };
        disposed
    }

    pub(crate) fn end_of_disposal(&self) -> End {
        let left = Leftover::Backup(self.order.clone());
        self.launch(Work::Dispose { left, disposition: Disposition::Default }).end()
    }

    pub(crate) fn launch(&self, work: Work) -> Attempt {
        let number = self.attempts.get() + 1;
        self.attempts.set(number);
        let dir = self.howdah.state.join(format!("attempts/1/{number}"));
        fs::create_dir_all(&dir).unwrap();
        let (state, binaries) = (Some(self.howdah.state.clone()), self.binaries.clone());
        let settings = WorkerSettings { state, binaries, ..WorkerSettings::default() };
        let ticket = Ticket {
            version: CONTRACT_VERSION,
            session: SessionId(1),
            session_uuid: self.uuid,
            attempt: AttemptNo(number),
            work,
            settings,
            places: Vec::new(),
            by: Some("ops@bastion".to_owned()),
            in_use: self.in_use.clone(),
        };
        fs::write(dir.join("ticket.json"), serde_json::to_vec(&ticket).unwrap()).unwrap();
        let output = fs::File::create(dir.join("stderr")).unwrap();
        let mut command = self.howdah.command(["worker", dir.to_str().unwrap()]);
        let child = command.stdout(Stdio::null()).stderr(output).spawn().unwrap();
        Attempt { child, dir }
    }

    /// What all its attempts have logged.
    pub(crate) fn log(&self) -> String {
        let logs =
            (1..=self.attempts.get()).map(|number| self.howdah.state.join(format!("attempts/1/{number}/output.log")));
        logs.filter_map(|path| fs::read_to_string(path).ok()).collect()
    }
}

impl Attempt {
    pub(crate) fn facts(&self) -> Vec<Fact> {
        let text = fs::read_to_string(self.dir.join("events.jsonl")).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(|line| serde_json::from_str::<FactLine>(line).unwrap().fact).collect()
    }

    /// Waits until this much has been received.
    pub(crate) fn until_received(&self, bytes: u64) {
        until("the backup to be under way", || {
            let facts = self.facts();
            assert!(!matches!(facts.last(), Some(Fact::Ended(_))), "{facts:?}");
            let done =
                |fact: &Fact| matches!(fact, Fact::Progress(progress) if progress.bytes_done >= ByteCount(bytes));
            let copies =
                |fact: &Fact| matches!(fact, Fact::Step { step: Step::Copy, state: StepState::Running { .. } });
            (facts.iter().any(copies) && facts.iter().any(done)).then_some(())
        });
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, what: Signal) {
        assert!(signal(mark(self.pid()).unwrap(), what).unwrap());
    }

    /// The processes that it has started, by name.
    pub(crate) fn processes(&self, name: &str) -> Vec<u32> {
        let members = group_members(mark(self.pid()).unwrap()).unwrap();
        let is_named = |pid: &u32| howdah::process::name(*pid).is_some_and(|found| found == name);
        members.into_iter().map(|member| member.pid).filter(is_named).collect()
    }

    /// The end that it reports.
    pub(crate) fn end(mut self) -> End {
        until("the worker to end", || self.child.try_wait().unwrap());
        match self.facts().pop() {
            Some(Fact::Ended(end)) => end,
            other => panic!("{other:?}: {}", fs::read_to_string(self.dir.join("stderr")).unwrap()),
        }
    }

    /// Kills it with all that it has started, as its owner does when it is gone.
    pub(crate) fn kill(mut self) {
        let leader = mark(self.pid()).unwrap();
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        until("its processes to be gone", || {
            let left = group_members(leader).unwrap();
            for member in &left {
                signal(*member, Signal::KILL).unwrap();
            }
            left.is_empty().then_some(())
        });
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _gone_meanwhile = self.child.kill();
            let _reaped = self.child.wait();
        }
    }
}

/// A file system of its own of so many bytes; `None` where this machine does not let us mount one, which is told.
pub(crate) struct SmallDisk(pub(crate) PathBuf);

impl SmallDisk {
    pub(crate) fn new(size: &str) -> Option<Self> {
        let place = scratch("disk");
        let options = ["-t", "tmpfs", "-o", &format!("size={size},mode=0777"), "howdah-test"];
        let mounted = Command::new("mount").args(options).arg(&place).output().is_ok_and(|ran| ran.status.success());
        if !mounted {
            skip("a small file system cannot be mounted here", is_root());
        }
        mounted.then_some(Self(place))
    }

    pub(crate) fn make_read_only(&self) {
        let status = Command::new("mount").args(["-o", "remount,ro"]).arg(&self.0).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(&self.0).status().unwrap();
    }
}
