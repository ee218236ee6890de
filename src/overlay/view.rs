//! The overlay as whoever uses it sees it: one method for each thing that can be asked of a file system.
//!
//! Promise: a change of names is checked, then logged, then applied, and nobody sees it before it is logged.

use super::{
    change::{Change, Ino, NewNode, Place},
    clock::FileTime,
    content::Content,
    directory::FIRST,
    store::Store,
    tree::{Body, Gone, Node, Tree},
};
use crate::domain::path_text::shown;
use rustix::{fs::FallocateFlags, io::Errno};
use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

/// All of an overlay.
#[derive(Debug)]
pub(super) struct View {
    pub(super) store: Arc<Store>,
    tree: RwLock<Tree>,
    /// Directories whose files stay as long as they are.
    fixed: Vec<Ino>,
}

/// What is to be known of one node.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts {
    pub(super) ino: Ino,
    pub(super) kind: Kind,
    pub(super) mode: u16,
    pub(super) size: u64,
    pub(super) modified: FileTime,
    pub(super) is_named: bool,
}

impl Facts {
    /// A name that nothing has.
    pub(super) const NOTHING: Self = Self {
        ino: 0,
        kind: Kind::File,
        mode: 0,
        size: 0,
        modified: FileTime { seconds: 0, nanoseconds: 0 },
        is_named: false,
    };
}

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Directory,
    Link,
}

/// What is to be set of a node; `None` is left alone.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Wanted {
    pub(super) mode: Option<u16>,
    pub(super) size: Option<u64>,
    pub(super) modified: Option<FileTime>,
}

impl View {
    /// With directories whose files stay as long as they are once they have their name.
    pub(super) fn new(tree: Tree, store: Arc<Store>, fixed: &[PathBuf]) -> Self {
        let fixed = fixed.iter().filter_map(|path| tree.at(path).ok()).collect();
        Self { store, tree: RwLock::new(tree), fixed }
    }

    /// The node of a name; the kernel keeps it from now on.
    pub(super) fn look_up(&self, parent: Ino, name: &OsStr) -> io::Result<Facts> {
        let tree = self.read_tree();
        let ino = tree.child(parent, name)?;
        tree.remember(ino);
        Ok(facts(ino, tree.node(ino)?))
    }

    pub(super) fn facts(&self, ino: Ino) -> io::Result<Facts> {
        Ok(facts(ino, self.read_tree().node(ino)?))
    }

    pub(super) fn forget(&self, ino: Ino, lookups: u64) {
        let gone = self.write_tree().forget(ino, lookups);
        self.discard(&gone);
    }

    pub(super) fn link_target(&self, ino: Ino) -> io::Result<OsString> {
        match &self.read_tree().node(ino)?.body {
            Body::Link(target) => Ok(target.clone()),
            Body::File(_) | Body::Directory(_) => Err(Errno::INVAL.into()),
        }
    }

    /// Makes a file, a directory or a link; the kernel keeps it from now on.
    pub(super) fn make(&self, parent: Ino, name: &OsStr, node: NewNode) -> io::Result<Facts> {
        let mut tree = self.write_tree();
        let ino = tree.next();
        let change = Change::Make { at: Place { parent, name: name.to_owned() }, ino, node };
        // Where nothing can be written any more, there is no use for a new name.
        self.store.room.reserve(0)?;
        self.change(&mut tree, &change)?;
        tree.remember(ino);
        Ok(facts(ino, tree.node(ino)?))
    }

    pub(super) fn unlink(&self, parent: Ino, name: &OsStr) -> io::Result<()> {
        self.remove(&Change::Unlink { at: Place { parent, name: name.to_owned() } })
    }

    pub(super) fn remove_directory(&self, parent: Ino, name: &OsStr) -> io::Result<()> {
        self.remove(&Change::RemoveDirectory { at: Place { parent, name: name.to_owned() } })
    }

    pub(super) fn rename(&self, from: Place, to: Place, may_replace: bool) -> io::Result<()> {
        let mut tree = self.write_tree();
        if !may_replace && tree.child(to.parent, &to.name).is_ok() {
            return Err(Errno::EXIST.into());
        }
        let gone = self.change(&mut tree, &Change::Rename { from, to })?;
        drop(tree);
        self.discard(&gone);
        Ok(())
    }

    /// Sets what is wanted, and returns how it is then.
    pub(super) fn set(&self, ino: Ino, wanted: Wanted) -> io::Result<Facts> {
        if let Some(size) = wanted.size {
            self.file(ino)?.truncate(&self.store, size)?;
        }
        if let Some(mode) = wanted.mode {
            self.change(&mut self.write_tree(), &Change::Mode { ino, mode })?;
        }
        if let Some(modified) = wanted.modified {
            let mut tree = self.write_tree();
            let is_kept = match &tree.node(ino)?.body {
                Body::File(content) => content.keep_modified(&self.store, modified)?,
                Body::Directory(_) | Body::Link(_) => false,
            };
            if !is_kept {
                self.change_at(&mut tree, &Change::Touch { ino }, modified)?;
            }
        }
        self.facts(ino)
    }

