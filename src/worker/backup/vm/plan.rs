//! The plan of a machine's backup: full or an increment, and every reason to refuse.
//!
//! Promises: writes nothing, here or at libvirt; an increment is planned where the chain that it rests on is whole and
//! libvirt can tell what was written since; whatever is wrong with that is a reason for a full one, and said.

use super::{
    Wanted,
    machine::Machine,
    point::{self, FoundPoint, RestsOn},
    points_in,
    virsh::Virsh,
    wording::Meaning,
};
use crate::{
    domain::{BackupOrder, BackupPlan, ByteCount, Failure, quantity::many},
    postgres::account::Account,
    worker::backup::{
        repository::{Contents, PointDirectory},
        rights,
    },
};

/// A file's own tables, and the record beside it.
const OVERHEAD: u64 = 4 << 20;

/// How it is backed up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Method {
    /// All of it.
    Full {
        /// Why not an increment.
        why: String,
    },
    /// What was written since a checkpoint.
    Incremental {
        on: RestsOn,
        checkpoint: String,
        /// The how many-th since the last full one.
        number: u32,
    },
}

/// What a backup is made of.
pub(super) struct Planned {
    pub(super) method: Method,
    /// Each disk and the bytes that the guest sees.
    pub(super) disks: Vec<(String, u64)>,
    pub(super) plan: BackupPlan,
}

/// Refuses a machine that cannot be backed up as it is now; what a person should know of one that can.
pub(super) fn refuse_state(virsh: &Virsh, machine: &Machine) -> Result<Option<String>, Failure> {
    let (state, reason) = virsh.state(machine)?;
    let name = &machine.name;
    match state.as_str() {
        "running" | "idle" => Ok(None),
        "paused" | "pmsuspended" => {
            Ok(Some(format!("{name} is {state} ({reason}): its disks are backed up as they stand")))
        }
        "shut off" if reason == "crashed" => Err(Failure::incurable(
            format!("{name} has crashed and is off, and libvirt backs up running machines alone"),
            "see why it crashed, start it, then start the job again; its next backup is a full one",
        )),
        "shut off" | "in shutdown" => Err(Failure::incurable(
            format!("{name} is off or going down ({state}), and libvirt backs up running machines alone"),
            "start it (virsh start, or start --paused), then start the job again",
        )),
        "crashed" => Err(Failure::incurable(
            format!("{name} has crashed ({reason})"),
            "end it and start it again, then start the job again",
        )),
        _ => Err(Failure::disruption(format!("{name} is in a state that libvirt calls {state} ({reason})"), "")),
    }
}

