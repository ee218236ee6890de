//! What stands on this machine where a restore would go: files, listeners, and the claims of other sessions.

use crate::{
    catalog::propose::{Occupancy, System},
    domain::{Hold, Port},
    engine::claim,
    postgres::server::port,
};
use std::{fs, io, net::Ipv4Addr, path::Path};

/// The real machine.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ThisMachine;

impl ThisMachine {
    /// What stands under this name, where even an empty directory is in the way.
    pub(super) fn of_name(path: &Path) -> Occupancy {
        match path.symlink_metadata() {
            Ok(_) => Occupancy::Occupied,
            Err(error) if error.kind() == io::ErrorKind::NotFound => claimed_or_free(path),
            Err(error) => Occupancy::Unreachable(error),
        }
    }
}

impl System for ThisMachine {
    fn occupancy(&self, directory: &Path) -> Occupancy {
        match fs::read_dir(directory) {
            Ok(mut entries) => entries.next().map_or_else(|| claimed_or_free(directory), |_| Occupancy::Occupied),
            // A file, or what may not be looked into.
            Err(_) => Self::of_name(directory),
        }
    }

    fn is_taken(&self, port: Port) -> bool {
        // What can be bound is free. A port below 1024 may be refused for another reason, and is not proposed then.
        port::bind((Ipv4Addr::LOCALHOST, port.number()).into()).is_err() || claim::is_held(&Hold::Port(port))
    }
}

fn claimed_or_free(directory: &Path) -> Occupancy {
    if claim::is_held(&Hold::Directory(directory.to_owned())) { Occupancy::Occupied } else { Occupancy::Free }
}
