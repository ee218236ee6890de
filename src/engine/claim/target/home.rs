//! The mark of a restore in the home of a tablespace: whose it is, for when the data directory with its ledger is gone.
//!
//! A home is empty when a restore comes to it, and a restore makes nothing at its top but directories that begin with
//! `PG_` (`CATALOG_VERSION_NO` in `catalog/catversion.h` is part of their names). So they are the session's own as long as
//! the mark stands.
//!
//! Promises: only what the session made is cleared; the mark goes last. Never: follows a link.

use super::{
    mark_place::{DIRECTORY, MarkPlace},
    removal::{names, remove_if_empty, remove_tree},
    root::{Access, Root},
};
use crate::{
    domain::{Target, restored::MarkLocation},
    engine::claim,
};
use serde::{Deserialize, Serialize};
use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};
use uuid::Uuid;

const FILE: &str = "home.json";

/// The version of the mark that this build writes.
const VERSION: u32 = 1;

/// A mark is a few lines; what is longer was not written by us.
const MAX_SIZE: u64 = 1 << 20;

const OWN: Access = Access { owner: None, group: false };

#[derive(Debug, Serialize, Deserialize)]
struct HomeMark {
    version: u32,
    session: Uuid,
    /// The data directory that the home belongs to, for a person to read.
    data: PathBuf,
    /// The home and directories above it that were not there before, upper ones first.
    created: Vec<PathBuf>,
}

/// Marks a home; `created` are the directories that the restore made, here and elsewhere.
pub(in crate::engine) fn mark(root: &Root, session: Uuid, data: &Path, created: &[PathBuf]) -> io::Result<()> {
    let created = created.iter().filter(|path| root.path().starts_with(path)).cloned().collect();
    let place = MarkPlace::new(MarkLocation::Inside, root)?;
    place.replace(FILE, &HomeMark { version: VERSION, session, data: data.to_owned(), created })
}

/// Whether a home bears this session's mark.
pub(in crate::engine) fn is_marked(home: &Path, session: Uuid) -> bool {
    read(home, session).is_ok_and(|mark| mark.is_some())
}

/// Takes the session's mark from a home that the mark in its data directory names. May be run again after it was
/// interrupted between the mark and the directory around it.
pub(in crate::engine) fn unmark(home: &Path, session: Uuid) -> io::Result<()> {
    let around = home.join(DIRECTORY);
    if read(home, session)?.is_some() {
        remove_tree(&around)
    } else if around.symlink_metadata().is_ok_and(|about| about.is_dir()) {
        remove_if_empty(&around)
    } else {
        Ok(())
    }
}

/// Clears a home of what the session put there; returns how many entries are somebody else's, or `None` where the home
/// does not bear its mark.
pub(in crate::engine) fn clear(home: &Path, session: Uuid) -> io::Result<Option<u64>> {
    let Some(mark) = read(home, session)? else { return Ok(None) };
    let mut left = 0;
    for name in names(home)? {
        let text = name.to_string_lossy();
        if text.starts_with("PG_") {
            remove_tree(&home.join(&name))?;
        } else if text != DIRECTORY && text != claim::INSIDE {
            left += 1;
        }
    }
    remove_tree(&home.join(DIRECTORY))?;
    for made in mark.created.iter().rev() {
        remove_if_empty(made)?;
    }
    Ok(Some(left))
}

/// The directories that may be homes of a target, whether or not its data directory shows them.
pub(in crate::engine) fn candidates(target: &Target) -> io::Result<Vec<PathBuf>> {
    let parent = target.tablespace_parent();
    let unnamed = names(&parent)?.into_iter().map(|name| parent.join(name));
    let unnamed = unnamed.filter(|path| fs::symlink_metadata(path).is_ok_and(|about| about.is_dir()));
    Ok(target.tablespaces().values().cloned().chain(unnamed).collect())
}

fn read(home: &Path, session: Uuid) -> io::Result<Option<HomeMark>> {
    let mut text = Vec::new();
    let opened = Root::open(home, OWN).and_then(|root| root.open_file(&Path::new(DIRECTORY).join(FILE)));
    match opened {
        Ok(file) => file.take(MAX_SIZE).read_to_end(&mut text)?,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let mark: Option<HomeMark> = serde_json::from_slice(&text).ok();
    Ok(mark.filter(|mark| mark.version == VERSION && mark.session == session))
}
