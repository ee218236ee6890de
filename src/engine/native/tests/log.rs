//! What a copy says in the attempt's log.

use super::{resume::stopped_in_the_middle, *};

/// Keeps the sentences for the log.
#[derive(Default)]
struct Lines(Mutex<Vec<String>>);

impl Observer for Lines {
    fn progress(&self, _: Progress) {}

    fn note(&self, _: String) {}

    fn log(&self, sentence: &str) {
        self.0.lock().unwrap().push(sentence.to_owned());
    }

    fn stop_requested(&self) -> bool {
        false
    }
}

/// Sentences must begin so, in this order; others may stand between them.
fn check(said: &[String], wanted: &[&str]) {
    let mut rest = said.iter();
    for begin in wanted {
        assert!(rest.any(|line| line.starts_with(begin)), "{begin:?} is missing in its place: {said:#?}");
    }
}

#[test]
fn decisions_large_files_and_the_sync_are_in_the_log() {
    for form in Fake::all_forms() {
        let mut fake = Fake::new(form);
        fake.files.insert("base/1/2619".to_owned(), noise(9, 9 << 20));
        fake.write();
        let lines = Lines::default();
        fake.engine().restore(&lines).unwrap();
        let said = lines.0.into_inner().unwrap();
        check(&said, &["2 threads copy, as fast as it goes", "base/1/2619: 9.0 MiB in ", "all is on the disk: "]);
        assert!(said.len() < 10, "small files have no lines: {said:#?}");
    }
}

#[test]
fn what_is_reused_and_what_is_not_is_in_the_log() {
    let fake = Fake::new(BackupForm::Plain);
    stopped_in_the_middle(&fake);
    let lines = Lines::default();
    fake.engine().restore(&lines).unwrap();
    let said = lines.0.into_inner().unwrap();
    check(&said, &["reused of the earlier attempt", "half-copied files of a plain backup are gone on with"]);
}
