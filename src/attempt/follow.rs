//! Following one attempt from its launch to the proof that nothing of it is left.

use super::{
    AttemptDir, AttemptMessage,
    supervise::{Control, Inbox},
    tail::Tail,
    worker_command::worker_command,
    worker_group::{WorkerGroup, kill_earlier, worker_in},
};
use crate::{
    domain::{
        AttemptNo, Failure, SessionId,
        fact::{End, Fact, ProcessMark},
        failure::FILE_SIZE_LIMIT,
        ticket::Ticket,
    },
    machine::{Command, Report},
    private_file, process,
};
use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::PathBuf,
    process::Stdio,
    time::{Duration, Instant},
};
use tokio::{process::Child, sync::mpsc};
use uuid::Uuid;

/// How often a worker's file is looked at: often enough for a gauge that moves, seldom enough to cost nothing.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// How long a worker may stay after its last report before its group is killed: it has nothing left to do.
pub(super) const EXIT_GRACE: Duration = Duration::from_secs(10);

/// One attempt being followed.
#[derive(Debug)]
pub(super) struct Follower {
    session: SessionId,
    attempt: AttemptNo,
    dir: AttemptDir,
    inbox: Inbox,
    messages: mpsc::Sender<AttemptMessage>,
    tail: Tail,
    group: WorkerGroup,
    ended: Option<(Instant, End)>,
    exit_grace: Duration,
    /// Whether this owner has seen the worker alive: if so, its death is a death under our eyes.
    seen_alive: bool,
}

impl Follower {
    pub(super) fn new(
        (session, uuid): (SessionId, Uuid),
        attempt: AttemptNo,
        dir: AttemptDir,
        inbox: Inbox,
        messages: mpsc::Sender<AttemptMessage>,
        exit_grace: Duration,
    ) -> Self {
        let tail = Tail::new(&dir, uuid);
        let group = WorkerGroup::new(dir.directory().to_owned(), None);
        Self { session, attempt, dir, inbox, messages, tail, group, ended: None, exit_grace, seen_alive: false }
    }

    /// Starts the worker and follows it to its end.
    pub(super) async fn launch(mut self, program: PathBuf, ticket: Ticket) {
        let dir = self.dir.clone();
        let command = worker_command(&program, &ticket.settings.environment);
        let prepared = tokio::task::spawn_blocking(move || prepare(&dir, &ticket)).await;
        let child = match prepared {
            Ok(Ok(output)) => start(command, &self.dir, output),
            Ok(Err(error)) => Err(error),
            Err(panic) => Err(io::Error::other(panic)),
        };
        match child {
            Ok(child) => {
                self.group.worker = child.id().and_then(process::mark);
                self.seen_alive = true;
                self.follow(Some(child)).await;
            }
            Err(error) => self.report(Report::NotLaunched(not_launched(&self.dir, &error))).await,
        }
    }

    /// Follows a worker that an earlier owner has started, from its first line on.
    pub(super) async fn adopt(mut self, mark: Option<ProcessMark>) {
        self.group.worker = mark;
        self.poll().await;
        if self.group.worker.is_none() {
            // It may have just been started and not have written a line yet.
            self.group.worker = worker_in(self.dir.directory());
        }
        self.seen_alive = self.group.is_running();
        self.follow(None).await;
    }

