//! The server that a finished restore left running: looked at, shown, and stopped after a question.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::stage::*;
use howdah::{
    console::message::{Intent, Message, Query},
    domain::{LeftServer, Port, RunningServer, SessionId, fact::ProcessMark},
};
use std::{sync::Arc, time::Duration};

fn server() -> RunningServer {
    let process = ProcessMark { pid: 4711, started: 7, realm: None };
    RunningServer { process, port: Some(Port::new(5452).unwrap()), since: Some(now()) }
}

fn looks(stage: &mut Stage) -> usize {
    stage.wanted().iter().filter(|intent| matches!(intent, Intent::Query(Query::Server(_)))).count()
}

/// A completed session that is selected and read.
fn opened(found: Result<LeftServer, String>) -> Stage {
    let mut stage = Stage::sized(busy(), own(), (120, 40));
    stage.press("] down");
    assert_eq!(looks(&mut stage), 0, "the session is not known yet");
    stage.tell(Message::Session(SessionId(20), Some(Arc::new(succeeded(20, "inventory")))));
    assert_eq!(looks(&mut stage), 1);
    stage.tell(Message::Server(SessionId(20), found));
    stage
}

#[test]
fn d10_a_server_that_was_left_running_is_shown_and_stopped_after_a_question() {
    let mut stage = opened(Ok(LeftServer::Runs(server())));
    let text = stage.text();
    assert!(text.contains("Its server runs now: port 5452, process 4711, since 14:02; x stops it"), "{text}");
    stage.press("x");
    let text = stage.text();
    assert!(text.contains("Shut the server down?") && text.contains("process 4711"), "{text}");
    assert!(stage.wanted().is_empty(), "it asks first");
    stage.press("enter");
    assert!(stage.wanted().is_empty(), "the safe button comes first");
    stage.press("x right enter");
    let wanted = stage.wanted();
    let [Intent::StopServer(session, process)] = wanted.as_slice() else { panic!("{wanted:?}") };
    assert_eq!((session.id(), *process), (SessionId(20), server().process));
    stage.tell(Message::ServerStopped(SessionId(20), "inventory".to_owned(), Ok(true)));
    assert!(stage.text().contains("The server of inventory is shut down"), "{}", stage.text());
    assert_eq!(looks(&mut stage), 1, "it is looked at again");
    stage.tell(Message::Server(SessionId(20), Ok(LeftServer::Down)));
    assert!(stage.text().contains("Its server runs no more"), "{}", stage.text());
    stage.press("x");
    assert!(stage.text().contains("Stop refused: its server runs no more"), "{}", stage.text());
}

#[test]
fn what_is_not_the_sessions_own_server_cannot_be_stopped() {
    for (found, shown, refused) in [
        (Ok(LeftServer::Other(server())), "somebody else has started runs there now", "was started by somebody else"),
        (Ok(LeftServer::Replaced), "Its directory is gone by now", "gone or holds something else"),
        (Err("Permission denied".to_owned()), "cannot be told: Permission denied", "Permission denied"),
    ] {
        let mut stage = opened(found);
        assert!(stage.text().contains(shown), "{}", stage.text());
        stage.press("x");
        let text = stage.text();
        assert!(text.contains("Stop refused") && text.contains(refused) && stage.wanted().is_empty(), "{text}");
    }
    let mut stage = Stage::new(busy(), own());
    stage.press("x");
    assert!(stage.text().contains("Stop refused: this session has left no server"), "{}", stage.text());
    assert_eq!(looks(&mut stage), 0);
}

#[test]
fn a_server_in_view_is_looked_at_every_ten_seconds_and_others_never() {
    let mut stage = opened(Ok(LeftServer::Down));
    let later = |seconds: u64| now().checked_add(Duration::from_secs(seconds)).unwrap();
    stage.tell_at(Message::Due, later(9));
    assert_eq!(looks(&mut stage), 0);
    stage.tell_at(Message::Due, later(10));
    assert_eq!(looks(&mut stage), 1);
    stage.tell_at(Message::Due, later(30));
    assert_eq!(looks(&mut stage), 0, "one look at a time");
    stage.press("g");
    stage.tell_at(Message::Server(SessionId(20), Ok(LeftServer::Down)), later(31));
    stage.tell_at(Message::Due, later(60));
    assert_eq!(looks(&mut stage), 0, "nobody looks");
}
