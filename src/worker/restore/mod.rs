//! The steps of a restore, in order.
//!
//! Promises: each step reports when it begins and how it ends; one that does not apply is reported with its reason; a
//! second attempt does only what the first has not. Never: calls a step done before it is.

pub(in crate::worker) mod check;
pub(in crate::worker) mod completion;
pub(in crate::worker) mod decisions;
pub(in crate::worker) mod dispose;
mod finish;
pub(in crate::worker) mod history;
mod record;
mod tablespaces;
mod wal;

use super::{
    engine_factory::{EngineFactory, EngineRequest},
    event_writer::EventWriter,
    places,
    recovery::{self, RecoveryStanding, record::RecoveryRecord},
    server::{ServerSupervisor, orphan_server},
    signals::Stop,
    workspace::Workspace,
};
use crate::{
    domain::{
        ClusterRestore, Failure, MajorVersion, Plan, RestorePlan, Step, Success, SystemIdentifier, WalProgress,
        WorkerSettings,
        fact::PausePoint,
        plan::{ServerPlan, WalFinding},
        quantity::many,
    },
    engine::{Engine, Halt, Observer, STAGED_CONTROL, claim, point_use},
    postgres::{
        account::Account,
        binaries::Binaries,
        configure::{self, Configured, DataDirectory, UnknownLibrary},
        server::{classify, probe::Answer, replay::ServerStage},
    },
};
use check::{Checked, ServerAccount};
pub(in crate::worker) use finish::Remarks;
use std::path::{Path, PathBuf};

/// All that the steps of one attempt share.
pub(in crate::worker) struct Restore<'a> {
    pub(in crate::worker) workspace: Workspace<'a>,
    pub(in crate::worker) request: &'a ClusterRestore,
    pub(in crate::worker) settings: &'a WorkerSettings,
    /// Who ordered it.
    pub(in crate::worker) by: Option<&'a str>,
    pub(in crate::worker) places: places::ClaimingSession,
    pub(in crate::worker) report: &'a EventWriter,
    pub(in crate::worker) stop: &'a Stop,
    /// What becomes of a preloaded library that is missing here and that nobody knows.
    pub(in crate::worker) unknown: UnknownLibrary,
}

/// How the steps came to an end.
pub(in crate::worker) enum Done {
    /// The restore is done.
    Succeeded(Success),
    /// Recovery waits at its goal.
    Paused(PausePoint),
}

/// Runs them all. A server that is still in `supervisor` afterwards is the caller's to clear.
pub(in crate::worker) fn run<'a>(
    restore: &Restore<'a>,
    factory: &EngineFactory<'_>,
    supervisor: &mut Option<ServerSupervisor<'a>>,
) -> Result<Done, Halt> {
    restore.report.begin(Step::Check, "");
    let who = Account::for_server(&restore.settings.os_user);
    let owner = who.as_ref().ok().and_then(Account::owner);
    // Held until the attempt has ended, in whatever way.
    let places = restore.places.enter(&restore.request.holds(), owner).map_err(Failure::from)?;
    if let Some(success) = completion::of_session(&restore.workspace)? {
        return restore.end(factory, who, success, supervisor).map(Done::Succeeded);
    }
    let record = RecoveryRecord::of_session(&restore.workspace)?;
    if let Some(left) = recovery::waiting(record, &restore.request.recovery, restore.request.target.directory()) {
        return restore.go_on_from(factory, who, left, supervisor);
    }
    let backups = restore.request.point.source.directories();
    let reading = backups.map(|backup| point_use::read(backup, restore.settings.stall_timeout));
    let reading: Vec<_> = reading.collect::<Result<_, _>>()?;
    let pinned = restore.pinned()?;
    let (mut engine, Checked { mut plan, binaries, cluster }) = restore.check(factory, &who, &places.devices)?;
    if let (Some(recovery), Some(pinned)) = (&mut plan.recovery, &pinned) {
        **recovery = pinned.clone();
    }
    restore.copy(engine.as_mut(), &plan)?;
    // All of it is at the target.
    drop(reading);
    let (server, binaries) = restore.resolve_server(&plan.server, binaries, &who)?;
    let account = who.or_else(|_| Account::own())?;
    let standing = match plan.recovery {
        Some(_) => restore.begin_recovery(pinned.as_ref())?,
        None => RecoveryStanding::Ended,
    };
    let configured = restore.configure(engine.as_mut(), (&account, binaries.as_ref()), standing)?;
    let binaries = match (server, binaries) {
        (ServerPlan::Start { .. }, Some(binaries)) => binaries,
        (ServerPlan::Start { .. }, None) => return Err(Failure::bug("a server is planned without programs").into()),
        (ServerPlan::NoServer { reason }, binaries) => {
            let programs = (&account, binaries.as_ref());
            return restore.finish_files(factory, &plan, programs, reason, configured).map(Done::Succeeded);
        }
    };
    let remarks = Remarks::of(&plan, configured);
    let supervisor = supervisor.insert(restore.supervisor(account, binaries));
    if let Some(recovery) = &plan.recovery {
        return match standing {
            RecoveryStanding::GoesOn => restore.recover(supervisor, factory, (&plan, recovery), (remarks, cluster)),
            RecoveryStanding::Ended => {
                restore.start_ended(supervisor)?;
                let answer = restore.probe(supervisor, cluster)?;
                restore.finish(supervisor, factory, remarks, answer).map(Done::Succeeded)
            }
        };
    }
    let replayed = restore.start(supervisor).and_then(|()| restore.replay(supervisor, &plan.files.wal));
    replayed.map_err(|halt| restore.blame_wal(halt, &plan.files.wal, supervisor))?;
    let answer = restore.probe(supervisor, cluster)?;
    restore.finish(supervisor, factory, remarks, answer).map(Done::Succeeded)
}

