//! The plan of taking items out: what can be known before a byte is written, and every reason to refuse.
//!
//! Promises: writes nothing, at the restore point or at the destination; a refusal says what to do.

use super::{
    Subject, append,
    record::{self, Delivery},
    standing,
    survey::{self, Survey},
    target::{self, Target},
    unit::{Unit, UnitKind, meeting_place, units},
};
use crate::{
    domain::{
        ByteCount, ExistingItem, Failure, ItemDestination, ItemName, ItemOrder, ItemPart, ItemPlan, MajorVersion,
        PasswordSource, PlannedItem, ServerAddress, WorkerSettings, conninfo,
        instance::{printable, printable_name},
        quantity::many,
    },
    engine::watched::watched,
    postgres::{
        account::Account,
        binaries::{self, Installed},
        client::{
            Client,
            dump::{DUMP, RESTORE},
        },
    },
};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

/// The longest name that PostgreSQL keeps (`NAMEDATALEN` less the end of a string).
const MAX_NAME_LEN: usize = 63;

/// What can be carried out.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) plan: ItemPlan,
    pub(super) units: Vec<PlannedUnit>,
    /// Reaches the open restore point, by the programs that dump and restore.
    pub(super) here: Client,
    /// The open restore point.
    pub(super) address: ServerAddress,
    /// Connections of an earlier attempt that were ended at the destination.
    pub(super) ended: u64,
}

/// What is taken together.
#[derive(Debug)]
pub(super) struct PlannedUnit {
    pub(super) unit: Unit,
    pub(super) survey: Survey,
    /// Where it goes; `None` for a dump.
    pub(super) to: Option<Destination>,
    /// What an earlier attempt had to say when it had delivered it.
    pub(super) done: Option<Vec<String>>,
    /// Whether an earlier attempt had begun to deliver it, and nobody knows how that ended.
    pub(super) uncertain: bool,
    /// What stands where it goes.
    pub(super) existing: Option<String>,
    /// The databases that earlier attempts had made for it.
    pub(super) made: Vec<u32>,
}

/// The live server, for one unit.
#[derive(Debug)]
pub(super) struct Destination {
    /// In the unit's database there; for a whole database, in any.
    pub(super) live: Client,
    pub(super) target: Target,
    pub(super) no_owner: bool,
    pub(super) no_privileges: bool,
}

/// Makes the plan.
pub(super) fn check(subject: &Subject<'_>, account: &Account) -> Result<Checked, Failure> {
    let (order, settings) = (subject.order, subject.settings);
    let units = units(&order.items)?;
    refuse_malformed(subject)?;
    let address = survey::address(&order.from)?;
    let none = PasswordSource::None;
    let client = |conninfo: &str| Client::new(&address.programs, account, conninfo, &none, &settings.environment);
    // The variables of libpq are for the destination: the restore point is reached by its socket alone.
    let mut here = Client::new(&address.programs, account, &address.conninfo("postgres"), &none, &[])?;
    let live = match &order.to {
        ItemDestination::Dump { directory } => {
            standing::refuse_dump(directory, subject, account)?;
            None
        }
        ItemDestination::Server { conninfo, .. } => Some(client(conninfo)?),
    };
    let ended = match live.as_ref().filter(|_| subject.acts) {
        Some(live) => target::end_ours(&live.by_default_in(meeting_place(&units)), subject.session)?,
        None => 0,
    };
    let mut plan = ItemPlan {
        items: Vec::new(),
        to: String::new(),
        method: Vec::new(),
        missing_roles: Vec::new(),
        missing_extensions: Vec::new(),
        free_bytes: free_bytes(subject)?,
        warnings: account.lost_groups().into_iter().collect(),
    };
    let (mut planned, mut missing_roles, mut missing_extensions) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    for unit in units {
        let survey = Survey::of(&unit, &here.in_database(&unit.database))?;
        let done = record::done(subject.deliveries, &unit.items);
        let to = match &live {
            None => None,
            Some(live) => {
                let to = destination(subject, &unit, &survey, live)?;
                if standing::appends(order) {
                    let here = here.in_database(&unit.database);
                    unit.tables().into_iter().try_for_each(|table| append::shapes(&here, &to.live, table).map(drop))?;
                }
                missing_roles.extend(to.target.missing(survey.owners.iter().chain(&survey.grantees)));
                missing_extensions.extend(to.target.missing_extensions(&unit, &survey));
                Some(to)
            }
        };
        let found = items(subject, &unit, &survey, to.as_ref(), done.is_some())?;
        let existing = found.iter().find_map(|item| item.existing.clone());
        plan.items.extend(found);
        let uncertain = may_be_delivered(subject.deliveries, &unit);
        let made = record::made(subject.deliveries, &unit.items);
        planned.push(PlannedUnit { unit, survey, to, done, uncertain, existing, made });
    }
    let versions = planned.iter().find_map(|unit| unit.to.as_ref()).map(|to| to.target.version());
    let (programs, warning) = programs(&address, versions, installed(settings, account));
    here = here.with_programs(&programs);
    for to in planned.iter_mut().filter_map(|unit| unit.to.as_mut()) {
        to.live = to.live.clone().with_programs(&programs);
    }
    plan.warnings.extend(warning);
    plan.missing_roles = missing_roles.into_iter().collect();
    plan.missing_extensions = missing_extensions.into_iter().collect();
    describe(subject, &mut plan, &planned, (&address, &programs, account));
    Ok(Checked { plan, units: planned, here, address, ended })
}

