//! The times of positions: read from commits where that can be done, else from what the server and the file system noted.

use super::{Chain, DumpError, Search, Tools, file, first_damage};
use crate::{
    domain::{BackupFacts, Edge, Lsn, Timestamp},
    postgres::wal::Segment,
};

/// A note of a backup has nine short lines, and a label of at most 1 KiB.
const MAX_NOTE: u64 = 16 * 1024;

/// The end of a backup: the last commit before its stop, else what the server noted, else when it was taken.
pub(super) fn backup_end(chain: &Chain<'_>, point: &BackupFacts, tools: Option<Tools<'_>>) -> Result<Edge, DumpError> {
    let lsn = point.stop_lsn;
    let inside = chain.number(Lsn(lsn.0.saturating_sub(1)));
    if let (Some(tools), Some(run)) = (tools, chain.run(inside)) {
        match Search::new(chain, run.end, tools).and_then(|mut search| search.commit_before(lsn, run.first)) {
            // Behind damage there may be later ones: the program takes it for the end.
            Ok(Some(found)) => {
                let damage = first_damage(chain, found.lsn, lsn, point.system_identifier);
                if damage.map_err(DumpError::Archive)?.is_none() {
                    return Ok(Edge { lsn, at: Some(found.at), exact: true });
                }
            }
            Ok(None) | Err(DumpError::Program(_)) => {}
            Err(error @ DumpError::Archive(_)) => return Err(error),
        }
    }
    Ok(Edge { lsn, at: Some(noted_end(chain, point).unwrap_or(point.taken_at)), exact: false })
}

/// What the server noted of the backup in the archive.
fn noted_end(chain: &Chain<'_>, point: &BackupFacts) -> Option<Timestamp> {
    let segment = Segment::holding(point.timeline, point.start_lsn, chain.size).file_name(chain.size);
    let offset = point.start_lsn.0 % chain.size.bytes();
    let path = chain.listing.directory.join(format!("{segment}.{offset:08X}.backup"));
    // A note that cannot be read is none: it was only a better guess.
    let bytes = file::small(&path, MAX_NOTE).ok()?;
    stop_time(&String::from_utf8_lossy(&bytes), point.stop_lsn)
}

/// `STOP TIME` of a note about the backup that ended here, if its zone has one meaning everywhere.
fn stop_time(note: &str, stop: Lsn) -> Option<Timestamp> {
    let value = |key: &str| note.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(": "));
    let position: Lsn = value("STOP WAL LOCATION")?.split_whitespace().next()?.parse().ok()?;
    let (time, zone) = value("STOP TIME")?.trim().rsplit_once(' ')?;
    let local: jiff::civil::DateTime = time.parse().ok()?;
    let utc = local.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    (position == stop && ["UTC", "GMT"].contains(&zone)).then(|| utc.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_note_counts_only_for_its_backup_and_in_a_zone_that_is_one() {
        let note = |zone: &str| {
            format!(
                "START WAL LOCATION: 0/2000028 (file 000000010000000000000002)\n\
                 STOP WAL LOCATION: 0/2000138 (file 000000010000000000000002)\n\
                 CHECKPOINT LOCATION: 0/2000060\nBACKUP METHOD: streamed\nSTART TIME: 2026-11-20 13:00:00 {zone}\n\
                 LABEL: STOP TIME: no\nSTART TIMELINE: 1\nSTOP TIME: 2026-11-20 13:29:59 {zone}\nSTOP TIMELINE: 1\n"
            )
        };
        let at = "2026-11-20T13:29:59Z".parse().ok();
        assert_eq!(stop_time(&note("UTC"), Lsn(0x200_0138)), at);
        assert_eq!(stop_time(&note("GMT"), Lsn(0x200_0138)), at);
        assert_eq!(stop_time(&note("CST"), Lsn(0x200_0138)), None);
        assert_eq!(stop_time(&note("UTC"), Lsn(0x200_0140)), None);
        assert_eq!(stop_time("", Lsn(0)), None);
    }
}
