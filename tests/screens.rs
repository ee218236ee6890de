//! Every view, phase and dialog at five sizes, keys as data, and the rules that live on the screen.
//!
//! A changed picture fails; `INSTA_UPDATE=always cargo test --test screens` takes it over, and git shows what changed.

#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks at one thing and leaves the rest")]
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

#[path = "screens/answered.rs"]
mod answered;
#[path = "screens/clock.rs"]
mod clock;
#[path = "screens/effects.rs"]
mod effects;
#[path = "screens/events.rs"]
mod events;
#[path = "screens/explored.rs"]
mod explored;
#[path = "screens/explored_story.rs"]
mod explored_story;
#[path = "screens/figures.rs"]
mod figures;
#[path = "screens/filter.rs"]
mod filter;
#[path = "screens/goal.rs"]
mod goal;
#[path = "screens/jobs.rs"]
mod jobs;
#[path = "screens/keys.rs"]
mod keys;
#[path = "screens/log.rs"]
mod log;
#[path = "screens/namesakes.rs"]
mod namesakes;
#[path = "screens/notices.rs"]
mod notices;
#[path = "screens/owner.rs"]
mod owner;
#[path = "screens/palette.rs"]
mod palette;
#[path = "screens/past.rs"]
mod past;
#[path = "screens/paused.rs"]
mod paused;
#[path = "screens/pointed.rs"]
mod pointed;
#[path = "screens/repositories.rs"]
mod repositories;
#[path = "screens/rules.rs"]
mod rules;
#[path = "screens/scenes.rs"]
mod scenes;
#[path = "screens/server.rs"]
mod server;
#[path = "screens/speed.rs"]
mod speed;
#[path = "screens/stage.rs"]
mod stage;
#[path = "screens/tables.rs"]
mod tables;
#[path = "screens/taken.rs"]
mod taken;
#[path = "screens/wizard.rs"]
mod wizard;
#[path = "screens/workloads.rs"]
mod workloads;
#[path = "screens/xray.rs"]
mod xray;

use howdah::console::{Theme, message::Message};
use scenes::Scene;
use stage::Stage;
use std::fmt::Write as _;

const SIZES: [(u16, u16); 5] = [(120, 40), (100, 30), (80, 24), (40, 10), (1, 1)];

fn check(scenes: &[Scene]) {
    for scene in scenes {
        let mut text = String::new();
        for (columns, rows) in SIZES {
            let (snapshot, catalog) = (scene.world)();
            let mut stage = Stage::sized(snapshot, catalog, (columns, rows));
            (scene.play)(&mut stage);
            writeln!(text, "{columns}x{rows}\n{}", xray::xray(&stage)).unwrap();
        }
        insta::with_settings!({ snapshot_path => "snapshots", prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(scene.name, text);
        });
    }
}

#[test]
fn every_phase_is_shown_at_five_sizes() {
    check(&scenes::phases());
}

#[test]
fn every_page_is_shown_at_five_sizes() {
    check(&scenes::pages());
}

#[test]
fn instances_of_one_name_are_shown_at_five_sizes() {
    check(&namesakes::scenes());
    check(&workloads::scenes());
}

#[test]
fn what_the_journal_tells_is_shown_at_five_sizes() {
    check(&scenes::events());
}

#[test]
fn every_place_of_the_owner_is_shown_at_five_sizes() {
    check(&scenes::owners());
}

#[test]
fn every_dialog_is_shown_at_five_sizes() {
    check(&scenes::dialogs());
    check(&scenes::copying_and_stopping());
}

#[test]
fn a_verification_is_shown_at_five_sizes() {
    check(&scenes::verifications());
}

#[test]
fn every_page_and_question_of_jobs_is_shown_at_five_sizes() {
    check(&scenes::nightly());
}

#[test]
fn every_page_of_the_wizard_is_shown_at_five_sizes() {
    check(&scenes::wizard());
}

#[test]
fn every_goal_of_a_recovery_is_shown_at_five_sizes() {
    check(&scenes::goals());
}

#[test]
fn every_pause_is_shown_at_five_sizes() {
    check(&scenes::pauses());
}

/// Every scene at every size up to a wide one, in every theme: nothing panics, and foreign text stays harmless.
#[test]
fn no_size_and_no_theme_breaks_a_scene() {
    let scenes = scenes::all();
    for scene in &scenes {
        let (snapshot, catalog) = (scene.world)();
        let mut stage = Stage::new(snapshot, catalog);
        (scene.play)(&mut stage);
        for columns in [0, 1, 2, 3, 7, 12, 20, 33, 39, 40, 41, 60, 75, 76, 79, 90, 200] {
            for rows in [0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 17, 23, 60] {
                stage.tell(Message::Resize(columns, rows));
                let buffer = stage.paint(Theme::Dark, columns % 2 == 0);
                let safe = |symbol: &str| symbol.chars().all(|c| !c.is_control() && c != '\u{202e}');
                assert!(buffer.content.iter().all(|cell| safe(cell.symbol())), "{} {columns}x{rows}", scene.name);
            }
        }
    }
}

/// `--ascii` means it: no other sign is painted, as long as the data has none.
#[test]
fn the_ascii_set_paints_ascii_only() {
    let scenes = scenes::all();
    for scene in scenes.iter().filter(|scene| scene.name != "page_hostile_names") {
        let (snapshot, catalog) = (scene.world)();
        let mut stage = Stage::new(snapshot, catalog);
        (scene.play)(&mut stage);
        let buffer = stage.paint(Theme::Mono, true);
        let other = buffer.content.iter().find(|cell| !cell.symbol().is_ascii());
        assert!(other.is_none(), "{}: {other:?}", scene.name);
    }
}

#[test]
fn every_page_and_question_of_open_restore_points_is_shown_at_five_sizes() {
    check(&scenes::looked_into());
}
