//! Whether a restored directory is what the backup's manifest says, but for what recovery must change.

use howdah::postgres::manifest::{Hasher, Manifest};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::Read as _,
    path::{Path, PathBuf},
};

/// What a server writes for itself in any run, so that it says nothing about the restore.
const TRANSIENT: [&str; 13] = [
    "backup_manifest",
    "log",
    "pg_dynshmem",
    "pg_notify",
    "pg_replslot",
    "pg_serial",
    "pg_snapshots",
    "pg_stat",
    "pg_stat_tmp",
    "pg_subtrans",
    "pg_wal",
    "postmaster.opts",
    "postmaster.pid",
];

/// How a restored directory differs from the manifest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Difference {
    missing: BTreeSet<PathBuf>,
    added: BTreeSet<PathBuf>,
    changed: BTreeSet<PathBuf>,
}

impl Difference {
    /// Reads every file.
    pub(crate) fn between(data: &Path, manifest: &Manifest) -> Self {
        let standing = files(data);
        let listed: BTreeMap<&Path, _> = manifest.files.iter().map(|file| (file.path.as_path(), file)).collect();
        let mut found = Self::default();
        // One for all files: fresh memory for each costs more than the rest of the comparison.
        let mut bytes = Vec::new();
        for path in &standing {
            match listed.get(path.as_path()) {
                None => {
                    found.added.insert(path.clone());
                }
                Some(file) => {
                    bytes.clear();
                    File::open(data.join(path)).unwrap().read_to_end(&mut bytes).unwrap();
                    let mut hasher = Hasher::new(file.checksum.algorithm());
                    hasher.update(&bytes);
                    if bytes.len() as u64 != file.size || hasher.finish() != file.checksum {
                        found.changed.insert(path.clone());
                    }
                }
            }
        }
        let lacks = |path: &&Path| !standing.contains(*path) && !is_transient(path);
        found.missing = listed.into_keys().filter(lacks).map(Path::to_owned).collect();
        found
    }

    /// What undisturbed restores may bring about, one or the other.
    pub(crate) fn or(mut self, other: Self) -> Self {
        self.missing.extend(other.missing);
        self.added.extend(other.added);
        self.changed.extend(other.changed);
        self
    }

    /// How many files of the manifest are not as it says.
    pub(crate) fn altered(&self) -> usize {
        self.missing.len() + self.changed.len()
    }

    /// What this has and an undisturbed restore has not.
    pub(crate) fn beyond(&self, reference: &Self) -> Option<Self> {
        let more = |mine: &BTreeSet<PathBuf>, theirs: &BTreeSet<PathBuf>| mine.difference(theirs).cloned().collect();
        let beyond = Self {
            missing: more(&self.missing, &reference.missing),
            added: more(&self.added, &reference.added),
            changed: more(&self.changed, &reference.changed),
        };
        (beyond != Self::default()).then_some(beyond)
    }
}

fn is_transient(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // A cache that the first connection to a database writes, and the maps of free space, which are hints: they are not
    // logged, whoever finds them wrong puts them right, and each recovery leaves others (freespace/README).
    let hint = name.starts_with("pg_internal.init") || name.ends_with("_fsm");
    hint || TRANSIENT.iter().any(|name| path.starts_with(name))
}

/// All files below a data directory, tablespaces included.
fn files(data: &Path) -> BTreeSet<PathBuf> {
    let entries = walkdir::WalkDir::new(data).follow_links(true).into_iter().map(Result::unwrap);
    let files = entries.filter(|entry| entry.file_type().is_file());
    let below = files.map(|entry| entry.path().strip_prefix(data).unwrap().to_owned());
    below.filter(|path| !is_transient(path)).collect()
}

/// Marks and half-made things of ours that must not stay: in the data directory, beside it, and in `/tmp`.
pub(crate) fn remains(parent: &Path, session: &str) -> Vec<PathBuf> {
    let ours = |path: &Path| {
        path.file_name().is_some_and(|name| {
            let name = name.to_string_lossy();
            name.starts_with(".howdah") || name.ends_with(".howdah-new") || name.contains(".howdah-")
        })
    };
    let entries = walkdir::WalkDir::new(parent).into_iter().map(Result::unwrap).map(walkdir::DirEntry::into_path);
    let mut found: Vec<PathBuf> = entries.filter(|path| ours(path)).collect();
    // The private directory of an isolated server bears the end of its session's name.
    let guard = format!("howdah-{}-", &session.replace('-', "")[20..]);
    let private = fs::read_dir("/tmp").unwrap().flatten().map(|entry| entry.path());
    found.extend(private.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with(&guard)));
    found
}
