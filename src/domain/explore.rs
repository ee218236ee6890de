//! A restore point that is held open: the order, its plan, and where its server answers.

use super::{
    ByteCount, MajorVersion, Port, Recovery, RecoveryPlan, RestorePoint, SessionId, SystemIdentifier,
    cluster::identifier_as_text,
    instance::printable_name,
    plan::{ServerPlan, WalFinding},
    quantity::many,
};
use serde::{Deserialize, Serialize};
use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};
use uuid::Uuid;

/// The order to open a restore point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExploreOrder {
    /// What is opened.
    pub point: RestorePoint,
    /// The directory that takes what the server writes.
    pub scratch: PathBuf,
    /// How far recovery goes before it is open.
    pub recovery: Recovery,
    /// The TCP port; a Unix socket alone when `None`.
    pub port: Option<Port>,
}

/// What the step that holds it open says: what it occupies, where that can be said.
pub fn held_open(occupied: Option<ByteCount>) -> String {
    occupied.map_or_else(|| "open".to_owned(), |bytes| format!("open, {bytes} on disk"))
}

/// What it occupies by the words of [`held_open`].
pub fn occupied(said: &str) -> Option<ByteCount> {
    said.strip_prefix("open, ")?.strip_suffix(" on disk")?.parse().ok()
}

/// How the files of a restore point are provided to a server that writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileMethod {
    /// Clones that share the blocks of the backup (`FICLONE`).
    Reflink,
    /// A file system of our own over the backup, which keeps the blocks that are written.
    Overlay,
    /// A copy, as a restore makes it.
    Copy,
}

/// What opening a restore point takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplorePlan {
    /// The directory that takes what the server writes.
    pub scratch: PathBuf,
    /// How the files are provided.
    pub method: FileMethod,
    /// Why so: printable clauses, one for each method that was passed over.
    pub reasons: Vec<String>,
    /// Bytes of the backup, WAL included.
    pub bytes: ByteCount,
    /// Its files.
    pub files: u64,
    /// Bytes that are written before the first query, what replay changes left out.
    pub copies: ByteCount,
    /// Free bytes where the scratch is.
    pub free_bytes: ByteCount,
    /// The most that the session takes there.
    pub limit: ByteCount,
    /// Whether the WAL that the backup needs is there.
    pub wal: WalFinding,
    /// What replay reads, where the size of a segment is known.
    pub replay: Option<ReplayPlan>,
    /// The server that is started.
    pub server: ServerPlan,
    /// The cluster that was backed up, where the backup tells it.
    #[serde(with = "identifier_as_text")]
    pub system_identifier: Option<SystemIdentifier>,
    /// What a person should know before.
    pub warnings: Vec<String>,
    /// Where the server answers, once it has.
    pub open: Option<ServerAddress>,
    /// The replay beyond the backup's own end, where one is asked for. Records of version 6 do not tell it.
    #[serde(default)]
    pub recovery: Option<Box<RecoveryPlan>>,
}

/// The WAL that is replayed before the first query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayPlan {
    /// Segments.
    pub segments: u64,
    /// Bytes between the positions.
    pub bytes: ByteCount,
    /// As fast as it may go.
    pub at_best: Duration,
    /// As slowly as it should.
    pub at_worst: Duration,
}

/// A server that answers on a Unix socket of this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerAddress {
    /// The directory of its socket.
    pub sockets: PathBuf,
    /// The port that is part of the socket's name.
    pub port: Port,
    /// A role that may read all.
    pub role: String,
    /// The directory of its programs.
    pub programs: PathBuf,
    /// The version of the cluster.
    pub version: MajorVersion,
}

/// An open restore point, as those find it that take items out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenPoint {
    /// The session that holds it open.
    pub session: SessionId,
    /// Its name outside the state directory.
    pub uuid: Uuid,
    /// Its scratch: [`ServerAddress`] stands there in [`ADDRESS`] while the server answers.
    pub scratch: PathBuf,
}

/// The file of a [`ServerAddress`], in JSON, in the scratch.
pub const ADDRESS: &str = "server.json";

impl fmt::Display for FileMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Reflink => "clone of its files",
            Self::Overlay => "block overlay",
            Self::Copy => "copy",
        })
    }
}

