//! The steps that bring a standby up, and that put a new one in the place of one that can never stream again.
//!
//! Promises: what a later step refuses is refused before the earlier standby is touched; what only a seed needed is gone
//! once the standby streams.

use super::{
    Wanted, anew, make_slot, place,
    plan::{self, Course, Planned},
    primary,
    record::{Record, SlotState, Stage},
    seed, start, workspace,
};
use crate::{
    domain::{Failure, Plan, Step},
    engine::Halt,
    postgres::{account::Account, client::Client},
    worker::{
        backup::{
            Backup,
            repository::{self, PointDirectory},
        },
        server::{ServerSupervisor, orphan_server},
    },
};

/// What the steps of one attempt have in common.
pub(super) struct Work<'a, 'b> {
    pub(super) backup: &'b Backup<'a>,
    pub(super) wanted: Wanted<'a>,
    pub(super) account: &'b Account,
    pub(super) client: &'b Client,
    pub(super) directory: &'b PointDirectory,
}

impl<'a> Work<'a, '_> {
    /// To a standby that runs, whatever it then does.
    pub(super) fn bring_up(
        &self,
        planned: &Planned,
        (record, supervisor): (&mut Record, &mut Option<ServerSupervisor<'a>>),
    ) -> Result<(), Halt> {
        let Self { backup, wanted, account, client, directory } = self;
        let report = backup.report;
        let begin = |record: &mut Record| {
            report.begin(Step::Checkpoint, "");
            make_slot(backup, wanted, client, planned, record)
        };
        let slot = if planned.makes_slot { "its slot was gone, and was made again" } else { "" };
        match planned.course {
            Course::Seed => {
                seed::Seed { backup, wanted: *wanted, account, client, planned }.run(directory, record)?;
                self.configure_and_start(planned, (record, supervisor))
            }
            Course::Configure => {
                begin(record)?;
                report.done(slot);
                for step in [Step::Copy, Step::Seal] {
                    report.skip(step, "the standby is there");
                }
                self.configure_and_start(planned, (record, supervisor))
            }
            Course::Start => {
                begin(record)?;
                report.done(slot);
                start(backup, wanted, account, (planned, supervisor))
            }
            Course::Measure => {
                begin(record)?;
                report.done(slot);
                report.begin(Step::Start, "the standby runs");
                Ok(())
            }
        }
    }

    fn configure_and_start(
        &self,
        planned: &Planned,
        (record, supervisor): (&mut Record, &mut Option<ServerSupervisor<'a>>),
    ) -> Result<(), Halt> {
        seed::configure_in_place(self.backup, &self.wanted, self.account, planned, record)?;
        start(self.backup, &self.wanted, self.account, (planned, supervisor))
    }

    /// The standby can never stream again: another one takes its place.
    pub(super) fn seed_anew(
        &self,
        planned: Planned,
        why: &str,
        (record, supervisor): (&mut Record, &mut Option<ServerSupervisor<'a>>),
    ) -> Result<Planned, Halt> {
        let Self { backup, wanted, account, client, directory } = self;
        let session = backup.ticket.session_uuid;
        // It was down when this attempt came, and is so again.
        if let Some(server) = supervisor.as_mut() {
            server.stop_fast()?;
        }
        *supervisor = None;
        if anew::mark_at(wanted.directory)?.is_some_and(|mark| mark.session == session) {
            return Err(self.forget(why, record)?.into());
        }
        let own_slot = anew::own_slot(session);
        let planned = plan::plan_anew(wanted, (account, client), planned, directory, (&own_slot, why))?;
        anew::begin(backup, wanted, record, why)?;
        backup.report.note(&format!("{why}: it is seeded anew, and stays as it is until the new one is whole"));
        backup.report.planned(Plan::Backup(planned.plan.clone()));
        let seed = seed::Seed { backup, wanted: *wanted, account, client, planned: &planned };
        seed.run_anew(directory, record)?;
        self.configure_and_start(&planned, (record, supervisor))?;
        Ok(planned)
    }

    /// What this session has made itself, and what was never of use, goes; returns why.
    fn forget(&self, why: &str, record: &mut Record) -> Result<Failure, Failure> {
        let Self { backup, wanted, client, .. } = self;
        let session = backup.ticket.session_uuid;
        let failed = |error: std::io::Error| repository::failure("looking at", wanted.directory, &error);
        if place::promoted(wanted.directory).map_err(failed)?.is_some() {
            return Err(plan::promoted(wanted));
        }
        orphan_server::stop(&workspace(backup, wanted))?;
        place::remove(wanted.directory, session, record.found_empty)?;
        primary::drop_slot(client, wanted.slot, record.slot)?;
        (record.slot, record.stage) = (SlotState::NotMade, Stage::Begun);
        record.keep(backup.attempt_dir)?;
        Ok(Failure::disruption(format!("{why}: what had been seeded is removed"), "the next attempt seeds it anew"))
    }

    /// It streams: what the steps were that it did not take, and what only a seed needed goes.
    pub(super) fn it_streams(&self, planned: &Planned, record: &mut Record) -> Result<(), Failure> {
        let Self { backup, wanted, client, directory, .. } = self;
        let report = backup.report;
        report.done("it streams");
        match planned.course {
            Course::Seed | Course::Configure => {}
            Course::Start | Course::Measure => {
                for step in [Step::Copy, Step::Seal] {
                    report.skip(step, "the standby is there");
                }
                report.skip(Step::Configure, "the standby has its settings");
            }
        }
        let Some(anew) = record.anew.clone() else { return Ok(()) };
        anew::clear(client, backup.ticket.session_uuid)?;
        directory.remove_incoming()?;
        if anew::mark_at(wanted.directory)?.is_some_and(|mark| mark.session == anew.earlier) {
            // It got what it needs after all.
            record.anew = None;
            record.keep(backup.attempt_dir)?;
        }
        Ok(())
    }
}
