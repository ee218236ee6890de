//! Where this process lives, and what this machine would do to it at a logout.
//!
//! Promises: small files and sockets are looked at, and one program is asked (`busctl`, for at most a second, and only
//! where the answer matters). What cannot be found out counts as systemd's own default.

use super::{
    logind::{self, Policy},
    small::small,
};
use std::{
    env,
    ffi::{OsStr, OsString},
    fs,
    os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// All that the verdict needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Where this process lives, and with it what it starts.
    pub place: Place,
    /// The user that this process runs as.
    pub uid: u32,
    /// The user's name, where it is known.
    pub user: Option<String>,
    /// Whether logind ends the processes of this login session when it is left. The user who logged in decides, not
    /// the one that was borrowed with `sudo`.
    pub logout_ends_session: bool,
    /// Whether the user's manager outlives the last logout.
    pub lingers: bool,
    /// Whether scopes of the system can be had: by root, where systemd runs the machine.
    pub system_scopes: bool,
    /// The manager of the user that this process runs as, if it is there.
    pub user_manager: Option<UserManager>,
    /// The program, if it is on the search path.
    pub systemd_run: Option<PathBuf>,
}

/// Where a process lives, told by its control group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the scope of a login session.
    Session,
    /// Under the manager of a user.
    UserManager,
    /// In none of them: a service of the system, a container, a machine without systemd.
    Elsewhere,
}

/// How the manager of a user is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserManager {
    /// By `XDG_RUNTIME_DIR`.
    InEnvironment,
    /// In this runtime directory, of which the environment says nothing, as after `su`.
    AtUsualPlace(PathBuf),
}

/// The machine to look at.
#[derive(Debug, Clone)]
pub(super) struct Machine {
    /// The root of its file system.
    pub(super) root: PathBuf,
    /// `PATH`.
    pub(super) search_path: Option<OsString>,
    /// `XDG_RUNTIME_DIR`.
    pub(super) runtime_dir: Option<PathBuf>,
    /// The user that this process runs as.
    pub(super) uid: u32,
}

/// Looks at this machine. It takes some milliseconds.
pub fn gather() -> Facts {
    let machine = Machine {
        root: PathBuf::from("/"),
        search_path: env::var_os("PATH"),
        runtime_dir: env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|directory| directory.is_absolute()),
        uid: rustix::process::geteuid().as_raw(),
    };
    machine.facts()
}

impl Machine {
    pub(super) fn facts(&self) -> Facts {
        let control_group = small(&self.root.join("proc/self/cgroup"));
        let (place, session_uid) = place_in(&control_group);
        let user = self.user_of(self.uid);
        let logout_ends_session = place == Place::Session && {
            let person = session_uid.and_then(|uid| self.user_of(uid));
            self.policy().ends_session_of(person.as_deref())
        };
        Facts {
            place,
            uid: self.uid,
            logout_ends_session,
            lingers: user.as_ref().is_some_and(|user| self.root.join("var/lib/systemd/linger").join(user).exists()),
            user,
            system_scopes: self.uid == 0 && self.is_socket(&self.root.join("run/systemd/private")),
            user_manager: self.user_manager(),
            systemd_run: self.program("systemd-run"),
        }
    }

    fn policy(&self) -> Policy {
        let written = logind::written(&self.root);
        // Without a bus nobody would answer.
        let bus = self.root.join("run/dbus/system_bus_socket").exists();
        let live = self.program("busctl").filter(|_| bus).and_then(|busctl| logind::asked(&busctl, &written));
        live.unwrap_or(written)
    }

    fn user_manager(&self) -> Option<UserManager> {
        let is_there = |directory: &Path| self.is_socket(&directory.join("systemd/private"));
        if self.runtime_dir.as_deref().is_some_and(is_there) {
            return Some(UserManager::InEnvironment);
        }
        let usual = self.root.join("run/user").join(self.uid.to_string());
        is_there(&usual).then_some(UserManager::AtUsualPlace(usual))
    }

    /// Another user's socket would refuse us.
    fn is_socket(&self, path: &Path) -> bool {
        fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket() && found.uid() == self.uid)
    }

    /// As logind itself notes it, else as the system's file of users does.
    fn user_of(&self, uid: u32) -> Option<String> {
        let noted = small(&self.root.join("run/systemd/users").join(uid.to_string()));
        let noted = noted.lines().find_map(|line| line.strip_prefix("NAME="));
        let listed = small(&self.root.join("etc/passwd"));
        let listed = listed.lines().find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            (fields.nth(1)? == uid.to_string()).then_some(name)
        });
        noted.or(listed).filter(|name| !name.is_empty() && !name.contains('/')).map(str::to_owned)
    }

    fn program(&self, name: &str) -> Option<PathBuf> {
        on_path(self.search_path.as_deref(), name)
    }
}

/// The first program of this name along a search path. A part of it that is not absolute means another program in each
/// directory, and is passed over.
pub(in crate::app) fn on_path(search_path: Option<&OsStr>, name: &str) -> Option<PathBuf> {
    let is_program = |path: &PathBuf| {
        path.is_absolute()
            && fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    env::split_paths(search_path?).map(|directory| directory.join(name)).find(is_program)
}

/// Reads proc(5)'s `/proc/<pid>/cgroup`: the place, and whose login session it is.
fn place_in(control_group: &str) -> (Place, Option<u32>) {
    // Of the old hierarchies, systemd keeps units in its own; the new one has no name and number 0.
    let line = control_group.lines().find(|line| line.contains(":name=systemd:"));
    let line = line
        .filter(|line| !line.ends_with(":/"))
        .or_else(|| control_group.lines().find(|line| line.starts_with("0::")));
    let path = line.and_then(|line| line.splitn(3, ':').nth(2)).unwrap_or_default();
    let number = |part: &str, before: &str, behind: &str| -> Option<u32> {
        part.strip_prefix(before)?.strip_suffix(behind)?.parse().ok()
    };
    let mut owner = None;
    for part in path.split('/') {
        owner = number(part, "user-", ".slice").or(owner);
        if number(part, "user@", ".service").is_some() {
            return (Place::UserManager, owner);
        }
        if owner.is_some() && part.strip_prefix("session-").is_some_and(|rest| rest.strip_suffix(".scope").is_some()) {
            return (Place::Session, owner);
        }
    }
    (Place::Elsewhere, owner)
}