    /// Reports what the worker writes until it has ended and its group is gone.
    async fn follow(&mut self, mut child: Option<Child>) {
        let adopted = child.is_none();
        let mut looks = tokio::time::interval(POLL_INTERVAL);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = looks.tick() => {
                    self.poll().await;
                    let gone = adopted && !self.group.is_running();
                    if gone { break; }
                    if self.ended.as_ref().is_some_and(|(since, _)| since.elapsed() > self.exit_grace) { self.kill(); }
                }
                control = self.inbox.next() => match control {
                    Some(Control::Stop) => self.stop(),
                    Some(Control::Kill) => self.kill(),
                    // The manager is closing: the attempt goes on without a follower.
                    None => return,
                },
                _ = exit_of(&mut child) => break,
            }
        }
        self.poll().await;
        self.wait_until_gone().await;
        let end = self.ended.take().map(|(_, end)| end);
        if end.is_none() && !self.seen_alive {
            self.send(Command::Lost { attempt: self.attempt }).await;
        } else {
            self.report(Report::Over(end)).await;
        }
    }

    /// Waits until no process of the worker's group is left. What outlives its worker is an engine without a master:
    /// it must not write beside a new attempt, so it is killed.
    async fn wait_until_gone(&mut self) {
        loop {
            match self.group.members() {
                Ok(members) if members.is_empty() => return,
                Ok(_) => self.kill(),
                Err(error) => tracing::error!(%error, "cannot see whether an attempt's processes are gone"),
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    async fn poll(&mut self) {
        let lines = match self.tail.read() {
            Ok(lines) => lines,
            Err(error) => {
                tracing::error!(session = self.session.0, attempt = self.attempt.0, %error, "cannot read the attempt's events");
                return;
            }
        };
        let mut progress = None;
        for line in lines {
            match line.into_fact() {
                Fact::Began(began) => {
                    self.group.worker = Some(began.mark());
                    self.report(Report::Fact(Fact::Began(began))).await;
                    if self.inbox.stop_wanted().await {
                        self.stop();
                    }
                }
                step @ Fact::Step { .. } => {
                    if let Some(latest) = progress.take() {
                        self.report(Report::Fact(Fact::Progress(latest))).await;
                    }
                    self.report(Report::Fact(step)).await;
                }
                Fact::Progress(latest) => progress = Some(latest),
                fact @ (Fact::Planned(_) | Fact::Note(_)) => self.report(Report::Fact(fact)).await,
                Fact::Ended(end) => self.ended = Some((Instant::now(), end)),
            }
        }
        if let Some(latest) = progress {
            self.report(Report::Fact(Fact::Progress(latest))).await;
        }
    }

    fn stop(&self) {
        if let Err(error) = self.group.ask_to_stop() {
            tracing::error!(session = self.session.0, %error, "cannot ask the worker to stop");
        }
    }

    fn kill(&self) {
        if let Err(error) = self.group.kill() {
            tracing::error!(session = self.session.0, %error, "cannot kill the worker's process group");
        }
    }

    async fn report(&self, report: Report) {
        self.send(Command::Report { attempt: self.attempt, report }).await;
    }

    async fn send(&self, command: Command) {
        // When the manager is gone nobody listens; the worker's own file keeps what it wrote.
        let _: Result<(), mpsc::error::SendError<AttemptMessage>> = self.messages.send((self.session, command)).await;
    }
}

/// Waits for the exit of a child of ours; for ever when there is none.
async fn exit_of(child: &mut Option<Child>) -> io::Result<std::process::ExitStatus> {
    match child {
        Some(child) => child.wait().await,
        None => std::future::pending().await,
    }
}

/// Makes the attempt's directory, writes the ticket durably, opens the raw log, and makes sure that no worker of an earlier
/// attempt comes late: whoever is one by now is killed, and whoever becomes one later finds this directory and gives up.
fn prepare(dir: &AttemptDir, ticket: &Ticket) -> io::Result<File> {
    dir.make(ticket.session_uuid)?;
    let mut file = private_file::open(&dir.ticket(), OpenOptions::new().write(true).create_new(true))?;
    file.write_all(&serde_json::to_vec_pretty(ticket)?)?;
    file.sync_all()?;
    File::open(dir.directory())?.sync_all()?;
    kill_earlier(dir.session(), ticket.attempt)?;
    private_file::open(&dir.output(), OpenOptions::new().append(true).create(true))
}

/// Starts the worker. It makes a session of its own as its first act, and needs nothing of us from then on.
fn start(mut command: tokio::process::Command, dir: &AttemptDir, output: File) -> io::Result<Child> {
    command
        .arg(dir.directory())
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .kill_on_drop(false)
        .spawn()
}

fn not_launched(dir: &AttemptDir, error: &io::Error) -> Failure {
    let cause = format!("the worker for {} could not be started: {error}", dir.directory().display());
    let is = |kinds: &[io::ErrorKind]| kinds.contains(&error.kind());
    if is(&[io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded]) {
        Failure::disruption(cause, "make room on the disk of the state directory; the session goes on by itself then")
    } else if is(&[io::ErrorKind::FileTooLarge]) {
        Failure::incurable(cause, FILE_SIZE_LIMIT)
    } else if is(&[io::ErrorKind::AlreadyExists]) {
        Failure::incurable(cause, "move away what stands there, which is another session's, then retry")
    } else if is(&[io::ErrorKind::PermissionDenied]) {
        Failure::incurable(cause, "make the state directory writable for this user, then retry")
    } else {
        Failure::disruption(cause, "")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::FailureClass;
    use std::path::Path;

    #[test]
    fn a_worker_that_cannot_be_started_waits_for_what_may_pass_alone() {
        let dir = AttemptDir::new(Path::new("/state"), SessionId(1), AttemptNo(1));
        for (kind, class, advice) in [
            (io::ErrorKind::StorageFull, FailureClass::Disruption, "make room"),
            (io::ErrorKind::QuotaExceeded, FailureClass::Disruption, "make room"),
            (io::ErrorKind::FileTooLarge, FailureClass::Incurable, "ulimit -f"),
            (io::ErrorKind::PermissionDenied, FailureClass::Incurable, "writable"),
            (io::ErrorKind::WouldBlock, FailureClass::Disruption, ""),
        ] {
            let failure = not_launched(&dir, &kind.into());
            assert_eq!(failure.class, class, "{failure}");
            assert!(failure.advice.contains(advice), "{failure}");
        }
    }
}
