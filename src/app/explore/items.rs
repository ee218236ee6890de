//! `howdah explore items` and `howdah explore restore`, wired: the server of the open restore point, the plan, the owner.

use crate::{
    app::{
        attach,
        context::{AppContext, who},
        planner,
        restore::interrupts,
        session::steer,
    },
    cli::{
        exit::Exit,
        explore::{
            args::{ItemsArgs, RestoreItemsArgs},
            items::{self, ItemSelector, Listing},
        },
        restore,
        session::{SessionError, VerbContext, message, name::SessionName, reader::Reader, start},
        streams::Streams,
    },
    domain::{
        ExistingItem, Failure, ItemDestination, ItemName, ItemOrder, ItemPart, OpenPoint, Order, Origin, ServerAddress,
    },
    machine::Session,
    manager::{Clock, StartRequest},
    postgres::browse::Browser,
};
use anyhow::Context;
use std::io;

/// Lists what is in an open restore point.
pub(super) fn list(
    reader: &mut Reader,
    args: &ItemsArgs,
    around: &VerbContext<'_>,
    streams: &mut Streams<'_>,
) -> anyhow::Result<Exit> {
    let session = named(reader, &args.session, around)?;
    let Some(open) = session.open_at() else { return refuse_closed(&session, streams) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    streams.json = args.json;
    match runtime.block_on(listing(open, args.item.as_ref())) {
        Ok(listing) => {
            items::write(&listing, streams).map_err(SessionError::from)?;
            Ok(Exit::Done)
        }
        Err(failure) => {
            message(streams, &failure.to_string())?;
            Ok(Exit::Refused)
        }
    }
}

async fn listing(open: &ServerAddress, item: Option<&ItemName>) -> Result<Listing, Failure> {
    let browser = Browser::open(open, item.map_or("postgres", ItemName::database)).await?;
    Ok(match item {
        None => Listing::Databases(browser.databases().await?),
        Some(ItemName::Database { database }) => Listing::Schemas(database.clone(), browser.schemas().await?),
        Some(ItemName::Schema { database, schema }) => {
            Listing::Relations(database.clone(), schema.clone(), browser.relations(schema).await?)
        }
        Some(ItemName::Table { schema, table, .. }) => Listing::Columns(browser.columns(schema, table).await?),
    })
}

/// Takes items out.
pub(super) fn restored(
    context: &AppContext,
    reader: &mut Reader,
    args: &RestoreItemsArgs,
    around: &VerbContext<'_>,
    streams: &mut Streams<'_>,
) -> anyhow::Result<Exit> {
    let refused = |streams: &mut Streams<'_>, reason: &str| -> anyhow::Result<Exit> {
        message(streams, &format!("nothing was taken out: {reason}"))?;
        Ok(Exit::Refused)
    };
    let session = named(reader, &args.session, around)?;
    if session.open_at().is_none() {
        return refuse_closed(&session, streams);
    }
    let order = match order(&session, args) {
        Ok(order) => order,
        Err(reason) => return refused(streams, &reason),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let plan = runtime.block_on(planner::plan_items(order.clone(), context.worker_settings()));
    drop(runtime);
    let plan = match plan {
        Ok(plan) => plan,
        Err(failure) => return refused(streams, &failure.to_string()),
    };
    if args.plan {
        return super::write_plan(&plan, &plan.rows(), args.json, streams);
    }
    streams.json = args.json;
    let request = StartRequest { orders: vec![Order::Items(order)], policy: None, origin: Origin::CommandLine };
    if !args.wait {
        return steer(context, async |owner| {
            let accepted = start::run(owner, (request, &who()), streams).await.map_err(SessionError::from)?;
            Ok(if accepted { Exit::Done } else { Exit::Refused })
        });
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let clock = Clock::system();
        let owner = attach::connect(&context.keeper(), &who(), true, clock).await?;
        let form = context.command_form();
        let ended = restore::run(&owner, (clock, &form), (request, &who()), interrupts()?, streams).await;
        ended.context("the session cannot be followed; it goes on, and howdah session list shows it")
    })
}

/// The explore session that is meant, as it stands now.
fn named(reader: &mut Reader, name: &SessionName, around: &VerbContext<'_>) -> Result<Session, SessionError> {
    let id = name.resolve(reader)?;
    let session = reader.session(id, around.clock.now())?;
    session.ok_or_else(|| SessionError::Refused(format!("there is no session {id}")))
}

fn refuse_closed(session: &Session, streams: &mut Streams<'_>) -> anyhow::Result<Exit> {
    let (id, title) = (session.id(), session.title());
    message(streams, &format!("session {id} ({title}) holds nothing open now: see howdah explore list"))?;
    Ok(Exit::Refused)
}

fn order(session: &Session, args: &RestoreItemsArgs) -> Result<ItemOrder, String> {
    let mut items = Vec::new();
    for item in &args.items {
        match item {
            ItemSelector::One(item) => items.push(item.clone()),
            ItemSelector::Piped => items.extend(items::piped(&mut io::stdin().lock())?),
        }
    }
    let existing = match (&args.way.rename, args.way.append_missing) {
        (Some(to), _) => ExistingItem::Rename { to: to.clone() },
        (None, true) => ExistingItem::AppendMissing,
        (None, false) => ExistingItem::Refuse,
    };
    let to = match (&args.way.to, &args.way.dump) {
        (Some(conninfo), _) => ItemDestination::Server { conninfo: conninfo.clone(), existing },
        (None, Some(dump)) => {
            let directory = std::path::absolute(dump).map_err(|error| error.to_string())?;
            ItemDestination::Dump { directory }
        }
        (None, None) => return Err("name a server with --to, or a directory with --dump".to_owned()),
    };
    let part = match (args.part.schema_only, args.part.data_only) {
        (true, _) => ItemPart::Schema,
        (false, true) => ItemPart::Data,
        (false, false) => ItemPart::All,
    };
    let scratch = session.order().directory().ok_or("the session has no scratch")?.to_owned();
    let from = OpenPoint { session: session.id(), uuid: session.uuid(), scratch };
    Ok(ItemOrder { instance: session.title().clone(), from, items, part, to })
}
