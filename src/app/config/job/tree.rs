//! The objects of a job of the kind `files`: trees that restic backs up.

use super::{JobSetting, ObjectSetting, whole};
use crate::domain::{BackupObject, InstanceName};

impl JobSetting {
    /// The tree of an object, or what is wrong with it.
    pub(super) fn tree(&self, name: InstanceName, written: &ObjectSetting) -> Result<BackupObject, String> {
        let path = written.path.as_deref().ok_or("path is missing: the tree that is backed up")?;
        let password = self.password_file.as_deref().ok_or("the job's password_file is missing")?;
        let exclude = written.exclude.clone().unwrap_or_default();
        if let Some(pattern) = exclude.iter().find(|pattern| pattern.trim().is_empty() || pattern.contains('\0')) {
            return Err(format!("{pattern:?} in exclude is no pattern"));
        }
        let (path, password_file) = (whole("path", path)?, Some(whole("password_file", password)?));
        Ok(BackupObject::FileTree { name, path, exclude, password_file })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use crate::{
        app::config::Config,
        domain::{JobObject, JobSpec},
    };

    const NIGHTLY: &str = "[[job]]\nname = \"n\"\nkind = \"files\"\nrepository = \"/srv/backup\"\n";
    const PASSWORD: &str = "password_file = \"/etc/pw\"\n";

    fn job(text: &str) -> Result<JobSpec, String> {
        let config: Config = toml::from_str(text).map_err(|error| error.to_string())?;
        let (mut jobs, problems) = config.jobs();
        problems.first().map_or_else(|| Ok(jobs.remove(0)), |problem| Err(problem.to_string()))
    }

    #[test]
    fn a_tree_has_a_path_what_is_left_out_and_a_file_with_the_password() {
        let objects = "objects = [{ name = \"home\", path = \"/home\", exclude = [\"*.iso\"] }]";
        let spec = job(&format!("{NIGHTLY}{PASSWORD}{objects}")).unwrap();
        let JobObject { object, repository, .. } = spec.objects()[0].clone();
        let (name, path, password_file) = (InstanceName::new("home"), "/home".into(), Some("/etc/pw".into()));
        assert_eq!(object, BackupObject::FileTree { name, path, exclude: vec!["*.iso".to_owned()], password_file });
        assert_eq!(repository, Some("/srv/backup".into()));
    }

    #[test]
    fn what_is_wrong_with_a_tree_is_named() {
        let with = |more: &str, object: &str| format!("{NIGHTLY}{more}objects = [{{ name = \"a\", {object} }}]");
        for (text, says) in [
            (with("", "path = \"/a\""), "password_file is missing, which a job of the kind files needs"),
            (with("password_file = \"pw\"\n", "path = \"/a\""), "password_file \"pw\" is not a whole path"),
            (with(PASSWORD, "path = \"a\""), "path \"a\" is not a whole path"),
            (with(PASSWORD, "exclude = []"), "path is missing"),
            (with(PASSWORD, "path = \"/a\", exclude = [\" \"]"), "\" \" in exclude is no pattern"),
            (with(PASSWORD, "path = \"/a\", conninfo = \"\""), "conninfo is not for a job of the kind files"),
            (with("password_file = \"/pw\"\nkeep = { last = 7 }\n", "path = \"/a\""), "keep is not for a job"),
            (with(PASSWORD, "path = \"/a\"").replace("/srv/backup", "south"), "repository \"south\" is no whole path"),
            (with(PASSWORD, "path = \"/a\"").replace("\"files\"", "\"file-copy\""), "is not for a job of the kind"),
        ] {
            let error = job(&text).unwrap_err();
            assert!(error.contains(says), "{says}: {error}");
        }
    }
}
