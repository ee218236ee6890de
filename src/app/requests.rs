//! From what a person typed to a request that is valid by construction.

use super::{choice, setting::Setting};
use crate::{
    catalog::Catalog,
    cli::{
        args::{How, RestoreArgs},
        report::Refused,
    },
    console::{places, ports::Occupancy},
    domain::{ExistingData, MissingWal, Port, RestoreRequest, ServerWish, Target},
};
use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
};

/// The first port that a restored server is offered: beside PostgreSQL's own 5432, which a live server may hold.
pub(super) const FIRST_PORT: u16 = 5433;

/// How a person agrees at the shell to files that no server can start on.
pub(super) const WITHOUT_WAL: &str = "add --without-wal to restore the files all the same";

/// What ongoing sessions hold, and what earlier requests of the same order will.
#[derive(Debug, Default)]
pub(super) struct Taken {
    directories: BTreeSet<PathBuf>,
    ports: BTreeSet<u16>,
}

impl Taken {
    /// Adds what a session of this request holds.
    pub(super) fn add(&mut self, request: &RestoreRequest) {
        self.directories.insert(request.target.directory().to_owned());
        self.ports.insert(request.target.port().number());
    }
}

/// The request of `howdah restore`, or why there is none.
pub(super) fn request(setting: &Setting, catalog: &Catalog, args: &RestoreArgs) -> Result<RestoreRequest, Refused> {
    beside(&Taken::default(), setting, catalog, &args.instance, &args.how)
}

/// The same for one of several: what is not named by the person is chosen beside what is taken.
pub(super) fn beside(
    taken: &Taken,
    setting: &Setting,
    catalog: &Catalog,
    instance: &str,
    args: &How,
) -> Result<RestoreRequest, Refused> {
    let point = choice::point(catalog, instance, args.point.as_deref())?;
    let directory = match &args.to {
        Some(directory) => std::path::absolute(directory).map_err(|error| error.to_string())?,
        None => free_directory(&setting.config.restore_dir, point.instance.as_str(), &taken.directories)?,
    };
    let port = args.port.map_or_else(|| free_port(&taken.ports), Ok)?;
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
    Ok(RestoreRequest { point, target, server, max_rate: args.max_rate, existing, missing_wal })
}

/// A directory for this instance that does not exist yet: `<base>/<instance>`, then `-2`, `-3`, ...
fn free_directory(base: &Path, instance: &str, taken: &BTreeSet<PathBuf>) -> Result<PathBuf, String> {
    let name: String =
        instance.chars().map(|c| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect();
    let name = if name.trim_matches('.').is_empty() { "instance".to_owned() } else { name };
    let occupancy = |path: &Path| if taken.contains(path) { Occupancy::Occupied } else { Occupancy::of_name(path) };
    places::free_directory(&base.join(name), occupancy).map_err(|error| {
        format!("no directory can be proposed: {error}; name one with --to, or another restore_dir in howdah.toml")
    })
}

/// The first port that nobody listens on now.
fn free_port(taken: &BTreeSet<u16>) -> Result<Port, String> {
    let free = |port: &u16| !taken.contains(port) && TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    let number = (FIRST_PORT..=u16::MAX).find(free).ok_or("no port above 5432 is free; name one with --port")?;
    Port::new(number).map_err(|error| error.to_string())
}
