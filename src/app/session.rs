//! `howdah session`, wired: the state directory, the standard streams, and whoever owns the sessions.

use super::{
    attach,
    context::{AppContext, who, zones},
    ownership,
    proposals::{Choices, Proposing, Taken},
    replay::{self, Wanted},
    requests, resume as app_resume,
};
use crate::{
    catalog,
    cli::{
        args::ReportArgs,
        exit::Exit,
        report::write_candidates,
        restore_options::RestoreOptions,
        session::{
            Reading, SessionError, VerbContext,
            act::{self, Selection},
            args::{CancelArgs, SessionArgs, SessionVerb, StartArgs},
            cancel::{self, FORCED_LIMIT, Forced, Waited},
            events, list, log, message,
            name::SessionSelector,
            reader::Reader,
            recover, report, resume, show, start, watch,
        },
        streams::Streams,
    },
    control::Client,
    domain::{KindFilter, Order, Origin, RestoreOrder, Who},
    machine::Resume,
    manager::{Clock, SessionAction, StartRequest},
};
use futures_util::{StreamExt, stream};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::{
    io::{self, BufWriter},
    time::Duration,
};

/// How often a reader that follows looks again: a person sees a change within the blink of an eye.
pub(super) const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Plans that are made side by side: each is a process that reads a manifest.
const PLANS: usize = 4;

pub(super) fn run(context: &AppContext, args: &SessionArgs) -> anyhow::Result<Exit> {
    on_streams(|streams| dispatch(context, args, streams))
}

/// `howdah report`, which reads as `howdah session show` does, whatever kind the session is of.
pub(super) fn report(context: &AppContext, args: &ReportArgs) -> anyhow::Result<Exit> {
    on_streams(|streams| {
        if let Some(cast) = &args.cast {
            let (state, session, ascii) = (context.state.as_path(), &args.session, context.ascii);
            return replay::run(&Wanted { state, session, cast, ascii }, streams);
        }
        let owned = || ownership::is_owned(&context.state);
        let reader = &mut Reader::open(&context.state, KindFilter::All).map_err(SessionError::from)?;
        Ok(report::run(reader, args, &around(context, &owned), &mut io::stdin().lock(), streams)?)
    })
}

pub(super) fn on_streams(work: impl FnOnce(&mut Streams<'_>) -> anyhow::Result<Exit>) -> anyhow::Result<Exit> {
    let (mut out, mut err) = (BufWriter::new(io::stdout()), io::stderr());
    let mut streams = Streams { out: &mut out, err: &mut err, live: false, columns: 0, json: false };
    let ended = work(&mut streams);
    let flushed = streams.out.flush().map_err(|error| SessionError::from(error).into());
    let (exit, reason) = match ended.and_then(|exit| flushed.map(|()| exit)) {
        Ok(exit) => return Ok(exit),
        Err(error) => match error.downcast::<SessionError>()? {
            // `| head` has read enough.
            SessionError::Stream(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(Exit::Done),
            SessionError::Refused(reason) => (Exit::Refused, reason),
            SessionError::Usage(reason) => (Exit::Usage, reason),
            error @ (SessionError::Journal(_) | SessionError::Stream(_)) => return Err(error.into()),
        },
    };
    message(&mut streams, &reason)?;
    Ok(exit)
}

fn dispatch(context: &AppContext, args: &SessionArgs, streams: &mut Streams<'_>) -> anyhow::Result<Exit> {
    let state = context.state.as_path();
    let owned = || ownership::is_owned(state);
    let around = around(context, &owned);
    let reader = &mut Reader::open(state, args.kind).map_err(SessionError::from)?;
    Ok(match &args.verb {
        SessionVerb::List(args) => list::run(reader, args, &around, streams)?,
        SessionVerb::Show(args) => show::run(reader, args, &around, streams)?,
        SessionVerb::Events(args) => events::run(reader, args, &around, streams)?,
        SessionVerb::Log(args) => log::run(reader, args, &around, streams)?,
        SessionVerb::Watch(args) => watch::run(reader, args, &around, streams)?,
        SessionVerb::Start(args) => started(context, reader, args, streams)?,
        SessionVerb::Retry(args) => act_on(context, reader, args.session.as_ref(), &SessionAction::Retry, streams)?,
        SessionVerb::GoOn(args) => {
            let how = resume::go_on(args, around.clock.now(), &zones())?;
            app_resume::run(context, reader, (&args.which, how), &around, streams)?
        }
        SessionVerb::Promote(args) => app_resume::run(context, reader, (args, Resume::Promote), &around, streams)?,
        SessionVerb::StopHere(args) => app_resume::run(context, reader, (args, Resume::StopHere), &around, streams)?,
        SessionVerb::Dismiss(args) => act_on(context, reader, args.session.as_ref(), &SessionAction::Dismiss, streams)?,
        SessionVerb::Recover(args) if args.sessions.is_empty() && !args.all => {
            recover::list(reader, args.json, streams)?
        }
        SessionVerb::Recover(args) => {
            let selection = recover::select(reader, args)?;
            carry_out(context, (&SessionAction::Recover, &who()), selection, streams)?
        }
        SessionVerb::Cancel(args) => cancelled(context, reader, args, &around, streams)?,
    })
}

/// What the verbs need of this process.
pub(super) fn around<'a>(context: &AppContext, owned: &'a dyn Fn() -> bool) -> VerbContext<'a> {
    let (clock, form) = (Clock::system(), context.command_form());
    VerbContext { clock, owned, pause: &until_next_look, ascii: context.ascii, form }
}

