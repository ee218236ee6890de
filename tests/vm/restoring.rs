//! Sessions that restore a machine, and the restore points that they are made of.

use crate::{
    daemon::{Daemon, as_user, daemon, scratch_of_user},
    guest::{Guest, Speed},
    record, repository,
    session::{Attempt, Session, order_of, order_of_name},
    support::{cluster::must, place::names, timeout::until},
};
use howdah::domain::{
    Achieved, ByteCount, Disposed, Disposition, Failure, InstanceName, Leftover, MachineRestore, Order, Rate,
    RestoreOrder, Step, StepState, Success, Timestamp, WorkerSettings,
    fact::{End, Fact},
    ticket::Work,
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
    sync::{Mutex, OnceLock},
    time::Duration,
};

/// A point, and the guest's disk at its moment.
pub(crate) struct Moment {
    pub(crate) point: PathBuf,
    pub(crate) bytes: Vec<u8>,
}

/// A guest that runs, and its restore points: a full one and two increments, for tests that only read them.
pub(crate) struct Chain {
    pub(crate) name: String,
    pub(crate) guest: Mutex<Guest<'static>>,
    pub(crate) repository: PathBuf,
    pub(crate) moments: Vec<Moment>,
}

/// That chain.
pub(crate) fn chain() -> &'static Chain {
    static CHAIN: OnceLock<Chain> = OnceLock::new();
    CHAIN.get_or_init(|| {
        let repository = repository();
        let guest = Guest::start(daemon(), Speed::Fast);
        let moments = backed_up(daemon(), &guest, &repository, 3);
        Chain { name: guest.name.clone(), guest: Mutex::new(guest), repository, moments }
    })
}

/// Backs a guest up so many times, and lets it write before each: a full one, then increments.
pub(crate) fn backed_up(daemon: &Daemon, guest: &Guest<'_>, repository: &Path, times: usize) -> Vec<Moment> {
    let moment = |_| {
        guest.write();
        let label = Session::new(order_of(daemon, guest, repository)).succeed();
        Moment { point: repository.join(&guest.name).join(label), bytes: guest.bytes() }
    };
    (0..times).map(moment).collect()
}

/// A restore. Dropping it ends and forgets the machine that it has made.
pub(crate) struct Restoring {
    session: Session,
    pub(crate) order: MachineRestore,
    /// Whether the machine goes with it.
    is_first: bool,
    /// What stands before the usual programs.
    pub(crate) programs: Option<PathBuf>,
}

impl Restoring {
    /// Of a point, to a new directory and a new name, which is the directory's.
    pub(crate) fn of(daemon: &Daemon, guest: &str, point: &Path) -> Self {
        let directory = scratch_of_user("machines").join("disks");
        let name = format!("new-{}", names_of(&directory));
        let order = MachineRestore {
            machine: InstanceName::new(guest),
            label: point.file_name().unwrap().to_str().unwrap().to_owned(),
            backup: point.to_owned(),
            size: ByteCount(1),
            taken_at: Timestamp::UNIX_EPOCH,
            directory,
            name: InstanceName::new(&name),
            uri: daemon.uri.clone(),
            start: false,
            network: false,
            max_rate: None,
        };
        Self { session: Session::new(order_of_name(daemon, guest, point)), order, is_first: true, programs: None }
    }

    /// Another session, of another state directory, with the same order.
    pub(crate) fn rival(&self) -> Self {
        let session = Session::new(self.session.order.clone());
        Self { session, order: self.order.clone(), is_first: false, programs: None }
    }

    pub(crate) fn started(mut self) -> Self {
        self.order.start = true;
        self
    }

    /// So slow that a test comes in between.
    pub(crate) fn slowly(mut self) -> Self {
        self.order.max_rate = Rate::per_second(8 << 20);
        self
    }

    pub(crate) fn at_once(mut self) -> Self {
        self.order.max_rate = None;
        self
    }

    pub(crate) fn start(&self) -> Attempt {
        let work = Work::Run(Order::Restore(RestoreOrder::VirtualMachine(self.order.clone())));
        let settings = WorkerSettings { start_timeout: Duration::from_mins(1), ..WorkerSettings::default() };
        self.session.launch_with(work, settings, self.programs.as_deref())
    }

    #[track_caller]
    pub(crate) fn succeed(&self) -> Success {
        let end = self.start().end();
        let End::Succeeded(success) = end else { panic!("{end:?}\n{}", self.log()) };
        let Achieved::VirtualMachine { name, .. } = &success.result else { panic!("{success:?}") };
        assert_eq!(*name, self.order.name.to_string());
        success
    }

