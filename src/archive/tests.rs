//! What a missing segment means, held against a slow and plain oracle over archives of chance.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::{
    ArchiveFile, NeededWal, SegmentName, TimelineHistory,
    missing::{Listing, Missing, judge},
};
use crate::{
    domain::{Compression, Lsn, Timeline},
    postgres::wal::{Segment, SegmentSize},
};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use std::collections::BTreeSet;

const SIZE: SegmentSize = SegmentSize::new(1 << 20).unwrap();

/// Timeline 2 leaves 1 in the middle of segment 5, timeline 3 leaves 2 where segment 8 begins.
fn history(timeline: u32) -> TimelineHistory {
    let parents = [(Timeline(1), Lsn((5 << 20) + 40)), (Timeline(2), Lsn(8 << 20))];
    TimelineHistory { timeline: Timeline(timeline), parents: parents[..timeline as usize - 1].to_vec() }
}

fn named(timeline: u32, number: u64) -> SegmentName {
    SegmentName::parse(&Segment { timeline: Timeline(timeline), number }.file_name(SIZE)).unwrap()
}

/// What is in an archive: whole segments and partial ones by timeline and number, and whether histories are there.
#[derive(Debug, Clone)]
struct Archive {
    whole: BTreeSet<(u32, u64)>,
    partial: BTreeSet<(u32, u64)>,
    histories: bool,
}

impl Archive {
    fn listing(&self) -> Listing {
        let file = |(timeline, number): &(u32, u64), partial| ArchiveFile::Segment {
            name: named(*timeline, *number),
            packing: Compression::Gzip,
            partial,
        };
        let mut files: Vec<ArchiveFile> = self.whole.iter().map(|segment| file(segment, false)).collect();
        files.extend(self.partial.iter().map(|segment| file(segment, true)));
        let histories = if self.histories { vec![history(2), history(3)] } else { Vec::new() };
        let listed = histories.iter().map(|history| history.timeline);
        files.extend(listed.map(|timeline| ArchiveFile::History { timeline, packing: Compression::None }));
        Listing { files, histories }
    }

    /// The same question, answered by counting.
    fn oracle(&self, asked: (u32, u64), needed: Option<&NeededWal>) -> Missing {
        let all: BTreeSet<(u32, u64)> = self.whole.union(&self.partial).copied().collect();
        if self.whole.contains(&asked) {
            return Missing::Unreachable("it is listed and cannot be opened");
        }
        // Segments that are of a timeline before another one began in the middle of segment 5 or at segment 8.
        let whole_before_fork = |from: u32, to: u32| match (from, to) {
            (1, 2 | 3) => asked.1 < 5,
            (2, 3) => asked.1 < 8,
            _ => false,
        };
        let behind = |segment: &&(u32, u64)| {
            segment.1 > asked.1 && (segment.0 == asked.0 || self.histories && whole_before_fork(asked.0, segment.0))
        };
        if let Some(first) = all.iter().filter(behind).min_by_key(|segment| (segment.1, segment.0)) {
            return Missing::Gap(named(first.0, first.1));
        }
        if self.partial.contains(&asked) {
            let file =
                ArchiveFile::Segment { name: named(asked.0, asked.1), packing: Compression::Gzip, partial: true };
            return Missing::Partial(file);
        }
        if all.is_empty() {
            return Missing::Unreachable("no WAL is in it");
        }
        let Some(needed) = needed else { return Missing::End };
        // The path is 1 to segment 4, 2 from 5 to 7, 3 from 8 on.
        let on_path = |number: u64| {
            if number < 5 {
                1
            } else if number < 8 {
                2
            } else {
                3
            }
        };
        if asked.0 != on_path(asked.1) || asked.1 < needed.first.number || asked.1 > needed.last.number {
            return Missing::End;
        }
        match (0..asked.1).rev().find(|number| all.contains(&(on_path(*number), *number))) {
            Some(number) => Missing::Lost(named(on_path(number), number)),
            None => Missing::Unreachable(super::missing::NOT_AS_IT_WAS),
        }
    }
}

