//! What is shown of archives: the window, the commits around a moment, and the archives that are found.

use crate::{
    bed::{Bed, bed, copy},
    needs_postgres,
    support::{
        howdah::Howdah,
        place::{copy_of, scratch},
        timeout::until_true,
    },
};
use howdah::{
    archive::{CommitsAround, Listing, Memo, WindowPoint, WindowReading, nearby, window},
    catalog::{Marks, RepositoryPath},
    domain::{
        ArchiveOrigin, Lsn, Recovery, RecoveryGoal, RecoveryTimeline, SpanEnd, Timeline, WalArchive, WalUnsought,
        WalWindow, recovery::moment,
    },
};
use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

fn seen(bed: &Bed, directory: &Path, memo: &mut Memo) -> WalWindow {
    look(bed, directory, memo, Duration::from_mins(1)).window
}

fn look(bed: &Bed, directory: &Path, memo: &mut Memo, effort: Duration) -> WindowReading {
    let archive = WalArchive { directory: directory.to_owned(), origin: ArchiveOrigin::Setting };
    let points = [WindowPoint { label: "b1", facts: &bed.point, included: true }];
    window(&archive, &points, Some(bed.tools()), memo, effort).unwrap()
}

#[test]
fn the_window_says_what_each_restore_point_can_be_brought_to_on_each_timeline() {
    needs_postgres!();
    let bed = bed();
    let mut memo = Memo::default();
    let whole = seen(bed, &bed.archive, &mut memo);
    let path = |numbers: &[u32]| numbers.iter().copied().map(Timeline).collect::<Vec<_>>();
    let [first, second] = whole.spans.as_slice() else { panic!("{:?}", whole.spans) };
    assert_eq!((&first.path, &second.path), (&path(&[1]), &path(&[1, 2])));
    assert_eq!((first.to.at, first.to.exact), (Some(bed.first.last().unwrap().at), true));
    assert_eq!((second.to.at, second.to.exact), (Some(bed.second.last().unwrap().at), true));
    assert_eq!((first.from.lsn, first.from.exact), (bed.point.stop_lsn, true));
    assert!(first.from.at.unwrap() < bed.first[0].at);
    assert!(first.last_record.unwrap() >= bed.first.last().unwrap().lsn);
    assert_eq!(first.ends_by, SpanEnd::EndOfArchive);
    assert_eq!(whole.timelines[1].parent, Some((Timeline(1), bed.fork)));
    assert!(whole.gaps.is_empty() && whole.problems.is_empty(), "{:?}", whole.problems);
    let names: Vec<&str> = whole.restore_points.iter().map(|point| point.name.as_str()).collect();
    assert_eq!(names, ["point 1", "point 2", "point 3", "point 4", "point 5", "point 6"]);
    assert_eq!(whole.restore_points[3].timeline, Timeline(1));
    assert_eq!(whole.system_identifier, bed.point.system_identifier);
    let sorted = whole.moments.windows(2).all(|pair| pair[0].at <= pair[1].at);
    assert!(sorted && whole.moments.len() as u64 == whole.segments);
    // The second look reads nothing that the first one knows, and says the same.
    let known = memo.clone();
    assert_eq!((seen(bed, &bed.archive, &mut memo), memo), (whole, known));
}

