//! Whether a standby that does not stream can ever stream again.
//!
//! Both servers are asked, and the standby's own files are read; no wording decides. A standby that waits for WAL needs
//! the segment of what it has replayed last: where all that its primary still has is younger, that will never come. And
//! where the primary has left the standby's timeline before that place, the standby has WAL that is none of the primary's.
//!
//! Promises: writes nothing; what cannot be seen is no verdict.

use super::{Wanted, mark, primary};
use crate::{
    domain::{Failure, Lsn, instance::printable_name},
    postgres::{client::Client, configure::DataDirectory},
    worker::backup::repository,
};
use std::{fs, io, path::Path};

/// A history has a line for each timeline before its own; what is longer is something else.
const MAX_HISTORY_LEN: u64 = 1 << 20;

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing speaks against its going on.
    MayGoOn,
    /// The primary is ahead of it in time, and has not what it needs: for this reason it must be seeded anew.
    SeedAnew(String),
    /// It is on a younger timeline than its primary: which of the two is right is for a person.
    Parted { own: u32, primary: u32 },
    /// The role may not see which WAL the primary has.
    Unseen,
}

/// Judges a standby that has replayed up to here, and waits for more.
pub(super) fn judge(wanted: &Wanted<'_>, primary: &Client, at: Lsn) -> Result<Verdict, Failure> {
    let wal = primary::wal_around(primary, at)?;
    let failed = |error: io::Error| repository::failure("looking at the WAL of", wanted.directory, &error);
    let own = newest_timeline(wanted.directory, &wal.last).map_err(failed)?;
    if let Some(own) = own.filter(|own| *own > wal.timeline) {
        return Ok(Verdict::Parted { own, primary: wal.timeline });
    }
    if let Some(own) = own.filter(|own| *own < wal.timeline)
        && let Some(history) = history(wanted.directory, wal.timeline).map_err(failed)?
    {
        let shown = printable_name(wanted.directory.as_os_str());
        match left_at(&history, own) {
            Some(left) if left >= at => {}
            Some(left) => {
                return Ok(Verdict::SeedAnew(format!(
                    "the primary has left the timeline {own} at {left}, and the standby in {shown} has replayed it to {at}"
                )));
            }
            None => {
                let timeline = wal.timeline;
                return Ok(Verdict::SeedAnew(format!(
                    "the timeline {own} of the standby in {shown} is not in the history of the primary's {timeline}"
                )));
            }
        }
    }
    Ok(by_segments(wal.oldest.as_deref(), &wal.next, at))
}

/// By the oldest segment that is there, and the one that is needed: one that was never written is not gone.
fn by_segments(oldest: Option<&str>, needed: &str, at: Lsn) -> Verdict {
    match oldest {
        None => Verdict::Unseen,
        Some(oldest) if oldest > needed => Verdict::SeedAnew(format!(
            "the standby needs the WAL from {at} on, and the primary has removed it: its oldest segment is {oldest}"
        )),
        Some(_) => Verdict::MayGoOn,
    }
}

/// The newest timeline of which the standby has this segment: the one that it replays.
fn newest_timeline(data: &Path, segment: &str) -> io::Result<Option<u32>> {
    let mut newest = None;
    for entry in fs::read_dir(data.join(mark::DIRECTORY))? {
        let name = entry?.file_name();
        let timeline = name.to_str().and_then(|name| name.strip_suffix(segment)).filter(|timeline| timeline.len() == 8);
        newest = newest.max(timeline.and_then(|timeline| u32::from_str_radix(timeline, 16).ok()));
    }
    Ok(newest)
}

/// The history of a timeline, which a standby fetches whenever it connects; `None` where it has not.
fn history(data: &Path, timeline: u32) -> io::Result<Option<String>> {
    let bytes =
        DataDirectory::open(data)?.below(mark::DIRECTORY)?.read(&format!("{timeline:08X}.history"), MAX_HISTORY_LEN)?;
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

/// Where a history leaves this timeline (`readTimeLineHistory`: number, position, reason); `None` where it never had it.
fn left_at(history: &str, timeline: u32) -> Option<Lsn> {
    let entries = history.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        Some((words.next()?.parse::<u32>().ok()?, words.next()?.parse::<Lsn>().ok()?))
    });
    entries.rev().find(|(of, _)| *of == timeline).map(|(_, left)| left)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    #[test]
    fn a_history_tells_where_each_timeline_was_left() {
        let history = "# by hand\n\n1\t0/3000148\tno recovery target specified\n\n3\t1/A0\tbefore 2026-01-01\n";
        assert_eq!(left_at(history, 1), Some(Lsn(0x300_0148)));
        assert_eq!(left_at(history, 3), Some(Lsn(0x1_0000_00A0)));
        assert_eq!(left_at(history, 2), None);
        assert_eq!(left_at("", 1), None);
    }

    #[test]
    fn wal_is_gone_when_all_that_is_left_is_younger() {
        let needed = "000000010000000A";
        let verdict = |oldest: Option<&str>| by_segments(oldest, needed, Lsn(7));
        assert_eq!(verdict(None), Verdict::Unseen);
        for there in ["0000000000000FFF", "0000000100000009", needed] {
            assert_eq!(verdict(Some(there)), Verdict::MayGoOn, "{there}");
        }
        for left in ["000000010000000B", "0000000200000000"] {
            assert!(matches!(verdict(Some(left)), Verdict::SeedAnew(why) if why.contains(left)));
        }
    }

    #[test]
    fn the_timeline_that_is_replayed_is_that_of_the_newest_file_of_the_segment() {
        let data = tempfile::tempdir().unwrap();
        let wal = data.path().join(mark::DIRECTORY);
        fs::create_dir(&wal).unwrap();
        let (segment, next) = ("0000000000000005", "0000000000000006");
        assert_eq!(newest_timeline(data.path(), segment).unwrap(), None);
        for name in [format!("00000001{segment}"), format!("00000002{segment}"), format!("00000003{next}"), "x".into()]
        {
            fs::write(wal.join(name), "").unwrap();
        }
        assert_eq!(newest_timeline(data.path(), segment).unwrap(), Some(2));
        assert_eq!(history(data.path(), 2).unwrap(), None);
        fs::write(wal.join("00000002.history"), "1\t0/1\tx\n").unwrap();
        assert_eq!(left_at(&history(data.path(), 2).unwrap().unwrap(), 1), Some(Lsn(1)));
    }
}
