//! The mark of a restore: whose the data is, of which backup, and what stood there before.
//!
//! Promises: a target that the session creates appears with its mark, in one step; a mark is replaced in one step too,
//! under the target's lock. Never: writes over the mark of another session, unless it was left for others or its data
//! is gone.

use super::{
    ledger::{self, Ledger},
    mark_place::{DirectoryId, MarkPlace},
    new_name,
    root::{Access, Root},
};
use crate::{
    domain::{
        Failure, Target,
        restored::{MARK_FILE, MarkLocation},
    },
    engine::at_target::at_target,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};
use uuid::Uuid;

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
    /// The directory that a mark beside it is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data: Option<DirectoryId>,
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
        Self { version, session, backup, manifest, created_directory, created, tablespaces, kept, data: None }
    }

    /// Whether this session may write over the mark: its own, or one that was left for others.
    pub(in crate::engine) fn is_for(&self, session: Uuid) -> bool {
        self.session == session || self.kept
    }

    /// Reads the mark at its place; `None` when there is none that this build can read.
    pub(super) fn read(place: &MarkPlace) -> io::Result<Option<Self>> {
        let mut text = Vec::new();
        match place.root().open_file(&place.within(MARK_FILE)) {
            Ok(file) => file.take(MAX_LEN).read_to_end(&mut text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(serde_json::from_slice(&text).ok().filter(|mark: &Self| (1..=VERSION).contains(&mark.version)))
    }

    /// Whether what stands there was written by a newer build, or is damaged.
    pub(super) fn is_unreadable(place: &MarkPlace) -> io::Result<bool> {
        Ok(Self::read(place)?.is_none() && place.root().stat(&place.within(MARK_FILE))?.is_some())
    }

    /// Marks a data directory that stands, over an older mark that is for this session. Whoever calls has the target's
    /// lock.
    pub(in crate::engine) fn write(&mut self, place: &MarkPlace, target: &Root) -> io::Result<()> {
        self.data = match place.location() {
            MarkLocation::Inside => None,
            MarkLocation::Beside => Some(DirectoryId::of(target)?),
        };
        place.replace(MARK_FILE, self)
    }

    /// Whether this is the mark of that directory.
    fn is_of(&self, place: &MarkPlace, target: &Root) -> io::Result<bool> {
        match place.location() {
            MarkLocation::Inside => Ok(true),
            MarkLocation::Beside => {
                let stands = DirectoryId::of(target)?;
                Ok(self.data.is_some_and(|marked| marked.is(stands)))
            }
        }
    }

    /// Creates the data directory with this mark, and opens a ledger for it. It is made under another name first, so that
    /// it never stands unmarked.
    pub(in crate::engine) fn create_marked(
        &mut self,
        directory: &Path,
        location: MarkLocation,
        access: Access,
    ) -> Result<(Root, MarkPlace, Ledger), Failure> {
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
        let place = match location {
            MarkLocation::Inside => MarkPlace::new(location, &root),
            MarkLocation::Beside => MarkPlace::beside(directory, access),
        };
        let place = place.map_err(failed("mark", directory))?;
        let ledger = ledger::begin(&place, &ledger::boot_id())?;
        self.write(&place, &root).map_err(failed("mark", &shadow))?;
        new_name::rename(&shadow, directory).map_err(failed("create", directory))?;
        sync_parent(directory).map_err(failed("make durable", directory))?;
        let root = Root::open(directory, access).map_err(failed("open", directory))?;
        let place = MarkPlace::new(location, &root).map_err(failed("open the mark of", directory))?;
        Ok((root, place, ledger))
    }
}

/// The mark of an open data directory, and where it stands: the one inside before the one beside.
pub(in crate::engine) fn find(target: &Root) -> io::Result<Option<(MarkPlace, Mark)>> {
    let inside = MarkPlace::new(MarkLocation::Inside, target)?;
    if let Some(mark) = Mark::read(&inside)? {
        return Ok(Some((inside, mark)));
    }
    let Some(beside) = MarkPlace::find_beside(target.path(), Some(target))? else { return Ok(None) };
    match Mark::read(&beside)? {
        Some(mark) if mark.is_of(&beside, target)? => Ok(Some((beside, mark))),
        Some(_) | None => Ok(None),
    }
}

/// Where a data directory's mark stands, if it is this session's.
pub fn mark_of(directory: &Path, session: Uuid) -> io::Result<Option<PathBuf>> {
    let found = find(&Root::open(directory, Access { owner: None, group: false })?)?;
    Ok(found.filter(|(_, mark)| mark.session == session).map(|(place, _)| place.path()))
}

/// Whether the target bears this session's mark.
pub fn is_marked(target: &Target, session: Uuid) -> bool {
    matches!(mark_of(target.directory(), session), Ok(Some(_)))
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
