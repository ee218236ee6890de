//! One attempt from inside: the process that does the work while the console only watches.
//!
//! Promises: nothing is touched beside another worker of the same session; facts come first as `Began`, last as `Ended`,
//! and the last is on disk before the process exits; a stop is obeyed at every step; a server that the attempt started is
//! either what was asked for or gone. Never: needs the owner or the screen.

mod attempt;
mod attempt_files;
mod attempt_log;
mod backup;
mod engine_factory;
mod event_writer;
mod explore;
mod items;
pub mod left_server;
mod machine;
mod places;
mod recovery;
mod restic_process;
mod restore;
mod server;
mod session_lock;
mod signals;
#[cfg(test)]
mod tests;
mod tree;
mod verify;
pub mod wal_feed;
mod workspace;

pub use backup::checkpoints;
pub use explore::leftovers;

use crate::{
    domain::{
        AnyRestorePlan, BackupOrder, BackupPlan, ClusterRestore, DataPlan, ExploreOrder, ExplorePlan, Failure,
        FilesRestore, ItemOrder, ItemPlan, MachineRestore, RestoreOrder, RestorePlan, WorkerSettings,
        environment::VariablePattern,
        fact::End,
        instance::printable_name,
        ticket::{CONTRACT_VERSION, Ticket},
        upgrade,
    },
    engine::{Halt, claim::Own},
    postgres::{account::Account, configure::DataDirectory},
    process,
};
use event_writer::EventWriter;
use restore::check;
use serde::Deserialize;
use signals::Stop;
use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};
use uuid::Uuid;

/// The attempt did what its ticket asks.
pub const DONE: u8 = 0;
/// It failed; `events.jsonl` records how.
pub const FAILED: u8 = 1;
/// It was asked to stop, and did.
pub const STOPPED: u8 = 3;
/// It could not write down what it did.
pub const UNREPORTED: u8 = 4;

/// A ticket is a few kilobytes; more than this is something else.
const MAX_TICKET_LEN: u64 = 16 << 20;

/// Carries out the ticket in this directory and returns the status to exit with. The status is a courtesy: what counts
/// is in `events.jsonl`. The process must not be the leader of its group, so that it can lead a session of its own.
/// An error means that nothing was begun and nothing could be reported.
pub fn run(attempt_dir: &Path) -> io::Result<u8> {
    lead_session()?;
    let stop = signals::listen()?;
    let report = EventWriter::open(attempt_dir, stop.clone())?;
    Ok(carry_out(attempt_dir, &engine_factory::ENGINES, &report, &stop))
}

/// Makes the plan of the restore of a cluster and writes nothing. This is what `--plan` prints.
pub fn plan(request: &ClusterRestore, settings: &WorkerSettings, session_uuid: Uuid) -> Result<RestorePlan, Failure> {
    let who = Account::for_server(&settings.os_user);
    let owner = who.as_ref().ok().and_then(Account::owner);
    let mut engine = (engine_factory::ENGINES.make)(&engine_factory::EngineRequest {
        request,
        session_uuid,
        owner,
        settings,
        devices: &[],
    })?;
    // Which of its own sessions holds a place is for the owner to say.
    let own = Own { state: settings.state.clone().unwrap_or_default(), session: None };
    check::plan(engine.as_mut(), request, settings, &who, &own).map(|checked| checked.plan)
}

/// Makes the plan of any restore and writes nothing.
pub fn plan_restore(
    order: &RestoreOrder,
    settings: &WorkerSettings,
    session_uuid: Uuid,
) -> Result<AnyRestorePlan, Failure> {
    match order {
        RestoreOrder::Cluster(order) => {
            plan(order, settings, session_uuid).map(|plan| AnyRestorePlan::Cluster(Box::new(plan)))
        }
        RestoreOrder::VirtualMachine(order) => {
            plan_machine(order, settings).map(|plan| AnyRestorePlan::Data(Box::new(plan)))
        }
        RestoreOrder::Files(order) => plan_files(order, settings).map(|plan| AnyRestorePlan::Data(Box::new(plan))),
    }
}

/// Makes the plan of a backup and writes nothing.
pub fn plan_backup(order: &BackupOrder, settings: &WorkerSettings) -> Result<BackupPlan, Failure> {
    // Which of its own sessions holds a place is for the owner to say.
    let own = Own { state: settings.state.clone().unwrap_or_default(), session: None };
    backup::plan(order, settings, &own)
}

/// The version of restic that workers find; refused where there is none, or one that is too old.
pub fn restic_version(settings: &WorkerSettings) -> Result<String, Failure> {
    backup::restic_version(settings)
}

/// Makes the plan of an opening and writes nothing.
pub fn plan_explore(order: &ExploreOrder, settings: &WorkerSettings) -> Result<ExplorePlan, Failure> {
    // Which of its own sessions holds a place is for the owner to say.
    let own = Own { state: settings.state.clone().unwrap_or_default(), session: None };
    explore::plan(order, settings, &own)
}

