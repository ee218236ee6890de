//! The machine of jobs: what may happen to a run, searched to its end and held against the rules, alone and together with
//! its sessions.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
#![allow(clippy::match_same_arms, reason = "variants are listed in lines, so that a new one is decided by a person")]
#![allow(clippy::print_stdout, reason = "the size of a search is worth a line")]

#[path = "job/conflicts.rs"]
mod conflicts;
#[path = "job/invariants.rs"]
mod invariants;
#[path = "job/model.rs"]
mod model;
#[path = "job/mutants.rs"]
mod mutants;
#[path = "job/records.rs"]
mod records;
#[allow(dead_code, reason = "each floor uses its part of the samples")]
#[path = "machine/sample.rs"]
mod sample;
#[path = "job/search.rs"]
mod search;
#[path = "job/sentences.rs"]
mod sentences;
#[path = "job/with_sessions.rs"]
mod with_sessions;

use howdah::domain::JobKind;
use std::collections::BTreeSet;

/// Every size of a job that is searched: its objects, and how many of them at once.
const SIZES: [(usize, u16); 7] = [(1, 1), (2, 1), (3, 1), (4, 1), (2, 2), (3, 2), (4, 2)];

/// What must be met at least once in all that can happen.
const SOMETIMES: &[&str] = &[
    "a cancel of a session by hand",
    "a graceful stop became an immediate one",
    "a graceful stop before the first object began",
    "a graceful stop with every object made",
    "a stop between two objects",
    "an immediate stop of nothing",
    "an object could not be begun",
    "an object made in spite of an immediate stop",
    "dismissed",
    "failed",
    "failed after a graceful stop",
    "failed by an immediate stop",
    "refusal job_ended",
    "refusal job_ongoing",
    "refusal job_stopping",
    "refusal object_not_startable",
    "stopped",
    "success",
    "two objects in process",
    "warning",
];

#[test]
fn every_reachable_turn_of_a_run_keeps_the_rules() {
    let mut met = BTreeSet::new();
    for (objects, at_once) in SIZES {
        match search::search(&model::REAL, model::run(JobKind::Instance, objects, at_once)) {
            Ok(seen) => {
                println!("{objects} objects, {at_once} at once: {} states, {} turns", seen.states, seen.turns);
                met.extend(seen.met);
            }
            Err(broken) => panic!("{objects} objects, {at_once} at once: {}\n  {}", broken.rule, broken.how),
        }
    }
    assert_eq!(met, SOMETIMES.iter().map(ToString::to_string).collect());
}

#[test]
fn r40_what_cannot_be_stopped_gracefully_keeps_the_other_rules() {
    for kind in [JobKind::FileCopy, JobKind::BackupCopy] {
        let seen = search::search(&model::REAL, model::run(kind, 3, 2)).unwrap();
        assert!(seen.met.contains("refusal stop_forbidden"), "{kind}: {:?}", seen.met);
        assert!(!seen.met.contains("stopped"), "{kind}");
    }
}

#[test]
fn every_seeded_bug_of_a_run_is_caught() {
    let mut wrong = Vec::new();
    for mutant in mutants::MUTANTS {
        match search::search(&mutant.machine, model::run(mutant.kind, 3, 2)) {
            Err(broken) if broken.rule.starts_with(mutant.caught_by) => {}
            Err(broken) => {
                wrong.push(format!("{}: caught by {:?}, not {:?}", mutant.bug, broken.rule, mutant.caught_by));
            }
            Ok(_) => wrong.push(format!("{}: not caught", mutant.bug)),
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn a_run_and_its_sessions_keep_the_rules_together() {
    let mut met = BTreeSet::new();
    // Four objects of which two are in process at once have 80,000 states together with their sessions: half a minute.
    for (objects, at_once) in SIZES.into_iter().filter(|size| *size != (4, 2)) {
        match with_sessions::search(objects, at_once, with_sessions::REAL) {
            Ok(seen) => {
                println!("{objects} objects, {at_once} at once, with sessions: {} states", seen.states);
                met.extend(seen.met);
            }
            Err(broken) => panic!("{objects} objects, {at_once} at once: {}\n  {}", broken.rule, broken.how),
        }
    }
    for wanted in ["failed", "stopped", "success", "warning", "the last attempt came at once", "a crash in a stop"] {
        assert!(met.contains(wanted), "{wanted} was never met");
    }
}

#[test]
fn every_seeded_bug_between_a_run_and_its_sessions_is_caught() {
    let mut wrong = Vec::new();
    for (bug, caught_by, between) in with_sessions::MUTANTS {
        match with_sessions::search(2, 1, *between) {
            Err(broken) if broken.rule.starts_with(caught_by) => {}
            Err(broken) => wrong.push(format!("{bug}: caught by {:?}, not {caught_by:?}", broken.rule)),
            Ok(_) => wrong.push(format!("{bug}: not caught")),
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}
