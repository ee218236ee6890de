//! Removing what attempts at restoring a machine have left: first at libvirt, then on the disk.
//!
//! Promises: the session's own machine is ended and its definition is gone before a file of it is; where libvirt cannot be
//! asked and may have it, all stays. Never: touches a machine that does not bear the session's mark, whatever its name.

use super::{
    Machine, check,
    place::{self, Mark},
};
use crate::{
    domain::{Disposed, Disposition, Failure, instance::printable_name},
    engine::Halt,
    libvirt::{clone::nvram_of, virsh::Virsh},
    postgres::server::classify,
    worker::{
        places::Barred,
        restore::{completion, history},
    },
};
use std::path::Path;

/// Does what was wished.
pub(super) fn dispose(machine: &Machine<'_>, wish: Disposition) -> Result<Disposed, Halt> {
    let (order, session) = (machine.order, machine.ticket.session_uuid);
    let directory = &order.directory;
    let holds = machine.holds();
    let places = machine.places.enter(&holds, None);
    let failed = |error| classify::of_io(&format!("looking at {}", printable_name(directory.as_os_str())), &error);
    let mark = place::read(directory).map_err(failed)?.filter(|mark| mark.session == session);
    let workspace = machine.workspace();
    if completion::of_session(&workspace)?.is_some() && mark.is_none() {
        // The restore was done before it was cancelled, and only its end had not been reported.
        machine.places.leave(&holds)?;
        return Ok(Disposed::Kept);
    }
    let _places = match places {
        Ok(places) => places,
        // Refused when it came: it has never worked there.
        Err(Barred::Held(_)) if mark.is_none() => return Ok(Disposed::Nothing),
        Err(barred) => return Err(Failure::from(barred).into()),
    };
    // The directory may have been removed by somebody, and the machine not.
    let asked = mark.as_ref().is_none_or(|mark| mark.defining) && history::has_copied(&workspace)?;
    let removed = if asked || mark.as_ref().is_some_and(|mark| mark.defining) { end(machine)? } else { false };
    let disposed = match mark {
        None if removed => Disposed::Removed,
        None if asked => Disposed::Gone,
        None => Disposed::Nothing,
        Some(mark) => files(machine, directory, &mark, wish)?,
    };
    machine.places.leave(&holds)?;
    Ok(disposed)
}

/// Ends the session's own machine and removes its definition; whether there was one.
pub(super) fn end(machine: &Machine<'_>) -> Result<bool, Halt> {
    let Machine { order, report, ticket, .. } = machine;
    let virsh = Virsh::new(&order.uri)?;
    let Some(found) = virsh.find(order.name.as_str())? else { return Ok(false) };
    if crate::libvirt::clone::made_by(&found.xml) != Some(ticket.session_uuid) {
        report.note(&format!("the virtual machine {} is somebody else's, and is left alone", order.name));
        return Ok(false);
    }
    virsh.destroy(&found)?;
    let is_ours = |file: String| Path::new(&file).parent() == Some(order.directory.as_path());
    virsh.undefine(&found, nvram_of(&found.xml).is_some_and(is_ours))?;
    if check::own_machine(&virsh, order, ticket.session_uuid)?.is_some() {
        let cause = format!("libvirt still has {} after its definition was removed", order.name);
        return Err(Failure::disruption(cause, "see libvirt's log").into());
    }
    report.note(&format!("the virtual machine {} was ended, and libvirt does not have it any more", order.name));
    Ok(true)
}

fn files(machine: &Machine<'_>, directory: &Path, mark: &Mark, wish: Disposition) -> Result<Disposed, Halt> {
    let goes = match wish {
        Disposition::Default => mark.made_directory,
        Disposition::Remove => true,
        Disposition::Keep | Disposition::SetAside => false,
    };
    if goes {
        return Ok(place::remove(directory, mark)?);
    }
    let shown = printable_name(directory.as_os_str());
    machine.report.note(&format!("what was copied stays in {shown}; no machine is defined on it"));
    Ok(Disposed::Kept)
}
