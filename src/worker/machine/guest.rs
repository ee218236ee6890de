//! The guest of a restored machine: started, and listened to.
//!
//! Promises: "answered" is said of what its agent said, "says" of what it printed; where nothing was heard, that is said.
//! What comes from a guest is printable and short. Never: waits longer than the settings allow for a guest to be heard.

use super::Machine;
use crate::{
    domain::{Failure, instance::printable},
    engine::Halt,
    libvirt::{
        clone::{Clone, SERIAL_LOG},
        machine::Machine as Defined,
        virsh::Virsh,
    },
};
use rustix::fs::{Mode, OFlags};
use serde::Deserialize;
use std::{
    fs::File,
    io::{self, Read},
    path::Path,
    thread,
    time::{Duration, Instant},
};

/// A look takes a call or two of some tens of milliseconds each.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// What is read of a console's log: the first lines are the first sign of life.
const MAX_LOG: u64 = 64 << 10;

/// What is kept of what a guest says.
const MAX_SAID: usize = 120;

/// How often an agent is asked that does not answer: each question waits for some seconds.
const BETWEEN_QUESTIONS: Duration = Duration::from_secs(5);

/// What was heard of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Heard {
    /// Its agent has answered.
    Agent(String),
    /// It has printed a line.
    Serial(String),
    /// Nothing; why nothing could be, or for how long it was waited.
    Nothing(String),
}

/// How a machine stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Running {
    Yes,
    /// It is off.
    Off,
}

impl Heard {
    /// What shows that it runs: a clause.
    pub(super) fn answer(&self) -> String {
        match self {
            Self::Agent(said) => format!("its guest agent answered: {said}"),
            Self::Serial(said) => format!("its serial console says: {said}"),
            Self::Nothing(_) => "libvirt says so, and nothing was heard of its guest".to_owned(),
        }
    }
}

/// Starts it, unless it runs.
pub(super) fn start(machine: &Machine<'_>, virsh: &Virsh, defined: &Defined) -> Result<(), Halt> {
    let report = machine.report;
    let is_off = |state: &str| ["shut off", "crashed"].contains(&state);
    let earlier = |state: &str| report.done(&format!("an earlier attempt has started it; it is {state}"));
    let (state, _) = virsh.state(defined)?;
    if !is_off(&state) {
        earlier(&state);
        return Ok(());
    }
    if state == "crashed" {
        virsh.destroy(defined)?;
    }
    machine.go_on()?;
    match virsh.start(defined) {
        Ok(()) => report.done(&format!("{} runs", defined.name)),
        // The call of an attempt that was killed goes on in libvirt, and may have been the first.
        Err(refused) => match virsh.state(defined) {
            Ok((state, _)) if !is_off(&state) => earlier(&state),
            Ok(_) | Err(_) => return Err(refused.into()),
        },
    }
    Ok(())
}

/// Listens until something is heard of the guest, or it may not be waited for any longer.
pub(super) fn probe(machine: &Machine<'_>, virsh: &Virsh, defined: &Defined, clone: &Clone) -> Result<Heard, Halt> {
    let (began, limit) = (Instant::now(), machine.ticket.settings.start_timeout);
    let log = machine.order.directory.join(SERIAL_LOG);
    let mut asked: Option<Instant> = None;
    loop {
        machine.go_on()?;
        judge(virsh, defined, &log)?;
        if clone.heard.agent && asked.is_none_or(|asked| asked.elapsed() >= BETWEEN_QUESTIONS) {
            if let Some(said) = ask(virsh, defined)? {
                return Ok(Heard::Agent(said));
            }
            asked = Some(Instant::now());
        }
        let is_late = began.elapsed() >= limit;
        let (has_agent, said) = (clone.heard.agent, if clone.heard.serial { line(&log, is_late) } else { Ok(None) });
        match said {
            Ok(Some(said)) => return Ok(Heard::Serial(said)),
            Err(error) if !has_agent => return Ok(Heard::Nothing(format!("{SERIAL_LOG} cannot be read: {error}"))),
            // Its agent may be heard.
            Ok(None) | Err(_) => {}
        }
        if !has_agent && !clone.heard.serial {
            return Ok(Heard::Nothing("it has neither a guest agent's channel nor a serial console".to_owned()));
        }
        if is_late {
            return Ok(Heard::Nothing(format!("nothing was heard of it in {} s", limit.as_secs())));
        }
        thread::park_timeout(POLL_INTERVAL);
    }
}

/// Refuses a machine that does not run any more.
fn judge(virsh: &Virsh, defined: &Defined, log: &Path) -> Result<(), Failure> {
    let (state, reason) = virsh.state(defined)?;
    match running(&state, &reason, &defined.name, log)? {
        Running::Yes => Ok(()),
        Running::Off => Err(Failure::incurable(
            format!("{} was started and is off now ({reason})", defined.name),
            format!("see what it printed in {}, start it (virsh start), then retry", log.display()),
        )),
    }
}

