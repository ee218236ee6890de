//! What was unpacked once for all sessions on a point, when they have crashed: it goes with the last of them, or by itself.

use super::{
    bed::Bed,
    needs_postgres,
    support::{
        backup::Form,
        cluster::{SUM_OF_ROWS, must, source},
        place::scratch,
    },
};
use std::{fs, process::Command};

#[test]
fn what_was_unpacked_for_sessions_that_are_no_more_goes_with_them_or_after_them() {
    needs_postgres!();
    let bed = Bed::new(Form::packed("server-gzip:1"));
    let open = bed.abandoned();
    let unpacked = || {
        let names = fs::read_dir(&bed.explore_dir).into_iter().flatten().map(|entry| entry.unwrap().path());
        names.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(".unpacked-")).collect::<Vec<_>>()
    };
    let [shared] = unpacked().try_into().unwrap();
    let kept = scratch("kept");
    must(Command::new("cp").arg("-a").arg(&shared).arg(&kept));
    // Another session holds the same point open.
    let other = bed.beside();
    let their = other.open(&[]);
    assert_eq!(unpacked().as_slice(), std::slice::from_ref(&shared), "they share it");
    bed.clean(&[]).expect_code(0);
    assert_eq!(unpacked().as_slice(), std::slice::from_ref(&shared), "it is used");
    assert_eq!(their.ask(SUM_OF_ROWS), source().sum);
    other.crash();
    fs::remove_dir_all(&other.howdah.state).unwrap();
    bed.clean(&[]).expect_code(0);
    bed.expect_nothing_left(&[&open, &their]);
    // One that no scratch names any more, and something that only has such a name.
    must(Command::new("cp").arg("-a").arg(kept.join(shared.file_name().unwrap())).arg(&shared));
    let theirs = bed.explore_dir.join(".unpacked-0-ff");
    fs::create_dir(&theirs).unwrap();
    fs::write(theirs.join("file"), "x").unwrap();
    let (verdict, reason) = bed.verdict(shared.file_name().unwrap().to_str().unwrap());
    assert_eq!((verdict.as_str(), reason.contains("no session names it")), ("remove", true), "{reason}");
    assert_eq!(bed.doctor()[0], "warning");
    bed.clean(&[]).expect_code(3).expect_words(&[theirs.to_str().unwrap(), "was kept"]);
    assert_eq!(unpacked().as_slice(), std::slice::from_ref(&theirs));
    fs::remove_dir_all(&theirs).unwrap();
    bed.expect_nothing_left(&[]);
}
