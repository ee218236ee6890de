//! The task that sends requests to the owner and receives responses and snapshots, over one connection after another.

use super::{
    ClientError, Connector, MIN_RETRY_DELAY, RequestError,
    handshake::{self, Connected},
};
use crate::{
    control::{
        protocol::{FromClient, FromOwner, MAX_REQUEST_LEN, Response, sanitize},
        replica::Replica,
        wire::{LineError, LineWriter, decode, encode},
    },
    domain::Who,
    manager::{Clock, OwnerState, Request, Snapshot},
};
use std::{collections::HashMap, fmt, sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, sleep, sleep_until},
};

/// The longest delay between two tries to connect: an owner that comes back is seen again before a person wonders.
const MAX_RETRY_DELAY: Duration = Duration::from_secs(2);

/// How long an owner that takes nothing any more may still send.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Connections that may break under one request before it fails.
const MAX_SENDS: u32 = 3;

type Reply = oneshot::Sender<Result<Response<'static>, RequestError>>;

/// One request, and the channel for its response. Dropped without a response it counts as lost.
#[derive(Debug)]
pub(super) struct Pending {
    body: Request,
    reply: Reply,
    sends: u32,
}

/// See the module.
pub(super) struct Driver {
    connector: Arc<dyn Connector>,
    who: Who,
    watches: bool,
    requests: mpsc::Receiver<Pending>,
    /// A request that is still to be sent.
    unsent: Option<Pending>,
    replica: Replica,
    publisher: watch::Sender<Arc<Snapshot>>,
    owner: watch::Sender<OwnerState>,
    clock: Clock,
    retry_delay: Duration,
}

/// What a lost connection takes with it.
#[derive(Default)]
struct InFlight {
    out: LineWriter,
    /// The request whose line is being written.
    sending: Option<(u64, Pending)>,
    /// The requests that the owner may have read.
    asked: HashMap<u64, Reply>,
    /// The number of the request to watch, until it is answered.
    watch: Option<u64>,
    last_number: u64,
}

/// Why a connection is over.
enum Disconnect {
    /// All clients were dropped.
    NoClients,
    /// It is lost, for this printable reason.
    Lost(String),
}

impl Pending {
    pub(super) fn new(body: Request, reply: Reply) -> Self {
        Self { body, reply, sends: 0 }
    }

    fn respond(self, answer: Result<Response<'static>, RequestError>) {
        // Whoever asked may have gone away.
        let _: Result<(), Result<Response<'static>, RequestError>> = self.reply.send(answer);
    }
}

impl Driver {
    pub(super) fn new(
        connector: Arc<dyn Connector>,
        (who, watches): (Who, bool),
        clock: Clock,
        requests: mpsc::Receiver<Pending>,
        publisher: watch::Sender<Arc<Snapshot>>,
        owner: watch::Sender<OwnerState>,
    ) -> Self {
        let (unsent, replica, retry_delay) = (None, Replica::default(), MIN_RETRY_DELAY);
        Self { connector, who, watches, requests, unsent, replica, publisher, owner, clock, retry_delay }
    }

    /// Works until no client is left.
    pub(super) async fn run(mut self, first: Connected) {
        let mut connection = first;
        loop {
            self.owner.send_replace(OwnerState::Remote { pid: connection.pid });
            let Disconnect::Lost(reason) = self.serve(connection).await else { return };
            tracing::info!(%reason, "the connection to the owner is lost");
            self.report_lost(reason);
            let Some(next) = self.reconnect().await else { return };
            connection = next;
        }
    }

    /// Connects to the next owner: after a delay when somebody watches, and at once for a request.
    async fn reconnect(&mut self) -> Option<Connected> {
        loop {
            if self.unsent.is_none() {
                tokio::select! {
                    request = self.requests.recv() => self.unsent = Some(request?),
                    () = sleep(self.retry_delay), if self.watches => {}
                }
            }
            self.retry_delay = (self.retry_delay * 2).min(MAX_RETRY_DELAY);
            match handshake::connect(&*self.connector, &self.who).await {
                Ok(connection) => return Some(connection),
                Err(error) => self.give_up(&error),
            }
        }
    }

    /// Fails all requests that wait.
    fn give_up(&mut self, error: &ClientError) {
        let reason = error.to_string();
        let queued = std::iter::from_fn(|| self.requests.try_recv().ok());
        for request in self.unsent.take().into_iter().chain(queued) {
            request.respond(Err(RequestError::NotSent(reason.clone())));
        }
        self.report_lost(reason);
    }

    fn report_lost(&self, reason: String) {
        let lost = OwnerState::Unreachable { since: self.clock.moment(), reason };
        self.owner.send_modify(|owner| owner.change_to(lost));
    }

