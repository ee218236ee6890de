//! Removing older restore points of a job once a new one stands, as the job's `keep` says.
//!
//! Promises: what goes bears this job's mark, in itself; it loses its name before the first byte of it goes, and what a
//! removal that was interrupted left is removed by the next run. Never: removes what somebody reads, or fails a backup that
//! is made.

mod remove;
mod survey;

pub(super) use survey::candidate;

use super::{Backup, Subject, repository::PointDirectory};
use crate::{
    domain::{
        Failure, Fate, Keep, KeepPoint, Step, SystemIdentifier,
        keep::{Base, Reason, Spared},
        plan::KeepPlan,
        quantity::many,
    },
    engine::{Observer, watched::watched},
    worker::event_writer,
};
use remove::{Removal, Removed};
use std::ffi::OsStr;
use survey::{JobOwn, Surveyed};

/// The most that are told by their names in one sentence; the log has all of them.
const MOST: usize = 20;

/// What will become of the points that are there, and of those that are to come.
pub(super) struct Foreseen {
    pub(super) plan: KeepPlan,
    /// Whether each of those in `new` would be removed at once.
    pub(super) goes: Vec<bool>,
}

/// Judges the points that are there as if those in `new` were, too; `None` where the job keeps all.
pub(super) fn foresee(
    subject: &Subject<'_>,
    directory: &PointDirectory,
    cluster: Option<SystemIdentifier>,
    new: Vec<KeepPoint>,
) -> Result<Option<Foreseen>, Failure> {
    let Some(keep) = subject.order.keep else { return Ok(None) };
    let there = survey::survey(directory, &JobOwn::of(subject.order, cluster), subject.in_use, None)?;
    let before = there.len();
    let points: Vec<KeepPoint> = there.into_iter().map(|one| one.point).chain(new).collect();
    let fates = keep.judge(&points);
    let goes = fates[before..].iter().map(|fate| *fate == Fate::Goes).collect();
    let stays = points.iter().zip(&fates).filter(|(point, fate)| point.spared.is_none() && **fate != Fate::Goes);
    let stays = stays.count() as u64;
    let gone = points.into_iter().zip(fates).take(before).filter(|(_, fate)| *fate == Fate::Goes);
    let mut gone: Vec<KeepPoint> = gone.map(|(point, _)| point).collect();
    gone.sort_by(|one, other| (one.taken_at, &one.label).cmp(&(other.taken_at, &other.label)));
    let plan = KeepPlan { removes: gone.into_iter().map(|point| point.label).collect(), stays };
    Ok(Some(Foreseen { plan, goes }))
}

/// A restore point that is about to be made: its name is not known yet.
pub(super) fn to_be_made() -> KeepPoint {
    let taken_at = event_writer::now();
    KeepPoint { label: String::new(), taken_at, is_new: true, spared: None, start: None, base: Base::Nothing }
}

/// The step of its own, where the order has it: `made` is the point that the session has just made. What could not be
/// removed is returned in sentences; the new point stands all the same.
pub(super) fn expire(
    backup: &Backup<'_>,
    directory: &PointDirectory,
    cluster: Option<SystemIdentifier>,
    made: Option<&str>,
) -> Vec<String> {
    let Some(keep) = backup.order.keep else { return Vec::new() };
    backup.report.begin(Step::Expire, &keep.to_string());
    let own = JobOwn::of(backup.order, cluster);
    let mut work = Expiry { backup, directory, own, removed: Vec::new(), warnings: Vec::new() };
    work.finish_what_was_begun();
    match survey::survey(directory, &work.own, &backup.ticket.in_use, made) {
        Ok(points) => work.run(keep, points),
        Err(failure) => work.warn(format!("older restore points could not be looked at: {failure}")),
    }
    work.end()
}

/// The removals of one session.
struct Expiry<'a> {
    backup: &'a Backup<'a>,
    directory: &'a PointDirectory,
    own: JobOwn,
    /// The labels of those that are gone.
    removed: Vec<String>,
    warnings: Vec<String>,
}

