//! The first rows of a relation, and how many it has.

use super::{Browser, COUNT_TIMEOUT, misshapen};
use crate::domain::{
    Failure,
    browse::{BrowsedCell, BrowsedRows},
    instance::printable,
};

/// What a relation is, the query that reads it with the cells cut, whether other servers hold rows of it.
const SHAPE: &str = "select c.relkind::text, format('%I.%I', n.nspname, c.relname), \
     exists (with recursive below(oid) as (select c.oid union all select inhrelid from pg_inherits \
             join below on inhparent = below.oid) \
             select 1 from below join pg_class b on b.oid = below.oid where b.relkind = 'f'), \
     coalesce((select string_agg(format( \
       'case when num_nulls(t.%1$I) = 0 then left(format(''%%s'', t.%1$I), %2$s) end, \
        num_nulls(t.%1$I) = 0 and length(format(''%%s'', t.%1$I)) > %2$s', a.attname, $3::int), ', ' order by a.attnum) \
       from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped), ''), \
     (select coalesce(array_agg(a.attname::text order by a.attnum), '{}') from pg_attribute a \
       where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) \
     from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relname = $2";

/// A relation that can be read.
struct Readable {
    /// As the server quotes it.
    name: String,
    cells: String,
    columns: Vec<String>,
}

impl Browser {
    /// The first rows, at most so many, each value cut to so many characters on the server.
    pub async fn first_rows(
        &self,
        schema: &str,
        name: &str,
        rows: u32,
        characters: u32,
    ) -> Result<BrowsedRows, Failure> {
        let readable = self.readable(schema, name, characters).await?;
        let mut result = BrowsedRows { columns: readable.columns, rows: Vec::new(), more: false };
        if result.columns.is_empty() || rows == 0 {
            return Ok(result);
        }
        let statement = format!("select {} from {} t limit {}", readable.cells, readable.name, u64::from(rows) + 1);
        let found = self.query(&format!("reading {name:?}"), &statement, &[]).await?;
        result.more = found.len() as u64 > u64::from(rows);
        for row in found.iter().take(rows as usize) {
            let cell = |at: usize| Ok(BrowsedCell { text: row.try_get(2 * at)?, cut: row.try_get(2 * at + 1)? });
            let cells: Result<_, tokio_postgres::Error> = (0..result.columns.len()).map(cell).collect();
            result.rows.push(cells.map_err(|error| misshapen(&error))?);
        }
        Ok(result)
    }

    /// How many rows there are, counted one by one.
    pub async fn count(&self, schema: &str, name: &str) -> Result<u64, Failure> {
        let readable = self.readable(schema, name, 1).await?;
        // On a connection of its own, which may take longer and holds up no other question.
        let counter = Self::open_with(&self.address, &self.database, COUNT_TIMEOUT).await?;
        let (doing, statement) = (format!("counting {name:?}"), format!("select count(*) from {}", readable.name));
        let rows = counter.query(&doing, &statement, &[]).await?;
        let count = rows.first().map_or(Ok(0), |row| row.try_get::<_, i64>(0)).map_err(|error| misshapen(&error))?;
        Ok(count.unsigned_abs())
    }

    async fn readable(&self, schema: &str, name: &str, characters: u32) -> Result<Readable, Failure> {
        let characters = i32::try_from(characters).unwrap_or(i32::MAX);
        let shape = self.query(&format!("looking at {name:?}"), SHAPE, &[&schema, &name, &characters]).await?;
        let Some(row) = shape.first() else {
            let cause = format!("there is no relation {} in the schema {}", printable(name), printable(schema));
            return Err(Failure::incurable(cause, "list what is there"));
        };
        let read = || -> Result<_, tokio_postgres::Error> {
            let readable = Readable { name: row.try_get(1)?, cells: row.try_get(3)?, columns: row.try_get(4)? };
            Ok((row.try_get::<_, String>(0)?, row.try_get::<_, bool>(2)?, readable))
        };
        let (kind, elsewhere, readable) = read().map_err(|error| misshapen(&error))?;
        let refused = |why: &str| {
            let advice = "open psql on the restore point and ask there, if you trust it";
            Err(Failure::incurable(format!("{}: {why}", printable(name)), advice))
        };
        match kind.as_str() {
            "v" => refused("the rows of a view come from functions of the backup, which would run with all rights"),
            _ if elsewhere => refused("rows of it are on another server, which an open restore point does not contact"),
            "r" | "p" | "m" | "S" => Ok(readable),
            _ => refused("it has no rows"),
        }
    }
}
