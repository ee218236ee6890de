//! What must be true when a run has ended, whatever was done to it.

use crate::{
    lane::{Lane, OBJECTS, names},
    plan::Plan,
    processes::strangers,
    round::Round,
    support::cluster::program,
    watch::watch,
};
use howdah::{
    domain::{JobId, JobResult, PointMark, StopMode},
    journal::JobRecord,
    machine::job::{JobEvent, JobPhase, JobRun, ObjectState},
};
use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

/// How long processes may take to go after the last word was said.
const TIMEOUT: Duration = Duration::from_secs(15);

impl Round {
    /// Checks all of it.
    pub(crate) fn judge(&mut self, plan: &Plan, lane: &Lane, run: &JobRun) -> Result<(), String> {
        self.no_stranger()?;
        let left = "select (select count(*) from pg_stat_replication) || ' ' || \
                    (select count(*) from pg_stat_progress_basebackup) || ' ' || \
                    (select count(*) from pg_replication_slots)";
        let found = lane.server.ask(left);
        if found != "0 0 0" {
            return Err(format!("walsenders, backups and slots on the server: {found}"));
        }
        self.each_object_once(run)?;
        self.disk_and_run_agree(lane, run)?;
        if let Some(path) = lane.altered() {
            return Err(format!("{path} of an earlier point is not what it was (R36)"));
        }
        ends_as_it_was_stopped(plan, run)?;
        let log = fs::read_to_string(self.howdah.state.join("howdah.log")).unwrap_or_default();
        if let Some(line) = log.lines().find(|line| line.contains("panicked") || line.contains("fell over")) {
            return Err(format!("something fell over: {line}"));
        }
        let sessions = self.sessions();
        self.stats.attempts = sessions.attempts();
        Ok(())
    }

    /// Nobody who has to do with the round is left (R35).
    fn no_stranger(&self) -> Result<(), String> {
        let begun = Instant::now();
        loop {
            let left = strangers(&self.home);
            if left.is_empty() {
                return Ok(());
            }
            if begun.elapsed() > TIMEOUT {
                return Err(format!("orphans: {left:?}"));
            }
            thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// No object was begun twice, in the journal or beside itself.
    fn each_object_once(&mut self, run: &JobRun) -> Result<(), String> {
        let twice = watch().twice(&self.home);
        if !twice.is_empty() {
            return Err(format!("seen at work {}", twice.join("; ")));
        }
        if let Some(beside) = self.sessions().side_by_side() {
            return Err(beside);
        }
        let mut started = BTreeSet::new();
        for line in self.journal.run_history(JobId(1)).unwrap() {
            if let Some(JobRecord::Happened { event: JobEvent::ObjectStarted { object, session }, .. }) = line.record
                && !started.insert(object)
            {
                return Err(format!("object {object} was begun a second time, as session {session}"));
            }
        }
        let sessions = self.journal.ids().unwrap().len();
        if sessions != started.len() {
            return Err(format!("{} objects were begun, and there are {sessions} sessions: {run:?}", started.len()));
        }
        Ok(())
    }

    /// An object has its restore point exactly when the run says so; a point is whole, and nothing half is there.
    fn disk_and_run_agree(&mut self, lane: &Lane, run: &JobRun) -> Result<(), String> {
        let mut folders = OBJECTS.to_vec();
        folders.sort_unstable();
        let found = names(&lane.repository);
        if found != folders {
            return Err(format!("in the repository: {found:?}"));
        }
        for (name, state) in OBJECTS.iter().zip(run.objects()) {
            let made = lane.new_points(name);
            let whole = match (state, made.as_slice()) {
                (ObjectState::Succeeded { made, .. }, [label]) if made.contains(label.as_str()) => Some(label),
                (ObjectState::Succeeded { .. }, _) | (_, [_, ..]) => {
                    return Err(format!("{name} is {state:?}, and on the disk is {made:?}"));
                }
                (_, []) => None,
            };
            if let Some(label) = whole {
                self.stats.points += 1;
                verify(lane, name, label, run)?;
            }
        }
        Ok(())
    }
}

/// The point is what its manifest says, and bears the mark of this run.
fn verify(lane: &Lane, name: &str, label: &str, run: &JobRun) -> Result<(), String> {
    let point = lane.repository.join(name).join(label);
    let mark =
        fs::read(point.join("pg_wal/howdah_backup.json")).map_err(|error| format!("{}: {error}", point.display()))?;
    let mark: PointMark = serde_json::from_slice(&mark).map_err(|error| format!("{}: {error}", point.display()))?;
    if mark.run_uuid != run.uuid() || mark.object.as_str() != name {
        return Err(format!("{} is of another run: {mark:?}", point.display()));
    }
    let said = if is_plain(&point) {
        program("pg_verifybackup").arg("-q").arg(&point).output().unwrap()
    } else {
        let howdah = crate::support::howdah::Howdah::new();
        let repository = lane.repository.to_str().unwrap();
        let ran = howdah.run(["backup", "verify", name, "--point", label, "--repo", repository]);
        return if ran.code == Some(0) { Ok(()) } else { Err(format!("{}: {ran}", point.display())) };
    };
    let complaint = String::from_utf8_lossy(&said.stderr);
    if said.status.success() { Ok(()) } else { Err(format!("{}: {complaint}", point.display())) }
}

fn is_plain(point: &Path) -> bool {
    point.join("PG_VERSION").exists()
}

/// The result is one that the stop, or that there was none, leads to.
fn ends_as_it_was_stopped(plan: &Plan, run: &JobRun) -> Result<(), String> {
    let JobPhase::Done { result, detail, .. } = run.phase() else { return Err("it goes on".to_owned()) };
    let done = run.objects().iter().filter(|state| matches!(state, ObjectState::Succeeded { .. })).count();
    let fits = match result {
        JobResult::Success => done == OBJECTS.len(),
        JobResult::Stopped => plan.asks_for(StopMode::Graceful) && done > 0,
        JobResult::Failed => plan.asks_for(StopMode::Immediate) || (plan.asks_for(StopMode::Graceful) && done == 0),
        JobResult::Warning => false,
    };
    if fits { Ok(()) } else { Err(format!("the run ended as {result} ({detail}): {:?}", run.objects())) }
}
