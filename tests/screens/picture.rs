//! The picture in the README is a frame of the real screen: it is rendered here and must be in step.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::stage::*;
use howdah::{
    console::{Theme, message::Message, svg},
    manager::Snapshot,
};
use std::{env, fs, time::Duration};

fn frame(half_seconds: u64) -> Snapshot {
    let bytes = 27 * GIB + half_seconds * (190 << 20) + (half_seconds * 7 % 11) * (9 << 20);
    let ongoing = vec![
        stuck(4, "audit"),
        waiting(3, "billing"),
        copying_at(1, "orders", bytes),
        replaying(2, "crm"),
        queued(5, "depot"),
    ];
    snapshot(ongoing, &twelve())
}

#[test]
fn the_picture_in_the_readme_is_a_frame_of_this_screen() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/screen.svg");
    let mut stage = Stage::sized(frame(0), own(), (110, 30));
    stage.press("down down");
    for half in 0..120 {
        let at = ago(Duration::from_mins(1)).checked_add(Duration::from_millis(500 * half)).unwrap();
        stage.snapshot_at(frame(half), at);
    }
    stage.tell(Message::Due);
    let picture = svg::svg(&stage.paint(Theme::Dark, false), "howdah restoring five instances");
    if env::var_os("HOWDAH_WRITE_PICTURE").is_some() {
        fs::write(path, &picture).unwrap();
    }
    let stored = fs::read_to_string(path).unwrap_or_default();
    assert!(stored == picture, "assets/screen.svg is old: HOWDAH_WRITE_PICTURE=1 cargo test --test screens picture");
}
