//! How far an attempt had come, and when, from its file: for whoever looks back.
//!
//! Never: fails for a line that cannot be read; it is left out.

use super::AttemptDir;
use crate::domain::{
    Progress, Timestamp,
    fact::{Fact, FactLine},
    ticket::CONTRACT_VERSION,
};
use std::{
    fs::File,
    io::{self, BufRead as _, BufReader},
};
use uuid::Uuid;

/// What the attempt of this session reported of its progress, oldest first; nothing where its file is gone, or is another
/// session's.
pub fn progress_of(dir: &AttemptDir, session: Uuid) -> io::Result<Vec<(Timestamp, Progress)>> {
    let file = match File::open(dir.events()) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    if !dir.is_of(session)? {
        return Ok(Vec::new());
    }
    let mut all = Vec::new();
    for line in BufReader::new(file).split(b'\n') {
        if let Ok(FactLine { version: ..=CONTRACT_VERSION, at, fact: Fact::Progress(progress) }) =
            serde_json::from_slice(&line?)
        {
            all.push((at, progress));
        }
    }
    Ok(all)
}
