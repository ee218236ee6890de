//! The floor of attempts: real processes that end, die, hang, and leave children behind.
//!
//! Time is real here. Every wait is one for a word, with a limit that only a failure reaches.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

#[allow(dead_code, reason = "each floor uses its part of the samples")]
#[path = "machine/sample.rs"]
mod sample;
#[path = "attempts/state.rs"]
mod state;
mod support;

#[path = "attempts/adoption.rs"]
mod adoption;
#[path = "attempts/elsewhere.rs"]
mod elsewhere;

use howdah::{
    attempt::{AttemptDir, AttemptMessage, Attempts, CHANNEL_CAPACITY, Processes},
    domain::{
        AttemptNo, FailureClass, SessionId, WorkerSettings,
        fact::{End, Fact, ProcessMark},
        ticket::{CONTRACT_VERSION, Ticket, Work},
    },
    machine::{Command, Report},
    process::{group_members, is_alive, mark},
};
use state::State;
use std::{fs, os::unix::fs::PermissionsExt, path::Path, time::Duration};
use tokio::sync::mpsc;

const SESSION: SessionId = SessionId(1);
const ATTEMPT: AttemptNo = AttemptNo(1);

/// A state directory, and what is said in it.
struct Harness {
    state: State,
    attempts: Processes,
    words: mpsc::Receiver<AttemptMessage>,
}

impl Harness {
    /// A state directory whose workers do what this piece of shell says.
    fn new(course: &str) -> Self {
        let state = State::new();
        fs::write(state.0.join("course.sh"), course).unwrap();
        Self::over(state)
    }

    /// A new owner of the same state directory.
    fn over(state: State) -> Self {
        let (sender, words) = mpsc::channel(CHANNEL_CAPACITY);
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/attempts/worker.sh");
        let attempts = Processes::new(state.0.clone(), sender).with_program(program);
        Self { state, attempts, words }
    }

    /// The same, where a worker that has told its end is killed after so long.
    fn with_exit_grace(mut self, grace: Duration) -> Self {
        self.attempts = self.attempts.with_exit_grace(grace);
        self
    }

    fn launch(&mut self) {
        self.attempts.launch(ticket());
    }

    /// The owner goes away; the attempts do not.
    fn leave(self) -> State {
        self.state
    }

    fn place(&self) -> AttemptDir {
        AttemptDir::new(&self.state.0, SESSION, ATTEMPT)
    }

    async fn word(&mut self) -> Command {
        let word = tokio::time::timeout(Duration::from_mins(1), self.words.recv()).await;
        let (session, command) = word.expect("a word in time").expect("somebody to say it");
        assert_eq!(session, SESSION);
        command
    }

    async fn report(&mut self) -> Report {
        let word = self.word().await;
        let Command::Report { attempt: ATTEMPT, report } = word else { panic!("a report, not {word:?}") };
        report
    }

    async fn began(&mut self) -> ProcessMark {
        let Report::Fact(Fact::Began(began)) = self.report().await else { panic!("its beginning first") };
        began.mark()
    }

    /// The process that a note names.
    async fn noted_process(&mut self) -> ProcessMark {
        let Report::Fact(Fact::Note(pid)) = self.report().await else { panic!("a pid") };
        mark(pid.parse().unwrap()).expect("the process that it told of")
    }

    async fn over_with(&mut self, end: Option<End>) {
        assert_eq!(self.report().await, Report::Over(end));
    }

    /// Waits until the worker has printed this word.
    async fn until_printed(&self, word: &str) {
        let output = self.place().output();
        while !fs::read_to_string(&output).is_ok_and(|text| text.contains(word)) {
            tokio::task::yield_now().await;
        }
    }

    async fn lost(&mut self) {
        assert_eq!(self.word().await, Command::Lost { attempt: ATTEMPT });
    }
}

fn uuid() -> uuid::Uuid {
    sample::created(1, sample::short_policy(true)).uuid
}

fn ticket() -> Ticket {
    let request = sample::request(1);
    let session_uuid = uuid();
    let (session, attempt, settings) = (SESSION, ATTEMPT, WorkerSettings::default());
    Ticket {
        version: CONTRACT_VERSION,
        session,
        session_uuid,
        attempt,
        work: Work::Run(request.into()),
        settings,
        places: Vec::new(),
        by: None,
        in_use: Vec::new(),
    }
}

