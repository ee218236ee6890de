//! Connects to the owner of a state directory: the one that is there, else a keeper that is started for it.

use super::{handover::KeeperCommand, ownership};
use crate::{
    control::{Client, ClientError, ConnectError, Connector, socket},
    domain::Who,
    manager::Clock,
};
use futures_util::future::BoxFuture;
use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{
    net::UnixStream,
    time::{Instant, sleep},
};

/// How long somebody may own the state directory without listening: it is coming, or going, and both take
/// milliseconds on a machine that is well.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The delay between two tries to connect.
const RETRY_DELAY: Duration = Duration::from_millis(20);

/// How a face connects that only looks: where there is no owner, none is started.
#[derive(Debug, Clone)]
struct LookingOn {
    state: PathBuf,
}

/// How every face that is not the owner itself connects.
#[derive(Debug, Clone)]
struct OwnerConnector {
    keeper: KeeperCommand,
}

/// Owners in a row that are connected to before this is given up: one may hand over, one may end in the same moment.
const MAX_CONNECTS: u32 = 3;

/// A client of the owner. An owner that is lost before it has sent anything got no request, so the next one is tried.
pub(super) async fn connect(
    keeper: &KeeperCommand,
    who: &Who,
    watch: bool,
    clock: Clock,
) -> Result<Client, ClientError> {
    let connector = Arc::new(OwnerConnector { keeper: keeper.clone() });
    for _ in 1..MAX_CONNECTS {
        match Client::open(Arc::clone(&connector) as Arc<dyn Connector>, who.clone(), watch, clock).await {
            Err(ClientError::Lost { reason }) => tracing::warn!(reason, "an owner was lost during the handshake"),
            settled => return settled,
        }
    }
    Client::open(connector, who.clone(), watch, clock).await
}

/// A client of the owner that is there, for a face that only looks.
pub(super) async fn look_on(state: &Path, who: &Who, clock: Clock) -> Result<Client, ClientError> {
    Client::open(Arc::new(LookingOn { state: state.to_owned() }), who.clone(), true, clock).await
}

impl Connector for LookingOn {
    fn connect(&self) -> BoxFuture<'static, Result<UnixStream, ConnectError>> {
        Box::pin(looked_on(self.state.clone()))
    }
}

impl Connector for OwnerConnector {
    fn connect(&self) -> BoxFuture<'static, Result<UnixStream, ConnectError>> {
        Box::pin(stream(self.keeper.clone()))
    }
}

async fn looked_on(state: PathBuf) -> Result<UnixStream, ConnectError> {
    let begun = Instant::now();
    loop {
        let error = match socket::connect(&state) {
            Ok(stream) => return Ok(stream),
            Err(error) => error,
        };
        // An owner has its lock before it listens.
        let is_coming = is_nobody(&error) && ownership::is_owned(&state);
        if (is_coming || error.kind() == io::ErrorKind::WouldBlock) && begun.elapsed() < TIMEOUT {
            sleep(RETRY_DELAY).await;
            continue;
        }
        let shown = state.display();
        return Err(ConnectError::new(&if is_nobody(&error) {
            let read = "howdah session list and howdah report read what it has left";
            format!("nobody owns {shown}, and --read-only starts nobody; {read}")
        } else {
            format!("the owner of {shown} cannot be reached: {error}")
        }));
    }
}

async fn stream(keeper: KeeperCommand) -> Result<UnixStream, ConnectError> {
    let begun = Instant::now();
    loop {
        match socket::connect(&keeper.state) {
            Ok(stream) => return Ok(stream),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && begun.elapsed() < TIMEOUT => {
                sleep(RETRY_DELAY).await;
                continue;
            }
            Err(error) if is_nobody(&error) => {}
            Err(error) => {
                let state = keeper.state.display();
                return Err(ConnectError::new(&format!("the owner of {state} cannot be reached: {error}")));
            }
        }
        let call = keeper.clone();
        let started = tokio::task::spawn_blocking(move || call.start()).await;
        let owner = match started {
            Ok(Ok(owner)) => owner,
            Ok(Err(error)) => return Err(ConnectError::new(&error.to_string())),
            Err(error) => return Err(ConnectError::new(&format!("the keeper could not be started: {error}"))),
        };
        if begun.elapsed() > TIMEOUT {
            return Err(ConnectError::new(&format!(
                "process {owner} owns {} but does not listen; look at it, or end it with kill -TERM {owner}: its \
                 sessions go on",
                keeper.state.display()
            )));
        }
        // The keeper has said that it is ready only after it began to listen; one that was faster may not do so yet.
        if let Ok(stream) = socket::connect(&keeper.state) {
            return Ok(stream);
        }
        sleep(RETRY_DELAY).await;
    }
}

/// Whether nobody listens: there is no socket, or only what an owner that is gone has left.
fn is_nobody(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}
