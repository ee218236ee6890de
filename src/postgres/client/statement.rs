//! What follows from a statement that failed: what `psql`, `pg_dump` and `pg_restore` say before they give up.
//!
//! Promises: decided by SQLSTATE where the program hands it on (`psql` with VERBOSITY=verbose), and only then by wording.
//! Never: calls incurable what a server that comes back cures.

use super::of_message;
use crate::domain::{
    Failure,
    FailureClass::{self, Disruption, Incurable},
};

/// One rule: what to look for, what follows, what to do.
type Rule = (&'static str, FailureClass, &'static str);

const SPACE: &str = "make room there, then retry";
const DATA: &str = "put right what it names in the destination, or choose another one; nothing of it was changed";
const RIGHTS: &str = "connect as a role that has this right, or grant it";
const THERE: &str = "choose another name, or move away what stands there; it was not touched";
const MISSING: &str = "take what it needs first, or create it in the destination";
const OLDER: &str = "choose a destination of the same version, or of a newer one";
const DAMAGED: &str = "verify the backup, and choose another restore point";
const LIBRARY: &str = "install the extension that is named on that server's machine";

/// By the beginning of the SQLSTATE (PostgreSQL's `errcodes.txt`); the first that matches counts.
const BY_CODE: &[Rule] = &[
    ("53100", Incurable, SPACE),
    ("53", Disruption, "others use all of it: retry when they are done"),
    ("57", Disruption, ""),
    ("40", Disruption, ""),
    ("55P03", Disruption, "somebody holds a lock that is needed"),
    ("08", Disruption, ""),
    ("58", Disruption, ""),
    ("25006", Incurable, "the server is a standby or read-only: choose one that can be written to"),
    ("42501", Incurable, RIGHTS),
    ("42P04", Incurable, THERE),
    ("42P06", Incurable, THERE),
    ("42P07", Incurable, THERE),
    ("42710", Incurable, THERE),
    ("42", Incurable, MISSING),
    ("3", Incurable, MISSING),
    ("23", Incurable, DATA),
    ("22", Incurable, DATA),
    ("P0", Incurable, DATA),
    ("44", Incurable, DATA),
    ("0A", Incurable, "see what it says"),
    ("54", Incurable, "see what it says"),
    ("55", Incurable, "see what it says"),
    ("XX001", Incurable, DAMAGED),
    ("XX002", Incurable, DAMAGED),
];

/// By wording, in lower case; the first that matches counts.
const BY_WORDS: &[Rule] = &[
    ("server closed the connection", Disruption, ""),
    ("terminating connection", Disruption, ""),
    ("the database system is", Disruption, "it is starting, stopping or recovering"),
    ("no connection to the server", Disruption, ""),
    ("no space left on device", Incurable, SPACE),
    ("disk quota exceeded", Incurable, SPACE),
    ("file too large", Incurable, crate::domain::failure::FILE_SIZE_LIMIT),
    ("read-only transaction", Incurable, "the server is a standby or read-only: choose one that can be written to"),
    ("deadlock detected", Disruption, ""),
    ("canceling statement", Disruption, ""),
    ("violates", Incurable, DATA),
    ("already exists", Incurable, THERE),
    ("permission denied", Incurable, RIGHTS),
    ("must be owner", Incurable, RIGHTS),
    ("must be member", Incurable, RIGHTS),
    ("must be able to set role", Incurable, RIGHTS),
    ("must be superuser", Incurable, RIGHTS),
    ("unrecognized configuration parameter", Incurable, OLDER),
    ("unsupported version", Incurable, OLDER),
    ("server version mismatch", Incurable, "install programs of that version, or name them with binaries"),
    ("could not access file", Incurable, LIBRARY),
    ("could not load library", Incurable, LIBRARY),
    ("is not available", Incurable, LIBRARY),
    ("could not open extension control file", Incurable, LIBRARY),
    ("invalid page in block", Incurable, DAMAGED),
    ("no matching", Incurable, "it is not in the restore point: list what is"),
    ("invalid input syntax", Incurable, DATA),
    ("does not exist", Incurable, MISSING),
    ("syntax error", Incurable, OLDER),
];

