//! The session that is paused at the goal of its recovery, and that an action would be for.

use super::Model;
use crate::{
    console::{format, ports::CatalogInstance},
    domain::{RestorePoint, ServerAddress, fact::PausePoint},
    machine::{Phase, Resume, Session, decide},
    manager::SessionAction,
};
use std::sync::Arc;

impl Model {
    /// The selected session and where it is paused, or why there is none.
    ///
    /// # Errors
    ///
    /// A printable clause: what to select, or why the machine refuses it.
    pub fn paused(&self) -> Result<(&Arc<Session>, &PausePoint), String> {
        let selected = self.session().filter(|_| self.tree.marked.is_empty());
        let Some(session) = selected else { return Err("select the one session that is paused".to_owned()) };
        if let Phase::Paused { at, .. } = session.phase() {
            return Ok((session, at));
        }
        let command = SessionAction::Resume(Resume::Promote).command(&self.options.by);
        let reason = decide(session, command, self.now()).err();
        let reason = reason.map_or_else(|| "its recovery is not paused".to_owned(), |refusal| refusal.to_string());
        let name = format::clean(session.title().as_str());
        Err(format!("{name}: {}", format::clean(&reason)))
    }

    /// The selected session whose server waits at its goal, and where that answers.
    ///
    /// # Errors
    ///
    /// A printable clause: why there is none.
    pub fn paused_server(&self) -> Result<(&Arc<Session>, &ServerAddress), String> {
        let (session, at) = self.paused()?;
        match &at.server {
            Some(server) => Ok((session, &server.address)),
            None => Err("its server is not known here; the Log names what it wrote".to_owned()),
        }
    }

    /// The instance whose archive a restore point is recovered with, where the catalog has it.
    pub(in crate::console) fn archived_instance(&self, point: &RestorePoint) -> Option<&CatalogInstance> {
        let holds = |known: &RestorePoint| known.label == point.label && known.source == point.source;
        let mut archived = self.shown.catalog.instances.iter().filter(|one| !one.wal.is_empty());
        archived.find(|one| one.points().any(holds))
    }
}
