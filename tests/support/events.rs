//! What the workers of a state directory have told: what the tests see of a running restore.

use super::timeout::until;
use howdah::domain::{
    Failure, Progress, RestorePlan,
    fact::{End, Fact, FactLine, ProcessMark},
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The attempts of one state directory.
pub(crate) struct Events(PathBuf);

impl Events {
    pub(crate) fn of(state_dir: &Path) -> Self {
        Self(state_dir.join("attempts"))
    }

    /// The facts of one attempt so far; a line that is being written does not count yet.
    pub(crate) fn facts(&self, session: u64, attempt: u32) -> Vec<Fact> {
        let path = self.0.join(session.to_string()).join(attempt.to_string()).join("events.jsonl");
        let text = fs::read_to_string(path).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(|line| serde_json::from_str::<FactLine>(line).expect(line).fact).collect()
    }

    /// Waits until the attempt's worker has said who it is.
    pub(crate) fn worker(&self, session: u64, attempt: u32) -> ProcessMark {
        until("a worker begins", || {
            self.facts(session, attempt).into_iter().find_map(|fact| match fact {
                Fact::Began(began) => Some(began.mark()),
                _ => None,
            })
        })
    }

    /// Waits for the plan that an attempt carries out.
    pub(crate) fn plan(&self, session: u64, attempt: u32) -> RestorePlan {
        until("a worker tells its plan", || {
            self.facts(session, attempt).into_iter().find_map(|fact| match fact {
                Fact::Planned(plan) => plan.restore().cloned(),
                _ => None,
            })
        })
    }

    /// The last progress of an attempt.
    pub(crate) fn progress(&self, session: u64, attempt: u32) -> Progress {
        let progress = |fact| if let Fact::Progress(progress) = fact { Some(progress) } else { None };
        self.facts(session, attempt).into_iter().rev().find_map(progress).unwrap_or_default()
    }

    /// Waits until the attempt has this many bytes on disk and verified.
    pub(crate) fn wait_for_bytes(&self, session: u64, attempt: u32, bytes: u64) {
        until("bytes are copied", || (self.progress(session, attempt).bytes_done.0 >= bytes).then_some(()));
    }

    /// Waits for the end of an attempt.
    pub(crate) fn end(&self, session: u64, attempt: u32) -> End {
        until("an attempt ends", || {
            self.facts(session, attempt).into_iter().find_map(|fact| match fact {
                Fact::Ended(end) => Some(end),
                _ => None,
            })
        })
    }

    /// Waits until the attempt failed, and tells why.
    pub(crate) fn failure(&self, session: u64, attempt: u32) -> Failure {
        match self.end(session, attempt) {
            End::Failed(failure) => failure,
            other => panic!("attempt {attempt} should have failed: {other:?}"),
        }
    }

    /// How many attempts have been made.
    pub(crate) fn attempts(&self, session: u64) -> usize {
        let entries = fs::read_dir(self.0.join(session.to_string())).into_iter().flatten();
        entries.filter(|entry| entry.as_ref().is_ok_and(|entry| entry.path().is_dir())).count()
    }
}

/// Whether any process of this process group is alive (a zombie is not).
pub(crate) fn group_is_alive(group: u32) -> bool {
    let stat = |entry: fs::DirEntry| fs::read_to_string(entry.path().join("stat")).ok();
    fs::read_dir("/proc").unwrap().filter_map(Result::ok).filter_map(stat).any(|stat| {
        // The name may hold spaces and parentheses; what counts comes behind the last one.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        fields.first() != Some(&"Z") && fields.get(2) == Some(&&*group.to_string())
    })
}
