//! `howdah explore clean`: what crashed sessions have left, what is removed of it, and what is kept and why.
//!
//! Promises: what is kept though nobody may own it is always named; nothing is printed where all went well. Never: decides
//! what may be removed.

use crate::{
    cli::{
        backup_list::escaped,
        exit::Exit,
        session::{format, message},
        streams::Streams,
    },
    domain::{
        Failure, Remnant, RemnantKind, Timestamp, Verdict, instance::printable, path_text::shown, quantity::many,
    },
};
use serde::Serialize;
use std::{
    io,
    path::{Path, PathBuf},
};
use uuid::Uuid;

/// One thing that was left, and whether it was removed.
pub type Cleaned<'a> = (&'a Remnant, Result<bool, Failure>);

/// One thing as programs see it.
#[derive(Serialize)]
struct Object {
    kind: RemnantKind,
    place: String,
    session: Option<Uuid>,
    state: Option<String>,
    since: Option<Timestamp>,
    bytes: u64,
    servers: Vec<u32>,
    overlays: Vec<u32>,
    mounts: Vec<String>,
    sockets: Vec<String>,
    verdict: &'static str,
    reason: String,
    removed: Option<bool>,
}

/// Says why nothing can be said of what is left.
pub fn not_looked(failure: &Failure, streams: &mut Streams<'_>) -> io::Result<Exit> {
    message(streams, &failure.to_string())?;
    Ok(Exit::Refused)
}

/// Prints what would be removed and what would be kept.
pub fn plan(found: &[Remnant], explore_dir: &Path, json: bool, streams: &mut Streams<'_>) -> io::Result<Exit> {
    if json {
        write_json(found.iter().map(|remnant| object(remnant, None)), streams)?;
    } else {
        for remnant in found {
            let word = if remnant.verdict.is_removable() { "remove" } else { "keep" };
            let line = format!("{word:<8}{}: {}", shown(&remnant.place), remnant.verdict.reason());
            writeln!(streams.out, "{}", printable(&line))?;
            let parts = parts(remnant);
            if !parts.is_empty() {
                writeln!(streams.out, "        {}", printable(&parts.join(", ")))?;
            }
        }
        if found.is_empty() {
            message(streams, &format!("nothing was left behind in {}", shown(explore_dir)))?;
        }
    }
    Ok(Exit::Done)
}

/// Says what was kept though nobody may own it, and what could not be removed.
pub fn done(cleaned: &[Cleaned<'_>], json: bool, streams: &mut Streams<'_>) -> io::Result<Exit> {
    if json {
        let removed = |result: &Result<bool, Failure>| Some(matches!(result, Ok(true)));
        write_json(cleaned.iter().map(|(remnant, result)| object(remnant, removed(result))), streams)?;
    }
    let mut exit = Exit::Done;
    for (remnant, result) in cleaned {
        let place = shown(&remnant.place);
        match (&remnant.verdict, result) {
            (Verdict::Removable(_), Err(failure)) => message(streams, &format!("{place} was not removed: {failure}"))?,
            (Verdict::Unproven(why), _) => message(streams, &format!("{place} was kept: it {why}"))?,
            (Verdict::OutOfSight(why), _) => message(streams, &format!("{place} was kept: {why}"))?,
            (Verdict::Removable(_), Ok(_)) | (Verdict::InUse(_), _) => continue,
        }
        exit = Exit::Refused;
    }
    Ok(exit)
}

/// What there is of it.
fn parts(remnant: &Remnant) -> Vec<String> {
    let mut parts = Vec::new();
    parts.extend(remnant.session.map(|session| format!("session {session}")));
    parts.extend(remnant.since.map(|since| format!("since {} UTC", format::moment(since))));
    if remnant.bytes.0 > 0 {
        parts.push(remnant.bytes.to_string());
    }
    if let Some(first) = remnant.servers.first() {
        parts.push(format!("server {first} ({})", many(remnant.servers.len() as u64, "process")));
    }
    parts.extend(remnant.overlays.iter().map(|pid| format!("overlay {pid}")));
    parts.extend(remnant.mounts.iter().map(|mount| format!("mounted at {}", shown(mount))));
    parts.extend(remnant.sockets.iter().map(|socket| format!("sockets in {}", shown(socket))));
    parts
}

fn object(remnant: &Remnant, removed: Option<bool>) -> Object {
    let text = |path: &PathBuf| path.to_string_lossy().into_owned();
    let texts = |paths: &[PathBuf]| paths.iter().map(text).collect();
    Object {
        kind: remnant.kind,
        place: text(&remnant.place),
        session: remnant.session,
        state: remnant.state.as_ref().map(text),
        since: remnant.since,
        bytes: remnant.bytes.0,
        servers: remnant.servers.clone(),
        overlays: remnant.overlays.clone(),
        mounts: texts(&remnant.mounts),
        sockets: texts(&remnant.sockets),
        verdict: match &remnant.verdict {
            Verdict::Removable(_) => "remove",
            Verdict::InUse(_) => "in_use",
            Verdict::Unproven(_) => "unproven",
            Verdict::OutOfSight(_) => "out_of_sight",
        },
        reason: remnant.verdict.reason().to_owned(),
        removed,
    }
}

fn write_json(objects: impl Iterator<Item = Object>, streams: &mut Streams<'_>) -> io::Result<()> {
    let lines = objects.map(|object| Ok(escaped(&serde_json::to_string(&object)?)));
    let lines = lines.collect::<serde_json::Result<Vec<String>>>().map_err(io::Error::from)?;
    match lines.as_slice() {
        [] => writeln!(streams.out, "[]"),
        lines => writeln!(streams.out, "[\n{}\n]", lines.join(",\n")),
    }
}
