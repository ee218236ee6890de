//! What the files of attempts tell beyond a journal that was lost or put back (S10).

use super::sample;
use howdah::{
    domain::{AttemptNo, Disposed, Disposition, Outcome, RetryPolicy, ServerOutcome, Success, fact::End},
    machine::{AttemptEnd, CancelStage, Command, Effect, Phase, Refusal, Session, Stood, Trace, decide, evolve, react},
};

/// The session after a command, and the work that follows.
fn turn(session: &Session, command: Command) -> (Session, Vec<Effect>) {
    let mut after = session.clone();
    let mut effects = Vec::new();
    for event in decide(session, command, sample::after(100)).unwrap() {
        after = evolve(after, &event, sample::after(100));
        effects.extend(react(&after, &event));
    }
    (after, effects)
}

fn catch_up(session: &Session, newest: u32, stood: Stood) -> (Session, Vec<Effect>) {
    turn(session, Command::CatchUp(Trace { newest: AttemptNo(newest), stood }))
}

/// An ongoing session in each phase that a journal may have been put back to.
fn sessions() -> Vec<Session> {
    let queued = sample::session(7, RetryPolicy::default());
    let (running, _) = turn(&queued, Command::Launch);
    let attempt = AttemptNo(1);
    let over = |end| Command::Report { attempt, report: sample::over(end) };
    let (waiting, _) = turn(&running, over(End::Failed(sample::disruption())));
    let (stuck, _) = turn(&running, over(End::Failed(sample::incurable())));
    let (stopping, _) = turn(&running, cancel());
    let (disposing, _) = turn(&stuck, cancel());
    vec![queued, running, waiting, stuck, stopping, disposing]
}

fn cancel() -> Command {
    let reach = howdah::domain::Reach::AnyOrigin;
    Command::Cancel { disposition: Disposition::Keep, reach, by: "ops".to_owned() }
}

#[test]
fn s10_numbers_of_attempts_go_on_above_those_of_the_files() {
    for session in sessions() {
        let (after, effects) = catch_up(&session, 9, Stood::Open);
        assert_eq!((after.phase(), effects), (session.phase(), vec![]));
        assert_eq!(after.next_attempt(), AttemptNo(10));
        assert!(matches!(after.attempts().last().unwrap().ended, Some((_, AttemptEnd::Unrecorded))));
        if let Some(live) = session.live_attempt() {
            // The one that the journal knows to live ends like any other.
            let (lost, _) = turn(&after, Command::Lost { attempt: live });
            assert!(lost.attempts().iter().find(|record| record.number == live).unwrap().ended.is_some());
        }
    }
}

#[test]
fn s10_an_end_of_which_the_files_tell_is_the_end() {
    let success = Success::of_cluster(ServerOutcome::NotStarted { reason: "as asked".to_owned() });
    for session in sessions() {
        let (after, effects) = catch_up(&session, 9, Stood::Succeeded(success.clone()));
        let Phase::Completed { outcome: Outcome::Succeeded(shown), .. } = after.phase() else { panic!("{after:?}") };
        assert_eq!((shown, effects), (&success, vec![]));
        let (after, effects) = catch_up(&session, 9, Stood::Disposed(Disposition::Remove, Disposed::Removed));
        let Phase::Completed { outcome: Outcome::Cancelled { disposed }, .. } = after.phase() else {
            panic!("{after:?}")
        };
        assert_eq!(disposed, &Disposed::Removed);
        // A wish to stop may go to an attempt that is no more; nothing is launched for a session that has ended.
        assert!(!effects.iter().any(|effect| matches!(effect, Effect::Launch { .. })), "{effects:?}");
    }
}

#[test]
fn s10_a_cancel_of_which_the_files_tell_goes_on() {
    for session in sessions() {
        let was = session.phase().clone();
        let (after, effects) = catch_up(&session, 9, Stood::Disposing(Disposition::Keep));
        let Phase::Cancelling { disposition, stage: CancelStage::Disposing { attempt, .. }, .. } = after.phase() else {
            panic!("{after:?}")
        };
        assert_eq!((*disposition, *attempt, after.next_attempt()), (Disposition::Keep, AttemptNo(10), AttemptNo(11)));
        assert!(matches!(effects.last(), Some(Effect::Launch { attempt: AttemptNo(10), .. })), "{was:?}: {effects:?}");
    }
}

#[test]
fn what_the_journal_knows_is_not_changed() {
    for session in sessions() {
        let known = session.attempts().last().map_or(0, |last| last.number.0);
        if known > 0 {
            assert_eq!(catch_up(&session, known, Stood::Disposing(Disposition::Remove)), (session.clone(), vec![]));
        }
        assert_eq!(decide(&session, Command::Recover, sample::after(1)), Err(Refusal::NothingToRecover));
    }
}
