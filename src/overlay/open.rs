//! Opens the upper directory, anew or where an earlier process stopped.
//!
//! Promises: two processes never serve one upper directory; one that another order, another version or another run of the
//! kernel has written is refused and left as it is. Never: removes anything but what was never finished, and data of
//! files that have no name any more.

use super::{
    blocks::BLOCK,
    change::{Change, Ino, Place, ROOT},
    clock::FileTime,
    content::Content,
    counters::{Counters, OverlayStatus},
    directory::Directory,
    error::{OverlayError, failed},
    handle::Handle,
    listing::{EntryKind, Listing},
    log::{BadRecord, Log},
    look::look,
    lower::{Archive, LowerFile},
    order::{OverlayOrder, Root},
    room::Room,
    store::{Store, make_directory},
    tree::{Body, Tree},
};
use crate::{domain::path_text::shown, private_file, process};
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    ffi::OsStr,
    fs::{self, File, OpenOptions, TryLockError},
    io::Read as _,
    ops::Range,
    os::unix::fs::{FileExt as _, MetadataExt as _},
    path::{Path, PathBuf},
    sync::Arc,
};
use uuid::Uuid;

/// The layout of the upper directory.
const VERSION: u32 = 1;

/// Whose an upper directory is.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Identity {
    version: u32,
    /// `None` where the system does not tell: then nothing can be taken over.
    boot: Option<Uuid>,
    name: String,
    roots: Vec<Root>,
    links: Vec<(PathBuf, PathBuf)>,
    hidden: Vec<PathBuf>,
}

/// An upper directory that is ours as long as this lives.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) store: Store,
    pub(super) tree: Tree,
    /// Locked.
    pub(super) lock: File,
}

/// Opens the upper directory of an order.
pub(super) fn open(order: &OverlayOrder) -> Result<Opened, OverlayError> {
    let upper = &order.upper;
    make_directory(upper)?;
    let lock = take(order)?;
    make_directory(&Store::files(upper))?;
    let listing = if let Some(listing) = Listing::read(upper)? {
        listing
    } else {
        let listing = look(order)?;
        listing.write(upper)?;
        listing
    };
    let mut tree = plant(&listing)?;
    let names = Log::open(&upper.join("names"), |record| {
        let (time, change) = Change::read(record)?;
        if tree.is_of_the_dead(&change) {
            return Ok(());
        }
        tree.check(&change).map_err(|why| BadRecord(format!("{change:?} is not possible: {why}")))?;
        tree.apply(&change, time, |ino| Content::new(ino, None, time));
        Ok(())
    })?;
    let marks = Log::open(&upper.join("blocks"), |record| {
        let (ino, blocks) = (record.number()?, record.number()?..record.number()?);
        mark(&tree, ino, blocks)
    })?;
    tree.sweep();
    let earlier = OverlayStatus::read(upper).map_err(failed("cannot read the status in", upper))?.unwrap_or_default();
    let room = Room::new(order.limit.0);
    // The status file and the directories themselves are a few blocks.
    room.log_grew(occupied(&upper.join("listing"))? + 4 * BLOCK);
    find_data(&tree, upper, &room)?;
    let store = Store::new(upper, room, Counters::resumed(&earlier), names, marks);
    store.counters.changed();
    Ok(Opened { store, tree, lock })
}

