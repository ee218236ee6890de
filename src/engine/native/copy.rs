//! Carrying out the plan: threads for the form of the backup, then the end of the copy.

use super::{
    archive::Archive,
    buffers::Pool,
    durable,
    errors::Backup,
    finalize::{Ending, finalize},
    layout::{Form, WRITTEN_LAST},
    plain_copy,
    plan::{self, CopyPlan},
    prepare::prepare,
    request::CopyRequest,
    run::{Task, run},
    shared::Shared,
    staged::STAGED,
    tar_copy,
    target_state::Leftover,
    throttle::Throttle,
    work::CopyContext,
    write_back::{PORTION, PortionTimes, WriteBack},
};
use crate::{
    domain::{Lsn, Rate, quantity::many},
    engine::{Halt, Observer},
    postgres::{
        tarset::TarSet,
        wal::{Segment, SegmentSize},
    },
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

/// How a copy is made.
#[derive(Debug, Clone, Copy)]
pub(super) struct CopyOptions {
    pub(super) max_rate: Option<Rate>,
    /// 0 means one thread for each processor.
    pub(super) threads: usize,
    pub(super) stall: Duration,
}

/// Copies what the plan names and is not there yet.
pub(super) fn copy(
    order: &CopyRequest,
    copy_plan: CopyPlan,
    options: CopyOptions,
    observer: &dyn Observer,
) -> Result<(), Halt> {
    let (places, ledger) = prepare(order, &copy_plan, observer)?;
    let CopyPlan { plan, manifest, manifest_bytes, index, layout, tablespaces, leftover, reused, archives, .. } =
        copy_plan;
    let threads = match options.threads {
        0 => thread::available_parallelism().map_or(2, std::num::NonZero::get),
        wished => wished,
    };
    tell_reused(leftover.as_ref(), reused.len(), archives.len(), observer);
    let limit = options.max_rate.map_or_else(|| "as fast as it goes".to_owned(), |rate| format!("at most {rate}"));
    observer.log(&format!("{} copy, {limit}", many(threads as u64, "thread")));
    let shared = Arc::new(Shared::new(plan.bytes.0, plan.files, options.max_rate.map(Throttle::new)));
    for (path, stamp) in reused.iter().filter(|(path, _)| *path != Path::new(STAGED)) {
        if index.expect(path) == Some(super::layout::Expect::Wal) && !layout.wal.contains_key(path) {
            shared.expect_more(stamp.size, 1);
        }
        shared.reuse(stamp.size);
    }
    let write_back = durable::all_sync_whole(&places).then(|| WriteBack::new(PORTION));
    observer.log(if write_back.is_some() {
        "the target's file systems are synced whole"
    } else {
        "files are synced one by one: syncfs does not report errors on all file systems of the target"
    });
    let wal_needed = needed(&manifest, &layout.wal);
    let work = Arc::new(CopyContext {
        backup: Backup::at(&order.backup),
        manifest,
        index,
        places,
        ledger,
        shared,
        buffers: Pool::new(threads * 2 + BUFFERS),
        write_back,
        reused,
        archives,
        leftovers: leftover.is_some(),
        resumable: leftover.is_some_and(|left| left.account.this_boot),
        wal_needed,
        wal_planned: layout.wal,
        system_identifier: layout.system_identifier,
        received: Mutex::default(),
        held: Mutex::default(),
    });
    let (mut jobs, plain) = match layout.form {
        Form::Plain(tree) => (plain_jobs(&work, tree.files, threads), Some(order.backup.clone())),
        Form::Tar(set) => (tar_jobs(&work, &set, threads, observer), None),
    };
    if let Some(write_back) = work.write_back.clone() {
        jobs.push(Box::new(move |work: &CopyContext| {
            let mut times = PortionTimes::default();
            let mut write = || {
                let began = Instant::now();
                durable::write_whole(&work.places)?;
                times.add(began.elapsed()).into_iter().for_each(|slow| work.shared.log.say(slow));
                Ok(())
            };
            let ended = write_back.run(|| work.shared.stopping(), &mut write);
            times.sentence().into_iter().for_each(|sentence| work.shared.log.say(sentence));
            ended
        }));
    }
    let ending = Ending { manifest: manifest_bytes, plain, tablespaces };
    let end: Task<CopyContext> = Box::new(move |work: &CopyContext| finalize(work, &ending));
    let copied = run(&work, jobs, observer, options.stall, &mut || {})
        .and_then(|()| run(&work, vec![end], observer, options.stall, &mut || {}));
    match copied {
        // What went wrong because the target is gone is reported as that.
        Err(Halt::Failed(failure)) => Err(work.places.check_in_place().err().unwrap_or(failure).into()),
        other => other,
    }
}

/// What of an earlier attempt counts, and what does not.
fn tell_reused(left: Option<&Leftover>, reused: usize, archives: usize, observer: &dyn Observer) {
    let Some(left) = left else { return };
    let (reused, verified) = (reused as u64, left.account.verified.len() as u64);
    observer
        .log(&format!("reused of the earlier attempt, verified then and not altered since: {}", many(reused, "file")));
    if verified > reused {
        let again = many(verified - reused, "file");
        observer.log(&format!("copied again, since altered, gone, or to be put in place last: {again}"));
    }
    if archives > 0 {
        observer.log(&format!("not read again, since all of their files stand: {}", many(archives as u64, "archive")));
    }
    observer.log(if left.account.this_boot {
        "half-copied files of a plain backup are gone on with where they stand"
    } else {
        "the machine was started anew since: what was half copied may not have reached the disk and is copied anew"
    });
}

/// Buffers between unpacking and writing: enough to keep the disk busy while the unpacking thread meets something hard,
/// and no more memory than a small machine can spare.
const BUFFERS: usize = 32;

fn plain_jobs(work: &CopyContext, files: Vec<super::layout::SourceFile>, threads: usize) -> Vec<Task<CopyContext>> {
    let wanted = |file: &super::layout::SourceFile| {
        !work.has(&file.path) && !WRITTEN_LAST.iter().any(|last| file.path == Path::new(last))
    };
    let queue = Arc::new(plain_copy::queue(files.into_iter().filter(wanted).collect()));
    let job = |_| -> Task<CopyContext> {
        let (queue, copying) = (Arc::clone(&queue), work.write_back.as_ref().map(WriteBack::enter));
        Box::new(move |work| {
            let _copying = copying;
            plain_copy::run(work, &queue)
        })
    };
    (0..threads).map(job).collect()
}

fn tar_jobs(work: &CopyContext, set: &TarSet, threads: usize, observer: &dyn Observer) -> Vec<Task<CopyContext>> {
    let mut archives: Vec<Archive> = Vec::new();
    for (path, kind) in plan::kinds(set) {
        let name = PathBuf::from(path.file_name().unwrap_or_default());
        if work.archives.contains(&name) {
            continue;
        }
        if !work.reused.is_empty() {
            observer
                .note(format!("{} is read from its beginning; verified files are not written again", name.display()));
        }
        archives.push(Archive { path: path.clone(), kind });
    }
    // Taken from the end: the base first, for it is nearly always the largest; WAL last.
    archives.reverse();
    // Each unfinished file needs a writer of its own, or unpacking threads could wait for each other's buffers.
    let unpacking = threads.min(archives.len()).max(1);
    let writing = threads.max(unpacking);
    let archives = Arc::new(Mutex::new(archives));
    let (out, files) = mpsc::channel();
    let files = Arc::new(Mutex::new(files));
    let unpack = |_| -> Task<CopyContext> {
        let (archives, out) = (Arc::clone(&archives), out.clone());
        Box::new(move |work| tar_copy::unpack(work, &archives, &out))
    };
    let mut jobs: Vec<Task<CopyContext>> = (0..unpacking).map(unpack).collect();
    let write = |_| -> Task<CopyContext> {
        let (files, copying) = (Arc::clone(&files), work.write_back.as_ref().map(WriteBack::enter));
        Box::new(move |work| {
            let _copying = copying;
            tar_copy::write(work, &files)
        })
    };
    jobs.extend((0..writing).map(write));
    jobs
}

/// The segments that recovery needs, among those that are there or may come, and where each begins.
fn needed(manifest: &crate::postgres::manifest::Manifest, wal: &BTreeMap<PathBuf, u64>) -> BTreeMap<PathBuf, Lsn> {
    let largest = wal.values().max().and_then(|size| SegmentSize::new(u32::try_from(*size).ok()?));
    let size = largest.unwrap_or(SegmentSize::DEFAULT);
    let mut needed = BTreeMap::new();
    for range in &manifest.wal_ranges {
        for segment in Segment::range(range.timeline, range.start, range.end, size) {
            let path = Path::new("pg_wal").join(segment.file_name(size));
            if wal.contains_key(&path) {
                needed.insert(path, segment.start(size));
            } else {
                // The finding reports it already; a hostile range must not be walked to its end.
                break;
            }
        }
    }
    needed
}
