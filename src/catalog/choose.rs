//! From what a person wrote to one restore point, or to what stands in the way.
//!
//! Promises: what could mean several is none of them (rule S14), and each of them is named. Never: chooses by order or
//! by age among instances.

use super::{
    identity,
    model::{Catalog, CatalogEntry, CatalogInstance},
};
use crate::domain::{RestorePoint, workload::short_id};
use std::{fs, path::Path};

/// Why there is not one restore point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotChosen<'a> {
    /// No instance is meant by the word.
    NoInstance,
    /// Several are.
    Instances(Vec<&'a CatalogInstance>),
    /// The instance has no restore point of this label or path.
    NoPoint(&'a CatalogInstance),
    /// Several backups are meant.
    Points(Vec<(&'a CatalogInstance, &'a CatalogEntry)>),
    /// The backup that was named cannot be restored.
    Unreadable(&'a str),
    /// The instance has no backup that can be restored; the problem of the first is told, if it has one.
    Nothing(&'a CatalogInstance, Option<&'a str>),
    /// What is meant is no cluster, and only a cluster will do.
    NoCluster(&'a CatalogInstance),
}

impl Catalog {
    /// The instances that are meant by a word (see [`CatalogInstance::spelling`]). Looks where a repository leads that is
    /// named in it.
    pub fn named(&self, word: &str) -> Vec<&CatalogInstance> {
        if let Some(exactly) = self.instances.iter().find(|one| one.id() == word) {
            return vec![exactly];
        }
        let leads_to = |text: &str, one: &CatalogInstance| {
            identity::exact(&one.repository, false) == text
                || fs::canonicalize(text).is_ok_and(|path| path == one.repository)
        };
        self.instances.iter().filter(|one| one.is_meant(word, &|text| leads_to(text, one))).collect()
    }

    /// The restore point of a cluster that is meant, as [`Self::choose_row`] finds it.
    pub fn choose(&self, word: &str, point: Option<&str>) -> Result<&RestorePoint, NotChosen<'_>> {
        let (instance, row) = self.choose_row(word, point)?;
        row.point().ok_or(NotChosen::NoCluster(instance))
    }

    /// What can be restored and is meant: of the instance `word`, the one with this label or path, else the newest.
    pub fn choose_row(
        &self,
        word: &str,
        point: Option<&str>,
    ) -> Result<(&CatalogInstance, &CatalogEntry), NotChosen<'_>> {
        let instances = self.named(word);
        let Some(first) = instances.first() else { return Err(NotChosen::NoInstance) };
        let Some(point) = point else {
            if instances.len() > 1 {
                return Err(NotChosen::Instances(instances));
            }
            let problem = || first.rows.iter().find_map(CatalogEntry::problem);
            let first = *first;
            return first.newest_row().map(|row| (first, row)).ok_or_else(|| NotChosen::Nothing(first, problem()));
        };
        let rows = || instances.iter().flat_map(|one| one.rows.iter().map(|row| (*one, row)));
        let is_it = |row: &CatalogEntry| match row {
            CatalogEntry::Tree(tree) => [&tree.label, &tree.snapshot, short_id(&tree.snapshot)].contains(&point),
            CatalogEntry::Restorable(_) | CatalogEntry::Machine(_) | CatalogEntry::Unreadable { .. } => {
                row.label() == point
            }
        };
        let mut meant: Vec<_> = rows().filter(|(_, row)| is_it(row)).collect();
        if meant.is_empty() {
            let path = fs::canonicalize(point).unwrap_or_else(|_| Path::new(point).to_owned());
            meant = rows().filter(|(_, row)| row.directory() == Some(&*path)).collect();
        }
        match meant.as_slice() {
            [] if instances.len() > 1 => Err(NotChosen::Instances(instances)),
            [] => Err(NotChosen::NoPoint(first)),
            [(_, CatalogEntry::Unreadable { problem, .. })] => Err(NotChosen::Unreadable(problem)),
            [(one, row)] => Ok((one, row)),
            _ => Err(NotChosen::Points(meant)),
        }
    }
}
