//! `howdah job clean`: checkpoints that sessions of jobs have left at what they back up.
//!
//! Promises: what is kept though it may be stale is named, as is what was not seen. Never: decides what may go.

use super::args::CleanArgs;
use crate::{
    cli::{backup_list::escaped, exit::Exit, session::message, streams::Streams},
    domain::{CheckpointVerdict, Failure, InstanceName, LeftCheckpoint, instance::printable},
};
use serde::Serialize;
use std::io;
use uuid::Uuid;

/// One checkpoint, and what became of it where it was to go: why something of it stays.
pub type Row = (LeftCheckpoint, Option<Result<Option<String>, Failure>>);

/// One checkpoint as programs see it.
#[derive(Serialize)]
struct CheckpointLine<'a> {
    object: &'a str,
    machine: &'a str,
    checkpoint: &'a str,
    session: Uuid,
    verdict: &'static str,
    reason: String,
    deleted: Option<bool>,
}

/// Prints what goes, or what has gone.
pub fn print(
    rows: &[Row],
    unseen: &[(InstanceName, Failure)],
    args: &CleanArgs,
    streams: &mut Streams<'_>,
) -> io::Result<Exit> {
    if args.json {
        let lines = rows.iter().map(|row| Ok(escaped(&serde_json::to_string(&line(row))?)));
        let lines = lines.collect::<serde_json::Result<Vec<String>>>().map_err(io::Error::from)?;
        match lines.as_slice() {
            [] => writeln!(streams.out, "[]")?,
            lines => writeln!(streams.out, "[\n{}\n]", lines.join(",\n"))?,
        }
    }
    let mut exit = Exit::Done;
    for (left, deleted) in rows {
        let shown = printable(&format!("{} of {}", left.name, left.machine));
        let reason = printable(&left.verdict.reason());
        if args.plan {
            let word = if left.verdict == CheckpointVerdict::Stale { "delete" } else { "keep" };
            if !args.json {
                writeln!(streams.out, "{word:<8}{shown}: {reason}")?;
            }
            continue;
        }
        match (&left.verdict, deleted) {
            (_, Some(Ok(Some(stays)))) => message(streams, &format!("{shown} was deleted, but {}", printable(stays)))?,
            (_, Some(Err(failure))) => message(streams, &format!("{shown} was not deleted: {failure}"))?,
            (CheckpointVerdict::Unproven(_), None) => message(streams, &format!("{shown} was kept: {reason}"))?,
            (_, Some(Ok(None)) | None) => continue,
        }
        exit = Exit::Refused;
    }
    for (object, failure) in unseen {
        message(streams, &format!("{object} was not looked at: {failure}"))?;
        exit = Exit::Refused;
    }
    if args.plan && !args.json && rows.is_empty() && unseen.is_empty() {
        message(streams, "no job over machines has a checkpoint at libvirt")?;
    }
    Ok(exit)
}

fn line((left, deleted): &Row) -> CheckpointLine<'_> {
    CheckpointLine {
        object: left.object.as_str(),
        machine: &left.machine,
        checkpoint: &left.name,
        session: left.session,
        verdict: match &left.verdict {
            CheckpointVerdict::Stale => "stale",
            CheckpointVerdict::Needed { .. } => "needed",
            CheckpointVerdict::InUse(_) => "in_use",
            CheckpointVerdict::Unproven(_) => "unproven",
        },
        reason: left.verdict.reason(),
        deleted: deleted.as_ref().map(Result::is_ok),
    }
}
