//! Whose processes logind ends at a logout: `KillUserProcesses`, `KillOnlyUsers`, `KillExcludeUsers` (logind.conf(5)).
//!
//! Promise: what logind itself says counts before what its files say.

use super::small::small;
use crate::postgres::{account::bare, command_output::command_output};
use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// logind answers in some milliseconds. Whoever looks may be about to leave a terminal, so no more than this.
const LIMIT: Duration = Duration::from_secs(1);

/// Where systemd looks for settings, what counts most first (systemd.syntax(7)).
const PLACES: [&str; 4] = ["etc/systemd", "run/systemd", "usr/local/lib/systemd", "usr/lib/systemd"];

/// Whose processes are ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Policy {
    kill: bool,
    only: Vec<String>,
    /// `None` where nothing is said, which means root.
    exclude: Option<Vec<String>>,
}

impl Policy {
    /// Whether the processes of this person's sessions are ended. The order is that of `manager_shall_kill` in logind.
    pub(super) fn ends_session_of(&self, person: Option<&str>) -> bool {
        let named = |list: &[String]| person.is_some_and(|person| list.iter().any(|name| name == person));
        let spared = self.exclude.as_deref().map_or(person == Some("root"), named);
        !spared && if self.only.is_empty() { self.kill } else { named(&self.only) }
    }

    fn set(&mut self, key: &str, value: &str) {
        // An empty value clears the list; a list that is said twice grows.
        let grown = |list: &[String]| match value {
            "" => Vec::new(),
            names => list.iter().cloned().chain(names.split_whitespace().map(str::to_owned)).collect(),
        };
        match key {
            "KillUserProcesses" => self.kill = boolean(value).unwrap_or(self.kill),
            "KillOnlyUsers" => self.only = grown(&self.only),
            "KillExcludeUsers" => self.exclude = Some(grown(self.exclude.as_deref().unwrap_or_default())),
            _ => {}
        }
    }
}

/// What the files below this root say.
pub(super) fn written(root: &Path) -> Policy {
    let mut policy = Policy::default();
    let main = PLACES.iter().map(|place| root.join(place).join("logind.conf")).find(|file| file.exists());
    // Of files of one name the first place counts; then all of them in the order of their names.
    let mut parts: BTreeMap<OsString, PathBuf> = BTreeMap::new();
    for place in PLACES {
        for entry in fs::read_dir(root.join(place).join("logind.conf.d")).into_iter().flatten().flatten() {
            if entry.path().extension().is_some_and(|end| end == "conf") {
                parts.entry(entry.file_name()).or_insert_with(|| entry.path());
            }
        }
    }
    for file in main.into_iter().chain(parts.into_values()) {
        read(&small(&file), &mut policy);
    }
    policy
}

/// What logind says on the bus, if it says it in time. An empty list of spared users may mean there that none is set,
/// so then the files decide.
pub(super) fn asked(busctl: &Path, written: &Policy) -> Option<Policy> {
    let words = ["get-property", "org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager"];
    let mut command = bare(busctl);
    command.args(words).args(["KillUserProcesses", "KillOnlyUsers", "KillExcludeUsers"]);
    let answer = command_output(&mut command, LIMIT).ok()?;
    let mut lines = answer.lines();
    let kill = boolean(lines.next()?.strip_prefix("b ")?)?;
    let only = list(lines.next()?)?;
    let exclude = list(lines.next()?)?;
    Some(Policy { kill, only, exclude: if exclude.is_empty() { written.exclude.clone() } else { Some(exclude) } })
}

/// `as 2 "root" "ops"`: names of users hold nothing that would be escaped.
fn list(line: &str) -> Option<Vec<String>> {
    let names = line.strip_prefix("as ")?;
    Some(names.split('"').skip(1).step_by(2).map(str::to_owned).collect())
}

fn read(text: &str, policy: &mut Policy) {
    let mut ours = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            ours = line == "[Login]";
        } else if let Some((key, value)) = line.split_once('=')
            && ours
            && !line.starts_with(['#', ';'])
        {
            policy.set(key.trim_end(), value.trim_start());
        }
    }
}

/// The words of systemd.syntax(7).
fn boolean(word: &str) -> Option<bool> {
    let is_one_of = |words: [&str; 6]| words.iter().any(|known| known.eq_ignore_ascii_case(word));
    let yes = is_one_of(["1", "yes", "y", "true", "t", "on"]);
    (yes || is_one_of(["0", "no", "n", "false", "f", "off"])).then_some(yes)
}