impl<'a> Restore<'a> {
    fn check(
        &self,
        factory: &EngineFactory<'_>,
        who: &ServerAccount,
        devices: &[(PathBuf, u64)],
    ) -> Result<(Box<dyn Engine>, Checked), Halt> {
        let Self { request, settings, report, .. } = self;
        if orphan_server::stop(&self.workspace)? {
            report.note("a server that an earlier attempt had left running was stopped");
        }
        let owner = who.as_ref().ok().and_then(Account::owner);
        let session_uuid = self.workspace.session;
        let mut engine = (factory.make)(&EngineRequest { request, session_uuid, owner, settings, devices })?;
        let checked = check::plan(engine.as_mut(), request, settings, who, &self.places.own())?;
        let plan = &checked.plan;
        report.planned(Plan::Restore(plan.clone()));
        if let Some(failure) = plan.lacks_consent(request, "start a new restore of the files alone, with --without-wal")
        {
            return Err(failure.into());
        }
        let reused = plan.files.reused;
        let reused = if reused.0 > 0 { format!(", {reused} of it in place") } else { String::new() };
        report.done(&format!("{} needed{reused}, {} free", plan.files.bytes, plan.files.free_bytes));
        self.go_on()?;
        Ok((engine, checked))
    }

    fn copy(&self, engine: &mut dyn Engine, plan: &RestorePlan) -> Result<(), Halt> {
        self.report.begin(Step::Copy, "");
        engine.copy(self.report)?;
        self.report.copied();
        let reused = self.report.reused();
        let resumed = if reused.0 > 0 { format!(", {reused} of it from earlier attempts") } else { String::new() };
        self.report.done(&format!("{} in {}{resumed}", plan.files.bytes, many(plan.files.files, "file")));
        self.go_on()
    }

    /// What the plan could not know, the files show: the version that they belong to.
    pub(in crate::worker) fn resolve_server(
        &self,
        planned: &ServerPlan,
        binaries: Option<Binaries>,
        who: &ServerAccount,
    ) -> Result<(ServerPlan, Option<Binaries>), Halt> {
        let version = version_of(self.request.target.directory())?;
        let fits = match (planned, &binaries) {
            (ServerPlan::Start { version: planned, .. }, _) => *planned == version,
            (ServerPlan::NoServer { .. }, Some(binaries)) => binaries.version() == version,
            (ServerPlan::NoServer { .. }, None) => false,
        };
        if fits {
            Ok((planned.clone(), binaries))
        } else {
            Ok(check::server(self.request, self.settings, who, Some(version))?)
        }
    }

    pub(in crate::worker) fn configure(
        &self,
        engine: &mut dyn Engine,
        (account, binaries): (&Account, Option<&Binaries>),
        recovery: RecoveryStanding,
    ) -> Result<Configured, Halt> {
        self.report.begin(Step::Configure, "");
        // From here on there are files in the directory that the backup does not name, and they are ours.
        engine.before_server_start()?;
        let target = &self.request.target;
        let (data, port) = (target.directory(), target.port());
        let marked = claim::mark_of(data, self.workspace.session);
        let marked = marked.map_err(|error| classify::of_io("looking for the mark of the restore", &error))?;
        let staged = marked.map(|mark| mark.join(STAGED_CONTROL)).filter(|staged| staged.is_dir());
        let control = staged.as_deref().unwrap_or(data);
        let version = Some(version_of(data)?);
        let unknown = self.unknown;
        let options = configure::ConfigureOptions { data, port, account, binaries, control, version, unknown };
        let configured = configure::configure(&options)?;
        if recovery == RecoveryStanding::GoesOn {
            self.request_recovery(account)?;
        }
        // Nothing before this could start a server, whatever it left (S3).
        engine.complete()?;
        self.report.log("global/pg_control is in place: a server can start on the files from here on");
        let mut detail = vec![format!("port {port}")];
        detail.extend(configured.notes.iter().cloned());
        self.report.done(&detail.join("; "));
        self.go_on()?;
        Ok(configured)
    }

