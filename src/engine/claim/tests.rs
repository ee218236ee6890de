//! Claims of several sessions, kept in several state directories.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::*;
use crate::domain::{Hold, InstanceName, Port, SessionId, Timestamp};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};
use uuid::Uuid;

/// Two state directories and a place to restore to.
struct Machine {
    root: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        for name in ["one", "two", "srv"] {
            fs::create_dir(root.path().join(name)).unwrap();
        }
        Self { root }
    }

    fn path(&self, below: &str) -> PathBuf {
        self.root.path().join(below)
    }

    fn claimant(&self, state: &str, session: u128) -> Claimant {
        let state = self.path(state);
        let state_id = FileId::of(&state).unwrap();
        let process = std::process::id();
        let holder = Holder { user: "ops".into(), host: "db1".into(), process, state, state_id };
        let since: Timestamp = "2026-11-20T02:00:00Z".parse().unwrap();
        let session = Uuid::from_u128(session);
        Claimant { session, number: SessionId(3), instance: InstanceName::new("orders"), holder, since }
    }

    fn take(&self, state: &str, session: u128, holds: &[Hold]) -> Result<TakenClaims, ClaimError> {
        self.take_judging(state, session, holds, &|_| false)
    }

    fn take_judging(
        &self,
        state: &str,
        session: u128,
        holds: &[Hold],
        is_stale: &dyn Fn(&Claim) -> bool,
    ) -> Result<TakenClaims, ClaimError> {
        let ports = self.path("ports");
        take(holds, &self.claimant(state, session), &ClaimScope { owner: None, is_stale, ports: Some(&ports) })
    }

    fn release(&self, state: &str, session: u128, holds: &[Hold]) {
        release(holds, Uuid::from_u128(session), &self.path(state), Some(&self.path("ports"))).unwrap();
    }

    fn directory(&self, below: &str) -> Hold {
        Hold::Directory(self.path(below))
    }

    /// Every name below the place to restore to.
    fn names(&self) -> Vec<String> {
        let entries = walkdir::WalkDir::new(self.path("srv")).min_depth(1).sort_by_file_name();
        let below = |path: &Path| path.strip_prefix(self.path("srv")).unwrap().display().to_string();
        entries.into_iter().map(|entry| below(entry.unwrap().path())).collect()
    }
}

fn port(number: u16) -> Hold {
    Hold::Port(Port::new(number).unwrap())
}

#[test]
fn s09_a_place_is_held_from_the_order_to_the_end_and_the_refusal_says_by_whom() {
    let machine = Machine::new();
    let holds = [machine.directory("srv/orders"), machine.directory("srv/orders.tablespaces"), port(5433)];
    machine.take("one", 1, &holds).unwrap();
    assert_eq!(machine.names(), [".orders.howdah", ".orders.tablespaces.howdah"]);
    for wanted in &holds {
        let refused = machine.take("two", 2, std::slice::from_ref(wanted)).unwrap_err();
        let said = refused.to_string();
        let state = machine.path("one").display().to_string();
        for part in [&wanted.to_string(), "session 3 (orders) of ops@db1", &state, &std::process::id().to_string()] {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert!(refused.advice().contains("cancel that session"), "{}", refused.advice());
    }
    machine.take("one", 1, &holds).unwrap();
    machine.release("two", 1, &holds);
    machine.release("one", 2, &holds);
    assert_eq!(machine.names().len(), 2, "a copied state directory, and another session, give back nothing");
    machine.release("one", 1, &holds);
    assert_eq!(machine.names(), Vec::<String>::new());
    machine.take("two", 2, &holds).unwrap();
}

#[test]
fn s09_a_claim_is_readable_by_everyone_and_whole_from_the_first_moment() {
    let machine = Machine::new();
    let holds = [machine.directory("srv/orders"), port(5434)];
    machine.take("one", 1, &holds).unwrap();
    let file = machine.path("srv/.orders.howdah");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o644);
    assert_eq!(machine.path("ports").metadata().unwrap().permissions().mode() & 0o7777, 0o1777);
    let claim: Claim = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    assert!(claim.is_of(Uuid::from_u128(1), &machine.path("one")));
    fs::rename(machine.path("one"), machine.path("moved")).unwrap();
    assert!(claim.is_of(Uuid::from_u128(1), &machine.path("moved")), "the state directory was renamed");
    fs::create_dir(machine.path("one")).unwrap();
    assert!(claim.is_of(Uuid::from_u128(1), &machine.path("one")), "and put back from a copy");
    assert!(!claim.is_of(Uuid::from_u128(1), &machine.path("two")));
}

