//! Taking items out of an open restore point: databases, schemas and tables, into a dump or into a live server.
//!
//! A dump comes in to a directory that bears the session's uuid in its name, and gets its own name by one rename when it
//! was read back and is on the disk. A live server gets schemas and tables in one transaction, a database under a name of
//! the session until it is whole, rows that are appended in one transaction a table. So whoever comes next finds an item
//! whole or not at all, and a record of what was delivered.
//!
//! Promises: nothing that stands at the destination is changed, but by the rows that are appended; an attempt that was
//! ended leaves no connection at work. Never: writes to the restore point's own data.

mod append;
mod dispose;
mod dump;
mod plan;
mod program;
mod record;
mod rename;
mod restore;
mod standing;
mod survey;
mod target;
mod unit;

use super::{event_writer::EventWriter, places::ClaimingSession, signals::Stop, workspace::Workspace};
use crate::{
    domain::{
        Achieved, Disposition, ExistingItem, Failure, Hold, InstanceName, ItemDestination, ItemOrder, ItemPlan, Order,
        Plan, Step, Success, WorkerSettings, fact::End, instance::printable_name, quantity::many, ticket::Ticket,
    },
    engine::{
        Halt,
        claim::{self, Own},
        watched::watched,
    },
    postgres::account::Account,
};
use plan::{Checked, PlannedUnit};
use record::Delivery;
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// How connections that only look show themselves in `pg_stat_activity`.
const APPLICATION_NAME: &str = "howdah-query";

/// What is taken, and how: all that a plan needs.
#[derive(Clone, Copy)]
struct Subject<'a> {
    order: &'a ItemOrder,
    settings: &'a WorkerSettings,
    session: Uuid,
    /// What earlier attempts have done; none is known to a plan alone.
    deliveries: &'a [Delivery],
    /// Whether what an earlier attempt has left at work is ended; a plan alone ends nothing.
    acts: bool,
}

/// Items being taken out.
pub(super) struct Items<'a> {
    attempt_dir: &'a Path,
    ticket: &'a Ticket,
    order: &'a ItemOrder,
    places: ClaimingSession,
    report: &'a EventWriter,
    stop: &'a Stop,
}

/// Makes the plan and writes nothing, here or at the destination.
pub(super) fn plan(order: &ItemOrder, settings: &WorkerSettings, own: &Own) -> Result<ItemPlan, Failure> {
    let subject = Subject { order, settings, session: Uuid::nil(), deliveries: &[], acts: false };
    plan::refuse_malformed(&subject)?;
    let (holds, own) = (holds(order), own.clone());
    watched(InstanceName::as_str(&order.instance), settings.stall_timeout, move |_| {
        Ok::<(), Failure>(claim::refuse_if_held(&holds, &own, None)?)
    })?;
    let account = Account::for_server(&settings.os_user)?;
    plan::check(&subject, &account).map(|checked| checked.plan)
}

fn holds(order: &ItemOrder) -> Vec<Hold> {
    Order::Items(order.clone()).holds()
}

impl<'a> Items<'a> {
    pub(super) fn new(
        attempt_dir: &'a Path,
        ticket: &'a Ticket,
        order: &'a ItemOrder,
        report: &'a EventWriter,
        stop: &'a Stop,
    ) -> Self {
        let places = ClaimingSession::of(ticket, attempt_dir);
        Self { attempt_dir, ticket, order, places, report, stop }
    }

    /// Takes the items out and delivers them.
    pub(super) fn run(&self) -> Result<Success, Halt> {
        let report = self.report;
        report.begin(Step::Check, "");
        let deliveries = record::all(&self.workspace())?;
        let subject = self.subject(&deliveries);
        plan::refuse_malformed(&subject)?;
        let account = Account::for_server(&subject.settings.os_user)?;
        let holds = holds(self.order);
        // Held until the attempt has ended, in whatever way.
        let _places = self.places.enter(&holds, account.owner()).map_err(Failure::from)?;
        if let Some(directory) = self.made_dump() {
            return self.already_dumped(directory, &holds);
        }
        let checked = plan::check(&subject, &account)?;
        if checked.ended > 0 {
            report.note(&format!("an earlier attempt had left {} at work; ended", many(checked.ended, "connection")));
        }
        let shown = format!("{} in {}", checked.plan.bytes(), many(checked.plan.tables(), "table"));
        report.planned(Plan::Items(checked.plan.clone()));
        report.done(&shown);
        self.go_on()?;
        let (warnings, unchecked) = match &self.order.to {
            ItemDestination::Dump { directory } => (self.dump(&checked, directory, &account)?, DUMP_UNCHECKED),
            ItemDestination::Server { existing: ExistingItem::AppendMissing, .. } => {
                (self.append(&checked)?, APPEND_UNCHECKED)
            }
            ItemDestination::Server { existing: ExistingItem::Refuse | ExistingItem::Rename { .. }, .. } => {
                (self.restore(&checked, &account)?, RESTORE_UNCHECKED)
            }
        };
        report.begin(Step::Finish, "");
        self.clear_scratch()?;
        self.places.leave(&holds)?;
        report.done("");
        Ok(self.success(warnings, unchecked))
    }

    /// Deals with what attempts have left, once none of them is alive.
    pub(super) fn dispose(&self, wish: Disposition) -> Result<End, Halt> {
        dispose::dispose(self, wish)
    }

    /// Delivers what is missing into tables that are there.
    fn append(&self, checked: &Checked) -> Result<Vec<String>, Halt> {
        self.report.skip(Step::Extract, "rows go from one server to the other without a file between");
        self.report.begin(Step::Deliver, "");
        let mut warnings = Vec::new();
        for unit in &checked.units {
            warnings.extend(self.deliver(unit, || append::append(self, checked, unit))?);
        }
        self.report.copied();
        self.report.done("");
        Ok(warnings)
    }

