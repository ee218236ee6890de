//! Which directory and which port are proposed for an instance, in the console and at the command line.
//!
//! Promises: no two proposals share a place, none is in use as far as [`System`] can tell, and the search is bounded.
//! Never: reserves anything; the plan has the last word.

use crate::domain::{InstanceName, Port, instance::printable_name};
use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
};
use thiserror::Error;

/// What is asked of this machine when targets are proposed. May block: the console calls it off the screen's thread.
pub trait System: Send + Sync {
    /// Whether a directory of this name could be restored into.
    fn occupancy(&self, directory: &Path) -> Occupancy;
    /// Whether somebody listens on this port, or a session holds it.
    fn is_taken(&self, port: Port) -> bool;
}

/// What stands where a directory is wanted.
#[derive(Debug)]
pub enum Occupancy {
    /// Nothing, or an empty directory.
    Free,
    /// Something else.
    Occupied,
    /// The way there cannot be gone: no other name at its end will do either.
    Unreachable(io::Error),
}

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

/// Why no name is free.
#[derive(Debug, Error)]
pub enum NoDirectory {
    /// The directory above cannot be used at all.
    #[error("{} cannot be used: {cause}", shown(.parent))]
    Unreachable {
        /// That directory.
        parent: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// All names are taken that were tried.
    #[error("{} and all names up to {} are taken", shown(.base), shown(&with_suffix(.base, LOOKS)))]
    AllTaken {
        /// The first of them.
        base: PathBuf,
    },
}

/// Why no port is free.
#[derive(Debug, Error)]
#[error("no port from {first} to {last} is free")]
pub struct NoPort {
    first: Port,
    last: u16,
}

/// Names tried for one directory and ports tried for one server. Past a thousand something else is wrong, and the plan
/// says what.
const LOOKS: u16 = 1000;

/// The directory that an instance has if it is free: its name below the common one.
///
/// A name may hold what a path must not; such characters become dashes.
pub fn directory_for(below: &Path, instance: &InstanceName) -> PathBuf {
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ' ' | '+' | '@');
    let name: String = instance.as_str().chars().map(|c| if allowed(c) { c } else { '-' }).collect();
    let name = name.trim_matches(['.', ' ']);
    below.join(if name.is_empty() { "instance" } else { name })
}

/// One proposal for each wanted directory, in order.
pub fn propose(wanted: &Wanted, system: &dyn System) -> Vec<Proposal> {
    let mut directories = wanted.held_directories.clone();
    let mut ports = wanted.held_ports.clone();
    let mut proposals = Vec::new();
    for base in &wanted.directories {
        let clash = |path: &Path| directories.iter().any(|held| held.starts_with(path) || path.starts_with(held));
        let occupancy = |path: &Path| if clash(path) { Occupancy::Occupied } else { system.occupancy(path) };
        // The plan says what is wrong with the name that nothing is better than.
        let directory = free_directory(base, occupancy).unwrap_or_else(|_| base.clone());
        let port = free_port(wanted.first_port, &ports, system).unwrap_or(wanted.first_port);
        directories.push(directory.clone());
        ports.insert(port);
        proposals.push(Proposal { directory, port });
    }
    proposals
}

/// The first name that is free: `base` itself, then `base-2`, `base-3`, ...
pub fn free_directory(base: &Path, occupancy: impl Fn(&Path) -> Occupancy) -> Result<PathBuf, NoDirectory> {
    let numbered = (2..=LOOKS).map(|number| with_suffix(base, number));
    for path in std::iter::once(base.to_owned()).chain(numbered) {
        match occupancy(&path) {
            Occupancy::Free => return Ok(path),
            Occupancy::Occupied => {}
            Occupancy::Unreachable(cause) => {
                let parent = path.parent().unwrap_or(base).to_owned();
                return Err(NoDirectory::Unreachable { parent, cause });
            }
        }
    }
    Err(NoDirectory::AllTaken { base: base.to_owned() })
}

fn shown(path: &Path) -> String {
    printable_name(path.as_os_str())
}

fn with_suffix(base: &Path, number: u16) -> PathBuf {
    let mut name = base.file_name().unwrap_or_default().to_owned();
    name.push(format!("-{number}"));
    base.with_file_name(name)
}

/// The first port that is free, counting up from `first`.
pub fn free_port(first: Port, held: &BTreeSet<Port>, system: &dyn System) -> Result<Port, NoPort> {
    let last = first.number().saturating_add(LOOKS);
    let mut candidates = (first.number()..=last).filter_map(|number| Port::new(number).ok());
    candidates.find(|port| !held.contains(port) && !system.is_taken(*port)).ok_or(NoPort { first, last })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    struct Small {
        occupied: Vec<PathBuf>,
        listening: Vec<u16>,
    }

    impl System for Small {
        fn occupancy(&self, directory: &Path) -> Occupancy {
            if directory.starts_with("/file") {
                return Occupancy::Unreachable(io::ErrorKind::NotADirectory.into());
            }
            let occupied = self.occupied.iter().any(|path| path == directory);
            if occupied { Occupancy::Occupied } else { Occupancy::Free }
        }

        fn is_taken(&self, port: Port) -> bool {
            self.listening.contains(&port.number())
        }
    }

    #[test]
    fn proposals_avoid_what_exists_what_is_held_and_each_other() {
        let system = Small { occupied: vec!["/r/orders".into(), "/r/orders-3".into()], listening: vec![5434] };
        let wanted = Wanted {
            directories: vec!["/r/orders".into(), "/r/crm".into(), "/r/crm".into()],
            held_directories: vec!["/r/orders-2".into()],
            held_ports: [Port::new(5433).unwrap()].into(),
            first_port: Port::new(5433).unwrap(),
        };
        let found: Vec<_> = propose(&wanted, &system)
            .into_iter()
            .map(|proposal| (proposal.directory.display().to_string(), proposal.port.number()))
            .collect();
        let expected = [("/r/orders-4", 5435), ("/r/crm", 5436), ("/r/crm-2", 5437)];
        assert_eq!(found, expected.map(|(path, port)| (path.to_owned(), port)));
    }

    #[test]
    fn a_search_that_finds_nothing_ends_and_says_why() {
        let looks = std::cell::Cell::new(0);
        let search = |occupancy: fn() -> Occupancy| {
            looks.set(0);
            let counted = |_: &Path| {
                looks.set(looks.get() + 1);
                occupancy()
            };
            (free_directory(Path::new("/r/or\u{1b}ders"), counted).unwrap_err().to_string(), looks.get())
        };
        let unreachable = || Occupancy::Unreachable(io::ErrorKind::NotADirectory.into());
        assert_eq!(search(unreachable), ("/r cannot be used: not a directory".to_owned(), 1));
        let taken = "/r/or\\u{1b}ders and all names up to /r/or\\u{1b}ders-1000 are taken";
        assert_eq!(search(|| Occupancy::Occupied), (taken.to_owned(), 1000));
        // The console proposes the name all the same, and the plan says what is wrong with it.
        let system = Small { occupied: Vec::new(), listening: Vec::new() };
        let wanted = Wanted {
            directories: vec!["/file/orders".into()],
            held_directories: Vec::new(),
            held_ports: BTreeSet::new(),
            first_port: Port::new(5433).unwrap(),
        };
        assert_eq!(propose(&wanted, &system)[0].directory, Path::new("/file/orders"));
    }
}
