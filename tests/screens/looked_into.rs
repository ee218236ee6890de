//! Scenes of open restore points.

use super::{Scene, own, scene};
use crate::{explored_story::*, stage::*};
use howdah::{
    catalog::Catalog,
    console::message::{Comparing, Intent, Message, PlannedOrder, Query},
    domain::{ByteCount, ExplorePlan, Failure, Lsn, Order, RecoveryPlan, SessionId, Timeline, browse::TableComparison},
    manager::Snapshot,
};

pub(crate) fn with_open() -> (Snapshot, Catalog) {
    (snapshot(vec![open(8, "orders"), copying(1, "crm")], &[]), own())
}

/// The same, with an archive of orders.
pub(crate) fn with_archive() -> (Snapshot, Catalog) {
    (with_open().0, archived())
}

/// Opens the question of an opening, and over it the page of its goal with the window read.
pub(crate) fn open_goal_of_opening(stage: &mut Stage) {
    stage.press("G E tab tab enter");
    answer_window(stage, window());
}

/// The plan of an opening that replays beyond the backup's own end.
pub(crate) fn planned_opening_at_a_goal() -> PlannedOrder {
    let recovery = RecoveryPlan {
        archive: "/srv/wal/orders".into(),
        goal: "2026-11-19 09:30:00 UTC".to_owned(),
        then: "then it is read there".to_owned(),
        path: vec![Timeline(1)],
        start: Lsn(0x1000_0028),
        consistent: Lsn(0x1100_0000),
        end: Lsn(0x1b00_0000),
        last_record: None,
        until: Some(on("19T09:30:00")),
        segment_size: ByteCount(16 << 20),
        segments: 11,
        bytes: ByteCount(176 << 20),
        first: "000000010000000000000010".to_owned(),
        last: "00000001000000000000001A".to_owned(),
        takes: None,
    };
    let plan = ExplorePlan { recovery: Some(Box::new(recovery)), ..explore_plan("orders") };
    PlannedOrder { order: Order::Explore(explore_order("orders")), rows: plan.rows() }
}

/// The question about the plan of an order is answered.
pub(crate) fn order_planned(stage: &mut Stage, plan: Result<PlannedOrder, Failure>) {
    let ticket = stage.wanted().into_iter().find_map(|intent| match intent {
        Intent::Query(Query::OrderPlan(ticket, _)) => Some(ticket),
        _ => None,
    });
    stage.tell(Message::OrderPlanned(ticket.unwrap(), Box::new(plan)));
}

/// The comparison that was asked for has found so much.
pub(crate) fn compare_answered(stage: &mut Stage, found: Comparing) {
    let ticket = stage.wanted().into_iter().find_map(|intent| match intent {
        Intent::Compare(ticket, _) => Some(ticket),
        _ => None,
    });
    stage.tell(Message::Compared(ticket.unwrap(), Box::new(Ok(found))));
}

/// More are held open than a small screen has rows, of names that steer a terminal if they can; and some were.
fn many_open() -> (Snapshot, Catalog) {
    let mut all = vec![open(8, "orders"), open(9, "a\u{1b}[31mred\u{202e} name that goes on and on")];
    all.extend((20..32).map(|id| open(id, "archive")));
    all.push(taking(40, &all[0]));
    (snapshot(all.clone(), &[taken(41, &all[0]), taken(42, &all[0]), closed(43, "crm")]), own())
}

fn taken_out() -> (Snapshot, Catalog) {
    let (_, catalog) = with_open();
    let held = open(8, "orders");
    (snapshot(vec![held.clone()], &[taken(41, &held), succeeded(7, "crm")]), catalog)
}

fn some_compared() -> TableComparison {
    TableComparison { rows_here: 812_500, rows_live: 812_451, ..compared() }
}

pub(crate) fn planned_opening() -> PlannedOrder {
    PlannedOrder { order: Order::Explore(explore_order("orders")), rows: explore_plan("orders").rows() }
}

fn unfolded(stage: &mut Stage) {
    for keys in ["e down right", "down down right", "down down right", "down"] {
        stage.press(keys);
        answer(stage);
    }
}

pub(crate) fn looked_into() -> Vec<Scene> {
    vec![
        scene("explore_open", with_open, |stage| {
            stage.press("e down");
        }),
        scene("explore_table", with_open, unfolded),
        scene("explore_plan", with_open, |stage| {
            stage.press("G E");
            order_planned(stage, Ok(planned_opening()));
        }),
        scene("explore_refused", with_open, |stage| {
            stage.press("G E");
            order_planned(stage, Err(Failure::incurable("no server can be started on the backup", "install one")));
        }),
        scene("explore_take", with_open, |stage| {
            unfolded(stage);
            stage.press("t");
            stage.type_text("host=db1 user=postgres").press("tab tab right");
        }),
        scene("explore_take_several", with_open, |stage| {
            unfolded(stage);
            stage.press("up up space down space space space t up right");
            stage.press("down").type_text("/srv/dump").press("tab right");
        }),
        scene("explore_marks", with_open, |stage| {
            unfolded(stage);
            stage.press("A up");
        }),
        scene("explore_compare", with_open, |stage| {
            unfolded(stage);
            stage.press("=");
            stage.type_text("host=db1 user=postgres").press("enter");
            compare_answered(stage, Comparing { found: some_compared(), ended: false });
        }),
        scene("explore_compared", with_open, |stage| {
            unfolded(stage);
            stage.press("=");
            stage.type_text("host=db1 user=postgres").press("enter");
            compare_answered(stage, Comparing { found: compared(), ended: true });
        }),
        scene("explore_heading", many_open, |stage| {
            stage.press("e");
        }),
        scene(
            "explore_heading_empty",
            || (snapshot(Vec::new(), &[]), own()),
            |stage| {
                stage.press("e");
            },
        ),
        scene("explore_taken_out", taken_out, |stage| {
            stage.press("g ] down");
            stage.tell(Message::Session(SessionId(41), Some(std::sync::Arc::new(taken(41, &open(8, "orders"))))));
        }),
        scene("explore_taken_out_heading", taken_out, |stage| {
            stage.press("g ]");
        }),
        scene("explore_goal", with_archive, |stage| {
            open_goal_of_opening(stage);
            stage.press("right right down down ctrl-u").type_text("13:29:59").press("up");
            rest(stage);
        }),
        scene("explore_plan_at_a_goal", with_archive, |stage| {
            open_goal_of_opening(stage);
            stage.press("right right down down ctrl-u").type_text("2026-11-19 09:30").press("enter");
            order_planned(stage, Ok(planned_opening_at_a_goal()));
        }),
        scene("explore_close", with_open, |stage| {
            stage.press("e down x");
        }),
    ]
}