impl Expiry<'_> {
    /// What an earlier run had no time to remove.
    fn finish_what_was_begun(&mut self) {
        let names = match self.watched("what is being removed", |removal, _| removal.begun()) {
            Ok(names) => names,
            Err(failure) => return self.warn(format!("what earlier removals left could not be looked at: {failure}")),
        };
        for name in names {
            let wanted = name.clone();
            let outcome = self.watched(&name, move |removal, beat| removal.take_apart(&wanted, beat));
            match outcome {
                Ok(Removed::Gone) => {
                    self.backup.report.note(&format!("{name}, which an earlier run had begun to remove, is gone"));
                }
                Ok(Removed::Changed) => self.log(&format!("{name} is left alone: it has no mark of this job")),
                Ok(Removed::Vanished | Removed::Read) => {}
                Ok(Removed::Stopped) => self.log(&format!("{name} waits for the next run")),
                Err(failure) => self.warn(format!("{name} could not be removed: {failure}")),
            }
        }
    }

    fn run(&mut self, keep: Keep, mut points: Vec<Surveyed>) {
        let fates = keep.judge(&judged(&points));
        for (one, fate) in points.iter().zip(&fates) {
            let Fate::Stays(reason) = fate else { continue };
            let sentence = format!("{} stays: {reason}", one.point.label);
            if let Reason::MayBeBase(_) = reason { self.warn(sentence) } else { self.log(&sentence) }
        }
        let all = fates.iter().filter(|fate| **fate == Fate::Goes).count();
        let mut number = 0;
        while let Some(at) = next(keep, &points) {
            number += 1;
            let label = points[at].point.label.clone();
            self.backup.report.detail(&format!("removing {label} ({number} of {all})"));
            if self.remove(&points[at].name, &label) {
                points.swap_remove(at);
            } else {
                // What it rests on stays with it.
                points[at].point.spared = Some(Spared::Read);
            }
        }
    }

    /// Removes one point; whether it is gone for whoever looks for it.
    fn remove(&mut self, name: &OsStr, label: &str) -> bool {
        if self.backup.stop.requested() {
            self.log(&format!("{label} stays until the next run: this session was told to stop"));
            return false;
        }
        let wanted = name.to_owned();
        match self.watched(label, move |removal, beat| removal.remove(&wanted, beat)) {
            Ok(Removed::Gone) => {
                self.log(&format!("{label} is removed"));
                self.removed.push(label.to_owned());
                return true;
            }
            Ok(Removed::Stopped) => {
                self.log(&format!("{label} has lost its name, and the next run removes the rest of it"));
                return true;
            }
            Ok(Removed::Vanished) => {
                self.warn(format!("{label} was gone before it could be removed"));
                return true;
            }
            Ok(Removed::Read) => self.log(&format!("{label} stays until the next run: somebody reads it")),
            Ok(Removed::Changed) => self.warn(format!("{label} stays: it is not what it was a moment ago")),
            Err(failure) => self.warn(format!("{label} could not be removed: {failure}")),
        }
        false
    }

    /// Does something with the disk that may hang.
    fn watched<T: Send + 'static>(
        &self,
        what: &str,
        work: impl FnOnce(&Removal, &crate::engine::watched::Heartbeat) -> std::io::Result<T> + Send + 'static,
    ) -> Result<T, Failure> {
        let folder = self.directory.path.clone();
        let removal =
            Removal::new(folder.clone(), self.backup.ticket.session_uuid, self.own.clone(), self.backup.stop.clone());
        watched(what, self.backup.ticket.settings.stall_timeout, move |beat| {
            work(&removal, beat).map_err(|error| super::repository::failure("removing below", &folder, &error))
        })
    }

    fn log(&self, sentence: &str) {
        self.backup.report.log(sentence);
    }

    fn warn(&mut self, sentence: String) {
        self.log(&sentence);
        self.warnings.push(sentence);
    }

    fn end(self) -> Vec<String> {
        let removed = self.removed.len();
        if removed > 0 {
            let more = removed.saturating_sub(MOST);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let named: Vec<&str> = self.removed.iter().take(MOST).map(String::as_str).collect();
            self.backup.report.note(&format!("removed, since newer ones are kept: {}{more}", named.join(", ")));
        }
        self.backup.report.done(&format!("{} removed", many(removed as u64, "restore point")));
        self.warnings
    }
}

fn judged(points: &[Surveyed]) -> Vec<KeepPoint> {
    points.iter().map(|one| one.point.clone()).collect()
}

/// The newest of those that go: what rests on another one is never left without it.
fn next(keep: Keep, points: &[Surveyed]) -> Option<usize> {
    let fates = keep.judge(&judged(points));
    let gone = (0..points.len()).filter(|at| fates[*at] == Fate::Goes);
    gone.max_by_key(|at| (points[*at].point.taken_at, points[*at].name.clone()))
}
