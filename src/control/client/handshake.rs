//! The first lines between a client and an owner: hello and welcome.

use super::{ConnectError, Connector, HANDSHAKE_TIMEOUT, MIN_RETRY_DELAY};
use crate::{
    control::{
        protocol::{
            FirstLine, FromClient, FromOwner, Hello, MAX_HELLO_LEN, MAX_RESPONSE_LEN, MAX_WELCOME_LEN, PROGRAM,
            PROTOCOL, PeerVersion, parse_hello, version_mismatch,
        },
        wire::{LineError, LineReader, LineWriter, decode, encode},
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
    /// It closed the connection for a reason.
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
        /// Its process, 0 when the kernel does not know it.
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
        /// Its process, 0 when the kernel does not know it.
        pid: u32,
    },
    /// The connection was lost at once.
    #[error("the connection to the owner of the sessions was lost: {reason}")]
    Lost {
        /// Why.
        reason: String,
    },
}

/// A connection to an owner that has sent its welcome.
#[derive(Debug)]
pub(super) struct Connected {
    pub(super) pid: u32,
    pub(super) lines: LineReader<OwnedReadHalf>,
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
    let mut lines = LineReader::new(reader, MAX_WELCOME_LEN);
    let mut out = LineWriter::default();
    let hello = Hello { protocol: PROTOCOL, program: PROGRAM.to_owned(), who: who.clone() };
    let hello = encode(&FromClient::Hello(hello), MAX_HELLO_LEN);
    out.push(&hello.map_err(|error| ClientError::Lost { reason: format!("hello cannot be sent: {error}") })?);
    // An owner that rejects us sends why and closes, perhaps before it has read our hello.
    let sent = out.flush(&mut writer).await;
    let line = match lines.next().await {
        Ok(Some(line)) => line,
        Ok(None) => return Err(sent.err().map_or_else(ended, lost)),
        Err(LineError::Io(error)) => return Err(lost(error)),
        Err(error @ (LineError::TooLong(_) | LineError::CutOff)) => return Err(garbage(error.to_string())),
    };
    match parse_hello(line) {
        Some(FirstLine::Bye { reason, shutting_down: true }) => return Err(ClientError::Lost { reason }),
        Some(FirstLine::Bye { reason, shutting_down: false }) => return Err(ClientError::Rejected { reason }),
        Some(FirstLine::Version(owner)) if owner.protocol != u64::from(PROTOCOL) => {
            return Err(ClientError::Version(version_mismatch(&owner, pid, &PeerVersion::ours())));
        }
        Some(FirstLine::Version(_)) | None => {}
    }
    match decode(line).map_err(garbage)? {
        FromOwner::Welcome(welcome) => {
            lines.allow(MAX_RESPONSE_LEN);
            Ok(Connected { pid: welcome.pid, lines, writer })
        }
        FromOwner::Bye { .. } | FromOwner::Answer { .. } | FromOwner::Change(_) => {
            Err(garbage("it sends no welcome".to_owned()))
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
