//! What can be opened, and what can be closed.

use super::{Model, tree::Node};
use crate::{
    console::format,
    domain::{Kind, Reach, RestorePoint, SessionId},
    machine::{Refusal, Session, decide},
    manager::SessionAction,
};
use std::sync::Arc;

impl Model {
    /// The restore point that is meant to be opened, or why there is none.
    pub fn point_to_open(&self) -> Result<RestorePoint, String> {
        let mut points = self.restore_points()?;
        match (points.pop(), points.len()) {
            (Some(point), 0) => Ok(point),
            (Some(_), more) => {
                Err(format!("{} are marked, and one is opened at a time", format::many(more + 1, "instance")))
            }
            (None, _) => Err("select an instance first".to_owned()),
        }
    }

    /// The explore session that is selected, or that holds what is selected.
    pub fn explored(&self) -> Option<&Arc<Session>> {
        let Node::Session(id) = self.tree.selected() else { return None };
        let session = self.shown.snapshot.session(*id)?;
        (session.order().kind() == Kind::Explore).then_some(session)
    }

    /// The same, where it can be closed now.
    pub fn session_to_close(&self) -> Option<&Arc<Session>> {
        self.explored().filter(|session| self.close_refusal(session).is_none())
    }

    /// Why an explore session cannot be closed now.
    pub fn close_refusal(&self, session: &Session) -> Option<String> {
        let children = self.children_of(session.id());
        if !children.is_empty() {
            return Some(Refusal::ChildrenAtWork { children }.to_string());
        }
        let stop = SessionAction::Stop(Reach::AnyOrigin).command(&self.options.by);
        decide(session, stop, self.now()).err().map(|refusal| refusal.to_string())
    }

    /// The ongoing sessions that take items out of one.
    pub fn children_of(&self, id: SessionId) -> Vec<SessionId> {
        let is_child = |session: &&Arc<Session>| session.parent() == Some(crate::domain::Parent::Explore(id));
        self.shown.snapshot.ongoing.iter().filter(is_child).map(|session| session.id()).collect()
    }
}
