//! Whether a recovery ended where it had to.
//!
//! Promises: said of what the server shows and logged, before it is opened to anyone; a recovery that stopped anywhere
//! else is called so. Never: trusts that a server which pauses has reached its goal: one whose goal lies before the
//! backup's end pauses, too, behind it.
//!
//! Source: `recoveryStopsBefore` and `recoveryStopsAfter` in `xlogrecovery.c`, whose words are the same from 13 to 18.

use crate::{
    domain::{Failure, Lsn, Recovery, RecoveryGoal, RecoveryPlan, instance::printable, recovery::moment},
    postgres::server::recovery::RecoverySight,
};

const LATER: &str = "choose a later goal, or an older restore point";
const ODD: &str = "see the attempt's log, and howdah wal show for what can be recovered";

/// What is wrong with where recovery waits; `stopping` is why it stopped, as the server logged it.
pub(super) fn verdict(
    wish: &Recovery,
    plan: &RecoveryPlan,
    sight: &RecoverySight,
    stopping: Option<&str>,
) -> Result<Lsn, Failure> {
    let at = sight.replayed.ok_or_else(|| wrong("the server does not say how far it has replayed", ODD))?;
    if at < plan.consistent {
        return Err(wrong(&format!("it waits at {at}, before the backup's end at {}", plan.consistent), ODD));
    }
    if let Some(last) = plan.last_record {
        return if at > last { Ok(at) } else { Err(short_of(at, &format!("the last record, which begins at {last}"))) };
    }
    match &wish.goal {
        RecoveryGoal::Consistent | RecoveryGoal::Latest => {
            return Err(Failure::bug("a recovery without a goal of its own was judged as one that has one"));
        }
        RecoveryGoal::Time(goal) => {
            let is_later = |at| if wish.inclusive { at > *goal } else { at >= *goal };
            if let Some(committed) = sight.committed.filter(|committed| is_later(*committed)) {
                let cause = format!(
                    "the cluster is consistent only at {at}, and holds a commit of {} then, later than {}",
                    moment(committed),
                    moment(*goal)
                );
                return Err(wrong(&cause, LATER));
            }
        }
        RecoveryGoal::Lsn(goal) if wish.inclusive && at < *goal => return Err(short_of(at, &format!("LSN {goal}"))),
        RecoveryGoal::Immediate | RecoveryGoal::Lsn(_) | RecoveryGoal::Xid(_) | RecoveryGoal::Name(_) => {}
    }
    let Some(stopping) = stopping else {
        return Err(wrong(&format!("it waits at {at}, and the server did not log why"), ODD));
    };
    if is_meant(wish, stopping) {
        Ok(at)
    } else {
        let cause = format!("it stopped {}, and not at {}", printable(stopping), wish.goal);
        Err(wrong(&cause, ODD))
    }
}

/// Whether the reason that the server logged is that of this goal.
fn is_meant(wish: &Recovery, stopping: &str) -> bool {
    let side = if wish.inclusive { "after" } else { "before" };
    match &wish.goal {
        RecoveryGoal::Consistent | RecoveryGoal::Latest => false,
        RecoveryGoal::Immediate => stopping == "after reaching consistency",
        // Always before the first one that is too late, whether the goal itself is part of the result or not; an abort has a
        // time as well.
        RecoveryGoal::Time(_) => stopping.starts_with("before commit of ") || stopping.starts_with("before abort of "),
        RecoveryGoal::Lsn(_) => stopping.starts_with(&format!("{side} WAL location (LSN) ")),
        RecoveryGoal::Xid(xid) => {
            ["commit", "abort"].iter().any(|end| stopping.starts_with(&format!("{side} {end} of transaction {xid},")))
        }
        RecoveryGoal::Name(name) => stopping.starts_with(&format!("at restore point \"{name}\", ")),
    }
}

fn short_of(at: Lsn, goal: &str) -> Failure {
    wrong(&format!("it waits at {at}, short of {goal}"), ODD)
}

