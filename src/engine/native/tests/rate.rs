//! The bandwidth limit, as whoever watches the progress sees it.

use super::*;

/// Every number of bytes that was reported, and a stop once there are enough.
#[derive(Default)]
struct Steps(Mutex<Vec<u64>>);

const ENOUGH: u64 = 3 << 19;

impl Observer for Steps {
    fn progress(&self, progress: Progress) {
        self.0.lock().unwrap().push(progress.bytes_done.0);
    }

    fn note(&self, _sentence: String) {}

    fn stop_requested(&self) -> bool {
        self.0.lock().unwrap().last().is_some_and(|last| *last >= ENOUGH)
    }
}

#[test]
fn under_a_limit_progress_comes_as_evenly_as_the_bytes_are_read() {
    for form in [BackupForm::Plain, BackupForm::Tar(Compression::None)] {
        let fake = Fake::new(form);
        fake.write();
        let steps = Steps::default();
        let ended = fake.engine_for(1, |request| request.max_rate = Rate::per_second(2 << 20)).copy(&steps);
        assert!(matches!(ended, Err(Halt::Stopped)), "{form}: {ended:?}");
        // A whole buffer is half a second's worth here, and every thread fills one of its own at the same time.
        let steps = steps.0.into_inner().unwrap();
        assert!(steps.iter().any(|bytes| (100_000..1 << 20).contains(bytes)), "{form}: {steps:?}");
    }
}
