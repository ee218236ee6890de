//! `howdah session log`: the raw output of an attempt, line by line.
//!
//! Promises: every line comes out printable; a log that is followed goes on with the next attempts until the session is
//! completed. Never: holds a log in memory, or a long line of it.

use super::{
    Reading, SessionError, VerbContext, args::LogArgs, message, print_if_unowned, print_problems, reader::Reader,
    show::whole,
};
use crate::{
    cli::{exit::Exit, streams::Streams},
    domain::{AttemptNo, SessionId, instance::printable},
    machine::Session,
};
use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    path::PathBuf,
};

/// So much is read at once. A longer line is broken, as no person reads it and no memory should hold it.
const CHUNK: usize = 64 << 10;

/// Prints the output of one attempt, and follows it if that is wanted.
pub fn run(
    reader: &mut Reader,
    args: &LogArgs,
    context: &VerbContext<'_>,
    streams: &mut Streams<'_>,
) -> Result<Exit, SessionError> {
    let id = args.session.resolve(reader)?;
    let session = whole(reader, id, context.clock.now())?;
    let first = chosen(&session, args.attempt)?;
    if args.follow {
        return follow(reader, id, (first, args.attempt.is_some()), context, streams);
    }
    match first {
        Some(attempt) => {
            let mut log = RawLog::new(reader.place(id, attempt).output());
            log.print(streams.out)?;
            log.end(streams.out)?;
        }
        None => message(streams, &format!("session {id} has made no attempt yet"))?,
    }
    print_problems(reader, streams)?;
    Ok(Exit::Done)
}

/// The attempt that is asked for; else the newest that restores, or deals with partial data where none did.
fn chosen(session: &Session, wanted: Option<u32>) -> Result<Option<AttemptNo>, SessionError> {
    let attempts = session.attempts();
    let Some(number) = wanted else {
        let restoring = attempts.iter().rev().find(|record| record.cause.is_some());
        return Ok(restoring.or(attempts.last()).map(|record| record.number));
    };
    let found = attempts.iter().find(|record| record.number.0 == number).map(|record| record.number);
    found.map(Some).ok_or_else(|| {
        let id = session.id();
        SessionError::Refused(match attempts.last() {
            None => format!("session {id} has made no attempt yet"),
            Some(last) => format!("session {id} has no attempt {number}; the newest is {}", last.number),
        })
    })
}

fn follow(
    reader: &mut Reader,
    id: SessionId,
    (mut attempt, only_this): (Option<AttemptNo>, bool),
    context: &VerbContext<'_>,
    streams: &mut Streams<'_>,
) -> Result<Exit, SessionError> {
    let mut log = attempt.map(|attempt| RawLog::new(reader.place(id, attempt).output()));
    let mut first = true;
    loop {
        // First how the session stands, then the log: so what was written before the end is printed before the end.
        let session = whole(reader, id, context.clock.now())?;
        print_problems(reader, streams)?;
        if let Some(log) = &mut log {
            log.print(streams.out)?;
        }
        let next = session.attempts().iter().map(|record| record.number).find(|number| Some(*number) > attempt);
        if let Some(next) = next.filter(|_| !only_this) {
            if let Some(log) = &mut log {
                log.end(streams.out)?;
            }
            streams.out.flush()?;
            message(streams, &format!("attempt {next}"))?;
            attempt = Some(next);
            log = Some(RawLog::new(reader.place(id, next).output()));
            continue;
        }
        let over = session.attempts().iter().any(|record| Some(record.number) == attempt && record.ended.is_some());
        if !session.is_ongoing() || (only_this && over) {
            if let Some(log) = &mut log {
                log.end(streams.out)?;
            }
            return Ok(Exit::Done);
        }
        if std::mem::take(&mut first) {
            print_if_unowned(reader, context, streams)?;
        }
        if (context.pause)() == Reading::Ended {
            return Ok(Exit::Done);
        }
    }
}

/// One file of raw output, read from where it was left.
struct RawLog {
    path: PathBuf,
    offset: u64,
    rest: Vec<u8>,
}

impl RawLog {
    const fn new(path: PathBuf) -> Self {
        Self { path, offset: 0, rest: Vec::new() }
    }

    /// Prints the complete lines that have come; what is not there yet has none.
    fn print(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        file.seek(SeekFrom::Start(self.offset))?;
        let mut chunk = vec![0; CHUNK];
        loop {
            let read = match file.read(&mut chunk) {
                Ok(0) => return out.flush(),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            self.offset += read as u64;
            for part in chunk[..read].split_inclusive(|byte| *byte == b'\n') {
                self.rest.extend_from_slice(part);
                if part.ends_with(b"\n") || self.rest.len() >= CHUNK {
                    self.end(out)?;
                }
            }
        }
    }

    /// Prints what is left of a line whose end has not come.
    fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let line = std::mem::take(&mut self.rest);
        if line.is_empty() {
            return Ok(());
        }
        writeln!(out, "{}", readable(&line))
    }
}

/// The line as the console shows it: tabs as spaces, of a line that was painted over the last painting.
fn readable(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let text = text.trim_end_matches(['\n', '\r']);
    printable(&text.rsplit('\r').next().unwrap_or_default().replace('\t', "    "))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use std::fs::OpenOptions;

    #[test]
    fn a_log_is_printed_line_by_line_as_it_grows() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("output.log");
        let mut log = RawLog::new(path.clone());
        let printed = |log: &mut RawLog, more: &[u8]| {
            if !more.is_empty() {
                OpenOptions::new().append(true).create(true).open(&path).unwrap().write_all(more).unwrap();
            }
            let mut out = Vec::new();
            log.print(&mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(printed(&mut log, b""), "");
        assert_eq!(printed(&mut log, b"one\ntw"), "one\n");
        assert_eq!(printed(&mut log, b"o\x1b[2J\r\n\t\xff\n 1 %\r 2 %\n"), "two\\u{1b}[2J\n    \u{fffd}\n 2 %\n");
        assert_eq!(printed(&mut log, b"the rest"), "");
        let mut out = Vec::new();
        log.end(&mut out).unwrap();
        assert_eq!(out, b"the rest\n");
    }

    #[test]
    fn a_line_without_end_is_broken() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("output.log");
        std::fs::write(&path, vec![b'x'; 3 * CHUNK]).unwrap();
        let (mut log, mut out) = (RawLog::new(path), Vec::new());
        log.print(&mut out).unwrap();
        assert_eq!(out.len(), 3 * CHUNK + 3);
        assert_eq!(log.rest.len(), 0);
    }
}
