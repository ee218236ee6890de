//! What follows from what a client program of PostgreSQL says before it gives up.
//!
//! libpq hands on no SQLSTATE of a failed connection, so wording is all there is: one table, in English, for the programs
//! run with `LC_ALL=C`. A server that speaks another language is met by the last rule. What nobody knows is taken for a
//! disruption: a backup that is tried once more costs little, and one that nobody tries again is missing in the morning.

use crate::domain::{
    Failure,
    FailureClass::{self, Disruption, Incurable},
};

/// One rule: what to look for, what follows, what to do.
type Rule = (&'static str, FailureClass, &'static str);

const PASSWORD: &str = "correct what passfile, service or password_command gives for this server and role";
const ROLE: &str = "name a role with the attribute REPLICATION (alter role ... replication), which pg_hba.conf lets in for \
                    the database replication, too";
const SPACE: &str = "make room in the repository";
const SETTING: &str = "correct the connection string of the object";
const BUSY: &str = "others use all of them: raise the setting on the server, or run the jobs one after the other";

/// In lower case; the first that matches counts.
const RULES: &[Rule] = &[
    ("no space left on device", Incurable, SPACE),
    ("disk quota exceeded", Incurable, SPACE),
    ("file too large", Incurable, crate::domain::failure::FILE_SIZE_LIMIT),
    ("read-only file system", Incurable, "mount the repository to be written"),
    ("exceeds max_wal_senders", Disruption, BUSY),
    ("all replication slots are in use", Disruption, BUSY),
    ("too many clients already", Disruption, BUSY),
    ("remaining connection slots", Disruption, BUSY),
    ("the database system is", Disruption, "it is starting, stopping or recovering"),
    ("password authentication failed", Incurable, PASSWORD),
    ("no password supplied", Incurable, PASSWORD),
    ("authentication failed", Incurable, PASSWORD),
    ("no pg_hba.conf entry", Incurable, ROLE),
    ("pg_hba.conf rejects", Incurable, ROLE),
    ("is not permitted to log in", Incurable, ROLE),
    ("must be superuser or replication role", Incurable, ROLE),
    ("permission denied to start wal sender", Incurable, ROLE),
    ("permission denied", Incurable, "give the role the right that is named, or the user the files"),
    ("certificate verify failed", Incurable, "correct sslrootcert, or the certificate of the server"),
    ("does not support ssl", Incurable, SETTING),
    ("invalid connection option", Incurable, SETTING),
    ("missing \"=\" after", Incurable, SETTING),
    ("definition of service", Incurable, SETTING),
    ("service file", Incurable, SETTING),
    ("is active for pid", Incurable, "somebody else streams from that slot: name another one, or none"),
    ("incompatible server version", Incurable, "install the programs of the server's version, or newer ones"),
    ("this build does not support", Incurable, "choose another compression, or install programs that know it"),
    ("unrecognized checksum algorithm", Incurable, "name NONE, CRC32C, SHA224, SHA256, SHA384 or SHA512"),
    ("manifest checksums require", Incurable, "name NONE, CRC32C, SHA224, SHA256, SHA384 or SHA512"),
    ("requested wal segment", Disruption, "raise wal_keep_size on the server, or name a replication slot"),
    ("role \"", Incurable, "correct the user of the connection string"),
    ("database \"", Incurable, "name a database that is there with dbname in the connection string"),
    ("replication slot \"", Incurable, "create it (pg_create_physical_replication_slot), or name none"),
];

/// The failure that a program's standard error tells of; `doing` says what was tried.
pub fn of_message(doing: &str, stderr: &str) -> Failure {
    let lines = || stderr.lines().map(str::trim).filter(|line| !line.is_empty());
    // Programs tell of their progress there, too.
    let is_error = |line: &&str| line.contains("error:") || line.contains("FATAL:") || line.contains("ERROR:");
    let has_errors = lines().any(|line| is_error(&line));
    let known = lines().filter(|line| is_error(line) || !has_errors).find_map(|line| {
        let lower = line.to_lowercase();
        let rule = RULES.iter().find(|(words, ..)| lower.contains(words))?;
        Some((line, rule))
    });
    match known {
        Some((line, (_, Incurable, advice))) => Failure::incurable(format!("{doing}: {line}"), *advice),
        Some((line, (_, _, advice))) => Failure::disruption(format!("{doing}: {line}"), *advice),
        None => {
            let line = lines().find(is_error).or_else(|| lines().next_back()).unwrap_or("it failed without a word");
            Failure::disruption(format!("{doing}: {line}"), "")
        }
    }
}

/// A program that was ended by a signal.
pub fn of_signal(program: &str, signal: i32) -> Failure {
    Failure::disruption(format!("{program} was killed by signal {signal}"), "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_has_its_class_and_an_advice_where_nobody_else_helps() {
        for (text, class) in [
            (
                "connection to server at \"db1\", port 5432 failed: FATAL:  password authentication failed for user \"x\"",
                Incurable,
            ),
            ("connection to server at \"127.0.0.1\", port 1 failed: Connection refused", Disruption),
            ("FATAL:  number of requested standby connections exceeds max_wal_senders (currently 2)", Disruption),
            ("FATAL:  must be superuser or replication role to start walsender", Incurable),
            ("FATAL:  no pg_hba.conf entry for replication connection from host \"10.0.0.1\"", Incurable),
            ("FATAL:  the database system is shutting down", Disruption),
            ("FATAL:  terminating connection due to administrator command", Disruption),
            ("pg_basebackup: error: could not write to file \"base.tar\": No space left on device", Incurable),
            ("pg_basebackup: error: could not read COPY data: server closed the connection unexpectedly", Disruption),
            ("could not translate host name \"db1\" to address: Temporary failure in name resolution", Disruption),
            ("ERROR:  replication slot \"mine\" does not exist", Incurable),
            ("ERROR:  replication slot \"mine\" is active for PID 4711", Incurable),
            ("FATAL:  role \"nobody\" does not exist", Incurable),
            ("pg_basebackup: error: incompatible server version 16.1", Incurable),
            ("Verbindung abgelehnt", Disruption),
        ] {
            let before = "pg_basebackup: created temporary replication slot \"pg_basebackup_7\"";
            let said = if text.contains("rror") || text.contains("FATAL") {
                format!("{before}\n{text}\n")
            } else {
                text.to_owned()
            };
            let failure = of_message("x", &said);
            assert_eq!(failure.class, class, "{text}");
            assert!(class == Disruption || !failure.advice.is_empty(), "{text}");
            assert!(failure.cause.contains(text), "{failure}");
        }
        assert!(of_message("x", "").cause.contains("without a word"));
    }
}
