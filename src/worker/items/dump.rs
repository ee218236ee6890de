//! Dumps: `pg_dump` at work, and a dump that gets its name when it is whole.
//!
//! Promises: what has its name was read back to its end and is on the disk; nothing is put over anything. Never: removes
//! what does not bear the session's uuid.

use super::{
    Items,
    plan::{Checked, PlannedUnit},
    program,
    survey::Survey,
    target,
    unit::Unit,
};
use crate::{
    domain::{ByteCount, Failure, ItemDestination, ItemName, ItemPart, Progress, instance::printable_name},
    engine::{Halt, Observer, durable},
    postgres::{
        account::Account,
        client::{
            Client,
            dump::{DumpOptions, dumped_table},
        },
        configure::DataDirectory,
        server::classify,
    },
    worker::backup::rename_new,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    fs, io,
    io::Read,
    path::{Path, PathBuf},
    thread,
};
use uuid::Uuid;

/// Below the scratch of an open restore point: what is on its way to a server, by session.
pub(super) const ITEMS: &str = "items";

/// In a dump: whose it is, and what is in it.
const MARK: &str = "howdah-items.json";

/// A mark names its items; more is something else.
const MAX_MARK_LEN: u64 = 16 << 20;

/// More at once only wait for the disk.
const MAX_JOBS: usize = 8;

/// What a dump says of itself.
#[derive(Debug, Serialize, Deserialize)]
struct Mark {
    session: Uuid,
    instance: String,
    dumps: Vec<MarkedDump>,
}

/// One archive in it.
#[derive(Debug, Serialize, Deserialize)]
struct MarkedDump {
    /// Below the dump; empty for the dump itself.
    directory: String,
    items: Vec<ItemName>,
}

/// Whether this session has given a dump this name.
pub(super) fn is_ours(directory: &Path, session: Uuid) -> bool {
    let mut text = Vec::new();
    let read = fs::File::open(directory.join(MARK)).and_then(|file| file.take(MAX_MARK_LEN).read_to_end(&mut text));
    let mark: Option<Mark> = read.ok().and_then(|_| serde_json::from_slice(&text).ok());
    mark.is_some_and(|mark| mark.session == session)
}

/// Where a dump comes in before it has its name.
pub(super) fn partial(directory: &Path, session: Uuid) -> Option<(PathBuf, String)> {
    let name = format!(".howdah-items-{session}");
    Some((directory.parent()?.to_owned(), name))
}

/// Makes that directory anew.
pub(super) fn make_partial(items: &Items<'_>, directory: &Path, account: &Account) -> Result<PathBuf, Failure> {
    let Some((above, name)) = partial(directory, items.ticket.session_uuid) else {
        return Err(Failure::bug(format!("{} has no directory above it", directory.display())));
    };
    let path = above.join(&name);
    if remove(&path)? {
        items.report.note("what an earlier attempt had dumped was removed: a dump cannot be resumed");
    }
    let made = DataDirectory::open(&above).and_then(|above| above.make_below(&name, account.owner()));
    made.map_err(|error| failed("making", &path, &error))?;
    Ok(path)
}

/// Makes the session's own directory in the scratch, which nobody but the account may enter.
pub(super) fn make_scratch(scratch: &Path, session: Uuid, account: &Account) -> Result<PathBuf, Failure> {
    let name = session.to_string();
    let made = DataDirectory::open(scratch)
        .and_then(|scratch| scratch.make_below(ITEMS, account.owner()))
        .and_then(|items| items.make_below(&name, account.owner()));
    let path = scratch.join(ITEMS).join(&name);
    match made {
        Ok(_) => Ok(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let cause = format!("the restore point is not open: {}: {error}", printable_name(scratch.as_os_str()));
            Err(Failure::disruption(cause, "see its explore session; it may be opening it again"))
        }
        Err(error) => Err(failed("making", &path, &error)),
    }
}

