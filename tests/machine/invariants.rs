//! What must be true of every turn that the search can find, rule by rule.

use super::{
    kind_invariants,
    model::{Broken, hold},
    reference_model::{Wish, Witness},
};
use howdah::{
    domain::{Failure, FailureClass, Kind, Outcome, Timestamp, WhenUsedUp, fact::End},
    machine::{
        CancelStage, Cause, Command, CompletedRow, Effect, Event, Phase, Refusal, Report, Session, StuckReason, Urgency,
    },
};
use std::time::Duration;

/// How long each half of a cancel may take (D6).
const CANCEL_GRACE: Duration = Duration::from_secs(30);

/// One turn of one session, seen from outside.
pub(crate) struct Turn<'a> {
    pub(crate) before: &'a Session,
    pub(crate) command: &'a Command,
    pub(crate) now: Timestamp,
    pub(crate) decided: &'a Result<Vec<Event>, Refusal>,
    pub(crate) effects: &'a [Effect],
    pub(crate) after: &'a Session,
    /// The world before the turn.
    pub(crate) past: &'a Witness,
    /// The world after it.
    pub(crate) world: &'a Witness,
    /// When the machine wants the clock after the turn.
    pub(crate) next_wake: Option<Timestamp>,
    /// When it wanted it before.
    pub(crate) last_wake: Option<Timestamp>,
}

pub(crate) type Rule = (&'static str, fn(&Turn<'_>) -> bool);

