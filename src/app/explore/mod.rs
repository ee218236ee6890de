//! `howdah explore`, wired: the catalog, the plan, and whoever owns the sessions.

mod clean;
mod compare;
mod items;

pub(super) use clean::{leftovers, standing_in};
pub(super) use compare::compared;

use super::{
    choice,
    context::{AppContext, who, zones},
    ownership, planner, proposals,
    proposals::Taken,
    recovery,
    session::{around, on_streams, steer, until_next_look},
};
use crate::{
    catalog,
    cli::{
        exit::Exit,
        explore::{
            KIND,
            args::{ExploreArgs, ExploreVerb, StartArgs, StopArgs},
            children_of, line, list, wait,
        },
        report::{self, Refused, write_candidates},
        session::{
            SessionError, VerbContext,
            act::{self, Selection},
            cancel::{self, Waited},
            message,
            reader::Reader,
            start::not_started,
        },
        state::state,
        streams::Streams,
    },
    console::message::{Browsed, OrderWish, PlannedOrder},
    control::Client,
    domain::{
        AtTarget, Disposition, ExploreOrder, Failure, ItemName, KindFilter, Order, Origin, Reach, Recovery,
        RestorePoint, ServerAddress, SessionId, WorkerSettings,
    },
    machine::{Scope, decide},
    manager::{Service, SessionAction, StartRequest},
    postgres::browse::Browser,
};
use std::{io, path::Path};

pub(super) fn run(context: &AppContext, args: &ExploreArgs) -> anyhow::Result<Exit> {
    on_streams(|streams| {
        let owned = || ownership::is_owned(&context.state);
        let around = around(context, &owned);
        let reader = || Reader::open(&context.state, KindFilter::Only(KIND)).map_err(SessionError::from);
        match &args.verb {
            ExploreVerb::Start(args) => started(context, &mut reader()?, args, &around, streams),
            ExploreVerb::List(args) => Ok(list::run(&mut reader()?, args, &around, streams)?),
            ExploreVerb::Items(args) => items::list(&mut reader()?, args, &around, streams),
            ExploreVerb::Restore(args) => items::restored(context, &mut reader()?, args, &around, streams),
            ExploreVerb::Stop(args) => stopped(context, &mut reader()?, args, &around, streams),
            ExploreVerb::Clean(args) => clean::cleaned(context, args, streams),
        }
    })
}

/// Reads a level of an open restore point for the screen.
pub(super) async fn browsed(address: ServerAddress, item: Option<ItemName>) -> Result<Browsed, Failure> {
    /// As many rows as a screen shows, and as much of a value as a person reads of it there.
    const ROWS: u32 = 20;
    const CHARACTERS: u32 = 60;
    let browser = Browser::open(&address, item.as_ref().map_or("postgres", ItemName::database)).await?;
    Ok(match &item {
        None => Browsed::Databases(browser.databases().await?),
        Some(ItemName::Database { .. }) => Browsed::Schemas(browser.schemas().await?),
        Some(ItemName::Schema { schema, .. }) => Browsed::Relations(browser.relations(schema).await?),
        Some(ItemName::Table { schema, table, .. }) => {
            let columns = browser.columns(schema, table).await?;
            let rows = browser.first_rows(schema, table, ROWS, CHARACTERS).await;
            Browsed::Table { columns, rows: rows.map_err(|failure| failure.cause) }
        }
    })
}

/// Counts the rows of a table for the screen.
pub(super) async fn counted(address: ServerAddress, item: ItemName) -> Result<u64, Failure> {
    let ItemName::Table { database, schema, table } = &item else { return Err(Failure::bug("only tables have rows")) };
    Browser::open(&address, database).await?.count(schema, table).await
}

