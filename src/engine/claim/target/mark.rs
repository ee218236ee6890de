//! The mark of a restore inside its target: whose the data is, of which backup, and what stood there before.
//!
//! Promises: a target that the session creates appears with its mark in it, in one step; a mark is replaced in one step
//! too, under the target's lock. Never: writes over the mark of another session, unless it was left for others.

use super::{
    new_name,
    root::{Access, Root},
};
use crate::{
    domain::{Failure, Target},
    engine::at_target::at_target,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};
use uuid::Uuid;

/// The directory in the target that holds the mark and the ledger until the restore is done.
pub(in crate::engine) const DIRECTORY: &str = crate::domain::restored::MARK;
pub(in crate::engine) const SESSION: &str = ".howdah/session.json";
pub(in crate::engine) const LEDGER: &str = ".howdah/ledger";

/// The version of `session.json` that this build writes; it reads this and all older ones.
const VERSION: u32 = 2;

/// A mark is a few lines; what is longer was not written by us.
const MAX_LEN: u64 = 1 << 20;

/// What `session.json` holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::engine) struct Mark {
    version: u32,
    /// The session that works here.
    pub(in crate::engine) session: Uuid,
    /// The backup, for a person to read.
    pub(in crate::engine) backup: PathBuf,
    /// What the backup's manifest is known by.
    pub(in crate::engine) manifest: String,
    /// Whether the data directory was not there before.
    pub(in crate::engine) created_directory: bool,
    /// Directories outside the data directory that were not there before, upper ones first.
    pub(in crate::engine) created: Vec<PathBuf>,
    /// Where tablespaces go.
    pub(in crate::engine) tablespaces: BTreeMap<u32, PathBuf>,
    /// Whether the session has ended and left its data for a later one. Until then it is the session's alone.
    #[serde(default)]
    pub(in crate::engine) kept: bool,
}

impl Mark {
    pub(in crate::engine) fn new(
        session: Uuid,
        backup: &Path,
        manifest: String,
        tablespaces: BTreeMap<u32, PathBuf>,
    ) -> Self {
        let backup = backup.to_owned();
        let (version, created_directory, created, kept) = (VERSION, false, Vec::new(), false);
        Self { version, session, backup, manifest, created_directory, created, tablespaces, kept }
    }

    /// Whether this session may write over the mark: its own, or one that was left for others.
    pub(in crate::engine) fn is_for(&self, session: Uuid) -> bool {
        self.session == session || self.kept
    }

    /// Reads the mark of a target; `None` when there is none that this build can read.
    pub(in crate::engine) fn read(root: &Root) -> io::Result<Option<Self>> {
        let mut text = Vec::new();
        match root.open_file(Path::new(SESSION)) {
            Ok(file) => file.take(MAX_LEN).read_to_end(&mut text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(serde_json::from_slice(&text).ok().filter(|mark: &Self| (1..=VERSION).contains(&mark.version)))
    }

    /// Writes the mark into a target, over an older one that is for this session. Whoever calls has the target's lock.
    pub(in crate::engine) fn write(&self, root: &Root) -> io::Result<()> {
        replace(root, "session.json", self)
    }

    /// Creates the data directory with this mark in it. It is made under another name first, so that it never stands
    /// unmarked.
    pub(in crate::engine) fn create_marked(&mut self, directory: &Path, access: Access) -> Result<Root, Failure> {
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
pub(in crate::engine) fn replace(root: &Root, name: &str, content: &impl Serialize) -> io::Result<()> {
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

/// Whether the target bears this session's mark.
pub fn is_marked(target: &Target, session: Uuid) -> bool {
    let root = Root::open(target.directory(), Access { owner: None, group: false });
    root.is_ok_and(|root| matches!(Mark::read(&root), Ok(Some(mark)) if mark.session == session))
}

/// The name under which a data directory is made.
pub(in crate::engine) fn shadow(directory: &Path, session: Uuid) -> PathBuf {
    let mut name = directory.file_name().unwrap_or_default().to_owned();
    name.push(format!(".howdah-{session}"));
    directory.with_file_name(name)
}

/// Makes the entry of a path in the directory above it durable.
pub(in crate::engine) fn sync_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
}
