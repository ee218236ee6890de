//! What a setting of a cluster is, asked of the server program itself (`postgres -C`).

use crate::{
    domain::Failure,
    postgres::{
        account::Account,
        binaries::Binaries,
        server::{classify, log},
    },
};
use std::{
    ffi::OsString,
    os::unix::{ffi::OsStringExt, process::ExitStatusExt},
    path::Path,
};

/// The value of a setting as the server would see it: text as it is, a number in the setting's own unit.
pub fn value(data: &Path, account: &Account, binaries: &Binaries, name: &str) -> Result<OsString, Failure> {
    let mut command = account.command(binaries.postgres());
    command.arg("-D").arg(data).args(["-c", "lc_messages=C", "-C", name]);
    let output = account.output(&mut command);
    let output = output.map_err(|e| classify::of_io(&format!("running {}", binaries.postgres().display()), &e))?;
    if output.status.success() {
        let mut value = output.stdout;
        value.pop_if(|last| *last == b'\n');
        return Ok(OsString::from_vec(value));
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let line = said.lines().find(|line| line.contains("FATAL:")).or(said.lines().next()).unwrap_or_default();
    let text = log::mask(line.split_once("FATAL:").map_or(line, |(_, text)| text).trim());
    let text = format!("the settings of the restored cluster cannot be read: {text}");
    // Without an exit status a signal ended it: somebody's, or the kernel's for want of memory.
    let end = output.status.code().map_or_else(
        || classify::ServerEnd::Signalled(output.status.signal().unwrap_or_default()),
        classify::ServerEnd::Exited,
    );
    Err(classify::failure(end, Some(("", &text))))
}
