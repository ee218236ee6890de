//! Two state directories quarrel over one place, many times: whoever has it has it alone, and nobody's data is harmed
//! (S9, D7, R21).

use super::{
    keep, measured,
    quarrel::Quarrel,
    quarrel_oracle::{self, Score},
    quarrel_plan::{GROUNDS, Plan},
    rng::{self, Rng},
    settle, watch,
};
use crate::needs_postgres;
use std::{
    env, fs,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

const QUARRELS: u64 = 32;
const QUARRELS_LONG: u64 = 1000;

/// Quarrels at once: each waits most of the time.
const AT_ONCE: u64 = 5;

fn quarrels() -> u64 {
    let usual = if env::var_os("HOWDAH_LONG").is_some() { QUARRELS_LONG } else { QUARRELS };
    env::var("HOWDAH_CHAOS_QUARRELS").map_or(usual, |given| given.parse().expect("HOWDAH_CHAOS_QUARRELS is a number"))
}

fn one(number: u64, seed: u64) -> Result<Score, String> {
    let (course, references) = measured();
    // Another seed than those of the round of this number.
    let plan = Plan::drawn(&mut Rng::of_round(!seed, number));
    let mut quarrel = Quarrel::begin(&plan);
    let ended = catch_unwind(AssertUnwindSafe(|| {
        quarrel.run(&plan, course)?;
        quarrel_oracle::judge(&mut quarrel, &plan, watch::watch(), references)
    }));
    let ended = ended.unwrap_or_else(|panic| {
        Err(panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "panicked without a word".to_owned()))
    });
    let ended = ended.map_err(|why| {
        keep(&quarrel.home, number);
        format!("quarrel {number}, {plan:?}\n{why}\n{}", quarrel.story())
    });
    let home = quarrel.home.clone();
    drop(quarrel);
    fs::remove_dir_all(home).unwrap();
    ended
}

#[test]
fn s09_two_state_directories_never_have_one_place_at_once_whoever_is_killed() {
    settle();
    needs_postgres!();
    let ((seed, origin), wanted) = (rng::seed("HOWDAH_CHAOS_SEED"), quarrels());
    eprintln!("chaos: {wanted} quarrels with HOWDAH_CHAOS_SEED={seed} ({origin})");
    let (next, score, failures) = (AtomicU64::new(0), Mutex::<Score>::default(), Mutex::<Vec<String>>::default());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= wanted || !failures.lock().unwrap().is_empty() {
                        return;
                    }
                    match one(number, seed) {
                        Ok(one) => score.lock().unwrap().add(one),
                        Err(failure) => failures.lock().unwrap().push(failure),
                    }
                }
            });
        }
    });
    let (score, failures) = (score.into_inner().unwrap(), failures.into_inner().unwrap());
    eprintln!("chaos: {score}");
    assert!(failures.is_empty(), "HOWDAH_CHAOS_SEED={seed}\n{}", failures.join("\n\n"));
    if wanted < QUARRELS {
        return;
    }
    for ground in GROUNDS {
        assert!(score.refused.contains_key(&ground), "nobody was refused by name: {ground:?}");
    }
    assert!(score.kills > 0 && score.succeeded > 0 && score.cancelled > 0, "{score}");
}
