//! The spool: a directory of one attempt beside `pg_wal`, by which the worker and `howdah wal fetch` help each other.
//!
//! | Name | Written by | What it is |
//! |---|---|---|
//! | `job.json` | the worker, before the server starts | what the plan found in the archive |
//! | `SEGMENT` | the worker | a segment that is unpacked, verified and whole; `fetch` takes it away by a rename |
//! | `SEGMENT.part` | the worker, locked while it writes | one that is not ready yet |
//! | `answer.json` | `fetch` | what it answered last, replaced at once |
//!
//! Promises: what is read was written as a whole; links and pipes are not followed. It is only help: without it, and with
//! one that cannot be read, `fetch` works all the same. Never: is anything of the archive's.

use super::{Answer, ClusterWal, NeededWal, TimelineHistory};
use crate::{
    domain::{Lsn, SystemIdentifier, Timeline},
    postgres::{
        configure::DataDirectory,
        wal::{Segment, SegmentSize},
    },
};
use rustix::{
    fs::{AtFlags, Mode, OFlags, openat, renameat, unlinkat},
    io::Errno,
};
use serde::{Deserialize, Serialize};
use std::{
    fs::File,
    io::{self, Write},
    path::Path,
};

/// What the plan found.
pub const JOB: &str = "job.json";

/// What was answered last.
pub const ANSWER: &str = "answer.json";

/// What the name of a segment ends with while it is written.
pub const PART: &str = ".part";

/// A job and an answer are a few hundred bytes; a path of many timelines is longer.
const MAX_LEN: u64 = 1 << 20;

/// A spool that is open.
#[derive(Debug)]
pub struct Spool {
    directory: DataDirectory,
}

/// `job.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    cluster: SystemIdentifier,
    segment_size: u32,
    timeline: Timeline,
    parents: Vec<(Timeline, Lsn)>,
    first: String,
    last: String,
}

/// How a segment stands in the spool.
#[derive(Debug)]
pub enum Ready {
    /// It is not there, and nobody is writing it.
    No,
    /// The prefetch is writing it.
    Coming,
    /// It is there.
    Yes(File),
}

impl Job {
    /// The job of a recovery of this cluster.
    pub fn of(cluster: SystemIdentifier, needed: &NeededWal) -> Self {
        Self {
            cluster,
            segment_size: u32::try_from(needed.size.bytes()).unwrap_or(u32::MAX),
            timeline: needed.path.timeline,
            parents: needed.path.parents.clone(),
            first: needed.first.file_name(needed.size),
            last: needed.last.file_name(needed.size),
        }
    }

    /// What it needs; `None` when it is about another cluster.
    fn needed(self, wal: ClusterWal) -> Option<NeededWal> {
        let size = SegmentSize::new(self.segment_size)?;
        let (first, last) = (Segment::from_file_name(&self.first, size)?, Segment::from_file_name(&self.last, size)?);
        let path = TimelineHistory { timeline: self.timeline, parents: self.parents };
        (self.cluster == wal.cluster && size == wal.size).then_some(NeededWal { path, first, last, size })
    }
}

impl Spool {
    /// Opens a spool; an error when it is not there.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { directory: DataDirectory::open(path)? })
    }

    /// The spool in an open directory.
    pub const fn of(directory: DataDirectory) -> Self {
        Self { directory }
    }

    /// Its directory.
    pub const fn directory(&self) -> &DataDirectory {
        &self.directory
    }

    /// What the plan found, if it can be read and is about this cluster.
    pub fn needed(&self, wal: ClusterWal) -> Option<NeededWal> {
        let bytes = self.directory.read(JOB, MAX_LEN).ok()??;
        serde_json::from_slice::<Job>(&bytes).ok()?.needed(wal)
    }

    /// What was answered last. One that cannot be read is none: it is replaced by the next.
    pub fn answer(&self) -> Option<Answer> {
        let bytes = self.directory.read(ANSWER, MAX_LEN).ok()??;
        serde_json::from_slice(&bytes).ok()
    }

    /// Replaces it at once; what a crash leaves is the old one or the new one.
    pub fn put_answer(&self, answer: &Answer) -> io::Result<()> {
        let bytes = serde_json::to_vec(answer)?;
        // Each process has its own, so that two at once do not write into one file.
        let fresh = format!("{ANSWER}.{}", answer.pid);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = File::from(openat(&self.directory, &fresh, flags, Mode::RUSR | Mode::WUSR)?);
        file.write_all(&bytes)?;
        Ok(renameat(&self.directory, &fresh, &self.directory, ANSWER)?)
    }

    /// Whether a segment is ready.
    pub fn ready(&self, name: &str) -> Ready {
        if let Some(file) = self.open_file(name) {
            return Ready::Yes(file);
        }
        match self.open_file(&format!("{name}{PART}")).map(|part| part.try_lock_shared()) {
            Some(Err(std::fs::TryLockError::WouldBlock)) => Ready::Coming,
            // It may have become ready between the two looks.
            Some(Ok(()) | Err(std::fs::TryLockError::Error(_))) | None => {
                self.open_file(name).map_or(Ready::No, Ready::Yes)
            }
        }
    }

    /// Takes a file away from it; `false` when it was not there.
    pub fn remove(&self, name: &str) -> io::Result<bool> {
        match unlinkat(&self.directory, name, AtFlags::empty()) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn open_file(&self, name: &str) -> Option<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(openat(&self.directory, name, flags, Mode::empty()).ok()?);
        file.metadata().is_ok_and(|found| found.is_file()).then_some(file)
    }
}
