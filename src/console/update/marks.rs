//! Marks: what the next action is for, when it is not for the row that is selected.

use super::{explore, main_screen};
use crate::console::model::{
    Model,
    notice::Tone,
    tree::{Group, Node, Screen, TreeRow},
};

/// Marks the selected row, or unmarks it, and goes on to the next.
pub(super) fn one(model: &mut Model) {
    let at = model.tree.index();
    let node = model.tree.selected().clone();
    let marked = is_marked(model, &node);
    if set(model, &node, !marked) {
        model.tree.anchor = (!marked).then_some(node);
    } else {
        model.notify(Tone::Info, "This row cannot be marked");
    }
    main_screen::select(model, at + 1);
}

/// Marks all rows from the one that was marked last to the selected one, both included.
pub(super) fn range(model: &mut Model) {
    let at = model.tree.index();
    let anchor = model.tree.anchor.clone().and_then(|node| model.tree.position(&node, &model.shown));
    let Some(from) = anchor else {
        model.notify(Tone::Refused, "Mark range refused: mark its first row first");
        return;
    };
    let marks =
        |model: &Model| model.tree.marked.len() + model.tree.marked_instances.len() + model.tree.marked_items.len();
    let before = marks(model);
    for row in from.min(at)..=from.max(at) {
        if let Some(node) = model.tree.row(row).and_then(|row| model.shown.node(row)) {
            set(model, &node, true);
        }
    }
    model.tree.anchor = Some(model.tree.selected().clone());
    if marks(model) == before {
        model.notify(Tone::Info, "No more rows could be marked");
    } else {
        show_count(model);
    }
}

/// Marks all rows of the group that the selection stands in; where all are marked, none.
pub(super) fn all(model: &mut Model) {
    let group = model.tree.group_of(model.tree.index());
    let rows: Vec<TreeRow> = model.tree.members(group).collect();
    let nodes = rows.into_iter().filter_map(|row| model.shown.node(row));
    // Of items those that stand beside the selected one.
    let beside = explore::above(model.tree.selected());
    let is_meant = |node: &Node| match node {
        Node::Session(_) | Node::Instance(_) => beside.is_none(),
        Node::Item(..) => beside.is_some() && explore::above(node) == beside,
        Node::Group(_)
        | Node::Unreadable(_)
        | Node::Job(_)
        | Node::Object(..)
        | Node::Run(_)
        | Node::UnreadableRun(_) => false,
    };
    let nodes: Vec<Node> = nodes.filter(is_meant).collect();
    let wanted = !nodes.iter().all(|node| is_marked(model, node));
    let changed = nodes.iter().filter(|node| set(model, node, wanted)).count();
    if changed == 0 {
        let cannot = matches!(group, Group::Unreadable | Group::Jobs | Group::Runs | Group::History);
        let reason = if cannot { "these cannot be marked" } else { "there is no row here" };
        model.notify(Tone::Refused, format!("Mark all refused: {reason}"));
    } else {
        show_count(model);
    }
}

/// The marks may stand out of view; the footer says how many there are, unless something else stands there.
fn show_count(model: &mut Model) {
    model.notice = None;
}

/// Whether anything is marked.
pub(super) fn any(model: &Model) -> bool {
    let tree = &model.tree;
    !(tree.marked.is_empty() && tree.marked_instances.is_empty() && tree.marked_items.is_empty())
}

/// Takes all marks away.
pub(super) fn clear(model: &mut Model) {
    model.tree.marked.clear();
    model.tree.marked_instances.clear();
    model.tree.marked_items.clear();
    model.tree.anchor = None;
}

fn is_marked(model: &Model, node: &Node) -> bool {
    match node {
        Node::Session(id) => model.tree.marked.contains(id),
        Node::Instance(key) => model.tree.marked_instances.contains(key),
        Node::Item(session, item) => model.tree.marked_items.contains(&(*session, item.clone())),
        Node::Group(_)
        | Node::Unreadable(_)
        | Node::Job(_)
        | Node::Object(..)
        | Node::Run(_)
        | Node::UnreadableRun(_) => false,
    }
}

/// Whether the row can be marked at all.
fn set(model: &mut Model, node: &Node, marked: bool) -> bool {
    if model.tree.screen() == Screen::History {
        return false;
    }
    // An object that is done has its row for its run's sake, and may have been dismissed.
    if let Node::Session(id) = node
        && model.shown.snapshot.session(*id).is_none()
        && model.shown.jobs.run_of_session(*id).is_some()
    {
        return false;
    }
    match (node, marked) {
        (Node::Session(id), true) => {
            model.tree.marked.insert(*id);
        }
        (Node::Session(id), false) => {
            model.tree.marked.remove(id);
        }
        (Node::Instance(key), true) => {
            model.tree.marked_instances.insert(key.clone());
        }
        (Node::Instance(key), false) => {
            model.tree.marked_instances.remove(key);
        }
        (Node::Item(session, item), true) => {
            // What is not open now cannot be taken out.
            let session_of = model.shown.snapshot.session(*session);
            if session_of.is_none_or(|session| session.open_at().is_none()) {
                return false;
            }
            model.tree.marked_items.insert((*session, item.clone()));
        }
        (Node::Item(session, item), false) => {
            model.tree.marked_items.remove(&(*session, item.clone()));
        }
        (
            Node::Group(_)
            | Node::Unreadable(_)
            | Node::Job(_)
            | Node::Object(..)
            | Node::Run(_)
            | Node::UnreadableRun(_),
            _,
        ) => return false,
    }
    true
}
