//! What a standby tells of itself.

use crate::{
    domain::{Failure, Lsn},
    postgres::client::Client,
};
use serde::Deserialize;

/// What the standby tells of itself.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Replay {
    pub(super) in_recovery: bool,
    pub(super) replayed: Option<Lsn>,
    pub(super) timeline: u32,
    pub(super) cluster: String,
    pub(super) paused: bool,
    /// Whether the role that asks may see what the server's processes do.
    pub(super) may_see: bool,
    /// What its walreceiver does, and through which slot.
    pub(super) receiver: Option<Receiver>,
    /// What it waits for, once it has replayed all that it has.
    pub(super) waits: Option<WaitsFor>,
}

/// Where a standby looks for more WAL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum WaitsFor {
    /// At its primary.
    Primary,
    /// In an archive, too, which somebody has named to it.
    Archive,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Receiver {
    pub(super) status: Option<String>,
    pub(super) slot: Option<String>,
}

const REPLAY: &str = "select json_build_object('in_recovery', pg_is_in_recovery(), \
     'replayed', pg_last_wal_replay_lsn()::text, 'timeline', (select timeline_id from pg_control_checkpoint()), \
     'cluster', (select system_identifier::text from pg_control_system()), \
     'may_see', pg_has_role(current_user, 'pg_read_all_stats', 'member'), \
     'receiver', (select json_build_object('status', status, 'slot', slot_name) from pg_stat_wal_receiver), \
     'waits', (select case when current_setting('restore_command') = '' then 'primary' else 'archive' end \
               from pg_stat_activity where backend_type = 'startup' \
               and wait_event in ('RecoveryWalStream', 'RecoveryRetrieveRetryInterval')), \
     'paused', case when pg_is_in_recovery() then pg_is_wal_replay_paused() else false end)";

impl Replay {
    pub(super) fn ask(standby: &Client) -> Result<Self, Failure> {
        standby.ask(REPLAY)
    }

    /// Whether it streams through this slot; `None` where the role may not see that.
    pub(super) fn receives(&self, slot: &str) -> Option<bool> {
        let is_ours = |receiver: &Receiver| {
            receiver.status.as_deref() == Some("streaming") && receiver.slot.as_deref() == Some(slot)
        };
        self.may_see.then(|| self.receiver.as_ref().is_some_and(is_ours))
    }
}
