//! The way to the owner of a state directory: the one that is there, else a keeper that is started for it.

use super::handover::KeeperCall;
use crate::{
    control::{Link, LinkError, Road, RoadError, socket},
    domain::Who,
};
use futures_util::future::BoxFuture;
use std::{io, sync::Arc, time::Duration};
use tokio::{
    net::UnixStream,
    time::{Instant, sleep},
};

/// How long somebody may own the state directory without listening: it is coming, or going, and both take
/// milliseconds on a machine that is well.
const PATIENCE: Duration = Duration::from_secs(10);

/// The pause between two knocks.
const PAUSE: Duration = Duration::from_millis(20);

/// The road of every face that is not the owner itself.
#[derive(Debug, Clone)]
struct ToOwner {
    keeper: KeeperCall,
}

/// Owners in a row that may be lost while they are met: one that hands over, one that ends in the same moment.
const LOSSES: u32 = 3;

/// A link to the owner. One that is lost before it has shown anything was asked nothing, so the next one is met instead.
pub(super) async fn link(keeper: &KeeperCall, who: &Who, watch: bool) -> Result<Link, LinkError> {
    let road = Arc::new(ToOwner { keeper: keeper.clone() });
    for _ in 1..LOSSES {
        match Link::open(Arc::clone(&road) as Arc<dyn Road>, who.clone(), watch).await {
            Err(LinkError::Lost { reason }) => tracing::warn!(reason, "an owner was lost while it was met"),
            settled => return settled,
        }
    }
    Link::open(road, who.clone(), watch).await
}

impl Road for ToOwner {
    fn reach(&self) -> BoxFuture<'static, Result<UnixStream, RoadError>> {
        Box::pin(reach(self.keeper.clone()))
    }
}

async fn reach(keeper: KeeperCall) -> Result<UnixStream, RoadError> {
    let begun = Instant::now();
    loop {
        match socket::connect(&keeper.state) {
            Ok(stream) => return Ok(stream),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && begun.elapsed() < PATIENCE => {
                sleep(PAUSE).await;
                continue;
            }
            Err(error) if is_nobody(&error) => {}
            Err(error) => {
                let state = keeper.state.display();
                return Err(RoadError::new(&format!("the owner of {state} cannot be reached: {error}")));
            }
        }
        let call = keeper.clone();
        let started = tokio::task::spawn_blocking(move || call.start()).await;
        let owner = match started {
            Ok(Ok(owner)) => owner,
            Ok(Err(error)) => return Err(RoadError::new(&error.to_string())),
            Err(error) => return Err(RoadError::new(&format!("the keeper could not be started: {error}"))),
        };
        if begun.elapsed() > PATIENCE {
            return Err(RoadError::new(&format!(
                "process {owner} owns {} but does not listen; look at it, or end it with kill -TERM {owner}: its \
                 sessions go on",
                keeper.state.display()
            )));
        }
        sleep(PAUSE).await;
    }
}

/// Whether nobody listens: there is no socket, or only what an owner that is gone has left.
fn is_nobody(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}
