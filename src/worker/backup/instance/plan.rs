//! The plan of an instance's backup: what can be known before a byte is written, and every reason to refuse.
//!
//! Promises: writes nothing, here or on the server; a refusal says what to do. Never: refuses what it merely cannot know.

use super::server::{self, ServerFacts};
use crate::{
    domain::{
        BackupPlan, ByteCount, Compression, Failure, InstanceName, MajorVersion, PasswordSource, SystemIdentifier,
        WorkerSettings, conninfo,
    },
    postgres::{
        account::{Account, Permission},
        binaries::{self, Installed},
        client::{Client, basebackup::PROGRAM},
    },
    worker::backup::{
        repository::{Contents, PointDirectory},
        rights,
    },
};
use std::path::PathBuf;

/// The first version whose server makes a manifest: without one nothing could be verified.
const HAS_MANIFEST: MajorVersion = MajorVersion(13);

/// The version whose server leaves tablespaces inside the data directory out of archives.
const LOSES_IN_PLACE: MajorVersion = MajorVersion(15);

/// Walsenders of one `pg_basebackup`: one for the files, one for the WAL.
const WAL_SENDERS: u32 = 2;

/// A database has more files than this, however empty it is.
const FILES_OF_DATABASE: u64 = 200;

/// The instance that is backed up, as its order names it.
#[derive(Debug, Clone, Copy)]
pub(in crate::worker::backup) struct Wanted<'a> {
    pub(in crate::worker::backup) name: &'a InstanceName,
    pub(in crate::worker::backup) conninfo: &'a str,
    pub(in crate::worker::backup) password: &'a PasswordSource,
    pub(in crate::worker::backup) tar: Option<Compression>,
    pub(in crate::worker::backup) checksums: &'a str,
    pub(in crate::worker::backup) slot: Option<&'a str>,
}

/// The programs that ask and copy.
#[derive(Debug, Clone)]
pub(in crate::worker::backup) struct Programs {
    pub(in crate::worker::backup) directory: PathBuf,
    pub(in crate::worker::backup) version: MajorVersion,
}

/// A plan that can be carried out.
pub(in crate::worker::backup) struct Planned {
    pub(in crate::worker::backup) plan: BackupPlan,
    pub(in crate::worker::backup) programs: Programs,
    pub(in crate::worker::backup) cluster: SystemIdentifier,
}

/// The newest programs that are here: `psql` of any version asks a server of any other.
pub(in crate::worker::backup) fn newest(settings: &WorkerSettings, account: &Account) -> Result<Programs, Failure> {
    programs(settings, account).pop().ok_or_else(|| {
        Failure::incurable(
            format!("no {PROGRAM} and psql that {} can run are on this machine", account.name()),
            "install the server and client programs of PostgreSQL, or name their directory with the setting binaries",
        )
    })
}

/// Refuses what would be refused whatever the server says.
pub(in crate::worker::backup) fn refuse_malformed(wanted: &Wanted<'_>) -> Result<(), Failure> {
    conninfo::check(wanted.conninfo).map_err(|error| {
        Failure::incurable(format!("{}: {error}", wanted.name), "correct the object in the settings of the job")
    })
}

/// How the server is reached, with these programs.
pub(in crate::worker::backup) fn client(
    wanted: &Wanted<'_>,
    settings: &WorkerSettings,
    account: &Account,
    programs: &Programs,
) -> Result<Client, Failure> {
    if let PasswordSource::Passfile(path) = wanted.password
        && !rights::may(account, Permission::Read, path)?
    {
        return Err(Failure::incurable(
            format!("{} cannot read the passfile {}", account.name(), path.display()),
            "give it to that user, with mode 0600",
        ));
    }
    Client::new(&programs.directory, account, wanted.conninfo, wanted.password, &settings.environment)
}

