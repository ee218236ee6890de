//! The ways in which files are provided, where the machine is another: with clones, and without FUSE.

use super::{
    bed::{Bed, Opened},
    needs_postgres,
    support::{
        again::{DEVICE_FOR_ALL, again, is_inside},
        backup::Form,
        cluster::{SUM_OF_ROWS, is_root, must, source},
        faults::set_length,
        place::scratch,
        skip::skip,
    },
};
use std::{fs, path::PathBuf, process::Command};

/// A file system whose files can be cloned. Dropping it unmounts it.
struct Xfs(PathBuf);

impl Xfs {
    /// `None` where none can be made or mounted.
    fn mount() -> Option<Self> {
        let (image, place) = (scratch("image").join("xfs"), scratch("xfs"));
        fs::write(&image, "").unwrap();
        set_length(&image, 1 << 30);
        let ran = |command: &mut Command| command.output().is_ok_and(|output| output.status.success());
        let made = is_root()
            && ran(Command::new("mkfs.xfs").args(["-q", "-m", "reflink=1"]).arg(&image))
            && ran(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(&place));
        made.then_some(Self(place))
    }

    /// Bytes that it has given away.
    fn used(&self) -> u64 {
        let found = rustix::fs::statvfs(&self.0).unwrap();
        (found.f_blocks - found.f_bfree) * found.f_frsize
    }
}

impl Drop for Xfs {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(&self.0).status().unwrap();
    }
}

#[test]
fn where_files_can_be_cloned_they_are_and_share_their_blocks_with_the_backup() {
    needs_postgres!();
    let Some(xfs) = Xfs::mount() else {
        return skip("no XFS can be made and mounted here", false);
    };
    let bed = Bed::at(&xfs.0, Form::PLAIN);
    // The copy of the backup still leads to the tablespace of the one that it was made of.
    bed.explore(&["start", "shop", "--plan"]).expect_code(0).expect_words(&["block overlay", "on another file system"]);
    for link in fs::read_dir(bed.repository.b1().join("pg_tblspc")).unwrap() {
        let (link, here) = (link.unwrap().path(), xfs.0.join("tablespace"));
        must(Command::new("cp").arg("-a").arg(fs::read_link(&link).unwrap()).arg(&here));
        fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(&here, &link).unwrap();
    }
    let bed = bed.changed_by_hand();
    bed.explore(&["start", "shop", "--plan"]).expect_code(0).expect_words(&["clone", "its blocks are shared"]);
    rustix::fs::sync();
    let before = xfs.used();
    let open = bed.open(&[]);
    assert_eq!(open.text("method"), "reflink");
    assert_eq!(open.ask(SUM_OF_ROWS), source().sum);
    assert_eq!(open.ask("select count(*) from elsewhere"), "20000", "the tablespace");
    rustix::fs::sync();
    let copied = fs::metadata(super::support::faults::largest_data_file(&bed.repository.b1())).unwrap().len();
    let taken = xfs.used().saturating_sub(before);
    // The one segment of WAL that the server makes anew, and its small files.
    assert!(taken < (24 << 20) + copied, "{taken} bytes were taken");
    open.ask("begin read write; update goods set name = name || id; commit; checkpoint");
    bed.explore(&["stop", &open.id().to_string()]).expect_code(0);
    bed.expect_nothing_left(&[&open]);
}

#[test]
fn without_fuse_the_files_are_copied_first_and_the_plan_says_so() {
    needs_postgres!();
    let bed = Bed::new(Form::PLAIN);
    let Some(planned) = bed.without("/dev/fuse", &["start", "shop", "--plan"]) else {
        return skip("only root can hide a device", false);
    };
    planned.expect_code(0).expect_words(&["copied first", "no overlay"]);
    let started = bed.without("/dev/fuse", &["start", "shop", "--wait", "--json"]).unwrap();
    let open = Opened(started.expect_code(0).json());
    assert_eq!(open.text("method"), "copy");
    assert_eq!(open.ask(SUM_OF_ROWS), source().sum);
    bed.explore(&["stop", "[0]"]).expect_code(0);
    bed.expect_nothing_left(&[&open]);
}

#[test]
fn a_user_who_is_not_root_opens_a_point_by_the_helper_of_fuse() {
    needs_postgres!();
    if !is_inside() && is_root() {
        if Command::new("fusermount3").arg("-V").output().is_err() {
            return skip("there is no fusermount3 (package fuse3)", true);
        }
        let test = "methods::a_user_who_is_not_root_opens_a_point_by_the_helper_of_fuse";
        return again(test, DEVICE_FOR_ALL, Some("postgres"));
    }
    if let Err(why) = howdah::overlay::available() {
        return skip(&why, true);
    }
    let bed = Bed::new(Form::PLAIN);
    let open = bed.open(&[]);
    assert_eq!(open.text("method"), "overlay");
    assert_eq!(open.ask(SUM_OF_ROWS), source().sum);
    open.ask("begin read write; create table mine as select 1 as a; commit; checkpoint");
    bed.explore(&["stop", "[0]"]).expect_code(0);
    bed.expect_nothing_left(&[&open]);
}
