//! The owner's socket: how another process of the same user sees all sessions and steers them.
//!
//! One JSON value a line, over a Unix socket in the state directory. Promises: only the user who owns the state directory
//! is heard; a peer that is too old, too slow, hostile or silent harms nobody but itself; neither side holds more in
//! memory than its caps allow. Never: decides anything about sessions; it asks the manager as every other face does.

pub mod change;
pub mod client;
pub mod protocol;
pub mod replica;
pub mod server;
pub mod socket;
mod wire;

pub use client::{Client, ClientError, ConnectError, Connector};
pub use protocol::PROTOCOL;
pub use replica::Replica;
pub use server::{MAX_CONNECTIONS, Server, serve};
pub use socket::{bind, connect};
