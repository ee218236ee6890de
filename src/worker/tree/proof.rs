//! Whether what restic has written is the tree that was asked for: the snapshot is still there, restic has read the files
//! back, and there are as many of everything, with as many bytes, as the snapshot names.

use super::{TreeRestore, copy::CONTINUES, plan::Planned, said::Said, survey, wanted::Counts};
use crate::{
    domain::{Failure, path_text::shown, quantity::count},
    engine::{Halt, Observer},
    postgres::server::classify,
    restic::listing::NodeKind,
};
use std::{
    fs::FileType,
    io,
    os::unix::fs::FileTypeExt,
    path::{Path, PathBuf},
};

/// Refuses a tree that is not whole; where it stands.
pub(super) fn prove(tree: &TreeRestore<'_>, planned: &Planned, said: &Said) -> Result<PathBuf, Halt> {
    if !planned.restic.has(&planned.survey.snapshot.id)? {
        return Err(survey::unknown(&planned.restic, tree.order).into());
    }
    let counts = planned.survey.counts;
    match said.verified {
        None => {
            return Err(
                Failure::disruption("restic ended without a word on the files that it has read back", "").into()
            );
        }
        // Since then it leaves out those whose content it has read while it wrote them.
        Some(verified) if planned.version < CONTINUES && verified != counts.files => {
            let cause = format!("restic has read back {} of {} files", count(verified), count(counts.files));
            return Err(Failure::disruption(cause, "see the attempt's log").into());
        }
        Some(verified) => {
            tree.report.log(&format!("restic has read back {} of {} files", count(verified), count(counts.files)));
        }
    }
    let restored = find(&planned.room.incoming.join(super::copy::TARGET), planned.survey.wanted.tree())?;
    let found = count_below(&restored, &|| tree.stop.requested())?;
    tree.go_on()?;
    for (what, wanted, found) in [
        ("files", counts.files, found.files),
        ("bytes in files", counts.bytes, found.bytes),
        ("directories", counts.directories, found.directories),
        ("symbolic links", counts.links, found.links),
        ("devices and named pipes", counts.special, found.special),
    ] {
        if wanted != found {
            let cause = format!("the snapshot holds {} {what}, and {} were restored", count(wanted), count(found));
            return Err(Failure::disruption(cause, "see the attempt's log for what restic said").into());
        }
    }
    Ok(restored)
}

/// The tree below restic's target, which makes the whole path of it again. Each directory on the way is a real one and
/// holds the next alone: its name may have bytes that are no text, and the snapshot's path does not have them.
fn find(target: &Path, tree: &Path) -> Result<PathBuf, Failure> {
    let mut place = target.to_owned();
    for part in tree.components().skip(1) {
        let failed = |error: &io::Error| classify::of_io(&format!("looking into {}", shown(&place)), error);
        let mut entries = std::fs::read_dir(&place).map_err(|error| failed(&error))?;
        let Some(entry) = entries.next() else { return Err(not_there(tree)) };
        let entry = entry.map_err(|error| failed(&error))?;
        let is_directory = entry.file_type().map_err(|error| failed(&error))?.is_dir();
        let is_it = entry.file_name().to_string_lossy() == part.as_os_str().to_string_lossy();
        if !is_directory || !is_it || entries.next().is_some() {
            return Err(not_there(tree));
        }
        place = entry.path();
    }
    Ok(place)
}

fn not_there(tree: &Path) -> Failure {
    let cause = format!("restic has restored something else than {}", shown(tree));
    Failure::disruption(cause, "see the attempt's log for what restic said")
}

/// What is below a directory, its own entry left out; symbolic links are counted, and not followed.
fn count_below(directory: &Path, stop: &dyn Fn() -> bool) -> Result<Counts, Failure> {
    let mut counts = Counts::default();
    for entry in walkdir::WalkDir::new(directory).min_depth(1).follow_links(false).follow_root_links(false) {
        if stop() {
            break;
        }
        let failed = |error: walkdir::Error| {
            let path = error.path().unwrap_or(directory).to_owned();
            classify::of_io(&format!("counting {}", shown(&path)), &error.into())
        };
        let entry = entry.map_err(failed)?;
        let kind = kind_of(entry.file_type());
        let size = if kind == NodeKind::File { entry.metadata().map_err(failed)?.len() } else { 0 };
        counts.add(kind, size);
    }
    Ok(counts)
}

fn kind_of(kind: FileType) -> NodeKind {
    if kind.is_file() {
        NodeKind::File
    } else if kind.is_dir() {
        NodeKind::Directory
    } else if kind.is_symlink() {
        NodeKind::Link
    } else if kind.is_block_device() || kind.is_char_device() {
        NodeKind::Device
    } else if kind.is_fifo() {
        NodeKind::Pipe
    } else {
        NodeKind::Unmade
    }
}
