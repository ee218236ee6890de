//! The names of an overlay, in memory: directories, links, and which file each name stands for.
//!
//! Promises: a change is possible or not by [`Tree::check`] alone, whether it happens now or is read from the log, and one
//! that was checked always succeeds. A file without a name stays until the kernel has forgotten it. Never: touches a disk.

use super::{
    change::{Change, Ino, NewNode, Place, ROOT},
    clock::FileTime,
    content::Content,
    directory::Directory,
};
use rustix::io::Errno;
use std::{
    collections::HashMap,
    ffi::{OsStr, OsString},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

/// Longest name in bytes (`NAME_MAX` of Linux), which FUSE leaves to the file system to refuse.
const MAX_NAME: usize = 255;

/// All that the overlay has, by number.
#[derive(Debug)]
pub(super) struct Tree {
    nodes: HashMap<Ino, Node>,
    next: Ino,
}

/// A file, a directory or a link.
#[derive(Debug)]
pub(super) struct Node {
    /// The directory it is in; its own number for the root.
    pub(super) parent: Ino,
    pub(super) mode: u16,
    /// When it was changed; a file's content knows better once it was written to.
    pub(super) modified: FileTime,
    pub(super) body: Body,
    is_named: bool,
    lookups: AtomicU64,
}

/// What a node is.
#[derive(Debug)]
pub(super) enum Body {
    File(Arc<Content>),
    Directory(Directory),
    Link(OsString),
}

/// What went when a change was applied.
#[derive(Debug, Default)]
pub(super) struct Gone(pub(super) Option<Arc<Content>>);

impl Tree {
    /// A tree with an empty root.
    pub(super) fn new(modified: FileTime) -> Self {
        let root = Node::new(ROOT, 0o700, modified, Body::Directory(Directory::default()));
        Self { nodes: HashMap::from([(ROOT, root)]), next: ROOT + 1 }
    }

    /// The number that the next new node gets.
    pub(super) const fn next(&self) -> Ino {
        self.next
    }

    pub(super) fn node(&self, ino: Ino) -> Result<&Node, Errno> {
        self.nodes.get(&ino).ok_or(Errno::NOENT)
    }

    pub(super) fn file(&self, ino: Ino) -> Result<Arc<Content>, Errno> {
        match &self.node(ino)?.body {
            Body::File(content) => Ok(Arc::clone(content)),
            Body::Directory(_) => Err(Errno::ISDIR),
            Body::Link(_) => Err(Errno::INVAL),
        }
    }

    pub(super) fn directory(&self, ino: Ino) -> Result<&Directory, Errno> {
        match &self.node(ino)?.body {
            Body::Directory(directory) => Ok(directory),
            Body::File(_) | Body::Link(_) => Err(Errno::NOTDIR),
        }
    }

    pub(super) fn child(&self, parent: Ino, name: &OsStr) -> Result<Ino, Errno> {
        if name.len() > MAX_NAME {
            return Err(Errno::NAMETOOLONG);
        }
        self.directory(parent)?.get(name).ok_or(Errno::NOENT)
    }

    /// The node at a path below the root.
    pub(super) fn at(&self, path: &Path) -> Result<Ino, Errno> {
        path.iter().try_fold(ROOT, |at, name| self.child(at, name))
    }

    /// All files.
    pub(super) fn files(&self) -> impl Iterator<Item = &Arc<Content>> {
        self.nodes.values().filter_map(|node| match &node.body {
            Body::File(content) => Some(content),
            Body::Directory(_) | Body::Link(_) => None,
        })
    }

    /// Puts a node of the lower in its place. `ino` is the next number.
    pub(super) fn insert(&mut self, at: &Place, mode: u16, modified: FileTime, body: Body) -> Result<Ino, Errno> {
        let ino = self.next;
        self.check_new(at)?;
        self.add(at, ino, Node::new(at.parent, mode, modified, body));
        Ok(ino)
    }

    /// Whether a change is possible now.
    pub(super) fn check(&self, change: &Change) -> Result<(), Errno> {
        match change {
            Change::Make { at, ino, .. } => {
                if *ino < self.next {
                    return Err(Errno::EXIST);
                }
                self.check_new(at)
            }
            Change::Unlink { at } => match self.node(self.child(at.parent, &at.name)?)?.body {
                Body::Directory(_) => Err(Errno::ISDIR),
                Body::File(_) | Body::Link(_) => Ok(()),
            },
            Change::RemoveDirectory { at } => {
                let directory = self.directory(self.child(at.parent, &at.name)?)?;
                if directory.is_empty() { Ok(()) } else { Err(Errno::NOTEMPTY) }
            }
            Change::Rename { from, to } => self.check_rename(from, to),
            Change::Mode { ino, .. } | Change::Touch { ino } => self.node(*ino).map(drop),
            Change::LowerEnd { ino, .. } => self.file(*ino).map(drop),
        }
    }

    /// Whether a change is of a node that has lost its last name before: whoever had it open went on with it, and nobody has
    /// it open when the log is read again.
    pub(super) fn is_of_the_dead(&self, change: &Change) -> bool {
        match change {
            Change::Mode { ino, .. } | Change::Touch { ino } | Change::LowerEnd { ino, .. } => {
                *ino < self.next && !self.nodes.contains_key(ino)
            }
            Change::Make { .. } | Change::Unlink { .. } | Change::RemoveDirectory { .. } | Change::Rename { .. } => {
                false
            }
        }
    }

    fn check_new(&self, at: &Place) -> Result<(), Errno> {
        match self.child(at.parent, &at.name) {
            Ok(_) => Err(Errno::EXIST),
            Err(Errno::NOENT) if self.node(at.parent)?.is_named => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn check_rename(&self, from: &Place, to: &Place) -> Result<(), Errno> {
        let moved = self.child(from.parent, &from.name)?;
        let is_directory = matches!(self.node(moved)?.body, Body::Directory(_));
        match self.child(to.parent, &to.name) {
            Ok(replaced) if replaced == moved => return Ok(()),
            Ok(replaced) => match &self.node(replaced)?.body {
                Body::Directory(_) if !is_directory => return Err(Errno::ISDIR),
                Body::Directory(directory) if !directory.is_empty() => return Err(Errno::NOTEMPTY),
                Body::File(_) | Body::Link(_) if is_directory => return Err(Errno::NOTDIR),
                Body::Directory(_) | Body::File(_) | Body::Link(_) => {}
            },
            Err(_) => self.check_new(to)?,
        }
        // A directory that went into itself would be lost.
        if is_directory && self.is_within(to.parent, moved)? {
            return Err(Errno::INVAL);
        }
        Ok(())
    }

    /// Whether a directory is another one or below it.
    fn is_within(&self, directory: Ino, other: Ino) -> Result<bool, Errno> {
        let mut at = directory;
        while at != ROOT && at != other {
            at = self.node(at)?.parent;
        }
        Ok(at == other)
    }

    /// Applies a change that was checked. `content` makes the content of a new file.
    pub(super) fn apply(&mut self, change: &Change, time: FileTime, content: impl FnOnce(Ino) -> Content) -> Gone {
        match change {
            Change::Make { at, ino, node } => {
                let (mode, body) = match node {
                    NewNode::File { mode } => (*mode, Body::File(Arc::new(content(*ino)))),
                    NewNode::Directory { mode } => (*mode, Body::Directory(Directory::default())),
                    NewNode::Link { target } => (0o777, Body::Link(target.clone())),
                };
                self.add(at, *ino, Node::new(at.parent, mode, time, body));
                self.touch(at.parent, time);
                Gone::default()
            }
            Change::Unlink { at } | Change::RemoveDirectory { at } => {
                let gone = self.names(at.parent).remove(&at.name);
                self.touch(at.parent, time);
                self.unname(gone)
            }
            Change::Rename { from, to } => {
                if from == to {
                    return Gone::default();
                }
                let moved = self.names(from.parent).remove(&from.name);
                let replaced = moved.and_then(|moved| self.names(to.parent).insert(&to.name, moved));
                self.touch(from.parent, time);
                self.touch(to.parent, time);
                if let Some(node) = moved.and_then(|moved| self.nodes.get_mut(&moved)) {
                    node.parent = to.parent;
                }
                self.unname(replaced)
            }
            Change::Mode { ino, mode } => {
                if let Some(node) = self.nodes.get_mut(ino) {
                    node.mode = *mode;
                }
                Gone::default()
            }
            Change::Touch { ino } => {
                self.touch(*ino, time);
                Gone::default()
            }
            Change::LowerEnd { ino, end } => {
                if let Ok(content) = self.file(*ino) {
                    content.end_lower_at(*end);
                }
                Gone::default()
            }
        }
    }

    /// The kernel knows of the node once more.
    pub(super) fn remember(&self, ino: Ino) {
        if let Some(node) = self.nodes.get(&ino) {
            node.lookups.fetch_add(1, Relaxed);
        }
    }

    /// The kernel has forgotten so many of its lookups. A file that has no name and is known no more is gone.
    pub(super) fn forget(&mut self, ino: Ino, lookups: u64) -> Gone {
        let Some(node) = self.nodes.get_mut(&ino) else { return Gone::default() };
        let left = node.lookups.get_mut();
        *left = left.saturating_sub(lookups);
        self.drop_if_unused(ino)
    }

    /// Drops what has no name, as nothing is known to a kernel that begins anew.
    pub(super) fn sweep(&mut self) {
        self.nodes.retain(|_, node| node.is_named);
    }

    fn add(&mut self, at: &Place, ino: Ino, node: Node) {
        self.names(at.parent).insert(&at.name, ino);
        self.nodes.insert(ino, node);
        self.next = self.next.max(ino + 1);
    }

    fn names(&mut self, ino: Ino) -> &mut Directory {
        match self.nodes.get_mut(&ino).map(|node| &mut node.body) {
            Some(Body::Directory(directory)) => directory,
            Some(Body::File(_) | Body::Link(_)) | None => unreachable!("the change was checked"),
        }
    }

    fn touch(&mut self, ino: Ino, time: FileTime) {
        let Some(node) = self.nodes.get_mut(&ino) else { return };
        node.modified = time;
        if let Body::File(content) = &node.body {
            content.set_modified(time);
        }
    }

    fn unname(&mut self, ino: Option<Ino>) -> Gone {
        let Some(node) = ino.and_then(|ino| self.nodes.get_mut(&ino)) else { return Gone::default() };
        node.is_named = false;
        ino.map_or_else(Gone::default, |ino| self.drop_if_unused(ino))
    }

    fn drop_if_unused(&mut self, ino: Ino) -> Gone {
        let unused = |node: &Node| !node.is_named && node.lookups.load(Relaxed) == 0;
        if !self.nodes.get(&ino).is_some_and(unused) {
            return Gone::default();
        }
        match self.nodes.remove(&ino).map(|node| node.body) {
            Some(Body::File(content)) => Gone(Some(content)),
            Some(Body::Directory(_) | Body::Link(_)) | None => Gone::default(),
        }
    }
}

impl Node {
    const fn new(parent: Ino, mode: u16, modified: FileTime, body: Body) -> Self {
        Self { parent, mode, modified, body, is_named: true, lookups: AtomicU64::new(0) }
    }

    pub(super) const fn is_named(&self) -> bool {
        self.is_named
    }
}
