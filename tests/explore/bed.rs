//! A user of howdah with a repository, what he opens, and what is left when he closes it.

use super::support::{
    backup::{Form, Repository},
    cluster::{is_root, must, program},
    howdah::{Howdah, Ran, Running},
    place::{listing, scratch},
    timeout::{until, until_true},
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// Locks what every dump reads, and nothing before it does.
pub(crate) const HOLD_DUMPS: &str = "begin read write; lock table pg_publication in access exclusive mode";

/// How many dumps wait for that.
pub(crate) const DUMPS_HELD: &str =
    "select count(*) from pg_locks where relation = 'pg_publication'::regclass and not granted";

/// One user, one repository with the backup `shop/b1`.
pub(crate) struct Bed {
    pub(crate) howdah: Howdah,
    pub(crate) repository: Repository,
    pub(crate) explore_dir: PathBuf,
    before: Vec<String>,
}

impl Bed {
    pub(crate) fn new(form: Form) -> Self {
        Self::with(form, "")
    }

    /// With these lines in the settings.
    pub(crate) fn with(form: Form, more: &str) -> Self {
        Self::over(Repository::of(form), scratch("explore").join("open"), more)
    }

    /// The same, all of it at this place.
    pub(crate) fn at(place: &Path, form: Form) -> Self {
        let repository = Repository(place.join("repository"));
        must(Command::new("cp").arg("-a").arg(Repository::of(form).0).arg(&repository.0));
        Self::over(repository, place.join("open"), "")
    }

    /// Another user of the same repository and the same place for what is opened.
    pub(crate) fn beside(&self) -> Self {
        Self::over(Repository(self.repository.0.clone()), self.explore_dir.clone(), "")
    }

    /// Kills whoever would go on: owner and worker. What the session has started is left to itself.
    pub(crate) fn crash(&self) {
        for words in ["\0keeper\0", "\0worker\0"] {
            self.kill(words);
        }
    }

    /// Kills a process of this user that is there now or soon, and waits for its end.
    pub(crate) fn kill(&self, words: &str) {
        let pid = until(&format!("{words:?} is there"), || self.process(words));
        // It may end by itself just then.
        let Some(mark) = howdah::process::mark(pid.cast_unsigned()) else { return };
        kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap_or_default();
        // Its command line goes first, and its locks later.
        until_true(&format!("{words:?} is gone"), || !howdah::process::is_alive(mark));
    }

    /// Over this repository, with its scratches there.
    pub(crate) fn over(repository: Repository, explore_dir: PathBuf, more: &str) -> Self {
        Self::of(Howdah::new(), repository, explore_dir, more)
    }

    /// The same of this user.
    pub(crate) fn of(howdah: Howdah, repository: Repository, explore_dir: PathBuf, more: &str) -> Self {
        let (repo, explore) = (repository.0.display(), explore_dir.display());
        howdah.configure(&format!("repositories = [\"{repo}\"]\nexplore_dir = \"{explore}\"\n{more}"));
        let before = seen(&repository.0);
        Self { howdah, repository, explore_dir, before }
    }

    /// Its repository was changed by the test itself.
    pub(crate) fn changed_by_hand(self) -> Self {
        Self { before: seen(&self.repository.0), ..self }
    }

    /// Runs `howdah explore` with these words.
    pub(crate) fn explore(&self, words: &[&str]) -> Ran {
        self.howdah.run(self.words(words))
    }

    /// The same, and does not wait for its end.
    pub(crate) fn begin(&self, words: &[&str]) -> Running {
        self.howdah.spawn(self.words(words))
    }

    /// The same with this on standard input.
    pub(crate) fn piped(&self, words: &[&str], input: &str) -> Ran {
        let file = scratch("input").join("stdin");
        fs::write(&file, input).unwrap();
        let mut command = self.howdah.command(self.words(words));
        let output = command.stdin(Stdio::from(fs::File::open(file).unwrap())).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// The same where nothing is to be seen of this file but emptiness: `None` where nothing can be hidden.
    pub(crate) fn without(&self, file: &str, words: &[&str]) -> Option<Ran> {
        let hide = format!("mount --bind /dev/null {file} && exec \"$@\"");
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", &hide, "sh"]).arg(env!("CARGO_BIN_EXE_howdah"));
        let output = command.args(self.words(words)).envs(self.howdah.environment()).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        is_root().then(|| Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) })
    }

    fn words(&self, words: &[&str]) -> Vec<String> {
        let state = self.howdah.state.to_str().unwrap();
        ["explore"].iter().chain(words).chain(&["--state-dir", state]).map(|word| (*word).to_owned()).collect()
    }

    /// Opens the restore point, and waits until it is.
    pub(crate) fn open(&self, more: &[&str]) -> Opened {
        let words: Vec<&str> = ["start", "shop", "--wait", "--json"].iter().chain(more).copied().collect();
        let object = self.explore(&words).expect_code(0).json();
        assert_eq!(object["open"], true, "{object}");
        Opened(object)
    }

    /// The process that serves the files of the one that is open.
    pub(crate) fn overlay(&self) -> i32 {
        self.process("\0overlay\0").unwrap()
    }

    /// A process whose command line has this in it and one of this user's places.
    pub(crate) fn process(&self, words: &str) -> Option<i32> {
        let places = [self.howdah.state.to_str().unwrap(), self.explore_dir.to_str().unwrap()];
        let is_it = |pid: &i32| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line);
            line.contains(words) && places.iter().any(|place| line.contains(place))
        };
        let names = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter_map(|name| name.parse().ok()).find(is_it)
    }

    /// What the session with this number has said.
    pub(crate) fn said(&self, id: u64) -> String {
        let (state, id) = (self.howdah.state.to_str().unwrap(), id.to_string());
        let words = ["session", "events", &id, "--kind", "explore", "--state-dir", state];
        self.howdah.run(words).expect_code(0).stdout
    }

    /// Opens the point, sees that the damage of the table goods is named, and closes it.
    pub(crate) fn expect_damage_named(&self) {
        let open = self.open(&[]);
        let says = |words: &str| until_true(words, || self.said(open.id()).contains(words));
        says("damaged in table goods of the database postgres");
        says("verified while it is open");
        self.explore(&["stop", &open.id().to_string()]).expect_code(0);
    }

    /// The active sessions.
    pub(crate) fn list(&self) -> Vec<Value> {
        self.explore(&["list", "--json"]).expect_code(0).json().as_array().unwrap().clone()
    }

    /// The backup is as it was, to the byte and the mtime; nothing runs, is mounted or stands in the scratch.
    pub(crate) fn expect_nothing_left(&self, opened: &[&Opened]) {
        assert_eq!(seen(&self.repository.0), self.before, "the backup was changed");
        assert_eq!(fs::read_dir(&self.explore_dir).map_or(0, Iterator::count), 0, "the scratch is there");
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        assert!(!mounts.contains(self.explore_dir.to_str().unwrap()), "{mounts}");
        for one in opened {
            assert!(!Path::new(one.text("sockets")).exists(), "its sockets are there");
        }
        let servers = fs::read_dir("/proc").unwrap().filter_map(Result::ok).filter(|process| {
            let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(self.explore_dir.to_str().unwrap())
        });
        assert_eq!(servers.count(), 0, "its server runs");
    }
}

