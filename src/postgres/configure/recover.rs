//! The settings that bring a configured copy to one point of its WAL.
//!
//! Promises: exactly one goal and one timeline are set, and those of the source are not; recovery never opens the server by
//! itself. While a session works they are on the server's command line alone, with the signal file in the directory: whoever
//! starts a server there by hand meets a refusal, not a cluster that opens somewhere else. Never: writes a setting into the
//! cluster's files unless the copy is left at its goal.
//!
//! Source: "Recovery Target" and "Archive Recovery" in PostgreSQL's documentation, the same from 13 to 18.

use super::{
    DataDirectory, MAX_LEN,
    block::{Setting, setting, with_in_block},
};
use crate::{
    domain::{Failure, Lsn, RecoveryGoal, Timeline},
    postgres::{account::Account, server::classify},
};
use std::{
    ffi::{OsStr, OsString},
    io,
    path::Path,
};

const AUTO: &str = "postgresql.auto.conf";

/// The file that asks for archive recovery (`RECOVERY_SIGNAL_FILE` in `xlog.h`). The server removes it when it opens.
const SIGNAL: &str = "recovery.signal";

/// Where recovery is to stop, and on which timeline.
#[derive(Debug, Clone, Copy)]
pub struct RecoverySettings<'a> {
    /// The goal.
    pub goal: &'a RecoveryGoal,
    /// Whether what happened exactly there is part of the result.
    pub inclusive: bool,
    /// Where the record begins that is the last one to be replayed, where that is the goal's meaning: for the end of the
    /// archive, behind which no later commit shows that a moment was passed.
    pub last_record: Option<Lsn>,
    /// The timeline that is followed.
    pub timeline: Timeline,
    /// How the server gets WAL.
    pub restore_command: &'a OsStr,
}

impl RecoverySettings<'_> {
    /// Names and values for the command line of the isolated server.
    pub fn all(&self) -> Vec<(&'static str, OsString)> {
        let (name, value) = self.target();
        // Of those that are not meant the source may have one: two are refused by the server.
        let others = super::follow::TARGETS.iter().filter(|other| **other != name);
        let mut all: Vec<(&'static str, OsString)> = others.map(|other| (*other, OsString::new())).collect();
        let inclusive = self.last_record.is_some() || self.inclusive;
        all.extend([
            (name, value.into()),
            ("recovery_target_inclusive", if inclusive { "on" } else { "off" }.into()),
            ("recovery_target_timeline", self.timeline.to_string().into()),
            ("recovery_target_action", "pause".into()),
            ("restore_command", self.restore_command.to_owned()),
            // Without it a pause is a shutdown.
            ("hot_standby", "on".into()),
            ("recovery_min_apply_delay", "0".into()),
        ]);
        all
    }

    fn target(&self) -> (&'static str, String) {
        const LSN: &str = "recovery_target_lsn";
        if let Some(at) = self.last_record {
            return (LSN, at.to_string());
        }
        match self.goal {
            RecoveryGoal::Consistent | RecoveryGoal::Immediate | RecoveryGoal::Latest => {
                ("recovery_target", "immediate".to_owned())
            }
            RecoveryGoal::Time(at) => ("recovery_target_time", at.strftime("%Y-%m-%d %H:%M:%S%.6f+00").to_string()),
            RecoveryGoal::Lsn(at) => (LSN, at.to_string()),
            RecoveryGoal::Xid(xid) => ("recovery_target_xid", xid.to_string()),
            RecoveryGoal::Name(name) => ("recovery_target_name", name.clone()),
        }
    }
}

/// Asks for archive recovery at the next start. May be done again.
pub fn request(data: &Path, account: &Account) -> Result<(), Failure> {
    let request = || DataDirectory::open(data)?.replace(SIGNAL, b"", account.owner());
    request().map_err(|e| classify::of_io(&format!("writing {SIGNAL} in {}", data.display()), &e))
}

/// Takes the wish for archive recovery back, if it is there.
pub fn withdraw(data: &Path) -> Result<(), Failure> {
    let removed = DataDirectory::open(data).and_then(|place| place.remove(SIGNAL));
    removed.map(drop).map_err(|e| classify::of_io(&format!("removing {SIGNAL} of {}", data.display()), &e))
}

/// Whether archive recovery is asked for and has not come to its end.
pub fn is_requested(data: &Path) -> Result<bool, Failure> {
    let read = || DataDirectory::open(data)?.read(SIGNAL, MAX_LEN);
    let found = read().map_err(|e| classify::of_io(&format!("looking for {SIGNAL} in {}", data.display()), &e))?;
    Ok(found.is_some())
}

