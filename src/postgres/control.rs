//! `global/pg_control`: which cluster a data directory is, and in which state it was left.
//!
//! Promises: only the first fields are read, whose place has not changed since PostgreSQL 8. Never: writes anything,
//! or judges whether the rest of the file is whole (the manifest's checksum does that).
//!
//! Source: `ControlFileData` in `src/include/catalog/pg_control.h`.

use crate::domain::SystemIdentifier;
use std::fmt;
use thiserror::Error;

/// The file's path below a data directory.
pub const CONTROL_FILE: &str = "global/pg_control";

/// The bytes that [`ControlFile::parse`] needs.
pub const CONTROL_PREFIX: usize = 20;

/// The beginning of a control file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ControlFile {
    /// The cluster.
    pub system_identifier: SystemIdentifier,
    /// The version of the file's own layout, such as 1300 (not the major version: 13 to 16 share it).
    pub control_version: u32,
    /// The version of the system catalogs, such as 202209061; each major version has its own.
    pub catalog_version: u32,
    /// What the server was doing when it wrote the file.
    pub state: ClusterState,
}

/// `DBState`: what the server was doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClusterState {
    /// Starting up.
    StartingUp,
    /// Cleanly shut down.
    ShutDown,
    /// Cleanly shut down while it was a standby.
    ShutDownInRecovery,
    /// Shutting down.
    ShuttingDown,
    /// Replaying after a crash.
    InCrashRecovery,
    /// Replaying from a backup or as a standby.
    InArchiveRecovery,
    /// Serving.
    InProduction,
    /// A number that this code does not know.
    Unknown(u32),
}

/// Why bytes are not the beginning of a control file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ControlError {
    /// Too few bytes.
    #[error("pg_control has only {0} bytes")]
    Short(usize),
    /// The version of the layout makes no sense in our byte order, but does in the other.
    #[error("pg_control was written on a machine with another byte order")]
    ByteOrder,
    /// The version of the layout makes no sense.
    #[error("pg_control has the layout version {0}, which no PostgreSQL has")]
    Version(u32),
}

impl ControlFile {
    /// Reads the first [`CONTROL_PREFIX`] bytes of a control file; more may be given.
    pub fn parse(bytes: &[u8]) -> Result<Self, ControlError> {
        let prefix: &[u8; CONTROL_PREFIX] = bytes.first_chunk().ok_or(ControlError::Short(bytes.len()))?;
        let (identifier, rest) = prefix.split_first_chunk::<8>().ok_or(ControlError::Short(bytes.len()))?;
        let field = |at: usize| u32::from_le_bytes([rest[at], rest[at + 1], rest[at + 2], rest[at + 3]]);
        // PostgreSQL numbers the layout as it numbers itself (1300 came with 13.0), so real ones are small.
        let plausible = |version: u32| (800..100_000).contains(&version);
        let control_version = field(0);
        if !plausible(control_version) {
            let turned = plausible(control_version.swap_bytes());
            return Err(if turned { ControlError::ByteOrder } else { ControlError::Version(control_version) });
        }
        Ok(Self {
            system_identifier: SystemIdentifier(u64::from_le_bytes(*identifier)),
            control_version,
            catalog_version: field(4),
            state: ClusterState::of(field(8)),
        })
    }
}

impl ClusterState {
    const fn of(number: u32) -> Self {
        match number {
            0 => Self::StartingUp,
            1 => Self::ShutDown,
            2 => Self::ShutDownInRecovery,
            3 => Self::ShuttingDown,
            4 => Self::InCrashRecovery,
            5 => Self::InArchiveRecovery,
            6 => Self::InProduction,
            other => Self::Unknown(other),
        }
    }
}

impl fmt::Display for ClusterState {
    /// As `pg_controldata` writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StartingUp => f.pad("starting up"),
            Self::ShutDown => f.pad("shut down"),
            Self::ShutDownInRecovery => f.pad("shut down in recovery"),
            Self::ShuttingDown => f.pad("shutting down"),
            Self::InCrashRecovery => f.pad("in crash recovery"),
            Self::InArchiveRecovery => f.pad("in archive recovery"),
            Self::InProduction => f.pad("in production"),
            Self::Unknown(number) => f.pad(&format!("state {number}")),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    /// The first bytes of a control file of PostgreSQL 15.18, of which `pg_controldata` prints
    /// "1300", "202209061", "7710403831534593625" and "shut down".
    const REAL: [u8; CONTROL_PREFIX] = [
        0x59, 0x26, 0x6e, 0xed, 0x6e, 0xdb, 0x00, 0x6b, 0x14, 0x05, 0x00, 0x00, 0x25, 0x77, 0x0d, 0x0c, 0x01, 0x00,
        0x00, 0x00,
    ];

    #[test]
    fn a_real_file_reads_as_pg_controldata_tells_it() {
        let control = ControlFile::parse(&REAL).unwrap();
        assert_eq!(control.system_identifier, SystemIdentifier(7_710_403_831_534_593_625));
        assert_eq!((control.control_version, control.catalog_version), (1300, 202_209_061));
        assert_eq!(control.state.to_string(), "shut down");
    }

    #[test]
    fn what_is_not_a_control_file_is_refused() {
        let mut turned = REAL;
        turned[8..12].reverse();
        assert_eq!(ControlFile::parse(&turned), Err(ControlError::ByteOrder));
        assert_eq!(ControlFile::parse(&[0; 8192]), Err(ControlError::Version(0)));
        assert_eq!(ControlFile::parse(&REAL[..19]), Err(ControlError::Short(19)));
    }
}