fn succeeded() -> End {
    End::Succeeded(sample::success())
}

/// Kills one process of ours and waits until it is gone.
fn kill(mark: ProcessMark) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(mark.pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    while is_alive(mark) {
        std::thread::yield_now();
    }
}

#[tokio::test]
async fn a_worker_is_heard_from_its_first_word_to_its_last() {
    let mut harness = Harness::new("began; echo raw output; say '{\"note\":\"hello\"}'; succeed");
    harness.launch();
    let mark = harness.began().await;
    assert_eq!(harness.report().await, Report::Fact(Fact::Note("hello".to_owned())));
    harness.over_with(Some(succeeded())).await;
    assert_eq!(group_members(mark).unwrap(), Vec::<ProcessMark>::new());
    let place = harness.place();
    let stored: Ticket = serde_json::from_slice(&fs::read(place.ticket()).unwrap()).unwrap();
    assert_eq!(stored, ticket());
    assert_eq!(fs::read_to_string(place.output()).unwrap(), "raw output\n");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&place.ticket()), mode(&place.output()), mode(place.directory())), (0o600, 0o600, 0o700));
}

#[tokio::test]
async fn a_worker_that_dies_without_a_word_is_over_without_one() {
    for course in ["exit 3", "began; kill -9 $$", "began; kill -9 -$$"] {
        let mut harness = Harness::new(course);
        harness.launch();
        if course.starts_with("began") {
            harness.began().await;
        }
        harness.over_with(None).await;
    }
}

#[tokio::test]
async fn a_worker_that_obeys_ends_when_it_is_asked() {
    let mut harness = Harness::new("trap \"say '{\\\"ended\\\":\\\"stopped\\\"}'; exit 0\" TERM; began; hang");
    harness.launch();
    let mark = harness.began().await;
    harness.attempts.stop(SESSION, ATTEMPT);
    harness.over_with(Some(End::Stopped)).await;
    assert_eq!(group_members(mark).unwrap(), Vec::<ProcessMark>::new(), "what it hung on is gone too");
}

/// The follower may come too early with a stop: before the worker listens, or is known to be one.
#[tokio::test]
async fn a_stop_given_before_the_worker_has_begun_reaches_it_when_it_begins() {
    let early = "mkfifo go; trap 'echo heard' TERM; echo ready; until read -r line < go; do :; done";
    let obeys = "trap \"say '{\\\"ended\\\":\\\"stopped\\\"}'; exit 0\" TERM; began; hang";
    let mut harness = Harness::new(&format!("{early}; {obeys}"));
    harness.launch();
    harness.until_printed("ready").await;
    harness.attempts.stop(SESSION, ATTEMPT);
    harness.until_printed("heard").await;
    fs::write(harness.place().directory().join("go"), "go\n").unwrap();
    let mark = harness.began().await;
    harness.over_with(Some(End::Stopped)).await;
    assert_eq!(group_members(mark).unwrap(), Vec::<ProcessMark>::new());
}

#[tokio::test]
async fn a_worker_that_stays_after_its_last_word_is_killed_and_its_end_counts() {
    let succeeded_and_stays =
        "began; say '{\"ended\":{\"succeeded\":{\"server\":{\"not_started\":{\"reason\":\"as asked\"}}}}}'; hang";
    let mut harness = Harness::new(succeeded_and_stays).with_exit_grace(Duration::from_millis(300));
    harness.launch();
    let mark = harness.began().await;
    harness.over_with(Some(succeeded())).await;
    assert_eq!(group_members(mark).unwrap(), Vec::<ProcessMark>::new());
}

#[tokio::test]
async fn a_worker_that_ignores_the_wish_to_stop_is_killed_with_all_its_children() {
    let mut harness = Harness::new("trap \"say '{\\\"note\\\":\\\"no\\\"}'\" TERM; began; hang");
    harness.launch();
    let mark = harness.began().await;
    harness.attempts.stop(SESSION, ATTEMPT);
    assert_eq!(harness.report().await, Report::Fact(Fact::Note("no".to_owned())));
    assert!(is_alive(mark));
    harness.attempts.kill(SESSION, ATTEMPT);
    harness.over_with(None).await;
    assert_eq!(group_members(mark).unwrap(), Vec::<ProcessMark>::new());
}

