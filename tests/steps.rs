//! Random steps: keys, mouse, pastes, sizes, sessions that come and go, answers early, late and void, clocks that are set.
//!
//! Twenty thousand steps, or a million with `HOWDAH_LONG=1`, in rounds of a screen that are as long as a shift is busy. All
//! that is left to chance follows from a seed, which is printed; the usual run has one of its own, so that a change is
//! judged by the steps that judged the one before; the long form draws one, and `HOWDAH_STEPS_SEED` gives any.
//! `HOWDAH_STEPS` gives another number of steps. What breaks a rule is broken_rule as the shortest list of steps that was found
//! to do so.

#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks at one thing and leaves the rest")]
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
#![allow(clippy::print_stderr, reason = "the seed must be known, whatever becomes of the run")]

#[path = "steps/explore.rs"]
mod explore;
#[path = "steps/goal.rs"]
mod goal;
#[path = "support/rng.rs"]
mod rng;
#[path = "steps/rules.rs"]
mod rules;
#[path = "steps/runs.rs"]
mod runs;
#[path = "steps/shorten.rs"]
mod shorten;
#[path = "steps/simulation.rs"]
mod simulation;
#[path = "screens/stage.rs"]
mod stage;
#[path = "steps/step.rs"]
mod step;
#[path = "steps/verifications.rs"]
mod verifications;
#[path = "steps/world.rs"]
mod world;

use rng::Rng;
use shorten::{broken_rule, shortest};
use std::{
    env,
    sync::atomic::{AtomicU64, Ordering},
    thread,
};
use step::Step;

const STEPS: u64 = 20_000;
const STEPS_LONG: u64 = 1_000_000;

/// Long enough to lose the way, short enough that what happens early in a round is tried often.
const ROUND: u64 = 150;

fn steps() -> u64 {
    let usual = if env::var_os("HOWDAH_LONG").is_some() { STEPS_LONG } else { STEPS };
    env::var("HOWDAH_STEPS").map_or(usual, |given| given.parse().expect("HOWDAH_STEPS is a number"))
}

#[test]
fn no_step_breaks_the_screen() {
    let ((seed, origin), rounds) = (rng::seed("HOWDAH_STEPS_SEED"), steps().div_ceil(ROUND));
    eprintln!("steps: {} in {rounds} rounds with HOWDAH_STEPS_SEED={seed} ({origin})", rounds * ROUND);
    let next = AtomicU64::new(0);
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let found = thread::scope(|scope| {
        let work = || {
            loop {
                let round = next.fetch_add(1, Ordering::SeqCst);
                if round >= rounds {
                    return None;
                }
                let mut rng = Rng::of_round(seed, round);
                let steps: Vec<Step> = (0..ROUND).map(|_| Step::drawn(&mut rng)).collect();
                if let Err(broken) = broken_rule(round, &steps) {
                    next.store(rounds, Ordering::SeqCst);
                    return Some((round, broken, steps));
                }
            }
        };
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        workers.into_iter().filter_map(|worker| worker.join().unwrap()).min_by_key(|(round, ..)| *round)
    });
    if let Some((round, broken, steps)) = found {
        panic!("HOWDAH_STEPS_SEED={seed}, round {round}: {}", shortest(round, &steps, broken));
    }
}
