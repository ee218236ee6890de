//! The command line, one verb a file. Promises: data on stdout, talk on stderr, an exit code that says what happened.
//! Never: decides anything about a session.

pub mod args;
pub mod backup_list;
pub mod completions;
pub mod doctor;
pub mod exit;
pub mod explore;
pub mod job;
pub mod keys;
pub mod man;
pub mod recording_options;
pub mod recovery_options;
pub mod report;
pub mod restore;
pub mod restore_options;
pub mod session;
pub mod state;
pub mod streams;
pub mod wal_fetch;