#[test]
fn s09_directories_in_each_other_are_not_claimed_by_two() {
    let machine = Machine::new();
    let (upper, lower) = ([machine.directory("srv/a")], [machine.directory("srv/a/b/c")]);
    machine.take("one", 1, &upper).unwrap();
    let refused = machine.take("two", 2, &lower).unwrap_err();
    assert!(matches!(refused, ClaimError::Held { .. }), "{refused}");
    assert_eq!(machine.names(), [".a.howdah"], "what was made for the claim is gone again");
    machine.release("one", 1, &upper);
    machine.take("two", 2, &lower).unwrap();
    assert_eq!(machine.names(), ["a", "a/b", "a/b/.c.howdah"]);
    let refused = machine.take("one", 1, &upper).unwrap_err();
    assert!(matches!(refused, ClaimError::Held { .. }), "{refused}");
    assert_eq!(machine.names(), ["a", "a/b", "a/b/.c.howdah"], "the upper one came second, and went");
    std::os::unix::fs::symlink(machine.path("srv/a"), machine.path("srv/alias")).unwrap();
    let through_link = [machine.directory("srv/alias/b/c/d")];
    assert!(matches!(machine.take("one", 1, &through_link), Err(ClaimError::Held { .. })));
    machine.release("two", 2, &lower);
    assert_eq!(machine.names(), ["alias"], "directories made for a claim go with it");
}

#[test]
fn s09_of_many_who_claim_at_once_at_most_one_has_the_place() {
    let machine = Machine::new();
    let holds = [machine.directory("srv/orders"), port(5435)];
    let won: Vec<bool> = std::thread::scope(|scope| {
        let claimants: Vec<_> = (1..=8_u128)
            .map(|session| {
                let (machine, holds) = (&machine, &holds);
                scope.spawn(move || machine.take(if session % 2 == 0 { "one" } else { "two" }, session, holds).is_ok())
            })
            .collect();
        claimants.into_iter().map(|claimant| claimant.join().unwrap()).collect()
    });
    assert_eq!(won.iter().filter(|won| **won).count(), 1, "{won:?}");
    assert_eq!(machine.names(), [".orders.howdah"]);
}

#[test]
fn all_or_nothing_is_claimed() {
    let machine = Machine::new();
    machine.take("one", 1, &[port(5436)]).unwrap();
    let holds = [machine.directory("srv/new/orders"), port(5436)];
    assert!(machine.take("two", 2, &holds).is_err());
    assert_eq!(machine.names(), Vec::<String>::new());
}

#[test]
fn a_claim_of_the_own_state_directory_goes_when_its_session_is_no_more_and_nobody_works() {
    let machine = Machine::new();
    let holds = [machine.directory("srv/orders")];
    machine.take("one", 1, &holds).unwrap();
    let dead = |claim: &Claim| claim.session == Uuid::from_u128(1);
    assert!(machine.take_judging("two", 2, &holds, &dead).is_err(), "another state directory's is never judged");
    let works = lock(&machine.path("srv/orders"), Uuid::from_u128(1), &machine.path("one")).unwrap().unwrap();
    let refused = machine.take_judging("one", 2, &holds, &dead).unwrap_err().to_string();
    assert!(refused.contains(&format!("process {} works there", std::process::id())), "{refused}");
    drop(works);
    machine.take_judging("one", 2, &holds, &dead).unwrap();
    machine.release("one", 2, &holds);
    assert_eq!(machine.names(), Vec::<String>::new());
}

#[test]
fn what_a_killed_owner_has_half_claimed_is_given_back_too() {
    let machine = Machine::new();
    let (place, other) = ([machine.directory("srv/a"), port(5436)], [machine.directory("srv/b")]);
    machine.take("one", 1, &place).unwrap();
    machine.take("one", 2, &other).unwrap();
    for session in [1, 2] {
        let name = format!(".a.howdah-{}", Uuid::from_u128(session).simple());
        fs::write(machine.path("srv").join(name), "{").unwrap();
    }
    machine.release("one", 1, &place);
    assert_eq!(machine.names(), [format!(".a.howdah-{}", Uuid::from_u128(2).simple()), ".b.howdah".to_owned()]);
}

