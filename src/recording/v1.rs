//! Asciicast 1: one JSON object that holds all output.

use super::{
    Event, EventKind, Header, Micros, Place, ScreenSize, Version,
    defect::Defect,
    reader::{json_problem, later, micros},
};
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Whole<'a> {
    version: u64,
    width: u64,
    height: u64,
    title: Option<String>,
    command: Option<String>,
    env: Option<Env>,
    #[serde(borrow)]
    stdout: Vec<(&'a RawValue, String)>,
}

/// The environment of what was recorded; only one variable of it is of use.
#[derive(Deserialize)]
pub(super) struct Env {
    #[serde(rename = "TERM")]
    pub(super) terminal: Option<String>,
}

/// Reads it. `stdout` has pairs of a delay and a text.
pub(super) fn read(text: &str) -> Result<(Header, Vec<Event>), (Place, Defect)> {
    let whole: Whole<'_> = serde_json::from_str(text).map_err(|error| {
        let line = u64::try_from(error.line()).unwrap_or(0);
        (if line > 1 { Place::Line(line) } else { Place::File }, Defect::NotAHeader(json_problem(&error)))
    })?;
    if whole.version != 1 {
        return Err((Place::File, Defect::UnknownVersion(whole.version)));
    }
    let size = ScreenSize::new(whole.width, whole.height).map_err(|defect| (Place::File, defect))?;
    let mut at = Micros::ZERO;
    let mut events = Vec::with_capacity(whole.stdout.len());
    for (index, (delay, text)) in whole.stdout.into_iter().enumerate() {
        at = micros(delay).and_then(|delay| later(at, delay)).map_err(|defect| (Place::Frame(index + 1), defect))?;
        events.push(Event { at, kind: EventKind::Output(text) });
    }
    let header = Header {
        version: Version::V1,
        size,
        title: whole.title.filter(|title| !title.is_empty()),
        command: whole.command,
        timestamp: None,
        idle_limit: None,
        terminal: whole.env.and_then(|env| env.terminal),
    };
    Ok((header, events))
}
