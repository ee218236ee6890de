//! Telling a restored cluster from a backup: both are a data directory with a manifest.
//!
//! Promises: a directory that a restore has made is told by what it leaves there (its record, its marks, its block of
//! settings), as long as one of them stands; a backup *of* a restored cluster has record and block in it, too, and is a
//! backup, because its manifest accounts for them. Never: reads a file of the cluster's data.

use super::wording::{self, problem, refused};
use crate::{
    domain::{
        instance::{printable, printable_name},
        restored::{MARK, MARK_FILE, MAX_RECORD_LEN, RECORD, RestoreRecord, mark_beside},
    },
    postgres::{
        configure::{self, DataDirectory},
        manifest::{Hasher, Manifest, ManifestFile},
    },
};
use std::{fs, path::Path};

/// The file that gets the block.
const SETTINGS: &str = "postgresql.auto.conf";

/// A configuration file is text that people write; what is longer is something else.
const LARGEST_SETTINGS: u64 = 16 << 20;

const ADVICE: &str = "take a backup of it with pg_basebackup, into another directory";

/// What is wrong with a plain directory as a backup, if it is a restored cluster with this manifest of its source in it;
/// an error where that cannot be found out.
pub(super) fn fault(directory: &Path, manifest: &Manifest) -> Result<Option<String>, String> {
    let beside = mark_beside(directory).filter(|mark| fs::symlink_metadata(mark.join(MARK_FILE)).is_ok());
    let inside = Some(directory.join(MARK)).filter(|mark| fs::symlink_metadata(mark).is_ok());
    if let Some(name) = inside.or(beside).as_deref().and_then(Path::file_name) {
        let cause = format!("a restore that is not finished, not a backup ({} is there)", printable_name(name));
        return Ok(Some(problem(&cause, "see howdah session list; a backup is made with pg_basebackup")));
    }
    if let Some(text) = read(directory, RECORD, MAX_RECORD_LEN)? {
        let record = parsed(&text);
        let identity = manifest.identity();
        let is_of_this = |record: &RestoreRecord| {
            record.manifest.as_ref().is_some_and(|written| written.eq_ignore_ascii_case(&identity))
        };
        if record.as_ref().is_some_and(is_of_this) || !is_listed(manifest, RECORD, &text) {
            return Ok(Some(restored(record.as_ref(), "")));
        }
    }
    let Some(settings) = read(directory, SETTINGS, LARGEST_SETTINGS)? else { return Ok(None) };
    let Some(block) = configure::block_at(&settings) else { return Ok(None) };
    let was_backed_up = |file: &ManifestFile| (block as u64) < file.size && begins_with(&settings, file);
    Ok((!listed(manifest, SETTINGS).is_some_and(was_backed_up)).then(|| restored(None, "")))
}

/// What is wrong with the directory of a server as a backup, if it was restored.
pub(super) fn server_fault(directory: &Path) -> Result<Option<String>, String> {
    let record = read(directory, RECORD, MAX_RECORD_LEN)?;
    Ok(record.map(|text| restored(parsed(&text).as_ref(), "; its server runs or has crashed")))
}

fn restored(record: Option<&RestoreRecord>, more: &str) -> String {
    let Some(record) = record else {
        return problem(&format!("a restored cluster, not a backup{more}"), ADVICE);
    };
    let by = record.by.as_ref().map_or_else(String::new, |by| format!(" by {by}"));
    let (when, from) = (record.finished.strftime("%Y-%m-%d %H:%M:%S UTC"), wording::path(&record.backup));
    let cause =
        format!("a restored cluster, not a backup (restored on {when}{by} from {from}, {}){more}", record.instance);
    problem(&printable(&cause), ADVICE)
}

/// The record, where it can be read: a later version has more fields, and these as well.
fn parsed(text: &[u8]) -> Option<RestoreRecord> {
    serde_json::from_slice(text).ok()
}

/// A small regular file; `None` when it is missing.
fn read(directory: &Path, name: &str, largest: u64) -> Result<Option<Vec<u8>>, String> {
    DataDirectory::open(directory).and_then(|directory| directory.read(name, largest)).map_err(|e| refused(name, &e))
}

fn listed<'a>(manifest: &'a Manifest, name: &str) -> Option<&'a ManifestFile> {
    manifest.files.iter().find(|file| file.path == Path::new(name))
}

/// Whether the manifest lists a file with just these bytes.
fn is_listed(manifest: &Manifest, name: &str, bytes: &[u8]) -> bool {
    listed(manifest, name).is_some_and(|file| bytes.len() as u64 == file.size && begins_with(bytes, file))
}

/// Whether these bytes begin with those that were backed up: `pg_basebackup -R` adds settings behind them.
fn begins_with(bytes: &[u8], file: &ManifestFile) -> bool {
    let Some(backed_up) = usize::try_from(file.size).ok().and_then(|size| bytes.get(..size)) else { return false };
    let mut hasher = Hasher::new(file.checksum.algorithm());
    hasher.update(backed_up);
    hasher.finish() == file.checksum
}
