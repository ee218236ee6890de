//! The script of a recording: what is waited for, pressed and typed. It waits for what happens, never for a time.

use crate::{
    domain::{InstanceName, Step},
    machine::{Phase, Session},
    manager::{CompletedResult, Snapshot},
};
use std::{fmt, str::FromStr, time::Duration};
use thiserror::Error;

/// One step of a script; `K` is what the screen calls a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action<K> {
    /// Nothing is done until this holds; the line of the file is for an error.
    Wait(Condition, usize),
    /// Keys that somebody who knows them presses.
    Press(Vec<K>),
    /// Text that is typed.
    Type(Vec<K>),
    /// A reader needs so long.
    Pause(Duration),
    /// The moment gets a name.
    Mark(String),
}

/// Something that is true of the sessions or of the screen at some moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// A session of this title stands so.
    Session(InstanceName, Stands),
    /// No session is ongoing, and no run of a job.
    NothingOngoing,
    /// This text is on the screen.
    Screen(String),
}

/// How a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the phases")]
pub enum Stands {
    Queued,
    Running,
    Waiting,
    Stuck,
    Cancelling,
    Done,
    Cancelled,
    /// Its server replays WAL.
    Replaying,
    /// It holds a restore point open.
    Open,
    /// Its recovery waits at its goal.
    Paused,
    /// At least so many hundredths of its bytes are there.
    Copied(u8),
    /// At least so many tries were made.
    Tries(u32),
}

/// A text that is no condition.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{0:?} is nothing that can be waited for: write session NAME is queued, running, waiting, stuck, cancelling, done, \
     cancelled, replaying, open or paused; session NAME has copied N%; session NAME has made N tries; nothing is ongoing; or screen \
     shows TEXT"
)]
pub struct NotACondition(String);

impl Condition {
    /// Whether it holds.
    pub fn holds(&self, snapshot: &Snapshot, screen: impl FnOnce() -> String) -> bool {
        match self {
            Self::Session(name, stands) => {
                let ongoing = snapshot.ongoing.iter().filter(|session| session.title() == name);
                let ended = |result| snapshot.completed.iter().any(|row| row.title == *name && row.result == result);
                match stands {
                    Stands::Done => ended(CompletedResult::Succeeded),
                    Stands::Cancelled => ended(CompletedResult::Cancelled),
                    Stands::Queued
                    | Stands::Running
                    | Stands::Waiting
                    | Stands::Stuck
                    | Stands::Cancelling
                    | Stands::Replaying
                    | Stands::Paused
                    | Stands::Open
                    | Stands::Copied(_)
                    | Stands::Tries(_) => ongoing.into_iter().any(|session| stands.is_true_of(session)),
                }
            }
            Self::NothingOngoing => snapshot.ongoing.is_empty() && snapshot.runs.is_empty(),
            Self::Screen(text) => screen().contains(text),
        }
    }
}

impl Stands {
    /// Whether an ongoing session stands so.
    fn is_true_of(self, session: &Session) -> bool {
        let phase = session.phase();
        match self {
            Self::Queued => matches!(phase, Phase::Queued { .. }),
            Self::Running => matches!(phase, Phase::Running { .. }),
            Self::Waiting => matches!(phase, Phase::Waiting { .. }),
            Self::Stuck => matches!(phase, Phase::Stuck { .. }),
            Self::Cancelling => matches!(phase, Phase::Cancelling { .. }),
            Self::Done | Self::Cancelled => false,
            Self::Open => session.open_at().is_some(),
            Self::Paused => matches!(phase, Phase::Paused { .. }),
            Self::Replaying => session.current_step() == Some(Step::Replay),
            Self::Copied(hundredths) => session.progress().ratio() * 100.0 >= f64::from(hundredths),
            Self::Tries(tries) => session.tries_total() >= tries,
        }
    }
}

impl FromStr for Condition {
    type Err = NotACondition;

    fn from_str(text: &str) -> Result<Self, NotACondition> {
        let refuse = || NotACondition(text.to_owned());
        if text == "nothing is ongoing" {
            return Ok(Self::NothingOngoing);
        }
        if let Some(shown) = text.strip_prefix("screen shows ").filter(|shown| !shown.is_empty()) {
            return Ok(Self::Screen(shown.to_owned()));
        }
        let words: Vec<&str> = text.split(' ').collect();
        let (name, stands) = match words.as_slice() {
            ["session", name, "is", state] => (name, Stands::named(state).ok_or_else(refuse)?),
            ["session", name, "has", "copied", share] => {
                let share = share.strip_suffix('%').and_then(|share| share.parse().ok());
                (name, share.filter(|share| *share <= 100).map(Stands::Copied).ok_or_else(refuse)?)
            }
            ["session", name, "has", "made", tries, "try" | "tries"] => {
                (name, tries.parse().map(Stands::Tries).map_err(|_| refuse())?)
            }
            _ => return Err(refuse()),
        };
        Ok(Self::Session(InstanceName::new(name), stands))
    }
}

impl Stands {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "queued" => Self::Queued,
            "running" => Self::Running,
            "waiting" => Self::Waiting,
            "stuck" => Self::Stuck,
            "cancelling" => Self::Cancelling,
            "done" => Self::Done,
            "cancelled" => Self::Cancelled,
            "replaying" => Self::Replaying,
            "open" => Self::Open,
            "paused" => Self::Paused,
            _ => return None,
        })
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session(name, stands) => write!(f, "session {name} {stands}"),
            Self::NothingOngoing => f.write_str("nothing is ongoing"),
            Self::Screen(text) => write!(f, "screen shows {text}"),
        }
    }
}

impl fmt::Display for Stands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Queued => f.write_str("is queued"),
            Self::Running => f.write_str("is running"),
            Self::Waiting => f.write_str("is waiting"),
            Self::Stuck => f.write_str("is stuck"),
            Self::Cancelling => f.write_str("is cancelling"),
            Self::Done => f.write_str("is done"),
            Self::Cancelled => f.write_str("is cancelled"),
            Self::Replaying => f.write_str("is replaying"),
            Self::Open => f.write_str("is open"),
            Self::Paused => f.write_str("is paused"),
            Self::Copied(hundredths) => write!(f, "has copied {hundredths}%"),
            Self::Tries(1) => f.write_str("has made 1 try"),
            Self::Tries(tries) => write!(f, "has made {tries} tries"),
        }
    }
}