#[tokio::test]
async fn a_child_that_outlives_its_worker_is_killed_before_the_attempt_is_over() {
    let course = "began; mkfifo go; tail -f /dev/null & say \"{\\\"note\\\":\\\"$!\\\"}\"; read -r line < go; succeed";
    let mut harness = Harness::new(course);
    harness.launch();
    let worker = harness.began().await;
    let child = harness.noted_process().await;
    assert!(is_alive(child));
    fs::write(harness.place().directory().join("go"), "go\n").unwrap();
    harness.over_with(Some(succeeded())).await;
    assert!(!is_alive(child) && !is_alive(worker));
}

#[tokio::test]
async fn a_worker_that_cannot_be_started_is_told_with_its_class() {
    let mut harness = Harness::new("");
    let attempts =
        |program: &str, sender| Processes::new("/dev/null/state".into(), sender).with_program(program.into());
    let (sender, words) = mpsc::channel(CHANNEL_CAPACITY);
    (harness.attempts, harness.words) = (attempts("/bin/sh", sender), words);
    harness.launch();
    let Report::NotLaunched(failure) = harness.report().await else { panic!("not launched") };
    assert!(failure.cause.contains("/dev/null/state"), "{failure}");

    let (sender, words) = mpsc::channel(CHANNEL_CAPACITY);
    let missing = Processes::new(harness.state.0.clone(), sender).with_program("/no/such/program".into());
    (harness.attempts, harness.words) = (missing, words);
    harness.launch();
    let Report::NotLaunched(failure) = harness.report().await else { panic!("not launched") };
    assert_eq!(failure.class, FailureClass::Disruption);
}

#[tokio::test]
async fn a_pid_that_was_reused_is_never_signalled() {
    // A bystander that has the pid of the worker, but is another process: started at another time.
    let mut bystander =
        tokio::process::Command::new("tail").args(["-f", "/dev/null"]).kill_on_drop(true).spawn().unwrap();
    let real = mark(bystander.id().unwrap()).unwrap();
    let mut harness = Harness::new("");
    harness.attempts.adopt(SESSION, uuid(), ATTEMPT, Some(ProcessMark { started: real.started - 1, ..real }));
    harness.attempts.stop(SESSION, ATTEMPT);
    harness.attempts.kill(SESSION, ATTEMPT);
    harness.lost().await;
    assert!(is_alive(real));
    bystander.kill().await.unwrap();
}

#[tokio::test]
async fn a_worker_that_came_to_life_late_is_killed_before_the_next_attempt_works() {
    let mut harness = Harness::new("began; case $PWD in */1) hang ;; *) succeed ;; esac");
    // An owner that was killed the moment it started a worker: nobody follows this one.
    let first = harness.place();
    fs::create_dir_all(first.directory()).unwrap();
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/attempts/worker.sh");
    let mut late = tokio::process::Command::new(program).arg("worker").arg(first.directory()).spawn().unwrap();
    while !fs::read_to_string(first.events()).is_ok_and(|text| text.ends_with('\n')) {
        tokio::task::yield_now().await;
    }
    let mark = mark(late.id().unwrap()).unwrap();
    assert!(is_alive(mark));
    harness.attempts.launch(Ticket { attempt: AttemptNo(2), ..ticket() });
    let mut said = Vec::new();
    while said.len() < 2 {
        let (_, command) = tokio::time::timeout(Duration::from_mins(1), harness.words.recv()).await.unwrap().unwrap();
        let Command::Report { attempt: AttemptNo(2), report } = command else { panic!("{command:?}") };
        assert!(!is_alive(mark), "gone before the new one says a word");
        said.push(report);
    }
    assert!(matches!(&said[..], [Report::Fact(Fact::Began(_)), Report::Over(Some(End::Succeeded(_)))]), "{said:?}");
    assert_eq!(group_members(mark).unwrap(), Vec::<ProcessMark>::new());
    late.wait().await.unwrap();
}
