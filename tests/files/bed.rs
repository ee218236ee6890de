//! A tree, a repository, and a restic of our own to look into it.

use crate::{
    cheap,
    session::{Attempt, Session, order},
    support::{
        place::{names, scratch},
        timeout::until_true,
    },
};
use howdah::domain::{Achieved, BackupObject, InstanceName, Success};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// Ends the calling test when no restic is here.
#[macro_export]
macro_rules! needs_restic {
    () => {
        if !$crate::bed::is_here() {
            $crate::support::skip::skip_engine("restic is not installed");
            return;
        }
    };
}

pub(crate) fn is_here() -> bool {
    Command::new("restic").arg("version").output().is_ok()
}

/// More than a slow backup stores in the time that a test takes.
pub(crate) const MUCH: usize = 16 << 20;

pub(crate) struct Bed {
    pub(crate) tree: PathBuf,
    pub(crate) repository: PathBuf,
    pub(crate) password: PathBuf,
}

impl Bed {
    /// A tree with one file of so many bytes that cannot be packed.
    pub(crate) fn new(bytes: usize) -> Self {
        let [tree, repository] = ["tree", "repository"].map(scratch);
        let password = scratch("secret").join("password");
        fs::write(&password, "hunter2 \u{e4}\n").unwrap();
        fs::set_permissions(&password, fs::Permissions::from_mode(0o600)).unwrap();
        let bed = Self { tree, repository, password };
        bed.fill("big", bytes);
        bed
    }

    /// The same with a repository that is there already.
    pub(crate) fn with_repository(bytes: usize) -> Self {
        let bed = Self::new(bytes);
        cheap::make(&bed.folder());
        bed
    }

    /// Puts that many new bytes into a file of the tree.
    pub(crate) fn fill(&self, name: &str, bytes: usize) {
        fs::write(self.tree.join(name), random(bytes)).unwrap();
    }

    /// The restic repository of the object `home`.
    pub(crate) fn folder(&self) -> PathBuf {
        self.repository.join("home.restic")
    }

    pub(crate) fn object(&self) -> BackupObject {
        BackupObject::FileTree {
            name: InstanceName::new("home"),
            path: self.tree.clone(),
            exclude: Vec::new(),
            password_file: Some(self.password.clone()),
        }
    }

    pub(crate) fn session(&self) -> Session {
        Session::new(order(self.object(), Some(&self.repository)))
    }

    /// Starts an attempt that stores slowly, and waits until restic holds its lock and has read something.
    pub(crate) fn under_way(&self, session: &mut Session) -> Attempt {
        session.order.max_rate = howdah::domain::Rate::per_second(1 << 20);
        let attempt = session.start();
        attempt.until_received(1);
        until_true("restic to hold its lock", || self.locks().len() == 1);
        attempt
    }

    /// restic, as a person runs it.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new("restic");
        command.env("RESTIC_REPOSITORY", self.folder()).env("RESTIC_PASSWORD_FILE", &self.password).arg("--no-cache");
        command
    }

    pub(crate) fn restic(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).output().unwrap()
    }

    /// The snapshots that the repository names, by the label that a person sees.
    pub(crate) fn labels(&self) -> Vec<String> {
        let listed = self.restic(&["--no-lock", "snapshots", "--json"]).stdout;
        let all: Vec<serde_json::Value> = serde_json::from_slice(&listed).unwrap();
        let ends = all.iter().map(|one| one["short_id"].as_str().unwrap().to_owned());
        ends.collect()
    }

    /// The locks; one that is being written has no such name yet.
    pub(crate) fn locks(&self) -> Vec<String> {
        names(&self.folder().join("locks")).into_iter().filter(|name| name.len() == 64).collect()
    }

    /// Whether the newest snapshot holds the tree as it is, but for what was left out.
    #[track_caller]
    pub(crate) fn restores(&self, left_out: &[&str]) {
        let target = scratch("restored");
        let restored = self.restic(&["--no-lock", "restore", "latest", "--target", target.to_str().unwrap()]);
        assert!(restored.status.success(), "{}", String::from_utf8_lossy(&restored.stderr));
        let mut diff = Command::new("diff");
        diff.args(["-r", "--no-dereference"]).args(left_out.iter().map(|name| format!("--exclude={name}")));
        let same = diff.arg(&self.tree).arg(target.join(self.tree.strip_prefix("/").unwrap())).output().unwrap();
        assert!(same.status.success(), "{}", String::from_utf8_lossy(&same.stdout));
        for name in left_out {
            assert!(!target.join(self.tree.strip_prefix("/").unwrap()).join(name).exists(), "{name}");
        }
    }

    /// Nothing of a session is there but these snapshots, and no lock, claim or half repository.
    #[track_caller]
    pub(crate) fn left(&self, session: &Session, labels: &[&str]) {
        let found = self.labels();
        assert_eq!(found.len(), labels.len(), "{found:?}\n{}", session.log());
        assert!(labels.iter().all(|label| found.iter().any(|end| label.ends_with(end))), "{found:?}");
        assert_eq!(self.locks(), [] as [&str; 0], "{}", session.log());
        assert_eq!(names(&self.repository), ["home.restic"], "{}", session.log());
    }

    /// A restic that does something more around `backup`; the directory to look for programs in.
    pub(crate) fn instead(&self, backup: &str) -> PathBuf {
        self.instead_of("backup", backup)
    }

    /// The same around another verb.
    pub(crate) fn instead_of(&self, verb: &str, script: &str) -> PathBuf {
        let place = scratch("programs");
        let program = place.join("restic");
        let real = "/usr/bin/restic";
        let script = format!(
            "#!/bin/sh\ncase \" $* \" in\n*' {verb} '*)\n{};;\n*) exec {real} \"$@\";;\nesac\n",
            script.replace("RESTIC", real).replace("REPOSITORY", self.folder().to_str().unwrap())
        );
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        place
    }
}

pub(crate) fn label(success: &Success) -> String {
    let Achieved::RestorePoint { label, .. } = &success.result else { panic!("{success:?}") };
    label.clone()
}

/// Bytes that are not in the repository already, and cannot be packed.
pub(crate) fn random(bytes: usize) -> Vec<u8> {
    use std::io::Read as _;
    let mut made = vec![0; bytes];
    fs::File::open(Path::new("/dev/urandom")).unwrap().read_exact(&mut made).unwrap();
    made
}
