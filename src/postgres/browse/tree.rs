//! The tree: databases, schemas, relations, and the columns of one.

use super::{Browser, misshapen};
use crate::domain::{
    ByteCount, Failure,
    browse::{BrowsedColumn, BrowsedDatabase, BrowsedRelation, BrowsedSchema, RelationKind},
};

/// The kinds of relations that are listed (`pg_class.relkind`).
const LISTED: &str = "c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')";

/// Schemas that are PostgreSQL's own, or of one connection.
const OWN: &str = "(n.nspname in ('pg_catalog', 'information_schema', 'pg_toast') or n.nspname like 'pg\\_temp\\_%' \
                   or n.nspname like 'pg\\_toast\\_temp\\_%')";

impl Browser {
    /// All databases but templates that nobody can connect to, by name.
    pub async fn databases(&self) -> Result<Vec<BrowsedDatabase>, Failure> {
        let rows = self
            .query(
                "listing the databases",
                "select datname::text, pg_database_size(oid), datallowconn from pg_database order by datname",
                &[],
            )
            .await?;
        let database = |row: &tokio_postgres::Row| {
            Ok(BrowsedDatabase { name: row.try_get(0)?, bytes: bytes(row, 1)?, connectable: row.try_get(2)? })
        };
        rows.iter().map(database).collect::<Result<_, _>>().map_err(|error| misshapen(&error))
    }

    /// The schemas of the database, by name, those of PostgreSQL itself left out.
    pub async fn schemas(&self) -> Result<Vec<BrowsedSchema>, Failure> {
        let statement = format!(
            "select n.nspname::text, count(c.oid), coalesce(sum(pg_table_size(c.oid)), 0)::bigint from pg_namespace n \
             left join pg_class c on c.relnamespace = n.oid and {LISTED} where not {OWN} group by 1 order by 1"
        );
        let rows = self.query("listing the schemas", &statement, &[]).await?;
        let schema = |row: &tokio_postgres::Row| {
            Ok(BrowsedSchema { name: row.try_get(0)?, relations: bytes(row, 1)?.0, bytes: bytes(row, 2)? })
        };
        rows.iter().map(schema).collect::<Result<_, _>>().map_err(|error| misshapen(&error))
    }

    /// The relations of a schema, by name.
    pub async fn relations(&self, schema: &str) -> Result<Vec<BrowsedRelation>, Failure> {
        let statement = format!(
            "select c.relname::text, c.relkind::text, pn.nspname::text, p.relname::text, \
             case when c.reltuples < 0 then null else c.reltuples::bigint end, \
             pg_table_size(c.oid), pg_indexes_size(c.oid) from pg_class c \
             join pg_namespace n on n.oid = c.relnamespace \
             left join pg_inherits i on i.inhrelid = c.oid and c.relispartition \
             left join pg_class p on p.oid = i.inhparent left join pg_namespace pn on pn.oid = p.relnamespace \
             where n.nspname = $1 and {LISTED} order by 1"
        );
        let rows = self.query(&format!("listing the schema {schema:?}"), &statement, &[&schema]).await?;
        rows.iter().map(relation).collect::<Result<_, _>>().map_err(|error| misshapen(&error))
    }

    /// The columns of a relation, in their order; a failure where there is no such relation.
    pub async fn columns(&self, schema: &str, relation: &str) -> Result<Vec<BrowsedColumn>, Failure> {
        let rows = self
            .query(
                &format!("listing the columns of {relation:?}"),
                "select a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull, \
                 pg_get_expr(d.adbin, d.adrelid), a.attgenerated <> '', a.attidentity <> '', \
                 array_position(i.indkey::int2[], a.attnum) + 1 - array_lower(i.indkey::int2[], 1) \
                 from pg_class c join pg_namespace n on n.oid = c.relnamespace \
                 join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped \
                 left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum \
                 left join pg_index i on i.indrelid = c.oid and i.indisprimary \
                 where n.nspname = $1 and c.relname = $2 order by a.attnum",
                &[&schema, &relation],
            )
            .await?;
        let column = |row: &tokio_postgres::Row| {
            Ok(BrowsedColumn {
                name: row.try_get(0)?,
                type_name: row.try_get(1)?,
                not_null: row.try_get(2)?,
                default: row.try_get(3)?,
                generated: row.try_get(4)?,
                identity: row.try_get(5)?,
                key: row.try_get::<_, Option<i32>>(6)?.map(i32::unsigned_abs),
            })
        };
        rows.iter().map(column).collect::<Result<_, _>>().map_err(|error| misshapen(&error))
    }
}

fn relation(row: &tokio_postgres::Row) -> Result<BrowsedRelation, tokio_postgres::Error> {
    let kind = match row.try_get::<_, String>(1)?.as_str() {
        "p" => RelationKind::Partitioned,
        "v" => RelationKind::View,
        "m" => RelationKind::MaterializedView,
        "f" => RelationKind::Foreign,
        "S" => RelationKind::Sequence,
        _ => RelationKind::Table,
    };
    let parent: Option<String> = row.try_get(2)?;
    Ok(BrowsedRelation {
        name: row.try_get(0)?,
        kind,
        partition_of: parent.zip(row.try_get(3)?),
        rows: row.try_get::<_, Option<i64>>(4)?.map(i64::unsigned_abs),
        bytes: bytes(row, 5)?,
        index_bytes: bytes(row, 6)?,
    })
}

/// A count or size, which the server has as a bigint; `None` for what was dropped meanwhile.
fn bytes(row: &tokio_postgres::Row, column: usize) -> Result<ByteCount, tokio_postgres::Error> {
    Ok(ByteCount(row.try_get::<_, Option<i64>>(column)?.unwrap_or(0).unsigned_abs()))
}
