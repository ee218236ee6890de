//! What tells a session from others of its name, in a word.

use super::Model;
use crate::{
    console::format,
    domain::{Order, instance::printable_name},
    machine::Session,
    manager::Snapshot,
};
use std::{ffi::OsStr, path::Path};

impl Model {
    /// What distinguishes an ongoing session from others of its name. `None` where it has no namesake.
    pub fn distinction(&self, session: &Session) -> Option<String> {
        distinction(&self.shown.snapshot, session)
    }
}

/// What a session of a snapshot is called where no row stands beside it: its title, and what distinguishes it.
pub(in crate::console) fn full_name(snapshot: &Snapshot, session: &Session) -> String {
    let title = format::clean(session.title().as_str());
    distinction(snapshot, session).map_or_else(|| title.clone().into_owned(), |what| format!("{title} {what}"))
}

/// The last part of its target, else its port, else its number.
fn distinction(snapshot: &Snapshot, session: &Session) -> Option<String> {
    let namesakes = || {
        let ongoing = snapshot.ongoing_of(session.order().kind());
        ongoing.filter(|other| other.id() != session.id() && other.title() == session.title())
    };
    namesakes().next()?;
    let (order, title) = (session.order(), session.title().as_str());
    let last = |order: &Order| order.directory().and_then(Path::file_name).map(OsStr::to_owned);
    let own =
        last(order).filter(|own| *own != *title && namesakes().all(|other| last(other.order()).as_ref() != Some(own)));
    if let Some(own) = own {
        return Some(printable_name(&own));
    }
    let port = order.port().filter(|port| namesakes().all(|other| other.order().port() != Some(*port)));
    Some(port.map_or_else(|| format!("#{}", session.id()), |port| format!(":{port}")))
}