/// The plan of what a person at the screen wants, and the order for it: its scratch is chosen here.
pub(super) async fn planned(
    wish: OrderWish,
    explore_dir: &Path,
    settings: WorkerSettings,
) -> Result<PlannedOrder, Failure> {
    match wish {
        OrderWish::Open { point, recovery } => {
            let free = proposals::free_directory(explore_dir, &point.instance, &Taken::default());
            let scratch = free.map_err(|reason| Failure::incurable(reason, ""))?;
            let order = ExploreOrder { point: *point, scratch, recovery, port: None };
            let plan = planner::plan_explore(order.clone(), settings).await?;
            Ok(PlannedOrder { order: Order::Explore(order), rows: plan.rows() })
        }
        OrderWish::Items(order) => {
            let plan = planner::plan_items((*order).clone(), settings).await?;
            Ok(PlannedOrder { order: Order::Items(*order), rows: plan.rows() })
        }
    }
}

/// Writes a plan: as one JSON value, or a line for each of its names.
fn write_plan(
    plan: &impl serde::Serialize,
    rows: &[(&'static str, String)],
    json: bool,
    streams: &mut Streams<'_>,
) -> anyhow::Result<Exit> {
    if json {
        writeln!(streams.out, "{}", serde_json::to_string(plan)?)?;
    } else {
        writeln!(streams.out, "{}", report::rows_text(rows))?;
    }
    Ok(Exit::Done)
}

fn started(
    context: &AppContext,
    reader: &mut Reader,
    args: &StartArgs,
    around: &VerbContext<'_>,
    streams: &mut Streams<'_>,
) -> anyhow::Result<Exit> {
    let refused = |streams: &mut Streams<'_>, reason: &str| -> anyhow::Result<Exit> {
        message(streams, &not_started(&args.instance, reason))?;
        Ok(Exit::Refused)
    };
    let wish = match args.target.wish(AtTarget::Pause, around.clock.now(), &zones()) {
        Ok(wish) => wish,
        Err(reason) => return refused(streams, &reason),
    };
    if let Some(read_as) = wish.read_as.as_ref().filter(|_| !args.json) {
        message(streams, &format!("the goal is {read_as}"))?;
    }
    let (point, recovery) = match opened(context, args, wish.recovery)? {
        Ok(found) => found,
        Err(reason) => {
            let exit = refused(streams, &reason.sentence)?;
            write_candidates(streams, &reason.candidates)?;
            return Ok(exit);
        }
    };
    let mut taken = Taken::default();
    for session in reader.journal.ongoing().map_err(SessionError::from)?.sessions {
        taken.add_order(session.order());
    }
    let scratch = match &args.scratch {
        Some(scratch) => std::path::absolute(scratch).map_err(|error| error.to_string()),
        None => proposals::free_directory(&context.config.explore_dir(), &point.instance, &taken),
    };
    let scratch = match scratch {
        Ok(scratch) => scratch,
        Err(reason) => return refused(streams, &reason),
    };
    let order = ExploreOrder { point, scratch, recovery, port: args.port };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let plan = runtime.block_on(planner::plan_explore(order.clone(), context.worker_settings()));
    drop(runtime);
    let plan = match plan {
        Ok(plan) => plan,
        Err(failure) => return refused(streams, &failure.to_string()),
    };
    if args.plan {
        return write_plan(&plan, &plan.rows(), args.json, streams);
    }
    let request = StartRequest { orders: vec![Order::Explore(order)], policy: None, origin: Origin::CommandLine };
    steer(context, async |owner| begun(owner, request, (reader, args, around), streams).await)
}

/// The restore point that is opened, and how far its recovery goes.
fn opened(
    context: &AppContext,
    args: &StartArgs,
    wish: Recovery,
) -> anyhow::Result<Result<(RestorePoint, Recovery), Refused>> {
    let catalog = catalog::read(&context.sources_for([&args.instance])?);
    let named = args.point.as_deref();
    Ok(choice::point(&catalog, &args.instance, named).and_then(|point| {
        if !wish.goes_beyond_backup() {
            return Ok((point, wish));
        }
        let (one, _) = choice::row(&catalog, &args.instance, named)?;
        recovery::resolve(context, one, named, wish)
    }))
}

async fn begun(
    owner: &Client,
    request: StartRequest,
    (reader, args, around): (&mut Reader, &StartArgs, &VerbContext<'_>),
    streams: &mut Streams<'_>,
) -> anyhow::Result<Exit> {
    let receipt = owner.start(request, who()).await;
    let Some(id) = receipt.lines.iter().find(|line| line.result.is_ok()).and_then(|line| line.session) else {
        for (_, refusal) in receipt.refused() {
            message(streams, &not_started(&args.instance, &refusal.to_string()))?;
        }
        return Ok(Exit::Refused);
    };
    let session = owner.session(id, who()).await;
    if !args.json
        && let Some(session) = &session
    {
        writeln!(streams.out, "{id} {}", session.uuid())?;
        streams.out.flush()?;
    }
    let (session, exit) = if args.wait {
        let around = VerbContext { pause: &until_next_look, form: around.form.clone(), ..*around };
        wait::wait(reader, id, &around, streams)?
    } else {
        (session.map(|session| session.as_ref().clone()), Exit::Done)
    };
    let now = around.clock.now();
    match session {
        Some(session) if args.json => writeln!(streams.out, "{}", line(&session, None, &[], now)?)?,
        Some(session) if exit != Exit::Done => {
            message(streams, &format!("session {id} ({}): {}", session.title(), state(&session, now)))?;
        }
        Some(_) => {}
        None => message(streams, &format!("session {id} was begun, but it cannot be shown now"))?,
    }
    Ok(exit)
}

fn stopped(
    context: &AppContext,
    reader: &mut Reader,
    args: &StopArgs,
    around: &VerbContext<'_>,
    streams: &mut Streams<'_>,
) -> anyhow::Result<Exit> {
    let by = who();
    let act = &SessionAction::Stop(args.reach());
    let now = around.clock.now();
    let selection = act::select(reader, Some(&args.session), (act, &by, now), &mut io::stdin().lock(), streams)?;
    if selection.scopes.is_empty() {
        return Ok(if selection.refused { Exit::Refused } else { Exit::Done });
    }
    steer(context, async |owner| {
        let pause = || {
            std::thread::sleep(super::session::POLL_INTERVAL);
            crate::cli::session::Reading::GoesOn
        };
        let around = VerbContext { pause: &pause, form: around.form.clone(), ..*around };
        if args.force {
            cancel_children(owner, reader, (act, &selection), &around, streams).await?;
        }
        let result = act::carry_out(owner, (act, &by), selection, streams).await?;
        let waited = cancel::wait(reader, (&result.done, None), &around, streams)?;
        Ok(match waited {
            Waited { all_cancelled: false, .. } => Exit::Refused,
            Waited { .. } if result.refused => Exit::Refused,
            Waited { data_left: true, .. } => Exit::Warned,
            Waited { .. } => Exit::Done,
        })
    })
}

/// Cancels what is being taken out of these sessions, and waits for its end.
async fn cancel_children(
    owner: &Client,
    reader: &mut Reader,
    (stop, selection): (&SessionAction, &Selection),
    around: &VerbContext<'_>,
    streams: &mut Streams<'_>,
) -> anyhow::Result<()> {
    let ongoing = reader.journal.ongoing().map_err(SessionError::from)?.sessions;
    let parents = selection.scopes.iter().flat_map(|scope| match scope {
        Scope::Sessions(ids) => ids.as_slice(),
        Scope::Ongoing(_) | Scope::Completed(_) => &[],
    });
    // What may not be closed keeps what works on it.
    let now = around.clock.now();
    let may_be_closed = |id: &&SessionId| {
        let session = ongoing.iter().find(|session| session.id() == **id);
        session.is_some_and(|session| decide(session, stop.command(&who()), now).is_ok())
    };
    let children: Vec<SessionId> = parents.filter(may_be_closed).flat_map(|id| children_of(&ongoing, *id)).collect();
    if children.is_empty() {
        return Ok(());
    }
    // Whoever may close what they work on may end them.
    let cancel = SessionAction::Cancel(Disposition::Remove, Reach::AnyOrigin);
    let selection = Selection { scopes: vec![Scope::Sessions(children)], refused: false };
    let result = act::carry_out(owner, (&cancel, &who()), selection, streams).await?;
    cancel::wait(reader, (&result.done, None), around, streams)?;
    Ok(())
}
