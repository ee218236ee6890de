//! Waiting until a standby streams and its replay lag is below what the job wants.
//!
//! The lag is measured here, by one clock: the primary is asked where its WAL ends, then the standby how far it has
//! replayed. What it has replayed now the primary had at the time of the last question whose answer lies before it, so the
//! standby is at most that far behind. What the primary knows itself (`replay_lag`) says nothing once all is replayed.
//!
//! Promises: a lag is never shown smaller than it is; a standby that does not move is given up in time, with what its log
//! says.

use super::{
    Backup, Wanted,
    plan::{self, Planned},
    primary::{self, Sending},
    standby_client, workspace,
};
use crate::{
    domain::{ByteCount, Failure, Lsn, Step, WalProgress, instance::printable_name},
    engine::Halt,
    postgres::{account::Account, client::Client, server::pidfile},
    worker::{backup::repository, server::ServerSupervisor},
};
use serde::Deserialize;
use std::{
    collections::VecDeque,
    thread,
    time::{Duration, Instant},
};

/// How often both are asked: two short questions, for as long as it lasts.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// How often a person is told how far behind it is.
const BETWEEN_DETAILS: Duration = Duration::from_secs(2);

/// More answers of the primary than this are thinned: the lag is then known less finely, and never too small.
const MAX_SAMPLES: usize = 1024;

/// What a walsender says when the WAL is no more (`XLogReadDetermineTimeline` and `WalSndSegmentOpen` in PostgreSQL).
const WAL_REMOVED: &str = "has already been removed";

/// How a standby was found when it had caught up.
pub(super) struct Caught {
    pub(super) answer: String,
    pub(super) unchecked: Vec<String>,
}

/// What the standby tells of itself.
#[derive(Debug, Clone, Deserialize)]
struct Replay {
    in_recovery: bool,
    replayed: Option<Lsn>,
    timeline: u32,
    cluster: String,
    paused: bool,
    /// What its walreceiver does, where the role that asks may see that.
    receiver: Option<String>,
}

const REPLAY: &str = "select json_build_object('in_recovery', pg_is_in_recovery(), \
     'replayed', pg_last_wal_replay_lsn()::text, 'timeline', (select timeline_id from pg_control_checkpoint()), \
     'cluster', (select system_identifier::text from pg_control_system()), \
     'receiver', (select status from pg_stat_wal_receiver), \
     'paused', case when pg_is_in_recovery() then pg_is_wal_replay_paused() else false end)";

/// Where the primary's WAL ended, and when it was asked.
#[derive(Debug, Default)]
struct Samples(VecDeque<(Instant, Lsn)>);

impl Samples {
    fn add(&mut self, asked: Instant, at: Lsn) {
        if self.0.len() >= MAX_SAMPLES {
            let mut number = 0_usize;
            self.0.retain(|_| {
                number += 1;
                number % 2 == 1
            });
        }
        self.0.push_back((asked, at));
    }

    /// How far behind what has replayed this much is at most; `None` where it has not replayed what the first answer had.
    fn lag(&mut self, replayed: Lsn, now: Instant) -> Option<Duration> {
        let known = self.0.iter().take_while(|(_, at)| *at <= replayed).count();
        self.0.drain(..known.saturating_sub(1));
        let (asked, at) = self.0.front()?;
        (*at <= replayed).then(|| now.saturating_duration_since(*asked))
    }
}

/// One wait for one standby.
pub(super) struct CatchUp<'a, 'b> {
    backup: &'a Backup<'b>,
    wanted: Wanted<'a>,
    account: &'a Account,
    primary: &'a Client,
    planned: &'a Planned,
    samples: Samples,
    start: Option<Lsn>,
    /// Where the standby was when it was ahead of the primary.
    ahead: Option<Lsn>,
    /// Why the standby could not be asked, where the primary's own word had to do.
    unasked: Option<String>,
    /// Its walreceiver says that it streams.
    receives: bool,
    written: Option<Instant>,
}

impl<'a, 'b> CatchUp<'a, 'b> {
    pub(super) fn new(
        backup: &'a Backup<'b>,
        wanted: Wanted<'a>,
        account: &'a Account,
        (primary, planned): (&'a Client, &'a Planned),
    ) -> Self {
        let samples = Samples::default();
        Self {
            backup,
            wanted,
            account,
            primary,
            planned,
            samples,
            start: None,
            ahead: None,
            unasked: None,
            receives: false,
            written: None,
        }
    }

