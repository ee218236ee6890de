//! What the primary tells of its slots and of who streams from it, and the slot that a session makes there.
//!
//! A slot bears nothing but its name, so a session makes one only where none was, and tells its own again by the position
//! that it gave it: a slot that somebody else makes begins at a checkpoint, or nowhere.
//!
//! Promises: no slot is dropped but one that the session has made; what is called gone was looked for. Never: touches a
//! slot that somebody streams from.

use super::record::SlotState;
use crate::{
    domain::{Failure, Lsn},
    postgres::client::Client,
};
use serde::Deserialize;
use std::{
    thread,
    time::{Duration, Instant},
};

/// How often it is looked whether a slot is free: a walsender ends within milliseconds of its standby.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// How long that may take. One that waits for a dead network takes longer, and is named.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Longer than a walsender lives that finds its WAL gone.
pub(super) const MOMENT: Duration = Duration::from_secs(2);

/// What the primary says of itself beside what every server says.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct PrimaryFacts {
    pub(super) timeline: u32,
    /// The standbys that commits wait for.
    pub(super) synchronous: String,
}

/// A replication slot.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Slot {
    kind: String,
    temporary: bool,
    pub(super) active_pid: Option<u32>,
    pub(super) restart: Option<Lsn>,
    /// `reserved`, `extended`, `unreserved` or `lost` (`pg_replication_slots`).
    wal_status: Option<String>,
}

/// Where the primary stands, and what it sends through the slot.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Sending {
    pub(super) at: Lsn,
    pub(super) slot: Option<Slot>,
    pub(super) sender: Option<Sender>,
}

/// The walsender of a slot.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Sender {
    state: Option<String>,
    sent: Option<Lsn>,
    /// As the standby has reported it last, which an idle one does every ten seconds.
    pub(super) replayed: Option<Lsn>,
}

/// What WAL the primary has around a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WalAround {
    /// The timeline that it writes now.
    pub(super) timeline: u32,
    /// The segments that hold what is before the place and what follows it, without their timeline.
    pub(super) last: String,
    pub(super) next: String,
    /// The oldest that is there; `None` where the role may not see that.
    pub(super) oldest: Option<String>,
}

impl PrimaryFacts {
    pub(super) fn ask(client: &Client) -> Result<Self, Failure> {
        // After a promotion the control file goes on naming the old timeline until the next checkpoint.
        client.ask(
            "select json_build_object('timeline', \
             ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::bigint, \
             'synchronous', current_setting('synchronous_standby_names'))",
        )
    }
}

/// Asks what WAL there is around this place.
pub(super) fn wal_around(client: &Client, at: Lsn) -> Result<WalAround, Failure> {
    #[derive(Deserialize)]
    struct Names {
        timeline: u32,
        last: String,
        next: String,
        may_look: bool,
    }
    // Versions differ in which segment a place between two belongs to.
    let (before, after) = (Lsn(at.0.saturating_sub(1)), Lsn(at.0.saturating_add(1)));
    let Names { timeline, last, next, may_look } = client.ask(&format!(
        "select json_build_object('timeline', \
         ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::bigint, \
         'last', right(pg_walfile_name('{before}'), 16), 'next', right(pg_walfile_name('{after}'), 16), \
         'may_look', has_function_privilege('pg_ls_waldir()', 'execute'))"
    ))?;
    // Segments are removed in their order, and those that are kept ready for later have higher numbers.
    let oldest = if may_look {
        client.ask(
            "select to_json(min(right(name, 16) collate \"C\")) from pg_ls_waldir() where name ~ '^[0-9A-F]{24}$'",
        )?
    } else {
        None
    };
    Ok(WalAround { timeline, last, next, oldest })
}

impl Slot {
    /// A standby can stream from it, now or when whoever does has ended.
    pub(super) fn is_physical(&self) -> bool {
        self.kind == "physical" && !self.temporary
    }

    /// The primary has removed WAL that it was to hold.
    pub(super) fn is_lost(&self) -> bool {
        self.wal_status.as_deref() == Some("lost")
    }

    /// Whether the session has made it.
    pub(super) fn is_made_by(&self, state: SlotState) -> bool {
        match state {
            SlotState::Made => true,
            SlotState::Making { at } => self.restart == Some(at),
            SlotState::NotMade => false,
        }
    }
}

impl Sender {
    /// Whether it has sent what there was and goes on; `None` where the role may not see that (`pg_stat_get_wal_senders`
    /// shows it to members of `pg_read_all_stats`).
    pub(super) fn streams(&self) -> Option<bool> {
        self.state.as_deref().map(|state| state == "streaming")
    }

    /// The same, or it is on its way there.
    pub(super) fn is_sent(&self) -> Option<bool> {
        self.state.as_deref().map(|state| matches!(state, "streaming" | "catchup"))
    }
}

const SLOT: &str = "json_build_object('kind', slot_type, 'temporary', temporary, 'active_pid', active_pid, \
                    'restart', restart_lsn::text, 'wal_status', wal_status)";

