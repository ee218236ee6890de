//! Which directory and which port the wizard proposes for each instance.
//!
//! Promises: no two proposals share a place, none is in use as far as `World` can tell, and the search is bounded.
//! Never: it reserves nothing; the plan has the last word.

use super::ports::World;
use crate::domain::Port;
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

/// What proposals are wanted for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The directory that each would have if it were free.
    pub directories: Vec<PathBuf>,
    /// Directories that ongoing sessions hold.
    pub held_directories: Vec<PathBuf>,
    /// Ports that ongoing sessions hold.
    pub held_ports: BTreeSet<Port>,
    /// Where counting starts.
    pub first_port: Port,
}

/// A proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The data directory.
    pub directory: PathBuf,
    /// The port.
    pub port: Port,
}

/// Names tried for one directory and ports tried for one server. Past a thousand something else is wrong, and the plan
/// says what.
const LOOKS: u16 = 1000;

/// One proposal for each wanted directory, in order.
pub fn propose(wanted: &Wanted, world: &dyn World) -> Vec<Proposal> {
    let mut directories = wanted.held_directories.clone();
    let mut ports = wanted.held_ports.clone();
    let mut proposals = Vec::new();
    for base in &wanted.directories {
        let directory = free_directory(base, &directories, world);
        let port = free_port(wanted.first_port, &ports, world);
        directories.push(directory.clone());
        ports.insert(port);
        proposals.push(Proposal { directory, port });
    }
    proposals
}

fn free_directory(base: &Path, held: &[PathBuf], world: &dyn World) -> PathBuf {
    let clash = |path: &Path| held.iter().any(|other| other.starts_with(path) || path.starts_with(other));
    let is_free = |path: &PathBuf| !clash(path) && !world.is_occupied(path);
    let numbered = (2..=LOOKS).map(|number| with_suffix(base, number));
    std::iter::once(base.to_owned()).chain(numbered).find(is_free).unwrap_or_else(|| base.to_owned())
}

fn with_suffix(base: &Path, number: u16) -> PathBuf {
    let mut name = base.file_name().unwrap_or_default().to_owned();
    name.push(format!("-{number}"));
    base.with_file_name(name)
}

fn free_port(first: Port, held: &BTreeSet<Port>, world: &dyn World) -> Port {
    let last = first.number().saturating_add(LOOKS);
    let candidates = (first.number()..=last).filter_map(|number| Port::new(number).ok());
    candidates.into_iter().find(|port| !held.contains(port) && !world.listens(*port)).unwrap_or(first)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    struct Small {
        occupied: Vec<PathBuf>,
        listening: Vec<u16>,
    }

    impl World for Small {
        fn is_occupied(&self, directory: &Path) -> bool {
            self.occupied.iter().any(|path| path == directory)
        }

        fn listens(&self, port: Port) -> bool {
            self.listening.contains(&port.number())
        }
    }

    #[test]
    fn proposals_avoid_what_exists_what_is_held_and_each_other() {
        let world = Small { occupied: vec!["/r/orders".into(), "/r/orders-3".into()], listening: vec![5434] };
        let wanted = Wanted {
            directories: vec!["/r/orders".into(), "/r/crm".into(), "/r/crm".into()],
            held_directories: vec!["/r/orders-2".into()],
            held_ports: [Port::new(5433).unwrap()].into(),
            first_port: Port::new(5433).unwrap(),
        };
        let found: Vec<_> = propose(&wanted, &world)
            .into_iter()
            .map(|proposal| (proposal.directory.display().to_string(), proposal.port.number()))
            .collect();
        let expected = [("/r/orders-4", 5435), ("/r/crm", 5436), ("/r/crm-2", 5437)];
        assert_eq!(found, expected.map(|(path, port)| (path.to_owned(), port)));
    }
}
