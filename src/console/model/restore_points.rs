//! The restore points that a person means: those of the marked instances, of the selected one, or of the selected
//! session.

use super::{Model, tree::Node};
use crate::{
    console::{
        model::Focus,
        ports::{CatalogEntry, CatalogInstance},
    },
    domain::{RestorePoint, Workload},
};

/// Only a restore takes what is no cluster.
fn no_cluster(one: &CatalogInstance) -> String {
    format!("{} is a {}: it can be restored only", one.name, one.workload.noun())
}

impl Model {
    /// The restore points of clusters that are meant now, or why there are none.
    pub fn restore_points(&self) -> Result<Vec<RestorePoint>, String> {
        let catalog = &self.shown.catalog;
        let newest = |instance: &CatalogInstance| {
            let none = || match instance.workload {
                Workload::Instance => format!("{} has no backup that can be read", instance.name),
                Workload::VirtualMachine | Workload::FileTree => no_cluster(instance),
            };
            instance.newest().cloned().ok_or_else(none)
        };
        let marked = &self.tree.marked_instances;
        if !marked.is_empty() {
            return marked.iter().filter_map(|key| key.find(catalog)).map(newest).collect();
        }
        match self.tree.selected() {
            Node::Instance(key) => {
                let one = key.find(catalog).ok_or("it is gone")?;
                match self.point_under_keys(one) {
                    None => Ok(vec![newest(one)?]),
                    Some(CatalogEntry::Restorable(point)) => Ok(vec![point.clone()]),
                    Some(CatalogEntry::Machine(_) | CatalogEntry::Tree(_)) => Err(no_cluster(one)),
                    Some(CatalogEntry::Unreadable { label, problem, .. }) => {
                        Err(format!("{label} cannot be restored: {problem}"))
                    }
                }
            }
            Node::Session(_) => {
                let point = self.session().and_then(|session| session.order().point().cloned());
                point.map(|point| vec![point]).ok_or_else(|| "this session reads no backup".to_owned())
            }
            Node::Group(_)
            | Node::Unreadable(_)
            | Node::Job(_)
            | Node::Object(..)
            | Node::Run(_)
            | Node::UnreadableRun(_)
            | Node::Item(..) => Err("select an instance or a session first".to_owned()),
        }
    }

    /// The number of the restore point that the page of an instance has its keys on.
    pub fn point_at(&self, one: &CatalogInstance) -> usize {
        let wanted = self.preview.point.as_deref();
        one.rows.iter().position(|row| Some(row.label()) == wanted).unwrap_or(0)
    }

    /// The restore point that the keys are on; `None` while they are not on the page of this instance.
    pub fn point_under_keys<'a>(&self, one: &'a CatalogInstance) -> Option<&'a CatalogEntry> {
        let is_it = matches!(self.tree.selected(), Node::Instance(key) if key.is(one));
        (is_it && self.focus == Focus::Preview).then(|| one.rows.get(self.point_at(one))).flatten()
    }
}
