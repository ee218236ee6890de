//! What an act would be for: the marked sessions, else the selected one, else all of the selected heading.

use super::{
    Model,
    tree::{Group, Node, TreeRow},
};
use crate::{
    console::{format, situation::Subject},
    domain::SessionId,
    machine::{Scope, Session},
};
use std::{collections::BTreeSet, sync::Arc};

impl Model {
    /// The sessions that an act is for now: the marked ones, else the selected one or all of the selected heading.
    pub fn scope(&self) -> Scope {
        if !self.tree.marked.is_empty() {
            return Scope::Sessions(self.tree.marked.iter().copied().collect());
        }
        let snapshot = &self.shown.snapshot;
        let filtered = !self.tree.filter().is_empty();
        match self.tree.selected() {
            Node::Session(id) => Scope::Sessions(vec![*id]),
            // With a filter, the heading means what is shown under it, not what is hidden.
            Node::Group(Group::Restore) if filtered => {
                Scope::Sessions(self.tree.members(Group::Restore).map(|at| snapshot.ongoing[at].id()).collect())
            }
            Node::Group(Group::Completed) if filtered => {
                Scope::Sessions(self.tree.members(Group::Completed).map(|at| snapshot.completed[at].id).collect())
            }
            Node::Group(Group::Restore) => Scope::AllOngoing,
            Node::Group(Group::Completed) => Scope::AllCompleted,
            Node::Group(Group::Instances | Group::Unreadable) | Node::Instance(_) | Node::Unreadable(_) => {
                Scope::Sessions(Vec::new())
            }
        }
    }

    /// The sessions of [`Model::scope`], looked up.
    pub fn subject(&self) -> Subject {
        let snapshot = &self.shown.snapshot;
        let (ongoing, completed): (Vec<Arc<Session>>, usize) = match self.scope() {
            Scope::AllOngoing => (snapshot.ongoing.clone(), 0),
            Scope::AllCompleted => (Vec::new(), snapshot.completed.len()),
            Scope::Sessions(ids) if ids.len() == 1 => {
                let ongoing: Vec<_> = snapshot.session(ids[0]).cloned().into_iter().collect();
                let completed = 1 - ongoing.len();
                (ongoing, completed)
            }
            Scope::Sessions(ids) => {
                let wanted: BTreeSet<SessionId> = ids.into_iter().collect();
                let found: Vec<_> = snapshot.ongoing.iter().filter(|one| wanted.contains(&one.id())).cloned().collect();
                let completed = wanted.len() - found.len();
                (found, completed)
            }
        };
        let words = match (ongoing.as_slice(), completed, self.tree.selected()) {
            ([one], 0, _) => format::clean(one.request().point.instance.as_str()).into_owned(),
            ([], 1, Node::Session(id)) => self.completed_name(*id),
            (all, done, _) => format::many(all.len() + done, "session"),
        };
        Subject { words, ongoing, completed }
    }

    fn completed_name(&self, id: SessionId) -> String {
        let row = self.tree.row(self.tree.index());
        let name = row.and_then(|row| match row {
            TreeRow::Completed(at) => self.shown.snapshot.completed.get(at),
            TreeRow::Group(_) | TreeRow::Ongoing(_) | TreeRow::Unreadable(_) | TreeRow::Instance(_) => None,
        });
        name.map_or_else(|| format!("session {id}"), |row| format::clean(row.instance.as_str()).into_owned())
    }
}
