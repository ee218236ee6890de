//! A restore point opened and held open: its files are provided, its server started, asked, and kept until it is stopped.
//!
//! Promises: the backup is opened to read alone; the server is on a private socket, read-only unless a person says
//! otherwise, and does nothing to the world around it (S13); when the attempt ends, in whatever way, its server is gone.
//! Never: ends by itself while all is well (R29), or writes outside its scratch.

mod clone;
mod dispose;
mod hold;
pub mod leftovers;
mod method;
mod overlay;
mod plan;
mod provider;
mod scratch;
mod server;
mod trouble;
mod unpacked;
mod unpacking;
mod verify;

pub(super) use dispose::dispose;

use super::{
    engine_factory::{EngineFactory, EngineRequest},
    event_writer::EventWriter,
    places::ClaimingSession,
    recovery::RecoveryStanding,
    restore::{Restore, check},
    server::{ServerSupervisor, orphan_server},
    signals::Stop,
    workspace::Workspace,
};
use crate::{
    domain::{
        ClusterRestore, ExistingData, ExploreOrder, ExplorePlan, Failure, FailureClass, FileMethod, MissingWal, Order,
        Plan, Port, ServerWish, Step, Target, WorkerSettings, plan::ServerPlan, quantity::many, ticket::Ticket,
    },
    engine::{Engine, Halt, claim, claim::Own, point_use, watched::watched},
    overlay::Serving,
    postgres::{
        account::Account,
        configure::{self, UnknownLibrary},
        server::port,
    },
    process,
};
use check::{Checked, ServerAccount};
use method::Way;
use provider::{Provider, Providing};
use scratch::{Mark, Scratch};
use std::{
    cell::RefCell,
    convert::Infallible,
    path::{Path, PathBuf},
    time::Duration,
};
use unpacking::InUse;
use uuid::Uuid;

/// What the name of a socket needs where nobody asked for TCP.
const SOCKET_PORT: u16 = 5432;

/// What ends with a process that served files has an error before the process is seen to have ended.
const ABORT_TIMEOUT: Duration = Duration::from_secs(1);

/// One restore point being held open.
pub(super) struct Explore<'a> {
    attempt_dir: &'a Path,
    ticket: &'a Ticket,
    order: &'a ExploreOrder,
    report: &'a EventWriter,
    stop: &'a Stop,
    scratch: Scratch,
    /// The same as the restore of a cluster into the scratch: what does not depend on how files are provided.
    restore: ClusterRestore,
    data: PathBuf,
    /// The process that serves the files, of an overlay.
    serving: RefCell<Option<Serving>>,
    /// Keeps what was unpacked as long as the attempt lasts.
    in_use: RefCell<Option<InUse>>,
}

/// Makes the plan of an opening and writes nothing.
pub(super) fn plan(order: &ExploreOrder, settings: &WorkerSettings, own: &Own) -> Result<ExplorePlan, Failure> {
    let scratch = Scratch::new(order.scratch.clone(), Uuid::nil());
    let request = as_restore(order, &scratch)?;
    let (holds, own) = (Order::Explore(order.clone()).holds(), own.clone());
    watched(&order.scratch.display().to_string(), settings.stall_timeout, move |_| {
        Ok::<(), Failure>(claim::refuse_if_held(&holds, &own, None)?)
    })?;
    let who = Account::for_server(&settings.os_user);
    let ways = Ways { order, settings, scratch: &scratch, session: Uuid::nil(), request: &request, attempt: None };
    let plan = ways.check(&super::engine_factory::ENGINES, &who, &[])?.plan;
    if let (Some(port), Ok(account)) = (order.port, &who) {
        port::check_free(port, &configure::socket_directory(account))?;
    }
    Ok(plan)
}

/// All that the choice of a way needs.
struct Ways<'a> {
    order: &'a ExploreOrder,
    settings: &'a WorkerSettings,
    scratch: &'a Scratch,
    session: Uuid,
    request: &'a ClusterRestore,
    /// `None` for who only plans.
    attempt: Option<Providing<'a>>,
}

/// A way that can be gone.
struct Chosen<'a> {
    engine: Box<dyn Engine + 'a>,
    checked: Checked,
    plan: ExplorePlan,
    way: Way,
}

impl<'a> Ways<'a> {
    /// How the files are provided, by whom, and what comes of it.
    fn check(
        &self,
        factory: &EngineFactory<'_>,
        who: &ServerAccount,
        devices: &[(PathBuf, u64)],
    ) -> Result<Chosen<'a>, Failure> {
        let Self { order, settings, scratch, session: session_uuid, request, attempt } = *self;
        refuse_reserved(&order.scratch, settings)?;
        let owner = who.as_ref().ok().and_then(Account::owner);
        let mut choice = method::choose(order, settings)?;
        let mut segment = None;
        let mut engine: Box<dyn Engine + 'a> = match choice.found.take() {
            None => (factory.make)(&EngineRequest { request, session_uuid, owner, settings, devices })?,
            Some(found) => {
                segment = found.segment;
                let way = choice.way.clone();
                Box::new(Provider { order, way, scratch, owner, settings, request, found, attempt })
            }
        };
        let checked = check::plan_of_free(engine.as_mut(), request, settings, who)?;
        if let ServerPlan::NoServer { reason } = &checked.plan.server
            && checked.plan.files.version.or(order.point.facts.version).is_some()
        {
            return Err(Failure::incurable(
                format!("no server can be started on the backup: {reason}"),
                "install PostgreSQL of its major version, or name the directory of its programs with the setting binaries",
            ));
        }
        let plan = plan::of(order, settings, (&choice, segment), checked.plan.clone())?;
        Ok(Chosen { engine, checked, plan, way: choice.way })
    }
}