#[test]
fn restore_points_are_sought_in_what_was_not_looked_at_and_the_rest_is_named() {
    needs_postgres!();
    let bed = bed();
    let archive = copy(&bed.archive);
    let none = |memo: &mut Memo| look(bed, &archive, memo, Duration::ZERO);
    let names = |window: &WalWindow| window.restore_points.iter().map(|point| point.name.clone()).collect::<Vec<_>>();
    let mut memo = Memo::default();
    let first = none(&mut memo);
    assert!(!first.complete && first.window.restore_points.is_empty());
    let ends: Vec<(Timeline, Lsn)> =
        first.window.timelines.iter().map(|timeline| (timeline.number, timeline.ends.lsn)).collect();
    let unsought: Vec<(Timeline, Lsn)> = first.window.unsought.iter().map(|one| (one.timeline, one.before)).collect();
    assert_eq!(unsought, ends, "nothing was looked at");
    assert!(first.window.spans.iter().all(|span| span.to.exact), "the ends are there at once");
    let words = format!("restore points before {} on timeline 1, before {} on timeline 2", ends[0].1, ends[1].1);
    assert!(first.window.unsought_words().unwrap().starts_with(&words), "{:?}", first.window.unsought_words());
    let whole = look(bed, &archive, &mut memo, Duration::from_mins(1));
    assert!(whole.complete && whole.window.unsought.is_empty() && names(&whole.window).len() == 6);
    // What is known takes no time.
    let known = none(&mut memo);
    assert_eq!((known.window, known.complete), (whole.window.clone(), true));
    // A segment that was replaced is looked at again, and it alone.
    let replaced = whole.window.restore_points[4].lsn;
    let path = archive.join(format!("{:08X}{:08X}{:08X}", 1, 0, replaced.0 >> 24));
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    let changed = none(&mut memo);
    assert_eq!(names(&changed.window), ["point 1", "point 2", "point 3", "point 4", "point 6"]);
    let before = Lsn(((replaced.0 >> 24) + 1) << 24);
    assert_eq!(changed.window.unsought, [WalUnsought { timeline: Timeline(1), before }]);
    // Segments that are gone are forgotten.
    fs::remove_dir_all(&archive).unwrap();
    fs::create_dir(&archive).unwrap();
    none(&mut memo);
    assert_eq!(memo, Memo::default());
}

#[test]
fn a_timeline_that_ends_where_the_next_one_forks_is_no_end_of_its_own() {
    needs_postgres!();
    let bed = bed();
    let archive = copy(&bed.archive);
    for name in crate::support::place::names(&archive) {
        if name.starts_with("00000001") && name.as_str() >= &*format!("{:08X}{:08X}{:08X}", 1, 0, bed.fork.0 >> 24) {
            fs::remove_file(archive.join(name)).unwrap();
        }
    }
    let window = seen(bed, &archive, &mut Memo::default());
    let paths: Vec<usize> = window.spans.iter().map(|span| span.path.len()).collect();
    assert_eq!(paths, [2], "{:?}", window.spans);
}

#[test]
fn a_gap_ends_a_span_and_is_named() {
    needs_postgres!();
    let bed = bed();
    let archive = copy(&bed.archive);
    let missing = format!("{:08X}{:08X}{:08X}", 1, 0, bed.first[3].lsn.0 >> 24);
    fs::remove_file(archive.join(&missing)).unwrap();
    let window = seen(bed, &archive, &mut Memo::default());
    let [gap] = window.gaps.as_slice() else { panic!("{:?}", window.gaps) };
    assert_eq!((&gap.first, &gap.last, gap.segments), (&missing, &missing, 1));
    let span = window.spans.iter().find(|span| span.path.len() == 1).unwrap();
    assert_eq!(span.ends_by, SpanEnd::Gap { segment: missing.clone() });
    assert_eq!(span.to.at, Some(bed.first[2].at));
    let wish = |goal: RecoveryGoal, timeline| Recovery { goal, timeline, ..Recovery::to_consistency() };
    let current = |goal| wish(goal, RecoveryTimeline::Current);
    assert!(window.choose(&current(RecoveryGoal::Time(bed.first[2].at)), None).is_ok());
    for goal in [RecoveryGoal::Latest, RecoveryGoal::Time(bed.first[3].at), RecoveryGoal::Lsn(bed.first[4].lsn)] {
        let refused = window.choose(&current(goal), None).unwrap_err();
        assert!(refused.contains(&missing) && refused.contains(&moment(bed.first[2].at)), "{refused}");
    }
    let latest = window.choose(&wish(RecoveryGoal::Latest, RecoveryTimeline::Latest), None).unwrap();
    assert_eq!(latest.path.len(), 2);
    let refused = window.choose(&current(RecoveryGoal::Lsn(Lsn(bed.point.stop_lsn.0 - 1))), Some("b1")).unwrap_err();
    assert!(refused.contains("before the end of the oldest backup"), "{refused}");
    let refused = window.choose(&current(RecoveryGoal::Immediate), Some("b2")).unwrap_err();
    assert!(refused.contains("the restore point b2 cannot"), "{refused}");
    let name = |name: &str| window.choose(&current(RecoveryGoal::Name(name.to_owned())), None);
    assert!(name("point 2").is_ok() && name("point 6").is_err() && name("never made").is_ok());
}

