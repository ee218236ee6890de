//! Reading the files of a plain backup: each thread takes the next one.

use super::{
    Damage,
    file_check::FileCheck,
    listing::{Reason, reason},
    names::name_of,
    work::VerifyContext,
};
use crate::engine::{
    Halt,
    source::{
        buffers::Buffer,
        layout::SourceFile,
        mutex::lock,
        read::{Source, hand_on},
        run::Task,
        shared::{CopyEnd, Watch},
    },
};
use std::{
    cell::Cell,
    fs, io,
    sync::{Arc, Mutex},
};

/// The work for these files: large ones come first, so that no thread is left alone with one at the end.
pub(super) fn jobs(mut files: Vec<SourceFile>, threads: usize) -> Vec<Task<VerifyContext>> {
    files.sort_by_key(|file| file.size);
    let queue = Arc::new(Mutex::new(files));
    let job = |_| -> Task<VerifyContext> {
        let queue = Arc::clone(&queue);
        Box::new(move |work| read_all(work, &queue))
    };
    (0..threads).map(job).collect()
}

fn read_all(work: &VerifyContext, queue: &Mutex<Vec<SourceFile>>) -> Result<(), Halt> {
    let watch = work.shared.watch(CopyEnd::Backup);
    let mut buffer = work.buffers.take(|| work.shared.stopping()).ok_or(Halt::Stopped)?;
    loop {
        work.shared.go_on()?;
        let Some(file) = lock(queue).pop() else { return Ok(()) };
        read(work, &file, &mut buffer, &watch)?;
    }
}

fn read(work: &VerifyContext, file: &SourceFile, buffer: &mut Buffer, watch: &Arc<Watch>) -> Result<(), Halt> {
    let Reason::Expected(expect) = reason(work.listing.as_deref(), &file.path) else { return Ok(()) };
    let mut source = match Source::open_file(&file.source, watch, &work.shared) {
        Ok(source) => source,
        Err(error) => return unread(work, file, &error),
    };
    let mut check = FileCheck::new(work, &file.path, expect, file.size);
    // Whether it is the file that could not be read; any other end is one of the work.
    let failed = Cell::new(None);
    let fail = |error: &io::Error| {
        failed.set(Some(unread(work, file, error)));
        Halt::Stopped
    };
    let came = hand_on(&mut source, file.size, buffer, &work.shared, fail, |bytes| {
        work.shared.go_on()?;
        check.take(work, bytes);
        Ok(())
    });
    if let Some(ended) = failed.take() {
        return ended;
    }
    if came? <= file.size {
        check.finish(work);
        return Ok(());
    }
    // It has grown; what it has now is what counts.
    let size = fs::metadata(&file.source).map_or(file.size + 1, |about| about.len());
    let listing = work.listing.as_deref();
    let damage = listing.and_then(|listing| listing.wrong_size(listing.position(&file.path)?, size));
    if let Some(damage) = damage {
        work.damage(damage);
    }
    Ok(())
}

/// A file that is not there any more is missing; anything else could not be read.
fn unread(work: &VerifyContext, file: &SourceFile, error: &io::Error) -> Result<(), Halt> {
    if error.kind() == io::ErrorKind::NotFound && !work.shared.stopping() && !work.backup.is_gone() {
        work.damage(Damage::Missing { file: name_of(&file.path) });
        return Ok(());
    }
    work.unread(&file.source, error)
}