/// Does what needs an owner: the one that is there, else a keeper that is started for it.
pub(super) fn steer(
    context: &AppContext,
    work: impl AsyncFnOnce(&Client) -> anyhow::Result<Exit>,
) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let client = attach::connect(&context.keeper(), &who(), false, Clock::system()).await?;
        work(&client).await
    })
}

fn act_on(
    context: &AppContext,
    reader: &mut Reader,
    which: Option<&SessionSelector>,
    act: &SessionAction,
    streams: &mut Streams<'_>,
) -> anyhow::Result<Exit> {
    let by = who();
    let now = Clock::system().now();
    let selection = act::select(reader, which, (act, &by, now), &mut io::stdin().lock(), streams)?;
    carry_out(context, (act, &by), selection, streams)
}

fn carry_out(
    context: &AppContext,
    (act, by): (&SessionAction, &Who),
    selection: Selection,
    streams: &mut Streams<'_>,
) -> anyhow::Result<Exit> {
    if selection.scopes.is_empty() {
        return Ok(exit(selection.refused));
    }
    steer(context, async |owner| Ok(exit(act::carry_out(owner, (act, by), selection, streams).await?.refused)))
}

fn cancelled(
    context: &AppContext,
    reader: &mut Reader,
    args: &CancelArgs,
    around: &VerbContext<'_>,
    streams: &mut Streams<'_>,
) -> anyhow::Result<Exit> {
    let by = who();
    let act = &SessionAction::Cancel(args.disposition(), args.reach());
    let now = around.clock.now();
    let selection = act::select(reader, args.session.as_ref(), (act, &by, now), &mut io::stdin().lock(), streams)?;
    if selection.scopes.is_empty() {
        return Ok(exit(selection.refused));
    }
    steer(context, async |owner| {
        let forced = if args.force {
            cancel::force(owner, (act, &by), selection, streams).await?
        } else {
            Forced { result: act::carry_out(owner, (act, &by), selection, streams).await?, killed: Vec::new() }
        };
        let around = VerbContext { pause: &after_interval, form: around.form.clone(), ..*around };
        let Forced { result, killed } = forced;
        // What was killed is followed to its end, so that data which is left is told.
        let (sessions, limit) = if args.wait { (result.done, None) } else { (killed, Some(FORCED_LIMIT)) };
        let waited = cancel::wait(reader, (&sessions, limit), &around, streams)?;
        Ok(match waited {
            Waited { all_cancelled: false, .. } => Exit::Refused,
            Waited { .. } if result.refused => Exit::Refused,
            Waited { data_left: true, .. } => Exit::Warned,
            Waited { .. } => Exit::Done,
        })
    })
}

