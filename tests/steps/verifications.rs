//! Verifications of the simulated world.

use super::stage::*;
use howdah::{
    domain::{BackupFacts, Damage, Disposed, Failure, Order, Step, SystemIdentifier, Verification, VerifyOrder},
    machine::{Event, Session, StuckReason},
};
use std::sync::Arc;

fn verification(id: u64, name: &str) -> Story {
    let mut point = point(name, "2026-11-20T0200", 61 * GIB);
    point.facts = BackupFacts { system_identifier: Some(SystemIdentifier(7)), ..point.facts };
    Story::of(Order::Verify(VerifyOrder { point, max_rate: None }), id, mins(4))
}

pub(crate) fn verifying(id: u64, name: &str, draw: u64) -> Arc<Session> {
    let begun = || verification(id, name).launched();
    match draw % 4 {
        0 => verification(id, name),
        1 => begun().doing(Step::Read, ""),
        2 => begun().stuck(Failure::incurable("it cannot be read\u{1b}[2J", "let it"), StuckReason::Incurable),
        _ => begun().doing(Step::Read, "").cancel(),
    }
    .arc()
}

pub(crate) fn damaged(id: u64, name: &str) -> Session {
    let mut found = Verification { files: 4_213, ..Verification::default() };
    found.add(Damage::Altered { file: "base/16384/16397\u{1b}[2J".to_owned() });
    let story = verification(id, name).launched().doing(Step::Read, "");
    let attempt = story.attempt();
    story.then(Event::Damaged { attempt, verification: found }).shown()
}

pub(crate) fn called_off(id: u64, name: &str) -> Session {
    verification(id, name).launched().cancel().then(Event::Cancelled { disposed: Disposed::Removed }).shown()
}
