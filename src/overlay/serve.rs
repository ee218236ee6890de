//! The life of the process that serves an overlay.
//!
//! Promises: it mounts once, serves until it is unmounted, and then ends. Never: mounts where something of the name is
//! mounted, or outlives its mount.

use super::{
    error::{OverlayError, failed},
    filesystem::OverlayFilesystem,
    mounts::mounts_named,
    open::{Opened, open},
    order::OverlayOrder,
    passthrough::Passthrough,
    view::View,
};
use crate::domain::path_text::shown;
use fuser::{Config, MountOption, Session, SessionACL};
use std::{
    fs, panic,
    path::Path,
    process,
    sync::Arc,
    thread::{self, available_parallelism},
};

/// Threads for each processor: while one waits for the disk, another answers from memory.
const THREADS_PER_PROCESSOR: usize = 2;

/// More would only wait for each other.
const MAX_THREADS: usize = 16;

/// Readahead of a mounted overlay in KiB, where we may set it: eight of the largest requests, so that a sequential scan
/// keeps several threads busy. The kernel's own is 128.
const READAHEAD_KIB: u32 = 8192;

/// Serves an overlay until it is unmounted. `mounted` is called when it can be used.
pub fn serve(order_file: &Path, mounted: impl FnOnce()) -> Result<(), OverlayError> {
    end_with_a_panic();
    let order = OverlayOrder::read(order_file)?;
    if let Some(found) = mounts_named(&order.name)?.pop() {
        return Err(OverlayError::Mounted { name: order.name, at: found.at });
    }
    let Opened { store, tree, lock } = open(&order)?;
    let store = Arc::new(store);
    let view = View::new(tree, Arc::clone(&store), &order.fixed);
    let filesystem = OverlayFilesystem { view, owner: order.owner, passthrough: Passthrough::default() };
    let refused = |error: std::io::Error| OverlayError::Mount { at: order.mount.clone(), reason: error.to_string() };
    let session = Session::new(filesystem, &order.mount, &options(&order)).map_err(refused)?;
    raise_readahead(&order.name);
    mounted();
    let ran = thread::scope(|scope| {
        scope.spawn(|| store.counters.keep_written(&order.upper, &store.room));
        let ran = session.run();
        store.counters.end();
        ran
    });
    drop(lock);
    ran.map_err(failed("cannot serve", &order.mount))
}

/// A thread that panics leaves a request without an answer, and whoever waits for that waits for ever: the process goes
/// instead, which is noticed.
fn end_with_a_panic() {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |why| {
        usual(why);
        process::abort();
    }));
}

fn options(order: &OverlayOrder) -> Config {
    let mut config = Config::default();
    config.mount_options = vec![
        MountOption::FSName(order.name.clone()),
        MountOption::DefaultPermissions,
        MountOption::NoSuid,
        MountOption::NoDev,
        MountOption::NoExec,
        MountOption::NoAtime,
    ];
    // The server runs as another user than root. Other users mount for themselves, and their server is theirs.
    config.acl = if rustix::process::geteuid().is_root() { SessionACL::All } else { SessionACL::Owner };
    let processors = available_parallelism().map_or(1, usize::from);
    config.n_threads = Some((processors * THREADS_PER_PROCESSOR).min(MAX_THREADS));
    config.clone_fd = true;
    config
}

/// A larger readahead, for whoever may set it; it only makes scans faster.
fn raise_readahead(name: &str) {
    let Ok(mounts) = mounts_named(name) else { return };
    for mounted in mounts {
        let setting = format!("/sys/class/bdi/{}/read_ahead_kb", mounted.device);
        if let Err(error) = fs::write(&setting, READAHEAD_KIB.to_string()) {
            tracing::info!("the readahead of {} stays as it is: {error}", shown(&mounted.at));
        }
    }
}
