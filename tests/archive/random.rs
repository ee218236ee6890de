//! Random archives against a slow and plain reading of the rules.

use crate::{
    rng::{Rng, seed},
    support::place::scratch,
};
use howdah::{
    archive::{Chain, Listing, Memo, RunStop, TimelineHistory, WindowPoint, window},
    domain::{ArchiveOrigin, BackupFacts, ByteCount, Lsn, SpanEnd, SystemIdentifier, Timeline, Timestamp, WalArchive},
    postgres::wal::{Segment, SegmentSize},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

const MIB: u64 = 1 << 20;
/// Numbers of segments that are drawn are below this.
const NUMBERS: u64 = 14;
const CLUSTER: SystemIdentifier = SystemIdentifier(7_300_000_000_000_000_001);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Whole,
    Short,
    Partial,
    Packed,
}

#[derive(Debug)]
struct Drawn {
    directory: PathBuf,
    files: BTreeMap<(u32, u64), Kind>,
    histories: Vec<TimelineHistory>,
}

fn size() -> SegmentSize {
    SegmentSize::new(1 << 20).unwrap()
}

fn file_name(timeline: u32, number: u64) -> String {
    Segment { timeline: Timeline(timeline), number }.file_name(size())
}

/// A segment of 1 MiB with a header and no record; where nothing was written the file has a hole.
pub(crate) fn write_segment(directory: &Path, timeline: u32, number: u64, kind_ending: &str, length: u64) {
    let mut header = vec![0; 40];
    header[..2].copy_from_slice(&0xD110_u16.to_le_bytes());
    header[2..4].copy_from_slice(&2_u16.to_le_bytes());
    header[4..8].copy_from_slice(&timeline.to_le_bytes());
    header[8..16].copy_from_slice(&(number * MIB).to_le_bytes());
    header[24..32].copy_from_slice(&CLUSTER.0.to_le_bytes());
    header[32..36].copy_from_slice(&(1_u32 << 20).to_le_bytes());
    header[36..40].copy_from_slice(&8192_u32.to_le_bytes());
    let path = directory.join(format!("{}{kind_ending}", file_name(timeline, number)));
    if kind_ending == ".zst" {
        header.resize(1 << 20, 0);
        fs::write(path, zstd::encode_all(&*header, 1).unwrap()).unwrap();
        return;
    }
    let mut file = File::create(path).unwrap();
    file.write_all(&header).unwrap();
    file.set_len(length).unwrap();
}

fn draw(rng: &mut Rng, directory: PathBuf) -> Drawn {
    let mut drawn = Drawn { directory, files: BTreeMap::new(), histories: vec![TimelineHistory::first()] };
    for timeline in 2..=1 + u32::try_from(rng.below(3)).unwrap() {
        // A fork may be at the very beginning of a segment, and before an older fork.
        let parent = drawn.histories[usize::try_from(rng.below(drawn.histories.len() as u64)).unwrap()].clone();
        let from = parent.parent().map_or(MIB, |(_, at)| at.0);
        let at = from + rng.below((NUMBERS * MIB).saturating_sub(from).max(1));
        let at = Lsn(if rng.below(3) == 0 { at / MIB * MIB } else { at }.max(from));
        let mut parents = parent.parents.clone();
        parents.push((parent.timeline, at));
        let lines: Vec<String> = parents.iter().map(|(timeline, at)| format!("{timeline}\t{at}\tfork\n")).collect();
        fs::write(drawn.directory.join(format!("{timeline:08X}.history")), lines.concat()).unwrap();
        drawn.histories.push(TimelineHistory { timeline: Timeline(timeline), parents });
    }
    let present = 6 + rng.below(5);
    for timeline in 1..=u32::try_from(drawn.histories.len()).unwrap() {
        for number in 1..NUMBERS {
            if rng.below(10) >= present {
                continue;
            }
            let kind = match rng.below(20) {
                0 => Kind::Short,
                1 | 2 => Kind::Partial,
                3 | 4 => Kind::Packed,
                _ => Kind::Whole,
            };
            let (ending, length) = match kind {
                Kind::Whole => ("", MIB),
                Kind::Short => ("", 5_000),
                Kind::Partial => (".partial", MIB),
                Kind::Packed => (".zst", 0),
            };
            write_segment(&drawn.directory, timeline, number, ending, length);
            drawn.files.insert((timeline, number), kind);
        }
    }
    drawn
}

/// What PostgreSQL would read for a segment: the timeline of the file, how far it counts, and whether it is whole.
struct Read {
    end: u64,
    whole: bool,
}

fn legs(history: &TimelineHistory) -> Vec<(u32, u64, u64)> {
    let mut begin = 0;
    let mut legs = Vec::new();
    for (timeline, left) in &history.parents {
        legs.push((timeline.0, begin, left.0));
        begin = left.0;
    }
    legs.push((history.timeline.0, begin, u64::MAX));
    legs
}

