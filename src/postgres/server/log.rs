//! What a server logs on its standard error: how far replay is, and why it gave up.
//!
//! Promises: reads only what was added since, in bounded memory, and hides passwords in what it passes on.
//! Never: judges; [`super::classify`] does.

use crate::domain::Lsn;
use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

/// The prefix that the isolated server puts before each line: time, pid, SQLSTATE.
pub const PREFIX: &str = "%m [%p] %e ";

/// At most so much of a log is taken in one look, and so much of one unfinished line is kept: a server that floods its
/// log must not take our memory.
const TAIL_LEN: u64 = 256 * 1024;

/// The log of one server, from where it began.
#[derive(Debug)]
pub struct ServerLog {
    path: PathBuf,
    offset: u64,
    rest: Vec<u8>,
    position: Option<Lsn>,
    stopping: Option<String>,
    weighty: Option<(String, String)>,
    first_cause: Option<(String, String)>,
}

impl ServerLog {
    /// The log in this file, from its present end on.
    pub fn from_end_of(path: &Path) -> io::Result<Self> {
        let offset = match std::fs::metadata(path) {
            Ok(found) => found.len(),
            Err(e) if e.kind() == io::ErrorKind::NotFound => 0,
            Err(e) => return Err(e),
        };
        let (rest, path) = (Vec::new(), path.to_owned());
        Ok(Self { path, offset, rest, position: None, stopping: None, weighty: None, first_cause: None })
    }

    /// Takes in what was added; returns whether anything was.
    pub fn poll(&mut self) -> io::Result<bool> {
        let before = self.offset;
        loop {
            let mut file = File::open(&self.path)?;
            file.seek(SeekFrom::Start(self.offset))?;
            let mut added = Vec::new();
            let count = file.take(TAIL_LEN).read_to_end(&mut added)?;
            if count == 0 {
                return Ok(self.offset != before);
            }
            self.offset += count as u64;
            self.rest.extend_from_slice(&added);
            while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                self.take_line(&String::from_utf8_lossy(&line));
            }
            if u64::try_from(self.rest.len()).is_ok_and(|kept| kept > TAIL_LEN) {
                self.rest.clear();
            }
        }
    }

    /// Where replay stands, as far as the log shows.
    pub fn position(&self) -> Option<Lsn> {
        self.position
    }

    /// Why recovery stops before the WAL ends, as the server logs it: `before commit of transaction 745, time ...`
    /// (`xlogrecovery.c`, `recoveryStopsBefore` and `recoveryStopsAfter`).
    pub fn stopping(&self) -> Option<&str> {
        self.stopping.as_deref()
    }

    /// SQLSTATE (empty where the log does not have it) and text of what ended the server, masked.
    pub fn last_words(&self) -> Option<(&str, &str)> {
        let said = self.weighty.as_ref().or(self.first_cause.as_ref())?;
        Some((&said.0, &said.1))
    }

    fn take_line(&mut self, line: &str) {
        for mark in ["redo starts at ", "current LSN: ", "redo done at "] {
            if let Some((_, rest)) = line.split_once(mark) {
                let word: String = rest.chars().take_while(|c| c.is_ascii_hexdigit() || *c == '/').collect();
                self.position = word.parse().ok().or(self.position);
            }
        }
        if let Some((_, why)) = line.split_once("LOG:  recovery stopping ") {
            self.stopping = Some(why.trim().to_owned());
        }
        if self.first_cause.is_some() {
            // What comes after a child was killed is only the shutdown that follows from it.
            return;
        }
        if let Some((before, text)) = ["FATAL:", "PANIC:"].iter().find_map(|level| line.split_once(level)) {
            self.weighty = Some((state(before), mask(text.trim())));
        } else if line.contains(" was terminated by ") {
            let (before, text) = line.split_once("LOG:").unwrap_or(("", line));
            self.first_cause = Some((state(before), mask(text.trim())));
        }
    }
}

/// The SQLSTATE at the end of our prefix; empty when the prefix is not ours. `00000` means that none applies.
fn state(before: &str) -> String {
    let word = before.trim_end().rsplit(' ').next().unwrap_or_default();
    let is_state = word.len() == 5 && word.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    if is_state && word != "00000" { word.to_owned() } else { String::new() }
}

