//! Restore points that are opened in the simulated world, and what is in them.

use howdah::{
    console::message::{Browsed, OrderWish, PlannedOrder},
    domain::{
        ByteCount, ExploreOrder, Failure, ItemName, Order, Recovery,
        browse::{
            BrowsedCell, BrowsedColumn, BrowsedDatabase, BrowsedRelation, BrowsedRows, BrowsedSchema, RelationKind,
        },
    },
};

/// What the planning process would answer.
pub(crate) fn planned(wish: OrderWish, fails: bool) -> Result<PlannedOrder, Failure> {
    if fails {
        return Err(Failure::incurable("no room\u{1b}[2J", "make some"));
    }
    let rows = vec![("files by", "copy".to_owned()), ("warning", "slow\u{1b}[2J".to_owned())];
    let order = match wish {
        OrderWish::Open(point) => {
            let scratch = format!("/srv/.howdah-explore/{}", point.label.len()).into();
            Order::Explore(ExploreOrder { point: *point, scratch, recovery: Recovery::to_consistency(), port: None })
        }
        OrderWish::Items(order) => Order::Items(*order),
    };
    Ok(PlannedOrder { order, rows })
}

/// What the server of an open restore point would.
pub(crate) fn browsed(item: Option<&ItemName>, draw: u64, fails: bool) -> Result<Browsed, String> {
    if fails {
        return Err("it is gone\u{1b}[2J".to_owned());
    }
    let names = (0..draw % 5).map(|number| format!("a\u{1b}[2J/{number}"));
    let bytes = ByteCount(draw);
    Ok(match item {
        None => Browsed::Databases(names.map(|name| BrowsedDatabase { name, bytes, connectable: true }).collect()),
        Some(ItemName::Database { .. }) => {
            Browsed::Schemas(names.map(|name| BrowsedSchema { name, relations: draw, bytes }).collect())
        }
        Some(ItemName::Schema { .. }) => {
            let (kind, partition_of, rows) = (RelationKind::Table, None, Some(draw));
            let relation = |name| BrowsedRelation {
                name,
                kind,
                partition_of: partition_of.clone(),
                rows,
                bytes,
                index_bytes: bytes,
            };
            Browsed::Relations(names.map(relation).collect())
        }
        Some(ItemName::Table { .. }) => {
            let column = |name| BrowsedColumn {
                name,
                type_name: "text\u{7}".to_owned(),
                not_null: true,
                default: Some("'\u{202e}'".to_owned()),
                generated: false,
                identity: false,
                key: Some(1),
            };
            let columns: Vec<String> = names.collect();
            let cell = |name: &String| BrowsedCell {
                text: (!draw.is_multiple_of(3)).then(|| name.clone()),
                cut: draw.is_multiple_of(2),
            };
            let rows = vec![columns.iter().map(cell).collect(); usize::try_from(draw % 30).unwrap()];
            let rows = BrowsedRows { columns: columns.clone(), rows, more: true };
            Browsed::Table { columns: columns.into_iter().map(column).collect(), rows: Ok(rows) }
        }
    })
}
