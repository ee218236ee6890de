//! The first lines between a client and an owner: hello and welcome.

use super::{ConnectError, Connector, HANDSHAKE_TIMEOUT, MIN_RETRY_DELAY};
use crate::{
    control::{
        protocol::{
            FromClient, FromOwner, Greeting, Hello, LONGEST_ANSWER, LONGEST_GREETING, LONGEST_HELLO, PROGRAM, PROTOCOL,
            Speaker, greeting, versions_differ,
        },
        wire::{LineError, Lines, Outbox, decode, encode},
    },
    domain::Who,
};
use rustix::process::geteuid;
use std::io;
use thiserror::Error;
use tokio::{
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    time::{Instant, sleep, timeout},
};

/// Why there is no connection to an owner. Each is one printable sentence.
#[derive(Debug, Error)]
pub enum ClientError {
    /// Nobody was reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Another user listens there.
    #[error("the owner of the sessions is a process of user {owner}, and this is user {ours}: nothing was asked of it")]
    OtherUser {
        /// Its user.
        owner: u32,
        /// Ours.
        ours: u32,
    },
    /// It speaks another protocol.
    #[error("{0}")]
    Version(String),
    /// It closed the connection and said why.
    #[error("the owner of the sessions closed the connection: {reason}")]
    Rejected {
        /// Its reason.
        reason: String,
    },
    /// It does not speak as an owner does.
    #[error(
        "the owner of the sessions is not understood ({problem}): end it with `kill -TERM {pid}` and try again; its \
         sessions go on"
    )]
    Garbage {
        /// Its process, 0 when the kernel does not tell.
        pid: u32,
        /// What is wrong.
        problem: String,
    },
    /// It sends nothing at all.
    #[error(
        "the owner of the sessions (process {pid}) has not answered for {HANDSHAKE_TIMEOUT:?}: see whether it was \
         stopped (`ps -o stat {pid}`), or end it with `kill -TERM {pid}`; its sessions go on"
    )]
    Silent {
        /// Its process, 0 when the kernel does not tell.
        pid: u32,
    },
    /// The connection was lost at once.
    #[error("the connection to the owner of the sessions was lost: {reason}")]
    Lost {
        /// Why.
        reason: String,
    },
}

/// A connection to an owner that has said welcome.
#[derive(Debug)]
pub(super) struct Connected {
    pub(super) pid: u32,
    pub(super) lines: Lines<OwnedReadHalf>,
    pub(super) writer: OwnedWriteHalf,
}

/// Connects and shakes hands; and again, for a while, when the owner there is about to end.
pub(super) async fn connect(connector: &dyn Connector, who: &Who) -> Result<Connected, ClientError> {
    let until = Instant::now() + HANDSHAKE_TIMEOUT;
    let mut delay = MIN_RETRY_DELAY;
    loop {
        match connect_once(connector, who).await {
            Err(ClientError::Lost { .. }) if Instant::now() + delay < until => sleep(delay).await,
            settled => return settled,
        }
        delay *= 2;
    }
}

async fn connect_once(connector: &dyn Connector, who: &Who) -> Result<Connected, ClientError> {
    let stream = connector.connect().await?;
    let peer = stream.peer_cred().map_err(lost)?;
    let (owner, ours) = (peer.uid(), geteuid().as_raw());
    if owner != ours {
        return Err(ClientError::OtherUser { owner, ours });
    }
    let pid = peer.pid().and_then(|pid| u32::try_from(pid).ok()).unwrap_or_default();
    timeout(HANDSHAKE_TIMEOUT, handshake(stream, who, pid)).await.map_err(|_| ClientError::Silent { pid })?
}

async fn handshake(stream: UnixStream, who: &Who, pid: u32) -> Result<Connected, ClientError> {
    let garbage = |problem: String| ClientError::Garbage { pid, problem };
    let (reader, mut writer) = stream.into_split();
    let mut lines = Lines::new(reader, LONGEST_GREETING);
    let mut out = Outbox::default();
    let hello = Hello { protocol: PROTOCOL, program: PROGRAM.to_owned(), who: who.clone() };
    let hello = encode(&FromClient::Hello(hello), LONGEST_HELLO);
    out.push(&hello.map_err(|error| ClientError::Lost { reason: format!("hello cannot be sent: {error}") })?);
    // An owner that lets nobody in says so and closes, perhaps before it has heard us.
    let sent = out.flush(&mut writer).await;
    let line = match lines.next().await {
        Ok(Some(line)) => line,
        Ok(None) => return Err(sent.err().map_or_else(ended, lost)),
        Err(LineError::Io(error)) => return Err(lost(error)),
        Err(error @ (LineError::TooLong(_) | LineError::CutOff)) => return Err(garbage(error.to_string())),
    };
    match greeting(line) {
        Some(Greeting::Bye { reason, leaves: true }) => return Err(ClientError::Lost { reason }),
        Some(Greeting::Bye { reason, leaves: false }) => return Err(ClientError::Rejected { reason }),
        Some(Greeting::Speaks(owner)) if owner.protocol != u64::from(PROTOCOL) => {
            return Err(ClientError::Version(versions_differ(&owner, pid, &Speaker::ours())));
        }
        Some(Greeting::Speaks(_)) | None => {}
    }
    match decode(line).map_err(garbage)? {
        FromOwner::Welcome(welcome) => {
            lines.allow(LONGEST_ANSWER);
            Ok(Connected { pid: welcome.pid, lines, writer })
        }
        FromOwner::Bye { .. } | FromOwner::Answer { .. } | FromOwner::Change(_) => {
            Err(garbage("it says no welcome".to_owned()))
        }
    }
}

fn ended() -> ClientError {
    ClientError::Lost { reason: "it ended before it sent anything".to_owned() }
}

#[expect(clippy::needless_pass_by_value, reason = "so that it fits map_err")]
fn lost(error: io::Error) -> ClientError {
    ClientError::Lost { reason: error.to_string() }
}