#[test]
fn one_attempt_at_a_time_works_under_a_claim() {
    let machine = Machine::new();
    let (holds, place, state) = ([machine.directory("srv/orders")], machine.path("srv/orders"), machine.path("one"));
    let ours = Uuid::from_u128(1);
    assert!(lock(&place, ours, &state).unwrap().is_none(), "nothing is claimed");
    machine.take("one", 1, &holds).unwrap();
    let works = lock(&place, ours, &state).unwrap().unwrap();
    assert!(matches!(lock(&place, ours, &state), Err(ClaimError::Held { .. })), "the same session, twice");
    assert!(matches!(lock(&place, ours, &machine.path("two")), Err(ClaimError::Held { .. })));
    drop(works);
    assert!(lock(&place, ours, &state).unwrap().is_some());
}

#[test]
fn a_claim_that_was_copied_with_its_directory_holds_nothing() {
    let machine = Machine::new();
    machine.take("one", 1, &[machine.directory("srv/orders")]).unwrap();
    fs::create_dir(machine.path("srv/copy")).unwrap();
    fs::copy(machine.path("srv/.orders.howdah"), machine.path("srv/copy/.orders.howdah")).unwrap();
    machine.take("two", 2, &[machine.directory("srv/copy/orders")]).unwrap();
    assert!(machine.take("two", 2, &[machine.directory("srv/orders")]).is_err());
}

#[test]
fn what_is_no_claim_is_not_taken_for_one_and_not_removed() {
    let machine = Machine::new();
    let holds = [machine.directory("srv/orders")];
    let file = machine.path("srv/.orders.howdah");
    let newer = r#"{"version":2}"#;
    for text in ["", "{", newer] {
        fs::write(&file, text).unwrap();
        let refused = machine.take("one", 1, &holds).unwrap_err();
        assert!(matches!(&refused, ClaimError::Unreadable { file: named, .. } if *named == file), "{refused}");
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
    }
    fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink(machine.path("two"), &file).unwrap();
    assert!(matches!(machine.take("one", 1, &holds), Err(ClaimError::Unreadable { .. })));
    fs::remove_file(&file).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, &file, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    assert!(matches!(machine.take("one", 1, &holds), Err(ClaimError::Unreadable { .. })), "a pipe is not waited for");
}

#[test]
fn a_port_is_given_up_with_its_state_directory_and_a_directory_is_not() {
    let machine = Machine::new();
    let holds = [machine.directory("srv/orders"), port(5438)];
    let mut claimant = machine.claimant("one", 1);
    claimant.holder.host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let ports = machine.path("ports");
    let scope = ClaimScope { owner: None, is_stale: &|_| false, ports: Some(&ports) };
    take(&holds, &claimant, &scope).unwrap();
    assert!(machine.take("two", 2, &[port(5438)]).is_err());
    fs::remove_dir(machine.path("one")).unwrap();
    assert!(machine.take("two", 2, &[machine.directory("srv/orders")]).is_err(), "data is for a person to give up");
    machine.take("two", 2, &[port(5438)]).unwrap();
    assert!(machine.take("srv", 3, &[port(5438)]).unwrap_err().to_string().contains("/two"));
}

#[test]
fn a_port_is_used_unclaimed_where_its_claims_have_no_safe_place() {
    let machine = Machine::new();
    fs::create_dir(machine.path("ports")).unwrap();
    let taken = machine.take("one", 1, &[port(5437)]).unwrap();
    assert!(taken.unclaimed.unwrap().contains("mode 1777"));
}

#[test]
fn a_directory_that_cannot_have_its_claim_beside_it_has_it_inside() {
    let machine = Machine::new();
    let long = format!("srv/{}", "x".repeat(230));
    fs::create_dir(machine.path(&long)).unwrap();
    let holds = [machine.directory(&long)];
    machine.take("one", 1, &holds).unwrap();
    assert!(machine.path(&long).join(".howdah-claim").is_file());
    assert!(machine.take("two", 2, &holds).is_err());
    let below = machine.directory(&format!("{long}/deeper"));
    assert!(machine.take("two", 2, &[below]).is_err());
    machine.release("one", 1, &holds);
    assert_eq!(machine.names().len(), 1);
}
