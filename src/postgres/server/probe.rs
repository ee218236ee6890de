//! The question that a restored server must answer before anyone calls it restored.
//!
//! Promises: a real query over a real connection, with an end to its patience. Never: changes anything, or asks
//! another server than the isolated one behind its private socket.

use crate::domain::{Failure, Port, SystemIdentifier, Timeline, instance::printable};
use std::{
    fmt,
    path::Path,
    time::{Duration, Instant},
};
use tokio_postgres::{Config, NoTls, Row, error::SqlState};

/// After a promotion the control file goes on naming the old timeline until the next checkpoint.
const QUESTION: &str = "select s.system_identifier::pg_catalog.text, \
     case when pg_catalog.pg_is_in_recovery() then c.timeline_id else ('x' || pg_catalog.left( \
     pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 8))::pg_catalog.bit(32)::pg_catalog.int4 end, \
     (select pg_catalog.count(*) from pg_catalog.pg_database), \
     (select pg_catalog.count(*) from pg_catalog.pg_class), \
     pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('server_version') \
     from pg_catalog.pg_control_system() s, pg_catalog.pg_control_checkpoint() c";

/// The databases to ask in: the first is there nearly always, the second cannot be dropped by accident.
const DATABASES: [&str; 2] = ["postgres", "template1"];

/// How often the caller is asked whether to go on.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// What the server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The role that was let in.
    pub role: String,
    /// Which cluster it is.
    pub system_identifier: SystemIdentifier,
    /// The timeline it is on.
    pub timeline: Timeline,
    /// Databases, templates included.
    pub databases: i64,
    /// Rows of `pg_class` in the database that was asked.
    pub relations: i64,
    /// Whether it still replays WAL.
    pub in_recovery: bool,
    /// Its version as it reports it, such as `15.18`.
    pub version: String,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.databases == 1 { "database" } else { "databases" };
        write!(f, "PostgreSQL {}, {} {plural}, timeline {}", self.version, self.databases, self.timeline)?;
        if self.in_recovery { f.write_str(", still in recovery") } else { Ok(()) }
    }
}

/// Asks as the first of these roles that the server knows; `None` when `stop` returned `true` first.
pub fn ask(
    socket: &Path,
    port: Port,
    roles: &[&str],
    patience: Duration,
    stop: &dyn Fn() -> bool,
) -> Result<Option<Answer>, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::disruption(format!("no connection to the restored server could be prepared: {e}"), ""))?;
    runtime.block_on(async {
        let question = ask_as_any(socket, port, roles);
        tokio::pin!(question);
        let began = Instant::now();
        let mut look = tokio::time::interval(POLL_INTERVAL);
        loop {
            tokio::select! {
                answer = &mut question => return answer.map(Some),
                _ = look.tick() => {
                    if stop() {
                        return Ok(None);
                    }
                    if began.elapsed() >= patience {
                        let cause = format!("the restored server has not answered a query in {} s", patience.as_secs());
                        return Err(Failure::disruption(cause, ""));
                    }
                }
            }
        }
    })
}

async fn ask_as_any(socket: &Path, port: Port, roles: &[&str]) -> Result<Answer, Failure> {
    for role in roles {
        for database in DATABASES {
            match ask_once(socket, port, role, database).await {
                Ok(row) => {
                    return read(&row, role).ok_or_else(|| Failure::bug("the answer to the probe has another shape"));
                }
                Err(e) if e.code() == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION) => break,
                Err(e) if e.code() == Some(&SqlState::INVALID_CATALOG_NAME) => {}
                Err(e) => return Err(failure(&e)),
            }
        }
    }
    let roles: Vec<String> = roles.iter().map(|role| format!("{role:?}")).collect();
    Err(Failure::incurable(
        format!("the restored server knows no role {} to ask the probe query as", roles.join(" or ")),
        "name a role that can log in with the setting probe_role, then retry",
    ))
}

async fn ask_once(socket: &Path, port: Port, role: &str, database: &str) -> Result<Row, tokio_postgres::Error> {
    let mut config = Config::new();
    config.host_path(socket).port(port.number()).user(role).dbname(database).application_name("howdah probe");
    let (client, connection) = config.connect(NoTls).await?;
    let driven = tokio::spawn(connection);
    let answer = client.query_one(QUESTION, &[]).await;
    // Without its client the connection says goodbye and ends, so that the server has nothing to complain of.
    drop(client);
    drop(driven.await);
    answer
}

fn read(row: &Row, role: &str) -> Option<Answer> {
    // A bigint there, though the identifier itself has no sign.
    let identifier: i64 = row.try_get::<_, String>(0).ok()?.parse().ok()?;
    let version: String = row.try_get(5).ok()?;
    Some(Answer {
        role: role.to_owned(),
        system_identifier: SystemIdentifier(identifier.cast_unsigned()),
        timeline: Timeline(row.try_get::<_, i32>(1).ok()?.cast_unsigned()),
        databases: row.try_get(2).ok()?,
        relations: row.try_get(3).ok()?,
        in_recovery: row.try_get(4).ok()?,
        version: printable(version.split_ascii_whitespace().next()?),
    })
}

/// A refused or failed query is the cluster's own fault; a broken connection may be cured by another start.
fn failure(error: &tokio_postgres::Error) -> Failure {
    let Some(said) = error.as_db_error() else {
        let cause = std::error::Error::source(error).map_or_else(|| error.to_string(), |e| format!("{error}: {e}"));
        return Failure::disruption(format!("the connection to the restored server failed: {cause}"), "");
    };
    let cause = format!("the restored server refused the probe query: {} ({})", said.message(), said.code().code());
    match said.code().code() {
        // Being shut down, crashed, not up yet, and errors of its disks.
        "57P01" | "57P02" | "57P03" | "58030" => Failure::disruption(cause, ""),
        _ => Failure::incurable(cause, "read the attempt's log; if data is damaged, choose another restore point"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use crate::domain::FailureClass;

    #[test]
    fn the_answer_is_one_short_sentence() {
        let answer = Answer {
            role: "postgres".to_owned(),
            system_identifier: SystemIdentifier(7),
            timeline: Timeline(1),
            databases: 3,
            relations: 415,
            in_recovery: false,
            version: "15.18".to_owned(),
        };
        assert_eq!(answer.to_string(), "PostgreSQL 15.18, 3 databases, timeline 1");
        let standby = Answer { databases: 1, in_recovery: true, ..answer };
        assert_eq!(standby.to_string(), "PostgreSQL 15.18, 1 database, timeline 1, still in recovery");
    }

    #[test]
    fn no_server_is_a_disruption_and_a_silent_one_is_left_in_time() {
        let place = tempfile::tempdir().unwrap();
        let port = Port::new(5433).unwrap();
        let failure = ask(place.path(), port, &["x"], Duration::from_secs(9), &|| false).unwrap_err();
        assert_eq!(failure.class, FailureClass::Disruption);
        let _silent = std::os::unix::net::UnixListener::bind(place.path().join(".s.PGSQL.5433")).unwrap();
        let failure = ask(place.path(), port, &["x"], Duration::ZERO, &|| false).unwrap_err();
        assert!(failure.cause.contains("has not answered"), "{failure}");
        assert_eq!(ask(place.path(), port, &["x"], Duration::from_secs(9), &|| true), Ok(None));
    }
}