impl<'a> Explore<'a> {
    pub(super) fn new(
        attempt_dir: &'a Path,
        ticket: &'a Ticket,
        order: &'a ExploreOrder,
        (report, stop): (&'a EventWriter, &'a Stop),
    ) -> Result<Self, Failure> {
        let scratch = Scratch::new(order.scratch.clone(), ticket.session_uuid);
        let (restore, data) = (as_restore(order, &scratch)?, scratch.data());
        let (serving, in_use) = (RefCell::new(None), RefCell::new(None));
        Ok(Self { attempt_dir, ticket, order, report, stop, scratch, restore, data, serving, in_use })
    }

    /// Opens the restore point and holds it open: returns when it is no longer. A server that is still in `supervisor`
    /// afterwards is the caller's to clear.
    pub(super) fn run<'s>(
        &'s self,
        factory: &EngineFactory<'_>,
        supervisor: &mut Option<ServerSupervisor<'s>>,
    ) -> Result<Infallible, Halt> {
        let Self { report, ticket: Ticket { settings, .. }, .. } = self;
        report.begin(Step::Check, "");
        let who = Account::for_server(&settings.os_user);
        let restore = self.steps();
        // Held until the attempt has ended, in whatever way.
        let holds = Order::Explore(self.order.clone()).holds();
        let places = restore.places.enter(&holds, who.as_ref().ok().and_then(Account::owner));
        let places = places.map_err(Failure::from)?;
        if orphan_server::stop(&restore.workspace)? {
            report.note("a server that an earlier attempt had left running was stopped");
        }
        overlay::clear(self.attempt_dir, self.ticket.session_uuid, None)?;
        self.scratch.unpublish()?;
        // Held while the files are read, which is to the end.
        let _reading = match self.order.point.source.directory() {
            Some(backup) => point_use::read(backup, settings.stall_timeout)?,
            None => None,
        };
        let chosen = self.ways().check(factory, &who, &places.devices)?;
        let Chosen { mut engine, checked, mut plan, way } = chosen;
        report.planned(Plan::Explore(Box::new(plan.clone())));
        report.done(&format!("{} in {}, by {}", plan.bytes, many(plan.files, "file"), plan.method));
        restore.go_on()?;
        let Checked { plan: planned, binaries, cluster } = checked;
        self.open(engine.as_mut(), &way)?;
        let (server, binaries) = restore.resolve_server(&planned.server, binaries, &who)?;
        let account = who?;
        let standing = planned.recovery.as_ref().map_or(RecoveryStanding::Ended, |_| RecoveryStanding::GoesOn);
        restore.configure(engine.as_mut(), (&account, binaries.as_ref()), standing)?;
        let (ServerPlan::Start { .. }, Some(binaries)) = (&server, binaries) else {
            return Err(server::no_server(&server).into());
        };
        let supervisor = supervisor.insert(server::supervisor(
            &restore,
            account,
            binaries,
            (plan.method, self.order.port.is_some()),
        ));
        if let Some(recovery) = &plan.recovery {
            restore.replay_to_goal(supervisor, recovery, cluster)?;
        } else {
            let replayed = restore.start(supervisor).and_then(|()| restore.replay(supervisor, &plan.wal));
            replayed.map_err(|halt| restore.blame_wal(halt, &plan.wal, supervisor))?;
        }
        let answer = restore.ask(supervisor, cluster)?;
        let address = server::address(supervisor, answer.role)?;
        self.scratch.publish(&address)?;
        plan.server = server;
        plan.open = Some(address);
        report.planned(Plan::Explore(Box::new(plan.clone())));
        let held = hold::hold(self, supervisor, &plan, way.is_unverified());
        // Before the server is gone: who comes now is to wait, not to fail.
        self.scratch.unpublish()?;
        held
    }

    /// Takes the files away from a server that is gone. What it had written stays for the next attempt.
    pub(super) fn close_files(&self) -> Result<(), Failure> {
        overlay::clear(self.attempt_dir, self.ticket.session_uuid, self.serving.take())
    }

    /// What a failure is where nobody serves the files any more: whatever comes of that, with whatever error, they can be
    /// served again.
    pub(super) fn judged(&self, failure: Failure) -> Failure {
        let mut serving = self.serving.borrow_mut();
        let ended = match (failure.class, serving.as_mut()) {
            (FailureClass::Incurable, Some(serving)) => serving.wait(ABORT_TIMEOUT),
            (FailureClass::Incurable, None) | (FailureClass::Disruption | FailureClass::Bug, _) => return failure,
        };
        match ended {
            Ok(true) => unserved(Some(&failure)),
            Ok(false) => failure,
            Err(error) => {
                self.report.note(&format!("whether the files are still served cannot be told: {error}"));
                failure
            }
        }
    }

    /// Whether the process that serves the files, where one does, is alive.
    fn is_served(&self) -> bool {
        self.serving.borrow().as_ref().is_none_or(|serving| process::is_alive(serving.mark()))
    }

    fn ways(&self) -> Ways<'_> {
        let Self { attempt_dir, report, serving, in_use, .. } = self;
        let (session, settings) = (self.ticket.session_uuid, &self.ticket.settings);
        let attempt = Some(Providing { attempt_dir, session, report, serving, in_use });
        Ways { order: self.order, settings, scratch: &self.scratch, session, request: &self.restore, attempt }
    }

    /// The steps that are the restore's own.
    fn steps(&self) -> Restore<'_> {
        let (settings, by) = (&self.ticket.settings, self.ticket.by.as_deref());
        Restore {
            workspace: self.workspace(),
            request: &self.restore,
            settings,
            by,
            places: ClaimingSession::of(self.ticket, self.attempt_dir),
            report: self.report,
            stop: self.stop,
            unknown: UnknownLibrary::LeftOut,
        }
    }

    fn workspace(&self) -> Workspace<'_> {
        Workspace { attempt: self.attempt_dir, session: self.ticket.session_uuid, data: &self.data }
    }

    /// Provides the files.
    fn open(&self, engine: &mut dyn Engine, way: &Way) -> Result<(), Halt> {
        let Self { report, scratch, .. } = self;
        let method = way.method();
        report.begin(Step::Open, &method.to_string());
        let state = ClaimingSession::of(self.ticket, self.attempt_dir).own().state;
        let mut mark = Mark::new(self.ticket.session_uuid, &state, method);
        // Before anybody comes to what is unpacked: whoever removes it looks at the marks.
        if let Way::Unpacked(unpacked) = way {
            mark.unpacked.insert(unpacked.name().to_owned());
        }
        let stands = scratch.make(&mut mark)?;
        match method {
            FileMethod::Reflink if stands => {}
            FileMethod::Reflink | FileMethod::Overlay => {
                engine.copy(*report)?;
                scratch.provided(&mark)?;
            }
            FileMethod::Copy => {
                engine.copy(*report)?;
                report.copied();
            }
        }
        let again = if stands { "; what the server had written is there" } else { "" };
        report.done(&format!("{method}{again}"));
        if self.stop.requested() { Err(Halt::Stopped) } else { Ok(()) }
    }
}

