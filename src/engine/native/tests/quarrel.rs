//! Two sessions and one target: whoever has it keeps it (S9, D7, R21).

use super::*;
use crate::domain::{Disposed, Disposition};
use crate::engine::claim::dispose;
use std::sync::mpsc;

const FORM: BackupForm = BackupForm::Tar(Compression::None);

fn session(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

/// Every file at the target with its bytes, but for the ledger, which the first session goes on writing.
pub(super) fn contents(fake: &Fake) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = walkdir::WalkDir::new(fake.place.path()).into_iter().map(Result::unwrap);
    let files = files.filter(|entry| entry.file_type().is_file() && entry.path() != fake.marked("ledger"));
    files.map(|entry| (entry.path().to_owned(), fs::read(entry.path()).unwrap())).collect()
}

/// Tells when the copy has begun, and holds it up until it is let go on.
struct Held {
    begun: mpsc::Sender<()>,
    go_on: Mutex<Option<mpsc::Receiver<()>>>,
}

impl Observer for Held {
    fn progress(&self, progress: Progress) {
        if progress.bytes_done.0 > 0
            && let Some(go_on) = self.go_on.lock().unwrap().take()
        {
            self.begun.send(()).unwrap();
            go_on.recv().unwrap();
        }
    }

    fn note(&self, _: String) {}

    fn stop_requested(&self) -> bool {
        false
    }
}

#[test]
fn s09_while_one_session_restores_another_neither_marks_nor_moves_nor_removes_anything() {
    let cases = [
        (ExistingData::Refuse, Disposition::Remove),
        (ExistingData::SetAside, Disposition::Default),
        (ExistingData::SetAside, Disposition::SetAside),
    ];
    let both = cases.into_iter().flat_map(|case| Fake::both(FORM).map(|fake| (case, fake.with_tablespace())));
    for ((existing, disposition), fake) in both {
        fake.write();
        let (begun, has_begun) = mpsc::channel();
        let (let_go, go_on) = mpsc::channel();
        let observer = Held { begun, go_on: Mutex::new(Some(go_on)) };
        std::thread::scope(|scope| {
            let first = scope.spawn(|| fake.slow_engine(1).restore(&observer));
            has_begun.recv().unwrap();
            let mark = fs::read(fake.marked("session.json")).unwrap();
            let mut second = fake.engine_for(2, |request| request.existing = existing);
            let refused = failure(second.copy(&Ear::default()));
            let reason = ["the partial data of another session", "another process restores into"];
            assert!(reason.iter().any(|reason| refused.cause.contains(reason)), "{refused}");
            assert_eq!(second.dispose(disposition), Disposed::Nothing);
            assert_eq!(fs::read(fake.marked("session.json")).unwrap(), mark);
            assert!(matches!(fake.engine().dispose(disposition), Disposed::Failed { .. }), "its own, and at work");
            let_go.send(()).unwrap();
            first.join().unwrap().unwrap();
        });
        fake.assert_restored();
        fake.engine().finish().unwrap();
        assert_eq!(fake.outside(), ["data", "data.tablespaces"]);
    }
}

#[test]
fn s09_what_a_session_may_go_on_with_is_not_written_over_while_nobody_works() {
    for fake in Fake::both(FORM).map(Fake::with_tablespace) {
        fake.write();
        let ear = Ear { stop_at: Some(5 << 19), ..Ear::default() };
        assert!(matches!(fake.slow_engine(1).copy(&ear), Err(Halt::Stopped)));
        let before = contents(&fake);
        let refused = failure(fake.engine_for(2, |_| {}).copy(&Ear::default()));
        assert!(refused.cause.contains(&session(1).to_string()), "it says whose it is: {refused}");
        assert_eq!(dispose(&fake.request().target, session(2), Disposition::Remove), Disposed::Nothing);
        assert_eq!(contents(&fake), before);
        fake.engine().restore(&Ear::default()).unwrap();
        fake.assert_restored();
    }
}

#[test]
fn s09_a_plan_that_was_made_before_another_session_came_is_not_carried_out() {
    for fake in Fake::both(FORM) {
        fake.write();
        fs::create_dir(fake.directory()).unwrap();
        let mut late = fake.engine_for(2, |_| {});
        late.plan().unwrap();
        let ear = Ear { stop_at: Some(5 << 19), ..Ear::default() };
        assert!(matches!(fake.slow_engine(1).copy(&ear), Err(Halt::Stopped)));
        let before = contents(&fake);
        let refused = failure(late.copy(&Ear::default()));
        assert!(refused.cause.contains("another restore came to"), "{refused}");
        assert_eq!(contents(&fake), before);
    }
}

#[test]
fn s09_who_only_looks_does_not_keep_a_restore_from_its_lock() {
    for fake in Fake::both(FORM) {
        fake.write();
        let ear = Ear { stop_at: Some(5 << 19), ..Ear::default() };
        assert!(matches!(fake.slow_engine(1).copy(&ear), Err(Halt::Stopped)));
        let looks = fs::OpenOptions::new().append(true).open(fake.marked("ledger")).unwrap();
        looks.lock().unwrap();
        assert!(failure(fake.engine().copy(&Ear::default())).cause.contains("another process restores into"));
        std::thread::scope(|scope| {
            let restore = scope.spawn(|| fake.engine().restore(&Ear::default()));
            drop(looks);
            restore.join().unwrap().unwrap();
        });
        fake.assert_restored();
    }
}