const RULES: &[Rule] = &[
    ("R2 ongoing sessions are under Restore", |t| t.after.is_ongoing() != is_completed(t.after)),
    ("R3 ended sessions are under Completed", |t| CompletedRow::of(t.after).is_some() == is_completed(t.after)),
    ("R4 success moves to Completed", |t| !t.restored() || matches!(outcome(t.after), Some(Outcome::Succeeded(_)))),
    ("R5 cancel leads to Completed", |t| !is_cancelling(t.before) || is_cancelling(t.after) || is_completed(t.after)),
    ("R6 only success and cancel move it", |t| {
        let asked = matches!(t.command, Command::Cancel { .. } | Command::Stop { .. } | Command::Finish { .. });
        let allowed = t.restored() || t.found_damage() || is_cancelling(t.before) || asked;
        !is_completed(t.after) || is_completed(t.before) || allowed
    }),
    ("R8 a disruption waits or has no tries left", |t| {
        let waits = |phase: &Phase| {
            matches!(phase, Phase::Waiting { .. } | Phase::Stuck { reason: StuckReason::TriesUsedUp, .. })
        };
        !t.disrupted() || waits(t.after.phase()) || t.gives_up()
    }),
    ("R9 never one try too many", |t| t.world.tries <= t.after.policy().tries),
    ("R10 the clock alone goes on", |t| {
        let Phase::Waiting { tries_used, .. } = t.before.phase() else { return true };
        let next = Cause::Try(tries_used + 1);
        !t.is_due() || (cause_in_queue(t.after) == Some(next) && t.world.wish == Wish::Clock)
    }),
    ("R11 stuck after the last try, not before", |t| {
        if !t.disrupted() {
            return true;
        }
        let used_up = t.past.wish == Wish::Clock && t.past.tries >= t.before.policy().tries && !t.past.got_through();
        let used_up = used_up || t.past.finishing;
        let ends = is_cancelling(t.after) && t.gives_up();
        used_up == (ends || matches!(t.after.phase(), Phase::Stuck { reason: StuckReason::TriesUsedUp, .. }))
    }),
    ("R12 no retry of a running session", |t| {
        let Phase::Running { attempt, .. } = t.before.phase() else { return true };
        !is_retry(t.command) || t.decided == &Err(Refusal::Running { attempt: *attempt })
    }),
    ("R18 cancel works from everywhere", |t| {
        let open = !is_cancelling(t.before) && !is_completed(t.before);
        let cancels = matches!(t.command, Command::Cancel { .. });
        !(open && cancels) || (t.decided.is_ok() && (is_cancelling(t.after) || is_completed(t.after)))
    }),
    ("R20 no retry, no cancel when completed", |t| {
        let asks = is_retry(t.command) || matches!(t.command, Command::Cancel { .. });
        !(is_completed(t.before) && asks) || t.decided == &Err(Refusal::Completed)
    }),
    ("D1 retry while waiting", |t| {
        let Phase::Waiting { tries_used, next_try, .. } = t.before.phase() else { return true };
        let policy = t.before.policy();
        let at = (*next_try).min(t.now + policy.every);
        let strict = Err(Refusal::TriesRemain { next: tries_used + 1, of: policy.tries, at });
        match (is_retry(t.command), policy.while_waiting) {
            (false, _) => true,
            (true, true) => cause_in_queue(t.after) == Some(Cause::Retry),
            (true, false) => t.decided == &strict,
        }
    }),
    ("D1 retry when stuck", |t| {
        let asked = matches!(t.before.phase(), Phase::Stuck { .. }) && is_retry(t.command);
        !asked || (t.decided.is_ok() && cause_in_queue(t.after) == Some(Cause::Retry))
    }),
    ("D2 the next try comes one pause after the failure", |t| match t.after.phase() {
        Phase::Waiting { next_try, .. } if t.failed(FailureClass::Disruption) => {
            *next_try == t.now + t.after.policy().every
        }
        Phase::Waiting { .. } | Phase::Queued { .. } | Phase::Running { .. } => true,
        Phase::Stuck { .. } | Phase::Paused { .. } | Phase::Cancelling { .. } | Phase::Completed { .. } => true,
    }),
    ("D3 tries are counted for each disruption", |t| match t.after.phase() {
        Phase::Waiting { tries_used, .. } => *tries_used == t.world.tries,
        Phase::Running { got_through, .. } => {
            *got_through || !t.world.got_through() || t.before.first_cause().is_none()
        }
        Phase::Queued { .. } | Phase::Stuck { .. } | Phase::Paused { .. } => true,
        Phase::Cancelling { .. } | Phase::Completed { .. } => true,
    }),
    ("D3 the total is kept", |t| {
        let tried =
            t.effects.iter().any(|effect| matches!(effect, Effect::Launch { .. })) && t.past.wish == Wish::Clock;
        let launched = matches!(t.command, Command::Launch) && tried;
        t.after.tries_total() == t.before.tries_total() + u32::from(launched)
    }),
    ("D4 what waiting cannot cure is stuck at once", |t| {
        let stuck = |wanted| matches!(t.after.phase(), Phase::Stuck { reason, .. } if *reason == wanted);
        let gives_up = t.gives_up() && is_cancelling(t.after);
        (!t.failed(FailureClass::Incurable) || stuck(StuckReason::Incurable) || gives_up)
            && (!t.failed(FailureClass::Bug) || stuck(StuckReason::Bug) || gives_up)
    }),
    ("D5 a person's retry begins a new series", |t| {
        let Phase::Waiting { tries_used, .. } = t.after.phase() else { return true };
        !t.disrupted() || t.past.wish != Wish::Person || *tries_used == 0
    }),
    ("D6 a cancel is done when its attempt is gone and the data dealt with", |t| {
        let cancelled = matches!(outcome(t.after), Some(Outcome::Cancelled { .. })) && !is_completed(t.before);
        let dealt_with = t.world.disposed || t.world.newest.0 == 0 || t.after.order().leftover().is_none();
        !cancelled || (t.world.live.is_none() && dealt_with)
    }),
    ("D6 a cancel of a running attempt asks it to stop", |t| {
        let Phase::Running { attempt, .. } = t.before.phase() else { return true };
        !matches!(t.command, Command::Cancel { .. }) || t.effects == [Effect::Stop { attempt: *attempt }]
    }),
    ("D6 past its deadline a cancel says so", |t| {
        !(is_cancelling(t.before) && t.is_due()) || urgency(t.after) == Some(Urgency::Overdue)
    }),
    ("D6 force kills a stop or what is overdue, and never a disposal in time", |t| {
        let kill = t.before.live_attempt().map(|attempt| Effect::Kill { attempt });
        match (t.command, t.before.phase()) {
            (
                Command::Force { .. },
                Phase::Cancelling { stage: CancelStage::Disposing { deadline, urgency: Urgency::InTime, .. }, .. },
            ) if t.now < *deadline => {
                let until = (*deadline).min(t.now + CANCEL_GRACE);
                t.decided == &Err(Refusal::DisposalInTime { until })
            }
            (Command::Force { .. }, Phase::Cancelling { .. }) => {
                t.effects.iter().eq(kill.iter()) && urgency(t.after) == Some(Urgency::Forced)
            }
            (Command::Force { .. }, _) => t.decided == &Err(Refusal::NothingToForce),
            (_, _) => true,
        }
    }),
    ("D9 a lost attempt is tried again at once", |t| {
        let Phase::Waiting { next_try, .. } = t.after.phase() else { return true };
        !t.lost() || *next_try == t.now
    }),
    ("D9 the count of tries goes on through a crash", |t| {
        if !t.lost() || t.past.got_through() || t.past.finishing {
            return true;
        }
        let used = if t.past.wish == Wish::Clock { t.past.tries } else { 0 };
        match t.after.phase() {
            Phase::Waiting { tries_used, .. } => *tries_used == used && used < t.before.policy().tries,
            Phase::Stuck { reason: StuckReason::TriesUsedUp, .. } => used == t.before.policy().tries,
            Phase::Cancelling { .. } if t.gives_up() => used == t.before.policy().tries,
            Phase::Stuck { .. } | Phase::Queued { .. } | Phase::Running { .. } => false,
            Phase::Paused { .. } | Phase::Cancelling { .. } | Phase::Completed { .. } => false,
        }
    }),
    ("D9 a lost disposal is done again", |t| {
        let lost = matches!(t.command, Command::Lost { .. }) && t.is_of_live() && is_cancelling(t.before);
        let leaves = t.after.order().leftover().is_some();
        !lost || !leaves || matches!(t.effects, [Effect::Launch { .. }])
    }),
    ("D10 completed stays until it is dismissed", |t| match t.command {
        Command::Dismiss { .. } if is_completed(t.before) => t.decided.is_ok() && t.after.is_dismissed(),
        Command::Dismiss { .. } => t.decided == &Err(Refusal::Ongoing),
        Command::Retry { .. } | Command::Cancel { .. } | Command::Force { .. } | Command::Launch => t.stays_completed(),
        Command::Wake | Command::Lost { .. } | Command::Report { .. } => t.stays_completed(),
        Command::Stop { .. } | Command::Resume { .. } | Command::Finish { .. } => t.stays_completed(),
        Command::Recover | Command::CatchUp(_) => t.stays_completed(),
    }),
    ("reports of dead attempts are dropped", |t| {
        let is_report = matches!(t.command, Command::Report { .. } | Command::Lost { .. });
        !is_report || t.is_of_live() || t.loses_server() || t.decided == &Ok(vec![])
    }),
    ("a launch only from the queue", |t| {
        let queued = matches!(t.before.phase(), Phase::Queued { .. });
        let launched = t.decided.iter().flatten().any(|event| matches!(event, Event::Launched { .. }));
        let asked = matches!(t.command, Command::Launch);
        launched == (queued && asked) && (!launched || matches!(t.after.phase(), Phase::Running { .. }))
    }),
    ("the session knows which attempt lives", |t| t.after.live_attempt() == t.world.live.map(|(attempt, _)| attempt)),
    ("a refusal changes nothing", |t| t.decided.is_ok() || (t.after == t.before && t.effects.is_empty())),
    ("the clock is wanted exactly where it is needed", |t| {
        let wanted = match t.after.phase() {
            Phase::Waiting { next_try, .. } => Some(*next_try),
            Phase::Cancelling { stage: CancelStage::Stopping { deadline, urgency: Urgency::InTime, .. }, .. }
            | Phase::Cancelling { stage: CancelStage::Disposing { deadline, urgency: Urgency::InTime, .. }, .. } => {
                Some(*deadline)
            }
            Phase::Queued { .. } | Phase::Running { .. } | Phase::Stuck { .. } | Phase::Paused { .. } => None,
            Phase::Cancelling { .. } | Phase::Completed { .. } => None,
        };
        t.next_wake == wanted
    }),
    ("a wake acts when it is due, or further away than it may be, and never else", |t| {
        let woke = matches!(t.command, Command::Wake);
        let wanted = t.is_due() || t.was_set_back();
        !woke || t.decided.as_ref().is_ok_and(|events| events.is_empty() != wanted)
    }),
    ("D2 a clock that is set back makes no wait longer than one pause", |t| {
        let woke = matches!(t.command, Command::Wake);
        !woke || t.next_wake.is_none_or(|wake| wake <= t.now + pause(t.after))
    }),
    ("D2 a clock that is set back takes no try and gives none", |t| {
        let (Phase::Waiting { tries_used, failure, .. }, true) = (t.before.phase(), t.was_set_back()) else {
            return true;
        };
        let same = |phase: &Phase| matches!(phase, Phase::Waiting { tries_used: used, failure: last, .. } if used == tries_used && last == failure);
        same(t.after.phase()) && t.after.tries_total() == t.before.tries_total()
    }),
    ("S1 the first cause is the one that began the disruption, also where waiting cannot cure it", |t| {
        let Phase::Stuck { failure, reason, .. } = t.after.phase() else { return true };
        let began = match (reason, t.before.first_cause()) {
            (StuckReason::Incurable | StuckReason::Bug, _) if !is_stuck(t.before) => Some(failure),
            (StuckReason::TriesUsedUp, None) if !is_stuck(t.before) => Some(failure),
            (_, pinned) => pinned,
        };
        t.after.first_cause() == began
    }),
    ("the first cause is pinned", |t| {
        let waits = matches!(t.after.phase(), Phase::Waiting { .. } | Phase::Stuck { .. });
        let kept = t.before.first_cause().is_none_or(|first| {
            t.after.first_cause() == Some(first) || !matches!(t.after.phase(), Phase::Waiting { .. })
        });
        (!waits || t.after.first_cause().is_some()) && kept
    }),
];

