//! What the worker reports: `events.jsonl`, one fact a line, and the same in sentences in the attempt's log.
//!
//! Promises: each line is one write, in order; progress is thinned, never out of order, and never missing before a
//! change of step; the end is on disk before anyone acts on it. A report that cannot be written stops the attempt, since
//! work that nobody hears of could not be stopped. Never: changes a line once written.

use super::{attempt_files, attempt_log::AttemptLog, restore::decisions, signals::Stop};
use crate::{
    domain::{
        ByteCount, Failure, Plan, Progress, Step, StepState, Timestamp, WalProgress,
        fact::{Began, End, Fact, FactLine, ProcessMark},
        instance::printable,
        quantity::{many, seconds},
        ticket::CONTRACT_VERSION,
    },
    engine::Observer,
    private_file,
};
use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use uuid::Uuid;

/// What time it is: the one place where an attempt asks.
pub(super) fn now() -> Timestamp {
    Timestamp::now()
}

/// Five lines a second are as many as an eye can follow.
const BETWEEN_PROGRESS: Duration = Duration::from_millis(200);

/// The report of one attempt. Shared by the threads of an engine.
pub(super) struct EventWriter {
    state: Mutex<State>,
    stop: Stop,
}

struct State {
    file: File,
    log: AttemptLog,
    step: Option<(Step, Instant)>,
    progress: Progress,
    written: Option<(Progress, Instant)>,
    lost: Option<io::Error>,
}

impl EventWriter {
    /// Opens the report of this attempt, after what is in it.
    pub(super) fn open(attempt_dir: &Path, stop: Stop) -> io::Result<Self> {
        let path = attempt_dir.join("events.jsonl");
        let file = private_file::open(&path, OpenOptions::new().append(true).create(true))?;
        let log = AttemptLog::of(attempt_dir);
        let state = State { file, log, step: None, progress: Progress::default(), written: None, lost: None };
        Ok(Self { state: Mutex::new(state), stop })
    }

    /// The time, as the lines have it.
    pub(super) fn now() -> Timestamp {
        Timestamp::now()
    }

    /// The first line.
    pub(super) fn began(&self, mark: ProcessMark, session: Option<Uuid>) {
        let of = session.map_or_else(String::new, |session| format!(" for the session {session}"));
        self.state().say(&format!("howdah {} begins as process {}{of}", env!("CARGO_PKG_VERSION"), mark.pid));
        self.write(Fact::Began(Began::of(mark, session)));
    }

    /// The plan, and with it the totals of all progress to come.
    pub(super) fn planned(&self, plan: Plan) {
        let mut state = self.state();
        state.progress.bytes_total = plan.bytes();
        state.progress.files_total = plan.files();
        match &plan {
            Plan::Restore(plan) => decisions::of(plan).iter().for_each(|sentence| state.say(sentence)),
            Plan::Backup(plan) => decisions::of_backup(plan).iter().for_each(|sentence| state.say(sentence)),
            Plan::Explore(plan) => plan.rows().iter().for_each(|(name, text)| state.say(&format!("{name}: {text}"))),
            Plan::Data(plan) => plan.rows().iter().for_each(|(name, text)| state.say(&format!("{name}: {text}"))),
            Plan::Items(plan) => plan.rows().iter().for_each(|(name, text)| state.say(&format!("{name}: {text}"))),
            Plan::Verify(plan) => state.say(&format!("{} in {} are read", plan.bytes, many(plan.files, "file"))),
        }
        state.write(Fact::Planned(Box::new(plan)), &self.stop);
    }

    /// A step begins.
    pub(super) fn begin(&self, step: Step, detail: &str) {
        let mut state = self.state();
        state.step = Some((step, Instant::now()));
        state.say(&with_detail(format!("{step} begins"), detail));
        state.write_step(step, StepState::Running { detail: printable(detail) }, &self.stop);
    }

    /// The step under way has more to report.
    pub(super) fn detail(&self, detail: &str) {
        let mut state = self.state();
        if let Some((step, _)) = state.step {
            state.say(&format!("{step}: {detail}"));
            state.write_step(step, StepState::Running { detail: printable(detail) }, &self.stop);
        }
    }

    /// The step under way is done.
    pub(super) fn done(&self, detail: &str) {
        let mut state = self.state();
        if let Some((step, began)) = state.step.take() {
            let took = began.elapsed();
            state.say(&with_detail(format!("{step} is done after {}", seconds(took)), detail));
            state.write_step(step, StepState::Done { took, detail: printable(detail) }, &self.stop);
        }
    }

