//! Will what we start outlive the logout?
//!
//! Two things end processes when a person logs out (logind.conf(5), `loginctl`(1), systemd-run(1)):
//!
//! - With `KillUserProcesses=yes` logind ends everything in the scope of that login session. Lingering does not help
//!   what is in the scope; being elsewhere does.
//! - Ten seconds after the *last* session of a user is gone, the user's manager (`user@UID.service`) is stopped with all
//!   that lives under it, unless the user lingers. What `systemd-run --user --scope` starts lives there.
//!
//! So a scope of its own helps in the one case and harms in the other: without lingering, and where logind ends
//! nothing, a process is safer in the abandoned session. Root needs no lingering, since it may ask for a scope of the
//! system. Promises: the verdict is a pure function of [`Facts`]; looking never hangs. Never: changes anything.

mod facts;
mod logind;
mod reboot;
mod small;
#[cfg(test)]
mod tests;

pub(super) use facts::on_path;
pub use facts::{Facts, Place, UserManager, gather};
pub use reboot::AfterReboot;
pub(super) use reboot::{Sessions, after_reboot};

use std::ffi::OsString;

/// What a logout does to what we start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AfterLogout {
    /// Nothing, however it is started.
    Safe,
    /// Nothing, if it is started behind [`scope_prefix`]; else it ends.
    InScope,
    /// It ends.
    Killed {
        /// At which logout.
        when: Logout,
        /// What a person can do about it: a command. What runs already stays where it is; the fix is for what is
        /// started afterwards.
        fix: String,
    },
}

/// A logout of the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Logout {
    /// From this login session.
    This,
    /// From the last of the user's sessions; so long as another one is open, nothing ends.
    Last,
}

/// What a logout does to what a process in this place starts, behind [`scope_prefix`] where there is one.
pub fn after_logout(facts: &Facts) -> AfterLogout {
    let own_scope = scope_prefix(facts).is_some();
    let linger = || linger(facts);
    match facts.place {
        Place::Elsewhere => AfterLogout::Safe,
        Place::Session if !facts.logout_ends_session => AfterLogout::Safe,
        Place::Session | Place::UserManager if own_scope && facts.system_scopes => AfterLogout::InScope,
        Place::Session if own_scope && facts.lingers => AfterLogout::InScope,
        Place::UserManager if facts.lingers => AfterLogout::Safe,
        Place::UserManager => AfterLogout::Killed { when: Logout::Last, fix: linger() },
        Place::Session if own_scope => AfterLogout::Killed { when: Logout::Last, fix: linger() },
        Place::Session => {
            let manager = format!("systemctl start user@{}.service", facts.uid);
            let fix = match (&facts.systemd_run, facts.lingers) {
                (Some(_), false) => linger(),
                (Some(_), true) => manager,
                (None, true) => "put systemd-run (of the package systemd) on the PATH".to_owned(),
                (None, false) => format!("put systemd-run (of the package systemd) on the PATH, then: {}", linger()),
            };
            AfterLogout::Killed { when: Logout::This, fix }
        }
    }
}

/// The command that lets this user's services outlive the last logout, and start with the machine.
pub(super) fn linger(facts: &Facts) -> String {
    format!("loginctl enable-linger {}", facts.user.clone().unwrap_or_else(|| facts.uid.to_string()))
}

/// What to put before a command so that it lives in a scope of its own, where it is better off there. `None` where it
/// is better off beside us, or where no scope can be had.
///
/// The words become the command itself, so the process keeps the id that it was started with. They fail, with nothing
/// started, when the manager does not answer: then the command is better started without them than not at all.
pub fn scope_prefix(facts: &Facts) -> Option<Vec<OsString>> {
    let program = facts.systemd_run.as_ref()?;
    let needs_scope = match facts.place {
        Place::Elsewhere => false,
        Place::Session => facts.logout_ends_session,
        // Not for the sake of the logout: a terminal that is closed may take its own scope with it.
        Place::UserManager => true,
    };
    if !needs_scope {
        return None;
    }
    let mut words: Vec<OsString> = Vec::new();
    if facts.system_scopes {
        words.push(program.into());
    } else {
        if let UserManager::AtUsualPlace(directory) = facts.user_manager.as_ref()? {
            let mut variable = OsString::from("XDG_RUNTIME_DIR=");
            variable.push(directory);
            words.extend(["env".into(), variable]);
        }
        words.extend([program.into(), "--user".into()]);
    }
    // Quiet, for the first line of the command is read; collected, so that a failed one leaves no unit behind.
    words.extend(["--scope", "--quiet", "--collect", "--"].map(OsString::from));
    Some(words)
}