    pub(in crate::worker) fn supervisor(&self, account: Account, binaries: Binaries) -> ServerSupervisor<'a> {
        ServerSupervisor {
            workspace: self.workspace,
            stop: self.stop,
            account,
            binaries,
            port: self.request.target.port(),
            patience: self.settings.start_timeout,
            settings: Vec::new(),
            listens: false,
            running: None,
        }
    }

    pub(in crate::worker) fn start(&self, supervisor: &mut ServerSupervisor<'_>) -> Result<(), Halt> {
        self.report.begin(
            Step::Start,
            &format!("PostgreSQL {} as {}", supervisor.binaries.version(), supervisor.account.name()),
        );
        if let Some(from) = supervisor.start_isolated()? {
            self.report.note(&format!("replay was interrupted in an earlier attempt and begins anew from {from}"));
        }
        supervisor.wait(ServerStage::Recovering, &mut |_| ())?;
        let (version, user) = (supervisor.binaries.version(), supervisor.account.name());
        self.report.done(&format!("PostgreSQL {version} as {user}, closed to others until it is probed"));
        Ok(())
    }

    pub(in crate::worker) fn replay(
        &self,
        supervisor: &mut ServerSupervisor<'_>,
        wal: &WalFinding,
    ) -> Result<(), Halt> {
        let span = match wal {
            WalFinding::Included { start, stop } => Some((*start, *stop)),
            WalFinding::Missing { .. } => None,
        };
        self.report
            .begin(Step::Replay, &span.map_or_else(String::new, |(start, stop)| format!("from {start} to {stop}")));
        let seen = supervisor.wait(ServerStage::Consistent, &mut |seen| {
            if let (Some((start, stop)), Some(at)) = (span, seen.at) {
                self.report.replayed(WalProgress::of_backup(start, at.max(start), stop));
            }
        })?;
        if let Some((start, stop)) = span {
            // A server that answers has come as far as the backup needs, whether or not it logged each step.
            let at = seen.at.map_or(stop, |at| at.max(stop));
            self.report.replayed(WalProgress::of_backup(start, at, stop));
        }
        let at = seen.at.or(span.map(|(_, stop)| stop));
        self.report.done(&at.map_or_else(String::new, |at| format!("consistent, replayed to {at}")));
        Ok(())
    }

    fn probe(&self, supervisor: &mut ServerSupervisor<'_>, cluster: Option<SystemIdentifier>) -> Result<String, Halt> {
        Ok(self.ask(supervisor, cluster)?.to_string())
    }

    /// Asks the server a query, and whether it is of the right cluster.
    pub(in crate::worker) fn ask(
        &self,
        supervisor: &mut ServerSupervisor<'_>,
        cluster: Option<SystemIdentifier>,
    ) -> Result<Answer, Halt> {
        self.report.begin(Step::Probe, "");
        let user = supervisor.account.name().to_owned();
        let answer = supervisor.ask(&[&self.settings.probe_role, &user])?;
        right_cluster(cluster, answer.system_identifier)?;
        self.report.done(&answer.to_string());
        self.go_on()?;
        Ok(answer)
    }

    pub(in crate::worker) fn go_on(&self) -> Result<(), Halt> {
        if self.stop.requested() { Err(Halt::Stopped) } else { Ok(()) }
    }
}

/// The server must be of the cluster that was backed up, where the backup records which that is.
fn right_cluster(wanted: Option<SystemIdentifier>, found: SystemIdentifier) -> Result<(), Failure> {
    match wanted {
        Some(wanted) if wanted != found => Err(Failure::incurable(
            format!("the restored server is of the cluster {found}, and the backup says {wanted}"),
            "the backup is mixed up: choose another restore point",
        )),
        Some(_) | None => Ok(()),
    }
}

/// What `PG_VERSION` holds: one number and a line feed.
pub(in crate::worker) fn version_of(data: &Path) -> Result<MajorVersion, Failure> {
    let bytes = DataDirectory::open(data)
        .and_then(|data| data.read("PG_VERSION", 64))
        .map_err(|e| classify::of_io(&format!("reading PG_VERSION in {}", data.display()), &e))?;
    let version = bytes.and_then(|bytes| String::from_utf8(bytes).ok()?.trim().parse().ok());
    version.map(MajorVersion).ok_or_else(|| {
        Failure::incurable(
            format!("{} holds no PG_VERSION with a major version in it", data.display()),
            "the backup is not one of a PostgreSQL 10 or later: choose another restore point",
        )
    })
}
