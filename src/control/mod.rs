//! The owner's socket: how another process of the same user sees all sessions and steers them.
//!
//! One JSON value a line, over a Unix socket in the state directory. Promises: only the user who owns the state directory
//! is heard; a peer that is too old, too slow, hostile or silent harms nobody but itself; neither side holds more in
//! memory than its caps allow. Never: it decides nothing about sessions, it asks the manager as every other face does.

pub mod change;
pub mod client;
pub mod mirror;
pub mod protocol;
pub mod server;
pub mod socket;
mod wire;

pub use client::{Client, ClientError, ConnectError, ConnectionState, Connector};
pub use mirror::Mirror;
pub use protocol::PROTOCOL;
pub use server::{MOST_CONNECTIONS, Server, serve};
pub use socket::{bind, connect};
