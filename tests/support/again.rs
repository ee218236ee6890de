//! A test that starts itself again: as another user, or in a mount namespace of its own.

use super::place;
use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Set where the test runs for the second time.
const INSIDE: &str = "HOWDAH_TEST_INSIDE";

/// Where howdah is then, for a user who may not pass through the directory that it was built in.
const PROGRAM: &str = "HOWDAH_TEST_PROGRAM";

/// Makes the device of FUSE as udev does; containers often have it for root alone.
pub(crate) const DEVICE_FOR_ALL: &str = "mknod fuse c 10 229 && chmod 666 fuse && mount --bind fuse /dev/fuse";

/// Runs a test of this binary again, as another user or not, after a script has prepared a mount namespace.
pub(crate) fn again(test: &str, prepare: &str, user: Option<&str>) {
    let home = place::scratch("again");
    let copies = [env::current_exe().unwrap(), PathBuf::from(env!("CARGO_BIN_EXE_howdah"))].map(|program| {
        let copy = home.join(program.file_name().unwrap());
        fs::copy(&program, &copy).unwrap();
        copy
    });
    let script = format!("cd '{}' && {prepare} && shift && exec \"$@\"", home.display());
    let mut command = Command::new("unshare");
    command.args(["--mount", "bash", "-ec", &script, "bash", "--"]);
    if let Some(user) = user {
        command.args(["runuser", "-u", user, "--"]);
    }
    command.arg(&copies[0]).args(["--exact", test, "--nocapture"]).env(INSIDE, "1").env(PROGRAM, &copies[1]);
    let output = command.output().unwrap();
    let words = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words}");
    assert!(words.contains("1 passed"), "{words}");
}

/// Whether this is the second time.
pub(crate) fn is_inside() -> bool {
    env::var_os(INSIDE).is_some()
}

/// The howdah of these tests.
pub(crate) fn program() -> OsString {
    env::var_os(PROGRAM).unwrap_or_else(|| Path::new(env!("CARGO_BIN_EXE_howdah")).into())
}