/// Refuses what would be refused whatever the servers say.
pub(super) fn refuse_malformed(subject: &Subject<'_>) -> Result<(), Failure> {
    let order = subject.order;
    let refused = |cause: &str, advice: &str| Err(Failure::incurable(cause, advice));
    let (conninfo, existing) = match &order.to {
        ItemDestination::Dump { directory } if !directory.is_absolute() || directory.file_name().is_none() => {
            return refused("the directory of the dump has no absolute path", "name it from the root on");
        }
        ItemDestination::Dump { .. } => return Ok(()),
        ItemDestination::Server { conninfo, existing } => (conninfo, existing),
    };
    conninfo::check(conninfo)
        .map_err(|error| Failure::incurable(error.to_string(), "correct the connection string of the destination"))?;
    let is = |wanted: fn(&ItemName) -> bool| order.items.iter().all(wanted);
    match existing {
        ExistingItem::AppendMissing if !is(|item| matches!(item, ItemName::Table { .. })) => {
            refused("rows can be appended to tables alone", "name the tables")
        }
        ExistingItem::AppendMissing if order.part == ItemPart::Schema => {
            refused("definitions cannot be appended", "take the rows, or both")
        }
        ExistingItem::Rename { .. } if order.items.len() != 1 => {
            refused("one item alone can be renamed", "order each item by itself")
        }
        ExistingItem::Rename { .. } if order.part == ItemPart::Data => {
            refused("rows alone cannot be taken under another name", "take the definitions, too")
        }
        ExistingItem::Rename { to } if to.is_empty() || to.len() > MAX_NAME_LEN || to.contains('\0') => {
            refused("the new name is empty or longer than 63 bytes", "choose another one")
        }
        ExistingItem::Refuse
            if order.part == ItemPart::Data && is(|item| matches!(item, ItemName::Database { .. })) =>
        {
            refused("the rows of a whole database have no database to go to", "name its schemas or tables")
        }
        ExistingItem::Refuse | ExistingItem::Rename { .. } | ExistingItem::AppendMissing => Ok(()),
    }
}

fn destination(subject: &Subject<'_>, unit: &Unit, survey: &Survey, live: &Client) -> Result<Destination, Failure> {
    let database = if unit.kind == UnitKind::Database { "postgres" } else { &unit.database };
    let live = live.by_default_in(database);
    let names = standing::names(subject.order, unit, survey);
    let target = Target::ask(&live, unit, survey, &names)?;
    if target.in_recovery {
        return Err(Failure::incurable("the destination is a standby, which cannot be written to", "name its primary"));
    }
    if unit.kind == UnitKind::Database && !target.may_create_databases {
        let cause = format!("{} may not create databases at the destination", printable(&target.role));
        return Err(Failure::incurable(cause, "connect as a role that may"));
    }
    let no_owner = !target.can_give_to(&survey.owners);
    let no_privileges = !target.missing(&survey.grantees).is_empty();
    Ok(Destination { live, target, no_owner, no_privileges })
}

