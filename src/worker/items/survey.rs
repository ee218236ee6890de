//! What is at the open restore point: where its server answers, and what the wanted items are.
//!
//! Promises: only looks. A point that is not open now is a disruption: its session may be opening it again.

use super::{
    APPLICATION_NAME,
    unit::{Unit, UnitKind},
};
use crate::{
    domain::{Failure, ItemName, OpenPoint, ServerAddress, explore, instance::printable, instance::printable_name},
    postgres::{client::Client, quote},
};
use serde::Deserialize;
use std::{collections::BTreeSet, fs, io::Read};

/// A page of JSON; more is something else.
const MAX_ADDRESS_LEN: u64 = 64 << 10;

/// Where the open restore point answers.
pub(super) fn address(point: &OpenPoint) -> Result<ServerAddress, Failure> {
    let path = explore::address_in(&point.scratch);
    let shown = printable_name(path.as_os_str());
    let mut text = String::new();
    let read = fs::File::open(&path).and_then(|file| file.take(MAX_ADDRESS_LEN).read_to_string(&mut text));
    read.map_err(|error| {
        Failure::disruption(
            format!("the restore point is not open: {shown}: {error}"),
            "see its explore session; it may be opening it again",
        )
    })?;
    serde_json::from_str(&text).map_err(|error| {
        Failure::disruption(format!("{shown} does not say where the restore point answers: {error}"), "")
    })
}

/// What a unit is at the open restore point.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Survey {
    /// The named schemas, or relations as `[schema, name]`, that are there.
    schemas: Vec<String>,
    relations: Vec<(String, String)>,
    /// All that have rows of their own.
    pub(super) tables: Vec<SurveyedTable>,
    /// What takes a name of its own beside its table.
    pub(super) attached: Vec<Attached>,
    /// Roles that own something.
    pub(super) owners: BTreeSet<String>,
    /// Roles that have rights on something.
    pub(super) grantees: BTreeSet<String>,
    /// Extensions that something needs.
    pub(super) extensions: BTreeSet<String>,
    pub(super) locale: Locale,
}

/// A table with rows of its own.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct SurveyedTable {
    pub(super) schema: String,
    pub(super) name: String,
    pub(super) bytes: u64,
    /// As the server quotes it, and `pg_dump` says it.
    pub(super) quoted: String,
    /// Whether it came in as a partition of a table that is named.
    pub(super) partition: bool,
}

/// An index or a sequence of a table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Attached {
    pub(super) schema: String,
    pub(super) table: String,
    pub(super) name: String,
    /// `pg_class.relkind`.
    pub(super) kind: String,
}

/// How a database sorts and writes texts.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Locale {
    pub(super) encoding: String,
    pub(super) collate: String,
    pub(super) ctype: String,
    /// `c`, `i` for ICU, `b` for the built-in one; `None` before PostgreSQL 15.
    pub(super) provider: Option<String>,
    /// What the provider calls it.
    pub(super) provider_name: Option<String>,
}

impl Survey {
    /// Looks at the items of a unit; one that is not there is incurable.
    pub(super) fn of(unit: &Unit, here: &Client) -> Result<Self, Failure> {
        let doing = format!("looking at {} in the restore point", printable(&unit.database));
        let found: Self = here.query(&doing, APPLICATION_NAME, &query(unit))?;
        for item in &unit.items {
            let is_there = match item {
                // It has answered.
                ItemName::Database { .. } => true,
                ItemName::Schema { schema, .. } => found.schemas.contains(schema),
                ItemName::Table { schema, table, .. } => found.relations.iter().any(|(s, t)| (s, t) == (schema, table)),
            };
            if !is_there {
                let cause = format!("there is no {} in the restore point", printable(&item.to_string()));
                return Err(Failure::incurable(cause, "list what is there (howdah explore items)"));
            }
        }
        Ok(found)
    }

    /// The tables of one item of its unit. Whose partition one is is not known here: all are counted with one item.
    pub(super) fn tables_of<'a>(
        &'a self,
        item: &'a ItemName,
        with_partitions: bool,
    ) -> impl Iterator<Item = &'a SurveyedTable> {
        self.tables.iter().filter(move |found| match item {
            ItemName::Database { .. } => true,
            ItemName::Schema { schema, .. } => found.schema == *schema,
            ItemName::Table { schema, table, .. } => {
                (found.partition && with_partitions) || (&found.schema, &found.name) == (schema, table)
            }
        })
    }

    /// Partitions that `pg_dump` must be told by name.
    pub(super) fn partitions(&self) -> Vec<(String, String)> {
        let partitions = self.tables.iter().filter(|table| table.partition);
        partitions.map(|table| (table.schema.clone(), table.name.clone())).collect()
    }
}

/// Which relations of `pg_class c`, `pg_namespace n` belong to the unit.
fn wanted(unit: &Unit) -> String {
    let list = |names: Vec<String>| names.join(", ");
    match unit.kind {
        UnitKind::Database => "n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast') \
             and n.nspname not like 'pg\\_temp\\_%' and n.nspname not like 'pg\\_toast\\_temp\\_%'"
            .to_owned(),
        UnitKind::Schemas => {
            format!("n.nspname in ({})", list(unit.schemas().into_iter().map(quote::text).collect()))
        }
        UnitKind::Tables => {
            let pair = |(schema, table): (&str, &str)| format!("({}, {})", quote::text(schema), quote::text(table));
            format!("(n.nspname, c.relname) in ({})", list(unit.tables().into_iter().map(pair).collect()))
        }
    }
}

