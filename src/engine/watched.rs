//! Looking at places that may hang: a disk whose server is gone answers nothing, for ever.
//!
//! Promises: whoever asks gets an answer, or a failure once nothing more was seen for so long. The thread that hangs is
//! left behind; nothing can end it but the end of the process.

use crate::domain::Failure;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

/// A sign of life of a thread that only looks: it beats with each thing that it has seen.
#[derive(Debug, Clone, Default)]
pub struct Heartbeat(Arc<AtomicU64>);

impl Heartbeat {
    /// Something more was seen.
    pub fn beat(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn beats(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Does what only looks, in a thread of its own. `what` names what is looked at.
pub fn watched<T: Send + 'static, E: From<Failure> + Send + 'static>(
    what: &str,
    stall: Duration,
    work: impl FnOnce(&Heartbeat) -> Result<T, E> + Send + 'static,
) -> Result<T, E> {
    let heartbeat = Heartbeat::default();
    let beating = heartbeat.clone();
    let (sender, receiver) = mpsc::channel();
    let thread = thread::Builder::new().name("look".to_owned()).spawn(move || {
        // Nobody listens any more when looking took too long.
        let _ = sender.send(work(&beating));
    });
    thread.map_err(|error| Failure::disruption(format!("cannot start a thread: {error}"), ""))?;
    let mut seen = heartbeat.beats();
    loop {
        match receiver.recv_timeout(stall) {
            Ok(answer) => return answer,
            Err(RecvTimeoutError::Disconnected) => return Err(Failure::bug("a looking thread panicked").into()),
            Err(RecvTimeoutError::Timeout) if heartbeat.beats() != seen => seen = heartbeat.beats(),
            Err(RecvTimeoutError::Timeout) => {
                let cause = format!("looking at {what} brought nothing for {} s", stall.as_secs());
                return Err(Failure::disruption(cause, "look at the disk, host and network that it is on").into());
            }
        }
    }
}
