//! Backups that are made: whole, once, and told as they are.

use crate::{
    bed::{Bed, label, random},
    needs_restic,
};
use howdah::domain::{
    Achieved, BackupObject, ByteCount,
    fact::{End, Fact},
};
use std::{
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt, fs::symlink},
};

#[test]
fn a_tree_with_hostile_names_is_backed_up_without_what_is_left_out_and_comes_back() {
    needs_restic!();
    let bed = Bed::with_repository(1 << 20);
    for name in [&b"-rf"[..], b"a\nb", b"\x1b[2J", b"caf\xe9", b"--exclude=*", b"sp ace"] {
        fs::write(bed.tree.join(OsStr::from_bytes(name)), name).unwrap();
    }
    fs::create_dir_all(bed.tree.join("deep/empty")).unwrap();
    fs::write(bed.tree.join("left-out.iso"), random(10)).unwrap();
    symlink("/etc/passwd", bed.tree.join("outside")).unwrap();
    let mut session = bed.session();
    let BackupObject::FileTree { exclude, .. } = &mut session.order.object else { panic!() };
    exclude.push("*.iso".to_owned());
    let attempt = session.start();
    let dir = attempt.dir.clone();
    let End::Succeeded(success) = attempt.end() else { panic!("{}", session.log()) };
    let made = label(&success);
    bed.left(&session, &[&made]);
    bed.restores(&["left-out.iso"]);
    let Achieved::RestorePoint { bytes, .. } = success.result else { panic!("{success:?}") };
    assert_eq!(bytes, ByteCount((1 << 20) + 3 + 3 + 4 + 4 + 11 + 6), "what restic read, without what is left out");
    assert_eq!(success.warnings, [] as [&str; 0]);
    assert!(success.unchecked[0].contains("was not read again"), "{success:?}");
    let log = session.log();
    assert!(!log.contains("hunter2"), "{log}");
    assert!(fs::read_dir(dir).unwrap().all(|file| {
        let text = fs::read(file.unwrap().path()).unwrap_or_default();
        !String::from_utf8_lossy(&text).contains("hunter2")
    }));
    // Another attempt of the session, whose end nobody had heard, finds it made; so does whoever removes what it left.
    assert_eq!(label(&session.succeed()), made);
    let End::Succeeded(found) = session.end_of_disposal() else { panic!("{}", session.log()) };
    assert_eq!(label(&found), made);
    bed.left(&session, &[&made]);
    // The next night goes into the same repository.
    bed.fill("new", 10);
    let next = bed.session();
    let second = label(&next.succeed());
    bed.left(&next, &[&made, &second]);
    bed.restores(&[]);
}

#[test]
fn a_plan_writes_nothing_and_says_what_is_made_left_out_and_read_by_others() {
    needs_restic!();
    let bed = Bed::new(10);
    let mut session = bed.session();
    let BackupObject::FileTree { exclude, .. } = &mut session.order.object else { panic!() };
    exclude.push("*.\u{1b}".to_owned());
    std::process::Command::new("chmod").arg("644").arg(&bed.password).status().unwrap();
    let attempt = session.start();
    let planned = crate::support::timeout::until("the plan", || {
        attempt.facts().into_iter().find(|fact| matches!(fact, Fact::Planned(_)))
    });
    let shown = format!("{planned:?}");
    for says in ["into a new repository, which is made first", "others may read the password", "leaves out *."] {
        assert!(shown.contains(says), "{says}: {shown}");
    }
    assert!(!shown.contains('\u{1b}') && matches!(attempt.end(), End::Succeeded(_)), "{}", session.log());
    assert!(session.log().contains("a new restic repository was made"), "{}", session.log());
}

#[test]
fn what_could_not_be_read_is_a_warning_with_its_number_and_the_rest_is_a_restore_point() {
    needs_restic!();
    let bed = Bed::with_repository(10);
    let mut session = bed.session();
    // What restic 0.14 says of such a file; whoever runs the tests may read all.
    let error = r#"{"message_type":"error","error":{"Op":"open","Err":13},"during":"archival","item":"/t/b"}"#;
    session.binaries = vec![bed.instead(&format!("RESTIC \"$@\"\necho '{error}' >&2\nexit 3"))];
    let success = session.succeed();
    let wanted = "1 entry of the tree could not be read: /t/b (Permission denied (os error 13))";
    assert_eq!(success.warnings, [wanted]);
    bed.left(&session, &[&label(&success)]);
    assert_eq!(session.succeed().warnings, [wanted], "an attempt that finds it made says so, too");
}
