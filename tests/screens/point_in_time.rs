//! The scenes of a goal of recovery: chosen on the line, typed, refused, read.

use super::{Scene, nothing, scene};
use crate::stage::*;
use howdah::console::message::Message;
use howdah::domain::Failure;

pub(crate) fn goals() -> Vec<Scene> {
    let world = || (nothing(), archived());
    vec![
        scene("goal_field", world, |stage| {
            stage.press("G enter down");
        }),
        scene(
            "goal_field_without_archive",
            || (nothing(), own()),
            |stage| {
                stage.press("G enter down");
            },
        ),
        scene("goal_reading", world, open_goal),
        scene("goal_own_end", world, open_window),
        scene("goal_time", world, |stage| {
            open_window(stage);
            stage.press("right right down down ctrl-u").type_text("13:29:59").press("up");
            rest(stage);
        }),
        scene("goal_typed", world, |stage| {
            open_window(stage);
            stage.press("right right down down ctrl-u").type_text("2026-11-19 13:30 +01:00");
        }),
        scene("goal_in_a_gap", world, |stage| {
            open_window(stage);
            stage.press("right right down down ctrl-u").type_text("2026-11-19 14:30").press("enter");
        }),
        scene("goal_named", world, |stage| {
            open_window(stage);
            stage.press("right right right down down left left");
            rest(stage);
        }),
        scene("goal_unknown_window", world, |stage| {
            open_goal(stage);
            let ticket = window_ticket(stage);
            let failure = Failure::incurable("/srv/wal/orders cannot be read: Permission denied\u{1b}[2J", "let it");
            stage.tell(Message::Window(ticket, Box::new(Err(failure))));
            stage.press("right");
        }),
    ]
}

pub(crate) fn pauses() -> Vec<Scene> {
    let world = || (snapshot(vec![paused(1, "orders")], &[]), archived());
    vec![
        scene("paused", world, |_| {}),
        scene("paused_request", world, |stage| {
            stage.press("3");
        }),
        scene("paused_menu", world, |stage| {
            stage.press("m");
        }),
        scene("paused_promote", world, |stage| {
            stage.press("P");
        }),
        scene("paused_stop_here", world, |stage| {
            stage.press("X");
        }),
        scene("paused_go_on", world, |stage| {
            stage.press("+");
            answer_window(stage, window());
            stage.press("down down ctrl-u").type_text("13:30:09");
        }),
        scene("paused_go_on_refused", world, |stage| {
            stage.press("+");
            answer_window(stage, window());
        }),
        scene(
            "replaying_to_a_goal",
            || (snapshot(vec![recovering(1, "orders", 0x3c80_0000, Some("20T09:12:44.25"))], &[]), archived()),
            |_| {},
        ),
        scene("copying_to_a_goal", || (snapshot(vec![copying_to_a_goal(1, "orders")], &[]), archived()), |_| {}),
    ]
}
