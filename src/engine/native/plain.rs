//! Looking through a plain backup: each file, directory and link of it.
//!
//! Promises: what is missing, extra, of another size, or neither file nor directory is reported before a byte is
//! copied. What is no file, no directory and no link that `pg_basebackup` makes is refused.

use super::{
    errors::{Backup, DAMAGED, damaged},
    layout::{self, Expect, Form, Index, Layout, SourceFile, Tree},
    tree::{self, Oddity, Walked},
};
use crate::{
    domain::{ByteCount, Failure, MajorVersion},
    engine::watched::Heartbeat,
    postgres::{
        control::{CONTROL_FILE, CONTROL_PREFIX, ControlFile},
        manifest::Manifest,
        wal::{LONG_HEADER, SegmentHeader, SegmentSize},
    },
};
use std::{
    collections::BTreeMap,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

/// Segments whose header is asked for the size of all; more than these are not all damaged at their first page.
const SEGMENTS_ASKED: usize = 16;

/// Looks through the plain backup in `directory`.
pub(super) fn inspect(
    directory: &Path,
    manifest: &Manifest,
    index: &Index,
    heartbeat: &Heartbeat,
) -> Result<Layout, Failure> {
    let backup = Backup::at(directory);
    let mut odd = |source: &Path, path: &Path, oddity| Err(refuse(source, path, oddity));
    let Walked { mut tree, tablespaces, wal_is_link } = tree::walk(directory, heartbeat, &mut odd)?;
    let mut warnings = Vec::new();
    if wal_is_link {
        warnings.push("pg_wal is a link in the backup; it becomes a directory".to_owned());
    }
    let wal = check_files(&mut tree, manifest, index, &mut warnings)?;
    let version = match layout::version(manifest) {
        Some(version) => Some(version),
        None => read_start(&backup, &directory.join("PG_VERSION"), 16)
            .map(|text| String::from_utf8_lossy(&text).trim().parse().ok().map(MajorVersion))?,
    };
    let control = read_start(&backup, &directory.join(CONTROL_FILE), CONTROL_PREFIX)?;
    let system_identifier = ControlFile::parse(&control).ok().map(|control| control.system_identifier);
    let finding = layout::wal_finding(manifest, &wal, segment_size(&tree));
    Ok(Layout { form: Form::Plain(tree), tablespaces, wal, finding, version, system_identifier, warnings })
}

/// A restore brings back files, directories and links to tablespaces; anything else has no place in a backup.
fn refuse(source: &Path, path: &Path, oddity: Oddity) -> Failure {
    match oddity {
        Oddity::Link => damaged(path, "is a symbolic link, which no backup has there"),
        Oddity::LinkToNothing => {
            let cause = format!("{} leads to a directory that is not there", source.display());
            Failure::incurable(cause, "bring the backup of that tablespace back to where the link leads")
        }
        Oddity::LinkAstray => {
            damaged(path, "is a symbolic link to something that is not a directory, or holds the backup itself")
        }
        Oddity::NotAFile => damaged(path, "is neither a file nor a directory"),
    }
}

/// Holds the files that stand against those that should, and takes the manifest itself off the list.
fn check_files(
    tree: &mut Tree,
    manifest: &Manifest,
    index: &Index,
    warnings: &mut Vec<String>,
) -> Result<BTreeMap<PathBuf, u64>, Failure> {
    let mut wal = BTreeMap::new();
    let mut seen = vec![false; manifest.files.len()];
    let mut others = Vec::with_capacity(tree.files.len());
    for file in tree.files.drain(..) {
        let expect = match index.expect(&file.path) {
            Some(expect) => expect,
            // It is of the backup, and not of the cluster.
            None if layout::is_point_mark(&file.path) => continue,
            None => return Err(extra(&file.path)),
        };
        match expect {
            Expect::Listed(at) => {
                let listed = manifest.files[at].size;
                if listed != file.size {
                    return Err(wrong_size(&file.path, file.size, listed));
                }
                seen[at] = true;
            }
            Expect::MayDiffer(at) => {
                if let Some(at) = at {
                    seen[at] = true;
                }
                if at.is_none_or(|at| manifest.files[at].size != file.size) {
                    warnings.push(may_differ(&file.path));
                }
            }
            Expect::Wal => {
                wal.insert(file.path.clone(), file.size);
            }
            Expect::Manifest => continue,
        }
        others.push(file);
    }
    tree.files = others;
    let unseen = || manifest.files.iter().zip(&seen).filter(|(_, seen)| !**seen).map(|(file, _)| file.path.as_path());
    if let Some(path) = unseen().min() {
        return Err(missing(path, unseen().count() - 1));
    }
    Ok(wal)
}

/// A file that nothing accounts for.
pub(super) fn extra(path: &Path) -> Failure {
    let cause = format!("{} is in the backup, but its manifest does not list it", path.display());
    Failure::incurable(
        cause,
        "move that file out of the backup if it does not belong there; else the backup is damaged",
    )
}

/// A file that the manifest lists and the backup lacks.
pub(super) fn missing(path: &Path, more: usize) -> Failure {
    let others = if more == 0 { String::new() } else { format!(", and {more} more") };
    Failure::incurable(format!("{} is missing from the backup{others}", path.display()), DAMAGED)
}

/// A file that is longer or shorter than the manifest says.
pub(super) fn wrong_size(path: &Path, size: u64, listed: u64) -> Failure {
    let how = if size > listed { "longer" } else { "shorter" };
    let (size, listed) = (ByteCount(size), ByteCount(listed));
    if size.to_string() == listed.to_string() {
        return damaged(path, format_args!("has {} bytes, {how} than the manifest says: {}", size.0, listed.0));
    }
    damaged(path, format_args!("has {size}, {how} than the manifest says: {listed}"))
}

/// The message about a file that was written to after the manifest was made.
pub(super) fn may_differ(path: &Path) -> String {
    let name = path.display();
    if path.extension().is_some_and(|ending| ending == "signal") {
        return format!("{name} is in the backup (pg_basebackup -R puts it there); a server on it begins as a standby");
    }
    format!("{name} was changed after the backup was made (pg_basebackup -R does that); it is restored as it is")
}

/// The size that the header of a segment says; a segment may have lost its end, and one of them its beginning.
fn segment_size(tree: &Tree) -> Option<SegmentSize> {
    let wal = tree.files.iter().filter(|file| file.path.starts_with("pg_wal") && layout::is_segment(&file.path));
    let header = |file: &SourceFile| {
        let mut start = Vec::new();
        File::open(&file.source).and_then(|file| file.take(LONG_HEADER as u64).read_to_end(&mut start)).ok()?;
        SegmentHeader::parse(&start).ok()
    };
    wal.take(SEGMENTS_ASKED).find_map(header).map(|header| header.segment_size)
}

fn read_start(backup: &Backup, path: &Path, length: usize) -> Result<Vec<u8>, Failure> {
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(length as u64).read_to_end(&mut start));
    read.map(|_| start).map_err(|error| backup.failure("read", path, &error))
}
