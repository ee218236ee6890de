//! From what a person typed to a request that is valid by construction.

use super::{
    choice,
    context::AppContext,
    proposals::{self, Taken},
    recovery,
};
use crate::{
    catalog::{Catalog, CatalogEntry, CatalogInstance},
    cli::{args::RestoreArgs, report::Refused, restore_options::RestoreOptions},
    domain::{
        ClusterRestore, ExistingData, FilesRestore, InstanceName, MachineRestore, MachineRestorePoint, MissingWal,
        Recovery, RestoreOrder, RestorePoint, RetryPolicy, ServerWish, Target, TreeRestorePoint,
        restore::{SYSTEM_URI, restored_name},
    },
};
use std::path::{Path, PathBuf};

/// How a person agrees at the shell to files that no server can start on.
pub(super) const WITHOUT_WAL: &str = "add --without-wal to restore the files all the same";

/// The request of `howdah restore`, or why there is none.
pub(super) fn request(
    context: &AppContext,
    catalog: &Catalog,
    args: &RestoreArgs,
    wish: &Recovery,
) -> Result<RestoreOrder, Refused> {
    beside(&Taken::default(), context, catalog, (&args.instance, &args.how, wish))
}

/// The same for one of several: what is not named by the person is chosen beside what is taken.
pub(super) fn beside(
    taken: &Taken,
    context: &AppContext,
    catalog: &Catalog,
    (instance, args, wish): (&str, &RestoreOptions, &Recovery),
) -> Result<RestoreOrder, Refused> {
    let (one, row) = choice::row(catalog, instance, args.point.as_deref())?;
    if let Some(option) = foreign_option(row, args) {
        let what = one.workload.noun();
        return Err(format!("{option} has no meaning for a {what}; see howdah restore --help").into());
    }
    let directory = directory(taken, context, one, args)?;
    match row {
        CatalogEntry::Restorable(point) => {
            let (point, recovery) = if wish.goes_beyond_backup() {
                recovery::resolve(context, one, args.point.as_deref(), wish.clone())?
            } else {
                (point.clone(), wish.clone())
            };
            cluster(taken, (point, recovery), &directory, args).map(RestoreOrder::Cluster)
        }
        CatalogEntry::Machine(point) => Ok(RestoreOrder::VirtualMachine(machine(point, directory, args))),
        CatalogEntry::Tree(point) => Ok(RestoreOrder::Files(tree(point, directory, args))),
        CatalogEntry::Unreadable { problem, .. } => Err(problem.clone().into()),
    }
}

fn directory(
    taken: &Taken,
    context: &AppContext,
    one: &CatalogInstance,
    args: &RestoreOptions,
) -> Result<PathBuf, String> {
    match &args.to {
        Some(directory) => std::path::absolute(directory).map_err(|error| error.to_string()),
        None => proposals::free_directory(&context.config.restore_dir, &one.bare_name(), taken),
    }
}

fn cluster(
    taken: &Taken,
    (point, recovery): (RestorePoint, Recovery),
    directory: &Path,
    args: &RestoreOptions,
) -> Result<ClusterRestore, Refused> {
    let port = args.port.map_or_else(|| proposals::free_port(taken), Ok)?;
    let mut target = Target::new(directory, port).map_err(|error| error.to_string())?;
    for (oid, home) in &args.tablespace {
        target = target.with_tablespace(*oid, home).map_err(|error| error.to_string())?;
    }
    let existing = match &args.set_aside {
        None => ExistingData::Refuse,
        Some(typed) if Path::new(typed).file_name() == directory.file_name() => ExistingData::SetAside,
        Some(typed) => {
            let directory = directory.display();
            let reason = format!("--set-aside {typed:?} does not name the target: type the last part of {directory}");
            return Err(reason.into());
        }
    };
    let server = match (args.no_start, args.stop_after_probe) {
        (true, _) => ServerWish::FilesOnly,
        (false, true) => ServerWish::StopAfterProbe,
        (false, false) => ServerWish::LeaveRunning,
    };
    let missing_wal = if args.without_wal { MissingWal::Accept } else { MissingWal::Refuse };
    Ok(ClusterRestore { point, target, recovery, server, max_rate: args.max_rate, existing, missing_wal })
}

fn machine(point: &MachineRestorePoint, directory: PathBuf, args: &RestoreOptions) -> MachineRestore {
    MachineRestore {
        machine: point.machine.clone(),
        label: point.label.clone(),
        backup: point.directory.clone(),
        size: point.size,
        taken_at: point.taken_at,
        name: args.of.name.as_deref().map_or_else(|| restored_name(&directory), InstanceName::new),
        uri: args.of.connect.as_ref().or(point.uri.as_ref()).map_or_else(|| SYSTEM_URI.to_owned(), Clone::clone),
        start: !args.no_start,
        network: args.of.network,
        max_rate: args.max_rate,
        directory,
    }
}

fn tree(point: &TreeRestorePoint, directory: PathBuf, args: &RestoreOptions) -> FilesRestore {
    FilesRestore {
        tree: point.tree.clone(),
        repository: point.repository.to_string_lossy().into_owned(),
        password_file: Some(point.password_file.clone()),
        label: point.label.clone(),
        snapshot: point.snapshot.clone(),
        taken_at: point.taken_at,
        directory,
        include: args.of.include.clone(),
    }
}

/// The first option that was given and that a restore of this has no use for.
fn foreign_option(row: &CatalogEntry, args: &RestoreOptions) -> Option<&'static str> {
    let of_cluster = [
        (args.port.is_some(), "--port"),
        (!args.tablespace.is_empty(), "--tablespace"),
        (args.without_wal, "--without-wal"),
        (args.stop_after_probe, "--stop-after-probe"),
        (args.set_aside.is_some(), "--set-aside"),
    ];
    let of_machine =
        [(args.of.name.is_some(), "--name"), (args.of.connect.is_some(), "--connect"), (args.of.network, "--network")];
    let of_tree = [(!args.of.include.is_empty(), "--include")];
    let of_both = [(args.no_start, "--no-start"), (args.max_rate.is_some(), "--max-rate")];
    let foreign: &[&[(bool, &'static str)]] = match row {
        CatalogEntry::Restorable(_) | CatalogEntry::Unreadable { .. } => &[&of_machine, &of_tree],
        CatalogEntry::Machine(_) => &[&of_cluster, &of_tree],
        CatalogEntry::Tree(_) => &[&of_cluster, &of_machine, &of_both],
    };
    let foreign = foreign.iter().copied().flatten().find(|(is_given, _)| *is_given).map(|(_, option)| *option);
    let of_recovery = || match row {
        CatalogEntry::Restorable(_) | CatalogEntry::Unreadable { .. } => None,
        CatalogEntry::Machine(_) | CatalogEntry::Tree(_) => args.recovery.first_given(),
    };
    foreign.or_else(of_recovery)
}

/// The tries that were asked for; none leaves them to the owner's own setting.
pub(super) fn policy(context: &AppContext, how: &RestoreOptions) -> Option<RetryPolicy> {
    if how.tries.is_none() && how.every.is_none() {
        return None;
    }
    let own = context.config.policy();
    let (tries, every) = (how.tries.unwrap_or(own.tries), how.every.unwrap_or(own.every));
    Some(RetryPolicy { tries, every, ..own })
}
