//! Reading `events.jsonl` while a worker writes it.

use crate::domain::{
    fact::{Fact, FactLine},
    ticket::CONTRACT_VERSION,
};
use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::PathBuf,
};

/// The longest line that is read as a fact; a plan with ten thousand tablespaces is shorter.
const LONGEST_LINE: usize = 4 << 20;

/// The reader of one file of facts; it gives each complete line once, in order.
#[derive(Debug)]
pub struct Tail {
    path: PathBuf,
    offset: u64,
    rest: Vec<u8>,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// A fact.
    Fact(Box<Fact>),
    /// A line that cannot be understood, with the reason; the others stand.
    Unreadable(String),
}

impl Tail {
    /// A reader that begins at the first line; the file may not exist yet.
    pub const fn new(path: PathBuf) -> Self {
        Self { path, offset: 0, rest: Vec::new() }
    }

    /// The complete lines that have come since the last call.
    pub fn read(&mut self) -> io::Result<Vec<Line>> {
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        file.seek(SeekFrom::Start(self.offset))?;
        let read = file.read_to_end(&mut self.rest)?;
        self.offset += read as u64;
        let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') else {
            if self.rest.len() > LONGEST_LINE {
                return Err(io::Error::other("a line is longer than any fact"));
            }
            return Ok(Vec::new());
        };
        let rest = self.rest.split_off(end + 1);
        let complete = std::mem::replace(&mut self.rest, rest);
        let lines = complete.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        Ok(lines.map(line_of).collect())
    }
}

fn line_of(bytes: &[u8]) -> Line {
    match serde_json::from_slice::<FactLine>(bytes) {
        Ok(line) if line.version <= CONTRACT_VERSION => Line::Fact(Box::new(line.fact)),
        Ok(line) => Line::Unreadable(format!("it has version {}, this howdah knows {CONTRACT_VERSION}", line.version)),
        Err(error) => Line::Unreadable(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use std::io::Write;

    #[test]
    fn a_half_written_line_waits_for_its_other_half() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("events.jsonl");
        let mut tail = Tail::new(path.clone());
        assert_eq!(tail.read().unwrap(), vec![]);
        let mut file = File::create(&path).unwrap();
        let note = |text: &str| {
            let at = "2026-11-20T02:00:00Z".parse().unwrap();
            serde_json::to_string(&FactLine { version: 1, at, fact: Fact::Note(text.into()) }).unwrap()
        };
        let (a, b) = (note("a"), note("b"));
        write!(file, "{a}\ngarbage\n{}", &b[..9]).unwrap();
        let lines = tail.read().unwrap();
        assert_eq!(lines[0], Line::Fact(Box::new(Fact::Note("a".into()))));
        assert!(matches!(lines[1], Line::Unreadable(_)));
        assert_eq!(tail.read().unwrap(), vec![]);
        writeln!(file, "{}", &b[9..]).unwrap();
        assert_eq!(tail.read().unwrap(), vec![Line::Fact(Box::new(Fact::Note("b".into())))]);
    }

    #[test]
    fn a_line_of_a_newer_worker_is_told_not_guessed() {
        let line = br#"{"version":2,"at":"2026-11-20T02:00:00Z","fact":{"note":"x"}}"#;
        assert_eq!(line_of(line), Line::Unreadable("it has version 2, this howdah knows 1".into()));
    }
}
