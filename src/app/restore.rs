//! `howdah restore`: plan, order one session from the owner, and follow it to its end. What ends this command does not
//! end the session; only an interrupt, which cancels it.

use super::{
    attach,
    context::{AppContext, who, zones},
    proposals::{Choices, Proposing, Taken},
    requests,
};
use crate::{
    catalog,
    cli::{
        args::RestoreArgs,
        exit::Exit,
        report,
        restore::{self, Interrupt},
        session::message,
        streams::Streams,
    },
    domain::{AnyRestorePlan, Kind, Order, Origin, RestoreOrder},
    manager::{Clock, StartRequest},
};
use anyhow::Context;
use std::io::{self, IsTerminal};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};

pub(super) fn run(context: &AppContext, args: &RestoreArgs) -> anyhow::Result<Exit> {
    let (mut out, mut err) = (io::stdout(), io::stderr());
    let live = err.is_terminal();
    let columns = rustix::termios::tcgetwinsize(&err).map_or(80, |size| usize::from(size.ws_col)).max(20);
    let json = args.json;
    let mut streams = Streams { out: &mut out, err: &mut err, live, columns, json };
    let wish = match args.how.wish(Clock::system().now(), &zones()) {
        Ok(wish) => wish,
        Err(reason) => return Ok(report::refused(&mut streams, Kind::Restore, &args.instance, &reason.into())?),
    };
    let catalog = catalog::read(&context.sources_for([&args.instance])?);
    let request = match requests::request(context, &catalog, args, &wish.recovery) {
        Ok(request) => request,
        Err(reason) => return Ok(report::refused(&mut streams, Kind::Restore, &args.instance, &reason)?),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    if let Some(read_as) = wish.read_as.as_ref().filter(|_| !(args.plan && json)) {
        message(&mut streams, &format!("the goal is {read_as}"))?;
    }
    runtime.block_on(async {
        let choices = Choices::of(context, &args.how);
        let (mut request, plan) = choices.plan(request, &Taken::default(), &context.worker_settings()).await;
        let plan = match plan {
            Ok(plan) => plan,
            Err(failure) => {
                return Ok(report::refused(&mut streams, Kind::Restore, &args.instance, &failure.to_string().into())?);
            }
        };
        if args.plan {
            let mut text = text_of(&plan, json)?;
            if !json && let Some(failure) = plan.lacks_consent(&request, requests::WITHOUT_WAL) {
                text.extend(["\nrefused     ", &failure.to_string()]);
            }
            writeln!(streams.out, "{text}")?;
            return Ok(Exit::Done);
        }
        if let Some(failure) = plan.lacks_consent(&request, requests::WITHOUT_WAL) {
            return Ok(report::refused(&mut streams, Kind::Restore, &args.instance, &failure.to_string().into())?);
        }
        request.learn(&plan);
        session(context, args, request, &mut streams).await
    })
}

/// A plan for people or for programs.
fn text_of(plan: &AnyRestorePlan, json: bool) -> serde_json::Result<String> {
    match plan {
        AnyRestorePlan::Cluster(plan) if json => report::plan_json(plan),
        AnyRestorePlan::Cluster(plan) => Ok(report::plan_text(plan)),
        AnyRestorePlan::Data(plan) if json => serde_json::to_string(plan),
        AnyRestorePlan::Data(plan) => Ok(report::rows_text(&plan.rows())),
    }
}

async fn session(
    context: &AppContext,
    args: &RestoreArgs,
    request: RestoreOrder,
    streams: &mut Streams<'_>,
) -> anyhow::Result<Exit> {
    let policy = requests::policy(context, &args.how);
    let client = attach::connect(&context.keeper(), &who(), true, Clock::system()).await?;
    let owner = Proposing { owner: client, choices: Choices::of(context, &args.how) };
    let order = StartRequest { orders: vec![Order::Restore(request)], policy, origin: Origin::CommandLine };
    let interrupts = interrupts()?;
    let end =
        restore::run(&owner, (Clock::system(), &context.command_form()), (order, &who()), interrupts, streams).await;
    end.context("the session cannot be followed; it goes on, and howdah session list shows it")
}

/// Ctrl-C and the system's wish to end, as words for the session.
pub(super) fn interrupts() -> io::Result<mpsc::Receiver<Interrupt>> {
    // Two presses can be distinguished from one; more say nothing new.
    let (sender, receiver) = mpsc::channel(2);
    for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
        let mut signals = signal(kind)?;
        let sender = sender.clone();
        tokio::spawn(async move { while signals.recv().await.is_some() && sender.send(Interrupt).await.is_ok() {} });
    }
    Ok(receiver)
}
