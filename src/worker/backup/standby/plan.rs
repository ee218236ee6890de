//! The plan of a standby: what is to be done, and every reason to refuse, before anything is made.
//!
//! Promises: writes nothing, here or at the primary; a refusal says what to do. Never: makes anew what was promoted, or
//! takes somebody's slot.

use super::{
    Wanted, anew,
    place::{self, Occupant},
    primary::{self, PrimaryFacts, Slot},
    record::{Record, SlotState, Stage},
};
use crate::{
    domain::{BackupPlan, ByteCount, Failure, MajorVersion, SystemIdentifier, instance::printable_name},
    postgres::{
        account::Account,
        binaries::Binaries,
        client::Client,
        configure,
        server::{pidfile, port},
    },
    worker::backup::{
        Subject,
        instance::{
            plan::{self as instance_plan, Programs},
            server::ServerFacts,
        },
        repository::{self, Contents, PointDirectory},
        rights,
    },
};

/// The oldest version whose backups have a manifest: without one nothing could be verified.
const OLDEST: MajorVersion = MajorVersion(13);

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Course {
    /// A base backup is taken and started.
    Seed,
    /// The session has received it already; it is configured once more and started.
    Configure,
    /// It is there and down.
    Start,
    /// It is there and runs.
    Measure,
}

/// A plan that can be carried out.
pub(super) struct Planned {
    pub(super) plan: BackupPlan,
    pub(super) course: Course,
    pub(super) cluster: SystemIdentifier,
    pub(super) timeline: u32,
    pub(super) programs: Programs,
    pub(super) binaries: Binaries,
    /// The slot is to be made.
    pub(super) makes_slot: bool,
    /// It is there, and this session has made it.
    pub(super) owns_slot: bool,
    pub(super) found_empty: bool,
}

/// Judges what the primary, the slot and the directory tell.
pub(super) fn plan(
    wanted: &Wanted<'_>,
    subject: &Subject<'_>,
    account: &Account,
    client: &Client,
    (directory, record): (&PointDirectory, &Record),
) -> Result<Planned, Failure> {
    let occupant = place::look(wanted.directory, subject.order)?;
    let facts = ServerFacts::ask(client)?;
    let (version, cluster) = (facts.version(), facts.cluster()?);
    if version < OLDEST {
        return Err(Failure::incurable(
            format!("the server at {} is PostgreSQL {version}", wanted.conninfo),
            "make standbys of PostgreSQL 13 or newer",
        ));
    }
    if facts.in_recovery {
        return Err(Failure::incurable(
            format!("the server at {} is a standby itself", wanted.conninfo),
            "name its primary with conninfo",
        ));
    }
    let primary = PrimaryFacts::ask(client)?;
    let programs = instance_plan::for_server(version, subject.settings, account)?;
    let binaries = Binaries::find(version, subject.settings, std::env::var_os("PATH").as_deref(), Some(account))
        .map_err(|none| Failure::incurable(none.to_string(), "install the server programs of that version"))?;
    let slot = primary::slot(client, wanted.slot)?;
    let contents = directory.look()?;
    let course = match &occupant {
        Occupant::Nothing | Occupant::Empty => Course::Seed,
        Occupant::Own(mark) => {
            refuse_other_cluster(wanted, mark.system_identifier, cluster)?;
            refuse_other_slot(wanted, &mark.slot)?;
            let own_and_unfinished = mark.session == subject.session && record.stage == Stage::Placing;
            course_of(wanted, account, own_and_unfinished)?
        }
    };
    let makes_slot = match course {
        Course::Seed => judge_seed(wanted, account, &facts, client, (slot.as_ref(), record), &contents)?,
        Course::Configure | Course::Start | Course::Measure => judge_slot(wanted, slot.as_ref(), course)?,
    };
    let mut warnings: Vec<String> = account.lost_groups().into_iter().collect();
    if course != Course::Seed && slot.as_ref().is_some_and(Slot::is_lost) {
        warnings.push(format!(
            "the slot {} is lost: where the primary has no more of the WAL that the standby needs, it is seeded anew \
             (about {}), and the earlier one set aside",
            wanted.slot,
            ByteCount(facts.bytes)
        ));
    }
    if waits_for_any(&primary.synchronous) {
        let setting = "synchronous_standby_names";
        warnings.push(format!(
            "the primary's {setting} is {:?}: its commits may wait for this standby, too",
            primary.synchronous
        ));
    }
    let bytes = if course == Course::Seed { ByteCount(facts.bytes) } else { ByteCount(0) };
    let method = method(wanted, course, makes_slot, &programs, account);
    let (free_bytes, free_inodes) = (contents.free_bytes, contents.free_inodes);
    let plan = BackupPlan {
        directory: wanted.directory.to_owned(),
        bytes,
        files: 0,
        free_bytes,
        free_inodes,
        method,
        version: Some(version),
        system_identifier: Some(cluster),
        warnings,
        keep: None,
    };
    let found_empty = matches!(occupant, Occupant::Empty);
    let owns_slot = slot.is_some_and(|slot| slot.is_made_by(record.slot));
    Ok(Planned {
        plan,
        course,
        cluster,
        timeline: primary.timeline,
        programs,
        binaries,
        makes_slot,
        owns_slot,
        found_empty,
    })
}

