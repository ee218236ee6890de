//! Waiting until a standby streams and its replay lag is below what the job wants.
//!
//! Promises: a standby streams when both say so, through the slot of the job; one that does not move is given up in time,
//! with what its log says.

use super::{
    Backup, Wanted,
    judge::{self, Verdict},
    lag::{Samples, shown},
    plan::{self, Planned},
    primary::{self, MOMENT, Sender, Sending},
    standby_client,
    standby_facts::{Replay, WaitsFor},
    workspace,
};
use crate::{
    domain::{ByteCount, Failure, Lsn, Step, WalProgress, instance::printable_name},
    engine::Halt,
    postgres::{
        account::Account,
        client::Client,
        server::{classify, pidfile},
    },
    worker::{backup::repository, server::ServerSupervisor},
};
use std::{
    thread,
    time::{Duration, Instant},
};

/// How often both are asked: two short questions, for as long as it lasts.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// How often a person is told how far behind it is.
const BETWEEN_DETAILS: Duration = Duration::from_secs(2);

/// How often it is judged whether a standby that waits for WAL can ever get it: what is there changes with checkpoints.
const BETWEEN_VERDICTS: Duration = Duration::from_secs(1);

const RIGHT_ONE: &str = "see which of the two is the right one: nothing of either is changed";

/// How a standby was found when it had caught up.
pub(super) struct Caught {
    pub(super) answer: String,
    pub(super) unchecked: Vec<String>,
}

/// How a standby was found that has had time to connect.
#[derive(Debug)]
pub(super) enum Settled {
    /// It streams from its primary.
    Streams,
    /// It never will again, for this reason.
    SeedAnew(String),
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
    /// Whether its walreceiver says that it streams, where it may be asked.
    receives: Option<bool>,
    /// It waits for WAL, and so asks an archive or not.
    waits: Option<WaitsFor>,
    judged: Option<Instant>,
    /// Who has held the slot since when, while the standby does not stream.
    other: Option<(u32, Instant)>,
    written: Option<Instant>,
}

