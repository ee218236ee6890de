//! The header of a qcow2 file, read without QEMU: what the file rests on, before any program follows that.
//!
//! The format is that of QEMU's `docs/interop/qcow2.txt`. Promise: only the first cluster's beginning is read, and what it
//! says of lengths is not believed further than that.

use rustix::fs::{Mode, OFlags};
use std::{fs::File, io, io::Read, path::Path};

/// The header, its extensions and the name of the backing file (at most 1023 bytes) lie in the first cluster; QEMU's
/// clusters have 64 KiB unless somebody asked for others.
const BEGINNING: u64 = 64 << 10;

const MAGIC: &[u8] = b"QFI\xfb";

/// The header of version 2.
const SHORT: usize = 72;

/// Extensions, by their type.
const END: u32 = 0;
const BACKING_FORMAT: u32 = 0xE279_2ACA;

/// A bit of the incompatible features: the data is in another file.
const EXTERNAL_DATA: u64 = 1 << 2;

/// What a header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    /// The bytes that the guest sees.
    pub(crate) capacity: u64,
    /// The name of the file that it rests on.
    pub(crate) backing: Option<String>,
    pub(crate) backing_format: Option<String>,
    pub(crate) has_external_data: bool,
    pub(crate) is_encrypted: bool,
}

/// Reads the header of a file; `None` where it is no qcow2 file.
pub(crate) fn read(path: &Path) -> io::Result<Option<Header>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    if !file.metadata()?.is_file() {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    file.take(BEGINNING).read_to_end(&mut bytes)?;
    Ok(parse(&bytes))
}

/// Why a file is not what stands on its own (`backing` is `None`), or rests on that file alone; `None` where it is.
pub(crate) fn fault(header: Option<&Header>, backing: Option<&str>) -> Option<String> {
    let Some(header) = header else { return Some("is no qcow2 file".to_owned()) };
    if header.has_external_data {
        return Some("has its data in another file".to_owned());
    }
    if header.is_encrypted {
        return Some("is encrypted".to_owned());
    }
    match (header.backing.as_deref(), backing) {
        (None, None) => None,
        (Some(found), Some(wanted)) if found == wanted && header.backing_format.as_deref() == Some("qcow2") => None,
        (found, wanted) => {
            let name = |name: Option<&str>| name.map_or_else(|| "nothing".to_owned(), str::to_owned);
            Some(format!("rests on {} instead of {}", name(found), name(wanted)))
        }
    }
}

fn parse(bytes: &[u8]) -> Option<Header> {
    let at = |from: usize, len: usize| bytes.get(from..from.checked_add(len)?);
    let four = |from: usize| Some(u32::from_be_bytes(at(from, 4)?.try_into().ok()?));
    let eight = |from: usize| Some(u64::from_be_bytes(at(from, 8)?.try_into().ok()?));
    if at(0, 4)? != MAGIC {
        return None;
    }
    let (features, header_len) = match four(4)? {
        2 => (0, SHORT),
        3 => (eight(SHORT)?, usize::try_from(four(100)?).ok()?),
        _ => return None,
    };
    let backing = match (eight(8)?, four(16)?) {
        (0, _) => None,
        (from, len) => {
            let name = at(usize::try_from(from).ok()?, usize::try_from(len).ok()?)?;
            Some(String::from_utf8_lossy(name).into_owned())
        }
    };
    let mut backing_format = None;
    let mut next = header_len;
    loop {
        let (kind, len) = (four(next)?, usize::try_from(four(next + 4)?).ok()?);
        match kind {
            END => break,
            BACKING_FORMAT => backing_format = Some(String::from_utf8_lossy(at(next + 8, len)?).into_owned()),
            _ => {}
        }
        next = next.checked_add(8)?.checked_add(len.checked_next_multiple_of(8)?)?;
    }
    Some(Header {
        capacity: eight(24)?,
        backing,
        backing_format,
        has_external_data: features & EXTERNAL_DATA != 0,
        is_encrypted: four(32)? != 0,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    /// A header of version 3 that rests on this file.
    fn header(backing: &str) -> Vec<u8> {
        let mut bytes = vec![0; 1024];
        bytes[..4].copy_from_slice(MAGIC);
        bytes[7] = 3;
        bytes[31] = 100;
        bytes[103] = 104;
        bytes[104..108].copy_from_slice(&BACKING_FORMAT.to_be_bytes());
        bytes[111] = 5;
        bytes[112..117].copy_from_slice(b"qcow2");
        if !backing.is_empty() {
            bytes[15] = 200;
            bytes[19] = u8::try_from(backing.len()).unwrap();
            bytes[200..200 + backing.len()].copy_from_slice(backing.as_bytes());
        }
        bytes
    }

    #[test]
    fn a_file_rests_on_what_it_is_to_rest_on_or_says_on_what() {
        let fault = |bytes: &[u8], backing| fault(parse(bytes).as_ref(), backing);
        let (alone, resting) = (header(""), header("../a/vda.qcow2"));
        assert_eq!((parse(&alone).unwrap().capacity, fault(&alone, None)), (100, None));
        assert_eq!(fault(&resting, Some("../a/vda.qcow2")), None);
        assert_eq!(fault(&resting, None).unwrap(), "rests on ../a/vda.qcow2 instead of nothing");
        assert_eq!(fault(&alone, Some("x")).unwrap(), "rests on nothing instead of x");
        assert_eq!(
            fault(&header("/etc/shadow"), Some("../a/vda.qcow2")).unwrap(),
            "rests on /etc/shadow instead of ../a/vda.qcow2"
        );
        let with = |at: usize, byte: u8| {
            let mut bytes = resting.clone();
            bytes[at] = byte;
            bytes
        };
        for (bytes, wanted) in [
            (with(79, 4), "has its data in another file"),
            (with(35, 1), "is encrypted"),
            (with(0, 0), "is no qcow2 file"),
            (with(7, 4), "is no qcow2 file"),
            (with(16, 255), "is no qcow2 file"),
            (with(108, 255), "is no qcow2 file"),
            (with(112, b'r'), "rests on ../a/vda.qcow2 instead of ../a/vda.qcow2"),
            (resting[..50].to_vec(), "is no qcow2 file"),
        ] {
            assert_eq!(fault(&bytes, Some("../a/vda.qcow2")).unwrap(), wanted);
        }
    }

    #[test]
    fn what_is_no_file_is_no_qcow2_file_and_a_link_is_not_followed() {
        let place = tempfile::tempdir().unwrap();
        assert_eq!(read(place.path()).unwrap(), None);
        std::fs::write(place.path().join("a"), header("")).unwrap();
        std::os::unix::fs::symlink("a", place.path().join("b")).unwrap();
        assert!(read(&place.path().join("a")).unwrap().is_some() && read(&place.path().join("b")).is_err());
    }
}