fn started(
    context: &AppContext,
    reader: &mut Reader,
    args: &StartArgs,
    streams: &mut Streams<'_>,
) -> anyhow::Result<Exit> {
    if args.instances.len() > 1
        && let Some(option) = for_one_instance(&args.how)
    {
        return Err(SessionError::Usage(format!("{option} is for one instance; start the others by themselves")).into());
    }
    let wish = args.how.wish(Clock::system().now(), &zones()).map_err(SessionError::Refused)?;
    let catalog = catalog::read(&context.sources_for(&args.instances)?);
    let mut taken = Taken::default();
    for session in reader.journal.ongoing().map_err(SessionError::from)?.sessions {
        taken.add_order(session.order());
    }
    let mut wanted: Vec<RestoreOrder> = Vec::new();
    let mut refused = false;
    for instance in &args.instances {
        match requests::beside(&taken, context, &catalog, (instance, &args.how, &wish.recovery)) {
            Ok(request) => {
                taken.add(&request);
                wanted.push(request);
            }
            Err(reason) => {
                refused = true;
                message(streams, &start::not_started(instance, &reason.sentence))?;
                write_candidates(streams, &reason.candidates)?;
            }
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (choices, settings) = (Choices::of(context, &args.how), context.worker_settings());
    let plans = wanted.into_iter().map(|request| choices.plan(request, &taken, &settings));
    let plans: Vec<_> = runtime.block_on(stream::iter(plans).buffered(PLANS).collect());
    drop(runtime);
    let mut accepted = Vec::new();
    for (mut request, plan) in plans {
        let plan = plan.and_then(|plan| plan.lacks_consent(&request, requests::WITHOUT_WAL).map_or(Ok(plan), Err));
        match plan {
            Ok(plan) => {
                request.learn(&plan);
                accepted.push(Order::Restore(request));
            }
            Err(failure) => {
                refused = true;
                message(streams, &start::not_started(request.title().as_str(), &failure.to_string()))?;
            }
        }
    }
    if accepted.is_empty() {
        return Ok(exit(refused));
    }
    let order =
        StartRequest { orders: accepted, policy: requests::policy(context, &args.how), origin: Origin::CommandLine };
    streams.json = args.json;
    steer(context, async |owner| {
        let owner = Proposing { owner: owner.clone(), choices };
        let accepted = start::run(&owner, (order, &who()), streams).await.map_err(SessionError::from)?;
        Ok(exit(refused || !accepted))
    })
}

/// The first option that can only be meant for one instance.
fn for_one_instance(how: &RestoreOptions) -> Option<&'static str> {
    let given = [
        (how.to.is_some(), "--to"),
        (how.point.is_some(), "--point"),
        (how.port.is_some(), "--port"),
        (!how.tablespace.is_empty(), "--tablespace"),
        (how.set_aside.is_some(), "--set-aside"),
        (how.of.name.is_some(), "--name"),
        (!how.of.include.is_empty(), "--include"),
    ];
    given.into_iter().find(|(given, _)| *given).map(|(_, option)| option)
}

pub(super) const fn exit(refused: bool) -> Exit {
    if refused { Exit::Refused } else { Exit::Done }
}

/// Waits until the next look is due, whether anybody reads stdout or not.
pub(super) fn after_interval() -> Reading {
    std::thread::sleep(POLL_INTERVAL);
    Reading::GoesOn
}

/// Waits until the next look is due; ends at once when the reader of stdout has gone away.
pub(super) fn until_next_look() -> Reading {
    let out = io::stdout();
    // No event is asked for: errors and hang-ups are told always (poll(2)).
    let mut watched = [PollFd::new(&out, PollFlags::empty())];
    let wait = Timespec { tv_sec: 0, tv_nsec: POLL_INTERVAL.subsec_nanos().into() };
    match poll(&mut watched, Some(&wait)) {
        Ok(ready) if ready > 0 => Reading::Ended,
        Ok(_) | Err(_) => Reading::GoesOn,
    }
}
