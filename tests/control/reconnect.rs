//! Clients that outlive their owners: a new one is found, no request is sent twice, and the last snapshot stays
//! meanwhile.

use crate::{
    harness::{Harness, OWNER, RawPeer, connector, until, who, within},
    requests::{from, order},
};
use futures_util::future::BoxFuture;
use howdah::{
    control::{Client, ClientError, ConnectError, Connector, bind, serve},
    domain::{Kind, SessionId},
    machine::{CompletedResult, EndedCounts, Refusal, Scope},
    manager::{Clock, OwnerState, Receipt, Service, SessionAction, Snapshot},
};
use serde_json::json;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{net::UnixStream, sync::watch, time::Instant};

/// Gives out one end of a new pair of sockets each time somebody comes, and the other end to the test.
#[derive(Clone, Default)]
struct Pairs {
    other: Arc<Mutex<Vec<UnixStream>>>,
    came: Arc<watch::Sender<usize>>,
}

impl Connector for Pairs {
    fn connect(&self) -> BoxFuture<'static, Result<UnixStream, ConnectError>> {
        let (ours, theirs) = UnixStream::pair().unwrap();
        self.other.lock().unwrap().push(theirs);
        self.came.send_modify(|came| *came += 1);
        Box::pin(std::future::ready(Ok(ours)))
    }
}

impl Pairs {
    /// The owner's end of the next connection, after it has sent its welcome.
    async fn welcome(&self, came: usize) -> RawPeer {
        until("somebody comes", &mut self.came.subscribe(), |now| *now >= came).await;
        let mut owner = RawPeer::new(self.other.lock().unwrap().remove(0));
        assert_eq!(within("hello", owner.receive()).await["hello"]["protocol"], howdah::control::PROTOCOL);
        owner
            .send(&json!({"welcome": {"protocol": howdah::control::PROTOCOL, "program": "0", "pid": 100 + came}}))
            .await;
        owner
    }
}

fn is_lost(state: &OwnerState) -> bool {
    matches!(state, OwnerState::Unreachable { .. })
}

/// The counts of what has ended, with so many restores that were cancelled.
fn ended(cancelled: usize) -> EndedCounts {
    let mut ended = EndedCounts::default();
    *ended.count_mut(Kind::Restore, CompletedResult::Cancelled) = cancelled;
    ended
}

#[tokio::test]
async fn a_watching_client_finds_the_next_owner_and_keeps_the_last_snapshot_meanwhile() {
    let harness = Harness::open();
    harness.manager.start(1..=3).await;
    let client = harness.client(true).await;
    let mut snapshots = client.snapshots();
    let before = until("three run", &mut snapshots, |now| now.counts.running == 3).await;
    let mut state = client.owner();
    within("the end of the server", harness.server.close()).await;
    let OwnerState::Unreachable { reason, .. } = until("it is lost", &mut state, is_lost).await else {
        panic!("it is not")
    };
    assert!(reason.contains("nobody listens") || reason.contains("the sessions go on"), "{reason}");
    assert!(Arc::ptr_eq(&before, &client.snapshots().borrow()), "the last snapshot went away");
    // A request that cannot be sent reports that nothing was done.
    let receipt = client.start(order([4]), who("ana")).await;
    let Err(Refusal::NotSent { reason }) = &receipt.lines[0].result else { panic!("{receipt:?}") };
    assert!(reason.contains("nobody listens"), "{reason}");
    assert_eq!(receipt.lines[0].title, Some(instance(4)));
    // The next owner comes; one session has gone on meanwhile.
    harness
        .manager
        .act(SessionAction::Cancel(howdah::domain::Disposition::Keep, howdah::domain::Reach::AnyOrigin), 2)
        .await
        .unwrap();
    within("its end", harness.manager.until_completed(2)).await;
    let server = serve(bind(harness.state.path()).unwrap(), harness.manager.handle.clone(), OWNER + 1);
    until("it is back", &mut state, |now| *now == OwnerState::Remote { pid: OWNER + 1 }).await;
    let after = until("what has changed", &mut snapshots, |now| now.counts.cancelled() == 1).await;
    assert!(after.revision > before.revision);
    for id in [1, 3] {
        let (old, new) = (before.session(SessionId(id)).unwrap(), after.session(SessionId(id)).unwrap());
        assert!(Arc::ptr_eq(old, new), "session {id} has not changed");
    }
    assert_eq!(client.start(order([4]), who("ana")).await.done(), 1);
    within("the end of the server", server.close()).await;
}

