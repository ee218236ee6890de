//! The system user that owns restored files and runs the server.
//!
//! Promises: as root, every program started through an [`Account`] runs as that user, in that user's groups where
//! `setpriv` (util-linux) is here and in its main group alone where it is not, never in root's groups, and without root's
//! environment. Never: runs a server as root, or goes through a shell.

use super::command_output::{LIMIT, command_output};
use crate::domain::Failure;
use std::{
    ffi::OsStr,
    io,
    os::unix::process::{CommandExt, ExitStatusExt},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// Where programs are looked for when a server or a helper is started: the caller's own path may hold anything.
const SAFE_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What `getent` exits with when the key is in no database (getent(1)).
const GETENT_UNKNOWN: i32 = 2;

/// Changes user and groups, then becomes the program that it is given, with the same pid (setpriv(1)).
const SETPRIV: &str = "setpriv";

/// What `setpriv` exits with when it cannot become the user or the program (`exitcodes.h` of util-linux).
const SETPRIV_FAILED: [i32; 2] = [126, 127];

/// A system user, and whether we must change to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    name: String,
    uid: u32,
    gid: u32,
    home: PathBuf,
    switch: Switch,
}

/// How a program comes to run as the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Switch {
    /// We are that user.
    Stay,
    /// By `setpriv`, in all the user's groups.
    AllGroups,
    /// By ourselves, in the user's main group alone: the standard library sets no others.
    MainGroup,
}

/// What a user may do with a path, as `test`(1) reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Read a file.
    Read,
    /// Create entries in a directory, for which it must be passed through, too.
    Write,
    /// Pass through a directory.
    Enter,
}

/// Whether this process runs as root.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

impl Account {
    /// The account that the restored files belong to: as root the user of that name, else the user that we are.
    ///
    /// Root itself is refused, since PostgreSQL refuses it too.
    pub fn for_server(os_user: &str) -> Result<Self, Failure> {
        let found = Self::of_files(os_user)?;
        if found.switch == Switch::Stay
            || command_output(found.through_setpriv("true").stdout(Stdio::null()), LIMIT).is_ok()
        {
            return Ok(found);
        }
        Ok(Self { switch: Switch::MainGroup, ..found })
    }

    /// The numbers of that account, where files must be given to it; whether programs can run as it is not asked.
    pub fn owner_for_server(os_user: &str) -> Result<Option<(u32, u32)>, Failure> {
        Self::of_files(os_user).map(|found| found.owner())
    }

    fn of_files(os_user: &str) -> Result<Self, Failure> {
        if !is_root() {
            return Self::own();
        }
        let unknown = || {
            Failure::incurable(
                format!("there is no system user {os_user:?} on this machine to own the restored files"),
                "create it, or name another one with the setting os_user",
            )
        };
        let found = lookup(os_user).map_err(|e| unasked(os_user, &e))?.ok_or_else(unknown)?;
        if found.uid == 0 {
            return Err(Failure::incurable(
                format!("the system user {os_user:?} is root, and PostgreSQL refuses to run as root"),
                "name another user with the setting os_user",
            ));
        }
        Ok(Self { switch: Switch::AllGroups, ..found })
    }

    /// The user that this process runs as.
    pub fn own() -> Result<Self, Failure> {
        let uid = rustix::process::geteuid().as_raw();
        let gid = rustix::process::getegid().as_raw();
        let nameless = Self { name: uid.to_string(), uid, gid, home: PathBuf::from("/"), switch: Switch::Stay };
        // A user of a container may have no entry anywhere; it can run a server all the same.
        Ok(lookup(&uid.to_string()).map_err(|e| unasked(&uid.to_string(), &e))?.unwrap_or(nameless))
    }

    /// The user's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Who must own what is written, when that is not whoever writes it.
    pub fn owner(&self) -> Option<(u32, u32)> {
        (self.switch != Switch::Stay).then_some((self.uid, self.gid))
    }

    /// The user's number.
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// What a person should know of the groups that programs run in; `None` where they are the user's own.
    pub fn lost_groups(&self) -> Option<String> {
        (self.switch == Switch::MainGroup).then(|| {
            format!(
                "programs run as {} in its main group alone, since {SETPRIV} of util-linux does not work here: files \
                 that only another group of the user may read are out of reach",
                self.name
            )
        })
    }

