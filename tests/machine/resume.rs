//! Where recovery can go on to from where it is paused.

use howdah::{
    domain::{AtTarget, Lsn, Recovery, RecoveryGoal, RecoveryTimeline, Timestamp, fact::PausePoint},
    machine::Resume,
};

fn time(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

/// Whether this goal is ahead of a pause at 0/5000, last commit at second 50, that was to be at `was`.
fn is_ahead(was: (RecoveryGoal, bool), to: (RecoveryGoal, bool)) -> bool {
    let (timeline, at_target) = (RecoveryTimeline::Latest, AtTarget::Pause);
    let paused = Recovery { goal: was.0, inclusive: was.1, timeline, at_target, standby_of: None, archive: None };
    let at = PausePoint { at: Lsn(0x5000), committed: Some(time(50)), answer: String::new(), server: None };
    Resume::GoOn { goal: to.0, inclusive: to.1 }.is_ahead(&paused, &at)
}

#[test]
fn recovery_goes_on_to_what_is_later_and_to_nothing_else() {
    use RecoveryGoal::{Consistent, Immediate, Latest, Lsn as At, Name, Time, Xid};
    let name = |name: &str| Name(name.to_owned());
    for (was, to, ahead) in [
        // Whatever it was paused by: not behind where it stands.
        ((Immediate, true), (At(Lsn(0x4FFF)), true), false),
        ((Immediate, true), (At(Lsn(0x5000)), true), true),
        ((Immediate, true), (At(Lsn(0x5000)), false), false),
        ((Immediate, true), (At(Lsn(0x5001)), false), true),
        ((Immediate, true), (Time(time(49)), true), false),
        ((Immediate, true), (Time(time(50)), true), false),
        ((Immediate, true), (Time(time(51)), true), true),
        ((Immediate, true), (Immediate, true), false),
        ((Latest, true), (Consistent, true), false),
        ((Latest, true), (Latest, true), true),
        ((Immediate, true), (Latest, true), true),
        // No commit lies between the last one and the old goal.
        ((Time(time(60)), true), (Time(time(55)), true), false),
        ((Time(time(60)), true), (Time(time(60)), true), false),
        ((Time(time(60)), true), (Time(time(60)), false), false),
        ((Time(time(60)), false), (Time(time(60)), true), true),
        ((Time(time(60)), false), (Time(time(60)), false), false),
        ((Time(time(60)), true), (Time(time(61)), false), true),
        // Only replay can tell, but for the very same.
        ((Xid(9), true), (Xid(9), true), false),
        ((Xid(9), false), (Xid(9), true), true),
        ((Xid(9), true), (Xid(8), true), true),
        ((name("a"), true), (name("a"), true), false),
        ((name("a"), true), (name("b"), true), true),
    ] {
        assert_eq!(is_ahead(was.clone(), to.clone()), ahead, "{was:?} {to:?}");
    }
    let paused = Recovery::to_consistency();
    let at = PausePoint { at: Lsn(1), committed: None, answer: String::new(), server: None };
    assert!(Resume::Promote.is_ahead(&paused, &at) && Resume::StopHere.is_ahead(&paused, &at));
    let any = Resume::GoOn { goal: Time(time(-1_000_000)), inclusive: true };
    assert!(any.is_ahead(&paused, &at), "without a commit there is no time to be behind");
}
