//! The owner's side of the socket: accepts connections, and runs one task for each.
//!
//! Promises: what one connection does, however bad, touches no other and never holds up the manager; every connection
//! that is closed for a reason gets it, and the log too; after [`Server::close`] nothing of it runs any more. Never:
//! keeps a queue of changes, only the newest snapshot.

mod close_reason;
mod connection;
mod request;
mod silent;
mod subscription;

use super::{
    protocol::MAX_WELCOME_LEN,
    wire::{LineWriter, encode},
};
use crate::manager::Handle;
use close_reason::CloseReason;
use connection::Connection;
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
pub const MAX_CONNECTIONS: usize = 64;

/// How long a connection that is being closed may take to send its last lines. An owner that shuts down must not wait
/// for a client that does not read.
pub const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// How long to wait when no connection can be accepted, which is when this process has no file descriptors left.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);

/// A listening owner. When it is dropped, all connections end as by [`Server::close`], but nobody waits for it.
#[derive(Debug)]
pub struct Server {
    closing: watch::Sender<bool>,
    connections: watch::Receiver<usize>,
    accepting: JoinHandle<()>,
}

/// What every connection needs to know of its owner.
#[derive(Debug)]
struct Shared {
    owner: Handle,
    pid: u32,
    uid: u32,
    closing: watch::Receiver<bool>,
}

/// Serves everybody who connects to the listener. `pid` is sent to clients as the owner's. To be called within a tokio
/// runtime.
pub fn serve(listener: UnixListener, owner: Handle, pid: u32) -> Server {
    let (closing, closed) = watch::channel(false);
    let (count, connections) = watch::channel(0);
    let shared = Shared { owner, pid, uid: geteuid().as_raw(), closing: closed };
    let accepting = tokio::spawn(accept_loop(listener, Arc::new(shared), count));
    Server { closing, connections, accepting }
}

impl Server {
    /// How many are connected, and each change of that.
    pub fn connections(&self) -> watch::Receiver<usize> {
        self.connections.clone()
    }

    /// Accepts nobody any more, answers the requests that were read, sends a goodbye to all, and waits until all are
    /// gone; at most [`CLOSE_TIMEOUT`]. The socket's file stays; the next owner removes it.
    pub async fn close(self) {
        self.closing.send_replace(true);
        if let Err(error) = self.accepting.await {
            tracing::error!(%error, "the task that accepts connections failed");
        }
    }
}

impl Shared {
    /// Waits until the server is closed.
    async fn closing(&self) {
        // A server that was dropped is closed as well.
        let _: Result<_, _> = self.closing.clone().wait_for(|closing| *closing).await;
    }
}

async fn accept_loop(listener: UnixListener, shared: Arc<Shared>, count: watch::Sender<usize>) {
    let mut tasks = JoinSet::new();
    let silent = Silent::default();
    // A newcomer for whom a silent connection is being ended.
    let mut newcomer: Option<UnixStream> = None;
    loop {
        if tasks.len() < MAX_CONNECTIONS
            && let Some(stream) = newcomer.take()
        {
            count.send_replace(tasks.len() + 1);
            tasks.spawn(Connection::serve(stream, Arc::clone(&shared), silent.add()));
        }
        tokio::select! {
            biased;
            () = shared.closing() => break,
            Some(ended) = tasks.join_next() => reap(ended, &tasks, &count),
            accepted = listener.accept(), if newcomer.is_none() => match accepted {
                Ok((stream, _)) if tasks.len() < MAX_CONNECTIONS || silent.evict_oldest() => newcomer = Some(stream),
                Ok((stream, _)) => reject(stream).await,
                Err(error) => {
                    tracing::warn!(%error, "no connection could be accepted");
                    sleep(ACCEPT_RETRY_DELAY).await;
                }
            },
        }
    }
    drop(listener);
    while let Some(ended) = tasks.join_next().await {
        reap(ended, &tasks, &count);
    }
}

fn reap(ended: Result<(), JoinError>, tasks: &JoinSet<()>, count: &watch::Sender<usize>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a connection ended badly");
    }
    count.send_replace(tasks.len());
}

/// One line fits into a new socket at once, so this waits for nobody.
async fn reject(mut stream: UnixStream) {
    let reason = CloseReason::Full;
    tracing::warn!(%reason, "a connection was rejected");
    if let Ok(line) = encode(&reason.bye(), MAX_WELCOME_LEN) {
        let mut out = LineWriter::default();
        out.push(&line);
        // A peer that is gone already needs no reason.
        let _: Result<_, _> = timeout(CLOSE_TIMEOUT, out.flush(&mut stream)).await;
    }
}
