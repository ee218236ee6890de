//! What the screen of a demo is given in the place of this machine.

use crate::{
    catalog::propose::{Occupancy, System, propose},
    console::{
        keymap::Keymap,
        message::{Browsed, CompareWish, Comparing, NearGoal, OrderWish, PlannedOrder},
        ports::{Closing, ConsoleOptions, InstanceKey, OpenedFor, Ports},
        theme::Theme,
    },
    demo::{
        OpenPoints, Story, World,
        plan::{of_job, plan},
        world::{FIRST_PORT, RESTORE_DIR},
    },
    domain::{
        AnyRestorePlan, Failure, ItemName, LeftServer, NearbyCommits, Order, Port, RestoreOrder, RunningServer,
        ServerAddress, WalWindow, Zones, fact::ProcessMark,
    },
    machine::{Phase, Session},
    manager::Clock,
};
use futures_util::{
    StreamExt as _,
    stream::{self, BoxStream},
};
use std::{future::ready, io, path::Path, sync::Arc, time::Duration};
use tokio::{sync::watch, time::sleep};

/// Two pictures of progress a second, as on a real screen.
const PAUSE: Duration = Duration::from_millis(500);

/// Below this directory restore points are opened; it is on no disk.
const EXPLORE_DIR: &str = "/srv/pg/.howdah-explore";

/// A machine on which nothing stands but what the story's own sessions hold.
struct EmptyMachine;

impl System for EmptyMachine {
    fn occupancy(&self, _: &Path) -> Occupancy {
        Occupancy::Free
    }

    fn is_taken(&self, _: Port) -> bool {
        false
    }
}

pub(super) fn ports(world: &World, story: &Arc<Story>, clock: Clock) -> Ports {
    let (history, past, run_history, played) = (world.history(), world.past(), world.run_history(), Arc::clone(story));
    let points = world.open_points(story);
    let (plans, windows, commits) = (Arc::clone(story), Arc::clone(story), Arc::clone(story));
    Ports {
        manager: Arc::clone(&world.service),
        owner: world.owner.clone(),
        exposed: watch::channel(None).1,
        catalog: watch::channel(Arc::new(story.catalog.clone())).1,
        // What a scenario holds does not change.
        refresh_catalog: Box::new(|| {}),
        plan: Box::new(move |order| {
            Box::pin(ready(match order {
                RestoreOrder::Cluster(order) => Ok(AnyRestorePlan::Cluster(Box::new(plan(&plans, &order)))),
                RestoreOrder::VirtualMachine(_) | RestoreOrder::Files(_) => {
                    Err(Failure::incurable("a scenario has instances only", "choose one of them"))
                }
            }))
        }),
        browse: {
            let points = points.clone();
            Box::new(move |address, item| Box::pin(ready(browsed(&points, &address, item))))
        },
        count: {
            let points = points.clone();
            Box::new(move |address, item| Box::pin(ready(points.count(&address, &item))))
        },
        compare: {
            let points = points.clone();
            Box::new(move |wish| compared(&points, wish))
        },
        plan_order: Box::new(move |wish| Box::pin(ready(planned(&points, wish)))),
        plan_job: Box::new(move |spec| Box::pin(ready(of_job(&played, &spec)))),
        run_history: Box::new(move |run| Box::pin(ready(Ok(run_history(run))))),
        log: Box::new(|_, _, _| {
            Box::pin(ready(Ok(b"This attempt is simulated: no engine runs, none writes a log.\n".to_vec())))
        }),
        save_log: Box::new(|_, _, _| Box::pin(ready(Err(io::Error::other("a demo writes no file"))))),
        history: Box::new(move |session| Box::pin(ready(Ok(history(session))))),
        past: Box::new(move || Box::pin(ready(Ok(past())))),
        server: Box::new(|session| Box::pin(ready(Ok(played_server(&session))))),
        stop_server: Box::new(|_, _| Box::pin(ready(Err("a demo runs no server".to_owned())))),
        release: Box::new(|| Box::pin(ready(()))),
        reacquire: Box::new(|| Box::pin(ready(()))),
        places: Box::new(|wanted| Box::pin(ready(propose(&wanted, &EmptyMachine)))),
        window: Box::new(move |key| Box::pin(ready(window(&windows, &key)))),
        commits: Box::new(move |key, _, near| Box::pin(ready(commits_near(&commits, &key, near)))),
        clock,
    }
}

