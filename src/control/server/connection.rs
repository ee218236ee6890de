//! One connection, from hello to goodbye.
//!
//! Promises: a request is answered before the next one is read, so what waits for a client is one response and one
//! snapshot; waiting for the manager keeps no other connection from it; the changes that a request made are sent before
//! its response.

use super::{
    CLOSE_TIMEOUT, Shared, close_reason::CloseReason, request, silent::SilentConnection, subscription::Subscription,
};
use crate::{
    control::{
        protocol::{
            FirstLine, FromClient, FromOwner, Hello, MAX_HELLO_LEN, MAX_REQUEST_LEN, MAX_RESPONSE_LEN, PROGRAM,
            PROTOCOL, PeerVersion, Welcome, parse_hello,
        },
        wire::{LineReader, LineWriter, decode, encode},
    },
    domain::Who,
    manager::{Service as _, Snapshot},
};
use futures_util::future::BoxFuture;
use serde::Serialize;
use std::{pin::pin, sync::Arc, time::Duration};
use tokio::{
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf, UCred},
    },
    sync::watch,
    time::timeout,
};

/// How long a peer may take for its hello. A client sends it at once, and a busy machine makes it wait for a part of
/// this.
const HELLO_TIMEOUT: Duration = Duration::from_secs(2);

/// Bytes that are encoded before the peer has taken them: enough for a whole write, and little for one that never
/// reads.
const BUFFER_SIZE: usize = 64 << 10;

/// A peer and what is to be sent to it.
pub(super) struct Connection {
    shared: Arc<Shared>,
    lines: LineReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    out: LineWriter,
    /// The request that the manager works on.
    request: Option<BoxFuture<'static, Result<Vec<u8>, CloseReason>>>,
    /// A response that is not sent yet, and the revision of the snapshot that goes before it.
    response: Option<(Vec<u8>, u64)>,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    subscription: Option<Subscription>,
}

impl Connection {
    /// Serves a peer until one of both ends the connection.
    pub(super) async fn serve(stream: UnixStream, shared: Arc<Shared>, silent: SilentConnection) {
        let peer = stream.peer_cred();
        let (reader, writer) = stream.into_split();
        let mut connection = Self {
            lines: LineReader::new(reader, MAX_HELLO_LEN),
            writer,
            out: LineWriter::default(),
            request: None,
            response: None,
            snapshots: shared.owner.snapshots(),
            subscription: None,
            shared,
        };
        let ended = match &peer {
            Ok(peer) => connection.run(peer, silent).await,
            Err(error) => Err(std::io::Error::from(error.kind()).into()),
        };
        if let Err(reason) = &ended
            && reason.is_logged()
        {
            let pid = peer.ok().and_then(|peer| peer.pid());
            tracing::warn!(pid, %reason, "a connection was closed");
        }
        // A peer that does not take its last lines in time does without.
        let _: Result<(), tokio::time::error::Elapsed> = timeout(CLOSE_TIMEOUT, connection.leave(ended)).await;
    }

    async fn run(&mut self, peer: &UCred, mut silent: SilentConnection) -> Result<(), CloseReason> {
        let shared = Arc::clone(&self.shared);
        let mut closing = pin!(shared.closing());
        let who = tokio::select! {
            biased;
            () = &mut closing => return Err(CloseReason::Closing),
            () = silent.evicted() => return Err(CloseReason::Evicted),
            who = timeout(HELLO_TIMEOUT, self.greet(peer)) => who.map_err(|_| CloseReason::Silent(HELLO_TIMEOUT))??,
        };
        let Some(who) = who else { return Ok(()) };
        if !silent.keep() {
            return Err(CloseReason::Evicted);
        }
        loop {
            self.prepare()?;
            let is_free = self.request.is_none() && self.response.is_none();
            let is_idle = self.out.is_empty();
            // None comes first: a peer that reads as fast as we send must not keep us from its requests.
            tokio::select! {
                () = &mut closing => return Err(CloseReason::Closing),
                written = self.out.write(&mut self.writer), if !is_idle => written?,
                response = completed(&mut self.request) => {
                    self.request = None;
                    self.response = Some((response?, self.snapshots.borrow().revision));
                }
                line = self.lines.next(), if is_free => {
                    let Some(line) = line? else { return Ok(()) };
                    match decode(line).map_err(CloseReason::NoRequest)? {
                        FromClient::Ask { number, request } => {
                            let request = request::validate(request).map_err(CloseReason::NoRequest)?;
                            let owner = self.shared.owner.clone();
                            self.request = Some(Box::pin(request::respond(number, request, owner, who.clone())));
                        }
                        FromClient::Watch { number } => {
                            // The changes follow the response.
                            self.out.push(&request::watching(number)?);
                            if self.subscription.is_none() {
                                let now = Arc::clone(&self.snapshots.borrow_and_update());
                                self.subscription = Some(Subscription::new(now));
                            }
                        }
                        FromClient::Hello(_) => return Err(CloseReason::NoRequest("hello is sent once".to_owned())),
                    }
                }
                newest = due(self.subscription.as_ref(), &mut self.snapshots), if is_idle => {
                    if let Some(subscription) = &mut self.subscription {
                        subscription.advance(newest);
                    }
                }
            }
        }
    }

