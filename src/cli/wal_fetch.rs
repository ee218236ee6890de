//! The words of `howdah wal fetch`, which PostgreSQL's startup process runs.

use super::restore_options::span;
use clap::{Args, Parser};
use std::{ffi::OsString, path::PathBuf, time::Duration};

/// `howdah wal fetch`.
#[derive(Debug, Args)]
pub struct FetchArgs {
    /// The directory of the WAL archive
    #[arg(long, value_name = "DIR")]
    pub archive: PathBuf,
    /// The system identifier of the cluster
    #[arg(long, value_name = "NUMBER")]
    pub cluster: u64,
    /// The size of its segments
    #[arg(long, value_name = "BYTES")]
    pub segment_size: u32,
    /// The directory in which the worker has segments ready and reads the answers
    #[arg(long, value_name = "DIR")]
    pub spool: Option<PathBuf>,
    /// How long the server is held while the archive cannot be used [default: 1 min]
    #[arg(long, value_name = "SPAN", value_parser = span)]
    pub wait: Option<Duration>,
    /// The server is in standby mode: it asks again by itself, and is never held or ended
    #[arg(long, conflicts_with = "wait")]
    pub standby: bool,
    /// The name of the file that is wanted (%f)
    #[arg(value_name = "NAME")]
    pub name: OsString,
    /// Where it is wanted (%p)
    #[arg(value_name = "PATH")]
    pub path: PathBuf,
}

/// The same without the verbs before it, so that nothing else is read.
#[derive(Debug, Parser)]
#[command(name = "howdah wal fetch")]
pub struct FetchLine {
    /// Its words.
    #[command(flatten)]
    pub args: FetchArgs,
}
