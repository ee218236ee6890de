//! `howdah explore`: restore points opened, listed and closed from a shell.
//!
//! Reading needs no owner, as for sessions. Opening and closing ask one, through [`crate::manager::Service`].
//!
//! Promises: the object of a session is that of `howdah session list`, with what only an open restore point has; nothing is
//! printed when one is closed (R26). Never: decides anything about a session.

pub mod args;
pub mod clean;
pub mod items;
pub mod list;
pub mod wait;

use crate::{
    cli::{backup_list::escaped, session::object::SessionObject},
    domain::{Kind, Parent, Plan, SessionId, Timestamp},
    machine::Session,
};
use serde_json::Value;

/// The database that `psql` is offered: it is there nearly always.
const DATABASE: &str = "postgres";

/// One session as a line of JSON; `children` are the ongoing sessions that belong to it.
pub fn line(
    session: &Session,
    index: Option<usize>,
    children: &[SessionId],
    now: Timestamp,
) -> serde_json::Result<String> {
    let mut object = serde_json::to_value(SessionObject::of(session, index, now))?;
    if let Some(fields) = object.as_object_mut() {
        let open = session.open_at();
        let text = |text: Option<String>| text.map_or(Value::Null, Value::String);
        fields.insert("open".to_owned(), open.is_some().into());
        fields.insert("psql".to_owned(), text(open.map(|open| open.psql(DATABASE))));
        fields.insert("sockets".to_owned(), text(open.map(|open| open.sockets.to_string_lossy().into_owned())));
        let method = session.plan().and_then(Plan::explore).map(|plan| plan.method);
        fields.insert("method".to_owned(), serde_json::to_value(method)?);
        fields.insert("children".to_owned(), children.iter().map(|child| child.0).collect());
    }
    Ok(escaped(&object.to_string()))
}

/// Of the ongoing sessions those that take items out of this one.
pub fn children_of(ongoing: &[Session], id: SessionId) -> Vec<SessionId> {
    let is_child = |session: &&Session| session.parent() == Some(Parent::Explore(id));
    ongoing.iter().filter(is_child).map(Session::id).collect()
}

/// The kind of sessions that these verbs are for.
pub const KIND: Kind = Kind::Explore;
