//! The `restore_command` of a recovery, which PostgreSQL runs through a shell once for each segment.
//!
//! Promises: a path reaches the program byte for byte, whatever is in it. Never: takes a path with a zero byte, which no
//! path has.
//!
//! Sources: `BuildRestoreCommand` in `xlogarchive.c` (13 to 15) and `replace_percent_placeholders` (from 16): `%%` is a
//! percent sign, `%f` the name that is wanted, `%p` where. POSIX, "Shell Command Language", 2.2.2: in single quotes each
//! character means itself.

use super::ClusterWal;
use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::Path,
    time::Duration,
};

/// Behind `wal fetch`: shows that this program can be executed, and does nothing.
pub const PROBE: &str = "--probe";

/// What it prints then: the form of the command below, by its number. A program that prints it can be
/// called so.
pub const PROBE_ANSWER: &str = "howdah wal fetch 1\n";

/// How `howdah wal fetch` is called.
#[derive(Debug, Clone, Copy)]
pub struct RestoreCommand<'a> {
    /// howdah, as the server's user can execute it.
    pub program: &'a Path,
    /// The archive.
    pub archive: &'a Path,
    /// Whose WAL it must be.
    pub wal: ClusterWal,
    /// The spool; `None` for a server that outlives the attempt.
    pub spool: Option<&'a Path>,
    /// How long the server is held while the archive cannot be reached; `None` for what `fetch` takes by itself.
    pub wait: Option<Duration>,
    /// Whether the server will be in standby mode: it asks again by itself.
    pub standby: bool,
}

impl RestoreCommand<'_> {
    /// The value of the setting. In a file it needs the quotes of a setting besides.
    pub fn value(&self) -> OsString {
        let mut value = Vec::new();
        push(&mut value, self.program.as_os_str());
        value.extend(b" wal fetch --archive ");
        push(&mut value, self.archive.as_os_str());
        value.extend(format!(" --cluster {} --segment-size {}", self.wal.cluster, self.wal.size.bytes()).bytes());
        if let Some(spool) = self.spool {
            value.extend(b" --spool ");
            push(&mut value, spool.as_os_str());
        }
        if let Some(wait) = self.wait {
            value.extend(format!(" --wait {}ms", wait.as_millis()).bytes());
        }
        if self.standby {
            value.extend(b" --standby");
        }
        value.extend(br#" "%f" "%p""#);
        OsString::from_vec(value)
    }
}

/// One word for the shell, in which no percent sign is PostgreSQL's.
fn push(value: &mut Vec<u8>, word: &OsStr) {
    value.push(b'\'');
    for byte in word.as_bytes() {
        match byte {
            b'\'' => value.extend(br"'\''"),
            b'%' => value.extend(b"%%"),
            other => value.push(*other),
        }
    }
    value.push(b'\'');
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use crate::{domain::SystemIdentifier, postgres::wal::SegmentSize};
    use std::process::Command;

    /// What PostgreSQL hands to the shell.
    fn filled_in(value: &OsStr) -> OsString {
        let (mut out, mut bytes) = (Vec::new(), value.as_bytes().iter());
        while let Some(byte) = bytes.next() {
            match (byte, if *byte == b'%' { bytes.next() } else { None }) {
                (b'%', Some(b'f')) => out.extend(b"000000010000000000000002"),
                (b'%', Some(b'p')) => out.extend(b"pg_wal/RECOVERYXLOG"),
                (b'%', Some(b'%')) => out.push(b'%'),
                (b'%', other) => panic!("PostgreSQL 16 refuses a percent sign before {other:?}"),
                (other, _) => out.push(*other),
            }
        }
        OsString::from_vec(out)
    }

    #[test]
    fn each_path_is_one_word_of_the_shell_and_comes_as_it_is() {
        for path in [
            &b"/srv/wal"[..],
            b"/srv/with space/it's \"x\" $HOME `id` \\ %f %p 100% %%",
            "/srv/gr\u{f6}\u{df}e\n* ?".as_bytes(),
            b"/srv/\xff\xfe",
        ] {
            let path = Path::new(OsStr::from_bytes(path));
            let wal = ClusterWal { cluster: SystemIdentifier(u64::MAX), size: SegmentSize::DEFAULT };
            let wait = Some(Duration::from_secs(7));
            let command = RestoreCommand {
                program: Path::new("printf"),
                archive: path,
                wal,
                spool: Some(path),
                wait,
                standby: true,
            };
            // `printf` of its words, each with an end that none of them has.
            let value = filled_in(&command.value()).into_vec();
            let value = [b"printf '%s\\0' ", &value["'printf' ".len()..]].concat();
            let output = Command::new("sh").arg("-c").arg(OsStr::from_bytes(&value)).output().unwrap();
            let words: Vec<&[u8]> = output.stdout.split(|byte| *byte == 0).collect();
            let path = path.as_os_str().as_bytes();
            let expected: [&[u8]; 16] = [
                b"wal",
                b"fetch",
                b"--archive",
                path,
                b"--cluster",
                b"18446744073709551615",
                b"--segment-size",
                b"16777216",
                b"--spool",
                path,
                b"--wait",
                b"7000ms",
                b"--standby",
                b"000000010000000000000002",
                b"pg_wal/RECOVERYXLOG",
                b"",
            ];
            assert_eq!(words, expected, "{}", String::from_utf8_lossy(&value));
        }
        let command = RestoreCommand {
            program: Path::new("/usr/bin/howdah"),
            archive: Path::new("/srv/wal"),
            wal: ClusterWal { cluster: SystemIdentifier(7), size: SegmentSize::DEFAULT },
            spool: None,
            wait: None,
            standby: false,
        };
        let shown =
            "'/usr/bin/howdah' wal fetch --archive '/srv/wal' --cluster 7 --segment-size 16777216 \"%f\" \"%p\"";
        assert_eq!(command.value(), shown);
    }
}
