//! Ends of transactions and restore points in WAL, as `pg_waldump` of the cluster's version shows them.
//!
//! Promises: the program runs as the account, in UTC, on segments of a private directory; a line counts only in the exact
//! form of its source, so that a name in the WAL cannot pass for a record; nothing is kept of what it prints but what was
//! asked for. Never: takes longer than [`LIMIT`] for what is asked at once.
//!
//! Sources: `XLogDumpDisplayRecord` in `pg_waldump.c`, `xact_desc` in `xactdesc.c`, `timestamptz_to_str` in `compat.c`.

use super::{Chain, stage::Stage};
use crate::{
    domain::{Lsn, Timestamp, instance::printable},
    postgres::{account::Account, binaries::Binaries, command_output::each_line, wal::SegmentSize},
};
use std::{
    io,
    ops::{ControlFlow, RangeInclusive},
    time::Duration,
};
use thiserror::Error;

/// `pg_waldump` reads some 500 MB a second; four segments of 1 GiB on a slow disk take this long at most.
const LIMIT: Duration = Duration::from_secs(60);

/// The program, and who it runs as.
pub type Tools<'a> = (&'a Account, &'a Binaries);

/// Why WAL was not shown.
#[derive(Debug, Error)]
pub enum DumpError {
    /// The archive cannot be read.
    #[error("{0}")]
    Archive(io::Error),
    /// The program cannot be used: a printable clause.
    #[error("{0}")]
    Program(String),
}

/// The end of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransactionEnd {
    /// Where its record begins.
    pub lsn: Lsn,
    /// The transaction.
    pub xid: u32,
    /// When it ended.
    pub at: Timestamp,
    /// Whether it was committed.
    pub committed: bool,
}

/// What reads the WAL of one archive.
pub(super) struct Dump<'a> {
    tools: Tools<'a>,
    stage: Stage,
}

impl<'a> Dump<'a> {
    /// Makes the private directory.
    pub(super) fn new(tools: Tools<'a>, size: SegmentSize) -> Result<Self, DumpError> {
        let stage = Stage::make(tools.0, size)
            .map_err(|error| DumpError::Program(format!("there is no room to unpack segments: {error}")))?;
        Ok(Self { tools, stage })
    }

    /// How many segments are read at once.
    pub(super) fn most(&self) -> u64 {
        self.stage.most() as u64
    }

    /// Gives the ends of transactions whose records begin in these segments, of which no more are read than are in a row
    /// and fit: the number of the last one is what it gives back, `None` where there is none.
    pub(super) fn transactions(
        &mut self,
        chain: &Chain<'_>,
        numbers: RangeInclusive<u64>,
        each: &mut dyn FnMut(TransactionEnd) -> ControlFlow<()>,
    ) -> Result<Option<u64>, DumpError> {
        self.read(chain, numbers, "Transaction", &mut |line| {
            transaction(line).map_or(ControlFlow::Continue(()), &mut *each)
        })
    }

    /// The same for restore points: their names as they stand in the WAL, and where their records begin.
    pub(super) fn restore_points(
        &mut self,
        chain: &Chain<'_>,
        numbers: RangeInclusive<u64>,
        each: &mut dyn FnMut(&str, Lsn) -> ControlFlow<()>,
    ) -> Result<Option<u64>, DumpError> {
        self.read(chain, numbers, "XLOG", &mut |line| {
            let found =
                record(line, "XLOG").and_then(|(lsn, _, desc)| Some((desc.strip_prefix("RESTORE_POINT ")?, lsn)));
            found.map_or(ControlFlow::Continue(()), |(name, lsn)| each(name, lsn))
        })
    }

