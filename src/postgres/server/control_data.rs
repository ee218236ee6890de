//! What `pg_controldata` has to say of a data directory.
//!
//! Promises: the program runs as the account, with a bare environment. Never: reads `pg_control` itself; its form differs
//! between versions.

use super::classify;
use crate::{
    domain::Failure,
    postgres::{account::Account, binaries::Binaries},
};
use std::path::Path;

/// What `pg_controldata` prints of a data directory, in English.
pub fn control_data(data: &Path, account: &Account, binaries: &Binaries) -> Result<String, Failure> {
    let program = binaries.directory().join("pg_controldata");
    let output = account.output(account.command(&program).arg("-D").arg(data));
    let output = output.map_err(|e| classify::of_io(&format!("running {}", program.display()), &e))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    Err(Failure::incurable(
        format!("pg_control of {} cannot be read: {}", data.display(), stderr.lines().next().unwrap_or_default()),
        "restore from another restore point",
    ))
}
