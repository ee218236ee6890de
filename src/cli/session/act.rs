//! `howdah session retry`, `cancel`, `go-on` and their like: which sessions are meant, and what an owner says to it.
//!
//! Promises: all names are understood before anything is done; those that come through a pipe are taken in turn (R25);
//! nothing is printed on success (R26); each refusal is reported with its reason. Never: sends an owner what can never be
//! done: a session that is not there, is another's, or has ended (R20, R22).

use super::{
    SessionError, message,
    name::SessionSelector,
    pipe::{self, Piped},
    print_problems,
    reader::Reader,
};
use crate::{
    cli::streams::Streams,
    domain::{Kind, SessionId, Timestamp, Who},
    journal::JournalError,
    machine::{Refusal, Resume, Scope, decide},
    manager::{Receipt, ReceiptLine, Service, SessionAction},
};
use std::io::{self, Read};

/// Completed sessions that are dismissed with one question, so that no question grows without bound.
const AT_ONCE: usize = 256;

/// Which sessions an act is for, in turn, and whether some that were named are refused already.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    /// What an owner is asked, one scope after the other.
    pub scopes: Vec<Scope>,
    /// Whether any was refused, which has been reported.
    pub refused: bool,
}

/// The result of a verb.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ActionResult {
    /// The sessions for which it was done.
    pub done: Vec<SessionId>,
    /// Whether any was refused, which has been reported.
    pub refused: bool,
}

/// Finds out which sessions are meant: one, those of the pipe, or all (`None`) that the act can be for.
pub fn select(
    reader: &mut Reader,
    which: Option<&SessionSelector>,
    (act, by, now): (&SessionAction, &Who, Timestamp),
    input: &mut dyn Read,
    streams: &mut Streams<'_>,
) -> Result<Selection, SessionError> {
    let selection = match which {
        None => Selection { scopes: all(reader, act)?, refused: false },
        Some(SessionSelector::One(name)) => {
            let id = name.resolve(reader)?;
            let mut selection = Selection::default();
            selection.add(reader, id, (act, by, now), streams)?;
            selection
        }
        Some(SessionSelector::Piped) => {
            let mut selection = Selection::default();
            for Piped { id, uuid } in pipe::read(input)? {
                if reader.journal.uuid(id)?.is_some_and(|own| own != uuid.to_string()) {
                    let own = reader.state().display().to_string();
                    message(
                        streams,
                        &format!("session {id} with the uuid {uuid} is not of {own}; nothing was done to it"),
                    )?;
                    selection.refused = true;
                } else {
                    selection.add(reader, id, (act, by, now), streams)?;
                }
            }
            selection
        }
    };
    print_problems(reader, streams)?;
    Ok(selection)
}

/// Asks the owner, and tells what was refused.
pub async fn carry_out(
    steer: &dyn Service,
    (act, by): (&SessionAction, &Who),
    selection: Selection,
    streams: &mut Streams<'_>,
) -> io::Result<ActionResult> {
    let mut result = ActionResult { done: Vec::new(), refused: selection.refused };
    for scope in selection.scopes {
        let receipt = steer.act(act.clone(), scope, by.clone()).await;
        result.add_receipt(receipt, act, streams)?;
    }
    Ok(result)
}

impl Selection {
    fn add(
        &mut self,
        reader: &mut Reader,
        id: SessionId,
        (act, by, now): (&SessionAction, &Who, Timestamp),
        streams: &mut Streams<'_>,
    ) -> Result<(), SessionError> {
        let other = reader.other_kind(id)?.map(|kind| Refusal::OtherKind { kind });
        let (title, refusal) = match reader.journal.session(id) {
            Ok(Some(session)) if other.is_some() => (Some(session.title().clone()), other),
            Ok(None) => (None, Some(Refusal::Unknown { id })),
            // What has ended changes no more, so what the machine says to it now it will say to an owner, too.
            Ok(Some(session)) if !session.is_ongoing() => {
                (Some(session.title().clone()), decide(&session, act.command(by), now).err())
            }
            Ok(Some(_)) => (None, None),
            Err(error @ JournalError::Record { .. }) => {
                (None, Some(Refusal::Unreadable { id, problem: error.to_string() }))
            }
            Err(error) => return Err(error.into()),
        };
        match refusal {
            None => self.scopes.push(Scope::Sessions(vec![id])),
            Some(refusal) => {
                self.refused = true;
                report(
                    &ReceiptLine { session: Some(id), title, result: Err(refusal.clone()) },
                    &refusal,
                    act,
                    streams,
                )?;
            }
        }
        Ok(())
    }
}

impl ActionResult {
    fn add_receipt(&mut self, receipt: Receipt, act: &SessionAction, streams: &mut Streams<'_>) -> io::Result<()> {
        for line in receipt.lines {
            match &line.result {
                Ok(()) => self.done.extend(line.session),
                Err(refusal) => {
                    self.refused = true;
                    report(&line, refusal, act, streams)?;
                }
            }
        }
        Ok(())
    }
}

/// Every session that the act can be for; nothing when there is none, so that nobody is asked.
fn all(reader: &mut Reader, act: &SessionAction) -> Result<Vec<Scope>, SessionError> {
    match act {
        SessionAction::Retry | SessionAction::Cancel(..) | SessionAction::Force => {
            let kind = one_kind(reader)?;
            Ok(if reader.stored()?.is_empty() { Vec::new() } else { vec![Scope::Ongoing(kind)] })
        }
        SessionAction::Recover | SessionAction::Stop(_) | SessionAction::Resume(_) => Ok(Vec::new()),
        SessionAction::Dismiss => {
            let kind = one_kind(reader)?;
            let ids = reader.journal.completed_ids(kind)?;
            Ok(ids.chunks(AT_ONCE).map(|ids| Scope::Sessions(ids.to_vec())).collect())
        }
    }
}

/// The kind that `--all` is for: it never goes beyond one (R15, R17).
fn one_kind(reader: &Reader) -> Result<Kind, SessionError> {
    let several = || SessionError::Usage("--all is for one kind of sessions: name it with --kind".to_owned());
    reader.kinds().kind().ok_or_else(several)
}

/// Tells one refusal.
pub(super) fn report(
    line: &ReceiptLine,
    refusal: &Refusal,
    act: &SessionAction,
    streams: &mut Streams<'_>,
) -> io::Result<()> {
    let what = match act {
        SessionAction::Retry => "retried",
        SessionAction::Cancel(..) => "cancelled",
        SessionAction::Stop(_) => "stopped",
        SessionAction::Resume(Resume::GoOn { .. }) => "moved on",
        SessionAction::Resume(Resume::Promote) => "promoted",
        SessionAction::Resume(Resume::StopHere) => "stopped there",
        SessionAction::Force => "forced",
        SessionAction::Dismiss => "dismissed",
        SessionAction::Recover => "recovered",
    };
    let sentence = match (line.session, &line.title) {
        (Some(id), Some(instance)) => format!("session {id} ({instance}) was not {what}: {refusal}"),
        (Some(id), None) => format!("session {id} was not {what}: {refusal}"),
        (None, _) => format!("nothing was {what}: {refusal}"),
    };
    message(streams, &sentence)
}