/// The slot of this name, whose letters are those that a slot may have.
pub(super) fn slot(client: &Client, name: &str) -> Result<Option<Slot>, Failure> {
    client.ask(&format!(
        "select coalesce((select {SLOT} from pg_replication_slots where slot_name = '{name}'), 'null'::json)"
    ))
}

/// Where the primary's WAL ends; behind the header of a page where a checkpoint was the last that happened.
pub(super) fn position(client: &Client) -> Result<Lsn, Failure> {
    client.ask(
        "select to_json(greatest(pg_current_wal_flush_lsn(), (select redo_lsn from pg_control_checkpoint()))::text)",
    )
}

/// Makes a slot that holds WAL from this position on, in one statement; whether it did: `false` where one of the name is
/// there.
pub(super) fn make_slot(client: &Client, name: &str, at: Lsn) -> Result<bool, Failure> {
    // A slot may begin at the last checkpoint alone; a later position is another step of the same statement. A checkpoint at
    // the beginning of a page lies behind what is flushed, and there a slot cannot be moved (`pg_replication_slot_advance`).
    let made: Option<Lsn> = client.ask(&format!(
        "select case when exists (select from pg_replication_slots where slot_name = '{name}') then 'null'::json else \
         (select to_json(case when lsn >= '{at}'::pg_lsn then lsn::text else \
                         (pg_replication_slot_advance(slot_name, '{at}'::pg_lsn)).end_lsn::text end) \
          from pg_create_physical_replication_slot('{name}', true)) end"
    ))?;
    Ok(made.is_some())
}

/// Makes the slot hold what another one holds, in one statement; whether it did: `false` where one of the name is there.
pub(super) fn copy_slot(client: &Client, from: &str, name: &str) -> Result<bool, Failure> {
    let made: Option<String> = client.ask(&format!(
        "select case when exists (select from pg_replication_slots where slot_name = '{name}') then 'null'::json else \
         (select to_json(slot_name) from pg_copy_physical_replication_slot('{from}', '{name}')) end"
    ))?;
    Ok(made.is_some())
}

/// The slot of this name once nobody streams from it any more; a standby whose WAL is gone takes it for moments only.
pub(super) fn free_slot(client: &Client, name: &str) -> Result<Option<Slot>, Failure> {
    let began = Instant::now();
    loop {
        let found = slot(client, name)?;
        let is_free = found.as_ref().is_none_or(|slot| slot.active_pid.is_none());
        if is_free || began.elapsed() >= MOMENT {
            return Ok(found);
        }
        thread::sleep(POLL_INTERVAL);
    }
}

/// Drops the session's slot when nobody streams from it any more, and looks until it is gone; whether there was one.
pub(super) fn drop_slot(client: &Client, name: &str, state: SlotState) -> Result<bool, Failure> {
    let began = Instant::now();
    let mut found = false;
    loop {
        let Some(there) = slot(client, name)?.filter(|slot| slot.is_made_by(state)) else { return Ok(found) };
        found = true;
        match there.active_pid {
            Some(pid) if began.elapsed() >= TIMEOUT => {
                let cause = format!("the slot {name} is in use by the primary's process {pid}");
                let advice = format!("end that, then: select pg_drop_replication_slot('{name}')");
                return Err(Failure::disruption(cause, advice));
            }
            Some(_) => thread::sleep(POLL_INTERVAL),
            None => {
                // Refused by the server where somebody was faster; then it is looked at again.
                let _dropped: u32 = client.ask(&format!(
                    "select count(pg_drop_replication_slot(slot_name)) from pg_replication_slots \
                     where slot_name = '{name}' and slot_type = 'physical' and not active"
                ))?;
            }
        }
    }
}

/// What the primary sends through the slot.
pub(super) fn sending(client: &Client, name: &str) -> Result<Sending, Failure> {
    client.ask(&format!(
        "select json_build_object('at', pg_current_wal_lsn()::text, \
         'slot', (select {SLOT} from pg_replication_slots where slot_name = '{name}'), \
         'sender', (select json_build_object('state', state, 'sent', sent_lsn::text, 'replayed', replay_lsn::text) \
                    from pg_stat_replication where pid = \
                    (select active_pid from pg_replication_slots where slot_name = '{name}')))"
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    #[test]
    fn a_slot_is_the_sessions_own_where_it_was_made_or_stands_where_it_was_to_begin() {
        let slot: Slot = serde_json::from_str(
            r#"{"kind": "physical", "temporary": false, "active_pid": null, "restart": "0/3000148", "wal_status": "reserved"}"#,
        )
        .unwrap();
        assert!(slot.is_physical() && !slot.is_lost());
        for (state, own) in [
            (SlotState::NotMade, false),
            (SlotState::Making { at: Lsn(0x300_0148) }, true),
            (SlotState::Making { at: Lsn(0x300_0149) }, false),
            (SlotState::Made, true),
        ] {
            assert_eq!(slot.is_made_by(state), own, "{state:?}");
        }
        let empty = Slot { restart: None, ..slot };
        assert!(!empty.is_made_by(SlotState::Making { at: Lsn(0) }), "one that holds nothing");
    }
}
