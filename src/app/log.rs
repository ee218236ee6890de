//! `howdah.log` in the state directory: what owners and consoles note for a person who looks for a fault.
//!
//! Promises: to write a line never fails or panics, whatever the disk does; what is missing is counted, and the count
//! stands before the next line. The log and its predecessor `howdah.log.1` take at most twice [`MAX_LEN`], also where
//! several processes write it, and a flood of warnings leaves room for errors. Never: writes to standard error, which
//! in a detached process is this same file.

use crate::private_file;
use anyhow::Context;
use rustix::{
    fs::{fstat, stat},
    stdio::{dup2_stderr, stderr},
};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Instant,
};
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::fmt::MakeWriter;

/// The log's name in the state directory.
pub(super) const NAME: &str = "howdah.log";

/// Bytes from which on a new file is begun: some twenty thousand lines, and both files together take an eighth of the
/// room below which `howdah doctor` warns.
const MAX_LEN: u64 = 4 << 20;

/// Lines of one kind that may come at once: a start that adopts a hundred attempts writes fewer.
const BURST: u32 = 200;

/// Lines of one kind a second, once the burst is used up. An owner whose journal fails writes one; at two a flood needs
/// hours to push older lines out of both files.
const PER_SECOND: f64 = 2.0;

/// Begins to log into the state directory. A file that cannot be opened now is opened later.
pub(super) fn begin(state: &Path) -> anyhow::Result<()> {
    let log = LogFile::new(state.join(NAME), MAX_LEN);
    tracing::subscriber::set_global_default(subscriber(log)).context("this process logs already")
}

/// Begins to log to standard error, for a process whose starter keeps that in a file of its own. A line that cannot be
/// written is lost.
pub(super) fn begin_on_stderr() -> anyhow::Result<()> {
    let log = tracing_subscriber::fmt().with_writer(io::stderr).with_ansi(false).log_internal_errors(false).finish();
    tracing::subscriber::set_global_default(log).context("this process logs already")
}

fn subscriber(log: LogFile) -> impl Subscriber + Send + Sync {
    tracing_subscriber::fmt().with_writer(log).with_ansi(false).log_internal_errors(false).finish()
}

/// The log of one process.
#[derive(Debug)]
struct LogFile(Mutex<State>);

#[derive(Debug)]
struct State {
    path: PathBuf,
    max_len: u64,
    file: Option<File>,
    warnings: Allowance,
    errors: Allowance,
    missing: Missing,
    /// Whether the file ends in the midst of a line.
    is_torn: bool,
}

/// Lines that are not in the log.
#[derive(Debug, Default)]
struct Missing {
    too_many: u64,
    unwritten: u64,
    reason: Option<io::Error>,
}

/// How many lines may still be written: a bucket that fills at [`PER_SECOND`].
#[derive(Debug)]
struct Allowance {
    left: f64,
    since: Instant,
}

/// What takes one line.
struct Line<'a> {
    log: &'a LogFile,
    is_error: bool,
}

impl LogFile {
    fn new(path: PathBuf, max_len: u64) -> Self {
        let [warnings, errors] = [(); 2].map(|()| Allowance { left: BURST.into(), since: Instant::now() });
        let (file, missing, is_torn) = (None, Missing::default(), false);
        Self(Mutex::new(State { path, max_len, file, warnings, errors, missing, is_torn }))
    }
}

impl<'a> MakeWriter<'a> for LogFile {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { log: self, is_error: false }
    }

    fn make_writer_for(&'a self, about: &Metadata<'_>) -> Line<'a> {
        Line { log: self, is_error: *about.level() == Level::ERROR }
    }
}

impl Write for Line<'_> {
    /// Takes a whole line; `tracing_subscriber` writes each with one call.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // A thread that panicked while it wrote leaves at worst half a line.
        let mut state = self.log.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.take(line, self.is_error, Instant::now());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl State {
    fn take(&mut self, line: &[u8], is_error: bool, now: Instant) {
        let allowance = if is_error { &mut self.errors } else { &mut self.warnings };
        if !allowance.take(now) {
            self.missing.too_many += 1;
            return;
        }
        let mut text = if self.is_torn { b"\n".to_vec() } else { Vec::new() };
        text.extend(self.missing.line(line));
        text.extend(line);
        match self.append(&text) {
            Ok(()) => {
                self.missing = Missing::default();
                self.is_torn = false;
            }
            Err(error) => {
                self.missing.unwritten += 1;
                self.missing.reason = Some(error);
            }
        }
    }

    fn append(&mut self, text: &[u8]) -> io::Result<()> {
        let mut file = match self.file.take() {
            Some(file) => file,
            None => self.open()?,
        };
        if file.metadata()?.len() + text.len() as u64 > self.max_len {
            file = self.begin_anew(&file)?;
        }
        let written = file.write(text)?;
        self.is_torn = written > 0 && written < text.len();
        self.file = Some(file);
        if written < text.len() { Err(io::ErrorKind::WriteZero.into()) } else { Ok(()) }
    }

    fn open(&self) -> io::Result<File> {
        private_file::open(&self.path, OpenOptions::new().append(true).create(true))
    }

    /// Moves the full file out of the way, unless another process has done so, and opens the next one.
    fn begin_anew(&self, full: &File) -> io::Result<File> {
        let found = fstat(full)?;
        let is_full_one = |other: rustix::fs::Stat| (other.st_dev, other.st_ino) == (found.st_dev, found.st_ino);
        // Whoever has this lock moves the file now.
        full.try_lock()?;
        if stat(&self.path).is_ok_and(is_full_one) {
            fs::rename(&self.path, self.path.with_extension("log.1"))?;
        }
        // By word: a process that another thread is just starting has a copy of the file until it execs.
        full.unlock()?;
        let next = self.open()?;
        // A detached process has the log as its standard error, where the words of a panic go.
        if fstat(stderr()).is_ok_and(is_full_one) {
            dup2_stderr(&next)?;
        }
        Ok(next)
    }
}

