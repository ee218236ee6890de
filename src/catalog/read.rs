//! Repositories in, catalog out.

use super::{
    chain::{self, MadeFrom},
    inspect::{self, Seen},
    machines,
    model::{Access, Catalog, CatalogEntry, CatalogInstance, Repository, RepositoryKind, RepositoryPath},
    scan::{Candidate, Layout, scan},
    trees, wal,
};
use crate::domain::{BackupSource, InstanceName, RestorePoint, SystemIdentifier, Timestamp, Workload};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// Manifests are read by so many threads at once: a slow disk or a long checksum then stops only one of them, and
/// the machine keeps processors for the work of others.
const READERS: usize = 2;

/// One folder of one repository and one workload, as the backups in it are gathered.
type Folder = (RepositoryKind, InstanceName, PathBuf, PathBuf, Workload);

/// A row, and of an incremental backup what it was made from: what it rests on is found when all are read.
pub(super) type Row = (CatalogEntry, Option<MadeFrom>);

/// What is read at once: a backup by itself, the restore points of a machine together, since they rest on each other, or
/// all that a restic repository names.
struct Unit {
    kind: RepositoryKind,
    access: Arc<Access>,
    candidate: Candidate,
}

/// Reads what is in these repositories. Blocks for as long as the disks take: call it on a thread that may wait.
///
/// A repository that is given twice is read once. A backup that two repositories reach belongs to the first.
pub fn read(repositories: &[RepositoryPath]) -> Catalog {
    let mut read = Vec::new();
    let mut roots = BTreeSet::new();
    let mut paths: BTreeSet<PathBuf> = BTreeSet::new();
    let mut found = Vec::new();
    for RepositoryPath { path, kind, access } in repositories {
        let scan = scan(path);
        if !roots.insert(scan.root.clone()) {
            continue;
        }
        for candidate in scan.candidates.into_iter().map(as_unit) {
            if paths.insert(candidate.path.clone()) {
                found.push(Unit { kind: *kind, access: Arc::clone(access), candidate });
            }
        }
        read.push(Repository { path: scan.root, kind: *kind, problem: scan.problem });
    }
    let mut folders: BTreeMap<Folder, (Arc<Access>, Vec<Row>)> = BTreeMap::new();
    for (folder, access, rows) in rows(&found) {
        folders.entry(folder).or_insert_with(|| (access, Vec::new())).1.extend(rows);
    }
    let folders = folders.into_iter();
    let all = folders.flat_map(|(folder, (access, rows))| instances(&folder, chain::resolve(rows), &access));
    Catalog::new(read, all.collect())
}

/// The restore points of a machine are read by their common directory.
fn as_unit(candidate: Candidate) -> Candidate {
    match (&candidate.finding, candidate.path.parent()) {
        (Layout::Machine, Some(folder)) => Candidate { path: folder.to_owned(), ..candidate },
        (Layout::Machine | Layout::Plain | Layout::Tar(_) | Layout::Restic | Layout::Fault(_), _) => candidate,
    }
}

/// The instances of one folder: one for each cluster, and one for what does not tell its cluster.
///
/// What cannot be restored stands with the only instance there is; beside several, with what tells no cluster.
fn instances(folder: &Folder, rows: Vec<CatalogEntry>, access: &Access) -> Vec<CatalogInstance> {
    let mut clusters: BTreeMap<Option<SystemIdentifier>, Vec<CatalogEntry>> = BTreeMap::new();
    let (restorable, unreadable): (Vec<CatalogEntry>, Vec<CatalogEntry>) =
        rows.into_iter().partition(CatalogEntry::is_restorable);
    for row in restorable {
        let cluster = row.point().and_then(|point| point.facts.system_identifier);
        clusters.entry(cluster).or_default().push(row);
    }
    if !unreadable.is_empty() {
        let only = if clusters.len() == 1 { clusters.keys().next().copied().flatten() } else { None };
        clusters.entry(only).or_default().extend(unreadable);
    }
    let instance = |(cluster, mut rows): (Option<SystemIdentifier>, Vec<CatalogEntry>)| {
        let (kind, name, repository, folder, workload) = folder.clone();
        rows.sort_by_cached_key(newest_first);
        let (spelling, distinction) = (name.to_string(), None);
        let wal = match workload {
            Workload::Instance => wal::archives(&repository, &folder, &rows, cluster, access),
            Workload::VirtualMachine | Workload::FileTree => Vec::new(),
        };
        CatalogInstance { name, workload, kind, rows, repository, folder, wal, cluster, spelling, distinction }
    };
    clusters.into_iter().map(instance).collect()
}

/// By time, then by name, backwards; what cannot be read has no time and comes last.
fn newest_first(row: &CatalogEntry) -> Reverse<(Option<Timestamp>, String, Option<PathBuf>)> {
    Reverse((row.taken_at(), row.label().to_owned(), row.directory().map(Path::to_owned)))
}

fn rows(found: &[Unit]) -> Vec<(Folder, Arc<Access>, Vec<Row>)> {
    let rows = Mutex::new(Vec::with_capacity(found.len()));
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(unit) = found.get(next.fetch_add(1, Ordering::Relaxed)) {
            let Candidate { instance, repository, folder, finding, .. } = &unit.candidate;
            let workload = match finding {
                Layout::Plain | Layout::Tar(_) | Layout::Fault(_) => Workload::Instance,
                Layout::Machine => Workload::VirtualMachine,
                Layout::Restic => Workload::FileTree,
            };
            let folder = (unit.kind, instance.clone(), repository.clone(), folder.clone(), workload);
            let read = rows_of(unit);
            rows.lock().unwrap_or_else(PoisonError::into_inner).push((folder, Arc::clone(&unit.access), read));
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

fn rows_of(Unit { access, candidate, .. }: &Unit) -> Vec<Row> {
    let alone = |entry| (entry, None);
    let Candidate { instance, label, path, finding, repository, folder: _ } = candidate;
    match finding {
        Layout::Machine => machines::rows(instance, path, access).into_iter().map(alone).collect(),
        Layout::Restic => trees::rows(instance, path, access).into_iter().map(alone).collect(),
        Layout::Plain | Layout::Tar(_) | Layout::Fault(_) => {
            let (instance, label, path) = (instance.clone(), label.clone(), path.clone());
            vec![match inspect::read(&path, finding) {
                Ok(Seen { form, facts, from }) => {
                    let (repository, directory) = (Some(repository.clone()), path);
                    let source = match from {
                        Some(_) => BackupSource::Incremental { directory, form, rests_on: Vec::new() },
                        None => BackupSource::BaseBackup { directory, form },
                    };
                    (CatalogEntry::Restorable(RestorePoint { instance, label, source, facts, repository }), from)
                }
                Err(problem) => alone(CatalogEntry::Unreadable { instance, label, path, problem }),
            }]
        }
    }
}