    /// Waits. `server` is the standby where this attempt has started it.
    pub(super) fn run(mut self, mut server: Option<&mut ServerSupervisor<'_>>) -> Result<Caught, Halt> {
        let Wanted { slot, max_lag, port, .. } = self.wanted;
        let report = self.backup.report;
        let patience = self.backup.ticket.settings.start_timeout;
        report.begin(Step::Replay, &format!("until its lag is below {max_lag:?}"));
        let standby = standby_client(self.backup, self.account, self.planned, port)?;
        let mut moved = Instant::now();
        let mut before = None;
        loop {
            self.refuse_ended(server.as_deref_mut())?;
            if self.backup.stop.requested() {
                return Err(Halt::Stopped);
            }
            let asked = Instant::now();
            let sending = primary::sending(self.primary, slot)?;
            let replayed = self.replayed(&standby, &sending)?;
            self.samples.add(asked, sending.at);
            let lag = replayed.and_then(|replayed| self.samples.lag(replayed, Instant::now()));
            let streams = self.streams(&sending);
            self.show(&sending, replayed, lag.filter(|_| streams));
            if let (true, Some(replayed), Some(lag)) = (streams, replayed, lag.filter(|lag| *lag < max_lag)) {
                let answer = format!(
                    "streams from the cluster {} through the slot {slot}, replayed to {replayed}, at most {} behind",
                    self.planned.cluster,
                    shown(lag)
                );
                report.done(&answer);
                return Ok(Caught { answer, unchecked: self.unasked.into_iter().collect() });
            }
            if !streams {
                self.refuse_hopeless(&sending, replayed, server.as_deref_mut())?;
            }
            let now = (replayed, sending.sender);
            if before.as_ref() != Some(&now) {
                (before, moved) = (Some(now), Instant::now());
            } else if moved.elapsed() >= patience {
                return Err(self.stands_still(streams, patience, server).into());
            }
            thread::sleep(POLL_INTERVAL);
        }
    }

    /// By the word of whichever of the two may tell.
    fn streams(&self, sending: &Sending) -> bool {
        sending.sender.as_ref().is_some_and(|sender| sender.streams().unwrap_or(self.receives))
    }

    /// Ends the wait for a standby that does not run any more.
    fn refuse_ended(&self, server: Option<&mut ServerSupervisor<'_>>) -> Result<(), Failure> {
        if let Some(server) = server {
            return server.ended().map_or(Ok(()), Err);
        }
        let data = self.wanted.directory;
        let failed = |error: std::io::Error| repository::failure("looking for a server on", data, &error);
        if pidfile::may_run(data).map_err(failed)?.is_some() {
            return Ok(());
        }
        let cause = format!("the standby in {} has ended", printable_name(data.as_os_str()));
        Err(Failure::disruption(cause, "see its log; the next attempt starts it"))
    }

    /// How far the standby is, by its own word where it gives it.
    fn replayed(&mut self, standby: &Client, sending: &Sending) -> Result<Option<Lsn>, Failure> {
        let by_primary = sending.sender.as_ref().and_then(|sender| sender.replayed);
        if self.unasked.is_some() {
            return Ok(by_primary);
        }
        let replay: Replay = match standby.ask(REPLAY) {
            Ok(replay) => replay,
            Err(failure) => {
                let what = "how far the standby has replayed, by its own word";
                self.unasked = Some(format!("{what}: {}", failure.cause));
                return Ok(by_primary);
            }
        };
        self.receives = replay.receiver.as_deref() == Some("streaming");
        if !replay.in_recovery {
            return Err(plan::promoted(&self.wanted));
        }
        let (port, cluster) = (self.wanted.port, self.planned.cluster);
        if replay.cluster.parse() != Ok(cluster.0.cast_signed()) {
            return Err(Failure::incurable(
                format!("the server on port {port} is of another cluster ({}) than the primary", replay.cluster),
                "see what runs on that port",
            ));
        }
        if replay.timeline > self.planned.timeline {
            return Err(Failure::incurable(
                format!(
                    "the standby is on timeline {}, and its primary on the older one {}: they have parted",
                    replay.timeline, self.planned.timeline
                ),
                "see which of the two is the right one: nothing of either is changed",
            ));
        }
        if replay.paused {
            return Err(Failure::incurable(
                "somebody has paused replay on the standby",
                "let it go on: select pg_wal_replay_resume()",
            ));
        }
        Ok(replay.replayed.max(by_primary))
    }