#[test]
fn the_commits_around_a_moment_are_found_in_an_idle_stretch_too() {
    needs_postgres!();
    let bed = bed();
    let listing = Listing::read(&bed.archive, None).unwrap();
    let around = |timeline, place| nearby(&listing, Timeline(timeline), place, Some(bed.tools())).unwrap();
    let xid = |commit: Option<&howdah::domain::WalCommit>| commit.map(|commit| (commit.xid, commit.at));
    for (one, next) in bed.first.iter().zip(&bed.first[1..]) {
        for place in [CommitsAround::Moment(one.at), CommitsAround::Position(one.lsn)] {
            let found = around(1, place);
            assert_eq!(xid(found.before.last()), Some((one.xid, one.at)), "{place:?}");
            assert_eq!(xid(found.after.first()), Some((next.xid, next.at)), "{place:?}");
        }
    }
    let last = bed.first.last().unwrap();
    let end = listing.timelines[&Timeline(1)].last().unwrap().number * (16 << 20) + 100;
    for place in [CommitsAround::Position(Lsn(end)), CommitsAround::Moment("2099-01-01T00:00:00Z".parse().unwrap())] {
        let found = around(1, place);
        assert_eq!((xid(found.before.last()), found.after.len()), (Some((last.xid, last.at)), 0), "{place:?}");
    }
    // On the path to timeline 2 its first commit follows the last one before the fork.
    let found = around(2, CommitsAround::Moment(bed.first[2].at));
    assert_eq!(xid(found.after.first()), Some((bed.second[0].xid, bed.second[0].at)));
    assert!(nearby(&listing, Timeline(1), CommitsAround::Position(Lsn(end)), None).unwrap().unknown.is_some());
}

/// A repository with the backup of the bed.
fn repository(bed: &Bed) -> PathBuf {
    let repository = scratch("repository");
    fs::create_dir(repository.join("shop")).unwrap();
    fs::rename(copy_of(&bed.backup), repository.join("shop/b1")).unwrap();
    repository
}

fn shown(howdah: &Howdah, more: &[&str]) -> serde_json::Value {
    howdah.run([&["wal", "show", "shop", "--names", "--json"], more].concat()).expect_code(0).json()
}

