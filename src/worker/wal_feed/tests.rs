//! The feed without a server: what is prefetched, how much, and what is left.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::{FeedOptions, WalFeed};
use crate::{
    archive::{Answer, ClusterWal, NeededWal, Outcome, TimelineHistory, answer::HandedOver, spool::Spool},
    domain::{ByteCount, SystemIdentifier, Timeline, Timestamp},
    postgres::{
        account::Account,
        wal::{Segment, SegmentSize},
    },
};
use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

const WAL: ClusterWal = ClusterWal { cluster: SystemIdentifier(7), size: SegmentSize::new(1 << 20).unwrap() };

struct Place {
    home: TempDir,
}

impl Place {
    /// An archive with these segments of the first timeline.
    fn with(numbers: impl IntoIterator<Item = u64>) -> Self {
        let place = Self { home: tempfile::tempdir().unwrap() };
        fs::create_dir(place.archive()).unwrap();
        for number in numbers {
            fs::write(place.archive().join(name(number)), segment(number)).unwrap();
        }
        place
    }

    fn archive(&self) -> PathBuf {
        self.home.path().join("archive")
    }

    fn spool(&self) -> PathBuf {
        self.home.path().join("wal")
    }

    fn feed(&self, first: u64, last: u64) -> WalFeed {
        let segment = |number| Segment { timeline: Timeline(1), number };
        let needed =
            NeededWal { path: TimelineHistory::first(), first: segment(first), last: segment(last), size: WAL.size };
        WalFeed::start(FeedOptions {
            spool: &self.spool(),
            program: Path::new("/usr/bin/howdah"),
            archive: &self.archive(),
            wal: WAL,
            needed,
            account: &Account::own().unwrap(),
            wait: None,
        })
        .unwrap()
    }

    /// The segments that are ready.
    fn ready(&self) -> Vec<u64> {
        let names = fs::read_dir(self.spool()).unwrap().map(|entry| entry.unwrap().file_name());
        let names = names.filter_map(|name| name.into_string().ok());
        let mut ready: Vec<u64> =
            names.filter_map(|name| Some(Segment::from_file_name(&name, WAL.size)?.number)).collect();
        ready.sort_unstable();
        ready
    }

    #[track_caller]
    fn wait_for(&self, ready: impl IntoIterator<Item = u64>) {
        let ready: Vec<u64> = ready.into_iter().collect();
        let end = Instant::now() + Duration::from_mins(1);
        while self.ready() != ready {
            assert!(Instant::now() < end, "{:?} are ready instead of {ready:?}", self.ready());
            thread::park_timeout(Duration::from_millis(2));
        }
    }

    /// The server was answered so.
    fn answered(&self, number: u64, outcome: Outcome) {
        let (pid, at) = (1, Timestamp::UNIX_EPOCH);
        let answer = Answer { asked: name(number), outcome, pid, at, handed: HandedOver::default() };
        Spool::open(&self.spool()).unwrap().put_answer(&answer).unwrap();
    }
}

fn name(number: u64) -> String {
    Segment { timeline: Timeline(1), number }.file_name(WAL.size)
}

fn segment(number: u64) -> Vec<u8> {
    let mut bytes = vec![0; 1 << 20];
    bytes[..2].copy_from_slice(&0xD110_u16.to_le_bytes());
    bytes[2..4].copy_from_slice(&2_u16.to_le_bytes());
    bytes[4..8].copy_from_slice(&1_u32.to_le_bytes());
    bytes[8..16].copy_from_slice(&(number << 20).to_le_bytes());
    bytes[24..32].copy_from_slice(&7_u64.to_le_bytes());
    bytes[32..36].copy_from_slice(&(1_u32 << 20).to_le_bytes());
    bytes[36..40].copy_from_slice(&8192_u32.to_le_bytes());
    bytes
}

const HANDED: Outcome = Outcome::Handed { bytes: ByteCount(1 << 20), prefetched: true };

