//! Copies of files: whole, resumed, and never over anything that the job did not make.

use crate::{
    names, needs_postgres,
    session::{Session, order},
    support::{
        cluster::{give_to_server_user, is_root, must, server_scratch},
        timeout::until,
    },
};
use howdah::domain::{
    Achieved, BackupObject, ByteCount, Disposed, FailureClass, InstanceName, Rate, Step,
    fact::{End, Fact},
};
use rustix::process::Signal;
use std::{
    ffi::OsStr,
    fs,
    os::unix::{
        ffi::OsStrExt,
        fs::{MetadataExt, PermissionsExt, symlink},
    },
    path::{Path, PathBuf},
    process::Command,
};

/// A tree with all that a tree may hold, and where its copy goes.
fn tree() -> (PathBuf, PathBuf) {
    let source = server_scratch("source").join("share");
    fs::create_dir_all(source.join("deep/share")).unwrap();
    fs::create_dir(source.join("empty")).unwrap();
    fs::write(source.join("deep/a"), "one").unwrap();
    fs::write(source.join("share"), "of the name of the whole").unwrap();
    fs::write(source.join(OsStr::from_bytes(b"caf\xe9")), vec![7; 3 << 20]).unwrap();
    fs::write(source.join("nothing"), "").unwrap();
    fs::set_permissions(source.join("deep/a"), fs::Permissions::from_mode(0o4750)).unwrap();
    symlink("/etc/passwd", source.join("outside")).unwrap();
    give_to_server_user(&source);
    (source, server_scratch("copies"))
}

fn session(source: &Path, target: &Path) -> Session {
    let (path, target) = (source.to_owned(), target.to_owned());
    Session::new(order(BackupObject::FileCopy { name: InstanceName::new("share"), path, target }, None))
}

/// Copies, their bytes, and what was there already.
#[track_caller]
fn copied(session: &Session) -> (u64, u64, u64) {
    let success = session.succeed();
    let Achieved::Copied { copies, bytes, skipped } = success.result else { panic!("{success:?}") };
    (copies, bytes.0, skipped)
}

fn same(source: &Path, copy: &Path) {
    must(Command::new("diff").args(["-r", "--no-dereference"]).arg(source).arg(copy));
}

#[test]
fn a_tree_is_copied_whole_once_and_after_that_only_what_changed() {
    needs_postgres!();
    let (source, target) = tree();
    let all = (4, 3 + 24 + (3 << 20), 0);
    assert_eq!(copied(&session(&source, &target)), all);
    let copy = target.join("share");
    same(&source, &copy);
    let (was, is) = (fs::metadata(source.join("deep/a")).unwrap(), fs::metadata(copy.join("deep/a")).unwrap());
    assert_eq!((is.mode() & 0o7777, is.mtime_nsec(), is.uid()), (0o750, was.mtime_nsec(), was.uid()), "no set-uid");
    assert_eq!(names(&target), [".share.howdah-copy", "share"], "no claim and nothing half is left");
    assert_eq!(copied(&session(&source, &target)), (0, 0, 5));
    fs::write(source.join("deep/a"), "another").unwrap();
    fs::write(source.join("new"), "new").unwrap();
    fs::write(copy.join("somebody's"), "stays").unwrap();
    assert_eq!(copied(&session(&source, &target)), (2, 10, 4));
    fs::remove_file(copy.join("somebody's")).unwrap();
    same(&source, &copy);
    // A file alone.
    let (file, alone) = (source.join("deep/a"), server_scratch("alone"));
    assert_eq!(copied(&session(&file, &alone)), (1, 7, 0));
    assert_eq!(fs::read_to_string(alone.join("a")).unwrap(), "another");
}

#[test]
fn what_the_job_did_not_make_or_somebody_changed_is_never_overwritten() {
    needs_postgres!();
    let (source, target) = tree();
    fs::create_dir_all(target.join("share/deep")).unwrap();
    fs::write(target.join("share/deep/a"), "somebody's").unwrap();
    give_to_server_user(&target);
    let refused = |says: &str| {
        let session = session(&source, &target);
        let failure = session.fail();
        assert_eq!((failure.class, failure.step), (FailureClass::Incurable, Some(Step::Check)), "{failure}");
        assert!(failure.cause.contains(says), "{failure}");
        assert_eq!(session.dispose(), Disposed::Nothing);
    };
    refused("share/deep/a is there");
    assert_eq!(names(&target.join("share")), ["deep"], "not a byte was written");
    fs::remove_file(target.join("share/deep/a")).unwrap();
    copied(&session(&source, &target));
    fs::write(target.join("share/deep/a"), "two").unwrap();
    refused("share/deep/a is there");
    assert_eq!(fs::read_to_string(target.join("share/deep/a")).unwrap(), "two");
    // The same size and time, and other bytes: seen when it would be replaced, and not before.
    fs::write(target.join("share/deep/a"), "eno").unwrap();
    must(Command::new("touch").arg("-r").arg(source.join("deep/a")).arg(target.join("share/deep/a")));
    fs::write(source.join("deep/a"), "changed").unwrap();
    let session = session(&source, &target);
    let failure = session.fail();
    assert_eq!((failure.class, failure.step), (FailureClass::Incurable, Some(Step::Seal)), "{failure}");
    assert_eq!(session.dispose(), Disposed::Removed);
    assert_eq!(fs::read_to_string(target.join("share/deep/a")).unwrap(), "eno");
    if is_root() {
        fs::set_permissions(source.join("nothing"), fs::Permissions::from_mode(0o600)).unwrap();
        must(Command::new("chown").arg("root").arg(source.join("nothing")));
        refused("may not read");
    }
}

#[test]
fn r34_a_copy_that_is_stopped_leaves_nothing_and_one_that_is_killed_is_gone_on_with() {
    needs_postgres!();
    let (source, target) = tree();
    let slow = || {
        let mut session = session(&source, &target);
        session.order.max_rate = Rate::per_second(1 << 20);
        session
    };
    let stopped = slow();
    let attempt = stopped.start();
    attempt.until_received(1 << 20);
    attempt.signal(Signal::TERM);
    assert_eq!(attempt.end(), End::Stopped);
    assert_eq!(stopped.dispose(), Disposed::Removed);
    assert_eq!(names(&target), Vec::<String>::new());
    let mut killed = slow();
    let attempt = killed.start();
    attempt.until_received(1 << 20);
    attempt.kill();
    killed.order.max_rate = None;
    let attempt = killed.start();
    let end = until("the end", || attempt.facts().into_iter().find(|fact| matches!(fact, Fact::Ended(_))));
    assert!(matches!(end, Fact::Ended(End::Succeeded(_))), "{end:?}");
    let reused = attempt.facts().into_iter().filter_map(|fact| match fact {
        Fact::Progress(progress) => Some(progress.bytes_reused),
        Fact::Began(_) | Fact::Planned(_) | Fact::Step { .. } | Fact::Note(_) | Fact::Ended(_) => None,
    });
    assert!(reused.max() >= Some(ByteCount(1 << 20)), "{}", killed.log());
    same(&source, &target.join("share"));
    assert_eq!(killed.dispose(), Disposed::Nothing);
}
