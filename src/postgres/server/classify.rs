//! What follows from the way a server ended.
//!
//! Promises: decided first by how the process ended and by SQLSTATE (our isolated server logs it, in English), and only
//! then by wording, all in the two tables below. Never: calls curable by waiting what nobody knows.

use crate::domain::{
    Failure,
    FailureClass::{self, Disruption, Incurable},
    failure::FILE_SIZE_LIMIT,
};
use rustix::io::Errno;
use std::io;

/// One rule: what to look for, what follows, what to do.
type Rule = (&'static str, FailureClass, &'static str);

const SPACE: &str = "make room on that file system, then retry";
const EMPTY_LOCK: &str = "wait until no other server is starting there, remove that lock file, then retry";
const DAMAGED: &str = "restore from another restore point, or make the backup anew and see whether it verifies";
const NO_WAL: &str = "choose a restore point that holds its WAL (pg_basebackup -X stream)";
const NOT_REACHED: &str = "choose a goal that the archive holds (howdah wal show), or complete the archive, then retry";
const EARLIER: &str = "choose a later goal, or an older restore point";
const TIMELINE: &str =
    "choose a timeline that the restore point is on (howdah wal show), with its history in the archive";
const HISTORY: &str = "get an undamaged copy of that history into the archive, then retry";
const WIDER: &str = "the source was given more connections, workers, locks or prepared transactions after the backup: \
                     choose an earlier goal, or a newer restore point";
const CONFIG: &str = "correct the setting in its data directory, then retry";

/// What a recovery to a goal ends with, in lower case; looked at before the SQLSTATE, which for most of them is that of a
/// wrong setting (`xlogrecovery.c`, `timeline.c`; the same words from 13 to 18).
const BY_RECOVERY: &[Rule] = &[
    ("recovery ended before configured recovery target was reached", Incurable, NOT_REACHED),
    ("requested recovery stop point is before consistent recovery point", Incurable, EARLIER),
    ("recovery target timeline", Incurable, TIMELINE),
    ("requested timeline", Incurable, TIMELINE),
    ("syntax error in history file", Incurable, HISTORY),
    ("invalid data in history file", Incurable, HISTORY),
    ("insufficient parameter settings", Incurable, WIDER),
    ("has wrong size", Incurable, "get an undamaged copy of that segment into the archive, then retry"),
    ("could not restore file", Incurable, "see what the lines before it in the attempt's log name, then retry"),
];

/// By SQLSTATE (PostgreSQL's `errcodes.txt`), where the code alone is enough.
const BY_CODE: &[Rule] = &[
    ("53100", Incurable, SPACE),
    ("53200", Incurable, "lower shared_buffers or free memory on this machine, then retry"),
    ("XX001", Incurable, DAMAGED),
    ("XX002", Incurable, DAMAGED),
    ("58030", Disruption, ""),
    ("22023", Incurable, CONFIG),
    ("42704", Incurable, CONFIG),
    ("F0000", Incurable, CONFIG),
];

