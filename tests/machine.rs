//! The machine floor: what may happen to a session, searched to its end and held against the rules.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
#![allow(clippy::match_same_arms, reason = "variants are listed in lines, so that a new one is decided by a person")]
#![allow(clippy::print_stdout, reason = "the size of a search is worth a line")]

#[path = "machine/figures.rs"]
mod figures;
#[path = "machine/invariants.rs"]
mod invariants;
#[path = "machine/model.rs"]
mod model;
#[path = "machine/mutant.rs"]
mod mutant;
#[path = "machine/mutants.rs"]
mod mutants;
#[path = "machine/random.rs"]
mod random;
#[path = "machine/records.rs"]
mod records;
#[path = "machine/reference_model.rs"]
mod reference_model;
#[path = "machine/sample.rs"]
mod sample;
#[path = "machine/search.rs"]
mod search;
#[path = "machine/traces.rs"]
mod traces;
#[path = "machine/two_sessions.rs"]
mod two_sessions;

/// What must be met at least once in all that can happen: a search that cannot reach it would prove nothing of it.
const SOMETIMES: &[&str] = &[
    "a retry runs",
    "began",
    "bug",
    "cancel_overdue",
    "cancel_requested",
    "cancelled",
    "dismissed",
    "disposal lost",
    "disposal_launched",
    "disposing",
    "disposing forced",
    "disposing overdue",
    "disrupted",
    "disruption_over",
    "forced",
    "got through",
    "got_stuck",
    "incurable",
    "launched",
    "noted",
    "phase canceling",
    "phase completed",
    "phase queued",
    "phase running",
    "phase stuck",
    "phase waiting",
    "planned",
    "progressed",
    "refusal canceling",
    "refusal completed",
    "refusal disposal_in_time",
    "refusal nothing_to_force",
    "refusal nothing_to_recover",
    "refusal ongoing",
    "refusal queued",
    "refusal running",
    "requeued",
    "rescheduled",
    "step_changed",
    "stopping",
    "stopping forced",
    "stopping overdue",
    "succeeded",
    "the last try runs",
    "tries used up",
];

/// Refusals that only one setting of the policy has.
const SOMETIMES_STRICT: &str = "refusal tries_remain";

#[test]
fn every_reachable_turn_keeps_the_rules() {
    for while_waiting in [true, false] {
        let seen = match search::search(&model::REAL, sample::short_policy(while_waiting)) {
            Ok(seen) => seen,
            Err(broken) => panic!("{}\n  {}", broken.rule, broken.how),
        };
        println!("{} states, {} turns", seen.states, seen.turns);
        let mut wanted: std::collections::BTreeSet<String> = SOMETIMES.iter().map(ToString::to_string).collect();
        wanted.extend((!while_waiting).then(|| SOMETIMES_STRICT.to_owned()));
        assert_eq!(seen.met, wanted);
    }
}

/// Both settings of the policy, as in the search above: some bugs show under one of them only.
fn caught(machine: &model::Machine) -> Option<model::Broken> {
    [true, false].into_iter().find_map(|strict| search::search(machine, sample::short_policy(!strict)).err())
}

#[test]
fn every_seeded_bug_is_caught() {
    let mut wrong = Vec::new();
    for mutant in mutants::MUTANTS {
        match caught(&mutant.machine) {
            Some(broken) if broken.rule.starts_with(mutant.caught_by) => {}
            Some(broken) => {
                wrong.push(format!("{}: caught by {:?}, not {:?}", mutant.bug, broken.rule, mutant.caught_by));
            }
            None => wrong.push(format!("{}: not caught", mutant.bug)),
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn r14_r16_r21_two_sessions_with_one_slot_never_touch_each_other() {
    match two_sessions::search(sample::short_policy(true)) {
        Ok(states) => println!("{states} states of two sessions"),
        Err(broken) => panic!("{}\n  {}", broken.rule, broken.how),
    }
}
