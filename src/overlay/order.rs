//! What an overlay shows, and where it keeps what is written.

use super::error::{OverlayError, failed};
use crate::{
    domain::{ByteCount, path_text::shown},
    private_file,
};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::{Component, Path, PathBuf},
};

/// The version of the order that this build writes and reads.
pub const ORDER_VERSION: u32 = 2;

/// Bytes of the limit that are kept for the logs, so that files can still be removed when it is reached.
pub(super) const LOG_RESERVE: u64 = 1 << 20;

/// The smallest limit: below it nothing but the logs would fit.
const MIN_LIMIT: u64 = 4 * LOG_RESERVE;

/// What an overlay shows, and where it keeps what is written. Written as JSON (mode 0600) for the process that serves it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OverlayOrder {
    /// [`ORDER_VERSION`].
    pub version: u32,
    /// The source field of the mount in `/proc/self/mountinfo`, such as `howdah-` and 32 hexadecimal digits of the
    /// session's uuid: by it a mount is known as ours.
    pub name: String,
    /// What is shown: directories of the overlay, and where the files in each come from.
    pub roots: Vec<Root>,
    /// Symbolic links that are shown instead of what the lower has at that place, with their targets.
    pub links: Vec<(PathBuf, PathBuf)>,
    /// Names of the lower that are not shown, such as `data/postmaster.pid`; a directory goes with all in it.
    pub hidden: Vec<PathBuf>,
    /// Directories whose files stay as long as they are once they have their name, such as `data/pg_wal`: where the
    /// kernel can, it writes by itself what was written there before.
    pub fixed: Vec<PathBuf>,
    /// The private directory that takes what is written; made (0700) where it is missing.
    pub upper: PathBuf,
    /// The mount point: an empty directory.
    pub mount: PathBuf,
    /// Uid and gid of the owner that every file is shown with.
    pub owner: (u32, u32),
    /// Most bytes that `upper` may take; then writes fail with ENOSPC.
    pub limit: ByteCount,
}

/// One directory of the overlay's root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Root {
    /// Where it is shown: relative, below the mount, such as `data` or `tablespaces/16384`.
    pub at: PathBuf,
    /// Where its files are.
    pub from: Lower,
}

/// Where the files of a root are. They are only ever read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lower {
    /// A directory with the files themselves.
    Directory(PathBuf),
    /// A file with one [`Member`](super::Member) a line.
    Members(PathBuf),
}

impl OverlayOrder {
    /// Writes it for the process that is to serve it.
    pub fn write(&self, path: &Path) -> Result<(), OverlayError> {
        let mut options = OpenOptions::new();
        let mut file = private_file::open(path, options.write(true).create(true).truncate(true))
            .map_err(failed("cannot write", path))?;
        let text = serde_json::to_vec(self)
            .map_err(|error| OverlayError::BadOrder { path: path.to_owned(), reason: error.to_string() })?;
        file.write_all(&text).map_err(failed("cannot write", path))
    }

    /// Reads one, and refuses what no overlay can be.
    pub fn read(path: &Path) -> Result<Self, OverlayError> {
        let text = fs::read(path).map_err(failed("cannot read", path))?;
        let bad = |reason: String| OverlayError::BadOrder { path: path.to_owned(), reason };
        let order: Self = serde_json::from_slice(&text).map_err(|error| bad(error.to_string()))?;
        order.check().map_err(bad)?;
        Ok(order)
    }

    fn check(&self) -> Result<(), String> {
        if self.version != ORDER_VERSION {
            return Err(format!("it is of version {}, and this build reads {ORDER_VERSION}", self.version));
        }
        // It stands among the options of a mount, where a comma would begin the next one.
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if self.name.is_empty() || !self.name.bytes().all(plain) {
            return Err(format!("{:?} is no name for a mount: letters, digits and hyphens", self.name));
        }
        let roots = self.roots.iter().map(|root| &root.at);
        let links = self.links.iter().map(|(at, _)| at);
        for path in roots.chain(links).chain(&self.hidden).chain(&self.fixed) {
            if !is_inside(path) {
                return Err(format!("{} does not lie below the mount", shown(path)));
            }
        }
        let lowers = self.roots.iter().map(|root| match &root.from {
            Lower::Directory(path) | Lower::Members(path) => path,
        });
        for path in lowers.chain([&self.upper, &self.mount]) {
            if !path.is_absolute() {
                return Err(format!("{} is not absolute", shown(path)));
            }
        }
        if self.limit.0 < MIN_LIMIT {
            return Err(format!("a limit of {} is less than {}", self.limit, ByteCount(MIN_LIMIT)));
        }
        Ok(())
    }
}

/// Whether a path is relative and made of plain names only.
pub(super) fn is_inside(path: &Path) -> bool {
    let mut parts = path.components().peekable();
    parts.peek().is_some() && parts.all(|part| matches!(part, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn order() -> OverlayOrder {
        OverlayOrder {
            version: ORDER_VERSION,
            name: "howdah-0123456789abcdef".to_owned(),
            roots: vec![Root { at: "data".into(), from: Lower::Directory("/backup".into()) }],
            links: vec![("data/pg_tblspc/16384".into(), "/mnt/tablespaces/16384".into())],
            hidden: vec!["data/postmaster.pid".into()],
            fixed: vec!["data/pg_wal".into()],
            upper: "/scratch/upper".into(),
            mount: "/scratch/mount".into(),
            owner: (1, 2),
            limit: ByteCount(1 << 30),
        }
    }

    #[test]
    fn an_order_is_private_and_comes_back_as_it_was() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("order");
        order().write(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(OverlayOrder::read(&path).unwrap(), order());
    }

    #[test]
    fn an_order_that_leads_out_of_the_mount_is_refused() {
        type Spoil = fn(&mut OverlayOrder);
        let spoils: [(Spoil, &str); 9] = [
            (|order| order.version = 1, "version 1"),
            (|order| order.name = "a,dev".to_owned(), "a,dev"),
            (|order| order.name.clear(), "no name"),
            (|order| order.roots[0].at = "../data".into(), "../data"),
            (|order| order.links[0].0 = "/etc/passwd".into(), "/etc/passwd"),
            (|order| order.hidden[0] = PathBuf::new(), "does not lie below"),
            (|order| order.fixed[0] = "/srv/wal".into(), "/srv/wal"),
            (|order| order.upper = "upper".into(), "upper is not absolute"),
            (|order| order.limit = ByteCount(1), "limit"),
        ];
        for (spoil, expected) in spoils {
            let mut order = order();
            spoil(&mut order);
            let refusal = order.check().unwrap_err();
            assert!(refusal.contains(expected), "{refusal}");
        }
    }
}
