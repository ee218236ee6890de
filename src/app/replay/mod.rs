//! `howdah report SESSION --cast FILE`: a recording of how the console would have shown a session, from its history.
//!
//! Promises: what happened is read from the journal and the attempts' files, and carried through the machine and the real
//! screen on a clock that shows the moments of then; the same history is the same recording, byte for byte. Never: needs
//! an owner, or writes anything but the recording, over nothing and for its user alone.

mod history;
mod replayed;

use super::demo::paused;
use crate::{
    cli::{
        exit::Exit,
        session::{SessionError, name::SessionSelector, reader::Reader},
        streams::Streams,
    },
    console::{chord::Chord, recorder::Recorder},
    domain::{Kind, KindFilter, SessionId, instance::printable_name},
    manager::Clock,
    recording::{Format, Header, Micros, ScreenSize, Version, Writer},
};
use anyhow::Context as _;
use futures_util::{StreamExt as _, stream};
use history::History;
use replayed::Replayed;
use std::{
    fs::{self, OpenOptions},
    future::ready,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    time::Duration,
};

/// The usual size of a terminal window that somebody has drawn a little larger.
const SIZE: (u64, u64) = (100, 30);

/// So many leaps at most are made through times in which nothing happens, and so often progress is taken from the
/// attempts' files, however long it took: at the pause below these are a minute.
const LEAPS: u32 = 60;

/// No leap is shorter: what took a minute is shown as it was.
const SHORTEST_LEAP: Duration = Duration::from_secs(1);

/// No pause of a player is longer.
const LONGEST_PAUSE: Micros = Micros(500_000);

/// What is to be recorded.
pub(super) struct Wanted<'a> {
    pub(super) state: &'a Path,
    pub(super) session: &'a SessionSelector,
    pub(super) cast: &'a Path,
    pub(super) ascii: bool,
}

/// Makes the recording, and writes it to the file, or to standard output for `-`.
pub(super) fn run(wanted: &Wanted<'_>, streams: &mut Streams<'_>) -> anyhow::Result<Exit> {
    let SessionSelector::One(name) = wanted.session else {
        return Err(SessionError::Usage("--cast records one session: name it, and leave - away".to_owned()).into());
    };
    let mut reader = Reader::open(wanted.state, KindFilter::All).map_err(SessionError::from)?;
    let id = name.resolve(&mut reader)?;
    let history = History::read(&mut reader, id)?;
    let cast = record(history, wanted)?;
    if wanted.cast == Path::new("-") {
        streams.out.write_all(&cast).map_err(SessionError::from)?;
    } else {
        write(wanted.cast, &cast, id)?;
    }
    Ok(Exit::Done)
}

/// The recording as a file of asciicast 2.
fn record(history: History, wanted: &Wanted<'_>) -> anyhow::Result<Vec<u8>> {
    let size = ScreenSize::new(SIZE.0, SIZE.1)?;
    let header = Header {
        version: Version::V2,
        size,
        title: Some(history.title()),
        command: None,
        timestamp: u64::try_from(history.begins().as_second()).ok(),
        idle_limit: Some(LONGEST_PAUSE),
        terminal: Some("xterm-256color".to_owned()),
    };
    let leap = (history.length() / LEAPS).max(SHORTEST_LEAP);
    // A restore is selected when the screen opens; sessions of other kinds stand below the two headings of restores.
    let keys = if history.session().order().kind() == Kind::Restore { "" } else { "down down down" };
    let keys: Vec<Chord> = keys.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    let recorder = paused()?.block_on(async {
        let clock = Clock::starting_at(history.begins());
        let recorder = Recorder::new(size);
        let options = replayed::options(&history, (wanted.state, wanted.ascii))?;
        let replayed = Replayed::new(history, clock);
        let ports = replayed.ports();
        let keys = stream::iter(keys).chain(
            // That no key can come any more closes the screen.
            stream::once(replayed.play(leap)).filter_map(|()| ready(None)),
        );
        recorder.run(ports, options, keys).await.context("the screen cannot go on")?;
        recorder.finish();
        anyhow::Ok(recorder)
    })?;
    let mut writer = Writer::new(Vec::new(), Format::V2, &header)?;
    for event in recorder.events() {
        writer.event(&event)?;
    }
    Ok(writer.into_inner())
}

fn write(path: &Path, cast: &[u8], session: SessionId) -> Result<(), SessionError> {
    let name = printable_name(path.as_os_str());
    let refuse = |error: io::Error| {
        SessionError::Refused(if error.kind() == io::ErrorKind::AlreadyExists {
            format!("{name} is there already, and no recording is written over: name another file")
        } else {
            format!("the recording of session {session} cannot be written to {name}: {error}")
        })
    };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(refuse)?;
    let written = file.write_all(cast).and_then(|()| file.sync_all());
    written.map_err(|error| {
        // The error that is reported is that of writing.
        fs::remove_file(path).unwrap_or_default();
        refuse(error)
    })
}
