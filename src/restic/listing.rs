//! All that a snapshot holds, as `restic ls` names it.
//!
//! Promises: read as it comes, so that a tree of any size takes no room; who brings nothing for too long is ended.
//! Never: takes a list for whole whose writer did not end well.

use super::{
    answer::{self, Snapshot},
    program::{PROGRAM, Restic},
    refusals,
};
use crate::domain::{Failure, instance::printable_name};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};
use serde::Deserialize;
use std::{
    io::{self, Read},
    os::fd::AsFd,
    process::{Child, ChildStderr, ChildStdout, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

/// How often it is looked whether the list is still wanted.
const POLL_INTERVAL: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// A line names one entry, with its path; one that is longer than this is something else.
const MAX_LINE_LEN: usize = 1 << 20;

/// Of what it says beside the list so much is kept.
const MAX_ERRORS_LEN: u64 = 64 << 10;

/// One line of the list.
#[derive(Debug)]
pub(crate) enum Listed {
    /// The snapshot: the first line.
    Snapshot(Snapshot),
    /// Something in it.
    Node(Node),
}

/// One file, directory or other entry. Bytes of a path that are no text are replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) path: String,
    pub(crate) kind: NodeKind,
    /// The bytes of a file.
    pub(crate) size: u64,
}

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NodeKind {
    File,
    Directory,
    Link,
    /// A block or character device, which only root can make.
    Device,
    Pipe,
    /// A socket, or what its file system could not name: restic makes none of it again.
    Unmade,
}

/// A line, as it is written. `struct_type` is what releases before 0.17 write alone.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Line {
    struct_type: String,
    message_type: String,
    #[serde(rename = "type")]
    kind: String,
    path: String,
    size: u64,
}

impl Restic {
    /// Gives each line of the list to `each`, and ends it when that fails or `stop` says so; whether it came to its end.
    pub(crate) fn list(
        &self,
        id: &str,
        stop: &dyn Fn() -> bool,
        each: &mut dyn FnMut(Listed) -> Result<(), Failure>,
    ) -> Result<bool, Failure> {
        let doing = format!("listing a snapshot in {}", printable_name(self.repository().as_os_str()));
        let mut command = self.command(None);
        command.args(["--no-lock", "ls", "--json", "--", id]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let child = child.map_err(|error| Failure::disruption(format!("{PROGRAM} cannot be run: {error}"), ""))?;
        let mut lister = Lister { child };
        let (Some(out), Some(err)) = (lister.child.stdout.take(), lister.child.stderr.take()) else {
            return Err(Failure::bug("restic was started without pipes"));
        };
        let errors = thread::spawn(move || errors_of(err));
        if !self.read_lines(out, &doing, stop, each)? {
            return Ok(false);
        }
        let status = lister.wait(self.limit()).map_err(|error| Failure::disruption(format!("{doing}: {error}"), ""))?;
        let errors = errors.join().unwrap_or_default();
        if status.success() { Ok(true) } else { Err(refusals::of_end(&doing, status, &errors)) }
    }

    fn read_lines(
        &self,
        mut out: ChildStdout,
        doing: &str,
        stop: &dyn Fn() -> bool,
        each: &mut dyn FnMut(Listed) -> Result<(), Failure>,
    ) -> Result<bool, Failure> {
        let failed = |error: io::Error| Failure::disruption(format!("{doing}: {error}"), "");
        let (mut line, mut piece, mut moved) = (Vec::new(), vec![0; 64 << 10], Instant::now());
        loop {
            if stop() {
                return Ok(false);
            }
            match poll(&mut [PollFd::new(&out.as_fd(), PollFlags::IN)], Some(&POLL_INTERVAL)) {
                Ok(0) | Err(Errno::INTR) if moved.elapsed() < self.limit() => continue,
                Ok(0) | Err(Errno::INTR) => {
                    let cause = format!("{doing} brought nothing for {} s", self.limit().as_secs());
                    return Err(Failure::disruption(cause, "see the disk that the repository is on"));
                }
                Ok(_) => {}
                Err(error) => return Err(failed(error.into())),
            }
            let count = out.read(&mut piece).map_err(failed)?;
            moved = Instant::now();
            if count == 0 {
                return Ok(true);
            }
            for byte in &piece[..count] {
                if *byte != b'\n' {
                    line.push(*byte);
                } else if let Some(listed) = parse(&std::mem::take(&mut line))? {
                    each(listed)?;
                }
            }
            if line.len() > MAX_LINE_LEN {
                return Err(answer::unknown("a line without an end"));
            }
        }
    }
}

/// Ended when this is dropped.
struct Lister {
    child: Child,
}

impl Lister {
    fn wait(&mut self, limit: Duration) -> io::Result<ExitStatus> {
        let began = Instant::now();
        loop {
            match self.child.try_wait()? {
                Some(status) => return Ok(status),
                None if began.elapsed() >= limit => return Err(io::ErrorKind::TimedOut.into()),
                None => thread::sleep(Duration::from_millis(2)),
            }
        }
    }
}

impl Drop for Lister {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            // What cannot be killed is gone.
            let _gone: io::Result<()> = self.child.kill();
            let _reaped: io::Result<ExitStatus> = self.child.wait();
        }
    }
}

