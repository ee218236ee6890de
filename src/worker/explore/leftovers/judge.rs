//! Whether a place may be cleared away: it must be proven that a session has made it, and that no session owns it any more.
//!
//! Promises: pure reading; a person can act on each reason. Never: takes what cannot be read for what is not there.

use super::{
    super::scratch::{Mark, Stands},
    AskStanding,
    scene::Scene,
};
use crate::{
    domain::{
        SessionStanding, Verdict,
        instance::printable,
        path_text::{quoted, shown},
    },
    engine::claim::{Claim, FoundClaim, filesystem_of},
    process,
    worker::session_lock,
};
use std::path::{Path, PathBuf};

/// What may be done with a place.
pub(super) fn judge(scene: &Scene, standing: &AskStanding) -> Verdict {
    made_by_other(scene).unwrap_or_else(|| owned(scene, standing))
}

/// Why it is not proven that a session of ours has made all of it, or who works there.
fn made_by_other(scene: &Scene) -> Option<Verdict> {
    let unproven = |why: String| Some(Verdict::Unproven(printable(&why)));
    let claims = match &scene.claims {
        Ok(claims) => claims.as_slice(),
        Err(error) => return unproven(format!("may be somebody's: {error}")),
    };
    match (&scene.stands, claims) {
        (_, [_, _, ..]) => return unproven("is claimed twice".to_owned()),
        (Stands::Foreign(why), []) => return unproven(why.clone()),
        (Stands::Foreign(why), [found]) => return unproven(format!("{why}, and is claimed by {}", found.claim)),
        (Stands::Nothing | Stands::Empty, []) => return unproven("is empty and bears no mark of a session".to_owned()),
        (Stands::Marked { mark, .. }, [found]) if mark.session != found.claim.session => {
            let (session, claim) = (mark.session, &found.claim);
            return unproven(format!("bears the mark of session {session}, and is claimed by {claim}"));
        }
        (Stands::Nothing | Stands::Empty | Stands::Marked { .. }, [] | [_]) => {}
    }
    // What clears it away holds the lock itself.
    let works = claims.first().and_then(|found| found.worker).filter(|pid| *pid != std::process::id());
    if let Some(pid) = works {
        return Some(Verdict::InUse(format!("process {pid} works there")));
    }
    if let Some(pid) = scene.processes.foreign {
        return unproven(format!("is what a server works on that no session has started, process {pid}"));
    }
    if let Some(elsewhere) = scene.named.iter().find(|mounted| mounted.at != scene.files) {
        return unproven(format!("has its files mounted elsewhere, at {}", shown(&elsewhere.at)));
    }
    let is_its = |mount: &PathBuf| scene.named.iter().any(|mounted| mounted.at == *mount);
    let other = scene.mounts.iter().find(|mount| !is_its(mount));
    other.and_then(|mount| unproven(format!("has something else mounted in it, at {}", shown(mount))))
}

/// Whose it is, or that it is nobody's.
fn owned(scene: &Scene, standing: &AskStanding) -> Verdict {
    let unproven = |why: String| Verdict::Unproven(printable(&why));
    let claim = scene.claim();
    let mark = match &scene.stands {
        Stands::Marked { mark, .. } => Some(mark.as_ref()),
        Stands::Nothing | Stands::Empty | Stands::Foreign(_) => None,
    };
    let Some(session) = scene.session else { return unproven("bears no mark of a session".to_owned()) };
    let states = [mark.map(|mark| mark.state.as_path()), claim.map(|found| found.claim.holder.state.as_path())];
    let mut ended = None;
    let mut unknown = None;
    for state in states.into_iter().flatten() {
        match standing(state, session) {
            SessionStanding::Ongoing(id) => {
                return Verdict::InUse(format!("session {id} of {} goes on", shown(state)));
            }
            SessionStanding::Unreadable(why) => {
                return unproven(format!("belongs to a session that may go on: {why}"));
            }
            SessionStanding::Recoverable(id) => {
                let advice = format!("howdah session recover {id} --state-dir {} brings it back", quoted(state));
                return unproven(format!("belongs to a session whose journal is lost, and not its files: {advice}"));
            }
            SessionStanding::Ended { id, files } => match session_lock::is_held(&files) {
                Ok(false) => ended = Some(format!("session {id} of {} has ended", shown(state))),
                Ok(true) => return Verdict::InUse(format!("a worker of session {id} has not ended")),
                Err(error) => return unproven(format!("may be where a worker of session {id} works: {error}")),
            },
            SessionStanding::Unknown => unknown = Some(state),
            SessionStanding::NoState => {}
        }
    }
    if let Some(ended) = ended {
        return Verdict::Removable(ended);
    }
    if let Some(why) = made_elsewhere(mark, claim) {
        return unproven(why);
    }
    match (unknown, mark) {
        (Some(state), Some(_)) => Verdict::Removable(format!("{} does not know its session", shown(state))),
        // It was claimed before it is stored, and the owner gives it back when it never is.
        (Some(state), None) => Verdict::InUse(format!("a session of {} may be about to begin there", shown(state))),
        (None, _) => {
            let state = states.into_iter().flatten().last().unwrap_or(Path::new(""));
            Verdict::Removable(format!("its state directory {} is gone", shown(state)))
        }
    }
}

/// Why a state directory that is not here, or is another one here, may live on elsewhere.
fn made_elsewhere(mark: Option<&Mark>, claim: Option<&FoundClaim>) -> Option<String> {
    let host = claim.map(|found| Some(&found.claim.holder.host)).or(mark.map(|mark| mark.host.as_ref())).flatten();
    match host {
        Some(host) if *host == process::host() => {}
        Some(host) => {
            let advice = "clean it there, or remove it if that machine is no more";
            return Some(format!("was made by the machine {host}: {advice}"));
        }
        None => return Some("does not say which machine made it".to_owned()),
    }
    // An empty directory may be where it is mounted at other times.
    let found = claim.filter(|found| !is_its_file_system_here(&found.claim))?;
    let (state, file) = (shown(&found.claim.holder.state), shown(&found.file));
    Some(format!(
        "has its state directory on another file system than is at {state} now: mount that, or remove {file} if it is no \
         more"
    ))
}

/// Whether the file system of a state directory that is gone, or is another one, is the one at its place now.
fn is_its_file_system_here(claim: &Claim) -> bool {
    filesystem_of(&claim.holder.state).is_ok_and(|here| here.device == claim.holder.state_id.device)
}
