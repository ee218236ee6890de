//! What the sessions of a state directory claim, noted in `claims/` before it is claimed: an owner that is killed before
//! its session comes to be leaves claims that nothing else tells of, and that keep everybody else out.
//!
//! Promises: a note is whole and durable before the first claim is taken, and goes after the last one. Never: counts a
//! note that cannot be read; nothing was claimed before it was whole.

use crate::{
    domain::{Hold, RestoreRequest},
    private_file,
};
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};
use uuid::Uuid;

fn directory(state: &Path) -> PathBuf {
    state.join("claims")
}

/// Notes that a session is about to claim what this request needs.
pub(super) fn add(state: &Path, session: Uuid, request: &RestoreRequest) -> io::Result<()> {
    let directory = directory(state);
    match DirBuilder::new().mode(0o700).create(&directory) {
        Ok(()) => File::open(state)?.sync_all()?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    let mut options = OpenOptions::new();
    let mut note = private_file::open(&directory.join(session.to_string()), options.write(true).create_new(true))?;
    note.write_all(&serde_json::to_vec(request)?)?;
    note.sync_all()?;
    File::open(&directory)?.sync_all()
}

/// Takes a note away. One that stays is looked at once more by the next owner.
pub(super) fn remove(state: &Path, session: Uuid) {
    let _none_or_the_next_owner_tries = fs::remove_file(directory(state).join(session.to_string()));
}

/// All notes: each session with what it may have claimed.
pub(super) fn all(state: &Path) -> Vec<(Uuid, Vec<Hold>)> {
    let entries = fs::read_dir(directory(state)).into_iter().flatten().flatten();
    let noted = entries.filter_map(|entry| {
        let session = entry.file_name().to_str()?.parse().ok()?;
        let request = fs::read(entry.path()).ok()?;
        let holds =
            serde_json::from_slice::<RestoreRequest>(&request).map_or_else(|_| Vec::new(), |request| request.holds());
        Some((session, holds))
    });
    noted.collect()
}
