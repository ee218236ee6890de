//! Running the server of a restored cluster.
//!
//! Promises: a server is known by its pid, its start time and its data directory before it is signalled; while it
//! replays WAL only we can reach it. Never: runs a server as root, or starts one through a shell.

pub mod classify;
pub mod control_data;
pub mod isolation;
pub mod launch;
pub mod log;
pub mod pidfile;
pub mod port;
pub mod probe;
pub mod recovery;
pub mod relation_file;
pub mod replay;
pub mod resume;
pub mod stop;
