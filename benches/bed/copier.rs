//! What the disk and the file system can do: the same files copied by two threads, with no hash, no ledger and no checks.
//!
//! Large files are written past the page cache, small ones through it; at the end all is on the disk.

use super::Bed;
use rustix::fs::{Mode, OFlags};
use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

const THREADS: usize = 2;
const BUFFER: usize = 1 << 20;
const ALIGNMENT: usize = 4096;
const DIRECT_FROM: u64 = 512 << 10;

/// Copies the backup to the bed's target.
pub(crate) fn copy(bed: &Bed, backup: &Path) {
    let (target, mut files) = (bed.target(), Vec::new());
    fs::create_dir(&target).unwrap();
    directory(backup, &target, Path::new(""), &mut files);
    files.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let mut memory = vec![0; BUFFER + ALIGNMENT];
                let start = memory.as_ptr().align_offset(ALIGNMENT);
                let buffer = &mut memory[start..start + BUFFER];
                while let Some((path, size)) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    file(&backup.join(path), &target.join(path), *size, buffer);
                }
            });
        }
    });
    rustix::fs::syncfs(File::open(&target).unwrap()).unwrap();
}

fn directory(backup: &Path, target: &Path, below: &Path, files: &mut Vec<(PathBuf, u64)>) {
    for entry in fs::read_dir(backup.join(below)).unwrap() {
        let entry = entry.unwrap();
        let (path, about) = (below.join(entry.file_name()), entry.metadata().unwrap());
        if about.is_dir() {
            fs::create_dir(target.join(&path)).unwrap();
            directory(backup, target, &path, files);
        } else {
            files.push((path, about.len()));
        }
    }
}

fn file(from: &Path, to: &Path, size: u64, buffer: &mut [u8]) {
    let (source, target) = (File::open(from).unwrap(), File::create_new(to).unwrap());
    let mut direct = size >= DIRECT_FROM && rustix::fs::fcntl_setfl(&target, OFlags::DIRECT).is_ok();
    let mut done = 0;
    while done < size {
        let part = usize::try_from(size - done).unwrap().min(BUFFER);
        source.read_exact_at(&mut buffer[..part], done).unwrap();
        if direct && part % ALIGNMENT != 0 {
            rustix::fs::fcntl_setfl(&target, OFlags::empty()).unwrap();
            direct = false;
        }
        target.write_all_at(&buffer[..part], done).unwrap();
        done += part as u64;
    }
    rustix::fs::fchmod(&target, Mode::RUSR | Mode::WUSR).unwrap();
}
