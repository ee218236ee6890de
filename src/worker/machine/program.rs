//! `qemu-img` at work on images of a restore's own.
//!
//! Promises: it ends with the attempt, in whatever way that ends; what it had not finished is not called so. It is given
//! names in the directory alone.

use super::Machine;
use crate::{
    domain::{Failure, instance::printable},
    engine::{Halt, Observer},
    libvirt::wording,
};
use std::{
    io::{self, Read},
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{RecvTimeoutError, sync_channel},
    thread,
    time::Duration,
};

const PROGRAM: &str = "qemu-img";

/// How often it is looked whether the attempt is to stop.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Why it failed stands in the first bytes of what it says.
const MAX_SAID: usize = 16 << 10;

/// The status of `qemu-img check` for an image that can be read, in which clusters are taken that nothing uses
/// (qemu-img(1)).
const LEAKS: i32 = 3;

/// Ended when this is dropped.
struct Running(Child);

/// How it ended, and what it had to say.
struct Answer {
    status: ExitStatus,
    said: String,
}

/// Lets a file rest on another one of the directory.
pub(super) fn rebase(machine: &Machine<'_>, directory: &Path, file: &str, backing: &str) -> Result<(), Halt> {
    let options = ["rebase", "-u", "-f", "qcow2", "-F", "qcow2", "-b", backing, file];
    succeeded(&run(machine, directory, &options, &mut |_| {})?, &options)
}

/// Puts all between two files of a chain, the upper one included, into the lower one. `hear` gets the share that is done
/// in hundredths of a percent.
pub(super) fn commit(
    machine: &Machine<'_>,
    directory: &Path,
    (top, base): (&str, &str),
    hear: &mut dyn FnMut(u16),
) -> Result<(), Halt> {
    let options = ["commit", "-p", "-f", "qcow2", "-d", "-b", base, top];
    succeeded(&run(machine, directory, &options, hear)?, &options)
}

/// Whether the tables of an image are right, once what nothing uses was given back.
pub(super) fn check(machine: &Machine<'_>, directory: &Path, file: &str) -> Result<bool, Halt> {
    let options = ["check", "-q", "-f", "qcow2", "-r", "leaks", file];
    let answer = run(machine, directory, &options, &mut |_| {})?;
    match answer.status.code() {
        Some(0 | LEAKS) => Ok(true),
        // Of tables that are far from right it says that it cannot check them.
        Some(_) => Ok(false),
        None => succeeded(&answer, &options).map(|()| false),
    }
}

fn succeeded(answer: &Answer, options: &[&str]) -> Result<(), Halt> {
    if answer.status.success() {
        return Ok(());
    }
    let doing = format!("{PROGRAM} {}", options.join(" "));
    if let Some(signal) = answer.status.signal() {
        let cause = format!("{doing} was ended by signal {signal}");
        return Err(Failure::disruption(cause, "see whether memory is short").into());
    }
    Err(wording::failure(&doing, &printable(answer.said.trim())).into())
}

fn run(machine: &Machine<'_>, directory: &Path, options: &[&str], hear: &mut dyn FnMut(u16)) -> Result<Answer, Halt> {
    machine.report.log(&format!("running {PROGRAM} {}", options.join(" ")));
    let mut command = Command::new(PROGRAM);
    command.args(options).current_dir(directory).env("LC_ALL", "C");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = Running(command.spawn().map_err(|error| unstarted(&error))?);
    let (out, err) = (child.0.stdout.take(), child.0.stderr.take());
    let (sender, pieces) = sync_channel::<Vec<u8>>(16);
    let errors = thread::spawn(move || {
        let mut said = Vec::new();
        // Nobody else can read it; what it could not read is not said.
        let _torn = err.map(|mut err| err.read_to_end(&mut said));
        said.truncate(MAX_SAID);
        String::from_utf8_lossy(&said).into_owned()
    });
    thread::spawn(move || {
        let Some(mut out) = out else { return };
        let mut piece = [0; 512];
        while let Ok(count @ 1..) = out.read(&mut piece) {
            if sender.send(piece[..count].to_vec()).is_err() {
                return;
            }
        }
    });
    loop {
        machine.go_on()?;
        match pieces.recv_timeout(POLL_INTERVAL) {
            Ok(piece) => {
                if let Some(share) = share(&String::from_utf8_lossy(&piece)) {
                    hear(share);
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    let failed = |error: io::Error| Failure::disruption(format!("{PROGRAM}: {error}"), "");
    let status = child.0.wait().map_err(failed)?;
    let said = errors.join().unwrap_or_default();
    Ok(Answer { status, said })
}

fn unstarted(error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::NotFound {
        let cause = format!("{PROGRAM} is not on this machine");
        return Failure::incurable(cause, "install it (package qemu-utils)");
    }
    Failure::disruption(format!("{PROGRAM} cannot be run: {error}"), "")
}

/// The last share in what it prints: `    (12.34/100%)`.
fn share(text: &str) -> Option<u16> {
    let (before, _) = text.rsplit_once("/100%")?;
    let (_, number) = before.rsplit_once('(')?;
    let (whole, part) = number.split_once('.')?;
    let (whole, part) = (whole.parse::<u16>().ok()?, part.get(..2)?.parse::<u16>().ok()?);
    Some((whole.checked_mul(100)? + part).min(10_000))
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            // What cannot be signalled is gone.
            let _gone: io::Result<()> = self.0.kill();
            let _reaped: io::Result<ExitStatus> = self.0.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_read_wherever_the_pieces_end() {
        for (text, wanted) in [
            ("    (0.00/100%)\r", Some(0)),
            ("    (1.04/100%)\r    (2.13/100%)\r    (3.", Some(213)),
            ("    (100.00/100%)\r\n", Some(10_000)),
            ("(99999.00/100%)", None),
            ("0/100%)\r    (7.12/1", None),
            ("Image committed.", None),
        ] {
            assert_eq!(share(text), wanted, "{text}");
        }
    }
}
