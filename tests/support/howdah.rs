//! The real binary, kept away from the settings and the state of whoever runs the tests.

use super::{again, events::Events, place::scratch, timeout::until};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::{
    ffi::OsStr,
    fmt, fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// One user of howdah: a home and a state directory of his own.
pub(crate) struct Howdah {
    pub(crate) home: PathBuf,
    pub(crate) state: PathBuf,
}

/// A run that is over.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A run that goes on. Dropping it kills it.
pub(crate) struct Running {
    child: Child,
    out: PathBuf,
    err: PathBuf,
}

impl Howdah {
    pub(crate) fn new() -> Self {
        let home = scratch("home");
        let state = home.join("state");
        Self { home, state }
    }

    /// The same, with the state where howdah keeps it when nobody says where.
    pub(crate) fn usual() -> Self {
        Self::in_home(scratch("home"))
    }

    /// The same in a home that is there.
    pub(crate) fn in_home(home: PathBuf) -> Self {
        let state = home.join("state-home/howdah");
        Self { home, state }
    }

    /// The environment that every run gets, the console's too.
    pub(crate) fn environment(&self) -> Vec<(&'static str, PathBuf)> {
        vec![
            ("HOME", self.home.clone()),
            ("XDG_CONFIG_HOME", self.home.join("config")),
            ("XDG_STATE_HOME", self.home.join("state-home")),
            ("XDG_CACHE_HOME", self.home.join("cache")),
            ("XDG_DATA_HOME", self.home.join("data")),
        ]
    }

    /// Writes `howdah.toml` where it is looked for.
    pub(crate) fn configure(&self, toml: &str) -> PathBuf {
        let folder = self.home.join("config/howdah");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("howdah.toml"), toml).unwrap();
        folder.join("howdah.toml")
    }

    pub(crate) fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(again::program());
        command
            .args(arguments)
            .envs(self.environment())
            .env_remove("HOWDAH_REPO")
            .env_remove("HOWDAH_CONFIG")
            .env_remove("HOWDAH_STATE_DIR")
            .stdin(Stdio::null());
        command.current_dir(&self.home);
        command
    }

    pub(crate) fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Ran {
        self.spawn(arguments).wait()
    }

    /// Starts a run whose output goes to files, so that nothing is lost and nothing blocks.
    pub(crate) fn spawn<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Running {
        self.spawn_with(arguments, &[])
    }

    /// The same with more variables in its environment.
    pub(crate) fn spawn_with<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
        environment: &[(&str, &str)],
    ) -> Running {
        let place = scratch("run");
        let (out, err) = (place.join("stdout"), place.join("stderr"));
        let mut command = self.command(arguments);
        command.envs(environment.iter().copied());
        command.stdout(fs::File::create(&out).unwrap()).stderr(fs::File::create(&err).unwrap());
        Running { child: command.spawn().unwrap(), out, err }
    }

    /// The arguments of a restore of `shop`, with the state directory of this user and whatever more is asked.
    pub(crate) fn restore_arguments(&self, repository: &Path, target: &Path, more: &[&str]) -> Vec<String> {
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let mut arguments = vec!["restore".to_owned(), "shop".to_owned()];
        arguments.extend(["--repo".to_owned(), text(repository), "--to".to_owned(), text(target)]);
        arguments.extend(["--state-dir".to_owned(), text(&self.state), "--json".to_owned()]);
        arguments.extend(more.iter().map(|argument| (*argument).to_owned()));
        arguments
    }

    pub(crate) fn restore(&self, repository: &Path, target: &Path, more: &[&str]) -> Ran {
        self.run(self.restore_arguments(repository, target, more))
    }

    pub(crate) fn spawn_restore(&self, repository: &Path, target: &Path, more: &[&str]) -> Running {
        self.spawn(self.restore_arguments(repository, target, more))
    }

    pub(crate) fn events(&self) -> Events {
        Events::of(&self.state)
    }
}

impl Ran {
    /// The one JSON value on stdout.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("stdout is not one JSON value: {error}\n{self}"))
    }

    #[track_caller]
    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }

    /// Insists that each word is somewhere in what a person or a program was told.
    #[track_caller]
    pub(crate) fn expect_words(self, words: &[&str]) -> Self {
        let shown = format!("{}{}", self.stdout, self.stderr).to_lowercase();
        for word in words {
            assert!(shown.contains(&word.to_lowercase()), "nobody was told of {word:?}\n{self}");
        }
        self
    }
}

impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit code {:?}\nstdout:\n{}\nstderr:\n{}", self.code, self.stdout, self.stderr)
    }
}

impl Running {
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has said on stderr so far.
    pub(crate) fn stderr(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.err).unwrap()).into_owned()
    }

    /// Its end, if it has come.
    pub(crate) fn try_wait(mut self) -> Result<Ran, Self> {
        match self.child.try_wait().unwrap() {
            Some(_) => Ok(self.wait()),
            None => Err(self),
        }
    }

    /// Waits for the end, with patience that ends.
    pub(crate) fn wait(mut self) -> Ran {
        let status = until("howdah ends", || self.child.try_wait().unwrap());
        let read = |path: &Path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
        Ran { code: status.code(), stdout: read(&self.out), stderr: read(&self.err) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _gone_meanwhile = self.child.kill();
            let _reaped = self.child.wait();
        }
    }
}
