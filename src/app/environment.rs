//! Variables of the environment that are set in this shell, and that the owner of the sessions does not have.
//!
//! Workers get them from the owner, which may have been started elsewhere and long ago. Never: looks at a value.

use crate::domain::{environment::VariablePattern, instance::printable_name};
use std::{
    collections::BTreeSet,
    ffi::{OsStr, OsString},
    fs::{self, File, TryLockError},
    io::Read,
    os::unix::ffi::OsStrExt,
    path::Path,
};

/// An owner in another process, and what it lacks.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Lacking {
    /// The owner.
    pub(super) owner: u32,
    /// The names, printable.
    pub(super) names: Vec<String>,
}

/// What the owner of this state directory lacks of those that the settings name; `None` where there is no other owner,
/// it lacks nothing, or its environment may not be read.
pub(super) fn lacking(state: &Path, patterns: &[VariablePattern]) -> Option<Lacking> {
    let here: BTreeSet<OsString> = wanted(std::env::vars_os().map(|(name, _)| name), patterns);
    if here.is_empty() {
        return None;
    }
    let owner = owner(state).filter(|owner| *owner != std::process::id())?;
    let environment = fs::read(format!("/proc/{owner}/environ")).ok()?;
    let theirs = wanted(names(&environment), patterns);
    let names: Vec<String> = here.difference(&theirs).map(|name| printable_name(name)).collect();
    (!names.is_empty()).then_some(Lacking { owner, names })
}

/// The names that the settings mean.
pub(super) fn wanted(names: impl Iterator<Item = OsString>, patterns: &[VariablePattern]) -> BTreeSet<OsString> {
    names.filter(|name| patterns.iter().any(|pattern| pattern.matches(name))).collect()
}

/// What libpq reads of the environment about a server and how it is reached (PostgreSQL's manual, "Environment Variables"
/// of libpq).
const LIBPQ: [&str; 17] = [
    "PGCHANNELBINDING",
    "PGGSSENCMODE",
    "PGHOST",
    "PGHOSTADDR",
    "PGOPTIONS",
    "PGPASSFILE",
    "PGPASSWORD",
    "PGPORT",
    "PGREQUIREAUTH",
    "PGSERVICE",
    "PGSERVICEFILE",
    "PGSSLCERT",
    "PGSSLCRL",
    "PGSSLKEY",
    "PGSSLMODE",
    "PGSSLROOTCERT",
    "PGUSER",
];

/// A sentence on those of them that are set among these and that no worker gets: a server that is reached from here may
/// not be reached by the backup of it.
pub(super) fn of_shell_alone(names: impl Iterator<Item = OsString>, patterns: &[VariablePattern]) -> Option<String> {
    let set: BTreeSet<OsString> = names.filter(|name| LIBPQ.iter().any(|known| name == known)).collect();
    let given = wanted(set.iter().cloned(), patterns);
    let alone: Vec<String> = set.difference(&given).map(|name| printable_name(name)).collect();
    let (is, them) = if alone.len() == 1 { ("is", "it") } else { ("are", "them") };
    (!alone.is_empty()).then(|| {
        format!(
            "{} {is} set in this shell alone, a backup runs without {them}: say it in the job (conninfo, passfile, \
             password_command), or name {them} under [worker] environment",
            alone.join(", ")
        )
    })
}

impl Lacking {
    /// The sentence, and what to do about it.
    pub(super) fn sentence(&self) -> (String, String) {
        let Self { owner, names } = self;
        let (it, have) = if names.len() == 1 { ("it", "is set here") } else { ("them", "are set here") };
        (
            format!(
                "the owner of the sessions (process {owner}) does not have {}, which {have}: its workers run without {it}",
                names.join(", ")
            ),
            format!("kill -TERM {owner}"),
        )
    }
}

/// The process that has the lock, by the number that an owner writes into it.
fn owner(state: &Path) -> Option<u32> {
    let mut lock = File::open(state.join(super::ownership::LOCK)).ok()?;
    if !matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)) {
        return None;
    }
    let mut number = String::new();
    // Ten digits are the most.
    lock.by_ref().take(16).read_to_string(&mut number).ok()?;
    number.trim().parse().ok()
}

/// The names in proc(5)'s `/proc/<pid>/environ`.
fn names(environment: &[u8]) -> impl Iterator<Item = OsString> {
    let name =
        |entry: &[u8]| OsStr::from_bytes(entry.split(|byte| *byte == b'=').next().unwrap_or_default()).to_owned();
    environment.split(|byte| *byte == 0).map(name)
}