fn wrong(cause: &str, advice: &str) -> Failure {
    Failure::incurable(format!("recovery did not end where it had to: {cause}"), advice)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use crate::domain::{AtTarget, ByteCount, RecoveryTimeline, Timeline};

    fn plan(last_record: Option<u64>) -> RecoveryPlan {
        RecoveryPlan {
            archive: "/srv/wal".into(),
            goal: String::new(),
            then: String::new(),
            path: vec![Timeline(1)],
            start: Lsn(0x28),
            consistent: Lsn(0x100),
            end: Lsn(0x1000),
            last_record: last_record.map(Lsn),
            until: None,
            segment_size: ByteCount(16 << 20),
            segments: 1,
            bytes: ByteCount(1),
            first: String::new(),
            last: String::new(),
            takes: None,
        }
    }

    fn wish(goal: RecoveryGoal, inclusive: bool) -> Recovery {
        let (timeline, at_target) = (RecoveryTimeline::Current, AtTarget::Pause);
        Recovery { goal, inclusive, timeline, at_target, standby_of: None, archive: None }
    }

    fn check(goal: &RecoveryGoal, inclusive: bool, at: u64, committed: &str, stopping: Option<&str>, right: bool) {
        let sight = RecoverySight {
            in_recovery: true,
            is_paused: true,
            replayed: Some(Lsn(at)),
            committed: committed.parse().ok(),
        };
        let said = verdict(&wish(goal.clone(), inclusive), &plan(None), &sight, stopping);
        assert_eq!(said.is_ok(), right, "{goal:?} {inclusive} {at:x} {committed} {stopping:?}: {said:?}");
    }

    #[test]
    fn a_goal_is_reached_only_where_the_server_stopped_for_it() {
        let noon = "2026-11-20T12:00:00Z";
        let time = RecoveryGoal::Time(noon.parse().unwrap());
        let before = Some("before commit of transaction 745, time 2026-11-20 12:00:01+00");
        check(&time, true, 0x200, noon, before, true);
        check(&time, false, 0x200, noon, before, false);
        check(&time, false, 0x200, "2026-11-20T11:59:59.999999Z", before, true);
        check(&time, true, 0x200, "", before, true);
        // It was only consistent when more than was wanted had been replayed.
        check(&time, true, 0x200, "2026-11-20T12:00:00.000001Z", before, false);
        check(&time, true, 0xFF, noon, before, false);
        check(&time, true, 0x200, noon, None, false);
        check(&time, true, 0x200, noon, Some("after reaching consistency"), false);
        let consistent = Some("after reaching consistency");
        check(&RecoveryGoal::Immediate, true, 0x100, "", consistent, true);
        check(&RecoveryGoal::Immediate, true, 0x100, "", before, false);
        let lsn = RecoveryGoal::Lsn(Lsn(0x300));
        check(&lsn, true, 0x330, "", Some("after WAL location (LSN) \"0/300\""), true);
        check(&lsn, true, 0x2FF, "", Some("after WAL location (LSN) \"0/300\""), false);
        check(&lsn, false, 0x2FF, "", Some("before WAL location (LSN) \"0/300\""), true);
        check(&lsn, false, 0x330, "", Some("after WAL location (LSN) \"0/300\""), false);
        let xid = RecoveryGoal::Xid(74);
        check(&xid, true, 0x300, "", Some("after commit of transaction 74, time 2026"), true);
        check(&xid, true, 0x300, "", Some("after abort of transaction 74, time 2026"), true);
        check(&xid, false, 0x300, "", Some("before commit of transaction 74, time 2026"), true);
        check(&xid, true, 0x300, "", Some("after commit of transaction 745, time 2026"), false);
        check(&xid, true, 0x300, "", Some("before commit of transaction 74, time 2026"), false);
        let name = RecoveryGoal::Name("before it".to_owned());
        check(&name, true, 0x300, "", Some("at restore point \"before it\", time 2026"), true);
        check(&name, true, 0x300, "", Some("at restore point \"before\", time 2026"), false);
    }

    #[test]
    fn the_end_of_the_archive_is_behind_its_last_record() {
        let latest = wish(RecoveryGoal::Latest, true);
        for (at, right) in [(0x501, true), (0x500, false), (0x4FF, false)] {
            let sight = RecoverySight { in_recovery: true, is_paused: true, replayed: Some(Lsn(at)), committed: None };
            assert_eq!(verdict(&latest, &plan(Some(0x500)), &sight, None).is_ok(), right, "{at:x}");
        }
        let sight = RecoverySight { in_recovery: true, is_paused: true, replayed: None, committed: None };
        assert!(verdict(&latest, &plan(Some(0x500)), &sight, None).is_err());
    }
}