/// Checks every rule on one turn.
pub(crate) fn check(turn: &Turn<'_>) -> Result<(), Broken> {
    kind_invariants::RULES.iter().chain(RULES).try_for_each(|(rule, holds)| {
        hold(rule, holds(turn), || {
            let (before, after) = (turn.before.phase(), turn.after.phase());
            format!("{before:?}\n  {:?}\n  {:?}\n  {after:?}\n  {:?}", turn.command, turn.decided, turn.world)
        })
    })
}

impl Turn<'_> {
    fn is_due(&self) -> bool {
        matches!(self.command, Command::Wake) && self.last_wake.is_some_and(|wake| wake <= self.now)
    }

    /// Whether the clock came and found a wait that is longer than one pause.
    fn was_set_back(&self) -> bool {
        let far = |wake: Timestamp| wake > self.now + pause(self.before);
        matches!(self.command, Command::Wake) && self.last_wake.is_some_and(far)
    }

    fn stays_completed(&self) -> bool {
        !is_completed(self.before) || self.after == self.before
    }

    /// Whether the command is a word of the attempt that lives.
    fn is_of_live(&self) -> bool {
        let (Command::Report { attempt, .. } | Command::Lost { attempt }) = self.command else { return false };
        self.past.live.is_some_and(|(live, _)| live == *attempt)
    }

    /// Whether a restore told its success just now.
    fn restored(&self) -> bool {
        let Command::Report { report: Report::Over(Some(End::Succeeded(_))), .. } = self.command else { return false };
        self.is_of_live() && self.past.live.is_some_and(|(_, restores)| restores)
    }

    /// Whether a verification told just now that the backup is damaged.
    pub(crate) fn found_damage(&self) -> bool {
        let Command::Report { report: Report::Over(Some(End::Damaged(_))), .. } = self.command else { return false };
        self.is_of_live() && self.past.live.is_some_and(|(_, works)| works)
    }

    /// Whether the session ends as failed when no try helps any more.
    pub(crate) fn gives_up(&self) -> bool {
        let order = self.after.order();
        self.after.policy().when_used_up == WhenUsedUp::Fail && order.kind() == Kind::Backup
    }

    /// Whether a running attempt went down with its owner just now.
    fn lost(&self) -> bool {
        let running = matches!(self.before.phase(), Phase::Running { .. });
        running && matches!(self.command, Command::Lost { .. }) && self.is_of_live()
    }

    /// Whether the server that an attempt has left at its pause is gone since just now.
    pub(crate) fn loses_server(&self) -> bool {
        let Command::Lost { attempt } = self.command else { return false };
        matches!(self.before.phase(), Phase::Paused { .. }) && self.past.newest == *attempt
    }

    /// Whether a running attempt was disrupted just now, or what one has left.
    fn disrupted(&self) -> bool {
        self.failed(FailureClass::Disruption) || self.lost() || self.loses_server()
    }

    /// Whether a running attempt told a failure of this class just now.
    fn failed(&self, class: FailureClass) -> bool {
        let Phase::Running { .. } = self.before.phase() else { return false };
        let Command::Report { report, .. } = self.command else { return false };
        let of = |failure: &Failure| failure.class == class;
        let shown = match report {
            Report::NotLaunched(failure) | Report::Over(Some(End::Failed(failure))) => of(failure),
            Report::Over(None | Some(End::Stopped)) => class == FailureClass::Disruption,
            Report::Over(Some(End::Disposed(_))) => class == FailureClass::Bug,
            Report::Over(Some(End::Succeeded(_) | End::Damaged(_) | End::Paused(_))) | Report::Fact(_) => false,
        };
        shown && self.is_of_live()
    }
}