/// Refuses to go on at another cluster than an earlier attempt has made something at: what has the same name there is
/// somebody else's.
pub(super) fn refuse_other_primary(wanted: &Wanted<'_>, client: &Client, record: &Record) -> Result<(), Failure> {
    let has_made = record.slot != SlotState::NotMade || record.anew.is_some();
    let Some(own) = record.cluster.filter(|_| has_made) else { return Ok(()) };
    let found = ServerFacts::ask(client)?.cluster()?;
    if found == own {
        return Ok(());
    }
    Err(Failure::incurable(
        format!(
            "the server at {} is the cluster {found}, and an earlier attempt has made its slot at {own}",
            wanted.conninfo
        ),
        "bring that server back, or cancel: what has the same name at the other one is not touched",
    ))
}

fn method(
    wanted: &Wanted<'_>,
    course: Course,
    makes_slot: bool,
    programs: &Programs,
    account: &Account,
) -> Vec<String> {
    let (slot, port) = (wanted.slot, wanted.port);
    let slot = if makes_slot { format!("the slot {slot}, which is made") } else { format!("the slot {slot}") };
    let first = match course {
        Course::Seed => format!(
            "seeded by pg_basebackup {} of {}, as {}: no standby is there yet",
            programs.version,
            programs.directory.display(),
            account.name()
        ),
        Course::Configure => "an earlier attempt has seeded it".to_owned(),
        Course::Start => "the standby is there and down: it is started, and not seeded anew".to_owned(),
        Course::Measure => "the standby is there and runs: its lag is measured, and nothing else is done".to_owned(),
    };
    vec![
        first,
        format!(
            "on port {port} of this machine, streaming through {slot}, until its lag is below {:?}",
            wanted.max_lag
        ),
    ]
}

/// Another cluster under the same connection string is another server (S14).
fn refuse_other_cluster(
    wanted: &Wanted<'_>,
    own: Option<SystemIdentifier>,
    primary: SystemIdentifier,
) -> Result<(), Failure> {
    if own == Some(primary) {
        return Ok(());
    }
    let shown = printable_name(wanted.directory.as_os_str());
    let own = own.map_or_else(|| "unknown".to_owned(), |own| own.to_string());
    Err(Failure::incurable(
        format!(
            "{shown} is a standby of the cluster {own}, and the server at {} is the cluster {primary}",
            wanted.conninfo
        ),
        "correct the connection string, or move the standby away: nothing of it is changed",
    ))
}

/// A standby asks for the slot that its own settings name.
fn refuse_other_slot(wanted: &Wanted<'_>, own: &str) -> Result<(), Failure> {
    if own == wanted.slot {
        return Ok(());
    }
    let shown = printable_name(wanted.directory.as_os_str());
    Err(Failure::incurable(
        format!("the standby in {shown} was made to stream through the slot {own}, and the job says {}", wanted.slot),
        "give the job that slot again, or move the standby away",
    ))
}

fn course_of(wanted: &Wanted<'_>, account: &Account, own_and_unfinished: bool) -> Result<Course, Failure> {
    let data = wanted.directory;
    let failed = |error: std::io::Error| repository::failure("looking for a server on", data, &error);
    let running = pidfile::may_run(data).map_err(failed)?;
    if !place::is_standby(data) && !own_and_unfinished {
        return Err(promoted(wanted));
    }
    let Some(process) = running else {
        port::check_free(wanted.port, &configure::socket_directory(account))?;
        return Ok(if own_and_unfinished { Course::Configure } else { Course::Start });
    };
    let port = pidfile::read(data).map_err(failed)?.and_then(|file| file.port);
    match port.filter(|port| *port != wanted.port) {
        Some(port) => Err(Failure::incurable(
            format!("the standby runs on port {port} (process {process}), and the job says {}", wanted.port),
            "correct the job's port, or the standby's",
        )),
        None => Ok(Course::Measure),
    }
}

/// A standby that takes writes of its own by now.
pub(super) fn promoted(wanted: &Wanted<'_>) -> Failure {
    let shown = printable_name(wanted.directory.as_os_str());
    Failure::incurable(
        format!("{shown} was promoted: it is a server of its own now, and follows nobody"),
        "move it away, or name another directory, for a new standby: nothing of it is changed, stopped or set aside",
    )
}

/// Whether the slot of a standby that is there must be made again.
fn judge_slot(wanted: &Wanted<'_>, slot: Option<&Slot>, course: Course) -> Result<bool, Failure> {
    let name = wanted.slot;
    let Some(slot) = slot else { return Ok(true) };
    if !slot.is_physical() {
        return Err(not_physical(name));
    }
    // Whether a lost one means that the standby is, the standby shows.
    match slot.active_pid {
        Some(pid) if course != Course::Measure => Err(in_use(name, pid)),
        Some(_) | None => Ok(false),
    }
}