fn items(
    subject: &Subject<'_>,
    unit: &Unit,
    survey: &Survey,
    to: Option<&Destination>,
    done: bool,
) -> Result<Vec<PlannedItem>, Failure> {
    let mut items = Vec::new();
    for (at, name) in unit.items.iter().enumerate() {
        let tables = survey.tables_of(name, at == 0);
        let (tables, bytes) = tables.fold((0, 0_u64), |(tables, bytes), table| (tables + 1, bytes + table.bytes));
        let (existing, becomes) = match to {
            None => (None, "written into the dump".to_owned()),
            Some(_) if done => (None, "an earlier attempt has delivered it".to_owned()),
            Some(to) => standing::judge(subject, unit, name, survey, &to.target)?,
        };
        items.push(PlannedItem { name: name.clone(), tables, bytes: ByteCount(bytes), existing, becomes });
    }
    Ok(items)
}

/// Says where it goes, what is done, and what a person should know.
fn describe(
    subject: &Subject<'_>,
    plan: &mut ItemPlan,
    units: &[PlannedUnit],
    (address, programs, account): (&ServerAddress, &Path, &Account),
) {
    let (order, who) = (subject.order, account.name());
    let by = format!("of {}, as {who}", printable_name(programs.as_os_str()));
    match &order.to {
        ItemDestination::Dump { directory } => {
            plan.to = printable_name(directory.as_os_str());
            plan.method.push(format!("{DUMP} {by}, directory format, {}", many(units.len() as u64, "dump")));
            plan.method.push("read back to its end, brought to the disk, then renamed to its name".to_owned());
        }
        ItemDestination::Server { existing, .. } => {
            let to = units.iter().find_map(|unit| unit.to.as_ref());
            if let Some(to) = to {
                let databases: BTreeSet<String> =
                    units.iter().filter_map(|unit| Some(printable(&unit.to.as_ref()?.target.database))).collect();
                let databases = databases.into_iter().collect::<Vec<_>>().join(", ");
                let role = printable(&to.target.role);
                plan.to = format!("PostgreSQL {}, database {databases}, as {role}", to.target.version());
                if to.target.version() < address.version {
                    plan.warnings.push(format!(
                        "the destination is PostgreSQL {}, the restore point {}: what the older one does not know makes \
                         the whole of it fail",
                        to.target.version(),
                        address.version
                    ));
                }
            }
            match existing {
                ExistingItem::AppendMissing => plan.method.push(format!(
                    "psql {by}: rows into a temporary table, those whose key is not there inserted in one transaction \
                     for each table"
                )),
                ExistingItem::Refuse | ExistingItem::Rename { .. } => {
                    plan.method
                        .push(format!("{DUMP} into the scratch of the open restore point, then {RESTORE}, {by}"));
                    plan.method.extend(units.iter().map(|unit| standing::how(&unit.unit)));
                }
            }
            warn(plan, units, existing);
        }
    }
    if plan.free_bytes.is_some_and(|free| free < plan.bytes()) {
        let bytes = plan.bytes();
        plan.warnings.push(format!("the tables are {bytes}, and packed they must fit into what is free"));
    }
}

/// What is left out at the destination.
fn warn(plan: &mut ItemPlan, units: &[PlannedUnit], existing: &ExistingItem) {
    if *existing == ExistingItem::AppendMissing {
        plan.missing_roles.clear();
        return;
    }
    let to = || units.iter().filter_map(|unit| unit.to.as_ref());
    if let Some(to) = to().find(|to| to.no_owner) {
        let role = printable(&to.target.role);
        plan.warnings.push(format!("all of it will belong to {role}, which cannot give it to each of its owners"));
    }
    if to().any(|to| to.no_privileges) {
        plan.warnings.push("rights (GRANT) are left out, since roles that have them are missing".to_owned());
    }
    if units.iter().any(|unit| unit.unit.kind == UnitKind::Database) {
        plan.warnings.push(
            "the owner, rights and settings of a database itself (ALTER DATABASE, GRANT) are left out".to_owned(),
        );
    }
}

