//! Restore points copied to a second repository.

use crate::{
    label, names, needs_postgres, plain_source, repository, restores,
    session::{Session, order, order_of},
    source,
    support::{
        cluster::{must, program},
        faults::{flip_byte, largest_data_file},
        place::listing,
    },
};
use howdah::domain::{
    Achieved, BackupObject, Compression, Disposed, FailureClass, InstanceName, Rate, Step, fact::End,
};
use rustix::process::Signal;
use std::{fs, path::Path};

fn session(from: &Path, to: &Path) -> Session {
    let (name, instance) = (InstanceName::new("copies"), InstanceName::new("shop"));
    Session::new(order(BackupObject::PointCopy { name, instance, from: from.to_owned() }, Some(to)))
}

/// Points that were copied, and those that were there already.
#[track_caller]
fn copied(session: &Session) -> (u64, u64) {
    let success = session.succeed();
    let Achieved::Copied { copies, skipped, .. } = success.result else { panic!("{success:?}") };
    (copies, skipped)
}

#[test]
fn points_are_copied_whole_once_and_restore() {
    needs_postgres!();
    let (from, to) = (repository(), repository());
    let plain = label(&Session::new(order_of(plain_source(), &from)).succeed());
    let packed = label(&Session::new(order_of(plain_source(), &from)).packed(Compression::Zstd).succeed());
    let before = listing(&from);
    assert_eq!(copied(&session(&from, &to)), (2, 0));
    assert_eq!(listing(&from), before);
    let shop = to.join("shop");
    let mut both = [plain.clone(), packed.clone()];
    both.sort();
    assert_eq!((names(&to), names(&shop)), (vec!["shop".to_owned()], both.to_vec()));
    must(program("pg_verifybackup").arg(shop.join(&plain)));
    let mark = fs::read_to_string(shop.join(&packed).join("pg_wal/howdah_backup.json")).unwrap();
    assert!(mark.contains("\"object\": \"copies\""), "it is the copying job's own: {mark}");
    assert_eq!(copied(&session(&from, &to)), (0, 2));
    for point in [plain, packed] {
        assert_eq!(restores(&to, &point, "select count(*) from pgbench_accounts"), "100000");
    }
}

#[test]
fn r34_r36_a_copy_that_is_stopped_leaves_what_was_whole_and_one_that_is_killed_is_gone_on_with() {
    needs_postgres!();
    let (from, to) = (repository(), repository());
    let first = label(&Session::new(order_of(plain_source(), &from)).succeed());
    copied(&session(&from, &to));
    let before = listing(&to.join("shop"));
    Session::new(order_of(plain_source(), &from)).succeed();
    let slow = || {
        let mut session = session(&from, &to);
        session.order.max_rate = Rate::per_second(4 << 20);
        session
    };
    let stopped = slow();
    let attempt = stopped.start();
    attempt.until_received(4 << 20);
    attempt.signal(Signal::TERM);
    assert_eq!(attempt.end(), End::Stopped);
    assert_eq!(stopped.dispose(), Disposed::Removed);
    assert_eq!(names(&to.join("shop")), [first]);
    assert_eq!(listing(&to.join("shop")), before);
    let mut killed = slow();
    let attempt = killed.start();
    attempt.until_received(4 << 20);
    attempt.kill();
    killed.order.max_rate = None;
    assert_eq!(copied(&killed), (1, 1));
    assert!(killed.log().contains("compared and gone on with"), "{}", killed.log());
    assert_eq!(names(&to.join("shop")).len(), 2);
}

#[test]
fn a_damaged_point_another_one_of_its_name_and_another_cluster_are_refused() {
    needs_postgres!();
    let (from, to) = (repository(), repository());
    let point = label(&Session::new(order_of(plain_source(), &from)).succeed());
    flip_byte(&largest_data_file(&from.join("shop").join(&point)), 100);
    let damaged = session(&from, &to);
    let failure = damaged.fail();
    assert_eq!((failure.class, failure.step), (FailureClass::Incurable, Some(Step::Copy)), "{failure}");
    assert!(failure.cause.contains("damaged"), "{failure}");
    assert_eq!(damaged.dispose(), Disposed::Removed);
    assert_eq!(names(&to), Vec::<String>::new());
    let refused = |says: &str| {
        let session = session(&from, &to);
        let failure = session.fail();
        assert_eq!((failure.class, failure.step), (FailureClass::Incurable, Some(Step::Check)), "{failure}");
        assert!(failure.cause.contains(says), "{failure}");
        assert_eq!(session.dispose(), Disposed::Nothing);
    };
    let other = label(&Session::new(order_of(plain_source(), &to)).succeed());
    fs::rename(to.join("shop").join(other), to.join("shop").join(&point)).unwrap();
    refused("is another backup");
    fs::remove_dir_all(to.join("shop")).unwrap();
    Session::new(order_of(source(), &to)).packed(Compression::None).succeed();
    refused("more than one cluster");
}
