//! `[hook]` in `howdah.toml`: the program that is run when a session ends or needs a person.
//!
//! Promises: the program is named by a whole path, so that it is the same wherever its owner was started. Never: looks
//! whether it is there, which may change while howdah runs.

use crate::machine::OccasionKind;
use serde::{Deserialize, Deserializer, de::Error};
use std::{path::Path, time::Duration};

/// `[hook]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HookSettings {
    /// The program and its arguments; none where it is empty.
    #[serde(deserialize_with = "command")]
    pub command: Vec<String>,
    /// What it is run for.
    pub on: Vec<OccasionKind>,
    /// How long it may take, such as `30s`.
    #[serde(deserialize_with = "super::duration")]
    pub time_limit: Duration,
}

impl Default for HookSettings {
    fn default() -> Self {
        // Half a minute: a mail or a web request takes a second, and one that has no answer by then gets none.
        Self { command: Vec::new(), on: OccasionKind::ALL.to_vec(), time_limit: Duration::from_secs(30) }
    }
}

fn command<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let words = Vec::<String>::deserialize(deserializer)?;
    match words.first() {
        Some(program) if !Path::new(program).is_absolute() => Err(D::Error::custom(format!(
            "{program:?} is not a whole path: no shell and no PATH is asked, so write it from the root on"
        ))),
        Some(_) | None => Ok(words),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use crate::app::config::Config;

    fn of(text: &str) -> Result<HookSettings, String> {
        toml::from_str::<Config>(text).map(|config| config.hook).map_err(|error| error.to_string())
    }

    #[test]
    fn a_hook_is_a_program_for_all_events_unless_some_are_named() {
        assert_eq!(of("").unwrap(), HookSettings::default());
        let hook =
            of("[hook]\ncommand = [\"/bin/tell\", \"-x\"]\non = [\"needs-a-person\"]\ntime_limit = \"5s\"").unwrap();
        assert_eq!(hook.command, ["/bin/tell", "-x"]);
        assert_eq!((hook.on, hook.time_limit), (vec![OccasionKind::NeedsAPerson], Duration::from_secs(5)));
        for kind in OccasionKind::ALL {
            assert_eq!(of(&format!("[hook]\non = [\"{}\"]", kind.as_str())).unwrap().on, [kind]);
        }
    }

    #[test]
    fn what_cannot_work_is_refused_with_what_would_be_right() {
        for (text, says) in [
            ("[hook]\ncommand = [\"tell\"]", "\"tell\" is not a whole path"),
            ("[hook]\ncommand = \"/bin/tell\"", "expected a sequence"),
            (
                "[hook]\non = [\"done\"]",
                "unknown variant `done`, expected one of `completed`, `stuck`, `needs-a-person`",
            ),
            ("[hook]\ntime_limit = \"0s\"", "is not a time span"),
            ("[hook]\ncmd = []", "unknown field `cmd`"),
        ] {
            let error = of(text).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }
}