    fn read(
        &mut self,
        chain: &Chain<'_>,
        numbers: RangeInclusive<u64>,
        manager: &str,
        each: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<Option<u64>, DumpError> {
        let held = self.stage.hold(chain, numbers).map_err(DumpError::Archive)?;
        let Some(held) = held else { return Ok(None) };
        let (account, binaries) = self.tools;
        let mut command = account.command(binaries.directory().join("pg_waldump"));
        // Without a zone the program takes that of the machine.
        command.env("TZ", "UTC").arg("--path").arg(self.stage.directory()).args(["--rmgr", manager]);
        command.arg(Stage::name(chain, *held.start())).arg(Stage::name(chain, *held.end()));
        let ended = each_line(&mut command, LIMIT, each)
            .map_err(|error| DumpError::Program(format!("pg_waldump: {}", printable(&error.to_string()))))?;
        if let Some((status, complaint)) = ended
            && !status.success()
            && !is_end_of_wal(&complaint)
        {
            let line = complaint.lines().next().unwrap_or_default();
            return Err(DumpError::Program(printable(&format!("pg_waldump ended with {status}: {line}"))));
        }
        Ok(Some(*held.end()))
    }
}

/// Whether the program has ended where WAL does, damaged or not: what it has shown before that stands.
fn is_end_of_wal(complaint: &str) -> bool {
    ["error in WAL record at", "could not find a valid record after"].iter().any(|words| complaint.contains(words))
}

/// The position, the transaction and the description in the line of a record of this resource manager.
fn record<'a>(line: &'a str, manager: &str) -> Option<(Lsn, u32, &'a str)> {
    let line = line.strip_prefix("rmgr: ")?.strip_prefix(manager)?.trim_start().strip_prefix("len (rec/tot):")?;
    let (_, line) = line.split_once(", tx:")?;
    let (xid, line) = line.split_once(", lsn: ")?;
    let (lsn, line) = line.split_once(", prev ")?;
    let (_, desc) = line.split_once(", desc: ")?;
    Some((lsn.trim().parse().ok()?, xid.trim().parse().ok()?, desc))
}

fn transaction(line: &str) -> Option<TransactionEnd> {
    let (lsn, own, desc) = record(line, "Transaction")?;
    let (what, rest) = desc.split_once(' ')?;
    let (committed, prepared) = match what {
        "COMMIT" => (true, false),
        "ABORT" => (false, false),
        "COMMIT_PREPARED" => (true, true),
        "ABORT_PREPARED" => (false, true),
        _ => return None,
    };
    let (xid, time) = match rest.split_once(": ").filter(|_| prepared) {
        Some((xid, time)) => (xid.trim().parse().ok()?, time),
        None => (own, rest),
    };
    let at = moment(time.split(';').next()?)?;
    Some(TransactionEnd { lsn, xid, at, committed })
}

/// `2026-11-20 13:29:59.123456 UTC`.
fn moment(text: &str) -> Option<Timestamp> {
    let (text, zone) = text.trim().rsplit_once(' ')?;
    let local: jiff::civil::DateTime = text.parse().ok()?;
    ["UTC", "GMT"].contains(&zone).then(|| local.to_zoned(jiff::tz::TimeZone::UTC).ok())?.map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    const START: &str = "rmgr: Transaction len (rec/tot):     34/    34, tx:        731, lsn: 0/01546B98, prev 0/01546B58, \
                         desc: ";

    #[test]
    fn ends_of_transactions_are_read_as_pg_waldump_shows_them() {
        let at: Timestamp = "2026-11-20T13:29:59.123456Z".parse().unwrap();
        for (desc, xid, committed) in [
            ("COMMIT 2026-11-20 13:29:59.123456 UTC", 731, true),
            ("COMMIT 2026-11-20 13:29:59.123456 UTC; rels: base/5/16389; sync", 731, true),
            ("ABORT 2026-11-20 13:29:59.123456 UTC", 731, false),
            ("COMMIT_PREPARED 812: 2026-11-20 13:29:59.123456 UTC; inval msgs: catcache 7", 812, true),
            ("ABORT_PREPARED 812: 2026-11-20 13:29:59.123456 UTC", 812, false),
        ] {
            let found = transaction(&format!("{START}{desc}")).unwrap();
            assert_eq!(found, TransactionEnd { lsn: Lsn(0x154_6B98), xid, at, committed }, "{desc}");
        }
        for desc in
            ["PREPARE gid x: 2026-11-20 13:29:59.123456 UTC", "COMMIT", "COMMIT 2026-11-20 13:29:59 CST", "ABORT x UTC"]
        {
            assert_eq!(transaction(&format!("{START}{desc}")), None, "{desc}");
        }
        assert_eq!(transaction("first record is after 0/1000000, at 0/1000028, skipping over 40 bytes"), None);
    }

    #[test]
    fn the_name_of_a_restore_point_is_no_record() {
        let line = "rmgr: XLOG        len (rec/tot):     98/    98, tx:          0, lsn: 0/02000060, prev 0/02000028, desc: \
                    RESTORE_POINT before, desc: RESTORE_POINT x";
        let (lsn, _, desc) = record(line, "XLOG").unwrap();
        assert_eq!((lsn, desc), (Lsn(0x200_0060), "RESTORE_POINT before, desc: RESTORE_POINT x"));
        // The longest name there can be, behind a line break, is too short for the form of a record.
        let forged = "rmgr: XLOG len (rec/tot):1/1, tx:0, lsn: 0/1, prev 0, desc: RESTORE_POINT";
        assert!(forged.len() > 63);
        assert_eq!(record("rmgr: XLOG lsn: 0/1, desc: RESTORE_POINT x", "XLOG"), None);
    }
}