#[test]
fn archives_are_found_by_the_settings_beside_the_backups_and_by_a_plain_archive_command() {
    needs_postgres!();
    let bed = bed();
    let repository = repository(bed);
    let repo = ["--repo", repository.to_str().unwrap()];
    let howdah = Howdah::new();
    // What is read once is kept there.
    fs::create_dir_all(howdah.home.join("state-home/howdah")).unwrap();
    let origins = |value: &serde_json::Value| -> Vec<(String, String)> {
        let text = |one: &serde_json::Value, name: &str| one[name].as_str().unwrap().to_owned();
        value.as_array().unwrap().iter().map(|one| (text(one, "origin"), text(one, "archive"))).collect()
    };
    let own = |origin: &str, path: &Path| (origin.to_owned(), path.display().to_string());
    // The configuration of the backup names it.
    assert_eq!(origins(&shown(&howdah, &repo)), [own("archive_command", &bed.archive)]);
    let beside = repository.join("shop/wal");
    fs::rename(copy(&bed.archive), &beside).unwrap();
    let marks = || Marks::of(&[RepositoryPath::own(&repository)]);
    let before = marks();
    fs::write(beside.join("0000000100000000000000FF"), "").unwrap();
    assert_eq!(marks(), before, "an archive that grows is no new backup");
    fs::remove_file(beside.join("0000000100000000000000FF")).unwrap();
    assert_eq!(origins(&shown(&howdah, &repo)), [own("beside", &beside), own("archive_command", &bed.archive)]);
    let wal = scratch("named");
    fs::rename(copy(&bed.archive), wal.join("shop")).unwrap();
    howdah.configure(&format!(
        "[[repository]]\nkind = \"directory\"\npath = \"{}\"\nwal = \"{}/{{instance}}\"\n",
        repository.display(),
        wal.display()
    ));
    let all = shown(&howdah, &[]);
    assert_eq!(origins(&all)[0], own("setting", &wal.join("shop")));
    assert_eq!(all[0]["spans"][0]["label"], "b1");
    assert_eq!(all[0]["system_identifier"], bed.point.system_identifier.unwrap().to_string());
    let text = howdah.run(["wal", "show", "shop", "--names"]).expect_code(0).stdout;
    for words in ["named in the settings", "forked from 1 at", "end of the archive", "point 3 at ", "RESTORE POINT"] {
        assert!(text.contains(words), "{words}\n{text}");
    }
    // Segments of another cluster are not offered, wherever they were found.
    for segment in fs::read_dir(&beside).unwrap().map(Result::unwrap) {
        crate::support::faults::flip_byte(&segment.path(), 25);
    }
    assert_eq!(origins(&shown(&howdah, &[])).len(), 2);
    // One that the settings name is told to be away.
    fs::rename(wal.join("shop"), wal.join("away")).unwrap();
    let away = shown(&howdah, &[]);
    assert!(away[0]["problem"].as_str().unwrap().contains("cannot be read"), "{away}");
}

#[test]
fn without_an_archive_it_says_how_to_name_one() {
    needs_postgres!();
    let bed = bed();
    let repository = repository(bed);
    let conf = repository.join("shop/b1/postgresql.conf");
    let text = fs::read_to_string(&conf).unwrap().replace("cp %p", "cp -p %p");
    fs::write(&conf, text).unwrap();
    let repo = ["--repo", repository.to_str().unwrap()];
    let ran = Howdah::new().run([&["wal", "show", "shop"], &repo[..]].concat()).expect_code(3);
    ran.expect_words(&["no WAL archive of shop is known", "wal = \"DIR\""]);
    Howdah::new()
        .run([&["wal", "show", "none"], &repo[..]].concat())
        .expect_code(3)
        .expect_words(&["there is no instance"]);
}

#[test]
fn a_window_is_kept_until_something_changes() {
    needs_postgres!();
    let bed = bed();
    let repository = repository(bed);
    let archive = repository.join("shop/wal");
    fs::rename(copy(&bed.archive), &archive).unwrap();
    let howdah = Howdah::new();
    fs::create_dir_all(&howdah.state).unwrap();
    let more = ["--repo", repository.to_str().unwrap(), "--state-dir", howdah.state.to_str().unwrap()];
    let kept = || -> Vec<PathBuf> {
        let entries = fs::read_dir(howdah.state.join("cache")).into_iter().flatten().map(|entry| entry.unwrap().path());
        entries.filter(|path| !path.to_string_lossy().contains("memo")).collect()
    };
    // A directory that has just changed is not trusted.
    until_true("the window is kept", || {
        shown(&howdah, &more);
        kept().len() == 2
    });
    for path in kept() {
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o600);
        fs::write(&path, text.replace("\"point 3\"", "\"from the cache\"")).unwrap();
    }
    let names = |value: &serde_json::Value| value[0]["restore_points"].to_string();
    assert!(names(&shown(&howdah, &more)).contains("from the cache"));
    // A file that may still grow has grown; and nothing else.
    let file = fs::OpenOptions::new().write(true).open(archive.join(last_of(&archive))).unwrap();
    file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    assert!(!names(&shown(&howdah, &more)).contains("from the cache"));
}

fn last_of(archive: &Path) -> String {
    let names = crate::support::place::names(archive);
    names.into_iter().filter(|name| name.starts_with("00000001") && name.len() == 24).max().unwrap()
}
