//! Which table a file of a cluster belongs to, asked of the server that runs on it.
//!
//! Promises: only looks, and not for long. Never: guesses; a file that belongs to none gets no name.

use crate::domain::{ServerAddress, instance::printable};
use std::time::Duration;
use tokio_postgres::{Client, Config, NoTls};

/// A catalog that cannot be read answers nothing for ever.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The tablespaces that every cluster has (`pg_tablespace.dat`).
const DEFAULT_TABLESPACE: u32 = 0;
const GLOBAL_TABLESPACE: u32 = 1664;

/// Where a file of relations lies.
#[derive(Debug, PartialEq, Eq)]
struct RelationFile {
    tablespace: u32,
    /// `None` for one that all databases share.
    database: Option<u32>,
    node: u32,
}

/// What the file at this path below the data directory is part of, such as `table public.orders of the database shop`;
/// `None` where the server does not say.
pub fn relation_of(address: &ServerAddress, path: &str) -> Option<String> {
    let file = parse(path)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    runtime.block_on(async { tokio::time::timeout(TIMEOUT, name(address, &file)).await.ok()? })
}

async fn name(address: &ServerAddress, file: &RelationFile) -> Option<String> {
    let first = connect(address, "postgres").await?;
    let database: String = match file.database {
        None => "postgres".to_owned(),
        Some(oid) => {
            let query = "select datname::pg_catalog.text from pg_catalog.pg_database where oid = $1";
            first.query_opt(query, &[&oid]).await.ok()??.try_get(0).ok()?
        }
    };
    let client = connect(address, &database).await?;
    // A relation of whatever kind; a table's toast and indexes say whose they are.
    let query = "select coalesce('table ' || o.oid::pg_catalog.regclass, 'index ' || i.indrelid::pg_catalog.regclass, \
                 'table ' || c.oid::pg_catalog.regclass) from pg_catalog.pg_class c \
                 left join pg_catalog.pg_class o on o.reltoastrelid = c.oid \
                 left join pg_catalog.pg_index i on i.indexrelid = c.oid \
                 where c.oid = pg_catalog.pg_filenode_relation($1, $2)";
    let found = client.query_opt(query, &[&file.tablespace, &file.node]).await.ok()??;
    let relation: String = found.try_get(0).ok()?;
    Some(printable(&format!("{relation} of the database {database}")))
}

async fn connect(address: &ServerAddress, database: &str) -> Option<Client> {
    let mut config = Config::new();
    config.host_path(&address.sockets).port(address.port.number()).user(&address.role).dbname(database);
    let (client, connection) = config.application_name("howdah").connect(NoTls).await.ok()?;
    // It ends with its client, or with the runtime.
    tokio::spawn(connection);
    Some(client)
}

fn parse(path: &str) -> Option<RelationFile> {
    let parts: Vec<&str> = path.split('/').collect();
    let number = |text: &str| text.parse::<u32>().ok();
    let (tablespace, database, file) = match parts.as_slice() {
        ["global", file] => (GLOBAL_TABLESPACE, None, file),
        ["base", database, file] => (DEFAULT_TABLESPACE, Some(number(database)?), file),
        ["pg_tblspc", tablespace, _, database, file] => (number(tablespace)?, Some(number(database)?), file),
        _ => return None,
    };
    // `16384`, `16384.1`, `16384_vm`: a segment or another fork of the same.
    let node = file.split(['.', '_']).next().and_then(number)?;
    Some(RelationFile { tablespace, database, node })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_relations_have_a_name() {
        let of = |tablespace, database, node| Some(RelationFile { tablespace, database, node });
        for (path, file) in [
            ("base/16384/16400.2", of(0, Some(16384), 16400)),
            ("base/5/2619_vm", of(0, Some(5), 2619)),
            ("global/1262", of(1664, None, 1262)),
            ("pg_tblspc/16390/PG_15_202209061/16384/16401_fsm", of(16390, Some(16384), 16401)),
            ("global/pg_control", None),
            ("pg_wal/000000010000000000000002", None),
            ("base/16384/t3_16400", None),
            ("base/16384/pg_filenode.map", None),
        ] {
            assert_eq!(parse(path), file, "{path}");
        }
    }
}
