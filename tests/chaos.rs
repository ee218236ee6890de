//! Chaos: real restores of a real cluster, in which owner, worker or server are killed at random moments.
//!
//! After each round: the session is there and has succeeded, no attempt worked beside another one of its session, no
//! process is left over, every row is back and the server that was restored answers. 500 rounds, 5,000 with
//! `HOWDAH_LONG`, or as many as `HOWDAH_CHAOS_ROUNDS` says. The seed is printed; `HOWDAH_CHAOS_SEED` repeats its kills, though not to the microsecond.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
#![allow(clippy::print_stdout, reason = "the test says which kills it made")]

#[path = "chaos/dice.rs"]
mod dice;
#[path = "chaos/lane.rs"]
mod lane;
#[path = "chaos/processes.rs"]
mod processes;
#[path = "chaos/round.rs"]
mod round;
mod support;

use dice::Dice;
use lane::Lane;
use round::Tally;
use std::{
    env,
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{SystemTime, UNIX_EPOCH},
};
use support::{
    backup::{Form, Repository},
    cluster::source,
};

const ROUNDS: u32 = 500;
const LONG_ROUNDS: u32 = 5_000;

/// Rounds side by side. A restore waits for the disk and for its server about half of its time, and there are two
/// processors.
const LANES: u64 = 5;

#[test]
fn whatever_is_killed_the_restore_comes_to_its_end_once() {
    needs_postgres!();
    let usual = if env::var_os("HOWDAH_LONG").is_some() { LONG_ROUNDS } else { ROUNDS };
    let rounds = env::var("HOWDAH_CHAOS_ROUNDS").map_or(usual, |rounds| rounds.parse().unwrap());
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let seed = env::var("HOWDAH_CHAOS_SEED").map_or_else(|_| now(), |seed| seed.parse().unwrap());
    println!("chaos: {rounds} rounds, HOWDAH_CHAOS_SEED={seed}");
    // Made before the first round, so that no lane waits for it.
    let sum = &source().sum;
    let repository =
        Repository::of(Form::PLAIN).with("packed", "b1", &support::backup::own(Form::packed("server-zstd:1")));
    let left = AtomicU32::new(rounds);
    let take = || left.try_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
    let tallies: Vec<Tally> = thread::scope(|scope| {
        let work = |number: u64| {
            let (take, repository) = (&take, &repository.0);
            move || {
                let mut lane = Lane::open(repository, Dice::new(seed.wrapping_add(number)));
                while take() {
                    lane.round(sum);
                }
                lane.tally
            }
        };
        let lanes: Vec<_> = (1..=LANES).map(|number| scope.spawn(work(number))).collect();
        lanes.into_iter().map(|lane| lane.join().unwrap()).collect()
    });
    let tally = tallies.into_iter().fold(Tally::default(), Tally::and);
    println!("{tally}");
    assert_eq!(tally.rounds, rounds);
    tally.has_hit_everything();
}