/// The recoverable window of an instance of the story.
fn window(story: &Story, key: &InstanceKey) -> Result<WalWindow, Failure> {
    let archive = story.archive_of(&key.name).ok_or_else(no_archive)?;
    let points: Vec<_> = key.find(&story.catalog).into_iter().flat_map(|one| one.points().cloned()).collect();
    Ok(archive.window(&points, key.cluster))
}

/// The commits around a goal.
fn commits_near(story: &Story, key: &InstanceKey, near: NearGoal) -> Result<NearbyCommits, Failure> {
    let archive = story.archive_of(&key.name).ok_or_else(no_archive)?;
    Ok(match near {
        NearGoal::Moment(at) => archive.nearby(at),
        NearGoal::Position(at) => archive.nearby_position(at),
    })
}

fn no_archive() -> Failure {
    Failure::incurable("this scenario has no archive of it", "give its instance one")
}

/// What is read of an open restore point.
fn browsed(points: &OpenPoints, address: &ServerAddress, item: Option<ItemName>) -> Result<Browsed, Failure> {
    Ok(match item {
        None => Browsed::Databases(points.databases(address)),
        Some(ItemName::Database { database }) => Browsed::Schemas(points.schemas(address, &database)),
        Some(ItemName::Schema { database, schema }) => {
            Browsed::Relations(points.relations(address, &database, &schema))
        }
        Some(item @ ItemName::Table { .. }) => {
            let (columns, rows) = points.table(address, &item)?;
            Browsed::Table { columns, rows: Ok(rows) }
        }
    })
}

/// What a comparison finds, report by report.
fn compared(points: &OpenPoints, wish: CompareWish) -> BoxStream<'static, Result<Comparing, Failure>> {
    let CompareWish { address, database, schema, table, .. } = wish;
    let found = points.compared(&address, &ItemName::Table { database, schema, table });
    let reports: Vec<Result<Comparing, Failure>> = match found {
        Ok(found) => {
            let last = found.len();
            let report = |(at, found)| Ok(Comparing { found, ended: at + 1 == last });
            found.into_iter().enumerate().map(report).collect()
        }
        Err(failure) => vec![Err(failure)],
    };
    let pause = |report| async {
        sleep(PAUSE).await;
        report
    };
    stream::iter(reports).then(pause).boxed()
}

/// The order that is wished for, and its plan.
fn planned(points: &OpenPoints, wish: OrderWish) -> Result<PlannedOrder, Failure> {
    Ok(match wish {
        OrderWish::Open { point, recovery } => {
            let (order, plan) = points.plan_opening(*point, recovery, Path::new(EXPLORE_DIR));
            PlannedOrder { order: Order::Explore(order), rows: plan.rows() }
        }
        OrderWish::Items(order) => {
            let plan = points.plan_items(&order)?;
            PlannedOrder { order: Order::Items(*order), rows: plan.rows() }
        }
    })
}

/// The server of a session runs as long as the story does.
fn played_server(session: &Session) -> LeftServer {
    let process =
        ProcessMark { pid: u32::try_from(4000 + session.id().0).unwrap_or(u32::MAX), started: 0, realm: None };
    let since = if let Phase::Completed { at, .. } = session.phase() { Some(*at) } else { None };
    LeftServer::Runs(RunningServer { process, port: session.order().port(), since })
}

/// Options that depend on the story alone.
pub(super) fn options(story: &Story, theme: Theme, ascii: bool) -> anyhow::Result<ConsoleOptions> {
    Ok(ConsoleOptions {
        by: story.by.clone(),
        closing: Closing::Safe,
        restore_dir: RESTORE_DIR.into(),
        max_rate: None,
        first_port: Port::new(FIRST_PORT)?,
        own_hint: String::new(),
        program: "howdah".into(),
        state_dir: "/var/lib/howdah".into(),
        attempts_dir: "/var/lib/howdah/attempts".into(),
        keymap: Keymap::default(),
        zones: Zones::utc(),
        jobs: Arc::new(story.jobs.iter().map(|job| job.spec.clone()).collect()),
        theme,
        ascii,
        mouse: false,
        progress_pause: PAUSE,
        bell: false,
        purpose: OpenedFor::Demo,
    })
}