    async fn serve(&mut self, connection: Connected) -> Disconnect {
        let Connected { mut lines, mut writer, .. } = connection;
        let mut flight = InFlight::default();
        self.replica.reset();
        if self.watches {
            flight.request_watch();
        }
        // Set when the owner takes nothing any more: it may still have sent the reason.
        let mut write_error: Option<(Instant, String)> = None;
        let reason = loop {
            let until = write_error.as_ref().map(|(until, _)| *until);
            let (is_sending, can_send) = (!flight.out.is_empty(), until.is_none());
            tokio::select! {
                line = lines.next() => {
                    let received = match line {
                        Ok(Some(line)) => match decode(line) {
                            Ok(message) => self.receive(message, line.len(), &mut flight),
                            Err(problem) => Err(not_understood(&problem)),
                        },
                        Ok(None) => Err("it ended".to_owned()),
                        Err(LineError::TooLong(most)) => Err(not_understood(&LineError::TooLong(most))),
                        Err(error @ (LineError::Io(_) | LineError::CutOff)) => Err(error.to_string()),
                    };
                    if let Err(reason) = received {
                        break reason;
                    }
                }
                written = flight.out.write(&mut writer), if is_sending && can_send => match written {
                    Ok(()) => flight.mark_written(),
                    Err(error) => write_error = Some((Instant::now() + CLOSE_TIMEOUT, error.to_string())),
                },
                request = next(&mut self.unsent, &mut self.requests), if !is_sending && can_send => match request {
                    Some(request) => flight.take(request),
                    None => return Disconnect::NoClients,
                },
                () = wait_until(until) => break write_error.map(|(_, error)| error).unwrap_or_default(),
            }
        };
        // What was not written to its end was not read: an owner reads whole lines.
        self.unsent = flight.sending.take().map(|(_, request)| request);
        if let Some(request) = self.unsent.take_if(|request| request.sends >= MAX_SENDS) {
            request.respond(Err(RequestError::NotSent(reason.clone())));
        }
        Disconnect::Lost(reason)
    }

    /// Applies one line of the owner; an error is one printable clause, after which nothing more is read from it.
    fn receive(&mut self, message: FromOwner<'static>, bytes: usize, flight: &mut InFlight) -> Result<(), String> {
        match message {
            FromOwner::Answer { number, answer: Response::Watching } if flight.watch == Some(number) => {
                flight.watch = None;
            }
            FromOwner::Answer { number, answer } => {
                let reply = flight.asked.remove(&number).ok_or_else(|| not_understood(&"an answer to no request"))?;
                // Whoever asked may have gone away.
                let _: Result<(), Result<Response<'static>, RequestError>> = reply.send(Ok(answer));
            }
            FromOwner::Change(_) if !self.watches || flight.watch.is_some() => {
                return Err(not_understood(&"changes that nobody watches"));
            }
            FromOwner::Change(change) => {
                let complete = self.replica.apply(change, bytes).map_err(|problem| not_understood(&problem))?;
                if let Some(snapshot) = complete {
                    self.publisher.send_replace(snapshot);
                    self.retry_delay = MIN_RETRY_DELAY;
                }
            }
            FromOwner::Bye { reason, .. } => return Err(sanitize(&reason)),
            FromOwner::Welcome(_) => return Err(not_understood(&"a second welcome")),
        }
        Ok(())
    }
}

impl InFlight {
    fn request_watch(&mut self) {
        let number = self.next_number();
        let line = FromClient::Watch { number };
        let line = encode(&line, MAX_REQUEST_LEN).expect("two words and a number make a line");
        self.out.push(&line);
        self.watch = Some(number);
    }

    fn take(&mut self, mut request: Pending) {
        let number = self.next_number();
        request.sends += 1;
        let line = FromClient::Ask { number, request: request.body.clone() };
        match encode(&line, MAX_REQUEST_LEN) {
            Ok(line) => {
                self.out.push(&line);
                self.sending = Some((number, request));
            }
            Err(error) => request.respond(Err(RequestError::NotSent(error.to_string()))),
        }
    }

    /// What is written to its end may have been heard.
    fn mark_written(&mut self) {
        if self.out.is_empty()
            && let Some((number, request)) = self.sending.take()
        {
            self.asked.insert(number, request.reply);
        }
    }

    fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }
}

fn not_understood(problem: &impl fmt::Display) -> String {
    format!("what it sends is not understood: {problem}")
}

/// The next request; `None` when no client is left.
async fn next(unsent: &mut Option<Pending>, requests: &mut mpsc::Receiver<Pending>) -> Option<Pending> {
    match unsent.take() {
        Some(request) => Some(request),
        None => requests.recv().await,
    }
}

async fn wait_until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
