//! What may be done now: the one value that lights the action bar, the menu, the footer, the palette and the help.
//!
//! Promises: whether an act on a session is allowed is asked of the machine itself ([`decide`]), so the screen never
//! has an opinion of its own.

use super::{
    action::{Action, Verdict},
    format,
    keymap::KeyContext,
    model::{
        Model,
        tree::{Group, Node},
    },
};
use crate::{
    domain::{Disposition, Reach, StopMode},
    machine::{Refusal, Session, decide, job::JobRun},
    manager::SessionAction,
};
use std::sync::Arc;

/// What may be done now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Situation {
    /// Where keys go.
    pub context: KeyContext,
    /// What is selected, in words.
    pub subject: String,
    /// Retry.
    pub retry: Verdict,
    /// Cancel.
    pub cancel: Verdict,
    /// Force.
    pub force: Verdict,
    /// Dismiss.
    pub dismiss: Verdict,
    /// Stop a run, or the server that a session has left running.
    pub stop: Verdict,
    /// Let a paused recovery go on, promote it, or stop it there.
    pub resume: Verdict,
    /// Ask a paused server.
    pub ask_server: Verdict,
    /// New restore.
    pub new_restore: Verdict,
    /// Start a run of a job.
    pub start_job: Verdict,
    /// Open a restore point.
    pub open_point: Verdict,
    /// Take an item out.
    pub take_out: Verdict,
    /// Compare a table with the live one.
    pub compare: Verdict,
    /// Count the rows of a table.
    pub count_rows: Verdict,
    /// Verify.
    pub verify: Verdict,
    /// Whether a session is selected, so that it has a log, a request and events.
    pub on_session: bool,
}

/// The sessions that an act would be for.
#[derive(Debug, Clone)]
pub struct Subject {
    /// What they are called together.
    pub words: String,
    /// The ongoing ones.
    pub ongoing: Vec<Arc<Session>>,
    /// The number of completed ones.
    pub completed: usize,
    /// Of those, the number of dismissed ones.
    pub dismissed: usize,
}

impl Model {
    /// What may be done now.
    pub fn situation(&self) -> Situation {
        Situation::of(self)
    }
}

impl Situation {
    /// The situation of the model as it stands.
    pub fn of(model: &Model) -> Self {
        let subject = model.subject();
        let instances = model.data().catalog.instances.len();
        Self {
            context: model.key_context(),
            retry: judge(model, &subject, &SessionAction::Retry),
            cancel: judge(model, &subject, &SessionAction::Cancel(Disposition::Default, Reach::AnyOrigin)),
            force: force(model).unwrap_or_else(|| judge(model, &subject, &SessionAction::Force)),
            dismiss: if model.ended_run().is_some_and(|row| !row.dismissed) {
                Verdict::Ready
            } else {
                judge(model, &subject, &SessionAction::Dismiss)
            },
            stop: stop(model),
            resume: model.paused().map_or_else(Verdict::No, |_| Verdict::Ready),
            ask_server: model.paused_server().map_or_else(Verdict::No, |_| Verdict::Ready),
            new_restore: if instances > 0 {
                Verdict::Ready
            } else {
                Verdict::No("there is no instance to restore: the repositories hold no backup".to_owned())
            },
            start_job: model.job_to_start().map_or_else(Verdict::No, |_| Verdict::Ready),
            open_point: model.point_to_open().map_or_else(Verdict::No, |_| Verdict::Ready),
            take_out: model.items_to_take().map_or_else(Verdict::No, |_| Verdict::Ready),
            compare: model.table_to_compare().map_or_else(Verdict::No, |_| Verdict::Ready),
            count_rows: model.table_to_count().map_or_else(Verdict::No, |_| Verdict::Ready),
            verify: model.restore_points().map_or_else(Verdict::No, |_| Verdict::Ready),
            on_session: matches!(model.tree().selected(), Node::Session(_)),
            subject: subject.words,
        }
    }