    /// A command that runs `program` as this user, with a bare environment and nothing on its standard input.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = match self.switch {
            Switch::AllGroups => self.through_setpriv(program),
            Switch::MainGroup => {
                let mut command = bare(program);
                command.gid(self.gid).uid(self.uid);
                command
            }
            Switch::Stay => bare(program),
        };
        command.env("HOME", &self.home);
        command
    }

    /// Runs a command of [`Account::command`] to its end. That the program cannot be run is an error, whoever runs it.
    pub fn output(&self, command: &mut Command) -> io::Result<Output> {
        let output = command.output()?;
        match output.status.code() {
            Some(code) if self.switch == Switch::AllGroups && SETPRIV_FAILED.contains(&code) => {
                let text = String::from_utf8_lossy(&output.stderr);
                Err(io::Error::other(text.lines().next().unwrap_or("setpriv failed").to_owned()))
            }
            Some(_) | None => Ok(output),
        }
    }

    fn through_setpriv(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = bare(SETPRIV);
        command.arg(format!("--reuid={}", self.uid)).arg(format!("--regid={}", self.gid));
        command.args(["--init-groups", "--"]).arg(program);
        command
    }

    /// Whether the user may do this with the path. Asked of the kernel by the user itself, so that lists and mounts count.
    pub fn may(&self, access: Permission, path: &Path) -> io::Result<bool> {
        let mut test = self.command("test");
        match access {
            Permission::Read => test.arg("-r").arg(path),
            Permission::Write => test.arg("-w").arg(path).args(["-a", "-x"]).arg(path),
            Permission::Enter => test.arg("-x").arg(path),
        };
        Ok(self.output(&mut test)?.status.success())
    }
}

/// A command with a bare environment, so that neither secrets nor settings of the caller reach it.
pub(crate) fn bare(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", SAFE_PATH).env("LC_ALL", "C").current_dir("/").stdin(Stdio::null());
    command
}

/// Asks the system's user databases, LDAP and the like included.
fn lookup(key: &str) -> io::Result<Option<Account>> {
    answer(&bare("getent").args(["passwd", "--", key]).output()?)
}

/// What `getent` has said. One that was killed has said nothing: that is an interruption.
fn answer(output: &Output) -> io::Result<Option<Account>> {
    if let Some(signal) = output.status.signal() {
        return Err(io::Error::new(io::ErrorKind::Interrupted, format!("getent was ended by signal {signal}")));
    }
    if output.status.code() == Some(GETENT_UNKNOWN) {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&output.stdout);
    match text.lines().next().and_then(parse) {
        Some(account) => Ok(Some(account)),
        None => Err(io::Error::other(format!("getent ended with {} and no entry", output.status))),
    }
}

/// One line of passwd(5): name, password, uid, gid, comment, home, shell.
fn parse(line: &str) -> Option<Account> {
    let fields: Vec<&str> = line.split(':').collect();
    let [name, _, uid, gid, _, home, _] = fields.as_slice() else { return None };
    let (uid, gid) = (uid.parse().ok()?, gid.parse().ok()?);
    Some(Account { name: (*name).to_owned(), uid, gid, home: PathBuf::from(home), switch: Switch::Stay })
}