/// By wording, in English, lower case; the first that matches counts.
const BY_WORDS: &[Rule] = &[
    ("no space left on device", Incurable, SPACE),
    ("disk quota exceeded", Incurable, SPACE),
    ("file too large", Incurable, FILE_SIZE_LIMIT),
    ("input/output error", Disruption, ""),
    ("stale file handle", Disruption, ""),
    ("pre-existing shared memory block", Disruption, ""),
    ("address already in use", Incurable, "stop what uses that port, or choose another port"),
    ("could not create any tcp/ip sockets", Incurable, "stop what uses that port, or choose another port"),
    (
        "could not create any unix-domain sockets",
        Incurable,
        "see the attempt's log, then correct the directory it names",
    ),
    ("permission denied", Incurable, "let the user that runs the server reach it, then retry"),
    (".lock\" is empty", Incurable, EMPTY_LOCK),
    (".pid\" is empty", Incurable, EMPTY_LOCK),
    ("lock file", Incurable, "stop the server that holds it, then retry"),
    ("has wrong ownership", Incurable, "give the data directory to the user that runs the server, then retry"),
    ("has invalid permissions", Incurable, "set mode 0700 on the data directory, then retry"),
    ("incompatible with server", Incurable, "install the programs of the backup's version, or name them with binaries"),
    ("could not locate required checkpoint record", Incurable, NO_WAL),
    ("could not locate a valid checkpoint record", Incurable, NO_WAL),
    ("could not find redo location", Incurable, NO_WAL),
    ("invalid checkpoint record", Incurable, NO_WAL),
    ("invalid primary checkpoint record", Incurable, NO_WAL),
    ("wal ends before", Incurable, NO_WAL),
    ("has already been removed", Incurable, NO_WAL),
    (
        "could not access file",
        Incurable,
        "install the extension that the cluster loads, or correct shared_preload_libraries there",
    ),
    (
        "could not load library",
        Incurable,
        "install the extension that the cluster loads, or correct shared_preload_libraries there",
    ),
    (
        "could not load server certificate",
        Incurable,
        "put the certificate in place or set ssl = off in its data directory, then retry",
    ),
    (
        "could not load private key",
        Incurable,
        "put the key in place or set ssl = off in its data directory, then retry",
    ),
    ("cannot allocate memory", Incurable, "lower shared_buffers or free memory on this machine, then retry"),
    (
        "could not map anonymous shared memory",
        Incurable,
        "lower shared_buffers or huge_pages, or free memory, then retry",
    ),
    ("contains errors", Incurable, CONFIG),
    ("unrecognized configuration parameter", Incurable, CONFIG),
    ("could not open configuration", Incurable, CONFIG),
    ("could not load", Incurable, CONFIG),
    ("invalid page in block", Incurable, DAMAGED),
    ("invalid value for parameter", Incurable, CONFIG),
    ("terminated by signal 9", Disruption, ""),
    ("terminated by signal 15", Disruption, ""),
    ("terminated by signal 2", Disruption, ""),
    ("terminated by signal 3", Disruption, ""),
    ("terminating connection due to administrator", Disruption, ""),
    ("received fast shutdown request", Disruption, ""),
    ("received immediate shutdown request", Disruption, ""),
    ("received smart shutdown request", Disruption, ""),
];

/// Errors of the system around the server that waiting may cure; all others need a person.
const CURABLE: &[Errno] = &[
    Errno::IO,
    Errno::STALE,
    Errno::TIMEDOUT,
    Errno::AGAIN,
    Errno::INTR,
    Errno::MFILE,
    Errno::NFILE,
    Errno::NOMEM,
    Errno::NOTCONN,
    Errno::HOSTDOWN,
    Errno::HOSTUNREACH,
];

/// How a server process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerEnd {
    /// It exited with this status.
    Exited(i32),
    /// This signal ended it.
    Signalled(i32),
    /// It is gone, and nobody saw how.
    Unknown,
}

/// The failure that a server's end amounts to; `said` is what it logged last of weight: SQLSTATE if known, and text.
pub fn failure(end: ServerEnd, said: Option<(&str, &str)>) -> Failure {
    let how = match end {
        ServerEnd::Exited(code) => format!("the server ended with status {code}"),
        ServerEnd::Signalled(signal) => format!("the server was killed by signal {signal}"),
        ServerEnd::Unknown => "the server is gone".to_owned(),
    };
    let Some((code, text)) = said else {
        // Nothing was logged: a killed server may be started again, one that gave up in silence needs a person.
        return match end {
            ServerEnd::Signalled(_) | ServerEnd::Unknown => Failure::disruption(how, ""),
            ServerEnd::Exited(_) => Failure::incurable(how, "read the attempt's log for what it said"),
        };
    };
    let cause = format!("{how}: {text}");
    let low = text.to_lowercase();
    let worded = |table: &'static [Rule]| table.iter().find(|rule| low.contains(rule.0));
    let coded = || BY_CODE.iter().find(|rule| rule.0 == code);
    let ruled = worded(BY_RECOVERY).or_else(coded).or_else(|| worded(BY_WORDS));
    match (ruled, end) {
        (Some((_, Incurable, advice)), _) => Failure::incurable(cause, *advice),
        (Some((_, Disruption, advice)), _) => Failure::disruption(cause, *advice),
        (Some((_, FailureClass::Bug, _)) | None, ServerEnd::Signalled(9 | 15)) => Failure::disruption(cause, ""),
        (Some((_, FailureClass::Bug, _)) | None, _) => {
            Failure::incurable(cause, "read the attempt's log, correct what it names, then retry")
        }
    }
}

/// The same where the server is a standby, which comes from no restore point.
pub fn of_standby(failure: Failure) -> Failure {
    /// Nothing is removed by itself: it may be the last copy.
    const ANEW: &str = "see its log; where it is damaged move it away, and the next run makes a new one";
    let advice = if [DAMAGED, NO_WAL].contains(&failure.advice.as_str()) { ANEW.to_owned() } else { failure.advice };
    Failure { advice, ..failure }
}