/// The failure that a program's standard error tells of; `doing` says what was tried.
pub fn of_statement(doing: &str, stderr: &str) -> Failure {
    let errors = || stderr.lines().map(str::trim).filter(|line| line.contains("rror:") || line.contains("ERROR:"));
    for line in errors() {
        let lower = line.to_lowercase();
        // What libpq says of a connection that never came about has a table of its own.
        if lower.contains("connection to server") && lower.contains("failed:") {
            return of_message(doing, line);
        }
        let by_code = code(line).and_then(|code| BY_CODE.iter().find(|(start, ..)| code.starts_with(start)));
        let rule = by_code.or_else(|| BY_WORDS.iter().find(|(words, ..)| lower.contains(words)));
        if let Some((_, class, advice)) = rule {
            let cause = format!("{doing}: {}{}", without_code(line), detail(stderr));
            return match class {
                Incurable => Failure::incurable(cause, *advice),
                Disruption | FailureClass::Bug => Failure::disruption(cause, *advice),
            };
        }
    }
    of_message(doing, stderr)
}

/// The SQLSTATE of `ERROR:  23503: insert or update ...`.
fn code(line: &str) -> Option<&str> {
    let (_, behind) = line.split_once("ERROR:  ").or_else(|| line.split_once("FATAL:  "))?;
    let (code, _) = behind.split_once(": ")?;
    (code.len() == 5 && code.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())).then_some(code)
}

fn without_code(line: &str) -> String {
    code(line).map_or_else(|| line.to_owned(), |code| line.replacen(&format!("{code}: "), "", 1))
}

/// What the server adds to say which row it was.
fn detail(stderr: &str) -> String {
    let detail = stderr.lines().map(str::trim).find_map(|line| line.strip_prefix("DETAIL:"));
    detail.map_or_else(String::new, |detail| format!(" ({})", detail.trim().trim_end_matches('.')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failed_statement_has_its_class_and_an_advice_where_nobody_else_helps() {
        for (text, class) in [
            (
                "psql:<stdin>:7: ERROR:  23503: insert or update on table \"l\" violates foreign key constraint \"f\"",
                Incurable,
            ),
            ("pg_restore: error: could not execute query: ERROR:  relation \"lines\" already exists", Incurable),
            ("pg_restore: error: could not execute query: server closed the connection unexpectedly", Disruption),
            ("psql: error: connection to server at \"h\", port 1 failed: Connection refused", Disruption),
            (
                "psql: error: connection to server at \"h\", port 1 failed: FATAL:  password authentication failed for user \"x\"",
                Incurable,
            ),
            ("psql:<stdin>:3: FATAL:  57P01: terminating connection due to administrator command", Disruption),
            ("psql:<stdin>:3: ERROR:  53100: could not extend file \"base/1/2\": No space left on device", Incurable),
            ("psql:<stdin>:3: ERROR:  42501: permission denied for table lines", Incurable),
            ("pg_dump: error: no matching tables were found", Incurable),
            ("ERROR:  57014: canceling statement due to user request", Disruption),
            ("pg_dump: error: could not write to output file: No space left on device", Incurable),
            ("pg_dump: error: something nobody has met yet", Disruption),
        ] {
            let failure = of_statement("x", &format!("some notice\n{text}\nDETAIL:  Key (id)=(7) is it.\n"));
            assert_eq!(failure.class, class, "{text}: {failure}");
            assert!(class == Disruption || !failure.advice.is_empty(), "{text}");
        }
        let failure = of_statement("x", "ERROR:  23503: a violates b\nDETAIL:  Key (id)=(7) is not there.");
        assert_eq!(failure.cause, "x: ERROR:  a violates b (Key (id)=(7) is not there)");
    }
}
