//! The record of a finished restore in its data directory.
//!
//! Promises: it is on disk before the session's marks go, belongs to the owner of the cluster's files and has their
//! mode. Never: written before all but the marks is done.

use super::Restore;
use crate::{
    domain::{
        Failure,
        restored::{RECORD, RECORD_VERSION, RestoreRecord},
    },
    postgres::{configure::DataDirectory, manifest, server::classify},
    worker::event_writer::EventWriter,
};
use std::{fs::File, io, path::Path};

/// A file that every cluster has, and whose owner and mode are those of all its files.
const LIKE: &str = "PG_VERSION";

/// Leaves the record.
pub(in crate::worker) fn leave(restore: &Restore<'_>) -> Result<(), Failure> {
    let data = restore.request.target.directory();
    let failed = |error: io::Error| classify::of_io(&format!("writing {RECORD} in {}", data.display()), &error);
    let point = &restore.request.point;
    let record = RestoreRecord {
        version: RECORD_VERSION,
        session: restore.workspace.session,
        by: restore.by.map(str::to_owned),
        finished: EventWriter::now(),
        backup: point.source.directory().map_or_else(|| point.source.to_string().into(), Path::to_owned),
        repository: point.repository.clone(),
        instance: point.instance.clone(),
        label: point.label.clone(),
        system_identifier: point.facts.system_identifier,
        manifest: manifest_checksum(data).map_err(failed)?,
    };
    let mut text = serde_json::to_vec_pretty(&record).map_err(|error| failed(error.into()))?;
    text.push(b'\n');
    DataDirectory::open(data).and_then(|directory| directory.replace_like(RECORD, &text, LIKE)).map_err(failed)
}

/// The checksum of the manifest that was restored with the files, as its last line records it.
fn manifest_checksum(data: &Path) -> io::Result<Option<String>> {
    match File::open(data.join(manifest::FILE_NAME)) {
        Ok(mut file) => manifest::written_checksum(&mut file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