fn owner(history: &TimelineHistory, number: u64) -> u32 {
    legs(history).iter().rev().find(|(_, begin, _)| begin / MIB <= number).map_or(1, |(timeline, _, _)| *timeline)
}

fn read(drawn: &Drawn, history: &TimelineHistory, number: u64) -> Option<Read> {
    for (timeline, begin, left) in legs(history).into_iter().rev() {
        if begin / MIB > number || left <= number * MIB {
            continue;
        }
        let Some(kind) = drawn.files.get(&(timeline, number)) else { continue };
        let last = drawn.files.keys().filter(|(of, _)| *of == timeline).map(|(_, number)| *number).max();
        if *kind == Kind::Partial && last != Some(number) {
            continue;
        }
        let is_owner = timeline == owner(history, number);
        let end = if is_owner { (number + 1) * MIB } else { left.min((number + 1) * MIB) };
        return Some(Read { end, whole: *kind != Kind::Short });
    }
    None
}

/// How far replay gets from a segment on, and why no further.
fn replayed(drawn: &Drawn, history: &TimelineHistory, first: u64) -> Option<(u64, u64, RunStop)> {
    let behind = |number: u64| (number + 1..=NUMBERS).any(|later| read(drawn, history, later).is_some());
    let segment = |number| Segment { timeline: Timeline(owner(history, number)), number };
    let missing = |number| if behind(number) { RunStop::Missing(segment(number)) } else { RunStop::Nothing };
    let mut reached = None;
    for number in first.. {
        match read(drawn, history, number) {
            None => return reached.map(|(last, end)| (last, end, missing(number))),
            Some(found) if !found.whole => {
                let why = "it has 5000 instead of 1048576 bytes".to_owned();
                return reached.map(|(last, end)| (last, end, RunStop::Unusable(segment(number), why)));
            }
            Some(found) if found.end < (number + 1) * MIB => return Some((number, found.end, missing(number))),
            Some(found) => reached = Some((number, found.end)),
        }
    }
    None
}

#[test]
fn a_chain_is_what_a_slow_and_plain_reading_says() {
    let (seed, how) = seed("HOWDAH_ARCHIVE_SEED");
    eprintln!("seed {seed} ({how})");
    for case in 0..150 {
        let mut rng = Rng::of_round(seed, case);
        let drawn = draw(&mut rng, scratch("random"));
        let listing = Listing::read(&drawn.directory, Some(CLUSTER)).unwrap();
        for history in &drawn.histories {
            let Some(chain) = Chain::new(&listing, history) else {
                assert!(!drawn.files.iter().any(|(_, kind)| *kind == Kind::Whole), "seed {seed} case {case}");
                continue;
            };
            for first in 1..NUMBERS {
                let expected = replayed(&drawn, history, first);
                let found = chain.run(first).map(|run| (run.last, run.end.0, run.stop.clone()));
                assert_eq!(found, expected, "seed {seed} case {case} first {first} {history:?}\n{drawn:?}");
            }
        }
        check_window(&drawn, &format!("seed {seed} case {case}"));
        fs::remove_dir_all(&drawn.directory).unwrap();
    }
}

fn facts(start: u64, stop: u64) -> BackupFacts {
    BackupFacts {
        size: ByteCount(0),
        files: 0,
        timeline: Timeline(1),
        start_lsn: Lsn(start),
        stop_lsn: Lsn(stop),
        taken_at: Timestamp::UNIX_EPOCH,
        version: None,
        system_identifier: Some(CLUSTER),
    }
}

