//! Notices: what they say of one session among its namesakes, and where a long one stands.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::{stage::*, tables::big};
use howdah::{
    console::message::Message,
    domain::{Failure, InstanceName, SessionId},
    machine::{Cause, Event, Refusal, StuckReason},
    manager::{Receipt, ReceiptLine, SessionAction},
};
use std::sync::Arc;

fn namesakes() -> Vec<Arc<howdah::machine::Session>> {
    vec![big(1, "/srv/a/data", 5433), big(2, "/srv/b/data", 5434)]
}

fn notice(stage: &Stage) -> &str {
    &stage.model.notice().unwrap().text
}

#[test]
fn what_became_of_a_session_is_said_with_what_tells_it_from_its_namesakes() {
    let mut stage = Stage::new(snapshot(namesakes(), &[]), own());
    // Both end in one picture, so that none has a namesake in it.
    stage.tell(Message::Snapshot(Arc::new(snapshot(vec![], &[cancelled(1, "big"), cancelled(2, "big")]))));
    assert!(["big :5433 is cancelled", "big :5434 is cancelled"].contains(&notice(&stage)), "{}", notice(&stage));
    let mut stage = Stage::new(snapshot(namesakes(), &[]), own());
    let rest = namesakes().split_off(1);
    stage.tell(Message::Snapshot(Arc::new(snapshot(rest, &[cancelled(1, "big")]))));
    assert_eq!(notice(&stage), "big :5433 is cancelled");
    let mut stage = Stage::new(snapshot(vec![queued(1, "big"), queued(2, "big")], &[]), own());
    stage.tell(Message::Snapshot(Arc::new(snapshot(vec![stuck(1, "big"), queued(2, "big")], &[]))));
    assert!(notice(&stage).starts_with("big :5433 is stuck: "), "{}", notice(&stage));
}

#[test]
fn an_answer_names_a_session_as_its_row_does() {
    let line = |id, result| ReceiptLine { session: Some(SessionId(id)), title: Some(InstanceName::new("big")), result };
    for (lines, said) in [
        (vec![line(1, Ok(()))], "Retry: big :5433"),
        (vec![line(1, Ok(())), line(2, Ok(()))], "Retry: big :5433, big :5434"),
        (vec![line(2, Err(Refusal::Queued))], "Retry refused: big :5434: "),
        (vec![line(9, Ok(()))], "Retry: big"),
    ] {
        let mut stage = Stage::new(snapshot(namesakes(), &[]), own());
        stage.tell(Message::Acted(SessionAction::Retry, Receipt { lines }));
        assert!(notice(&stage).starts_with(said), "{said}: {}", notice(&stage));
    }
}

#[test]
fn a_long_notice_stands_in_two_lines_and_is_not_cut() {
    for size in [(80, 24), (100, 30)] {
        for keys in ["", "?", "n"] {
            let mut stage = Stage::sized(busy(), own(), size);
            stage.press(keys);
            let words: Vec<String> = (0..18).map(|number| format!("word{number}")).collect();
            stage.tell(Message::RecordingStopped(words.join(" ")));
            let text = stage.text();
            let lines: Vec<&str> = text.lines().collect();
            let (above, below) = (lines[usize::from(size.1) - 2], lines[usize::from(size.1) - 1]);
            assert!(above.starts_with(" The recording ends here: word0 "), "{keys} {size:?}\n{text}");
            assert!(below.contains(" word17"), "{keys} {size:?}\n{text}");
            assert!(!above.contains('│') && !below.contains('│'), "{keys} {size:?}\n{text}");
            // A short one leaves the line above to whom it belongs.
            stage.tell(Message::RecordingStopped("full".to_owned()));
            let text = stage.text();
            assert!(text.lines().nth(usize::from(size.1) - 2).unwrap().contains('─'), "{keys} {size:?}\n{text}");
        }
    }
}

#[test]
fn the_first_cause_is_not_repeated_where_the_last_differs_in_its_advice_alone() {
    for (last, repeated) in [("the link is down", false), ("the repository is not there", true)] {
        let failure = Failure::disruption(last, "bring it up, then retry");
        let session = Story::begins(1, "orders", mins(70))
            .launched()
            .disrupted("the link is down", 0, std::time::Duration::ZERO)
            .then(Event::Requeued { cause: Cause::Try(10), by: None })
            .launched()
            .stuck(failure, StuckReason::TriesUsedUp)
            .arc();
        let text = Stage::new(snapshot(vec![session], &[]), own()).text();
        assert!(text.contains(last), "{text}");
        assert_eq!(text.contains("First cause: the link is down"), repeated, "{text}");
    }
}
