//! Who may run, in which order, and who holds which place.

use crate::{
    harness::{Plan, ends, runs},
    sample,
};
use howdah::{
    domain::{
        AttemptNo, ClusterRestore, InstanceName, Port, Reach, ServerWish, SessionId, Target, fact::End, ticket::Work,
    },
    machine::{Cause, Phase, Refusal, Report, Scope},
    manager::SessionAction,
};

#[tokio::test(start_paused = true)]
async fn r01_one_session_for_each_instance() {
    let harness = Plan::default().open(|_| runs());
    let receipt = harness.start(1..=3).await;
    let instances: Vec<_> = receipt.lines.iter().map(|line| line.title.clone().unwrap().to_string()).collect();
    assert_eq!(instances, ["orders-1", "orders-2", "orders-3"]);
    assert_eq!(receipt.done(), 3);
    let now = harness.until(|now| now.counts.running == 3).await;
    assert_eq!(now.ongoing.len(), 3);
    let launched = harness.launched.lock().unwrap().clone();
    for (ticket, number) in launched.iter().zip(1..) {
        assert_eq!((ticket.session, ticket.attempt), (SessionId(number), AttemptNo(1)));
        assert_eq!(ticket.work, Work::Run(sample::request(number).into()));
        assert_eq!(
            ticket.by.as_deref(),
            Some("ops@bastion (process 42 on pts/3)"),
            "the worker writes down who it was"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn slots_are_kept_and_the_queue_is_served_in_order() {
    let succeeds = || sample::over(End::Succeeded(sample::success()));
    let harness = Plan { max_running: 2, ..Plan::default() }.open(move |_| ends(10, succeeds()));
    harness.start(1..=5).await;
    let full = harness.until(|now| now.counts.running == 2).await;
    assert_eq!((full.counts.queued, harness.workers()), (3, 2));
    harness.until(|now| now.counts.succeeded() == 5).await;
    let first: Vec<i64> = (1..=5).flat_map(|number| harness.launches(number)).collect();
    assert_eq!(first, [0, 0, 10, 10, 20]);
}

#[tokio::test(start_paused = true)]
async fn a_try_that_is_due_waits_for_a_slot_behind_those_before_it() {
    let harness = Plan { max_running: 1, ..Plan::default() }.open(|ticket| match (ticket.session, ticket.attempt) {
        (SessionId(1), AttemptNo(1)) => ends(1, Report::Over(None)),
        (SessionId(2), _) => ends(1000, sample::over(End::Succeeded(sample::success()))),
        (_, _) => ends(10, sample::over(End::Succeeded(sample::success()))),
    });
    harness.start(1..=3).await;
    harness.until_phase(1, |phase| matches!(phase, Phase::Queued { cause: Cause::Try(1), .. })).await;
    harness.until(|now| now.counts.succeeded() == 3).await;
    assert_eq!([harness.launches(2), harness.launches(3), harness.launches(1)].concat(), [1, 1001, 0, 1011]);
}

#[tokio::test(start_paused = true)]
async fn s09_one_session_for_each_directory_and_port() {
    let harness = Plan::default().open(|_| runs());
    harness.start([1]).await;
    let holder = SessionId(1);
    let instance = || InstanceName::new("orders-1");
    let port = Port::new(6000).unwrap();
    let to = |directory: &str, port| {
        let mut request = sample::request(2);
        request.target = Target::new(directory, port).unwrap();
        request
    };
    for directory in ["/srv/pg/orders-1", "/srv/pg/orders-1/base", "/srv/pg", "/srv/pg/orders-1.tablespaces/7"] {
        let receipt = harness.order(vec![to(directory, port)]).await;
        assert!(
            matches!(&receipt.lines[0].result, Err(Refusal::DirectoryHeld { holder: SessionId(1), .. })),
            "{directory}: {receipt:?}"
        );
    }
    let taken = sample::request(1).target.port();
    let receipt = harness.order(vec![to("/srv/pg/other", taken)]).await;
    assert_eq!(receipt.lines[0].result, Err(Refusal::PortHeld { port: taken, holder, instance: instance() }));
    // Files alone need no port.
    let files = ClusterRestore { server: ServerWish::FilesOnly, ..to("/srv/pg/files", taken) };
    assert_eq!(harness.order(vec![files]).await.done(), 1);
    // Two in one order: the first gets it.
    let receipt = harness.order(vec![to("/srv/new", port), to("/srv/new", port)]).await;
    assert_eq!((receipt.done(), receipt.refused().count()), (1, 1));
    assert_eq!(harness.now().await.counts.ongoing(), 3);
    // A session that has ended holds nothing.
    harness.act(SessionAction::Cancel(howdah::domain::Disposition::Remove, Reach::AnyOrigin), 1).await.unwrap();
    harness.until_completed(1).await;
    assert_eq!(harness.start([1]).await.done(), 1);
}

#[tokio::test(start_paused = true)]
async fn s09_the_home_of_a_tablespace_that_was_named_is_one_sessions_alone_until_its_end() {
    let harness = Plan::default().open(|_| runs());
    let with_home = |number| {
        let mut request = sample::request(number);
        request.target = request.target.with_tablespace(16384, "/fast/ts").unwrap();
        request
    };
    let mut at_home = sample::request(3);
    at_home.target = Target::new("/fast/ts/deeper", at_home.target.port()).unwrap();
    assert_eq!(harness.order(vec![with_home(1)]).await.done(), 1);
    for wanted in [with_home(2), at_home.clone()] {
        let receipt = harness.order(vec![wanted]).await;
        let refused = &receipt.lines[0].result;
        assert!(matches!(refused, Err(Refusal::DirectoryHeld { holder: SessionId(1), .. })), "{receipt:?}");
    }
    harness.act(SessionAction::Cancel(howdah::domain::Disposition::Remove, Reach::AnyOrigin), 1).await.unwrap();
    harness.until_completed(1).await;
    assert_eq!(harness.order(vec![with_home(2)]).await.done(), 1);
    assert_eq!(harness.order(vec![at_home]).await.done(), 0);
}

#[tokio::test(start_paused = true)]
async fn each_session_that_is_named_is_told_once_even_one_that_is_not_there() {
    let harness = Plan::default().open(|_| runs());
    harness.start([1]).await;
    let receipt =
        harness.all(SessionAction::Retry, Scope::Sessions(vec![SessionId(7), SessionId(1), SessionId(7)])).await;
    assert_eq!(receipt.lines.len(), 2);
    assert_eq!(receipt.lines[0].result, Err(Refusal::Unknown { id: SessionId(7) }));
}
