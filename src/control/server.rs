//! The owner's side of the socket: who may come in, and one task for each who has.
//!
//! Promises: what one connection does, however bad, touches no other and never holds up the manager; every connection
//! that is closed for a reason is told it, and the log too; after [`Server::close`] nothing of it runs any more. Never:
//! it keeps a queue of what has changed, only the newest picture.

mod connection;
mod fault;
mod feed;
mod order;
mod silent;

use super::{
    protocol::LONGEST_GREETING,
    wire::{Outbox, encode},
};
use crate::manager::Handle;
use connection::Connection;
use fault::Fault;
use rustix::process::geteuid;
use silent::Silent;
use std::{sync::Arc, time::Duration};
use tokio::{
    net::{UnixListener, UnixStream},
    sync::watch,
    task::{JoinError, JoinHandle, JoinSet},
    time::{sleep, timeout},
};

/// Connections at once: a screen or a script for each of more terminals than one person has. Each may cost some MiB.
pub const MOST_CONNECTIONS: usize = 64;

/// How long a connection that is being closed may take to hand over its last lines. An owner that leaves must not wait
/// for a client that does not read.
pub const LAST_WORDS: Duration = Duration::from_secs(2);

/// How long to wait when no connection can be accepted, which is when this process has no file descriptors left.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// An owner's open door. When it is dropped, all connections end as by [`Server::close`], but nobody waits for it.
#[derive(Debug)]
pub struct Server {
    closing: watch::Sender<bool>,
    connections: watch::Receiver<usize>,
    door: JoinHandle<()>,
}

/// What every connection needs to know of its owner.
#[derive(Debug)]
struct House {
    owner: Handle,
    pid: u32,
    uid: u32,
    closing: watch::Receiver<bool>,
}

/// Serves everybody who comes to the listener. `pid` is told to clients as the owner's. To be called within a tokio runtime.
pub fn serve(listener: UnixListener, owner: Handle, pid: u32) -> Server {
    let (closing, closed) = watch::channel(false);
    let (count, connections) = watch::channel(0);
    let house = House { owner, pid, uid: geteuid().as_raw(), closing: closed };
    let door = tokio::spawn(keep_door(listener, Arc::new(house), count));
    Server { closing, connections, door }
}

impl Server {
    /// How many are connected, and word of each change.
    pub fn connections(&self) -> watch::Receiver<usize> {
        self.connections.clone()
    }

    /// Lets nobody in any more, lets questions that were read be answered, says goodbye to all, and waits until all are
    /// gone; at most [`LAST_WORDS`]. The socket's file stays; the next owner removes it.
    pub async fn close(self) {
        self.closing.send_replace(true);
        if let Err(error) = self.door.await {
            tracing::error!(%error, "the socket's door fell");
        }
    }
}

impl House {
    /// Waits until the owner leaves.
    async fn closing(&self) {
        // A server that was dropped has left as well.
        let _: Result<_, _> = self.closing.clone().wait_for(|closing| *closing).await;
    }
}

async fn keep_door(listener: UnixListener, house: Arc<House>, count: watch::Sender<usize>) {
    let mut guests = JoinSet::new();
    let silent = Silent::default();
    // A newcomer for whom a silent connection is being ended.
    let mut newcomer: Option<UnixStream> = None;
    loop {
        if guests.len() < MOST_CONNECTIONS
            && let Some(stream) = newcomer.take()
        {
            count.send_replace(guests.len() + 1);
            guests.spawn(Connection::serve(stream, Arc::clone(&house), silent.add()));
        }
        tokio::select! {
            biased;
            () = house.closing() => break,
            Some(ended) = guests.join_next() => saw_off(ended, &guests, &count),
            accepted = listener.accept(), if newcomer.is_none() => match accepted {
                Ok((stream, _)) if guests.len() < MOST_CONNECTIONS || silent.evict_oldest() => newcomer = Some(stream),
                Ok((stream, _)) => turn_away(stream).await,
                Err(error) => {
                    tracing::warn!(%error, "no connection could be accepted");
                    sleep(ACCEPT_AGAIN).await;
                }
            },
        }
    }
    drop(listener);
    while let Some(ended) = guests.join_next().await {
        saw_off(ended, &guests, &count);
    }
}

fn saw_off(ended: Result<(), JoinError>, guests: &JoinSet<()>, count: &watch::Sender<usize>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a connection ended badly");
    }
    count.send_replace(guests.len());
}

/// One line fits into a new socket at once, so this waits for nobody.
async fn turn_away(mut stream: UnixStream) {
    let fault = Fault::Full;
    tracing::warn!(%fault, "a connection was turned away");
    if let Ok(line) = encode(&fault.bye(), LONGEST_GREETING) {
        let mut out = Outbox::default();
        out.push(&line);
        // Whoever has left already needs no reason.
        let _: Result<_, _> = timeout(LAST_WORDS, out.flush(&mut stream)).await;
    }
}
