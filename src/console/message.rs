//! What reaches the model, and what the model asks for: the two ends of `update`.

use super::{
    chord::Chord,
    ports::{Catalog, EventHistory, InstanceKey},
};
use crate::{
    catalog::propose::{Proposal, Wanted},
    domain::{
        AnyRestorePlan, AttemptNo, Failure, InstanceName, ItemName, ItemOrder, JobId, JobSpec, LeftServer, Lsn,
        NearbyCommits, ObjectPlan, Order, Recovery, RestoreOrder, RestorePoint, ServerAddress, SessionId, Timeline,
        Timestamp, WalWindow,
        browse::{BrowsedColumn, BrowsedDatabase, BrowsedRelation, BrowsedRows, BrowsedSchema, TableComparison},
        fact::ProcessMark,
    },
    machine::{PastSession, Refusal, Scope, Session, job::JobRun},
    manager::{JobAction, OwnerState, Receipt, SessionAction, Snapshot},
};
use std::{path::PathBuf, sync::Arc};

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
    /// The manager published a new snapshot.
    Snapshot(Arc<Snapshot>),
    /// The manager has ended: no new snapshot will come.
    ManagerGone,
    /// The owner of the sessions is here now, or there, or nowhere to be found.
    Owner(OwnerState),
    /// The state directory is not for its user alone any more, and why; or it is again.
    Exposed(Option<String>),
    /// The repositories were read.
    Catalog(Arc<Catalog>),
    /// An act was answered.
    Acted(SessionAction, Receipt),
    /// A start was answered, line by line as the requests were.
    Started(Receipt),
    /// A whole session was read; `None` when there is none.
    Session(SessionId, Option<Arc<Session>>),
    /// The end of a log was read.
    Log(SessionId, AttemptNo, Result<Vec<u8>, String>),
    /// A log was saved to this file, so many bytes of it; or could not be.
    LogSaved(PathBuf, Result<u64, String>),
    /// The history of a session was read.
    History(SessionId, Result<EventHistory, String>),
    /// The sessions that have ended were read.
    Past(Result<Vec<PastSession>, String>),
    /// The server of a session was looked at.
    Server(SessionId, Result<LeftServer, String>),
    /// The server of a session, of this name, was asked to stop: whether it has ended; or why it could not be asked.
    ServerStopped(SessionId, String, Result<bool, String>),
    /// Free places were found for the wizard with this ticket.
    Proposed(RequestId, Vec<Proposal>),
    /// A plan was made for the wizard with this ticket.
    Planned(RequestId, usize, Box<Result<AnyRestorePlan, Failure>>),
    /// The start of a run of this job was answered.
    JobStarted(InstanceName, Result<JobId, Refusal>),
    /// A verb on a run, of this name, was answered.
    JobActed(JobAction, String, Result<JobId, Refusal>),
    /// A whole run was read; `None` when there is none.
    Run(JobId, Option<Arc<JobRun>>),
    /// The history of a run was read.
    RunHistory(JobId, Result<EventHistory, String>),
    /// A level of an open restore point was read.
    Browsed(SessionId, Option<ItemName>, Result<Browsed, String>),
    /// The rows of a table were counted.
    Counted(SessionId, ItemName, Result<u64, String>),
    /// A comparison of a table has found so much, for the dialog with this ticket.
    Compared(RequestId, Box<Result<Comparing, String>>),
    /// The plan of an order was made for the question with this ticket.
    OrderPlanned(RequestId, Box<Result<PlannedOrder, Failure>>),
    /// The plans of a job's objects were made for the question with this ticket.
    JobPlanned(RequestId, Vec<ObjectPlan>),
    /// The server of a paused session was asked for the names of its databases.
    PausedAnswered(SessionId, Result<Vec<String>, String>),
    /// The recoverable window of an instance was read, for the page with this ticket.
    Window(RequestId, Box<Result<WalWindow, Failure>>),
    /// The commits around a goal were read, for the page that asked with this ticket.
    Commits(RequestId, Box<Result<NearbyCommits, Failure>>),
    /// The screen is not recorded any more, for this reason.
    RecordingStopped(String),
    /// The process could not be suspended: there is no shell to come back from.
    NotSuspended,
    /// A moment that [`super::model::Model::next_change`] named has come.
    Due,
}

/// Which query an answer belongs to: a newer query makes older answers void.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestId(pub u64);

