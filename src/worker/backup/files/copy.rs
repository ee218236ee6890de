//! `restic backup` at work.
//!
//! Promises: what it says is read to its end; a stop reaches it as SIGINT, after which it removes its lock by itself, and
//! it ends with the attempt in whatever way that ends. Never: takes its last word for a restore point.

use super::{
    super::Backup,
    Wanted,
    note::RunNote,
    said::{Said, Status},
};
use crate::{
    domain::{ByteCount, Failure, Progress},
    engine::{Halt, Observer},
    restic::{Restic, refusals, tag},
    worker::{
        event_writer,
        restic_process::{POLL_INTERVAL, ResticProcess, shown},
    },
};
use std::{
    ffi::OsString,
    process::{Command, ExitStatus},
    thread,
    time::{Duration, Instant},
};

/// How often it reports, a second; each line stays in the attempt's directory.
const REPORTS: &str = "2";

/// What it takes to remove its lock after its last word. Where the repository was moved away it tries that for many
/// minutes; the lock is then ours to remove.
const UNLOCK_LIMIT: Duration = Duration::from_secs(5);

/// It could not read all of the tree, and has stored the rest (restic's manual, "Exit codes").
const PARTIAL: i32 = 3;

/// In the state directory: what restic keeps of its repositories to be faster.
const CACHE: &str = "restic-cache";

/// Runs it to its end; what it has said.
pub(super) fn run(backup: &Backup<'_>, restic: &Restic, wanted: &Wanted<'_>, id: &str) -> Result<Said, Halt> {
    let command = command(backup, restic, wanted);
    backup.report.log(&format!("running {}", shown(&command)));
    let began = event_writer::now();
    let process = ResticProcess::start(command, backup.attempt_dir)?;
    let mut running = Running { process, said: Said::default() };
    RunNote::new(id, running.process.mark()?, began).keep(backup.attempt_dir)?;
    let status = running.watch(backup)?;
    if backup.stop.requested() {
        return Err(Halt::Stopped);
    }
    let said = std::mem::take(&mut running.said);
    match status {
        Some(status) if !status.success() && status.code() != Some(PARTIAL) => {
            Err(refusals::of_end("restic backup", status, &said.text()).into())
        }
        Some(_) | None => Ok(said),
    }
}

fn command(backup: &Backup<'_>, restic: &Restic, wanted: &Wanted<'_>) -> Command {
    let above = backup.attempt_dir.ancestors().nth(3).unwrap_or(backup.attempt_dir);
    let cache = backup.ticket.settings.state.as_deref().unwrap_or(above).join(CACHE);
    let mut command = restic.command(Some(&cache));
    command.env("RESTIC_PROGRESS_FPS", REPORTS).args(["backup", "--json"]);
    command.arg("--tag").arg(tag(backup.ticket.session_uuid));
    command.arg("--tag").arg(format!("howdah-run-{}", backup.order.run_uuid));
    if let Some(rate) = backup.order.max_rate {
        // In KiB; 0 would be no limit.
        command.arg(format!("--limit-upload={}", rate.bytes().div_ceil(1 << 10)));
    }
    for pattern in wanted.exclude {
        let mut argument = OsString::from("--exclude=");
        argument.push(pattern);
        command.arg(argument);
    }
    command.arg("--").arg(wanted.path);
    command
}

struct Running {
    process: ResticProcess,
    said: Said,
}

impl Running {
    /// How it ended; `None` when it was ended after its last word.
    fn watch(&mut self, backup: &Backup<'_>) -> Result<Option<ExitStatus>, Halt> {
        let settings = &backup.ticket.settings;
        let mut moved = (Instant::now(), None::<Status>);
        let mut last_word = None;
        loop {
            let ended = self.process.ended()?;
            self.listen(backup)?;
            if let Some(status) = ended {
                return Ok(Some(status));
            }
            if backup.stop.requested() {
                self.process.stop()?;
                self.listen(backup)?;
                return Err(Halt::Stopped);
            }
            if self.said.summary.is_some() {
                if last_word.get_or_insert_with(Instant::now).elapsed() >= UNLOCK_LIMIT {
                    backup.report.log("restic has said its last word and does not end: it is killed");
                    self.process.kill();
                    return Ok(None);
                }
            } else if self.said.status != moved.1 {
                moved = (Instant::now(), self.said.status);
            } else if backup.order.max_rate.is_none() && moved.0.elapsed() >= settings.start_timeout {
                // Where a rate is set, what it stores is slower than what it reads, and that alone is reported.
                let cause = format!("restic has read nothing for {} s", settings.start_timeout.as_secs());
                self.process.stop()?;
                return Err(Failure::disruption(cause, "see what it waits for: the tree's disk or the target's").into());
            }
            thread::sleep(POLL_INTERVAL);
        }
    }

    /// Reads what it has said since.
    fn listen(&mut self, backup: &Backup<'_>) -> Result<(), Failure> {
        for line in self.process.lines()? {
            if self.said.hear(&line) {
                backup.report.log(&line);
            }
        }
        if let Some(Status { total_files, files_done, total_bytes, bytes_done }) = self.said.status {
            backup.report.progress(Progress {
                bytes_done: ByteCount(bytes_done),
                bytes_total: ByteCount(total_bytes.max(bytes_done)),
                files_done,
                files_total: total_files.max(files_done),
                ..Progress::default()
            });
        }
        Ok(())
    }
}