    /// A step does not apply.
    pub(super) fn skip(&self, step: Step, reason: &str) {
        let mut state = self.state();
        state.say(&format!("{step} is skipped: {reason}"));
        state.write_step(step, StepState::Skipped { reason: printable(reason) }, &self.stop);
    }

    /// The attempt fails in the step under way; the failure is returned with that step in it.
    pub(super) fn failed(&self, failure: Failure) -> Failure {
        let mut state = self.state();
        let Some((step, began)) = state.step.take() else { return failure };
        let took = began.elapsed();
        state.say(&format!("{step} failed after {}", seconds(took)));
        state.write_step(step, StepState::Failed { took }, &self.stop);
        failure.in_step(step)
    }

    /// Replay has come so far.
    pub(super) fn replayed(&self, wal: WalProgress) {
        /// Percent between two lines of the log.
        const BETWEEN_LINES: u64 = 10;
        let mut state = self.state();
        let before = state.progress.wal.map_or(0, |wal| wal.percent());
        if wal.percent() / BETWEEN_LINES > before / BETWEEN_LINES {
            state.say(&format!(
                "replayed to {}, {} % of the WAL from {} to {}",
                wal.at,
                wal.percent(),
                wal.start,
                wal.stop
            ));
        }
        let progress = Progress { wal: Some(wal), ..state.progress };
        state.advance(progress, &self.stop);
    }

    /// All bytes and files of the plan are in place.
    pub(super) fn copied(&self) {
        let mut state = self.state();
        let (bytes_done, files_done) = (state.progress.bytes_total, state.progress.files_total);
        let progress = Progress { bytes_done, files_done, ..state.progress };
        state.advance(progress, &self.stop);
    }

    /// How many of the bytes in place had been there before this attempt.
    pub(super) fn reused(&self) -> ByteCount {
        self.state().progress.bytes_reused
    }

    /// A sentence for a person.
    pub(super) fn note(&self, sentence: &str) {
        self.state().say(sentence);
        self.write(Fact::Note(printable(sentence)));
    }

    /// Writes the last line and syncs it; returns whether it got to disk.
    pub(super) fn ended(&self, end: End) -> bool {
        let mut state = self.state();
        state.flush_progress(&self.stop);
        let end = match state.lost.take() {
            None => end,
            Some(e) => End::Failed(attempt_files::failure("writing what the attempt did into events.jsonl", &e)),
        };
        let sentence = ending(&end);
        state.say(&sentence);
        state.write(Fact::Ended(end), &self.stop);
        state.lost.is_none() && state.file.sync_all().is_ok()
    }

    fn write(&self, fact: Fact) {
        let mut state = self.state();
        state.flush_progress(&self.stop);
        state.write(fact, &self.stop);
    }

    /// A thread that panicked while it wrote a line leaves at worst a torn one; the next begins anew.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for EventWriter {
    fn progress(&self, progress: Progress) {
        let mut state = self.state();
        let wal = progress.wal.or(state.progress.wal);
        state.advance(Progress { wal, ..progress }, &self.stop);
    }

    fn note(&self, sentence: String) {
        self.note(&sentence);
    }

    fn log(&self, sentence: &str) {
        self.state().say(sentence);
    }

    fn stop_requested(&self) -> bool {
        self.stop.requested()
    }
}

impl State {
    fn say(&mut self, sentence: &str) {
        self.log.say(now(), sentence);
    }

    fn write_step(&mut self, step: Step, state: StepState, raise: &Stop) {
        self.flush_progress(raise);
        self.write(Fact::Step { step, state }, raise);
    }

    fn advance(&mut self, progress: Progress, raise: &Stop) {
        self.progress = progress;
        if self.written.is_none_or(|(_, at)| at.elapsed() >= BETWEEN_PROGRESS) {
            self.flush_progress(raise);
        }
    }

    /// Writes the progress that was held back, if it holds anything new.
    fn flush_progress(&mut self, raise: &Stop) {
        let last = self.written.map_or(Progress::default(), |(progress, _)| progress);
        if last != self.progress {
            self.written = Some((self.progress, Instant::now()));
            self.write(Fact::Progress(self.progress), raise);
        }
    }