fn unasked(user: &str, error: &io::Error) -> Failure {
    let cause = format!("the system cannot tell who the user {user:?} is: getent: {error}");
    let advice = "see whether `getent passwd` works on this machine";
    if error.kind() == io::ErrorKind::Interrupted {
        Failure::disruption(cause, advice)
    } else {
        Failure::incurable(cause, advice)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use crate::domain::FailureClass;
    use std::{fs, io::Write, os::unix::fs::PermissionsExt, process::ExitStatus};

    #[test]
    fn a_line_of_passwd_is_read_and_a_broken_one_is_not() {
        let account = parse("postgres:x:101:104:PostgreSQL administrator,,,:/var/lib/postgresql:/bin/bash").unwrap();
        assert_eq!((account.name(), account.uid, account.gid), ("postgres", 101, 104));
        assert_eq!((account.owner(), account.lost_groups()), (None, None));
        for line in ["", "postgres", "postgres:x:a:104::/:/bin/sh", "a:b:1:2:c:d"] {
            assert_eq!(parse(line), None, "{line}");
        }
    }

    #[test]
    fn who_could_not_be_asked_because_the_asking_was_killed_is_asked_again() {
        let ended = |status| Output { status: ExitStatus::from_raw(status), stdout: Vec::new(), stderr: Vec::new() };
        let class = |status| unasked("postgres", &answer(&ended(status)).unwrap_err()).class;
        assert_eq!((class(9), class(1 << 8)), (FailureClass::Disruption, FailureClass::Incurable));
        assert_eq!(answer(&ended(GETENT_UNKNOWN << 8)).unwrap(), None);
    }

    #[test]
    fn root_and_unknown_users_cannot_own_a_server_when_we_are_root() {
        if !is_root() {
            // Only root changes users; anyone else is simply themself.
            assert_eq!(Account::for_server("nobody-of-this-name").unwrap().owner(), None);
            return;
        }
        assert!(Account::for_server("nobody-of-this-name").unwrap_err().cause.contains("no system user"));
        assert!(Account::for_server("root").unwrap_err().cause.contains("is root"));
    }

    /// A user of this machine and a group that it is in besides its main one.
    fn member() -> Option<(Account, u32)> {
        let groups = bare("getent").arg("group").output().unwrap();
        let groups = String::from_utf8_lossy(&groups.stdout).into_owned();
        let members = groups.lines().filter_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let [_, _, gid, members] = fields.as_slice() else { return None };
            Some((gid.parse().ok()?, (*members).to_owned()))
        });
        let each = members.flat_map(|(gid, members): (u32, String)| {
            members.split(',').map(|member| (Account::for_server(member).ok(), gid)).collect::<Vec<_>>()
        });
        each.filter_map(|(account, gid)| Some((account?, gid))).find(|(account, gid)| account.gid != *gid)
    }

    #[test]
    fn a_program_runs_in_all_groups_of_its_user_and_keeps_its_pid() {
        let Some((account, group)) = is_root().then(member).flatten() else {
            writeln!(io::stderr(), "skipped: not root, or no user here is in a second group").unwrap();
            return;
        };
        let place = tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o755)).tempdir().unwrap();
        let secret = place.path().join("key");
        fs::write(&secret, "").unwrap();
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::lchown(&secret, Some(0), Some(group)).unwrap();
        assert_eq!(account.lost_groups(), None);
        assert!(account.may(Permission::Read, &secret).unwrap());
        let child = account.command("sh").args(["-c", "echo $$; id -u; id -G"]).stdout(Stdio::piped()).spawn().unwrap();
        let pid = child.id().to_string();
        let text = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
        let [own, uid, groups] = text.lines().collect::<Vec<_>>().try_into().unwrap();
        assert_eq!((own, uid), (pid.as_str(), account.uid.to_string().as_str()));
        let groups: Vec<u32> = groups.split(' ').map(|gid| gid.parse().unwrap()).collect();
        assert!(groups.contains(&account.gid) && groups.contains(&group) && !groups.contains(&0), "{groups:?}");

        let fallen_back = Account { switch: Switch::MainGroup, ..account };
        assert!(!fallen_back.may(Permission::Read, &secret).unwrap());
        assert!(fallen_back.lost_groups().unwrap().contains("setpriv"));
    }

    #[test]
    fn a_program_that_is_not_there_is_an_error_for_every_user() {
        let mut accounts = vec![Account::own().unwrap()];
        accounts.extend(is_root().then(|| Account::for_server("nobody").unwrap()));
        for account in accounts {
            let error = account.output(&mut account.command("/no/such/program")).unwrap_err();
            assert!(error.to_string().contains("No such file"), "{error}");
        }
    }

    #[test]
    fn a_program_gets_a_bare_environment() {
        let account = Account::own().unwrap();
        let output = account.command("env").output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let mut names: Vec<&str> = text.lines().filter_map(|l| l.split_once('=')).map(|(name, _)| name).collect();
        names.sort_unstable();
        assert_eq!(names, ["HOME", "LC_ALL", "PATH"]);
        assert!(account.may(Permission::Enter, Path::new("/")).unwrap());
        assert!(!account.may(Permission::Read, Path::new("/no/such/file")).unwrap());
    }
}
