//! Reading a backup, for the engine that restores it and the one that verifies it: what lies where, the bytes of files
//! and archives, and the threads that read them.
//!
//! Promises: each read is watched for a stall, held to the bandwidth limit and ends soon after it is told to. Never:
//! writes, or decides what becomes of a fault that it has found.

pub(in crate::engine) mod archive;
pub(in crate::engine) mod buffers;
pub(in crate::engine) mod copy_log;
pub(in crate::engine) mod errors;
pub(in crate::engine) mod layout;
pub(in crate::engine) mod member;
pub(in crate::engine) mod mutex;
pub(in crate::engine) mod read;
pub(in crate::engine) mod run;
pub(in crate::engine) mod shared;
pub(in crate::engine) mod throttle;
pub(in crate::engine) mod tree;
