//! What the attempts of one run have told, and the programs that they have started.

use crate::processes::{arguments, pids};
use howdah::{
    domain::{
        Step, StepState, Timestamp,
        fact::{Fact, FactLine, ProcessMark},
    },
    process::mark,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::ffi::OsStrExt,
    path::Path,
};

/// All lines of all attempts, by session and attempt.
pub(crate) struct Sessions(BTreeMap<(u64, u64), Vec<FactLine>>);

/// The sessions of a state directory. A line that is being written does not count yet.
pub(crate) fn sessions(state: &Path) -> Sessions {
    let numbers = |directory: &Path| -> Vec<u64> {
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
    };
    let mut found = BTreeMap::new();
    let attempts = state.join("attempts");
    for session in numbers(&attempts) {
        let place = attempts.join(session.to_string());
        for attempt in numbers(&place) {
            let text = fs::read_to_string(place.join(attempt.to_string()).join("events.jsonl")).unwrap_or_default();
            let whole = text.rfind('\n').map_or("", |end| &text[..end]);
            found.insert((session, attempt), whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect());
        }
    }
    Sessions(found)
}

impl Sessions {
    pub(crate) fn attempts(&self) -> u64 {
        self.0.len() as u64
    }

    /// The session and number of each attempt that has begun this step.
    pub(crate) fn attempts_that_began(&self, wanted: Step) -> BTreeSet<(u64, u64)> {
        let has = |lines: &Vec<FactLine>| {
            lines.iter().any(|line| matches!(line.fact, Fact::Step { step, .. } if step == wanted))
        };
        self.0.iter().filter(|(_, lines)| has(lines)).map(|(attempt, _)| *attempt).collect()
    }

    /// The step that an attempt of the newest session is in, if it is in one.
    pub(crate) fn step_under_way(&self) -> Option<Step> {
        let (_, lines) = self.0.last_key_value()?;
        lines.iter().rev().find_map(|line| match &line.fact {
            Fact::Step { step, state: StepState::Running { .. } } => Some(Some(*step)),
            Fact::Step { .. } | Fact::Ended(_) => Some(None),
            Fact::Began(_) | Fact::Planned(_) | Fact::Progress(_) | Fact::Note(_) => None,
        })?
    }

    /// The last attempts of each session, as many as these.
    pub(crate) fn newest_attempts(&self, most: usize) -> Vec<(u64, u64)> {
        let sessions: BTreeSet<u64> = self.0.keys().map(|(session, _)| *session).collect();
        let of = |session: u64| self.0.keys().rev().filter(move |attempt| attempt.0 == session).take(most);
        sessions.into_iter().flat_map(of).copied().collect()
    }

    /// Two attempts of one session that worked at the same time.
    pub(crate) fn side_by_side(&self) -> Option<String> {
        let attempts: Vec<_> = self.0.iter().collect();
        attempts.iter().enumerate().find_map(|(at, ((session, earlier), lines))| {
            let last_work = worked(lines)?;
            let later = attempts[at + 1..].iter().filter(|((other, _), _)| other == session);
            let beside = later.filter_map(|((_, later), lines)| Some((later, began(lines)?)));
            let (later, began) = beside.into_iter().find(|(_, began)| last_work > *began)?;
            Some(format!(
                "session {session}: attempt {earlier} worked at {last_work}, and attempt {later} began at {began}"
            ))
        })
    }
}

fn began(lines: &[FactLine]) -> Option<Timestamp> {
    lines.iter().find(|line| matches!(line.fact, Fact::Began(_))).map(|line| line.at)
}

/// The last sign of work. That a worker begins, and gives up for a newer one, is none.
fn worked(lines: &[FactLine]) -> Option<Timestamp> {
    let work = |line: &&FactLine| matches!(line.fact, Fact::Step { .. } | Fact::Progress(_) | Fact::Planned(_));
    lines.iter().rev().find(work).map(|line| line.at)
}

/// The processes of `pg_basebackup` that write below a repository.
pub(crate) fn programs(repository: &Path) -> Vec<ProcessMark> {
    let is_one = |pid: &u32| {
        let shown = arguments(*pid);
        let below = |argument: &Vec<u8>| argument.starts_with(repository.as_os_str().as_bytes());
        shown.first().is_some_and(|program| program.ends_with(b"/pg_basebackup")) && shown.iter().any(below)
    };
    pids().into_iter().filter(is_one).filter_map(mark).collect()
}
