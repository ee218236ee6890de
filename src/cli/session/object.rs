//! A session as programs see it: one flat JSON object, the same for `list`, `show`, `watch`, `start` and `restore`.
//!
//! Promises: the fields stay; a new one may come. What does not apply or is not known is `null`. Texts are exact:
//! characters that could steer a terminal are written as `\u` escapes, which every JSON reader undoes. Never: shows a
//! phase by anything but its word.

use crate::{
    cli::{
        backup_list::escaped,
        session::recovery_object::{PausedObject, RecoveryObject},
        state::{left_in, percent},
    },
    domain::{
        BackupSource, Damage, Disposed, Disposition, Failure, FailureClass, Kind, Order, Origin, Outcome, Port,
        ServerOutcome, Step, SystemIdentifier, Timestamp,
    },
    machine::{CancelStage, Cause, CompletedResult, Phase, Session, StuckReason, rescheduled, session::Urgency},
};
use serde::Serialize;
use uuid::Uuid;

/// One session.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(missing_docs, reason = "each field is explained where scripts look for it: howdah session list --help")]
pub struct SessionObject {
    pub index: Option<usize>,
    pub id: u64,
    pub uuid: Uuid,
    pub kind: Kind,
    pub instance: String,
    pub restore_point: Option<String>,
    pub phase: &'static str,
    pub origin: Origin,
    pub by: String,
    pub created: String,
    pub target: Option<String>,
    pub port: Option<u16>,
    pub attempt: Option<u32>,
    pub step: Option<Step>,
    pub percent: Option<u8>,
    pub wal_percent: Option<u8>,
    pub bytes_done: Option<u64>,
    pub bytes_total: Option<u64>,
    pub bytes_reused: Option<u64>,
    pub files_done: Option<u64>,
    pub tries_used: Option<u32>,
    pub tries_limit: u32,
    pub next_try: Option<String>,
    pub tries_total: u32,
    pub first_cause: Option<String>,
    pub failure: Option<FailureObject>,
    pub reason: Option<StuckReason>,
    pub disposition: Option<Disposition>,
    pub overdue: Option<bool>,
    pub pid: Option<u32>,
    pub recovery: Option<RecoveryObject>,
    pub paused: Option<PausedObject>,
    pub server: Option<&'static str>,
    pub warnings: Option<Vec<String>>,
    pub unchecked: Option<Vec<String>>,
    pub damages: Option<Vec<String>>,
    pub damages_total: Option<u64>,
    pub disposed: Option<&'static str>,
    pub left: Option<Vec<String>>,
    pub ending: Option<String>,
    pub ended: Option<String>,
    pub took_seconds: Option<f64>,
    pub dismissed: bool,
    pub backup: Option<String>,
    pub system_identifier: Option<String>,
    pub lost: bool,
}

/// One failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "each field is explained where scripts look for it: howdah session list --help")]
pub struct FailureObject {
    pub class: FailureClass,
    pub step: Option<Step>,
    pub cause: String,
    pub advice: String,
}

