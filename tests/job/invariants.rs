//! What must be true of every turn of a run that the search can find, rule by rule, and the observer who knows only what
//! went in and what came out.

use super::{
    model::{Broken, hold, session_of},
    search::{cancelled, failed, made},
};
use howdah::{
    domain::{JobResult, SessionId, StopMode},
    machine::{
        Refusal,
        job::{JobCommand, JobEffect, JobEvent, JobPhase, JobRow, JobRun, ObjectEnd, ObjectState},
    },
};

/// What is true in the world outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Witness {
    sessions: Vec<Option<WorldSession>>,
    /// How the run was last told to stop.
    pub(crate) stop: Option<StopMode>,
    /// Objects that no session could be made for.
    refused: usize,
}

/// The session of one object.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of the world, true beside any of the others")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WorldSession {
    /// Whether it has not ended.
    alive: bool,
    /// Whether it ever made an attempt.
    begun: bool,
    by_hand: bool,
    cancel: bool,
    finish: bool,
    made: bool,
}

impl Witness {
    pub(crate) fn new(objects: usize) -> Self {
        Self { sessions: vec![None; objects], stop: None, refused: 0 }
    }

    /// All that ever were.
    pub(crate) fn sessions(&self) -> impl Iterator<Item = WorldSession> {
        self.sessions.iter().flatten().copied()
    }

    fn alive(&self) -> Vec<SessionId> {
        let alive = |session: &Option<WorldSession>| session.is_some_and(|session| session.alive);
        let all = self.sessions.iter().enumerate().filter(|(_, session)| alive(session));
        all.map(|(object, _)| session_of(object)).collect()
    }

    /// The objects whose session may make its first attempt now.
    pub(crate) fn may_begin(&self) -> Vec<usize> {
        let may = |session: &WorldSession| session.alive && !session.begun && !session.cancel;
        let all = self.sessions.iter().enumerate();
        all.filter(|(_, session)| session.as_ref().is_some_and(may)).map(|(object, _)| object).collect()
    }

    pub(crate) fn begin(&mut self, object: usize) {
        if let Some(session) = &mut self.sessions[object] {
            session.begun = true;
        }
    }

    /// How the session of an object may end now; of one that has ended, or never was, how it may not.
    pub(crate) fn ends(&self, object: usize) -> Vec<ObjectEnd> {
        let Some(Some(session)) = self.sessions.get(object).copied().filter(|of| of.is_some_and(|of| of.alive)) else {
            return vec![made(), cancelled(true)];
        };
        let wanted = session.cancel || session.by_hand;
        let mut ends = Vec::new();
        if session.begun {
            ends.extend([made(), failed()]);
            ends.extend(wanted.then(|| cancelled(true)));
        } else if wanted || session.finish {
            ends.push(cancelled(false));
        }
        ends
    }

    /// Takes in what happened outside, and whether the machine agreed.
    pub(crate) fn hear(&mut self, before: &JobRun, command: &JobCommand, agreed: bool) {
        let place = |session: SessionId| usize::try_from(session.0 - session_of(0).0).unwrap();
        match command {
            JobCommand::ObjectStarted { object, .. } if agreed => {
                let new = WorldSession {
                    alive: true,
                    begun: false,
                    by_hand: false,
                    cancel: false,
                    finish: false,
                    made: false,
                };
                self.sessions[*object] = Some(new);
            }
            JobCommand::ObjectRefused { .. } if agreed => self.refused += 1,
            JobCommand::ObjectCancelRequested { session, .. } => {
                if let Some(Some(session)) = self.sessions.get_mut(place(*session)) {
                    session.by_hand |= session.alive;
                }
            }
            JobCommand::ObjectEnded { session, end } => {
                if let Some(Some(session)) = self.sessions.get_mut(place(*session))
                    && session.alive
                {
                    (session.alive, session.made) = (false, matches!(end, ObjectEnd::Succeeded { .. }));
                }
            }
            JobCommand::Stop { mode, .. } if agreed && before.is_ongoing() => self.stop = Some(*mode),
            JobCommand::Stop { .. } | JobCommand::Dismiss { .. } => {}
            JobCommand::ObjectStarted { .. } | JobCommand::ObjectRefused { .. } => {}
        }
    }

    /// Takes in what was asked of the sessions.
    pub(crate) fn see(&mut self, effects: &[JobEffect]) {
        for effect in effects {
            let (JobEffect::Cancel { session } | JobEffect::Finish { session }) = effect;
            for (object, known) in self.sessions.iter_mut().enumerate() {
                if let (Some(known), true) = (known, session_of(object) == *session) {
                    known.cancel |= matches!(effect, JobEffect::Cancel { .. });
                    known.finish |= matches!(effect, JobEffect::Finish { .. });
                }
            }
        }
    }

    /// What a later turn can depend on: of what has ended only whether anything had begun.
    pub(crate) fn key(&self) -> String {
        let alive: Vec<_> = self.sessions.iter().map(|session| session.filter(|session| session.alive)).collect();
        let begun = self.sessions().any(|session| session.begun || session.by_hand);
        format!("{alive:?} {begun} {:?} {}", self.stop, self.refused > 0)
    }

