//! The last step: the server is left as asked, and the session's marks go from the target.
//!
//! Promises: before the first mark goes, it is on disk that all the rest is done, so that a worker that is killed from
//! then on has finished; the next attempt finds that and ends what is left. Never: a finished restore is begun anew, and
//! a server that was left running is not stopped.

use super::{
    Done, Restore,
    check::{self, ServerAccount},
    completion, record, tablespaces, version_of,
    wal::WalReport,
};
use crate::{
    domain::{Achieved, Failure, RestorePlan, ServerOutcome, ServerWish, Step, Success, plan::ServerPlan},
    engine::{Halt, Observer},
    postgres::{account::Account, binaries::Binaries, configure::Configured, server::replay::ServerStage},
    worker::{
        engine_factory::EngineFactory,
        recovery::LeftPause,
        server::{ServerSupervisor, orphan_server},
    },
};

/// The steps that an attempt has behind it when it comes to the last one.
const BEFORE: [Step; 6] = [Step::Check, Step::Copy, Step::Configure, Step::Start, Step::Replay, Step::Probe];

impl<'a> Restore<'a> {
    /// After the probe: what was asked for the server.
    pub(in crate::worker) fn finish(
        &self,
        supervisor: &mut ServerSupervisor<'_>,
        factory: &EngineFactory<'_>,
        remarks: Remarks,
        answer: String,
    ) -> Result<Success, Halt> {
        self.report.begin(Step::Finish, "stopping the isolated server");
        supervisor.stop_fast()?;
        self.report.log("the isolated server is stopped");
        let server = match self.request.server {
            ServerWish::LeaveRunning => {
                self.open(supervisor)?;
                self.go_on()?;
                ServerOutcome::Running { port: self.request.target.port(), answer }
            }
            ServerWish::StopAfterProbe | ServerWish::FilesOnly => ServerOutcome::Stopped { answer },
        };
        let success = self.unmark(factory, remarks.success(server))?;
        supervisor.let_go();
        Ok(success)
    }

    /// Files alone were wanted, or nothing else was possible.
    pub(in crate::worker) fn finish_files(
        &self,
        factory: &EngineFactory<'_>,
        plan: &RestorePlan,
        (account, binaries): (&Account, Option<&Binaries>),
        reason: String,
        configured: Configured,
    ) -> Result<Success, Halt> {
        for step in [Step::Start, Step::Replay, Step::Probe] {
            self.report.skip(step, &reason);
        }
        self.report.begin(Step::Finish, "");
        let WalReport { warnings, unchecked } = self.read_wal(&plan.files.wal, account, binaries)?;
        let mut success = Remarks::of(plan, configured).success(ServerOutcome::NotStarted { reason });
        success.warnings.extend(warnings);
        success.unchecked.extend(unchecked);
        self.unmark(factory, success)
    }

    /// An earlier attempt has done all the work and could not report its end.
    pub(in crate::worker) fn end(
        &self,
        factory: &EngineFactory<'_>,
        who: ServerAccount,
        success: Success,
        supervisor: &mut Option<ServerSupervisor<'a>>,
    ) -> Result<Success, Halt> {
        for step in BEFORE {
            self.report.skip(step, "an earlier attempt has done it");
        }
        self.report.begin(Step::Finish, "");
        let data = self.request.target.directory();
        if let Some(ServerOutcome::Running { .. }) = success.server()
            && !orphan_server::runs(&self.workspace)?
        {
            // Seldom: the machine went down in that very moment, too.
            orphan_server::stop(&self.workspace)?;
            let planned = check::server(self.request, self.settings, &who, Some(version_of(data)?))?;
            let binaries = match planned {
                (ServerPlan::Start { .. }, Some(binaries)) => binaries,
                (ServerPlan::Start { .. }, None) => {
                    return Err(Failure::bug("a server is planned without programs").into());
                }
                (ServerPlan::NoServer { reason }, _) => {
                    let cause = format!("the server of the finished restore cannot be started again: {reason}");
                    return Err(Failure::incurable(cause, "start it by hand, or make that possible and retry").into());
                }
            };
            let supervisor = supervisor.insert(self.supervisor(who.or_else(|_| Account::own())?, binaries));
            self.open(supervisor)?;
        }
        let success = self.unmark(factory, success)?;
        if let Some(supervisor) = supervisor {
            supervisor.let_go();
        }
        Ok(success)
    }

    /// An earlier attempt has left the server waiting at its goal: what the order says now is done there.
    pub(in crate::worker) fn go_on_from(
        &self,
        factory: &EngineFactory<'_>,
        who: ServerAccount,
        left: LeftPause,
        supervisor: &mut Option<ServerSupervisor<'a>>,
    ) -> Result<Done, Halt> {
        for step in BEFORE {
            self.report.skip(step, "an earlier attempt has done it");
        }
        let version = version_of(self.request.target.directory())?;
        let (_, binaries) = check::server(self.request, self.settings, &who, Some(version))?;
        let binaries = binaries.ok_or_else(|| {
            let cause = format!("the programs of PostgreSQL {version} are not here any more");
            Failure::incurable(cause, "install them again, or name them with binaries, then retry")
        })?;
        let supervisor = supervisor.insert(self.supervisor(who.or_else(|_| Account::own())?, binaries));
        let waiting = self.adopt_pause(supervisor, left)?;
        self.decide(supervisor, factory, waiting)
    }

    /// Starts the server to be left running, and waits until it answers at its door.
    fn open(&self, supervisor: &mut ServerSupervisor<'_>) -> Result<(), Halt> {
        self.report.detail(&format!("starting the server on port {}", self.request.target.port()));
        supervisor.start_open()?;
        supervisor.wait(ServerStage::Consistent, &mut |_| ())?;
        supervisor.wait_for_answer()
    }

    /// The point of no return: from the record on, the restore is done.
    pub(in crate::worker) fn unmark(&self, factory: &EngineFactory<'_>, success: Success) -> Result<Success, Halt> {
        let target = &self.request.target;
        let success = tablespaces::with_lost(self, success);
        completion::keep(&self.workspace, &success)?;
        record::leave(self)?;
        self.report.log("the record of the restore is in the data directory; from here on the restore is done");
        (factory.unmark)(target, self.workspace.session)?;
        self.places.leave(&self.request.holds())?;
        self.report.log("the session's marks and claims are gone from the target");
        self.report.done("");
        Ok(success)
    }
}

/// What a person should read when the restore is done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::worker) struct Remarks {
    pub(in crate::worker) warnings: Vec<String>,
    pub(in crate::worker) unchecked: Vec<String>,
}

impl Remarks {
    /// What Configure has found, and what sizes alone do not tell.
    pub(in crate::worker) fn of(plan: &RestorePlan, configured: Configured) -> Self {
        let Configured { warnings, mut unchecked, .. } = configured;
        if plan.files.checksum.contains("NONE") {
            let what = "the contents of files: the manifest has no checksums, and sizes alone were compared";
            unchecked.push(what.to_owned());
        }
        Self { warnings, unchecked }
    }

    pub(in crate::worker) fn success(self, server: ServerOutcome) -> Success {
        let Self { warnings, unchecked } = self;
        Success { result: Achieved::Cluster(server), warnings, unchecked }
    }
}
