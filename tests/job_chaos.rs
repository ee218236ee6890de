//! Chaos of jobs: owner, worker, `pg_basebackup` and server are killed at any moment of real runs, some of which are
//! stopped besides, and each run comes to its end all the same, says what is on the disk, and leaves nothing else.
//!
//! As many rounds as fit into twenty seconds, or a thousand with `HOWDAH_LONG=1`; `HOWDAH_JOB_CHAOS_ROUNDS` gives another
//! number. All that is left to chance follows from a seed, which is printed at the beginning; when exactly the kernel lets
//! whom run does not. The seed is always the same; the long form draws one, and `HOWDAH_JOB_CHAOS_SEED` gives any.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
#![allow(clippy::print_stderr, reason = "what a run came to is worth telling")]

#[path = "job_chaos/lane.rs"]
mod lane;
#[path = "job_chaos/observed.rs"]
mod observed;
#[path = "job_chaos/oracle.rs"]
mod oracle;
#[path = "job_chaos/plan.rs"]
mod plan;
#[path = "chaos/processes.rs"]
mod processes;
#[path = "support/rng.rs"]
mod rng;
#[path = "job_chaos/round.rs"]
mod round;
#[path = "job_chaos/server.rs"]
mod server;
#[path = "job_chaos/stats.rs"]
mod stats;
mod support;
#[allow(dead_code, reason = "the chaos of restores tells how often it looked")]
#[path = "chaos/watch.rs"]
mod watch;

use lane::Lane;
use plan::{Plan, Victim};
use rng::Rng;
use round::Round;
use stats::Stats;
use std::{
    env,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};
use support::place;

/// How long rounds are begun in a usual run.
const USUAL: Duration = Duration::from_secs(20);

const ROUNDS_LONG: u64 = 1000;

/// Rounds at once: each waits much of the time, for a server, a clock or the disk.
const AT_ONCE: usize = 4;

/// After this many failed rounds nothing new is to be learned.
const MAX_FAILURES: usize = 3;

/// All that the rounds have in common.
struct Run {
    seed: u64,
    /// How many rounds; as many as fit where nobody says.
    wanted: Option<u64>,
    begun: Instant,
    next: AtomicU64,
    stats: Mutex<Stats>,
    failures: Mutex<Vec<String>>,
}

impl Run {
    fn more(&self) -> Option<u64> {
        let hopeless = self.failures.lock().unwrap().len() >= MAX_FAILURES;
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let is_wanted = self.wanted.map_or_else(|| self.begun.elapsed() < USUAL, |wanted| number < wanted);
        (is_wanted && !hopeless).then_some(number)
    }

    fn round(&self, number: u64, lane: &Lane) {
        let plan = Plan::drawn(&mut Rng::of_round(self.seed, number));
        let mut round = Round::begin(&plan, lane);
        let ended = catch_unwind(AssertUnwindSafe(|| {
            let run = round.play(&plan, lane)?;
            if let howdah::machine::job::JobPhase::Done { result, .. } = run.phase() {
                round.stats.ended(*result);
            }
            round.judge(&plan, lane, &run)
        }));
        let ended = ended.unwrap_or_else(|panic| {
            Err(panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "panicked without a word".to_owned()))
        });
        match ended {
            Ok(()) => self.stats.lock().unwrap().add(std::mem::take(&mut round.stats)),
            Err(why) => {
                let failure = format!("round {number}, {plan:?}\n{why}\n{}", round.story());
                eprintln!("{failure}");
                self.failures.lock().unwrap().push(failure);
            }
        }
        round.end();
        lane.clear();
    }
}

/// In memory, where there is such a place: nothing here is about the disk, and a tiny cluster fits.
fn settle() {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        place::prefer(memory);
    }
}

#[test]
fn a_run_of_a_job_comes_to_its_end_whoever_is_killed() {
    settle();
    needs_postgres!();
    let (seed, origin) = rng::seed("HOWDAH_JOB_CHAOS_SEED");
    let given = env::var("HOWDAH_JOB_CHAOS_ROUNDS").ok().map(|given| given.parse().expect("a number of rounds"));
    let wanted = given.or(env::var_os("HOWDAH_LONG").map(|_| ROUNDS_LONG));
    let how_many = wanted.map_or_else(|| format!("rounds for {USUAL:?}"), |wanted| format!("{wanted} rounds"));
    eprintln!("job chaos: {how_many} with HOWDAH_JOB_CHAOS_SEED={seed} ({origin})");
    let lanes: Vec<Lane> = thread::scope(|scope| {
        let made: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(Lane::make)).collect();
        made.into_iter().map(|lane| lane.join().unwrap()).collect()
    });
    eprintln!("job chaos: undisturbed, a run takes {:?}", lanes[0].course);
    let (begun, next) = (Instant::now(), AtomicU64::new(0));
    let run = Run { seed, wanted, begun, next, stats: Mutex::default(), failures: Mutex::default() };
    thread::scope(|scope| {
        for lane in &lanes {
            scope.spawn(|| {
                while let Some(number) = run.more() {
                    run.round(number, lane);
                }
            });
        }
    });
    let stats = run.stats.into_inner().unwrap();
    eprintln!("job chaos: {stats}");
    let failures = run.failures.into_inner().unwrap();
    assert!(failures.is_empty(), "HOWDAH_JOB_CHAOS_SEED={seed}\n{}", failures.join("\n\n"));
    assert!(stats.rounds > 0);
    if wanted.is_some_and(|wanted| wanted >= ROUNDS_LONG) {
        for victim in [Victim::Owner, Victim::Worker, Victim::Program, Victim::Server] {
            assert!(stats.of(victim) > 0, "{victim:?} was never killed");
        }
    }
}
