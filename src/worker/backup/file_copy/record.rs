//! What a job has copied to a place: by this it knows its own copies from everybody else's files.
//!
//! It stands beside the copy, `.<name>.howdah-copy`, and is there before the first file has its name.

use super::super::copier::FileIdentity;
use crate::{
    domain::{Failure, InstanceName},
    postgres::configure::DataDirectory,
    worker::backup::repository,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fmt::Write,
    io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};
use uuid::Uuid;

/// The version that this build writes.
const VERSION: u32 = 1;

/// A million files take a hundred bytes each.
const MAX_LEN: u64 = 512 << 20;

/// The copies of one job at one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct CopyRecord {
    version: u32,
    pub(super) job: InstanceName,
    pub(super) object: InstanceName,
    pub(super) session: Uuid,
    /// By the path below the place, its bytes written in hexadecimal: a name need not be text.
    files: BTreeMap<String, Vec<CopiedFile>>,
}

/// One copy, or one that was there and is about to be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct CopiedFile {
    pub(super) identity: FileIdentity,
    /// CRC-32C.
    pub(super) sum: u32,
}

impl CopyRecord {
    pub(super) fn new(job: InstanceName, object: InstanceName, session: Uuid) -> Self {
        Self { version: VERSION, job, object, session, files: BTreeMap::new() }
    }

    /// The record beside a place; `None` where there is none of this job and object.
    pub(super) fn read(place: &Path, job: &InstanceName, object: &InstanceName) -> Result<Option<Self>, Failure> {
        let (directory, name) = beside(place)?;
        let failed = |error: io::Error| repository::failure("reading", &directory.join(&name), &error);
        let text = DataDirectory::open(&directory).and_then(|directory| directory.read(&name, MAX_LEN));
        let Some(text) = text.map_err(failed)? else { return Ok(None) };
        let record: Self = serde_json::from_slice(&text).map_err(|error| {
            let cause = format!("{} cannot be read: {error}", directory.join(&name).display());
            Failure::incurable(cause, "move it away; what it names is then not this job's own any more")
        })?;
        Ok((record.version <= VERSION && record.job == *job && record.object == *object).then_some(record))
    }

    /// Puts it in place, durably.
    pub(super) fn write(&self, place: &Path, owner: Option<(u32, u32)>) -> Result<(), Failure> {
        let (directory, name) = beside(place)?;
        let failed = |error: io::Error| repository::failure("writing", &directory.join(&name), &error);
        let text = serde_json::to_vec(self).map_err(|error| failed(error.into()))?;
        DataDirectory::open(&directory).and_then(|at| at.replace(&name, &text, owner)).map_err(failed)
    }

    /// The copy that a file of this identity is.
    pub(super) fn find(&self, path: &Path, identity: FileIdentity) -> Option<CopiedFile> {
        self.files.get(&key(path))?.iter().find(|copy| copy.identity == identity).copied()
    }

    /// One more, beside what was known of that path.
    pub(super) fn add(&mut self, path: &Path, copy: CopiedFile) {
        let known = self.files.entry(key(path)).or_default();
        known.retain(|other| other.identity != copy.identity);
        known.push(copy);
    }

    /// The only one there is now.
    pub(super) fn settle(&mut self, path: &Path, copy: CopiedFile) {
        self.files.insert(key(path), vec![copy]);
    }
}

fn key(path: &Path) -> String {
    let mut key = String::new();
    for byte in path.as_os_str().as_bytes() {
        write!(key, "{byte:02x}").expect("a string takes all that is written to it");
    }
    key
}

/// The directory and the name of the record.
fn beside(place: &Path) -> Result<(PathBuf, String), Failure> {
    match (place.parent(), place.file_name().and_then(|name| name.to_str())) {
        (Some(directory), Some(name)) => Ok((directory.to_owned(), format!(".{name}.howdah-copy"))),
        (_, _) => Err(Failure::incurable(
            format!("{} has no name that can be written down", place.display()),
            "copy the directory above it, or rename it",
        )),
    }
}
