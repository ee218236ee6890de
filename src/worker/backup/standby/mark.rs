//! The mark of a standby in its data directory: which job made it, of which cluster, through which slot.
//!
//! It stands below `pg_wal`, where a server leaves alone what is no segment and which no base backup takes along: a copy
//! of the standby is not taken for it.

use crate::{
    domain::{BackupOrder, Failure, InstanceName, JobId, SystemIdentifier, Timestamp, cluster::identifier_as_text},
    postgres::configure::DataDirectory,
    worker::backup::repository,
};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use std::{
    io,
    path::{Path, PathBuf},
};
use uuid::Uuid;

/// The directory that it stands in.
pub(super) const DIRECTORY: &str = "pg_wal";

const NAME: &str = "howdah_standby.json";

/// A mark is a few kilobytes; what is longer is none.
const MAX_LEN: u64 = 1 << 20;

/// The version of the mark that this build writes.
const VERSION: u32 = 1;

/// What stands in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StandbyMark {
    version: u32,
    pub(super) job: InstanceName,
    pub(super) object: InstanceName,
    run: JobId,
    run_uuid: Uuid,
    /// The session that made the standby.
    pub(super) session: Uuid,
    /// The data directory that it was made as.
    pub(super) directory: PathBuf,
    pub(super) slot: String,
    #[serde(with = "identifier_as_text")]
    pub(super) system_identifier: Option<SystemIdentifier>,
    made: Timestamp,
    /// The printable names at the top of the directory when it was made.
    pub(super) contents: Vec<String>,
}

impl StandbyMark {
    pub(super) fn new(
        order: &BackupOrder,
        session: Uuid,
        (directory, slot): (&Path, &str),
        cluster: SystemIdentifier,
        (made, contents): (Timestamp, Vec<String>),
    ) -> Self {
        Self {
            version: VERSION,
            job: order.job.clone(),
            object: order.object.name().clone(),
            run: order.run,
            run_uuid: order.run_uuid,
            session,
            directory: directory.to_owned(),
            slot: slot.to_owned(),
            system_identifier: Some(cluster),
            made,
            contents,
        }
    }

    /// The mark in a data directory; `None` where there is none, or what stands there is none that this build can read.
    pub(super) fn read(data: &Path) -> io::Result<Option<Self>> {
        let data = DataDirectory::open(data)?;
        let bytes = match data.below(DIRECTORY) {
            Ok(below) => below.read(NAME, MAX_LEN)?,
            // A link or a file of that name is none of ours.
            Err(error) if is_something_else(&error) => None,
            Err(error) => return Err(error),
        };
        let mark = bytes.and_then(|bytes| serde_json::from_slice::<Self>(&bytes).ok());
        Ok(mark.filter(|mark| mark.version <= VERSION))
    }

    /// Puts it into a data directory, durably.
    pub(super) fn leave(&self, data: &Path, owner: Option<(u32, u32)>) -> Result<(), Failure> {
        let leave = || {
            let text = serde_json::to_vec_pretty(self)?;
            DataDirectory::open(data)?.below(DIRECTORY)?.replace(NAME, &text, owner)
        };
        leave().map_err(|error: io::Error| repository::failure("marking", data, &error))
    }
}

fn is_something_else(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::NOENT | Errno::NOTDIR | Errno::LOOP))
}
