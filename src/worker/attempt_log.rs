//! An attempt's own log, `output.log`: what it decides and does, between the raw output of the programs that it runs.
//!
//! Promises: a line begins with the time of day in UTC and is one write; foreign text in it is printable, and passwords
//! of connection strings are hidden; lines that could not be written are counted in the next one that can. Never: fails
//! an attempt, or touches what a program has written.

use crate::{
    domain::{Timestamp, instance::printable, quantity::many},
    postgres::server::log::mask,
    private_file,
};
use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// The log of one attempt.
pub(super) struct AttemptLog {
    path: PathBuf,
    file: Option<File>,
    /// The day of the last line: a time of day alone would be ambiguous in an attempt of days.
    day: String,
    lost: u64,
}

impl AttemptLog {
    /// The log of the attempt in this directory; it is opened with its first line.
    pub(super) fn of(attempt_dir: &Path) -> Self {
        Self { path: attempt_dir.join("output.log"), file: None, day: String::new(), lost: 0 }
    }

    /// Adds a line.
    pub(super) fn say(&mut self, at: Timestamp, sentence: &str) {
        let (day, time) = (at.strftime("%F").to_string(), at.strftime("%TZ"));
        let mut lines = Vec::new();
        if self.lost > 0 {
            // The last of them may have been cut short.
            lines.push(format!("\n{time} {} could not be written here\n", many(self.lost, "line")));
        }
        if day != self.day {
            lines.push(format!("{time} it is {day}, and times are UTC\n"));
        }
        lines.push(format!("{time} {}\n", mask(&printable(sentence))));
        match self.write(lines.concat().as_bytes()) {
            Ok(()) => (self.day, self.lost) = (day, 0),
            Err(_) => self.lost += 1,
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut file = match self.file.take() {
            Some(file) => file,
            None => private_file::open(&self.path, OpenOptions::new().append(true).create(true))?,
        };
        let written = file.write_all(bytes);
        self.file = Some(file);
        written
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_line_has_its_time_is_printable_and_holds_no_password() {
        let directory = tempfile::tempdir().unwrap();
        let mut log = AttemptLog::of(directory.path());
        log.say(at("2026-11-22T23:59:58.9Z"), "base/1\u{1b}[2J");
        log.say(at("2026-11-22T23:59:59Z"), "primary_conninfo = 'password=secret host=a'");
        log.say(at("2026-11-23T00:00:01Z"), "the next day");
        let text = std::fs::read_to_string(directory.path().join("output.log")).unwrap();
        let wanted = "23:59:58Z it is 2026-11-22, and times are UTC\n\
                      23:59:58Z base/1\\u{1b}[2J\n\
                      23:59:59Z primary_conninfo = 'password=*** host=a'\n\
                      00:00:01Z it is 2026-11-23, and times are UTC\n\
                      00:00:01Z the next day\n";
        assert_eq!(text, wanted);
    }

    #[test]
    fn lines_that_are_lost_are_counted() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("7");
        let mut log = AttemptLog::of(&place);
        log.say(at("2026-11-22T10:00:00Z"), "one");
        log.say(at("2026-11-22T10:00:01Z"), "two");
        std::fs::create_dir(&place).unwrap();
        log.say(at("2026-11-22T10:00:02Z"), "three");
        log.say(at("2026-11-22T10:00:03Z"), "four");
        let text = std::fs::read_to_string(place.join("output.log")).unwrap();
        let wanted = "\n10:00:02Z 2 lines could not be written here\n\
                      10:00:02Z it is 2026-11-22, and times are UTC\n10:00:02Z three\n10:00:03Z four\n";
        assert_eq!(text, wanted);
    }
}
