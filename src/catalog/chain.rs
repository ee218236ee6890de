//! What incremental backups rest on: each on the one that it was made from, down to a full one.
//!
//! An incremental backup records where the backup began that its server was given the manifest of
//! (`INCREMENTAL FROM LSN` and `TLI` in its label); that is how `pg_combinebackup` tells it, too.
//!
//! Promises: a chain lies in one folder and is of one cluster; one that is not whole is a row that says which backup is
//! missing. Never: reads more than labels.

use super::{
    inspect::{self, ANOTHER},
    model::CatalogEntry,
    read::Row,
    scan::Layout,
    wording::problem,
};
use crate::{
    domain::{BackupSource, ChainMember, Lsn, RestorePoint, Timeline},
    postgres::{
        compression,
        label::{BACKUP_LABEL, BackupLabel},
        manifest::Manifest,
    },
};
use std::{
    collections::BTreeMap,
    io::{self, Read},
    path::Path,
};

/// Where the backup began that an incremental one was made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MadeFrom {
    start: Lsn,
    timeline: Timeline,
}

/// A label has a dozen short lines; the name that a person gave is the longest.
const MAX_LABEL_LEN: usize = 64 << 10;

/// The server sends the label before all else; what a tool puts before it is little.
const MEMBERS: usize = 16;

/// Whether the backup holds only what changed: then some of its files are called so.
pub(super) fn is_incremental(manifest: &Manifest) -> bool {
    let names = manifest.files.iter().filter_map(|file| file.path.file_name());
    names.into_iter().any(|name| name.as_encoded_bytes().starts_with(b"INCREMENTAL."))
}

/// What the incremental backup in `directory` was made from, as its label says.
pub(super) fn made_from(directory: &Path, finding: &Layout) -> Result<MadeFrom, String> {
    let bytes = match finding {
        Layout::Tar(set) => in_archive(&set.base).map_err(|error| inspect::damaged(&set.base, &error))?,
        Layout::Plain | Layout::Machine | Layout::Restic | Layout::Fault(_) => {
            Some(inspect::prefix(&directory.join(BACKUP_LABEL), MAX_LABEL_LEN)?)
        }
    };
    let bytes = bytes.ok_or_else(|| problem("base.tar does not begin with backup_label", ANOTHER))?;
    let label = BackupLabel::parse(&bytes).map_err(|error| problem(&error.to_string(), ANOTHER))?;
    let from = label.incremental_from.zip(label.incremental_from_timeline);
    from.map(|(start, timeline)| MadeFrom { start, timeline }).ok_or_else(|| {
        let cause = "this is an incremental backup, and its backup_label does not say what it was made from";
        problem(cause, ANOTHER)
    })
}

/// The label in an archive, packed or not.
fn in_archive(base: &Path) -> io::Result<Option<Vec<u8>>> {
    let (_, unpacked) = compression::open(base)?;
    let mut archive = tar::Archive::new(unpacked);
    for member in archive.entries()?.take(MEMBERS) {
        let member = member?;
        if member.path_bytes().as_ref() == BACKUP_LABEL.as_bytes() {
            let mut bytes = Vec::new();
            member.take(MAX_LABEL_LEN as u64).read_to_end(&mut bytes)?;
            return Ok(Some(bytes));
        }
    }
    Ok(None)
}

/// Gives the incremental backups of one folder what they rest on.
pub(super) fn resolve(rows: Vec<Row>) -> Vec<CatalogEntry> {
    let links: BTreeMap<usize, MadeFrom> =
        rows.iter().enumerate().filter_map(|(at, (_, from))| Some((at, (*from)?))).collect();
    let mut entries: Vec<CatalogEntry> = rows.into_iter().map(|(entry, _)| entry).collect();
    if links.is_empty() {
        return entries;
    }
    let chains: Vec<(usize, Result<Vec<ChainMember>, String>)> =
        links.keys().map(|at| (*at, chain(*at, &entries, &links))).collect();
    for (at, chain) in chains {
        put(&mut entries[at], chain);
    }
    entries
}

/// What the row rests on, or why it cannot be restored.
fn chain(of: usize, entries: &[CatalogEntry], links: &BTreeMap<usize, MadeFrom>) -> Result<Vec<ChainMember>, String> {
    let mut chain = Vec::new();
    let mut at = of;
    while let Some(from) = links.get(&at) {
        let Some(upper) = entries[at].point() else { break };
        let below = |other: usize| entries[other].point().is_some_and(|point| is_base(point, *from, upper));
        // Of several that serve, a full one needs no others.
        let found = (0..entries.len()).filter(|other| below(*other)).min_by_key(|other| links.contains_key(other));
        let Some(member) = found.and_then(|other| Some((other, as_member(entries[other].point()?)?))) else {
            let whose = if at == of { "it" } else { upper.label.as_str() };
            let MadeFrom { start, timeline } = from;
            let cause = format!(
                "this is an incremental backup, and the one that {whose} was made from (begun at {start} on timeline \
                 {timeline}) is not among those here that can be read"
            );
            return Err(problem(&cause, "bring that backup back into this folder"));
        };
        at = member.0;
        chain.push(member.1);
    }
    Ok(chain)
}

/// Whether `point` is what `upper` was made from. It begins earlier, so that no chain comes back to where it was.
fn is_base(point: &RestorePoint, from: MadeFrom, upper: &RestorePoint) -> bool {
    let facts = &point.facts;
    (facts.start_lsn, facts.timeline) == (from.start, from.timeline)
        && facts.start_lsn < upper.facts.start_lsn
        && facts.system_identifier.is_some()
        && facts.system_identifier == upper.facts.system_identifier
}

fn as_member(point: &RestorePoint) -> Option<ChainMember> {
    match &point.source {
        BackupSource::BaseBackup { directory, form } | BackupSource::Incremental { directory, form, .. } => {
            Some(ChainMember { label: point.label.clone(), directory: directory.clone(), form: *form })
        }
        BackupSource::PgBackRest { .. } | BackupSource::Barman { .. } => None,
    }
}

fn put(entry: &mut CatalogEntry, chain: Result<Vec<ChainMember>, String>) {
    let CatalogEntry::Restorable(point) = entry else { return };
    let BackupSource::Incremental { directory, rests_on, .. } = &mut point.source else { return };
    match chain {
        Ok(members) => *rests_on = members,
        Err(problem) => {
            let (instance, label, path) = (point.instance.clone(), point.label.clone(), directory.clone());
            *entry = CatalogEntry::Unreadable { instance, label, path, problem };
        }
    }
}
