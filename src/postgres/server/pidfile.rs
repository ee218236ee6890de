//! `postmaster.pid`, the lock file of a running server (`miscadmin.h`, `LOCK_FILE_LINE_*`).
//!
//! Promises: what is not a lock file is not taken for a missing one. Never: believes the pid in it without
//! looking at the process.

use crate::{
    domain::{Port, Timestamp, fact::ProcessMark},
    postgres::configure::DataDirectory,
    process,
};
use std::{io, path::Path};

/// The name of the file in a data directory.
pub const NAME: &str = "postmaster.pid";

/// A lock file is eight short lines; more than this is something else.
const MAX_LEN: u64 = 16 * 1024;

/// What a lock file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PidFile {
    /// The server's pid.
    pub pid: u32,
    /// When it was started; `None` before it writes that.
    pub since: Option<Timestamp>,
    /// The port that it listens on; `None` before it writes one.
    pub port: Option<Port>,
    /// The server's status: `starting`, `ready`, `standby` or `stopping`; empty before it writes one.
    pub status: String,
}

/// Reads the lock file of a data directory; `None` when there is none or it is not written yet.
pub fn read(data: &Path) -> io::Result<Option<PidFile>> {
    let Some(bytes) = DataDirectory::open(data)?.read(NAME, MAX_LEN)? else { return Ok(None) };
    Ok(parse(&String::from_utf8_lossy(&bytes)))
}

/// The live server whose data directory this is, by lock file and working directory.
pub fn running(data: &Path) -> io::Result<Option<ProcessMark>> {
    let Some(file) = read(data)? else { return Ok(None) };
    let Some(mark) = process::mark(file.pid).filter(|mark| process::is_alive(*mark)) else { return Ok(None) };
    Ok((process::directory(file.pid) == Some(data.canonicalize()?)).then_some(mark))
}

/// The process that may be running a server on this data directory: the one that its lock file names, if it is alive and
/// is not seen to work elsewhere. Another user's process may be hidden; then the file is believed.
pub fn may_run(data: &Path) -> io::Result<Option<u32>> {
    let Some(file) = read(data)? else { return Ok(None) };
    let alive = process::mark(file.pid).is_some_and(process::is_alive);
    // A server works in its data directory, so a pid that was given anew does not deceive where that can be seen.
    let elsewhere = match process::directory(file.pid) {
        Some(works_in) => works_in != data.canonicalize()?,
        None => false,
    };
    Ok((alive && !elsewhere).then_some(file.pid))
}

fn parse(text: &str) -> Option<PidFile> {
    let mut lines = text.lines();
    // A server that runs alone (`postgres --single`) writes its pid with a minus sign.
    let pid = lines.next()?.trim().parse::<i64>().ok()?.unsigned_abs();
    // Behind the data directory: start, port, socket directory, address and shared memory, then the status.
    let since = lines.nth(1).and_then(|line| Timestamp::from_second(line.trim().parse().ok()?).ok());
    let port = lines.next().and_then(|line| Port::new(line.trim().parse().ok()?).ok());
    let status = lines.nth(3).unwrap_or_default().trim().to_owned();
    Some(PidFile { pid: u32::try_from(pid).ok()?, since, port, status })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    #[test]
    fn the_lock_file_is_read_at_every_stage() {
        let early = "4711\n/srv/pg\n1763680000\n5433\n";
        let since = Some(Timestamp::from_second(1_763_680_000).unwrap());
        let port = Some(Port::new(5433).unwrap());
        assert_eq!(parse(early), Some(PidFile { pid: 4711, since, port, status: String::new() }));
        let late = "4711\n/srv/pg\n1763680000\n5433\n/tmp\nlocalhost\n  5433001   12345\nready   \n";
        assert_eq!(parse(late), Some(PidFile { pid: 4711, since, port, status: "ready".to_owned() }));
        let nothing = PidFile { pid: 4711, since: None, port: None, status: String::new() };
        assert_eq!(parse("-4711\n/srv/pg\nyesterday\n0\n"), Some(nothing));
        assert_eq!(parse(""), None);
        assert_eq!(parse("x\n"), None);
    }
}
