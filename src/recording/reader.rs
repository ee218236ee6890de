//! Reads asciicast 1, 2 and 3, an event at a time.
//!
//! Promises: of versions 2 and 3 only one line is in memory; events come in the order of their times; a recording that
//! breaks off in its last line, as one whose recorder was killed, ends before that line. Never: guesses; what is
//! not understood is an error, but for codes of events, which the format keeps open for new ones.

use super::{
    Event, EventKind, Header, Micros, Place, ReadError, ScreenSize, Version,
    decimal::{NotANumber, scaled},
    defect::Defect,
    lines::{Line, Lines},
    v1,
};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::{io::BufRead, vec};

/// The longest line of versions 2 and 3. A terminal passes on a few KiB at a time; a recorder may gather more of them.
const MAX_LINE: usize = 16 << 20;

/// The longest file of version 1, which is one JSON value and must be read as a whole.
const MAX_V1: usize = 64 << 20;

/// A recording that is being read.
pub struct Reader<R> {
    file: String,
    header: Header,
    source: Source<R>,
    cut_at: Option<u64>,
}

enum Source<R> {
    /// Version 1, read already.
    Frames(vec::IntoIter<Event>),
    /// Versions 2 and 3, and the time of the event before.
    Lines(Lines<R>, Micros),
    /// Nothing comes any more.
    Ended,
}

/// What version 2 says of itself; what is not named here is of no use to us.
#[derive(Deserialize)]
struct HeaderV2<'a> {
    width: u64,
    height: u64,
    #[serde(borrow)]
    timestamp: Option<&'a RawValue>,
    #[serde(borrow)]
    idle_time_limit: Option<&'a RawValue>,
    title: Option<String>,
    command: Option<String>,
    env: Option<v1::Env>,
}

#[derive(Deserialize)]
struct HeaderV3<'a> {
    term: Term,
    #[serde(borrow)]
    timestamp: Option<&'a RawValue>,
    #[serde(borrow)]
    idle_time_limit: Option<&'a RawValue>,
    title: Option<String>,
    command: Option<String>,
}

#[derive(Deserialize)]
struct Term {
    cols: u64,
    rows: u64,
    #[serde(rename = "type")]
    kind: Option<String>,
}

/// Every version says which it is.
#[derive(Deserialize)]
#[serde(expecting = "an object that begins with a version")]
struct AnyVersion {
    version: u64,
}

impl<R: BufRead> Reader<R> {
    /// Reads the header. `file` is what errors name.
    pub fn new(input: R, file: &str) -> Result<Self, ReadError> {
        let mut lines = Lines::new(input);
        let at = |place| move |defect| ReadError { file: file.to_owned(), place, defect };
        let first = lines.next(MAX_V1).map_err(at(Place::Line(1)))?.ok_or(Defect::Empty).map_err(at(Place::File))?;
        let probed = serde_json::from_str::<AnyVersion>(&first.text);
        let version = match probed {
            Ok(AnyVersion { version }) => version,
            // Version 1 may be spread over many lines, and is the only one that may.
            Err(error) if error.is_eof() => 1,
            Err(error) => return Err(at(Place::Line(1))(Defect::NotAHeader(json_problem(&error)))),
        };
        let (header, source) = match version {
            1 => {
                let rest = lines.rest(MAX_V1).map_err(at(Place::File))?;
                let (header, frames) =
                    v1::read(&format!("{}\n{rest}", first.text)).map_err(|(place, defect)| at(place)(defect))?;
                (header, Source::Frames(frames.into_iter()))
            }
            2 => (header_v2(&first.text).map_err(at(Place::Line(1)))?, Source::Lines(lines, Micros::ZERO)),
            3 => (header_v3(&first.text).map_err(at(Place::Line(1)))?, Source::Lines(lines, Micros::ZERO)),
            other => return Err(at(Place::Line(1))(Defect::UnknownVersion(other))),
        };
        Ok(Self { file: file.to_owned(), header, source, cut_at: None })
    }

    /// What the recording says of itself.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// After the last event: the line in the middle of which the file breaks off, if it does.
    pub fn cut_at(&self) -> Option<u64> {
        self.cut_at
    }

    /// An error at this place, with the name of the file.
    pub(super) fn error(&self, place: Place, defect: Defect) -> ReadError {
        ReadError { file: self.file.clone(), place, defect }
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Event, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let read = match &mut self.source {
            Source::Frames(frames) => return frames.next().map(Ok),
            Source::Ended => return None,
            Source::Lines(lines, before) => {
                let read = next_event(lines, self.header.version, before, &mut self.cut_at);
                read.map_err(|defect| (Place::Line(lines.number()), defect))
            }
        };
        match read {
            Ok(Some(event)) => Some(Ok(event)),
            Ok(None) => {
                self.source = Source::Ended;
                None
            }
            Err((place, defect)) => {
                self.source = Source::Ended;
                Some(Err(self.error(place, defect)))
            }
        }
    }
}

