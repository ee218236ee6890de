//! Removing what attempts at taking items out have left: at the destination, in the scratch, beside the dump.
//!
//! Promises: what was delivered stays, and is named; "removed" is said of the destination when it was looked at. Never: ends
//! or removes what does not bear the session's uuid.

use super::{
    DUMP_UNCHECKED, Items, RESTORE_UNCHECKED, dump, holds,
    record::{self, Delivery},
    rename, restore, standing, survey, target,
    unit::{Unit, UnitKind, meeting_place, units},
};
use crate::{
    domain::{
        Disposed, Disposition, Failure, ItemDestination, PasswordSource, fact::End, instance::printable, quantity::many,
    },
    engine::Halt,
    postgres::client::Client,
    worker::places::Barred,
};

/// Ends and removes what is the session's own. A success where an attempt had delivered all of it.
pub(super) fn dispose(items: &Items<'_>, wish: Disposition) -> Result<End, Halt> {
    // Refused for its items when it came: it has never worked.
    let Ok(units) = units(&items.order.items) else { return Ok(End::Disposed(Disposed::Nothing)) };
    let holds = holds(items.order);
    let _places = match items.places.enter(&holds, None) {
        Ok(places) => places,
        // Refused when it came: another session works there, and this one has nothing there.
        Err(Barred::Held(_)) => return Ok(End::Disposed(Disposed::Nothing)),
        Err(barred) => return Err(Failure::from(barred).into()),
    };
    let deliveries = record::all(&items.workspace())?;
    let end = match &items.order.to {
        ItemDestination::Dump { directory } if dump::is_ours(directory, items.ticket.session_uuid) => {
            items.report.note("the dump was finished before the session was stopped, and stays");
            End::Succeeded(items.success(Vec::new(), DUMP_UNCHECKED))
        }
        ItemDestination::Dump { directory } => {
            let path = dump::partial(directory, items.ticket.session_uuid).map(|(above, name)| above.join(name));
            End::Disposed(match path {
                Some(path) if wish == Disposition::Keep && path.is_dir() => Disposed::Kept,
                Some(path) if dump::remove(&path)? => Disposed::Removed,
                Some(_) | None => Disposed::Nothing,
            })
        }
        ItemDestination::Server { conninfo, .. } => {
            let done: Vec<_> = units.iter().filter_map(|unit| record::done(&deliveries, &unit.items)).collect();
            let all = done.len() == units.len();
            for unit in units.iter().filter(|unit| !all && record::done(&deliveries, &unit.items).is_some()) {
                items.report.note(&format!("{} was delivered before the session was stopped, and stays", unit.label()));
            }
            let cleared = clear(items, conninfo, &units, &deliveries);
            let removed = items.clear_scratch()?;
            if all {
                End::Succeeded(items.success(done.concat(), RESTORE_UNCHECKED))
            } else {
                End::Disposed(proven(cleared, removed))
            }
        }
    };
    items.places.leave(&holds)?;
    Ok(end)
}

/// What may be said after the destination was looked at, or was not.
fn proven(cleared: Result<bool, Halt>, removed: bool) -> Disposed {
    match cleared {
        Ok(cleared) if cleared || removed => Disposed::Removed,
        Ok(_) => Disposed::Nothing,
        Err(Halt::Failed(failure)) => {
            Disposed::RemovedUnproven { what: format!("what was begun at the destination ({})", failure.cause) }
        }
        Err(Halt::Stopped) => {
            Disposed::RemovedUnproven { what: "what was begun at the destination (stopped)".to_owned() }
        }
    }
}

/// Ends what is at work at the destination, and removes databases that were not whole; whether there was anything.
fn clear(items: &Items<'_>, conninfo: &str, units: &[Unit], deliveries: &[Delivery]) -> Result<bool, Halt> {
    if !units.iter().any(|unit| record::begun(deliveries, &unit.items)) {
        // Nothing of it was sent there, and nothing can be at work.
        clear_staging(items);
        return Ok(false);
    }
    let (account, settings) = (items.account()?, &items.ticket.settings);
    let programs = super::plan::any_programs(items.order, settings, &account)?;
    let live = Client::new(&programs, &account, conninfo, &PasswordSource::None, &settings.environment)?;
    let live = live.by_default_in(meeting_place(units));
    let ended = target::end_ours(&live, items.ticket.session_uuid)?;
    if ended > 0 {
        items.report.note(&format!("{} of the session ended at the destination", many(ended, "connection")));
    }
    let mut removed = ended > 0;
    for unit in units.iter().filter(|unit| unit.kind == UnitKind::Database) {
        let begun = record::begun(deliveries, &unit.items) && record::done(deliveries, &unit.items).is_none();
        if begun {
            restore::drop_database(items, &live, &restore::passing_name(items, &unit.database))?;
            items.report.note(&format!("what was made of {} at the destination is removed", printable(&unit.database)));
            removed = true;
        }
    }
    clear_staging(items);
    Ok(removed)
}

/// The database that things are renamed in is in the scratch of the open restore point, and goes with that at the latest.
fn clear_staging(items: &Items<'_>) {
    let (Some(_), Some(item)) = (standing::new_name(items.order), items.order.items.first()) else { return };
    let dropped = survey::address(&items.order.from).map_err(Halt::from).and_then(|address| {
        let writer = Client::to_open_point(&address, &items.account()?, item.database())?;
        restore::drop_database(items, &writer, &rename::staging_name(items))
    });
    if let Err(Halt::Failed(failure)) = dropped {
        items.report.note(&format!("what was made at the open restore point goes with it: {failure}"));
    }
}