    /// How a run must end of which all is known (R35, R43, D8).
    fn result(&self) -> JobResult {
        let made = self.sessions().filter(|session| session.made).count();
        match self.stop {
            Some(StopMode::Immediate) => JobResult::Failed,
            Some(StopMode::Graceful) if made > 0 => JobResult::Stopped,
            Some(StopMode::Graceful) => JobResult::Failed,
            None if made == self.sessions.len() => JobResult::Success,
            None if made > 0 => JobResult::Warning,
            None => JobResult::Failed,
        }
    }
}

/// One turn of one run, seen from outside.
pub(crate) struct Turn<'a> {
    pub(crate) before: &'a JobRun,
    pub(crate) command: &'a JobCommand,
    pub(crate) decided: &'a Result<Vec<JobEvent>, Refusal>,
    pub(crate) effects: &'a [JobEffect],
    pub(crate) after: &'a JobRun,
    /// The world before the turn.
    pub(crate) past: &'a Witness,
    /// The world after it.
    pub(crate) world: &'a Witness,
    /// What may be begun after the turn.
    pub(crate) startable: &'a [usize],
    /// What might be begun before it.
    pub(crate) was_startable: &'a [usize],
}

type Rule = (&'static str, fn(&Turn<'_>) -> bool);

const RULES: &[Rule] = &[
    ("a refusal changes nothing", |t| t.decided.is_ok() || (t.after == t.before && t.effects.is_empty())),
    ("R30 an immediate stop works at any moment", |t| {
        let open = t.before.is_ongoing() && t.before.stopping() != Some(StopMode::Immediate);
        !(open && t.asks(StopMode::Immediate)) || (t.decided.is_ok() && t.world.stop == Some(StopMode::Immediate))
    }),
    ("R31 R36 what is finished stays as it is", |t| {
        t.before.objects().iter().zip(t.after.objects()).all(|(before, after)| is_open(before) || before == after)
    }),
    ("R32 immediately stopped, what was cancelled in process has no restore point", |t| {
        let stopped = t.world.stop == Some(StopMode::Immediate);
        !stopped || t.ended_cancelled().is_none_or(|state| !matches!(state, ObjectState::Succeeded { .. }))
    }),
    ("R33 R38 stopped, what has not begun never does", |t| {
        let pending = t.after.objects().contains(&ObjectState::Pending);
        let begins =
            matches!(t.command, JobCommand::ObjectStarted { .. }) && t.past.stop.is_some() && t.decided.is_ok();
        t.world.stop.is_none() || !(pending || begins || !t.startable.is_empty())
    }),
    ("R34 immediately stopped, each session in process is cancelled", |t| {
        !(t.stops(StopMode::Immediate)) || t.effects == t.all(|session| JobEffect::Cancel { session })
    }),
    ("R37 gracefully stopped, each session in process is brought to its end", |t| {
        !(t.stops(StopMode::Graceful)) || t.effects == t.all(|session| JobEffect::Finish { session })
    }),
    ("a run asks only by a stop, and only of sessions in process", |t| {
        let of = |effect: &JobEffect| match effect {
            JobEffect::Cancel { session } | JobEffect::Finish { session } => t.past.alive().contains(session),
        };
        let stops = StopMode::ALL.into_iter().any(|mode| t.stops(mode));
        (stops || t.effects.is_empty()) && t.effects.iter().all(of)
    }),
    ("R37 made is made, whenever it was", |t| {
        let count = t.after.objects().iter().filter(|state| matches!(state, ObjectState::Succeeded { .. })).count();
        count == t.world.sessions().filter(|session| session.made).count()
    }),
    ("R39 R40 graceful where the kind allows it, and only there", |t| {
        let running = matches!(t.before.phase(), JobPhase::Running);
        let forbidden = t.before.spec().kind().forbids(StopMode::Graceful).is_some();
        let refused = matches!(t.decided, Err(Refusal::StopForbidden { mode: StopMode::Graceful, .. }));
        !(running && t.asks(StopMode::Graceful)) || (refused == forbidden && t.decided.is_ok() != forbidden)
    }),
    ("R41 objects begin in the order of the settings", |t| {
        let first = t.before.objects().iter().position(|state| *state == ObjectState::Pending);
        let ordered = match t.command {
            JobCommand::ObjectStarted { object, .. } if t.decided.is_ok() && t.before.spec().at_once().get() == 1 => {
                first == Some(*object)
            }
            JobCommand::ObjectStarted { object, .. } => t.decided.is_err() || t.was_startable.contains(object),
            JobCommand::ObjectRefused { .. } | JobCommand::ObjectCancelRequested { .. } => true,
            JobCommand::ObjectEnded { .. } | JobCommand::Stop { .. } | JobCommand::Dismiss { .. } => true,
        };
        let next = t.after.objects().iter().position(|state| *state == ObjectState::Pending);
        ordered && t.startable.is_sorted() && t.startable.first().is_none_or(|first| Some(*first) == next)
    }),
    ("never more objects in process than may be", |t| {
        let most = usize::from(t.after.spec().at_once().get());
        t.after.processing().count() + t.startable.len() <= most
    }),
    ("a run never stands still", |t| !t.after.is_ongoing() || !t.startable.is_empty() || !t.world.alive().is_empty()),
    ("R42 the details show what is in process", |t| {
        let shown: Vec<SessionId> = t.after.processing().map(|(_, session)| session).collect();
        shown == t.world.alive() && t.after.objects().len() == t.after.spec().objects().len()
    }),
    ("D6 a run has ended when its sessions have, and not before", |t| {
        let ended = t.after.objects().iter().all(|state| !is_open(state));
        t.after.is_ongoing() != ended && (t.after.is_ongoing() || t.world.alive().is_empty())
    }),
    ("R35 R43 D8 a run ends as what became of its objects, and of its stop", |t| match t.after.phase() {
        JobPhase::Done { result, .. } => *result == t.world.result(),
        JobPhase::Running | JobPhase::StoppingGracefully { .. } | JobPhase::StoppingImmediately { .. } => true,
    }),
    ("a cancelled session that nobody but the run wanted is no failed object", |t| {
        let stopped = t.world.stop.is_some();
        let by_hand = t.ended_by_hand();
        t.ended_cancelled().is_none_or(|state| {
            let failed = matches!(state, ObjectState::Failed { .. });
            failed == (by_hand || !stopped)
        })
    }),
    ("R43 the sentence is there when nothing had begun, and only then", |t| {
        let JobPhase::Done { detail, .. } = t.after.phase() else { return true };
        let none = t.world.refused == 0 && t.world.sessions().all(|session| !session.begun && !session.by_hand);
        let meant = t.world.stop == Some(StopMode::Graceful) && none;
        (detail == "Operation was canceled by user") == meant
    }),
    ("a second stop only makes a graceful one immediate", |t| {
        let (JobCommand::Stop { mode, .. }, Some(current)) = (t.command, t.before.stopping()) else { return true };
        let hardens = (current, *mode) == (StopMode::Graceful, StopMode::Immediate);
        let refused = t.decided == &Err(Refusal::JobStopping { current, mode: *mode });
        hardens != refused
    }),
    ("what has ended is neither stopped nor begun", |t| {
        let JobPhase::Done { result, .. } = t.before.phase() else { return true };
        match t.command {
            JobCommand::Stop { .. } => t.decided == &Err(Refusal::JobEnded { result: *result }),
            JobCommand::Dismiss { .. } => t.decided.is_ok() && t.after.is_dismissed(),
            JobCommand::ObjectStarted { .. } | JobCommand::ObjectRefused { .. } => t.decided.is_err(),
            JobCommand::ObjectCancelRequested { .. } | JobCommand::ObjectEnded { .. } => t.after == t.before,
        }
    }),
    ("D10 a run stays until it is dismissed", |t| {
        let dismisses = matches!(t.command, JobCommand::Dismiss { .. });
        let open = t.before.is_ongoing();
        !(dismisses && open) || t.decided == &Err(Refusal::JobOngoing)
    }),
    ("a list has what has ended", |t| JobRow::of(t.after).is_some() != t.after.is_ongoing()),
];

