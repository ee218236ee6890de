//! The server of an open restore point: small, and where it answers.
//!
//! Promises: it takes little of the machine, and forces nothing to disk that is not kept over the end of the machine anyway.

use crate::{
    domain::{Failure, FileMethod, ServerAddress, plan::ServerPlan},
    postgres::{account::Account, binaries::Binaries},
    worker::{restore::Restore, server::ServerSupervisor},
};

/// What a server that is only looked into needs, and what it can do without.
const SMALL: [(&str, &str); 7] = [
    ("default_transaction_read_only", "on"),
    ("shared_buffers", "64MB"),
    ("huge_pages", "off"),
    ("autovacuum", "off"),
    ("checkpoint_timeout", "1h"),
    ("wal_init_zero", "off"),
    // What a person's query breaks is set right without a new attempt.
    ("restart_after_crash", "on"),
];

/// Where what is written is not kept over the end of the machine.
const FLEETING: (&str, &str) = ("fsync", "off");

/// A small server, for these files.
pub(super) fn supervisor<'s>(
    restore: &Restore<'s>,
    account: Account,
    binaries: Binaries,
    (method, listens): (FileMethod, bool),
) -> ServerSupervisor<'s> {
    let fleeting = match method {
        FileMethod::Copy => None,
        FileMethod::Reflink | FileMethod::Overlay => Some(FLEETING),
    };
    let settings = SMALL.into_iter().chain(fleeting).map(|(name, value)| (name, value.into())).collect();
    ServerSupervisor { settings, listens, ..restore.supervisor(account, binaries) }
}

/// Where it answers, to a role that was let in.
pub(super) fn address(supervisor: &ServerSupervisor<'_>, role: String) -> Result<ServerAddress, Failure> {
    let sockets = supervisor.sockets().ok_or_else(|| Failure::bug("the server is not isolated"))?;
    let (programs, version) = (supervisor.binaries.directory().to_owned(), supervisor.binaries.version());
    Ok(ServerAddress { sockets: sockets.to_owned(), port: supervisor.port, role, programs, version })
}

/// What the files have shown, the programs for it are not here.
pub(super) fn no_server(server: &ServerPlan) -> Failure {
    let reason = match server {
        ServerPlan::NoServer { reason } => reason.clone(),
        ServerPlan::Start { version, .. } => format!("the programs of PostgreSQL {version} are not here"),
    };
    Failure::incurable(
        format!("no server can be started on the backup: {reason}"),
        "install PostgreSQL of its major version, or name the directory of its programs with the setting binaries",
    )
}
