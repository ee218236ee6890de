//! Items that are marked, the question where they go, and what is said of them at the end.

use super::{
    explored::{orders, stage_with_open},
    explored_story::*,
    keys::state,
    stage::*,
};
use howdah::{
    console::message::{Intent, Message, OrderWish, PlannedOrder, Query},
    domain::{ExistingItem, ItemDestination, ItemOrder, ItemPart, Order, SessionId},
};
use std::sync::Arc;

/// A stage on which a table is selected, below what else there is.
fn on_a_table() -> Stage {
    let mut stage = stage_with_open();
    for keys in ["e down right", "down down right", "down down right", "down"] {
        stage.press(keys);
        answer(&mut stage);
    }
    stage
}

/// The order whose plan was asked for.
fn asked(stage: &mut Stage) -> ItemOrder {
    let plan = |intent| match intent {
        Intent::Query(Query::OrderPlan(_, OrderWish::Items(order))) => Some(*order),
        _ => None,
    };
    stage.wanted().into_iter().find_map(plan).unwrap()
}

#[test]
fn s7_an_item_is_taken_out_after_its_destination_was_typed_and_its_plan_was_seen() {
    let mut stage = stage_with_open();
    for keys in ["e down right", "down down right", "down down right", "down"] {
        stage.press(keys);
        answer(&mut stage);
    }
    stage.press("t enter");
    assert!(stage.text().contains("name a server"), "{}", stage.text());
    stage.type_text("host=db1 password=x").press("enter");
    assert!(stage.text().contains("holds password"), "{}", stage.text());
    stage.press("ctrl-u");
    stage.type_text("host=db1 user=ana").press("tab right tab right enter");
    assert!(stage.text().contains("type the new name"), "{}", stage.text());
    stage.press("tab");
    stage.type_text("lines_old").press("enter");
    let asked = stage.wanted();
    let [Intent::Query(Query::OrderPlan(ticket, OrderWish::Items(order)))] = asked.as_slice() else {
        panic!("{asked:?}")
    };
    assert_eq!(order.items, [item("shop/public/lines")]);
    assert_eq!((order.from.session, &order.from.scratch), (SessionId(8), &"/srv/pg/.howdah-explore/orders".into()));
    let existing = ExistingItem::Rename { to: "lines_old".to_owned() };
    assert_eq!(order.to, ItemDestination::Server { conninfo: "host=db1 user=ana".to_owned(), existing });
    assert_eq!(order.part, ItemPart::Schema);
    let planned = howdah::console::message::PlannedOrder { order: Order::Items((**order).clone()), rows: Vec::new() };
    stage.tell(Message::OrderPlanned(*ticket, Box::new(Ok(planned.clone()))));
    stage.press("tab enter");
    assert_eq!(orders(&mut stage), [Intent::Start(vec![planned.order])]);
    assert_eq!(state(&stage), "Tree shop/public/lines of #8", "both questions are answered");
}

#[test]
fn s7_items_that_are_marked_are_taken_out_together_and_the_marks_are_gone_then() {
    let mut stage = on_a_table();
    // A schema, then another one and what is in it.
    stage.press("up up space space space space");
    assert!(stage.text().contains("4 items marked: t takes them out"), "{}", stage.text());
    stage.press("up up up space");
    assert!(stage.text().contains("3 items marked"), "{}", stage.text());
    stage.press("g t");
    stage.type_text("host=db1").press("enter");
    let order = asked(&mut stage);
    let wanted = ["shop/crm", "shop/public/lines", "shop/public/totals"].map(item);
    assert_eq!(order.items, wanted, "{}", stage.text());
    assert!(stage.text().contains("Take out 3 items?"), "{}", stage.text());
    stage.press("esc");
    assert!(stage.text().contains("shop/public/lines"), "the question names them: {}", stage.text());
    stage.press("tab tab right enter");
    assert!(stage.text().contains("one item alone can get another name"), "{}", stage.text());
    stage.press("left enter");
    let Intent::Query(Query::OrderPlan(ticket, _)) = stage.wanted().remove(0) else { panic!("no plan is asked for") };
    let planned = PlannedOrder { order: Order::Items(order), rows: Vec::new() };
    stage.tell(Message::OrderPlanned(ticket, Box::new(Ok(planned.clone()))));
    stage.press("tab enter");
    assert_eq!(orders(&mut stage), [Intent::Start(vec![planned.order])]);
    assert!(stage.model.tree().marked_items.is_empty());
}

#[test]
fn a_directory_is_a_choice_of_its_own_and_so_is_what_is_taken() {
    let mut stage = on_a_table();
    stage.press("t");
    stage.type_text("/srv/dump").press("enter");
    assert!(stage.text().contains("choose a directory above"), "{}", stage.text());
    stage.press("up right down enter");
    assert!(stage.text().contains("from the root on"), "{}", stage.text());
    stage.type_text("/srv/dump").press("tab left");
    assert!(stage.text().contains("< rows only >"), "{}", stage.text());
    stage.press("tab");
    assert!(stage.text().contains("< a directory, as a dump >"), "a dump has no further field: {}", stage.text());
    stage.press("enter");
    let order = asked(&mut stage);
    assert_eq!(order.to, ItemDestination::Dump { directory: "/srv/dump".into() });
    assert_eq!(order.part, ItemPart::Data);
}

#[test]
fn marks_of_items_are_for_one_restore_point_and_end_with_it() {
    let (one, two) = (open(8, "orders"), open(9, "archive"));
    let mut stage = Stage::new(snapshot(vec![one.clone(), two], &[]), own());
    stage.press("e down right");
    answer(&mut stage);
    // All of one level at once, or none of them.
    stage.press("down A");
    assert!(stage.text().contains("3 items marked"), "{}", stage.text());
    stage.press("A A down down down right");
    answer(&mut stage);
    stage.press("down space t");
    assert!(stage.text().contains("items of two open restore points are marked"), "{}", stage.text());
    stage.snapshot_at(snapshot(vec![one], &[]), now());
    assert_eq!(stage.model.tree().marked_items.len(), 3, "{}", stage.text());
    stage.press("esc");
    assert!(stage.model.tree().marked_items.is_empty(), "{}", stage.text());
}

#[test]
fn items_that_were_taken_out_are_not_told_as_a_restore() {
    let held = open(8, "orders");
    let ongoing = taking(41, &held);
    let mut stage = Stage::sized(snapshot(vec![held.clone(), ongoing], &[]), own(), (140, 40));
    stage.snapshot_at(snapshot(vec![held.clone()], &[taken(41, &held)]), now());
    // What it was about is read where it is known: of the row that is gone.
    assert!(stage.text().contains("1 item taken out of orders into /srv/dump, took 0:08"), "{}", stage.text());
    stage.press("g ]");
    let text = stage.text();
    assert!(text.contains("✓ 0 restored   ✓ 1 taken out   ∅ 0 cancelled"), "{text}");
    assert!(text.contains("✓ taken out  orders    host=db1 user=\\"), "{text}");
    stage.press("down").tell(Message::Session(SessionId(41), Some(Arc::new(taken(41, &held)))));
    let text = stage.text();
    assert!(text.contains("1 table taken out to host=db1 user=\\u{1b}[31mamy"), "{text}");
    assert!(!text.contains("restored"), "{text}");
}
