//! Watching a server on its way to accepting connections.
//!
//! Promises: reports where replay stands as far as the server shows it, and whether anything at all has moved since the
//! last look. Never: waits, or decides how long is too long.

use super::{log::ServerLog, pidfile};
use crate::{domain::Lsn, process};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// A process that only wakes up to look around uses a clock tick now and then. Ten of them (0.1 s) are work.
const WORK: u64 = 10;

/// How far a server has come, in order. What it writes into its lock file (`pidfile.h`, `PM_STATUS_*`) shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ServerStage {
    /// It reads its settings and takes the data directory.
    Launching,
    /// It has the data directory to itself and replays WAL; it also reports this while it shuts down.
    Recovering,
    /// It is consistent and replays on, and lets nobody in, since `hot_standby` is off: `standby`.
    Consistent,
    /// It accepts connections: `ready`. Whether it still recovers only a query shows.
    Ready,
}

/// What one look has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observation {
    /// How far it is.
    pub stage: ServerStage,
    /// Where replay stands, if that is known.
    pub at: Option<Lsn>,
    /// Something has moved since the last time that something had.
    pub moved: bool,
}

/// The server of one data directory, watched from its start.
#[derive(Debug)]
pub struct Watch {
    data: PathBuf,
    log: ServerLog,
    status: String,
    title: String,
    busy: u64,
    at: Option<Lsn>,
}

impl Watch {
    /// Watches the server that is about to start; what it logs is found in `log`.
    pub fn new(data: &Path, log: ServerLog) -> Self {
        Self { data: data.to_owned(), log, status: String::new(), title: String::new(), busy: 0, at: None }
    }

    /// Looks once at the server with this pid.
    pub fn poll(&mut self, postmaster: u32) -> io::Result<Observation> {
        let mut moved = self.log.poll()?;
        // A lock file of an earlier, dead server stands there until ours has written its own.
        let ours = pidfile::read(&self.data)?.filter(|file| file.pid == postmaster);
        let status = ours.map(|file| file.status).unwrap_or_default();
        moved |= std::mem::replace(&mut self.status, status) != self.status;
        let startup = process::children(postmaster).into_iter().map(|pid| (pid, process::title(pid)));
        if let Some((pid, title)) = startup.into_iter().find(|(_, title)| title.contains("startup")) {
            let busy = process::stat(pid).map_or(self.busy, |stat| stat.busy);
            if busy < self.busy || busy >= self.busy + WORK {
                self.busy = busy;
                moved = true;
            }
            let segment = segment(&title).and_then(|name| first_byte(&self.data, name));
            self.at = self.at.max(segment);
            moved |= std::mem::replace(&mut self.title, title) != self.title;
        }
        self.at = self.at.max(self.log.position());
        Ok(Observation { stage: stage(&self.status), at: self.at, moved })
    }

    /// What the server logged, to the end of its log.
    pub fn log(&mut self) -> io::Result<&ServerLog> {
        self.log.poll()?;
        Ok(&self.log)
    }
}

/// The first status is written when all is set up and recovery begins.
fn stage(status: &str) -> ServerStage {
    match status {
        "" => ServerStage::Launching,
        "standby" => ServerStage::Consistent,
        "ready" => ServerStage::Ready,
        _ => ServerStage::Recovering,
    }
}

/// The segment in a title such as `postgres: startup recovering 000000010000000000000003`.
fn segment(title: &str) -> Option<&str> {
    let (_, rest) = title.split_once("recovering ")?;
    let name = rest.split_ascii_whitespace().next()?;
    (name.len() == 24 && name.bytes().all(|b| b.is_ascii_hexdigit())).then_some(name)
}

/// The position at which a segment begins (`XLogFromFileName`); its size is that of its file.
fn first_byte(data: &Path, name: &str) -> Option<Lsn> {
    let size = fs::metadata(data.join("pg_wal").join(name)).ok()?.len();
    let high = u64::from_str_radix(&name[8..16], 16).ok()?;
    let low = u64::from_str_radix(&name[16..], 16).ok()?;
    low.checked_mul(size).filter(|low| u32::try_from(*low).is_ok()).map(|low| Lsn(high << 32 | low))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    #[test]
    fn the_segment_in_a_title_is_a_position() {
        let data = tempfile::tempdir().unwrap();
        fs::create_dir(data.path().join("pg_wal")).unwrap();
        let name = "00000001000000020000000A";
        fs::File::create(data.path().join("pg_wal").join(name)).unwrap().set_len(16 << 20).unwrap();
        let title = format!("postgres: startup recovering {name}");
        assert_eq!(segment(&title), Some(name));
        assert_eq!(first_byte(data.path(), name), Some(Lsn(2 << 32 | 10 << 24)));
        assert_eq!(segment("postgres: startup waiting for 00000001000000020000000A"), None);
        assert_eq!(segment("postgres: startup recovering 0000000x"), None);
        assert_eq!(first_byte(data.path(), "0000000100000002FFFFFFFF"), None);
    }

    #[test]
    fn a_lock_file_of_another_server_says_nothing_of_ours() {
        let data = tempfile::tempdir().unwrap();
        let log = data.path().join("log");
        fs::write(&log, "").unwrap();
        let mut watch = Watch::new(data.path(), ServerLog::from_end_of(&log).unwrap());
        let me = std::process::id();
        let lock = |pid: u32, status: &str| {
            fs::write(data.path().join(pidfile::NAME), format!("{pid}\n/x\n1\n2\n3\n4\n5\n{status}\n")).unwrap();
        };
        lock(me + 1, "ready");
        let seen = |stage, at, moved| Observation { stage, at, moved };
        assert_eq!(watch.poll(me).unwrap(), seen(ServerStage::Launching, None, false));
        lock(me, "starting");
        assert_eq!(watch.poll(me).unwrap(), seen(ServerStage::Recovering, None, true));
        assert_eq!(watch.poll(me).unwrap(), seen(ServerStage::Recovering, None, false));
        fs::write(&log, "x LOG:  redo starts at 0/2000028\n").unwrap();
        assert_eq!(watch.poll(me).unwrap(), seen(ServerStage::Recovering, Some(Lsn(0x200_0028)), true));
        lock(me, "standby");
        assert_eq!(watch.poll(me).unwrap().stage, ServerStage::Consistent, "it lets nobody in, and still replays");
        lock(me, "ready");
        assert_eq!(watch.poll(me).unwrap().stage, ServerStage::Ready);
    }
}
