//! `virsh`, asked and told as a program of its own.
//!
//! Promises: each call ends, or is ended, within its limit; none waits for a person, since nothing is on its standard
//! input. Never: reads a result from a sentence that it prints for people; only why it failed is read from those.

use super::{
    job_info::JobInfo,
    machine::{self, DiskRoom, Machine},
    wording::{self, Meaning},
    xml,
};
use crate::{
    domain::{Failure, instance::printable},
    postgres::command_output::{CommandError, long_answer},
};
use roxmltree::{Document, Node};
use std::{collections::BTreeMap, io, path::Path, process::Command, time::Duration};

/// The program.
const PROGRAM: &str = "virsh";

/// A call takes 20 to 130 ms. One that has to wait for the machine's lock gives up after 30 s by itself.
const LIMIT: Duration = Duration::from_secs(45);

/// The bytes of an answer that are read: a description grows with what others keep in its metadata.
const MAX_ANSWER: u64 = 16 << 20;

/// A connection to libvirt on this machine.
#[derive(Debug, Clone)]
pub(crate) struct Virsh {
    uri: String,
}

/// Why a call failed.
#[derive(Debug)]
pub(crate) struct VirshError {
    doing: String,
    said: String,
    /// `virsh` itself was not to be had, or did not answer.
    itself: Option<Failure>,
}

impl VirshError {
    /// What it means, where that is known.
    pub(crate) fn meaning(&self) -> Option<Meaning> {
        if self.itself.is_some() { None } else { wording::meaning(&self.said) }
    }

    /// Whether libvirt itself has said no: what was asked for does not come about later.
    pub(crate) fn is_answer(&self) -> bool {
        self.itself.is_none() && self.meaning() != Some(Meaning::Unreachable)
    }
}

impl From<VirshError> for Failure {
    fn from(error: VirshError) -> Self {
        error.itself.unwrap_or_else(|| wording::failure(&error.doing, &error.said))
    }
}

impl Virsh {
    /// A connection; one to another machine is refused, since QEMU would write the backup there.
    pub(crate) fn new(uri: &str) -> Result<Self, Failure> {
        if uri.starts_with("qemu:///") || uri.starts_with("qemu+unix:///") {
            return Ok(Self { uri: uri.to_owned() });
        }
        Err(Failure::incurable(
            format!("{uri} is no connection to QEMU on this machine, and QEMU writes a backup where it runs"),
            "use qemu:///system or qemu:///session, and run howdah on the machine's own host",
        ))
    }

    /// The machine of this name, or of this UUID. A number alone would be taken for that of a running machine.
    pub(crate) fn machine(&self, domain: &str) -> Result<Machine, Failure> {
        let machine = self.described(domain)?;
        if machine.name == domain || machine.uuid == domain {
            return Ok(machine);
        }
        Err(wording::failure(
            &looking_for(domain),
            "failed to get domain: libvirt has another one of that number alone",
        ))
    }

    /// The same, or another one that has this number.
    pub(super) fn described(&self, domain: &str) -> Result<Machine, VirshError> {
        let doing = looking_for(domain);
        let text = self.call(&doing, &["dumpxml", "--migratable", "--domain", domain])?;
        machine::read(text).ok_or_else(|| VirshError {
            doing,
            said: String::new(),
            itself: Some(unreadable("the description of a machine")),
        })
    }

    /// Its state and the reason, as libvirt names them.
    pub(crate) fn state(&self, machine: &Machine) -> Result<(String, String), Failure> {
        let said = self.call(&looking(machine), &["domstate", "--reason", "--domain", &machine.uuid])?;
        let said = said.trim();
        let (state, reason) = said.split_once(" (").unwrap_or((said, ""));
        Ok((state.to_owned(), reason.trim_end_matches(')').to_owned()))
    }

    /// The room that its disks take.
    pub(crate) fn disk_rooms(&self, machine: &Machine) -> Result<BTreeMap<String, DiskRoom>, Failure> {
        let options = ["domstats", "--block", "--backing", "--nowait", &machine.uuid];
        Ok(machine::disk_rooms(&self.call(&looking(machine), &options)?))
    }

    /// The job that runs on it.
    pub(crate) fn job(&self, machine: &Machine) -> Result<JobInfo, Failure> {
        self.job_info(machine, &["domjobinfo", "--rawstats", "--domain", &machine.uuid])
    }

    /// How its last job ended; `None` for a moment after the end.
    pub(crate) fn completed_job(&self, machine: &Machine) -> Result<JobInfo, Failure> {
        let options = ["domjobinfo", "--rawstats", "--completed", "--keep-completed", "--domain", &machine.uuid];
        self.job_info(machine, &options)
    }

