//! What the attempts of a story report, and when.
//!
//! The whole course of an attempt is known when it is launched: how fast its repository is read and when that is down
//! stand in the story. A stop or a kill cuts it short.

mod open;
mod recovery;

use super::{
    Story, plan,
    reports::Reports,
    scenario::{Mishap, PlannedAttempt, PlannedEnd, SimulatedRepository},
};
use crate::{
    attempt::Scenario as Course,
    domain::{
        Achieved, AttemptNo, BackupOrder, ByteCount, ClusterRestore, Disposed, Disposition, Failure, Lsn, Order, Plan,
        Progress, Rate, RestoreOrder, RestorePoint, ServerOutcome, ServerWish, Step, Success, Verification,
        VerifyOrder, VerifyPlan, WalProgress,
        fact::{Began, End, Fact, ProcessMark},
        plan::WalFinding,
        ticket::{Ticket, Work},
    },
    journal::MemoryStore,
    manager::Clock,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use uuid::Uuid;

/// Replay on a usual disk, as PostgreSQL's log tells it.
pub(super) const REPLAY: u64 = 40 << 20;

/// How fast a backup is read when the story does not know its repository; it always does.
const READ: u64 = 100 << 20;

/// The process number of the first attempt of the first session.
const FIRST_PROCESS: u32 = 4_100;

/// How even a copy is: the rate of each tick, in hundredths of what it is on average. They average to 100.
const WOBBLE: [u64; 8] = [97, 104, 100, 92, 107, 101, 95, 104];

/// What the attempts of one story report.
pub(super) struct Courses {
    story: Arc<Story>,
    clock: Clock,
    /// What other sessions have done.
    journal: MemoryStore,
    /// What is there of each session, for its next attempt.
    copied: Mutex<BTreeMap<Uuid, ByteCount>>,
    /// Where the recovery of each session has paused.
    paused: Mutex<BTreeMap<Uuid, Lsn>>,
}

/// Why a course ends before it is done.
type Broken = (Step, Failure);

impl Courses {
    pub(super) fn new(story: Arc<Story>, clock: Clock, journal: MemoryStore) -> Self {
        Self { story, clock, journal, copied: Mutex::default(), paused: Mutex::default() }
    }

    /// The course of one attempt that is launched now.
    pub(super) fn of(&self, ticket: &Ticket) -> Course {
        let now = Duration::try_from(self.clock.now().duration_since(self.story.starts)).unwrap_or_default();
        let mut reports = Reports::new(now, self.clock.speed());
        let number = u32::try_from(ticket.session.0).unwrap_or_default() * 10 + ticket.attempt.0;
        let mark = ProcessMark { pid: FIRST_PROCESS + number, started: u64::from(number), realm: None };
        reports.fact(Fact::Began(Began::of(mark, Some(ticket.session_uuid))));
        let end = match &ticket.work {
            Work::Run(Order::Restore(RestoreOrder::Cluster(order))) => {
                let copied = self.copied(ticket.session_uuid);
                let (end, copied) = self.restore(&mut reports, (order, ticket.session_uuid), ticket.attempt, copied);
                self.copied.lock().unwrap_or_else(PoisonError::into_inner).insert(ticket.session_uuid, copied);
                end
            }
            Work::Run(Order::Verify(order)) => self.verify(&mut reports, order),
            Work::Run(Order::Backup(order)) => self.back_up(&mut reports, order, ticket.attempt),
            Work::Run(Order::Explore(order)) => return self.open(reports, (order, ticket.session_uuid)),
            Work::Run(Order::Items(order)) => self.take_out(&mut reports, order),
            Work::Run(Order::Restore(RestoreOrder::VirtualMachine(_) | RestoreOrder::Files(_))) => {
                let advice = "restore or verify a PostgreSQL backup";
                End::Failed(Failure::incurable("the demo does not play this kind of work", advice))
            }
            Work::Dispose { disposition, .. } => {
                reports.pass(Duration::from_secs(3));
                End::Disposed(match disposition {
                    Disposition::Default | Disposition::Remove => Disposed::Removed,
                    Disposition::Keep => Disposed::Kept,
                    Disposition::SetAside => Disposed::SetAside { to: "/srv/pg/set-aside".into() },
                })
            }
        };
        reports.over(end)
    }

    fn copied(&self, session: Uuid) -> ByteCount {
        let copied = self.copied.lock().unwrap_or_else(PoisonError::into_inner);
        copied.get(&session).copied().unwrap_or_default()
    }

    /// How a restore ends, and what is there then.
    fn restore(
        &self,
        reports: &mut Reports,
        (order, session): (&ClusterRestore, Uuid),
        attempt: AttemptNo,
        reused: ByteCount,
    ) -> (End, ByteCount) {
        let number = usize::try_from(attempt.0).unwrap_or_default().saturating_sub(1);
        let fate = self.story.attempts_of(&order.point.instance).get(number).cloned().unwrap_or_default();
        let facts = &order.point.facts;
        let mut progress = Progress {
            bytes_done: reused,
            bytes_total: facts.size,
            bytes_reused: reused,
            files_done: 0,
            files_total: facts.files,
            wal: None,
        };
        let done = self.restore_steps(reports, (order, session), &fate, &mut progress);
        let end = match done {
            Err(broken) => failed(reports, broken),
            Ok(()) => self.ended(order),
        };
        (end, progress.bytes_done)
    }

    fn restore_steps(
        &self,
        reports: &mut Reports,
        (order, session): (&ClusterRestore, Uuid),
        fate: &PlannedAttempt,
        progress: &mut Progress,
    ) -> Result<(), Broken> {
        let repository = self.story.repository_of(&order.point);
        let rate = rate(repository, [fate.rate, order.max_rate]);
        reports.begin(Step::Check);
        reports.pass(Duration::from_secs(2));
        reachable(repository, reports.now()).map_err(|failure| (Step::Check, failure))?;
        reports.fact(Fact::Planned(Box::new(Plan::Restore(plan::plan(&self.story, order)))));
        reports.done("");
        reports.begin(Step::Copy);
        transfer(reports, (repository, rate), &fate.end, progress).map_err(|failure| (Step::Copy, failure))?;
        reports.done("");
        reports.short(Step::Configure, &format!("port {}", order.target.port()));
        if order.server == ServerWish::FilesOnly {
            for step in [Step::Start, Step::Replay, Step::Probe] {
                reports.skip(step, "only the files are wanted");
            }
        } else {
            reports.short(Step::Start, "");
            self.recover(reports, (&order.point, &order.recovery, session), progress);
            reports.short(Step::Probe, &answer(order));
        }
        reports.short(Step::Finish, "");
        Ok(())
    }

    fn verify(&self, reports: &mut Reports, order: &VerifyOrder) -> End {
        let facts = &order.point.facts;
        let repository = self.story.repository_of(&order.point);
        let wal = WalFinding::Included { start: facts.start_lsn, stop: facts.stop_lsn };
        let (bytes, files, checksum) = (facts.size, facts.files, Some("SHA256".to_owned()));
        let mut progress = Progress { bytes_total: bytes, files_total: files, ..Progress::default() };
        reports.begin(Step::Check);
        reports.pass(Duration::from_secs(2));
        if let Err(failure) = reachable(repository, reports.now()) {
            return failed(reports, (Step::Check, failure));
        }
        let plan = VerifyPlan { bytes, files, wal: Some(wal), checksum };
        reports.fact(Fact::Planned(Box::new(Plan::Verify(plan))));
        reports.done("");
        reports.begin(Step::Read);
        let rate = rate(repository, [order.max_rate, None]);
        if let Err(failure) = transfer(reports, (repository, rate), &PlannedEnd::Done, &mut progress) {
            return failed(reports, (Step::Read, failure));
        }
        reports.done("");
        reports.short(Step::Wal, "");
        reports.short(Step::Finish, "");
        let wal_bytes = ByteCount(facts.stop_lsn.0 - facts.start_lsn.0);
        let verification = Verification { files, bytes, wal_bytes, ..Verification::default() };
        End::Succeeded(Success {
            result: Achieved::Verified(verification),
            warnings: Vec::new(),
            unchecked: Vec::new(),
        })
    }
}

impl Courses {
    /// How the backup of a server ends.
    fn back_up(&self, reports: &mut Reports, order: &BackupOrder, attempt: AttemptNo) -> End {
        let planned = self.story.object_of(order);
        let number = usize::try_from(attempt.0).unwrap_or_default().saturating_sub(1);
        let fate = planned.and_then(|object| object.attempts.get(number)).cloned().unwrap_or_default();
        let repository = order.repository.as_deref().and_then(|path| self.story.repository(path));
        let plan = plan::backup(&self.story, order);
        let (bytes, mut progress) = (plan.bytes, Progress { bytes_total: plan.bytes, ..Progress::default() });
        reports.begin(Step::Check);
        reports.pass(Duration::from_secs(2));
        if let Err(failure) = reachable(repository, reports.now()) {
            return failed(reports, (Step::Check, failure));
        }
        reports.fact(Fact::Planned(Box::new(Plan::Backup(plan))));
        reports.done("");
        reports.begin(Step::Checkpoint);
        reports.pass(Duration::from_secs(4));
        reports.done("the server has made its checkpoint");
        reports.begin(Step::Copy);
        let rate = rate(repository, [fate.rate, order.max_rate]);
        if let Err(failure) = transfer(reports, (repository, rate), &fate.end, &mut progress) {
            return failed(reports, (Step::Copy, failure));
        }
        reports.done("");
        reports.begin(Step::Seal);
        reports.pass(Duration::from_secs(3));
        reports.done("read back against its manifest, synced, renamed");
        reports.short(Step::Finish, "");
        let label = self.clock.now().strftime("%Y-%m-%dT%H%M%S").to_string();
        let result = Achieved::RestorePoint { label, bytes, how: None };
        End::Succeeded(Success { result, warnings: Vec::new(), unchecked: Vec::new() })
    }
}

/// The lowest of the repository's rate and these.
fn rate(repository: Option<&SimulatedRepository>, others: [Option<Rate>; 2]) -> u64 {
    let own = repository.map_or(READ, |repository| repository.rate.bytes());
    others.into_iter().flatten().map(Rate::bytes).fold(own, u64::min)
}

fn reachable(repository: Option<&SimulatedRepository>, at: Duration) -> Result<(), Failure> {
    let down = repository.and_then(|one| one.down.iter().find(|down| (down.from..down.to).contains(&at)));
    down.map_or(Ok(()), |down| Err(Failure::disruption(&*down.cause, "")))
}

/// Reads until all bytes are there, the story says that something goes wrong, or the repository is gone.
fn transfer(
    reports: &mut Reports,
    (repository, rate): (Option<&SimulatedRepository>, u64),
    end: &PlannedEnd,
    progress: &mut Progress,
) -> Result<(), Failure> {
    let (mishap, fail): (Option<&Mishap>, fn(&Mishap) -> Failure) = match end {
        PlannedEnd::Done => (None, |mishap| Failure::bug(&*mishap.cause)),
        PlannedEnd::Disrupted(mishap) => (Some(mishap), |mishap| Failure::disruption(&*mishap.cause, &*mishap.advice)),
        PlannedEnd::Stuck(mishap) => (Some(mishap), |mishap| Failure::incurable(&*mishap.cause, &*mishap.advice)),
    };
    for wobble in WOBBLE.into_iter().cycle() {
        if let Some(mishap) = mishap.filter(|mishap| progress.bytes_done >= mishap.after) {
            return Err(fail(mishap));
        }
        if progress.bytes_done >= progress.bytes_total {
            return Ok(());
        }
        let tick = reports.tick();
        let bytes = u128::from(rate) * tick.as_millis() * u128::from(wobble) / 100_000;
        // A story that copies less than a byte a tick still goes on.
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX).max(1);
        reports.pass(tick);
        reachable(repository, reports.now())?;
        let most = mishap.map_or(progress.bytes_total, |mishap| mishap.after);
        progress.bytes_done = ByteCount(progress.bytes_done.0.saturating_add(bytes)).min(most);
        progress.files_done = share(progress.files_total, progress.bytes_done.0, progress.bytes_total.0);
        reports.fact(Fact::Progress(*progress));
    }
    Ok(())
}

