//! The directory that new restores go to by default.

use super::{
    Env,
    disk::{free_space, may_write, nearest},
};
use crate::{
    cli::doctor::{Finding, Fix},
    domain::path_text::shown,
    postgres::account::{Account, Permission, is_root},
};

const CHECK: &str = "restore-dir";

/// The smallest cluster that initdb makes takes 40 MB and as much WAL: below that nothing at all can be restored.
const ENOUGH_BYTES: u64 = 100 << 20;

/// Its files; each database adds 300.
const ENOUGH_INODES: u64 = 2000;

pub(super) fn check(env: &Env) -> Finding {
    let place = &env.config.restore_dir;
    let elsewhere = || Fix::Do("name another with restore_dir in howdah.toml, or restore with --to DIR".to_owned());
    let error = |found: &str| Finding::error(CHECK, &format!("{} {found}", shown(place)), elsewhere());
    if !place.is_absolute() {
        return error("is not a path from the root on");
    }
    let there = match nearest(place) {
        Ok(there) => there,
        Err(cause) => return error(&format!("cannot be used: {cause}")),
    };
    let stands = there == *place;
    if let Err(cause) = may_write(&there) {
        let what = if stands { "cannot be written to" } else { "cannot be made" };
        return error(&format!("{what}: {}: {cause}", shown(&there)));
    }
    // What does not stand yet is made so that the server's user can pass.
    let user = &env.config.worker.os_user;
    if is_root()
        && let Ok(account) = Account::for_server(user)
        && !account.may(Permission::Enter, &there).unwrap_or(true)
    {
        return error(&format!("cannot be entered by {user}, who runs restored servers: {} is closed", shown(&there)));
    }
    let left = match free_space(&there) {
        Ok(left) => left,
        Err(cause) => return error(&format!("lies on a disk that cannot be asked for room: {cause}")),
    };
    let found = format!("{}{}; {left}", shown(place), if stands { "" } else { " is made when it is needed" });
    if left.is_below(ENOUGH_BYTES, ENOUGH_INODES) {
        return Finding::warning(CHECK, &format!("{found}: too little for any cluster"), elsewhere());
    }
    Finding::ok(CHECK, &found)
}
