//! What happened to a session, as it can be gone through again.

use super::LEAPS;
use crate::{
    attempt::progress_of,
    cli::session::{SessionError, reader::Reader},
    domain::{SessionId, Timestamp, Who},
    journal::JournalRecord,
    machine::{Event, Session, event::Created},
};
use std::{collections::VecDeque, time::Duration};

/// A session's history.
#[derive(Debug)]
pub(super) struct History {
    created: Created,
    /// In the order in which it happened; no moment is before the one above it, whatever the clock did.
    pub(super) changes: VecDeque<(Timestamp, Event)>,
}

impl History {
    /// Reads it from the journal, with the progress of the attempts whose files are still there.
    pub(super) fn read(reader: &mut Reader, id: SessionId) -> Result<Self, SessionError> {
        let mut created = None;
        let mut changes = Vec::new();
        for line in reader.journal.history(id)? {
            match line.record {
                Some(JournalRecord::Created(first)) => created = Some(*first),
                Some(JournalRecord::Happened { at, event }) => changes.push((at, event)),
                None => {
                    let reason = format!("session {id} cannot be recorded: of its history {}", line.text);
                    return Err(SessionError::Refused(reason));
                }
            }
        }
        let created = created.ok_or_else(|| {
            SessionError::Refused(format!("session {id} cannot be recorded: the journal does not know how it began"))
        })?;
        let between = length(created.at, changes.last()) / LEAPS;
        let progress = progress(reader, &created, &changes, between);
        let changes = merged(&created, changes, progress);
        Ok(Self { created, changes })
    }

    /// The session as it was ordered.
    pub(super) fn session(&self) -> Session {
        Session::create(self.created.clone())
    }

    /// When it was ordered.
    pub(super) fn begins(&self) -> Timestamp {
        self.created.at
    }

    /// From then until the last thing that is known of it.
    pub(super) fn length(&self) -> Duration {
        length(self.created.at, self.changes.back())
    }

    /// What the recording is called.
    pub(super) fn title(&self) -> String {
        format!("howdah session {}: {}", self.created.id, self.created.order.title())
    }

    /// Whoever ordered it, as far as the journal says.
    pub(super) fn by(&self) -> Who {
        let account = self.created.by.split(" (").next().unwrap_or_default();
        let (user, host) = account.rsplit_once('@').unwrap_or((account, "unknown"));
        Who::new(user, host, 0, None)
    }

    /// The history so far, in sentences.
    pub(super) fn until(&self, now: Timestamp) -> Vec<(Timestamp, String)> {
        let begun = [(self.created.at, self.created.to_string())].into_iter();
        let later = self.changes.iter().filter(|(_, event)| !matches!(event, Event::Progressed { .. }));
        begun.chain(later.map(|(at, event)| (*at, event.to_string()))).filter(|(at, _)| *at <= now).collect()
    }
}

/// From the order to the last change.
fn length(begun: Timestamp, last: Option<&(Timestamp, Event)>) -> Duration {
    let last = last.map_or(begun, |(at, _)| *at);
    Duration::try_from(last.duration_since(begun)).unwrap_or_default()
}

/// How far the attempts had come, and when. An attempt whose file cannot be read is shown without.
fn progress(
    reader: &Reader,
    created: &Created,
    changes: &[(Timestamp, Event)],
    between: Duration,
) -> Vec<(Timestamp, Event)> {
    let mut all = Vec::new();
    for (_, event) in changes {
        let Event::Launched { attempt } = event else { continue };
        let found = progress_of(&reader.place(created.id, *attempt), created.uuid).unwrap_or_default();
        let mut shown: Option<Timestamp> = None;
        for (number, (at, progress)) in found.iter().enumerate() {
            let since = shown.map(|shown| Duration::try_from(at.duration_since(shown)).unwrap_or_default());
            let is_last = number + 1 == found.len();
            if is_last || since.is_none_or(|since| since >= between) {
                shown = Some(*at);
                all.push((*at, Event::Progressed { attempt: *attempt, progress: *progress }));
            }
        }
    }
    all
}

/// All changes in order. Progress is a change only while its attempt lives.
fn merged(
    created: &Created,
    changes: Vec<(Timestamp, Event)>,
    progress: Vec<(Timestamp, Event)>,
) -> VecDeque<(Timestamp, Event)> {
    let mut session = Session::create(created.clone());
    let mut progress = progress.into_iter().peekable();
    let (mut all, mut now) = (VecDeque::new(), created.at);
    for (at, event) in changes {
        while let Some((then, event)) = progress.next_if(|(then, _)| *then <= at) {
            let Event::Progressed { attempt, .. } = event else { continue };
            if session.live_attempt() == Some(attempt) {
                now = now.max(then);
                all.push_back((now, event));
            }
        }
        now = now.max(at);
        session = crate::machine::evolve(session, &event, at);
        all.push_back((now, event));
    }
    let rest = progress.filter(
        |(_, event)| matches!(event, Event::Progressed { attempt, .. } if session.live_attempt() == Some(*attempt)),
    );
    for (then, event) in rest {
        now = now.max(then);
        all.push_back((now, event));
    }
    all
}
