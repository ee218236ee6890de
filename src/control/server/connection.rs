//! One connection, from hello to goodbye.
//!
//! Promises: a question is answered before the next one is read, so what waits for a client is one answer and one picture;
//! the manager is never waited for in a way that keeps others from it; what a question led to is told before its answer.

use super::{House, LAST_WORDS, fault::Fault, feed::Feed, order, silent::SilentConnection};
use crate::{
    control::{
        protocol::{
            FromClient, FromOwner, Greeting, Hello, LONGEST_ANSWER, LONGEST_HELLO, LONGEST_QUESTION, PROGRAM, PROTOCOL,
            Question, Speaker, Welcome, greeting,
        },
        wire::{Lines, Outbox, decode, encode},
    },
    domain::Who,
    manager::Snapshot,
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

/// How long a peer may take for its hello. A client says it at once, and a busy machine makes it wait for a part of this.
const HELLO_TIMEOUT: Duration = Duration::from_secs(2);

/// Bytes that are prepared before the peer has taken them: enough for a whole write, and little for one who never reads.
const PREPARED: usize = 64 << 10;

/// A peer and what is to be said to it.
pub(super) struct Connection {
    house: Arc<House>,
    lines: Lines<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    out: Outbox,
    /// The question that the manager is answering.
    question: Option<BoxFuture<'static, Result<Vec<u8>, Fault>>>,
    /// An answer that is not told yet, and the revision of the picture that goes before it.
    answer: Option<(Vec<u8>, u64)>,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    feed: Option<Feed>,
}

impl Connection {
    /// Speaks with a peer until one of both has had enough.
    pub(super) async fn serve(stream: UnixStream, house: Arc<House>, silent: SilentConnection) {
        let peer = stream.peer_cred();
        let (reader, writer) = stream.into_split();
        let mut connection = Self {
            lines: Lines::new(reader, LONGEST_HELLO),
            writer,
            out: Outbox::default(),
            question: None,
            answer: None,
            snapshots: house.owner.snapshots(),
            feed: None,
            house,
        };
        let ended = match &peer {
            Ok(peer) => connection.attend(peer, silent).await,
            Err(error) => Err(std::io::Error::from(error.kind()).into()),
        };
        if let Err(fault) = &ended
            && fault.is_remarkable()
        {
            let pid = peer.ok().and_then(|peer| peer.pid());
            tracing::warn!(pid, %fault, "a connection was closed");
        }
        // A peer that does not take its last lines in time does without.
        let _: Result<(), tokio::time::error::Elapsed> = timeout(LAST_WORDS, connection.leave(ended)).await;
    }

    async fn attend(&mut self, peer: &UCred, mut silent: SilentConnection) -> Result<(), Fault> {
        let house = Arc::clone(&self.house);
        let mut closing = pin!(house.closing());
        let who = tokio::select! {
            biased;
            () = &mut closing => return Err(Fault::Closing),
            () = silent.evicted() => return Err(Fault::Evicted),
            who = timeout(HELLO_TIMEOUT, self.greet(peer)) => who.map_err(|_| Fault::Silent(HELLO_TIMEOUT))??,
        };
        let Some(who) = who else { return Ok(()) };
        if !silent.keep() {
            return Err(Fault::Evicted);
        }
        loop {
            self.prepare()?;
            let is_free = self.question.is_none() && self.answer.is_none();
            let is_idle = self.out.is_empty();
            // None comes first: a peer that reads as fast as it is told must not keep us from what it asks.
            tokio::select! {
                () = &mut closing => return Err(Fault::Closing),
                written = self.out.write(&mut self.writer), if !is_idle => written?,
                answer = answered(&mut self.question) => {
                    self.question = None;
                    self.answer = Some((answer?, self.snapshots.borrow().revision));
                }
                line = self.lines.next(), if is_free => {
                    let Some(line) = line? else { return Ok(()) };
                    let (number, question) =
                        decode(line).and_then(|line| order::read(line, &who)).map_err(Fault::NoQuestion)?;
                    let begins_to_watch = question == Question::Watch && self.feed.is_none();
                    let asked = order::ask(number, question, self.house.owner.clone(), who.clone());
                    if begins_to_watch {
                        // The changes follow the answer.
                        self.out.push(&asked.await?);
                        self.feed = Some(Feed::new(Arc::clone(&self.snapshots.borrow_and_update())));
                    } else {
                        self.question = Some(Box::pin(asked));
                    }
                }
                newest = due(self.feed.as_ref(), &mut self.snapshots), if is_idle => {
                    if let Some(feed) = &mut self.feed {
                        feed.go_on(newest);
                    }
                }
            }
        }
    }

    /// Hears who comes; `None` when the peer has left without a word.
    async fn greet(&mut self, peer: &UCred) -> Result<Option<Who>, Fault> {
        let (owner, pid) = (self.house.uid, self.house.pid);
        if peer.uid() != owner {
            return Err(Fault::OtherUser { owner, peer: peer.uid() });
        }
        let Some(line) = self.lines.next().await? else { return Ok(None) };
        match greeting(line) {
            Some(Greeting::Speaks(client)) if client.protocol != u64::from(PROTOCOL) => {
                return Err(Fault::Version { owner: Speaker::ours(), pid, client });
            }
            Some(Greeting::Speaks(_) | Greeting::Bye { .. }) | None => {}
        }
        let hello: Hello = match decode(line).map_err(Fault::NoHello)? {
            FromClient::Hello(hello) => hello,
            FromClient::Ask { .. } => return Err(Fault::NoHello("it asks already".to_owned())),
        };
        self.lines.allow(LONGEST_QUESTION);
        let welcome = Welcome { protocol: PROTOCOL, program: PROGRAM.to_owned(), pid };
        self.say("a welcome", &FromOwner::Welcome(welcome))?;
        // A process that the kernel does not know here (another pid namespace) has the number 0.
        let vouched = peer.pid().and_then(|pid| u32::try_from(pid).ok()).unwrap_or_default();
        Ok(Some(hello.who.vouched(vouched)))
    }

    /// Writes down what is to be said next, as long as the peer takes it.
    fn prepare(&mut self) -> Result<(), Fault> {
        while self.out.len() < PREPARED {
            if let Some(feed) = &mut self.feed {
                let told = feed.way().tell_next(|change| encode(&FromOwner::Change(change), LONGEST_ANSWER));
                if let Some(line) = told {
                    self.out.push(&line.map_err(|cause| Fault::Untold { what: "a change", cause })?);
                    continue;
                }
                if self.answer.as_ref().is_some_and(|(_, revision)| feed.revision() < *revision) {
                    feed.go_on(Arc::clone(&self.snapshots.borrow()));
                    continue;
                }
            }
            let Some((line, _)) = self.answer.take() else { break };
            self.out.push(&line);
        }
        Ok(())
    }

    /// Says what is still to be said: the answer to what was asked, and why the connection ends.
    async fn leave(&mut self, ended: Result<(), Fault>) {
        if let Some(question) = self.question.take()
            && let Ok(line) = question.await
        {
            self.out.push(&line);
        }
        if let Some((line, _)) = self.answer.take() {
            self.out.push(&line);
        }
        if let Err(fault) = ended
            && let Err(unsaid) = self.say("a goodbye", &fault.bye())
        {
            tracing::error!(%unsaid, "a goodbye was not said");
        }
        // A peer that is gone needs no last words.
        let _: std::io::Result<()> = self.out.flush(&mut self.writer).await;
    }

    fn say(&mut self, what: &'static str, value: &impl Serialize) -> Result<(), Fault> {
        let line = encode(value, LONGEST_ANSWER).map_err(|cause| Fault::Untold { what, cause })?;
        self.out.push(&line);
        Ok(())
    }
}

/// Waits for the answer, if something was asked.
async fn answered<T>(question: &mut Option<BoxFuture<'static, T>>) -> T {
    match question {
        Some(question) => question.await,
        None => std::future::pending().await,
    }
}

/// Waits for a picture that a watching peer does not know.
async fn due(feed: Option<&Feed>, snapshots: &mut watch::Receiver<Arc<Snapshot>>) -> Arc<Snapshot> {
    match feed {
        Some(feed) => feed.due(snapshots).await,
        None => std::future::pending().await,
    }
}
