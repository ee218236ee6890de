//! Places are claimed before a session comes to be, and given back when it has ended (S9).

use crate::{
    harness::{Harness, Plan, ops, runs},
    sample,
};
use futures_util::future::BoxFuture;
use howdah::{
    domain::{Disposition, Filesystem, HeldDirectory, Hold, Origin, Reach, SessionId},
    machine::{Phase, Refusal},
    manager::{Claims, Service as _, SessionAction, StartRequest, Wanted},
};
use std::sync::{Arc, Mutex};
use tokio::sync::Semaphore;
use uuid::Uuid;

/// Claims that a test steers and looks at.
struct Steered {
    refuse: Option<SessionId>,
    /// One permit lets one claim through.
    gate: Semaphore,
    asked: Mutex<Vec<SessionId>>,
    given_back: Mutex<Vec<Uuid>>,
}

struct Handle(Arc<Steered>);

impl Claims for Handle {
    fn take(&self, wanted: Wanted) -> BoxFuture<'static, Result<Vec<HeldDirectory>, Refusal>> {
        let own = Arc::clone(&self.0);
        Box::pin(async move {
            own.asked.lock().unwrap().push(wanted.number);
            own.gate.acquire().await.unwrap().forget();
            assert!(wanted.known.contains(wanted.session), "its own claim must not look stale to itself");
            if own.refuse == Some(wanted.number) {
                return Err(Refusal::NotClaimed { reason: "held by session 7 of eve@db2".to_owned() });
            }
            Ok(vec![held()])
        })
    }

    fn release(&self, session: Uuid, _holds: Vec<Hold>) -> BoxFuture<'static, ()> {
        let own = Arc::clone(&self.0);
        Box::pin(async move { own.given_back.lock().unwrap().push(session) })
    }
}

fn held() -> HeldDirectory {
    let filesystem = Filesystem { device: 5, boot: None, id: 77, kind: 0xEF53 };
    HeldDirectory { directory: "/srv/pg/orders-1".into(), filesystem }
}

fn open(refuse: Option<u64>, permits: usize) -> (Harness, Arc<Steered>) {
    let gate = Semaphore::new(permits);
    let (asked, given_back) = (Mutex::default(), Mutex::default());
    let steered = Arc::new(Steered { refuse: refuse.map(SessionId), gate, asked, given_back });
    let plan = Plan { claims: Arc::new(Handle(Arc::clone(&steered))), ..Plan::default() };
    (plan.open(|_| runs()), steered)
}

#[tokio::test(start_paused = true)]
async fn s09_what_cannot_be_claimed_is_refused_and_the_others_are_created() {
    let (harness, steered) = open(Some(1), 8);
    let receipt = harness.start([1, 2]).await;
    let refusal = receipt.lines[0].result.as_ref().unwrap_err();
    assert_eq!(refusal.to_string(), "held by session 7 of eve@db2");
    assert_eq!((&receipt.lines[1].result, receipt.lines[1].session), (&Ok(()), Some(SessionId(2))));
    assert_eq!(harness.now().await.ongoing.len(), 1);
    assert!(steered.given_back.lock().unwrap().is_empty(), "nothing was taken for the first");
}

#[tokio::test(start_paused = true)]
async fn s09_a_claim_that_takes_its_time_holds_up_nothing_but_later_orders() {
    let (harness, steered) = open(None, 1);
    harness.start([1]).await;
    let order = |number| {
        let (handle, requests) = (harness.handle.clone(), vec![sample::request(number).into()]);
        let order = StartRequest { orders: requests, policy: None, origin: Origin::Console };
        tokio::spawn(async move { handle.start(order, ops()).await })
    };
    let (second, third) = (order(2), order(3));
    harness.now().await;
    let cancel = SessionAction::Cancel(Disposition::Default, Reach::AnyOrigin);
    assert_eq!(harness.act(cancel, 1).await, Ok(()), "a person is answered meanwhile");
    assert_eq!(steered.asked.lock().unwrap().len(), 2, "one order after the other");
    steered.gate.add_permits(2);
    assert_eq!((second.await.unwrap().done(), third.await.unwrap().done()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn s09_places_are_given_back_when_a_session_has_ended_and_when_it_never_came_to_be() {
    let (harness, steered) = open(None, 8);
    harness.start([1]).await;
    let uuid = harness.handle.session(SessionId(1), ops()).await.unwrap().uuid();
    assert!(steered.given_back.lock().unwrap().is_empty());
    harness.act(SessionAction::Cancel(Disposition::Default, Reach::AnyOrigin), 1).await.unwrap();
    harness.until_completed(1).await;
    harness.now().await;
    assert_eq!(*steered.given_back.lock().unwrap(), [uuid]);
    harness.store.fail(true);
    let receipt = harness.start([2]).await;
    assert!(matches!(receipt.lines[0].result, Err(Refusal::NotStored { .. })));
    harness.now().await;
    assert_eq!(steered.given_back.lock().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn s09_the_file_system_of_each_claimed_place_stays_with_the_session_and_its_tickets() {
    let (harness, steered) = open(None, 1);
    harness.start([1]).await;
    let session = harness.until_phase(1, |phase| matches!(phase, Phase::Running { .. })).await;
    assert_eq!(session.places(), [held()]);
    assert_eq!(harness.launched.lock().unwrap()[0].places, [held()]);
    assert_eq!(steered.asked.lock().unwrap().len(), 1);
}