/// The beginning of what it says beside the list; the rest is read all the same, since it would wait for that.
fn errors_of(mut err: ChildStderr) -> String {
    let mut said = Vec::new();
    // What could not be read of it is missing from a sentence, and its exit status counts all the same.
    let _cut: io::Result<usize> = (&mut err).take(MAX_ERRORS_LEN).read_to_end(&mut said);
    let _rest: io::Result<u64> = io::copy(&mut err, &mut io::sink());
    String::from_utf8_lossy(&said).into_owned()
}

fn parse(line: &[u8]) -> Result<Option<Listed>, Failure> {
    let unknown = |_| answer::unknown(&String::from_utf8_lossy(line));
    if line.trim_ascii().is_empty() {
        return Ok(None);
    }
    let found: Line = serde_json::from_slice(line).map_err(unknown)?;
    let what = if found.struct_type.is_empty() { &found.message_type } else { &found.struct_type };
    match what.as_str() {
        "snapshot" => serde_json::from_slice(line).map(|snapshot| Some(Listed::Snapshot(snapshot))).map_err(unknown),
        "node" => {
            let kind = match found.kind.as_str() {
                "file" => NodeKind::File,
                "dir" => NodeKind::Directory,
                "symlink" => NodeKind::Link,
                "dev" | "chardev" => NodeKind::Device,
                "fifo" => NodeKind::Pipe,
                _ => NodeKind::Unmade,
            };
            Ok(Some(Listed::Node(Node { path: found.path, kind, size: found.size })))
        }
        // Kinds that a newer restic adds are of no interest.
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    #[test]
    fn lines_of_both_generations_are_read_and_what_is_none_is_refused() {
        for line in [
            r#"{"name":"a","type":"file","path":"/t/a","size":5,"mode":420,"struct_type":"node"}"#,
            r#"{"name":"a","type":"file","path":"/t/a","size":5,"message_type":"node"}"#,
        ] {
            let Some(Listed::Node(node)) = parse(line.as_bytes()).unwrap() else { panic!("{line}") };
            assert_eq!(node, Node { path: "/t/a".to_owned(), kind: NodeKind::File, size: 5 });
        }
        assert!(parse(b"").unwrap().is_none() && parse(br#"{"message_type":"new"}"#).unwrap().is_none());
        let snapshot = r#"{"time":"2026-11-23T02:17:00Z","paths":["/t"],"id":"ab","struct_type":"snapshot"}"#;
        assert!(matches!(parse(snapshot.as_bytes()).unwrap(), Some(Listed::Snapshot(found)) if found.id == "ab"));
        for strange in [&b"{"[..], b"\xff", b"7", br#"{"struct_type":"snapshot"}"#] {
            assert!(parse(strange).unwrap_err().cause.contains("does not know"));
        }
    }
}
