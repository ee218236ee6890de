//! Copies of files: whole, half there, altered on either side, held back, ended.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
use super::*;
use crate::{
    domain::{FailureClass, Progress},
    engine::Observer,
};
use std::{fs, sync::Mutex};

/// What a copy reports; it asks for a stop once so many bytes are there.
#[derive(Default)]
struct Report {
    progress: Mutex<Vec<Progress>>,
    notes: Mutex<Vec<String>>,
    stop: Stop,
    stop_at: Option<u64>,
}

impl Observer for Report {
    fn progress(&self, progress: Progress) {
        if self.stop_at.is_some_and(|bytes| progress.bytes_done.0 >= bytes) {
            self.stop.request();
        }
        self.progress.lock().unwrap().push(progress);
    }

    fn note(&self, sentence: String) {
        self.notes.lock().unwrap().push(sentence);
    }

    fn stop_requested(&self) -> bool {
        self.stop.requested()
    }
}

/// A file of a restore point of some megabytes, and where its copy goes.
struct Bed {
    place: tempfile::TempDir,
    bytes: Vec<u8>,
    link: Link,
}

impl Bed {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let bytes: Vec<u8> =
            (0..5_u32 << 18).flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        let path = place.path().join("vda.qcow2");
        fs::write(&path, &bytes).unwrap();
        let sha256 = image::hex(&Sha256::digest(&bytes));
        let link = Link { label: "a".to_owned(), path, bytes: bytes.len() as u64, sha256, backing: None };
        Self { place, bytes, link }
    }

    fn to(&self) -> PathBuf {
        self.place.path().join("copy")
    }

    fn copy(&self, report: &Report, rate: Option<Rate>) -> Result<Progress, Halt> {
        let gauge = Gauge::new(report, self.link.bytes, 1);
        Copying { gauge: &gauge, stop: &report.stop, rate }.file(&self.link, &self.to())?;
        let progress = *gauge.progress();
        Ok(progress)
    }

    /// The copy is whole, and so much of it was there before.
    fn expect(&self, reused: u64) -> Report {
        let report = Report::default();
        let progress = self.copy(&report, None).unwrap();
        assert!(fs::read(self.to()).unwrap() == self.bytes);
        assert_eq!((progress.bytes_done.0, progress.bytes_reused.0), (self.link.bytes, reused));
        report
    }

    fn refused(&self) -> Failure {
        let Err(Halt::Failed(failure)) = self.copy(&Report::default(), None) else { panic!("it was copied") };
        assert_eq!(failure.class, FailureClass::Incurable, "{failure}");
        failure
    }
}

#[test]
fn s02_a_copy_goes_on_from_what_stands_and_is_made_anew_where_that_was_altered() {
    let bed = Bed::new();
    bed.expect(0);
    bed.expect(bed.link.bytes);
    for stood in [1, 1 << 20, (3 << 20) + 17] {
        fs::write(bed.to(), &bed.bytes[..stood]).unwrap();
        let report = bed.expect(stood as u64);
        assert!(report.notes.lock().unwrap().is_empty());
    }
    let mut torn = bed.bytes[..3 << 20].to_vec();
    torn[2 << 20..].fill(0);
    fs::write(bed.to(), &torn).unwrap();
    let report = bed.expect(0);
    assert!(report.notes.lock().unwrap()[0].contains("was altered since"));
    fs::write(bed.to(), [&bed.bytes[..], b"more"].concat()).unwrap();
    bed.expect(0);
}

#[test]
fn s15_a_file_that_is_not_what_was_recorded_is_no_copy() {
    let mut bed = Bed::new();
    let altered = |at: usize| {
        let mut bytes = bed.bytes.clone();
        bytes[at] ^= 1;
        fs::write(&bed.link.path, bytes).unwrap();
    };
    for at in [0, 3 << 20, bed.bytes.len() - 1] {
        altered(at);
        assert!(
            bed.refused().cause.contains("vda.qcow2 of the restore point a is not what the backup wrote: its SHA-256")
        );
        assert_eq!(fs::metadata(bed.to()).unwrap().len(), 0, "nothing of it is gone on from");
    }
    // The first half is a good one, and stands already.
    fs::write(bed.to(), &bed.bytes[..1 << 20]).unwrap();
    bed.refused();
    fs::write(&bed.link.path, &bed.bytes[1..]).unwrap();
    assert!(bed.refused().cause.contains("bytes instead of"));
    fs::rename(&bed.link.path, bed.place.path().join("elsewhere")).unwrap();
    std::os::unix::fs::symlink("elsewhere", &bed.link.path).unwrap();
    bed.refused();
    bed.link.path = bed.place.path().join("gone");
    let Err(Halt::Failed(failure)) = bed.copy(&Report::default(), None) else { panic!("it was copied") };
    assert_eq!(failure.class, FailureClass::Disruption, "the repository may come back: {failure}");
}

#[test]
fn a_stop_ends_a_copy_and_what_has_come_stays() {
    let bed = Bed::new();
    let report = Report { stop_at: Some(2 << 20), ..Report::default() };
    let rate = Some(Rate::per_second(8 << 20).unwrap());
    assert!(matches!(bed.copy(&report, rate), Err(Halt::Stopped)));
    let came = fs::metadata(bed.to()).unwrap().len();
    assert!((2 << 20..bed.link.bytes).contains(&came), "{came}");
    bed.expect(came);
}

#[test]
fn a_copy_is_no_faster_than_it_may_be() {
    let bed = Bed::new();
    let began = Instant::now();
    bed.copy(&Report::default(), Some(Rate::per_second(10 << 20).unwrap())).unwrap();
    assert!(began.elapsed() >= Duration::from_millis(450), "{:?}", began.elapsed());
}
