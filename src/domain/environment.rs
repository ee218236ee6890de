//! Which variables of the environment reach the processes that work for a person.
//!
//! A shell holds passwords and keys that no restore needs. A keeper lives for days and its workers run foreign programs:
//! so each gets what it cannot do without, and what the settings name. Promise: nothing else is handed on.

use serde::{Deserialize, Serialize};
use std::{
    ffi::{OsStr, OsString},
    fmt,
    os::unix::ffi::OsStrExt,
};
use thiserror::Error;

/// What every worker gets: where programs are, whose files are meant, and what time it is there.
const FOR_WORKERS: [&str; 3] = ["PATH", "HOME", "TZ"];

/// What a keeper needs beyond that, to find its settings and the user's manager, and to say who it is.
const FOR_KEEPERS: [&str; 5] = ["USER", "LOGNAME", "SUDO_USER", "XDG_*", "HOWDAH_*"];

/// Messages of programs come in English, as those who read them expect.
const LANGUAGE: (&str, &str) = ("LANG", "C");

/// The name of a variable, or the beginning of names with a `*` behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VariablePattern(String);

/// A text that names no variable.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{0:?} does not name a variable of the environment: write a name such as PGPASSFILE, or the beginning of names with \
     one * behind it, such as PGBACKREST_*"
)]
pub struct NotAVariable(String);

/// The environment of a worker, made of the variables that are there.
pub fn for_worker(
    variables: impl Iterator<Item = (OsString, OsString)>,
    more: &[VariablePattern],
) -> Vec<(OsString, OsString)> {
    chosen(variables, &FOR_WORKERS, more)
}

/// The environment of a keeper, which hands on to its workers what they need.
pub fn for_keeper(
    variables: impl Iterator<Item = (OsString, OsString)>,
    more: &[VariablePattern],
) -> Vec<(OsString, OsString)> {
    let own: Vec<&str> = FOR_WORKERS.into_iter().chain(FOR_KEEPERS).collect();
    chosen(variables, &own, more)
}

fn chosen(
    variables: impl Iterator<Item = (OsString, OsString)>,
    own: &[&str],
    more: &[VariablePattern],
) -> Vec<(OsString, OsString)> {
    let is_wanted =
        |name: &OsStr| own.iter().any(|own| matches(own, name)) || more.iter().any(|pattern| pattern.matches(name));
    let mut chosen: Vec<_> = variables.filter(|(name, _)| name != LANGUAGE.0 && is_wanted(name)).collect();
    chosen.push((LANGUAGE.0.into(), LANGUAGE.1.into()));
    chosen
}

fn matches(pattern: &str, name: &OsStr) -> bool {
    pattern.strip_suffix('*').map_or_else(|| name == pattern, |front| name.as_bytes().starts_with(front.as_bytes()))
}

impl VariablePattern {
    /// Whether a variable of this name is meant.
    pub fn matches(&self, name: &OsStr) -> bool {
        matches(&self.0, name)
    }
}

impl TryFrom<String> for VariablePattern {
    type Error = NotAVariable;

    fn try_from(text: String) -> Result<Self, NotAVariable> {
        // As POSIX has them (XBD 8.1). A `*` alone would hand on everything.
        let name = text.strip_suffix('*').unwrap_or(&text);
        let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && name.bytes().next().is_some_and(|first| !first.is_ascii_digit());
        if is_name { Ok(Self(text)) } else { Err(NotAVariable(text)) }
    }
}

impl From<VariablePattern> for String {
    fn from(pattern: VariablePattern) -> Self {
        pattern.0
    }
}

impl fmt::Display for VariablePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    fn pattern(text: &str) -> VariablePattern {
        VariablePattern::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn a_keeper_and_a_worker_get_what_they_need_and_what_is_named() {
        let shell = [
            ("PATH", "/bin"),
            ("HOME", "/h"),
            ("TZ", "UTC"),
            ("LANG", "de_DE.UTF-8"),
            ("LC_ALL", "de_DE.UTF-8"),
            ("USER", "ops"),
            ("SUDO_USER", "ana"),
            ("XDG_STATE_HOME", "/s"),
            ("HOWDAH_CONFIG", "/c"),
            ("PGPASSWORD", "secret"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("PGBACKREST_REPO1_PATH", "/r"),
            ("PGBACKREST", "no"),
            ("PGPASSFILE", "/p"),
            ("PGPASSFILE2", "no"),
        ];
        let variables = || shell.into_iter().map(|(name, value)| (name.into(), value.into()));
        let shown = |chosen: Vec<(OsString, OsString)>| {
            let shown = chosen.iter().map(|(name, value)| format!("{}={}", name.display(), value.display()));
            shown.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(shown(for_worker(variables(), &[])), "PATH=/bin HOME=/h TZ=UTC LANG=C");
        let own = "PATH=/bin HOME=/h TZ=UTC USER=ops SUDO_USER=ana XDG_STATE_HOME=/s HOWDAH_CONFIG=/c";
        assert_eq!(shown(for_keeper(variables(), &[])), format!("{own} LANG=C"));
        let more = [pattern("PGBACKREST_*"), pattern("PGPASSFILE"), pattern("LANG")];
        let named = "PGBACKREST_REPO1_PATH=/r PGPASSFILE=/p LANG=C";
        assert_eq!(shown(for_worker(variables(), &more)), format!("PATH=/bin HOME=/h TZ=UTC {named}"));
        assert_eq!(shown(for_keeper(variables(), &more)), format!("{own} {named}"));
    }

    #[test]
    fn a_name_has_letters_digits_and_one_star_at_its_end() {
        for good in ["PGPASSFILE", "_x", "PGBACKREST_*", "a1*"] {
            assert_eq!(String::from(pattern(good)), good);
        }
        for bad in ["", "*", "**", "A**", "A*B", "*A", "1A", "A B", "A=B", "A-B", "größe", "A\u{1b}"] {
            let error = VariablePattern::try_from(bad.to_owned()).unwrap_err().to_string();
            assert!(error.contains("does not name a variable") && !error.contains('\u{1b}'), "{error}");
        }
    }
}
