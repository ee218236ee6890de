//! Why a connection is closed: each reason as a value, its sentence for the peer and for the log.

use super::MOST_CONNECTIONS;
use crate::control::{
    protocol::{FromOwner, Speaker, versions_differ},
    wire::{EncodeError, LineError},
};
use std::{io, time::Duration};
use thiserror::Error;

/// Why a connection ends before its peer wants it.
#[derive(Debug, Error)]
pub(super) enum Fault {
    #[error(
        "the owner of these sessions runs as user {owner}, and only that user is heard, not user {peer}: run the same \
         command as that user"
    )]
    OtherUser { owner: u32, peer: u32 },
    #[error(
        "{MOST_CONNECTIONS} screens and commands are connected to the owner of these sessions, which is the most: close one \
         and try again"
    )]
    Full,
    #[error("nothing was said for {0:?}: a client says hello first")]
    Silent(Duration),
    #[error("nothing was said yet, and another came for whom there was no other place: a client says hello first")]
    Evicted,
    #[error("the first line is no hello of a howdah: {0}")]
    NoHello(String),
    #[error("{}", versions_differ(.owner, *.pid, .client))]
    Version { owner: Speaker, pid: u32, client: Speaker },
    #[error("this question is not understood: {0}")]
    NoQuestion(String),
    #[error("{0}")]
    Line(#[from] LineError),
    #[error("{what} cannot be told: {cause}")]
    Untold { what: &'static str, cause: EncodeError },
    #[error("the owner of these sessions ends; the sessions go on")]
    Closing,
    #[error("the socket failed: {0}")]
    Io(#[from] io::Error),
}

impl Fault {
    /// The last line to the peer.
    pub(super) fn bye(&self) -> FromOwner<'static> {
        FromOwner::Bye { reason: self.to_string(), leaves: matches!(self, Self::Closing) }
    }

    /// Whether it is worth a line in the log: an owner that ends and a peer that is gone are daily life.
    pub(super) fn is_remarkable(&self) -> bool {
        !matches!(self, Self::Closing | Self::Io(_) | Self::Line(LineError::Io(_)))
    }
}