fn running(state: &str, reason: &str, name: &str, log: &Path) -> Result<Running, Failure> {
    let cause = || format!("{name} is {state} ({reason})");
    match (state, reason) {
        ("running" | "idle" | "blocked" | "in shutdown", _) => Ok(Running::Yes),
        ("shut off", "shutdown" | "destroyed") => Ok(Running::Off),
        ("shut off" | "crashed", _) => {
            Err(Failure::disruption(cause(), format!("see QEMU's log of it, and {}", log.display())))
        }
        ("paused", "I/O error") => {
            Err(Failure::disruption(cause(), "see the disk of its images, then let it go on (virsh resume)"))
        }
        ("paused" | "pmsuspended", _) => Err(Failure::incurable(cause(), "let it go on (virsh resume), then retry")),
        _ => Err(Failure::disruption(cause(), "")),
    }
}

/// What the agent tells of its guest; `None` where none answers.
fn ask(virsh: &Virsh, defined: &Defined) -> Result<Option<String>, Failure> {
    /// What each answer has.
    #[derive(Deserialize)]
    #[serde(rename_all = "kebab-case")]
    struct Said {
        #[serde(rename = "return")]
        answer: Named,
    }
    /// The names in the answers to both questions.
    #[derive(Deserialize)]
    #[serde(rename_all = "kebab-case")]
    struct Named {
        host_name: Option<String>,
        pretty_name: Option<String>,
    }
    if virsh.agent(defined, r#"{"execute":"guest-ping"}"#)?.is_none() {
        return Ok(None);
    }
    let named = |command: &str| -> Result<Option<String>, Failure> {
        let answer = virsh.agent(defined, command)?;
        let said = answer.and_then(|answer| serde_json::from_str::<Said>(&answer).ok());
        Ok(said.and_then(|said| said.answer.host_name.or(said.answer.pretty_name)))
    };
    let host = named(r#"{"execute":"guest-get-host-name"}"#)?;
    let system = named(r#"{"execute":"guest-get-osinfo"}"#)?;
    let said = [host, system].into_iter().flatten().collect::<Vec<_>>().join(", ");
    Ok(Some(if said.is_empty() { "it is there".to_owned() } else { short(&said) }))
}

/// The first line of a log in which something can be read; one without an end counts when nothing more is to come.
fn line(log: &Path, is_last: bool) -> io::Result<Option<String>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::open(log, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(rustix::io::Errno::NOENT) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut bytes = Vec::new();
    file.take(MAX_LOG).read_to_end(&mut bytes)?;
    let whole =
        if is_last { bytes.len() } else { bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1) };
    let text = String::from_utf8_lossy(&bytes[..whole]);
    let said = text.split(['\n', '\r']).map(str::trim);
    Ok(said.filter(|line| line.chars().any(char::is_alphanumeric)).map(short).next())
}

/// Printable, and no longer than a line.
fn short(said: &str) -> String {
    let said = printable(said.trim());
    if said.chars().count() <= MAX_SAID { said } else { said.chars().take(MAX_SAID - 1).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use crate::domain::FailureClass;

    #[test]
    fn the_first_line_that_says_something_is_heard() {
        let place = tempfile::tempdir().unwrap();
        let log = place.path().join("log");
        assert_eq!(line(&log, true).unwrap(), None);
        for (text, is_last, wanted) in [
            ("", true, None),
            ("\r\n \r\n\u{1b}[\u{7}", true, None),
            ("\r\n--\r\nlogin", false, None),
            ("\r\n--\r\nlogin", true, Some("login")),
            ("SeaBIOS\r\nI am a\r\n", false, Some("SeaBIOS")),
            ("\u{1b}[2Ja\u{202e}b\n", false, Some("\\u{1b}[2Ja\\u{202e}b")),
        ] {
            std::fs::write(&log, text).unwrap();
            assert_eq!(line(&log, is_last).unwrap().as_deref(), wanted, "{text:?}");
        }
        std::fs::write(&log, "x".repeat(1 << 20)).unwrap();
        assert_eq!(line(&log, true).unwrap().unwrap().chars().count(), MAX_SAID);
        std::os::unix::fs::symlink(&log, place.path().join("link")).unwrap();
        assert!(line(&place.path().join("link"), true).is_err());
    }

    #[test]
    fn a_machine_that_does_not_run_is_no_success() {
        for (state, reason, wanted) in [
            ("running", "booted", Ok(Running::Yes)),
            ("shut off", "shutdown", Ok(Running::Off)),
            ("shut off", "destroyed", Ok(Running::Off)),
            ("shut off", "crashed", Err(FailureClass::Disruption)),
            ("shut off", "failed", Err(FailureClass::Disruption)),
            ("crashed", "panicked", Err(FailureClass::Disruption)),
            ("paused", "I/O error", Err(FailureClass::Disruption)),
            ("paused", "user", Err(FailureClass::Incurable)),
        ] {
            let found = running(state, reason, "a", Path::new("/log")).map_err(|failure| failure.class);
            assert_eq!(found, wanted, "{state} {reason}");
        }
    }

    #[test]
    fn what_was_not_heard_is_not_called_an_answer() {
        assert!(!Heard::Nothing("x".to_owned()).answer().contains("answered"));
        assert_eq!(Heard::Serial("I am a".to_owned()).answer(), "its serial console says: I am a");
    }
}
