//! What the restore of a tree is going to do, and why it cannot: found before anything is written (S7).

use super::{
    copy::CONTINUES,
    place::{self, Room, Staging},
    survey::{self, Survey},
};
use crate::{
    domain::{
        ByteCount, DataPlan, Failure, FilesRestore, WorkerSettings,
        instance::{InstanceName, printable},
        path_text::shown,
        quantity::{count, many},
        workload::short_id,
    },
    engine::Halt,
    postgres::account::{Account, is_root},
    restic::{Restic, Version},
};
use std::path::Path;
use uuid::Uuid;

/// How many of the paths that are wanted are shown.
const SHOWN: usize = 5;

/// What is restored, and how: all that a plan needs.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) order: &'a FilesRestore,
    pub(super) settings: &'a WorkerSettings,
    pub(super) session: Uuid,
}

/// A plan, and what was found for it.
pub(super) struct Planned {
    pub(super) plan: DataPlan,
    pub(super) restic: Restic,
    pub(super) version: Version,
    pub(super) survey: Survey,
    pub(super) room: Room,
}

impl Planned {
    /// Whether restic makes use of what an earlier attempt has left; else that is removed first.
    pub(super) fn continues(&self) -> bool {
        self.room.leftover.is_some() && self.version >= CONTINUES
    }
}

/// Looks and decides; writes nothing.
pub(super) fn plan(subject: &Subject<'_>, stop: &dyn Fn() -> bool) -> Result<Planned, Halt> {
    let order = subject.order;
    let restic = restic(subject)?;
    let version = restic.version()?;
    let survey = survey::look(&restic, order, stop)?;
    survey::refuse_locked(&restic)?;
    let places = (restic.repository(), survey.wanted.tree());
    let room = place::look(&order.directory, subject.session, places, subject.settings.stall_timeout)?;
    refuse_devices(&survey)?;
    refuse_full(&restic, &survey, &room, &order.directory)?;
    let plan = DataPlan {
        directory: order.directory.clone(),
        bytes: ByteCount(survey.counts.bytes),
        files: survey.counts.files,
        // Of what is there nothing is verified before restic has read it.
        reused: ByteCount(0),
        free_bytes: room.free_bytes,
        free_inodes: room.free_inodes,
        method: method(&survey, &room, version),
        switched_off: Vec::new(),
        warnings: warnings(&survey, &room),
    };
    Ok(Planned { plan, restic, version, survey, room })
}

fn restic(subject: &Subject<'_>) -> Result<Restic, Failure> {
    let order = subject.order;
    let repository = Path::new(&order.repository);
    if !repository.is_absolute() {
        let cause = format!("{} is no directory of this machine", printable(&order.repository));
        return Err(Failure::incurable(cause, "name the directory of a restic repository by its whole path"));
    }
    let Some(password_file) = order.password_file.as_deref() else {
        let tree = InstanceName::as_str(&order.tree);
        let advice = "name the file that holds it with password_file in the settings of the job";
        return Err(Failure::incurable(format!("no password_file is known for the repository of {tree}"), advice));
    };
    Ok(Restic::new(&Account::own()?, subject.settings, repository, password_file))
}

/// Without the right to make a device restic restores the rest, and verifies nothing of it.
fn refuse_devices(survey: &Survey) -> Result<(), Failure> {
    if survey.devices == 0 || is_root() {
        return Ok(());
    }
    let cause = format!("the snapshot holds {}, which only root can make", many(survey.devices, "device"));
    Err(Failure::incurable(cause, "restore as root, or name the paths that are wanted without them"))
}

fn refuse_full(restic: &Restic, survey: &Survey, room: &Room, directory: &Path) -> Result<(), Failure> {
    let free = ByteCount(room.free_bytes.0.saturating_add(room.leftover.unwrap_or_default().0));
    let mut needed = ByteCount(survey.counts.bytes);
    if needed > free {
        // A file with two names was counted twice, and needs its room once.
        needed = needed.min(restic.size_of(&survey.snapshot)?);
    }
    if needed <= free {
        return Ok(());
    }
    let cause = format!("{needed} are restored to {}, and {free} are free there", shown(directory));
    Err(Failure::incurable(cause, "make room, choose another place, or name the paths that are wanted"))
}

fn method(survey: &Survey, room: &Room, version: Version) -> Vec<String> {
    let snapshot = &survey.snapshot;
    let mut method = vec![
        format!(
            "restic {version} reads the snapshot {} of {}, made on {}",
            short_id(&snapshot.id),
            shown(survey.wanted.tree()),
            printable(&snapshot.hostname)
        ),
        "without a lock in the repository: one that is pruned meanwhile ends the attempt, and a new one is made"
            .to_owned(),
    ];
    let paths: Vec<String> = survey.wanted.paths().take(SHOWN).map(shown).collect();
    if !paths.is_empty() {
        let more = survey.wanted.paths().count().saturating_sub(SHOWN);
        let more = if more == 0 { String::new() } else { format!(" and {}", many(more as u64, "other path")) };
        method.push(format!("takes {}{more} and the directories above, nothing else", paths.join(", ")));
    }
    // A plan alone has no session yet.
    let incoming = shown(&room.incoming).replace(&Uuid::nil().to_string(), "<session>");
    method.push(match room.staging {
        Staging::Beside => format!("comes in to {incoming}, and gets its name when it was read back"),
        Staging::Inside => format!("comes in to {incoming}, and is moved up when it was read back"),
    });
    if let Some(bytes) = room.leftover {
        method.push(if version >= CONTINUES {
            format!("{bytes} that an earlier attempt has left are read, and what differs is written")
        } else {
            format!("{bytes} that an earlier attempt has left are removed: this restic cannot go on from them")
        });
    }
    method
}

fn warnings(survey: &Survey, room: &Room) -> Vec<String> {
    let mut warnings = Vec::new();
    if !is_root() {
        warnings.push("howdah does not run as root: owners cannot be restored, all will belong to its user".to_owned());
    }
    if survey.counts.special > 0 {
        warnings.push(match survey.counts.special {
            1 => "1 device or named pipe in the snapshot: made again as it was".to_owned(),
            special => format!("{} devices or named pipes in the snapshot: made again as they were", count(special)),
        });
    }
    if survey.unmade > 0 {
        let sockets = many(survey.unmade, "socket");
        warnings.push(format!("{sockets} in the snapshot: not made again, whoever listens there makes its own"));
    }
    if room.staging == Staging::Inside {
        let more = "it gets the owner, mode and time of the tree's own directory, and no other attributes of it";
        warnings.push(format!("the directory is there already: {more}"));
    }
    if let Some(inodes) = room.free_inodes.filter(|inodes| *inodes < survey.counts.entries()) {
        let names = many(survey.counts.entries(), "name");
        warnings
            .push(format!("{names} are restored, and {} inodes are free: only hard links need none", count(inodes)));
    }
    warnings
}