    /// Where the backup that runs on it writes to; nothing where none runs.
    pub(crate) fn backup_targets(&self, machine: &Machine) -> Result<Vec<String>, Failure> {
        let said = match self.call(&looking(machine), &["backup-dumpxml", "--domain", &machine.uuid]) {
            Ok(said) => said,
            Err(error) if error.meaning() == Some(Meaning::NoJob) => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let document = Document::parse(&said).map_err(|_| unreadable("the description of a backup"))?;
        let targets = xml::at(&document, &["domainbackup", "disks", "disk", "target"]);
        Ok(targets.iter().filter_map(|target| target.attribute("file")).map(str::to_owned).collect())
    }

    /// The names of its checkpoints.
    pub(crate) fn checkpoints(&self, machine: &Machine) -> Result<Vec<String>, Failure> {
        let said = self.call(&looking(machine), &["checkpoint-list", "--name", "--domain", &machine.uuid])?;
        Ok(said.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
    }

    /// What was written to each disk since a checkpoint. A disk whose bitmap is lost is not there.
    pub(crate) fn written_since(
        &self,
        machine: &Machine,
        checkpoint: &str,
    ) -> Result<BTreeMap<String, u64>, VirshError> {
        let domain = ["--domain", &machine.uuid, "--checkpointname", checkpoint];
        let options = [&["checkpoint-dumpxml", "--size", "--no-domain"], domain.as_slice()].concat();
        let said = self.call(&format!("looking at the checkpoint {checkpoint} of {}", machine.name), &options)?;
        let document = Document::parse(&said).ok();
        let disks = document.iter().flat_map(|document| xml::at(document, &["domaincheckpoint", "disks", "disk"]));
        let size =
            |disk: Node<'_, '_>| Some((disk.attribute("name")?.to_owned(), disk.attribute("size")?.parse().ok()?));
        Ok(disks.filter_map(size).collect())
    }

    /// Begins a backup with its checkpoint, both described in files.
    pub(crate) fn begin(&self, machine: &Machine, backup: &Path, checkpoint: &Path) -> Result<(), VirshError> {
        let [backup, checkpoint] = [backup, checkpoint].map(|path| path.to_string_lossy().into_owned());
        let files = ["--backupxml", &backup, "--checkpointxml", &checkpoint];
        let options = [&["backup-begin", "--domain", &machine.uuid], files.as_slice()].concat();
        self.call(&format!("backing up {}", machine.name), &options).map(drop)
    }

    /// Aborts the job that runs on it; that none runs any more is no failure.
    pub(crate) fn abort(&self, machine: &Machine) -> Result<(), Failure> {
        match self
            .call(&format!("aborting the backup of {}", machine.name), &["domjobabort", "--domain", &machine.uuid])
        {
            Ok(_) => Ok(()),
            Err(error) if matches!(error.meaning(), Some(Meaning::NoJob | Meaning::Inactive)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes a checkpoint with its bitmaps; without them, where they are to stay or are lost. Whether there was one.
    pub(crate) fn delete_checkpoint(
        &self,
        machine: &Machine,
        name: &str,
        without_bitmaps: bool,
    ) -> Result<bool, VirshError> {
        let mut options = vec!["checkpoint-delete", "--domain", &machine.uuid, "--checkpointname", name];
        if without_bitmaps {
            options.push("--metadata");
        }
        match self.call(&format!("deleting the checkpoint {name} of {}", machine.name), &options) {
            Err(error) if error.meaning() == Some(Meaning::NoCheckpoint) => Ok(false),
            done => done.map(|_| true),
        }
    }

    fn job_info(&self, machine: &Machine, options: &[&str]) -> Result<JobInfo, Failure> {
        let said = match self.call(&looking(machine), options) {
            Ok(said) => said,
            // A machine that is off has no job.
            Err(error) if error.meaning() == Some(Meaning::Inactive) => return Ok(JobInfo::None),
            Err(error) => return Err(error.into()),
        };
        JobInfo::parse(&said).ok_or_else(|| unreadable("what domjobinfo says"))
    }

    pub(super) fn call(&self, doing: &str, options: &[&str]) -> Result<String, VirshError> {
        let mut command = Command::new(PROGRAM);
        command.args(["--quiet", "--connect", &self.uri]).args(options).env("LC_ALL", "C").env_remove("LANGUAGE");
        let failed = |said: String, itself| VirshError { doing: doing.to_owned(), said, itself };
        let answer = long_answer(&mut command, LIMIT, MAX_ANSWER)
            .map_err(|error| failed(String::new(), Some(itself(&error))))?;
        if answer.status.success() {
            return Ok(answer.stdout);
        }
        let said = answer.stderr.lines().map(|line| line.trim().trim_start_matches("error: ").trim());
        let said = said.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ");
        Err(failed(printable(&said), None))
    }
}

fn looking_for(domain: &str) -> String {
    format!("looking for the virtual machine {domain}")
}

fn looking(machine: &Machine) -> String {
    format!("looking at the virtual machine {}", machine.name)
}

fn itself(error: &CommandError) -> Failure {
    if let CommandError::Unstarted(cause) = error
        && cause.kind() == io::ErrorKind::NotFound
    {
        let cause = format!("{PROGRAM} is not on this machine");
        return Failure::incurable(cause, "install libvirt's client programs (package libvirt-clients)");
    }
    Failure::disruption(format!("{PROGRAM}: {error}"), "see whether libvirt's daemon answers")
}

fn unreadable(what: &str) -> Failure {
    Failure::incurable(format!("{what} from libvirt cannot be read"), "see that libvirt and virsh are of one version")
}
