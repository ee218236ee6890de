//! The socket floor: real sockets between a real manager with simulated attempts and clients of every kind.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
#![allow(clippy::print_stdout, reason = "how long a first picture takes is worth a line")]

mod support;

#[path = "control/asking.rs"]
mod asking;
#[path = "control/hall.rs"]
mod hall;
#[allow(dead_code, reason = "each floor uses its part of the house")]
#[path = "manager/house.rs"]
mod house;
#[path = "control/manners.rs"]
mod manners;
#[path = "control/owners.rs"]
mod owners;
#[path = "control/pictures.rs"]
mod pictures;
#[path = "control/place.rs"]
mod place;
#[path = "control/roads.rs"]
mod roads;
#[allow(dead_code, reason = "each floor uses its part of the samples")]
#[path = "machine/sample.rs"]
mod sample;
#[path = "control/slow.rs"]
mod slow;
#[path = "control/ways.rs"]
mod ways;
#[path = "control/wire.rs"]
mod wire;
