//! Long random lives under the full policy of ten tries, where an exhaustive search would not end.

use super::sample;
use howdah::{
    domain::{
        AttemptNo, Disposed, Disposition, Failure, Reach, RetryPolicy, Step, StepState, Timestamp, fact::End,
        fact::Fact,
    },
    machine::{self, Command, Effect, Event, Phase, Report, Session},
};
use proptest::prelude::*;
use std::time::Duration;

/// Something that may happen next; what it means exactly depends on the session.
/// The steps that reports may speak of.
const STEPS: [Step; 7] =
    [Step::Check, Step::Copy, Step::Configure, Step::Start, Step::Replay, Step::Probe, Step::Finish];

#[derive(Debug, Clone, Copy)]
enum Move {
    Retry,
    Cancel(Disposition),
    Force,
    Dismiss,
    Launch,
    WakeWhenDue,
    WakeNow,
    SetBack(u64),
    Lost,
    Progress(u64, Option<u64>),
    Note(u8),
    StepDone(usize),
    End(u8),
    DeadWord(u8),
}

fn moves() -> impl Strategy<Value = Move> {
    let dispositions =
        prop::sample::select(vec![Disposition::Default, Disposition::Remove, Disposition::Keep, Disposition::SetAside]);
    prop_oneof![
        1 => Just(Move::Retry),
        1 => dispositions.prop_map(Move::Cancel),
        1 => Just(Move::Force),
        1 => Just(Move::Dismiss),
        30 => Just(Move::Launch),
        30 => Just(Move::WakeWhenDue),
        2 => Just(Move::WakeNow),
        1 => (0..100_000_u64).prop_map(Move::SetBack),
        1 => Just(Move::Lost),
        6 => (0..1000_u64, prop::option::of(0..100_u64)).prop_map(|(bytes, wal)| Move::Progress(bytes, wal)),
        4 => any::<u8>().prop_map(Move::Note),
        4 => (0..STEPS.len()).prop_map(Move::StepDone),
        30 => prop::sample::select(vec![0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6]).prop_map(Move::End),
        4 => any::<u8>().prop_map(Move::DeadWord),
    ]
}

fn end(number: u8) -> Report {
    match number {
        0 => Report::Over(None),
        1 => sample::over(End::Failed(sample::incurable())),
        2 => sample::over(End::Failed(Failure::bug("x"))),
        3 => sample::over(End::Succeeded(sample::success())),
        4 => sample::over(End::Stopped),
        5 => sample::over(End::Disposed(Disposed::RemovedExcept { left: 3 })),
        _ => Report::NotLaunched(sample::disruption()),
    }
}

fn command(session: &Session, next: Move, now: Timestamp) -> (Command, Timestamp) {
    let by = || "ops".to_owned();
    let attempt = session.live_attempt().unwrap_or(AttemptNo(0));
    let said = |report| Command::Report { attempt, report };
    let command = match next {
        Move::Retry => sample::retry(),
        Move::Cancel(disposition) => Command::Cancel { disposition, reach: Reach::AnyOrigin, by: by() },
        Move::Force => Command::Force { by: by() },
        Move::Dismiss => Command::Dismiss { by: by() },
        Move::Launch => Command::Launch,
        Move::WakeWhenDue => return (Command::Wake, machine::next_wake(session).map_or(now, |wake| wake.max(now))),
        Move::WakeNow => Command::Wake,
        Move::SetBack(seconds) => return (Command::Wake, now - Duration::from_secs(seconds)),
        Move::Lost => Command::Lost { attempt },
        Move::Progress(bytes, wal) => said(Report::Fact(Fact::Progress(sample::progress(bytes, wal)))),
        Move::Note(number) => said(Report::Fact(Fact::Note(format!("note {number}")))),
        Move::StepDone(step) => {
            let done = StepState::Done { took: Duration::from_millis(1), detail: String::new() };
            said(Report::Fact(Fact::Step { step: STEPS[step], state: done }))
        }
        Move::End(number) => said(end(number)),
        Move::DeadWord(number) => {
            let dead = AttemptNo(attempt.0.saturating_sub(1));
            Command::Report { attempt: dead, report: end(number % 7) }
        }
    };
    (command, now)
}

