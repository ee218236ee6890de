//! The servers of one attempt: at most one at a time, known on disk before it runs.
//!
//! Promises: whatever happens to the attempt, [`ServerSupervisor::clear`] leaves no server behind; a server is let go of only when
//! it is what was asked for. Never: judges an answer.

pub(in crate::worker) mod orphan_server;
pub(in crate::worker) mod server_lock;
pub(in crate::worker) mod server_record;
pub(in crate::worker) mod stale_lock;

use super::{attempt_files, signals::Stop, workspace::Workspace};
use crate::{
    domain::{Failure, Lsn, Port, fact::ProcessMark},
    engine::Halt,
    postgres::{
        account::Account,
        binaries::Binaries,
        configure::{self, DataDirectory, logs},
        server::{
            classify::{self, ServerEnd},
            isolation::{self, IsolatedServer},
            launch::{self, Server},
            log::ServerLog,
            pidfile, port,
            probe::{self, Answer},
            replay::{Observation, ServerStage, Watch},
            resume,
            stop::{StopMode, stop},
        },
    },
    private_file,
};
use server_record::{ServerRecord, ServerState};
use std::{
    ffi::OsString,
    fs::{File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};
use uuid::Uuid;

/// How often we look at a server: often enough for the eye, cheap enough for hours.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// What all servers of an attempt have in common.
pub(in crate::worker) struct ServerSupervisor<'a> {
    pub(in crate::worker) workspace: Workspace<'a>,
    pub(in crate::worker) stop: &'a Stop,
    pub(in crate::worker) account: Account,
    pub(in crate::worker) binaries: Binaries,
    pub(in crate::worker) port: Port,
    /// How long nothing may move.
    pub(in crate::worker) patience: Duration,
    /// What an isolated server gets beside what all of them do: names and values.
    pub(in crate::worker) settings: Vec<(&'static str, OsString)>,
    /// Whether an isolated server listens on the port, too, on this machine and to roles that have a password.
    pub(in crate::worker) listens: bool,
    pub(in crate::worker) running: Option<Running>,
}

/// The server that runs now.
pub(in crate::worker) struct Running {
    server: Server,
    record: ServerRecord,
    isolation: Option<IsolatedServer>,
    watch: Watch,
    /// What it logs goes here.
    log: PathBuf,
}

impl ServerSupervisor<'_> {
    /// Starts the server so that only we can reach it; returns from where replay begins anew, if it was interrupted.
    pub(in crate::worker) fn start_isolated(&mut self) -> Result<Option<Lsn>, Halt> {
        let anew = resume::restore_backup_label(self.workspace.data, &self.account, &self.binaries)?;
        let name = format!("{}-{}", isolation_name(self.workspace.session), std::process::id());
        if self.listens {
            port::check_free(self.port, &configure::socket_directory(&self.account))?;
        }
        let isolation = IsolatedServer::make(&name, &self.account, self.listens)?;
        let mut arguments = isolation.arguments(self.workspace.data, self.port, self.binaries.version());
        for (name, value) in &self.settings {
            // Of two the last one counts (postgres(1), -c).
            let mut setting = OsString::from(format!("{name}="));
            setting.push(value);
            arguments.extend(["-c".into(), setting]);
        }
        let path = self.workspace.attempt.join("output.log");
        let opened = private_file::open(&path, OpenOptions::new().append(true).create(true));
        let log = opened.map_err(|e| attempt_files::failure(&format!("opening {}", path.display()), &e))?;
        self.start(&arguments, Some(isolation), &log, &path)?;
        Ok(anew)
    }

    /// Starts the server as its own configuration says, to be left running. Its log must not stand in our directories,
    /// since the server outlives them.
    pub(in crate::worker) fn start_open(&mut self) -> Result<(), Halt> {
        let sockets = configure::socket_directory(&self.account);
        self.unlock_socket(&sockets)?;
        port::check_free(self.port, &sockets)?;
        let owner = self.account.owner();
        let (log, path) =
            DataDirectory::open(self.workspace.data).and_then(|data| logs::open(&data, owner)).map_err(|e| {
                classify::of_io(&format!("opening the server's log in {}", self.workspace.data.display()), &e)
            })?;
        self.start(&["-D".into(), self.workspace.data.into()], None, &log, &path)
    }

    /// Removes the lock that a dead server of this session has left beside the open socket.
    fn unlock_socket(&self, sockets: &Path) -> Result<(), Failure> {
        let lock = format!(".s.PGSQL.{}.lock", self.port);
        let records = server_record::of_session(&self.workspace)?;
        let is_reopened = records.iter().any(|record| record.private_directory.is_none());
        let unlock = || {
            stale_lock::remove_from(sockets, &lock, self.workspace.data)?;
            // An empty one names nobody: it is ours if an earlier attempt was about to open its server.
            if is_reopened { stale_lock::remove_unwritten(sockets, &lock, self.account.uid()) } else { Ok(()) }
        };
        unlock()
            .map_err(|e| classify::of_io(&format!("removing {lock} of a dead server from {}", sockets.display()), &e))
    }

    fn start(
        &mut self,
        arguments: &[OsString],
        isolation: Option<IsolatedServer>,
        log: &File,
        path: &Path,
    ) -> Result<(), Halt> {
        self.log(&format!("$ {}\n", launch::command_line(&self.binaries, arguments)))?;
        let words =
            ServerLog::from_end_of(path).map_err(|e| classify::of_io(&format!("reading {}", path.display()), &e))?;
        let (directory, user) = (self.binaries.directory(), self.account.name());
        let mut record =
            ServerRecord::new(&self.workspace, isolation.as_ref().map(IsolatedServer::directory), directory, user);
        record.keep(self.workspace.attempt)?;
        let lock = server_lock::acquire(self.workspace.attempt, server_lock::SERVER)?;
        // Nobody of this session can write any more what an earlier server has left.
        stale_lock::unlock(self.workspace.data)
            .map_err(|e| classify::of_io(&format!("removing {} of a dead server", pidfile::NAME), &e))?;
        let server = Server::start(&self.account, &self.binaries, arguments, lock, log)?;
        record.state = ServerState::Started(server.mark());
        let watch = Watch::new(self.workspace.data, words);
        let log = path.to_owned();
        let running = self.running.insert(Running { server, record, isolation, watch, log });
        Ok(running.record.keep(self.workspace.attempt)?)
    }

    /// Waits until the server has come so far, reporting each poll. Ends early when it died, stands still or we must
    /// stop.
    pub(in crate::worker) fn wait(
        &mut self,
        enough: ServerStage,
        tell: &mut dyn FnMut(Observation),
    ) -> Result<Observation, Halt> {
        let mut since = Instant::now();
        loop {
            let seen = self.look(tell)?;
            if seen.stage >= enough {
                return Ok(seen);
            }
            if self.stop.requested() {
                return Err(Halt::Stopped);
            }
            if seen.moved {
                since = Instant::now();
            } else if since.elapsed() >= self.patience {
                return Err(self.stands_still(seen.at).into());
            }
            thread::sleep(POLL_INTERVAL);
        }
    }

    /// Looks at the server once, reporting what is seen. An error when it has died.
    pub(in crate::worker) fn look(&mut self, tell: &mut dyn FnMut(Observation)) -> Result<Observation, Halt> {
        let running = self.running.as_mut().ok_or_else(|| Failure::bug("no server was started"))?;
        let ended = running.server.ended();
        let seen = running.watch.poll(running.server.mark().pid);
        let seen = seen.map_err(|e| classify::of_io("watching the server", &e))?;
        tell(seen);
        match ended {
            Some(end) => Err(self.died(end).into()),
            None => Ok(seen),
        }
    }

    /// Why recovery stopped before the WAL ended, as the server logged it.
    pub(in crate::worker) fn stopping(&mut self) -> Option<String> {
        let log = self.running.as_mut()?.watch.log().ok()?;
        log.stopping().map(str::to_owned)
    }

    /// What identifies the server that runs.
    pub(in crate::worker) fn mark(&self) -> Option<ProcessMark> {
        self.running.as_ref().map(|running| running.server.mark())
    }

    /// Where it logs to.
    pub(in crate::worker) fn log_path(&self) -> Option<&Path> {
        self.running.as_ref().map(|running| running.log.as_path())
    }

    /// Takes over the isolated server that an earlier attempt has left running, with its socket in this directory and what
    /// it logs in this file.
    pub(in crate::worker) fn adopt(&mut self, mark: ProcessMark, sockets: &Path, log: &Path) -> Result<(), Failure> {
        let words =
            ServerLog::from_end_of(log).map_err(|e| classify::of_io(&format!("reading {}", log.display()), &e))?;
        let (directory, user) = (self.binaries.directory(), self.account.name());
        let mut record = ServerRecord::new(&self.workspace, Some(sockets), directory, user);
        record.state = ServerState::Started(mark);
        record.keep(self.workspace.attempt)?;
        let watch = Watch::new(self.workspace.data, words);
        let isolation = Some(IsolatedServer::of_running(sockets.to_owned()));
        let log = log.to_owned();
        self.running = Some(Running { server: Server::adopted(mark), record, isolation, watch, log });
        Ok(())
    }

    /// The directory of the isolated server's socket.
    pub(in crate::worker) fn sockets(&self) -> Option<&Path> {
        Some(self.running.as_ref()?.isolation.as_ref()?.directory())
    }

    /// How the server has ended, if it has.
    pub(in crate::worker) fn ended(&mut self) -> Option<Failure> {
        match &mut self.running {
            Some(running) => running.server.ended().map(|end| self.died(end)),
            None => Some(Failure::bug("no server was started")),
        }
    }

    /// What the server's log says of what went wrong last.
    pub(in crate::worker) fn last_words(&mut self) -> Option<String> {
        let log = self.running.as_mut()?.watch.log().ok()?;
        log.last_words().map(|(_, text)| text.to_owned())
    }

    /// Asks the isolated server its question.
    pub(in crate::worker) fn ask(&mut self, roles: &[&str]) -> Result<Answer, Halt> {
        let running = self.running.as_mut().ok_or_else(|| Failure::bug("no server was started"))?;
        let Some(isolation) = &running.isolation else { return Err(Failure::bug("the server is not isolated").into()) };
        let answer = probe::ask(isolation.directory(), self.port, roles, self.patience, &|| self.stop.requested());
        match answer {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => Err(Halt::Stopped),
            Err(failure) => match running.server.ended() {
                Some(end) => Err(self.died(end).into()),
                None => Err(failure.into()),
            },
        }
    }

    /// Waits until the open server answers at its door.
    pub(in crate::worker) fn wait_for_answer(&mut self) -> Result<(), Halt> {
        let sockets = configure::socket_directory(&self.account);
        let began = Instant::now();
        while !port::answers(self.port, &sockets) {
            self.wait(ServerStage::Launching, &mut |_| ())?;
            if self.stop.requested() {
                return Err(Halt::Stopped);
            }
            if began.elapsed() >= self.patience {
                let cause = format!("the server is ready, but nothing answers on port {}", self.port);
                return Err(
                    Failure::incurable(cause, "see whether localhost is what it should be on this machine").into()
                );
            }
            thread::sleep(POLL_INTERVAL);
        }
        Ok(())
    }

    /// Stops the server cleanly.
    pub(in crate::worker) fn stop_fast(&mut self) -> Result<(), Halt> {
        let Some(running) = &mut self.running else { return Ok(()) };
        stop(running.server.mark(), StopMode::Fast, self.patience, &|| self.stop.requested())?;
        let end = running.server.ended();
        if self.stop.requested() {
            return Err(Halt::Stopped);
        }
        match end {
            // Of one that was taken over nobody hears the status.
            Some(ServerEnd::Exited(0) | ServerEnd::Unknown) => Ok(self.forget()?),
            Some(end) => Err(self.died(end).into()),
            None => Err(Failure::bug("a stopped server has no end").into()),
        }
    }

    /// Leaves no server of this attempt behind.
    pub(in crate::worker) fn clear(&mut self) -> Result<(), Failure> {
        if let Some(running) = &self.running {
            stop(running.server.mark(), StopMode::Immediate, Duration::ZERO, &|| false)?;
            self.forget()?;
        }
        Ok(())
    }

    /// Lets the running server live on its own.
    pub(in crate::worker) fn let_go(&mut self) {
        self.running = None;
    }

    /// The server is gone: records that on disk, and removes its private directory.
    fn forget(&mut self) -> Result<(), Failure> {
        let Some(mut running) = self.running.take() else { return Ok(()) };
        // Waited for here, or it would stay in the process table as long as we live.
        running.server.ended();
        if let Some(isolation) = &running.isolation {
            isolation::remove(isolation.directory());
        }
        running.record.state = ServerState::Stopped;
        running.record.keep(self.workspace.attempt)
    }

    fn died(&mut self, end: ServerEnd) -> Failure {
        let Some(running) = &mut self.running else { return classify::failure(end, None) };
        let isolated = running.isolation.is_some();
        let Ok(log) = running.watch.log() else { return classify::failure(end, None) };
        let failure = classify::failure(end, log.last_words());
        if !isolated {
            // What the open server logged stands in its own log: the attempt's must hold enough too.
            self.log(&format!("{}\n", failure.cause)).unwrap_or_default();
        }
        failure
    }

    pub(in crate::worker) fn stands_still(&self, at: Option<Lsn>) -> Failure {
        let place = at.map_or_else(|| "before replay began".to_owned(), |at| format!("at {at}"));
        let seconds = self.patience.as_secs();
        Failure::disruption(
            format!("the server has shown no progress for {seconds} s, {place}"),
            "see the attempt's log; the setting start_timeout says how long to wait",
        )
    }

    /// Adds to the attempt's log.
    fn log(&self, text: &str) -> Result<(), Failure> {
        let path = self.workspace.attempt.join("output.log");
        let write = || -> io::Result<()> {
            private_file::open(&path, OpenOptions::new().append(true).create(true))?.write_all(text.as_bytes())
        };
        write().map_err(|e| attempt_files::failure(&format!("writing {}", path.display()), &e))
    }
}

/// How the names of all private directories of a session begin: short, and with the part of its name that is chance.
pub(in crate::worker) fn isolation_name(session: Uuid) -> String {
    session.simple().to_string().split_off(20)
}
