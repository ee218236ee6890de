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
    domain::{Disposition, Reach},
    machine::{Refusal, Session, decide},
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
    /// Stop the server that a session has left running.
    pub stop_server: Verdict,
    /// New restore.
    pub new_restore: Verdict,
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
            retry: judge(model, &subject, SessionAction::Retry),
            cancel: judge(model, &subject, SessionAction::Cancel(Disposition::Default, Reach::AnyOrigin)),
            force: judge(model, &subject, SessionAction::Force),
            dismiss: judge(model, &subject, SessionAction::Dismiss),
            stop_server: model.server_to_stop().map_or_else(Verdict::No, |_| Verdict::Ready),
            new_restore: if instances > 0 {
                Verdict::Ready
            } else {
                Verdict::No("there is no instance to restore: the repositories hold no backup".to_owned())
            },
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
            (Action::ShutDown, &self.stop_server),
            (Action::NewRestore, &self.new_restore),
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

/// Whether an act would be carried out for at least one session of the subject.
fn judge(model: &Model, subject: &Subject, act: SessionAction) -> Verdict {
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
        Node::Group(Group::Unreadable) | Node::Unreadable(_) => {
            "the journal has no readable record of this session".to_owned()
        }
        Node::Session(_) => "this session is gone".to_owned(),
    }
}
