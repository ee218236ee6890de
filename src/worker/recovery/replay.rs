//! Replaying WAL of an archive to a goal, watched.
//!
//! Promises: where replay stands is never older than two seconds; a server that stands still, or waits for WAL that it
//! cannot have, is noticed within ten; when the goal is reached the server waits there, and nobody but us can reach it.
//! Never: opens a server, or takes the end of the WAL for the goal.

use super::{feed::Feed, verdict::verdict};
use crate::{
    domain::{Failure, Lsn, Recovery, RecoveryGoal, RecoveryPlan, Step, Timestamp, WalProgress, recovery::moment},
    engine::Halt,
    postgres::server::{
        recovery::{RecoveryClient, RecoverySight},
        replay::{Observation, ServerStage},
    },
    worker::{restore::Restore, server::ServerSupervisor},
};
use std::{
    thread,
    time::{Duration, Instant},
};

/// How often the process and its log are looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// How often the server is asked where it is, once it answers.
const BETWEEN_QUESTIONS: Duration = Duration::from_millis(500);

/// A server that shows nothing for so long is said to stand still; what becomes of it is the patience's to say.
const STANDS_STILL: Duration = Duration::from_secs(8);

/// A server that waits for an archive which cannot be reached is held for so long; then it is stopped, and the session waits.
const HELD: Duration = Duration::from_secs(8);

/// Where recovery waits.
pub(super) struct AtGoal {
    pub(super) at: Lsn,
    pub(super) sight: RecoverySight,
    pub(super) client: RecoveryClient,
}

/// One replay that is watched.
struct Watched<'a, 'b> {
    restore: &'a Restore<'b>,
    plan: &'a RecoveryPlan,
    feed: &'a Feed,
    client: Option<RecoveryClient>,
    sight: Option<RecoverySight>,
    asked: Option<Instant>,
    /// Since when nothing has moved, and whether that was said.
    still: (Instant, bool),
    /// Since when the server is held.
    held: Option<Instant>,
}

/// Waits until recovery has reached its goal, and sees that it has.
pub(super) fn to_goal(
    restore: &Restore<'_>,
    supervisor: &mut ServerSupervisor<'_>,
    plan: &RecoveryPlan,
    feed: &Feed,
) -> Result<AtGoal, Halt> {
    restore.report.begin(Step::Replay, &format!("from {} to {}, {}", plan.start, plan.end, plan.goal));
    let began = Instant::now();
    let still = (began, false);
    let mut watched = Watched { restore, plan, feed, client: None, sight: None, asked: None, still, held: None };
    let sight = loop {
        match watched.look(supervisor) {
            Ok(Some(sight)) => break sight,
            Ok(None) => thread::sleep(POLL_INTERVAL),
            Err(halt) => return Err(feed.blamed(halt, watched.sight.and_then(|sight| sight.replayed))),
        }
    };
    let stopping = supervisor.stopping();
    let at = verdict(&restore.request.recovery, plan, &sight, stopping.as_deref())?;
    let sight = RecoverySight { committed: committed(&restore.request.recovery, plan, &sight), ..sight };
    watched.progress(at, Some(&sight), at);
    let committed = sight.committed.map_or_else(String::new, |at| format!(", last commit {}", moment(at)));
    restore.report.done(&format!("at its goal, replayed to {at}{committed}"));
    restore.note_rate(Lsn(at.0.saturating_sub(plan.start.0)), began.elapsed());
    let client = watched.client.ok_or_else(|| Failure::bug("a server was asked without a connection"))?;
    Ok(AtGoal { at, sight, client })
}

/// The time of the last commit that is there. Where recovery stops behind a record by its position, the server does not
/// count that record itself (`recoveryStopsAfter` in `xlogrecovery.c`); the plan does, where it has read it.
fn committed(wish: &Recovery, plan: &RecoveryPlan, sight: &RecoverySight) -> Option<Timestamp> {
    let by_position = plan.last_record.is_some() || (matches!(wish.goal, RecoveryGoal::Lsn(_)) && wish.inclusive);
    sight.committed.max(plan.until.filter(|_| by_position))
}

