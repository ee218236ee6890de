//! How `pg_basebackup` is called, and what it says while it works.
//!
//! Promises: all that it is told is here, in one place; nothing it writes is synced or removed by itself, since whoever
//! called it does that.

use super::Client;
use crate::domain::{Compression, Failure, MajorVersion, Rate};
use std::{path::Path, process::Command};

/// The program.
pub const PROGRAM: &str = "pg_basebackup";

/// The limits of `--max-rate` (32 kB to 1 GB a second), in its units of 1,024 bytes.
const MIN_RATE: u64 = 32;
const MAX_RATE: u64 = 1 << 20;

/// The first version that packs with anything but gzip, and takes `--compress` with a method.
const COMPRESSES: MajorVersion = MajorVersion(15);

/// What is asked of it.
#[derive(Debug, Clone)]
pub struct BaseBackupOptions<'a> {
    /// The directory that takes the backup: there, and empty.
    pub directory: &'a Path,
    /// Archives, and how they are packed; a plain directory when `None`.
    pub tar: Option<Compression>,
    /// The manifest's checksum algorithm.
    pub checksums: &'a str,
    /// A slot that is there; a temporary one when `None`.
    pub slot: Option<&'a str>,
    /// The most bytes a second.
    pub max_rate: Option<Rate>,
    /// How its connections show themselves.
    pub application_name: &'a str,
    /// The version of the program.
    pub version: MajorVersion,
}

/// The bytes that it has received, and how many the server thinks there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// So far.
    pub bytes: u64,
    /// In all; the server may have grown meanwhile.
    pub total: u64,
}

impl Client {
    /// The command of a backup.
    pub fn base_backup(&self, options: &BaseBackupOptions<'_>) -> Result<Command, Failure> {
        let mut command = self.command(PROGRAM, options.application_name, "");
        command.arg("--pgdata").arg(options.directory);
        command.args([
            "--wal-method=stream",
            "--checkpoint=fast",
            "--progress",
            "--verbose",
            "--no-sync",
            "--no-clean",
        ]);
        command.arg(format!("--manifest-checksums={}", options.checksums));
        command.arg(format!("--label=howdah {}", options.application_name));
        match options.tar {
            None => command.arg("--format=plain"),
            Some(packed) => command.arg("--format=tar").args(compress(packed, options.version)?),
        };
        if let Some(slot) = options.slot {
            command.arg(format!("--slot={slot}"));
        }
        if let Some(rate) = options.max_rate {
            command.arg(format!("--max-rate={}", max_rate(rate)?));
        }
        Ok(command)
    }
}

/// Packed by the client: what the server does beside its own work is as little as can be.
fn compress(packed: Compression, version: MajorVersion) -> Result<Option<String>, Failure> {
    Ok(match packed {
        Compression::None => None,
        Compression::Gzip if version < COMPRESSES => Some("--gzip".to_owned()),
        Compression::Gzip | Compression::Lz4 | Compression::Zstd if version >= COMPRESSES => {
            Some(format!("--compress=client-{packed}"))
        }
        Compression::Gzip | Compression::Lz4 | Compression::Zstd => {
            return Err(Failure::incurable(
                format!("{PROGRAM} {version} does not know the compression {packed}"),
                "choose gzip, or install newer programs",
            ));
        }
    })
}

fn max_rate(rate: Rate) -> Result<u64, Failure> {
    let kilobytes = rate.bytes() / 1024;
    if kilobytes < MIN_RATE {
        let cause = format!("the rate {rate} is less than the 32 KiB/s that {PROGRAM} can hold");
        return Err(Failure::incurable(cause, "choose a higher one"));
    }
    // Faster than the highest limit is no limit that anybody would notice.
    Ok(kilobytes.min(MAX_RATE))
}

/// A line of its `--progress`, such as `  16384/23456 kB (69%), 0/1 tablespace`; `None` for any other.
pub fn progress(line: &str) -> Option<Received> {
    let (done, rest) = line.trim_start().split_once('/')?;
    let (total, _) = rest.split_once(" kB (")?;
    let kilobytes = |text: &str| text.parse::<u64>().ok()?.checked_mul(1024);
    Some(Received { bytes: kilobytes(done)?, total: kilobytes(total)? })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use crate::{domain::PasswordSource, postgres::account::Account};

    fn words(options: &BaseBackupOptions<'_>) -> Result<String, Failure> {
        let account = Account::own().unwrap();
        let client = Client::new(Path::new("/p"), &account, "host=a", &PasswordSource::None, &[]).unwrap();
        let command = client.base_backup(options)?;
        Ok(command.get_args().map(|word| word.to_str().unwrap().to_owned()).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn what_is_wished_is_what_it_is_told() {
        let plain = BaseBackupOptions {
            directory: Path::new("/d"),
            tar: None,
            checksums: "SHA256",
            slot: None,
            max_rate: None,
            application_name: "howdah-x",
            version: MajorVersion(15),
        };
        let said = words(&plain).unwrap();
        for wanted in ["--format=plain", "--manifest-checksums=SHA256", "--pgdata /d", "--no-password", "--no-clean"] {
            assert!(said.contains(wanted), "{said}");
        }
        assert!(!said.contains("--slot") && !said.contains("--max-rate"), "{said}");
        let more = BaseBackupOptions {
            tar: Some(Compression::Zstd),
            slot: Some("s"),
            max_rate: Rate::per_second(1 << 20),
            ..plain.clone()
        };
        let said = words(&more).unwrap();
        for wanted in ["--format=tar --compress=client-zstd", "--slot=s", "--max-rate=1024"] {
            assert!(said.contains(wanted), "{said}");
        }
        let old = BaseBackupOptions { version: MajorVersion(14), ..more };
        assert!(words(&old).unwrap_err().cause.contains("zstd"));
        assert!(words(&BaseBackupOptions { tar: Some(Compression::Gzip), ..old }).unwrap().contains("--gzip"));
        let slow = BaseBackupOptions { max_rate: Rate::per_second(1000), ..plain };
        assert!(words(&slow).unwrap_err().cause.contains("32 KiB/s"));
    }

    #[test]
    fn progress_is_read_and_nothing_else_is_taken_for_it() {
        let read = Some(Received { bytes: 16384 * 1024, total: 23456 * 1024 });
        assert_eq!(progress("  16384/23456 kB (69%), 0/1 tablespace (/x/base.tar       )"), read);
        for line in [
            "",
            "pg_basebackup: checkpoint completed",
            "a/b kB (1%)",
            "1/2",
            "-1/2 kB (3%)",
            "1/99999999999999999999 kB (",
        ] {
            assert_eq!(progress(line), None, "{line}");
        }
    }
}
