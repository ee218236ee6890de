//! The socket floor: real sockets between a real manager with simulated attempts and clients of every kind.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
#![allow(clippy::print_stdout, reason = "how long a first snapshot takes is worth a line")]

mod support;

#[path = "control/bad_clients.rs"]
mod bad_clients;
#[path = "control/bad_servers.rs"]
mod bad_servers;
#[path = "control/delta_properties.rs"]
mod delta_properties;
#[path = "control/harness.rs"]
mod harness;
#[path = "control/jobs.rs"]
mod jobs;
#[path = "control/large_snapshots.rs"]
mod large_snapshots;
#[allow(dead_code, reason = "each floor uses its part of the harness")]
#[path = "manager/harness.rs"]
mod manager;
#[path = "control/reconnect.rs"]
mod reconnect;
#[path = "control/requests.rs"]
mod requests;
#[allow(dead_code, reason = "each floor uses its part of the samples")]
#[path = "machine/sample.rs"]
mod sample;
#[path = "control/slow.rs"]
mod slow;
#[path = "control/socket_path.rs"]
mod socket_path;
#[path = "control/wire.rs"]
mod wire;
