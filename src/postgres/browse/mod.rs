//! Looking into an open restore point: its databases, schemas, relations, columns and first rows.
//!
//! Nothing in a backup is trusted: a cast, a view or an operator of the cluster is a function that somebody has put there,
//! and it would run with all rights. So values become text by the output function of their type alone (`format('%s')`),
//! names are PostgreSQL's own (`search_path = pg_catalog`), and the rows of views and foreign tables are not asked for.
//!
//! Promises: nothing but SELECTs in READ ONLY transactions; an answer comes in time or the asking ends, on the server, too;
//! a question whose future is dropped is cancelled there. Never: changes anything, or contacts another server.

mod rows;
mod tree;

use crate::domain::{Failure, MajorVersion, ServerAddress, instance::printable};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_postgres::{CancelToken, Config, NoTls, types::ToSql};

/// What a statement may take: a person waits before the screen.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(20);

/// The same where rows are counted, which somebody has asked for.
const COUNT_TIMEOUT: Duration = Duration::from_mins(10);

/// A server on the same machine answers at once, or hangs.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The first version that notices in the middle of a statement that its client is gone.
const NOTICES_LOST_CLIENTS: MajorVersion = MajorVersion(14);

/// How the connections show themselves in `pg_stat_activity`.
const APPLICATION_NAME: &str = "howdah-browse";

/// A connection to one database of an open restore point. Dropping it ends it.
#[derive(Debug)]
pub struct Browser {
    address: ServerAddress,
    database: String,
    client: tokio_postgres::Client,
    driver: JoinHandle<()>,
}

impl Browser {
    /// Connects to a database.
    pub async fn open(address: &ServerAddress, database: &str) -> Result<Self, Failure> {
        Self::open_with(address, database, STATEMENT_TIMEOUT).await
    }

    async fn open_with(address: &ServerAddress, database: &str, timeout: Duration) -> Result<Self, Failure> {
        let mut config = Config::new();
        let mut options = format!(
            "-c default_transaction_read_only=on -c search_path=pg_catalog -c statement_timeout={} -c DateStyle=ISO",
            timeout.as_millis()
        );
        if address.version >= NOTICES_LOST_CLIENTS {
            options.push_str(" -c client_connection_check_interval=1s");
        }
        config.host_path(&address.sockets).port(address.port.number()).user(&address.role).dbname(database);
        config.application_name(APPLICATION_NAME).options(&options);
        let connected = tokio::time::timeout(CONNECT_TIMEOUT, config.connect(NoTls)).await.map_err(|_| {
            let cause = format!("the open restore point has not let us in within {} s", CONNECT_TIMEOUT.as_secs());
            Failure::disruption(cause, "")
        })?;
        let (client, connection) = connected.map_err(|error| failure(&format!("opening {database:?}"), &error))?;
        let driver = tokio::spawn(async {
            // That it broke is seen by whoever asks.
            drop(connection.await);
        });
        Ok(Self { address: address.clone(), database: database.to_owned(), client, driver })
    }

    /// One question. Dropped before its answer, it is cancelled on the server.
    async fn query(
        &self,
        doing: &str,
        statement: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<tokio_postgres::Row>, Failure> {
        let mut cancel = CancelOnDrop(Some(self.client.cancel_token()));
        let answer = self.client.query(statement, parameters).await;
        cancel.0 = None;
        answer.map_err(|error| failure(doing, &error))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Asks the server to stop what it does for a connection, unless the answer has come.
struct CancelOnDrop(Option<CancelToken>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        if let (Some(token), Ok(runtime)) = (self.0.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(async move {
                // A server that does not hear it stops at the timeout of the statement.
                drop(token.cancel_query(NoTls).await);
            });
        }
    }
}

/// What an error of the server or of its connection amounts to.
fn failure(doing: &str, error: &tokio_postgres::Error) -> Failure {
    let doing = printable(doing);
    let Some(said) = error.as_db_error() else {
        let cause = std::error::Error::source(error).map_or_else(|| error.to_string(), |e| format!("{error}: {e}"));
        return Failure::disruption(format!("{doing}: {cause}"), "see whether the restore point is still open");
    };
    let cause = format!("{doing}: {} ({})", said.message(), said.code().code());
    match said.code().code() {
        // Cancelled or too slow, being shut down, crashed, not up yet, and errors of its disks.
        "57014" | "57P01" | "57P02" | "57P03" | "58030" | "53300" => Failure::disruption(cause, ""),
        _ => Failure::incurable(cause, "list what is there, or open psql on it"),
    }
}

/// An answer of another shape than was asked for.
fn misshapen(error: &tokio_postgres::Error) -> Failure {
    Failure::bug(format!("the server's answer has another shape: {error}"))
}
