//! Goals that cannot be reached are refused before the first byte, with what would be possible.

use super::bed::{Restoring, Wanted, bed, segments};
use crate::needs_postgres;
use std::{
    fs,
    io::{Seek, SeekFrom, Write},
};

fn wanted(words: &[&str]) -> Wanted {
    Wanted { words: words.iter().map(|word| (*word).to_owned()).collect(), numbers: String::new() }
}

#[test]
fn a_goal_outside_the_window_is_refused_with_what_would_be_possible() {
    needs_postgres!();
    let bed = bed();
    let restoring = Restoring::of(&bed.repository());
    let early = bed.courses[&1].ended[0].at.checked_sub(std::time::Duration::from_hours(1)).unwrap().to_string();
    for (words, says) in [
        (&["--time", "2099-01-01T00:00:00Z"][..], "possible"),
        (&["--time", &early], "possible"),
        (&["--lsn", "0/100"], "possible"),
        (&["--lsn", "FF/0"], "possible"),
        (&["--latest", "--timeline", "9"], "timeline"),
    ] {
        let ran = restoring.run(&wanted(words), &[]);
        ran.expect_code(3).expect_words(&[says]);
        assert!(!restoring.target.exists(), "{words:?}");
    }
}

#[test]
fn a_gap_is_refused_by_the_name_of_what_is_missing_and_goals_before_it_are_not() {
    needs_postgres!();
    let bed = bed();
    let (repository, archive) = bed.own();
    let names = segments(&archive, 1);
    let lost = &names[names.len() - 3];
    fs::remove_file(archive.join(lost)).unwrap();
    let restoring = Restoring::of(&repository);
    let course = &bed.courses[&1];
    let ends = course.behind(bed.stop);
    let end = ends[ends.len() - 1];
    let ran = restoring.run(&course.at_lsn(end.lsn, true), &["--timeline", "1"]);
    ran.expect_code(3).expect_words(&[lost]);
    let before = course.at_time(ends[6].at, true);
    restoring.run(&before, &["--timeline", "1"]).expect_code(0);
    restoring.expect_numbers(&before.numbers);
}

#[test]
fn a_history_that_is_damaged_is_refused_by_its_name() {
    needs_postgres!();
    let bed = bed();
    let (repository, archive) = bed.own();
    fs::write(archive.join("00000002.history"), "nonsense\n").unwrap();
    let restoring = Restoring::of(&repository);
    restoring.run(&wanted(&["--latest"]), &["--timeline", "2"]).expect_code(3).expect_words(&["00000002.history"]);
    let first = bed.courses[&1].latest();
    restoring.run(&first, &["--timeline", "1"]).expect_code(0);
    restoring.expect_numbers(&first.numbers);
}

#[test]
fn the_very_last_commit_can_be_named_by_its_time_and_the_latest_is_all_there_is() {
    needs_postgres!();
    let bed = bed();
    let course = &bed.courses[&2];
    let ends = course.behind(bed.stop);
    let last = course.at_time(ends.iter().map(|end| end.at).max().unwrap(), true);
    assert_eq!(last.numbers, course.latest().numbers);
    let restoring = Restoring::of(&bed.repository());
    restoring.run(&last, &["--timeline", "2"]).expect_code(0);
    restoring.expect_numbers(&last.numbers);
}

#[test]
fn damage_before_the_end_of_the_backup_does_not_make_its_end_seem_earlier() {
    needs_postgres!();
    let bed = bed();
    let (repository, archive) = bed.own();
    let course = &bed.courses[&1];
    // The server ends a segment when a backup begins: what was committed before lies in those before that.
    let before: Vec<_> = course.ended.iter().filter(|end| end.lsn < bed.stop).collect();
    let last = before[before.len() - 1];
    let segment = &segments(&archive, 1)[usize::try_from(last.lsn.0 >> 20).unwrap() - 1];
    let mut file = fs::File::options().write(true).open(archive.join(segment)).unwrap();
    file.seek(SeekFrom::Start(last.lsn.0 & 0xF_FFFF)).unwrap();
    file.write_all(&[0xA5; 64]).unwrap();
    let restoring = Restoring::of(&repository);
    let early = before[before.len() - 2].at.checked_add(std::time::Duration::from_micros(1)).unwrap();
    assert!(early < last.at);
    let ran = restoring.run(&wanted(&["--time", &early.to_string()]), &["--timeline", "1"]);
    ran.expect_code(3).expect_words(&["possible"]);
    assert!(!restoring.target.exists());
}
