//! Why a connection is closed: each reason as a value, its sentence for the peer and for the log.

use super::MAX_CONNECTIONS;
use crate::control::{
    protocol::{FromOwner, PeerVersion, version_mismatch},
    wire::{EncodeError, LineError},
};
use std::{io, time::Duration};
use thiserror::Error;

/// Why a connection ends before its peer wants it.
#[derive(Debug, Error)]
pub(super) enum CloseReason {
    #[error(
        "the owner of these sessions runs as user {owner}, and only that user is heard, not user {peer}: run the same \
         command as that user"
    )]
    OtherUser { owner: u32, peer: u32 },
    #[error(
        "{MAX_CONNECTIONS} screens and commands are connected to the owner of these sessions, the limit: close one and \
         try again"
    )]
    Full,
    #[error("nothing was sent for {0:?}: a client sends hello first")]
    Silent(Duration),
    #[error("nothing was sent yet, and another came for whom there was no other place: a client sends hello first")]
    Evicted,
    #[error("the first line is no hello of a howdah: {0}")]
    NoHello(String),
    #[error("{}", version_mismatch(.owner, *.pid, .client))]
    Version { owner: PeerVersion, pid: u32, client: PeerVersion },
    #[error("this request is not understood: {0}")]
    NoRequest(String),
    #[error("{0}")]
    Line(#[from] LineError),
    #[error("{what} cannot be sent: {cause}")]
    Encode { what: &'static str, cause: EncodeError },
    #[error("the owner of these sessions ends; the sessions go on")]
    Closing,
    #[error("the socket failed: {0}")]
    Io(#[from] io::Error),
}

impl CloseReason {
    /// The last line to the peer.
    pub(super) fn bye(&self) -> FromOwner<'static> {
        FromOwner::Bye { reason: self.to_string(), shutting_down: matches!(self, Self::Closing) }
    }

    /// Whether it is worth a line in the log: an owner that ends and a peer that is gone are daily life.
    pub(super) fn is_logged(&self) -> bool {
        !matches!(self, Self::Closing | Self::Io(_) | Self::Line(LineError::Io(_)))
    }
}
