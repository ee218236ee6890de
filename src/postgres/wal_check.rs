//! Reading the WAL that a backup needs, record by record, as pg_verifybackup does: through `pg_waldump` of that version
//! (`src/bin/pg_verifybackup/pg_verifybackup.c`, `parse_required_wal`).
//!
//! Promises: it ends soon after it is asked to; what the program prints is kept short and printable. Never: it writes
//! to the WAL, or reports WAL as read which was not.

use super::{account::Account, binaries::Binaries, manifest::WalRange};
use crate::domain::instance::printable;
use std::{
    io::{self, Read},
    path::Path,
    process::{Child, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::Duration,
};

/// What came of the reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WalReading {
    /// Every record of every range was read.
    Whole,
    /// A record cannot be read; what the program reports about it.
    Damaged(String),
    /// It was stopped.
    Stopped,
}

/// How often it is looked whether we must stop.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// The same for whether a program that has closed its output is gone; Linux before 5.3 has no other way.
const END_INTERVAL: Duration = Duration::from_millis(2);

/// The bytes of complaint that are kept; a damaged record takes one line.
const MAX_COMPLAINT: u64 = 4096;

/// Reads these ranges in `directory`, the cluster's `pg_wal`.
pub fn read(
    ranges: &[WalRange],
    directory: &Path,
    account: &Account,
    binaries: &Binaries,
    stop_requested: &dyn Fn() -> bool,
) -> io::Result<WalReading> {
    for range in ranges {
        let mut command = account.command(binaries.directory().join("pg_waldump"));
        command.arg("--quiet").arg("--path").arg(directory);
        command.arg(format!("--timeline={}", range.timeline));
        command.arg(format!("--start={}", range.start)).arg(format!("--end={}", range.end));
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let mut complaint = String::new();
        let stderr = child.stderr.take();
        let (said_all, silence) = mpsc::channel::<()>();
        let reader = thread::spawn(move || -> io::Result<Vec<u8>> {
            // Dropped at the end of what the program prints, which is its own end.
            let _said_all = said_all;
            let mut text = Vec::new();
            if let Some(stderr) = stderr {
                stderr.take(MAX_COMPLAINT).read_to_end(&mut text)?;
            }
            Ok(text)
        });
        let Some(status) = wait(&mut child, &silence, stop_requested)? else { return Ok(WalReading::Stopped) };
        if let Ok(text) = reader.join() {
            complaint = String::from_utf8_lossy(&text?).into_owned();
        }
        if !status.success() {
            let line = complaint.lines().find(|line| line.contains("error")).unwrap_or(complaint.trim());
            let line = line.split_once("error: ").map_or(line, |(_, text)| text);
            let said = if line.is_empty() { format!("pg_waldump ended with {status}") } else { printable(line) };
            return Ok(WalReading::Damaged(said));
        }
    }
    Ok(WalReading::Whole)
}

/// The status that the program ended with; `None` when it was ended because we must stop.
fn wait(
    child: &mut Child,
    silence: &Receiver<()>,
    stop_requested: &dyn Fn() -> bool,
) -> io::Result<Option<ExitStatus>> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if stop_requested() {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        if silence.recv_timeout(POLL_INTERVAL) == Err(RecvTimeoutError::Disconnected) {
            thread::sleep(END_INTERVAL);
        }
    }
}
