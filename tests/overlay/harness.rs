//! An overlay of the real binary: its order, the process that serves it, and what is left on the disk.

use crate::support::{again, place, timeout::TIMEOUT};
use howdah::{
    domain::ByteCount,
    overlay::{self, Lower, ORDER_VERSION, OverlayError, OverlayOrder, OverlayStatus, Root, Serving},
};
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

/// Ends the calling test when no overlay can be mounted here.
#[macro_export]
macro_rules! needs_fuse {
    () => {
        if let Err(why) = howdah::overlay::available() {
            $crate::support::skip::skip(&why, true);
            return;
        }
    };
}

/// One overlay. Dropping it kills the process and unmounts.
pub(crate) struct Overlay {
    pub(crate) order: OverlayOrder,
    pub(crate) home: PathBuf,
    pub(crate) serving: Option<Serving>,
}

impl Overlay {
    /// An order for one directory that is shown at `data`, owned by whoever runs the tests.
    pub(crate) fn of(lower: &Path) -> Self {
        Self::of_roots(vec![Root { at: "data".into(), from: Lower::Directory(lower.to_owned()) }])
    }

    pub(crate) fn of_roots(roots: Vec<Root>) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let home = place::scratch("overlay");
        let mount = home.join("mount");
        fs::create_dir(&mount).unwrap();
        let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let name = format!("howdah-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let order = OverlayOrder {
            version: ORDER_VERSION,
            name,
            roots,
            links: Vec::new(),
            hidden: Vec::new(),
            fixed: vec!["data/pg_wal".into()],
            upper: home.join("upper"),
            mount,
            owner: (uid, gid),
            limit: ByteCount(4 << 30),
        };
        Self { order, home, serving: None }
    }

    /// Starts the process and waits until it has mounted.
    pub(crate) fn try_start(&mut self) -> Result<(), OverlayError> {
        let order = self.home.join("order.json");
        self.order.write(&order)?;
        let lock = File::create(self.home.join("lock")).unwrap();
        let log = File::options().append(true).create(true).open(self.home.join("log")).unwrap();
        self.serving = Some(overlay::start_with(Path::new(&again::program()), &order, lock, log)?.wait(TIMEOUT)?);
        Ok(())
    }

    pub(crate) fn start(&mut self) {
        self.try_start().unwrap_or_else(|error| panic!("{error}\n{}", self.log()));
    }

    /// Kills the process, takes its dead mount away, and starts another on the same upper directory.
    pub(crate) fn kill(&mut self) {
        if let Some(serving) = &mut self.serving {
            serving.kill().unwrap();
        }
        self.serving = None;
        overlay::unmount(&self.order.name).unwrap();
    }

    /// Unmounts cleanly and waits until the process has ended.
    pub(crate) fn stop(&mut self) {
        let unmounted = overlay::unmount(&self.order.name).unwrap();
        assert_eq!(unmounted.mounts, [(self.order.mount.clone(), overlay::Detachment::Clean)]);
        let mut serving = self.serving.take().unwrap();
        assert!(serving.wait(TIMEOUT).unwrap(), "the process ends when it is unmounted");
    }

    /// Where the first root is shown.
    pub(crate) fn data(&self) -> PathBuf {
        self.order.mount.join("data")
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.home.join("log")).unwrap_or_default()
    }

    pub(crate) fn status(&self) -> OverlayStatus {
        OverlayStatus::read(&self.order.upper).unwrap().unwrap_or_default()
    }
}

impl Drop for Overlay {
    fn drop(&mut self) {
        if let Some(serving) = &mut self.serving {
            let _it_may_be_gone = serving.kill();
        }
        let _nothing_may_be_mounted = overlay::unmount(&self.order.name);
    }
}
