//! The scenarios that come with howdah.

/// Each scenario's name and text, in the order in which they are listed.
pub const SCENARIOS: [(&str, &str); 7] = [
    ("quiet-night", include_str!("../../assets/scenarios/quiet-night.toml")),
    ("repository-down", include_str!("../../assets/scenarios/repository-down.toml")),
    ("stuck", include_str!("../../assets/scenarios/stuck.toml")),
    ("link-cut", include_str!("../../assets/scenarios/link-cut.toml")),
    ("three-jobs", include_str!("../../assets/scenarios/three-jobs.toml")),
    ("dropped-table", include_str!("../../assets/scenarios/dropped-table.toml")),
    ("point-in-time", include_str!("../../assets/scenarios/point-in-time.toml")),
];

/// The text of a scenario that comes with howdah.
pub fn find(name: &str) -> Option<&'static str> {
    SCENARIOS.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}
