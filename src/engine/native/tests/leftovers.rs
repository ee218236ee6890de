//! What an earlier attempt left, and why it is not always gone on with (S2).

use super::{
    quarrel::contents,
    resume::{half_of_a_large_file, stopped_in_the_middle},
    *,
};
use crate::domain::{Disposed, Disposition, plan::TargetState};
use std::os::unix::fs::MetadataExt;

/// Makes the ledger record that it was written before the machine came up last.
fn rebooted_since(fake: &Fake) {
    let path = fake.marked("ledger");
    let earlier = "b an-earlier-boot";
    let begun = format!("{:08x} {earlier}", crc32c::crc32c(earlier.as_bytes()));
    let ledger = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> =
        ledger.lines().map(|line| if line.contains(" b ") { begun.as_str() } else { line }).collect();
    assert!(lines.contains(&begun.as_str()));
    fs::write(path, lines.join("\n") + "\n").unwrap();
}

#[test]
fn s02_half_a_file_from_before_the_machine_went_down_is_not_gone_on_with() {
    let (fake, half) = half_of_a_large_file();
    rebooted_since(&fake);
    // What a crash leaves of a file that was being written: its length, and nothing in it.
    let length = fs::metadata(&half).unwrap().len();
    fs::write(&half, vec![0; usize::try_from(length).unwrap()]).unwrap();
    let mut engine = fake.engine();
    let plan = engine.plan().unwrap();
    assert_eq!((plan.files.target, plan.files.reused.0), (TargetState::Leftover, 0));
    let ear = Ear::default();
    engine.restore(&ear).unwrap();
    fake.assert_restored();
    assert_eq!(ear.last.lock().unwrap().bytes_reused.0, 0);
    assert_eq!(*ear.notes.lock().unwrap(), [""; 0], "it was not even read");
}

#[test]
fn s02_what_was_kept_with_its_tablespaces_elsewhere_is_not_gone_on_with() {
    for fake in Fake::all_forms().flat_map(Fake::both).map(Fake::with_tablespace) {
        let form = fake.form;
        stopped_in_the_middle(&fake);
        assert_eq!(fake.engine().dispose(Disposition::Keep), Disposed::Kept);
        let before = contents(&fake);
        let elsewhere = fake.place.path().join("elsewhere");
        let moved = |request: &mut ClusterRestore| {
            request.target = request.target.clone().with_tablespace(OID, &elsewhere).unwrap();
        };
        let refused = refusal(&mut fake.engine_for(2, moved));
        assert!(refused.cause.ends_with("data is not empty"), "{form}: {refused}");
        let aside = |request: &mut ClusterRestore| {
            moved(request);
            request.existing = ExistingData::SetAside;
        };
        let plan = fake.engine_for(2, aside).plan().unwrap();
        assert!(
            matches!(plan.files.target, TargetState::SetAside { .. }) && plan.files.reused.0 == 0,
            "{form}: {plan:?}"
        );
        assert_eq!(contents(&fake), before, "{form}");
        assert_eq!(fake.engine_for(2, |_| {}).plan().unwrap().files.target, TargetState::Leftover, "{form}");
    }
}

/// Gives a file a second name and lets the restore go on; the second name must stay what it was.
fn restored_beside_a_second_name(fake: &Fake, file: &Path) -> ByteCount {
    let other = fake.place.path().join("second-name");
    fs::hard_link(file, &other).unwrap();
    let before = fs::read(&other).unwrap();
    let mut engine = fake.engine();
    let reused = engine.plan().unwrap().files.reused;
    engine.restore(&Ear::default()).unwrap();
    fake.assert_restored();
    assert_eq!(fs::metadata(file).unwrap().nlink(), 1, "it is a file of its own");
    assert!(fs::read(&other).unwrap() == before, "it was written on");
    reused
}

#[test]
fn s08_half_a_file_that_has_a_second_name_is_not_written_on() {
    let (fake, half) = half_of_a_large_file();
    restored_beside_a_second_name(&fake, &half);
}

#[test]
fn s08_a_whole_file_that_has_a_second_name_is_not_given_to_a_server_that_would_write_on() {
    for form in Fake::all_forms() {
        let fake = Fake::new(form).with_tablespace();
        fake.write();
        let mut engine = fake.engine();
        let bytes = engine.plan().unwrap().files.bytes.0;
        engine.copy(&Ear::default()).unwrap();
        let reused = restored_beside_a_second_name(&fake, &fake.directory().join("base/1/1259"));
        assert!((1..=bytes - 8192).contains(&reused.0), "{form}: all others are reused: {reused}");
    }
}