/// Judges what the server and the repository tell.
pub(in crate::worker::backup) fn plan(
    wanted: &Wanted<'_>,
    settings: &WorkerSettings,
    account: &Account,
    client: &Client,
    (directory, contents): (&PointDirectory, &Contents),
) -> Result<Planned, Failure> {
    let facts = ServerFacts::ask(client)?;
    let (version, cluster) = (facts.version(), facts.cluster()?);
    if version < HAS_MANIFEST {
        return Err(Failure::incurable(
            format!("the server is PostgreSQL {version}, whose backups have no manifest and cannot be verified"),
            "back up a server of PostgreSQL 13 or newer",
        ));
    }
    let programs = for_server(version, settings, account)?;
    refuse_what_the_server_forbids(&facts, client, wanted)?;
    let mut warnings = other_clusters(contents, cluster)?;
    rights::refuse_unwritable(account, &directory.path, &contents.nearest)?;
    warnings.extend(tablespaces(&facts, version, wanted)?);
    warnings.extend(room(&facts, contents, wanted)?);
    warnings.extend(account.lost_groups());
    if facts.unseen > 0 {
        warnings.push(format!(
            "{} may not see the size of {} of {} databases: more bytes will be written than are estimated",
            facts.role, facts.unseen, facts.databases
        ));
    }
    if facts.in_recovery {
        warnings.push("the server is a standby: its backup ends at what it has replayed".to_owned());
    }
    if let Some(leftover) = contents.leftover {
        warnings.push(format!(
            "an earlier attempt has left {leftover}, which is removed first: a base backup cannot be resumed"
        ));
    }
    let plan = BackupPlan {
        directory: directory.path.clone(),
        bytes: ByteCount(facts.bytes),
        files: 0,
        free_bytes: contents.free_bytes,
        free_inodes: contents.free_inodes,
        method: method(wanted, &programs, account),
        version: Some(version),
        system_identifier: Some(cluster),
        warnings,
        keep: None,
    };
    Ok(Planned { plan, programs, cluster })
}

fn method(wanted: &Wanted<'_>, programs: &Programs, account: &Account) -> Vec<String> {
    let form = match wanted.tar {
        None => "plain directory".to_owned(),
        Some(Compression::None) => "tar archives".to_owned(),
        Some(packed) => format!("tar archives, packed with {packed}"),
    };
    let slot = wanted.slot.map_or_else(|| "a temporary replication slot".to_owned(), |slot| format!("the slot {slot}"));
    vec![
        format!("{PROGRAM} {} of {}, as {}", programs.version, programs.directory.display(), account.name()),
        format!("{form}, manifest with {} checksums, WAL through {slot}", wanted.checksums),
    ]
}

/// What is here and has both programs, oldest first.
fn programs(settings: &WorkerSettings, account: &Account) -> Vec<Programs> {
    let path = std::env::var_os("PATH");
    let found = binaries::installed(settings, path.as_deref(), Some(account));
    let whole = |Installed { directory, version }| {
        let has_both = [PROGRAM, "psql"].iter().all(|program| directory.join(program).is_file());
        Some(Programs { directory, version: version? }).filter(|_| has_both)
    };
    let mut programs: Vec<Programs> = found.into_iter().filter_map(whole).collect();
    // Of two directories of one version the one that is named first counts: it comes last among its like.
    programs.reverse();
    programs.sort_by_key(|programs| programs.version);
    programs
}

/// Those of the server's version, or the oldest that are newer.
pub(in crate::worker::backup) fn for_server(
    version: MajorVersion,
    settings: &WorkerSettings,
    account: &Account,
) -> Result<Programs, Failure> {
    let all = programs(settings, account);
    let fitting = all.iter().filter(|programs| programs.version >= version).map(|programs| programs.version).min();
    all.into_iter().rfind(|programs| Some(programs.version) == fitting).ok_or_else(|| {
        Failure::incurable(
            format!("the server is PostgreSQL {version}, and no {PROGRAM} of that version or newer is on this machine"),
            "install it, or name its directory with the setting binaries",
        )
    })
}

pub(in crate::worker::backup) fn refuse_what_the_server_forbids(
    facts: &ServerFacts,
    client: &Client,
    wanted: &Wanted<'_>,
) -> Result<(), Failure> {
    if !facts.may_replicate {
        return Err(Failure::incurable(
            format!("the role {} may not replicate, which a backup needs", facts.role),
            format!("alter role {} replication, and let it in for the database replication in pg_hba.conf", facts.role),
        ));
    }
    if facts.wal_level == "minimal" {
        return Err(Failure::incurable(
            "the server writes too little WAL for a backup (wal_level = minimal)",
            "set wal_level = replica on the server and restart it",
        ));
    }
    if facts.max_wal_senders.saturating_sub(facts.wal_senders) < WAL_SENDERS {
        return Err(Failure::disruption(
            format!(
                "{} of the server's {} walsenders are in use, and a backup takes {WAL_SENDERS}",
                facts.wal_senders, facts.max_wal_senders
            ),
            "raise max_wal_senders on the server, or back up when others have ended",
        ));
    }
    match wanted.slot {
        None if facts.slots >= facts.max_slots => Err(Failure::disruption(
            format!("all {} replication slots of the server are taken", facts.max_slots),
            "raise max_replication_slots on the server, or drop one that nobody uses",
        )),
        None => Ok(()),
        Some(name) => slot_is_free(client, name),
    }
}

