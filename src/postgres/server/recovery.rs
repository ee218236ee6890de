//! Asking a server that recovers where it stands, over one connection that is kept.
//!
//! Promises: each question has an end to its patience; moments and positions are the server's own. Never: changes anything,
//! but for [`RecoveryClient::promote`], which is what it says.

use crate::domain::{Failure, Lsn, MajorVersion, Port, Timestamp};
use std::{path::Path, time::Duration};
use tokio::runtime::Runtime;
use tokio_postgres::{Client, Config, NoTls, Row, error::SqlState};

/// The databases to connect to: the first is there nearly always, the second cannot be dropped by accident.
const DATABASES: [&str; 2] = ["postgres", "template1"];

/// A server that replays at full speed answers in milliseconds; what takes longer is asked again at the next look.
const LOOK_TIMEOUT: Duration = Duration::from_secs(1);

/// How far a recovery has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecoverySight {
    /// Whether the server still recovers.
    pub in_recovery: bool,
    /// Whether replay stands still because it was asked to, or has reached its goal.
    pub is_paused: bool,
    /// The end of the last replayed record.
    pub replayed: Option<Lsn>,
    /// The time of the last replayed commit or abort.
    pub committed: Option<Timestamp>,
}

/// A connection to a recovering server.
#[derive(Debug)]
pub struct RecoveryClient {
    runtime: Runtime,
    client: Client,
    question: &'static str,
}

/// `pg_get_wal_replay_pause_state` tells a pause from the wish for one; it is there from version 14 on.
const QUESTION: &str = "select r, r and pg_catalog.pg_get_wal_replay_pause_state() = 'paused', \
     pg_catalog.pg_last_wal_replay_lsn()::pg_catalog.text, \
     pg_catalog.to_char(pg_catalog.timezone('UTC', pg_catalog.pg_last_xact_replay_timestamp()), \
     'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') from (select pg_catalog.pg_is_in_recovery() r) s";
const QUESTION_13: &str = "select r, case when r then pg_catalog.pg_is_wal_replay_paused() else false end, \
     pg_catalog.pg_last_wal_replay_lsn()::pg_catalog.text, \
     pg_catalog.to_char(pg_catalog.timezone('UTC', pg_catalog.pg_last_xact_replay_timestamp()), \
     'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') from (select pg_catalog.pg_is_in_recovery() r) s";

/// The last version without a state of the pause.
const LAST_WITHOUT_STATE: MajorVersion = MajorVersion(13);

impl RecoveryClient {
    /// Connects as the first of these roles that the server knows; `None` when it does not let anybody in yet.
    pub fn connect(socket: &Path, port: Port, roles: &[&str], version: MajorVersion) -> Result<Option<Self>, Failure> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(|e| Failure::disruption(format!("no connection could be prepared: {e}"), ""))?;
        let client = runtime.block_on(async {
            let connecting = tokio::time::timeout(LOOK_TIMEOUT, connect(socket, port, roles));
            connecting.await.unwrap_or(Ok(None))
        })?;
        let question = if version <= LAST_WITHOUT_STATE { QUESTION_13 } else { QUESTION };
        Ok(client.map(|client| Self { runtime, client, question }))
    }

    /// Looks once; `None` when the server has not answered in time, or the connection is gone.
    pub fn look(&self) -> Option<RecoverySight> {
        let asking = self.client.query_one(self.question, &[]);
        let row = self.runtime.block_on(async { tokio::time::timeout(LOOK_TIMEOUT, asking).await });
        sight(&row.ok()?.ok()?)
    }

    /// Ends a recovery that has reached its goal: the server opens for writing on a new timeline.
    pub fn promote(&self) -> Result<(), Failure> {
        let asked =
            self.runtime.block_on(async { self.client.execute("select pg_catalog.pg_wal_replay_resume()", &[]).await });
        match asked {
            Ok(_) => Ok(()),
            Err(error) => {
                let said = error.as_db_error().map_or_else(|| error.to_string(), |said| said.message().to_owned());
                Err(Failure::disruption(format!("the server could not be asked to end its recovery: {said}"), ""))
            }
        }
    }

    /// Whether the connection is still there.
    pub fn is_open(&self) -> bool {
        !self.client.is_closed()
    }
}

async fn connect(socket: &Path, port: Port, roles: &[&str]) -> Result<Option<Client>, Failure> {
    for role in roles {
        for database in DATABASES {
            let mut config = Config::new();
            config.host_path(socket).port(port.number()).user(*role).dbname(database).application_name("howdah replay");
            match config.connect(NoTls).await {
                Ok((client, connection)) => {
                    // It ends with its client, or when the server goes away; both show at the next look.
                    tokio::spawn(async move { drop(connection.await) });
                    return Ok(Some(client));
                }
                Err(e) if e.code() == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION) => break,
                Err(e) if e.code() == Some(&SqlState::INVALID_CATALOG_NAME) => {}
                // It is not consistent yet, or shutting down: whoever watches it knows more.
                Err(_) => return Ok(None),
            }
        }
    }
    let roles: Vec<String> = roles.iter().map(|role| format!("{role:?}")).collect();
    Err(Failure::incurable(
        format!("the recovering server knows no role {} to ask it as", roles.join(" or ")),
        "name a role that can log in with the setting probe_role, then retry",
    ))
}

fn sight(row: &Row) -> Option<RecoverySight> {
    let replayed: Option<String> = row.try_get(2).ok()?;
    let committed: Option<String> = row.try_get(3).ok()?;
    Some(RecoverySight {
        in_recovery: row.try_get(0).ok()?,
        is_paused: row.try_get(1).ok()?,
        replayed: replayed.and_then(|text| text.parse().ok()),
        committed: committed.and_then(|text| text.parse().ok()),
    })
}
