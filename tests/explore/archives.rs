//! Backups in archives that are not compressed: their members are served where they lie.

use super::{
    bed::Bed,
    needs_postgres,
    support::{
        backup::Form,
        cluster::{SUM_OF_ROWS, source},
        faults::{Member, edit_manifest, garble, set_length, smuggle_in},
        place::scratch,
    },
};
use std::{
    ffi::OsStr,
    fs::{self, File},
    path::Path,
};

/// Opens a backup of this form, asks it, writes to it, closes it, and looks what is left.
pub(super) fn opens(form: Form, planned: &str) {
    let bed = Bed::new(form);
    bed.explore(&["start", "shop", "--plan"]).expect_code(0).expect_words(&["block overlay", planned]);
    assert!(!bed.explore_dir.exists(), "a plan writes nothing");
    let open = bed.open(&[]);
    assert_eq!(open.text("method"), "overlay", "{form:?}");
    assert_eq!(open.ask(SUM_OF_ROWS), source().sum, "{form:?}");
    let shown = walkdir::WalkDir::new(bed.explore_dir.join("shop/files")).into_iter().map(|entry| entry.unwrap());
    let ours = shown.filter(|entry| [".howdah", "tablespace_map"].map(OsStr::new).contains(&entry.file_name()));
    assert_eq!(ours.count(), 0, "marks of the engine are shown");
    open.ask(
        "begin read write; update goods set name = name || id; create table mine as select 1 as a; commit; checkpoint",
    );
    open.ask("begin read write; update elsewhere set id = id + 1000000; commit; checkpoint");
    bed.explore(&["stop", &open.id().to_string()]).expect_code(0);
    bed.expect_nothing_left(&[&open]);
}

#[test]
fn bare_archives_are_served_where_they_lie() {
    needs_postgres!();
    for form in [Form::TAR, Form::TAR.with_wal("fetch")] {
        opens(form, "are served from");
    }
}

/// Where the bytes of a member begin.
fn offset(archive: &Path, name: &str) -> u64 {
    let mut tar = tar::Archive::new(File::open(archive).unwrap());
    let mut entries = tar.entries().unwrap().map(Result::unwrap);
    entries.find(|entry| entry.path().unwrap() == Path::new(name)).unwrap().raw_file_position()
}

#[test]
fn s15_a_damaged_member_is_told_with_the_name_of_its_table() {
    needs_postgres!();
    let bed = Bed::new(Form::TAR);
    let file = source().ask("select pg_relation_filepath('goods')");
    let base = bed.repository.b1().join("base.tar");
    garble(&base, offset(&base, &file) + 3 * 8192 + 4000);
    bed.expect_damage_named();
}

#[test]
fn archives_that_lost_their_empty_directories_are_opened() {
    needs_postgres!();
    let bed = Bed::new(Form::TAR);
    for name in ["base.tar", "pg_wal.tar"] {
        let archive = bed.repository.b1().join(name);
        let whole = fs::read(&archive).unwrap();
        let mut files = tar::Builder::new(File::create(&archive).unwrap());
        for entry in tar::Archive::new(whole.as_slice()).entries().unwrap().map(Result::unwrap) {
            if entry.header().entry_type().is_file() {
                files.append(&entry.header().clone(), entry).unwrap();
            }
        }
        files.finish().unwrap();
    }
    let bed = bed.changed_by_hand();
    let open = bed.open(&[]);
    assert_eq!(open.text("method"), "overlay");
    assert_eq!(open.ask(SUM_OF_ROWS), source().sum);
    open.ask("begin read write; create table mine as select 1 as a; commit; checkpoint");
    bed.explore(&["stop", &open.id().to_string()]).expect_code(0);
    bed.expect_nothing_left(&[&open]);
}

#[test]
fn bare_archives_that_lie_or_are_cut_short_are_refused_before_anything_is_written() {
    needs_postgres!();
    let somewhere = scratch("somewhere");
    let refused = |spoil: &dyn Fn(&Path), words: &[&str]| {
        let bed = Bed::new(Form::TAR);
        spoil(&bed.repository.b1());
        let bed = bed.changed_by_hand();
        bed.explore(&["start", "shop", "--plan"]).expect_code(3).expect_words(words);
        bed.expect_nothing_left(&[]);
    };
    let smuggled = |member: fn(&Path) -> Member| {
        let somewhere = somewhere.clone();
        move |backup: &Path| smuggle_in(&backup.join("base.tar"), &[member(&somewhere)])
    };
    refused(&smuggled(|_| Member::file("../evil")), &["leads out of"]);
    refused(&smuggled(|_| Member::file("/evil")), &["absolute name"]);
    refused(&smuggled(|_| Member::file("evil")), &["evil", "does not list it"]);
    refused(&smuggled(|_| Member::file("pg_tblspc/1/evil")), &["evil", "does not list it"]);
    refused(&smuggled(|at| Member::link(b'2', "base/evil", at)), &["symbolic link"]);
    refused(&smuggled(|at| Member::link(b'1', "base/evil", at)), &["hard link"]);
    refused(&smuggled(|at| Member::link(b'S', "base/evil", at)), &["sparse file"]);
    refused(&smuggled(|at| Member::link(b'x', "base/PaxHeaders/evil", at)), &["PAX header"]);
    refused(&smuggled(|at| Member::link(b'L', "././@LongLink", at)), &["GNU header"]);
    refused(&smuggled(|_| Member::file("PG_VERSION")), &["PG_VERSION"]);
    let longer = |backup: &Path| {
        edit_manifest(backup, |text| text.replacen("\"PG_VERSION\", \"Size\": 3,", "\"PG_VERSION\", \"Size\": 4,", 1));
    };
    refused(&longer, &["PG_VERSION", "than the manifest says"]);
    let length = |archive: &Path| fs::metadata(archive).unwrap().len();
    let cut = |name: &'static str, at: fn(u64) -> u64| {
        move |backup: &Path| set_length(&backup.join(name), at(length(&backup.join(name))))
    };
    refused(&cut("base.tar", |all| all / 2), &["cut short"]);
    refused(&cut("pg_wal.tar", |all| all / 2), &["cut short"]);
    // At a header: nothing of what is there is broken.
    refused(
        &|backup: &Path| {
            let base = backup.join("base.tar");
            set_length(&base, offset(&base, "global/pg_control") - 512);
        },
        &["base.tar", "cut short", "global/pg_control"],
    );
    // Once more, with other bytes: the second one would count.
    refused(
        &|backup: &Path| {
            let base = backup.join("base.tar");
            let bytes = fs::read(&base).unwrap();
            let at = usize::try_from(offset(&base, "PG_VERSION")).unwrap() - 512;
            let again = [&bytes[at..at + 1024], &bytes].concat();
            fs::write(&base, again).unwrap();
        },
        &["PG_VERSION", "twice"],
    );
}

#[test]
fn an_archive_that_lacks_nothing_but_its_end_is_opened_and_said_to() {
    needs_postgres!();
    let bed = Bed::new(Form::TAR);
    let base = bed.repository.b1().join("base.tar");
    set_length(&base, offset(&base, "global/pg_control") + 8192);
    let bed = bed.changed_by_hand();
    bed.explore(&["start", "shop", "--plan"])
        .expect_code(0)
        .expect_words(&["base.tar", "cut short behind its last file"]);
    let open = bed.open(&[]);
    assert_eq!(open.ask(SUM_OF_ROWS), source().sum);
    bed.explore(&["stop", &open.id().to_string()]).expect_code(0);
    bed.expect_nothing_left(&[&open]);
}