fn share(of: u64, part: u64, whole: u64) -> u64 {
    u64::try_from(u128::from(of) * u128::from(part) / u128::from(whole.max(1))).unwrap_or(of)
}

fn replay(reports: &mut Reports, point: &RestorePoint, progress: &mut Progress) {
    reports.begin(Step::Replay);
    let (start, stop) = (point.facts.start_lsn, point.facts.stop_lsn);
    let mut at = start;
    while at < stop {
        let tick = reports.tick();
        reports.pass(tick);
        let bytes = u64::try_from(u128::from(REPLAY) * tick.as_millis() / 1_000).unwrap_or(u64::MAX).max(1);
        at = crate::domain::Lsn(at.0.saturating_add(bytes)).min(stop);
        progress.wal = Some(WalProgress::of_backup(start, at, stop));
        reports.fact(Fact::Progress(*progress));
    }
    reports.done("");
}

fn failed(reports: &mut Reports, (step, failure): Broken) -> End {
    reports.failed();
    End::Failed(failure.in_step(step))
}

fn success(order: &ClusterRestore) -> Success {
    let answer = answer(order);
    Success::of_cluster(match order.server {
        ServerWish::LeaveRunning => ServerOutcome::Running { port: order.target.port(), answer },
        ServerWish::StopAfterProbe => ServerOutcome::Stopped { answer },
        ServerWish::FilesOnly => ServerOutcome::NotStarted { reason: "only the files are wanted".to_owned() },
    })
}

/// What the restored server answers to the probe.
fn answer(order: &ClusterRestore) -> String {
    let facts = &order.point.facts;
    let version = facts.version.map_or_else(|| "of no known version".to_owned(), |version| format!("{version}.2"));
    format!("PostgreSQL {version}, 3 databases, timeline {}", facts.timeline)
}
