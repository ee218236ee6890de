//! Chaos: owner, worker, engine and client are killed at any moment of real restores, and each restore comes to its end
//! all the same, once, with nobody and nothing left over.
//!
//! Five hundred rounds, or five thousand with `HOWDAH_LONG=1`. All that is left to chance follows from a seed, which is
//! printed at the beginning; when exactly the kernel lets whom run does not. The seed is always the same, so that a change
//! is judged by the rounds that judged the one before; the long form draws one, and `HOWDAH_CHAOS_SEED` gives any.
//! `HOWDAH_CHAOS_ROUNDS` gives another number of rounds, `HOWDAH_CHAOS_KEEP` a directory for what failed rounds leave.
//!
//! Besides, two state directories quarrel over one place, 32 times or a thousand (`HOWDAH_CHAOS_QUARRELS`).

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks for one variant among those there are")]
#![allow(clippy::print_stderr, reason = "what a run came to is worth telling")]

#[path = "chaos/cluster.rs"]
mod cluster;
#[path = "chaos/observer.rs"]
mod observer;
#[path = "chaos/oracle.rs"]
mod oracle;
#[path = "chaos/plan.rs"]
mod plan;
#[path = "chaos/processes.rs"]
mod processes;
#[path = "chaos/quarrel.rs"]
mod quarrel;
#[path = "chaos/quarrel_oracle.rs"]
mod quarrel_oracle;
#[path = "chaos/quarrel_plan.rs"]
mod quarrel_plan;
#[path = "chaos/quarrels.rs"]
mod quarrels;
#[path = "support/rng.rs"]
mod rng;
#[path = "chaos/round.rs"]
mod round;
#[path = "chaos/stats.rs"]
mod stats;
mod support;
#[path = "chaos/verify.rs"]
mod verify;
#[path = "chaos/watch.rs"]
mod watch;

use cluster::FORMS;
use howdah::domain::{Step, StepState, fact::Fact};
use plan::{Course, Moment, Plan, Victim, Volley};
use rng::Rng;
use round::Round;
use stats::Stats;
use std::{
    collections::BTreeMap,
    env, fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    process::Command,
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};
use support::{place, port::free_port};
use verify::Difference;
use watch::Watch;

const ROUNDS: u64 = 500;
const ROUNDS_LONG: u64 = 5000;

/// Rounds at once: each waits most of the time, for a server or for the disk.
const AT_ONCE: usize = 5;

/// Every how many rounds the restored cluster is started by hand, too; the probe has done so in each.
const STARTED_EVERY: u64 = 10;

/// After this many failed rounds nothing new is to be learned.
const MAX_FAILURES: usize = 3;

fn rounds() -> u64 {
    let usual = if env::var_os("HOWDAH_LONG").is_some() { ROUNDS_LONG } else { ROUNDS };
    env::var("HOWDAH_CHAOS_ROUNDS").map_or(usual, |given| given.parse().expect("HOWDAH_CHAOS_ROUNDS is a number"))
}

/// All that the rounds have in common.
struct Run {
    seed: u64,
    wanted: u64,
    course: &'static Course,
    references: &'static BTreeMap<&'static str, Difference>,
    watch: &'static Watch,
    next: AtomicU64,
    stats: Mutex<Stats>,
    failures: Mutex<Vec<String>>,
}

impl Run {
    fn more(&self) -> Option<u64> {
        let enough = self.stats.lock().unwrap().rounds >= self.wanted;
        let hopeless = self.failures.lock().unwrap().len() >= MAX_FAILURES;
        (!enough && !hopeless).then(|| self.next.fetch_add(1, Ordering::Relaxed))
    }

    fn round(&self, number: u64, port: u16) {
        let plan = Plan::drawn(&mut Rng::of_round(self.seed, number));
        let mut round = Round::begin(&plan, port);
        let ended = catch_unwind(AssertUnwindSafe(|| self.play(&mut round, &plan, number)));
        let ended = ended.unwrap_or_else(|panic| {
            Err(panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "panicked without a word".to_owned()))
        });
        match ended {
            Ok(stats) => self.stats.lock().unwrap().add(stats),
            Err(why) => {
                let failure = format!("round {number}, {plan:?}\n{why}\n{}", round.story());
                eprintln!("{failure}");
                keep(&round.home, number);
                self.failures.lock().unwrap().push(failure);
            }
        }
        let home = round.home.clone();
        drop(round);
        fs::remove_dir_all(home).unwrap();
    }

    fn play(&self, round: &mut Round<'_>, plan: &Plan, number: u64) -> Result<Stats, String> {
        let session = round.run(self.course)?;
        let mut stats = std::mem::take(&mut round.stats);
        let Some(session) = session else {
            stats.unborn = 1;
            return Ok(stats);
        };
        oracle::judge(round, plan, &session, self.watch, &self.references[plan.form])?;
        if number.is_multiple_of(STARTED_EVERY) {
            oracle::start_it(round, plan)?;
            stats.started = 1;
        }
        stats.attempts = u64::from(round.observer.newest());
        if stats.kills() == 0 {
            stats.spared = 1;
        } else {
            stats.rounds = 1;
        }
        Ok(stats)
    }
}

/// Keeps what a failed round has left, if somebody wants it.
fn keep(home: &Path, number: u64) {
    if let Some(place) = env::var_os("HOWDAH_CHAOS_KEEP") {
        let _nobody_reads_it =
            Command::new("cp").arg("-a").arg(home).arg(Path::new(&place).join(number.to_string())).status();
    }
}

