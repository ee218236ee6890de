//! What goes wrong in the world: bytes that flip, archives that lie, disks that fill up.

use super::{cluster::is_root, place::scratch};
use sha2::{Digest as _, Sha256};
use std::{
    fs::{self, OpenOptions},
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    process::Command,
};

/// Changes one byte of a file and leaves its length.
pub(crate) fn flip_byte(path: &Path, at: u64) {
    let mut file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.seek(SeekFrom::Start(at)).unwrap();
    file.read_exact(&mut byte).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(&[byte[0] ^ 0x01]).unwrap();
}

/// Changes a stretch of a packed file: a single bit may be one that unpacks to the same bytes.
pub(crate) fn garble(path: &Path, at: u64) {
    for offset in 0..32 {
        flip_byte(path, at + offset);
    }
}

/// Makes a file this long.
pub(crate) fn set_length(path: &Path, length: u64) {
    OpenOptions::new().write(true).open(path).unwrap().set_len(length).unwrap();
}

/// The largest file of the main database directories: one that every restore must copy.
pub(crate) fn largest_data_file(backup: &Path) -> PathBuf {
    let files = walkdir::WalkDir::new(backup.join("base")).into_iter().map(Result::unwrap);
    let files = files.filter(|entry| entry.file_type().is_file());
    files.max_by_key(|entry| entry.metadata().unwrap().len()).unwrap().into_path()
}

/// Rewrites the manifest and gives it a checksum that fits, so that only what was changed is wrong with it.
pub(crate) fn edit_manifest(backup: &Path, edit: impl FnOnce(String) -> String) {
    let path = backup.join("backup_manifest");
    let body = fs::read_to_string(&path).unwrap();
    let last = body.rfind("\"Manifest-Checksum\"").unwrap();
    let edited = edit(body[..last].to_owned());
    let sum: Vec<String> = Sha256::digest(edited.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    fs::write(&path, format!("{edited}\"Manifest-Checksum\": \"{}\"}}\n", sum.concat())).unwrap();
}

/// One member of an archive, written without any of the checks that a decent program makes.
pub(crate) struct Member {
    pub(crate) name: &'static str,
    /// The type byte of the header: `0` file, `1` hard link, `2` symbolic link, `3` character device, `5` directory.
    pub(crate) kind: u8,
    pub(crate) link: String,
    pub(crate) content: &'static [u8],
}

impl Member {
    pub(crate) fn file(name: &'static str) -> Self {
        Self { name, kind: b'0', link: String::new(), content: b"not yours\n" }
    }

    pub(crate) fn link(kind: u8, name: &'static str, to: &Path) -> Self {
        Self { name, kind, link: to.to_str().unwrap().to_owned(), content: b"" }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut header = [0_u8; 512];
        let mut put = |at: usize, text: &[u8]| header[at..at + text.len()].copy_from_slice(text);
        put(0, self.name.as_bytes());
        put(100, b"0000644\0");
        put(108, b"0000000\0");
        put(116, b"0000000\0");
        put(124, format!("{:011o}\0", self.content.len()).as_bytes());
        put(136, b"00000000000\0");
        put(148, b"        ");
        put(156, &[self.kind]);
        put(157, self.link.as_bytes());
        put(257, b"ustar\x0000");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        let mut bytes = header.to_vec();
        bytes.extend_from_slice(self.content);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
        bytes
    }
}

/// Puts members before all others of an uncompressed archive.
pub(crate) fn smuggle_in(archive: &Path, members: &[Member]) {
    let honest = fs::read(archive).unwrap();
    let mut bytes: Vec<u8> = members.iter().flat_map(Member::bytes).collect();
    bytes.extend_from_slice(&honest);
    fs::write(archive, bytes).unwrap();
}

/// A file system of a few megabytes. Dropping it unmounts it.
pub(crate) struct SmallDisk(pub(crate) PathBuf);

impl SmallDisk {
    /// `None` where this machine does not let us mount one.
    pub(crate) fn of_megabytes(size: u32) -> Option<Self> {
        let place = scratch("disk");
        let options = format!("size={size}m,mode=755");
        let mounted = is_root()
            && Command::new("mount")
                .args(["-t", "tmpfs", "-o", &options, "howdah-test"])
                .arg(&place)
                .output()
                .is_ok_and(|output| output.status.success());
        mounted.then_some(Self(place))
    }

    /// Takes all the room that is left.
    pub(crate) fn fill(&self) {
        let mut file = fs::File::create(self.0.join("filler")).unwrap();
        let block = [0_u8; 4096];
        while file.write_all(&block).is_ok() {}
    }

    /// Unmounts it while it is in use, as a cable that is pulled does. It is kept elsewhere, to come back.
    pub(crate) fn vanish(&self) -> Self {
        let elsewhere = scratch("elsewhere");
        mount(&["--bind"], &self.0, &elsewhere);
        let gone = Command::new("umount").arg("-l").arg(&self.0).status().unwrap();
        assert!(gone.success());
        Self(elsewhere)
    }

    /// Mounts it where it was.
    pub(crate) fn come_back(&self, vanished: &Self) {
        mount(&["--bind"], &vanished.0, &self.0);
    }

    /// Gives the room back.
    pub(crate) fn empty(&self) {
        fs::remove_file(self.0.join("filler")).unwrap();
    }
}

fn mount(options: &[&str], what: &Path, place: &Path) {
    let mounted = Command::new("mount").args(options).args([what, place]).status().unwrap();
    assert!(mounted.success());
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _lazily = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}
