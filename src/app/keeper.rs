//! `howdah keeper`: an owner without a screen.

use super::{
    context::AppContext,
    handover::{announce, step_away},
    limits, log,
    owner::{Owner, OwnerError},
};
use crate::{
    cli::{args::KeeperArgs, exit::Exit, streams::print_error},
    manager::Service as _,
};
use std::{io, time::Duration};
use tokio::signal::unix::{SignalKind, signal};

/// How long a keeper that was started for work stays when there is none: whoever started it needs a moment to connect,
/// and the next command of a script should find it.
const IDLE: Duration = Duration::from_secs(2);

pub(super) fn run(context: &AppContext, args: &KeeperArgs) -> anyhow::Result<Exit> {
    if args.detach && step_away()? {
        return Ok(Exit::Done);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let ended = runtime.block_on(keep(context, args));
    // What still runs here (older sessions being read) is of no use to anybody now.
    runtime.shutdown_background();
    ended
}

async fn keep(context: &AppContext, args: &KeeperArgs) -> anyhow::Result<Exit> {
    let mut signals = Signals::new()?;
    limits::outlive_file_size()?;
    let owner = match Owner::open(&context.state, context.owner_settings()) {
        Ok(owner) => owner,
        Err(OwnerError::Held { holder: Some(holder), .. }) if args.detach => {
            announce(holder)?;
            return Ok(Exit::Done);
        }
        Err(error @ OwnerError::Held { .. }) => {
            print_error(&error.to_string());
            return Ok(Exit::Refused);
        }
        Err(error) => return Err(error.into()),
    };
    log::begin(&context.state)?;
    owner.fill_completed();
    tracing::info!(pid = std::process::id(), "the keeper owns the state directory");
    if args.detach {
        announce(std::process::id())?;
    }
    tokio::select! {
        () = signals.end(args.detach) => {}
        () = idle(&owner), if args.until_idle => {}
        Some(reason) = owner.stepped_down() => {
            owner.close().await;
            anyhow::bail!("this keeper is not the owner any more: {reason}");
        }
    }
    owner.close().await;
    tracing::info!("the keeper has ended; attempts that run go on");
    Ok(Exit::Done)
}

/// Ends when nothing has been left to do, and nobody connected, for a while.
async fn idle(owner: &Owner) {
    let mut snapshots = owner.handle.snapshots();
    let (mut connections, mut hooks) = (owner.connections(), owner.waiting_hooks());
    loop {
        let busy = snapshots.borrow_and_update().needs_owner() || *connections.borrow_and_update() > 0;
        let busy = busy || *hooks.borrow_and_update() > 0;
        tokio::select! {
            changed = snapshots.changed() => if changed.is_err() { return },
            changed = connections.changed() => if changed.is_err() { return },
            // Without a hook in the settings nobody counts them any more.
            Ok(()) = hooks.changed() => {}
            () = tokio::time::sleep(IDLE), if !busy => return,
        }
    }
}

/// What tells a keeper to end.
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    hang_up: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Comes with the first of them. One that has no terminal cannot lose it, so a hang-up is none of its business.
    async fn end(&mut self, detached: bool) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hang_up.recv() => if !detached { return },
            }
        }
    }
}
