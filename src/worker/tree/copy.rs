//! `restic restore` at work, into a directory of the session.
//!
//! How far it is shows in what it has written (proc(5), `/proc/<pid>/io`): its files have their whole length from the
//! beginning, and to look at many of them takes longer than to ask the kernel.
//!
//! Promises: a stop ends it at once; what it says of errors counts, whatever its exit status. Never: takes its good end
//! for a whole tree.

use super::{TreeRestore, plan::Planned, said::Said};
use crate::{
    domain::{ByteCount, Failure, Progress, path_text::shown, quantity::many},
    engine::{Halt, Observer, watched::watched},
    restic::{Version, refusals},
    worker::restic_process::{POLL_INTERVAL, ResticProcess, shown as shown_command},
};
use std::{
    fs,
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Command, ExitStatus},
    thread,
    time::{Duration, Instant},
};

/// In the directory that the files come in to: what restic is given as its target.
pub(super) const TARGET: &str = "tree";

/// How long restic may try again to read one piece before it is ended; by itself it takes a quarter of an hour. What
/// comes back later is met by the session's next try.
const RETRY_LIMIT: Duration = Duration::from_secs(10);

/// What restic writes meanwhile to say so.
const NOISE: u64 = 64 << 10;

/// How long a look at the repository may take meanwhile: a stop waits for it.
const LOOK_LIMIT: Duration = Duration::from_secs(2);

/// In a repository: it is there ("Repository layout").
const CONFIG: &str = "config";

/// Since this release a restore onto what is there reads it, and writes what differs alone.
pub(super) const CONTINUES: Version = Version::new(0, 17);

/// Runs it to its end; what it has said.
pub(super) fn run(tree: &TreeRestore<'_>, planned: &Planned) -> Result<Said, Halt> {
    let command = command(planned);
    tree.report.log(&format!("running {}", shown_command(&command)));
    let process = ResticProcess::start(command, tree.attempt_dir)?;
    let mut running = Running { process, said: Said::default(), retried: None, total: planned.plan.bytes };
    let status = running.watch(tree, planned)?;
    if tree.stop.requested() {
        return Err(Halt::Stopped);
    }
    let said = running.said;
    if status.success() && said.failed > 0 && !said.names_any() {
        let cause =
            format!("restic restore ended well, and says that there were errors with {}", many(said.failed, "file"));
        return Err(Failure::disruption(cause, "see the attempt's log").into());
    }
    if !status.success() || said.failed > 0 {
        return Err(refusals::of_end("restic restore", status, &said.reasons()).into());
    }
    Ok(said)
}

fn command(planned: &Planned) -> Command {
    let mut command = planned.restic.command(None);
    command.args(["--no-lock", "restore", "--verify", "--target"]).arg(planned.room.incoming.join(TARGET));
    for pattern in planned.survey.wanted.patterns() {
        command.arg(format!("--include={pattern}"));
    }
    command.arg("--").arg(&planned.survey.snapshot.id);
    command
}

struct Running {
    process: ResticProcess,
    said: Said,
    /// Since when a piece could not be read, what was written by then, and the last line on it.
    retried: Option<((Instant, u64), String)>,
    total: ByteCount,
}

impl Running {
    fn watch(&mut self, tree: &TreeRestore<'_>, planned: &Planned) -> Result<ExitStatus, Halt> {
        let mut moved = (Instant::now(), self.traffic());
        loop {
            let ended = self.process.ended()?;
            self.listen(tree)?;
            if let Some(status) = ended {
                return Ok(status);
            }
            if tree.stop.requested() {
                self.process.stop()?;
                return Err(Halt::Stopped);
            }
            let traffic = self.traffic();
            if traffic != moved.1 {
                moved = (Instant::now(), traffic);
                self.report(tree, traffic);
            }
            if let Some(line) = self.said.retrying.take() {
                let (since, written) =
                    self.retried.as_ref().map_or((Instant::now(), written_of(traffic)), |found| found.0);
                self.retried = Some(((since, written), line));
                if !is_there(planned.restic.repository()) {
                    return self.give_up(planned);
                }
            }
            if let Some(((since, written), _)) = self.retried {
                if written_of(traffic) > written + NOISE {
                    self.retried = None;
                } else if since.elapsed() >= RETRY_LIMIT {
                    return self.give_up(planned);
                }
            } else if moved.0.elapsed() >= tree.ticket.settings.start_timeout {
                self.process.stop()?;
                let limit = tree.ticket.settings.start_timeout.as_secs();
                let cause = format!("restic has neither read nor written anything for {limit} s");
                return Err(
                    Failure::disruption(cause, "see what it waits for: the repository's disk or the target's").into()
                );
            }
            thread::sleep(POLL_INTERVAL);
        }
    }

    /// A piece cannot be read. Where the repository is to be seen, it is the piece.
    fn give_up(&mut self, planned: &Planned) -> Result<ExitStatus, Halt> {
        self.process.stop()?;
        let line = self.retried.as_ref().map_or("", |(_, line)| line);
        Err(unreadable(planned.restic.repository(), line).into())
    }

    fn listen(&mut self, tree: &TreeRestore<'_>) -> Result<(), Failure> {
        for line in self.process.lines()? {
            if self.said.hear(&line) {
                tree.report.log(&line);
            }
        }
        Ok(())
    }

    /// What it has read and written since it began; `None` where the kernel does not tell.
    fn traffic(&self) -> Option<(u64, u64)> {
        let text = fs::read_to_string(format!("/proc/{}/io", self.process.mark().ok()?.pid)).ok()?;
        let of = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        Some((of("rchar:")?, of("wchar:")?))
    }

    /// How many files are whole is not known before they are read back.
    fn report(&self, tree: &TreeRestore<'_>, traffic: Option<(u64, u64)>) {
        if let Some((_, written)) = traffic {
            let (bytes_done, bytes_total) = (ByteCount(written.min(self.total.0)), self.total);
            tree.report.progress(Progress { bytes_done, bytes_total, ..Progress::default() });
        }
    }
}

/// Whether the repository is to be seen. A disk that does not answer shows nothing.
fn is_there(repository: &Path) -> bool {
    let config = repository.join(CONFIG);
    let looked =
        watched(&shown(&config), LOOK_LIMIT, move |_| Ok::<bool, Failure>(fs::symlink_metadata(&config).is_ok()));
    looked.unwrap_or(false)
}

fn written_of(traffic: Option<(u64, u64)>) -> u64 {
    traffic.map_or(0, |(_, written)| written)
}

fn unreadable(repository: &Path, line: &str) -> Failure {
    if is_there(repository) {
        if line.contains("no such file or directory") {
            let cause = format!("a piece of the restic repository {} is missing: {line}", shown(repository));
            return Failure::incurable(cause, refusals::DAMAGED);
        }
        // As if restic had given up with that line.
        return refusals::of_end("restic restore", ExitStatus::from_raw(1 << 8), line);
    }
    Failure::disruption(
        format!("the restic repository is not at {} any more", shown(repository)),
        "mount it or move it back",
    )
}
