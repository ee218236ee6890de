//! `[[job]]` in `howdah.toml`: one backup job.
//!
//! Promises: a key that the job's kind does not have is refused by name, as is a repository that nobody knows; a password
//! is never in the file. Never: asks a server, or looks whether a place is there, which may change while howdah runs.

use super::{
    duration,
    read::{name, one, rate, write_duration},
    repository::{Repositories, whole},
    standby,
};
use crate::domain::{
    BackupObject, Compression, InstanceName, JobKind, JobObject, JobSpec, Keep, PasswordSource, Rate, RetryPolicy,
    conninfo,
};
use serde::{Deserialize, Serialize};
use std::{
    num::NonZeroU16,
    path::{Path, PathBuf},
    time::Duration,
};

/// The checksums that a manifest of `pg_basebackup` may have; without any nothing could be verified.
const CHECKSUMS: [&str; 5] = ["CRC32C", "SHA224", "SHA256", "SHA384", "SHA512"];

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
    /// What is copied.
    pub path: Option<PathBuf>,
    /// The instance whose restore points are copied; of the object's name where it is left out.
    pub instance: Option<String>,
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

/// `retry` of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JobRetry {
    /// Tries of an object.
    pub tries: u32,
    /// From a failure to the next try, such as `10m`.
    #[serde(deserialize_with = "duration", serialize_with = "write_duration")]
    pub every: Duration,
}

