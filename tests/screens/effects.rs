//! Every action of the key map, by each of its keys: what stands before, and what must be seen after.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::{
    explored_story::{answer, open},
    keys::state,
    stage::*,
};
use howdah::{
    console::{
        action::Action,
        chord::Chord,
        message::{Intent, Message, Query},
    },
    domain::{AttemptNo, LeftServer, RunningServer, SessionId, fact::ProcessMark},
    machine::Scope,
    manager::SessionAction,
};
use std::sync::Arc;

/// What must be so after the key.
enum Seen {
    /// Where one is, as [`state`] puts it.
    At(&'static str),
    /// A text on the screen that was not there before.
    Text(&'static str),
    /// A text that was on the screen before.
    Gone(&'static str),
    /// Something that is wanted.
    Wants(Intent),
    /// The line of the log that the search is on.
    Match(usize),
}
use Seen::{At, Gone, Match, Text, Wants};

/// How one comes to where the key is pressed, in the busy world.
type Before = fn(&mut Stage);

fn still(_: &mut Stage) {}

fn pressed(stage: &mut Stage, keys: &str) {
    stage.press(keys);
}

/// The log of the attempt that copies, with the keys on it.
fn in_log(stage: &mut Stage) {
    let text = format!("one\ntwo\none {}\n", "and a long way to go ".repeat(20));
    stage.press("down down l tab").tell(Message::Log(SessionId(1), AttemptNo(2), Ok(text.into_bytes())));
}

fn searched(stage: &mut Stage) {
    in_log(stage);
    stage.press("/ o n e enter");
}

fn at_pause(stage: &mut Stage) {
    stage.snapshot_at(snapshot(vec![paused(9, "orders")], &[]), now()).press("g down");
}

fn on_item(stage: &mut Stage) {
    stage.snapshot_at(snapshot(vec![open(8, "orders")], &[]), now()).press("e down right");
    answer(stage);
    stage.press("down");
}

fn on_table(stage: &mut Stage) {
    on_item(stage);
    for keys in ["down right", "down down right", "down"] {
        stage.press(keys);
        answer(stage);
    }
}

fn cases() -> Vec<(Action, Before, Seen)> {
    let act = |act, id| Wants(Intent::Act(act, Scope::Sessions(vec![SessionId(id)])));
    vec![
        (Action::Retry, still, act(SessionAction::Retry, 4)),
        (Action::Cancel, still, At("Confirmation #4 Keep default")),
        (
            Action::Force,
            |stage| {
                stage.snapshot_at(snapshot(vec![overdue(9, "orders")], &[]), now()).press("g");
            },
            Text("Force the cancel?"),
        ),
        (Action::Dismiss, |stage| pressed(stage, "] down"), act(SessionAction::Dismiss, 20)),
        (Action::NewRestore, still, At("Instances #4")),
        (Action::GoOn, at_pause, Text("Go on to a later goal: orders")),
        (Action::Promote, at_pause, Text("Promote: orders?")),
        (Action::StopHere, at_pause, Text("Stop here: orders?")),
        (Action::AskServer, at_pause, Text("Asking the server of orders")),
        (Action::StartJob, |stage| pressed(stage, "J down"), Text("Start nightly?")),
        (Action::OpenPoint, |stage| pressed(stage, "G"), Text("Open 2026-11-20T0200 of orders?")),
        (Action::TakeOut, on_item, Text("If it exists")),
        (Action::Compare, on_table, Text("Live server")),
        (Action::CountRows, on_table, Text("being counted")),
        (Action::Explore, still, At("Tree Explore")),
        (Action::Jobs, still, At("Tree Jobs")),
        (Action::Verify, |stage| pressed(stage, "G"), Text("Verify?")),
        (Action::Mark, still, At("Tree #3 1 marked")),
        (Action::MarkRange, |stage| pressed(stage, "space down"), At("Tree #1 3 marked")),
        (Action::MarkAll, still, At("Tree #4 5 marked")),
        (Action::Accept, still, At("Preview #4 Progress")),
        (Action::Back, |stage| pressed(stage, "tab"), At("Tree #4")),
        (Action::Menu, still, At("Menu #4")),
        (Action::Palette, still, At("Palette #4")),
        (Action::Help, still, Text("every key; Esc closes")),
        (Action::NextInNeed, |stage| pressed(stage, "G"), At("Tree #4")),
        (
            Action::Stop,
            |stage| {
                stage.press("] down");
                stage.tell(Message::Session(SessionId(20), Some(Arc::new(succeeded(20, "inventory")))));
                let process = ProcessMark { pid: 4711, started: 7, realm: None };
                let server = RunningServer { process, port: None, since: None };
                stage.tell(Message::Server(SessionId(20), Ok(LeftServer::Runs(server))));
            },
            Text("Shut the server down?"),
        ),
        (Action::Copy, |stage| pressed(stage, "down down"), Text("command that shows it")),
        (Action::History, still, Wants(Intent::Query(Query::Past))),
        (Action::Filter, still, At("Filter #4")),
        (Action::Sort, |stage| pressed(stage, "g"), Text("Sorted by column State")),
        (Action::SortBack, |stage| pressed(stage, "g"), Text("Sorted by column By")),
        (Action::Widen, still, Gone("┌ Sessions")),
        (Action::Progress, |stage| pressed(stage, "3"), At("Tree #4")),
        (Action::Log, still, At("Tree #4 Log")),
        (Action::Request, still, At("Tree #4 Request")),
        (Action::Events, still, At("Tree #4 Events")),
        (Action::OlderAttempt, in_log, Wants(Intent::Query(Query::Log(SessionId(1), AttemptNo(1))))),
        (
            Action::NewerAttempt,
            |stage| {
                in_log(stage);
                stage.press("<").tell(Message::Log(SessionId(1), AttemptNo(1), Ok(b"the first\n".to_vec())));
            },
            Wants(Intent::Query(Query::Log(SessionId(1), AttemptNo(2)))),
        ),
        (Action::SearchLog, in_log, At("LogInput #1 Log")),
        (Action::NextMatch, searched, Match(2)),
        (Action::PreviousMatch, searched, Match(2)),
        (Action::WrapLog, in_log, Text("Long lines are wrapped")),
        (Action::SaveLog, in_log, Text("howdah-session-1-attempt-2.log")),
        (Action::Refresh, still, Wants(Intent::RefreshCatalog)),
        (Action::Freeze, still, At("Tree #4 frozen")),
        (Action::Up, |stage| pressed(stage, "down"), At("Tree #4")),
        (Action::Down, still, At("Tree #3")),
        (Action::Left, still, At("Tree Restore")),
        (Action::Right, still, At("Preview #4 Progress")),
        (Action::PageUp, |stage| pressed(stage, "down down"), At("Tree Restore")),
        (Action::PageDown, still, At("Tree =orders")),
        (Action::Top, still, At("Tree Restore")),
        (Action::Bottom, still, At("Tree =orders")),
        (Action::PreviousGroup, still, At("Tree Restore")),
        (Action::NextGroup, still, At("Tree Completed")),
        (Action::NextPane, still, At("Preview #4 Progress")),
        (Action::PreviousPane, still, At("Preview #4 Progress")),
        (Action::Repaint, still, Wants(Intent::Repaint)),
        (Action::Mouse, still, Wants(Intent::Mouse(true))),
        (Action::Suspend, still, Wants(Intent::Suspend)),
        (Action::Close, still, Wants(Intent::Close)),
    ]
}

/// Each key that means an action where a case begins has the effect of the case.
#[test]
fn every_action_has_an_effect_that_is_seen_by_each_of_its_keys() {
    let cases = cases();
    for action in Action::all() {
        assert!(cases.iter().any(|(other, ..)| *other == action), "{} has no case here", action.name());
    }
    for (action, before, seen) in &cases {
        let begun = || {
            let mut stage = Stage::new(busy(), own());
            before(&mut stage);
            stage.wanted();
            stage
        };
        let place = begun().model.key_context();
        let map = begun().model.options().keymap.clone();
        let keys: Vec<Chord> =
            map.keys(*action).into_iter().filter(|chord| map.action(place, *chord) == Some(*action)).collect();
        assert!(!keys.is_empty(), "{} has no key in {place:?}", action.name());
        for key in keys {
            let mut stage = begun();
            let (was_at, was) = (state(&stage), stage.text());
            stage.tell(Message::Key(key));
            let (is_at, is, wanted) = (state(&stage), stage.text(), stage.wanted());
            let holds = match seen {
                At(wanted) => is_at == *wanted && was_at != is_at,
                Text(text) => is.contains(text) && !was.contains(text),
                Gone(text) => was.contains(text) && !is.contains(text),
                Wants(intent) => wanted.contains(intent),
                Match(line) => stage.model.preview().page.search.as_ref().unwrap().line == Some(*line),
            };
            assert!(holds, "{} by {key}: {was_at}, then {is_at}; wanted {wanted:?}\n{is}", action.name());
        }
    }
}
