//! Does anybody go on with the sessions after the machine was restarted?
//!
//! Only a keeper that is started with the machine does, which is what `assets/howdah-keeper.service` is for; without
//! one they wait until howdah is opened. Promises: files are looked at, and no program is asked. Never: changes
//! anything.

use super::{facts::Facts, small::small};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// How the units begin that start a keeper; a person may have several, one for each state directory.
const UNIT: &str = "howdah-keeper";

/// What becomes of the sessions of one state directory after a restart of the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AfterReboot {
    /// This unit starts a keeper for it.
    GoesOn {
        /// The unit, as it is enabled.
        unit: PathBuf,
    },
    /// This unit does so at the first login only.
    AtLogin {
        /// The unit, as it is enabled.
        unit: PathBuf,
    },
    /// A unit starts a keeper for another state directory or another user.
    ForAnother {
        /// The unit, as it is enabled.
        unit: PathBuf,
    },
    /// Nothing starts a keeper.
    Waits,
}

/// Whose sessions are meant, and where.
#[derive(Debug, Clone)]
pub(in crate::app) struct Sessions {
    /// The state directory.
    pub(in crate::app) state: PathBuf,
    /// Where a keeper looks that is told nothing.
    pub(in crate::app) usual_state: Option<PathBuf>,
    /// The directory of the user's settings, such as `~/.config`.
    pub(in crate::app) config_home: Option<PathBuf>,
}

/// Looks at the units below this root, `/` on a real machine.
pub(in crate::app) fn after_reboot(root: &Path, facts: &Facts, sessions: &Sessions) -> AfterReboot {
    // As sd_booted(3) has it: elsewhere nobody reads units.
    if !root.join("run/systemd/system").is_dir() {
        return AfterReboot::Waits;
    }
    let system = enabled(&root.join("etc/systemd/system")).into_iter().map(|unit| (unit, true));
    let users = sessions.config_home.iter().map(|home| home.join("systemd/user"));
    let users = users.chain([root.join("etc/systemd/user")]).flat_map(|place| enabled(&place));
    let mut found = AfterReboot::Waits;
    for (unit, is_system) in system.chain(users.map(|unit| (unit, false))) {
        let text = small(&unit);
        let verdict = if !is_ours(&text, is_system, facts, sessions) {
            AfterReboot::ForAnother { unit }
        } else if is_system || facts.lingers {
            return AfterReboot::GoesOn { unit };
        } else {
            AfterReboot::AtLogin { unit }
        };
        // What comes closest is worth telling.
        if found == AfterReboot::Waits || matches!(verdict, AfterReboot::AtLogin { .. }) {
            found = verdict;
        }
    }
    found
}

/// The units of ours that some target wants (systemd.unit(5), `.wants/` and `.requires/`).
fn enabled(place: &Path) -> Vec<PathBuf> {
    let is_target = |directory: &PathBuf| directory.extension().is_some_and(|end| end == "wants" || end == "requires");
    let is_keeper = |unit: &PathBuf| {
        let name = unit.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(UNIT) && name.ends_with(".service")
    };
    let mut units: Vec<PathBuf> =
        entries(place).filter(is_target).flat_map(|t| entries(&t)).filter(is_keeper).collect();
    units.sort();
    units
}

fn entries(place: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    fs::read_dir(place).into_iter().flatten().flatten().map(|entry| entry.path())
}

