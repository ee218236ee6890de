//! Copying a plain backup: each thread takes the next file, reads it once, hashes and writes it.

use super::{
    buffers::Buffer,
    layout::SourceFile,
    mutex::lock,
    read::{Source, hand_on},
    shared::{CopyEnd, Watch},
    work::{Beginning, CopyContext},
};
use crate::engine::Halt;
use std::sync::{Arc, Mutex};

/// Files that wait for a thread, the next one last.
pub(super) type Queue = Mutex<Vec<SourceFile>>;

/// The queue for these files: large ones come first, so that no thread is left alone with one at the end.
pub(super) fn queue(mut files: Vec<SourceFile>) -> Queue {
    files.sort_by_key(|file| file.size);
    Mutex::new(files)
}

/// The work of one thread: until the queue is empty.
pub(super) fn run(work: &CopyContext, queue: &Queue) -> Result<(), Halt> {
    let reading = work.shared.watch(CopyEnd::Backup);
    let writing = work.shared.watch(CopyEnd::Target);
    let mut buffer = work.buffers.take(|| work.shared.stopping()).ok_or(Halt::Stopped)?;
    loop {
        work.shared.go_on()?;
        let Some(file) = lock(queue).pop() else { return Ok(()) };
        copy(work, &file, &mut buffer, &reading, &writing, Beginning::WhereItStands)?;
    }
}

fn copy(
    work: &CopyContext,
    file: &SourceFile,
    buffer: &mut Buffer,
    reading: &Arc<Watch>,
    writing: &Watch,
    beginning: Beginning,
) -> Result<(), Halt> {
    let failed = |error: &std::io::Error| work.shared.or_stopped(|| work.backup.failure("read", &file.source, error));
    let expect = work.index.expect(&file.path).ok_or_else(|| super::plain::extra(&file.path))?;
    let mut source = Source::open(&file.source, reading, &work.shared).map_err(|error| failed(&error))?;
    let mut receiving = work.receive(&file.path, expect, file.size, writing, beginning)?;
    let stood = receiving.came();
    source.begin_at(stood).map_err(|error| failed(&error))?;
    let left = file.size.saturating_sub(stood);
    let came = hand_on(&mut source, left, buffer, &work.shared, failed, |bytes| receiving.take(bytes))?;
    if came > left {
        return Err(super::plain::wrong_size(&file.path, file.size + 1, file.size).into());
    }
    match receiving.finish() {
        Err(Halt::Failed(_)) if stood > 0 => {
            work.shared
                .note(format!("{} stood half copied and was altered since; it is copied anew", file.path.display()));
            work.shared.take_back(file.size, stood);
            copy(work, file, buffer, reading, writing, Beginning::Anew)
        }
        ended => ended,
    }
}
