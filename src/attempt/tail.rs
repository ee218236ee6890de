//! Reading `events.jsonl` while a worker writes it.

use super::AttemptDir;
use crate::domain::{fact::Fact, ticket::CONTRACT_VERSION, upgrade};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
};
use uuid::Uuid;

/// The longest line that is read as a fact; a plan with ten thousand tablespaces is shorter.
const MAX_LINE_LEN: usize = 4 << 20;

/// The reader of one file of facts; it gives each complete line once, in order. What another session has written there
/// is not given.
#[derive(Debug)]
pub struct Tail {
    dir: AttemptDir,
    session: Uuid,
    whose: Whose,
    offset: u64,
    rest: Vec<u8>,
}

/// A line of which the version alone is understood so far.
#[derive(Deserialize)]
struct WrittenLine<'a> {
    version: u32,
    #[serde(borrow)]
    fact: &'a RawValue,
}

/// Whose the file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// Nothing was read of it yet.
    Unknown,
    /// The session's that was asked for.
    Ours,
    /// Another session's, which had the same number.
    Foreign,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// A fact.
    Fact(Box<Fact>),
    /// A line that cannot be understood, with the reason; the others stand.
    Unreadable(String),
}

impl Line {
    /// The fact; of a line that cannot be understood, a note of that.
    pub fn into_fact(self) -> Fact {
        match self {
            Self::Fact(fact) => *fact,
            Self::Unreadable(reason) => Fact::Note(format!("a line of the attempt's events cannot be read: {reason}")),
        }
    }
}

impl Tail {
    /// A reader for this session that begins at the first line; the file may not exist yet.
    pub fn new(dir: &AttemptDir, session: Uuid) -> Self {
        Self { dir: dir.clone(), session, whose: Whose::Unknown, offset: 0, rest: Vec::new() }
    }

    /// The complete lines that have come since the last call.
    pub fn read(&mut self) -> io::Result<Vec<Line>> {
        if self.whose == Whose::Foreign {
            return Ok(Vec::new());
        }
        let mut file = match File::open(self.dir.events()) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        file.seek(SeekFrom::Start(self.offset))?;
        let read = file.read_to_end(&mut self.rest)?;
        self.offset += read as u64;
        let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') else {
            if self.rest.len() > MAX_LINE_LEN {
                return Err(io::Error::other("a line is longer than any fact"));
            }
            return Ok(Vec::new());
        };
        let rest = self.rest.split_off(end + 1);
        let complete = std::mem::replace(&mut self.rest, rest);
        let lines = complete.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let lines: Vec<Line> = lines.map(line_of).collect();
        if self.whose == Whose::Unknown {
            self.whose = if self.is_ours(&lines)? { Whose::Ours } else { Whose::Foreign };
        }
        Ok(match self.whose {
            Whose::Ours | Whose::Unknown => lines,
            Whose::Foreign => {
                vec![Line::Unreadable("they are of another session, which had this number before".into())]
            }
        })
    }

    /// Asked when the first lines have come: by then the directory says whose it is, and so does the worker.
    fn is_ours(&self, lines: &[Line]) -> io::Result<bool> {
        let shown = lines.iter().find_map(|line| match line {
            Line::Fact(fact) => match &**fact {
                Fact::Began(began) => began.session,
                Fact::Planned(_) | Fact::Step { .. } | Fact::Progress(_) | Fact::Note(_) | Fact::Ended(_) => None,
            },
            Line::Unreadable(_) => None,
        });
        Ok(shown.is_none_or(|session| session == self.session) && self.dir.is_of(self.session)?)
    }
}

/// Each line has its own version: a worker of an older howdah goes on writing its own while a newer owner follows it.
fn line_of(bytes: &[u8]) -> Line {
    let read = serde_json::from_slice::<WrittenLine>(bytes);
    match read {
        Ok(line) if line.version > CONTRACT_VERSION => {
            Line::Unreadable(format!("it has version {}, this howdah knows {CONTRACT_VERSION}", line.version))
        }
        Ok(line) if line.version == CONTRACT_VERSION => fact_of(serde_json::from_str(line.fact.get())),
        Ok(line) => {
            let fact = serde_json::from_str(line.fact.get());
            fact_of(fact.and_then(|fact| serde_json::from_value(upgrade::fact(line.version, fact))))
        }
        Err(error) => Line::Unreadable(error.to_string()),
    }
}