/// Those of the destination's version where it is the newer one, else those of the restore point.
fn programs(
    address: &ServerAddress,
    live: Option<MajorVersion>,
    installed: Vec<Installed>,
) -> (PathBuf, Option<String>) {
    let Some(live) = live.filter(|live| *live > address.version) else { return (address.programs.clone(), None) };
    let fitting = installed.into_iter().filter(|found| found.version.is_some_and(|version| version >= live));
    if let Some(found) = fitting.min_by_key(|found| found.version) {
        return (found.directory, None);
    }
    let warning = format!(
        "the programs are of PostgreSQL {}, older than the destination's {live}, and may not know what it needs",
        address.version
    );
    (address.programs.clone(), Some(warning))
}

/// Programs that ask a server whatever its version is: those of the restore point, or any when it is not open now.
pub(super) fn any_programs(
    order: &ItemOrder,
    settings: &WorkerSettings,
    account: &Account,
) -> Result<PathBuf, Failure> {
    if let Ok(address) = survey::address(&order.from) {
        return Ok(address.programs);
    }
    installed(settings, account).pop().map(|found| found.directory).ok_or_else(|| {
        let cause = format!("no psql that {} can run is on this machine", account.name());
        Failure::incurable(cause, "install the client programs of PostgreSQL, or name their directory with binaries")
    })
}

fn installed(settings: &WorkerSettings, account: &Account) -> Vec<Installed> {
    let found = binaries::installed(settings, std::env::var_os("PATH").as_deref(), Some(account));
    let has_all = |directory: &Path| [DUMP, RESTORE, "psql"].iter().all(|program| directory.join(program).is_file());
    found.into_iter().filter(|found| has_all(&found.directory)).collect()
}

/// What is free where a dump is written.
fn free_bytes(subject: &Subject<'_>) -> Result<Option<ByteCount>, Failure> {
    let directory = match &subject.order.to {
        ItemDestination::Dump { directory } => directory.clone(),
        ItemDestination::Server { existing: ExistingItem::AppendMissing, .. } => return Ok(None),
        ItemDestination::Server { .. } => subject.order.from.scratch.clone(),
    };
    watched(&printable_name(directory.as_os_str()), subject.settings.stall_timeout, move |_| {
        let nearest = directory.ancestors().find(|path| path.is_dir()).unwrap_or(&directory);
        let room = rustix::fs::statvfs(nearest).ok();
        Ok::<_, Failure>(room.map(|room| ByteCount(room.f_bavail.saturating_mul(room.f_frsize))))
    })
}

/// Whether an earlier attempt had begun to deliver a unit without saying that it has.
pub(super) fn may_be_delivered(deliveries: &[Delivery], unit: &Unit) -> bool {
    record::begun(deliveries, &unit.items) && record::done(deliveries, &unit.items).is_none()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use crate::domain::Port;

    #[test]
    fn the_programs_are_no_older_than_either_server() {
        let address = ServerAddress {
            sockets: "/s".into(),
            port: Port::new(5432).unwrap(),
            role: "postgres".to_owned(),
            programs: "/p/15".into(),
            version: MajorVersion(15),
        };
        let installed = || {
            [(14, "/p/14"), (17, "/p/17"), (16, "/p/16")]
                .map(|(version, directory)| Installed {
                    directory: directory.into(),
                    version: Some(MajorVersion(version)),
                })
                .to_vec()
        };
        let chosen = |live: Option<u32>| programs(&address, live.map(MajorVersion), installed());
        assert_eq!(chosen(None), ("/p/15".into(), None));
        assert_eq!(chosen(Some(14)), ("/p/15".into(), None));
        assert_eq!(chosen(Some(16)), ("/p/16".into(), None));
        let (directory, warning) = chosen(Some(18));
        assert!(directory == Path::new("/p/15") && warning.unwrap().contains("older than the destination's 18"));
    }
}