impl SessionObject {
    /// The session as it stands now; `index` is its place among the ongoing ones, where that is known.
    pub fn of(session: &Session, index: Option<usize>, now: Timestamp) -> Self {
        let (order, progress) = (session.order(), session.progress());
        let total = Some(session.bytes_total().0).filter(|total| *total > 0);
        let phase = session.phase();
        let mut object = Self {
            index,
            id: session.id().0,
            uuid: session.uuid(),
            kind: order.kind(),
            instance: order.title().as_str().to_owned(),
            restore_point: order.label().map(str::to_owned),
            phase: phase_word(phase),
            origin: session.origin(),
            by: session.by().to_owned(),
            created: session.created_at().to_string(),
            target: order.directory().map(|directory| directory.to_string_lossy().into_owned()),
            port: port(order),
            attempt: session.attempts().last().map(|record| record.number.0),
            step: session.current_step(),
            percent: total.map(|_| percent(session.ratio())),
            wal_percent: progress.wal.map(|wal| percent(wal.ratio())),
            bytes_done: total.map(|_| session.bytes_done().0),
            bytes_total: total,
            bytes_reused: total.map(|_| progress.bytes_reused.0),
            files_done: total.map(|_| progress.files_done),
            tries_used: tries_used(session),
            tries_limit: session.policy().tries,
            next_try: None,
            tries_total: session.tries_total(),
            first_cause: session.first_cause().map(|failure| failure.cause.clone()),
            failure: None,
            reason: None,
            disposition: None,
            overdue: None,
            pid: session.live_mark().map(|mark| mark.pid),
            recovery: order.recovery().filter(|recovery| recovery.goes_beyond_backup()).map(RecoveryObject::of),
            paused: None,
            server: None,
            warnings: None,
            unchecked: None,
            damages: None,
            damages_total: None,
            disposed: None,
            left: None,
            ending: None,
            ended: None,
            took_seconds: None,
            dismissed: session.is_dismissed(),
            backup: order.point().map(|point| backup(&point.source)),
            system_identifier: system_identifier(session).map(|cluster| cluster.to_string()),
            lost: false,
        };
        object.add_phase(session, now);
        object
    }

    /// The same of a session of which it is known whether its worker is gone while nobody owns it.
    #[must_use]
    pub fn lost(self, lost: bool) -> Self {
        Self { lost, ..self }
    }

    /// The same without what moves by itself: the amounts of a step that goes on, and the next try while a clock that was
    /// set back holds it off.
    #[must_use]
    pub fn at_rest(&self) -> Self {
        let (percent, wal_percent, bytes_done, bytes_total) = (None, None, None, None);
        let (bytes_reused, files_done, next_try) = (None, None, None);
        Self { percent, wal_percent, bytes_done, bytes_total, bytes_reused, files_done, next_try, ..self.clone() }
    }

    /// One line of JSON.
    pub fn line(&self) -> serde_json::Result<String> {
        serde_json::to_string(self).map(|text| escaped(&text))
    }

    /// The same with the event that a hook is run for.
    pub fn event_line(&self, event: &str) -> serde_json::Result<String> {
        let mut object = serde_json::to_value(self)?;
        if let Some(fields) = object.as_object_mut() {
            fields.insert("event".to_owned(), event.into());
        }
        Ok(escaped(&object.to_string()))
    }

    fn add_phase(&mut self, session: &Session, now: Timestamp) {
        match session.phase() {
            Phase::Queued { .. } | Phase::Running { .. } => {}
            Phase::Paused { at, .. } => self.paused = Some(PausedObject::of(at)),
            Phase::Waiting { failure, next_try, .. } => {
                self.failure = Some(FailureObject::of(failure));
                self.next_try = Some(rescheduled(session, now).unwrap_or(*next_try).to_string());
            }
            Phase::Stuck { failure, reason, .. } => {
                self.failure = Some(FailureObject::of(failure));
                self.reason = Some(*reason);
            }
            Phase::Cancelling { disposition, stage, .. } => {
                let (CancelStage::Stopping { urgency, .. } | CancelStage::Disposing { urgency, .. }) = stage;
                self.disposition = Some(*disposition);
                self.overdue = Some(matches!(urgency, Urgency::Overdue | Urgency::Forced));
            }
            Phase::Completed { at, outcome } => {
                self.ended = Some(at.to_string());
                // Milliseconds: more would be noise.
                self.took_seconds = Some((session.elapsed(*at).as_secs_f64() * 1000.0).round() / 1000.0);
                match outcome {
                    Outcome::Succeeded(success) => {
                        self.server = success.server().map(server_word);
                        self.ending = Some(session.achieved(success));
                        self.warnings = Some(success.warnings.clone());
                        self.unchecked = Some(success.unchecked.clone());
                    }
                    Outcome::Damaged(verification) => {
                        self.ending = Some(verification.to_string());
                        self.unchecked = Some(verification.unchecked.clone());
                        self.damages = Some(verification.damages.iter().map(Damage::to_string).collect());
                        self.damages_total = Some(verification.damages_total);
                    }
                    Outcome::Failed { failure, disposed } => {
                        self.failure = Some(FailureObject::of(failure));
                        self.disposed = Some(disposed_word(disposed));
                        self.ending = Some(disposed.to_string());
                        self.left = Some(left_in(session));
                    }
                    Outcome::Cancelled { disposed } | Outcome::Stopped { disposed } => {
                        self.disposed = Some(disposed_word(disposed));
                        self.ending = Some(disposed.to_string());
                        self.left = Some(left_in(session));
                    }
                }
            }
        }
    }
}

