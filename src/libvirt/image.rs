//! `qemu-img` and the files that QEMU has written.
//!
//! Promises: the file of an increment rests on that of the point before it and on nothing else when it is called sealed;
//! QEMU leaves it resting on the machine's live disk, whose data changes.

use super::wording::{self, Meaning};
use crate::{
    domain::{Failure, instance::printable},
    postgres::command_output::{CommandAnswer, CommandError, command_answer},
};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::{
    fmt::Write as _,
    io,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

const PROGRAM: &str = "qemu-img";

/// It reads and writes headers alone.
const LIMIT: Duration = Duration::from_mins(1);

/// How long a file may stay locked that QEMU is done with: some tens of milliseconds, more on a busy machine.
const LOCKED: Duration = Duration::from_secs(5);

const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// What `qemu-img info --output=json` says.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Info {
    format: String,
    virtual_size: u64,
    backing_filename: Option<String>,
    backing_filename_format: Option<String>,
}

/// Lets the file of an increment rest on that of the point before.
pub(crate) fn rebase(file: &Path, backing: &str) -> Result<(), Failure> {
    let options = ["rebase", "-u", "-f", "qcow2", "-F", "qcow2", "-b", backing];
    run(file, &options).map(drop)
}

/// Refuses a file that is not what it is to be.
pub(crate) fn check(file: &Path, capacity: u64, backing: Option<&str>) -> Result<(), Failure> {
    let said = run(file, &["info", "-f", "qcow2", "--output=json"])?;
    let info: Info = serde_json::from_str(&said)
        .map_err(|error| Failure::bug(format!("what {PROGRAM} says of {} cannot be read: {error}", file.display())))?;
    let is_right = info.format == "qcow2"
        && info.virtual_size == capacity
        && info.backing_filename.as_deref() == backing
        && info.backing_filename_format.as_deref() == backing.map(|_| "qcow2");
    if is_right {
        return Ok(());
    }
    let cause = format!(
        "{} is not the file that was to be made: {} of {} bytes, resting on {}",
        file.display(),
        info.format,
        info.virtual_size,
        info.backing_filename.as_deref().unwrap_or("nothing")
    );
    Err(Failure::disruption(cause, "see whether something else writes there"))
}

/// The SHA-256 of a text, in hexadecimal digits.
pub(crate) fn sha256_of(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}

/// A digest in hexadecimal digits.
pub(crate) fn hex(digest: &[u8]) -> String {
    let mut hex = String::with_capacity(digest.len() * 2);
    for byte in digest {
        write!(hex, "{byte:02x}").expect("a string takes all that is written to it");
    }
    hex
}

/// Runs it on a file. QEMU gives a file back a moment after it has said that it is done with it.
fn run(file: &Path, options: &[&str]) -> Result<String, Failure> {
    let began = Instant::now();
    loop {
        let answer = answer(file, options)?;
        if answer.status.success() {
            return Ok(answer.stdout);
        }
        let said = printable(answer.stderr.lines().next().unwrap_or_default());
        if wording::meaning(&said) != Some(Meaning::Locked) || began.elapsed() >= LOCKED {
            return Err(wording::failure(&format!("{PROGRAM} with {}", file.display()), &said));
        }
        thread::park_timeout(POLL_INTERVAL);
    }
}

fn answer(file: &Path, options: &[&str]) -> Result<CommandAnswer, Failure> {
    let mut command = Command::new(PROGRAM);
    command.args(options).arg("--").arg(file).env("LC_ALL", "C");
    command_answer(&mut command, LIMIT).map_err(|error| match error {
        CommandError::Unstarted(cause) if cause.kind() == io::ErrorKind::NotFound => {
            let cause = format!("{PROGRAM} is not on this machine");
            Failure::incurable(cause, "install it (package qemu-utils)")
        }
        error @ (CommandError::Unstarted(_) | CommandError::Late(_) | CommandError::Failed(_)) => {
            Failure::disruption(format!("{PROGRAM}: {error}"), "see the disk of the repository")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_written_as_others_write_it() {
        let wanted = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256_of("abc"), wanted);
    }
}
