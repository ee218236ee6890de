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

mod file_check;
mod findings;
mod listing;
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
use plan::Prepared;
use std::{
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};
use work::Work;

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
    request: VerifyRequest,
    prepared: Option<Prepared>,
    reading: Option<Reading>,
    found: Verification,
}

/// What lasts from stage to stage.
#[derive(Debug)]
struct Reading {
    prepared: Prepared,
    work: Arc<Work>,
    findings: Findings,
    threads: usize,
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
    /// Sets the verification up; nothing is looked at yet.
    pub fn new(request: VerifyRequest) -> Self {
        Self { request, prepared: None, reading: None, found: Verification::default() }
    }

    /// Looks what there is, without reading more than the manifest, names and sizes. Damage that shows already here is
    /// reported by [`Self::read`].
    pub fn plan(&mut self) -> Result<VerifyPlan, Failure> {
        let request = self.request.clone();
        let what = request.directory.display().to_string();
        let prepared = watched(&what, request.stall, move |heartbeat| plan::prepare(&request, heartbeat))?;
        let plan = prepared.plan.clone();
        self.prepared = Some(prepared);
        Ok(plan)
    }

    /// Reads every file but the WAL and compares it with the manifest. Plans first if nobody has. Each damage is given
    /// to `found` soon after it was met, in no order.
    pub fn read(&mut self, observer: &dyn Observer, found: &mut dyn FnMut(&Damage)) -> Result<(), Halt> {
        if self.prepared.is_none() {
            self.plan()?;
        }
        let Some(prepared) = self.prepared.take() else {
            return Err(Failure::bug("the verification began without a plan").into());
        };
        let threads = match self.request.threads {
            0 => thread::available_parallelism().map_or(2, std::num::NonZero::get),
            wished => wished,
        };
        let (bytes, files) = (prepared.plan.bytes.0, prepared.plan.files);
        let shared = Arc::new(Shared::new(bytes, files, self.request.max_rate.map(Throttle::new)));
        let (sender, receiver) = mpsc::sync_channel(findings::WAITING);
        let work = Arc::new(Work::new(&self.request, &prepared, shared, sender, threads));
        let reading = self.reading.insert(Reading { prepared, work, findings: Findings::new(receiver), threads });
        for damage in std::mem::take(&mut reading.prepared.damages) {
            findings::add(&mut self.found, damage, found);
        }
        let jobs = match &mut reading.prepared.files {
            plan::Files::Plain { listed, .. } => plain::jobs(std::mem::take(listed), reading.threads),
            plan::Files::Tar { archives, .. } => tar::jobs(std::mem::take(archives), reading.threads),
        };
        reading.run(jobs, &mut self.found, observer, found, self.request.stall)?;
        reading.work.report_missing(&mut self.found, found);
        Ok(())
    }

    /// Reads the WAL that the backup needs and checks its records. Comes after [`Self::read`].
    pub fn check_wal(&mut self, observer: &dyn Observer, found: &mut dyn FnMut(&Damage)) -> Result<(), Halt> {
        let Some(reading) = &mut self.reading else {
            return Err(Failure::bug("the WAL was to be checked before the files").into());
        };
        let jobs = match &mut reading.prepared.files {
            plan::Files::Plain { wal, .. } => plain::jobs(std::mem::take(wal), reading.threads),
            plan::Files::Tar { wal, .. } => tar::jobs(std::mem::take(wal), reading.threads),
        };
        reading.run(jobs, &mut self.found, observer, found, self.request.stall)?;
        reading.work.join_wal(&mut self.found, found);
        reading.work.shared.finalize_totals();
        observer.progress(reading.work.shared.progress());
        Ok(())
    }

    /// What was found so far.
    pub const fn found(&self) -> &Verification {
        &self.found
    }

    /// What was found.
    pub fn finish(self) -> Verification {
        let mut found = self.found;
        if let Some(reading) = &self.reading {
            (found.files, found.bytes) = reading.work.compared();
        }
        found
    }
}

/// Verifies a backup from its beginning to its end: all stages, one after the other.
pub fn verify(
    request: VerifyRequest,
    observer: &dyn Observer,
    found: &mut dyn FnMut(&Damage),
) -> Result<Verification, Halt> {
    let mut verifier = Verifier::new(request);
    verifier.plan()?;
    verifier.read(observer, found)?;
    verifier.check_wal(observer, found)?;
    Ok(verifier.finish())
}

impl Reading {
    fn run(
        &mut self,
        jobs: Vec<Task<Work>>,
        verification: &mut Verification,
        observer: &dyn Observer,
        found: &mut dyn FnMut(&Damage),
        stall: Duration,
    ) -> Result<(), Halt> {
        let findings = &mut self.findings;
        let ended = run(&self.work, jobs, observer, stall, &mut || findings.take_in(verification, found));
        findings.take_in(verification, found);
        ended?;
        findings.unread(verification).map_or(Ok(()), |failure| Err(failure.into()))
    }
}
