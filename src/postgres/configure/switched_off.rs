//! What a copy would do to the world around it by itself, and the setting that keeps it from doing so (rule S13).
//!
//! The settings stand in the copy's own block of `postgresql.auto.conf` and on the command line of the isolated server.
//!
//! Promises: one table for both, for the plan and for the docs. Never: holds what depends on the machine or the cluster;
//! that is `adapt`, and `libraries` for what is preloaded.

use super::block::{Setting, setting};
use crate::domain::{MajorVersion, plan::SwitchedOff};

/// One setting that keeps a copy to itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Switch {
    /// The setting.
    pub name: &'static str,
    /// Its value in a copy.
    pub value: &'static str,
    /// The first version that knows it; others refuse to start with it.
    pub since: MajorVersion,
    /// What the copy would do without it.
    pub effect: &'static str,
}

/// The oldest version whose backups have a manifest.
const FIRST: MajorVersion = MajorVersion(13);

const fn switch(name: &'static str, value: &'static str, effect: &'static str) -> Switch {
    Switch { name, value, since: FIRST, effect }
}

/// All of them.
pub const SWITCHES: [Switch; 10] = [
    switch(
        "max_logical_replication_workers",
        "0",
        "run the source's subscriptions and take their changes out of the publishers' slots",
    ),
    switch("archive_mode", "off", "put its own WAL into the source's archive, by archive_command or archive_library"),
    switch("restore_command", "", "fetch WAL from the source's archive"),
    // Run at restartpoints, and those come in a long replay of a backup, too, without any signal file (seen with 15).
    switch("archive_cleanup_command", "", "remove WAL from the source's archive during a long replay"),
    switch("recovery_end_command", "", "run the source's command at the end of recovery"),
    switch("primary_conninfo", "", "connect to the source's primary"),
    switch("primary_slot_name", "", "take over the source's replication slot at that primary"),
    switch("synchronous_standby_names", "", "wait for the source's standbys at each commit"),
    Switch {
        name: "synchronized_standby_slots",
        value: "",
        since: MajorVersion(17),
        effect: "wait for the source's standbys before it sends a logical change",
    },
    switch("bonjour", "off", "announce itself on the network as the source does"),
];

/// The switches that this version knows; of an unknown one, those of every version.
pub fn switches(version: Option<MajorVersion>) -> impl Iterator<Item = &'static Switch> {
    SWITCHES.iter().filter(move |switch| switch.since <= version.unwrap_or(FIRST))
}

/// What a person reads of a copy of this version before it is made.
pub fn page(version: Option<MajorVersion>) -> Vec<SwitchedOff> {
    let all = switches(version).map(|switch| (switch.name, switch.value, switch.effect));
    let listens = ("listen_addresses", super::LISTENS, "be reached from other machines");
    all.chain([listens])
        .map(|(name, value, effect)| SwitchedOff { line: line(&setting(name, value)), effect: effect.to_owned() })
        .collect()
}

/// What a person reads when it is done: every line.
pub(super) fn sentence(all: &[SwitchedOff]) -> String {
    let lines: Vec<&str> = all.iter().map(|one| one.line.as_str()).collect();
    format!(
        "to let the copy replace its source, remove what keeps it to itself from postgresql.auto.conf: {}",
        lines.join(", ")
    )
}

/// A setting as it stands in the block.
pub(super) fn line(setting: &Setting) -> String {
    String::from_utf8_lossy(&super::block::line(setting)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s13_a_version_gets_the_settings_that_it_knows() {
        let has = |version: Option<u32>, name: &str| switches(version.map(MajorVersion)).any(|one| one.name == name);
        for version in [None, Some(13), Some(15), Some(18)] {
            assert!(has(version, "max_logical_replication_workers"), "{version:?}");
        }
        let late = "synchronized_standby_slots";
        assert!(!has(None, late) && !has(Some(16), late) && has(Some(17), late));
    }

    #[test]
    fn s13_the_page_shows_the_very_line_that_gives_a_thing_back() {
        let page = page(Some(MajorVersion(15)));
        let of = |line: &str| page.iter().find(|one| one.line == line).map(|one| one.effect.as_str());
        assert!(of("max_logical_replication_workers = '0'").is_some_and(|effect| effect.contains("subscriptions")));
        assert!(of("archive_mode = 'off'").is_some_and(|effect| effect.contains("archive")));
        assert!(of("listen_addresses = 'localhost'").is_some_and(|effect| effect.contains("other machines")));
    }
}
