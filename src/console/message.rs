//! What reaches the model, and what the model asks for: the two ends of `update`.

use super::{
    chord::Chord,
    places::{Proposal, Wanted},
    ports::{Catalog, OwnerPlace, Told},
};
use crate::{
    domain::{AttemptNo, Failure, Plan, RestoreRequest, SessionId},
    machine::{Scope, Session},
    manager::{Act, Receipt, Snapshot},
};
use std::sync::Arc;

/// Something that has happened.
#[derive(Debug, Clone)]
pub enum Message {
    /// A key was pressed.
    Key(Chord),
    /// Text was pasted.
    Paste(String),
    /// The mouse did something.
    Mouse(Mouse),
    /// The terminal has this many columns and rows now.
    Resize(u16, u16),
    /// The manager published a new picture.
    Snapshot(Arc<Snapshot>),
    /// The manager has ended: no new picture will come.
    ManagerGone,
    /// The owner of the sessions is here now, or there, or nowhere to be found.
    Owner(OwnerPlace),
    /// The state directory is not for its user alone any more, and why; or it is again.
    Exposed(Option<String>),
    /// The repositories were read.
    Catalog(Arc<Catalog>),
    /// An act was answered.
    Acted(Act, Receipt),
    /// A start was answered, line by line as the requests were.
    Started(Receipt),
    /// A whole session was read; `None` when there is none.
    Session(SessionId, Option<Arc<Session>>),
    /// The end of a log was read.
    Log(SessionId, AttemptNo, Result<Vec<u8>, String>),
    /// The journal has told what happened to a session.
    History(SessionId, Result<Told, String>),
    /// Places were found for the wizard with this ticket.
    Proposed(Ticket, Vec<Proposal>),
    /// A plan was made for the wizard with this ticket.
    Planned(Ticket, usize, Box<Result<Plan, Failure>>),
    /// The process could not be suspended: there is no shell to come back from.
    NotSuspended,
    /// A moment that [`super::model::Model::next_change`] named has come.
    Due,
}

/// Which question an answer belongs to: what has been asked anew since makes older answers void.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket(pub u64);

/// What the mouse did, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mouse {
    /// What.
    pub deed: MouseDeed,
    /// The column, from 0.
    pub column: u16,
    /// The row, from 0.
    pub row: u16,
}

/// What the mouse can do here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MouseDeed {
    /// The left button.
    Press,
    /// The right button.
    Menu,
    /// The wheel, away from the person.
    WheelUp,
    /// The wheel, towards the person.
    WheelDown,
}

/// Something that the model wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Intent {
    /// Apply a verb to sessions.
    Act(Act, Scope),
    /// Start sessions.
    Start(Vec<RestoreRequest>),
    /// Look something up; nothing is changed by it.
    Look(Look),
    /// Read the repositories again.
    RefreshCatalog,
    /// Switch the mouse.
    Mouse(bool),
    /// Ring and tell: a session completed or needs a person.
    Ring(String),
    /// Stop the process until the shell continues it.
    Suspend,
    /// Leave.
    Close,
}

/// Something to look up, off the screen's thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// A whole session.
    Session(SessionId),
    /// The end of a log.
    Log(SessionId, AttemptNo),
    /// What happened to a session.
    History(SessionId),
    /// Free places for the wizard's instances.
    Places(Ticket, Wanted),
    /// The plan for one of the wizard's instances.
    Plan(Ticket, usize, Box<RestoreRequest>),
}