fn query(unit: &Unit) -> String {
    let wanted = wanted(unit);
    let schemas = if unit.kind == UnitKind::Tables { "false".to_owned() } else { wanted.clone() };
    format!(
        "with recursive named as (select c.oid, c.relnamespace, c.relname, c.relkind, c.relowner \
           from pg_class c join pg_namespace n on n.oid = c.relnamespace \
           where {wanted} and c.relkind in ('r', 'p', 'm', 'v', 'S', 'f') and not exists (select 1 from pg_depend e \
             where e.classid = 'pg_class'::regclass and e.objid = c.oid and e.deptype = 'e')), \
         below as (select oid, false as partition from named union \
           select i.inhrelid, true from below join pg_inherits i on i.inhparent = below.oid \
           join pg_class c on c.oid = i.inhrelid and c.relispartition), \
         rels as (select c.oid, n.nspname, c.relname, c.relkind, c.relowner, bool_and(b.partition) as partition \
           from below b join pg_class c on c.oid = b.oid join pg_namespace n on n.oid = c.relnamespace \
           group by 1, 2, 3, 4, 5), \
         spaces as (select n.oid, n.nspname, n.nspowner from pg_namespace n \
           where {schemas} and not exists (select 1 from pg_depend e \
             where e.classid = 'pg_namespace'::regclass and e.objid = n.oid and e.deptype = 'e')), \
         things as (select 'pg_class'::regclass as classid, oid from rels \
           union all select 'pg_class'::regclass, indexrelid from pg_index where indrelid in (select oid from rels) \
           union all select 'pg_attrdef'::regclass, oid from pg_attrdef where adrelid in (select oid from rels) \
           union all select 'pg_constraint'::regclass, oid from pg_constraint where conrelid in (select oid from rels) \
           union all select 'pg_trigger'::regclass, oid from pg_trigger where tgrelid in (select oid from rels) \
           union all select 'pg_policy'::regclass, oid from pg_policy where polrelid in (select oid from rels) \
           union all select 'pg_namespace'::regclass, oid from spaces \
           union all select 'pg_proc'::regclass, oid from pg_proc where pronamespace in (select oid from spaces) \
           union all select 'pg_type'::regclass, oid from pg_type where typnamespace in (select oid from spaces)), \
         roles as (select distinct r.rolname::text as name, s.deptype = 'o' as owns from pg_shdepend s \
           join things t on t.classid = s.classid and t.oid = s.objid join pg_roles r on r.oid = s.refobjid \
           where s.dbid = (select oid from pg_database where datname = current_database()) \
             and s.refclassid = 'pg_authid'::regclass \
           union select pg_get_userbyid(relowner)::text, true from rels \
           union select pg_get_userbyid(nspowner)::text, true from spaces where nspname <> 'public') \
         select json_build_object( \
         'schemas', (select coalesce(json_agg(nspname), '[]') from spaces), \
         'relations', (select coalesce(json_agg(json_build_array(n.nspname, d.relname)), '[]') \
           from named d join pg_namespace n on n.oid = d.relnamespace), \
         'tables', (select coalesce(json_agg(json_build_object('schema', nspname, 'name', relname, \
           'bytes', coalesce(pg_table_size(oid), 0), 'quoted', format('%I.%I', nspname, relname), \
           'partition', partition) order by nspname, relname), '[]') from rels where relkind in ('r', 'p', 'm')), \
         'attached', (select coalesce(json_agg(json_build_object('schema', n.nspname, 'table', r.relname, \
           'name', c.relname, 'kind', c.relkind) order by n.nspname, c.relname), '[]') from ( \
             select indexrelid as oid, indrelid as relid from pg_index union \
             select objid, refobjid from pg_depend where classid = 'pg_class'::regclass \
               and refclassid = 'pg_class'::regclass and deptype in ('a', 'i') and refobjsubid > 0) a \
           join rels r on r.oid = a.relid join pg_class c on c.oid = a.oid and c.relkind in ('i', 'I', 'S') \
           join pg_namespace n on n.oid = c.relnamespace where r.relkind in ('r', 'p', 'm')), \
         'owners', (select coalesce(json_agg(name), '[]') from roles where owns), \
         'grantees', (select coalesce(json_agg(name), '[]') from roles where not owns), \
         'extensions', (select coalesce(json_agg(distinct x.extname), '[]') from pg_extension x where \
           x.extname <> 'plpgsql' and ({whole} or exists (select 1 from pg_depend m join pg_depend d \
             on d.refclassid = m.classid and d.refobjid = m.objid join things t on t.classid = d.classid \
             and t.oid = d.objid where m.deptype = 'e' and m.refclassid = 'pg_extension'::regclass \
             and m.refobjid = x.oid and d.deptype <> 'e'))), \
         'locale', (select json_build_object('encoding', pg_encoding_to_char(encoding), 'collate', datcollate, \
           'ctype', datctype, 'provider', to_jsonb(d)->>'datlocprovider', \
           'provider_name', coalesce(to_jsonb(d)->>'datlocale', to_jsonb(d)->>'daticulocale')) \
           from pg_database d where datname = current_database()))",
        whole = unit.kind == UnitKind::Database,
    )
}
