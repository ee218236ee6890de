//! What PostgreSQL writes and how it is run.
//!
//! Promises: each format is read as its source defines it, hostile input included; each program is run with its own
//! arguments, never through a shell. Never: knows sessions, engines or the screen.

pub mod account;
pub mod archive_command;
pub mod binaries;
pub mod browse;
pub mod client;
pub mod command_output;
pub mod compare;
pub mod compression;
pub mod configure;
pub mod control;
pub mod directories;
pub mod label;
pub mod manifest;
pub mod pg_tablespace;
pub mod quote;
pub mod server;
pub mod tarset;
pub mod wal;
pub mod wal_check;