/// Whether a unit keeps these sessions: by its user, and by the state directory that it names.
fn is_ours(unit: &str, is_system: bool, facts: &Facts, sessions: &Sessions) -> bool {
    let value = |key: &str| unit.lines().rev().find_map(|line| line.trim().strip_prefix(key));
    let user = value("User=").map_or("root", str::trim);
    let own = facts.user.as_deref().is_some_and(|name| name == user) || user == facts.uid.to_string();
    let of_root = facts.uid == 0 && user == "root";
    if is_system && !own && !of_root {
        return false;
    }
    let words = || value("ExecStart=").unwrap_or_default().split_whitespace();
    let behind = words().skip_while(|word| *word != "--state-dir").nth(1);
    let named = behind.or_else(|| words().find_map(|word| word.strip_prefix("--state-dir=")));
    let set = || value("Environment=HOWDAH_STATE_DIR=");
    named.or_else(set).map_or(sessions.usual_state.as_deref(), |named| Some(Path::new(named.trim_matches('"'))))
        == Some(sessions.state.as_path())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use crate::app::logout::Place;
    use std::os::unix::fs::symlink;

    const EXEC: &str = "[Service]\nExecStart=/usr/local/bin/howdah keeper";

    /// A machine below a directory, with systemd.
    struct Small(tempfile::TempDir);

    impl Small {
        fn new() -> Self {
            let small = Self(tempfile::tempdir().unwrap());
            fs::create_dir_all(small.0.path().join("run/systemd/system")).unwrap();
            small
        }

        /// A unit that is enabled as `systemctl enable` does it.
        fn with(self, place: &str, target: &str, unit: &str) -> Self {
            let place = self.0.path().join(place);
            let wants = place.join(target);
            fs::create_dir_all(&wants).unwrap();
            fs::write(place.join("howdah-keeper.service"), unit).unwrap();
            symlink("../howdah-keeper.service", wants.join("howdah-keeper.service")).unwrap();
            self
        }

        fn look(&self, uid: u32, lingers: bool, state: &str) -> AfterReboot {
            let facts = Facts {
                place: Place::Session,
                uid,
                user: Some(if uid == 0 { "root" } else { "ops" }.to_owned()),
                logout_ends_session: false,
                lingers,
                system_scopes: false,
                user_manager: None,
                systemd_run: None,
            };
            let sessions = Sessions {
                state: state.into(),
                usual_state: Some("/s/howdah".into()),
                config_home: Some(self.0.path().join("config")),
            };
            after_reboot(self.0.path(), &facts, &sessions)
        }
    }

    fn kind(after: &AfterReboot) -> &'static str {
        match after {
            AfterReboot::GoesOn { .. } => "goes on",
            AfterReboot::AtLogin { .. } => "at login",
            AfterReboot::ForAnother { .. } => "for another",
            AfterReboot::Waits => "waits",
        }
    }

    #[test]
    fn a_unit_counts_for_its_own_user_and_state_directory_and_where_it_is_started_with_the_machine() {
        const USER: &str = "config/systemd/user";
        const SYSTEM: &str = "etc/systemd/system";
        let named = format!("{EXEC} --state-dir /srv/state");
        let equals = format!("{EXEC} --state-dir=/srv/state");
        let set = format!("{EXEC}\nEnvironment=HOWDAH_STATE_DIR=/srv/state");
        let of_ops = format!("{EXEC}\nUser=ops");
        let (usual, other) = ("/s/howdah", "/srv/state");
        for (place, target, unit, uid, lingers, state, expected) in [
            (USER, "default.target.wants", EXEC, 1000, true, usual, "goes on"),
            (USER, "default.target.wants", EXEC, 1000, false, usual, "at login"),
            (USER, "default.target.wants", EXEC, 1000, true, other, "for another"),
            (USER, "default.target.wants", &named, 1000, true, other, "goes on"),
            (USER, "default.target.wants", &named, 1000, true, usual, "for another"),
            (USER, "default.target.requires", &equals, 1000, true, other, "goes on"),
            (USER, "default.target.wants", &set, 1000, true, other, "goes on"),
            ("etc/systemd/user", "default.target.wants", EXEC, 1000, true, usual, "goes on"),
            (SYSTEM, "multi-user.target.wants", EXEC, 0, false, usual, "goes on"),
            (SYSTEM, "multi-user.target.wants", EXEC, 1000, true, usual, "for another"),
            (SYSTEM, "multi-user.target.wants", &of_ops, 1000, false, usual, "goes on"),
            (SYSTEM, "multi-user.target.wants", &of_ops, 0, false, usual, "for another"),
            // Installed, and not enabled.
            (USER, "spare", EXEC, 1000, true, usual, "waits"),
        ] {
            let after = Small::new().with(place, target, unit).look(uid, lingers, state);
            assert_eq!(kind(&after), expected, "{place} {target} {uid} {lingers} {state}: {after:?}\n{unit}");
        }
    }

    #[test]
    fn without_a_unit_or_without_systemd_the_sessions_wait() {
        assert_eq!(Small::new().look(1000, true, "/s/howdah"), AfterReboot::Waits);
        let small = Small::new().with("config/systemd/user", "default.target.wants", EXEC);
        fs::remove_dir(small.0.path().join("run/systemd/system")).unwrap();
        assert_eq!(small.look(1000, true, "/s/howdah"), AfterReboot::Waits);
    }
}
