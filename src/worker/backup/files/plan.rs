//! What a backup of a tree is going to do, and why it cannot: found before anything is written.

use super::{
    super::{Subject, repository as points, rights},
    Wanted, folder,
    note::RunNote,
    repository::{self, RepositoryState},
    tree,
    tree::Tree,
    wanted,
};
use crate::{
    domain::{
        BackupPlan, ByteCount, Failure,
        instance::{printable, printable_name},
        workload::short_id,
    },
    engine::watched::watched,
    postgres::account::Account,
    restic::{Restic, Version},
};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// A plan, and what was found for it.
pub(super) struct Planned {
    pub(super) plan: BackupPlan,
    pub(super) restic: Restic,
    pub(super) state: RepositoryState,
}

/// Looks and decides; writes nothing. `runs` are what the session has started before.
pub(super) fn plan(subject: &Subject<'_>, account: &Account, runs: &[RunNote]) -> Result<Planned, Failure> {
    let (order, settings) = (subject.order, subject.settings);
    let (wanted, folder) = (wanted(order)?, folder(order)?);
    let restic = Restic::new(account, settings, &folder, wanted.password_file);
    let version = restic.version()?;
    let mut warnings: Vec<String> = look_at_password_file(wanted.password_file)?.into_iter().collect();
    let tree = tree::look(wanted.path, settings.stall_timeout)?;
    let room = room(&folder, wanted.path, settings.stall_timeout)?;
    rights::refuse_unwritable(account, &folder, &room.nearest)?;
    let state = repository::look(&restic, runs)?;
    if tree.unreadable > 0 {
        let first = tree.first_unreadable.as_deref().map(|path| printable_name(path.as_os_str())).unwrap_or_default();
        let name = account.name();
        warnings.push(format!("{name} may not read {} entries of the tree, first {first}", tree.unreadable));
    }
    if tree.bytes > room.free_bytes {
        let free = room.free_bytes;
        warnings.push(format!("the tree has {}, and {free} are free: only what is new in it has to fit", tree.bytes));
    }
    let plan = BackupPlan {
        directory: folder.clone(),
        bytes: tree.bytes,
        files: tree.files,
        free_bytes: room.free_bytes,
        free_inodes: room.free_inodes,
        method: method(&wanted, &state, version, &tree, order.max_rate.map(|rate| rate.to_string())),
        version: None,
        system_identifier: None,
        warnings,
        keep: None,
    };
    Ok(Planned { plan, restic, state })
}

fn method(
    wanted: &Wanted<'_>,
    state: &RepositoryState,
    version: Version,
    tree: &Tree,
    rate: Option<String>,
) -> Vec<String> {
    let mut method = vec![match state {
        RepositoryState::There { id } => format!("restic {version} into the repository {}", short_id(id)),
        RepositoryState::Missing => format!("restic {version} into a new repository, which is made first"),
    }];
    let path = printable_name(wanted.path.as_os_str());
    method.push(format!("reads {path}, {} in all; what the repository has already is not stored again", tree.bytes));
    if !wanted.exclude.is_empty() {
        let patterns: Vec<String> = wanted.exclude.iter().map(|pattern| printable(pattern)).collect();
        method.push(format!("leaves out {}, which these figures hold still", patterns.join(", ")));
    }
    method.extend(rate.map(|rate| format!("stores at most {rate}")));
    method
}

/// The room for a repository.
struct Room {
    /// Its directory, or the nearest one above it that is there.
    nearest: PathBuf,
    free_bytes: ByteCount,
    free_inodes: Option<u64>,
}

fn room(folder: &Path, tree: &Path, stall: std::time::Duration) -> Result<Room, Failure> {
    let (folder, tree) = (folder.to_owned(), tree.to_owned());
    watched(&folder.display().to_string(), stall, move |_| {
        let nearest = folder.ancestors().find(|path| path.is_dir()).unwrap_or(&folder).to_owned();
        let real = nearest.canonicalize().map_err(|error| points::failure("looking at", &nearest, &error))?;
        if tree.canonicalize().is_ok_and(|tree| real.starts_with(tree)) {
            return Err(Failure::incurable(
                format!("the repository {} is in the tree: it would be backed up into itself", folder.display()),
                "choose another repository, or name the directories beside it one by one",
            ));
        }
        let about =
            rustix::fs::statvfs(&real).map_err(|error| points::failure("looking at", &nearest, &error.into()))?;
        Ok(Room {
            nearest,
            free_bytes: ByteCount(about.f_bavail.saturating_mul(about.f_frsize)),
            // File systems without a table of inodes report none at all.
            free_inodes: (about.f_files > 0).then_some(about.f_favail),
        })
    })
}

/// Whether it is a file with something in it; a warning where others may read it, too.
fn look_at_password_file(path: &Path) -> Result<Option<String>, Failure> {
    let shown = printable_name(path.as_os_str());
    let refuse = |why: &str| {
        let advice = "name a file that this user may read and that holds the password in one line";
        Err(Failure::incurable(format!("password_file {shown} {why}"), advice))
    };
    match fs::metadata(path) {
        Ok(about) if !about.is_file() => refuse("is no file"),
        Ok(about) if about.len() == 0 => refuse("is empty"),
        Ok(about) => match fs::File::open(path) {
            Err(error) => refuse(&format!("cannot be read: {error}")),
            Ok(_) => Ok((about.permissions().mode() & 0o077 != 0)
                .then(|| format!("others may read the password in {shown}: chmod 600 ends that"))),
        },
        Err(error) => refuse(&format!("cannot be read: {error}")),
    }
}
