//! The requests over the socket, and that everybody sees what came of them.

use crate::{
    harness::{Harness, RawPeer, connector, hello, until, who, within},
    manager::{Plan, ends, runs},
    sample,
};
use howdah::{
    control::Client,
    domain::{BackupForm, BackupSource, Disposition, InstanceName, Kind, Order, Origin, Reach, SessionId, fact::End},
    journal::JournalRecord,
    machine::{Event, Phase, Refusal, Scope},
    manager::{Clock, OwnerState, Receipt, Service, SessionAction, StartRequest},
};
use serde_json::json;
use std::{path::PathBuf, time::Duration};

pub(crate) fn order(numbers: impl IntoIterator<Item = u64>) -> StartRequest {
    let orders = numbers.into_iter().map(|number| sample::request(number).into()).collect();
    StartRequest { orders, policy: None, origin: Origin::CommandLine }
}

/// The restore of this number from a backup in another directory.
pub(crate) fn from(number: u64, directory: PathBuf) -> Order {
    let mut order = sample::request(number);
    order.point.source = BackupSource::BaseBackup { directory, form: BackupForm::Plain };
    order.into()
}

fn cancel(number: u64) -> (SessionAction, Scope) {
    (SessionAction::Cancel(Disposition::Keep, Reach::AnyOrigin), Scope::Sessions(vec![SessionId(number)]))
}

#[tokio::test]
async fn what_one_client_does_every_client_sees() {
    let harness = Harness::open();
    let (ana, ben) = (harness.client(true).await, harness.client(true).await);
    assert_eq!(*ana.owner().borrow(), OwnerState::Remote { pid: crate::harness::OWNER });
    let receipt = ana.start(order(1..=3), who("somebody else")).await;
    assert_eq!(receipt.done(), 3, "{receipt:?}");
    for client in [&ana, &ben] {
        let seen = until("three run", &mut client.snapshots(), |now| now.counts.running == 3).await;
        assert_eq!(seen.ongoing, harness.manager.handle.snapshots().borrow().ongoing);
    }
    let (act, scope) = cancel(2);
    let receipt = ben.act(act, scope, who("ben")).await;
    assert_eq!(receipt.lines[0].title, Some(InstanceName::new("orders-2")), "{receipt:?}");
    for client in [&ana, &ben] {
        let seen = until("one is cancelled", &mut client.snapshots(), |now| now.counts.cancelled() == 1).await;
        assert_eq!(seen.completed, harness.manager.handle.snapshots().borrow().completed);
        assert_eq!(seen.ongoing.len(), 2);
    }
    // A whole session, ended or not, and one that there is not.
    let ended = ben.session(SessionId(2), who("ana")).await.unwrap();
    assert!(matches!(ended.phase(), Phase::Completed { .. }));
    assert_eq!(Some(ended), harness.manager.handle.session(SessionId(2), who("ana")).await);
    assert_eq!(ana.session(SessionId(99), who("ana")).await, None);
}

#[tokio::test]
async fn what_a_request_led_to_is_seen_before_its_answer() {
    let harness = Harness::open();
    let client = harness.client(true).await;
    for number in 1..=30 {
        let receipt = client.start(order([number]), who("somebody else")).await;
        let seen = client.snapshots().borrow().clone();
        assert!(seen.session(receipt.lines[0].session.unwrap()).is_some(), "session {number} is not there yet");
    }
}

#[tokio::test]
async fn refusals_come_back_as_they_are() {
    let harness = Harness::open();
    let client = harness.client(false).await;
    client.start(order([1]), who("somebody else")).await;
    let again = client.start(order([1]), who("somebody else")).await;
    assert!(matches!(again.lines[0].result, Err(Refusal::DirectoryHeld { .. })), "{again:?}");
    let (act, scope) = cancel(12);
    let unknown = client.act(act, scope, who("ana")).await;
    assert_eq!(unknown.lines[0].result, Err(Refusal::Unknown { id: SessionId(12) }));
    let running = client.act(SessionAction::Retry, Scope::Ongoing(Kind::Restore), who("ana")).await;
    assert!(matches!(running.lines[0].result, Err(Refusal::Running { .. })), "{running:?}");
    assert_eq!(client.act(SessionAction::Retry, Scope::Sessions(Vec::new()), who("ana")).await, Receipt::default());
    assert_eq!(client.snapshots().borrow().ongoing.len(), 0, "it does not watch");
}

