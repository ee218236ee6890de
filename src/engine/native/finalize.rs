//! The end of a copy: everything is made durable; the cluster's `global/pg_control` waits for what comes after (S3).
//!
//! Promises: when this has ended, all but `pg_control` is in its place and on the disk. Never: a server could start.

use super::{
    durable,
    errors::at_target,
    ledger::Line,
    plain,
    staged::{self, STAGED},
    work::{CopyContext, altered},
};
use crate::{
    domain::Failure,
    engine::Halt,
    postgres::{
        control::{CONTROL_FILE, ControlFile},
        label::TABLESPACE_MAP,
        manifest::{self, Hasher},
    },
};
use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// What the end of a copy needs beyond the copy itself.
pub(super) struct Ending {
    /// The manifest's bytes: the restored directory keeps them, as a plain backup does.
    pub(super) manifest: Vec<u8>,
    /// Where `pg_control` and `tablespace_map` are read when the backup is plain.
    pub(super) plain: Option<PathBuf>,
    /// Where each tablespace goes.
    pub(super) tablespaces: BTreeMap<u32, PathBuf>,
}

/// Ends the copy.
pub(super) fn finalize(work: &CopyContext, ending: &Ending) -> Result<(), Halt> {
    let places = &work.places;
    let missing = work.index.paths().map(|(path, _)| path).filter(|path| !is_accounted_for(work, ending, path));
    if let Some(path) = missing.min() {
        return Err(plain::missing(path, 0).into());
    }
    let control = control_file(work, ending)?;
    write_small(work, Path::new(manifest::FILE_NAME), &ending.manifest)?;
    for (oid, directory) in &ending.tablespaces {
        let link = Path::new("pg_tblspc").join(oid.to_string());
        work.announce(&link)?;
        places
            .data
            .link(&link, directory)
            .map_err(|error| at_target("link", &places.data.path().join(&link), &error))?;
    }
    if listed(work, TABLESPACE_MAP).is_some() {
        check_map(work, ending)?;
        write_small(work, Path::new(TABLESPACE_MAP), &map_text(&ending.tablespaces))?;
        count(work, TABLESPACE_MAP);
    }
    if let Some(bytes) = &control {
        check_cluster(work, bytes)?;
        // Out of an archive it was put there when it came.
        if ending.plain.is_some() && !work.has(Path::new(STAGED)) {
            staged::put(work, bytes)?;
        }
        count(work, CONTROL_FILE);
    }
    work.shared.go_on()?;
    places.check_in_place()?;
    durable::sync_all(places, &work.shared)?;
    let noted = |error: io::Error| at_target("note in the ledger of", places.data.path(), &error);
    work.ledger.add(&[Line::Durable]).and_then(|()| work.ledger.sync()).map_err(noted)?;
    work.shared.go_on()?;
    work.shared.finalize_totals();
    Ok(())
}

fn listed(work: &CopyContext, path: &str) -> Option<usize> {
    work.index.position(Path::new(path))
}

fn is_accounted_for(work: &CopyContext, ending: &Ending, path: &Path) -> bool {
    ending.plain.is_some()
        || work.has(path)
        || super::mutex::lock(&work.received).contains(path)
        || (path == Path::new(CONTROL_FILE) && work.has(Path::new(STAGED)))
        || (path == Path::new(TABLESPACE_MAP))
}

fn count(work: &CopyContext, path: &str) {
    if let Some(at) = listed(work, path) {
        work.shared.add_bytes(work.manifest.files[at].size);
        work.shared.add_file();
    }
}

/// The verified bytes of `pg_control`; `None` when an earlier attempt has put it in its place.
fn control_file(work: &CopyContext, ending: &Ending) -> Result<Option<Vec<u8>>, Halt> {
    let path = Path::new(CONTROL_FILE);
    if work.has(path) {
        return Ok(None);
    }
    let Some(at) = listed(work, CONTROL_FILE) else {
        let cause = format!("the manifest does not list {CONTROL_FILE}");
        return Err(Failure::incurable(cause, super::errors::DAMAGED).into());
    };
    if let Some(held) = super::mutex::lock(&work.held).remove(path) {
        return Ok(Some(held));
    }
    let bytes = if let Some(directory) = &ending.plain {
        read_plain(work, directory, path)?
    } else {
        staged::read(&work.places.mark)?
    };
    check(work, at, &bytes)?;
    Ok(Some(bytes))
}

fn read_plain(work: &CopyContext, directory: &Path, path: &Path) -> Result<Vec<u8>, Failure> {
    let source = directory.join(path);
    fs::read(&source).map_err(|error| work.backup.failure("read", &source, &error))
}

fn check(work: &CopyContext, at: usize, bytes: &[u8]) -> Result<(), Failure> {
    let file = &work.manifest.files[at];
    let mut hasher = Hasher::new(file.checksum.algorithm());
    hasher.update(bytes);
    if bytes.len() as u64 != file.size {
        return Err(plain::wrong_size(&file.path, bytes.len() as u64, file.size));
    }
    if hasher.finish() == file.checksum { Ok(()) } else { Err(altered(&file.path, file.checksum.algorithm())) }
}

/// WAL of another cluster would be replayed to nothing good; recovery itself checks it only when it has begun.
fn check_cluster(work: &CopyContext, control: &[u8]) -> Result<(), Failure> {
    let parsed = ControlFile::parse(control)
        .map_err(|error| Failure::incurable(format!("{CONTROL_FILE}: {error}"), super::errors::DAMAGED))?;
    let cluster = parsed.system_identifier;
    match work.system_identifier.filter(|other| *other != cluster) {
        None => Ok(()),
        Some(other) => {
            let cause =
                format!("the files of the backup belong to cluster {cluster}, but its WAL to another cluster: {other}");
            Err(Failure::incurable(cause, super::errors::DAMAGED))
        }
    }
}

/// The map of a plain backup is verified here; that of archives was when the plan was made.
fn check_map(work: &CopyContext, ending: &Ending) -> Result<(), Failure> {
    match (&ending.plain, listed(work, TABLESPACE_MAP)) {
        (Some(directory), Some(at)) => check(work, at, &read_plain(work, directory, Path::new(TABLESPACE_MAP))?),
        (Some(_) | None, _) => Ok(()),
    }
}

/// The map that recovery makes the links from: an OID and a place a line (`do_pg_backup_start`; what would break a line
/// gets a backslash).
fn map_text(tablespaces: &BTreeMap<u32, PathBuf>) -> Vec<u8> {
    let mut text = Vec::new();
    for (oid, directory) in tablespaces {
        text.extend(format!("{oid} ").into_bytes());
        for byte in directory.as_os_str().as_bytes() {
            if matches!(byte, b'\n' | b'\r' | b'\\') {
                text.push(b'\\');
            }
            text.push(*byte);
        }
        text.push(b'\n');
    }
    text
}

fn write_small(work: &CopyContext, path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    work.announce(path)?;
    let root = &work.places.data;
    let written = root.remove(path).and_then(|_| root.create(path)).and_then(|mut file| file.write_all(bytes));
    written.map_err(|error| at_target("write", &root.path().join(path), &error))
}
