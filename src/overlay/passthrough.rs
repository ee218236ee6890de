//! Files that the kernel reads and writes by itself, without asking (`FUSE_PASSTHROUGH`, Linux 6.9 and newer, root): the
//! segments of WAL, which a server writes at each commit.
//!
//! Promises: all who have such a file open at one time have it so, as the kernel demands; where it cannot be had, files
//! are opened as all others. Never: a file that may grow.

use super::{change::Ino, filesystem::NO_HANDLE, view::View};
use fuser::{BackingId, FopenFlags, InitFlags, KernelConfig, ReplyOpen};
use std::{
    collections::HashMap,
    io,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

/// How deep file systems may be stacked: the scratch may lie on one that is stacked itself, as in containers.
const MAX_DEPTH: u32 = 2;

/// What is open in this way now.
#[derive(Debug, Default)]
pub(super) struct Passthrough {
    is_possible: AtomicBool,
    open: Mutex<HashMap<Ino, Passed>>,
}

#[derive(Debug)]
struct Passed {
    /// Kept as long as anybody has the file open.
    backing: BackingId,
    opens: u64,
}

impl Passthrough {
    /// Asks the kernel for it.
    pub(super) fn ask_for(&mut self, config: &mut KernelConfig) {
        let asked = config.add_capabilities(InitFlags::FUSE_PASSTHROUGH).is_ok();
        self.is_possible = AtomicBool::new(asked && config.set_max_stack_depth(MAX_DEPTH).is_ok());
    }

    /// Opens a file, in this way where that can be.
    pub(super) fn open(&self, view: &View, ino: Ino, reply: ReplyOpen) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if !open.contains_key(&ino)
            && let Some(backing) = self.pass(view, ino, &reply)
        {
            open.insert(ino, Passed { backing, opens: 0 });
        }
        if let Err(error) = view.open(ino) {
            if open.get(&ino).is_some_and(|passed| passed.opens == 0) {
                open.remove(&ino);
                view.end_pass(ino);
            }
            return reply.error(error.into());
        }
        match open.get_mut(&ino) {
            Some(passed) => {
                passed.opens += 1;
                // What the kernel has in its cache of such a file is not kept: it would be shown again, grown old.
                reply.opened_passthrough(NO_HANDLE, FopenFlags::FOPEN_NOFLUSH, &passed.backing);
            }
            None => reply.opened(NO_HANDLE, FopenFlags::FOPEN_NOFLUSH | FopenFlags::FOPEN_KEEP_CACHE),
        }
    }

    /// One less has a file open.
    pub(super) fn release(&self, view: &View, ino: Ino) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(passed) = open.get_mut(&ino) {
            passed.opens -= 1;
            if passed.opens == 0 {
                open.remove(&ino);
                view.end_pass(ino);
            }
        }
        view.release(ino);
    }

    /// The file for the kernel, where there is one and the kernel takes it.
    fn pass(&self, view: &View, ino: Ino, reply: &ReplyOpen) -> Option<BackingId> {
        if !self.is_possible.load(Relaxed) {
            return None;
        }
        let given = view.pass(ino).and_then(|file| file.map(|file| reply.open_backing(&*file)).transpose());
        given.unwrap_or_else(|error: io::Error| {
            // Only root may; and the file system of the scratch may be none that can be stacked.
            tracing::info!("the kernel asks for every file: {error}");
            self.is_possible.store(false, Relaxed);
            view.end_pass(ino);
            None
        })
    }
}
