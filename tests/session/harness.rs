//! A state directory whose sessions the library wrote, one in each phase as wanted, long ago.

use crate::{
    sample,
    support::{
        howdah::{Howdah, Ran, Running},
        timeout::{TIMEOUT, until},
    },
};
use howdah::{
    domain::{
        AttemptNo, ByteCount, ClusterRestore, Disposed, Disposition, ExistingData, Failure, InstanceName, Order,
        Origin, Port, Progress, Reach, Recovery, RestoreOrder, RetryPolicy, SessionId, Step, StepState, Target,
        Timestamp, VerifyOrder, WhenUsedUp,
        fact::{Began, End, Fact, FactLine},
        ticket::CONTRACT_VERSION,
    },
    journal::{Batch, JournalEntry, JournalRecord, SqliteJournal},
    machine::{Command, Report, Session, decide, event::Created, evolve},
};
use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{BufRead as _, BufReader, Write as _},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    sync::mpsc,
    time::Duration,
};
use uuid::Uuid;

/// One user with a state directory.
pub(crate) struct Harness {
    pub(crate) howdah: Howdah,
}

/// The life of one session so far.
#[derive(Clone)]
pub(crate) struct Life {
    pub(crate) session: Session,
    changes: Vec<JournalRecord>,
}

/// A verb that goes on, line by line. Dropping it kills it.
pub(crate) struct Following {
    child: Child,
    lines: mpsc::Receiver<String>,
}

/// When all of it happened: long ago, so that no countdown is running.
pub(crate) fn start() -> Timestamp {
    "2020-02-02T02:00:00Z".parse().unwrap()
}

/// So many seconds after that.
pub(crate) fn after(seconds: i64) -> Timestamp {
    start() + jiff::SignedDuration::from_secs(seconds)
}

/// A uuid whose beginning tells its number: `aaaa0001-...`.
pub(crate) fn uuid(number: u64) -> Uuid {
    Uuid::from_u128((0xaaaa_0000_u128 + u128::from(number)) << 96 | 0x7000_8000_0000_0000_0000)
}

impl Harness {
    pub(crate) fn new() -> Self {
        Self { howdah: Howdah::new() }
    }

    /// A state directory where these have happened.
    pub(crate) fn of(lives: impl IntoIterator<Item = Life>) -> Self {
        let harness = Self::new();
        harness.store(lives);
        harness
    }

    pub(crate) fn state(&self) -> &Path {
        &self.howdah.state
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.state().join("journal.db")
    }

    /// Writes them into the journal, as an owner would.
    pub(crate) fn store(&self, lives: impl IntoIterator<Item = Life>) {
        DirBuilder::new().recursive(true).mode(0o700).create(self.state()).unwrap();
        let entry = |life: Life| JournalEntry { after: life.session, changes: life.changes };
        let entries = lives.into_iter().map(entry).collect();
        SqliteJournal::open(&self.journal()).unwrap().append(&Batch { entries, ..Batch::default() }).unwrap();
    }

    /// Somebody owns the state directory until this is dropped.
    pub(crate) fn owned(&self) -> fs::File {
        let path = self.state().join("owner.lock");
        let lock = OpenOptions::new().write(true).create(true).truncate(false).open(path).unwrap();
        lock.lock().unwrap();
        lock
    }

    /// Changes the journal behind its back.
    pub(crate) fn spoil(&self, sql: &str) {
        assert!(rusqlite::Connection::open(self.journal()).unwrap().execute(sql, []).unwrap() > 0, "{sql}");
    }

    /// The whole session as the journal has it.
    pub(crate) fn session(&self, number: u64) -> Session {
        SqliteJournal::read(&self.journal()).unwrap().session(SessionId(number)).unwrap().unwrap()
    }

    pub(crate) fn arguments<'a>(&'a self, arguments: &[&'a str]) -> Vec<&'a str> {
        let mut all = vec!["session"];
        all.extend(arguments);
        all.extend(["--state-dir", self.state().to_str().unwrap()]);
        all
    }

    /// Runs `howdah session` with these words.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.howdah.run(self.arguments(arguments))
    }

    pub(crate) fn spawn(&self, arguments: &[&str]) -> Running {
        self.howdah.spawn(self.arguments(arguments))
    }