    /// Whether an action may be done now.
    pub fn verdict(&self, action: Action) -> Verdict {
        let judged = [
            (Action::Retry, &self.retry),
            (Action::Cancel, &self.cancel),
            (Action::Force, &self.force),
            (Action::Dismiss, &self.dismiss),
            (Action::Stop, &self.stop),
            (Action::GoOn, &self.resume),
            (Action::Promote, &self.resume),
            (Action::StopHere, &self.resume),
            (Action::AskServer, &self.ask_server),
            (Action::NewRestore, &self.new_restore),
            (Action::StartJob, &self.start_job),
            (Action::OpenPoint, &self.open_point),
            (Action::TakeOut, &self.take_out),
            (Action::Compare, &self.compare),
            (Action::CountRows, &self.count_rows),
        ];
        if let Some((_, verdict)) = judged.into_iter().find(|(judged, _)| *judged == action) {
            return verdict.clone();
        }
        if action == Action::Verify {
            return self.verify.clone();
        }
        let of_session = matches!(
            action,
            Action::Progress
                | Action::Log
                | Action::Request
                | Action::Events
                | Action::OlderAttempt
                | Action::NewerAttempt
        );
        if of_session && !self.on_session { Verdict::No("select a session first".to_owned()) } else { Verdict::Ready }
    }
}

/// Whether a run can be stopped, or a server.
fn stop(model: &Model) -> Verdict {
    let stopped_run = |run: &Arc<JobRun>| {
        if model.run_to_stop().is_some() {
            return Verdict::Ready;
        }
        let reason = model.stop_refusal(run, StopMode::Immediate).unwrap_or_default();
        Verdict::No(format!("{}: {reason}", format::clean(run.spec().name().as_str())))
    };
    match (model.selected_run(), model.tree().selected()) {
        (Some(run), _) => stopped_run(run),
        (None, Node::Job(name)) => Verdict::No(format!("{} does not run", format::clean(name.as_str()))),
        (None, Node::Run(_)) => Verdict::No("this run has ended".to_owned()),
        (None, Node::Group(Group::Jobs | Group::Runs)) => Verdict::No("select a job that runs".to_owned()),
        (None, _) if let Some(session) = model.explored() => match model.close_refusal(session) {
            None => Verdict::Ready,
            Some(reason) => Verdict::No(format!("{}: {reason}", format::clean(session.title().as_str()))),
        },
        (None, Node::Group(Group::Explore)) => Verdict::No("select what is held open".to_owned()),
        (None, _) => model.server_to_stop().map_or_else(Verdict::No, |_| Verdict::Ready),
    }
}

/// Whether an overdue stop of the selected run can be forced; `None` where no row of a run is selected.
fn force(model: &Model) -> Option<Verdict> {
    if !matches!(model.tree().selected(), Node::Job(_) | Node::Object(..)) {
        return None;
    }
    let run = model.selected_run()?;
    let command = || SessionAction::Force.command(&model.options().by);
    let sessions = run.processing().filter_map(|(_, session)| model.data().snapshot.session(session));
    let refusals: Result<Vec<Refusal>, ()> =
        sessions.map(|session| decide(session, command(), model.now()).map_or_else(Ok, |_| Err(()))).collect();
    Some(match refusals {
        Err(()) => Verdict::Ready,
        Ok(refusals) => {
            let reason = refusals.into_iter().next().unwrap_or(Refusal::NothingToForce);
            Verdict::No(format::clean(&reason.to_string()).into_owned())
        }
    })
}

