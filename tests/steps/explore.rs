//! Restore points that are opened in the simulated world.

use howdah::{
    console::message::{OrderWish, PlannedOrder},
    domain::{ExploreOrder, Failure, Order, Recovery},
};

/// What the planning process would answer.
pub(crate) fn planned(wish: OrderWish, fails: bool) -> Result<PlannedOrder, Failure> {
    if fails {
        return Err(Failure::incurable("no room\u{1b}[2J", "make some"));
    }
    let OrderWish::Open(point) = wish;
    let scratch = format!("/srv/.howdah-explore/{}", point.label.len()).into();
    let order = ExploreOrder { point: *point, scratch, recovery: Recovery::to_consistency(), port: None };
    let rows = vec![("files by", "copy".to_owned()), ("warning", "slow\u{1b}[2J".to_owned())];
    Ok(PlannedOrder { order: Order::Explore(order), rows })
}
