//! Copying a plain backup: each thread takes the next file, reads it once, hashes and writes it.

use super::{
    layout::{Expect, Found},
    read::{Source, fill},
    shared::{Side, Watch, lock},
    work::{Beginning, Work},
};
use crate::engine::Halt;
use std::{
    io::Read,
    sync::{Arc, Mutex},
};

/// Files that wait for a thread, the next one last.
pub(super) type Queue = Mutex<Vec<Found>>;

/// The queue for these files: large ones come first, so that no thread is left alone with one at the end.
pub(super) fn queue(mut files: Vec<Found>) -> Queue {
    files.sort_by_key(|file| file.size);
    Mutex::new(files)
}

/// The work of one thread: until the queue is empty.
pub(super) fn run(work: &Work, queue: &Queue) -> Result<(), Halt> {
    let reading = work.shared.watch(Side::Backup);
    let writing = work.shared.watch(Side::Target);
    loop {
        work.shared.go_on()?;
        let Some(file) = lock(queue).pop() else { return Ok(()) };
        copy(work, &file, &reading, &writing, Beginning::WhereItStands)?;
    }
}

fn copy(work: &Work, file: &Found, reading: &Arc<Watch>, writing: &Watch, beginning: Beginning) -> Result<(), Halt> {
    let failed = |error: &std::io::Error| work.shared.or_stopped(|| work.backup.failure("read", &file.source, error));
    let expect = work.index.expect(&file.path).ok_or_else(|| super::plain::extra(&file.path))?;
    let mut source = Source::open(&file.source, reading, &work.shared).map_err(|error| failed(&error))?;
    let mut receiving = work.receive(&file.path, expect.clone(), file.size, writing, beginning)?;
    let stood = receiving.came();
    source.begin_at(stood).map_err(|error| failed(&error))?;
    let mut buffer = work.buffers.take(|| work.shared.stopping()).ok_or(Halt::Stopped)?;
    let mut came = stood;
    loop {
        let got = fill(&mut source, work.shared.portion(buffer.room())).map_err(|error| failed(&error))?;
        buffer.set_filled(got);
        came += got as u64;
        if got > 0 {
            receiving.take(buffer.bytes())?;
        }
        // The end shows without one more read, except that a file may have grown.
        if came >= file.size || got == 0 {
            break;
        }
    }
    let grown = source.read(&mut [0; 1]).map_err(|error| failed(&error))?;
    if grown > 0 && matches!(expect, Expect::Listed(_)) {
        return Err(super::plain::wrong_size(&file.path, came + 1, file.size).into());
    }
    drop(buffer);
    match receiving.finish() {
        Err(Halt::Failed(_)) if stood > 0 => {
            work.shared
                .note(format!("{} stood half copied and was altered since; it is copied anew", file.path.display()));
            work.shared.take_back(file.size, stood);
            copy(work, file, reading, writing, Beginning::Anew)
        }
        ended => ended,
    }
}