impl Missing {
    /// What stands in the place of the missing lines, before the next one; its moment is that one's.
    fn line(&self, next: &[u8]) -> Vec<u8> {
        if self.too_many + self.unwritten == 0 {
            return Vec::new();
        }
        let moment = next.split(|byte| *byte == b' ').next().unwrap_or_default();
        let moment = String::from_utf8_lossy(moment);
        let reason = self.reason.as_ref().map_or_else(String::new, |error| format!(" ({error})"));
        let Self { too_many, unwritten, .. } = self;
        format!(
            "{moment}  WARN {}: lines are missing here: {too_many} because too many came at once, {unwritten} because \
             they could not be written{reason}\n",
            module_path!()
        )
        .into_bytes()
    }
}

impl Allowance {
    fn take(&mut self, now: Instant) -> bool {
        let gained = now.saturating_duration_since(self.since).as_secs_f64() * PER_SECOND;
        self.left = (self.left + gained).min(BURST.into());
        self.since = now;
        let may = self.left >= 1.0;
        if may {
            self.left -= 1.0;
        }
        may
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use std::os::unix::fs::symlink;

    fn log(place: &Path, max_len: u64) -> LogFile {
        LogFile::new(place.join(NAME), max_len)
    }

    fn write(log: &LogFile, is_error: bool, text: &str) {
        let line = format!("2026-11-20T02:00:00Z  {text}\n");
        Line { log, is_error }.write_all(line.as_bytes()).unwrap();
    }

    fn read(place: &Path, name: &str) -> String {
        fs::read_to_string(place.join(name)).unwrap()
    }

    #[test]
    fn what_cannot_be_written_is_counted_before_the_next_line() {
        let place = tempfile::tempdir().unwrap();
        symlink("/dev/full", place.path().join(NAME)).unwrap();
        let log = log(place.path(), MAX_LEN);
        for number in 0..3 {
            write(&log, false, &format!("lost {number}"));
        }
        fs::remove_file(place.path().join(NAME)).unwrap();
        write(&log, false, "there is room again");
        write(&log, false, "and still");
        let expected = "2026-11-20T02:00:00Z  WARN howdah::app::log: lines are missing here: 0 because too many came at \
                        once, 3 because they could not be written (No space left on device (os error 28))\n\
                        2026-11-20T02:00:00Z  there is room again\n2026-11-20T02:00:00Z  and still\n";
        assert_eq!(read(place.path(), NAME), expected);
    }

    #[test]
    fn a_full_log_moves_out_of_the_way_whoever_writes() {
        let place = tempfile::tempdir().unwrap();
        let most = 2000;
        // Two processes of one state directory: an owner and an attached console.
        let logs = [log(place.path(), most), log(place.path(), most)];
        for number in 0..150 {
            write(&logs[number % 2], false, &format!("line {number:03} of both of them"));
            for name in [NAME, "howdah.log.1"] {
                assert!(fs::metadata(place.path().join(name)).map_or(0, |found| found.len()) <= most, "{name} grows");
            }
        }
        let both = read(place.path(), "howdah.log.1") + &read(place.path(), NAME);
        let newest: Vec<&str> = both.lines().rev().take(50).collect();
        let expected = (100..150).rev().map(|number| format!("2026-11-20T02:00:00Z  line {number:03} of both of them"));
        assert_eq!(newest, expected.collect::<Vec<_>>());
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_flood_of_warnings_is_cut_and_leaves_room_for_errors() {
        let place = tempfile::tempdir().unwrap();
        tracing::subscriber::with_default(subscriber(log(place.path(), MAX_LEN)), || {
            for number in 0..50_000 {
                tracing::warn!(number, "knock");
            }
            tracing::error!("what matters");
        });
        let text = read(place.path(), NAME);
        let knocks = text.lines().filter(|line| line.contains("knock")).count();
        assert!((200..1000).contains(&knocks), "{knocks}");
        assert!(text.ends_with("what matters\n"), "{}", text.lines().last().unwrap());
        let missing = format!("{} because too many came at once", 50_000 - knocks);
        assert!(text.contains(&missing) || text.matches("lines are missing here").count() > 1, "{missing}");
    }
}
