//! `howdah job start`, `stop` and `dismiss`: what is asked of the owner of runs.
//!
//! Promises: each job is accepted or refused by itself; what was started is printed on stdout; a stop that succeeded
//! prints nothing.

use super::{name::Named, object::RunObject};
use crate::{
    cli::{
        exit::Exit,
        session::{SessionError, message, reader::Reader},
        streams::Streams,
    },
    domain::{JobId, JobSpec, Origin, Timestamp, Who},
    manager::{JobAction, Service, StartJob},
};
use std::io;

/// The jobs that may be asked of an owner, and whether any was refused before.
#[derive(Debug)]
pub struct Selected<T> {
    /// What is asked for.
    pub wanted: Vec<T>,
    /// Whether one was refused.
    pub refused: bool,
}

/// The jobs of the settings that were named.
pub fn startable(
    named: impl IntoIterator<Item = Result<Named, SessionError>>,
    streams: &mut Streams<'_>,
) -> Result<Selected<JobSpec>, SessionError> {
    select(named, streams, |named| {
        let name = named.job.name;
        let unknown =
            || SessionError::Refused(format!("{name} was not started: the settings have no job of that name"));
        named.job.spec.ok_or_else(unknown)
    })
}

/// The runs that were named.
pub fn runs(
    named: impl IntoIterator<Item = Result<Named, SessionError>>,
    streams: &mut Streams<'_>,
) -> Result<Selected<JobId>, SessionError> {
    select(named, streams, |named| named.into_run().map(|run| run.id()))
}

fn select<T>(
    named: impl IntoIterator<Item = Result<Named, SessionError>>,
    streams: &mut Streams<'_>,
    choose: impl Fn(Named) -> Result<T, SessionError>,
) -> Result<Selected<T>, SessionError> {
    let mut selected = Selected { wanted: Vec::new(), refused: false };
    for one in named {
        match one.and_then(&choose) {
            Ok(wanted) => selected.wanted.push(wanted),
            Err(SessionError::Refused(reason)) => {
                selected.refused = true;
                message(streams, &reason)?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(selected)
}

/// Starts a run of each; their numbers. With `quiet` nothing is printed of those that began.
pub async fn start(
    owner: &dyn Service,
    (selected, by): (Selected<JobSpec>, &Who),
    (now, quiet): (Timestamp, bool),
    streams: &mut Streams<'_>,
) -> io::Result<Selected<JobId>> {
    let mut started = Selected { wanted: Vec::new(), refused: selected.refused };
    for spec in selected.wanted {
        let name = spec.name().clone();
        match owner.start_job(StartJob { spec, origin: Origin::CommandLine }, by.clone()).await {
            Ok(id) => {
                started.wanted.push(id);
                if quiet {
                    continue;
                }
                match owner.job(id, by.clone()).await {
                    Some(run) if streams.json => {
                        writeln!(streams.out, "{}", RunObject::of(&run, now).line()?)?;
                    }
                    Some(run) => writeln!(streams.out, "{name}#{id} {}", run.uuid())?,
                    // It was started all the same, and its number is the way to it.
                    None => message(streams, &format!("{name}#{id} was started, but its owner cannot show it now"))?,
                }
            }
            Err(refusal) => {
                started.refused = true;
                message(streams, &format!("{name} was not started: {refusal}"))?;
            }
        }
    }
    streams.out.flush()?;
    Ok(started)
}

/// Applies a verb to each run; those that took it.
pub async fn act(
    owner: &dyn Service,
    (act, by): (JobAction, &Who),
    (selected, reader): (Selected<JobId>, &mut Reader),
    streams: &mut Streams<'_>,
) -> Result<Selected<JobId>, SessionError> {
    let mut done = Selected { wanted: Vec::new(), refused: selected.refused };
    let past = match act {
        JobAction::Stop(_) | JobAction::Force => "stopped",
        JobAction::Dismiss => "dismissed",
    };
    for id in selected.wanted {
        match owner.act_on_job(act, id, by.clone()).await {
            Ok(id) => done.wanted.push(id),
            Err(refusal) => {
                done.refused = true;
                let name = reader.journal.run(id)?.map_or_else(String::new, |run| run.spec().name().to_string());
                message(streams, &format!("{name}#{id} was not {past}: {refusal}"))?;
            }
        }
    }
    Ok(done)
}

/// How a command ends that only asks.
pub const fn exit(refused: bool) -> Exit {
    if refused { Exit::Refused } else { Exit::Done }
}
