//! The search for backups below a directory.
//!
//! Promises: each backup is found once, what only looks like one is told, ordinary directories are passed over in
//! silence. A symbolic link is never followed (only the repository itself may be one), so there are no loops and no
//! way out. The search goes [`MAX_DEPTH`] levels down and stops after [`MAX_DIRECTORIES`] directories. The files of WAL
//! archives are no entries, however many there are.

use super::{
    restored,
    wording::{self, problem, refused},
};
use crate::{
    archive::ArchiveFile,
    domain::{
        InstanceName, Workload,
        point_mark::{INCOMING, MACHINE_RECORD, REMOVING, RESTIC},
    },
    postgres::{
        manifest,
        tarset::{TarSet, TarSetError},
    },
};
use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fs::{self, FileType},
    io,
    path::{Path, PathBuf},
};

/// How far below the repository a backup may lie: an instance, a year, a month, a day, a kind, the backup.
const MAX_DEPTH: usize = 6;

/// The most directories that are looked into, so that `--repo /` ends. Ten thousand backups are far fewer.
const MAX_DIRECTORIES: usize = 100_000;

/// What the search found in one directory.
pub(super) struct Candidate {
    pub(super) instance: InstanceName,
    pub(super) repository: PathBuf,
    /// The directory that names the instance.
    pub(super) folder: PathBuf,
    pub(super) label: String,
    pub(super) path: PathBuf,
    pub(super) finding: Layout,
}

/// What a directory is.
pub(super) enum Layout {
    /// A data directory with a manifest.
    Plain,
    /// Archives with a manifest.
    Tar(TarSet),
    /// A restore point of a virtual machine.
    Machine,
    /// A restic repository.
    Restic,
    /// Something that is no backup, or not a whole one, for this reason.
    Fault(String),
}

/// All that was found below one repository.
pub(super) struct Scan {
    /// The repository from the root on, links resolved, where it exists.
    pub(super) root: PathBuf,
    pub(super) candidates: Vec<Candidate>,
    /// Why nothing or not all was found.
    pub(super) problem: Option<String>,
}

/// Looks for backups in `root` and below it.
pub(super) fn scan(root: &Path) -> Scan {
    let whole = match fs::canonicalize(root) {
        Ok(whole) => whole,
        Err(error) => return failed(root.to_owned(), refused(&wording::path(root), &error)),
    };
    if !whole.is_dir() {
        let fault = problem(&format!("{} is not a directory", wording::path(root)), "name a directory of backups");
        return failed(whole, fault);
    }
    let mut search = Search { root: whole, candidates: Vec::new(), directories: 0 };
    let root = search.root.clone();
    search.visit(&root, 0);
    let problem = search.verdict();
    Scan { root, candidates: search.candidates, problem }
}

/// All directories that [`scan`] looks into, the backups' own among them, in an order that stays.
pub(super) fn directories(root: &Path) -> Vec<PathBuf> {
    let (mut found, mut archives) = (vec![root.to_owned()], Vec::new());
    let mut ends = 1;
    let mut next = 0;
    for _ in 0..=MAX_DEPTH {
        while next < ends && found.len() < MAX_DIRECTORIES {
            let directory = found[next].clone();
            next += 1;
            // What cannot be listed has no directories; that it is there is seen by itself.
            let Ok(Entries { entries, holds_wal }) = list(&directory) else { continue };
            if holds_wal && entries.is_empty() {
                // An archive changes with each segment, and no backup comes by that.
                archives.push(directory);
            } else if !is_backup(&entries) {
                // A snapshot is a file in a directory of its repository.
                let trees = entries.keys().filter(|name| next == 1 && is_named_by_restic(name));
                let trees: Vec<PathBuf> = trees.map(|name| directory.join(name).join("snapshots")).collect();
                let below = entries.into_iter().filter(|(name, kind)| is_searched(name, *kind));
                found.extend(below.map(|(name, _)| directory.join(name)).chain(trees));
            }
        }
        ends = found.len();
    }
    found.retain(|directory| !archives.contains(directory));
    found
}