/// What commits are looked for around.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NearGoal {
    /// A moment.
    Moment(Timestamp),
    /// A position.
    Position(Lsn),
}

/// What was read of an open restore point; names and values as the cluster has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Browsed {
    /// Its databases.
    Databases(Vec<BrowsedDatabase>),
    /// The schemas of a database.
    Schemas(Vec<BrowsedSchema>),
    /// The relations of a schema.
    Relations(Vec<BrowsedRelation>),
    /// A relation.
    Table {
        /// Its columns.
        columns: Vec<BrowsedColumn>,
        /// Its first rows, or why they are not read.
        rows: Result<BrowsedRows, String>,
    },
}

/// A table of an open restore point that is to be compared with the one of the same name at a live server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompareWish {
    /// The open restore point.
    pub address: ServerAddress,
    /// The database, at the open restore point, and at the live server where `live` names none.
    pub database: String,
    /// The schema.
    pub schema: String,
    /// The table.
    pub table: String,
    /// How the live server is reached: a connection string without a password.
    pub live: String,
}

/// What a comparison has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparing {
    /// So far, or in all.
    pub found: TableComparison,
    /// Whether it is all.
    pub ended: bool,
}

/// What a plan is wanted for; what nobody named is chosen with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderWish {
    /// To open a restore point.
    Open {
        /// The restore point.
        point: Box<RestorePoint>,
        /// How far its recovery goes before.
        recovery: Recovery,
    },
    /// To take items out of one that is open.
    Items(Box<ItemOrder>),
}

/// An order that can be given, and its plan: name and text of each line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedOrder {
    /// The order.
    pub order: Order,
    /// Its plan.
    pub rows: Vec<(&'static str, String)>,
}

/// What the mouse did, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mouse {
    /// What.
    pub action: MouseAction,
    /// The column, from 0.
    pub column: u16,
    /// The row, from 0.
    pub row: u16,
}

/// What the mouse can do here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MouseAction {
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
    Act(SessionAction, Scope),
    /// Start sessions.
    Start(Vec<Order>),
    /// Start a run of a job.
    StartJob(Box<JobSpec>),
    /// Apply a verb to a run, which is called so.
    ActOnJob(JobAction, JobId, String),
    /// Give a text to the terminal's clipboard.
    Copy(String),
    /// Stop the server that a session has left running: this process and no other.
    StopServer(Arc<Session>, ProcessMark),
    /// Compare a table; the answers, several of them, are for this ticket. One that goes on ends.
    Compare(RequestId, Box<CompareWish>),
    /// End a comparison that goes on.
    StopComparing,
    /// Look something up; nothing is changed by it.
    Query(Query),
    /// Read the repositories again.
    RefreshCatalog,
    /// Switch the mouse.
    Mouse(bool),
    /// Ring and tell: a session completed or needs a person.
    Ring(String),
    /// Stop the process until the shell continues it.
    Suspend,
    /// Paint all of the screen anew.
    Repaint,
    /// Leave.
    Close,
}

/// Something to look up, off the screen's thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// A whole session.
    Session(SessionId),
    /// The end of a log.
    Log(SessionId, AttemptNo),
    /// A copy of a whole log in this file.
    SaveLog(SessionId, AttemptNo, PathBuf),
    /// What happened to a session.
    History(SessionId),
    /// All sessions that have ended, dismissed ones too.
    Past,
    /// The server that a session has left running.
    Server(Arc<Session>),
    /// Free places for the wizard's instances.
    Places(RequestId, Wanted),
    /// A whole run of a job.
    Run(JobId),
    /// What happened in a run.
    RunHistory(JobId),
    /// The plans of a job's objects.
    JobPlan(RequestId, Box<JobSpec>),
    /// What is below a level of an open restore point, whose server is this one.
    Browse(SessionId, ServerAddress, Option<ItemName>),
    /// How many rows a table has, at this server.
    Count(SessionId, ServerAddress, ItemName),
    /// The plan of an order.
    OrderPlan(RequestId, OrderWish),
    /// The databases of a paused server.
    AskPaused(SessionId, ServerAddress),
    /// The recoverable window of an instance.
    Window(RequestId, InstanceKey),
    /// The commits around a goal on this timeline.
    Commits(RequestId, InstanceKey, Timeline, NearGoal),
    /// The plan for one of the wizard's instances.
    Plan(RequestId, usize, Box<RestoreOrder>),
}
