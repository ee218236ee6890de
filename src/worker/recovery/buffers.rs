//! More shared buffers for a long replay than the cluster has by itself: pages that are changed again and again stay in
//! memory instead of being written each time.
//!
//! Promises: no more than a quarter of what the machine has to spare, and only on the command line of the isolated server;
//! a server that would be refused its memory keeps its own setting. Never: makes a setting smaller.
//!
//! Source: proc(5) (`MemAvailable`, `overcommit_memory`), "Memory Interface Files" in the kernel's `cgroup-v2.rst`.

use crate::{
    domain::Failure,
    postgres::{account::Account, binaries::Binaries, configure},
};
use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

/// A replay of less WAL is over before it would matter.
const WORTH: u64 = 256 << 20;

/// Beyond it there is little to be had.
const MOST: u64 = 4 << 30;

/// The part of what there is to spare that may be taken.
const PART: u64 = 4;

/// The unit of `shared_buffers` without one, with blocks as packages have them.
const BLOCK: u64 = 8192;

/// Settings for the replay of so many bytes, by name; none where the cluster's own are as good.
pub(super) fn settings(
    (data, account, binaries): (&Path, &Account, &Binaries),
    wal: u64,
) -> Result<Vec<(&'static str, OsString)>, Failure> {
    let Some(wanted) = wanted(wal, spare(Path::new("/"))) else { return Ok(Vec::new()) };
    let own = configure::value(data, account, binaries, "shared_buffers")?;
    let own: Option<u64> = own.to_str().and_then(|own| own.parse().ok());
    // Larger than its own, or its own is not to be understood: then it stays.
    if own.is_none_or(|own| own.saturating_mul(BLOCK) >= wanted) {
        return Ok(Vec::new());
    }
    // With `huge_pages = on` it is not certain that there are enough of them for more.
    Ok(vec![("shared_buffers", format!("{}kB", wanted >> 10).into()), ("huge_pages", "try".into())])
}

/// How much a replay of so many bytes would use: no more pages are changed than WAL says of.
fn wanted(wal: u64, spare: Option<u64>) -> Option<u64> {
    let wanted = wal.min(spare? / PART).min(MOST);
    (wal >= WORTH && wanted > 0).then_some(wanted)
}

/// Bytes that may be used without hurting others; `None` where the kernel does not say, or promises no more than it has.
fn spare(root: &Path) -> Option<u64> {
    let text = |path: &str| fs::read_to_string(root.join(path)).ok();
    if text("proc/sys/vm/overcommit_memory")?.trim() == "2" {
        return None;
    }
    let meminfo = text("proc/meminfo")?;
    let available = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:")?.trim().strip_suffix(" kB"));
    let available = available?.parse::<u64>().ok()?.checked_mul(1024)?;
    // A group may have less than the machine, and each group above it, too.
    let own = text("proc/self/cgroup")?.lines().find_map(|line| line.strip_prefix("0::/").map(PathBuf::from));
    let own = own.unwrap_or_default();
    let limits = own.ancestors().filter_map(|group| {
        let limit = fs::read_to_string(root.join("sys/fs/cgroup").join(group).join("memory.max")).ok()?;
        limit.trim().parse::<u64>().ok()
    });
    Some(limits.fold(available, u64::min))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn a_long_replay_gets_a_quarter_of_what_is_to_spare_and_no_more_than_it_can_use() {
        assert_eq!(wanted(10 * GIB, Some(8 * GIB)), Some(2 * GIB));
        assert_eq!(wanted(GIB, Some(8 * GIB)), Some(GIB));
        assert_eq!(wanted(100 * GIB, Some(100 * GIB)), Some(MOST));
        assert_eq!(wanted(WORTH - 1, Some(8 * GIB)), None);
        assert_eq!(wanted(GIB, None), None);
        assert_eq!(wanted(GIB, Some(0)), None);
    }

    #[test]
    #[allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    fn what_is_to_spare_is_the_least_of_the_machine_and_of_every_group() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        assert_eq!(spare(root.path()), None);
        write("proc/sys/vm/overcommit_memory", "0\n");
        write("proc/meminfo", "MemTotal:       24000000 kB\nMemAvailable:       4096 kB\n");
        write("proc/self/cgroup", "1:name=systemd:/old\n0::/a/b\n");
        assert_eq!(spare(root.path()), Some(4 << 20));
        write("sys/fs/cgroup/a/b/memory.max", "max\n");
        write("sys/fs/cgroup/a/memory.max", "1048576\n");
        assert_eq!(spare(root.path()), Some(1 << 20));
        write("sys/fs/cgroup/a/b/memory.max", "65536\n");
        assert_eq!(spare(root.path()), Some(65536));
        write("proc/sys/vm/overcommit_memory", "2\n");
        assert_eq!(spare(root.path()), None);
    }
}
