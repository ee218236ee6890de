//! What can be known of the WAL of a restore that starts no server: whether one could be started later.
//!
//! Promises: nothing is called verified that was not read (S15). Never: damaged WAL makes the restore fail; whoever wants
//! the files alone gets them, with a warning.

use super::Restore;
use crate::{
    domain::{Failure, FailureClass, plan::WalFinding},
    engine::Halt,
    postgres::{
        account::Account,
        binaries::Binaries,
        manifest::{self, Manifest},
        server::classify,
        wal_check::{self, WalReading},
    },
    worker::server::ServerSupervisor,
};

/// What a person should read of it, and what was not verified.
#[derive(Debug, Default)]
pub(in crate::worker) struct WalReport {
    pub(in crate::worker) warnings: Vec<String>,
    pub(in crate::worker) unchecked: Vec<String>,
}

impl Restore<'_> {
    /// Reads the WAL that the files need, where its programs are here.
    pub(in crate::worker) fn read_wal(
        &self,
        planned: &WalFinding,
        account: &Account,
        binaries: Option<&Binaries>,
    ) -> Result<WalReport, Halt> {
        let mut report = WalReport::default();
        let (start, stop) = match planned {
            WalFinding::Included { start, stop } => (start, stop),
            WalFinding::Missing { what } => {
                let then = "no server can start on these files before it is put into pg_wal";
                report.warnings.push(format!("{what}: {then}"));
                return Ok(report);
            }
        };
        let Some(binaries) = binaries.filter(|binaries| binaries.directory().join("pg_waldump").is_file()) else {
            let why = "no pg_waldump of its version is on this machine";
            report.unchecked.push(format!("the WAL from {start} to {stop} is there and was not read: {why}"));
            return Ok(report);
        };
        self.report.detail(&format!("reading the WAL from {start} to {stop}"));
        match self.read_ranges(account, binaries)? {
            WalReading::Whole => {}
            WalReading::Damaged(said) => {
                let then = "no server can start on these files";
                report.warnings.push(format!("the WAL from {start} to {stop} is there but damaged: {said}: {then}"));
            }
            WalReading::Stopped => return Err(Halt::Stopped),
        }
        Ok(report)
    }

    /// A server that gave up on WAL which is there logs little of why: the WAL itself is read.
    pub(in crate::worker) fn blame_wal(
        &self,
        halt: Halt,
        planned: &WalFinding,
        supervisor: &ServerSupervisor<'_>,
    ) -> Halt {
        let failure = match (halt, planned) {
            (Halt::Failed(failure), WalFinding::Included { .. }) if failure.class == FailureClass::Incurable => failure,
            (halt, _) => return halt,
        };
        let reading = self.read_ranges(&supervisor.account, &supervisor.binaries);
        match reading {
            Ok(WalReading::Damaged(said)) => {
                let cause = format!("{}: the WAL is there but damaged: {said}", failure.cause);
                Failure::incurable(cause, "restore another backup, or get an undamaged copy of this one's WAL").into()
            }
            // What the server logged stands.
            Ok(WalReading::Whole | WalReading::Stopped) | Err(_) => failure.into(),
        }
    }

    fn read_ranges(&self, account: &Account, binaries: &Binaries) -> Result<WalReading, Failure> {
        let data = self.request.target.directory();
        let path = data.join(manifest::FILE_NAME);
        let manifest = Manifest::read(&path)
            .map_err(|error| Failure::incurable(format!("{}: {error}", path.display()), "restore it again"))?;
        let stop_requested = || self.stop.requested();
        wal_check::read(&manifest.wal_ranges, &data.join("pg_wal"), account, binaries, &stop_requested)
            .map_err(|error| classify::of_io("running pg_waldump", &error))
    }
}
