//! Backups that are ended in the middle, by a person or by a fault: nothing of them stays, and all else does.

use crate::{
    filled, label, left_nothing, needs_postgres, plain_source, repository,
    session::{Session, SmallDisk, order_of},
    support::{cluster::start, place::listing, timeout::until_true},
};
use howdah::domain::{Compression, Disposed, FailureClass, Step, fact::End};
use howdah::process::{mark, signal};
use rustix::process::Signal;

/// Enough that files of several kinds have come in.
const SOME: u64 = 1 << 20;

#[test]
fn r34_r36_a_stop_in_the_middle_leaves_nothing_and_earlier_points_stay_byte_for_byte() {
    needs_postgres!();
    let (cluster, repository) = (plain_source(), repository());
    let label = label(&Session::new(order_of(cluster, &repository)).succeed());
    let before = listing(&repository.join("shop").join(&label));
    for packed in [None, Some(Compression::Gzip)] {
        let mut session = Session::new(order_of(cluster, &repository)).slowly();
        if let Some(packed) = packed {
            session = session.packed(packed);
        }
        let attempt = session.start();
        attempt.until_received(SOME);
        assert_eq!(session.on_server(cluster), "2 1 1");
        attempt.signal(Signal::TERM);
        assert_eq!(attempt.end(), End::Stopped);
        assert_eq!(session.dispose(), Disposed::Removed);
        left_nothing(&session, cluster, &[&label]);
        assert_eq!(listing(&repository.join("shop").join(&label)), before);
        // Whoever removes it is killed, and another one comes.
        assert_eq!(session.dispose(), Disposed::Nothing);
    }
}

#[test]
fn r32_a_first_backup_that_is_stopped_leaves_no_directory_either() {
    needs_postgres!();
    let (cluster, repository) = (plain_source(), repository());
    let session = Session::new(order_of(cluster, &repository)).slowly();
    let attempt = session.start();
    attempt.until_received(SOME);
    attempt.signal(Signal::TERM);
    assert_eq!(attempt.end(), End::Stopped);
    assert_eq!(session.dispose(), Disposed::Removed);
    left_nothing(&session, cluster, &[]);
}

#[test]
fn what_a_killed_attempt_left_is_removed_by_the_next_one_and_by_the_disposal() {
    needs_postgres!();
    let (cluster, repository) = (plain_source(), repository());
    let mut session = Session::new(order_of(cluster, &repository)).slowly();
    let kill = |session: &Session| {
        let attempt = session.start();
        attempt.until_received(SOME);
        attempt.kill();
    };
    kill(&session);
    kill(&session);
    session.order.max_rate = None;
    let label = label(&session.succeed());
    assert!(session.log().contains("cannot be resumed"), "{}", session.log());
    left_nothing(&session, cluster, &[&label]);
    let other = Session::new(order_of(cluster, &repository)).slowly();
    kill(&other);
    assert_eq!(other.dispose(), Disposed::Removed);
    left_nothing(&other, cluster, &[&label]);
}

#[test]
fn a_killed_pg_basebackup_is_a_disruption_and_takes_its_second_process_along() {
    needs_postgres!();
    let (cluster, repository) = (plain_source(), repository());
    let session = Session::new(order_of(cluster, &repository)).slowly();
    let attempt = session.start();
    attempt.until_received(SOME);
    let programs = attempt.processes("pg_basebackup");
    assert_eq!(programs.len(), 2, "one for the files, one for the WAL");
    let first = programs.iter().min().unwrap();
    assert!(signal(mark(*first).unwrap(), Signal::KILL).unwrap());
    let End::Failed(failure) = attempt.end() else { panic!("{}", session.log()) };
    assert_eq!((failure.class, failure.step), (FailureClass::Disruption, Some(Step::Copy)), "{failure}");
    assert!(failure.cause.contains("killed by signal 9"), "{failure}");
    until_true("both are gone", || programs.iter().all(|pid| mark(*pid).is_none()));
    assert_eq!(session.dispose(), Disposed::Removed);
    left_nothing(&session, cluster, &[]);
}

#[test]
fn a_server_that_is_stopped_in_mid_backup_is_a_disruption_and_what_was_not_seen_is_said() {
    needs_postgres!();
    let (cluster, repository) = (filled(""), repository());
    let session = Session::new(order_of(&cluster, &repository)).slowly();
    let attempt = session.start();
    attempt.until_received(SOME);
    crate::must(crate::program("pg_ctl").arg("-D").arg(&cluster.data).args(["-m", "immediate", "-w", "stop"]));
    let End::Failed(failure) = attempt.end() else { panic!("{}", session.log()) };
    assert_eq!((failure.class, failure.step), (FailureClass::Disruption, Some(Step::Copy)), "{failure}");
    let Disposed::RemovedUnproven { what } = session.dispose() else { panic!("{}", session.log()) };
    assert!(what.contains("the backup session on the server"), "{what}");
    start(&cluster.data);
    left_nothing(&session, &cluster, &[]);
    assert_eq!(session.dispose(), Disposed::Nothing);
    Session::new(order_of(&cluster, &repository)).succeed();
    cluster.stop();
}

#[test]
fn a_disk_that_fills_up_is_incurable_and_is_given_back() {
    needs_postgres!();
    let Some(disk) = SmallDisk::new("3m") else { return };
    let cluster = plain_source();
    let session = Session::new(order_of(cluster, &disk.0)).packed(Compression::Gzip);
    let failure = session.fail();
    // How full it is before the first word on progress is for the two processes to race.
    let in_step = matches!(failure.step, Some(Step::Checkpoint | Step::Copy));
    assert!(failure.class == FailureClass::Incurable && in_step, "{failure:?}");
    assert!(failure.cause.contains("No space left"), "{failure}");
    assert_eq!(session.dispose(), Disposed::Removed);
    left_nothing(&session, cluster, &[]);
}
