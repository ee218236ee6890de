//! The block overlay of the real binary, on real mounts: what it shows, what it keeps, and what it never touches.
//!
//! As many random rounds as fit into eight seconds, or two thousand with `HOWDAH_LONG=1`. All that is left to chance
//! follows from a seed, which is printed; when exactly a kill comes does not. `HOWDAH_OVERLAY_SEED` gives another.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
#![allow(clippy::print_stderr, reason = "what a run came to is worth telling")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks for one variant among those there are")]
#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "numbers are drawn small")]
#![allow(clippy::unnecessary_debug_formatting, reason = "a path in a failed test should show what is odd in it")]

#[path = "overlay/compare.rs"]
mod compare;
#[path = "overlay/faults.rs"]
mod faults;
#[path = "overlay/harness.rs"]
mod harness;
#[path = "overlay/members.rs"]
mod members;
#[path = "overlay/model.rs"]
mod model;
#[path = "overlay/operation.rs"]
mod operation;
#[path = "overlay/passed.rs"]
mod passed;
#[path = "overlay/postgres.rs"]
mod postgres;
#[path = "support/rng.rs"]
mod rng;
mod support;
#[path = "overlay/users.rs"]
mod users;

#[test]
fn random_operations_and_kills_leave_what_a_plain_directory_has() {
    needs_fuse!();
    let (seed, origin) = rng::seed("HOWDAH_OVERLAY_SEED");
    let (rounds, kills) = model::rounds(seed, std::env::var_os("HOWDAH_LONG").is_some());
    eprintln!("{rounds} rounds with {kills} kills, seed {seed} ({origin})");
}

#[test]
fn a_lower_file_that_changed_is_an_error_with_its_name() {
    needs_fuse!();
    faults::a_lower_file_that_changed_is_an_error_with_its_name();
}

#[test]
fn what_becomes_of_an_open_file_after_its_name_is_gone_does_not_outlive_a_kill() {
    needs_fuse!();
    faults::what_becomes_of_an_open_file_after_its_name_is_gone_does_not_outlive_a_kill();
}

#[test]
fn the_limit_is_never_exceeded_and_says_no_space() {
    needs_fuse!();
    faults::the_limit_is_never_exceeded_and_says_no_space();
}

#[test]
fn what_was_cut_off_takes_its_room_again() {
    needs_fuse!();
    faults::what_was_cut_off_takes_its_room_again();
}

#[test]
fn members_of_an_archive_are_files() {
    needs_fuse!();
    faults::members_of_an_archive_are_files();
}

#[test]
fn what_cannot_be_right_is_refused_and_left_alone() {
    needs_fuse!();
    faults::what_cannot_be_right_is_refused_and_left_alone();
}

#[test]
fn what_is_not_offered_has_its_own_errno() {
    needs_fuse!();
    faults::what_is_not_offered_has_its_own_errno();
}

#[test]
fn a_listing_that_changes_misses_and_repeats_nothing() {
    needs_fuse!();
    faults::a_listing_that_changes_misses_and_repeats_nothing();
}

#[test]
fn a_mount_in_use_goes_by_force() {
    needs_fuse!();
    faults::a_mount_in_use_goes_by_force();
}

#[test]
fn segments_are_written_without_asking_and_are_all_there_after_a_kill() {
    needs_fuse!();
    passed::segments_are_written_without_asking_and_are_all_there_after_a_kill();
}

#[test]
fn postgres_works_on_an_overlay() {
    needs_fuse!();
    needs_postgres!();
    postgres::works_on_an_overlay();
}

#[test]
fn postgres_works_on_uncompressed_archives() {
    needs_fuse!();
    needs_postgres!();
    postgres::works_on_uncompressed_archives();
}

#[test]
fn postgres_survives_a_full_upper_directory() {
    needs_fuse!();
    needs_postgres!();
    postgres::survives_a_full_upper_directory();
}

#[test]
fn a_user_mounts_through_the_helper() {
    users::a_user_mounts_through_the_helper("a_user_mounts_through_the_helper");
}

#[test]
fn where_there_is_no_fuse_the_reason_is_a_sentence() {
    users::where_there_is_no_fuse_the_reason_is_a_sentence("where_there_is_no_fuse_the_reason_is_a_sentence");
}

#[test]
fn a_disk_that_is_full_below_changes_nothing() {
    needs_fuse!();
    users::a_disk_that_is_full_below_changes_nothing("a_disk_that_is_full_below_changes_nothing");
}