    /// Reads who connects; `None` when the peer has left without sending anything.
    async fn greet(&mut self, peer: &UCred) -> Result<Option<Who>, CloseReason> {
        let (owner, pid) = (self.shared.uid, self.shared.pid);
        if peer.uid() != owner {
            return Err(CloseReason::OtherUser { owner, peer: peer.uid() });
        }
        let Some(line) = self.lines.next().await? else { return Ok(None) };
        match parse_hello(line) {
            Some(FirstLine::Version(client)) if client.protocol != u64::from(PROTOCOL) => {
                return Err(CloseReason::Version { owner: PeerVersion::ours(), pid, client });
            }
            Some(FirstLine::Version(_) | FirstLine::Bye { .. }) | None => {}
        }
        let hello: Hello = match decode(line).map_err(CloseReason::NoHello)? {
            FromClient::Hello(hello) => hello,
            FromClient::Ask { .. } | FromClient::Watch { .. } => {
                return Err(CloseReason::NoHello("it asks already".to_owned()));
            }
        };
        self.lines.allow(MAX_REQUEST_LEN);
        let welcome = Welcome { protocol: PROTOCOL, program: PROGRAM.to_owned(), pid };
        self.send("a welcome", &FromOwner::Welcome(welcome))?;
        // A process that the kernel does not know here (another pid namespace) has the number 0.
        let vouched = peer.pid().and_then(|pid| u32::try_from(pid).ok()).unwrap_or_default();
        Ok(Some(hello.who.vouched(vouched)))
    }

    /// Encodes what is to be sent next, as long as the peer takes it.
    fn prepare(&mut self) -> Result<(), CloseReason> {
        while self.out.len() < BUFFER_SIZE {
            if let Some(subscription) = &mut self.subscription {
                let next =
                    subscription.delta().next_line(|change| encode(&FromOwner::Change(change), MAX_RESPONSE_LEN));
                if let Some(line) = next {
                    self.out.push(&line.map_err(|cause| CloseReason::Encode { what: "a change", cause })?);
                    continue;
                }
                if self.response.as_ref().is_some_and(|(_, revision)| subscription.revision() < *revision) {
                    subscription.advance(Arc::clone(&self.snapshots.borrow()));
                    continue;
                }
            }
            let Some((line, _)) = self.response.take() else { break };
            self.out.push(&line);
        }
        Ok(())
    }

    /// Sends what is still to be sent: the response to a request, and why the connection ends.
    async fn leave(&mut self, ended: Result<(), CloseReason>) {
        if let Some(request) = self.request.take()
            && let Ok(line) = request.await
        {
            self.out.push(&line);
        }
        if let Some((line, _)) = self.response.take() {
            self.out.push(&line);
        }
        if let Err(reason) = ended
            && let Err(unsent) = self.send("a goodbye", &reason.bye())
        {
            tracing::error!(%unsent, "a goodbye was not sent");
        }
        // A peer that is gone needs no goodbye.
        let _: std::io::Result<()> = self.out.flush(&mut self.writer).await;
    }

    fn send(&mut self, what: &'static str, value: &impl Serialize) -> Result<(), CloseReason> {
        let line = encode(value, MAX_RESPONSE_LEN).map_err(|cause| CloseReason::Encode { what, cause })?;
        self.out.push(&line);
        Ok(())
    }
}

/// Waits for the response, if there is a request.
async fn completed<T>(request: &mut Option<BoxFuture<'static, T>>) -> T {
    match request {
        Some(request) => request.await,
        None => std::future::pending().await,
    }
}

/// Waits for a snapshot that a watching peer does not have.
async fn due(subscription: Option<&Subscription>, snapshots: &mut watch::Receiver<Arc<Snapshot>>) -> Arc<Snapshot> {
    match subscription {
        Some(subscription) => subscription.due(snapshots).await,
        None => std::future::pending().await,
    }
}