/// The failure that an error of the system amounts to; `doing` describes what was tried, naming the thing.
pub fn of_io(doing: &str, error: &io::Error) -> Failure {
    let cause = format!("{doing}: {error}");
    match Errno::from_io_error(error) {
        Some(code) if CURABLE.contains(&code) => Failure::disruption(cause, ""),
        Some(Errno::NOSPC | Errno::DQUOT) => Failure::incurable(cause, SPACE),
        Some(Errno::FBIG) => Failure::incurable(cause, FILE_SIZE_LIMIT),
        Some(Errno::ACCESS | Errno::PERM | Errno::ROFS) => {
            Failure::incurable(cause, "let the user that howdah runs as write there, or choose another place")
        }
        Some(Errno::LOOP) => Failure::incurable(cause, "put a file in the place of the symbolic link, then retry"),
        Some(_) | None => Failure::incurable(cause, "put right what it names, then retry"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_system_have_their_class() {
        for (code, class) in [
            (Errno::IO, Disruption),
            (Errno::STALE, Disruption),
            (Errno::NOSPC, Incurable),
            (Errno::ACCESS, Incurable),
            (Errno::LOOP, Incurable),
        ] {
            let failure = of_io("writing x", &code.into());
            assert_eq!(failure.class, class, "{failure}");
        }
        assert!(of_io("writing x", &Errno::FBIG.into()).advice.contains("ulimit -f"));
        assert_eq!(of_io("reading x", &io::Error::other("odd")).class, Incurable);
    }

    #[test]
    fn a_standby_comes_from_no_restore_point() {
        let exit = ServerEnd::Exited(1);
        for text in ["invalid page in block 7", "invalid checkpoint record", "has wrong ownership"] {
            let failure = of_standby(failure(exit, Some(("", text))));
            assert!(!failure.advice.contains("restore point") && !failure.advice.is_empty(), "{failure}");
            assert!(!failure.cause.contains("restored"), "{failure}");
        }
    }

    fn check(end: ServerEnd, code: &str, text: &str, class: FailureClass) {
        let failure = failure(end, Some((code, text)));
        assert_eq!(failure.class, class, "{text}");
        assert!(failure.cause.contains(text), "{}", failure.cause);
        assert!(class == Disruption || !failure.advice.is_empty(), "{text} needs an advice");
    }

    #[test]
    fn each_way_to_end_has_its_class() {
        let exit = ServerEnd::Exited(1);
        for (code, text, class) in [
            ("", "could not bind IPv4 address \"127.0.0.1\": Address already in use", Incurable),
            ("XX000", "could not create any TCP/IP sockets", Incurable),
            ("F0001", "lock file \"postmaster.pid\" already exists", Incurable),
            ("F0001", "lock file \"/run/postgresql/.s.PGSQL.5432.lock\" is empty", Incurable),
            ("F0001", "pre-existing shared memory block (key 5432001, ID 1) is still in use", Disruption),
            ("42501", "could not open file \"pg_hba.conf\": Permission denied", Incurable),
            ("42501", "data directory \"/x\" has wrong ownership", Incurable),
            ("22023", "database files are incompatible with server", Incurable),
            ("XX000", "database files are incompatible with server", Incurable),
            ("XX000", "could not locate required checkpoint record", Incurable),
            ("XX000", "could not locate a valid checkpoint record", Incurable),
            ("XX000", "invalid primary checkpoint record", Incurable),
            ("55000", "WAL ends before end of online backup", Incurable),
            ("XX000", "requested WAL segment 000000010000000000000003 has already been removed", Incurable),
            ("58P01", "could not access file \"timescaledb\": No such file or directory", Incurable),
            ("F0000", "could not load server certificate file \"server.crt\": No such file or directory", Incurable),
            ("53100", "could not write to file \"pg_wal/xlogtemp.7\": No space left on device", Incurable),
            ("58030", "could not read file \"base/1/2\": Input/output error", Disruption),
            ("XX001", "invalid page in block 3 of relation base/5/16384", Incurable),
            ("", "startup process (PID 12) was terminated by signal 9: Killed", Disruption),
            ("F0000", "recovery ended before configured recovery target was reached", Incurable),
            ("XX000", "requested timeline 2 is not a child of this server's history", Incurable),
            ("22023", "hot standby is not possible because of insufficient parameter settings", Incurable),
            ("", "something nobody has met yet", Incurable),
        ] {
            check(exit, code, text, class);
        }
        check(ServerEnd::Signalled(9), "", "redo in progress", Disruption);
        assert_eq!(failure(ServerEnd::Signalled(11), None).class, Disruption);
        assert_eq!(failure(exit, None).class, Incurable);
    }
}
