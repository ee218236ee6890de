//! The options of a restore, which `howdah restore` and `howdah session start` share.

use super::recovery_options::{RecoveryOptions, RecoveryWish};
use crate::domain::{AtTarget, Port, Rate, Timestamp, Zones, instance::printable_name};
use clap::{
    Args,
    builder::{OsStringValueParser, TypedValueParser},
};
use std::{ffi::OsStr, os::unix::ffi::OsStrExt, path::PathBuf, time::Duration};

/// How an instance is restored.
#[derive(Debug, Clone, Args)]
pub struct RestoreOptions {
    /// The directory to restore into
    #[arg(long, value_name = "DIR")]
    pub to: Option<PathBuf>,
    /// The restore point by its label or its path, as `howdah backup list` shows them [default: the newest]
    #[arg(long, value_name = "LABEL|PATH")]
    pub point: Option<String>,
    /// The port of the restored server [default: the first free one from 5433]
    #[arg(long, value_name = "N")]
    pub port: Option<Port>,
    /// Send a tablespace to a directory of its own; may be given more than once
    #[arg(long, value_name = "OID=DIR", value_parser = OsStringValueParser::new().try_map(|given| tablespace(&given)))]
    pub tablespace: Vec<(u32, PathBuf)>,
    /// Restore and verify the files only; a virtual machine is defined and not started
    #[arg(long, conflicts_with = "stop_after_probe")]
    pub no_start: bool,
    /// Restore the files though the backup lacks WAL without which no server can start on them
    #[arg(long)]
    pub without_wal: bool,
    /// Stop the server again after it has answered a query
    #[arg(long)]
    pub stop_after_probe: bool,
    /// Read at most so many bytes a second from the backup, such as 100M
    #[arg(long, value_name = "R")]
    pub max_rate: Option<Rate>,
    /// Rename data that stands at the target; its directory name must be typed here
    #[arg(long, value_name = "NAME")]
    pub set_aside: Option<String>,
    /// How far recovery goes.
    #[command(flatten)]
    pub recovery: RecoveryOptions,
    /// What only other workloads than instances have.
    #[command(flatten)]
    pub of: WorkloadOptions,
    /// How often to try again after a disruption [default: 10]
    #[arg(long, value_name = "N")]
    pub tries: Option<u32>,
    /// How long to wait before each try, such as 30s [default: 5m]
    #[arg(long, value_name = "SPAN", value_parser = span)]
    pub every: Option<Duration>,
}

/// How what is no instance is restored.
#[derive(Debug, Clone, Args)]
pub struct WorkloadOptions {
    /// The new name of a virtual machine [default: the name of its directory, and -restored]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// The libvirt connection of a virtual machine [default: that of its job, else qemu:///system]
    #[arg(long, value_name = "URI")]
    pub connect: Option<String>,
    /// Connect the network interfaces of a virtual machine: its source may have the same addresses
    #[arg(long)]
    pub network: bool,
    /// Only this path of a tree of files; may be given more than once
    #[arg(long, value_name = "PATH")]
    pub include: Vec<PathBuf>,
}

impl RestoreOptions {
    /// What was asked of recovery.
    ///
    /// # Errors
    ///
    /// Why it cannot be, or not with the other options: a printable clause.
    pub fn wish(&self, now: Timestamp, zones: &Zones) -> Result<RecoveryWish, String> {
        let wish = self.recovery.wish(now, zones)?;
        if !wish.recovery.goes_beyond_backup() {
            return Ok(wish);
        }
        let what = if wish.recovery.standby_of.is_some() { "a standby" } else { "a goal" };
        if self.no_start {
            return Err(format!(
                "--no-start does not go with {what}: without a server nothing is replayed; leave it out, or have the \
                 server shut down once it is there (--at-target shutdown, or --stop-after-probe)"
            ));
        }
        if self.without_wal {
            return Err(format!("--without-wal does not go with {what}: without WAL nothing is replayed"));
        }
        let is_opened = wish.recovery.at_target == AtTarget::Promote && wish.recovery.standby_of.is_none();
        if self.stop_after_probe && !is_opened {
            return Err(
                "--stop-after-probe is for a server that is opened at its goal: leave one of the two out".to_owned()
            );
        }
        Ok(wish)
    }
}

/// Reads a span such as `30s`, for clap.
pub fn span(text: &str) -> Result<Duration, String> {
    let refuse = || format!("{text:?} is not a time span: write one such as 30s, 5m or 1h 30m");
    let span: jiff::SignedDuration = text.parse().map_err(|_| refuse())?;
    Duration::try_from(span).ok().filter(|span| !span.is_zero()).ok_or_else(refuse)
}

/// Reads a mapping; whether its directory can be one is the target's to judge.
fn tablespace(mapping: &OsStr) -> Result<(u32, PathBuf), String> {
    let refuse = || {
        let mapping = printable_name(mapping);
        format!("\"{mapping}\" is not a mapping: write OID=DIR, such as 16384=/srv/pg/ts")
    };
    let bytes = mapping.as_bytes();
    let at = bytes.iter().position(|byte| *byte == b'=').ok_or_else(refuse)?;
    let oid = str::from_utf8(&bytes[..at]).ok().and_then(|oid| oid.parse().ok()).ok_or_else(refuse)?;
    Ok((oid, PathBuf::from(OsStr::from_bytes(&bytes[at + 1..]))))
}
