//! The hidden verb `wal fetch`: PostgreSQL runs it once for each segment, so nothing else of howdah is begun before it.
//!
//! Promises: whatever goes wrong, wrong words and a panic included, ends with a status above 125, which PostgreSQL never
//! takes for the end of the archive.

use super::generate;
use crate::{
    archive::{
        ClusterWal, Outcome,
        fetch::{FetchRequest, WAIT, fetch},
        restore_command::{PROBE, PROBE_ANSWER},
    },
    cli::{
        exit::Exit,
        streams::print_error,
        wal_fetch::{FetchArgs, FetchLine},
    },
    domain::{SystemIdentifier, Timestamp, instance::printable_name, path_text},
    manager::Clock,
    postgres::wal::SegmentSize,
};
use clap::{Parser, error::ErrorKind};
use std::{ffi::OsString, panic, time::Duration};

/// Does what a command line that begins with `wal fetch` says; `None` for every other.
pub fn fetch_alone(arguments: impl Iterator<Item = OsString>) -> Option<Exit> {
    let mut rest = arguments.skip(1).peekable();
    if rest.next()? != "wal" || rest.next()? != "fetch" {
        return None;
    }
    if rest.peek().is_some_and(|word| word == PROBE) {
        return Some(generate::print(PROBE_ANSWER.as_bytes()).unwrap_or(Exit::Withheld));
    }
    let words = std::iter::once(OsString::from("howdah wal fetch")).chain(rest);
    let line = match FetchLine::try_parse_from(words) {
        Ok(line) => line,
        Err(error) => {
            let is_help = error.kind() == ErrorKind::DisplayHelp;
            // Where nobody takes the text, the status is left.
            let _unread: std::io::Result<()> = error.print();
            return Some(if is_help { Exit::Done } else { Exit::Withheld });
        }
    };
    // What the panic says is on standard error, which is the server's log.
    Some(panic::catch_unwind(|| run(&line.args)).unwrap_or(Exit::Withheld))
}

/// Answers PostgreSQL.
pub(super) fn run(args: &FetchArgs) -> Exit {
    let asked = printable_name(&args.name);
    let outcome = match SegmentSize::new(args.segment_size) {
        Some(size) => fetch(
            &FetchRequest {
                archive: &args.archive,
                wal: ClusterWal { cluster: SystemIdentifier(args.cluster), size },
                spool: args.spool.as_deref(),
                wait: if args.standby { Duration::ZERO } else { args.wait.unwrap_or(WAIT) },
                asked: &args.name,
                to: &args.path,
            },
            now,
        ),
        None => Outcome::Refused { cause: "no cluster has segments of this size".to_owned() },
    };
    let status = outcome.status(args.standby);
    if status != 0 {
        print_error(&outcome.sentence(&asked, &path_text::shown(&args.archive)));
    }
    match status {
        0 => Exit::Done,
        1 => Exit::Broken,
        _ => Exit::Withheld,
    }
}

fn now() -> Timestamp {
    Clock::system().now()
}
