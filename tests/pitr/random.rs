//! Goals drawn at random: times, positions, transactions and names, with and without themselves, on two timelines.

use super::bed::{Bed, Restoring, Wanted, bed};
use crate::{
    needs_postgres,
    rng::{Rng, seed},
    support::cluster::free_port,
};
use std::time::{Duration, Instant};

/// As many rounds as fit: the rest of the suite wants its time, too.
const BUDGET: Duration = Duration::from_secs(25);

/// Rounds of the long form.
const LONG: u64 = 200;

#[test]
fn what_is_there_afterwards_is_what_the_log_of_commits_says() {
    needs_postgres!();
    let bed = bed();
    let (seed, origin) = seed("HOWDAH_PITR_SEED");
    let (begun, is_long) = (Instant::now(), std::env::var_os("HOWDAH_LONG").is_some());
    let mut round = 0;
    while if is_long { round < LONG } else { begun.elapsed() < BUDGET } {
        let mut rng = Rng::of_round(seed, round);
        println!("seed {seed} ({origin}), round {round}");
        one(bed, &mut rng);
        round += 1;
    }
    println!("{round} goals were reached with the seed {seed}");
    assert!(round >= 3, "only {round} rounds fitted");
}

/// One restore to one goal.
fn one(bed: &Bed, rng: &mut Rng) {
    let (wanted, timeline) = draw(bed, rng);
    let action = rng.one_of(&["promote", "pause", "shutdown"]);
    println!("  {:?} --timeline {timeline} --at-target {action}", wanted.words);
    let restoring = Restoring::of(&bed.repository());
    let ran = restoring.run(&wanted, &["--timeline", timeline, "--at-target", action]);
    match action {
        "promote" => {
            ran.expect_code(0);
            restoring.expect_numbers(&wanted.numbers);
            assert!(!restoring.is_recovering());
        }
        "pause" => {
            ran.expect_code(6);
            restoring.expect_numbers(&wanted.numbers);
            assert!(restoring.is_recovering());
            restoring.session(&["promote", "1"]).expect_code(0);
            restoring.until_phase("succeeded");
            restoring.expect_numbers(&wanted.numbers);
            assert!(!restoring.is_recovering());
        }
        _ => {
            ran.expect_code(0);
            assert!(!restoring.server.is_running());
            restoring.server.start(free_port());
            restoring.expect_numbers(&wanted.numbers);
            assert!(restoring.is_recovering(), "whoever starts it comes to the same place, and it waits there");
        }
    }
    restoring.server.stop();
}

fn draw(bed: &Bed, rng: &mut Rng) -> (Wanted, &'static str) {
    let timeline = rng.one_of(&["1", "2", "latest", "current"]);
    let course = &bed.courses[if ["2", "latest"].contains(&timeline) { &2 } else { &1 }];
    let ends = course.behind(bed.stop);
    // Behind the last one nothing shows that a moment was passed; that it works all the same has a test of its own.
    let index = |rng: &mut Rng, most: usize| usize::try_from(rng.below(most as u64)).unwrap();
    let one = ends[index(rng, ends.len() - 1)];
    let inclusive = rng.below(2) == 0;
    let wanted = match rng.below(12) {
        0..=3 => {
            let between = rng.one_of(&[Duration::ZERO, Duration::from_micros(1), Duration::from_millis(7)]);
            let at = one.at.checked_add(between).unwrap();
            let last = ends[ends.len() - 1].at;
            course.at_time(at.min(last.checked_sub(Duration::from_micros(1)).unwrap()), inclusive)
        }
        4..=5 => course.at_lsn(one.lsn, inclusive),
        6..=7 => course.at_xid(&one, inclusive),
        8..=9 => {
            let named: Vec<_> = course.named.iter().filter(|(_, at)| *at > bed.stop).collect();
            course.at_name(named[index(rng, named.len())])
        }
        10 => course.latest(),
        _ => course.immediate(bed.stop),
    };
    (wanted, timeline)
}
