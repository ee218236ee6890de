//! Verifying a backup that `pg_basebackup` wrote, where it lies: plain directories and archives, however they are packed.
//!
//! The work has three stages: [`Verifier::plan`] looks what there is, [`Verifier::read`] reads every file that the
//! manifest lists and compares it, [`Verifier::check_wal`] reads the WAL that the backup needs, record by record. What
//! was found is a [`Verification`], whatever it says.
//!
//! Promises: a backup is read to its end whatever is found in it; damage is a result, and each damage is handed on when
//! it is found. A file that cannot be read is no damage: its stage goes on to its end and fails then, naming the file;
//! when the whole repository is gone, the stage fails at once. A verification that failed begins anew.
//! Never: writes anything anywhere, opens what is no regular file, follows a link other than those of tablespaces and
//! `pg_wal`, or calls verified what was not compared (S15).

mod failures;
mod file_check;
mod findings;
mod listing;
mod names;
mod plain;
mod plan;
mod tar;
#[cfg(test)]
mod tests;
mod wal;
mod work;

use super::{
    Halt, Observer,
    source::{
        run::{Task, run},
        shared::Shared,
        throttle::Throttle,
    },
    watched::watched,
};
use crate::{
    domain::{BackupForm, Damage, Failure, Rate, SystemIdentifier, Verification, VerifyPlan, WorkerSettings},
    postgres::manifest::WalRange,
};
use findings::Findings;
use plan::{Files, Prepared};
use std::{
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};
use work::VerifyContext;

/// What is verified, and how.
#[derive(Debug, Clone)]
pub struct VerifyRequest {
    /// Where the backup lies.
    pub directory: PathBuf,
    /// Its form.
    pub form: BackupForm,
    /// The cluster that it is of, if that is known; what the backup itself says counts more.
    pub system_identifier: Option<SystemIdentifier>,
    /// The WAL that it needs, if that is known; used where its manifest cannot be read.
    pub wal: Option<WalRange>,
    /// The most bytes to read in a second.
    pub max_rate: Option<Rate>,
    /// Threads that read; 0 means one for each processor.
    pub threads: usize,
    /// How long a read may bring nothing.
    pub stall: Duration,
}

/// The verification of one backup.
#[derive(Debug)]
pub struct Verifier {
    /// What will be read, taken out when it is.
    files: Files,
    /// What was wrong at the first look, until it is handed on.
    seen: Vec<Damage>,
    work: Arc<VerifyContext>,
    findings: Findings,
    threads: usize,
    stall: Duration,
    found: Verification,
}

impl VerifyRequest {
    /// A request with the worker's settings, without a limit.
    pub fn new(directory: &Path, form: BackupForm, settings: &WorkerSettings) -> Self {
        Self {
            directory: directory.to_owned(),
            form,
            system_identifier: None,
            wal: None,
            max_rate: None,
            threads: settings.copy_workers,
            stall: settings.stall_timeout,
        }
    }
}

impl Verifier {
    /// Looks what there is, without reading more than the manifest, names and sizes. Damage that shows already here is
    /// reported by [`Self::read`].
    pub fn plan(request: &VerifyRequest) -> Result<(Self, VerifyPlan), Failure> {
        let (what, stall) = (request.directory.display().to_string(), request.stall);
        let asked = request.clone();
        let Prepared { plan, listing, damages, files } =
            watched(&what, stall, move |heartbeat| plan::prepare(&asked, heartbeat))?;
        let threads = match request.threads {
            0 => thread::available_parallelism().map_or(2, std::num::NonZero::get),
            wished => wished,
        };
        let shared = Arc::new(Shared::new(plan.bytes.0, plan.files, request.max_rate.map(Throttle::new)));
        let (sender, receiver) = mpsc::sync_channel(findings::WAITING);
        let work = Arc::new(VerifyContext::new(request, (listing, &files), shared, sender, threads));
        let (findings, found) = (Findings::new(receiver), Verification::default());
        Ok((Self { files, seen: damages, work, findings, threads, stall, found }, plan))
    }

    /// Reads every file but the WAL and compares it with the manifest. Each damage is given to `found` soon after it was
    /// met, in no order.
    pub fn read(&mut self, observer: &dyn Observer, found: &mut dyn FnMut(&Damage)) -> Result<(), Halt> {
        for damage in std::mem::take(&mut self.seen) {
            findings::add(&mut self.found, damage, found);
        }
        let jobs = match &mut self.files {
            Files::Plain { listed, .. } => plain::jobs(std::mem::take(listed), self.threads),
            Files::Tar { archives, .. } => tar::jobs(std::mem::take(archives), self.threads),
        };
        self.run(jobs, observer, found)?;
        self.work.report_missing(&mut self.found, found);
        Ok(())
    }

    /// Reads the WAL that the backup needs and checks its records. Comes after [`Self::read`]: WAL may lie among the
    /// files, and the cluster is known from them.
    pub fn check_wal(&mut self, observer: &dyn Observer, found: &mut dyn FnMut(&Damage)) -> Result<(), Halt> {
        let jobs = match &mut self.files {
            Files::Plain { wal, .. } => plain::jobs(std::mem::take(wal), self.threads),
            Files::Tar { wal, .. } => tar::jobs(std::mem::take(wal), self.threads),
        };
        self.run(jobs, observer, found)?;
        self.work.join_wal(&mut self.found, found);
        self.work.shared.finalize_totals();
        observer.progress(self.work.shared.progress());
        Ok(())
    }

    /// What was found so far.
    pub const fn found(&self) -> &Verification {
        &self.found
    }

    /// What was found.
    pub fn finish(self) -> Verification {
        let (files, bytes) = self.work.compared();
        Verification { files, bytes, ..self.found }
    }

    fn run(
        &mut self,
        jobs: Vec<Task<VerifyContext>>,
        observer: &dyn Observer,
        found: &mut dyn FnMut(&Damage),
    ) -> Result<(), Halt> {
        let (findings, verification) = (&mut self.findings, &mut self.found);
        let ended = run(&self.work, jobs, observer, self.stall, &mut || findings.take_in(verification, found));
        findings.take_in(verification, found);
        ended?;
        findings.unread(verification).map_or(Ok(()), |failure| Err(failure.into()))
    }
}