#[tokio::test]
async fn who_acts_is_vouched_by_the_kernel() {
    let harness = Harness::open();
    let client = harness.client(false).await;
    client.start(order([1]), who("somebody else")).await;
    let (act, scope) = cancel(1);
    client.act(act, scope, who("somebody else")).await;
    let vouched = format!("ana@bastion (process {} on pts/9)", std::process::id());
    let session = harness.manager.handle.session(SessionId(1), who("ana")).await.unwrap();
    assert_eq!((session.by(), session.origin()), (vouched.as_str(), Origin::CommandLine));
    let asked = harness.manager.store.changes(SessionId(1)).into_iter().find_map(|change| match change {
        JournalRecord::Happened { event: Event::CancelRequested { by, .. }, .. } => Some(by),
        JournalRecord::Happened { .. } | JournalRecord::Created(_) => None,
    });
    assert_eq!(asked.as_deref(), Some(vouched.as_str()));
    // Words that could steer a terminal are escaped, wherever they stand.
    let mut raw = harness.raw();
    let nasty = hello().to_string().replace("raw", "\\u001b[2Jraw");
    raw.send_bytes(format!("{nasty}\n").as_bytes()).await;
    raw.receive().await;
    let start = serde_json::to_string(&order([2])).unwrap().replace("orders-2\"", "orders\\u001b-2\"");
    raw.send_bytes(format!("{{\"ask\":{{\"number\":1,\"request\":{{\"start\":{start}}}}}}}\n").as_bytes()).await;
    let answer = within("an answer", raw.receive()).await;
    assert_eq!(answer["answer"]["answer"]["receipt"]["lines"][0]["title"], "orders\\u{1b}-2", "{answer}");
    let session = harness.manager.handle.session(SessionId(2), who("ana")).await.unwrap();
    assert!(session.by().starts_with("\\u{1b}[2Jraw@bastion"), "{}", session.by());
}

#[tokio::test]
async fn a_large_order_goes_in_parts_and_comes_back_as_one() {
    let harness = Harness::open();
    let client = harness.client(false).await;
    let mut wanted = order(1..=12);
    for number in 1..=12 {
        // Twelve of these are three lines' worth.
        wanted.orders[number - 1] = from(number as u64, format!("/backup/{}", "x".repeat(300_000)).into());
    }
    let receipt = within("a large order", client.start(wanted, who("somebody else"))).await;
    let ids: Vec<u64> = receipt.lines.iter().map(|line| line.session.unwrap().0).collect();
    assert_eq!(ids, (1..=12).collect::<Vec<_>>());
    let all = Scope::Sessions((1..=2500).chain(1..=10).map(SessionId).collect());
    let cancelled = client.act(SessionAction::Cancel(Disposition::Keep, Reach::AnyOrigin), all, who("ana"));
    let receipt = within("a large scope", cancelled).await;
    assert_eq!((receipt.lines.len(), receipt.done()), (2500, 12));
}

#[tokio::test]
async fn a_request_that_cannot_be_sent_says_so_and_the_others_go() {
    use std::{ffi::OsString, os::unix::ffi::OsStringExt};
    let harness = Harness::open();
    let client = harness.client(false).await;
    let mut wanted = order(1..=3);
    wanted.orders[1] = from(2, OsString::from_vec(b"/backup/\xff".to_vec()).into());
    let receipt = client.start(wanted, who("somebody else")).await;
    let results: Vec<bool> = receipt.lines.iter().map(|line| line.result.is_ok()).collect();
    assert_eq!(results, [true, false, true], "{receipt:?}");
    let Err(Refusal::NotSent { reason }) = &receipt.lines[1].result else { panic!("{receipt:?}") };
    assert!(reason.contains("UTF-8"), "{reason}");
}

#[tokio::test]
async fn several_requests_in_one_breath_are_answered_in_order() {
    let harness = Harness::open();
    let mut raw = harness.raw();
    let ask = |number: u64| json!({"ask": {"number": number, "request": {"session": number}, "mood": "new field"}});
    let lines: Vec<String> = [hello()].into_iter().chain((1..=50).map(ask)).map(|line| format!("{line}\n")).collect();
    raw.send_bytes(lines.concat().as_bytes()).await;
    assert!(raw.receive().await["welcome"].is_object());
    for number in 1..=50 {
        assert_eq!(within("an answer", raw.receive()).await["answer"]["number"], number);
    }
}

#[tokio::test]
async fn an_order_whose_giver_has_gone_is_done() {
    let harness = Harness::with(Plan::default(), |_| ends(0, sample::over(End::Succeeded(sample::success()))));
    let mut raw = harness.raw();
    raw.greet().await;
    raw.send(&json!({"ask": {"number": 1, "request": {"start": order([1])}}})).await;
    drop(raw);
    within("the session", harness.manager.until_completed(1)).await;
    harness.connected(0).await;
}

#[tokio::test]
async fn a_closing_owner_answers_what_it_has_read_and_says_goodbye() {
    let harness = Harness::with(Plan::default(), |_| runs());
    let mut raw: RawPeer = harness.raw();
    raw.greet().await;
    // The journal answers late, so the owner closes while the manager is at it. Both requests come in one write, so
    // when the first is answered the second has been read.
    harness.manager.store.slow(Duration::from_millis(300));
    let first = json!({"ask": {"number": 1, "request": {"session": 1}}});
    let second = json!({"ask": {"number": 2, "request": {"start": order([1])}}});
    raw.send_bytes(format!("{first}\n{second}\n").as_bytes()).await;
    assert_eq!(within("an answer", raw.receive()).await["answer"]["number"], 1);
    let closed = tokio::spawn(harness.server.close());
    let answer = within("an answer", raw.receive()).await;
    assert_eq!(answer["answer"]["answer"]["receipt"]["lines"][0]["session"], 1, "{answer}");
    assert!(raw.bye().await.contains("the sessions go on"));
    within("the end of the server", closed).await.unwrap();
    let refused = Client::open(connector(harness.state.path()), who("ana"), false, Clock::system()).await.unwrap_err();
    assert!(refused.to_string().contains("nobody listens"), "{refused}");
}
