//! `[[job]]` in `howdah.toml`: one backup job.
//!
//! Promises: a key that the job's kind does not have is refused by name, as is a repository that nobody knows; a password
//! is never in the file. Never: asks a server, or looks whether a place is there, which may change while howdah runs.

mod standby;
mod tree;
mod values;

use super::repository::{Repositories, whole};
use crate::domain::{
    BackupObject, Compression, FULL_EVERY, InstanceName, JobKind, JobObject, JobSpec, Keep, PasswordSource, Rate,
    RetryPolicy, conninfo,
};
use serde::{Deserialize, Serialize};
use std::{
    num::{NonZeroU16, NonZeroU32},
    path::{Path, PathBuf},
};
use values::{JobRetry, name, rate};

/// The checksums that a manifest of `pg_basebackup` may have; without any nothing could be verified.
const CHECKSUMS: [&str; 5] = ["CRC32C", "SHA224", "SHA256", "SHA384", "SHA512"];

/// libvirt's own machines.
const DEFAULT_URI: &str = "qemu:///system";

/// `[[job]]` as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each key is explained where the manual lists it")]
pub struct JobSetting {
    #[serde(deserialize_with = "name")]
    pub name: String,
    pub kind: JobKind,
    pub repository: Option<PathBuf>,
    pub target: Option<PathBuf>,
    pub from: Option<PathBuf>,
    pub objects: Vec<ObjectSetting>,
    #[serde(default = "one")]
    pub parallel: NonZeroU16,
    #[serde(default, deserialize_with = "rate", skip_serializing)]
    pub rate: Option<Rate>,
    #[serde(default)]
    pub retry: JobRetry,
    pub keep: Option<Keep>,
    pub form: Option<FormSetting>,
    pub compress: Option<Compression>,
    pub checksums: Option<String>,
    pub slot: Option<String>,
    pub passfile: Option<PathBuf>,
    pub password_command: Option<Vec<String>>,
    pub uri: Option<String>,
    pub full_every: Option<NonZeroU32>,
    pub password_file: Option<PathBuf>,
}

/// One of `objects`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectSetting {
    /// Its name in the job, and of its directory in the repository.
    #[serde(deserialize_with = "name")]
    pub name: String,
    /// How a server is reached.
    pub conninfo: Option<String>,
    /// What is copied, or the tree that is backed up.
    pub path: Option<PathBuf>,
    /// The patterns of what a tree's backup leaves out, as restic reads them.
    pub exclude: Option<Vec<String>>,
    /// The instance whose restore points are copied; of the object's name where it is left out.
    pub instance: Option<String>,
    /// The machine's name at libvirt.
    pub domain: Option<String>,
    /// The data directory of a standby.
    pub standby: Option<PathBuf>,
    /// Its port.
    pub port: Option<u16>,
    /// Its replication slot at the primary.
    pub slot: Option<String>,
    /// The lag below which a run of it is done.
    pub max_lag: Option<String>,
}

/// The forms that `pg_basebackup` writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FormSetting {
    /// A data directory.
    Plain,
    /// Archives.
    Tar,
}

impl JobSetting {
    /// Its keys and values as the file may have them; those that are not there are left out.
    pub(super) fn written(&self) -> toml::Table {
        let mut table = toml::Table::try_from(self).expect("all of it is text, numbers, lists and tables with names");
        if let Some(rate) = self.rate {
            table.insert("rate".to_owned(), rate.bytes().to_string().into());
        }
        table
    }

    /// The job that a run carries out, or what is wrong with it in a clause that names the key.
    pub(super) fn spec(&self, repositories: &Repositories<'_>) -> Result<JobSpec, String> {
        self.only_own_keys()?;
        let repository = self.repository.as_deref().map(|place| repositories.find("repository", place)).transpose()?;
        let objects = self.objects.iter().map(|object| {
            let place = |error: String| format!("its object {:?}: {error}", object.name);
            let object = self.object(object, repositories).map_err(place)?;
            Ok(JobObject { object, repository: repository.clone(), max_rate: self.rate })
        });
        let objects: Vec<JobObject> = objects.collect::<Result<_, String>>()?;
        let policy = RetryPolicy { tries: self.retry.tries, every: self.retry.every, ..JobSpec::default_policy() };
        let name = InstanceName::new(&self.name);
        let job = JobSpec::new(name, self.kind, objects, self.parallel, policy).map_err(|error| error.to_string())?;
        self.keep.map_or(Ok(job.clone()), |keep| job.keeping(keep)).map_err(|error| error.to_string())
    }