/// Writes the settings into the copy, which is left at its goal: whoever starts it comes to the same place and waits there.
pub fn keep(data: &Path, account: &Account, settings: &RecoverySettings<'_>) -> Result<(), Failure> {
    let keep = || -> io::Result<()> {
        let place = DataDirectory::open(data)?;
        let old = place.read(AUTO, MAX_LEN)?.unwrap_or_default();
        let all: Vec<Setting> = settings.all().iter().map(|(name, value)| setting(name, value)).collect();
        let new = with_in_block(&old, &all);
        if new == old { Ok(()) } else { place.replace(AUTO, &new, account.owner()) }
    };
    keep().map_err(|e| classify::of_io(&format!("writing the goal of recovery into {}", data.display()), &e))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::{super::with_block, *};

    fn settings(goal: &RecoveryGoal, last_record: Option<Lsn>) -> String {
        let restore_command = OsStr::new("fetch %f '%p'");
        let settings = RecoverySettings { goal, inclusive: false, last_record, timeline: Timeline(2), restore_command };
        let shown = |(name, value): &(&str, OsString)| format!("{name}={}\n", value.to_str().unwrap());
        settings.all().iter().map(shown).collect()
    }

    #[test]
    fn one_goal_is_set_and_each_other_is_taken_from_the_source() {
        let time = RecoveryGoal::Time("2026-11-20T13:29:59.000001Z".parse().unwrap());
        for (goal, line) in [
            (RecoveryGoal::Immediate, "recovery_target=immediate\n"),
            (time, "recovery_target_time=2026-11-20 13:29:59.000001+00\n"),
            (RecoveryGoal::Lsn(Lsn(0x1_0000_0028)), "recovery_target_lsn=1/28\n"),
            (RecoveryGoal::Xid(4711), "recovery_target_xid=4711\n"),
            (RecoveryGoal::Name("before it's done".to_owned()), "recovery_target_name=before it's done\n"),
        ] {
            let all = settings(&goal, None);
            assert!(all.contains(line), "{all}");
            for name in super::super::follow::TARGETS {
                assert_eq!(all.matches(&format!("{name}=")).count(), 1, "{all}");
                let is_goal = line.starts_with(&format!("{name}="));
                assert_eq!(all.contains(&format!("{name}=\n")), !is_goal, "{all}");
            }
            for fixed in ["_timeline=2\n", "_action=pause\n", "_inclusive=off\n", "restore_command=fetch %f '%p'\n"] {
                assert!(all.contains(fixed), "{all}");
            }
        }
    }

    #[test]
    fn the_end_of_the_archive_is_its_last_record_with_it() {
        let all = settings(&RecoveryGoal::Latest, Some(Lsn(0x500_0028)));
        assert!(all.contains("recovery_target_lsn=0/5000028\n") && all.contains("_inclusive=on\n"), "{all}");
    }

    #[test]
    fn a_copy_that_is_left_at_its_goal_says_so_in_its_own_block() {
        let place = tempfile::tempdir().unwrap();
        let account = Account::own().unwrap();
        let own = [setting("restore_command", ""), setting("archive_mode", "off")];
        std::fs::write(place.path().join(AUTO), with_block(b"recovery_target_xid = '7'\n", &own)).unwrap();
        let goal = RecoveryGoal::Lsn(Lsn(0x28));
        let settings = RecoverySettings {
            goal: &goal,
            inclusive: true,
            last_record: None,
            timeline: Timeline(1),
            restore_command: OsStr::new("'/usr/bin/it''s' %f"),
        };
        keep(place.path(), &account, &settings).unwrap();
        keep(place.path(), &account, &settings).unwrap();
        let text = std::fs::read_to_string(place.path().join(AUTO)).unwrap();
        for line in [
            "archive_mode = 'off'\n",
            "recovery_target_lsn = '0/28'\n",
            "recovery_target_xid = ''\n",
            "recovery_target_action = 'pause'\n",
            "restore_command = '''/usr/bin/it''''s'' %f'\n",
        ] {
            assert_eq!(text.matches(line).count(), 1, "{line}: {text}");
        }
        assert_eq!(text.matches("restore_command").count(), 1, "{text}");
        assert!(!is_requested(place.path()).unwrap());
        request(place.path(), &account).unwrap();
        assert!(is_requested(place.path()).unwrap());
        withdraw(place.path()).unwrap();
        withdraw(place.path()).unwrap();
        assert!(!is_requested(place.path()).unwrap());
    }
}