/// How long the clock lets a session wait before it looks after it again.
const fn pause(session: &Session) -> Duration {
    if is_cancelling(session) { CANCEL_GRACE } else { session.policy().every }
}

pub(crate) const fn is_completed(session: &Session) -> bool {
    matches!(session.phase(), Phase::Completed { .. })
}

pub(crate) const fn is_cancelling(session: &Session) -> bool {
    matches!(session.phase(), Phase::Cancelling { .. })
}

pub(crate) const fn is_stuck(session: &Session) -> bool {
    matches!(session.phase(), Phase::Stuck { .. })
}

const fn is_retry(command: &Command) -> bool {
    matches!(command, Command::Retry { .. })
}

pub(crate) const fn outcome(session: &Session) -> Option<&Outcome> {
    if let Phase::Completed { outcome, .. } = session.phase() { Some(outcome) } else { None }
}

pub(crate) const fn cause_in_queue(session: &Session) -> Option<Cause> {
    if let Phase::Queued { cause, .. } = session.phase() { Some(*cause) } else { None }
}

const fn urgency(session: &Session) -> Option<Urgency> {
    if let Phase::Cancelling { stage, .. } = session.phase() {
        let (CancelStage::Stopping { urgency, .. } | CancelStage::Disposing { urgency, .. }) = stage;
        return Some(*urgency);
    }
    None
}
