//! Running the threads of a copy and speaking for them: progress and notes out, the order to stop in.
//!
//! Promises: returns when all threads are done, or soon after the copy was ended early; a thread that hangs in the
//! system is left behind then, as nothing can end it but the end of the process. Never: loses a panic of a thread.

use super::{copy_log::RegularLines, shared::Shared};
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

/// What the threads of one run work on together.
pub(in crate::engine) trait Threads: Send + Sync + 'static {
    /// How far they are, and whether to stop.
    fn shared(&self) -> &Shared;
    /// Notes what a thread has done, at its end and however it ended.
    fn at_end(&self) -> Result<(), Failure>;
}

/// What one thread does.
pub(in crate::engine) type Task<W> = Box<dyn FnOnce(&W) -> Result<(), Halt> + Send>;

/// How often progress is reported and a stop is looked for.
const TICK: Duration = Duration::from_millis(50);

/// How long threads that were asked to stop are waited for: longer than any write of one buffer takes on a disk that
/// works at all.
const GRACE: Duration = Duration::from_secs(5);

/// Runs all jobs at once, each in a thread of its own. `each_tick` is called by this thread now and then.
pub(in crate::engine) fn run<W: Threads>(
    work: &Arc<W>,
    jobs: Vec<Task<W>>,
    observer: &dyn Observer,
    stall: Duration,
    each_tick: &mut dyn FnMut(),
) -> Result<(), Halt> {
    let shared = work.shared();
    let (done, ended) = mpsc::channel();
    let mut threads: Vec<JoinHandle<()>> = Vec::new();
    for job in jobs {
        let (work, done) = (Arc::clone(work), done.clone());
        let thread = thread::Builder::new().name("copy".to_owned()).spawn(move || {
            // Dropped when the thread ends in whatever way, so that nobody waits for it in vain.
            let _done = done;
            // However it ends, what it has done is noted: here, since writing may hang.
            let (ended, noted) = (job(&work), work.at_end().map_err(Halt::from));
            // A thread that only stopped does so because the end was reported already, or is about to be by another.
            if let Err(Halt::Failed(failure)) = ended.and(noted) {
                work.shared().end(failure.into());
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
    let all_done = wait(shared, &ended, observer, stall, each_tick);
    for thread in threads {
        if (all_done || thread.is_finished()) && thread.join().is_err() {
            shared.end(Failure::bug("a copying thread panicked").into());
        }
    }
    tell(shared, observer);
    shared.take_end().map_or(Ok(()), Err)
}

/// Until all threads are done (then `true`), or long enough after they were asked to stop.
fn wait(
    shared: &Shared,
    ended: &mpsc::Receiver<()>,
    observer: &dyn Observer,
    stall: Duration,
    each_tick: &mut dyn FnMut(),
) -> bool {
    let mut stopping_since: Option<Instant> = None;
    let (began, mut regular) = (Instant::now(), RegularLines::default());
    loop {
        match ended.recv_timeout(TICK) {
            Err(RecvTimeoutError::Timeout) | Ok(()) => {}
            Err(RecvTimeoutError::Disconnected) => {
                shared.log.tell_others();
                return true;
            }
        }
        regular.look(shared, began.elapsed(), stall);
        tell(shared, observer);
        each_tick();
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
    for sentence in shared.log.take() {
        observer.log(&sentence);
    }
    observer.progress(shared.progress());
}
