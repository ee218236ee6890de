//! Running the threads of a copy and speaking for them: progress and notes out, the order to stop in.
//!
//! Promises: returns when all threads are done, or soon after the copy was ended early; a thread that hangs in the
//! system is left behind then, as nothing can end it but the end of the process. Never: loses a panic of a thread.

use super::{shared::Shared, work::Work};
use crate::{
    domain::Failure,
    engine::{Halt, Observer},
};
use std::{
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// What one thread does.
pub(super) type Task = Box<dyn FnOnce(&Work) -> Result<(), Halt> + Send>;

/// How often progress is reported and a stop is looked for.
const TICK: Duration = Duration::from_millis(50);

/// How long threads that were asked to stop are waited for: longer than any write of one buffer takes on a disk that
/// works at all.
const GRACE: Duration = Duration::from_secs(5);

/// Runs all jobs at once, each in a thread of its own.
pub(super) fn run(work: &Arc<Work>, jobs: Vec<Task>, observer: &dyn Observer, stall: Duration) -> Result<(), Halt> {
    let shared = &work.shared;
    let (done, ended) = mpsc::channel();
    let mut threads: Vec<JoinHandle<()>> = Vec::new();
    for job in jobs {
        let (work, done) = (Arc::clone(work), done.clone());
        let thread = thread::Builder::new().name("copy".to_owned()).spawn(move || {
            // Dropped when the thread ends in whatever way, so that nobody waits for it in vain.
            let _done = done;
            // However it ends, what it has done is noted: here, since writing may hang.
            let (ended, noted) = (job(&work), work.write_ledger().map_err(Halt::from));
            // A thread that only stopped does so because the end was reported already, or is about to be by another.
            if let Err(Halt::Failed(failure)) = ended.and(noted) {
                work.shared.end(failure.into());
            }
        });
        match thread {
            Ok(handle) => threads.push(handle),
            Err(error) => {
                shared.end(Failure::disruption(format!("cannot start a thread: {error}"), "").into());
                break;
            }
        }
    }
    drop(done);
    let all_done = wait(shared, &ended, observer, stall);
    for thread in threads {
        if (all_done || thread.is_finished()) && thread.join().is_err() {
            shared.end(Failure::bug("a copying thread panicked").into());
        }
    }
    tell(shared, observer);
    shared.take_end().map_or(Ok(()), Err)
}

/// Until all threads are done (then `true`), or long enough after they were asked to stop.
fn wait(shared: &Shared, ended: &mpsc::Receiver<()>, observer: &dyn Observer, stall: Duration) -> bool {
    let mut stopping_since: Option<Instant> = None;
    loop {
        match ended.recv_timeout(TICK) {
            Err(RecvTimeoutError::Timeout) | Ok(()) => {}
            Err(RecvTimeoutError::Disconnected) => return true,
        }
        tell(shared, observer);
        if observer.stop_requested() {
            shared.end(Halt::Stopped);
        }
        if !shared.stopping()
            && let Some(failure) = shared.stalled(stall)
        {
            shared.end(failure.into());
            // What hangs does not end by being asked.
            return false;
        }
        if shared.stopping() && stopping_since.get_or_insert_with(Instant::now).elapsed() > GRACE {
            return false;
        }
    }
}

fn tell(shared: &Shared, observer: &dyn Observer) {
    for sentence in shared.take_notes() {
        observer.note(sentence);
    }
    observer.progress(shared.progress());
}