/// Checks every rule on one turn.
pub(crate) fn check(turn: &Turn<'_>) -> Result<(), Broken> {
    RULES.iter().try_for_each(|(rule, holds)| {
        hold(rule, holds(turn), || {
            let shown = |run: &JobRun| format!("{:?} {:?}", run.phase(), run.objects());
            let (before, after) = (shown(turn.before), shown(turn.after));
            format!("{before}\n  {:?}\n  {:?}\n  {after}\n  {:?}", turn.command, turn.decided, turn.world)
        })
    })
}

impl Turn<'_> {
    fn asks(&self, wanted: StopMode) -> bool {
        matches!(self.command, JobCommand::Stop { mode, .. } if *mode == wanted)
    }

    /// Whether the run was stopped so just now.
    fn stops(&self, wanted: StopMode) -> bool {
        self.asks(wanted) && self.decided.is_ok()
    }

    /// What is asked when the same is asked of each session in process.
    fn all(&self, ask: fn(SessionId) -> JobEffect) -> Vec<JobEffect> {
        self.past.alive().into_iter().map(ask).collect()
    }

    /// The object whose session was in process and ended as cancelled just now.
    fn cancelled_object(&self) -> Option<usize> {
        let JobCommand::ObjectEnded { session, end: ObjectEnd::Cancelled { .. } } = self.command else { return None };
        self.before.processing().find(|(_, of)| of == session).map(|(object, _)| object)
    }

    fn ended_cancelled(&self) -> Option<&ObjectState> {
        self.after.objects().get(self.cancelled_object()?)
    }

    fn ended_by_hand(&self) -> bool {
        let of = self.cancelled_object().and_then(|object| self.past.sessions.get(object).copied().flatten());
        of.is_some_and(|session| session.by_hand)
    }
}

const fn is_open(state: &ObjectState) -> bool {
    matches!(state, ObjectState::Pending | ObjectState::Processing { .. })
}
