//! Defining the machine at libvirt.
//!
//! Promises: the mark says that libvirt is asked before it is; a machine is the session's own by what it left in the
//! description, never by its name.

use super::{Machine, check, place::Mark};
use crate::{
    domain::Failure,
    engine::{Halt, Observer},
    libvirt::{clone::Clone, machine::Machine as Defined, virsh::Virsh},
    postgres::configure::DataDirectory,
    worker::attempt_files,
};

/// In an attempt's directory: what libvirt is asked for.
const DEFINITION: &str = "machine.xml";

/// Defines the machine, unless an earlier attempt has.
pub(super) fn define(machine: &Machine<'_>, virsh: &Virsh, clone: &Clone, mark: &mut Mark) -> Result<Defined, Halt> {
    let Machine { order, report, .. } = machine;
    let session = machine.ticket.session_uuid;
    // It may have been made meanwhile, by somebody else or by a call that an earlier attempt had begun.
    let found = check::own_machine(virsh, order, session)?;
    let is_new = found.is_none();
    let defined = if let Some(defined) = found {
        defined
    } else {
        if !mark.defining {
            mark.defining = true;
            machine.write_mark(mark)?;
        }
        let failed = |error| attempt_files::failure("writing what libvirt is asked for", &error);
        let open = DataDirectory::open(machine.attempt_dir).map_err(failed)?;
        open.replace(DEFINITION, clone.xml.as_bytes(), None).map_err(failed)?;
        machine.go_on()?;
        virsh.define(order.name.as_str(), &machine.attempt_dir.join(DEFINITION))?;
        let defined = check::own_machine(virsh, order, session)?;
        defined.ok_or_else(|| {
            let cause = format!("libvirt has taken the definition of {}, and does not have it", order.name);
            Failure::disruption(cause, "see libvirt's log")
        })?
    };
    if mark.uuid.as_ref() != Some(&defined.uuid) {
        mark.uuid = Some(defined.uuid.clone());
        machine.write_mark(mark)?;
    }
    let how = if is_new { "defined" } else { "an earlier attempt has defined it" };
    report.log(&format!("{} is the machine {}", order.name, defined.uuid));
    report.done(&format!("{how} as {} ({})", order.name, defined.uuid));
    Ok(defined)
}
