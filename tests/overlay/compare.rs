//! Whether two directories hold the same: names, kinds, modes, links, lengths, bytes, and times that were set on purpose.

use rustix::fs::{Advice, fadvise};
use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::{self, File, Metadata},
    io::Read as _,
    os::unix::fs::MetadataExt as _,
    path::Path,
};

/// Times that tests set are before this one; those that happen are after it.
pub(crate) const SET_BEFORE: i64 = 1_000_000_000;

/// Says what is different, if anything is.
pub(crate) fn difference(shown: &Path, model: &Path) -> Result<(), String> {
    let (ours, theirs) = (names(shown), names(model));
    if ours.keys().ne(theirs.keys()) {
        return Err(format!("{}: {:?} instead of {:?}", shown.display(), ours.keys(), theirs.keys()));
    }
    for (name, expected) in &theirs {
        let (ours_at, theirs_at, found) = (shown.join(name), model.join(name), &ours[name]);
        same_facts(found, expected).map_err(|what| format!("{}: {what}", ours_at.display()))?;
        if expected.is_dir() {
            difference(&ours_at, &theirs_at)?;
        } else if expected.is_symlink() {
            let targets = [&ours_at, &theirs_at].map(|path| fs::read_link(path).unwrap());
            if targets[0] != targets[1] {
                return Err(format!("{}: {targets:?}", ours_at.display()));
            }
        } else {
            same_bytes(&content(&ours_at), &content(&theirs_at))
                .map_err(|what| format!("{}: {what}", ours_at.display()))?;
        }
    }
    Ok(())
}

fn names(directory: &Path) -> BTreeMap<OsString, Metadata> {
    let listed: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    let found: BTreeMap<_, _> =
        listed.iter().map(|name| (name.clone(), fs::symlink_metadata(directory.join(name)).unwrap())).collect();
    assert_eq!(listed.len(), found.len(), "a name was listed twice in {}", directory.display());
    found
}

fn same_facts(found: &Metadata, expected: &Metadata) -> Result<(), String> {
    let facts = |facts: &Metadata| {
        let time = Some((facts.mtime(), facts.mtime_nsec())).filter(|time| time.0 < SET_BEFORE && facts.is_file());
        (facts.mode(), if facts.is_dir() { 0 } else { facts.len() }, time)
    };
    if facts(found) == facts(expected) {
        return Ok(());
    }
    Err(format!("{:?} instead of {:?} (mode, length, time)", facts(found), facts(expected)))
}

/// What the file system says, not what the kernel still has in memory of it.
pub(crate) fn content(path: &Path) -> Vec<u8> {
    let mut file = File::open(path).unwrap();
    fadvise(&file, 0, None, Advice::DontNeed).unwrap();
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    bytes
}

fn same_bytes(found: &[u8], expected: &[u8]) -> Result<(), String> {
    if found.len() != expected.len() {
        return Err(format!("{} bytes instead of {}", found.len(), expected.len()));
    }
    match found.iter().zip(expected).position(|(found, expected)| found != expected) {
        None => Ok(()),
        Some(at) => Err(format!("byte {at} (block {}) is {} instead of {}", at / 8192, found[at], expected[at])),
    }
}

/// Every file below a directory with its bytes and its times; two equal ones mean that nothing was written.
pub(crate) fn fingerprint(directory: &Path) -> Vec<String> {
    let mut rows: Vec<String> = walkdir::WalkDir::new(directory)
        .into_iter()
        .map(|entry| {
            let entry = entry.unwrap();
            let facts = entry.metadata().unwrap();
            let sum = if facts.is_file() { crc32c::crc32c(&fs::read(entry.path()).unwrap()) } else { 0 };
            let times = (facts.mtime(), facts.mtime_nsec(), facts.ctime(), facts.ctime_nsec());
            format!("{:?} {:o} {} {sum:08x} {times:?}", entry.path(), facts.mode(), facts.len())
        })
        .collect();
    rows.sort();
    rows
}