/// What one look at both has shown.
struct Look {
    sending: Sending,
    replayed: Option<Lsn>,
    lag: Option<Duration>,
    /// It is sent what it lacks, or has it all and is sent what comes.
    is_sent: bool,
    streams: bool,
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
            receives: None,
            waits: None,
            judged: None,
            other: None,
            written: None,
        }
    }

    /// Waits until it streams, or it is seen that it never will. `server` is the standby where this attempt has started it.
    pub(super) fn settle(&mut self, mut server: Option<&mut ServerSupervisor<'_>>) -> Result<Settled, Halt> {
        let patience = self.backup.ticket.settings.start_timeout;
        let standby = standby_client(self.backup, self.account, self.planned, self.wanted.port)?;
        let mut still = Still::default();
        let mut connected = None;
        loop {
            let look = self.look(&standby, server.as_deref_mut())?;
            // One that is far behind may catch up for hours; one whose WAL is gone is connected for a moment only.
            let sender = look.sending.slot.as_ref().and_then(|slot| slot.active_pid).filter(|_| look.is_sent);
            if look.streams || (sender.is_some() && sender == connected) {
                return Ok(Settled::Streams);
            }
            connected = sender;
            if let Some(why) = self.judge(&look)? {
                return Ok(Settled::SeedAnew(why));
            }
            self.go_on_or_give_up(&look, &mut still, patience, server.as_deref_mut())?;
        }
    }

    /// Waits until its lag is small enough.
    pub(super) fn run(mut self, mut server: Option<&mut ServerSupervisor<'_>>) -> Result<Caught, Halt> {
        let Wanted { slot, max_lag, port, .. } = self.wanted;
        let report = self.backup.report;
        let patience = self.backup.ticket.settings.start_timeout;
        report.begin(Step::Replay, &format!("until its lag is below {max_lag:?}"));
        let standby = standby_client(self.backup, self.account, self.planned, port)?;
        let mut still = Still::default();
        loop {
            let look = self.look(&standby, server.as_deref_mut())?;
            let lag = look.lag.filter(|_| look.streams);
            self.show(&look.sending, look.replayed, lag);
            if let (Some(replayed), Some(lag)) = (look.replayed, lag.filter(|lag| *lag < max_lag)) {
                let answer = format!(
                    "streams from the cluster {} through the slot {slot}, replayed to {replayed}, at most {} behind",
                    self.planned.cluster,
                    shown(lag)
                );
                report.done(&answer);
                return Ok(Caught { answer, unchecked: self.unasked.into_iter().collect() });
            }
            if !look.streams
                && let Some(why) = self.judge(&look)?
            {
                return Err(Failure::disruption(why, "the next attempt seeds it anew").into());
            }
            self.go_on_or_give_up(&look, &mut still, patience, server.as_deref_mut())?;
        }
    }

    /// Asks both once.
    fn look(&mut self, standby: &Client, server: Option<&mut ServerSupervisor<'_>>) -> Result<Look, Halt> {
        self.refuse_ended(server)?;
        self.backup.go_on()?;
        let asked = Instant::now();
        let sending = primary::sending(self.primary, self.wanted.slot)?;
        let replayed = self.replayed(standby, &sending)?;
        self.samples.add(asked, sending.at);
        let lag = replayed.and_then(|replayed| self.samples.lag(replayed, Instant::now()));
        let by_both = |word: fn(&Sender) -> Option<bool>| self.by_both(&sending, word);
        let (is_sent, streams) = (by_both(Sender::is_sent), by_both(Sender::streams));
        Ok(Look { sending, replayed, lag, is_sent, streams })
    }

    fn go_on_or_give_up(
        &self,
        look: &Look,
        still: &mut Still,
        patience: Duration,
        server: Option<&mut ServerSupervisor<'_>>,
    ) -> Result<(), Failure> {
        let streams = look.streams;
        if still.since(look) >= patience {
            return Err(self.stands_still(streams, patience, server));
        }
        thread::sleep(POLL_INTERVAL);
        Ok(())
    }

    /// By the word of both, as far as each may tell: somebody else may stream through the slot.
    fn by_both(&self, sending: &Sending, word: fn(&Sender) -> Option<bool>) -> bool {
        let Some(sender) = &sending.sender else { return false };
        let words = [word(sender), self.receives];
        words.contains(&Some(true)) && !words.contains(&Some(false))
    }

    /// Ends the wait for a standby that does not run any more.
    fn refuse_ended(&self, server: Option<&mut ServerSupervisor<'_>>) -> Result<(), Failure> {
        if let Some(server) = server {
            return server.ended().map_or(Ok(()), |failure| Err(classify::of_standby(failure)));
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
        let replay = match Replay::ask(standby) {
            Ok(replay) => replay,
            Err(failure) => {
                let what = "how far the standby has replayed, by its own word";
                self.unasked = Some(format!("{what}: {}", failure.cause));
                return Ok(by_primary);
            }
        };
        self.receives = replay.receives(self.wanted.slot);
        self.waits = replay.waits;
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
            return Err(parted(replay.timeline, self.planned.timeline));
        }
        if replay.paused {
            return Err(Failure::incurable(
                "somebody has paused replay on the standby",
                "let it go on: select pg_wal_replay_resume()",
            ));
        }
        Ok(replay.replayed)
    }

    fn show(&mut self, sending: &Sending, replayed: Option<Lsn>, lag: Option<Duration>) {
        let report = self.backup.report;
        let Some(at) = replayed else { return };
        let start = *self.start.get_or_insert(at);
        report.replayed(WalProgress::of_backup(start, at, sending.at.max(at)));
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

    /// What no waiting helps; why it must be seeded anew, where that is so.
    fn judge(&mut self, look: &Look) -> Result<Option<String>, Failure> {
        let slot = self.wanted.slot;
        let is_lost = match &look.sending.slot {
            None => {
                let cause = format!("somebody has dropped the slot {slot}");
                return Err(Failure::disruption(cause, "the next attempt makes it again"));
            }
            Some(there) => there.is_lost(),
        };
        self.refuse_other(look)?;
        if is_lost && let Some(unasked) = &self.unasked {
            return Err(plan::wal_may_be_gone(&self.wanted, unasked));
        }
        let (Some(at), Some(waits)) = (look.replayed, self.waits) else { return Ok(None) };
        if self.judged.is_some_and(|judged| judged.elapsed() < BETWEEN_VERDICTS) {
            return Ok(None);
        }
        // The first look may have come just before it connects.
        if self.judged.replace(Instant::now()).is_none() {
            return Ok(None);
        }
        match judge::judge(&self.wanted, self.primary, at)? {
            Verdict::SeedAnew(why) if waits == WaitsFor::Archive => {
                Err(plan::wal_may_be_gone(&self.wanted, &format!("{why}; an archive that it asks may have it")))
            }
            Verdict::SeedAnew(why) => Ok(Some(why)),
            Verdict::Parted { own, primary } => Err(parted(own, primary)),
            Verdict::Unseen if is_lost => Err(plan::wal_may_be_gone(
                &self.wanted,
                &format!("the slot {slot} is lost, and the role may not list the primary's WAL (grant it pg_monitor)"),
            )),
            Verdict::MayGoOn | Verdict::Unseen => self.refuse_ahead(look).map(|()| None),
        }
    }

    /// The standby's own walsender has the slot for a moment only while the standby says that it does not stream.
    fn refuse_other(&mut self, look: &Look) -> Result<(), Failure> {
        let active = look.sending.slot.as_ref().and_then(|slot| slot.active_pid);
        let Some(pid) = active.filter(|_| self.receives == Some(false)) else {
            self.other = None;
            return Ok(());
        };
        match self.other.filter(|(other, _)| *other == pid) {
            Some((_, since)) if since.elapsed() >= MOMENT => Err(plan::in_use(self.wanted.slot, pid)),
            Some(_) => Ok(()),
            None => {
                self.other = Some((pid, Instant::now()));
                Ok(())
            }
        }
    }

    /// The primary was asked again since: it has not what the standby had before.
    fn refuse_ahead(&mut self, look: &Look) -> Result<(), Failure> {
        let at = look.sending.at;
        if let Some(ahead) = self.ahead.filter(|ahead| *ahead > at) {
            return Err(Failure::incurable(
                format!("the standby has WAL to {ahead}, and its primary only to {at}: they have parted"),
                RIGHT_ONE,
            ));
        }
        self.ahead = look.replayed.filter(|replayed| *replayed > at);
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

/// Since when nothing of what is seen has moved.
#[derive(Debug, Default)]
struct Still(Option<(Option<Lsn>, Option<Sender>, Instant)>);

impl Still {
    fn since(&mut self, look: &Look) -> Duration {
        match &self.0 {
            Some((replayed, sender, since)) if (replayed, sender) == (&look.replayed, &look.sending.sender) => {
                since.elapsed()
            }
            Some(_) | None => {
                self.0 = Some((look.replayed, look.sending.sender.clone(), Instant::now()));
                Duration::ZERO
            }
        }
    }
}

fn parted(own: u32, primary: u32) -> Failure {
    Failure::incurable(
        format!("the standby is on timeline {own}, and its primary on the older one {primary}: they have parted"),
        RIGHT_ONE,
    )
}
