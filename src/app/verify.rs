//! `howdah backup verify`: one session for each backup that is meant, followed to its end.

use super::{
    attach, choice,
    context::{AppContext, who},
    restore::interrupts,
};
use crate::{
    catalog::{self, Catalog, CatalogEntry, CatalogInstance, RepositoryKind},
    cli::{
        args::VerifyArgs,
        exit::Exit,
        report::{self, Refused},
        restore,
        streams::Streams,
    },
    domain::{Kind, Order, Origin, RestorePoint, VerifyOrder, Workload},
    manager::{Clock, StartRequest},
};
use anyhow::Context;
use std::io::{self, IsTerminal};

/// A restore point, or why there is none, with the name of its instance.
type Wanted = (String, Result<RestorePoint, Refused>);

pub(super) fn run(context: &AppContext, args: &VerifyArgs) -> anyhow::Result<Exit> {
    let (mut out, mut err) = (io::stdout(), io::stderr());
    let live = err.is_terminal();
    let columns = rustix::termios::tcgetwinsize(&err).map_or(80, |size| usize::from(size.ws_col)).max(20);
    let mut streams = Streams { out: &mut out, err: &mut err, live, columns, json: args.json };
    let catalog = catalog::read(&context.sources_for(&args.instance)?);
    let mut worst = Exit::Done;
    let mut orders = Vec::new();
    for (instance, point) in wanted(&catalog, args) {
        match point {
            Ok(point) => orders.push(Order::Verify(VerifyOrder { point, max_rate: args.max_rate })),
            Err(reason) => {
                worst = worst.max(report::refused(&mut streams, Kind::Verify, &instance, &reason)?);
            }
        }
    }
    if orders.is_empty() {
        return Ok(worst);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let clock = Clock::system();
        let owner = attach::connect(&context.keeper(), &who(), true, clock).await?;
        let request = StartRequest { orders, policy: None, origin: Origin::CommandLine };
        let form = context.command_form();
        let ended = restore::run(&owner, (clock, &form), (request, &who()), interrupts()?, &mut streams).await;
        Ok(worst
            .max(ended.context("the sessions cannot be followed; they go on, see howdah session list --kind verify")?))
    })
}

/// The restore point that was named, or the newest one of every instance (only PostgreSQL's can be verified): of one's own,
/// and only where there are none, of the sample.
fn wanted(catalog: &Catalog, args: &VerifyArgs) -> Vec<Wanted> {
    if let Some(instance) = &args.instance {
        return vec![(instance.clone(), choice::point(catalog, instance, args.point.as_deref()))];
    }
    let own = catalog.instances.iter().any(|instance| instance.kind == RepositoryKind::Own);
    let kind = if own { RepositoryKind::Own } else { RepositoryKind::Sample };
    let is_wanted = |one: &&CatalogInstance| one.kind == kind && one.workload == Workload::Instance;
    let instances = catalog.instances.iter().filter(is_wanted);
    let newest = instances.map(|instance| {
        let problem = || instance.rows.iter().find_map(CatalogEntry::problem).unwrap_or("it has no backup").to_owned();
        (instance.spelling.clone(), instance.newest().cloned().ok_or_else(|| problem().into()))
    });
    let wanted: Vec<Wanted> = newest.collect();
    if wanted.is_empty() {
        let reason =
            "the repositories hold no backup of PostgreSQL; see howdah backup list and howdah doctor".to_owned();
        return vec![("every instance".to_owned(), Err(reason.into()))];
    }
    wanted
}