/// The text with every password of a connection string hidden.
pub fn mask(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    // ASCII only changes its case in place, so offsets in the lower-case copy hold in the text.
    while let Some(found) = rest.to_ascii_lowercase().find("password") {
        let (before, from) = rest.split_at(found + "password".len());
        out.push_str(before);
        let value = from.trim_start().strip_prefix('=').map(str::trim_start);
        rest = match value {
            Some(value) => {
                out.push_str("=***");
                &value[secret_length(value)..]
            }
            None => from,
        };
    }
    out.push_str(rest);
    mask_addresses(&out)
}

/// The length of a conninfo value: quoted with (possibly doubled) quotes and backslashes, or up to white space.
fn secret_length(value: &str) -> usize {
    let quotes = value.len() - value.trim_start_matches('\'').len();
    if quotes == 0 {
        return value.find(|c: char| c.is_whitespace() || c == '\'' || c == '"').unwrap_or(value.len());
    }
    let mut escaped = false;
    for (at, c) in value.char_indices().skip(quotes) {
        match c {
            '\\' if !escaped => escaped = true,
            '\'' if !escaped => return at + (value.len() - at).min(quotes),
            _ => escaped = false,
        }
    }
    value.len()
}

/// `postgres://user:secret@host` with the secret hidden.
fn mask_addresses(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(found) = rest.find("://") {
        let (before, from) = rest.split_at(found + 3);
        out.push_str(before);
        let end = from.find(|c: char| c.is_whitespace() || c == '\'' || c == '"').unwrap_or(from.len());
        let (address, after) = from.split_at(end);
        match address.rsplit_once('@').and_then(|(who, host)| Some((who.split_once(':')?.0, host))) {
            Some((user, host)) => out.extend([user, ":***@", host]),
            None => out.push_str(address),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use std::io::Write;

    #[test]
    fn a_log_tells_position_and_last_words_from_where_it_began() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("output.log");
        std::fs::write(&path, "old FATAL:  not ours\n").unwrap();
        let mut log = ServerLog::from_end_of(&path).unwrap();
        assert!(!log.poll().unwrap());
        assert_eq!(log.last_words(), None);
        let mut file = File::options().append(true).open(&path).unwrap();
        writeln!(file, "2026-11-20 14:00:00.000 UTC [7] 00000 LOG:  redo starts at 0/2000028").unwrap();
        write!(file, "2026-11-20 14:00:01.000 UTC [7] 00000 LOG:  redo in progress, elapsed time: 1.00 s, ").unwrap();
        assert!(log.poll().unwrap());
        assert_eq!(log.position(), Some(Lsn(0x200_0028)));
        writeln!(file, "current LSN: 0/3ABCDEF0").unwrap();
        writeln!(file, "2026-11-20 14:00:02.000 UTC [7] 00000 LOG:  recovery stopping after reaching consistency")
            .unwrap();
        writeln!(file, "2026-11-20 14:00:02.000 UTC [7] 58P01 FATAL:  could not access file \"x\"").unwrap();
        writeln!(file, "2026-11-20 14:00:02.000 UTC [6] 00000 LOG:  startup process (PID 7) exited with exit code 1")
            .unwrap();
        assert!(log.poll().unwrap());
        assert_eq!(log.position(), Some(Lsn(0x3ABC_DEF0)));
        assert_eq!(log.stopping(), Some("after reaching consistency"));
        assert_eq!(log.last_words(), Some(("58P01", "could not access file \"x\"")));
    }

    #[test]
    fn a_killed_child_is_the_cause_when_nothing_else_was_said() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let mut log = ServerLog::from_end_of(&path).unwrap();
        std::fs::write(&path, "t [6] 00000 LOG:  startup process (PID 12) was terminated by signal 9: Killed\n")
            .unwrap();
        log.poll().unwrap();
        assert_eq!(log.last_words(), Some(("", "startup process (PID 12) was terminated by signal 9: Killed")));
    }

    #[test]
    fn no_password_gets_through() {
        for (text, masked) in [
            ("host=a password=geheim user=b", "host=a password=*** user=b"),
            ("password = 'ge h\\'eim' user=b", "password=*** user=b"),
            (
                "primary_conninfo = 'host=a PASSWORD=''ge heim'' user=b'",
                "primary_conninfo = 'host=a PASSWORD=*** user=b'",
            ),
            ("'host=a password=geheim'", "'host=a password=***'"),
            ("to postgresql://me:ge:heim@db:5432/x and", "to postgresql://me:***@db:5432/x and"),
            ("password authentication failed", "password authentication failed"),
            ("see https://www.postgresql.org", "see https://www.postgresql.org"),
            ("password='never ends", "password=***"),
        ] {
            assert_eq!(mask(text), masked);
        }
    }
}