fn instance(number: u64) -> howdah::domain::InstanceName {
    crate::sample::request(number).point.instance
}

#[tokio::test]
async fn a_client_that_does_not_watch_reconnects_for_the_next_request() {
    let harness = Harness::open();
    let client = harness.client(false).await;
    assert_eq!(client.start(order([1]), who("ana")).await.done(), 1);
    within("the end of the server", harness.server.close()).await;
    until("it is lost", &mut client.owner(), is_lost).await;
    let server = serve(bind(harness.state.path()).unwrap(), harness.manager.handle.clone(), OWNER);
    assert_eq!(*server.connections().borrow(), 0, "nobody has asked yet");
    assert_eq!(client.start(order([2]), who("ana")).await.done(), 1);
    assert_eq!(*client.owner().borrow(), OwnerState::Remote { pid: OWNER });
}

#[tokio::test]
async fn an_answer_that_is_lost_with_its_connection_is_not_asked_for_again() {
    let pairs = Pairs::default();
    let opening = tokio::spawn(Client::open(Arc::new(pairs.clone()), who("ana"), false, Clock::system()));
    let mut owner = pairs.welcome(1).await;
    let client = within("a client", opening).await.unwrap().unwrap();
    let asked = tokio::spawn(client.act(SessionAction::Retry, Scope::Sessions(vec![SessionId(5)]), who("ana")));
    let heard = within("the request", owner.receive()).await;
    assert_eq!(heard["ask"]["request"]["act"]["act"], "retry", "{heard}");
    drop(owner);
    let receipt = within("a receipt", asked).await.unwrap();
    assert_eq!(receipt.lines[0].session, Some(SessionId(5)));
    let refusal = receipt.lines[0].result.clone().unwrap_err();
    assert_eq!(refusal, Refusal::ManagerGone);
    assert!(refusal.to_string().contains("may or may not have been done"), "{refusal}");
    // The next request goes to the next owner, and is the first that it receives. Reading is repeated.
    let asked = tokio::spawn(client.session(SessionId(6), who("ana")));
    let mut owner = pairs.welcome(2).await;
    let heard = within("the request", owner.receive()).await;
    assert_eq!(heard["ask"]["request"], json!({"session": 6}));
    drop(owner);
    let mut owner = pairs.welcome(3).await;
    let heard = within("the request", owner.receive()).await;
    assert_eq!(heard["ask"]["request"], json!({"session": 6}));
    owner.send(&json!({"answer": {"number": heard["ask"]["number"], "answer": {"session": null}}})).await;
    assert_eq!(within("an answer", asked).await.unwrap(), None);
    assert_eq!(*pairs.came.subscribe().borrow(), 3);
}

#[tokio::test]
async fn a_request_that_was_not_read_to_its_end_goes_to_the_next_owner() {
    let pairs = Pairs::default();
    let opening = tokio::spawn(Client::open(Arc::new(pairs.clone()), who("ana"), false, Clock::system()));
    let owner = pairs.welcome(1).await;
    let client = within("a client", opening).await.unwrap().unwrap();
    // Longer than a socket holds, so it cannot be written while nobody reads.
    let mut wanted = order([1]);
    wanted.orders[0] = from(1, format!("/backup/{}", "x".repeat(900_000)).into());
    let asked = tokio::spawn(client.start(wanted, who("ana")));
    within("its beginning", owner.reader.get_ref().readable()).await.unwrap();
    let behind = tokio::spawn(client.act(SessionAction::Retry, Scope::Ongoing(Kind::Restore), who("ana")));
    drop(owner);
    let mut owner = pairs.welcome(2).await;
    let heard = within("the request", owner.receive()).await;
    let shown = json!({"session": 9, "instance": "orders-1", "result": {"Ok": null}});
    let number = &heard["ask"]["number"];
    owner.send(&json!({"answer": {"number": number, "answer": {"receipt": {"lines": [shown]}}}})).await;
    assert_eq!(within("a receipt", asked).await.unwrap().lines[0].session, Some(SessionId(9)));
    // So does the request that was queued behind it.
    let heard = within("the request", owner.receive()).await;
    let number = &heard["ask"]["number"];
    owner.send(&json!({"answer": {"number": number, "answer": {"receipt": {"lines": []}}}})).await;
    assert_eq!(within("a receipt", behind).await.unwrap(), Receipt::default());
}

/// Ends every connection at once after the first; notes when somebody came.
#[derive(Default)]
struct DeadEnd {
    first: Mutex<Option<UnixStream>>,
    came: Mutex<Vec<Instant>>,
    enough: watch::Sender<bool>,
}

