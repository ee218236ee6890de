//! The orders that the form of the wizard makes, or which field has to be changed first.

use super::form::{Choice, Field, Form, MachineWish};
use crate::{
    console::{format, ports::CatalogEntry},
    domain::{
        ClusterRestore, FilesRestore, InstanceName, MachineRestore, Port, Rate, Recovery, RecoveryGoal, RestoreOrder,
        ServerWish, Target, restore::SYSTEM_URI,
    },
};
use std::path::PathBuf;

/// Why a cluster can only be recovered to its backup's own end, and what to do.
pub(in crate::console) const NO_ARCHIVE: &str =
    "No archive of its WAL is known: name one in howdah.toml, as wal = \"/srv/wal/{instance}\" of its [[repository]]";

impl Form {
    /// Whether this field leads to the recoverable window of its choice.
    pub fn has_archive(&self, field: Field) -> bool {
        match field {
            Field::Goal(choice) => self.choices.get(choice).is_some_and(|one| one.archive.is_some()),
            Field::Point(_)
            | Field::Directory(_)
            | Field::Port(_)
            | Field::Name(_)
            | Field::Include(_)
            | Field::Server
            | Field::Machine
            | Field::Rate
            | Field::Existing
            | Field::MissingWal => false,
        }
    }

    /// One request for each choice, or which field has to be changed and why.
    pub fn requests(&self) -> Result<Vec<RestoreOrder>, (Field, String)> {
        let max_rate = match self.rate.value().trim() {
            "" => None,
            text => Some(text.parse::<Rate>().map_err(|error| (Field::Rate, error.to_string()))?),
        };
        let mut made: Vec<(&Choice, RestoreOrder)> = Vec::new();
        for (number, choice) in self.choices.iter().enumerate() {
            let Some(request) = self.request((number, choice), max_rate)? else { continue };
            for (other, earlier) in &made {
                let (mine, theirs) = (request.directory(), earlier.directory());
                if mine.starts_with(theirs) || theirs.starts_with(mine) {
                    let both = format!("{} and {} would lie in each other", choice.title, other.title);
                    return Err((Field::Directory(number), both + ": give each its own directory"));
                }
                let port = |order: &RestoreOrder| order.cluster().map(|order| order.target.port());
                if let Some(port) = port(&request).filter(|mine| port(earlier) == Some(*mine)) {
                    let both = format!("{} and {} would share port {port}", choice.title, other.title);
                    return Err((Field::Port(number), both + ": give each its own"));
                }
            }
            made.push((choice, request));
        }
        Ok(made.into_iter().map(|(_, request)| request).collect())
    }

    /// The request of one choice, or which of its fields has to be changed and why.
    fn request(
        &self,
        (number, choice): (usize, &Choice),
        max_rate: Option<Rate>,
    ) -> Result<Option<RestoreOrder>, (Field, String)> {
        let directory = || {
            let directory = PathBuf::from(choice.directory.value());
            let relative = || (Field::Directory(number), problem_of(choice, &"the directory must be an absolute path"));
            if directory.is_absolute() { Ok(directory) } else { Err(relative()) }
        };
        let request = match choice.chosen() {
            None | Some(CatalogEntry::Unreadable { .. }) => return Ok(None),
            Some(CatalogEntry::Restorable(point)) => {
                let port = choice.detail.value().parse::<Port>();
                let port = port.map_err(|error| (Field::Port(number), problem_of(choice, &error)))?;
                let target = Target::new(choice.directory.value(), port);
                let target = target.map_err(|error| (Field::Directory(number), problem_of(choice, &error)))?;
                let (server, existing, missing_wal) = (self.server, self.existing, self.missing_wal);
                let (point, recovery) = (point.clone(), choice.recovery());
                if recovery.goes_beyond_backup() && server == ServerWish::FilesOnly {
                    let problem = "recovery needs a server: choose one, or recover to the backup's own end";
                    return Err((Field::Server, problem_of(choice, &problem)));
                }
                RestoreOrder::Cluster(ClusterRestore {
                    point,
                    target,
                    recovery,
                    server,
                    max_rate,
                    existing,
                    missing_wal,
                })
            }
            Some(CatalogEntry::Machine(point)) => {
                if choice.detail.value().is_empty() {
                    return Err((Field::Name(number), problem_of(choice, &"give the restored machine a name")));
                }
                RestoreOrder::VirtualMachine(MachineRestore {
                    machine: point.machine.clone(),
                    label: point.label.clone(),
                    backup: point.directory.clone(),
                    size: point.size,
                    taken_at: point.taken_at,
                    directory: directory()?,
                    name: InstanceName::new(choice.detail.value()),
                    uri: point.uri.clone().unwrap_or_else(|| SYSTEM_URI.to_owned()),
                    start: self.machine != MachineWish::DefineOnly,
                    network: self.machine == MachineWish::StartConnected,
                    max_rate,
                })
            }
            Some(CatalogEntry::Tree(point)) => {
                let wanted = Some(choice.detail.value()).filter(|path| !path.is_empty());
                RestoreOrder::Files(FilesRestore {
                    tree: point.tree.clone(),
                    repository: point.repository.to_string_lossy().into_owned(),
                    password_file: Some(point.password_file.clone()),
                    label: point.label.clone(),
                    snapshot: point.snapshot.clone(),
                    taken_at: point.taken_at,
                    directory: directory()?,
                    include: wanted.into_iter().map(PathBuf::from).collect(),
                })
            }
        };
        Ok(Some(request))
    }
}

fn problem_of(choice: &Choice, error: &dyn std::fmt::Display) -> String {
    format::clean(&format!("{}: {error}", choice.title)).into_owned()
}

impl Choice {
    /// How far it is recovered, as an order says it.
    fn recovery(&self) -> Recovery {
        let wish = &self.recovery;
        match (&wish.goal, &self.archive) {
            (RecoveryGoal::Consistent, _) | (_, None) => Recovery::to_consistency(),
            (_, Some(archive)) => wish.recovery(&archive.directory),
        }
    }
}
