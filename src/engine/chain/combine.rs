//! `pg_combinebackup` at work: started, watched, and ended with the attempt.
//!
//! Promises: it runs in the attempt's own process group; a stop ends it at once; one that brings nothing for too long is a
//! disruption. Never: works beside another of the same directory: as long as it lives, in whatever way, it has the
//! directory's lock.

use super::{PROGRAM, members::Chain, staged};
use crate::{
    domain::{Failure, instance::printable},
    engine::{
        Halt, Observer,
        at_target::at_target,
        source::errors::{Backup, DAMAGED},
    },
    postgres::{account::Account, manifest::Algorithm},
};
use rustix::io::Errno;
use std::{
    ffi::OsString,
    fs::{self, File},
    io,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

/// How often it is looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// What is to be put together.
pub(super) struct Order<'a> {
    pub(super) program: &'a Path,
    /// The full backup first.
    pub(super) directories: &'a [PathBuf],
    pub(super) staging: &'a Path,
    pub(super) chain: &'a Chain,
}

/// Killed when this is dropped.
struct Running(Child);

/// A killed program goes at once, unless it waits for a disk that does not answer.
const KILL_TIMEOUT: Duration = Duration::from_secs(5);

impl Drop for Running {
    fn drop(&mut self) {
        // What cannot be killed is gone.
        let _gone: io::Result<()> = self.0.kill();
        let killed = Instant::now();
        while matches!(self.0.try_wait(), Ok(None)) && killed.elapsed() < KILL_TIMEOUT {
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Puts the backups together. `lock` is the file that the program writes what it has to say to.
pub(super) fn run(order: &Order<'_>, lock: File, stall: Duration, observer: &dyn Observer) -> Result<(), Halt> {
    let mut command = command(order)?;
    let other = lock.try_clone().map_err(|error| at_target("open", &staged::said(order.staging), &error))?;
    command.stdout(Stdio::from(other)).stderr(Stdio::from(lock));
    observer.log(&format!("{PROGRAM} puts {} backups together", order.directories.len()));
    let started = command.spawn();
    let mut running = Running(started.map_err(|error| cannot_run(order.program, &error))?);
    let (mut moved, mut came) = (Instant::now(), None);
    let status = loop {
        if let Some(status) = running.0.try_wait().map_err(|error| cannot_run(order.program, &error))? {
            break status;
        }
        if observer.stop_requested() {
            return Err(Halt::Stopped);
        }
        let now = transferred(running.0.id());
        if now.is_none() || now != came {
            (moved, came) = (Instant::now(), now);
        } else if moved.elapsed() >= stall {
            let cause = format!("{PROGRAM} has read and written nothing for {} s", stall.as_secs());
            return Err(Failure::disruption(cause, "look at the disks of the repository and of the target").into());
        }
        thread::sleep(POLL_INTERVAL);
    };
    if status.success() { Ok(()) } else { Err(why(order, status).into()) }
}

fn cannot_run(program: &Path, error: &io::Error) -> Failure {
    Failure::disruption(format!("{} cannot be run: {error}", program.display()), "")
}

fn command(order: &Order<'_>) -> Result<Command, Failure> {
    // What it writes is read by this process alone, and given to its owner when it is copied.
    let mut command = Account::own()?.command(order.program);
    command.args(order.directories).arg("-o").arg(staged::combined(order.staging)).arg("--no-sync");
    // A result without checksums could not be verified.
    let wanted = [Algorithm::Sha224, Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512];
    let kept = wanted.into_iter().find(|algorithm| algorithm.name() == order.chain.checksum);
    command.arg(format!("--manifest-checksums={}", kept.unwrap_or(Algorithm::Crc32c).name()));
    for (from, to) in tablespaces(order)? {
        let mut mapping = escaped(&from);
        mapping.push("=");
        mapping.push(escaped(&to));
        command.arg("-T").arg(mapping);
    }
    Ok(command)
}

/// Where the tablespaces of the newest backup lie, and where those of the result go.
fn tablespaces(order: &Order<'_>) -> Result<Vec<(PathBuf, PathBuf)>, Failure> {
    let Some(newest) = order.directories.last() else { return Ok(Vec::new()) };
    let directory = newest.join("pg_tblspc");
    let failed = |error: io::Error| Backup::at(newest).failure("list", &directory, &error);
    let mut found = Vec::new();
    let entries = match fs::read_dir(&directory) {
        // A tool that carries files alone has lost it: there were none.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        entries => entries.map_err(failed)?,
    };
    for entry in entries {
        let entry = entry.map_err(failed)?;
        if entry.file_type().map_err(failed)?.is_symlink() {
            let oid = entry.file_name().to_string_lossy().into_owned();
            let lies = fs::read_link(entry.path()).map_err(failed)?;
            found.push((lies, staged::tablespace(order.staging, &oid)));
        }
    }
    Ok(found)
}

/// The option divides at the first `=` that has no backslash before it.
fn escaped(path: &Path) -> OsString {
    let bytes = path.as_os_str().as_bytes();
    let escaped = bytes.iter().flat_map(|byte| if *byte == b'=' { vec![b'\\', b'='] } else { vec![*byte] });
    OsString::from_vec(escaped.collect())
}

/// The bytes that a process has read and written, by `/proc/PID/io`.
fn transferred(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/io")).ok()?;
    let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.trim().parse::<u64>().ok());
    value("rchar:")?.checked_add(value("wchar:")?)
}

/// What its end means, by what still stands and by the last thing that it said.
fn why(order: &Order<'_>, status: ExitStatus) -> Failure {
    for directory in order.directories {
        let backup = Backup::at(directory);
        if backup.is_gone() {
            return backup.gone();
        }
    }
    let said = fs::read_to_string(staged::said(order.staging)).unwrap_or_default();
    let said = said.lines().rev().find(|line| line.contains("error:")).or_else(|| said.lines().last());
    let said = printable(said.unwrap_or_default()).trim().to_owned();
    let full = Errno::NOSPC;
    if said.contains(&text_of(full)) {
        return at_target("write", &staged::combined(order.staging), &full.into());
    }
    let cause = if said.is_empty() { format!("{PROGRAM}: {status}") } else { said };
    Failure::incurable(format!("the backups cannot be put together: {cause}"), DAMAGED)
}

/// What the C library says of an error, which is what the program prints.
fn text_of(errno: Errno) -> String {
    let text = io::Error::from_raw_os_error(errno.raw_os_error()).to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}