impl Default for JobRetry {
    fn default() -> Self {
        let RetryPolicy { tries, every, .. } = JobSpec::default_policy();
        Self { tries, every }
    }
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
        let foreign: [(&str, bool, &[JobKind]); 7] = [
            ("conninfo", written.conninfo.is_some(), &[JobKind::Instance, JobKind::Replication]),
            ("path", written.path.is_some(), &[JobKind::FileCopy]),
            ("instance", written.instance.is_some(), &[JobKind::BackupCopy]),
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
            JobKind::Replication => standby::object(written, name, self.password()?),
            JobKind::Vm | JobKind::Files => Err(unsupported(self.kind)),
        }
    }

    /// Refuses keys that mean nothing for a job of this kind: who wrote one expects something of it.
    fn only_own_keys(&self) -> Result<(), String> {
        use JobKind::{BackupCopy, FileCopy, Instance, Replication};
        if !matches!(self.kind, Instance | FileCopy | BackupCopy | Replication) {
            return Err(unsupported(self.kind));
        }
        let keys: [(&str, bool, &[JobKind]); 10] = [
            ("repository", self.repository.is_some(), &[Instance, BackupCopy]),
            ("keep", self.keep.is_some(), &[Instance, BackupCopy]),
            ("target", self.target.is_some(), &[FileCopy]),
            ("from", self.from.is_some(), &[BackupCopy]),
            ("form", self.form.is_some(), &[Instance]),
            ("compress", self.compress.is_some(), &[Instance]),
            ("checksums", self.checksums.is_some(), &[Instance]),
            ("slot", self.slot.is_some(), &[Instance]),
            ("passfile", self.passfile.is_some(), &[Instance, Replication]),
            ("password_command", self.password_command.is_some(), &[Instance]),
        ];
        if let Some((key, ..)) = keys.iter().find(|(_, is_there, kinds)| *is_there && !kinds.contains(&self.kind)) {
            return Err(format!("{key} is not for a job of the kind {}", self.kind));
        }
        let needs = |key: &str| format!("{key} is missing, which a job of the kind {} needs", self.kind);
        match self.kind {
            Instance | BackupCopy if self.repository.is_none() => Err(needs("repository")),
            FileCopy if self.target.is_none() => Err(needs("target")),
            BackupCopy if self.from.is_none() => Err(needs("from")),
            Instance | FileCopy | BackupCopy | JobKind::Vm | JobKind::Files | Replication => Ok(()),
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

fn unsupported(kind: JobKind) -> String {
    format!(
        "jobs of the kind {kind} are not among those that this howdah carries out: instance, file-copy, backup-copy, \
         replication"
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use crate::{app::config::Config, domain::WhenUsedUp};

    const HEAD: &str = "repositories = [\"/srv/backup\"]\n\
                        [[repository]]\nname = \"north\"\nkind = \"directory\"\npath = \"/mnt/north\"\n[[job]]\n";
    const INSTANCE: &str = "name = \"nightly\"\nkind = \"instance\"\nrepository = \"north\"\n";
    const SHOP: &str = "objects = [{ name = \"shop\", conninfo = \"host=db1\" }]\n";

    fn jobs(text: &str) -> Result<Vec<JobSpec>, String> {
        let config: Config = toml::from_str(&format!("{HEAD}{text}")).map_err(|error| error.to_string())?;
        let (jobs, problems) = config.jobs();
        problems.first().map_or(Ok(jobs), |problem| Err(problem.to_string()))
    }

    #[test]
    fn a_job_that_is_not_right_holds_up_no_other_and_of_two_of_one_name_neither_is_meant() {
        let named = |name: &str, more: &str| format!("{INSTANCE}{more}{SHOP}").replace("nightly", name);
        let text = [named("a", ""), named("b", "target = \"/t\"\n"), named("c", ""), named("d", ""), named("d", "")];
        let config: Config = toml::from_str(&format!("{HEAD}{}", text.join("[[job]]\n"))).unwrap();
        let (jobs, problems) = config.jobs();
        assert_eq!(jobs.iter().map(|job| job.name().as_str()).collect::<Vec<_>>(), ["a", "c"]);
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert!(problems[0].contains("the job \"b\"") && problems[1].contains("the name \"d\""), "{problems:?}");
        assert_eq!(problems.len(), 2);
        assert!(config.repository_paths(&[]).contains(&"/mnt/north".into()));
    }

    #[test]
    fn a_job_in_five_lines_has_the_values_that_are_usual() {
        let all = jobs(&format!("{INSTANCE}{SHOP}")).unwrap();
        let job = &all[0];
        assert_eq!((job.name().as_str(), job.kind(), job.at_once().get()), ("nightly", JobKind::Instance, 1));
        let wanted = RetryPolicy {
            tries: 3,
            every: Duration::from_mins(10),
            while_waiting: true,
            when_used_up: WhenUsedUp::Fail,
        };
        assert_eq!(*job.policy(), wanted);
        assert_eq!(job.keep(), None, "nothing is removed");
        let object = BackupObject::Instance {
            name: InstanceName::new("shop"),
            conninfo: "host=db1".to_owned(),
            password: PasswordSource::None,
            tar: None,
            checksums: "CRC32C".to_owned(),
            slot: None,
        };
        assert_eq!(job.objects(), [JobObject { object, repository: Some("/mnt/north".into()), max_rate: None }]);
    }

    #[test]
    fn r41_objects_keep_the_order_of_the_settings_and_every_key_means_something() {
        let text = "name = \"n\"\nkind = \"instance\"\nrepository = \"backup\"\nparallel = 2\nrate = \"10M\"\n\
                    retry = { tries = 1, every = \"2s\" }\nkeep = { last = 7, weekly = 8 }\nform = \"tar\"\ncompress = \"zstd\"\nchecksums = \"sha256\"\n\
                    slot = \"s\"\npassword_command = [\"/bin/pw\", \"x\"]\n\
                    objects = [{ name = \"z\", conninfo = \"host=z\" }, { name = \"a\", conninfo = \"host=a\" }]";
        let all = jobs(text).unwrap();
        let job = &all[0];
        assert_eq!(job.objects().iter().map(|one| one.object.name().as_str()).collect::<Vec<_>>(), ["z", "a"]);
        assert_eq!((job.at_once().get(), job.policy().tries, job.policy().every), (2, 1, Duration::from_secs(2)));
        let BackupObject::Instance { password, tar, checksums, slot, .. } = &job.objects()[0].object else { panic!() };
        assert_eq!(*password, PasswordSource::Command(vec!["/bin/pw".to_owned(), "x".to_owned()]));
        assert_eq!((*tar, checksums.as_str(), slot.as_deref()), (Some(Compression::Zstd), "SHA256", Some("s")));
        assert_eq!(job.objects()[0].repository.as_deref(), Some(Path::new("/srv/backup")));
        assert_eq!(job.objects()[0].max_rate, Rate::per_second(10 << 20));
        assert_eq!(job.keep(), Some(Keep::new(Some(7), None, Some(8)).unwrap()));
    }

    #[test]
    fn the_other_kinds_have_objects_of_their_own() {
        let copy =
            "name = \"n\"\nkind = \"file-copy\"\ntarget = \"/mnt/t\"\nobjects = [{ name = \"etc\", path = \"/etc\" }]";
        let object = jobs(copy).unwrap()[0].objects()[0].clone();
        let (name, path, target) = (InstanceName::new("etc"), "/etc".into(), "/mnt/t".into());
        assert_eq!(object.object, BackupObject::FileCopy { name, path, target });
        let points = "name = \"n\"\nkind = \"backup-copy\"\nfrom = \"backup\"\nrepository = \"north\"\n\
                      objects = [{ name = \"shop\" }, { name = \"x\", instance = \"crm\" }]";
        let spec = jobs(points).unwrap().remove(0);
        let instances = spec.objects().iter().map(|one| match &one.object {
            BackupObject::PointCopy { instance, from, .. } => Some((instance.to_string(), from.clone())),
            BackupObject::Instance { .. }
            | BackupObject::VirtualMachine { .. }
            | BackupObject::FileTree { .. }
            | BackupObject::Standby { .. }
            | BackupObject::FileCopy { .. } => None,
        });
        let found = |instance: &str| Some((instance.to_owned(), PathBuf::from("/srv/backup")));
        assert_eq!(instances.collect::<Vec<_>>(), [found("shop"), found("crm")]);
    }

    #[test]
    fn what_is_wrong_is_named_with_what_would_be_right() {
        let with = |more: &str| format!("{INSTANCE}{more}{SHOP}");
        let object = |object: &str| format!("{INSTANCE}objects = [{{ name = \"shop\", {object} }}]");
        for (text, says) in [
            (with("keep = 7\n"), "keep"),
            (with("keep = {}\n"), "it names none of last, daily and weekly"),
            (with("keep = { last = 7, daily = 0 }\n"), "daily is 0: leave it out"),
            (with("keep = { monthly = 7 }\n"), "unknown field `monthly`"),
            (
                "name = \"n\"\nkind = \"file-copy\"\ntarget = \"/t\"\nkeep = { last = 7 }\n\
                 objects = [{ name = \"etc\", path = \"/etc\" }]"
                    .to_owned(),
                "keep is not for a job of the kind file-copy",
            ),
            (with("target = \"/t\"\n"), "target is not for a job of the kind instance"),
            (with("compress = \"gzip\"\n"), "compress is for form = \"tar\" alone"),
            (with("compress = \"rar\"\n"), "unknown variant `rar`"),
            (with("checksums = \"none\"\n"), "\"none\" is no checksum of a manifest: use one of CRC32C"),
            (with("passfile = \"pw\"\n"), "passfile \"pw\" is not a whole path"),
            (with("password_command = [\"pw\"]\n"), "the program of password_command \"pw\" is not a whole path"),
            (with("password_command = []\n"), "password_command is empty"),
            (with("passfile = \"/a\"\npassword_command = [\"/b\"]\n"), "are both there"),
            (with("parallel = 0\n"), "parallel"),
            (with("rate = \"0\"\n"), "rate"),
            (with("retry = { every = \"soon\" }\n"), "\"soon\" is not a time span"),
            (object("path = \"/x\""), "its object \"shop\": path is not for a job of the kind instance"),
            (object("conninfo = \"password=x\""), "the connection string holds password"),
            (format!("{INSTANCE}objects = [{{ name = \"shop\" }}]"), "conninfo is missing"),
            (format!("{INSTANCE}objects = []"), "has no objects"),
            (
                format!(
                    "{INSTANCE}objects = [{{ name = \"a\", conninfo = \"\" }}, {{ name = \"a\", conninfo = \"\" }}]"
                ),
                "two objects of the name a",
            ),
            (
                with("").replace("\"north\"", "\"south\""),
                "repository \"south\" is no whole path and the name of no repository; known: north, backup",
            ),
            (
                with("").replace("repository = \"north\"\n", ""),
                "repository is missing, which a job of the kind instance needs",
            ),
            (with("").replace("\"instance\"", "\"vm\""), "jobs of the kind vm are not among those"),
            (with("").replace("\"instance\"", "\"tape\""), "unknown variant `tape`"),
            (with("").replace("nightly", "night#1"), "\"night#1\" is no name of a job"),
            (with("").replace("nightly", "-n"), "\"-n\" is no name of a job"),
            (format!("{}[[job]]\n{}", with(""), with("")), "two jobs have the name \"nightly\""),
        ] {
            let error = jobs(&text).unwrap_err();
            assert!(error.contains(says), "{says}: {error}");
        }
    }
}