/// Nothing but a new seed brings such a standby back, and where that it must be is not proven a person begins it.
pub(super) fn wal_may_be_gone(wanted: &Wanted<'_>, why: &str) -> Failure {
    let shown = printable_name(wanted.directory.as_os_str());
    Failure::incurable(
        format!("the primary may have no more of the WAL that the standby in {shown} needs, which was not seen: {why}"),
        format!(
            "put that right; or stop the standby, move {shown} away, drop the slot \
             (select pg_drop_replication_slot('{}')), and start the job again",
            wanted.slot
        ),
    )
}

/// The plan of a new seed in the place of a standby that is there.
pub(super) fn plan_anew(
    wanted: &Wanted<'_>,
    (account, client): (&Account, &Client),
    planned: Planned,
    directory: &PointDirectory,
    (own_slot, why): (&str, &str),
) -> Result<Planned, Failure> {
    let facts = ServerFacts::ask(client)?;
    let contents = directory.look()?;
    // One that an earlier attempt has made needs no other.
    let own = primary::slot(client, own_slot)?.map(|_| own_slot);
    judge_target(wanted, account, (&facts, client, own), &contents)?;
    anew::refuse_active(primary::free_slot(client, wanted.slot)?.as_ref(), wanted)?;
    let mut method = method(wanted, Course::Seed, false, &planned.programs, account);
    why.clone_into(&mut method[0]);
    let plan = BackupPlan { bytes: ByteCount(facts.bytes), method, ..planned.plan };
    Ok(Planned { plan, course: Course::Seed, makes_slot: false, found_empty: false, ..planned })
}

fn not_physical(name: &str) -> Failure {
    let cause = format!("the replication slot {name} is not a permanent physical one");
    Failure::incurable(cause, "name another slot: it is not touched")
}

pub(super) fn in_use(name: &str, pid: u32) -> Failure {
    Failure::incurable(
        format!("the replication slot {name} is in use: the primary's process {pid} streams from it"),
        "name another slot, or see who follows the primary through it: it is not touched",
    )
}

/// Refuses what a seed cannot be taken of or to; whether its slot is to be made.
fn judge_seed(
    wanted: &Wanted<'_>,
    account: &Account,
    facts: &ServerFacts,
    client: &Client,
    (slot, record): (Option<&Slot>, &Record),
    contents: &Contents,
) -> Result<bool, Failure> {
    let name = wanted.slot;
    let makes_slot = match slot {
        None => true,
        Some(slot) if !slot.is_made_by(record.slot) => {
            return Err(Failure::incurable(
                format!("the primary has a replication slot {name} already, which this job did not make"),
                format!(
                    "name another slot; or, where nobody needs it, drop it: select pg_drop_replication_slot('{name}')"
                ),
            ));
        }
        Some(slot) => match slot.active_pid {
            Some(pid) => return Err(in_use(name, pid)),
            // Of the session's own that nothing was seeded through yet, another one is as good.
            None => slot.is_lost(),
        },
    };
    port::check_free(wanted.port, &configure::socket_directory(account))?;
    judge_target(wanted, account, (facts, client, (!makes_slot).then_some(name)), contents)?;
    Ok(makes_slot)
}

/// Refuses what a seed cannot be taken of or to, through this slot or a new one.
fn judge_target(
    wanted: &Wanted<'_>,
    account: &Account,
    (facts, client, slot): (&ServerFacts, &Client, Option<&str>),
    contents: &Contents,
) -> Result<(), Failure> {
    place::refuse_unfit(wanted.directory)?;
    let instance = instance_plan::Wanted { slot, ..wanted.instance() };
    instance_plan::refuse_what_the_server_forbids(facts, client, &instance)?;
    if !facts.tablespaces.is_empty() {
        return Err(Failure::incurable(
            format!(
                "the primary has tablespaces ({}), which a standby would look for in the same directories of its machine",
                facts.tablespaces.join(", ")
            ),
            "make that standby by hand, with --tablespace-mapping of pg_basebackup",
        ));
    }
    let parent = wanted.directory.parent().unwrap_or(wanted.directory);
    rights::refuse_unwritable(account, parent, &contents.nearest)?;
    let free = ByteCount(contents.free_bytes.0.saturating_add(contents.leftover.unwrap_or_default().0));
    let needed = ByteCount(facts.bytes);
    if needed > free {
        return Err(Failure::incurable(
            format!("the standby takes about {needed}, and {free} are free in {}", contents.nearest.display()),
            "make room there, or name another directory",
        ));
    }
    Ok(())
}

/// Whether commits may wait for a standby of any name.
fn waits_for_any(names: &str) -> bool {
    names.contains('*')
}
