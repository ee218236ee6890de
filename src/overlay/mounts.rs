//! Mounts as the kernel lists them (proc(5), `/proc/<pid>/mountinfo`).

use super::error::{OverlayError, failed};
use std::{
    ffi::{OsStr, OsString},
    fs,
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
    path::{Path, PathBuf},
};

const LIST: &str = "/proc/self/mountinfo";

/// A mounted overlay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mounted {
    /// Its name, from the order.
    pub name: String,
    /// Where it is mounted.
    pub at: PathBuf,
    /// Major and minor number of its device, such as `0:53`.
    pub(super) device: String,
}

/// The mounts of a name, in the order in which they were made.
pub fn mounts_named(name: &str) -> Result<Vec<Mounted>, OverlayError> {
    Ok(mounts()?.into_iter().filter(|mounted| mounted.name == name).collect())
}

/// All mounts of overlays whose name begins so.
pub fn mounts_beginning(prefix: &str) -> Result<Vec<Mounted>, OverlayError> {
    Ok(mounts()?.into_iter().filter(|mounted| mounted.name.starts_with(prefix)).collect())
}

/// Where anything at all, of whatever kind, is mounted at this place or below it. The place is one without links.
pub fn mounted_below(place: &Path) -> Result<Vec<PathBuf>, OverlayError> {
    let list = fs::read(LIST).map_err(failed("cannot read", Path::new(LIST)))?;
    let points = list.split(|byte| *byte == b'\n').filter_map(|line| line.split(|byte| *byte == b' ').nth(4));
    Ok(points.map(|point| PathBuf::from(unescaped(point))).filter(|point| point.starts_with(place)).collect())
}

/// Whether anything of this name is mounted, be it served or not.
pub fn is_mounted(name: &str) -> Result<bool, OverlayError> {
    Ok(!mounts_named(name)?.is_empty())
}

fn mounts() -> Result<Vec<Mounted>, OverlayError> {
    let list = fs::read(LIST).map_err(failed("cannot read", Path::new(LIST)))?;
    Ok(list.split(|byte| *byte == b'\n').filter_map(parse).collect())
}

/// One line: 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
fn parse(line: &[u8]) -> Option<Mounted> {
    let fields: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    let separator = fields.iter().skip(6).position(|field| *field == b"-")? + 6;
    let [kind, source] = [fields.get(separator + 1)?, fields.get(separator + 2)?];
    // fusermount3 adds the subtype, if there is one.
    if *kind != b"fuse" && !kind.starts_with(b"fuse.") {
        return None;
    }
    Some(Mounted {
        name: unescaped(source).into_string().ok()?,
        at: unescaped(fields.get(4)?).into(),
        device: OsStr::from_bytes(fields.get(2)?).to_str()?.to_owned(),
    })
}

/// Space, tab, newline and backslash are written as three octal digits behind a backslash.
fn unescaped(field: &[u8]) -> OsString {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, behind)) = rest.split_first() {
        let code = behind.get(..3).filter(|_| *first == b'\\');
        let byte = code.and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 8).ok());
        out.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &behind[3..] } else { behind };
    }
    OsString::from_vec(out)
}

#[test]
fn a_mount_is_known_by_its_source_wherever_it_is() {
    let line = br"97 30 0:53 / /srv/a\040b\134c rw,nosuid shared:1 master:2 - fuse.x howdah-12 rw,user_id=0";
    let expected = Mounted { name: "howdah-12".to_owned(), at: r"/srv/a b\c".into(), device: "0:53".to_owned() };
    assert_eq!(parse(line), Some(expected));
    for other in [
        &b"36 35 98:0 / /mnt rw - ext4 howdah-12 rw"[..],
        b"36 35 98:0 / /mnt rw",
        b"",
        b"97 30 0:53 / - rw fuse howdah-12 rw",
    ] {
        assert_eq!(parse(other), None, "{}", String::from_utf8_lossy(other));
    }
}
