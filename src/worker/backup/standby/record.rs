//! What a session has done for its standby, in the session's directory: `standby.json`.
//!
//! Promises: it is on the disk before it is true, so that whoever comes after a crash knows what may be the session's own.
//! Never: it is no proof by itself; the primary and the directory are asked.

use crate::{
    domain::{Failure, Lsn, Success, SystemIdentifier, cluster::identifier_as_text},
    postgres::configure::DataDirectory,
    worker::attempt_files,
};
use serde::{Deserialize, Serialize};
use std::{
    io,
    path::{Path, PathBuf},
};
use uuid::Uuid;

const NAME: &str = "standby.json";

/// A record is a few hundred bytes; what is longer is none.
const MAX_LEN: u64 = 1 << 20;

/// The version of the record that this build writes.
const VERSION: u32 = 2;

/// What one session has done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    version: u32,
    session: Uuid,
    /// The cluster at whose primary the slot is made.
    #[serde(with = "identifier_as_text")]
    pub(super) cluster: Option<SystemIdentifier>,
    pub(super) slot: SlotState,
    /// The data directory was there before, and empty.
    pub(super) found_empty: bool,
    pub(super) stage: Stage,
    /// What is put in the place of an earlier standby. Version 1 does not tell it: it put nothing in such a place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) anew: Option<Anew>,
}

/// A standby that is seeded anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Anew {
    /// Why it must be.
    pub(super) why: String,
    /// The session that made the earlier one.
    pub(super) earlier: Uuid,
    /// Where the earlier one goes when the new one is whole.
    pub(super) aside: PathBuf,
    /// The earlier one ran, and was stopped for the new one by this session.
    pub(super) ran: bool,
}

/// Whose the replication slot is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum SlotState {
    /// The session has not made it.
    NotMade,
    /// It was not there and is being made, to hold WAL from this position on, by which it is known again.
    Making {
        /// The position.
        at: Lsn,
    },
    /// The session has made it.
    Made,
}

/// How far the standby is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Stage {
    /// Nothing of it has its name.
    Begun,
    /// What was received is whole and gets its name; its settings are to be written once more.
    Placing,
    /// A server may be started on it.
    Configured,
    /// It follows its primary, and the session has done its work.
    Done(Success),
}

impl Record {
    pub(super) fn new(session: Uuid) -> Self {
        let (slot, stage) = (SlotState::NotMade, Stage::Begun);
        Self { version: VERSION, session, cluster: None, slot, found_empty: false, stage, anew: None }
    }

    /// What the session of this attempt has noted.
    pub(super) fn read(attempt: &Path, session: Uuid) -> Result<Option<Self>, Failure> {
        let failed = |error: io::Error| attempt_files::failure("reading what was done for the standby", &error);
        let bytes = DataDirectory::open(above(attempt)).and_then(|place| place.read(NAME, MAX_LEN)).map_err(failed)?;
        let Some(bytes) = bytes else { return Ok(None) };
        let record: Self = serde_json::from_slice(&bytes).map_err(|error| failed(error.into()))?;
        if record.version > VERSION {
            return Err(Failure::incurable(
                format!(
                    "what was done for the standby has version {}, and this howdah reads {VERSION}",
                    record.version
                ),
                "use the newer howdah that wrote it",
            ));
        }
        Ok((record.session == session).then_some(record))
    }

    /// Brings it to the disk.
    pub(super) fn keep(&self, attempt: &Path) -> Result<(), Failure> {
        let keep = || DataDirectory::open(above(attempt))?.replace(NAME, &serde_json::to_vec(self)?, None);
        keep().map_err(|error: io::Error| attempt_files::failure("noting what is done for the standby", &error))
    }
}

/// The session's directory, which holds those of its attempts.
fn above(attempt: &Path) -> &Path {
    attempt.parent().unwrap_or(attempt)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    #[test]
    fn what_one_attempt_notes_the_next_one_of_the_session_reads() {
        let place = tempfile::tempdir().unwrap();
        let (first, second) = (place.path().join("1"), place.path().join("2"));
        let session = Uuid::from_u128(1);
        assert_eq!(Record::read(&first, session).unwrap(), None);
        let mut record = Record::new(session);
        record.cluster = Some(SystemIdentifier(7_000_000_000_000_000_000));
        record.slot = SlotState::Making { at: Lsn(0x1_0000_0028) };
        record.keep(&first).unwrap();
        assert_eq!(Record::read(&second, session).unwrap(), Some(record));
        assert_eq!(Record::read(&second, Uuid::from_u128(2)).unwrap(), None, "another session's");
        std::fs::write(place.path().join(NAME), "{").unwrap();
        assert!(Record::read(&second, session).is_err(), "behind it may be a slot that holds WAL");
    }
}