/// One restore that nobody disturbs: how long it takes, and how its result differs from the backup.
fn undisturbed(form: &'static str) -> (Course, Difference) {
    let plan = Plan::undisturbed(form);
    let mut round = Round::begin(&plan, free_port());
    let begun = std::time::Instant::now();
    let session = round.run(&Course::default()).unwrap_or_else(|why| panic!("{why}\n{}", round.story()));
    let total = begun.elapsed();
    assert_eq!(session.expect("an order that is taken").attempts().len(), 1, "nobody was killed");
    let took = |fact: &Fact| match fact {
        Fact::Step { step, state: StepState::Done { took, .. } } => Some((*step, *took)),
        _ => None,
    };
    let steps = round.observer.facts(1).iter().filter_map(took).collect();
    let difference = Difference::between(&round.target, cluster::cluster().manifest(form));
    oracle::start_it(&round, &plan).unwrap();
    let home = round.home.clone();
    drop(round);
    fs::remove_dir_all(home).unwrap();
    (Course { total, steps }, difference)
}

/// What restores come to when nobody is killed, for each test: how long they take, and how each form differs.
fn measured() -> &'static (Course, BTreeMap<&'static str, Difference>) {
    static MEASURED: OnceLock<(Course, BTreeMap<&'static str, Difference>)> = OnceLock::new();
    MEASURED.get_or_init(measure)
}

/// Side by side as the rounds will be.
fn measure() -> (Course, BTreeMap<&'static str, Difference>) {
    let forms: Vec<&'static str> = FORMS.into_iter().cycle().take(AT_ONCE * 2).collect();
    let mut measured = Vec::new();
    for group in forms.chunks(AT_ONCE) {
        thread::scope(|scope| {
            let running: Vec<_> = group.iter().map(|form| scope.spawn(|| (*form, undisturbed(form)))).collect();
            measured.extend(running.into_iter().map(|one| one.join().unwrap()));
        });
    }
    let count = u32::try_from(measured.len()).unwrap();
    let mut course = Course::default();
    let mut references: BTreeMap<&'static str, Difference> = BTreeMap::new();
    for (form, (one, difference)) in measured {
        course.total += one.total / count;
        for (step, took) in one.steps {
            *course.steps.entry(step).or_default() += took / count;
        }
        let known = references.remove(form).unwrap_or_default();
        references.insert(form, known.or(difference));
    }
    (course, references)
}

/// In memory, where there is such a place: nothing here is about the disk, and a tiny cluster fits.
fn settle() {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        place::prefer(memory);
    }
}

#[test]
fn a_restore_comes_to_its_end_whoever_is_killed() {
    settle();
    needs_postgres!();
    let ((seed, origin), wanted) = (rng::seed("HOWDAH_CHAOS_SEED"), rounds());
    eprintln!("chaos: {wanted} rounds with HOWDAH_CHAOS_SEED={seed} ({origin})");
    let (course, references) = measured();
    for (form, reference) in references {
        let files = cluster::cluster().manifest(form).files.len();
        eprintln!("chaos: undisturbed, recovery alters {} of {files} files ({form})", reference.altered());
        assert!(reference.altered() * 10 < files, "too little is left to compare: {reference:?}");
    }
    eprintln!("chaos: undisturbed, it takes {:?}: {:?}", course.total, course.steps);
    let watch = watch::watch();
    let (next, stats, failures) = (AtomicU64::new(0), Mutex::default(), Mutex::default());
    let run = Run { seed, wanted, course, references, watch, next, stats, failures };
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                let port = free_port();
                while let Some(number) = run.more() {
                    run.round(number, port);
                }
            });
        }
    });
    let stats = run.stats.into_inner().unwrap();
    eprintln!("chaos: {stats}\nchaos: {} looks at all processes", run.watch.looks());
    let failures = run.failures.into_inner().unwrap();
    assert!(failures.is_empty(), "HOWDAH_CHAOS_SEED={seed}\n{}", failures.join("\n\n"));
    assert!(stats.rounds >= wanted);
    if wanted < ROUNDS {
        return;
    }
    for step in [Step::Copy, Step::Configure, Step::Start, Step::Finish] {
        assert!(stats.in_step(step) > 0, "nobody was killed in the step {step}");
    }
    assert!(stats.in_step(Step::Replay) + stats.in_step(Step::Probe) > 0, "nobody was killed in replay or probe");
    for victim in [Victim::Owner, Victim::Worker, Victim::Engine, Victim::Backend, Victim::Client] {
        assert!(stats.of(victim) > 0, "{victim:?} was never killed");
    }
}

/// The worker dies while its server replays, and its owner with it: the server lives on without a master.
#[test]
fn d09_a_server_without_a_master_is_gone_before_the_next_attempt_works() {
    settle();
    needs_postgres!();
    let (course, references) = measured();
    let victims = vec![Victim::Worker, Victim::Owner];
    let moment = Moment::Step(Step::Replay, 0.0);
    let volleys = vec![Volley { moment, victims }];
    let plan = Plan { followed: false, serves: true, volleys, ..Plan::undisturbed("plain") };
    // Replay takes milliseconds here: it may be over before it is hit.
    let hit = (0..50).any(|_| {
        let mut round = Round::begin(&plan, free_port());
        let session = round.run(course).unwrap_or_else(|why| panic!("{why}\n{}", round.story()));
        let session = session.expect("an order that is taken");
        let judged = oracle::judge(&round, &plan, &session, watch::watch(), &references["plain"]);
        judged.unwrap_or_else(|why| panic!("{why}\n{}", round.story()));
        let noted = "a server that an earlier attempt had left running was stopped";
        round.stats.in_step(Step::Replay) > 0 && session.notes().iter().any(|note| note == noted)
    });
    assert!(hit, "the worker was never hit while its server ran");
}
