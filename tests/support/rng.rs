//! Chance that can be repeated: all of a run follows from one seed.

#![allow(dead_code, reason = "each test binary draws in its own ways")]

use std::{env, time::UNIX_EPOCH};

/// A source of numbers (SplitMix64: Steele, Lea and Flood, 2014).
#[derive(Debug, Clone)]
pub(crate) struct Rng(u64);

/// The seed of a run that nobody chose another for. Any number is as good.
const USUAL: u64 = 20_261_120;

/// The seed of this run, which this variable gives, and where it comes from.
pub(crate) fn seed(variable: &str) -> (u64, &'static str) {
    let drawn = || u64::from(UNIX_EPOCH.elapsed().unwrap().subsec_nanos()) ^ u64::from(std::process::id()) << 32;
    choose(env::var(variable).ok().as_deref(), env::var_os("HOWDAH_LONG").is_some(), drawn)
}

fn choose(given: Option<&str>, long: bool, drawn: impl FnOnce() -> u64) -> (u64, &'static str) {
    match given {
        Some(given) => (given.trim().parse().expect("a seed is a number"), "as given"),
        None if long => (drawn(), "drawn"),
        None => (USUAL, "the usual one"),
    }
}

#[test]
fn the_seed_is_the_usual_one_unless_one_is_given_or_the_run_is_long() {
    let drawn = || 7;
    assert_eq!(choose(None, false, drawn), choose(None, false, || 8));
    assert_eq!(choose(None, true, drawn), (7, "drawn"));
    for long in [false, true] {
        assert_eq!(choose(Some(" 42\n"), long, drawn), (42, "as given"));
    }
}

impl Rng {
    /// The generator of one round.
    pub(crate) fn of_round(seed: u64, round: u64) -> Self {
        let mut rng = Self(seed ^ round.wrapping_mul(0xA076_1D64_78BD_642F));
        rng.number();
        rng
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    /// One of `0..sides`.
    pub(crate) fn below(&mut self, sides: u64) -> u64 {
        self.number() % sides
    }

    /// A part of a whole: from 0 to almost 1.
    pub(crate) fn part(&mut self) -> f64 {
        self.below(1 << 20) as f64 / (1_u64 << 20) as f64
    }

    pub(crate) fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.below(all.len() as u64)).unwrap()]
    }
}
