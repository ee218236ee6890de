//! What the workers of one session have told so far, and where the work stands by that.

use howdah::{
    attempt::{
        AttemptDir,
        tail::{Line, Tail},
    },
    domain::{
        AttemptNo, SessionId, Step, StepState,
        fact::{End, Fact, FactLine, ProcessMark},
        ticket::Ticket,
    },
};
use std::{
    collections::BTreeMap,
    fmt, fs,
    path::{Path, PathBuf},
};

/// Where an attempt stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// No attempt has been launched, or the next one has not.
    Before,
    /// It has been launched and does nothing yet.
    Launch,
    /// A step is under way.
    In(Step),
    /// One step is done and the next has not begun.
    Between,
    /// It has said how it ended.
    Ended,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Before => f.pad("before"),
            Self::Launch => f.pad("launch"),
            Self::In(step) => f.pad(&step.to_string()),
            Self::Between => f.pad("between"),
            Self::Ended => f.pad("ended"),
        }
    }
}

/// The attempts of session 1 of a state directory, read as they grow.
pub(crate) struct Observer {
    state: PathBuf,
    session: PathBuf,
    attempts: BTreeMap<u32, (Tail, Vec<Fact>)>,
}

impl Observer {
    pub(crate) fn of(state: &Path) -> Self {
        Self { state: state.to_owned(), session: state.join("attempts/1"), attempts: BTreeMap::new() }
    }

    pub(crate) fn directory(&self, attempt: u32) -> PathBuf {
        self.session.join(attempt.to_string())
    }

    /// The number of the newest attempt that has a directory; 0 before the first. One whose owner died before it could
    /// make the directory has none.
    pub(crate) fn newest(&self) -> u32 {
        let entries = fs::read_dir(&self.session).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).max().unwrap_or(0)
    }

    /// What an attempt has told so far.
    pub(crate) fn facts(&mut self, attempt: u32) -> &[Fact] {
        if !self.attempts.contains_key(&attempt) {
            let place = AttemptDir::new(&self.state, SessionId(1), AttemptNo(attempt));
            let ticket = fs::read(place.ticket()).ok();
            let Some(ticket) = ticket.and_then(|ticket| serde_json::from_slice::<Ticket>(&ticket).ok()) else {
                return &[];
            };
            self.attempts.insert(attempt, (Tail::new(&place, ticket.session_uuid), Vec::new()));
        }
        let (tail, facts) = self.attempts.get_mut(&attempt).expect("it was put there just now");
        for line in tail.read().unwrap() {
            match line {
                Line::Fact(fact) => facts.push(*fact),
                Line::Unreadable(why) => panic!("attempt {attempt} told what cannot be read: {why}"),
            }
        }
        facts
    }

    pub(crate) fn stage(&mut self) -> Stage {
        let newest = self.newest();
        if newest == 0 {
            return Stage::Before;
        }
        let shown = self.facts(newest).iter().rev().find_map(|fact| match fact {
            Fact::Ended(_) => Some(Stage::Ended),
            Fact::Step { step, state: StepState::Running { .. } } => Some(Stage::In(*step)),
            Fact::Step { .. } => Some(Stage::Between),
            _ => None,
        });
        shown.unwrap_or(Stage::Launch)
    }

    /// Whether an attempt has begun this step.
    pub(crate) fn has_begun(&mut self, attempt: u32, wanted: Step) -> bool {
        let begun = |fact: &Fact| matches!(fact, Fact::Step { step, .. } if *step == wanted);
        self.facts(attempt).iter().any(begun)
    }

    /// Whether an attempt, the newest, has succeeded.
    pub(crate) fn is_done(&mut self) -> bool {
        let newest = self.newest();
        newest > 0 && matches!(self.facts(newest).last(), Some(Fact::Ended(End::Succeeded(_))))
    }

    /// The worker of an attempt, once it has told.
    pub(crate) fn worker(&mut self, attempt: u32) -> Option<ProcessMark> {
        self.facts(attempt).iter().find_map(|fact| match fact {
            Fact::Began(began) => Some(began.mark()),
            _ => None,
        })
    }

    /// All lines of all attempts with their times, attempt by attempt.
    pub(crate) fn lines(&self) -> Vec<Vec<FactLine>> {
        (1..=self.newest()).map(|attempt| lines_of(&self.directory(attempt))).collect()
    }
}

/// All lines of one attempt.
fn lines_of(attempt: &Path) -> Vec<FactLine> {
    let text = fs::read_to_string(attempt.join("events.jsonl")).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// All lines of all attempts below the directory of a session.
pub(crate) fn lines_below(session: &Path) -> Vec<FactLine> {
    let attempts = fs::read_dir(session).into_iter().flatten().flatten();
    attempts.flat_map(|attempt| lines_of(&attempt.path())).collect()
}
