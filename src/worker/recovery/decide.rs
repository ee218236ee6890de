//! What happens at the goal: the server waits there, is opened, or is shut down.
//!
//! Promises: the decision is on disk before it is carried out; a server that waits is found again by the next attempt, and
//! asked whether it still waits before anything is done to it. Never: decides what the order does not say.

use super::{
    feed,
    record::{RecoveryRecord, RecoveryStage},
    replay::{self, AtGoal},
};
use crate::{
    domain::{
        AtTarget, Failure, Lsn, Recovery, RecoveryGoal, RecoveryPlan, ServerAddress, ServerOutcome, Step, Success,
        Timestamp, WalProgress,
        fact::{PausePoint, PausedServer},
        recovery::moment,
    },
    engine::{Halt, Observer},
    postgres::{
        configure::recover,
        server::{probe::Answer, recovery::RecoveryClient},
    },
    process,
    worker::{
        engine_factory::EngineFactory,
        restore::{Done, Remarks, Restore},
        server::ServerSupervisor,
    },
};
use std::{
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

/// How often a server that opens is looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// A server that waits at its goal.
pub(in crate::worker) struct Waiting {
    at: Lsn,
    committed: Option<Timestamp>,
    client: RecoveryClient,
    answer: Answer,
    plan: RecoveryPlan,
    remarks: Remarks,
}

/// A pause that an earlier attempt has left.
pub(in crate::worker) struct LeftPause {
    point: PausePoint,
    server: PausedServer,
    log: PathBuf,
    plan: RecoveryPlan,
    remarks: Remarks,
}

/// The pause of this session that this wish goes on from, if its server is there; `None` where replay has to go on or begin.
pub(in crate::worker) fn waiting(record: Option<RecoveryRecord>, wish: &Recovery, data: &Path) -> Option<LeftPause> {
    let record = record.filter(|record| record.is_for(wish))?;
    let RecoveryRecord { stage: RecoveryStage::Paused { point, log, plan }, warnings, unchecked, .. } = record else {
        return None;
    };
    let server = *point.server.clone()?;
    let runs_here = process::is_alive(server.mark)
        && data.canonicalize().is_ok_and(|data| process::directory(server.mark.pid) == Some(data));
    // With more WAL in the archive its end is another one: who waits there already asks for that.
    let goes_on = wish.goal == RecoveryGoal::Latest && wish.at_target == AtTarget::Pause;
    (runs_here && !goes_on).then_some(LeftPause {
        point: *point,
        server,
        log,
        plan: *plan,
        remarks: Remarks { warnings, unchecked },
    })
}

impl Waiting {
    pub(super) fn new(goal: AtGoal, answer: Answer, plan: RecoveryPlan, remarks: Remarks) -> Self {
        let AtGoal { at, sight, client } = goal;
        // The control file names the timeline of the last checkpoint.
        let timeline = plan.path.last().copied().unwrap_or(answer.timeline);
        let answer = Answer { timeline, ..answer };
        Self { at, committed: sight.committed, client, answer, plan, remarks }
    }

    /// How far the server was brought, behind what it answered.
    fn reached(&self) -> String {
        let committed = self.committed.map_or_else(String::new, |at| format!(", last commit {}", moment(at)));
        format!("; recovered to {}{committed}", self.at)
    }
}

impl Restore<'_> {
    /// Takes over the server that waits.
    pub(in crate::worker) fn adopt_pause(
        &self,
        supervisor: &mut ServerSupervisor<'_>,
        left: LeftPause,
    ) -> Result<Waiting, Halt> {
        let LeftPause { point, server, log, plan, remarks } = left;
        supervisor.adopt(server.mark, &server.address.sockets, &log)?;
        let began = Instant::now();
        let (client, sight) = loop {
            let client = replay::connect(self, supervisor)?;
            let sight = client.as_ref().and_then(RecoveryClient::look);
            if let Some(both) = client.zip(sight) {
                break both;
            }
            supervisor.look(&mut |_| ())?;
            self.go_on()?;
            if began.elapsed() >= supervisor.patience {
                return Err(Failure::disruption("the server that waits at its goal does not answer", "").into());
            }
            thread::sleep(POLL_INTERVAL);
        };
        if !sight.in_recovery && self.request.recovery.at_target != AtTarget::Promote {
            let cause = "somebody has ended the recovery of the server that waited at its goal, and opened it";
            return Err(Failure::incurable(cause, "promote it to keep it so, or start a new restore").into());
        }
        if sight.in_recovery && (!sight.is_paused || sight.replayed != Some(point.at)) {
            let now = sight.replayed.map_or_else(String::new, |at| format!(" at {at}"));
            let cause = format!("the server that waited at {} does not wait there any more{now}", point.at);
            return Err(Failure::disruption(cause, "it is brought back there").into());
        }
        // What this attempt shows of replay is what the earlier one has reached.
        self.report.replayed(WalProgress {
            goal: Some(point.at),
            committed: point.committed,
            segment: Some(plan.segment_size),
            ..WalProgress::of_backup(plan.start, point.at, plan.consistent)
        });
        let answer = self.answer(supervisor)?;
        Ok(Waiting { at: point.at, committed: point.committed, client, answer, plan, remarks })
    }

    /// Does what the order says for the goal.
    pub(in crate::worker) fn decide(
        &self,
        supervisor: &mut ServerSupervisor<'_>,
        factory: &EngineFactory<'_>,
        waiting: Waiting,
    ) -> Result<Done, Halt> {
        match self.request.recovery.at_target {
            AtTarget::Pause => self.pause(supervisor, &waiting).map(Done::Paused),
            AtTarget::Promote => self.promote(supervisor, factory, waiting).map(Done::Succeeded),
            AtTarget::ShutDown => self.stop_here(supervisor, factory, waiting).map(Done::Succeeded),
        }
    }

    /// Leaves the server waiting.
    fn pause(&self, supervisor: &mut ServerSupervisor<'_>, waiting: &Waiting) -> Result<PausePoint, Halt> {
        let (Some(mark), Some(sockets), Some(log)) = (supervisor.mark(), supervisor.sockets(), supervisor.log_path())
        else {
            return Err(Failure::bug("a server waits that was not started").into());
        };
        let log = log.to_owned();
        let address = ServerAddress {
            sockets: sockets.to_owned(),
            port: supervisor.port,
            role: waiting.answer.role.clone(),
            programs: supervisor.binaries.directory().to_owned(),
            version: supervisor.binaries.version(),
        };
        let point = PausePoint {
            at: waiting.at,
            committed: waiting.committed,
            answer: waiting.answer.to_string(),
            server: Some(Box::new(PausedServer { mark, address })),
        };
        self.note_stage(
            RecoveryStage::Paused { point: Box::new(point.clone()), log, plan: Box::new(waiting.plan.clone()) },
            &waiting.remarks,
        )?;
        supervisor.let_go();
        self.report.log("the server waits at its goal, for a person to decide");
        Ok(point)
    }

    /// Ends the recovery, and goes on as after any replay.
    fn promote(
        &self,
        supervisor: &mut ServerSupervisor<'_>,
        factory: &EngineFactory<'_>,
        waiting: Waiting,
    ) -> Result<Success, Halt> {
        self.report.begin(Step::Finish, "ending the recovery");
        self.note_stage(RecoveryStage::Promoting, &waiting.remarks)?;
        let reached = waiting.reached();
        if waiting.client.look().is_none_or(|sight| sight.in_recovery) {
            waiting.client.promote()?;
        }
        self.wait_for_end(supervisor, waiting.client)?;
        let answer = self.answer(supervisor)?;
        self.report.log(&format!("the recovery is ended: {answer}"));
        self.finish(supervisor, factory, waiting.remarks, format!("{answer}{reached}"))
    }

    /// The pause that this attempt is to bring back: that of a server which was lost, and of this very wish. Its end of the
    /// archive is the one that it had.
    pub(in crate::worker) fn pinned(&self) -> Result<Option<RecoveryPlan>, Failure> {
        let wish = &self.request.recovery;
        let record = RecoveryRecord::of_session(&self.workspace)?;
        let record = record.filter(|record| wish.goal == RecoveryGoal::Latest && record.is_for(wish));
        Ok(record.and_then(|record| match record.stage {
            RecoveryStage::Paused { point, plan, .. } => {
                let stands = point.server.is_some_and(|server| process::is_alive(server.mark));
                (!stands).then_some(*plan)
            }
            RecoveryStage::Replaying | RecoveryStage::Promoting => record.pinned.map(|plan| *plan),
        }))
    }

    fn answer(&self, supervisor: &mut ServerSupervisor<'_>) -> Result<Answer, Halt> {
        let user = supervisor.account.name().to_owned();
        supervisor.ask(&[&self.settings.probe_role, &user])
    }

    /// Waits until the recovery that was ended is over.
    fn wait_for_end(&self, supervisor: &mut ServerSupervisor<'_>, client: RecoveryClient) -> Result<(), Halt> {
        let began = Instant::now();
        let mut client = Some(client);
        loop {
            supervisor.look(&mut |_| ())?;
            client = client.filter(RecoveryClient::is_open);
            if client.is_none() {
                client = replay::connect(self, supervisor)?;
            }
            if client.as_ref().and_then(RecoveryClient::look).is_some_and(|sight| !sight.in_recovery) {
                return Ok(());
            }
            self.go_on()?;
            if began.elapsed() >= supervisor.patience {
                return Err(Failure::disruption("the server was asked to open, and still recovers", "").into());
            }
            thread::sleep(POLL_INTERVAL);
        }
    }

    /// Shuts the server down where it is, so that whoever starts it comes to the same place and waits there.
    fn stop_here(
        &self,
        supervisor: &mut ServerSupervisor<'_>,
        factory: &EngineFactory<'_>,
        waiting: Waiting,
    ) -> Result<Success, Halt> {
        self.report.begin(Step::Finish, "shutting the server down at its goal");
        let answer = format!("{}{}", waiting.answer, waiting.reached());
        drop(waiting.client);
        supervisor.stop_fast()?;
        let account = &supervisor.account;
        let cluster = waiting.answer.system_identifier;
        let command = feed::lasting_command(self, account, &waiting.plan, cluster)?;
        let settings = self.recovery_settings(&waiting.plan, &command)?;
        recover::keep(self.request.target.directory(), account, &settings)?;
        self.report.log("the settings that bring a server there again are in its postgresql.auto.conf");
        let success = waiting.remarks.success(ServerOutcome::Stopped { answer });
        self.unmark(factory, success)
    }

    fn note_stage(&self, stage: RecoveryStage, remarks: &Remarks) -> Result<(), Failure> {
        let notes = (remarks.warnings.clone(), remarks.unchecked.clone());
        RecoveryRecord::new(self.workspace.session, &self.request.recovery, stage, notes).keep(&self.workspace)
    }
}