    /// Starts a verb whose lines come one after the other.
    pub(crate) fn follow(&self, arguments: &[&str]) -> Following {
        let mut command = self.howdah.command(self.arguments(arguments));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let out = child.stdout.take().unwrap();
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines() {
                if sender.send(line.unwrap()).is_err() {
                    return;
                }
            }
        });
        Following { child, lines }
    }

    /// What a run printed, with the paths of this state directory shortened.
    pub(crate) fn masked(&self, text: &str) -> String {
        text.replace(self.howdah.home.to_str().unwrap(), "~")
    }

    /// A file of an attempt, whose directory is made.
    pub(crate) fn attempt_file(&self, session: u64, attempt: u32, name: &str) -> PathBuf {
        let directory = self.state().join(format!("attempts/{session}/{attempt}"));
        fs::create_dir_all(&directory).unwrap();
        directory.join(name)
    }

    /// What the worker of an attempt tells.
    pub(crate) fn tell(&self, session: u64, attempt: u32, facts: impl IntoIterator<Item = Fact>) {
        let path = self.attempt_file(session, attempt, "events.jsonl");
        let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
        for fact in facts {
            let line = FactLine { version: CONTRACT_VERSION, at: start(), fact };
            writeln!(file, "{}", serde_json::to_string(&line).unwrap()).unwrap();
        }
    }

    /// What the engine of an attempt prints.
    pub(crate) fn print(&self, session: u64, attempt: u32, text: &[u8]) {
        let path = self.attempt_file(session, attempt, "output.log");
        OpenOptions::new().append(true).create(true).open(path).unwrap().write_all(text).unwrap();
    }
}

impl Following {
    /// Its next line, with patience that ends.
    #[track_caller]
    pub(crate) fn line(&self) -> String {
        self.lines.recv_timeout(TIMEOUT).expect("a line")
    }

    /// Its exit code, once it has ended without another line.
    #[track_caller]
    pub(crate) fn end(mut self) -> i32 {
        let status = until("howdah ends", || self.child.try_wait().unwrap());
        assert_eq!(self.lines.recv(), Err(mpsc::RecvError), "a line too many");
        status.code().unwrap()
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let _over = self.child.kill();
        let _reaped = self.child.wait();
    }
}

impl Life {
    /// A session that was ordered on the command line. It would restore to `/var/tmp/howdah-never`.
    pub(crate) fn queued(number: u64) -> Self {
        Self::of(number, uuid(number), Origin::CommandLine)
    }

    pub(crate) fn of(number: u64, uuid: Uuid, origin: Origin) -> Self {
        // A try is due only in a hundred years: whoever owns the directory begins nothing by itself.
        let every = Duration::from_hours(24 * 365 * 100);
        let policy = RetryPolicy { tries: 3, every, while_waiting: true, when_used_up: WhenUsedUp::Ask };
        let mut created = Created { uuid, origin, at: start(), ..sample::created(number, policy) };
        let port = Port::new(u16::try_from(6000 + number % 1000).unwrap()).unwrap();
        let target = Target::new(format!("/var/tmp/howdah-never/orders-{number}"), port).unwrap();
        created.order = ClusterRestore { target, existing: ExistingData::Refuse, ..sample::request(number) }.into();
        Self { session: Session::create(created.clone()), changes: vec![JournalRecord::Created(Box::new(created))] }
    }

    /// A session for an instance, a backup and a data directory of this name, ordered by somebody of this name.
    pub(crate) fn named(number: u64, name: &str) -> Self {
        let mut life = Self::queued(number);
        let JournalRecord::Created(created) = &mut life.changes[0] else { panic!("created first") };
        name.clone_into(&mut created.by);
        if let Order::Restore(RestoreOrder::Cluster(order)) = &mut created.order {
            order.point.instance = InstanceName::new(name);
            name.clone_into(&mut order.point.label);
            let directory = format!("/var/tmp/howdah-never/{}", name.replace('\0', ""));
            order.target = Target::new(directory, order.target.port()).unwrap();
        }
        life.session = Session::create(created.as_ref().clone());
        life
    }

    /// The verification of a backup, ordered on the command line.
    pub(crate) fn verifying(number: u64) -> Self {
        let mut life = Self::queued(number);
        let JournalRecord::Created(created) = &mut life.changes[0] else { panic!("created first") };
        created.order = Order::Verify(VerifyOrder { point: sample::request(number).point, max_rate: None });
        life.session = Session::create(created.as_ref().clone());
        life
    }

    /// A session whose recovery is to go so far, ordered on the command line.
    pub(crate) fn recovering(number: u64, recovery: Recovery) -> Self {
        let mut life = Self::queued(number);
        let JournalRecord::Created(created) = &mut life.changes[0] else { panic!("created first") };
        created.order.set_recovery(recovery);
        life.session = Session::create(created.as_ref().clone());
        life
    }