impl ServerAddress {
    /// The command line that opens `psql` there, for a shell. As another user than the server's or root it is refused by
    /// the file system.
    pub fn psql(&self, database: &str) -> String {
        let quoted = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
        let plain =
            |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c)) && !text.is_empty();
        let word = |text: &str| if plain(text) { text.to_owned() } else { quoted(text) };
        let sockets = self.sockets.to_string_lossy();
        format!("psql -h {} -p {} -U {} -d {}", word(&sockets), self.port, word(&self.role), word(database))
    }

    /// The same as a connection string of libpq.
    pub fn conninfo(&self, database: &str) -> String {
        let quoted = |text: &str| format!("'{}'", text.replace('\\', r"\\").replace('\'', r"\'"));
        let sockets = quoted(&self.sockets.to_string_lossy());
        format!("host={sockets} port={} user={} dbname={}", self.port, quoted(&self.role), quoted(database))
    }
}

impl ExplorePlan {
    /// What a person reads of it: name and text of each line, the warnings last.
    pub fn rows(&self) -> Vec<(&'static str, String)> {
        let copies = match self.method {
            FileMethod::Reflink => "; its blocks are shared".to_owned(),
            FileMethod::Overlay => {
                let first =
                    if self.copies.0 > 0 { format!("; {} are unpacked first", self.copies) } else { String::new() };
                format!("{first}; what the server writes is kept block by block")
            }
            FileMethod::Copy => format!("; {} are copied first", self.copies),
        };
        let mut rows = vec![
            ("reads", format!("{} in {}", self.bytes, many(self.files, "file"))),
            ("files by", format!("{}{copies}", self.method)),
        ];
        rows.extend(self.reasons.iter().map(|reason| ("why", reason.clone())));
        rows.push(("scratch", printable_name(self.scratch.as_os_str())));
        rows.push(("takes", format!("at most {} of {} that are free", self.limit, self.free_bytes)));
        rows.push(("WAL", self.wal()));
        rows.extend(self.recovery.iter().flat_map(|recovery| recovery.rows()));
        match &self.server {
            ServerPlan::Start { version, user, .. } => {
                rows.push(("server", format!("PostgreSQL {version} as {user}, on a private socket, read-only")));
            }
            ServerPlan::NoServer { reason } => rows.push(("server", format!("none: {reason}"))),
        }
        rows.extend(self.warnings.iter().map(|warning| ("warning", warning.clone())));
        rows
    }

    fn wal(&self) -> String {
        match (&self.wal, &self.replay) {
            (WalFinding::Included { start, stop }, Some(replay)) => {
                let (best, worst) = (replay.at_best.as_secs(), replay.at_worst.as_secs());
                let takes = if worst == 0 { "under 1 s".to_owned() } else { format!("{best} to {worst} s") };
                let segments = many(replay.segments, "segment");
                format!("{segments}, {} to replay, from {start} to {stop}: {takes}", replay.bytes)
            }
            (WalFinding::Included { start, stop }, None) => format!("replayed from {start} to {stop}"),
            (WalFinding::Missing { what }, _) => format!("missing: {what}"),
        }
    }
}

/// The file that holds the address, below a scratch.
pub fn address_in(scratch: &Path) -> PathBuf {
    scratch.join(ADDRESS)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    #[test]
    fn what_is_said_to_be_occupied_is_read_back() {
        for bytes in [0, 999, 368 << 10, 61 << 30] {
            assert_eq!(occupied(&held_open(Some(ByteCount(bytes)))), Some(ByteCount(bytes)));
        }
        for other in [held_open(None).as_str(), "", "open, much on disk", "closed, 1 MiB on disk"] {
            assert_eq!(occupied(other), None, "{other}");
        }
    }

    #[test]
    fn names_reach_a_shell_and_libpq_as_they_are() {
        let address = ServerAddress {
            sockets: "/tmp/howdah-x 1".into(),
            port: Port::new(5432).unwrap(),
            role: "o'brien\\".to_owned(),
            programs: "/usr/bin".into(),
            version: MajorVersion(15),
        };
        assert_eq!(address.psql("shop"), r"psql -h '/tmp/howdah-x 1' -p 5432 -U 'o'\''brien\' -d shop");
        assert_eq!(address.psql("$(x)"), r"psql -h '/tmp/howdah-x 1' -p 5432 -U 'o'\''brien\' -d '$(x)'");
        assert_eq!(address.conninfo("a b"), r"host='/tmp/howdah-x 1' port=5432 user='o\'brien\\' dbname='a b'");
    }
}
