//! What the sessions of a state directory claim, noted in `claims/` before it is claimed: an owner that is killed before
//! its session comes to be leaves claims that nothing else tells of, and that keep everybody else out.
//!
//! Promises: a note is whole and durable before the first claim is taken, and goes after the last one. Never: counts a
//! note that cannot be read; nothing was claimed before it was whole.

use crate::{
    domain::{Hold, Order, upgrade},
    private_file,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};
use uuid::Uuid;

/// The version of the notes that this build writes. Version 1 had none: it was the request of a restore.
const VERSION: u32 = 2;

#[derive(Debug, Serialize, Deserialize)]
struct Note {
    version: u32,
    holds: Vec<Hold>,
}

fn directory(state: &Path) -> PathBuf {
    state.join("claims")
}

/// Notes that a session is about to claim all these.
pub(super) fn add(state: &Path, session: Uuid, holds: &[Hold]) -> io::Result<()> {
    let directory = directory(state);
    match DirBuilder::new().mode(0o700).create(&directory) {
        Ok(()) => File::open(state)?.sync_all()?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    let mut options = OpenOptions::new();
    let mut note = private_file::open(&directory.join(session.to_string()), options.write(true).create_new(true))?;
    note.write_all(&serde_json::to_vec(&Note { version: VERSION, holds: holds.to_vec() })?)?;
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
        Some((session, holds_of(&fs::read(entry.path()).ok()?)))
    });
    noted.collect()
}

/// What a note names; nothing where it cannot be read.
fn holds_of(bytes: &[u8]) -> Vec<Hold> {
    if let Ok(Note { version: VERSION, holds }) = serde_json::from_slice(bytes) {
        return holds;
    }
    let order = serde_json::from_slice::<Value>(bytes).map(upgrade::order_1).and_then(serde_json::from_value::<Order>);
    order.map_or_else(|_| Vec::new(), |order| order.holds())
}