/// Gaps and the ends of spans, on all timelines.
fn check_window(drawn: &Drawn, case: &str) {
    let archive = WalArchive { directory: drawn.directory.clone(), origin: ArchiveOrigin::Setting };
    let all: Vec<BackupFacts> =
        (1..NUMBERS - 1).map(|number| facts(number * MIB + 40, number * MIB + MIB / 2)).collect();
    let labels: Vec<String> = all.iter().map(|facts| facts.start_lsn.to_string()).collect();
    let points: Vec<WindowPoint<'_>> =
        all.iter().zip(&labels).map(|(facts, label)| WindowPoint { label, facts, included: false }).collect();
    let window = window(&archive, &points, None, &mut Memo::default(), Duration::ZERO).unwrap().window;
    if window.segment_size.is_none() {
        return;
    }
    let mut missing = BTreeSet::new();
    for history in &drawn.histories {
        let is_read = |number: &u64| read(drawn, history, *number).is_some_and(|found| found.whole);
        let numbers: Vec<u64> = (0..NUMBERS).filter(is_read).collect();
        let (Some(first), Some(last)) = (numbers.first(), numbers.last()) else { continue };
        missing.extend((*first..*last).filter_map(|number| {
            let timeline = owner(history, number);
            let is_whole = read(drawn, history, number).is_some_and(|found| found.end == (number + 1) * MIB);
            (!is_whole).then(|| file_name(timeline, number))
        }));
        for (facts, label) in all.iter().zip(&labels) {
            let is_child = history.leaves(Timeline(1)).is_none_or(|left| facts.stop_lsn <= left);
            let is_leaf = drawn.histories.iter().all(|other| other.leaves(history.timeline).is_none());
            if !is_leaf {
                continue;
            }
            let reached = replayed(drawn, history, facts.start_lsn.0 / MIB);
            let expected =
                reached.filter(|(_, end, _)| is_child && *end >= facts.stop_lsn.0).map(|(_, _, stop)| match stop {
                    RunStop::Nothing => SpanEnd::EndOfArchive,
                    RunStop::Missing(segment) => SpanEnd::Gap { segment: segment.file_name(size()) },
                    RunStop::Unusable(segment, why) => SpanEnd::Unusable { segment: segment.file_name(size()), why },
                });
            let span =
                window.spans.iter().find(|span| span.label == *label && span.path.last() == Some(&history.timeline));
            assert_eq!(span.map(|span| span.ends_by.clone()), expected, "{case} {label} {history:?}\n{drawn:?}");
        }
    }
    let number = |name: &str| u64::from_str_radix(&name[16..], 16).unwrap();
    let found: BTreeSet<String> = window
        .gaps
        .iter()
        .flat_map(|gap| {
            let names: Vec<String> =
                (number(&gap.first)..=number(&gap.last)).map(|number| file_name(gap.timeline.0, number)).collect();
            assert_eq!(names.len() as u64, gap.segments, "{case}");
            names
        })
        .collect();
    assert_eq!(found, missing, "{case}\n{drawn:?}");
}

#[test]
fn files_that_are_none_of_an_archive_are_passed_over_and_a_pipe_is_never_opened() {
    let directory = scratch("hostile");
    for number in 3..6 {
        write_segment(&directory, 1, number, "", MIB);
    }
    let mkfifo = |name: &str| {
        assert!(std::process::Command::new("mkfifo").arg(directory.join(name)).status().unwrap().success());
    };
    // A pipe under the name of a segment, of a history, of the newest segment of all.
    mkfifo(&file_name(1, 6));
    mkfifo("00000002.history");
    mkfifo(&file_name(9, 9));
    // One that takes the place of a file after the look is not read either.
    assert!(howdah::archive::file::open(&directory.join(file_name(1, 6))).is_err());
    fs::create_dir(directory.join(file_name(1, 7))).unwrap();
    std::os::unix::fs::symlink("/dev/zero", directory.join(file_name(1, 8))).unwrap();
    std::os::unix::fs::symlink("nowhere", directory.join(file_name(1, 9))).unwrap();
    fs::write(directory.join("00000003.history"), vec![b'#'; 2 << 20]).unwrap();
    fs::write(directory.join("0000000100000000FFFFFFFF"), "x").unwrap();
    fs::write(directory.join("00000001000000000000000A.backup\u{1b}[2J"), "x").unwrap();
    let far = scratch("far");
    write_segment(&far, 1, 2, "", MIB);
    std::os::unix::fs::symlink(far.join(file_name(1, 2)), directory.join(file_name(1, 2))).unwrap();
    let listing = Listing::read(&directory, None).unwrap();
    let numbers: Vec<u64> = listing.timelines[&Timeline(1)].iter().map(|stored| stored.number).collect();
    assert_eq!((numbers, listing.timelines.len()), (vec![2, 3, 4, 5], 1));
    assert!(listing.history(Timeline(3)).unwrap_err().contains("it has more than"));
    assert!(listing.problems.iter().any(|problem| problem.contains("named as no segment")), "{:?}", listing.problems);
}

#[test]
fn an_archive_of_two_clusters_is_that_of_the_one_that_is_asked_for() {
    let directory = scratch("two");
    for number in 3..6 {
        write_segment(&directory, 1, number, "", MIB);
    }
    let own = Listing::read(&directory, Some(CLUSTER)).unwrap();
    assert!(own.problems.is_empty());
    // The newest is of another cluster, and of another size.
    let newest = directory.join(file_name(2, 10));
    write_segment(&directory, 2, 10, "", MIB);
    let mut bytes = fs::read(&newest).unwrap();
    bytes[24] ^= 1;
    bytes[34] = 0x20;
    fs::write(&newest, bytes).unwrap();
    let of = |cluster| Listing::read(&directory, cluster).unwrap();
    assert_eq!(of(Some(CLUSTER)).header.unwrap().system_identifier, CLUSTER);
    assert_eq!(of(Some(CLUSTER)).size().unwrap().bytes(), MIB);
    assert_ne!(of(None).header.unwrap().system_identifier, CLUSTER);
    assert!(of(Some(CLUSTER)).problems[0].contains("is of the cluster"), "{:?}", of(Some(CLUSTER)).problems);
}
