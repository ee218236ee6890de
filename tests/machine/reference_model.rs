//! An observer that knows only what went into the machine and what came out of it, and what the rules make of that.

use super::model::{Broken, hold};
use howdah::{
    domain::{
        AttemptNo, Reached,
        fact::{End, Fact},
        ticket::Work,
    },
    machine::{Command, Effect, Event, Phase, Report, Session},
};

/// Whose wish the next attempt is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    Order,
    Clock,
    Person,
}

/// What is true in the world outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Witness {
    /// The attempt that is alive, and whether it restores.
    pub(crate) live: Option<(AttemptNo, bool)>,
    /// The newest attempt ever launched.
    pub(crate) newest: AttemptNo,
    /// Who asked last for an attempt.
    pub(crate) wish: Wish,
    /// Attempts that the clock has started in this disruption.
    pub(crate) tries: u32,
    /// The furthest that any ended attempt came.
    pub(crate) furthest: Reached,
    /// How far the live one has come.
    pub(crate) reached: Reached,
    /// Whether data was last told to be dealt with.
    pub(crate) disposed: bool,
    /// Whether the attempt that runs or is queued is to be the last one.
    pub(crate) finishing: bool,
}

impl Witness {
    pub(crate) const fn new() -> Self {
        let nothing = Reached { wal: howdah::domain::Lsn(0), bytes: howdah::domain::ByteCount(0) };
        Self {
            live: None,
            newest: AttemptNo(0),
            wish: Wish::Order,
            tries: 0,
            furthest: nothing,
            reached: nothing,
            disposed: false,
            finishing: false,
        }
    }

    /// Whether the live attempt is past all before it.
    pub(crate) fn got_through(&self) -> bool {
        self.reached > self.furthest
    }

    /// Takes in what happened outside, before the machine hears of it.
    pub(crate) fn hear(&mut self, session: &Session, command: &Command) {
        let live = self.live.map(|(attempt, _)| attempt);
        match command {
            Command::Report { attempt, report } if Some(*attempt) == live => self.hear_report(report, session),
            Command::Lost { attempt } if Some(*attempt) == live => {
                self.end();
            }
            Command::Retry { .. }
            | Command::Cancel { .. }
            | Command::Stop { .. }
            | Command::Finish { .. }
            | Command::Resume { .. }
            | Command::Force { .. }
            | Command::Dismiss { .. }
            | Command::Recover
            | Command::CatchUp(_)
            | Command::Launch
            | Command::Wake
            | Command::Lost { .. }
            | Command::Report { .. } => {}
        }
    }

    fn hear_report(&mut self, report: &Report, session: &Session) {
        match report {
            // What a stopping attempt still does is no progress of the session any more.
            Report::Fact(Fact::Progress(progress)) if matches!(session.phase(), Phase::Running { .. }) => {
                self.reached = self.reached.max(progress.reached());
                if self.got_through() {
                    self.tries = 0;
                }
            }
            Report::Over(end) => {
                // Where it was to get, nothing disrupts it any more.
                if matches!(end, Some(End::Paused(_))) && matches!(session.phase(), Phase::Running { .. }) {
                    self.tries = 0;
                }
                self.disposed = matches!(self.live, Some((_, false)));
                // The end of a disposal is an end of it however it went; a stop is one of the attempt.
                debug_assert!(!matches!(end, Some(End::Disposed(_))) || self.live.is_some());
                self.end();
            }
            Report::NotLaunched(_) => {
                self.disposed = matches!(self.live, Some((_, false)));
                self.end();
            }
            Report::Fact(_) => {}
        }
    }

    fn end(&mut self) {
        self.live = None;
        self.furthest = self.furthest.max(self.reached);
        self.reached = Self::new().reached;
    }

    /// Takes in one event and the effect it asks for.
    pub(crate) fn see(&mut self, event: &Event, effect: Option<&Effect>) -> Result<(), Broken> {
        if let Event::Requeued { by, .. } = event {
            self.wish = if by.is_some() { Wish::Person } else { Wish::Clock };
            if self.wish == Wish::Person {
                (self.tries, self.finishing) = (0, false);
            }
        }
        self.finishing |= matches!(event, Event::FinishRequested { .. });
        if matches!(event, Event::Resumed { .. }) {
            (self.wish, self.tries) = (Wish::Person, 0);
        }
        let Some(effect) = effect else { return Ok(()) };
        hold("an effect is durable first", event.is_durable(), || format!("{event:?} asks for {effect:?}"))?;
        match effect {
            Effect::Launch { attempt, work } => {
                hold("one attempt at a time", self.live.is_none(), || format!("{attempt} beside {:?}", self.live))?;
                hold("numbers grow", *attempt > self.newest, || format!("{attempt} after {}", self.newest))?;
                let restores = matches!(work.as_ref(), Work::Run(_));
                if restores && self.wish == Wish::Clock {
                    self.tries += 1;
                }
                (self.live, self.newest) = (Some((*attempt, restores)), *attempt);
            }
            Effect::Stop { attempt } | Effect::Kill { attempt } => {
                let meant = self.live.is_some_and(|(live, _)| live == *attempt);
                hold("only the live attempt is signalled", meant, || format!("{effect:?}, alive: {:?}", self.live))?;
            }
        }
        Ok(())
    }
}