fn fact_of(read: serde_json::Result<Fact>) -> Line {
    match read {
        Ok(fact) => Line::Fact(Box::new(fact)),
        Err(error) => Line::Unreadable(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use crate::domain::{
        AttemptNo, ServerOutcome, SessionId, Success,
        fact::{Began, End, FactLine, ProcessMark},
    };
    use std::io::Write;

    const SESSION: Uuid = Uuid::from_u128(1);

    fn dir(state: &tempfile::TempDir) -> AttemptDir {
        let dir = AttemptDir::new(state.path(), SessionId(1), AttemptNo(1));
        dir.make(SESSION).unwrap();
        dir
    }

    #[test]
    fn what_another_session_left_under_the_same_number_is_not_read() {
        let state = tempfile::tempdir().unwrap();
        let dir = dir(&state);
        let line = |fact| {
            let at = "2026-11-20T02:00:00Z".parse().unwrap();
            serde_json::to_string(&FactLine { version: 1, at, fact }).unwrap() + "\n"
        };
        let began = |session| {
            line(Fact::Began(Began::of(ProcessMark { pid: 9, started: 1, realm: None }, session)))
                + &line(Fact::Note("x".into()))
        };
        let read = |of: Uuid| Tail::new(&dir, of).read().unwrap().len();
        std::fs::write(dir.events(), began(Some(SESSION))).unwrap();
        assert_eq!((read(SESSION), read(Uuid::from_u128(2))), (2, 1), "one line says why");
        std::fs::write(dir.events(), began(None)).unwrap();
        assert_eq!((read(SESSION), read(Uuid::from_u128(2))), (2, 1), "the directory tells, too");
        std::fs::write(dir.events(), began(Some(Uuid::from_u128(2)))).unwrap();
        assert_eq!(read(SESSION), 1);
        let mut foreign = Tail::new(&dir, Uuid::from_u128(2));
        assert_eq!(foreign.read().unwrap().len(), 1);
        std::fs::write(dir.events(), began(Some(SESSION)) + &line(Fact::Note("more".into()))).unwrap();
        assert_eq!(foreign.read().unwrap(), Vec::new());
    }

    #[test]
    fn a_half_written_line_waits_for_its_other_half() {
        let state = tempfile::tempdir().unwrap();
        let dir = dir(&state);
        let mut tail = Tail::new(&dir, SESSION);
        assert_eq!(tail.read().unwrap(), vec![]);
        let mut file = File::create(dir.events()).unwrap();
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
        let newer = CONTRACT_VERSION + 1;
        let line = format!(r#"{{"version":{newer},"at":"2026-11-20T02:00:00Z","fact":{{"something":"x"}}}}"#);
        let says = format!("it has version {newer}, this howdah knows {CONTRACT_VERSION}");
        assert_eq!(line_of(line.as_bytes()), Line::Unreadable(says));
    }

    #[test]
    fn a_line_of_an_older_worker_is_read_as_it_was_meant() {
        let line = br#"{"version":1,"at":"2026-11-20T02:00:00Z","fact":{"ended":{"succeeded":{"server":{"not_started":{"reason":"as asked"}}}}}}"#;
        let success = Success::of_cluster(ServerOutcome::NotStarted { reason: "as asked".to_owned() });
        assert_eq!(line_of(line), Line::Fact(Box::new(Fact::Ended(End::Succeeded(success)))));
        let same = String::from_utf8(line.to_vec()).unwrap().replace("\"version\":1", "\"version\":2");
        assert!(matches!(line_of(same.as_bytes()), Line::Unreadable(_)), "the version of the line counts");
    }
}
