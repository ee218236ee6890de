//! What follows from how restic ends.
//!
//! From 0.17 on it has an exit status for some reasons; before that its English is all there is. What nobody knows is
//! taken for a disruption, as with the programs of PostgreSQL.

use crate::domain::{
    Failure,
    FailureClass::{self, Disruption, Incurable},
    instance::printable,
};
use std::{os::unix::process::ExitStatusExt, process::ExitStatus};

/// One rule: what to look for, what follows, what to do.
type Rule = (&'static str, FailureClass, &'static str);

const PASSWORD: &str =
    "correct the file that password_file names: it holds the password of this repository in one line";
const LOCKED: &str = "wait for the other restic; restic unlock removes a lock that a crash has left";
/// What a person can do about a repository that is not what it was.
pub(crate) const DAMAGED: &str = "choose another restore point: restic check --read-data says what is damaged";
const GONE: &str = "see whether the repository is mounted, or was moved away";

/// By its status (restic's manual, "Exit codes").
const STATUSES: &[(i32, FailureClass, &str)] =
    &[(10, Disruption, GONE), (11, Disruption, LOCKED), (12, Incurable, PASSWORD)];

/// In lower case; the first that matches counts.
const RULES: &[Rule] = &[
    ("no space left on device", Incurable, "make room on that disk"),
    ("disk quota exceeded", Incurable, "make room on that disk"),
    ("file too large", Incurable, crate::domain::failure::FILE_SIZE_LIMIT),
    ("read-only file system", Incurable, "mount that disk to be written"),
    ("wrong password or no key found", Incurable, PASSWORD),
    ("resolving password failed", Incurable, PASSWORD),
    ("an empty password", Incurable, PASSWORD),
    ("already locked", Disruption, LOCKED),
    ("permission denied", Incurable, "give the user that howdah runs as the right"),
    ("operation not permitted", Incurable, "give the user that howdah runs as the right"),
    ("invalid pattern", Incurable, "correct exclude in the settings of the job"),
    ("unable to open config file", Disruption, GONE),
    ("unknown flag", Incurable, "install restic 0.14 or newer"),
    ("unsupported repository version", Incurable, "install the restic that made the repository, or a newer one"),
    ("ciphertext verification failed", Incurable, DAMAGED),
    ("unexpected eof", Incurable, DAMAGED),
    ("invalid data returned", Incurable, DAMAGED),
    ("file name too long", Incurable, "choose a place with a shorter name"),
    ("input/output error", Disruption, "see the disk that it names"),
];

/// The failure of a restic that has ended so, with what it said beside its JSON.
pub(crate) fn of_end(doing: &str, status: ExitStatus, said: &str) -> Failure {
    if let Some(signal) = status.signal() {
        return Failure::disruption(format!("{doing}: restic was killed by signal {signal}"), "");
    }
    let lines = || said.lines().map(str::trim).filter(|line| !line.is_empty());
    let known = lines().find_map(|line| {
        let lower = line.to_lowercase();
        RULES.iter().find(|(words, ..)| lower.contains(words)).map(|(_, class, advice)| (line, *class, *advice))
    });
    let by_status = STATUSES.iter().find(|(code, ..)| status.code() == Some(*code));
    let first = || lines().find(|line| line.starts_with("Fatal")).or_else(|| lines().next());
    let (line, class, advice) = match (by_status, known) {
        (Some((_, class, advice)), _) => (first(), *class, *advice),
        (None, Some((line, class, advice))) => (Some(line), class, advice),
        (None, None) => (first(), Disruption, ""),
    };
    let line = line.map_or_else(|| format!("restic ended with {status}"), printable);
    Failure { class, step: None, cause: format!("{doing}: {line}"), advice: advice.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_end_has_its_class() {
        for (code, text, class) in [
            (1, "Fatal: wrong password or no key found", Incurable),
            (12, "Fatal: something in other words", Incurable),
            (
                1,
                "unable to create lock in backend: repository is already locked exclusively by PID 7 on vm",
                Disruption,
            ),
            (11, "in other words", Disruption),
            (1, "Fatal: unable to save snapshot: write r/data/85/8-tmp-1: no space left on device", Incurable),
            (1, "Save(<data/1>) returned error, retrying after 1s: write x: input/output error", Disruption),
            (1, "Fatal: unable to open config file: stat r/config: no such file or directory", Disruption),
            (1, "Fatal: unable to open config file: open r/config: permission denied", Incurable),
            (1, "Resolving password failed: Fatal: /pw does not exist", Incurable),
            (1, "Fatal: --exclude: invalid pattern(s) provided:", Incurable),
            (1, "ignoring error for /t/a: ciphertext verification failed", Incurable),
            (1, "Load(<data/0a>, 1, 0) returned error, retrying after 1s: ReadFull: unexpected EOF", Incurable),
            (1, "unbekannt", Disruption),
        ] {
            let failure = of_end("x", ExitStatus::from_raw(code << 8), &format!("\n{text}\nmore\n"));
            assert_eq!(failure.class, class, "{failure}");
            assert!(failure.cause.contains(text), "{failure}");
            assert!(class == Disruption || !failure.advice.is_empty(), "{text}");
        }
        let hostile = of_end("x", ExitStatus::from_raw(1 << 8), "Fatal: /t/\u{1b}[2J");
        assert!(hostile.cause.ends_with("/t/\\u{1b}[2J"), "{hostile}");
        assert!(of_end("x", ExitStatus::from_raw(9), "").cause.contains("killed by signal 9"));
        assert!(of_end("x", ExitStatus::from_raw(1 << 8), "").cause.contains("exit status: 1"));
    }
}
