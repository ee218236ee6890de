//! Restore points that are held open, and what is taken out of them: who may close what, and when.

use crate::{
    harness::{Harness, Plan, ops, runs},
    sample,
};
use howdah::{
    domain::{
        InstanceName, ItemDestination, ItemName, ItemOrder, ItemPart, OpenPoint, Order, Origin, Outcome, Reach,
        SessionId,
    },
    machine::{Phase, Refusal, Scope},
    manager::{Receipt, Service as _, SessionAction, StartRequest},
};

const CLOSE: SessionAction = SessionAction::Stop(Reach::AnyOrigin);
const CLOSE_FROM_COMMAND_LINE: SessionAction = SessionAction::Stop(Reach::CommandLine);
const CANCEL: SessionAction = SessionAction::Cancel(howdah::domain::Disposition::Remove, Reach::AnyOrigin);

async fn start(harness: &Harness, order: Order, origin: Origin) -> Receipt {
    harness.handle.start(StartRequest { orders: vec![order], policy: None, origin }, ops()).await
}

fn only(receipt: &Receipt) -> Result<SessionId, Refusal> {
    let [line] = receipt.lines.as_slice() else { panic!("{receipt:?}") };
    line.result.clone().map(|()| line.session.unwrap())
}

async fn act(harness: &Harness, act: SessionAction, id: SessionId) -> Result<(), Refusal> {
    only(&harness.handle.act(act, Scope::Sessions(vec![id]), ops()).await).map(drop)
}

/// An order to take a table out of what this session holds open.
async fn items(harness: &Harness, of: SessionId) -> Order {
    let session = harness.handle.session(of, ops()).await;
    let uuid = session.map_or_else(uuid::Uuid::nil, |session| session.uuid());
    let from = OpenPoint { session: of, uuid, scratch: "/srv/pg/.howdah-explore/1".into() };
    let item = ItemName::Database { database: "shop".to_owned() };
    let to = ItemDestination::Dump { directory: "/srv/dump".into() };
    let (instance, part) = (InstanceName::new("orders-1"), ItemPart::All);
    Order::Items(ItemOrder { instance, from, items: vec![item], part, to })
}

#[tokio::test(start_paused = true)]
async fn r22_r27_a_close_from_the_command_line_reaches_what_was_opened_there_and_is_active() {
    let harness = Plan::default().open(|_| runs());
    let at_console = only(&start(&harness, sample::explore_order(), Origin::Console).await).unwrap();
    harness.until(|now| now.counts.running == 1).await;
    let refused = act(&harness, CLOSE_FROM_COMMAND_LINE, at_console).await;
    assert_eq!(refused, Err(Refusal::OtherOrigin { origin: Origin::Console }));
    assert_eq!(harness.now().await.counts.running, 1, "it is left untouched");
    act(&harness, CLOSE, at_console).await.unwrap();
    let done = harness.until_completed(at_console.0).await;
    assert!(matches!(done.phase(), Phase::Completed { outcome: Outcome::Stopped { .. }, .. }), "{:?}", done.phase());
    assert_eq!(act(&harness, CLOSE, at_console).await, Err(Refusal::NotActive));
    let restore = only(&harness.start([7]).await).unwrap();
    assert_eq!(act(&harness, CLOSE, restore).await, Err(Refusal::NotHeldOpen));
}

#[tokio::test(start_paused = true)]
async fn what_items_are_taken_out_of_is_open_and_stays_open_until_they_are_done() {
    let harness = Plan::default().open(|_| runs());
    let point = only(&start(&harness, sample::explore_order(), Origin::CommandLine).await).unwrap();
    harness.until(|now| now.counts.running == 1).await;
    let wanted = items(&harness, point).await;
    let child = only(&start(&harness, wanted.clone(), Origin::CommandLine).await).unwrap();
    let children = vec![child];
    for end in [CLOSE, CLOSE_FROM_COMMAND_LINE, CANCEL] {
        assert_eq!(act(&harness, end, point).await, Err(Refusal::ChildrenAtWork { children: children.clone() }));
    }
    assert_eq!(
        act(&harness, SessionAction::Retry, point).await.map_err(|refusal| refusal.to_string().is_empty()),
        Err(false)
    );
    act(&harness, CANCEL, child).await.unwrap();
    harness.until_completed(child.0).await;
    act(&harness, CLOSE, point).await.unwrap();
    // From the wish on nothing is taken out of it any more.
    let refused = only(&start(&harness, wanted.clone(), Origin::CommandLine).await);
    assert_eq!(refused, Err(Refusal::NotOpen { session: point }));
    harness.until_completed(point.0).await;
    assert_eq!(only(&start(&harness, wanted, Origin::CommandLine).await), Err(Refusal::NotOpen { session: point }));
}

#[tokio::test(start_paused = true)]
async fn items_are_not_taken_out_of_another_session_of_the_same_number() {
    let harness = Plan::default().open(|_| runs());
    let restore = only(&harness.start([7]).await).unwrap();
    let wanted = items(&harness, restore).await;
    assert_eq!(only(&start(&harness, wanted, Origin::Console).await), Err(Refusal::NotOpen { session: restore }));
    let point = only(&start(&harness, sample::explore_order(), Origin::Console).await).unwrap();
    let Order::Items(order) = items(&harness, point).await else { unreachable!("it is one") };
    let from = OpenPoint { uuid: uuid::Uuid::from_u128(5), ..order.from };
    let other = Order::Items(ItemOrder { from, ..order });
    assert_eq!(only(&start(&harness, other, Origin::Console).await), Err(Refusal::NotOpen { session: point }));
}