impl Connector for DeadEnd {
    fn connect(&self) -> BoxFuture<'static, Result<UnixStream, ConnectError>> {
        let mut came = self.came.lock().unwrap();
        came.push(Instant::now());
        self.enough.send_replace(came.len() > 10);
        let first = self.first.lock().unwrap().take();
        Box::pin(std::future::ready(first.ok_or_else(|| ConnectError::new("the bridge\u{1b}[2J is down"))))
    }
}

#[tokio::test]
async fn the_delay_between_two_connects_grows_to_two_seconds() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let dead_end = Arc::new(DeadEnd { first: Mutex::new(Some(ours)), ..DeadEnd::default() });
    let clock = Clock::starting_at(howdah::domain::Timestamp::UNIX_EPOCH);
    let opening = tokio::spawn(Client::open(dead_end.clone(), who("ana"), true, clock));
    let mut owner = RawPeer::new(theirs);
    owner.receive().await;
    owner.send(&json!({"welcome": {"protocol": howdah::control::PROTOCOL, "program": "0", "pid": 1}})).await;
    owner.receive().await;
    owner.send(&json!({"answer": {"number": 1, "answer": "watching"}})).await;
    owner.send(&json!({"change": {"snapshot": {"revision": 1, "ended": ended(0), "more": false}}})).await;
    let client = within("a client", opening).await.unwrap().unwrap();
    tokio::time::pause();
    let since = clock.moment();
    drop(owner);
    dead_end.enough.subscribe().wait_for(|enough| *enough).await.unwrap();
    let came = dead_end.came.lock().unwrap();
    let pauses: Vec<u128> = came.windows(2).skip(1).map(|pair| (pair[1] - pair[0]).as_millis()).collect();
    // A timer of tokio's may come a millisecond late.
    for (pause, wanted) in pauses.iter().zip([100, 200, 400, 800, 1600, 2000, 2000, 2000]) {
        assert!((wanted..=wanted + 1).contains(pause), "{pauses:?}");
    }
    let state = client.owner().borrow().clone();
    // Since when it is lost does not move with the reasons.
    let reason = "the bridge\\u{1b}[2J is down".to_owned();
    assert_eq!(state, OwnerState::Unreachable { since, reason });
}

#[tokio::test]
async fn a_client_waits_for_a_hand_over_while_it_is_being_opened() {
    let pairs = Pairs::default();
    let opening = tokio::spawn(Client::open(Arc::new(pairs.clone()), who("ana"), true, Clock::system()));
    // The first owner ends before it sends anything, the second sends that it ends, the third is there to stay.
    until("somebody comes", &mut pairs.came.subscribe(), |now| *now == 1).await;
    pairs.other.lock().unwrap().remove(0);
    until("somebody comes", &mut pairs.came.subscribe(), |now| *now == 2).await;
    let mut owner = RawPeer::new(pairs.other.lock().unwrap().remove(0));
    owner.send(&json!({"bye": {"reason": "it ends", "leaves": true}})).await;
    drop(owner);
    let mut owner = pairs.welcome(3).await;
    owner.receive().await;
    owner.send(&json!({"answer": {"number": 1, "answer": "watching"}})).await;
    owner.send(&json!({"change": {"snapshot": {"revision": 7, "ended": ended(2), "more": false}}})).await;
    let client = within("a client", opening).await.unwrap().unwrap();
    let seen: Arc<Snapshot> = client.snapshots().borrow().clone();
    assert_eq!((seen.revision, seen.counts.cancelled()), (7, 2));
}

#[tokio::test]
async fn a_connector_that_fails_is_reported_at_once() {
    let none = tempfile::tempdir().unwrap();
    let error =
        within("an answer", Client::open(connector(none.path()), who("ana"), true, Clock::system())).await.unwrap_err();
    assert!(matches!(error, ClientError::Connect(_)) && error.to_string().contains("nobody listens"), "{error}");
}

#[tokio::test]
async fn a_client_that_nobody_holds_any_more_leaves() {
    let harness = Harness::open();
    let client = harness.client(true).await;
    let other = client.clone();
    drop(client);
    assert_eq!(other.start(order([1]), who("ana")).await.done(), 1);
    harness.connected(1).await;
    // An answer that is waited for holds the client.
    let asked = other.start(order([2]), who("ana"));
    drop(other);
    assert_eq!(within("an answer", asked).await.done(), 1);
    harness.connected(0).await;
    let limit = Duration::from_secs(2);
    assert!(tokio::time::timeout(limit, harness.server.close()).await.is_ok());
}
