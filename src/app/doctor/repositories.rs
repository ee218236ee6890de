//! The repositories: whether each can be read, and what it holds. Nothing is unpacked, and no backup is read whole.

use crate::{
    catalog::{self, Access, RepositoryPath},
    cli::doctor::{Finding, Fix},
    domain::{
        path_text::{quoted, shown},
        quantity::many,
    },
};
use std::{fs, path::Path, sync::Arc};

const CHECK: &str = "repository";

/// What is said when there is none.
pub(super) fn none() -> Finding {
    let fix = "to show backups of your own: howdah --repo DIR, or repositories = [\"DIR\"] in howdah.toml";
    Finding::ok(CHECK, "none is named; the console shows a sample").with(Fix::Do(fix.to_owned()))
}

pub(super) fn check(path: &Path, access: &Arc<Access>) -> Finding {
    let catalog = catalog::read(&[RepositoryPath::own(path).with(Arc::clone(access))]);
    let restorable = catalog.rows().filter(|(_, row)| row.is_restorable()).count();
    let unreadable = catalog.rows().count() - restorable;
    let instances = catalog.instances.iter().filter(|instance| instance.newest_row().is_some()).count();
    let problem = catalog.repositories.iter().find_map(|repository| repository.problem.as_deref());
    if let Some(problem) = problem {
        let fix = "make it readable for this user, or name another: --repo DIR, repositories in howdah.toml";
        // A directory that stands and can be read may yet be filled.
        let finding = if fs::read_dir(path).is_ok() { Finding::warning } else { Finding::error };
        return finding(CHECK, problem, Fix::Do(fix.to_owned()));
    }
    let number = |count: usize, word: &str| many(count as u64, word);
    let mut found =
        format!("{}: {} of {}", shown(path), number(restorable, "restore point"), number(instances, "instance"));
    if unreadable > 0 {
        found = format!("{found}; {} cannot be restored", number(unreadable, "backup"));
        // The list says for each of them why, and what to do.
        return Finding::warning(CHECK, &found, Fix::Run(format!("howdah backup list --repo {}", quoted(path))));
    }
    Finding::ok(CHECK, &found)
}