    fn object(&self, written: &ObjectSetting, repositories: &Repositories<'_>) -> Result<BackupObject, String> {
        let name = InstanceName::new(&written.name);
        let foreign: [(&str, bool, &[JobKind]); 9] = [
            ("conninfo", written.conninfo.is_some(), &[JobKind::Instance, JobKind::Replication]),
            ("path", written.path.is_some(), &[JobKind::FileCopy, JobKind::Files]),
            ("exclude", written.exclude.is_some(), &[JobKind::Files]),
            ("instance", written.instance.is_some(), &[JobKind::BackupCopy]),
            ("domain", written.domain.is_some(), &[JobKind::Vm]),
            ("standby", written.standby.is_some(), &[JobKind::Replication]),
            ("port", written.port.is_some(), &[JobKind::Replication]),
            ("slot", written.slot.is_some(), &[JobKind::Replication]),
            ("max_lag", written.max_lag.is_some(), &[JobKind::Replication]),
        ];
        if let Some((key, ..)) = foreign.iter().find(|(_, is_there, kinds)| *is_there && !kinds.contains(&self.kind)) {
            return Err(format!("{key} is not for a job of the kind {}", self.kind));
        }
        match self.kind {
            JobKind::Instance => {
                let conninfo = written.conninfo.clone().ok_or("conninfo is missing: how its server is reached")?;
                conninfo::check(&conninfo).map_err(|error| error.to_string())?;
                Ok(BackupObject::Instance {
                    name,
                    conninfo,
                    password: self.password()?,
                    tar: self.packing()?,
                    checksums: self.checksums()?,
                    slot: self.slot.clone(),
                })
            }
            JobKind::FileCopy => {
                let path = written.path.as_deref().ok_or("path is missing: what is copied")?;
                let target = self.target.as_deref().ok_or("the job's target is missing: where it is copied to")?;
                Ok(BackupObject::FileCopy { name, path: whole("path", path)?, target: whole("target", target)? })
            }
            JobKind::BackupCopy => {
                let from = self.from.as_deref().ok_or("the job's from is missing: the repository that is copied")?;
                let instance = InstanceName::new(written.instance.as_ref().unwrap_or(&written.name));
                Ok(BackupObject::PointCopy { name, instance, from: repositories.find("from", from)? })
            }
            JobKind::Vm => {
                let domain = written.domain.clone().ok_or("domain is missing: the machine's name at libvirt")?;
                let uri = self.uri.clone().unwrap_or_else(|| DEFAULT_URI.to_owned());
                let full_every = self.full_every.unwrap_or(FULL_EVERY);
                Ok(BackupObject::VirtualMachine { name, domain, uri, full_every })
            }
            JobKind::Files => self.tree(name, written),
            JobKind::Replication => standby::object(written, name, self.password()?),
        }
    }

    /// Refuses keys that mean nothing for a job of this kind: who wrote one expects something of it.
    fn only_own_keys(&self) -> Result<(), String> {
        use JobKind::{BackupCopy, FileCopy, Files, Instance, Replication, Vm};
        let keys: [(&str, bool, &[JobKind]); 14] = [
            ("rate", self.rate.is_some(), &[Instance, FileCopy, BackupCopy, Files, Replication]),
            ("repository", self.repository.is_some(), &[Instance, BackupCopy, Vm, Files]),
            ("keep", self.keep.is_some(), &[Instance, BackupCopy]),
            ("target", self.target.is_some(), &[FileCopy]),
            ("from", self.from.is_some(), &[BackupCopy]),
            ("form", self.form.is_some(), &[Instance]),
            ("compress", self.compress.is_some(), &[Instance]),
            ("checksums", self.checksums.is_some(), &[Instance]),
            ("slot", self.slot.is_some(), &[Instance]),
            ("passfile", self.passfile.is_some(), &[Instance, Replication]),
            ("password_command", self.password_command.is_some(), &[Instance]),
            ("uri", self.uri.is_some(), &[Vm]),
            ("full_every", self.full_every.is_some(), &[Vm]),
            ("password_file", self.password_file.is_some(), &[Files]),
        ];
        if let Some((key, ..)) = keys.iter().find(|(_, is_there, kinds)| *is_there && !kinds.contains(&self.kind)) {
            return Err(format!("{key} is not for a job of the kind {}", self.kind));
        }
        let needs = |key: &str| format!("{key} is missing, which a job of the kind {} needs", self.kind);
        match self.kind {
            Instance | BackupCopy | Vm | Files if self.repository.is_none() => Err(needs("repository")),
            Files if self.password_file.is_none() => Err(needs("password_file")),
            FileCopy if self.target.is_none() => Err(needs("target")),
            BackupCopy if self.from.is_none() => Err(needs("from")),
            Instance | FileCopy | BackupCopy | Vm | Files | Replication => Ok(()),
        }
    }

    fn password(&self) -> Result<PasswordSource, String> {
        match (&self.passfile, &self.password_command) {
            (None, None) => Ok(PasswordSource::None),
            (Some(file), None) => Ok(PasswordSource::Passfile(whole("passfile", file)?)),
            (None, Some(words)) => {
                let program = words.first().ok_or("password_command is empty: name a program, or leave it out")?;
                whole("the program of password_command", Path::new(program))?;
                Ok(PasswordSource::Command(words.clone()))
            }
            (Some(_), Some(_)) => Err("passfile and password_command are both there: leave one out".to_owned()),
        }
    }

    fn packing(&self) -> Result<Option<Compression>, String> {
        match (self.form.unwrap_or(FormSetting::Plain), self.compress) {
            (FormSetting::Plain, None) => Ok(None),
            (FormSetting::Plain, Some(_)) => Err("compress is for form = \"tar\" alone".to_owned()),
            (FormSetting::Tar, packed) => Ok(Some(packed.unwrap_or(Compression::None))),
        }
    }

    fn checksums(&self) -> Result<String, String> {
        let wanted = self.checksums.as_deref().unwrap_or(CHECKSUMS[0]);
        let known = CHECKSUMS.iter().find(|known| known.eq_ignore_ascii_case(wanted));
        let refuse = || format!("{wanted:?} is no checksum of a manifest: use one of {}", CHECKSUMS.join(", "));
        known.map(|known| (*known).to_owned()).ok_or_else(refuse)
    }
}

const fn one() -> NonZeroU16 {
    NonZeroU16::MIN
}

#[cfg(test)]
mod tests;