/// Locks the upper directory, and makes sure that it is this order's, of this run of the kernel.
fn take(order: &OverlayOrder) -> Result<File, OverlayError> {
    let (upper, path) = (&order.upper, order.upper.join("state.json"));
    let mut options = OpenOptions::new();
    let mut file = private_file::open(&path, options.read(true).write(true).create(true).truncate(false))
        .map_err(failed("cannot open", &path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(OverlayError::Served { upper: upper.clone() }),
        Err(TryLockError::Error(error)) => return Err(failed("cannot lock", &path)(error)),
    }
    let ours = Identity {
        version: VERSION,
        boot: process::boot(),
        name: order.name.clone(),
        roots: order.roots.clone(),
        links: order.links.clone(),
        hidden: order.hidden.clone(),
    };
    let mut text = Vec::new();
    file.read_to_end(&mut text).map_err(failed("cannot read", &path))?;
    // A process that was killed in its first moment has written nothing else yet.
    if text.is_empty() || !upper.join("listing").exists() {
        let foreign = fs::read_dir(upper).map_err(failed("cannot list", upper))?.filter_map(Result::ok).find(|entry| {
            !["state.json", "files", "listing.new"].map(OsStr::new).contains(&entry.file_name().as_os_str())
        });
        if let Some(foreign) = foreign {
            let reason = format!("it is not empty, and {} is none of its files", shown(&foreign.path()));
            return Err(OverlayError::Foreign { upper: upper.clone(), reason });
        }
        let text = serde_json::to_vec(&ours).map_err(|error| failed("cannot write", &path)(error.into()))?;
        file.set_len(0).map_err(failed("cannot write", &path))?;
        file.write_all_at(&text, 0).map_err(failed("cannot write", &path))?;
        return Ok(file);
    }
    let foreign = |reason: String| OverlayError::Foreign { upper: upper.clone(), reason };
    let theirs: Identity = serde_json::from_slice(&text).map_err(|error| foreign(error.to_string()))?;
    if theirs.version != VERSION {
        return Err(foreign(format!("it is of version {}, and this build reads {VERSION}", theirs.version)));
    }
    if theirs.boot.is_none() || theirs.boot != ours.boot {
        return Err(OverlayError::Restarted { upper: upper.clone() });
    }
    if theirs != ours {
        return Err(foreign("it is of another order".to_owned()));
    }
    Ok(file)
}

/// The tree as the lower has it.
fn plant(listing: &Listing) -> Result<Tree, OverlayError> {
    let mut tree = Tree::new(FileTime::now());
    // The directory of the lower that each directory shows.
    let mut lowers: HashMap<Ino, PathBuf> = HashMap::new();
    let archives: Vec<Arc<Archive>> = listing
        .archives
        .iter()
        .map(|(path, len)| Arc::new(Archive { path: path.clone(), len: *len, handle: Handle::default() }))
        .collect();
    for entry in &listing.entries {
        let ino = tree.next();
        let bad = |reason: &str| OverlayError::BadLower { path: entry.name.clone().into(), reason: reason.to_owned() };
        let here = lowers.get(&entry.parent).map(|lower| lower.join(&entry.name));
        let (mode, body) = match &entry.kind {
            EntryKind::Directory { lower } => {
                if let Some(lower) = lower.clone().or(here) {
                    lowers.insert(ino, lower);
                }
                (0o700, Body::Directory(Directory::default()))
            }
            EntryKind::File { len } => {
                let path = here.ok_or_else(|| bad("its directory has no files of its own"))?;
                let lower = LowerFile::Whole { path, len: *len, handle: Handle::default() };
                (0o600, Body::File(Arc::new(Content::new(ino, Some(lower), entry.modified))))
            }
            EntryKind::Member { archive, offset, len } => {
                let archive = usize::try_from(*archive).ok().and_then(|number| archives.get(number));
                let archive = Arc::clone(archive.ok_or_else(|| bad("its archive is not listed"))?);
                let lower = LowerFile::Member { archive, offset: *offset, len: *len };
                (0o600, Body::File(Arc::new(Content::new(ino, Some(lower), entry.modified))))
            }
            EntryKind::Link { target } => (0o777, Body::Link(target.clone())),
        };
        let at = Place { parent: entry.parent, name: entry.name.clone() };
        tree.insert(&at, mode, entry.modified, body).map_err(|error| bad(&error.to_string()))?;
    }
    Ok(tree)
}

/// Blocks of files that are gone by now may still be in the log.
fn mark(tree: &Tree, ino: Ino, blocks: Range<u64>) -> Result<(), BadRecord> {
    if ino <= ROOT || ino >= tree.next() {
        return Err(BadRecord(format!("it is about file {ino}, which there never was")));
    }
    if let Ok(content) = tree.file(ino) {
        let most = content.facts().0.div_ceil(BLOCK);
        if blocks.is_empty() || blocks.end > most {
            return Err(BadRecord(format!("file {ino} has no blocks {blocks:?}")));
        }
        content.has_blocks(blocks);
    }
    Ok(())
}

/// Takes up the data that is there, and removes what belongs to nobody.
fn find_data(tree: &Tree, upper: &Path, room: &Room) -> Result<(), OverlayError> {
    let directory = Store::files(upper);
    let files: HashMap<Ino, &Arc<Content>> = tree.files().map(|content| (content.ino(), content)).collect();
    for entry in fs::read_dir(&directory).map_err(failed("cannot list", &directory))? {
        let entry = entry.map_err(failed("cannot list", &directory))?;
        let path = entry.path();
        let ino = entry.file_name().to_str().and_then(|name| name.parse::<Ino>().ok());
        match ino.and_then(|ino| files.get(&ino)) {
            Some(content) => {
                let found = entry.metadata().map_err(failed("cannot look at", &path))?;
                let occupied = content.found_upper(&found);
                room.settle(0, 0, occupied);
            }
            None => fs::remove_file(&path).map_err(failed("cannot remove", &path))?,
        }
    }
    Ok(())
}

fn occupied(path: &Path) -> Result<u64, OverlayError> {
    let found = fs::metadata(path).map_err(failed("cannot look at", path))?;
    Ok(found.blocks() * 512)
}

/// Bytes that everything in an upper directory occupies, as the system counts them.
pub fn occupied_by(upper: &Path) -> Result<u64, OverlayError> {
    let mut bytes = 0;
    for directory in [upper.to_owned(), Store::files(upper)] {
        for entry in fs::read_dir(&directory).map_err(failed("cannot list", &directory))? {
            let found = entry.and_then(|entry| entry.metadata());
            match found {
                Ok(found) => bytes += found.blocks() * 512,
                // A file that goes while we look occupies nothing.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(failed("cannot list", &directory)(error)),
            }
        }
    }
    Ok(bytes)
}