    /// The same session, whose three tries come a second after one another: only where nobody owns the directory.
    pub(crate) fn hasty(number: u64) -> Self {
        let mut life = Self::queued(number);
        let JournalRecord::Created(created) = &mut life.changes[0] else { panic!("created first") };
        created.policy.every = Duration::from_secs(1);
        life.session = Session::create(created.as_ref().clone());
        life
    }

    /// The next try begins and fails at once, before it has looked at anything.
    pub(crate) fn tried_in_vain(self, seconds: i64) -> Self {
        let gone = Failure::disruption("the repository is gone", "mount it again").in_step(Step::Check);
        self.then(Command::Wake, seconds).then(Command::Launch, seconds).over(End::Failed(gone), seconds + 1)
    }

    /// All of its tries failed.
    pub(crate) fn used_up(number: u64) -> Self {
        let life = Self::hasty(number).running().report(Report::Fact(Fact::Progress(sample::progress(500, None))), 5);
        let life = life.over(End::Failed(sample::disruption()), 10);
        (1..=3).fold(life, |life, try_number| life.tried_in_vain(10 + 10 * try_number))
    }

    /// The same session, ordered from a console.
    pub(crate) fn from_console(number: u64) -> Self {
        Self::of(number, uuid(number), Origin::Console)
    }

    /// What a command makes of it, so many seconds after the beginning.
    pub(crate) fn then(mut self, command: Command, seconds: i64) -> Self {
        let now = after(seconds);
        for event in decide(&self.session, command, now).unwrap() {
            self.session = evolve(self.session, &event, now);
            self.changes.push(JournalRecord::Happened { at: now, event });
        }
        self
    }

    fn report(self, report: Report, seconds: i64) -> Self {
        let attempt = self.session.live_attempt().unwrap();
        self.then(Command::Report { attempt, report }, seconds)
    }

    /// Its attempt copies.
    pub(crate) fn running(self) -> Self {
        let attempt = self.session.next_attempt();
        self.then(Command::Launch, 1)
            .report(Report::Fact(Fact::Began(Began::of(sample::mark(attempt), None))), 2)
            .report(Report::Fact(Fact::Planned(Box::new(sample::plan()))), 2)
            .report(
                Report::Fact(Fact::Step {
                    step: Step::Check,
                    state: StepState::Done { took: Duration::from_secs(1), detail: String::new() },
                }),
                3,
            )
            .report(
                Report::Fact(Fact::Step { step: Step::Copy, state: StepState::Running { detail: String::new() } }),
                3,
            )
    }

    pub(crate) fn over(self, end: End, seconds: i64) -> Self {
        self.report(Report::Over(Some(end)), seconds)
    }

    pub(crate) fn waiting(self) -> Self {
        self.running().over(End::Failed(sample::disruption()), 10)
    }

    pub(crate) fn stuck(self) -> Self {
        let failure = Failure::incurable("no space left on /var/tmp/howdah-never", "make room, then retry");
        self.running().over(End::Failed(failure.in_step(Step::Copy)), 10)
    }

    /// Its attempt was told to stop.
    pub(crate) fn cancelling(self) -> Self {
        self.running().then(cancel(), 20)
    }

    pub(crate) fn succeeded(self, seconds: i64) -> Self {
        self.running().over(End::Succeeded(sample::success()), seconds)
    }

    pub(crate) fn cancelled(self, seconds: i64) -> Self {
        self.cancelling().over(End::Stopped, seconds - 1).over(End::Disposed(Disposed::Removed), seconds)
    }

    pub(crate) fn dismissed(self, seconds: i64) -> Self {
        self.succeeded(seconds).then(Command::Dismiss { by: "ops".to_owned() }, seconds + 1)
    }
}

pub(crate) fn cancel() -> Command {
    Command::Cancel { disposition: Disposition::Remove, reach: Reach::AnyOrigin, by: "ops".to_owned() }
}

/// So many of a thousand bytes.
pub(crate) fn copied(bytes: u64) -> Fact {
    Fact::Progress(Progress {
        bytes_done: ByteCount(bytes),
        bytes_total: ByteCount(1000),
        files_done: bytes / 100,
        files_total: 10,
        ..Progress::default()
    })
}

/// One session in each phase, the numbers in the order of the phases: the console's story and the script's.
pub(crate) fn one_of_each() -> Vec<Life> {
    vec![
        Life::queued(1),
        Life::queued(2).running(),
        Life::from_console(3).waiting(),
        Life::queued(4).stuck(),
        Life::queued(5).cancelling(),
        Life::queued(6).succeeded(100),
        Life::from_console(7).cancelled(200),
        Life::queued(8).dismissed(50),
    ]
}

/// The first attempt.
pub(crate) const FIRST: AttemptNo = AttemptNo(1);
