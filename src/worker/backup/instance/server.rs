//! What a server tells of itself before it is backed up, and what it holds of a session's backup.
//!
//! Promises: only what bears the session's own name is ended; what is called gone was looked at and was not there.

use crate::{
    domain::{Failure, MajorVersion, SystemIdentifier},
    postgres::client::Client,
};
use serde::Deserialize;
use std::{
    thread,
    time::{Duration, Instant},
};
use uuid::Uuid;

/// How often it is looked whether what was ended is gone: a backend ends within milliseconds.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// How long what was ended may take to go. One that waits for a dead network or disk takes longer, and is told.
const TIMEOUT: Duration = Duration::from_secs(20);

const FACTS: &str = "select json_build_object( \
     'version', current_setting('server_version_num')::int, \
     'system_identifier', (select system_identifier::text from pg_control_system()), \
     'in_recovery', pg_is_in_recovery(), \
     'wal_level', current_setting('wal_level'), \
     'role', current_user::text, \
     'may_replicate', (select rolreplication or rolsuper from pg_roles where rolname = current_user), \
     'max_wal_senders', current_setting('max_wal_senders')::int, \
     'wal_senders', (select count(*) from pg_stat_activity where backend_type = 'walsender'), \
     'max_slots', current_setting('max_replication_slots')::int, \
     'slots', (select count(*) from pg_replication_slots), \
     'databases', (select count(*) from pg_database), \
     'bytes', (select coalesce(sum(case when has_database_privilege(oid, 'connect') \
                                        then pg_database_size(oid) end), 0)::bigint from pg_database), \
     'unseen', (select count(*) from pg_database where not has_database_privilege(oid, 'connect')), \
     'tablespaces', (select coalesce(json_agg(spcname order by spcname), '[]'::json) from pg_tablespace \
                     where pg_tablespace_location(oid) like '/%'), \
     'in_place', (select coalesce(json_agg(spcname order by spcname), '[]'::json) from pg_tablespace \
                  where pg_tablespace_location(oid) like 'pg_tblspc/%'))";

/// What a server tells of itself.
#[derive(Debug, Clone, Deserialize)]
pub(in crate::worker::backup) struct ServerFacts {
    version: u32,
    system_identifier: String,
    pub(in crate::worker::backup) in_recovery: bool,
    pub(in crate::worker::backup) wal_level: String,
    pub(in crate::worker::backup) role: String,
    pub(in crate::worker::backup) may_replicate: bool,
    pub(in crate::worker::backup) max_wal_senders: u32,
    pub(in crate::worker::backup) wal_senders: u32,
    pub(in crate::worker::backup) max_slots: u32,
    pub(in crate::worker::backup) slots: u32,
    pub(in crate::worker::backup) databases: u64,
    pub(in crate::worker::backup) bytes: u64,
    /// Databases whose size the role may not see.
    pub(in crate::worker::backup) unseen: u64,
    /// Tablespaces with a directory of their own.
    pub(in crate::worker::backup) tablespaces: Vec<String>,
    /// Tablespaces inside the data directory.
    pub(in crate::worker::backup) in_place: Vec<String>,
}

/// A replication slot.
#[derive(Debug, Clone, Deserialize)]
pub(in crate::worker::backup) struct SlotFacts {
    pub(in crate::worker::backup) kind: String,
    pub(in crate::worker::backup) active_pid: Option<u32>,
}

/// What a server holds of one session's backup.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
struct Remains {
    senders: Vec<u32>,
    backups: u32,
    slots: u32,
}

impl ServerFacts {
    pub(in crate::worker::backup) fn ask(client: &Client) -> Result<Self, Failure> {
        client.ask(FACTS)
    }

    pub(in crate::worker::backup) fn version(&self) -> MajorVersion {
        MajorVersion(self.version / 10_000)
    }

    /// A bigint there, though the identifier itself has no sign.
    pub(in crate::worker::backup) fn cluster(&self) -> Result<SystemIdentifier, Failure> {
        let number = self.system_identifier.parse::<i64>();
        number
            .map(|number| SystemIdentifier(number.cast_unsigned()))
            .map_err(|_| Failure::bug(format!("the server's system identifier is {:?}", self.system_identifier)))
    }
}

/// A slot of this name, whose letters are those that a slot may have; `None` where there is none.
pub(in crate::worker::backup) fn slot(client: &Client, name: &str) -> Result<Option<SlotFacts>, Failure> {
    let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if !is_name {
        return Err(Failure::incurable(
            format!("{name:?} is not the name of a replication slot"),
            "such names have lower case letters, digits and underscores",
        ));
    }
    client.ask(&format!(
        "select coalesce((select json_build_object('kind', slot_type, 'active_pid', active_pid) \
         from pg_replication_slots where slot_name = '{name}'), 'null'::json)"
    ))
}

/// How the connections of a session's backup show themselves on the server.
pub(in crate::worker::backup) fn application_name(session: Uuid) -> String {
    format!("howdah-{session}")
}

/// Ends what a session's backup has on the server, and looks until nothing of it is there: no walsender, no running
/// backup, no slot that one of them held. Returns how many walsenders were ended.
pub(in crate::worker::backup) fn end_backup(client: &Client, session: Uuid) -> Result<usize, Failure> {
    let name = application_name(session);
    let began = Instant::now();
    let mut seen: Vec<u32> = Vec::new();
    loop {
        let remains: Remains = client.ask(&remains_of(&name, &seen))?;
        if remains == Remains::default() {
            return Ok(seen.len());
        }
        if began.elapsed() >= TIMEOUT {
            let pids: Vec<String> = remains.senders.iter().map(u32::to_string).collect();
            let cause = format!(
                "the backup session on the server does not end (walsender {}, {} backups, {} slots)",
                pids.join(", "),
                remains.backups,
                remains.slots
            );
            return Err(Failure::disruption(cause, "see what those processes of the server wait for"));
        }
        let new: Vec<u32> = remains.senders.iter().filter(|pid| !seen.contains(pid)).copied().collect();
        seen.extend(new);
        let _ended: u32 = client.ask(&format!(
            "select count(*) filter (where pg_terminate_backend(pid)) from pg_stat_activity \
             where application_name = '{name}' and backend_type = 'walsender'"
        ))?;
        thread::sleep(POLL_INTERVAL);
    }
}

/// The numbers of processes that were seen count as well: their slot may outlive their row by a moment. The name that
/// `pg_basebackup` gives its temporary slot is of one such number.
fn remains_of(name: &str, seen: &[u32]) -> String {
    let seen = format!("'{{{}}}'::int[]", seen.iter().map(u32::to_string).collect::<Vec<_>>().join(","));
    format!(
        "with ours as (select pid from pg_stat_activity where application_name = '{name}' and backend_type = 'walsender') \
         select json_build_object( \
         'senders', (select coalesce(json_agg(pid), '[]'::json) from ours), \
         'backups', (select count(*) from pg_stat_progress_basebackup \
                     where pid in (select pid from ours) or pid = any({seen})), \
         'slots', (select count(*) from pg_replication_slots where temporary and \
                   (active_pid in (select pid from ours) or active_pid = any({seen}) \
                    or slot_name::text in (select 'pg_basebackup_' || pid from unnest({seen}) pid))))"
    )
}