#[test]
fn a_few_segments_are_ready_ahead_of_the_server_wherever_it_goes() {
    let place = Place::with(1..=20);
    let feed = place.feed(3, 15);
    place.wait_for(3..=10);
    assert_eq!(fs::read(place.spool().join(name(3))).unwrap(), segment(3));
    // It takes two; nothing says so yet but that they are gone.
    for number in [3, 4] {
        fs::remove_file(place.spool().join(name(number))).unwrap();
    }
    place.wait_for(5..=12);
    place.answered(9, HANDED);
    place.wait_for(10..=15);
    // Behind the goal nothing is needed. A server that was killed begins again.
    place.answered(4, HANDED);
    place.wait_for(5..=12);
    // What is not handed over is still wanted.
    place.answered(7, Outcome::Held { cause: String::new(), since: Timestamp::UNIX_EPOCH });
    place.wait_for(7..=14);
    assert_eq!(feed.look().answer.unwrap().asked, name(7));
    feed.stop();
    assert!(!place.spool().exists());
}

#[test]
fn what_cannot_be_had_is_left_to_the_server_and_what_is_behind_it_is_not() {
    let place = Place::with([1, 2, 4, 5, 6]);
    fs::write(place.archive().join(name(5)), &segment(5)[..1000]).unwrap();
    fs::write(place.archive().join(name(4)), segment(1)).unwrap();
    let _feed = place.feed(1, 6);
    place.wait_for([1, 2, 6]);
    // It comes after all.
    fs::write(place.archive().join(name(3) + ".gz"), segment(3)).unwrap();
    place.wait_for([1, 2, 3, 6]);
}

#[test]
fn a_feed_clears_what_was_left_and_nothing_else() {
    let place = Place::with(1..=2);
    fs::create_dir(place.spool()).unwrap();
    for left in [name(9), name(9) + ".part", "answer.json".to_owned(), "answer.json.77".to_owned()] {
        fs::write(place.spool().join(left), "left by a killed worker").unwrap();
    }
    fs::write(place.spool().join("somebody's"), "stays").unwrap();
    let feed = place.feed(1, 2);
    place.wait_for([1, 2]);
    assert_eq!(feed.look().answer, None, "what was answered in an earlier attempt is over");
    drop(feed);
    let left: Vec<_> = fs::read_dir(place.spool()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["somebody's"]);
}

#[test]
fn a_link_in_the_place_of_the_spool_is_not_followed() {
    let place = Place::with(1..=2);
    let elsewhere = place.home.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::write(elsewhere.join("answer.json"), "stays").unwrap();
    symlink(&elsewhere, place.spool()).unwrap();
    let segment = |number| Segment { timeline: Timeline(1), number };
    let needed = NeededWal { path: TimelineHistory::first(), first: segment(1), last: segment(2), size: WAL.size };
    let options = FeedOptions {
        spool: &place.spool(),
        program: Path::new("/usr/bin/howdah"),
        archive: &place.archive(),
        wal: WAL,
        needed,
        account: &Account::own().unwrap(),
        wait: None,
    };
    assert!(WalFeed::start(options).is_err());
    assert_eq!(fs::read(elsewhere.join("answer.json")).unwrap(), b"stays");
}

#[test]
fn the_command_of_a_lasting_server_names_no_spool() {
    let place = Place::with(1..=2);
    let feed = place.feed(1, 2);
    let text = |command: std::ffi::OsString| command.into_string().unwrap();
    let (own, lasting, standby) =
        (text(feed.command()), text(feed.lasting_command(false)), text(feed.lasting_command(true)));
    let spool = format!("--spool '{}'", place.spool().display());
    assert!(own.contains(&spool) && !lasting.contains("--spool") && !standby.contains("--spool"));
    let last = format!("--last {}", name(2));
    assert!(own.contains(&last) && lasting.contains(&last) && !standby.contains("--last"));
    assert!(standby.contains("--standby") && !lasting.contains("--standby"));
}
