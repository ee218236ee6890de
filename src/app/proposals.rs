//! Places that howdah chooses where the person has named none, and other ones when somebody was faster.
//!
//! Promises: what was named is never changed; what nobody named is refused only when nothing else is to be had. Never: a
//! place is reserved here; the owner claims it when the session is created.

use super::{context::AppContext, planner, system::ThisMachine};
use crate::{
    catalog::propose::{self, Occupancy, System as _, directory_for},
    cli::restore_options::RestoreOptions,
    control::Client,
    domain::{
        AnyRestorePlan, ClusterRestore, Failure, FilesRestore, Hold, InstanceName, MachineRestore, Order, Port,
        RestoreOrder, Target, Who, WorkerSettings, restore::restored_name,
    },
    machine::Refusal,
    manager::{Receipt, Reply, Request, Service, Snapshot, StartRequest},
};
use futures_util::future::BoxFuture;
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::sync::watch;

/// The first port that a restored server is offered: beside PostgreSQL's own 5432, which a live server may hold.
pub(super) const FIRST_PORT: u16 = 5433;

/// How often another place is proposed for one request: so many others at most are faster in the same moment.
const ROUNDS: usize = 16;

/// What ongoing sessions hold, and what earlier requests of the same order will.
#[derive(Debug, Default, Clone)]
pub(super) struct Taken {
    directories: BTreeSet<PathBuf>,
    ports: BTreeSet<Port>,
}

/// What of a target is howdah's to choose.
#[derive(Debug, Clone)]
pub(super) struct Choices {
    /// Below which directory, where none was named.
    below: Option<PathBuf>,
    /// Whether no port was named.
    port: bool,
}

impl Taken {
    /// Adds what a session of this order holds. The port of a cluster counts although no server may come.
    pub(super) fn add_order(&mut self, order: &Order) {
        if let Some(cluster) = order.cluster() {
            self.directories.insert(cluster.target.directory().to_owned());
            self.ports.insert(cluster.target.port());
        }
        for hold in order.holds() {
            match hold {
                Hold::Directory(directory) => {
                    self.directories.insert(directory);
                }
                Hold::Port(port) => {
                    self.ports.insert(port);
                }
                Hold::Object(_) => {}
            }
        }
    }

    /// The same of a restore.
    pub(super) fn add(&mut self, request: &RestoreOrder) {
        self.add_order(&Order::Restore(request.clone()));
    }
}

impl Choices {
    pub(super) fn of(context: &AppContext, how: &RestoreOptions) -> Self {
        Self { below: how.to.is_none().then(|| context.config.restore_dir.clone()), port: how.port.is_none() }
    }

    /// The plan of a request, or of the same with other places where its own are not free any more.
    pub(super) async fn plan(
        &self,
        mut request: RestoreOrder,
        taken: &Taken,
        settings: &WorkerSettings,
    ) -> (RestoreOrder, Result<AnyRestorePlan, Failure>) {
        let mut answer = planner::plan(request.clone(), settings.clone()).await;
        for _ in 0..ROUNDS {
            let Some(other) = answer.as_ref().err().and_then(|_| self.again(&request, taken, None)) else { break };
            request = other;
            answer = planner::plan(request.clone(), settings.clone()).await;
        }
        (request, answer)
    }