/// Random lives of one run; `tests/run --long` asks for many more.
fn lives() -> u32 {
    if std::env::var_os("HOWDAH_LONG").is_some() { 20_000 } else { 400 }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: lives(), failure_persistence: None, ..ProptestConfig::default() })]

    /// R9 with ten tries, R20, one attempt at a time, and a history that gives the same session whenever it is replayed.
    #[test]
    fn a_long_life_keeps_its_history(moves in prop::collection::vec(moves(), 1..400)) {
        let created = sample::created(1, RetryPolicy::default());
        let mut session = Session::create(created.clone());
        let mut history: Vec<(Timestamp, Event)> = Vec::new();
        let mut now = sample::start();
        let (mut tries, mut alive) = (0_u32, 0_i32);
        for next in moves {
            let (command, at) = command(&session, next, now + Duration::from_secs(1));
            now = at;
            let ended = matches!(&command, Command::Lost { attempt } | Command::Report { attempt, report: Report::Over(_) | Report::NotLaunched(_) } if Some(*attempt) == session.live_attempt());
            alive -= i32::from(ended);
            let before = session.clone();
            let Ok(events) = machine::decide(&session, command, now) else { continue };
            for event in events {
                session = machine::evolve(session, &event, now);
                let effect = machine::react(&session, &event);
                alive += i32::from(matches!(effect, Some(Effect::Launch { .. })));
                prop_assert!((0..=1).contains(&alive), "{alive} attempts alive");
                match &event {
                    Event::Requeued { by: None, .. } => tries += 1,
                    Event::Requeued { by: Some(_), .. } | Event::DisruptionOver { .. } => tries = 0,
                    Event::Launched { .. } | Event::Began { .. } | Event::Planned { .. } | Event::StepChanged { .. } => {}
                    Event::Progressed { .. } | Event::Noted { .. } | Event::Disrupted { .. } | Event::GotStuck { .. } => {}
                    Event::Succeeded { .. } | Event::CancelRequested { .. } | Event::CancelOverdue => {}
                    Event::Rescheduled { .. } | Event::Found { .. } => {}
                    Event::Forced { .. } | Event::DisposalLaunched { .. } | Event::Cancelled { .. } => {}
                    Event::Dismissed { .. } | Event::Damaged { .. } | Event::Paused { .. } => {}
                    Event::Resumed { .. } | Event::GaveUp { .. } | Event::StopRequested { .. } => {}
                    Event::Stopped { .. } | Event::Failed { .. } | Event::FinishRequested { .. } => {}
                }
                prop_assert!(tries <= 10, "an eleventh try");
                if event.is_durable() {
                    history.push((now, event));
                }
            }
            if matches!(before.phase(), Phase::Completed { .. }) {
                prop_assert_eq!(before.phase(), session.phase());
            }
        }
        let text = serde_json::to_string(&(&created, &history)).unwrap();
        let (created, history): (_, Vec<(Timestamp, Event)>) = serde_json::from_str(&text).unwrap();
        let replayed = history.iter().fold(Session::create(created), |session, (at, event)| {
            machine::evolve(session, event, *at)
        });
        prop_assert_eq!(replayed.phase(), session.phase());
        prop_assert_eq!(replayed.attempts(), session.attempts());
        prop_assert_eq!(replayed.notes(), session.notes());
        prop_assert_eq!(replayed.first_cause(), session.first_cause());
        prop_assert_eq!((replayed.tries_total(), replayed.furthest()), (session.tries_total(), session.furthest()));
        prop_assert!(replayed.steps() == session.steps());
        let stored: Session = serde_json::from_str(&serde_json::to_string(&session).unwrap()).unwrap();
        prop_assert_eq!(stored, session);
    }
}