/// The cluster that is restored, as far as the order or the plan tells it.
fn system_identifier(session: &Session) -> Option<SystemIdentifier> {
    let ordered = session.order().point().and_then(|point| point.facts.system_identifier);
    ordered.or_else(|| session.restore_plan().and_then(|plan| plan.files.system_identifier))
}

/// The port of a cluster's target, also where no server is to run at the end, or that of another server.
pub(super) fn port(order: &Order) -> Option<u16> {
    order.cluster().map(|order| order.target.port()).or_else(|| order.port()).map(Port::number)
}

fn backup(source: &BackupSource) -> String {
    source.directory().map_or_else(|| source.to_string(), |directory| directory.to_string_lossy().into_owned())
}

impl FailureObject {
    /// The failure as programs see it.
    pub(super) fn of(failure: &Failure) -> Self {
        let Failure { class, step, cause, advice } = failure.clone();
        Self { class, step, cause, advice }
    }
}

/// The word for where a session stands.
pub(super) const fn phase_word(phase: &Phase) -> &'static str {
    match phase {
        Phase::Queued { .. } => "queued",
        Phase::Running { .. } => "running",
        Phase::Waiting { .. } => "waiting",
        Phase::Stuck { .. } => "stuck",
        Phase::Cancelling { .. } => "cancelling",
        Phase::Paused { .. } => "paused",
        Phase::Completed { outcome, .. } => CompletedResult::of(outcome).as_str(),
    }
}

/// The tries of the present disruption that were begun; `None` where there is none.
fn tries_used(session: &Session) -> Option<u32> {
    match session.phase() {
        Phase::Queued { cause: Cause::Try(number), .. } => Some(number.saturating_sub(1)),
        Phase::Running { cause: Cause::Try(number), got_through: false, .. } => Some(*number),
        Phase::Waiting { tries_used, .. } => Some(*tries_used),
        Phase::Stuck { reason: StuckReason::TriesUsedUp, .. } => Some(session.policy().tries),
        Phase::Queued { .. }
        | Phase::Running { .. }
        | Phase::Stuck { reason: StuckReason::Incurable | StuckReason::Bug, .. }
        | Phase::Paused { .. }
        | Phase::Cancelling { .. }
        | Phase::Completed { .. } => None,
    }
}

const fn server_word(server: &ServerOutcome) -> &'static str {
    match server {
        ServerOutcome::Running { .. } => "running",
        ServerOutcome::Stopped { .. } => "stopped",
        ServerOutcome::NotStarted { .. } => "not_started",
    }
}

const fn disposed_word(disposed: &Disposed) -> &'static str {
    match disposed {
        Disposed::Nothing => "nothing",
        Disposed::Gone => "gone",
        Disposed::Removed => "removed",
        Disposed::RemovedExcept { .. } => "removed_except",
        Disposed::RemovedUnproven { .. } => "removed_unproven",
        Disposed::Kept => "kept",
        Disposed::SetAside { .. } => "set_aside",
        Disposed::Failed { .. } => "failed",
    }
}
