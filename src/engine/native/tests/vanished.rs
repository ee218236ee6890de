//! A repository that is moved away while a file of it is open (R8, R10).

use super::*;
use crate::domain::FailureClass;

/// Renames the repository in the midst of the copy.
struct Renamer {
    from: PathBuf,
    to: PathBuf,
    last: Mutex<Progress>,
}

/// Of the large file there is so much left then that reading it takes far longer than looking for it again.
const RENAMED_AT: u64 = 8 << 20;

impl Observer for Renamer {
    fn progress(&self, progress: Progress) {
        if progress.bytes_done.0 > RENAMED_AT && exists(&self.from) {
            fs::rename(&self.from, &self.to).unwrap();
        }
        *self.last.lock().unwrap() = progress;
    }

    fn note(&self, _: String) {}

    fn stop_requested(&self) -> bool {
        false
    }
}

#[test]
fn r08_a_repository_that_is_renamed_is_told_as_gone_though_its_open_file_could_be_read_on() {
    let forms = [BackupForm::Plain, BackupForm::Tar(Compression::None), BackupForm::Tar(Compression::Zstd)];
    let check = |form: BackupForm| {
        let mut fake = Fake::new(form);
        fake.files.insert("base/1/9999".into(), noise(9, 20 << 20));
        fake.write();
        let (repo, away) = (fake.place.path().join("repo"), fake.place.path().join("away"));
        let renamer = Renamer { from: repo.clone(), to: away.clone(), last: Mutex::default() };
        let failure = failure(fake.slow_engine(1).copy(&renamer));
        assert_eq!(failure.class, FailureClass::Disruption, "{form}: {failure}");
        assert!(failure.cause.contains("is not there: its repository vanished"), "{form}: {failure}");
        let last = *renamer.last.lock().unwrap();
        assert!(last.bytes_done.0 + (4 << 20) < last.bytes_total.0, "{form}: it was read to its end: {last:?}");
        fs::rename(&away, &repo).unwrap();
        fake.engine().restore(&Ear::default()).unwrap();
        fake.assert_restored();
    };
    // Side by side, for the speed is what they wait for.
    std::thread::scope(|scope| {
        for form in forms {
            scope.spawn(move || check(form));
        }
    });
}
