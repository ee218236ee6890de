//! How to connect to an owner: the composition root knows.

use crate::control::protocol::sanitize;
use futures_util::future::BoxFuture;
use thiserror::Error;
use tokio::net::UnixStream;

/// Connects to the owner of a state directory, whoever that is at the moment.
pub trait Connector: Send + Sync {
    /// A new connection to the owner. Where there is none, one is started first; that may take a while, and is given up
    /// only when there is no hope.
    fn connect(&self) -> BoxFuture<'static, Result<UnixStream, ConnectError>>;
}

/// Why no owner can be connected to: one printable sentence that says what to do.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct ConnectError(String);

impl ConnectError {
    /// Made of the sentence; what could steer a terminal in it is escaped.
    pub fn new(sentence: &str) -> Self {
        Self(sanitize(sentence))
    }
}
