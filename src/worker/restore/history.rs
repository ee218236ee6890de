//! What earlier attempts of a session have reported.
//!
//! Promises: only reads; a line that cannot be read is skipped.

use crate::{
    domain::{
        Failure, Step, StepState,
        fact::{Fact, FactLine},
    },
    postgres::server::classify,
    worker::workspace::Workspace,
};
use std::{
    fs::File,
    io::{self, BufRead, BufReader},
};

/// Whether an attempt of this session has begun to copy: from then on there was something at the target.
pub(in crate::worker) fn has_copied(workspace: &Workspace<'_>) -> Result<bool, Failure> {
    for place in workspace.attempts()? {
        let path = place.join("events.jsonl");
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(classify::of_io(&format!("reading {}", path.display()), &error)),
        };
        for line in BufReader::new(file).split(b'\n') {
            let line = line.map_err(|error| classify::of_io(&format!("reading {}", path.display()), &error))?;
            let fact = serde_json::from_slice::<FactLine>(&line).map(|line| line.fact);
            if let Ok(Fact::Step { step: Step::Copy, state: StepState::Done { .. } }) = &fact {
                return Ok(true);
            }
            if let Ok(Fact::Progress(progress)) = fact
                && progress.bytes_done.0 > 0
            {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
