//! `howdah job`, wired: the jobs of the settings, the standard streams, and whoever owns the runs.

use super::{
    checkpoints,
    context::{AppContext, who},
    ownership, planner,
    session::{POLL_INTERVAL, around, on_streams, steer},
};
use crate::{
    cli::{
        exit::Exit,
        job::{
            args::{DismissArgs, JobArgs, JobVerb, StartArgs, StopArgs},
            list, log,
            name::JobSelector,
            plan, show,
            steer::{self, Selected},
            watch,
        },
        session::{Reading, SessionError, VerbContext, message, reader::Reader},
        streams::Streams,
    },
    domain::{JobId, JobSpec, KindFilter},
    manager::JobAction,
};
use std::io;

pub(super) fn run(context: &AppContext, args: &JobArgs) -> anyhow::Result<Exit> {
    on_streams(|streams| dispatch(context, args, streams))
}

fn dispatch(context: &AppContext, args: &JobArgs, streams: &mut Streams<'_>) -> anyhow::Result<Exit> {
    let owned = || ownership::is_owned(&context.state);
    let verbs = around(context, &owned);
    let reader = &mut Reader::open(&context.state, KindFilter::All).map_err(SessionError::from)?;
    let (specs, problems) = context.config.jobs();
    // A job that is not right holds up none of the others.
    for problem in problems {
        message(streams, &problem.to_string())?;
    }
    Ok(match &args.verb {
        JobVerb::List(args) => list::run(reader, args, &specs, &verbs, streams)?,
        JobVerb::Show(args) => show::run(reader, args, &specs, &verbs, streams)?,
        JobVerb::Watch(args) => watch::run(reader, args, &specs, &verbs, streams)?,
        JobVerb::Log(args) => log::run(reader, args, &specs, streams)?,
        JobVerb::Start(args) => started(context, reader, (args, &specs), &verbs, streams)?,
        JobVerb::Stop(args) => stopped(context, reader, (args, &specs), &verbs, streams)?,
        JobVerb::Clean(args) => checkpoints::clean(context, args, &specs, streams)?,
        JobVerb::Dismiss(DismissArgs { jobs }) => {
            let selected = selected(reader, (jobs, &specs), streams)?;
            let by = who();
            asked(context, selected, async |owner, selected| {
                let done = steer::act(owner, (JobAction::Dismiss, &by), (selected, reader), streams).await?;
                Ok(steer::exit(done.refused))
            })?
        }
    })
}

fn started(
    context: &AppContext,
    reader: &mut Reader,
    (args, specs): (&StartArgs, &[JobSpec]),
    verbs: &VerbContext<'_>,
    streams: &mut Streams<'_>,
) -> anyhow::Result<Exit> {
    streams.json = args.json;
    let named: Vec<_> = args.jobs.iter().map(|name| name.resolve(reader, specs)).collect();
    let selected = steer::startable(named, streams)?;
    if args.plan {
        return planned(context, &selected, streams);
    }
    let by = who();
    asked(context, selected, async |owner, selected| {
        let now = verbs.clock.now();
        let runs = steer::start(owner, (selected, &by), (now, args.wait && args.json), streams).await;
        let Selected { wanted, refused } = runs.map_err(SessionError::from)?;
        if !args.wait {
            return Ok(steer::exit(refused));
        }
        Ok(waited(reader, &wanted, verbs, streams)?.max(steer::exit(refused)))
    })
}

/// Prints the plan of every object; refused where one cannot be backed up.
fn planned(context: &AppContext, selected: &Selected<JobSpec>, streams: &mut Streams<'_>) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut refused = selected.refused;
    for spec in &selected.wanted {
        let plans = runtime.block_on(planner::plan_job(spec, &context.worker_settings()));
        refused |= plans.iter().any(|(_, plan)| plan.is_err());
        let text = if streams.json { plan::json(spec.name(), &plans)? } else { plan::text(spec.name(), &plans) };
        writeln!(streams.out, "{text}").map_err(SessionError::from)?;
    }
    Ok(steer::exit(refused))
}

fn stopped(
    context: &AppContext,
    reader: &mut Reader,
    (args, specs): (&StopArgs, &[JobSpec]),
    verbs: &VerbContext<'_>,
    streams: &mut Streams<'_>,
) -> anyhow::Result<Exit> {
    let selected = selected(reader, (&args.jobs, specs), streams)?;
    let act = if args.force { JobAction::Force } else { JobAction::Stop(args.mode()) };
    let by = who();
    asked(context, selected, async |owner, selected| {
        let done = steer::act(owner, (act, &by), (selected, reader), streams).await?;
        if args.wait {
            // What it ended as is what was asked for: the exit code tells whether it has ended.
            waited(reader, &done.wanted, verbs, streams)?;
        }
        Ok(steer::exit(done.refused))
    })
}

fn selected(
    reader: &mut Reader,
    (names, specs): (&[JobSelector], &[JobSpec]),
    streams: &mut Streams<'_>,
) -> Result<Selected<JobId>, SessionError> {
    let mut found = Vec::new();
    for name in names {
        found.extend(name.resolve(reader, specs, &mut io::stdin().lock())?);
    }
    steer::runs(found, streams)
}

/// Asks the owner, unless all of it was refused before.
fn asked<T>(
    context: &AppContext,
    selected: Selected<T>,
    work: impl AsyncFnOnce(&crate::control::Client, Selected<T>) -> anyhow::Result<Exit>,
) -> anyhow::Result<Exit> {
    if selected.wanted.is_empty() {
        return Ok(steer::exit(selected.refused));
    }
    steer(context, async |owner| work(owner, selected).await)
}

fn waited(
    reader: &mut Reader,
    runs: &[JobId],
    verbs: &VerbContext<'_>,
    streams: &mut Streams<'_>,
) -> Result<Exit, SessionError> {
    let pause = || {
        std::thread::sleep(POLL_INTERVAL);
        Reading::GoesOn
    };
    let verbs = VerbContext { pause: &pause, form: verbs.form.clone(), ..*verbs };
    watch::wait(reader, runs, &verbs, streams)
}