    fn show(&mut self, sending: &Sending, replayed: Option<Lsn>, lag: Option<Duration>) {
        let report = self.backup.report;
        let Some(at) = replayed else { return };
        let start = *self.start.get_or_insert(at);
        report.replayed(WalProgress { start, at, stop: sending.at.max(at) });
        if self.written.is_some_and(|written| written.elapsed() < BETWEEN_DETAILS) {
            return;
        }
        self.written = Some(Instant::now());
        let bytes = ByteCount(sending.at.0.saturating_sub(at.0));
        report.detail(&match lag {
            Some(lag) => format!("streams, {bytes} and at most {} behind", shown(lag)),
            None => format!("{bytes} behind"),
        });
    }

    /// What no waiting helps.
    fn refuse_hopeless(
        &mut self,
        sending: &Sending,
        replayed: Option<Lsn>,
        server: Option<&mut ServerSupervisor<'_>>,
    ) -> Result<(), Failure> {
        let slot = self.wanted.slot;
        match &sending.slot {
            None => {
                let cause = format!("somebody has dropped the slot {slot}");
                return Err(Failure::disruption(cause, "the next attempt makes it again"));
            }
            Some(there) if there.is_lost() => {
                return Err(plan::wal_is_gone(&self.wanted, &format!("the slot {slot} is lost")));
            }
            Some(_) => {}
        }
        if let Some(words) = server.and_then(ServerSupervisor::last_words).filter(|words| words.contains(WAL_REMOVED)) {
            return Err(plan::wal_is_gone(&self.wanted, &words));
        }
        // The primary was asked again since: it has not what the standby had before.
        if let Some(ahead) = self.ahead.filter(|ahead| *ahead > sending.at) {
            return Err(Failure::incurable(
                format!("the standby has WAL to {ahead}, and its primary only to {}: they have parted", sending.at),
                "see which of the two is the right one: nothing of either is changed",
            ));
        }
        self.ahead = replayed.filter(|replayed| *replayed > sending.at);
        Ok(())
    }

    fn stands_still(&self, streams: bool, patience: Duration, server: Option<&mut ServerSupervisor<'_>>) -> Failure {
        let how = if streams { "has replayed nothing" } else { "does not stream from its primary, and has not" };
        let words = server.and_then(ServerSupervisor::last_words);
        let words = words.map_or_else(String::new, |words| format!(": {words}"));
        Failure::disruption(
            format!("the standby {how} for {} s{words}", patience.as_secs()),
            format!(
                "see the log in {}, and whether it may connect to its primary: its role, pg_hba.conf there, its password \
                 file; that role sees it stream with the rights of pg_monitor",
                printable_name(workspace(self.backup, &self.wanted).data.as_os_str())
            ),
        )
    }
}

/// A lag as a person reads it.
fn shown(lag: Duration) -> String {
    if lag < Duration::from_secs(1) { format!("{} ms", lag.as_millis()) } else { format!("{:.1} s", lag.as_secs_f64()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lag_is_never_shown_smaller_than_it_is() {
        let begun = Instant::now();
        let after = |seconds: u64| begun + Duration::from_secs(seconds);
        let mut samples = Samples::default();
        samples.add(after(0), Lsn(100));
        assert_eq!(samples.lag(Lsn(99), after(1)), None, "it is not known how far before the first answer it is");
        assert_eq!(samples.lag(Lsn(100), after(1)), Some(Duration::from_secs(1)));
        for second in 1..=9 {
            samples.add(after(second), Lsn(100 + second * 10));
        }
        assert_eq!(samples.lag(Lsn(155), after(10)), Some(Duration::from_secs(5)), "it has all of second 5");
        assert_eq!(samples.lag(Lsn(155), after(12)), Some(Duration::from_secs(7)), "and stands");
        assert_eq!(samples.lag(Lsn(190), after(12)), Some(Duration::from_secs(3)));
        assert_eq!(samples.0.len(), 1, "what is replayed is not kept");
    }

    #[test]
    fn a_long_wait_takes_no_memory_and_thinned_answers_show_no_smaller_lag() {
        let begun = Instant::now();
        let mut samples = Samples::default();
        let count = 10 * MAX_SAMPLES as u64;
        for second in 0..count {
            samples.add(begun + Duration::from_secs(second), Lsn(second));
        }
        assert!(samples.0.len() <= MAX_SAMPLES);
        let now = begun + Duration::from_secs(count);
        let lag = samples.lag(Lsn(count / 2), now).unwrap_or_default();
        assert!(lag >= Duration::from_secs(count - count / 2), "{lag:?}");
    }

    #[test]
    fn a_lag_is_shown_in_the_unit_that_is_read() {
        assert_eq!(shown(Duration::from_millis(12)), "12 ms");
        assert_eq!(shown(Duration::from_millis(61_250)), "61.2 s");
    }
}
