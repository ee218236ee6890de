//! The live server that items are delivered to: what it is, and what stands there already.
//!
//! Promises: only looks, but for ending connections that bear the session's own name.

use super::{
    APPLICATION_NAME,
    survey::Survey,
    unit::{Unit, UnitKind},
};
use crate::{
    domain::{ByteCount, Failure, MajorVersion, instance::printable},
    postgres::{client::Client, quote},
};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    thread,
    time::{Duration, Instant},
};
use uuid::Uuid;

/// How often it is looked whether what was ended is gone: a backend ends within milliseconds.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// How long what was ended may take to go: longer than it takes to give up what it has written.
const TIMEOUT: Duration = Duration::from_secs(20);

/// What a server tells of itself and of what is wanted there.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Target {
    version: u32,
    pub(super) in_recovery: bool,
    /// The database that was asked.
    pub(super) database: String,
    /// Who connects.
    pub(super) role: String,
    pub(super) may_create_databases: bool,
    /// The wanted roles that are there, and whether what is restored can be given to them.
    roles: BTreeMap<String, bool>,
    /// Extensions in the database.
    installed: BTreeSet<String>,
    /// Extensions that could be created there.
    available: BTreeSet<String>,
    databases: BTreeSet<String>,
    /// The wanted schemas that are there, each with how many objects are in it.
    pub(super) schemas: BTreeMap<String, u64>,
    relations: Vec<StandingRelation>,
}

/// A relation that stands where one is wanted.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct StandingRelation {
    pub(super) schema: String,
    pub(super) name: String,
    kind: String,
    bytes: u64,
    /// As the server estimates them.
    rows: i64,
    pub(super) empty: bool,
}

impl Target {
    /// Asks the server about a unit whose relations are to get these names there.
    pub(super) fn ask(
        live: &Client,
        unit: &Unit,
        survey: &Survey,
        relations: &[(String, String)],
    ) -> Result<Self, Failure> {
        let doing = format!("looking at the destination of {}", unit.label());
        let found: Self = live.query(&doing, APPLICATION_NAME, &query(unit, survey, relations))?;
        Ok(found)
    }

    pub(super) fn version(&self) -> MajorVersion {
        MajorVersion(self.version / 10_000)
    }

    /// The relation of this name.
    pub(super) fn relation(&self, schema: &str, name: &str) -> Option<&StandingRelation> {
        self.relations.iter().find(|relation| (relation.schema.as_str(), relation.name.as_str()) == (schema, name))
    }

    /// Whether there is a database of this name.
    pub(super) fn has_database(&self, name: &str) -> bool {
        self.databases.contains(name)
    }

    /// Those of the roles that are not there.
    pub(super) fn missing<'a>(&self, wanted: impl IntoIterator<Item = &'a String>) -> BTreeSet<String> {
        wanted.into_iter().filter(|role| !self.roles.contains_key(*role)).cloned().collect()
    }

    /// Whether what is restored can be given to all of these.
    pub(super) fn can_give_to(&self, owners: &BTreeSet<String>) -> bool {
        owners.iter().all(|owner| self.roles.get(owner).copied().unwrap_or(false))
    }

    /// Extensions that a unit needs and that will not be there.
    pub(super) fn missing_extensions(&self, unit: &Unit, survey: &Survey) -> BTreeSet<String> {
        // A dump of a whole database creates them; one of a part of it needs them there.
        let there = if unit.kind == UnitKind::Database { &self.available } else { &self.installed };
        survey.extensions.difference(there).cloned().collect()
    }
}

impl StandingRelation {
    /// What it is, as a person reads it.
    pub(super) fn describe(&self) -> String {
        let kind = match self.kind.as_str() {
            "r" => "table",
            "p" => "partitioned table",
            "v" => "view",
            "m" => "materialized view",
            "f" => "foreign table",
            "S" => "sequence",
            "i" | "I" => "index",
            _ => "type",
        };
        let name = format!("{}.{}", printable(&self.schema), printable(&self.name));
        let rows = if self.rows < 0 { String::new() } else { format!(", about {} rows", self.rows) };
        format!("{kind} {name}, {}{rows}", ByteCount(self.bytes))
    }
}