#[test]
fn a_missing_segment_means_what_counting_says() {
    let segments = || prop::collection::btree_set((1_u32..=3, 0_u64..11), 0..9);
    let archives = (segments(), segments(), any::<bool>()).prop_map(|(whole, partial, histories)| Archive {
        whole,
        partial,
        histories,
    });
    let plans = prop::option::of((0_u64..6, 6_u64..11));
    let mut seen = [0_u32; 6];
    let mut runner = TestRunner::deterministic();
    for _ in 0..4_000 {
        let question = (&archives, 1_u32..=3, 0_u64..11, &plans).new_tree(&mut runner).unwrap().current();
        let (archive, timeline, number, plan) = question;
        let needed = plan.map(|(first, last)| NeededWal {
            path: history(3),
            first: Segment { timeline: Timeline(1), number: first },
            last: Segment { timeline: Timeline(3), number: last },
            size: SIZE,
        });
        let asked = Segment { timeline: Timeline(timeline), number };
        let answer = judge(asked, SIZE, &archive.listing(), needed.as_ref());
        assert_eq!(
            answer,
            archive.oracle((timeline, number), needed.as_ref()),
            "{timeline}/{number} {plan:?} {archive:?}"
        );
        let kind = match answer {
            Missing::Partial(_) => 0,
            Missing::End => 1,
            Missing::Gap(_) => 2,
            Missing::Lost(_) => 3,
            Missing::Unreachable(super::missing::NOT_AS_IT_WAS) => 4,
            Missing::Unreachable(_) => 5,
        };
        seen[kind] += 1;
    }
    assert!(seen.iter().all(|count| *count > 20), "chance brought too few of one kind: {seen:?}");
}

#[test]
fn names_that_no_segment_of_this_size_has_are_no_wal() {
    let name = SegmentName { timeline: Timeline(1), log: 0, part: 0x1_0000 };
    let file = ArchiveFile::Segment { name, packing: Compression::None, partial: false };
    let listing = Listing { files: vec![file], histories: Vec::new() };
    let asked = Segment { timeline: Timeline(1), number: 3 };
    assert_eq!(judge(asked, SIZE, &listing, None), Missing::Unreachable("no WAL is in it"));
}

mod answers {
    use crate::{
        archive::{Outcome, SegmentFault, answer::WriteLimit},
        domain::{ByteCount, FailureClass, SystemIdentifier, Timeline, Timestamp},
    };

    /// Each outcome with its exit status and the class of its failure.
    fn all() -> Vec<(Outcome, u8, Option<FailureClass>)> {
        let text = || "x".to_owned();
        let since = Timestamp::UNIX_EPOCH;
        let faults = [
            SegmentFault::Damaged(text()),
            SegmentFault::Short { found: 1, expected: 2 },
            SegmentFault::Long { expected: 2 },
            SegmentFault::Cluster { found: SystemIdentifier(1), expected: SystemIdentifier(2) },
            SegmentFault::SegmentSize { found: 1, expected: 2 },
            SegmentFault::Place(text()),
            SegmentFault::Timeline(Timeline(3)),
            SegmentFault::NotAFile,
        ];
        let limits = [WriteLimit::Room, WriteLimit::FileSize, WriteLimit::Other];
        let person = Some(FailureClass::Incurable);
        let mut all = vec![
            (Outcome::Handed { bytes: ByteCount(1), prefetched: true }, 0, None),
            (Outcome::Local, 1, None),
            (Outcome::End, 1, None),
            (Outcome::Beyond, 1, None),
            (Outcome::Held { cause: text(), since }, 255, None),
            (Outcome::Unreachable { cause: text(), since }, 255, Some(FailureClass::Disruption)),
            (Outcome::Gap { behind: text() }, 255, person),
            (Outcome::Lost { before: Some(text()) }, 255, person),
            (Outcome::Lost { before: None }, 255, person),
            (Outcome::History { file: text(), what: text() }, 255, person),
            (Outcome::Denied { file: text() }, 255, person),
            (Outcome::InTheWay { path: text() }, 255, person),
            (Outcome::Refused { cause: text() }, 255, person),
        ];
        all.extend(faults.map(|fault| (Outcome::Faulty { file: text(), fault }, 255, person)));
        all.extend(limits.map(|limit| (Outcome::Unwritten { cause: text(), limit }, 255, person)));
        all
    }

    #[test]
    fn only_what_is_the_end_has_the_status_of_the_end() {
        let mut advice = std::collections::BTreeSet::new();
        for (outcome, status, class) in all() {
            assert_eq!(outcome.status(false), status, "{outcome:?}");
            assert_eq!(outcome.status(true), status.min(1), "a standby asks again: {outcome:?}");
            let failure = outcome.failure("SEGMENT", "/srv/\u{1b}wal");
            assert_eq!(failure.as_ref().map(|failure| failure.class), class, "{outcome:?}");
            if let Some(failure) = failure {
                assert!(!failure.advice.is_empty(), "{failure}");
                assert!(!failure.cause.contains('\u{1b}'), "{failure}");
                advice.insert(failure.advice);
            }
            let text = serde_json::to_string(&outcome).unwrap();
            assert_eq!(serde_json::from_str::<Outcome>(&text).unwrap(), outcome, "{text}");
        }
        assert!(advice.len() >= 12, "each class has its own next step: {advice:#?}");
    }
}
