//! What a table is like, as far as two of them must be alike: its columns, its primary key, the encoding of its texts.

use crate::{
    domain::{Failure, instance::printable},
    postgres::{client::Client, quote},
};
use serde::Deserialize;

/// A table on one side.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TableShape {
    /// `pg_class.relkind`.
    pub kind: String,
    /// The database's encoding.
    pub encoding: String,
    /// Whether another server holds rows of it.
    pub foreign: bool,
    /// Its columns, in their order.
    pub columns: Vec<ShapeColumn>,
    /// The columns of its primary key, in their order; empty without one.
    pub key: Vec<KeyColumn>,
    /// Whether the key is checked with each row (not `DEFERRABLE`).
    pub immediate: bool,
    /// The sequences that give its columns their values.
    pub sequences: Vec<ColumnSequence>,
}

/// A sequence that belongs to a column.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ColumnSequence {
    /// The column.
    pub column: String,
    /// The sequence, as the server quotes it.
    pub sequence: String,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ShapeColumn {
    /// Its name.
    pub name: String,
    /// Its type with its modifiers (`format_type`).
    pub type_name: String,
    /// Whether it is computed from others.
    pub generated: bool,
}

/// A column of a primary key.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct KeyColumn {
    /// Its name.
    pub name: String,
    /// The operator by which the index calls two values equal, as `OPERATOR(schema.=)`.
    pub equal: String,
}

impl TableShape {
    /// Asks a server for the table; `None` where there is none of this name.
    pub fn ask(client: &Client, application_name: &str, schema: &str, table: &str) -> Result<Option<Self>, Failure> {
        let query = format!(
            "select coalesce((select json_build_object('kind', c.relkind, 'encoding', getdatabaseencoding(), \
             'foreign', exists (with recursive below(oid) as (select c.oid union all select inhrelid \
               from pg_inherits join below on inhparent = below.oid where c.relkind = 'p') \
               select 1 from below join pg_class b on b.oid = below.oid where b.relkind = 'f'), \
             'columns', (select coalesce(json_agg(json_build_object('name', attname, \
               'type_name', format_type(atttypid, atttypmod), 'generated', attgenerated <> '') order by attnum), '[]') \
               from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped), \
             'immediate', coalesce((select indimmediate from pg_index where indrelid = c.oid and indisprimary), false), \
             'sequences', (select coalesce(json_agg(json_build_object('column', a.attname, \
               'sequence', format('%I.%I', sn.nspname, s.relname)) order by a.attnum), '[]') \
               from pg_depend d join pg_class s on s.oid = d.objid and s.relkind = 'S' \
               join pg_namespace sn on sn.oid = s.relnamespace \
               join pg_attribute a on a.attrelid = c.oid and a.attnum = d.refobjsubid \
               where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass \
                 and d.refobjid = c.oid and d.deptype in ('a', 'i')), \
             'key', (select coalesce(json_agg(json_build_object('name', a.attname, \
               'equal', format('operator(%I.%s)', on_.nspname, o.oprname)) order by k.place), '[]') \
               from pg_index i cross join lateral unnest(i.indkey::int2[], i.indclass::oid[]) \
                 with ordinality k(attnum, opclass, place) \
               join pg_attribute a on a.attrelid = c.oid and a.attnum = k.attnum \
               join pg_opclass oc on oc.oid = k.opclass \
               join pg_amop ao on ao.amopfamily = oc.opcfamily and ao.amopstrategy = 3 \
                 and ao.amoplefttype = oc.opcintype and ao.amoprighttype = oc.opcintype \
               join pg_operator o on o.oid = ao.amopopr join pg_namespace on_ on on_.oid = o.oprnamespace \
               where i.indrelid = c.oid and i.indisprimary and k.place <= i.indnkeyatts)) \
             from pg_class c join pg_namespace n on n.oid = c.relnamespace \
             where n.nspname = {} and c.relname = {}), 'null'::json)",
            quote::text(schema),
            quote::text(table)
        );
        client.query(&format!("looking at the table {}", printable(table)), application_name, &query)
    }

    /// Refuses what has no rows of its own, or none that can be told apart.
    pub fn refuse_unkeyed(&self, table: &str, side: &str) -> Result<(), Failure> {
        let table = printable(table);
        if !matches!(self.kind.as_str(), "r" | "p") {
            let cause = format!("{table} {side} is no table");
            return Err(Failure::incurable(cause, "choose a table"));
        }
        if self.foreign {
            let cause = format!("rows of {table} {side} are on another server, which is not contacted");
            return Err(Failure::incurable(cause, "choose a partition that is on the server itself"));
        }
        if self.key.is_empty() {
            let cause = format!("{table} {side} has no primary key: its rows cannot be told apart");
            return Err(Failure::incurable(cause, "take the whole table under another name, and compare it there"));
        }
        Ok(())
    }

    /// Refuses two sides whose keys do not mean the same.
    pub fn refuse_other_key(&self, live: &Self, table: &str) -> Result<(), Failure> {
        let of = |shape: &Self| -> Vec<(String, String)> {
            let type_name = |name: &str| {
                shape
                    .columns
                    .iter()
                    .find(|column| column.name == name)
                    .map_or("", |column| &column.type_name)
                    .to_owned()
            };
            shape.key.iter().map(|key| (key.name.clone(), type_name(&key.name))).collect()
        };
        let (here, there) = (of(self), of(live));
        if here == there {
            return Ok(());
        }
        let shown = |key: &[(String, String)]| {
            key.iter().map(|(name, type_name)| format!("{name} {type_name}")).collect::<Vec<_>>().join(", ")
        };
        let cause = format!(
            "the primary key of {} is ({}) at the restore point and ({}) at the live server",
            printable(table),
            shown(&here),
            shown(&there)
        );
        Err(Failure::incurable(cause, "take the whole table under another name"))
    }

    /// What reads exactly the table's own rows: children that inherit from it have keys of their own.
    pub fn from(&self, schema: &str, table: &str) -> String {
        let only = if self.kind == "r" { "only " } else { "" };
        format!("{only}{}", quote::qualified(schema, table))
    }
}
