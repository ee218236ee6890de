//! One file for PostgreSQL: looked for, verified, handed over, or answered for.
//!
//! Promises: what is handed over was compared with its name and its cluster; an archive that cannot be used now is looked
//! at again until the server has been held as long as it may be; an archive that hangs is noticed, and does not keep the
//! answer back. Never: writes into the archive, or over a file.
//!
//! Nothing listens for SIGTERM: it ends this process at once, wherever it is, which is what a server that shuts down wants
//! (`RestoreArchivedFile` exits quietly then).

use super::{
    Answer, ArchiveFile, ClusterWal, Outcome, TimelineHistory,
    answer::HandedOver,
    look::{Asked, Look},
    spool::Spool,
};
use crate::{
    domain::{ByteCount, Timestamp, instance::printable_name},
    postgres::wal::Segment,
};
use std::{
    ffi::OsStr,
    path::Path,
    sync::{
        Arc,
        atomic::Ordering,
        mpsc::{self, RecvTimeoutError, Sender},
    },
    thread,
    time::{Duration, Instant},
};

/// How long a server is held while the archive cannot be used, unless somebody says: shorter than a person waits before
/// looking, longer than a network file system takes to come back.
pub const WAIT: Duration = Duration::from_mins(1);

/// How often the archive is looked at again meanwhile: no load, and nobody notices the delay.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// After so long without a byte or a name the archive is said not to answer.
const SILENCE: Duration = Duration::from_secs(2);

/// What PostgreSQL asks for, and how.
#[derive(Debug, Clone, Copy)]
pub struct FetchRequest<'a> {
    /// The archive.
    pub archive: &'a Path,
    /// Whose WAL it must be.
    pub wal: ClusterWal,
    /// The spool, if there may be one.
    pub spool: Option<&'a Path>,
    /// How long the server is held while the archive cannot be used.
    pub wait: Duration,
    /// The name that is wanted (`%f`).
    pub asked: &'a OsStr,
    /// Where it is wanted (`%p`).
    pub to: &'a Path,
}

/// What the thread that looks has to say.
enum Event {
    /// The archive cannot be used now.
    Held(String),
    /// That is the answer.
    Done(Outcome),
}

/// Answers PostgreSQL; the spool, if there is one, shows each answer, that the server is held included.
pub fn fetch(request: &FetchRequest<'_>, now: fn() -> Timestamp) -> Outcome {
    let spool = request.spool.and_then(|path| Spool::open(path).ok());
    let needed = spool.as_ref().and_then(|spool| spool.needed(request.wal));
    let desk = Desk { asked: printable_name(request.asked), spool, now };
    let asked = match asked(request) {
        Ok(asked) => asked,
        Err(cause) => return desk.answer(Outcome::Refused { cause: cause.to_owned() }),
    };
    let look = Look {
        archive: request.archive.to_owned(),
        wal: request.wal,
        asked,
        to: request.to.to_owned(),
        spool: request.spool.and_then(|path| Spool::open(path).ok()),
        needed,
        beats: Arc::default(),
    };
    let (beats, wait) = (Arc::clone(&look.beats), request.wait);
    let (events, incoming) = mpsc::channel();
    let looking =
        thread::Builder::new().name("archive".to_owned()).spawn(move || keep_looking(&look, wait, &events, now));
    if let Err(error) = looking {
        return desk.answer(Outcome::Refused { cause: format!("no thread can be started: {error}") });
    }
    let mut seen = beats.load(Ordering::Relaxed);
    let mut silent: Option<(Instant, Timestamp)> = None;
    let mut held: Option<(String, Timestamp)> = None;
    loop {
        match incoming.recv_timeout(SILENCE) {
            Ok(Event::Done(outcome)) => return desk.answer(outcome),
            Ok(Event::Held(cause)) => {
                silent = None;
                hold(&desk, &mut held, &cause);
            }
            Err(RecvTimeoutError::Timeout) => {
                let beat = beats.load(Ordering::Relaxed);
                if beat != seen {
                    (seen, silent) = (beat, None);
                    continue;
                }
                let cause = "it does not answer";
                hold(&desk, &mut held, cause);
                let (since, at) = *silent.get_or_insert_with(|| (Instant::now(), now()));
                if since.elapsed() + SILENCE >= wait {
                    return desk.answer(Outcome::Unreachable { cause: cause.to_owned(), since: at });
                }
            }
            Err(RecvTimeoutError::Disconnected) => {
                return desk.answer(Outcome::Refused { cause: "howdah panicked".to_owned() });
            }
        }
    }
}