fn failed(root: PathBuf, problem: String) -> Scan {
    Scan { root, candidates: Vec::new(), problem: Some(problem) }
}

struct Search {
    root: PathBuf,
    candidates: Vec<Candidate>,
    directories: usize,
}

impl Search {
    fn visit(&mut self, directory: &Path, depth: usize) {
        self.directories += 1;
        if self.directories > MAX_DIRECTORIES {
            return;
        }
        let entries = match list(directory) {
            Ok(listed) => listed.entries,
            // It was there a moment ago: somebody expired a backup meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => return self.found(directory, Layout::Fault(refused("the directory", &error))),
        };
        if let Some(finding) = classify(directory, &entries) {
            return self.found(directory, finding);
        }
        if depth == MAX_DEPTH {
            return;
        }
        for (name, kind) in entries {
            if is_searched(&name, kind) {
                self.visit(&directory.join(name), depth + 1);
            } else if depth == 0 && kind.is_dir() && is_named_by_restic(&name) {
                let repository = directory.join(name);
                // A repository has both; what cannot be looked into may be one.
                let has = |part: &str| fs::symlink_metadata(repository.join(part)).is_ok();
                let is_closed = fs::read_dir(&repository).is_err();
                if is_closed || (has("config") && has("keys")) {
                    self.found(&repository, Layout::Restic);
                }
            }
        }
    }

    /// The instance is the first folder below the repository; a backup that lies directly in it names its own.
    fn found(&mut self, path: &Path, finding: Layout) {
        let below = path.strip_prefix(&self.root).unwrap_or(path);
        let mut parts = below.iter();
        let own = parts.next();
        let folder = own.map_or_else(|| self.root.clone(), |first| self.root.join(first));
        let first = own.or_else(|| self.root.file_name()).unwrap_or(OsStr::new("/"));
        let label = if parts.as_path().as_os_str().is_empty() { first } else { parts.as_path().as_os_str() };
        let name = wording::name(first);
        let (instance, folder) = match (&finding, path.parent()) {
            // Its restore points rest on each other, so that they are of one directory.
            (Layout::Machine, Some(parent)) => {
                let name = parent.file_name().map_or(name, wording::name);
                (Workload::VirtualMachine.named(&name), parent.to_owned())
            }
            (Layout::Restic, _) => (Workload::FileTree.named(name.strip_suffix(RESTIC).unwrap_or(&name)), folder),
            (Layout::Plain | Layout::Tar(_) | Layout::Machine | Layout::Fault(_), _) => {
                (InstanceName::new(&name), folder)
            }
        };
        self.candidates.push(Candidate {
            instance,
            repository: self.root.clone(),
            folder,
            label: wording::name(label),
            path: path.to_owned(),
            finding,
        });
    }

    fn verdict(&self) -> Option<String> {
        let at = wording::path(&self.root);
        if self.directories > MAX_DIRECTORIES {
            let cause =
                format!("{at} holds more than {MAX_DIRECTORIES} directories, and only so many were looked into");
            return Some(problem(&cause, "name a directory nearer to the backups"));
        }
        if self.candidates.is_empty() {
            let cause = format!("{at} holds no backup down to {MAX_DEPTH} levels below it");
            return Some(problem(&cause, "name a directory that pg_basebackup wrote to, or one above it"));
        }
        None
    }
}

/// What is in a directory, besides the files of a WAL archive.
struct Entries {
    /// By name, so that each search finds the same things in the same order.
    entries: BTreeMap<OsString, FileType>,
    /// Whether there are files of a WAL archive.
    holds_wal: bool,
}

fn list(directory: &Path) -> io::Result<Entries> {
    let mut listed = Entries { entries: BTreeMap::new(), holds_wal: false };
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let (name, kind) = (entry.file_name(), entry.file_type()?);
        if !kind.is_dir() && name.to_str().is_some_and(|name| ArchiveFile::parse(name).is_some()) {
            listed.holds_wal = true;
        } else {
            listed.entries.insert(name, kind);
        }
    }
    Ok(listed)
}

