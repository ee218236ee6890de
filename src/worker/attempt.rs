//! One order from beginning to end.
//!
//! Promises: however the work ends, by success, failure, stop or panic, its server is dealt with before the end is
//! reported. Never: makes up an end; it is what the steps returned.

use super::{
    backup::Backup,
    catch_panic,
    engine_factory::EngineFactory,
    event_writer::EventWriter,
    explore::{self, Explore},
    items::Items,
    machine::Machine,
    places,
    restore::{self, Done, Restore, dispose},
    server::ServerSupervisor,
    signals::Stop,
    tree::TreeRestore,
    verify,
    workspace::Workspace,
};
use crate::{
    domain::{
        ClusterRestore, ExploreOrder, Leftover, Order, RestoreOrder, VerifyOrder,
        fact::End,
        ticket::{Ticket, Work},
    },
    engine::Halt,
    postgres::configure::UnknownLibrary,
};
use std::path::Path;

/// Carries out the ticket.
pub(super) fn carry_out(
    dir: &Path,
    ticket: &Ticket,
    factory: &EngineFactory<'_>,
    report: &EventWriter,
    stop: &Stop,
) -> End {
    match &ticket.work {
        Work::Run(Order::Restore(RestoreOrder::Cluster(order))) => {
            bring_back(dir, ticket, order, factory, report, stop)
        }
        Work::Run(Order::Verify(order)) => verify(dir, ticket, order, report),
        Work::Run(Order::Backup(order)) => {
            let backup = Backup::new(dir, ticket, order, report, stop);
            catch_panic(|| backup.run()).map_or_else(|halt| end_of(halt, report), End::Succeeded)
        }
        Work::Run(Order::Explore(order)) => hold_open(dir, ticket, order, factory, (report, stop)),
        Work::Run(Order::Items(order)) => {
            let items = Items::new(dir, ticket, order, report, stop);
            catch_panic(|| items.run()).map_or_else(|halt| end_of(halt, report), End::Succeeded)
        }
        Work::Run(Order::Restore(RestoreOrder::VirtualMachine(order))) => {
            let machine = Machine::new(dir, ticket, order, report, stop);
            catch_panic(|| machine.run()).map_or_else(|halt| end_of(halt, report), End::Succeeded)
        }
        Work::Run(Order::Restore(RestoreOrder::Files(order))) => {
            let tree = TreeRestore::new(dir, ticket, order, report, stop);
            catch_panic(|| tree.run()).map_or_else(|halt| end_of(halt, report), End::Succeeded)
        }
        Work::Dispose { left: Leftover::Cluster(target), disposition } => {
            let dispose = || dispose::dispose(dir, ticket, target, *disposition, factory);
            catch_panic(dispose).map_or_else(|halt| end_of(halt, report), End::Disposed)
        }
        Work::Dispose { left: Leftover::Backup(order), disposition } => {
            let backup = Backup::new(dir, ticket, order, report, stop);
            let disposed = catch_panic(|| backup.dispose(*disposition));
            disposed.unwrap_or_else(|halt| end_of(halt, report))
        }
        Work::Dispose { left: Leftover::Open(order), .. } => {
            let dispose = || explore::dispose(dir, ticket, order, (report, stop));
            catch_panic(dispose).map_or_else(|halt| end_of(halt, report), End::Disposed)
        }
        Work::Dispose { left: Leftover::Items(order), disposition } => {
            let items = Items::new(dir, ticket, order, report, stop);
            catch_panic(|| items.dispose(*disposition)).unwrap_or_else(|halt| end_of(halt, report))
        }
        Work::Dispose { left: Leftover::Machine(order), disposition } => {
            let machine = Machine::new(dir, ticket, order, report, stop);
            catch_panic(|| machine.dispose(*disposition)).map_or_else(|halt| end_of(halt, report), End::Disposed)
        }
        Work::Dispose { left: Leftover::Files(order), disposition } => {
            let tree = TreeRestore::new(dir, ticket, order, report, stop);
            catch_panic(|| tree.dispose(*disposition)).unwrap_or_else(|halt| end_of(halt, report))
        }
    }
}

/// Reads a backup to its end: what is found in it is a result, whatever it is.
fn verify(dir: &Path, ticket: &Ticket, order: &VerifyOrder, report: &EventWriter) -> End {
    match catch_panic(|| verify::run(dir, order, &ticket.settings, report)) {
        Ok(found) if found.is_sound() => End::Succeeded(verify::success(found)),
        Ok(found) => End::Damaged(found),
        Err(halt) => end_of(halt, report),
    }
}

fn bring_back(
    attempt_dir: &Path,
    ticket: &Ticket,
    request: &ClusterRestore,
    factory: &EngineFactory<'_>,
    report: &EventWriter,
    stop: &Stop,
) -> End {
    let settings = &ticket.settings;
    let restore = Restore {
        workspace: Workspace { attempt: attempt_dir, session: ticket.session_uuid, data: request.target.directory() },
        request,
        settings,
        by: ticket.by.as_deref(),
        places: places::ClaimingSession::of(ticket, attempt_dir),
        report,
        stop,
        unknown: UnknownLibrary::Kept,
    };
    let mut supervisor: Option<ServerSupervisor<'_>> = None;
    let result = catch_panic(|| restore::run(&restore, factory, &mut supervisor));
    let end = match result {
        Ok(Done::Succeeded(success)) => End::Succeeded(success),
        Ok(Done::Paused(point)) => End::Paused(point),
        Err(halt) => end_of(halt, report),
    };
    cleared(&mut supervisor, end, report)
}

/// Holds a restore point open until the attempt is stopped, or cannot go on.
fn hold_open(
    dir: &Path,
    ticket: &Ticket,
    order: &ExploreOrder,
    factory: &EngineFactory<'_>,
    (report, stop): (&EventWriter, &Stop),
) -> End {
    let explore = match Explore::new(dir, ticket, order, (report, stop)) {
        Ok(explore) => explore,
        Err(failure) => return End::Failed(report.failed(failure)),
    };
    let mut supervisor: Option<ServerSupervisor<'_>> = None;
    let end = match catch_panic(|| explore.run(factory, &mut supervisor)) {
        Ok(never) => match never {},
        Err(Halt::Failed(failure)) => end_of(Halt::Failed(explore.judged(failure)), report),
        Err(Halt::Stopped) => End::Stopped,
    };
    let end = cleared(&mut supervisor, end, report);
    match (explore.close_files(), end) {
        (Ok(()), end) => end,
        (Err(failure), End::Failed(first)) => {
            report.note(&failure.to_string());
            End::Failed(first)
        }
        (Err(failure), _) => End::Failed(failure),
    }
}

/// The end, once no server of the attempt is left but one that was let go of.
fn cleared(supervisor: &mut Option<ServerSupervisor<'_>>, end: End, report: &EventWriter) -> End {
    // After a success nothing is left in the supervisor.
    match (supervisor.as_mut().map_or(Ok(()), ServerSupervisor::clear), end) {
        (Ok(()), end) => end,
        (Err(failure), End::Failed(first)) => {
            report.note(&failure.to_string());
            End::Failed(first)
        }
        // Stopped means that nothing runs any more: it must not be said when it is not so.
        (Err(failure), End::Stopped | End::Succeeded(_) | End::Damaged(_) | End::Paused(_) | End::Disposed(_)) => {
            End::Failed(failure)
        }
    }
}

fn end_of(halt: Halt, report: &EventWriter) -> End {
    match halt {
        Halt::Stopped => End::Stopped,
        Halt::Failed(failure) => End::Failed(report.failed(failure)),
    }
}
