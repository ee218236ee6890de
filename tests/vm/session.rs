//! A session that backs up a machine, and its attempts: real workers of a user without rights.

use crate::{
    daemon::{Daemon, as_user, give, scratch_of_user},
    guest::Guest,
    support::{again, cluster::must, howdah::Howdah, timeout::until},
};
use howdah::{
    domain::{
        Achieved, AttemptNo, BackupObject, BackupOrder, ByteCount, Disposed, Disposition, Failure, InstanceName, JobId,
        Leftover, Order, SessionId, Success, WorkerSettings,
        fact::{End, Fact, FactLine},
        ticket::{CONTRACT_VERSION, Ticket, Work},
    },
    process::{group_members, mark, signal},
};
use rustix::process::Signal;
use std::{
    cell::Cell,
    fs,
    num::NonZeroU32,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
};
use uuid::Uuid;

pub(crate) struct Session {
    pub(crate) howdah: Howdah,
    pub(crate) uuid: Uuid,
    pub(crate) order: BackupOrder,
    /// A directory whose programs its workers find first.
    pub(crate) programs: Option<PathBuf>,
    attempts: Cell<u32>,
}

/// One attempt that runs. Dropping it kills it.
pub(crate) struct Attempt {
    child: Child,
    dir: PathBuf,
}

/// The command of this howdah, for that user.
pub(crate) fn command(howdah: &Howdah, arguments: &[&str]) -> Command {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    // Whoever builds it may do so where that user cannot look.
    let program = PROGRAM.get_or_init(|| {
        let place = scratch_of_user("program");
        must(Command::new("cp").arg(again::program()).arg(place.join("howdah")));
        place.join("howdah")
    });
    let wanted = howdah.command(arguments);
    let mut command = as_user(program);
    command.args(wanted.get_args());
    for (name, value) in wanted.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.current_dir(&howdah.home);
    command
}

/// The order to back up a guest under its own name.
pub(crate) fn order_of(daemon: &Daemon, guest: &Guest<'_>, repository: &Path) -> BackupOrder {
    order_of_name(daemon, &guest.name, repository)
}

/// The same by the machine's name.
pub(crate) fn order_of_name(daemon: &Daemon, machine: &str, repository: &Path) -> BackupOrder {
    let object = BackupObject::VirtualMachine {
        name: InstanceName::new(machine),
        domain: machine.to_owned(),
        uri: daemon.uri.clone(),
        full_every: NonZeroU32::new(2).unwrap(),
    };
    let (job, run, run_uuid) = (InstanceName::new("nightly"), JobId(7), Uuid::from_u128(7));
    let repository = Some(repository.to_owned());
    BackupOrder { job, run, run_uuid, object, repository, max_rate: None, keep: None }
}

impl Session {
    pub(crate) fn new(order: BackupOrder) -> Self {
        let howdah = Howdah::new();
        give(&howdah.home);
        Self { howdah, uuid: Uuid::now_v7(), order, programs: None, attempts: Cell::new(0) }
    }

    pub(crate) fn checkpoint(&self) -> String {
        format!("howdah-nightly-{}", self.uuid)
    }

    pub(crate) fn start(&self) -> Attempt {
        self.launch(Work::Run(Order::Backup(self.order.clone())))
    }

    /// The label of the point that it makes.
    #[track_caller]
    pub(crate) fn succeed(&self) -> String {
        self.label_of(self.start().end())
    }

    #[track_caller]
    pub(crate) fn label_of(&self, end: End) -> String {
        let End::Succeeded(Success { result: Achieved::RestorePoint { label, how, .. }, warnings, .. }) = end else {
            panic!("{end:?}\n{}", self.log())
        };
        assert!(how.unwrap().ends_with(&self.uuid.to_string()), "the job's details name its checkpoint");
        assert!(warnings.is_empty(), "{warnings:?}");
        label
    }

    #[track_caller]
    pub(crate) fn fail(&self) -> Failure {
        self.failure_of(self.start().end())
    }

    #[track_caller]
    pub(crate) fn failure_of(&self, end: End) -> Failure {
        let End::Failed(failure) = end else { panic!("{end:?}\n{}", self.log()) };
        failure
    }

    #[track_caller]
    pub(crate) fn dispose(&self) -> Disposed {
        let left = Leftover::Backup(self.order.clone());
        let end = self.launch(Work::Dispose { left, disposition: Disposition::Default }).end();
        let End::Disposed(disposed) = end else { panic!("{end:?}\n{}", self.log()) };
        disposed
    }

    fn launch(&self, work: Work) -> Attempt {
        self.launch_with(work, WorkerSettings::default(), self.programs.as_deref())
    }

    /// The same with these settings, and with programs of another directory before the usual ones.
    pub(crate) fn launch_with(&self, work: Work, settings: WorkerSettings, programs: Option<&Path>) -> Attempt {
        let number = self.attempts.get() + 1;
        self.attempts.set(number);
        let dir = self.howdah.state.join(format!("attempts/1/{number}"));
        fs::create_dir_all(&dir).unwrap();
        let settings = WorkerSettings { state: Some(self.howdah.state.clone()), ..settings };
        let ticket = Ticket {
            version: CONTRACT_VERSION,
            session: SessionId(1),
            session_uuid: self.uuid,
            attempt: AttemptNo(number),
            work,
            settings,
            places: Vec::new(),
            by: Some("ops@bastion".to_owned()),
            in_use: Vec::new(),
        };
        fs::write(dir.join("ticket.json"), serde_json::to_vec(&ticket).unwrap()).unwrap();
        let output = fs::File::create(dir.join("stderr")).unwrap();
        give(&self.howdah.home);
        let mut command = command(&self.howdah, &["worker", dir.to_str().unwrap()]);
        if let Some(programs) = programs {
            let usual = std::env::var("PATH").unwrap();
            command.env("PATH", format!("{}:{usual}", programs.display()));
        }
        let child = command.stdout(Stdio::null()).stderr(output).spawn().unwrap();
        Attempt { child, dir }
    }

    /// What all its attempts have logged.
    pub(crate) fn log(&self) -> String {
        let attempts = (1..=self.attempts.get()).map(|number| format!("attempts/1/{number}/output.log"));
        attempts.filter_map(|path| fs::read_to_string(self.howdah.state.join(path)).ok()).collect()
    }
}

impl Attempt {
    pub(crate) fn facts(&self) -> Vec<Fact> {
        let text = fs::read_to_string(self.dir.join("events.jsonl")).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(|line| serde_json::from_str::<FactLine>(line).unwrap().fact).collect()
    }

    /// Waits until libvirt has read something of the disk.
    pub(crate) fn until_under_way(&self) {
        until("the backup to be under way", || {
            let facts = self.facts();
            assert!(!matches!(facts.last(), Some(Fact::Ended(_))), "{facts:?}");
            let moved = |fact: &Fact| matches!(fact, Fact::Progress(progress) if progress.bytes_done > ByteCount(0));
            facts.iter().any(moved).then_some(())
        });
    }

    pub(crate) fn stop(self) -> End {
        assert!(signal(mark(self.child.id()).unwrap(), Signal::TERM).unwrap());
        self.end()
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
        let leader = mark(self.child.id()).unwrap();
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