fn slot_is_free(client: &Client, name: &str) -> Result<(), Failure> {
    match server::slot(client, name)? {
        None => Err(Failure::incurable(
            format!("the server has no replication slot {name}"),
            format!("create it (select pg_create_physical_replication_slot('{name}')), or name none"),
        )),
        Some(slot) if slot.kind != "physical" => Err(Failure::incurable(
            format!("the replication slot {name} is {}, and a backup needs a physical one", slot.kind),
            "name another one, or none",
        )),
        Some(slot) => match slot.active_pid {
            None => Ok(()),
            Some(pid) => Err(Failure::incurable(
                format!("the replication slot {name} is taken: the server's process {pid} streams from it"),
                "name another one, or none",
            )),
        },
    }
}

/// Backups of another cluster under the same name would be taken for this one's (S14).
fn other_clusters(contents: &Contents, cluster: SystemIdentifier) -> Result<Vec<String>, Failure> {
    for point in &contents.points {
        if let Some(other) = point.cluster.filter(|other| *other != cluster) {
            return Err(Failure::incurable(
                format!(
                    "{} holds the backup {} of the cluster {other}, and the server is the cluster {cluster}",
                    point.path.parent().unwrap_or(&point.path).display(),
                    point.label
                ),
                "give the object another name or repository, or correct its connection string",
            ));
        }
    }
    let unknown: Vec<&str> =
        contents.points.iter().filter(|point| point.cluster.is_none()).map(|point| point.label.as_str()).collect();
    Ok(match unknown.as_slice() {
        [] => Vec::new(),
        [first, ..] => vec![format!("of which cluster {first} is was not seen ({} such)", unknown.len())],
    })
}

fn tablespaces(facts: &ServerFacts, version: MajorVersion, wanted: &Wanted<'_>) -> Result<Option<String>, Failure> {
    let (outside, inside) = (facts.tablespaces.join(", "), facts.in_place.join(", "));
    if wanted.tar.is_none() && !facts.tablespaces.is_empty() {
        return Err(Failure::incurable(
            format!(
                "a plain backup cannot hold the server's tablespaces ({outside}): it would have to lead out of itself"
            ),
            "set form = \"tar\", which holds them",
        ));
    }
    let lost = wanted.tar.is_some() && version == LOSES_IN_PLACE && !facts.in_place.is_empty();
    Ok(lost.then(|| format!("PostgreSQL {version} leaves out of archives what is in these tablespaces: {inside}")))
}

fn room(facts: &ServerFacts, contents: &Contents, wanted: &Wanted<'_>) -> Result<Option<String>, Failure> {
    // What is removed first gives its room back.
    let free = ByteCount(contents.free_bytes.0.saturating_add(contents.leftover.unwrap_or_default().0));
    let needed = ByteCount(facts.bytes);
    let at = contents.nearest.display();
    let is_packed = !matches!(wanted.tar, None | Some(Compression::None));
    if let (None, Some(inodes)) = (wanted.tar, contents.free_inodes)
        && inodes < facts.databases * FILES_OF_DATABASE
    {
        return Err(Failure::incurable(
            format!("{at} has {inodes} free inodes, too few for the files of {} databases", facts.databases),
            "make room, choose another repository, or set form = \"tar\"",
        ));
    }
    match (needed > free, is_packed) {
        (false, _) => Ok(None),
        (true, true) => {
            Ok(Some(format!("{needed} will be packed, and {free} are free in {at}: that may not be enough")))
        }
        (true, false) => Err(Failure::incurable(
            format!("the backup takes about {needed}, and {free} are free in {at}"),
            "make room, or choose another repository",
        )),
    }
}