fn query(unit: &Unit, survey: &Survey, relations: &[(String, String)]) -> String {
    let array = |names: &mut dyn Iterator<Item = &str>| {
        let names: Vec<String> = names.map(quote::text).collect();
        format!("array[{}]::text[]", names.join(", "))
    };
    let roles = array(&mut survey.owners.iter().chain(&survey.grantees).map(String::as_str));
    let schemas = array(&mut unit.schemas().into_iter().chain(relations.iter().map(|(schema, _)| schema.as_str())));
    let pairs = format!(
        "unnest({}, {}) w(s, r)",
        array(&mut relations.iter().map(|(schema, _)| schema.as_str())),
        array(&mut relations.iter().map(|(_, name)| name.as_str()))
    );
    // One statement cannot look into all of them: a table without a block holds no row, and one that was emptied and not
    // vacuumed counts as one that holds some.
    format!(
        "select json_build_object('version', current_setting('server_version_num')::int, \
         'in_recovery', pg_is_in_recovery(), 'database', current_database(), 'role', current_user, \
         'may_create_databases', (select rolcreatedb or rolsuper from pg_roles where rolname = current_user), \
         'roles', (select coalesce(json_object_agg(rolname, pg_has_role(current_user, oid, 'MEMBER')), '{{}}') \
           from pg_roles where rolname = any({roles})), \
         'installed', (select coalesce(json_agg(extname), '[]') from pg_extension), \
         'available', (select coalesce(json_agg(name), '[]') from pg_available_extensions), \
         'databases', (select coalesce(json_agg(datname), '[]') from pg_database), \
         'schemas', (select coalesce(json_object_agg(n.nspname, \
           (select count(*) from pg_class c where c.relnamespace = n.oid) \
           + (select count(*) from pg_proc p where p.pronamespace = n.oid) \
           + (select count(*) from pg_type t where t.typnamespace = n.oid and t.typrelid = 0)), '{{}}') \
           from pg_namespace n where n.nspname = any({schemas})), \
         'relations', (select coalesce(json_agg(found), '[]') from ( \
           select json_build_object('schema', n.nspname, 'name', c.relname, 'kind', c.relkind, \
             'bytes', coalesce(pg_table_size(c.oid), 0), 'rows', c.reltuples::bigint, \
             'empty', coalesce(pg_relation_size(c.oid), 0) = 0) as found \
           from {pairs} join pg_namespace n on n.nspname = w.s \
           join pg_class c on c.relnamespace = n.oid and c.relname = w.r \
           union all \
           select json_build_object('schema', n.nspname, 'name', t.typname, 'kind', 't', 'bytes', 0, 'rows', -1, \
             'empty', false) \
           from {pairs} join pg_namespace n on n.nspname = w.s \
           join pg_type t on t.typnamespace = n.oid and t.typname = w.r and t.typrelid = 0) f))"
    )
}

/// How the connections of a session that change something show themselves on the server.
pub(super) fn application_name(session: Uuid) -> String {
    format!("howdah-{session}")
}

/// Ends what an earlier attempt of the session may have left at work on the server, and looks until it is gone. Returns how
/// many connections were ended.
pub(super) fn end_ours(live: &Client, session: Uuid) -> Result<u64, Failure> {
    let name = quote::text(&application_name(session));
    let doing = "ending what an earlier attempt has left on the server";
    let began = Instant::now();
    let mut ended = 0;
    loop {
        let found: u64 = live.query(
            doing,
            APPLICATION_NAME,
            &format!(
                "select count(*) from (select pg_terminate_backend(pid) from pg_stat_activity \
                 where application_name = {name} and pid <> pg_backend_pid()) ended"
            ),
        )?;
        if found == 0 {
            return Ok(ended);
        }
        ended = ended.max(found);
        if began.elapsed() >= TIMEOUT {
            let cause = format!("{found} connections of an earlier attempt do not end on the server");
            return Err(Failure::disruption(cause, "see what those processes of the server wait for"));
        }
        thread::sleep(POLL_INTERVAL);
    }
}
