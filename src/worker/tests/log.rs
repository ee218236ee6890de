//! The attempt's own log, as a whole attempt writes it.

use super::{
    super::{DONE, FAILED},
    fake::{Bench, Trick},
    real,
};
use crate::domain::ServerWish;

/// The sentences of the last attempt's log without their times; lines of programs have none.
fn sentences(bench: &Bench) -> Vec<String> {
    let is_time = |time: &str| time.len() == 9 && time.ends_with('Z') && time.as_bytes()[2] == b':';
    let output = bench.output();
    let own = output.lines().filter_map(|line| line.split_once(' ').filter(|(time, _)| is_time(time)));
    own.map(|(_, sentence)| sentence.to_owned()).collect()
}

/// Sentences must hold these words, in this order; others may stand between them.
fn check(bench: &Bench, wanted: &[&str]) {
    let said = sentences(bench);
    let mut rest = said.iter();
    for words in wanted {
        assert!(rest.any(|line| line.contains(words)), "{words:?} is missing in its place: {said:#?}");
    }
}

#[test]
fn a_restore_tells_its_decisions_and_its_steps() {
    let bench = Bench::new(ServerWish::FilesOnly, Trick::None);
    assert_eq!(bench.run().0, DONE);
    check(
        &bench,
        &[
            "times are UTC",
            "howdah ",
            "Check begins",
            "data is missing and will be created",
            "100 B in 1 file are needed",
            "the backup holds its WAL, from 0/1 to 0/2",
            "verified by their sizes alone",
            "no server is started: only the files were asked for",
            "Check is done after ",
            "Copy begins",
            "Copy is done after ",
            "Configure begins",
            "global/pg_control is in place",
            "Configure is done after ",
            "Start is skipped: only the files were asked for",
            "Finish begins",
            "from here on the restore is done",
            "Finish is done after ",
            "the attempt has succeeded",
        ],
    );
}

#[test]
fn a_failed_attempt_tells_where_and_why_and_the_next_one_how_it_goes_on() {
    let bench = Bench::new(ServerWish::FilesOnly, Trick::PanicsInCopy);
    assert_eq!(bench.run().0, FAILED);
    check(
        &bench,
        &["Copy begins", "Copy failed after ", "the attempt has failed: howdah panicked: the engine fell over"],
    );
    let bench = bench.tricked(Trick::StoppedInConfigure);
    bench.run();
    check(&bench, &["Configure begins", "the attempt was told to stop, and did"]);
}

#[test]
fn the_server_s_raw_output_stands_between_the_sentences_as_it_is() {
    let Some(bench) = real::bench(ServerWish::StopAfterProbe, "") else { return };
    let (status, facts) = bench.run();
    assert_eq!(status, DONE, "{facts:?}\n{}", bench.output());
    let output = bench.output();
    let at = |words: &str| output.find(words).unwrap_or_else(|| panic!("{words} is missing in:\n{output}"));
    let order = ["Start begins", "\n$ ", "database system is ready", "Probe begins", "the isolated server is stopped"];
    assert!(order.map(at).is_sorted(), "{output}");
}

#[test]
fn a_log_that_cannot_be_written_fails_nothing() {
    let bench = Bench::new(ServerWish::FilesOnly, Trick::None).without_log();
    assert_eq!(bench.run().0, DONE);
}