/// Whether an act would be carried out for at least one session of the subject.
fn judge(model: &Model, subject: &Subject, act: &SessionAction) -> Verdict {
    let now = model.now();
    let mut refusals: Vec<Refusal> = Vec::new();
    for session in &subject.ongoing {
        match decide(session, act.command(&model.options().by), now) {
            Ok(_) => return Verdict::Ready,
            Err(refusal) => refusals.push(refusal),
        }
    }
    let completed = match act {
        SessionAction::Retry | SessionAction::Cancel(..) => Refusal::Completed,
        SessionAction::Stop(_) => Refusal::NotHeldOpen,
        SessionAction::Resume(_) => Refusal::NotPaused,
        SessionAction::Force => Refusal::NothingToForce,
        SessionAction::Dismiss if subject.completed > subject.dismissed => return Verdict::Ready,
        SessionAction::Dismiss if subject.dismissed > 0 => {
            return Verdict::No(format!("{}: it is dismissed already", subject.words));
        }
        SessionAction::Dismiss => Refusal::Ongoing,
        SessionAction::Recover => Refusal::NothingToRecover,
    };
    refusals.extend(std::iter::repeat_n(completed, subject.completed));
    match refusals.as_slice() {
        [] => Verdict::No(nobody(model)),
        [refusal] => Verdict::No(format!("{}: {}", subject.words, format::clean(&refusal.to_string()))),
        several => Verdict::No(format!("{}: {}", subject.words, counted(several))),
    }
}

/// Whether a refusal is of one kind.
type OfKind = fn(&Refusal) -> bool;

/// What keeps sessions from an act, in a word or two, so that those which share it are counted together.
const REASONS: [(OfKind, &str); 10] = [
    (|refusal| matches!(refusal, Refusal::Running { .. }), "running"),
    (|refusal| matches!(refusal, Refusal::Queued), "queued already"),
    (|refusal| matches!(refusal, Refusal::TriesRemain { .. }), "with tries that come by themselves"),
    (|refusal| matches!(refusal, Refusal::Cancelling), "being cancelled"),
    (|refusal| matches!(refusal, Refusal::Ending), "ending already"),
    (|refusal| matches!(refusal, Refusal::Paused), "paused"),
    (|refusal| matches!(refusal, Refusal::DisposalInTime { .. }), "removing partial data in time"),
    (|refusal| matches!(refusal, Refusal::NothingToForce), "not being cancelled"),
    (|refusal| matches!(refusal, Refusal::Ongoing), "ongoing"),
    (|refusal| matches!(refusal, Refusal::Completed), "completed"),
];

/// Each kind of reason with its count; one that has no word of its own says its sentence.
fn counted(refusals: &[Refusal]) -> String {
    let mut counts: Vec<(String, usize)> = Vec::new();
    for refusal in refusals {
        let known = REASONS.iter().find(|(is, _)| is(refusal)).map(|(_, word)| (*word).to_owned());
        let reason = known.unwrap_or_else(|| format::clean(&refusal.to_string()).into_owned());
        match counts.iter_mut().find(|(other, _)| *other == reason) {
            Some((_, count)) => *count += 1,
            None => counts.push((reason, 1)),
        }
    }
    let parts = counts.into_iter().map(|(reason, count)| format!("{} {reason}", format::count(count as u64)));
    parts.collect::<Vec<_>>().join(", ")
}

/// Why there is no session to act on.
fn nobody(model: &Model) -> String {
    match model.tree().selected() {
        Node::Group(group) if group.kind().is_some() && model.all_of(*group) > 0 => {
            "the filter hides every session here; Esc clears it".to_owned()
        }
        Node::Group(Group::Restore) => "no restore is under way".to_owned(),
        Node::Group(Group::Completed) => "nothing is completed".to_owned(),
        Node::Group(Group::History) => "the history only tells; select one of its sessions".to_owned(),
        Node::Instance(_) | Node::Group(Group::Instances) => "an instance has no session; Enter restores it".to_owned(),
        Node::Group(Group::Verify | Group::Explore | Group::Backup) => "there is no such session".to_owned(),
        Node::Group(Group::Jobs | Group::Runs) => "select an object that is in process".to_owned(),
        Node::Job(_) | Node::Object(..) => {
            "a job is started and stopped as a whole; its objects are sessions".to_owned()
        }
        Node::Run(_) => "this run has ended".to_owned(),
        Node::Group(Group::Unreadable) | Node::Unreadable(_) | Node::UnreadableRun(_) => {
            "the journal has no readable record of it".to_owned()
        }
        Node::Session(_) => "this session is gone".to_owned(),
        Node::Item(..) => "select the session that holds it open".to_owned(),
    }
}