    #[track_caller]
    pub(crate) fn fail(&self) -> Failure {
        self.failure_of(self.start().end())
    }

    #[track_caller]
    pub(crate) fn failure_of(&self, end: End) -> Failure {
        self.session.failure_of(end)
    }

    #[track_caller]
    pub(crate) fn dispose(&self, disposition: Disposition) -> Disposed {
        let left = Leftover::Machine(self.order.clone());
        let end = self.session.launch_with(Work::Dispose { left, disposition }, WorkerSettings::default(), None).end();
        let End::Disposed(disposed) = end else { panic!("{end:?}\n{}", self.log()) };
        disposed
    }

    /// Why what it has left cannot be dealt with.
    #[track_caller]
    pub(crate) fn cannot_dispose(&self) -> Failure {
        let (left, disposition) = (Leftover::Machine(self.order.clone()), Disposition::Default);
        let work = Work::Dispose { left, disposition };
        self.session.failure_of(self.session.launch_with(work, WorkerSettings::default(), None).end())
    }

    /// What stands at the target.
    pub(crate) fn files(&self) -> Vec<String> {
        let mut found = names(&self.order.directory);
        found.sort();
        found
    }

    /// The UUID that libvirt knows the machine by.
    pub(crate) fn uuid(&self) -> Option<String> {
        let said = self.virsh("domuuid");
        said.status.success().then(|| String::from_utf8(said.stdout).unwrap().trim().to_owned())
    }

    pub(crate) fn state(&self) -> String {
        String::from_utf8(self.virsh("domstate").stdout).unwrap().trim().to_owned()
    }

    pub(crate) fn log(&self) -> String {
        self.session.log()
    }

    fn virsh(&self, verb: &str) -> Output {
        let uri = ["-q", "-c", &self.order.uri];
        as_user("virsh").args(uri).args([verb, self.order.name.as_str()]).output().unwrap()
    }

    /// The image is this, byte for byte, and rests on nothing.
    #[track_caller]
    pub(crate) fn expect_disk(&self, bytes: &[u8]) {
        let (image, raw) = (self.order.directory.join("vda.qcow2"), scratch_of_user("disk").join("raw"));
        must(as_user("qemu-img").args(["convert", "-U", "-f", "qcow2", "-O", "raw"]).arg(&image).arg(&raw));
        assert!(fs::read(&raw).unwrap() == bytes, "{} is the disk of its moment", image.display());
        fs::remove_file(raw).unwrap();
        let info = must(as_user("qemu-img").args(["info", "-U", "--output=json"]).arg(&image));
        assert!(!info.contains("backing-filename"), "{info}");
    }
}

/// Waits until an attempt has its images, and says how many bytes of them were there before it.
#[track_caller]
pub(crate) fn copied(attempt: &Attempt) -> u64 {
    until("it to have copied", || {
        let facts = attempt.facts();
        let is_copied = |fact: &Fact| matches!(fact, Fact::Step { step: Step::Copy, state: StepState::Done { .. } });
        let is_copied = facts.iter().any(is_copied);
        assert!(is_copied || !matches!(facts.last(), Some(Fact::Ended(_))), "{facts:?}");
        is_copied.then_some(())
    });
    reused(attempt)
}

/// How many bytes of an attempt's end were there before it.
fn reused(attempt: &Attempt) -> u64 {
    let progress = attempt.facts().into_iter().rev().find_map(|fact| match fact {
        Fact::Progress(progress) => Some(progress),
        Fact::Began(_) | Fact::Planned(_) | Fact::Step { .. } | Fact::Note(_) | Fact::Ended(_) => None,
    });
    progress.map_or(0, |progress| progress.bytes_reused.0)
}

/// The bytes of a point's own file.
pub(crate) fn bytes_of(moment: &Moment) -> u64 {
    record(&moment.point)["disks"][0]["bytes"].as_u64().unwrap()
}

/// A name that nobody else has: directories of tests have numbers.
fn names_of(directory: &Path) -> String {
    directory.parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned()
}

impl Drop for Restoring {
    fn drop(&mut self) {
        let ours = self.virsh("dumpxml").stdout;
        if self.is_first && String::from_utf8_lossy(&ours).contains(&self.order.directory.display().to_string()) {
            let _was_off = self.virsh("destroy");
            let _was_none = self.virsh("undefine");
        }
    }
}
