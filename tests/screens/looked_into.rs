//! Scenes of open restore points.

use super::{Scene, own, scene};
use crate::{explored_story::*, stage::*};
use howdah::{
    catalog::Catalog,
    console::message::{Comparing, Intent, Message, PlannedOrder, Query},
    domain::{Failure, Order, browse::TableComparison},
    manager::Snapshot,
};

pub(crate) fn with_open() -> (Snapshot, Catalog) {
    (snapshot(vec![open(8, "orders"), copying(1, "crm")], &[]), own())
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
            stage.type_text("host=db1 user=postgres").press("tab right");
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
        scene("explore_close", with_open, |stage| {
            stage.press("e down x");
        }),
    ]
}