    fn write(&mut self, fact: Fact, raise: &Stop) {
        let line = FactLine { version: CONTRACT_VERSION, at: now(), fact };
        let written = serde_json::to_vec(&line).map_err(io::Error::from).and_then(|mut bytes| {
            bytes.push(b'\n');
            if self.lost.is_some() {
                // The line before may have been cut short.
                bytes.insert(0, b'\n');
            }
            self.file.write_all(&bytes)
        });
        if let Err(e) = written {
            self.lost = Some(e);
            raise.request();
        }
    }
}

fn with_detail(sentence: String, detail: &str) -> String {
    if detail.is_empty() { sentence } else { format!("{sentence}: {detail}") }
}

/// How an attempt ended.
fn ending(end: &End) -> String {
    match end {
        End::Succeeded(success) => format!("the attempt has succeeded: {success}"),
        End::Damaged(found) => format!("the attempt has succeeded, and the backup is damaged: {found}"),
        End::Paused(_) => "the attempt has ended: recovery waits at its goal".to_owned(),
        End::Failed(failure) => format!("the attempt has failed: {failure}"),
        End::Stopped => "the attempt was told to stop, and did".to_owned(),
        End::Disposed(disposed) => format!("the attempt has ended: {disposed}"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use crate::domain::Lsn;

    fn facts(directory: &Path) -> Vec<Fact> {
        let text = std::fs::read_to_string(directory.join("events.jsonl")).unwrap();
        text.lines().map(|line| serde_json::from_str::<FactLine>(line).unwrap().fact).collect()
    }

    #[test]
    fn progress_is_thinned_but_never_missing_before_a_step() {
        let directory = tempfile::tempdir().unwrap();
        let report = EventWriter::open(directory.path(), Stop::default()).unwrap();
        report.begin(Step::Copy, "");
        for done in 1..=1000 {
            report.progress(Progress { bytes_done: ByteCount(done), ..Progress::default() });
        }
        report.done("all of it");
        assert!(report.ended(End::Stopped));
        let facts = facts(directory.path());
        let last = Progress { bytes_done: ByteCount(1000), ..Progress::default() };
        assert!(facts.len() < 100, "{} lines", facts.len());
        assert_eq!(facts[facts.len() - 3], Fact::Progress(last));
        assert!(matches!(&facts[facts.len() - 2], Fact::Step { state: StepState::Done { .. }, .. }));
        assert_eq!(facts.last(), Some(&Fact::Ended(End::Stopped)));
    }

    #[test]
    fn the_log_tells_each_tenth_of_the_replay_once() {
        let directory = tempfile::tempdir().unwrap();
        let report = EventWriter::open(directory.path(), Stop::default()).unwrap();
        report.begin(Step::Replay, "");
        let (start, stop) = (Lsn(0x100), Lsn(0x100 + 1_000));
        // A server says where it is again and again, and may be past the end.
        for at in [0, 0, 99, 100, 101, 350, 399, 1_000, 1_200] {
            report.replayed(WalProgress::of_backup(start, Lsn(0x100 + at), stop));
        }
        let text = std::fs::read_to_string(directory.path().join("output.log")).unwrap();
        let said: Vec<&str> =
            text.lines().filter_map(|line| line.split_once("replayed to ")).map(|(_, at)| at).collect();
        let wanted = [("0/164", 10), ("0/25E", 35), ("0/4E8", 100)];
        assert_eq!(said, wanted.map(|(at, percent)| format!("{at}, {percent} % of the WAL from 0/100 to 0/4E8")));
    }

    #[test]
    fn a_failure_carries_the_step_it_happened_in() {
        let directory = tempfile::tempdir().unwrap();
        let report = EventWriter::open(directory.path(), Stop::default()).unwrap();
        assert_eq!(report.failed(Failure::bug("x")).step, None);
        report.begin(Step::Start, "");
        assert_eq!(report.failed(Failure::bug("x")).step, Some(Step::Start));
        report.note("a\u{1b}[2Jb");
        assert_eq!(facts(directory.path()).last(), Some(&Fact::Note("a\\u{1b}[2Jb".to_owned())));
    }

    #[test]
    fn a_report_that_cannot_be_written_stops_the_attempt() {
        let directory = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/dev/full", directory.path().join("events.jsonl")).unwrap();
        let stop = Stop::default();
        let report = EventWriter::open(directory.path(), stop.clone()).unwrap();
        report.note("lost");
        assert!(stop.requested());
        assert!(!report.ended(End::Stopped));
    }
}
