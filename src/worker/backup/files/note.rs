//! What an attempt notes of the restic that it has started, so that a later one knows its lock and its repository again.
//!
//! Never: takes a note that cannot be read for one: then nothing is proven, and nothing is removed.

use super::{
    super::{Backup, attempt_files},
    said::Said,
};
use crate::{
    domain::{Failure, Timestamp, fact::ProcessMark},
    private_file, process,
    worker::{event_writer, restic_process::SAID, workspace::Workspace},
};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File, OpenOptions},
    io::{BufRead, BufReader, Write},
    path::Path,
    time::Duration,
};

const NOTE: &str = "restic.json";

/// The version that this build writes.
const VERSION: u32 = 1;

/// A lock is not newer than the last word of its owner by more than this: restic speaks twice a second.
const AFTER_LAST_WORD: Duration = Duration::from_mins(1);

/// One restic that an attempt of the session has started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RunNote {
    pub(super) version: u32,
    /// The identifier of the repository that it works in.
    pub(super) repository: String,
    pub(super) process: ProcessMark,
    pub(super) host: String,
    pub(super) began: Timestamp,
    /// Not later than this it was still there; none is written, since it is what the file of its words tells.
    #[serde(skip)]
    pub(super) until: Option<Timestamp>,
}

impl RunNote {
    pub(super) fn new(repository: &str, process: ProcessMark, began: Timestamp) -> Self {
        Self { version: VERSION, repository: repository.to_owned(), process, host: process::host(), began, until: None }
    }

    /// Writes it down, durably.
    pub(super) fn keep(&self, attempt: &Path) -> Result<(), Failure> {
        let failed = |error: std::io::Error| attempt_files::failure("noting which restic was started", &error);
        let text = serde_json::to_vec(self).map_err(|error| failed(error.into()))?;
        let file = private_file::open(&attempt.join(NOTE), OpenOptions::new().write(true).create(true).truncate(true));
        file.and_then(|mut file| file.write_all(&text).and_then(|()| file.sync_all())).map_err(failed)
    }

    fn read(attempt: &Path) -> Option<Self> {
        let note: Self = serde_json::from_slice(&fs::read(attempt.join(NOTE)).ok()?).ok()?;
        let spoke = Timestamp::try_from(fs::metadata(attempt.join(SAID)).ok()?.modified().ok()?).ok()?;
        let until = spoke.checked_add(AFTER_LAST_WORD).unwrap_or_else(|_| event_writer::now());
        (note.version <= VERSION).then_some(Self { until: Some(until), ..note })
    }
}

/// All that attempts of this session have started, this one included.
pub(super) fn of_session(backup: &Backup<'_>) -> Result<Vec<RunNote>, Failure> {
    Ok(workspace(backup).attempts()?.iter().filter_map(|attempt| RunNote::read(attempt)).collect())
}

/// Whether any attempt came so far that restic may have been started.
pub(super) fn was_started(backup: &Backup<'_>) -> Result<bool, Failure> {
    Ok(workspace(backup).attempts()?.iter().any(|attempt| attempt.join(SAID).exists()))
}

/// What restic said in each attempt.
pub(super) fn said(backup: &Backup<'_>) -> Result<Vec<Said>, Failure> {
    let mut all = Vec::new();
    for attempt in workspace(backup).attempts()? {
        let Ok(file) = File::open(attempt.join(SAID)) else { continue };
        let mut said = Said::default();
        for line in BufReader::new(file).split(b'\n') {
            let line = line.map_err(|error| attempt_files::failure("reading what restic said", &error))?;
            said.hear(&String::from_utf8_lossy(&line));
        }
        all.push(said);
    }
    Ok(all)
}

fn workspace<'a>(backup: &'a Backup<'_>) -> Workspace<'a> {
    Workspace { attempt: backup.attempt_dir, session: backup.ticket.session_uuid, data: backup.attempt_dir }
}