    /// Dumps what is not delivered yet into the scratch, and restores it from there.
    fn restore(&self, checked: &Checked, account: &Account) -> Result<Vec<String>, Halt> {
        let mut wanted = Vec::new();
        for unit in &checked.units {
            let is_there = unit.done.is_some() || restore::is_delivered(self, checked, unit)?;
            wanted.push((unit, is_there));
        }
        self.report.begin(Step::Extract, "");
        let units: Vec<&PlannedUnit> = wanted.iter().filter(|(_, there)| !there).map(|(unit, _)| *unit).collect();
        self.clear_scratch()?;
        let directory = self.make_scratch(account)?;
        let sources = restore::sources(self, checked, &units, &directory)?;
        self.report.copied();
        self.report.done("");
        self.report.begin(Step::Deliver, "");
        let mut warnings = Vec::new();
        for (unit, is_there) in wanted {
            let source = sources.iter().find(|(dumped, _)| std::ptr::eq(*dumped, unit)).map(|(_, source)| source);
            match source.filter(|_| !is_there) {
                None => warnings.extend(unit.done.iter().flatten().cloned()),
                Some(source) => {
                    warnings.extend(self.deliver(unit, || restore::restore(self, unit, source))?);
                }
            }
        }
        self.report.done("");
        Ok(warnings)
    }

    /// Delivers one unit unless an earlier attempt has, and records both that it begins and that it is done.
    fn deliver(
        &self,
        unit: &PlannedUnit,
        work: impl FnOnce() -> Result<Vec<String>, Halt>,
    ) -> Result<Vec<String>, Halt> {
        if let Some(warnings) = &unit.done {
            return Ok(warnings.clone());
        }
        self.go_on()?;
        let items = unit.unit.items.clone();
        record::keep(&self.workspace(), &Delivery::Begins { items: items.clone() })?;
        let warnings = work()?;
        record::keep(&self.workspace(), &Delivery::Done { items, warnings: warnings.clone() })?;
        self.report.note(&format!("{} is delivered", unit.unit.label()));
        Ok(warnings)
    }

    /// Dumps all units, and gives the dump its name.
    fn dump(&self, checked: &Checked, directory: &Path, account: &Account) -> Result<Vec<String>, Halt> {
        self.report.begin(Step::Extract, "");
        let partial = dump::make_partial(self, directory, account)?;
        let units: Vec<&PlannedUnit> = checked.units.iter().collect();
        dump::all(self, checked, &units, &partial)?;
        self.report.copied();
        self.report.done("");
        self.report.begin(Step::Deliver, "");
        dump::put_in_place(self, checked, &partial, directory, account)?;
        self.report.done(&format!("the dump is {}", printable_name(directory.as_os_str())));
        Ok(Vec::new())
    }

    /// An earlier attempt was ended between its last rename and its own last word.
    fn already_dumped(&self, directory: &Path, holds: &[Hold]) -> Result<Success, Halt> {
        self.report.done("");
        for step in [Step::Extract, Step::Deliver] {
            self.report.skip(step, "an earlier attempt has done it");
        }
        self.report.begin(Step::Finish, "");
        self.places.leave(holds)?;
        self.report.done(&format!("the dump is {}", printable_name(directory.as_os_str())));
        Ok(self.success(Vec::new(), DUMP_UNCHECKED))
    }

    /// The directory of the dump, where this session has given it its name already.
    fn made_dump(&self) -> Option<&Path> {
        match &self.order.to {
            ItemDestination::Dump { directory } => {
                Some(directory.as_path()).filter(|directory| dump::is_ours(directory, self.ticket.session_uuid))
            }
            ItemDestination::Server { .. } => None,
        }
    }

    fn success(&self, warnings: Vec<String>, unchecked: &str) -> Success {
        let result = Achieved::Items { items: self.order.items.len() as u64 };
        Success { result, warnings, unchecked: vec![unchecked.to_owned()] }
    }

    /// Where this session's dumps are on their way to a server.
    fn scratch(&self) -> PathBuf {
        self.order.from.scratch.join(dump::ITEMS).join(self.ticket.session_uuid.to_string())
    }

    fn make_scratch(&self, account: &Account) -> Result<PathBuf, Failure> {
        dump::make_scratch(&self.order.from.scratch, self.ticket.session_uuid, account)
    }

    fn clear_scratch(&self) -> Result<bool, Failure> {
        dump::remove(&self.scratch())
    }

    fn subject<'b>(&self, deliveries: &'b [Delivery]) -> Subject<'b>
    where
        'a: 'b,
    {
        let Ticket { settings, session_uuid, .. } = self.ticket;
        Subject { order: self.order, settings, session: *session_uuid, deliveries, acts: true }
    }

    fn workspace(&self) -> Workspace<'a> {
        let data = &self.order.from.scratch;
        Workspace { attempt: self.attempt_dir, session: self.ticket.session_uuid, data }
    }

    fn account(&self) -> Result<Account, Failure> {
        Account::for_server(&self.ticket.settings.os_user)
    }

    fn go_on(&self) -> Result<(), Halt> {
        if self.stop.requested() { Err(Halt::Stopped) } else { Ok(()) }
    }
}

const DUMP_UNCHECKED: &str = "the dump was read back to its end; its rows were not compared with the restore point's";
const RESTORE_UNCHECKED: &str = "the rows at the destination were not compared with the restore point's: the server that \
                                 took them counts as witness";
const APPEND_UNCHECKED: &str = "rows at the destination whose key is not at the restore point were not looked at";
