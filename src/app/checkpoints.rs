//! `howdah job clean`, wired: the checkpoints of all jobs over machines, and what this state directory says of their
//! sessions.

use super::{context::AppContext, explore::standing_in};
use crate::{
    cli::{
        exit::Exit,
        job::{args::CleanArgs, clean},
        streams::Streams,
    },
    domain::{
        BackupOrder, CheckpointVerdict, Failure, InstanceName, JobId, JobKind, JobSpec, LeftCheckpoint,
        SessionStanding, WorkerSettings,
    },
    worker::checkpoints,
};
use std::path::Path;
use uuid::Uuid;

/// What was found of one object, or why nothing was.
pub(super) type Found = (BackupOrder, Result<Vec<LeftCheckpoint>, Failure>);

/// Looks at each object of each job over machines.
pub(super) fn look(specs: &[JobSpec], settings: &WorkerSettings, state: Option<&Path>) -> Vec<Found> {
    let jobs = specs.iter().filter(|spec| spec.kind() == JobKind::Vm);
    let orders = jobs.flat_map(|spec| (0..spec.objects().len()).filter_map(|at| spec.order(at, JobId(0), Uuid::nil())));
    orders
        .map(|order| {
            let found = checkpoints::look(&order, settings, &|session| standing(state, session));
            (order, found)
        })
        .collect()
}

pub(super) fn clean(
    context: &AppContext,
    args: &CleanArgs,
    specs: &[JobSpec],
    streams: &mut Streams<'_>,
) -> anyhow::Result<Exit> {
    let (settings, state) = (context.config.worker_settings(), Some(context.state.as_path()));
    let (mut rows, mut unseen): (Vec<clean::Row>, Vec<(InstanceName, Failure)>) = (Vec::new(), Vec::new());
    for (order, found) in look(specs, &settings, state) {
        let found = match found {
            Ok(found) => found,
            Err(failure) => {
                unseen.push((order.object.name().clone(), failure));
                continue;
            }
        };
        for left in found {
            let deleted = (left.verdict == CheckpointVerdict::Stale && !args.plan)
                .then(|| checkpoints::delete(&order, &settings, &|session| standing(state, session), &left));
            rows.push((left, deleted));
        }
    }
    Ok(clean::print(&rows, &unseen, args, streams)?)
}

fn standing(state: Option<&Path>, session: Uuid) -> SessionStanding {
    state.map_or(SessionStanding::NoState, |state| standing_in(state, session))
}
