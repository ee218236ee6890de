//! From what a person typed to a request that is valid by construction.

use super::{
    choice,
    context::AppContext,
    proposals::{self, Taken},
};
use crate::{
    catalog::Catalog,
    cli::{args::RestoreArgs, report::Refused, restore_options::RestoreOptions},
    domain::{ClusterRestore, ExistingData, MissingWal, Recovery, RetryPolicy, ServerWish, Target},
};
use std::path::Path;

/// How a person agrees at the shell to files that no server can start on.
pub(super) const WITHOUT_WAL: &str = "add --without-wal to restore the files all the same";

/// The request of `howdah restore`, or why there is none.
pub(super) fn request(context: &AppContext, catalog: &Catalog, args: &RestoreArgs) -> Result<ClusterRestore, Refused> {
    beside(&Taken::default(), context, catalog, &args.instance, &args.how)
}

/// The same for one of several: what is not named by the person is chosen beside what is taken.
pub(super) fn beside(
    taken: &Taken,
    context: &AppContext,
    catalog: &Catalog,
    instance: &str,
    args: &RestoreOptions,
) -> Result<ClusterRestore, Refused> {
    let point = choice::point(catalog, instance, args.point.as_deref())?;
    let directory = match &args.to {
        Some(directory) => std::path::absolute(directory).map_err(|error| error.to_string())?,
        None => proposals::free_directory(&context.config.restore_dir, &point.instance, taken)?,
    };
    let port = args.port.map_or_else(|| proposals::free_port(taken), Ok)?;
    let mut target = Target::new(&directory, port).map_err(|error| error.to_string())?;
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
    let recovery = Recovery::to_consistency();
    Ok(ClusterRestore { point, target, recovery, server, max_rate: args.max_rate, existing, missing_wal })
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
