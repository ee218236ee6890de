//! Signals that ask the worker to stop.
//!
//! Promises: SIGTERM and SIGINT raise one flag and nothing else; SIGHUP is not heard, and SIGXFSZ leaves the failure to the
//! write that met the limit. Never: cuts off work in the middle by a signal.

use rustix::process::Signal;
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
};
use tokio::signal::unix::{SignalKind, signal};

/// The flag.
#[derive(Debug, Clone, Default)]
pub(super) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Whether the attempt was asked to stop.
    pub(super) fn requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Tells it to stop.
    pub(super) fn request(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Listens from now on. The thread lives as long as the process: it holds nothing that would have to be put away.
pub(super) fn listen() -> io::Result<Stop> {
    let stop = Stop::default();
    let raised = stop.clone();
    let (tell, heard) = mpsc::channel::<io::Result<()>>();
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let listening = || -> io::Result<_> {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let guard = runtime.enter();
            let kinds =
                (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?, signal(SignalKind::hangup())?);
            // Once somebody has listened for it, this signal ends no process: the write fails instead (EFBIG).
            drop(signal(SignalKind::from_raw(Signal::XFSZ.as_raw()))?);
            drop(guard);
            Ok((runtime, kinds))
        };
        match listening() {
            Err(e) => tell.send(Err(e)).unwrap_or_default(),
            Ok((runtime, (mut term, mut int, mut hup))) => {
                tell.send(Ok(())).unwrap_or_default();
                runtime.block_on(async {
                    loop {
                        tokio::select! {
                            _ = term.recv() => raised.request(),
                            _ = int.recv() => raised.request(),
                            _ = hup.recv() => {}
                        }
                    }
                });
            }
        }
    })?;
    heard.recv().map_err(io::Error::other)??;
    Ok(stop)
}
