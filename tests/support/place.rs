//! The temporary directory of one test binary, and the janitor that clears it.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

/// Waits until this test binary is gone (its end of the pipe closes), then ends what it left running below the
/// directory and removes the directory. Only processes that name the directory in their command line are touched.
const JANITOR: &str = r#"
trap '' INT TERM HUP
root=$1
cat >/dev/null
for end in TERM KILL; do
    left=no
    for process in /proc/[0-9]*; do
        [ "${process#/proc/}" != $$ ] && tr '\0' ' ' <"$process/cmdline" 2>/dev/null | grep -qF "$root" || continue
        left=yes
        case $end in
            TERM) kill -INT "${process#/proc/}" 2>/dev/null ;;
            # What it has started may name nothing; it is in the group that it leads, if it leads one.
            KILL) kill -KILL -- "-${process#/proc/}" "${process#/proc/}" 2>/dev/null ;;
        esac
    done
    [ $left = no ] && break
    timeout 1 tail -f /dev/null
done
# What an overlay still shows there goes before its files do.
awk -v root="$root/" 'index($5, root) == 1 { print $5 }' /proc/self/mountinfo | while read -r mount; do
    umount -l "$mount" 2>/dev/null || fusermount3 -u -z "$mount" 2>/dev/null
done
# The ports that were claimed for sessions whose state directories go with it.
grep -lsF '"state":"'"$root/" /var/tmp/howdah-ports/* | xargs -r -d '\n' rm -f
rm -rf "$root"
"#;

/// Where the directory of this test binary goes, for those who want another place than the usual one.
static PREFERRED: OnceLock<PathBuf> = OnceLock::new();

/// Lets the directory of this test binary be made below this one. To be called before anything else is.
pub(crate) fn prefer(parent: &Path) {
    PREFERRED.get_or_init(|| parent.to_owned());
}

/// The directory of this test binary. Others may pass through it, since servers run as another user.
pub(crate) fn root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        // A memory file system, as /tmp may be, has too little room for clusters and fsyncs nothing.
        let usual = || std::env::var_os("TMPDIR").map_or_else(|| PathBuf::from("/var/tmp"), PathBuf::from);
        let parent = PREFERRED.get().cloned().unwrap_or_else(usual);
        let root = tempfile::Builder::new().prefix("howdah-tests-").tempdir_in(parent).unwrap().keep();
        open_to_all(&root);
        let janitor = Command::new("bash")
            .args(["-c", JANITOR, "janitor"])
            .arg(&root)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // The pipe stays open as long as this process lives: that is the sign.
        std::mem::forget(janitor);
        root
    })
}

/// A new empty directory that the server's user may pass through.
pub(crate) fn scratch(name: &str) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let directory = root().join(format!("{name}-{}", NEXT.fetch_add(1, Ordering::Relaxed)));
    fs::create_dir(&directory).unwrap();
    open_to_all(&directory);
    directory
}

/// Lets other users pass through a directory and read it.
pub(crate) fn open_to_all(directory: &Path) {
    fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A copy of a directory, made by `cp -a`: modes, owners and links are kept.
pub(crate) fn copy_of(directory: &Path) -> PathBuf {
    let copy = scratch("copy").join(directory.file_name().unwrap());
    let status = Command::new("cp").arg("-a").arg(directory).arg(&copy).status().unwrap();
    assert!(status.success(), "cp -a {directory:?}: {status}");
    copy
}

/// Every path below a directory with what can be seen of it; two equal listings mean that nothing was touched.
pub(crate) fn listing(directory: &Path) -> Vec<String> {
    let mut rows: Vec<String> = walkdir::WalkDir::new(directory)
        .into_iter()
        .map(|entry| {
            let entry = entry.unwrap();
            let facts = entry.metadata().unwrap();
            let size = if facts.is_file() { facts.len() } else { 0 };
            format!("{:?} {:?} {size} {:o}", entry.path(), facts.file_type(), facts.permissions().mode())
        })
        .collect();
    rows.sort();
    rows
}

/// The names below a directory, those with a dot included.
pub(crate) fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
