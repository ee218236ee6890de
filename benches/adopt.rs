//! Adopting after a crash: from the start of a keeper to the picture in which every session is there and each attempt
//! that outlived its owner is followed again. The real program, read over its socket.
//!
//! `cargo bench --bench adopt` makes a journal with 100,000 completed and 1,000 ongoing sessions: four run, as many as
//! run by default, 300 are queued, 400 wait and 296 are stuck. What runs are processes that only stand still, under the
//! command lines of workers. The keeper is killed and followed by the next one, again and again.
#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![allow(clippy::unwrap_used, reason = "a benchmark stops at the first surprise")]

mod journal;

use futures_util::future::BoxFuture;
use howdah::{
    attempt::AttemptDir,
    control::{Client, ConnectError, Connector, connect},
    domain::{
        AttemptNo, ByteCount, Failure, Progress, Reached, SessionId, Timestamp, Who,
        fact::{Began, Fact, FactLine},
        ticket::CONTRACT_VERSION,
    },
    machine::Event,
    manager::{Clock, Service, Snapshot},
    process::mark,
};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::{fs::DirBuilderExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::net::UnixStream;

const RUNNING: u64 = 4;
const QUEUED: u64 = 300;
const WAITING: u64 = 400;
const ROUNDS: usize = 11;

/// What each of the attempts has told before its owner was lost; the picture shows it once the attempt is followed.
const COPIED: ByteCount = ByteCount(123_456_789);

fn main() {
    let room = tempfile::tempdir().unwrap();
    let state = room.path().join("state");
    fs::DirBuilder::new().mode(0o700).create(&state).unwrap();
    let workers: BTreeMap<u64, Worker> = (1..=RUNNING)
        .map(|number| (journal::COMPLETED + number, Worker::start(&state, journal::COMPLETED + number)))
        .collect();
    journal::fill(&state.join("journal.db"), |number| life(number, &workers));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut times: Vec<[f64; 2]> = (0..ROUNDS).map(|_| runtime.block_on(adopt(&state))).collect();
    println!(
        "after a crash, {} completed and {} ongoing sessions, {ROUNDS} rounds:",
        journal::COMPLETED,
        journal::ONGOING
    );
    for (at, name) in
        ["until the socket tells the first picture", "until every attempt is followed again"].iter().enumerate()
    {
        times.sort_by(|a, b| a[at].total_cmp(&b[at]));
        println!("  {name:<42} {:5.1} ms ({:.1} to {:.1})", times[ROUNDS / 2][at], times[0][at], times[ROUNDS - 1][at]);
    }
}

/// Starts a keeper, waits for the pictures, kills the keeper. Milliseconds.
async fn adopt(state: &Path) -> [f64; 2] {
    let begun = Instant::now();
    let mut keeper = Command::new(env!("CARGO_BIN_EXE_howdah"));
    let mut keeper = keeper.arg("keeper").arg("--state-dir").arg(state).stdin(Stdio::null()).spawn().unwrap();
    let (connector, who) = (Arc::new(Retrying(state.to_owned())), Who::new("ops", "bastion", 1, None));
    let client = Client::open(connector, who, true, Clock::system()).await.unwrap();
    let mut snapshots = client.snapshots();
    let all = |now: &Arc<Snapshot>| now.counts.ongoing() as u64 == journal::ONGOING;
    snapshots.wait_for(all).await.unwrap();
    let first = begun.elapsed();
    let followed = |now: &Arc<Snapshot>| {
        let copied = now.ongoing.iter().filter(|session| session.progress().bytes_done == COPIED);
        copied.count() as u64 == RUNNING
    };
    snapshots.wait_for(followed).await.unwrap();
    let adopted = begun.elapsed();
    keeper.kill().unwrap();
    keeper.wait().unwrap();
    [first, adopted].map(|time| time.as_secs_f64() * 1e3)
}

/// Connects to a keeper that was just started: tries until it listens.
struct Retrying(PathBuf);

impl Connector for Retrying {
    fn connect(&self) -> BoxFuture<'static, Result<UnixStream, ConnectError>> {
        let state = self.0.clone();
        Box::pin(async move {
            loop {
                if let Ok(stream) = connect(&state) {
                    return Ok(stream);
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
    }
}

/// A process that stands still under the command line of a worker.
struct Worker(Child);

impl Worker {
    fn start(state: &Path, number: u64) -> Self {
        let place = AttemptDir::new(state, SessionId(number), AttemptNo(1));
        fs::DirBuilder::new().recursive(true).mode(0o700).create(place.directory()).unwrap();
        let mut command = Command::new("bash");
        command.args(["-c", "kill -STOP $$", "worker"]).arg(place.directory()).process_group(0);
        let child = command.spawn().unwrap();
        let shown = |fact| {
            let line = FactLine { version: CONTRACT_VERSION, at: Timestamp::UNIX_EPOCH, fact };
            serde_json::to_string(&line).unwrap() + "\n"
        };
        let progress = Progress { bytes_done: COPIED, ..Progress::default() };
        let began = shown(Fact::Began(Began::of(mark(child.id()).unwrap(), None)));
        fs::write(place.events(), began + &shown(Fact::Progress(progress))).unwrap();
        Self(child)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn life(number: u64, workers: &BTreeMap<u64, Worker>) -> Vec<Event> {
    let attempt = AttemptNo(1);
    if let Some(worker) = workers.get(&number) {
        let mark = mark(worker.0.id()).unwrap();
        return vec![Event::Launched { attempt }, Event::Began { attempt, mark }];
    }
    match number.saturating_sub(journal::COMPLETED) {
        0 => journal::cancelled(),
        ongoing if ongoing <= RUNNING + QUEUED => Vec::new(),
        ongoing if ongoing <= RUNNING + QUEUED + WAITING => {
            let failure = Failure::disruption("the repository does not answer", "");
            let (reached, next_try) = (Reached::default(), Timestamp::MAX);
            let disrupted = Event::Disrupted { attempt, failure, reached, tries_used: 3, next_try };
            vec![Event::Launched { attempt }, disrupted]
        }
        _ => journal::stuck(),
    }
}
