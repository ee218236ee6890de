//! Repositories in, catalog out.

use super::{
    contents::{Catalog, CatalogInstance, Origin, Repository, RepositoryPath, Row},
    facts,
    scan::{Candidate, scan},
};
use crate::domain::{InstanceName, RestorePoint, Timestamp};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// Manifests are read by so many threads at once: a slow disk or a long checksum then stops only one of them, and
/// the machine keeps processors for the work of others.
const READERS: usize = 2;

/// Reads what is in these repositories. Blocks for as long as the disks take: call it on a thread that may wait.
///
/// A repository that is given twice is read once. A backup that two repositories reach belongs to the first.
pub fn read(repositories: &[RepositoryPath]) -> Catalog {
    let mut catalog = Catalog::default();
    let mut roots = BTreeSet::new();
    let mut paths: BTreeSet<PathBuf> = BTreeSet::new();
    let mut found = Vec::new();
    for RepositoryPath { path, origin } in repositories {
        let scan = scan(path);
        if !roots.insert(scan.root.clone()) {
            continue;
        }
        let new = scan.candidates.into_iter().filter(|candidate| paths.insert(candidate.path.clone()));
        found.extend(new.map(|candidate| (*origin, candidate)));
        catalog.repositories.push(Repository { path: scan.root, origin: *origin, problem: scan.problem });
    }
    let mut instances: BTreeMap<(Origin, InstanceName), Vec<Row>> = BTreeMap::new();
    for (origin, row) in rows(&found) {
        instances.entry((origin, row.instance().clone())).or_default().push(row);
    }
    catalog.instances = instances
        .into_iter()
        .map(|((origin, name), mut rows)| {
            rows.sort_by_cached_key(newest_first);
            CatalogInstance { name, origin, rows }
        })
        .collect();
    catalog
}

/// By time, then by name, backwards; what cannot be read has no time and comes last.
fn newest_first(row: &Row) -> Reverse<(Option<Timestamp>, String, PathBuf)> {
    Reverse((row.taken_at(), row.label().to_owned(), row.path().to_owned()))
}

fn rows(found: &[(Origin, Candidate)]) -> Vec<(Origin, Row)> {
    let rows = Mutex::new(Vec::with_capacity(found.len()));
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some((origin, candidate)) = found.get(next.fetch_add(1, Ordering::Relaxed)) {
            let row = row(candidate);
            rows.lock().unwrap_or_else(PoisonError::into_inner).push((*origin, row));
        }
    };
    thread::scope(|scope| {
        for _ in 1..READERS.min(found.len()) {
            scope.spawn(work);
        }
        work();
    });
    rows.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn row(candidate: &Candidate) -> Row {
    let Candidate { instance, label, path, finding } = candidate;
    let (instance, label, path) = (instance.clone(), label.clone(), path.clone());
    match facts::read(&path, finding) {
        Ok(facts) => Row::Restorable(RestorePoint { instance, label, path, facts }),
        Err(problem) => Row::Unreadable { instance, label, path, problem },
    }
}