    /// The same request with other places instead of those that are not free; `None` where that changes nothing.
    fn again(&self, refused: &RestoreOrder, taken: &Taken, why: Option<&Refusal>) -> Option<RestoreOrder> {
        let old = refused.directory();
        // What the owner has just given to another session may not be claimed yet.
        let directory_lost = matches!(why, Some(Refusal::DirectoryHeld { .. }));
        let port_lost = matches!(why, Some(Refusal::PortHeld { .. }));
        let mut taken = taken.clone();
        taken.add(refused);
        let directory = match &self.below {
            Some(below) if directory_lost || !matches!(ThisMachine::of_name(old), Occupancy::Free) => {
                free_directory(below, &refused.bare_title(), &taken).ok()?
            }
            Some(_) | None => old.to_owned(),
        };
        let is_other = directory != old;
        match refused {
            RestoreOrder::Cluster(refused) => {
                let old = &refused.target;
                let port = if self.port && (port_lost || ThisMachine.is_taken(old.port())) {
                    free_port(&taken).ok()?
                } else {
                    old.port()
                };
                let homes = old.tablespaces().iter();
                let target = homes.fold(Target::new(directory, port), |target, (oid, home)| {
                    target.and_then(|target| target.with_tablespace(*oid, home))
                });
                let target = target.ok().filter(|target| target != old)?;
                Some(RestoreOrder::Cluster(ClusterRestore { target, ..refused.clone() }))
            }
            // A name that nobody chose goes with the directory.
            RestoreOrder::VirtualMachine(refused) => {
                let is_own = refused.name == restored_name(old);
                let name = if is_own { restored_name(&directory) } else { refused.name.clone() };
                let other = MachineRestore { directory, name, ..refused.clone() };
                is_other.then_some(RestoreOrder::VirtualMachine(other))
            }
            RestoreOrder::Files(refused) => {
                is_other.then(|| RestoreOrder::Files(FilesRestore { directory, ..refused.clone() }))
            }
        }
    }
}

/// The owner, who is asked again with other places when somebody was faster.
#[derive(Debug, Clone)]
pub(super) struct Proposing {
    pub(super) owner: Client,
    pub(super) choices: Choices,
}

impl Service for Proposing {
    fn ask(&self, request: Request, by: Who) -> BoxFuture<'static, Reply> {
        let own = self.clone();
        Box::pin(async move {
            match request {
                Request::Start(order) => Reply::Receipt(own.start_somewhere(order, by).await),
                request @ (Request::Act { .. }
                | Request::Session(_)
                | Request::StartJob(_)
                | Request::ActOnJob { .. }
                | Request::Job(_)) => own.owner.ask(request, by).await,
            }
        })
    }

    fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.owner.snapshots()
    }
}

impl Proposing {
    async fn start_somewhere(self, request: StartRequest, by: Who) -> Receipt {
        let Self { owner, choices } = self;
        let mut orders = request.orders.clone();
        let mut receipt = owner.start(request.clone(), by.clone()).await;
        for _ in 0..ROUNDS {
            let mut taken = Taken::default();
            for order in &orders {
                taken.add_order(order);
            }
            let refused = receipt.lines.iter().enumerate().filter_map(|(at, line)| {
                let why = line.result.as_ref().err().filter(|why| why.is_of_place())?;
                let Order::Restore(order) = orders.get(at)? else { return None };
                let other = choices.again(order, &taken, Some(why))?;
                taken.add(&other);
                Some((at, Order::Restore(other)))
            });
            let (places, others): (Vec<usize>, Vec<Order>) = refused.unzip();
            if others.is_empty() {
                break;
            }
            let second = owner.start(StartRequest { orders: others.clone(), ..request.clone() }, by.clone()).await;
            for ((at, other), line) in places.into_iter().zip(others).zip(second.lines) {
                orders[at] = other;
                receipt.lines[at] = line;
            }
        }
        receipt
    }
}

/// A directory for this instance that does not exist yet: `<base>/<instance>`, then `-2`, `-3`, ...
pub(super) fn free_directory(base: &Path, instance: &InstanceName, taken: &Taken) -> Result<PathBuf, String> {
    let occupancy =
        |path: &Path| if taken.directories.contains(path) { Occupancy::Occupied } else { ThisMachine::of_name(path) };
    propose::free_directory(&directory_for(base, instance), occupancy).map_err(|error| {
        format!("no directory can be proposed: {error}; name one with --to, or another restore_dir in howdah.toml")
    })
}

/// The first port that nobody listens on and no session holds.
pub(super) fn free_port(taken: &Taken) -> Result<Port, String> {
    let first = Port::new(FIRST_PORT).map_err(|error| error.to_string())?;
    propose::free_port(first, &taken.ports, &ThisMachine).map_err(|error| format!("{error}; name one with --port"))
}
