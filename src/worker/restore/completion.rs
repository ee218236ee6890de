//! The record that a restore is finished but for its marks: `finished.json` in the attempt's directory.
//!
//! A worker that dies after it has taken its marks from the target, and before it could report that, leaves a directory
//! that looks like anybody's. This record is on disk before the first mark goes, and the next attempt ends what is
//! left.
//!
//! Promises: once written, it stays true: the files are whole and the server has answered. Never: it is written before
//! all but the marks is done.

use crate::{
    domain::{Failure, Success, upgrade},
    postgres::{configure::DataDirectory, server::classify},
    worker::{attempt_files, workspace::Workspace},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::PathBuf;
use uuid::Uuid;

const NAME: &str = "finished.json";

/// A record is a few hundred bytes; more than this is something else.
const MAX_LEN: u64 = 1 << 20;

/// The version of the record that this build writes; it reads older ones too.
const VERSION: u32 = 2;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct CompletionRecord {
    /// Of what version 1 wrote, the success had another shape.
    version: u32,
    session: Uuid,
    data: PathBuf,
    success: Success,
}

/// Writes the record, durably.
pub(in crate::worker) fn keep(workspace: &Workspace<'_>, success: &Success) -> Result<(), Failure> {
    let record = CompletionRecord {
        version: VERSION,
        session: workspace.session,
        data: workspace.data.to_owned(),
        success: success.clone(),
    };
    let kept = DataDirectory::open(workspace.attempt)
        .and_then(|directory| directory.replace(NAME, &serde_json::to_vec(&record)?, None));
    kept.map_err(|e| attempt_files::failure("noting that the restore is finished", &e))
}

/// What an attempt of this session has finished in this data directory.
pub(in crate::worker) fn of_session(workspace: &Workspace<'_>) -> Result<Option<Success>, Failure> {
    for place in workspace.attempts()? {
        let failed = |e: &std::io::Error| classify::of_io(&format!("reading {}", place.join(NAME).display()), e);
        let read = DataDirectory::open(&place).and_then(|directory| directory.read(NAME, MAX_LEN));
        let Some(bytes) = read.map_err(|e| failed(&e))? else { continue };
        let record = record_of(&bytes).map_err(|e| failed(&e.into()))?;
        if record.version <= VERSION && record.session == workspace.session && record.data == workspace.data {
            return Ok(Some(record.success));
        }
    }
    Ok(None)
}

fn record_of(bytes: &[u8]) -> serde_json::Result<CompletionRecord> {
    let mut record: Value = serde_json::from_slice(bytes)?;
    let version = record.get("version").and_then(Value::as_u64).and_then(|version| version.try_into().ok());
    if let (Some(version), Some(success)) = (version, record.get_mut("success")) {
        *success = upgrade::success(version, success.take());
    }
    serde_json::from_value(record)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use crate::domain::ServerOutcome;
    use std::path::Path;

    #[test]
    fn the_word_counts_for_its_own_session_and_place_alone() {
        let attempts = tempfile::tempdir().unwrap();
        let [one, two] = ["1", "2"].map(|name| attempts.path().join(name));
        for directory in [&one, &two] {
            std::fs::create_dir(directory).unwrap();
        }
        std::fs::write(attempts.path().join("lock"), "").unwrap();
        let (ours, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let (here, there) = (Path::new("/srv/pg/a"), Path::new("/srv/pg/b"));
        let success = Success::of_cluster(ServerOutcome::Stopped { answer: "PostgreSQL 15".to_owned() });
        let at = |attempt: &Path, session: Uuid, data: &Path| of_session(&Workspace { attempt, session, data });
        assert_eq!(at(&two, ours, here).unwrap(), None);
        keep(&Workspace { attempt: &one, session: ours, data: here }, &success).unwrap();
        assert_eq!(at(&two, ours, here).unwrap(), Some(success));
        assert_eq!(at(&two, other, here).unwrap(), None);
        assert_eq!(at(&two, ours, there).unwrap(), None);
        std::fs::write(two.join(NAME), "{").unwrap();
        std::fs::remove_file(one.join(NAME)).unwrap();
        assert!(at(&two, ours, here).is_err(), "what cannot be read is not passed over");
    }
}