    pub(super) fn open(&self, ino: Ino) -> io::Result<()> {
        self.file(ino)?.opened();
        Ok(())
    }

    /// What the kernel may read and write by itself; `None` where it has to ask. To be called when nobody has the file
    /// open.
    pub(super) fn pass(&self, ino: Ino) -> io::Result<Option<Arc<File>>> {
        let tree = self.read_tree();
        let is_fixed = self.fixed.contains(&tree.node(ino)?.parent);
        let content = tree.file(ino)?;
        drop(tree);
        if is_fixed { content.pass(&self.store) } else { Ok(None) }
    }

    /// The kernel asks again.
    pub(super) fn end_pass(&self, ino: Ino) {
        if let Ok(content) = self.file(ino) {
            content.end_pass(&self.store);
        }
    }

    pub(super) fn release(&self, ino: Ino) {
        if let Ok(content) = self.file(ino) {
            content.released(&self.store);
        }
    }

    pub(super) fn read(&self, ino: Ino, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.file(ino)?.read(&self.store, at, buffer)
    }

    pub(super) fn write(&self, ino: Ino, at: u64, data: &[u8]) -> io::Result<()> {
        self.file(ino)?.write(&self.store, at, data)
    }

    pub(super) fn sync(&self, ino: Ino, data_only: bool) -> io::Result<()> {
        self.file(ino)?.sync(&self.store, data_only)
    }

    pub(super) fn allocate(&self, ino: Ino, at: u64, len: u64, mode: i32) -> io::Result<()> {
        let keeps_size = FallocateFlags::KEEP_SIZE.bits().cast_signed();
        if mode != 0 && mode != keeps_size {
            return Err(Errno::OPNOTSUPP.into());
        }
        let end = at.checked_add(len).ok_or(Errno::FBIG)?;
        self.file(ino)?.allocate(&self.store, at..end, mode == keeps_size)
    }

    /// Gives the names of a directory behind a place to `take`, each with the place behind it, until it has enough.
    pub(super) fn list(
        &self,
        ino: Ino,
        behind: u64,
        mut take: impl FnMut(Ino, u64, Kind, &OsStr) -> bool,
    ) -> io::Result<()> {
        let tree = self.read_tree();
        let directory = tree.directory(ino)?;
        let dots = [(1, ".", ino), (2, "..", tree.node(ino)?.parent)];
        debug_assert!(dots.iter().all(|(place, ..)| *place < FIRST));
        for (place, name, ino) in dots.into_iter().filter(|(place, ..)| *place > behind) {
            if take(ino, place, Kind::Directory, OsStr::new(name)) {
                return Ok(());
            }
        }
        for (place, name, ino) in directory.after(behind) {
            if take(ino, place, kind(tree.node(ino)?), name) {
                break;
            }
        }
        Ok(())
    }

    fn remove(&self, change: &Change) -> io::Result<()> {
        let gone = self.change(&mut self.write_tree(), change)?;
        self.discard(&gone);
        Ok(())
    }

    fn change(&self, tree: &mut Tree, change: &Change) -> io::Result<Gone> {
        self.change_at(tree, change, FileTime::now())
    }

    fn change_at(&self, tree: &mut Tree, change: &Change, time: FileTime) -> io::Result<Gone> {
        tree.check(change)?;
        self.store.log_change(change, time)?;
        Ok(tree.apply(change, time, |ino| Content::new(ino, None, time)))
    }

    /// The data of a file without a name. Where it cannot be removed now, the next process does it.
    fn discard(&self, gone: &Gone) {
        if let Some(content) = &gone.0
            && let Err(error) = content.discard(&self.store)
        {
            tracing::warn!("{} cannot be removed: {error}", shown(&self.store.place(content.ino())));
        }
    }

    fn file(&self, ino: Ino) -> io::Result<Arc<Content>> {
        Ok(self.read_tree().file(ino)?)
    }

    fn read_tree(&self) -> RwLockReadGuard<'_, Tree> {
        self.tree.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_tree(&self) -> RwLockWriteGuard<'_, Tree> {
        self.tree.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn kind(node: &Node) -> Kind {
    match node.body {
        Body::File(_) => Kind::File,
        Body::Directory(_) => Kind::Directory,
        Body::Link(_) => Kind::Link,
    }
}

fn facts(ino: Ino, node: &Node) -> Facts {
    let (size, modified) = match &node.body {
        Body::File(content) => content.facts(),
        Body::Directory(_) => (0, node.modified),
        Body::Link(target) => (target.len() as u64, node.modified),
    };
    Facts { ino, kind: kind(node), mode: node.mode, size, modified, is_named: node.is_named() }
}
