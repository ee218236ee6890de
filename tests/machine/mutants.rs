//! Seeded bugs: machines that are wrong in one way each. The search must catch every one.
//!
//! Each is the real machine with one function wrapped, so that nothing else of it is wrong.

#![allow(clippy::wildcard_enum_match_arm, reason = "a mutant names what it spoils and leaves the rest as it is")]

use super::{
    model::{Machine, REAL},
    mutant::{Mutant, deciding, each, evolving},
    sample,
};
use howdah::{
    domain::{
        AttemptNo, Disposed, FailureClass, Timestamp,
        fact::{End, Fact},
    },
    machine::{
        self, CancelStage, Cause, Command, Effect, Event, Phase, Refusal, Report, Session, StuckReason, Urgency,
        decide, evolve,
    },
};

/// All seeded bugs.
pub(crate) const MUTANTS: &[Mutant] = &[
    deciding("one try too many", "R11", |session, command, now| {
        each(decide(session, command, now), |event| match event {
            Event::GotStuck { attempt, failure, reached, reason: StuckReason::TriesUsedUp } => {
                let (tries_used, next_try) = (session.policy().tries, now + session.policy().every);
                Event::Disrupted { attempt, failure, reached, tries_used, next_try }
            }
            other => other,
        })
    }),
    deciding("stuck one try too early", "R11", |session, command, now| {
        each(decide(session, command, now), |event| match event {
            Event::Disrupted { attempt, failure, reached, tries_used, .. }
                if tries_used + 1 == session.policy().tries =>
            {
                Event::GotStuck { attempt, failure, reached, reason: StuckReason::TriesUsedUp }
            }
            other => other,
        })
    }),
    deciding("retry while running is accepted", "R12", |session, command, now| match (session.phase(), &command) {
        (Phase::Running { .. }, Command::Retry { by }) => {
            Ok(vec![Event::Requeued { cause: Cause::Retry, by: Some(by.clone()) }])
        }
        _ => decide(session, command, now),
    }),
    deciding("cancel of a stuck session is lost", "R18", |session, command, now| match (session.phase(), &command) {
        (Phase::Stuck { .. }, Command::Cancel { .. }) => Ok(vec![]),
        _ => decide(session, command, now),
    }),
    deciding("cancel of a queued session is refused", "R18", |session, command, now| {
        match (session.phase(), &command) {
            (Phase::Queued { .. }, Command::Cancel { .. }) => Err(Refusal::Queued),
            _ => decide(session, command, now),
        }
    }),
    deciding("a dead attempt is believed", "reports of dead", |session, command, now| match command {
        Command::Report { report, .. } if session.live_attempt().is_some() => {
            decide(session, Command::Report { attempt: session.live_attempt().unwrap(), report }, now)
        }
        other => decide(session, other, now),
    }),
    deciding("success stays under Restore", "R4", |session, command, now| {
        each(decide(session, command, now), |event| match event {
            Event::Succeeded { attempt, .. } => Event::Noted { attempt, note: "done".to_owned() },
            other => other,
        })
    }),
    deciding("failure completes", "R6", |session, command, now| {
        each(decide(session, command, now), |event| match event {
            Event::GotStuck { failure, .. } => Event::Cancelled { disposed: Disposed::Failed { cause: failure.cause } },
            other => other,
        })
    }),
    deciding("two attempts at once", "a report may come twice", |session, command, now| {
        match (session.phase(), &command) {
            (Phase::Running { .. }, Command::Launch) => Ok(vec![Event::Launched { attempt: session.next_attempt() }]),
            _ => decide(session, command, now),
        }
    }),
    deciding("the disposal runs beside the attempt", "one attempt", |session, command, now| {
        let cancels = matches!(command, Command::Cancel { .. });
        let mut decided = decide(session, command, now)?;
        if cancels && session.live_attempt().is_some() {
            decided.push(Event::DisposalLaunched { attempt: session.next_attempt(), deadline: now });
        }
        Ok(decided)
    }),
    deciding("tries never end", "R10", |session, command, now| {
        each(decide(session, command, now), |event| match event {
            Event::Requeued { cause: Cause::Try(_), by } => Event::Requeued { cause: Cause::Try(1), by },
            other => other,
        })
    }),
    deciding("a new attempt has the number of the old", "numbers grow", |session, command, now| {
        each(decide(session, command, now), |event| match event {
            Event::Launched { attempt } => Event::Launched { attempt: AttemptNo(attempt.0.clamp(1, 1)) },
            other => other,
        })
    }),
    deciding("cancel is done before the attempt is gone", "D6", |session, command, now| {
        let cancels = matches!(command, Command::Cancel { .. });
        let mut decided = decide(session, command, now)?;
        if cancels && session.live_attempt().is_some() {
            decided.push(Event::Cancelled { disposed: Disposed::Kept });
        }
        Ok(decided)
    }),
    deciding("cancel leaves the partial data", "D6", |session, command, now| {
        each(decide(session, command, now), |event| match event {
            Event::DisposalLaunched { .. } => Event::Cancelled { disposed: Disposed::Kept },
            other => other,
        })
    }),
    deciding("got through does not begin a new count", "D3", |session, command, now| {
        each(decide(session, command, now), |event| match (session.phase(), event) {
            (
                Phase::Running { cause: Cause::Try(tries_used), got_through: true, .. },
                Event::Disrupted { attempt, failure, reached, next_try, .. },
            ) => Event::Disrupted { attempt, failure, reached, tries_used: *tries_used, next_try },
            (_, other) => other,
        })
    }),
    deciding("got through is never noticed", "D3", |session, command, now| {
        let decided = decide(session, command, now)?;
        Ok(decided.into_iter().filter(|event| !matches!(event, Event::DisruptionOver { .. })).collect())
    }),
    deciding("as far as before counts as got through", "D3", |session, command, now| {
        let reached = if let Command::Report { report: Report::Fact(Fact::Progress(shown)), .. } = &command {
            Some(shown.reached())
        } else {
            None
        };
        let mut decided = decide(session, command, now)?;
        if let (Phase::Running { attempt, got_through: false, .. }, true) =
            (session.phase(), reached == Some(session.furthest()) && session.first_cause().is_some())
            && decided.len() == 1
        {
            decided.push(Event::DisruptionOver { attempt: *attempt });
        }
        Ok(decided)
    }),
    deciding("a retry goes on with the old count", "D3", |session, command, now| {
        each(decide(session, command, now), |event| match (session.phase(), event) {
            (
                Phase::Running { cause: Cause::Retry, .. },
                Event::Disrupted { attempt, failure, reached, next_try, .. },
            ) if session.tries_total() > 0 => Event::Disrupted { attempt, failure, reached, tries_used: 1, next_try },
            (_, other) => other,
        })
    }),
    deciding("what waiting cannot cure waits", "D4", |session, command, now| {
        each(decide(session, command, now), |event| match event {
            Event::GotStuck { attempt, failure, reached, .. } if failure.class == FailureClass::Incurable => {
                let next_try = now + session.policy().every;
                Event::Disrupted { attempt, failure, reached, tries_used: 0, next_try }
            }
            other => other,
        })
    }),
    deciding("the next try comes too soon", "D2", |session, command, now| {
        each(decide(session, command, now), |event| match event {
            Event::Disrupted { attempt, failure, reached, tries_used, next_try } if next_try != now => {
                let next_try = session.created_at() + session.policy().every;
                Event::Disrupted { attempt, failure, reached, tries_used, next_try }
            }
            other => other,
        })
    }),
    deciding("a lost attempt waits the whole pause", "D9", |session, command, now| {
        let lost = matches!(command, Command::Lost { .. });
        each(decide(session, command, now), |event| match event {
            Event::Disrupted { attempt, failure, reached, tries_used, .. } if lost => {
                let next_try = now + session.policy().every;
                Event::Disrupted { attempt, failure, reached, tries_used, next_try }
            }
            other => other,
        })
    }),
    deciding("a crash gives the tries back", "D3 tries", |session, command, now| {
        let lost = matches!(command, Command::Lost { .. });
        each(decide(session, command, now), |event| match event {
            Event::Disrupted { attempt, failure, reached, next_try, .. } if lost => {
                Event::Disrupted { attempt, failure, reached, tries_used: 0, next_try }
            }
            other => other,
        })
    }),
    deciding("a crash in the last try leaves nobody stuck", "R11", |session, command, now| {
        let lost = matches!(command, Command::Lost { .. });
        each(decide(session, command, now), |event| match event {
            Event::GotStuck { attempt, failure, reached, .. } if lost => {
                Event::Disrupted { attempt, failure, reached, tries_used: 0, next_try: now }
            }
            other => other,
        })
    }),
    deciding("a crash takes two tries", "D3 tries", |session, command, now| {
        let lost = matches!(command, Command::Lost { .. });
        each(decide(session, command, now), |event| match event {
            Event::Disrupted { attempt, failure, reached, tries_used, next_try } if lost => {
                Event::Disrupted { attempt, failure, reached, tries_used: tries_used + 1, next_try }
            }
            other => other,
        })
    }),
    deciding("a lost disposal ends the cancel", "D6", |session, command, now| match (session.phase(), &command) {
        (Phase::Cancelling { stage: CancelStage::Disposing { attempt: live, .. }, .. }, Command::Lost { attempt })
            if live == attempt =>
        {
            Ok(vec![Event::Cancelled { disposed: Disposed::Kept }])
        }
        _ => decide(session, command, now),
    }),
    deciding("a wake needs no due time", "a wake acts", |session, command, now| match (session.phase(), &command) {
        (Phase::Waiting { next_try, .. }, Command::Wake) => decide(session, command, now.max(*next_try)),
        _ => decide(session, command, now),
    }),
    deciding("retry while waiting is forbidden for all", "D1", |session, command, now| {
        match (session.phase(), &command) {
            (Phase::Waiting { .. }, Command::Retry { .. }) => Err(Refusal::Queued),
            _ => decide(session, command, now),
        }
    }),
    deciding("retry of a stuck session is refused", "D1", |session, command, now| match (session.phase(), &command) {
        (Phase::Stuck { .. }, Command::Retry { .. }) => Err(Refusal::Queued),
        _ => decide(session, command, now),
    }),
    deciding("a completed session can be retried", "R20", |session, command, now| match (session.phase(), &command) {
        (Phase::Completed { .. }, Command::Retry { by }) => {
            Ok(vec![Event::Requeued { cause: Cause::Retry, by: Some(by.clone()) }])
        }
        _ => decide(session, command, now),
    }),
    deciding("a completed session hears its dead attempt", "D10", |session, command, now| {
        match (session.phase(), &command) {
            (Phase::Completed { .. }, Command::Report { attempt, report: Report::Over(Some(End::Succeeded(_))) }) => {
                Ok(vec![Event::Succeeded { attempt: *attempt, success: sample::success() }])
            }
            _ => decide(session, command, now),
        }
    }),
    deciding("an ongoing session can be dismissed", "D10", |session, command, now| match command {
        Command::Dismiss { by } if !session.is_dismissed() => Ok(vec![Event::Dismissed { by }]),
        other => decide(session, other, now),
    }),
    deciding("an overdue disposal cannot be forced", "D6 force", |session, command, now| {
        match (session.phase(), &command) {
            (Phase::Cancelling { stage: CancelStage::Disposing { deadline, .. }, .. }, Command::Force { .. }) => {
                Err(Refusal::DisposalInTime { until: *deadline })
            }
            _ => decide(session, command, now),
        }
    }),
    deciding("force ends a disposal that is in time", "D6 force", |session, command, now| {
        match (session.phase(), &command) {
            (Phase::Cancelling { stage: CancelStage::Disposing { .. }, .. }, Command::Force { by }) => {
                Ok(vec![Event::Forced { by: by.clone() }])
            }
            _ => decide(session, command, now),
        }
    }),
    deciding("a stop that is in time cannot be forced", "D6 force", |session, command, now| {
        match (session.phase(), &command) {
            (
                Phase::Cancelling { stage: CancelStage::Stopping { deadline, urgency: Urgency::InTime, .. }, .. },
                Command::Force { .. },
            ) => Err(Refusal::DisposalInTime { until: *deadline }),
            _ => decide(session, command, now),
        }
    }),
    deciding("a clock that is set back makes a session wait for a day", "a wake acts", |session, command, now| {
        let decided = decide(session, command, now)?;
        Ok(decided.into_iter().filter(|event| !matches!(event, Event::Rescheduled { .. })).collect())
    }),
    deciding("each wake begins the pause anew", "a wake acts", |session, command, now| match session.phase() {
        Phase::Waiting { next_try, .. } if command == Command::Wake && now < *next_try => {
            Ok(vec![Event::Rescheduled { due: now + session.policy().every }])
        }
        _ => decide(session, command, now),
    }),
    deciding("a clock that is set back takes a try", "D2 a clock", |session, command, now| {
        each(decide(session, command, now), |event| match event {
            Event::Rescheduled { .. } if matches!(session.phase(), Phase::Waiting { .. }) => {
                Event::Requeued { cause: Cause::Try(1), by: None }
            }
            other => other,
        })
    }),
    deciding("an overdue cancel says nothing", "D6 past its deadline", |session, command, now| {
        let decided = decide(session, command, now)?;
        Ok(decided.into_iter().filter(|event| event != &Event::CancelOverdue).collect())
    }),
    deciding(
        "words that come twice are told twice",
        "a report may come twice",
        |session, command, now| match command {
            Command::Report { attempt, report: Report::Fact(Fact::Note(note)) }
                if session.live_attempt() == Some(attempt) =>
            {
                Ok(vec![Event::Noted { attempt, note }])
            }
            other => decide(session, other, now),
        },
    ),
    evolving("the first cause is the last one", "the first cause is pinned", |session, event, at| match event {
        // Forgetting it before each failure lets the newest take its place.
        Event::Disrupted { attempt, .. } => {
            evolve(evolve(session, &Event::DisruptionOver { attempt: *attempt }, at), event, at)
        }
        _ => evolve(session, event, at),
    }),
    evolving("an incurable failure hides behind an earlier disruption", "S1 the first cause", |session, event, at| {
        let pinned = session.first_cause().cloned();
        let after = evolve(session, event, at);
        if !matches!(event, Event::GotStuck { .. }) || pinned.is_none() {
            return after;
        }
        let mut record = serde_json::to_value(after).unwrap();
        record["first_cause"] = serde_json::to_value(pinned).unwrap();
        serde_json::from_value(record).unwrap()
    }),
    evolving("what is not durable changes a phase", "replay", |session, event, at| match event {
        Event::Progressed { attempt, .. } if session.first_cause().is_some() => {
            evolve(evolve(session, event, at), &Event::DisruptionOver { attempt: *attempt }, at)
        }
        _ => evolve(session, event, at),
    }),
    evolving("a cancel goes on with a deadline of tomorrow", "D2 a clock", |session, event, at| match event {
        Event::Rescheduled { .. } if session.live_attempt().is_some() => session,
        _ => evolve(session, event, at),
    }),
    evolving("an urgency is forgotten", "D6", |session, event, at| match event {
        Event::CancelOverdue => session,
        _ => evolve(session, event, at),
    }),
    Mutant {
        bug: "a stop is never sent",
        caught_by: "D6 a cancel of a running attempt",
        machine: Machine { react: no_stop, ..REAL },
    },
    Mutant {
        bug: "force kills an attempt that is long gone",
        caught_by: "only the live attempt",
        machine: Machine { react: kill_the_first, ..REAL },
    },
    Mutant {
        bug: "work that the journal does not hold is done",
        caught_by: "an effect is durable first",
        machine: Machine { react: stop_on_progress, ..REAL },
    },
    Mutant {
        bug: "nobody wakes a waiting session",
        caught_by: "the clock is wanted",
        machine: Machine { next_wake: |_| None, ..REAL },
    },
    Mutant {
        bug: "the clock is asked for again and again",
        caught_by: "the clock is wanted",
        machine: Machine { next_wake: wake_for_ever, ..REAL },
    },
];

fn no_stop(session: &Session, event: &Event) -> Option<Effect> {
    machine::react(session, event).filter(|effect| !matches!(effect, Effect::Stop { .. }))
}

fn kill_the_first(session: &Session, event: &Event) -> Option<Effect> {
    machine::react(session, event).map(|effect| match effect {
        Effect::Kill { .. } => Effect::Kill { attempt: AttemptNo(1) },
        Effect::Launch { .. } | Effect::Stop { .. } => effect,
    })
}

fn stop_on_progress(session: &Session, event: &Event) -> Option<Effect> {
    if let Event::Progressed { attempt, .. } = event {
        return Some(Effect::Stop { attempt: *attempt });
    }
    machine::react(session, event)
}

fn wake_for_ever(session: &Session) -> Option<Timestamp> {
    if let Phase::Cancelling { stage: CancelStage::Stopping { deadline, urgency: Urgency::Overdue, .. }, .. } =
        session.phase()
    {
        return Some(*deadline);
    }
    machine::next_wake(session)
}
