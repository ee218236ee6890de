//! The mark of a restore inside its target: whose the data is, of which backup, and what stood there before.
//!
//! Promises: a target that the session creates appears with its mark in it, in one step; a mark is replaced in one step
//! too, under the target's lock. Never: writes over the mark of another session, unless it was left for others.

use super::{
    errors::at_target,
    home,
    ledger::{Account, Ledger, Line},
    lock, new_name,
    root::{Access, Root},
};
use crate::{domain::Failure, process};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};
use uuid::Uuid;

/// The directory in the target that holds the mark and the ledger until the restore is done.
pub(super) const DIRECTORY: &str = crate::domain::restored::MARK;
const SESSION: &str = ".howdah/session.json";
pub(super) const LEDGER: &str = ".howdah/ledger";

/// The version of `session.json` that this build writes; it reads this and all older ones.
const VERSION: u32 = 2;

/// A mark is a few lines; what is longer was not written by us.
const MAX_LEN: u64 = 1 << 20;

/// What `session.json` holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mark {
    version: u32,
    /// The session that works here.
    pub(super) session: Uuid,
    /// The backup, for a person to read.
    pub(super) backup: PathBuf,
    /// What the backup's manifest is known by.
    pub(super) manifest: String,
    /// Whether the data directory was not there before.
    pub(super) created_directory: bool,
    /// Directories outside the data directory that were not there before, upper ones first.
    pub(super) created: Vec<PathBuf>,
    /// Where tablespaces go.
    pub(super) tablespaces: BTreeMap<u32, PathBuf>,
    /// Whether the session has ended and left its data for a later one. Until then it is the session's alone.
    #[serde(default)]
    pub(super) kept: bool,
}

impl Mark {
    pub(super) fn new(session: Uuid, backup: &Path, manifest: String, tablespaces: BTreeMap<u32, PathBuf>) -> Self {
        let backup = backup.to_owned();
        let (version, created_directory, created, kept) = (VERSION, false, Vec::new(), false);
        Self { version, session, backup, manifest, created_directory, created, tablespaces, kept }
    }

    /// Whether this session may write over the mark: its own, or one that was left for others.
    pub(super) fn is_for(&self, session: Uuid) -> bool {
        self.session == session || self.kept
    }

    /// Reads the mark of a target; `None` when there is none that this build can read.
    pub(super) fn read(root: &Root) -> io::Result<Option<Self>> {
        let mut text = Vec::new();
        match root.open_file(Path::new(SESSION)) {
            Ok(file) => file.take(MAX_LEN).read_to_end(&mut text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(serde_json::from_slice(&text).ok().filter(|mark: &Self| (1..=VERSION).contains(&mark.version)))
    }

    /// Writes the mark into a target, over an older one that is for this session. Whoever calls has the target's lock.
    pub(super) fn write(&self, root: &Root) -> io::Result<()> {
        replace(root, "session.json", self)
    }

    /// Creates the data directory with this mark in it. It is made under another name first, so that it never stands
    /// unmarked.
    pub(super) fn create_marked(&mut self, directory: &Path, access: Access) -> Result<Root, Failure> {
        let shadow = shadow(directory, self.session);
        let failed = |doing, path: &Path| {
            let path = path.to_owned();
            move |error: io::Error| at_target(doing, &path, &error)
        };
        if shadow.symlink_metadata().is_ok() {
            fs::remove_dir_all(&shadow).map_err(failed("remove", &shadow))?;
        }
        fs::create_dir(&shadow).map_err(failed("create", &shadow))?;
        let root = Root::open(&shadow, access).map_err(failed("open", &shadow))?;
        access.give_directory(root.fd()).map_err(failed("set the owner of", &shadow))?;
        self.created_directory = true;
        self.write(&root).map_err(failed("mark", &shadow))?;
        new_name::rename(&shadow, directory).map_err(failed("create", directory))?;
        sync_parent(directory).map_err(failed("make durable", directory))?;
        Root::open(directory, access).map_err(failed("open", directory))
    }
}

/// Puts a file into the mark's directory, in place of an older one, in one step and durably.
pub(super) fn replace(root: &Root, name: &str, content: &impl Serialize) -> io::Result<()> {
    let directory = Path::new(DIRECTORY);
    let (fresh, name) = (directory.join(format!("{name}.new")), directory.join(name));
    root.create_directory(directory)?;
    root.remove(&fresh)?;
    let mut file = root.create(&fresh)?;
    file.write_all(&serde_json::to_vec_pretty(content).map_err(io::Error::other)?)?;
    file.sync_all()?;
    rustix::fs::renameat(root.fd(), &fresh, root.fd(), &name)?;
    rustix::fs::fsync(root.open_directory(directory)?)?;
    Ok(rustix::fs::fsync(root.fd())?)
}

/// Takes a session's mark from its target. The first thing that goes makes it no mark any more, so that it is never half
/// of one; the mark of another session stays.
pub(super) fn remove(directory: &Path, session: Uuid) -> Result<(), Failure> {
    let ours = directory.join(DIRECTORY);
    let removed = Root::open(directory, Access { owner: None, group: false }).and_then(|root| {
        match Mark::read(&root)? {
            Some(mark) if mark.session != session => return Ok(()),
            // Its homes first: the mark records where they are.
            Some(mark) => mark.tablespaces.values().try_for_each(|home| home::unmark(home, session))?,
            None => {}
        }
        root.remove(Path::new(SESSION))?;
        super::dispose::remove_tree(&ours)?;
        Ok(rustix::fs::fsync(root.fd())?)
    });
    removed.map_err(|error| at_target("remove", &ours, &error))
}

/// The name under which a data directory is made.
pub(super) fn shadow(directory: &Path, session: Uuid) -> PathBuf {
    let mut name = directory.file_name().unwrap_or_default().to_owned();
    name.push(format!(".howdah-{session}"));
    directory.with_file_name(name)
}

/// Reads the ledger of a target; an absent one is empty.
pub(super) fn read_ledger(root: &Root, boot: &str) -> io::Result<Account> {
    match root.open_file(Path::new(LEDGER)) {
        Ok(file) => Account::read(file, boot),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Account::default()),
        Err(error) => Err(error),
    }
}

/// Opens the ledger for one attempt: the lock of the target, at the end of what stands in it.
pub(super) fn open_ledger(root: &Root, boot: &str) -> Result<Ledger, Failure> {
    let mut file = lock::take(root)?;
    let failed = |error: io::Error| at_target("write", &root.path().join(LEDGER), &error);
    // An attempt that was killed may have left half a line.
    file.write_all(b"\n").map_err(failed)?;
    let ledger = Ledger::new(file);
    ledger.add(&[Line::Boot(boot.to_owned())]).map_err(failed)?;
    let directory = root.open_directory(Path::new(DIRECTORY)).map_err(failed)?;
    rustix::fs::fsync(&directory).map_err(|error| failed(error.into()))?;
    Ok(ledger)
}

/// What names the time since this machine came up; empty where the system does not show it, which counts as one boot.
pub(super) fn boot_id() -> String {
    process::boot().map_or_else(String::new, |boot| boot.to_string())
}

/// Makes the entry of a path in the directory above it durable.
pub(super) fn sync_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
}