/// A session whose restore point is open, as `howdah explore start --json` printed it.
pub(crate) struct Opened(pub(crate) Value);

impl Opened {
    pub(crate) fn text(&self, field: &str) -> &str {
        self.0[field].as_str().unwrap_or_else(|| panic!("{field} in {}", self.0))
    }

    pub(crate) fn id(&self) -> u64 {
        self.0["id"].as_u64().unwrap()
    }

    /// One query, unaligned tuples only.
    pub(crate) fn ask(&self, query: &str) -> String {
        must(self.psql().args(["-v", "ON_ERROR_STOP=1", "-c", query]))
    }

    /// A client that has carried this out and stays.
    pub(crate) fn hold(&self, query: &str) -> Child {
        let mut client = self.psql().stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (client.stdin.as_mut().unwrap(), client.stdout.as_mut().unwrap());
        writeln!(input, "{query};\n\\echo held").unwrap();
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).unwrap();
        assert_eq!(line, "held\n");
        client
    }

    /// The same where the server may be gone.
    pub(crate) fn try_to_ask(&self, query: &str) -> Option<String> {
        let output = self.psql().args(["-v", "ON_ERROR_STOP=1", "-c", query]).output().unwrap();
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap().trim_end().to_owned())
    }

    /// What the server says to a query that it refuses.
    pub(crate) fn refused(&self, query: &str) -> String {
        let output = self.psql().args(["-c", query]).output().unwrap();
        String::from_utf8(output.stderr).unwrap()
    }

    pub(crate) fn psql(&self) -> Command {
        let mut psql = program("psql");
        let port = self.0["port"].as_u64().unwrap_or(5432).to_string();
        psql.args(["-h", self.text("sockets"), "-p", &port, "-U", "postgres", "-XAtqd", "postgres"]);
        psql
    }
}

/// Each file with its size, its mtime and its hash.
fn seen(place: &Path) -> Vec<String> {
    use std::os::unix::fs::MetadataExt as _;
    let times = walkdir::WalkDir::new(place).sort_by_file_name().into_iter().map(|entry| {
        let entry = entry.unwrap();
        let facts = entry.metadata().unwrap();
        format!("{} {} {}.{}", entry.path().display(), facts.size(), facts.mtime(), facts.mtime_nsec())
    });
    times.chain([format!("{:?}", listing(place))]).collect()
}