/// Whether the search goes into an entry; the file system's own directory may be read by root alone, what is being made or
/// removed is no backup, and what a restic repository holds only restic can tell.
fn is_searched(name: &OsStr, kind: FileType) -> bool {
    let begins = |with: &str| name.as_encoded_bytes().starts_with(with.as_bytes());
    kind.is_dir() && name != "lost+found" && !begins(INCOMING) && !begins(REMOVING) && !is_named_by_restic(name)
}

/// Whether a directory in a repository is that of a tree of files.
fn is_named_by_restic(name: &OsStr) -> bool {
    name.as_encoded_bytes().ends_with(RESTIC.as_bytes())
}

/// Whether these entries are those of a backup, whole or not, so that what lies below is its own.
fn is_backup(entries: &BTreeMap<OsString, FileType>) -> bool {
    let has = |name: &str| entries.contains_key(OsStr::new(name));
    has(MACHINE_RECORD)
        || has(manifest::FILE_NAME)
        || (has("PG_VERSION") && (has("base") || has("global")))
        || entries.keys().any(is_archive)
}

fn is_archive(name: &OsString) -> bool {
    let bytes = name.as_encoded_bytes();
    bytes.starts_with(b"base.tar") || bytes.starts_with(b"pg_wal.tar")
}

/// What a directory with these entries is; `None` for one that has nothing to do with backups.
fn classify(directory: &Path, entries: &BTreeMap<OsString, FileType>) -> Option<Layout> {
    let has = |name: &str| entries.contains_key(OsStr::new(name));
    let fault = |cause: &str, advice: &str| Some(Layout::Fault(problem(cause, advice)));
    let has_manifest = has(manifest::FILE_NAME);
    if has(MACHINE_RECORD) {
        return Some(Layout::Machine);
    }
    let data_directory = has("PG_VERSION") && (has("base") || has("global"));
    if data_directory && has("postmaster.pid") {
        if let Some(fault) = restored::server_fault(directory).unwrap_or_else(Some) {
            return Some(Layout::Fault(fault));
        }
        let cause = "this is the data directory of a server, which runs or has crashed (postmaster.pid is there)";
        return fault(cause, "take a backup of it with pg_basebackup, and never start a server on a backup itself");
    }
    if data_directory && has_manifest {
        return Some(Layout::Plain);
    }
    if !is_backup(entries) {
        return None;
    }
    // pg_basebackup gives the manifest its name when all else is on disk.
    if !has_manifest && has("backup_manifest.tmp") {
        let cause = "the backup is not finished (backup_manifest.tmp is there)";
        return fault(cause, "wait for pg_basebackup to end, or take the backup again if it was interrupted");
    }
    if data_directory {
        let cause = "the data directory has no backup_manifest, so nothing in it can be verified";
        return fault(cause, "take the backup with pg_basebackup 13 or newer, without --no-manifest");
    }
    match TarSet::find(directory) {
        Ok(Some(set)) if set.manifest.is_some() => Some(Layout::Tar(set)),
        Ok(Some(_)) => fault(
            "the archives have no backup_manifest beside them, so nothing in them can be verified",
            "copy the manifest too, or take the backup without --no-manifest",
        ),
        Ok(None) if has_manifest => fault(
            "there is a backup_manifest, but neither base.tar nor a whole data directory beside it",
            "copy the rest of the backup, or use another one",
        ),
        Ok(None) => None,
        Err(TarSetError::Unreadable { source, .. }) => Some(Layout::Fault(refused("the directory", &source))),
        Err(error @ TarSetError::NoBase { .. }) => fault(&error.to_string(), "copy all archives of the backup"),
        Err(error @ TarSetError::Twice { .. }) => {
            fault(&error.to_string(), "keep the one that belongs to the manifest and move the other away")
        }
        Err(error @ TarSetError::NotAFile(_)) => fault(&error.to_string(), "put the archive itself in its place"),
    }
}
