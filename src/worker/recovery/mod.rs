//! A recovery to a goal: replay, a look at where it ended, and then what was asked for.
//!
//! Promises: the server waits at its goal, isolated, before anything else happens; what a person decides there costs no
//! second replay while the server stands; each decision is on disk before it is carried out. Never: opens a server whose
//! recovery did not end where it had to.

mod buffers;
mod decide;
mod feed;
mod promoted;
mod rate;
pub(in crate::worker) mod record;
mod replay;
mod verdict;

use decide::Waiting;
pub(in crate::worker) use decide::{LeftPause, waiting};
pub(in crate::worker) use rate::expected;

use super::{
    restore::{Done, Remarks, Restore},
    server::ServerSupervisor,
};
use crate::{
    domain::{Failure, Lsn, RecoveryPlan, RestorePlan, Step, SystemIdentifier},
    engine::{Halt, Observer},
    postgres::{
        account::Account,
        configure::recover::{self, RecoverySettings},
        server::replay::ServerStage,
    },
    worker::engine_factory::EngineFactory,
};
use feed::Feed;
use record::{RecoveryRecord, RecoveryStage};
use std::{ffi::OsStr, time::Duration};

impl Restore<'_> {
    /// Before the cluster is configured: notes that its recovery begins, unless an earlier attempt has ended it already.
    pub(in crate::worker) fn begin_recovery(&self, pinned: Option<&RecoveryPlan>) -> Result<RecoveryStanding, Failure> {
        let data = self.request.target.directory();
        let before = RecoveryRecord::of_session(&self.workspace)?;
        if before.as_ref().is_some_and(|record| record.stage == RecoveryStage::Promoting) && promoted::is(data)? {
            return Ok(RecoveryStanding::Ended);
        }
        let notes = (Vec::new(), Vec::new());
        let (session, wish) = (self.workspace.session, &self.request.recovery);
        let mut record = RecoveryRecord::new(session, wish, RecoveryStage::Replaying, notes);
        record.pinned = pinned.cloned().map(Box::new);
        record.keep(&self.workspace)?;
        // It is asked for anew; left there, it would be taken for one of the backup's.
        if before.is_some() {
            recover::withdraw(data)?;
        }
        Ok(RecoveryStanding::GoesOn)
    }

    /// Asks for archive recovery, before a server can start on the files at all: one that is started by hand refuses.
    pub(in crate::worker) fn request_recovery(&self, account: &Account) -> Result<(), Failure> {
        recover::request(self.request.target.directory(), account)
    }

    /// From the start of the server to what was asked for at the goal.
    pub(in crate::worker) fn recover(
        &self,
        supervisor: &mut ServerSupervisor<'_>,
        factory: &EngineFactory<'_>,
        (plan, recovery): (&RestorePlan, &RecoveryPlan),
        (remarks, cluster): (Remarks, Option<SystemIdentifier>),
    ) -> Result<Done, Halt> {
        let feed = self.start_recovery(supervisor, recovery, plan.files.system_identifier)?;
        let goal = replay::to_goal(self, supervisor, recovery, &feed)?;
        // Nothing is asked for any more while it waits.
        feed.stop();
        let answer = self.ask(supervisor, cluster)?;
        self.decide(supervisor, factory, Waiting::new(goal, answer, recovery.clone(), remarks))
    }

    /// Starts the isolated server on its way to the goal, with what feeds it.
    pub(in crate::worker) fn start_recovery(
        &self,
        supervisor: &mut ServerSupervisor<'_>,
        plan: &RecoveryPlan,
        cluster: Option<SystemIdentifier>,
    ) -> Result<Feed, Halt> {
        let feed = Feed::start(self, &supervisor.account, plan, cluster)?;
        supervisor.settings.extend(self.recovery_settings(plan, feed.command())?.all());
        let place = (self.workspace.data, &supervisor.account, &supervisor.binaries);
        supervisor.settings.extend(buffers::settings(place, plan.end.0.saturating_sub(plan.start.0))?);
        self.start(supervisor).map_err(|halt| feed.blamed(halt, None))?;
        Ok(feed)
    }

    /// The settings that bring the server there.
    fn recovery_settings<'a>(
        &'a self,
        plan: &RecoveryPlan,
        restore_command: &'a OsStr,
    ) -> Result<RecoverySettings<'a>, Failure> {
        let wish = &self.request.recovery;
        let timeline = plan.path.last().ok_or_else(|| Failure::bug("the plan of a recovery has no timeline"))?;
        Ok(RecoverySettings {
            goal: &wish.goal,
            inclusive: wish.inclusive,
            last_record: plan.last_record,
            timeline: *timeline,
            restore_command,
        })
    }

    /// Waits at the goal of a recovery that is only looked into.
    pub(in crate::worker) fn replay_to_goal(
        &self,
        supervisor: &mut ServerSupervisor<'_>,
        plan: &RecoveryPlan,
        cluster: Option<SystemIdentifier>,
    ) -> Result<(), Halt> {
        let feed = self.start_recovery(supervisor, plan, cluster)?;
        replay::to_goal(self, supervisor, plan, &feed)?;
        feed.stop();
        Ok(())
    }

    /// An earlier attempt has ended the recovery: the server only starts once more.
    pub(in crate::worker) fn start_ended(&self, supervisor: &mut ServerSupervisor<'_>) -> Result<(), Halt> {
        self.start(supervisor)?;
        self.report.begin(Step::Replay, "an earlier attempt has ended the recovery");
        let seen = supervisor.wait(ServerStage::Ready, &mut |_| ())?;
        self.report.done(&seen.at.map_or_else(String::new, |at| format!("at {at}")));
        Ok(())
    }

    /// Keeps how fast replay was here, for the plans to come.
    fn note_rate(&self, replayed: Lsn, took: Duration) {
        if let Some(state) = &self.settings.state
            && let Err(error) = rate::note(state, replayed.0, took)
        {
            self.report.log(&format!("how fast replay was could not be noted: {error}"));
        }
    }
}

/// Whether there is WAL to be replayed to a goal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::worker) enum RecoveryStanding {
    /// The goal is still to be reached.
    GoesOn,
    /// It was, and the server was opened.
    Ended,
}
