//! Room at the target: counted for each disk, before anything is made, and less for what stands already (S7, S2).

use super::{resume::stopped_in_the_middle, *};
use crate::{
    domain::{FailureClass, FilePlan},
    engine::native::space::{Available, Disk, Disks},
};
use std::{os::unix::fs::MetadataExt, sync::Arc};

/// Disks with made-up figures, each for the places below one.
#[derive(Debug)]
struct Made(Vec<(PathBuf, Disk)>);

impl Disks for Made {
    fn of(&self, place: &Path) -> Result<Disk, Failure> {
        Ok(self.0.iter().find(|(above, _)| place.starts_with(above)).expect("a place that was named").1)
    }
}

fn disk(device: u64, bytes: u64, inodes: Option<u64>) -> Disk {
    Disk { device, room: Available { bytes: ByteCount(bytes), inodes } }
}

fn home(fake: &Fake) -> PathBuf {
    fake.place.path().join("data.tablespaces")
}

/// The plan where data directory and tablespaces are on these disks.
fn plan(fake: &Fake, data: Disk, tablespaces: Disk) -> Result<FilePlan, Failure> {
    let mut engine = fake.engine();
    engine.order.disks = Arc::new(Made(vec![(fake.directory(), data), (home(fake), tablespaces)]));
    engine.plan().map(|planned| planned.files)
}

/// What the files take in the data directory and in the tablespace, in whole blocks.
fn needs(fake: &Fake) -> (u64, u64) {
    let size = |in_tablespace: bool| {
        let files = fake.files.iter().filter(|(path, _)| path.starts_with("pg_tblspc/") == in_tablespace);
        files.map(|(_, bytes)| (bytes.len() as u64).next_multiple_of(4096)).sum()
    };
    (size(false), size(true))
}

#[track_caller]
fn refused(fake: &Fake, planned: Result<FilePlan, Failure>, says: &str) {
    let failure = planned.expect_err(says);
    assert_eq!(failure.class, FailureClass::Incurable, "{failure}");
    assert!(failure.cause.contains(says) && !failure.advice.is_empty(), "{says:?} is not in {failure}");
    assert!(!exists(fake.directory()) && !exists(home(fake)), "a plan makes nothing");
}

#[test]
fn s07_too_few_free_inodes_are_told_with_both_numbers() {
    for form in Fake::all_forms() {
        let fake = Fake::new(form);
        fake.write();
        let on = |inodes| {
            let disk = disk(1, 1 << 40, inodes);
            plan(&fake, disk, disk)
        };
        let files = fake.files.len() as u64;
        assert_eq!(on(None).unwrap().free_inodes, None, "{form}: a file system that does not count them");
        assert_eq!(on(Some(files)).unwrap().free_inodes, Some(files), "{form}");
        let free = files - 1;
        let says = format!("not enough inodes at {}: the restore needs {files} and {free} are free", shown(&fake));
        refused(&fake, on(Some(free)), &says);
    }
}

fn shown(fake: &Fake) -> String {
    fake.directory().display().to_string()
}

#[test]
fn s07_places_on_one_disk_need_their_room_together_and_those_on_two_each_its_own() {
    for form in Fake::all_forms() {
        let fake = Fake::new(form).with_tablespace();
        fake.write();
        let (data, tablespace) = needs(&fake);
        let files = fake.files.len() as u64;
        let together = |bytes, inodes| {
            let disk = disk(1, bytes, Some(inodes));
            plan(&fake, disk, disk)
        };
        let both = data + tablespace;
        together(both, files).unwrap();
        let at_data = format!("no space for the restore at {}: it needs {}", shown(&fake), ByteCount(both));
        refused(&fake, together(both - 1, files), &at_data);
        refused(&fake, together(both, files - 1), &format!("the restore needs {files} and {} are free", files - 1));
        let apart = |for_data, for_tablespace| {
            plan(&fake, disk(1, for_data, Some(files - 1)), disk(2, for_tablespace, Some(1)))
        };
        assert_eq!(apart(data, tablespace).unwrap().free_bytes.0, data, "{form}");
        refused(&fake, apart(data - 1, tablespace), &format!("no space for the restore at {}:", shown(&fake)));
        let at_home = format!("no space for the restore at {}", home(&fake).display());
        refused(&fake, apart(data, tablespace - 1), &at_home);
    }
}

#[test]
fn s07_two_places_of_one_real_disk_are_known_as_such() {
    let place = tempfile::tempdir().unwrap();
    let device = |place: &Path| crate::engine::native::space::Machine.of(place).unwrap().device;
    assert_eq!(device(&place.path().join("a/b")), fs::metadata(place.path()).unwrap().dev());
    assert_eq!(device(&place.path().join("a")), device(&place.path().join("b")));
    assert_ne!(device(place.path()), device(Path::new("/proc")));
}

#[test]
fn s02_a_try_needs_room_only_for_what_does_not_stand_yet() {
    for form in Fake::all_forms() {
        let fake = Fake::new(form).with_tablespace();
        stopped_in_the_middle(&fake);
        let standing = |path: &&String| fs::metadata(fake.directory().join(path)).ok();
        let in_place: Vec<fs::Metadata> = fake
            .files
            .keys()
            .filter(|path| !path.starts_with("pg_tblspc/"))
            .filter_map(|path| standing(&path))
            .collect();
        let stands: u64 = in_place.iter().map(|about| about.blocks() * 512).sum();
        let (data, tablespace) = needs(&fake);
        let files = fake.files.len() as u64;
        assert!(stands > 1 << 20 && in_place.len() > 1, "{form}: {stands}");
        let on = |bytes, inodes| {
            let disk = disk(1, bytes, Some(inodes));
            plan(&fake, disk, disk)
        };
        // Half of what stands: how many blocks a file takes may change while it is on its way to the disk.
        let missing = data + tablespace - stands / 2;
        let plan = on(missing, files - in_place.len() as u64).unwrap();
        assert!(plan.reused.0 > 0 && plan.reused < plan.bytes, "{form}: {} of {}", plan.reused, plan.bytes);
        assert!(on(1 << 16, files).is_err(), "{form}: the rest needs room all the same");
        assert!(on(missing, 1).unwrap_err().cause.contains("not enough inodes"), "{form}");
    }
}