/// The next event; `None` at the end. Moves the time of the event before.
fn next_event(
    lines: &mut Lines<impl BufRead>,
    version: Version,
    before: &mut Micros,
    cut_at: &mut Option<u64>,
) -> Result<Option<Event>, Defect> {
    while let Some(Line { number, text, is_last }) = lines.next(MAX_LINE)? {
        let is_comment = version == Version::V3 && text.starts_with('#');
        if is_comment || text.trim_ascii().is_empty() {
            continue;
        }
        let (time, code, data): (&RawValue, String, &RawValue) = match serde_json::from_str(&text) {
            Ok(event) => event,
            // Not only EOF: a number that ends with its point is malformed, as far as JSON can tell.
            Err(error) if is_last && (error.is_eof() || error.column() >= text.len()) => {
                *cut_at = Some(number);
                return Ok(None);
            }
            Err(error) => return Err(Defect::NotAnEvent(json_problem(&error))),
        };
        let time = micros(time)?;
        let at = if version == Version::V3 { later(*before, time)? } else { time };
        if at < *before {
            return Err(Defect::Backwards { before: *before, after: at });
        }
        *before = at;
        if let Some(kind) = kind(&code, data)? {
            return Ok(Some(Event { at, kind }));
        }
    }
    Ok(None)
}

/// What happened; `None` for a code that is not known, which readers are to pass over.
fn kind(code: &str, data: &RawValue) -> Result<Option<EventKind>, Defect> {
    let text = || serde_json::from_str::<String>(data.get()).map_err(|error| Defect::NotAnEvent(json_problem(&error)));
    Ok(Some(match code {
        "o" => EventKind::Output(text()?),
        "i" => EventKind::Input(text()?),
        "m" => EventKind::Marker(text()?),
        "r" => EventKind::Resize(ScreenSize::parse(&text()?)?),
        // A string in the format's description, a number in some files.
        "x" => {
            let status = data.get().trim_matches('"');
            EventKind::Exit(status.parse().map_err(|_| Defect::NotAStatus { text: status.to_owned() })?)
        }
        _ => return Ok(None),
    }))
}

fn header_v2(text: &str) -> Result<Header, Defect> {
    let header: HeaderV2<'_> = serde_json::from_str(text).map_err(|error| Defect::NotAHeader(json_problem(&error)))?;
    Ok(Header {
        version: Version::V2,
        size: ScreenSize::new(header.width, header.height)?,
        title: header.title.filter(|title| !title.is_empty()),
        command: header.command,
        timestamp: header.timestamp.map(seconds).transpose()?,
        idle_limit: header.idle_time_limit.map(micros).transpose()?.filter(|limit| *limit > Micros::ZERO),
        terminal: header.env.and_then(|env| env.terminal),
    })
}

fn header_v3(text: &str) -> Result<Header, Defect> {
    let header: HeaderV3<'_> = serde_json::from_str(text).map_err(|error| Defect::NotAHeader(json_problem(&error)))?;
    Ok(Header {
        version: Version::V3,
        size: ScreenSize::new(header.term.cols, header.term.rows)?,
        title: header.title.filter(|title| !title.is_empty()),
        command: header.command,
        timestamp: header.timestamp.map(seconds).transpose()?,
        idle_limit: header.idle_time_limit.map(micros).transpose()?.filter(|limit| *limit > Micros::ZERO),
        terminal: header.term.kind,
    })
}

/// A time in seconds.
pub(super) fn micros(number: &RawValue) -> Result<Micros, Defect> {
    let within = |time: Micros| if time > Micros::MAX { Err(Defect::TooLate) } else { Ok(time) };
    match scaled(number.get(), 6) {
        Ok(time) => within(Micros(time)),
        Err(NotANumber::TooLarge) => Err(Defect::TooLate),
        Err(why @ (NotANumber::Malformed | NotANumber::Negative)) => {
            Err(Defect::Time { text: number.get().to_owned(), why: why.to_string() })
        }
    }
}

/// The moment that comes so long after another.
pub(super) fn later(before: Micros, interval: Micros) -> Result<Micros, Defect> {
    Some(before.plus(interval)).filter(|at| *at <= Micros::MAX).ok_or(Defect::TooLate)
}

/// A moment of the world in whole seconds; some recorders write parts of seconds.
fn seconds(number: &RawValue) -> Result<u64, Defect> {
    let why = |why: NotANumber| Defect::Time { text: number.get().to_owned(), why: why.to_string() };
    Ok(scaled(number.get(), 3).map_err(why)? / 1_000)
}

/// What JSON has to say, without its own count of lines, and short.
pub(super) fn json_problem(error: &serde_json::Error) -> String {
    const MAX: usize = 120;
    let whole = error.to_string();
    let words = whole.rsplit_once(" at line ").map_or(&*whole, |(words, _)| words);
    let words: String = words.chars().take(MAX).collect();
    if error.column() > 0 { format!("{words}, column {}", error.column()) } else { words }
}
