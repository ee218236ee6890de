//! A machine that is made of a restore point, at libvirt: defined, started, ended.
//!
//! Promises: it is addressed by the UUID that libvirt gave it. Never: overwrites a definition, since libvirt refuses one
//! without a UUID under a name that is taken.

use super::{
    machine::Machine,
    virsh::Virsh,
    wording::{self, Meaning},
};
use crate::domain::Failure;
use std::path::Path;

/// What the guest's agent may take to answer, in seconds.
const AGENT_LIMIT: &str = "5";

impl Virsh {
    /// The machine of this name or UUID; `None` where libvirt has none.
    pub(crate) fn find(&self, domain: &str) -> Result<Option<Machine>, Failure> {
        match self.described(domain) {
            // A number alone finds a running machine by its number.
            Ok(machine) => Ok(Some(machine).filter(|found| found.name == domain || found.uuid == domain)),
            Err(error) if error.meaning() == Some(Meaning::UnknownMachine) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Defines a machine that a file describes.
    pub(crate) fn define(&self, name: &str, file: &Path) -> Result<(), Failure> {
        let file = file.to_string_lossy();
        self.call(&format!("defining the virtual machine {name}"), &["define", "--file", &file])?;
        Ok(())
    }

    /// Removes a definition; its file of firmware variables goes with it, or stays.
    pub(crate) fn undefine(&self, machine: &Machine, with_nvram: bool) -> Result<(), Failure> {
        let nvram = if with_nvram { "--nvram" } else { "--keep-nvram" };
        let options = ["undefine", nvram, "--domain", &machine.uuid];
        gone(self.call(&format!("removing the definition of {}", machine.name), &options))
    }

    /// Starts it.
    pub(crate) fn start(&self, machine: &Machine) -> Result<(), Failure> {
        self.call(&format!("starting {}", machine.name), &["start", "--domain", &machine.uuid])?;
        Ok(())
    }

    /// Ends it at once; that it does not run any more is no failure.
    pub(crate) fn destroy(&self, machine: &Machine) -> Result<(), Failure> {
        gone(self.call(&format!("ending {}", machine.name), &["destroy", "--domain", &machine.uuid]))
    }

    /// What the guest's agent answers; `None` where nobody does.
    pub(crate) fn agent(&self, machine: &Machine, command: &str) -> Result<Option<String>, Failure> {
        let options = ["qemu-agent-command", "--timeout", AGENT_LIMIT, "--domain", &machine.uuid, "--cmd", command];
        match self.call(&format!("asking the agent of {}", machine.name), &options) {
            Ok(answer) => Ok(Some(answer)),
            Err(error) if error.meaning() == Some(Meaning::Unreachable) => Err(error.into()),
            Err(_) => Ok(None),
        }
    }
}

/// What was to go is gone, by us or by somebody else.
fn gone(done: Result<String, super::virsh::VirshError>) -> Result<(), Failure> {
    match done {
        Ok(_) => Ok(()),
        Err(error) if matches!(error.meaning(), Some(Meaning::UnknownMachine | Meaning::Inactive)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Refuses a name that libvirt would not take for one, or would take for another machine's number.
pub(crate) fn refuse_name(name: &str) -> Result<(), Failure> {
    let is_sound = !name.is_empty()
        && !name.starts_with(['-', '.'])
        && !name.contains(['/', '\\'])
        && !name.chars().any(char::is_control)
        && name.trim() == name
        && !name.bytes().all(|byte| byte.is_ascii_digit());
    if is_sound {
        return Ok(());
    }
    Err(wording::unfit_name(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_could_be_taken_for_something_else_is_refused() {
        for name in ["web", "web 2", "größe", "7up", "a.b_c-d"] {
            assert!(refuse_name(name).is_ok(), "{name}");
        }
        for name in ["", "7", "-a", ".a", "a/b", "a\\u{1b}b", "a\nb", " a", "a "] {
            assert!(refuse_name(name).is_err(), "{name}");
        }
    }
}
