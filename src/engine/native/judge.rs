//! Judging what stands at the target: free, this session's own, left for others, or somebody's (S2, S8).
//!
//! Promises: only looks; what another session may still go on with is never taken for a leftover. Never: follows a
//! link, or believes a directory's contents more than its mark.

use super::{
    home,
    plan::CopyPlan,
    request::CopyRequest,
    set_aside, site, space,
    target_state::{self, Leftover, TargetContents},
};
use crate::{
    domain::{ExistingData, Failure, plan::TargetState, restored::MarkLocation},
    engine::watched::Heartbeat,
};
use std::path::Path;
use uuid::Uuid;

impl CopyPlan {
    /// Judges what stands at the target.
    pub(super) fn stand(&mut self, order: &CopyRequest, heartbeat: &Heartbeat) -> Result<(), Failure> {
        let directory = order.target.directory();
        site::check_mark(order.mark, directory, self.access)?;
        let found = target_state::inspect(directory)?;
        let ours = matches!(&found, TargetContents::Leftover(left) if left.mark.session == order.session);
        let server_started = ours
            && matches!(&found, TargetContents::Leftover(left) if left.account.server_started && left.account.complete);
        if let Some(pid) = target_state::postmaster(directory)? {
            if !server_started {
                let cause = format!("a server runs on {} (postmaster process {pid})", directory.display());
                return Err(Failure::incurable(cause, "stop that server, or choose another target, then retry"));
            }
            self.warnings.push(format!("the server that an earlier attempt started still runs (process {pid})"));
        }
        self.plan.target = match found {
            TargetContents::Missing => TargetState::Missing,
            TargetContents::Empty => TargetState::Empty,
            TargetContents::Leftover(left) => {
                if self.judge_leftover(*left, order)? {
                    TargetState::Leftover
                } else {
                    make_room(order, heartbeat)?
                }
            }
            TargetContents::Foreign => make_room(order, heartbeat)?,
        };
        self.server_started = server_started;
        for (oid, place) in &self.tablespaces {
            let ours = self.leftover.as_ref().is_some_and(|left| left.mark.tablespaces.get(oid) == Some(place));
            if ours || home::is_marked(place, order.session) || !target_state::is_occupied(place)? {
                continue;
            }
            match order.existing {
                ExistingData::Refuse => return Err(occupied(place, "the tablespace directory")),
                ExistingData::SetAside => {
                    set_aside::check(place, order.session, heartbeat)?;
                    self.aside.insert(place.clone(), set_aside::free_name(place));
                }
            }
        }
        let renamed =
            self.plan.target == TargetState::Missing || matches!(self.plan.target, TargetState::SetAside { .. });
        if renamed || order.mark == MarkLocation::Beside {
            space::check_writable(directory.parent().unwrap_or(directory))?;
        }
        if !renamed {
            space::check_writable(directory)?;
        }
        self.tablespaces.values().try_for_each(|place| space::check_writable(place))
    }

    /// Whether what a restore left can be gone on with.
    fn judge_leftover(&mut self, left: Leftover, order: &CopyRequest) -> Result<bool, Failure> {
        let same_backup = left.mark.manifest == self.manifest.identity() && left.mark.tablespaces == self.tablespaces;
        if !left.mark.is_for(order.session) {
            return match order.existing {
                ExistingData::Refuse => Err(of_another(order.target.directory(), left.mark.session)),
                ExistingData::SetAside => Ok(false),
            };
        }
        if left.mark.session == order.session {
            if !same_backup {
                let cause =
                    format!("{} is no longer the backup that this restore began with", left.mark.backup.display());
                return Err(Failure::incurable(cause, "cancel this restore and start a new one"));
            }
        } else if !same_backup || left.account.server_started {
            // A server may have changed the files of another session; they are data, not leftovers.
            return Ok(false);
        }
        self.leftover = Some(left);
        Ok(true)
    }
}

/// What stands there is somebody's: it is set aside where that was allowed and hits nobody.
fn make_room(order: &CopyRequest, heartbeat: &Heartbeat) -> Result<TargetState, Failure> {
    let directory = order.target.directory();
    match order.existing {
        ExistingData::Refuse => Err(occupied(directory, "the target")),
        ExistingData::SetAside => {
            set_aside::check(directory, order.session, heartbeat)?;
            Ok(TargetState::SetAside { to: set_aside::free_name(directory) })
        }
    }
}

/// Data that its session has not left for others: it may go on with it at any time.
fn of_another(place: &Path, session: Uuid) -> Failure {
    Failure::incurable(
        format!("{} holds the partial data of another session ({session}), which may go on with it", place.display()),
        "choose another target; or cancel that session; or allow the data to be set aside by typing the directory's name",
    )
}

fn occupied(place: &Path, what: &str) -> Failure {
    Failure::incurable(
        format!("{what} {} is not empty", place.display()),
        "choose another target, or allow the old data to be set aside by typing the directory's name",
    )
}