/// Where answers go.
struct Desk {
    asked: String,
    spool: Option<Spool>,
    now: fn() -> Timestamp,
}

impl Desk {
    fn answer(&self, outcome: Outcome) -> Outcome {
        let Some(spool) = &self.spool else { return outcome };
        let mut handed = spool.answer().map_or_else(HandedOver::default, |answer| answer.handed);
        if let (Outcome::Handed { bytes, prefetched }, Some(ArchiveFile::Segment { .. })) =
            (&outcome, ArchiveFile::parse(&self.asked))
        {
            handed.segments += 1;
            handed.bytes = ByteCount(handed.bytes.0.saturating_add(bytes.0));
            handed.prefetched += u64::from(*prefetched);
        }
        let (asked, at) = (self.asked.clone(), (self.now)());
        let answer = Answer { asked, outcome: outcome.clone(), pid: std::process::id(), at, handed };
        // The worker may be gone, and the spool with it: PostgreSQL has its answer all the same.
        let _unseen: std::io::Result<()> = spool.put_answer(&answer);
        outcome
    }
}

fn hold(desk: &Desk, held: &mut Option<(String, Timestamp)>, cause: &str) {
    if held.as_ref().is_some_and(|(before, _)| before == cause) {
        return;
    }
    let since = held.as_ref().map_or_else(desk.now, |(_, since)| *since);
    *held = Some((cause.to_owned(), since));
    desk.answer(Outcome::Held { cause: cause.to_owned(), since });
}

fn keep_looking(look: &Look, wait: Duration, events: &Sender<Event>, now: fn() -> Timestamp) {
    let mut since: Option<(Instant, Timestamp)> = None;
    loop {
        let cause = match look.once() {
            Ok(outcome) => {
                // Nobody listens any more when the answer was given without us.
                let _late = events.send(Event::Done(outcome));
                return;
            }
            Err(cause) => cause,
        };
        let (begun, at) = *since.get_or_insert_with(|| (Instant::now(), now()));
        let left = wait.saturating_sub(begun.elapsed());
        let event =
            if left.is_zero() { Event::Done(Outcome::Unreachable { cause, since: at }) } else { Event::Held(cause) };
        if events.send(event).is_err() || left.is_zero() {
            return;
        }
        thread::sleep(LOOK_AGAIN.min(left));
    }
}

/// What is asked for, if it is something that PostgreSQL asks for, and wanted where it wants it.
fn asked(request: &FetchRequest<'_>) -> Result<Asked, &'static str> {
    if request.to.file_name().is_none() {
        return Err("no file name is where it is wanted");
    }
    let name = request.asked.to_str().ok_or("its name is none that PostgreSQL asks for")?;
    match ArchiveFile::parse(name) {
        Some(ArchiveFile::Segment { .. }) => {
            let segment = Segment::from_file_name(name, request.wal.size);
            segment.map(Asked::Segment).ok_or("its name is none of a segment of this size")
        }
        Some(ArchiveFile::History { timeline, .. }) if name == TimelineHistory::file_name(timeline) => {
            Ok(Asked::History(timeline))
        }
        Some(ArchiveFile::BackupHistory { .. }) => Ok(Asked::BackupHistory(name.to_owned())),
        Some(ArchiveFile::History { .. }) | None => Err("its name is none that PostgreSQL asks for"),
    }
}
