//! A manager behind a socket, and its clients: real ones, and raw ones that send whatever a test wants.

use crate::{
    manager::{self, Plan, runs},
    support::timeout::TIMEOUT,
};
use futures_util::future::BoxFuture;
use howdah::{
    attempt::Scenario,
    control::{Client, ConnectError, Connector, Server, bind, connect, serve},
    domain::{Who, ticket::Ticket},
    manager::Clock,
};
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

/// The process id that the owner of these tests sends.
pub(crate) const OWNER: u32 = 4711;

/// A served manager.
pub(crate) struct Harness {
    pub(crate) manager: manager::Harness,
    pub(crate) server: Server,
    pub(crate) state: TempDir,
}

impl Harness {
    pub(crate) fn open() -> Self {
        Self::with(Plan::default(), |_| runs())
    }

    pub(crate) fn with(plan: Plan, course: impl Fn(&Ticket) -> Scenario + Send + 'static) -> Self {
        let state = tempfile::tempdir().unwrap();
        let manager = plan.open(course);
        let server = serve(bind(state.path()).unwrap(), manager.handle.clone(), OWNER);
        Self { manager, server, state }
    }

    pub(crate) async fn client(&self, watch: bool) -> Client {
        within("a client", Client::open(connector(self.state.path()), who("ana"), watch, Clock::system()))
            .await
            .unwrap()
    }

    pub(crate) fn raw(&self) -> RawPeer {
        RawPeer::new(connect(self.state.path()).unwrap())
    }

    /// Waits until so many are connected.
    pub(crate) async fn connected(&self, wanted: usize) {
        let mut connections = self.server.connections();
        within("connections", connections.wait_for(|now| *now == wanted)).await.unwrap();
    }

    /// A new connection is served and gets an answer: nothing of this owner is broken or held up.
    pub(crate) async fn is_well(&self) {
        let mut raw = self.raw();
        raw.greet().await;
        raw.send(&json!({"ask": {"number": 7, "request": {"session": 1}}})).await;
        assert_eq!(raw.receive().await["answer"]["number"], 7);
    }
}

/// A client in the hands of a test.
pub(crate) struct RawPeer {
    pub(crate) reader: BufReader<OwnedReadHalf>,
    pub(crate) writer: OwnedWriteHalf,
}

impl RawPeer {
    pub(crate) fn new(stream: UnixStream) -> Self {
        let (reader, writer) = stream.into_split();
        Self { reader: BufReader::new(reader), writer }
    }

    pub(crate) async fn send(&mut self, value: &Value) {
        self.send_bytes(format!("{value}\n").as_bytes()).await;
    }

    /// Sends bytes as they are; a peer that closes meanwhile takes no more of them.
    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        let _: std::io::Result<()> = self.writer.write_all(bytes).await;
    }

    /// Ends the sending half; we can still hear.
    pub(crate) async fn shutdown_write(&mut self) {
        self.writer.shutdown().await.unwrap();
    }

    pub(crate) async fn receive(&mut self) -> Value {
        self.next_line_or_end().await.unwrap_or_else(|| panic!("the owner closed the connection without a word"))
    }

    /// The next line; `None` when there is none any more.
    pub(crate) async fn next_line_or_end(&mut self) -> Option<Value> {
        let mut line = String::new();
        match self.reader.read_line(&mut line).await {
            Ok(0) => None,
            // What the owner did not read of what we sent makes the kernel report this instead of the end.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => None,
            read => {
                read.unwrap();
                Some(serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}")))
            }
        }
    }

    pub(crate) async fn greet(&mut self) {
        self.send(&hello()).await;
        let welcome = within("a welcome", self.receive()).await;
        assert_eq!(welcome["welcome"]["pid"], OWNER, "{welcome}");
    }

    pub(crate) async fn watch(&mut self) {
        self.greet().await;
        self.send(&json!({"watch": {"number": 1}})).await;
        assert_eq!(within("an answer", self.receive()).await, json!({"answer": {"number": 1, "answer": "watching"}}));
    }

    /// The reason of the goodbye, which is the last line.
    pub(crate) async fn bye(&mut self) -> String {
        let bye = within("a goodbye", self.receive()).await;
        let reason = bye["bye"]["reason"].as_str().unwrap_or_else(|| panic!("no goodbye: {bye}")).to_owned();
        assert_eq!(within("the end", self.next_line_or_end()).await, None);
        reason
    }
}

pub(crate) fn hello() -> Value {
    json!({"hello": {"protocol": howdah::control::PROTOCOL, "program": "0.1.0", "who": who("raw")}})
}

pub(crate) fn who(user: &str) -> Who {
    Who::new(user, "bastion", 1, Some("pts/9"))
}

/// Connects to whoever listens in a state directory now.
pub(crate) fn connector(state: &Path) -> Arc<dyn Connector> {
    Arc::new(ToState(state.to_owned()))
}

struct ToState(PathBuf);

impl Connector for ToState {
    fn connect(&self) -> BoxFuture<'static, Result<UnixStream, ConnectError>> {
        let stream = connect(&self.0).map_err(|error| ConnectError::new(&format!("nobody listens: {error}")));
        Box::pin(std::future::ready(stream))
    }
}

/// Waits for something that comes soon, and fails when it does not.
pub(crate) async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(TIMEOUT, work).await.unwrap_or_else(|_| panic!("waited {TIMEOUT:?} in vain: {what}"))
}

/// Waits until a watched value is as wanted.
pub(crate) async fn until<T: Clone>(what: &str, seen: &mut watch::Receiver<T>, wanted: impl FnMut(&T) -> bool) -> T {
    within(what, seen.wait_for(wanted)).await.unwrap().clone()
}
