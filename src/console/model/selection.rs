//! What an act would be for: the marked sessions, else the selected one, else all of the selected heading.

use super::{
    Model,
    tree::{Group, Node, TreeRow},
};
use crate::{
    console::{format, situation::Subject},
    domain::SessionId,
    machine::{PastSession, Scope, Session},
};
use std::{collections::BTreeSet, sync::Arc};

impl Model {
    /// The sessions that an act is for now: the marked ones, else the selected one or all of the selected heading.
    pub fn scope(&self) -> Scope {
        if !self.tree.marked.is_empty() {
            return Scope::Sessions(self.tree.marked.iter().copied().collect());
        }
        let filtered = !self.tree.filter().is_empty();
        match self.tree.selected() {
            Node::Session(id) => Scope::Sessions(vec![*id]),
            Node::Group(group) => match group.kind() {
                Some(kind) if *group == Group::Restore && !filtered => Scope::Ongoing(kind),
                Some(kind) if *group == Group::Completed && !filtered => Scope::Completed(kind),
                // With a filter, the heading means what is shown under it, not what is hidden.
                Some(_) => Scope::Sessions(self.members(*group)),
                None => Scope::Sessions(Vec::new()),
            },
            Node::Instance(_)
            | Node::Unreadable(_)
            | Node::Job(_)
            | Node::Object(..)
            | Node::Run(_)
            | Node::UnreadableRun(_)
            | Node::Item(..) => Scope::Sessions(Vec::new()),
        }
    }

    /// The sessions that are shown under a heading.
    fn members(&self, group: Group) -> Vec<SessionId> {
        let data = &self.shown;
        let id = |row| data.node(row)?.session();
        self.tree.members(group).filter_map(id).collect()
    }

    /// The sessions of [`Model::scope`], looked up.
    pub fn subject(&self) -> Subject {
        let snapshot = &self.shown.snapshot;
        let (ongoing, completed): (Vec<Arc<Session>>, usize) = match self.scope() {
            Scope::Ongoing(kind) => (snapshot.ongoing_of(kind).cloned().collect(), 0),
            Scope::Completed(kind) => (Vec::new(), snapshot.completed.iter().filter(|row| row.kind == kind).count()),
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
            ([one], 0, _) => format::clean(one.title().as_str()).into_owned(),
            ([], 1, Node::Session(id)) => self.completed_name(*id),
            (all, done, _) => format::many(all.len() + done, "session"),
        };
        let dismissed = usize::from(completed == 1 && self.selected_past().is_some_and(|past| past.is_dismissed));
        Subject { words, ongoing, completed, dismissed }
    }

    /// The selected session of the history, where nothing else is marked.
    fn selected_past(&self) -> Option<&PastSession> {
        match self.tree.row(self.tree.index())? {
            TreeRow::Past(at) if self.tree.marked.is_empty() => self.shown.past.get(at),
            TreeRow::Past(_)
            | TreeRow::Group(_)
            | TreeRow::Ongoing(_)
            | TreeRow::Completed(_)
            | TreeRow::Unreadable(_)
            | TreeRow::Instance(_)
            | TreeRow::Job(_)
            | TreeRow::Run(_)
            | TreeRow::UnreadableRun(_)
            | TreeRow::Explored(_) => None,
        }
    }

    fn completed_name(&self, id: SessionId) -> String {
        let row = self.tree.row(self.tree.index());
        let name = row.and_then(|row| match row {
            TreeRow::Completed(at) => self.shown.snapshot.completed.get(at).map(|row| &**row),
            TreeRow::Past(at) => self.shown.past.get(at).map(|past| &past.row),
            TreeRow::Group(_)
            | TreeRow::Ongoing(_)
            | TreeRow::Unreadable(_)
            | TreeRow::Instance(_)
            | TreeRow::Job(_)
            | TreeRow::Run(_)
            | TreeRow::UnreadableRun(_)
            | TreeRow::Explored(_) => None,
        });
        name.map_or_else(|| format!("session {id}"), |row| format::clean(row.title.as_str()).into_owned())
    }
}
