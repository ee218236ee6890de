//! The restore points that a person means: those of the marked instances, of the selected one, or of the selected
//! session.

use super::{Model, tree::Node};
use crate::{console::ports::CatalogInstance, domain::RestorePoint};

impl Model {
    /// The restore points that are meant now, or why there are none.
    pub fn restore_points(&self) -> Result<Vec<RestorePoint>, String> {
        let catalog = &self.shown.catalog;
        let newest = |instance: &CatalogInstance| {
            let none = || format!("{} has no backup that can be read", instance.name);
            instance.newest().cloned().ok_or_else(none)
        };
        let marked = &self.tree.marked_instances;
        if !marked.is_empty() {
            return marked.iter().filter_map(|key| key.find(catalog)).map(newest).collect();
        }
        match self.tree.selected() {
            Node::Instance(key) => {
                key.find(catalog).map_or_else(|| Err("it is gone".to_owned()), |one| Ok(vec![newest(one)?]))
            }
            Node::Session(_) => {
                let point = self.session().and_then(|session| session.order().point().cloned());
                point.map(|point| vec![point]).ok_or_else(|| "this session reads no backup".to_owned())
            }
            Node::Group(_) | Node::Unreadable(_) => Err("select an instance or a session first".to_owned()),
        }
    }
}