/// Removes a directory of the session; whether it was there.
pub(super) fn remove(path: &Path) -> Result<bool, Failure> {
    match fs::remove_dir_all(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(failed("removing", path, &error)),
    }
}

/// Dumps units into a directory, one below it each where there are several; where each is, in their order.
pub(super) fn all(
    items: &Items<'_>,
    checked: &Checked,
    units: &[&PlannedUnit],
    directory: &Path,
) -> Result<Vec<PathBuf>, Halt> {
    let mut gauge = Gauge::new(items, checked);
    let names = names(&units.iter().map(|unit| &unit.unit).collect::<Vec<_>>());
    let mut paths = Vec::new();
    for (unit, name) in units.iter().zip(names) {
        items.go_on()?;
        let path = if name.is_empty() { directory.to_owned() } else { directory.join(name) };
        items.report.detail(&unit.unit.label());
        let here = checked.here.in_database(&unit.unit.database);
        one(items, &here, (&unit.unit, &unit.survey, items.order.part), &path, &mut gauge)?;
        paths.push(path);
    }
    Ok(paths)
}

/// One dump of a unit, out of the database that a client is in.
pub(super) fn one(
    items: &Items<'_>,
    here: &Client,
    (unit, survey, part): (&Unit, &Survey, ItemPart),
    path: &Path,
    gauge: &mut Gauge<'_>,
) -> Result<(), Halt> {
    let partitions = if unit.tables().is_empty() { Vec::new() } else { survey.partitions() };
    let jobs = jobs(items, survey.tables.len());
    gauge.expect(survey, jobs);
    let application_name = target::application_name(items.ticket.session_uuid);
    let mut command = here.dump(&DumpOptions {
        directory: path,
        items: &unit.items,
        partitions: &partitions,
        part,
        jobs,
        passing: matches!(items.order.to, ItemDestination::Server { .. }),
        application_name: &application_name,
    });
    let doing = format!("dumping {}", unit.label());
    program::run(&mut command, &doing, (items.report, items.stop), &mut |line| {
        if let Some(table) = dumped_table(line) {
            gauge.begins(table);
        }
    })?;
    gauge.ends();
    Ok(())
}

/// So many tables are read or filled at once.
pub(super) fn jobs(items: &Items<'_>, tables: usize) -> usize {
    let wished = items.ticket.settings.copy_workers;
    let wished = if wished == 0 { thread::available_parallelism().map_or(1, usize::from) } else { wished };
    wished.min(MAX_JOBS).min(tables).max(1)
}

/// Reads the dumps back, brings them to the disk and gives them their name.
pub(super) fn put_in_place(
    items: &Items<'_>,
    checked: &Checked,
    partial: &Path,
    directory: &Path,
    account: &Account,
) -> Result<(), Halt> {
    let units: Vec<&Unit> = checked.units.iter().map(|unit| &unit.unit).collect();
    let mut mark =
        Mark { session: items.ticket.session_uuid, instance: items.order.instance.to_string(), dumps: Vec::new() };
    for (unit, name) in units.iter().zip(names(&units)) {
        let path = if name.is_empty() { partial.to_owned() } else { partial.join(&name) };
        items.report.detail(&format!("reading back {}", unit.label()));
        let doing = format!("reading back the dump of {}", unit.label());
        program::run(&mut checked.here.read_back(&path), &doing, (items.report, items.stop), &mut |_| {})?;
        mark.dumps.push(MarkedDump { directory: name, items: unit.items.clone() });
    }
    let at = |error: io::Error| Halt::from(failed("bringing to the disk", partial, &error));
    let text = serde_json::to_vec_pretty(&mark).map_err(|error| at(error.into()))?;
    DataDirectory::open(partial).and_then(|open| open.replace(MARK, &text, account.owner())).map_err(at)?;
    items.report.detail("bringing it to the disk");
    let synced = durable::sync_tree(partial, &|| items.stop.requested()).map_err(at)?;
    items.report.log(&format!("the dump is on the disk, {synced}"));
    items.go_on()?;
    if !rename_new(partial, directory).map_err(|error| failed("renaming to", directory, &error))? {
        let cause = format!("{} was made by somebody else meanwhile", printable_name(directory.as_os_str()));
        return Err(Failure::incurable(cause, "move it away: nothing there is overwritten").into());
    }
    let above = directory.parent().unwrap_or(directory);
    fs::File::open(above).and_then(|above| above.sync_all()).map_err(|error| failed("syncing", above, &error))?;
    Ok(())
}