/// Makes the plan of taking items out and writes nothing.
pub fn plan_items(order: &ItemOrder, settings: &WorkerSettings) -> Result<ItemPlan, Failure> {
    // Which of its own sessions holds a place is for the owner to say.
    let own = Own { state: settings.state.clone().unwrap_or_default(), session: None };
    items::plan(order, settings, &own)
}

/// Makes the plan of a virtual machine's restore and writes nothing.
pub fn plan_machine(order: &MachineRestore, settings: &WorkerSettings) -> Result<DataPlan, Failure> {
    // Which of its own sessions holds a place is for the owner to say.
    let own = Own { state: settings.state.clone().unwrap_or_default(), session: None };
    machine::plan(order, settings, &own)
}

/// Makes the plan of restoring a tree of files and writes nothing.
pub fn plan_files(order: &FilesRestore, settings: &WorkerSettings) -> Result<DataPlan, Failure> {
    // Which of its own sessions holds a place is for the owner to say.
    let own = Own { state: settings.state.clone().unwrap_or_default(), session: None };
    tree::plan(order, settings, &own)
}

/// The whole attempt, from the first line of the report to the last.
fn carry_out(attempt_dir: &Path, factory: &engine_factory::EngineFactory<'_>, report: &EventWriter, stop: &Stop) -> u8 {
    let ticket = read_ticket(attempt_dir);
    match process::mark(std::process::id()) {
        Some(mark) => report.began(mark, ticket.as_ref().ok().map(|ticket| ticket.session_uuid)),
        None => report.note("this process is not to be found in /proc"),
    }
    let end = match session_lock::wait(attempt_dir, session_lock::TIMEOUT, stop) {
        // Held until the end is reported.
        Ok(_lock) => match ticket {
            Ok(ticket) => {
                note_environment(&ticket.settings.environment, report);
                attempt::carry_out(attempt_dir, &ticket, factory, report, stop)
            }
            Err(failure) => End::Failed(failure),
        },
        Err(Halt::Failed(failure)) => End::Failed(failure),
        Err(Halt::Stopped) => End::Stopped,
    };
    let status = match &end {
        End::Succeeded(_) | End::Damaged(_) | End::Paused(_) | End::Disposed(_) => DONE,
        End::Failed(_) => FAILED,
        End::Stopped => STOPPED,
    };
    if report.ended(end) { status } else { UNREPORTED }
}

/// Says which variables there are of those that the settings name: names, never values.
fn note_environment(patterns: &[VariablePattern], report: &EventWriter) {
    if patterns.is_empty() {
        return;
    }
    let names = std::env::vars_os().map(|(name, _)| name);
    let names = names.filter(|name| patterns.iter().any(|pattern| pattern.matches(name)));
    let names: Vec<String> = names.map(|name| printable_name(&name)).collect();
    report.note(&match names.len() {
        0 => "no variable is set of those that [worker] environment names".to_owned(),
        _ => format!("variables that [worker] environment names: {}", names.join(", ")),
    });
}

/// Runs work that must not take the report down with it.
fn catch_panic<T>(work: impl FnOnce() -> Result<T, Halt>) -> Result<T, Halt> {
    // What the work holds is dropped or cleaned up by its caller; nothing of it is used as if it had succeeded.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        Err(Failure::bug(format!("howdah panicked: {}", text.unwrap_or("without a word"))).into())
    })
}

/// Makes this process the leader of a session of its own, unless it is one already.
fn lead_session() -> io::Result<()> {
    match rustix::process::setsid() {
        Ok(_) => Ok(()),
        Err(_) if rustix::process::getsid(None)? == rustix::process::getpid() => Ok(()),
        Err(e) => Err(io::Error::new(
            io::Error::from(e).kind(),
            "a worker must not be started as the leader of a process group: start it through howdah",
        )),
    }
}

fn read_ticket(attempt_dir: &Path) -> Result<Ticket, Failure> {
    /// The part of a ticket that every version has.
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    let bad = |what: String| Failure::bug(format!("ticket.json in {}: {what}", attempt_dir.display()));
    let bytes = DataDirectory::open(attempt_dir)
        .and_then(|directory| directory.read("ticket.json", MAX_TICKET_LEN))
        .map_err(|e| bad(e.to_string()))?
        .ok_or_else(|| bad("it is missing".to_owned()))?;
    let Versioned { version } = serde_json::from_slice(&bytes).map_err(|e| bad(e.to_string()))?;
    if version > CONTRACT_VERSION {
        return Err(Failure::incurable(
            format!("the ticket is of version {version}, and this howdah reads {CONTRACT_VERSION} and older"),
            "a newer howdah wrote it: use that one, then retry",
        ));
    }
    let ticket = serde_json::from_slice(&bytes).map_err(|e| bad(e.to_string()))?;
    serde_json::from_value(upgrade::ticket(version, ticket)).map_err(|e| bad(e.to_string()))
}
