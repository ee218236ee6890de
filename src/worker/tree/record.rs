//! The record that a tree is whole and is being given its name: `lifting.json` in the attempt's directory.
//!
//! A worker that dies between two renames leaves some of the files under their names and some not. The record is on disk
//! before the first, and the next attempt goes on where it was left.
//!
//! Promises: what it says of the tree stays true while the directory that it names stands. A tree that is begun anew has
//! none before its first byte.

use super::{place::Staging, wanted::Counts};
use crate::{
    domain::Failure,
    postgres::configure::DataDirectory,
    worker::{attempt_files, workspace::Workspace},
};
use serde::{Deserialize, Serialize};
use std::{fs, io, path::PathBuf};
use uuid::Uuid;

const NAME: &str = "lifting.json";

/// A record names the directories that nobody may write to; more than this is something else.
const MAX_LEN: u64 = 64 << 20;

/// The version of the record that this build writes.
const VERSION: u32 = 1;

/// A tree that is whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Lifting {
    version: u32,
    session: Uuid,
    directory: PathBuf,
    pub(super) staging: Staging,
    /// Where it came in.
    pub(super) tree: PathBuf,
    /// The number of its directory; with the path it is enough, since nobody else makes anything there.
    pub(super) inode: u64,
    pub(super) counts: Counts,
    pub(super) own: Attributes,
    /// Directories in it that their owner may not write to, and their modes: a user other than root has to change that
    /// for as long as they are moved.
    pub(super) closed: Vec<(Vec<u8>, u32)>,
    pub(super) warnings: Vec<String>,
    pub(super) unchecked: Vec<String>,
}

/// What its own directory is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Attributes {
    pub(super) mode: u32,
    pub(super) owner: (u32, u32),
    /// Seconds and nanoseconds of its last access and of its last change.
    pub(super) times: [(i64, i64); 2],
}

/// What is found of a tree that is whole.
pub(super) struct Whole {
    pub(super) tree: PathBuf,
    pub(super) inode: u64,
    pub(super) counts: Counts,
    pub(super) own: Attributes,
    pub(super) closed: Vec<(Vec<u8>, u32)>,
    pub(super) warnings: Vec<String>,
    pub(super) unchecked: Vec<String>,
}

/// Writes the record, durably.
pub(super) fn keep(workspace: &Workspace<'_>, staging: Staging, whole: Whole) -> Result<Lifting, Failure> {
    let Whole { tree, inode, counts, own, closed, warnings, unchecked } = whole;
    let (version, session, directory) = (VERSION, workspace.session, workspace.data.to_owned());
    let record =
        Lifting { version, session, directory, staging, tree, inode, counts, own, closed, warnings, unchecked };
    let kept = DataDirectory::open(workspace.attempt)
        .and_then(|directory| directory.replace(NAME, &serde_json::to_vec(&record)?, None));
    kept.map_err(|error| attempt_files::failure("noting that the tree is whole", &error))?;
    Ok(record)
}

/// What an attempt of this session was giving its name to.
pub(super) fn of_session(workspace: &Workspace<'_>) -> Result<Option<Lifting>, Failure> {
    for attempt in workspace.attempts()? {
        let failed = |error: &io::Error| attempt_files::failure("reading which tree is whole", error);
        let read = DataDirectory::open(&attempt).and_then(|directory| directory.read(NAME, MAX_LEN));
        let Some(bytes) = read.map_err(|error| failed(&error))? else { continue };
        let record: Lifting = serde_json::from_slice(&bytes).map_err(|error| failed(&error.into()))?;
        if record.version <= VERSION && record.session == workspace.session && record.directory == workspace.data {
            return Ok(Some(record));
        }
    }
    Ok(None)
}

/// Forgets what earlier attempts have recorded: the tree is begun anew.
pub(super) fn forget(workspace: &Workspace<'_>) -> Result<(), Failure> {
    for attempt in workspace.attempts()? {
        match fs::remove_file(attempt.join(NAME)) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(attempt_files::failure("forgetting which tree was whole", &error)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use std::path::Path;

    #[test]
    fn the_record_counts_for_its_own_session_and_directory_until_it_is_forgotten() {
        let session = tempfile::tempdir().unwrap();
        let attempts = [session.path().join("1"), session.path().join("2")];
        for attempt in &attempts {
            fs::create_dir(attempt).unwrap();
        }
        let of =
            |attempt, session, data| Workspace { attempt, session: Uuid::from_u128(session), data: Path::new(data) };
        let whole = Whole {
            tree: "/srv/.x/tree".into(),
            inode: 7,
            counts: Counts::default(),
            own: Attributes::default(),
            closed: vec![(vec![0xff], 0o500)],
            warnings: Vec::new(),
            unchecked: Vec::new(),
        };
        let kept = keep(&of(&attempts[0], 1, "/srv/a"), Staging::Beside, whole).unwrap();
        assert_eq!(of_session(&of(&attempts[1], 1, "/srv/a")).unwrap(), Some(kept));
        assert_eq!(of_session(&of(&attempts[1], 2, "/srv/a")).unwrap(), None);
        assert_eq!(of_session(&of(&attempts[1], 1, "/srv/b")).unwrap(), None);
        fs::write(attempts[1].join(NAME), "{").unwrap();
        fs::remove_file(attempts[0].join(NAME)).unwrap();
        assert!(of_session(&of(&attempts[1], 1, "/srv/a")).is_err(), "what cannot be read is not passed over");
        forget(&of(&attempts[1], 1, "/srv/a")).unwrap();
        assert_eq!(of_session(&of(&attempts[1], 1, "/srv/a")).unwrap(), None);
    }
}