/// Judges what libvirt and the repository tell.
pub(super) fn plan(
    (order, wanted): (&BackupOrder, &Wanted<'_>),
    virsh: &Virsh,
    machine: &Machine,
    (directory, contents): (&PointDirectory, &Contents),
    checkpoint: &str,
) -> Result<Planned, Failure> {
    let mut warnings: Vec<String> = refuse_state(virsh, machine)?.into_iter().collect();
    let backed_up = machine.backed_up()?;
    rights::refuse_unwritable(&Account::own()?, &directory.path, &contents.nearest)?;
    let rooms = virsh.disk_rooms(machine)?;
    let mut disks = Vec::new();
    for disk in &backed_up {
        let room = rooms.get(&disk.name).ok_or_else(|| {
            Failure::disruption(format!("libvirt does not say how large {} of {} is", disk.name, machine.name), "")
        })?;
        disks.push((disk.name.clone(), room.capacity));
    }
    let points = points_in(contents);
    refuse_other_machines(&points, machine)?;
    let (method, bytes) = decide((order, wanted), virsh, machine, &points, &disks)?;
    let bytes =
        bytes.unwrap_or_else(|| disks.iter().filter_map(|(name, _)| rooms.get(name)).map(|room| room.taken).sum());
    let bytes = ByteCount(bytes.saturating_add(OVERHEAD * disks.len() as u64));
    // What is removed first gives its room back.
    let free = ByteCount(contents.free_bytes.0.saturating_add(contents.leftover.unwrap_or_default().0));
    if bytes > free {
        return Err(Failure::incurable(
            format!("the backup takes about {bytes}, and {free} are free in {}", contents.nearest.display()),
            "make room, or choose another repository",
        ));
    }
    if let Some(leftover) = contents.leftover {
        warnings.push(format!("an earlier attempt has left {leftover}, which is removed first"));
    }
    let left_out: Vec<&str> =
        machine.disks.iter().filter(|disk| !disk.is_backed_up()).map(|disk| disk.name.as_str()).collect();
    if !left_out.is_empty() {
        warnings.push(format!("not backed up, as they are read-only, transient or empty: {}", left_out.join(", ")));
    }
    let shown: Vec<String> =
        disks.iter().map(|(name, capacity)| format!("{name} of {}", ByteCount(*capacity))).collect();
    let plan = BackupPlan {
        directory: directory.path.clone(),
        bytes,
        files: disks.len() as u64,
        free_bytes: contents.free_bytes,
        free_inodes: contents.free_inodes,
        method: vec![
            method.to_string(),
            format!("the machine {} ({}): {}", machine.name, machine.uuid, shown.join(", ")),
            format!("checkpoint {checkpoint}"),
        ],
        version: None,
        system_identifier: None,
        warnings,
        keep: None,
    };
    Ok(Planned { method, disks, plan })
}

/// Full or an increment; with the bytes of an increment.
fn decide(
    (order, wanted): (&BackupOrder, &Wanted<'_>),
    virsh: &Virsh,
    machine: &Machine,
    points: &[FoundPoint],
    disks: &[(String, u64)],
) -> Result<(Method, Option<u64>), Failure> {
    let full = |why: String| Ok((Method::Full { why }, None));
    let own = points.iter().filter(|point| point.record.job == order.job && point.record.object == *wanted.name);
    let Some(newest) = own.max_by_key(|point| (point.record.finished, &point.label)) else {
        return full("the job has no restore point of it yet".to_owned());
    };
    let chain = match point::chain(points, newest) {
        Ok(chain) => chain,
        Err(why) => return full(why),
    };
    let were: Vec<(String, u64)> = newest.record.disks.iter().map(|disk| (disk.name.clone(), disk.capacity)).collect();
    if were != disks {
        return full(format!("its disks are others, or of another size, than in {}", newest.label));
    }
    let increments = u32::try_from(chain.len() - 1).unwrap_or(u32::MAX);
    if increments >= wanted.full_every.get() {
        return full(format!("there are {} since the last full one", many(increments.into(), "increment")));
    }
    let checkpoint = &newest.record.checkpoint;
    if !virsh.checkpoints(machine)?.contains(checkpoint) {
        return full(format!("libvirt does not have the checkpoint {checkpoint} any more"));
    }
    let lost = || format!("the checkpoint {checkpoint} has lost its bitmap");
    let written = match virsh.written_since(machine, checkpoint) {
        Ok(written) => written,
        Err(error) if matches!(error.meaning(), Some(Meaning::BrokenBitmap | Meaning::NoCheckpoint)) => {
            return full(lost());
        }
        Err(error) => return Err(error.into()),
    };
    if disks.iter().any(|(name, _)| !written.contains_key(name)) {
        return full(lost());
    }
    let on = RestsOn { label: newest.label.clone(), session: newest.record.session };
    let bytes = disks.iter().filter_map(|(name, _)| written.get(name)).sum();
    Ok((Method::Incremental { on, checkpoint: checkpoint.clone(), number: increments + 1 }, Some(bytes)))
}

/// Points of another machine under the same name would be taken for this one's (S14).
fn refuse_other_machines(points: &[FoundPoint], machine: &Machine) -> Result<(), Failure> {
    let Some(other) = points.iter().find(|point| point.record.uuid != machine.uuid) else { return Ok(()) };
    Err(Failure::incurable(
        format!(
            "{} is of the machine {} ({}), and this one is {} ({})",
            other.path.display(),
            other.record.machine,
            other.record.uuid,
            machine.name,
            machine.uuid
        ),
        "give the object another name or repository, or correct its domain",
    ))
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Full { why } => write!(f, "full: {why}"),
            Self::Incremental { on, checkpoint, number } => {
                write!(f, "increment {number} on {}: what was written since its checkpoint {checkpoint}", on.label)
            }
        }
    }
}
