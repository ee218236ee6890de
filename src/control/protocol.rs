//! What the two sides send to each other: one JSON value a line.
//!
//! ```text
//!  client                                   owner
//!  hello {protocol, program, who}    ──▶
//!                                    ◀──    welcome {protocol, program, pid}     or  bye {reason, leaves}
//!  ask {number, request}             ──▶
//!                                    ◀──    answer {number, answer}
//!  watch {number}                    ──▶
//!                                    ◀──    answer {number, watching}, then changes for ever
//! ```
//!
//! Promises: the first line of each side is read leniently, so that any two versions can report why they do not
//! understand each other; later lines may have fields that this version does not know. Never: trusts what a peer sends
//! about itself; the kernel reports who it is, as far as it can.

use super::change::Change;
use crate::{
    domain::{JobId, Who, instance::printable},
    machine::{Refusal, Session, job::JobRun},
    manager::{Receipt, Request},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::borrow::Cow;

/// The version of this protocol. It grows with every change that an older peer would misunderstand.
pub const PROTOCOL: u32 = 8;

/// This program's own version, as peers receive it.
pub const PROGRAM: &str = env!("CARGO_PKG_VERSION");

/// The longest first line of a client, in bytes: who asks is a user, a host and a terminal, some hundred bytes.
pub const MAX_HELLO_LEN: usize = 4 << 10;

/// The longest later line of a client, in bytes: more than a thousand restores to start. A client splits more.
pub const MAX_REQUEST_LEN: usize = 1 << 20;

/// The longest first line of an owner, in bytes: a reason is a sentence or two.
pub const MAX_WELCOME_LEN: usize = 64 << 10;

/// The longest later line of an owner, in bytes. It must hold one session with all its attempts, its notes and a plan of
/// thousands of tablespaces, which is a few MiB.
pub const MAX_RESPONSE_LEN: usize = 64 << 20;

/// Sessions that one request may name, so that the manager is free for others after a moment. A client splits a longer
/// list.
pub const MAX_IDS_PER_REQUEST: usize = 1000;

/// The longest name of an instance, in bytes. A name is a directory's or a stanza's, some 255 bytes, each escaped in ten.
pub const MAX_NAME_LEN: usize = 4 << 10;

/// A line of a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FromClient {
    /// Always the first line.
    Hello(Hello),
    /// A request, for the person of the hello. Those of one client are carried out one after the other.
    Ask {
        /// Comes back with the response. The client counts; the owner does not care.
        number: u64,
        /// The request; a scope names at most [`MAX_IDS_PER_REQUEST`] sessions.
        request: Request,
    },
    /// A snapshot of all sessions, and from then on what changes.
    Watch {
        /// As with a request.
        number: u64,
    },
}

/// How a client presents itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`PROTOCOL`] of the client.
    pub protocol: u32,
    /// The version of its program, for people.
    pub program: String,
    /// The client's user. The owner takes the process id from the kernel.
    pub who: Who,
}

/// A line of an owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FromOwner<'a> {
    /// The first line to a client that is served.
    Welcome(Welcome),
    /// The last line: the owner closes the connection.
    Bye {
        /// Why, in one sentence.
        reason: String,
        /// Whether the owner shuts down, so that another one is there soon.
        #[serde(default, rename = "leaves")]
        shutting_down: bool,
    },
    /// The response to a request.
    Answer {
        /// The request's number.
        number: u64,
        /// The response.
        answer: Response<'a>,
    },
    /// One line of the delta from the last snapshot to the newest.
    Change(Change<'a>),
}

/// How an owner presents itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// [`PROTOCOL`] of the owner.
    pub protocol: u32,
    /// The version of its program, for people.
    pub program: String,
    /// The owner's process.
    pub pid: u32,
}

/// What became of a request. A client that watches has received the changes it made before the response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Response<'a> {
    /// Of a start or a verb.
    Receipt(Receipt),
    /// The session, if there is one.
    Session(Option<Box<Cow<'a, Session>>>),
    /// Of the start of a run, or of a verb on one.
    JobReceipt(Result<JobId, Refusal>),
    /// The run, if there is one.
    Job(Option<Box<Cow<'a, JobRun>>>),
    /// Changes follow.
    Watching,
}

/// What the first line of a peer holds, whatever its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FirstLine {
    /// It presents itself.
    Version(PeerVersion),
    /// It closes the connection.
    Bye {
        /// Why: printable.
        reason: String,
        /// Whether the owner shuts down, so that another one is there soon.
        shutting_down: bool,
    },
}

/// The version of a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerVersion {
    /// Its protocol. Wider than ours is now, so that a later one can still be shown.
    pub protocol: u64,
    /// Its program, printable.
    pub program: String,
}

impl PeerVersion {
    /// This program.
    pub fn ours() -> Self {
        Self { protocol: PROTOCOL.into(), program: PROGRAM.to_owned() }
    }
}

/// Reads the first line of any version. Only the protocol is needed; `None` when not even that is there.
pub fn parse_hello(line: &[u8]) -> Option<FirstLine> {
    let value: Value = serde_json::from_slice(line).ok()?;
    if let Some(bye) = value.get("bye") {
        let reason = sanitize(bye.get("reason").and_then(Value::as_str).unwrap_or("it gave no reason"));
        let shutting_down = bye.get("leaves").and_then(Value::as_bool).unwrap_or_default();
        return Some(FirstLine::Bye { reason, shutting_down });
    }
    let sent = value.get("hello").or_else(|| value.get("welcome"))?;
    let protocol = sent.get("protocol")?.as_u64()?;
    let program = sanitize(sent.get("program").and_then(Value::as_str).unwrap_or("of an unknown version"));
    Some(FirstLine::Version(PeerVersion { protocol, program }))
}

/// Why two versions do not understand each other, and what to do: the same sentence on both sides.
pub fn version_mismatch(owner: &PeerVersion, pid: u32, client: &PeerVersion) -> String {
    let sentence = format!(
        "howdah {} with protocol {} cannot speak with the owner of the sessions (process {pid}), which is howdah {} with \
         protocol {}: use the same version of howdah",
        client.program, client.protocol, owner.program, owner.protocol
    );
    if owner.protocol < client.protocol {
        format!("{sentence}, or end the older owner with `kill -TERM {pid}`; its sessions go on")
    } else {
        sentence
    }
}

/// Text of a peer, fit for people: printable, and not longer than a few lines.
pub fn sanitize(text: &str) -> String {
    /// A reason is a sentence or two; what is longer was not written for a person.
    const MAX_CHARS: usize = 1000;
    let short: String = text.chars().take(MAX_CHARS).collect();
    printable(&short)
}
