//! The file that a console is recorded into, with `--record`.
//!
//! Promises: nothing is overwritten, and only its user may read it.

use crate::{
    cli::recording_options::ConsoleRecording,
    console::live_recording::LiveRecording,
    domain::instance::printable_name,
    manager::Clock,
    recording::{Header, ScreenSize, Version},
};
use std::{
    fs::{self, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// Begins the recording that is asked for, if any. The error says what to do.
pub(super) fn begin(wanted: &ConsoleRecording, clock: Clock) -> Result<Option<LiveRecording>, String> {
    let Some(path) = &wanted.record else { return Ok(None) };
    let name = printable_name(path.as_os_str());
    let cannot = |error: io::Error| format!("cannot record into {name}: {error}");
    let (columns, rows) = crossterm::terminal::size().map_err(cannot)?;
    let header = Header {
        version: Version::V2,
        size: ScreenSize::new(columns.into(), rows.into()).map_err(|defect| format!("cannot record: {defect}"))?,
        title: None,
        command: Some("howdah".to_owned()),
        timestamp: u64::try_from(clock.now().as_second()).ok(),
        idle_limit: None,
        terminal: std::env::var("TERM").ok(),
    };
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(|error| {
        if error.kind() == io::ErrorKind::AlreadyExists {
            format!("{name} is there already, and no recording is written over: name another file")
        } else {
            cannot(error)
        }
    })?;
    let begun = LiveRecording::begin(file, wanted.format.into(), &header);
    begun.map(Some).map_err(cannot).inspect_err(|_| remove(path))
}

/// Removes a recording in which no screen is.
pub(super) fn discard(wanted: &ConsoleRecording) {
    if let Some(path) = &wanted.record {
        remove(path);
    }
}

/// What stood in the way is said; a file that stays is no harm beside it.
fn remove(path: &Path) {
    fs::remove_file(path).unwrap_or_default();
}

/// A line for the shell: where the recording is, and whether it is whole.
pub(super) fn farewell(wanted: &ConsoleRecording, stopped: Option<&str>) -> Option<String> {
    let name = printable_name(wanted.record.as_ref()?.as_os_str());
    Some(match stopped {
        None => format!("the recording is in {name}; howdah play shows it"),
        Some(reason) => format!("the recording in {name} ends before the screen did: {reason}"),
    })
}
