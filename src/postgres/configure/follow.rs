//! The settings that make a configured copy the standby of one primary.
//!
//! Promises: a standby streams from that primary through that slot, and does nothing else to it: it holds back no vacuum
//! there, and is not promoted by a file of its source. Never: writes a password; libpq finds one, or the passfile that is
//! named has it.

use super::{
    DataDirectory, MAX_LEN,
    block::{Setting, setting, with_in_block},
};
use crate::{
    domain::{Failure, MajorVersion},
    postgres::{account::Account, server::classify},
};
use std::{
    ffi::OsString,
    io,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::Path,
};

const AUTO: &str = "postgresql.auto.conf";

/// The file that makes a server a standby (`STANDBY_SIGNAL_FILE` in `xlog.h`).
const SIGNAL: &str = "standby.signal";

/// The last version that is promoted by a file.
const LAST_WITH_TRIGGER: MajorVersion = MajorVersion(15);

/// The settings that end recovery somewhere.
pub(super) const TARGETS: [&str; 5] =
    ["recovery_target", "recovery_target_lsn", "recovery_target_name", "recovery_target_time", "recovery_target_xid"];

/// Who is followed, and how.
#[derive(Debug, Clone, Copy)]
pub struct FollowOptions<'a> {
    /// The data directory, configured as a copy.
    pub data: &'a Path,
    /// Who owns it.
    pub account: &'a Account,
    /// Its version.
    pub version: MajorVersion,
    /// How the primary is reached, without a password.
    pub conninfo: &'a str,
    /// The file that libpq finds the password in; its usual one when `None`.
    pub passfile: Option<&'a Path>,
    /// The physical slot, and the name under which the standby shows itself.
    pub slot: &'a str,
}

/// Makes the copy a standby. May be done again.
pub fn follow(options: &FollowOptions<'_>) -> Result<(), Failure> {
    let follow = || -> io::Result<()> {
        let (place, owner) = (DataDirectory::open(options.data)?, options.account.owner());
        let old = place.read(AUTO, MAX_LEN)?.unwrap_or_default();
        let new = with_in_block(&old, &settings(options));
        if new != old {
            place.replace(AUTO, &new, owner)?;
        }
        place.replace(SIGNAL, b"", owner)
    };
    follow().map_err(|e| classify::of_io(&format!("making {} a standby", options.data.display()), &e))
}

fn settings(options: &FollowOptions<'_>) -> Vec<Setting> {
    // The last of two counts (libpq, `conninfo_parse`).
    let mut conninfo = OsString::from(options.conninfo);
    if let Some(passfile) = options.passfile {
        conninfo.push(" passfile='");
        conninfo.push(escaped(passfile));
        conninfo.push("'");
    }
    conninfo.push(" application_name=");
    conninfo.push(options.slot);
    let mut settings = vec![
        setting("primary_conninfo", conninfo),
        setting("primary_slot_name", options.slot),
        setting("hot_standby", "on"),
        // It would hold back the primary's vacuum for as long as somebody reads here.
        setting("hot_standby_feedback", "off"),
        setting("recovery_min_apply_delay", "0"),
        setting("recovery_target_timeline", "latest"),
    ];
    // A goal that the source had would end the following.
    settings.extend(TARGETS.map(|name| setting(name, "")));
    if options.version <= LAST_WITH_TRIGGER {
        settings.push(setting("promote_trigger_file", ""));
    }
    settings
}

/// A path inside the quotes of a connection string, where a backslash makes the next byte an ordinary one.
fn escaped(path: &Path) -> OsString {
    let mut bytes = Vec::new();
    for byte in path.as_os_str().as_bytes() {
        if matches!(byte, b'\\' | b'\'') {
            bytes.push(b'\\');
        }
        bytes.push(*byte);
    }
    OsString::from_vec(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::{super::with_block, *};

    #[test]
    fn s13_a_standby_follows_its_primary_alone_and_no_password_is_written() {
        let place = tempfile::tempdir().unwrap();
        let account = Account::own().unwrap();
        let copy = with_block(b"", &[setting("primary_conninfo", ""), setting("archive_mode", "off")]);
        std::fs::write(place.path().join(AUTO), copy).unwrap();
        let options = FollowOptions {
            data: place.path(),
            account: &account,
            version: MajorVersion(15),
            conninfo: "host=db1 user=r",
            passfile: Some(Path::new("/srv/it's")),
            slot: "shop",
        };
        follow(&options).unwrap();
        follow(&options).unwrap();
        let text = std::fs::read_to_string(place.path().join(AUTO)).unwrap();
        for (line, count) in [
            (r"primary_conninfo = 'host=db1 user=r passfile=''/srv/it\\''s'' application_name=shop'", 1),
            ("primary_slot_name = 'shop'", 1),
            ("primary_conninfo", 1),
            ("archive_mode = 'off'", 1),
            ("hot_standby_feedback = 'off'", 1),
            ("promote_trigger_file = ''", 1),
            ("recovery_target_time = ''", 1),
        ] {
            assert_eq!(text.matches(line).count(), count, "{line}: {text}");
        }
        assert!(place.path().join(SIGNAL).is_file());
        let conninfo = r"host='/srv/my sockets' user='o\'hara'";
        follow(&FollowOptions { conninfo, passfile: None, ..options }).unwrap();
        let text = std::fs::read_to_string(place.path().join(AUTO)).unwrap();
        assert!(text.contains(r"'host=''/srv/my sockets'' user=''o\\''hara'' application_name=shop'"), "{text}");
        follow(&FollowOptions { version: MajorVersion(16), passfile: None, ..options }).unwrap();
        let text = std::fs::read_to_string(place.path().join(AUTO)).unwrap();
        assert!(text.contains("'host=db1 user=r application_name=shop'"), "{text}");
    }
}
