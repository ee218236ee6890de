//! The machine floor: what may happen to a session, searched to its end and held against the rules.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
#![allow(clippy::match_same_arms, reason = "variants are listed in lines, so that a new one is decided by a person")]
#![allow(clippy::print_stdout, reason = "the size of a search is worth a line")]

use howdah::{
    domain::{RetryPolicy, WhenUsedUp},
    machine::Session,
};

#[path = "machine/figures.rs"]
mod figures;
#[path = "machine/held.rs"]
mod held;
#[path = "machine/invariants.rs"]
mod invariants;
#[path = "machine/kind_invariants.rs"]
mod kind_invariants;
#[path = "machine/kind_mutants.rs"]
mod kind_mutants;
#[path = "machine/model.rs"]
mod model;
#[path = "machine/mutant.rs"]
mod mutant;
#[path = "machine/mutants.rs"]
mod mutants;
#[path = "machine/order_records.rs"]
mod order_records;
#[path = "machine/random.rs"]
mod random;
#[path = "machine/records.rs"]
mod records;
#[path = "machine/reference_model.rs"]
mod reference_model;
#[path = "machine/resume.rs"]
mod resume;
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
    "paused",
    "phase cancelling",
    "phase completed",
    "phase paused",
    "phase queued",
    "phase running",
    "phase stuck",
    "phase waiting",
    "planned",
    "progressed",
    "recovery goes on",
    "refusal cancelling",
    "refusal completed",
    "refusal disposal_in_time",
    "refusal not_active",
    "refusal not_held_open",
    "refusal not_later",
    "refusal not_paused",
    "refusal nothing_to_force",
    "refusal nothing_to_recover",
    "refusal ongoing",
    "refusal paused",
    "refusal queued",
    "refusal running",
    "requeued",
    "rescheduled",
    "resumed",
    "server lost",
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
        let seen = match search::search(&model::REAL, sample::session(1, sample::short_policy(while_waiting))) {
            Ok(seen) => seen,
            Err(broken) => panic!("{}\n  {}", broken.rule, broken.how),
        };
        println!("{} states, {} turns", seen.states, seen.turns);
        let mut wanted: std::collections::BTreeSet<String> = SOMETIMES.iter().map(ToString::to_string).collect();
        wanted.extend((!while_waiting).then(|| SOMETIMES_STRICT.to_owned()));
        assert_eq!(seen.met, wanted);
    }
}

/// A session of each other kind of work, and what must be met in its search.
fn others() -> impl Iterator<Item = (&'static str, Session, &'static [&'static str])> {
    let ask = sample::short_policy(true);
    let fail = RetryPolicy { when_used_up: WhenUsedUp::Fail, ..ask };
    let verify = (sample::verify_order(), ask, &["damaged", "succeeded", "cancelled", "phase stuck"] as &[_]);
    let explore = (sample::explore_order(), ask, &["stop_requested", "stopped", "cancelled", "paused"] as &[_]);
    let backup = (
        sample::backup_order(),
        fail,
        &["gave_up", "failed", "cancelled", "succeeded", "disrupted", "finish_requested"] as &[_],
    );
    // Of a restore the same wish is no reason to end as failed (R6).
    let restore = (sample::request(1).into(), fail, &["phase stuck", "tries used up"] as &[_]);
    [("verify", verify), ("explore", explore), ("backup", backup), ("restore", restore)]
        .into_iter()
        .map(|(name, (order, policy, met))| (name, sample::session_of(order, policy), met))
}

#[test]
fn every_reachable_turn_of_each_kind_of_work_keeps_the_rules() {
    for (kind, session, wanted) in others() {
        let seen = match search::search(&model::REAL, session) {
            Ok(seen) => seen,
            Err(broken) => panic!("{kind}: {}\n  {}", broken.rule, broken.how),
        };
        println!("{kind}: {} states, {} turns", seen.states, seen.turns);
        for wanted in wanted {
            assert!(seen.met.contains(*wanted), "{kind}: {wanted} was never met");
        }
    }
}

/// Both settings of the policy, as in the search above: some bugs show under one of them only.
fn caught(machine: &model::Machine) -> Option<model::Broken> {
    let restore = |strict: bool| sample::session(1, sample::short_policy(!strict));
    [true, false].into_iter().find_map(|strict| search::search(machine, restore(strict)).err())
}

#[test]
fn every_seeded_bug_is_caught() {
    let mut wrong = Vec::new();
    let of_restores = mutants::MUTANTS.iter().map(|mutant| (mutant, caught(&mutant.machine)));
    let of_kinds = kind_mutants::MUTANTS.iter().map(|(kind, mutant)| {
        let (_, session, _) = others().find(|(name, ..)| name == kind).unwrap();
        (mutant, search::search(&mutant.machine, session).err())
    });
    for (mutant, caught) in of_restores.chain(of_kinds) {
        match caught {
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