/// Nobody serves the files any more; what that was seen by.
fn unserved(seen_by: Option<&Failure>) -> Failure {
    let seen_by = seen_by.map_or_else(String::new, |failure| format!(": {}", failure.cause));
    Failure::disruption(
        format!("the process that served the files of the restore point is gone{seen_by}"),
        "see the attempt's log; the restore point is opened again by itself",
    )
}

/// The order as the restore of a cluster into its scratch.
fn as_restore(order: &ExploreOrder, scratch: &Scratch) -> Result<ClusterRestore, Failure> {
    let port = match order.port {
        Some(port) => Ok(port),
        None => Port::new(SOCKET_PORT),
    };
    let port = port.map_err(|error| Failure::bug(error.to_string()))?;
    let target = Target::new(scratch.data(), port)
        .map_err(|error| Failure::incurable(error.to_string(), "name another explore_dir in howdah.toml"))?;
    Ok(ClusterRestore {
        point: order.point.clone(),
        target,
        recovery: order.recovery.clone(),
        server: ServerWish::StopAfterProbe,
        max_rate: None,
        existing: ExistingData::Refuse,
        missing_wal: MissingWal::Refuse,
    })
}

/// A scratch is never below a repository or the state directory: what is cleaned up there is not ours to mix with.
fn refuse_reserved(scratch: &Path, settings: &WorkerSettings) -> Result<(), Failure> {
    let real = |path: &Path| {
        let there = path.ancestors().find(|path| path.exists()).unwrap_or(path);
        let below = path.strip_prefix(there).unwrap_or(Path::new(""));
        there.canonicalize().map_or_else(|_| path.to_owned(), |there| there.join(below))
    };
    let scratch = real(scratch);
    let reserved = settings.repositories.iter().map(|path| (path, "a repository"));
    let mut reserved = reserved.chain(settings.state.iter().map(|path| (path, "the state directory")));
    match reserved.find(|(path, _)| scratch.starts_with(real(path))) {
        Some((path, what)) => Err(Failure::incurable(
            format!("{} lies in {what}, {}", scratch.display(), path.display()),
            "name another explore_dir in howdah.toml",
        )),
        None => Ok(()),
    }
}
