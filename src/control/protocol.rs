//! What the two sides say to each other: one JSON value a line.
//!
//! ```text
//!  client                                   owner
//!  hello {protocol, program, who}    ──▶
//!                                    ◀──    welcome {protocol, program, pid}     or  bye {reason, leaves}
//!  ask {number, question}            ──▶
//!                                    ◀──    answer {number, answer}
//!  ask {number, watch}               ──▶
//!                                    ◀──    answer {number, watching}, then changes for ever
//! ```
//!
//! Promises: the first line of each side is read leniently, so that every version can tell every other why they cannot
//! speak with each other; later lines may have fields that this version does not know. Never: nothing here is believed
//! because it was said; who asks is told by the kernel as far as it can.

use super::change::Change;
use crate::{
    domain::{SessionId, Who, instance::printable},
    machine::{Scope, Session},
    manager::{Act, Receipt, StartOrder},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::borrow::Cow;

/// The version of the language that is spoken here. It grows with every change that an older peer would misunderstand.
pub const PROTOCOL: u32 = 2;

/// This program's own version, as peers are told.
pub const PROGRAM: &str = env!("CARGO_PKG_VERSION");

/// The longest first line of a client, in bytes: who asks is a user, a host and a terminal, some hundred bytes.
pub const LONGEST_HELLO: usize = 4 << 10;

/// The longest later line of a client, in bytes: an order of more than a thousand requests. A client cuts a larger one.
pub const LONGEST_QUESTION: usize = 1 << 20;

/// The longest first line of an owner, in bytes: a reason is a sentence or two.
pub const LONGEST_GREETING: usize = 64 << 10;

/// The longest later line of an owner, in bytes. It must hold one session with all its attempts, its notes and a plan of
/// thousands of tablespaces, which is a few MiB.
pub const LONGEST_ANSWER: usize = 64 << 20;

/// Sessions that one question may name, so that the manager is free for others after a moment. A client cuts a longer
/// list.
pub const IDS_PER_QUESTION: usize = 1000;

/// The longest name of an instance, in bytes. A name is a directory's or a stanza's, some 255 bytes, each escaped in ten.
pub const LONGEST_NAME: usize = 4 << 10;

/// A line of a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FromClient {
    /// Always the first line.
    Hello(Hello),
    /// Every other line.
    Ask {
        /// Comes back with the answer. The client counts; the owner does not care.
        number: u64,
        /// What is asked.
        question: Question,
    },
}

/// How a client presents itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`PROTOCOL`] of the client.
    pub protocol: u32,
    /// The version of its program, for people.
    pub program: String,
    /// Who asks. The owner takes the process id from the kernel.
    pub who: Who,
}

/// What can be asked of an owner. Questions of one client are answered one after the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// Start sessions. Its `by` is not believed: the one who said hello is put in its place.
    Start(StartOrder),
    /// One verb on every session of a scope.
    Act {
        /// The verb.
        act: Act,
        /// Which sessions; at most [`IDS_PER_QUESTION`] by number.
        scope: Scope,
    },
    /// A whole session.
    Session(SessionId),
    /// All sessions as they stand, and from then on what changes.
    Watch,
}

/// A line of an owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FromOwner<'a> {
    /// The first line to a client that is heard.
    Welcome(Welcome),
    /// The last line: the owner closes the connection.
    Bye {
        /// Why, in one sentence.
        reason: String,
        /// Whether the owner ends, so that another one is there soon.
        #[serde(default)]
        leaves: bool,
    },
    /// What became of a question.
    Answer {
        /// The question's number.
        number: u64,
        /// What became of it.
        answer: Answer<'a>,
    },
    /// A part of the way from the last picture to the newest.
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

/// What became of a question. When the client watches, what the answer led to was told before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer<'a> {
    /// Of an order or a verb.
    Receipt(Receipt),
    /// The session, if there is one.
    Session(Option<Box<Cow<'a, Session>>>),
    /// Changes follow.
    Watching,
}

/// What the first line of a peer says, whatever its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Greeting {
    /// It presents itself.
    Speaks(Speaker),
    /// It closes the connection.
    Bye {
        /// Why: printable.
        reason: String,
        /// Whether the owner ends, so that another one is there soon.
        leaves: bool,
    },
}

/// A version that a peer speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Speaker {
    /// Its protocol. Wider than ours is now, so that a later one can still be told.
    pub protocol: u64,
    /// Its program, printable.
    pub program: String,
}

impl Speaker {
    /// This program.
    pub fn ours() -> Self {
        Self { protocol: PROTOCOL.into(), program: PROGRAM.to_owned() }
    }
}

/// Reads the first line of any version. Only the protocol is needed; `None` when not even that is there.
pub fn greeting(line: &[u8]) -> Option<Greeting> {
    let value: Value = serde_json::from_slice(line).ok()?;
    if let Some(bye) = value.get("bye") {
        let reason = foreign(bye.get("reason").and_then(Value::as_str).unwrap_or("it gave no reason"));
        let leaves = bye.get("leaves").and_then(Value::as_bool).unwrap_or_default();
        return Some(Greeting::Bye { reason, leaves });
    }
    let said = value.get("hello").or_else(|| value.get("welcome"))?;
    let protocol = said.get("protocol")?.as_u64()?;
    let program = foreign(said.get("program").and_then(Value::as_str).unwrap_or("of an unknown version"));
    Some(Greeting::Speaks(Speaker { protocol, program }))
}

/// Why two versions cannot speak with each other, and what to do: the same sentence on both sides.
pub fn versions_differ(owner: &Speaker, pid: u32, client: &Speaker) -> String {
    let told = format!(
        "howdah {} with protocol {} cannot speak with the owner of the sessions (process {pid}), which is howdah {} with \
         protocol {}: use the same version of howdah",
        client.program, client.protocol, owner.program, owner.protocol
    );
    if owner.protocol < client.protocol {
        format!("{told}, or end the older owner with `kill -TERM {pid}`; its sessions go on")
    } else {
        told
    }
}

/// Text of a peer, fit for people: printable, and not longer than a few lines.
pub fn foreign(text: &str) -> String {
    /// A reason is a sentence or two; what is longer was not written for a person.
    const LONGEST: usize = 1000;
    let short: String = text.chars().take(LONGEST).collect();
    printable(&short)
}
