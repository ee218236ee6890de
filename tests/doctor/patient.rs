//! A user of howdah whose surroundings are known: the environment is clean, and the only programs are those of the test.

use super::{sample, support::howdah::Howdah};
use howdah::{
    domain::{Disposition, Reach, RetryPolicy},
    journal::{Batch, JournalEntry, JournalRecord, SqliteJournal},
    machine::{Command, Session, decide, evolve},
};
use rusqlite::Connection;
use serde::Deserialize;
use std::{
    fs::{self, DirBuilder, Permissions},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
    process,
};

/// What depends on the machine that runs the tests, and is looked at by tests of its own.
const OF_THE_MACHINE: [&str; 5] = ["postgresql", "os-user", "lingering", "reboot", "clock"];

pub(crate) struct Patient {
    pub(crate) howdah: Howdah,
    pub(crate) state: PathBuf,
}

/// One finding.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct JsonFinding {
    pub(crate) check: String,
    pub(crate) state: String,
    pub(crate) found: String,
    pub(crate) fix: Option<String>,
}

impl JsonFinding {
    pub(crate) fn all(json: &[u8]) -> Vec<Self> {
        serde_json::from_slice(json).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(json)))
    }

    #[track_caller]
    pub(crate) fn of<'a>(rows: &'a [Self], check: &str) -> &'a Self {
        rows.iter().find(|row| row.check == check).unwrap_or_else(|| panic!("no {check}: {rows:?}"))
    }
}

impl Patient {
    pub(crate) fn new() -> Self {
        let howdah = Howdah::new();
        let state = howdah.state.clone();
        DirBuilder::new().mode(0o700).create(&state).unwrap();
        let patient = Self { howdah, state };
        patient.configure("");
        fs::create_dir(patient.bin()).unwrap();
        patient
    }

    pub(crate) fn bin(&self) -> PathBuf {
        self.howdah.home.join("bin")
    }

    /// Writes the settings. Where restores go is named, since the usual place is not the same for every user; and who
    /// runs servers for root, since `postgres` is not everywhere.
    pub(crate) fn configure(&self, toml: &str) {
        let restored = self.howdah.home.join("restored");
        let own = format!("restore_dir = \"{}\"\nworker.os_user = \"nobody\"\n", restored.display());
        self.write("config/howdah/howdah.toml", &(own + toml));
    }

    /// A program on the path.
    pub(crate) fn program(&self, name: &str, script: &str) {
        let path = self.write(&format!("bin/{name}"), &format!("#!/bin/sh\n{script}\n"));
        fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
    }

    pub(crate) fn write(&self, path: &str, text: &str) -> PathBuf {
        let path = self.howdah.home.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn open_journal(&self) -> SqliteJournal {
        SqliteJournal::open(&self.state.join("journal.db")).unwrap()
    }

    /// A journal with four sessions in the queue and one cancelled.
    pub(crate) fn journal(&self) -> SqliteJournal {
        let mut journal = self.open_journal();
        let entries = (1..=5).map(|number| {
            let created = sample::created(number, RetryPolicy::default());
            let mut entry = JournalEntry {
                after: Session::create(created.clone()),
                changes: vec![JournalRecord::Created(Box::new(created))],
            };
            if number == 5 {
                let at = sample::after(9);
                let by = "ops".to_owned();
                let cancel = Command::Cancel { disposition: Disposition::Keep, reach: Reach::AnyOrigin, by };
                for event in decide(&entry.after, cancel, at).unwrap() {
                    entry.after = evolve(entry.after, &event, at);
                    entry.changes.push(JournalRecord::Happened { at, event });
                }
            }
            entry
        });
        journal.append(&Batch { entries: entries.collect(), ..Batch::default() }).unwrap();
        journal
    }

    /// Changes the journal behind everybody's back.
    pub(crate) fn spoil(&self, sql: &str) {
        Connection::open(self.state.join("journal.db")).unwrap().execute_batch(sql).unwrap();
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> process::Command {
        let mut command = self.howdah.command(arguments);
        for name in ["NO_COLOR", "COLORTERM", "LC_CTYPE", "LANG", "XDG_RUNTIME_DIR"] {
            command.env_remove(name);
        }
        command.env("PATH", self.bin()).env("TERM", "xterm-256color").env("LC_ALL", "C.UTF-8");
        command.env("HOWDAH_STATE_DIR", &self.state);
        command
    }

    fn run(&self, arguments: &[&str], code: i32) -> Vec<u8> {
        let output = self.command(&[&["doctor"], arguments].concat()).output().unwrap();
        let reported = String::from_utf8_lossy(&output.stdout);
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{reported}");
        assert!(reported.chars().all(|c| c == '\n' || !c.is_control()), "{reported:?}");
        output.stdout
    }

    /// The findings, with the exit code that is expected.
    pub(crate) fn rows(&self, arguments: &[&str], code: i32) -> Vec<JsonFinding> {
        JsonFinding::all(&self.run(&[&["--json"], arguments].concat(), code))
    }

    /// The findings about another state directory, whose path may be any bytes.
    pub(crate) fn rows_of(&self, state: &Path, code: i32) -> Vec<JsonFinding> {
        let output = self.command(&["doctor", "--json", "--state-dir"]).arg(state).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stdout));
        JsonFinding::all(&output.stdout)
    }

    /// The JSON as it is written, masked, without what depends on the machine.
    pub(crate) fn json(&self, arguments: &[&str], code: i32) -> String {
        let json = String::from_utf8(self.run(&[&["--json"], arguments].concat(), code)).unwrap();
        let of_the_machine = |line: &str| OF_THE_MACHINE.iter().any(|check| line.contains(&format!(":\"{check}\"")));
        self.masked(json.lines().filter(|line| !of_the_machine(line)))
    }

    /// The lines for a person, masked, without what depends on the machine.
    pub(crate) fn text(&self, arguments: &[&str], code: i32) -> String {
        let text = String::from_utf8(self.run(arguments, code)).unwrap();
        let mut hidden = false;
        let shown = text.lines().filter(|line| {
            // A finding begins with its sign; what is indented belongs to the one above.
            if !line.starts_with(' ') {
                hidden = line.split_whitespace().nth(2).is_some_and(|check| OF_THE_MACHINE.contains(&check));
            }
            // How many there are depends on the machine, too.
            !hidden && !line.ends_with(['.'])
        });
        self.masked(shown)
    }

    fn masked<'a>(&self, lines: impl Iterator<Item = &'a str>) -> String {
        let (own, name) = (process::id(), fs::read_to_string("/proc/self/comm").unwrap());
        let lines = lines.map(|line| {
            let line = line.replace(self.howdah.home.to_str().unwrap(), "HOME");
            let line = line.replace(&format!("process {own} ({})", name.trim()), "process PID (NAME)");
            let line = line.replace(&format!("kill {own}"), "kill PID");
            // Room is told as two numbers with their units.
            let mut words: Vec<&str> = line.split(' ').collect();
            for at in 1..words.len() {
                if ["GiB", "MiB", "TiB", "inodes"].contains(&words[at]) {
                    words[at - 1] = "N";
                    if words[at] != "inodes" {
                        words[at] = "bytes";
                    }
                }
            }
            words.join(" ") + "\n"
        });
        lines.collect()
    }
}