/// The names of directories for units: none for a single one, the database's where that can be one.
fn names(units: &[&Unit]) -> Vec<String> {
    if units.len() == 1 {
        return vec![String::new()];
    }
    let mut names: Vec<String> = Vec::new();
    for (at, unit) in units.iter().enumerate() {
        let database = &unit.database;
        let plain = !database.starts_with(['.', '-'])
            && database.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
        let name = if plain && !names.contains(database) { database.clone() } else { format!("dump:{}", at + 1) };
        names.push(name);
    }
    names
}

fn failed(doing: &str, path: &Path, error: &io::Error) -> Failure {
    classify::of_io(&format!("{doing} {}", printable_name(path.as_os_str())), error)
}

/// How far the dumps have come, by the tables that `pg_dump` names.
pub(super) struct Gauge<'a> {
    items: &'a Items<'a>,
    progress: Progress,
    /// The bytes of the tables of the dump under way, by their quoted names.
    tables: HashMap<String, u64>,
    /// Of those that were begun.
    begun: Vec<u64>,
    jobs: usize,
    /// What the dumps before have brought.
    before: (u64, u64),
}

impl<'a> Gauge<'a> {
    pub(super) fn new(items: &'a Items<'a>, checked: &Checked) -> Self {
        let (bytes_total, files_total) = (checked.plan.bytes(), checked.plan.tables());
        let progress = Progress { bytes_total, files_total, ..Progress::default() };
        Self { items, progress, tables: HashMap::new(), begun: Vec::new(), jobs: 1, before: (0, 0) }
    }

    fn expect(&mut self, survey: &Survey, jobs: usize) {
        self.jobs = jobs;
        self.begun.clear();
        self.tables = survey.tables.iter().map(|table| (table.quoted.clone(), table.bytes)).collect();
    }

    fn begins(&mut self, table: &str) {
        self.begun.push(self.tables.get(table).copied().unwrap_or(0));
        // Those that were begun last are under way, one for each process.
        let done = self.begun.len().saturating_sub(self.jobs);
        self.advance(self.begun[..done].iter().sum(), done as u64);
    }

    fn ends(&mut self) {
        let (bytes, tables) = (self.tables.values().sum(), self.tables.len() as u64);
        self.advance(bytes, tables);
        self.before = (self.before.0 + bytes, self.before.1 + tables);
    }

    fn advance(&mut self, bytes: u64, tables: u64) {
        let total = (self.progress.bytes_total.0, self.progress.files_total);
        self.progress.bytes_done = ByteCount((self.before.0 + bytes).min(total.0));
        self.progress.files_done = (self.before.1 + tables).min(total.1);
        Observer::progress(self.items.report, self.progress);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::items::unit::UnitKind;

    #[test]
    fn each_dump_of_several_has_a_directory_of_a_name_that_leads_nowhere_else() {
        let unit = |database: &str| Unit { database: database.to_owned(), items: Vec::new(), kind: UnitKind::Database };
        let units = ["shop", "../etc", "shop", "a/b", ".x", "größe"].map(unit);
        let units: Vec<&Unit> = units.iter().collect();
        assert_eq!(names(&units), ["shop", "dump:2", "dump:3", "dump:4", "dump:5", "dump:6"]);
        assert_eq!(names(&units[1..2]), [""]);
    }
}