impl Watched<'_, '_> {
    /// Looks once; what the server says when it waits at its goal.
    fn look(&mut self, supervisor: &mut ServerSupervisor<'_>) -> Result<Option<RecoverySight>, Halt> {
        let seen = supervisor.look(&mut |_| ())?;
        if self.restore.stop.requested() {
            return Err(Halt::Stopped);
        }
        let before = self.sight.and_then(|sight| sight.replayed);
        if seen.stage == ServerStage::Ready && self.asked.is_none_or(|at| at.elapsed() >= BETWEEN_QUESTIONS) {
            self.ask(supervisor)?;
        }
        let now = self.sight.and_then(|sight| sight.replayed);
        if let Some(at) = now.max(seen.at) {
            self.progress(at, self.sight.as_ref(), self.plan.end);
        }
        if let Some(sight) = self.sight.filter(|sight| sight.is_paused && sight.in_recovery) {
            return Ok(Some(sight));
        }
        if self.sight.is_some_and(|sight| !sight.in_recovery) {
            return Err(opened(now.or(seen.at)).into());
        }
        self.hold(supervisor)?;
        self.stand(seen, before != now, supervisor)?;
        Ok(None)
    }

    fn ask(&mut self, supervisor: &ServerSupervisor<'_>) -> Result<(), Failure> {
        self.asked = Some(Instant::now());
        self.client = self.client.take().filter(RecoveryClient::is_open);
        if self.client.is_none() {
            self.client = connect(self.restore, supervisor)?;
        }
        // One look that is not answered leaves the last one standing.
        self.sight = self.client.as_ref().and_then(RecoveryClient::look).or(self.sight);
        Ok(())
    }

    /// `end` is where it will be at its goal, as nearly as is known.
    fn progress(&self, at: Lsn, sight: Option<&RecoverySight>, end: Lsn) {
        let RecoveryPlan { start, consistent, segment_size, .. } = self.plan;
        self.restore.report.replayed(WalProgress {
            start: *start,
            at: at.max(*start),
            stop: *consistent,
            goal: Some(end),
            committed: sight.and_then(|sight| sight.committed),
            segment: Some(*segment_size),
        });
    }

    /// A server that is held because its archive cannot be reached goes on when it can be; not for ever.
    fn hold(&mut self, supervisor: &mut ServerSupervisor<'_>) -> Result<(), Halt> {
        let Some((_, sentence)) = self.feed.look().held() else {
            if self.held.take().is_some() {
                self.restore.report.detail("goes on: the archive can be used again");
            }
            return Ok(());
        };
        match self.held {
            Some(since) if since.elapsed() >= HELD => {
                self.restore.report.note("the server is stopped until the archive can be used again");
                supervisor.stop_fast()?;
                Err(Failure::disruption(sentence, "make it reachable again; the session goes on by itself then").into())
            }
            Some(_) => Ok(()),
            None => {
                self.held = Some(Instant::now());
                self.restore.report.detail(&format!("held: {sentence}"));
                Ok(())
            }
        }
    }

    /// Whether anything moves.
    fn stand(&mut self, seen: Observation, moved: bool, supervisor: &ServerSupervisor<'_>) -> Result<(), Halt> {
        let (since, is_said) = &mut self.still;
        if seen.moved || moved || self.held.is_some() {
            if *is_said {
                self.restore.report.detail("replay goes on");
            }
            (*since, *is_said) = (Instant::now(), false);
        } else if since.elapsed() >= supervisor.patience {
            return Err(supervisor.stands_still(seen.at).into());
        } else if since.elapsed() >= STANDS_STILL && !*is_said {
            *is_said = true;
            self.restore.report.detail("replay has stood still for 8 s");
        }
        Ok(())
    }
}

/// Connects to the isolated server that recovers; `None` while it lets nobody in.
pub(super) fn connect(
    restore: &Restore<'_>,
    supervisor: &ServerSupervisor<'_>,
) -> Result<Option<RecoveryClient>, Failure> {
    let sockets = supervisor.sockets().ok_or_else(|| Failure::bug("the server is not isolated"))?;
    let (role, user) = (restore.settings.probe_role.as_str(), supervisor.account.name());
    RecoveryClient::connect(sockets, supervisor.port, &[role, user], supervisor.binaries.version())
}

/// It must not: a goal was set, and recovery is to wait there.
fn opened(at: Option<Lsn>) -> Failure {
    let at = at.map_or_else(String::new, |at| format!(", about {at}"));
    Failure::incurable(
        format!("the server ended its recovery by itself{at}, and not at its goal"),
        "somebody may have ended it by hand: start a new restore",
    )
}
